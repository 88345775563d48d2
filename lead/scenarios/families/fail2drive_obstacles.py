"""Fail2Drive's obstacles in the ego's lane: a badly parked vehicle, objects that the file lists, a closed road."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.assets import available
from lead.scenarios.families.fail2drive_construction import EMPTY_ROAD
from lead.scenarios.families.obstacle import LAYER_M, LaneObstacle
from lead.scenarios.lane_tools import forward, next_waypoint, shifted, turned
from lead.scenarios.messages import ChangeOppositeBehavior, LeaveSpaceInFront, ReAddRoadLane, RemoveRoadLane
from lead.scenarios.nodes.actors import SetPose
from lead.scenarios.nodes.base import in_order, until_all
from lead.scenarios.nodes.conditions import Idle
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.placed_objects import read_objects, spawn_objects
from lead.scenarios.scenario import Scenario, scenario_class

_DROP_M = 1.0
_SPACE_BEHIND_M = 20.0
_STANDING = "scenario no lights"
"""Role of vehicles that stand, which keeps them out of the automatic vehicle lights."""
_UNSEEN = "Passable"
"""What lies beside the lane has this in its label; experts are not told of it."""


@scenario_class("BadParkingObstacle")
class BadParkingObstacle(LaneObstacle):
    """One vehicle stands in the way, at any angle, without sign and lights; the ego changes the lane."""

    def build(self) -> None:
        """Spawn the vehicle below its place."""
        number = self.parameters.number
        place = forward(self.trigger_waypoint, number("distance"))[0]
        beside = shifted(place.transform, forward_m=number("x"), right_m=number("y"), up_m=_DROP_M)
        self._pose = turned(beside, number("yaw"))
        self.set_course(self._pose.location, place, place)
        kind = self.parameters.text("vehicle") if self.parameters.has("vehicle") else "vehicle.*"
        model = ActorModel(available(self.stage.pool, kind), role=_STANDING)
        self._vehicle = self.spawn(model, shifted(self._pose, up_m=-LAYER_M))
        self._vehicle.set_simulate_physics(False)
        self._vehicle.apply_control(carla.VehicleControl(hand_brake=True))
        self.claimed.append(self._pose.location)
        self.record.first_actor = self._vehicle
        self.record.memory["obstacles"] = [self._vehicle]
        self.file_by_geometry("ParkedObstacle", place)

    def preparation(self) -> Sequence[Behaviour]:
        """Move the background's cars out of the way and bring the vehicle up."""
        room = LeaveSpaceInFront(self.parameters.number("distance") + _SPACE_BEHIND_M)
        return [Post(self.stage, room), SetPose(self.stage, self._vehicle, self._pose, physics=True)]


@scenario_class("BadParkingObstacleTwoWays")
class BadParkingObstacleTwoWays(BadParkingObstacle):
    """The ego must use the opposite lane."""

    two_ways: ClassVar[bool] = True


@scenario_class("CustomObstacle")
class CustomObstacle(LaneObstacle):
    """Objects that the file lists lie in the lane or beside it; they stay there after the scenario."""

    near_distance_m: ClassVar[float] = 30.0

    def build(self) -> None:
        """Spawn the objects below their places."""
        site = next_waypoint(self.trigger_waypoint, self.parameters.number("distance"))
        self.set_course(site.transform.location, site, site)
        self._objects = spawn_objects(self, site.transform, read_objects(self.parameters), LAYER_M)
        self.actors = []
        along = site.transform.get_forward_vector()
        in_order_of_lane = sorted(
            self._objects, key=lambda made: along.x * made[1].location.x + along.y * made[1].location.y
        )
        actors = [actor for actor, _ in in_order_of_lane]
        self.record.first_actor, self.record.last_actor = actors[0], actors[-1]
        self.record.memory["obstacles"] = actors
        self.file_by_geometry("ConstructionObstacle", site)
        self.is_shown = _UNSEEN not in self.config.name

    def preparation(self) -> Sequence[Behaviour]:
        """Take the background off the lane and let the objects fall into it."""
        puts = [SetPose(self.stage, each, pose, physics=True) for each, pose in self._objects]
        return [Post(self.stage, RemoveRoadLane(self.trigger_waypoint)), until_all("put up", puts)]

    def restoration(self) -> Sequence[Behaviour]:
        """Give the lane back to the background."""
        return [Post(self.stage, ReAddRoadLane(0))]


@scenario_class("CustomObstacleTwoWays")
class CustomObstacleTwoWays(CustomObstacle):
    """The ego must use the opposite lane."""

    two_ways: ClassVar[bool] = True


@scenario_class("RoadBlocked")
class RoadBlocked(Scenario):
    """Objects close the whole road for a while; then they vanish. The background's cars do not come back."""

    def build(self) -> None:
        """Spawn the objects below their places."""
        site = next_waypoint(self.trigger_waypoint, self.parameters.number("distance"))
        self._objects = spawn_objects(self, site.transform, read_objects(self.parameters), LAYER_M)
        self.record.first_actor, self.record.last_actor = self.actors[0], self.actors[-1]
        self.record.memory["obstacles"] = list(self.actors)

    def behaviour(self) -> Behaviour:
        """Empty the road, close it, and open it again."""
        stage = self.stage
        puts = [SetPose(stage, each, pose, physics=True) for each, pose in self._objects]
        return in_order(
            self.config.name,
            [
                Post(stage, EMPTY_ROAD),
                Post(stage, ChangeOppositeBehavior(active=False)),
                until_all("close", puts),
                Idle(stage, self.parameters.number("wait")),
            ],
        )
