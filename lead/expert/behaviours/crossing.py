"""Full stops: for walkers and bicycles that cross, emergency vehicles that take the way, and cars that cut in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lead.expert.proposal import Hazard, Proposal
from lead.expert.scene import SAME_ROAD_M
from lead.expert.view import View

CROSSINGS = (
    "VehicleTurningRoute",
    "VehicleTurningRoutePedestrian",
    "DynamicObjectCrossing",
    "ParkingCrossingPedestrian",
    "PedestrianCrossing",
)
MOVED_MPS = 0.25
LATERAL_MARGIN_M = 1.2
AHEAD_M = 30.0
FAR_SIDE_M = 9.0
PRIORITY_TAKERS = ("OppositeVehicleTakingPriority", "OppositeVehicleRunningRedLight")
RUNNING_MPS = 0.1
CUT_INS = {"ParkingCutIn": (1.0, 4.25), "StaticCutIn": (2.1, 4.25)}
CUT_IN_DONE_MPS = 5.0


class CrossingUsers:
    """Stops for those who cross in front of the ego until they have left its way."""

    def __init__(self) -> None:
        """Nobody has been seen moving yet."""
        self._moved: set[int] = set()

    def propose(self, view: View) -> Sequence[Proposal]:
        """Return a full stop for the nearest of them."""
        scene, found = view.scene, []
        values = view.notes.values
        values["does_emergency_brake_for_pedestrians"] = False
        for record in view.of(*CROSSINGS):
            for number in record.memory["pedestrian_moved"]:
                row = scene.rows.get(number)
                if row is None or abs(float(scene.relative[row, 2])) > SAME_ROAD_M:
                    continue
                if float(np.hypot(*scene.velocity[row, :2])) >= MOVED_MPS:
                    self._moved.add(number)
                    record.memory["pedestrian_moved"][number] = True
                if number in self._moved and scene.is_visible[row] and self._is_in_the_way(view, row):
                    distance = float(scene.distance_m[row])
                    type_id = scene.known[row].type_id
                    found.append(Proposal(0.0, f"crossing: {record.name}", Hazard.WALKER, number, type_id, distance))
                    values["does_emergency_brake_for_pedestrians"] = True
        return found

    @staticmethod
    def _is_in_the_way(view: View, row: int) -> bool:
        """Tell whether somebody is on the path, or on the way to it."""
        scene, route = view.scene, view.route
        ahead = route.xy[route.index : route.index + int(10 * AHEAD_M)]
        offset = ahead - scene.origin[row, :2]
        nearest = int(np.argmin(np.hypot(*offset.T)))
        distance = float(np.hypot(*offset[nearest]))
        if nearest == 0:
            return False
        reach = float(scene.ego.extent[1] + scene.half[row, :2].max()) + LATERAL_MARGIN_M
        comes = float(offset[nearest] @ scene.velocity[row, :2]) > 0.0
        return distance < reach or (comes and distance < FAR_SIDE_M)


class PriorityTakers:
    """Stops for an emergency vehicle that drives through the junction ahead."""

    def propose(self, view: View) -> Sequence[Proposal]:
        """Return a full stop while it moves and has not passed the path."""
        scene, route, found = view.scene, view.route, []
        view.notes.values["emergency_brake_for_special_vehicle"] = False
        for record in view.of(*PRIORITY_TAKERS):
            for row in scene.rows_of(record.memory["adversarial_actors"]):
                if abs(float(scene.relative[row, 2])) > SAME_ROAD_M or scene.speed_mps[row] < RUNNING_MPS:
                    continue
                ahead = route.xy[route.index : route.index + 600] - scene.origin[row, :2]
                course = np.array([np.cos(scene.yaw_rad[row]), np.sin(scene.yaw_rad[row])])
                along = ahead @ course
                across = np.abs(ahead @ np.array([-course[1], course[0]]))
                meeting = (along > -float(scene.half[row, 0]) - 1.0) & (across < 4.0)
                if not meeting.any() or not scene.is_visible[row]:
                    continue
                number, type_id = int(scene.ids[row]), scene.known[row].type_id
                distance = float(scene.distance_m[row])
                view.notes.dangerous.add(number)
                view.notes.values["emergency_brake_for_special_vehicle"] = True
                first_m = int(np.argmax(meeting)) / 10.0 - float(scene.ego.extent[0])
                if first_m > 0.0:
                    found.append(Proposal(0.0, f"gives way: {record.name}", Hazard.VEHICLE, number, type_id, distance))
        return found


class CutIns:
    """Brakes for a car that leaves its place beside the road until it is fast enough."""

    def propose(self, view: View) -> Sequence[Proposal]:
        """Return a full stop while the car is between two speeds, until the ego has stood once."""
        scene, found = view.scene, []
        view.notes.values["brake_cutin"] = False
        for record in view.of(*CUT_INS):
            row = scene.row_of(record.memory["cut_in_vehicle"])
            if row is None or record.memory["stopped"] or scene.relative[row, 0] < -2.0:
                continue
            speed = float(scene.speed_mps[row])
            low, high = CUT_INS[record.name]
            if speed >= CUT_IN_DONE_MPS:
                record.memory["stopped"] = True
            elif low < speed < high:
                view.notes.values["brake_cutin"] = True
                number, type_id = int(scene.ids[row]), scene.known[row].type_id
                distance = float(scene.distance_m[row])
                found.append(Proposal(0.0, f"cut-in: {record.name}", Hazard.VEHICLE, number, type_id, distance))
                if view.speed_mps < 0.1:
                    record.memory["stopped"] = True
        return found
