"""Opened door: a parked car opens the door on the side of the road just before the ego passes."""

from __future__ import annotations

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.errors import ScenarioError
from lead.scenarios.families.obstacle import (
    CLEAR_DISTANCE_M,
    FAR_INDEX,
    WAIT_S,
    ease_by_opposite_flow,
    restore_opposite_lane,
)
from lead.scenarios.lane_tools import forward, next_waypoint, parking_displacement, side_lane
from lead.scenarios.messages import LeaveSpaceInFront, StartBackVehicles, StopBackVehicles
from lead.scenarios.nodes.base import Do, in_order, until_one
from lead.scenarios.nodes.conditions import EgoArrives, EgoNear, EgoPassed, Idle, ScenarioTimeout
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.scenario import Scenario, scenario_class

CAR_WITH_DOORS = ActorModel("*vehicle.*", {"has_dynamic_doors": True, "base_type": "car"}, "car")
REACTION_S, REACTION_M = 3.0, 10.0
_SPACE_BEHIND_M = 20.0


@scenario_class("VehicleOpensDoorTwoWays")
class VehicleOpensDoorTwoWays(Scenario):
    """The ego must swerve, if need be into the opposite lane."""

    def build(self) -> None:
        """Park the car at the side of the lane that is towards the road."""
        distance_m = self.parameters.number("distance")
        is_left = self.parameters.is_left()
        self._road = next_waypoint(self.trigger_waypoint, distance_m)
        parking = side_lane(self._road, left=is_left)
        if parking is None:
            raise ScenarioError(f"{self.config.name}: there is no lane beside the road for a parked car")
        passing = side_lane(parking, left=True)
        if passing is None:
            raise ScenarioError(f"{self.config.name}: there is no lane to the left of the parked car for other cars")
        self._passing = passing
        self._end = forward(self._road, CLEAR_DISTANCE_M)[0].transform
        self.claimed.append(parking.transform.location)
        self._car = self.spawn(CAR_WITH_DOORS, parking.transform)
        half_width_m = self._car.bounding_box.extent.y
        self.stage.pool.place(self._car, parking_displacement(parking, half_width_m, left=is_left, towards_road=True))
        self._car.apply_control(carla.VehicleControl(hand_brake=True))
        self.record.first_actor = self._car
        self.record.memory.update(
            direction="left" if is_left else "right",
            obstacles=[self._car],
            source_lane=self._road,
            target_lane=side_lane(self._road, left=True),
            adversarial_actors=[],
            changed_route=False,
            from_index=FAR_INDEX,
            to_index=FAR_INDEX,
            path_clear=False,
            vehicle_opened_door=False,
            vehicle_door_side=["right"] if is_left else ["left"],
        )

    def behaviour(self) -> Behaviour:
        """Open the door when the ego is near, and let it past after a while."""
        stage, place = self.stage, self._road.transform.location
        # The Traffic Manager's cars do not see an open door, so those ahead are moved on and those behind held.
        near = until_one("near", [EgoArrives(stage, place, REACTION_S), EgoNear(stage, place, REACTION_M)])
        interval_m = self.parameters.interval("frequency")
        adversaries = self.record.memory["adversarial_actors"]
        act = in_order(
            "door",
            [
                near,
                Do(stage, self._open_door),
                Post(stage, StopBackVehicles()),
                Idle(stage, WAIT_S),
                *ease_by_opposite_flow(stage, self._passing, interval_m, adversaries),
            ],
        )
        passing = until_one("until past", [ScenarioTimeout(stage, self.config.name), EgoPassed(stage, self._end), act])
        return in_order(
            self.config.name,
            [
                Post(stage, LeaveSpaceInFront(self.parameters.number("distance") + _SPACE_BEHIND_M)),
                passing,
                *restore_opposite_lane(stage),
                Post(stage, StartBackVehicles()),
            ],
        )

    def _open_door(self) -> None:
        self._car.open_door(carla.VehicleDoor.FR if self.parameters.is_left() else carla.VehicleDoor.FL)
        self.record.memory["vehicle_opened_door"] = True
