"""Static cut-in: cars stand in a row on the lane beside the ego's, and one of them pulls out right before the ego."""

from __future__ import annotations

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.errors import ScenarioError
from lead.scenarios.lane_tools import next_waypoint, shifted, side_lane
from lead.scenarios.messages import ChangeRoadBehavior, LeaveSpaceInFront, ReAddRoadLane, RemoveRoadLane
from lead.scenarios.nodes.actors import CutIn, Destroy, FollowLane, SetPose
from lead.scenarios.nodes.base import in_order, until_all, until_one
from lead.scenarios.nodes.conditions import EgoArrives, EgoNear, Idle
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.scenario import Scenario, scenario_class

CUT_IN_CAR = ActorModel("vehicle.*", {"base_type": "car", "has_lights": True}, "car")
BEHIND, IN_FRONT = 2, 3
"""Cars of the row that stay behind and in front of the one that pulls out."""
PITCH_M = 11.0
ARRIVAL_S, NEAR_M = 2.7, 15.0
"""The car pulls out when the ego is so close, in time or in distance, to the place beside it."""
LANE_CHANGE_S, OTHER_LANE_S = 3.0, 2.0
WAY_M, WAY_STEP_M = 70.0, 5.0
"""The car drives on for so long on the ego's lane."""
SPEED_KMH = 60.0
PATIENCE_S = 30.0
"""A car that got stuck is removed after this."""
EXTRA_SPACE_M = 30.0
LAYER_M = 500.0


@scenario_class("StaticCutIn")
class StaticCutIn(Scenario):
    """One car of a standing row cuts in."""

    def build(self) -> None:
        """Put the row below its places beside the ego's lane.

        Raises:
            ScenarioError: If there is no lane on that side, or the road ends too early.
        """
        place = next_waypoint(self.trigger_waypoint, self.parameters.number("distance"))
        lane = [place]
        while len(lane) < BEHIND + 1 + IN_FRONT:
            lane.append(next_waypoint(lane[-1], PITCH_M))
        self._row = [self._beside(waypoint) for waypoint in lane]
        self._conflict = lane[BEHIND]
        self._way = self._way_after(self._conflict)
        self._cars = [self._spawn_car(waypoint) for waypoint in self._row]
        self._cutter = self._cars[BEHIND]
        # Full throttle against the brake: the car leaves without delay.
        self._cutter.apply_control(carla.VehicleControl(throttle=1.0, brake=1.0))
        self.record.first_actor = self._cutter
        self.record.memory.update(cut_in_vehicle=self._cutter, stopped=False)

    def behaviour(self) -> Behaviour:
        """Put the row up, and let the one car cut in when the ego comes."""
        stage, is_left, conflict = self.stage, self.parameters.is_left(), self._conflict.transform.location
        poses = zip(self._cars, self._row, strict=True)
        put_up = [SetPose(stage, car, waypoint.transform) for car, waypoint in poses]
        cut_in = [
            CutIn(stage, self._cutter, not is_left, 100.0, 0.0, OTHER_LANE_S, LANE_CHANGE_S),
            FollowLane(stage, self._cutter, SPEED_KMH, path=self._way),
        ]
        space_m = self.parameters.number("distance") + PITCH_M * len(self._row)
        return in_order(
            self.config.name,
            [
                Post(stage, LeaveSpaceInFront(space_m)),
                until_all("put up", put_up),
                until_one("close", [EgoArrives(stage, conflict, ARRIVAL_S), EgoNear(stage, conflict, NEAR_M)]),
                Post(stage, ChangeRoadBehavior(extra_space_m=EXTRA_SPACE_M)),
                Post(stage, RemoveRoadLane(self._row[BEHIND - 1])),
                until_one("cut in", [in_order("pull out", cut_in), Idle(stage, PATIENCE_S)]),
                *(Destroy(stage, car) for car in self._cars),
                Post(stage, ChangeRoadBehavior(extra_space_m=0.0)),
                Post(stage, ReAddRoadLane(-1 if is_left else 1)),
            ],
        )

    def _beside(self, waypoint: carla.Waypoint) -> carla.Waypoint:
        """Return the place in the row beside a place on the ego's lane."""
        is_left = self.parameters.is_left()
        beside = side_lane(waypoint, is_left)
        if beside is None:
            side = "left" if is_left else "right"
            raise ScenarioError(f"{self.config.name}: there is no lane on the {side} for the row of cars")
        return beside

    def _way_after(self, waypoint: carla.Waypoint) -> list[carla.Waypoint]:
        """Return the way of the car on the ego's lane."""
        way = [waypoint]
        while (len(way) - 1) * WAY_STEP_M < WAY_M:
            way.append(next_waypoint(way[-1], WAY_STEP_M))
        return way[1:]

    def _spawn_car(self, waypoint: carla.Waypoint) -> carla.Actor:
        car = self.spawn(CUT_IN_CAR, shifted(waypoint.transform, up_m=-LAYER_M))
        car.set_simulate_physics(False)
        car.apply_control(carla.VehicleControl(hand_brake=True))
        return car
