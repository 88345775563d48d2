"""Walkers who step out from behind something at the side of the road: a prop on the sidewalk, or a parked car."""

from __future__ import annotations

import math

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.errors import ScenarioError
from lead.scenarios.families.roadside import (
    ACROSS_DEG,
    END_DISTANCE_M,
    WALKER_LIFT_M,
    Roadside,
    ego_comes,
    occupy_first,
    roadside,
    spawn_walker,
    wait_below,
    walk_on,
)
from lead.scenarios.lane_tools import next_waypoint, shifted, turned
from lead.scenarios.messages import LeaveCrossingSpace, LeaveSpaceInFront
from lead.scenarios.nodes.actors import Destroy, KeepVelocity, SetPose
from lead.scenarios.nodes.base import in_order
from lead.scenarios.nodes.conditions import Drive
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.scenario import Scenario, scenario_class

WALKER_SPEED_MPS = 2.0
MAX_ANGLE_DEG = 90.0
BEHIND_BLOCKER_M = 0.5
"""The walker stands so far behind the end of what hides him."""
RETRY_M = 0.4
PARKED_CROSSING_M = 8.0
"""Length of the walk from behind a parked car: roads there have one lane per direction."""
_BLOCKER_OUTWARDS_M, _WALKER_OUTWARDS_M = 1.5, 1.2
_OBJECT_TIME_S, _PARKED_TIME_S = 2.1, 2.15
_TIME_PER_STEP_S, _ANGLE_STEP_DEG = 0.1, 5.0
_SPACE_BEHIND_OBJECT_M, _SPACE_BEHIND_PARKED_M = 10.0, 15.0
_CAR_LIFT_M = 0.5
_BURIED_M = 200.0
_CAR = ActorModel("vehicle.*", {"base_type": "car", "generation": 2}, "car")


class _HiddenWalker(Scenario):
    """Base of both: somebody whom something hides crosses just before the ego arrives."""

    _walker: carla.Actor
    _blocker: carla.Actor
    _walker_pose: carla.Transform
    _conflict: carla.Waypoint

    @property
    def angle_deg(self) -> float:
        """How far the walker is turned towards the ego that comes.

        Raises:
            ScenarioError: If he would not cross at all.
        """
        angle_deg = self.parameters.number("crossing_angle")
        if abs(angle_deg) > MAX_ANGLE_DEG:
            raise ScenarioError(f"{self.config.name}: crossing_angle is {angle_deg:g}, not within -90 and 90 degrees")
        return angle_deg

    def waiting(self) -> Behaviour:
        """Keep the walker out of sight."""
        return wait_below(self.stage, [self._walker])

    def _describe(self) -> None:
        """Tell experts who crosses."""
        self.record.first_actor = self._walker
        self.record.memory["pedestrian_moved"] = {int(self._walker.id): False}

    def _reaction_s(self, least_s: float) -> float:
        """Time that the ego has: more the longer the walker's way to its lane is because he walks at an angle."""
        return least_s + _TIME_PER_STEP_S * math.floor(self.angle_deg / _ANGLE_STEP_DEG)

    def _cross(self, distance_m: float) -> list[Behaviour]:
        """Return the nodes from the beginning of the walk on."""
        stage, duration_s = self.stage, distance_m / WALKER_SPEED_MPS
        return [
            KeepVelocity(stage, self._walker, WALKER_SPEED_MPS, duration_s=duration_s, distance_m=distance_m),
            Destroy(stage, self._walker),
            Destroy(stage, self._blocker),
            Drive(stage, END_DISTANCE_M),
        ]


@scenario_class("DynamicObjectCrossing")
class DynamicObjectCrossing(_HiddenWalker):
    """A prop on the sidewalk hides the walker, who crosses the whole road."""

    def build(self) -> None:
        """Put both at the first free place."""
        start = walk_on(self.trigger_waypoint, self.parameters.number("distance"))
        occupy_first(start, lambda place: walk_on(place, RETRY_M), self._occupy)
        self._blocker.set_simulate_physics(False)
        self._describe()

    def behaviour(self) -> Behaviour:
        """Let the walker cross."""
        stage, conflict = self.stage, self._conflict.transform.location
        space_m = self.parameters.number("distance") + _SPACE_BEHIND_OBJECT_M
        walk_m = 2.0 * conflict.distance(self._walker_pose.location)
        return in_order(
            self.config.name,
            [
                Post(stage, LeaveSpaceInFront(space_m)),
                SetPose(stage, self._walker, self._walker_pose, physics=True),
                ego_comes(stage, conflict, self._reaction_s(_OBJECT_TIME_S)),
                Post(stage, LeaveCrossingSpace(self._conflict)),
                *self._cross(walk_m),
            ],
        )

    def _occupy(self, conflict: carla.Waypoint) -> None:
        """Spawn blocker and walker beside a place.

        Raises:
            ScenarioError: If something stands there.
        """
        pool, side = self.stage.pool, roadside(conflict, self.parameters.is_left())
        blocker = self._spawn_blocker(side)
        stand = pool.transform(blocker)
        # The boxes of props with an awning reach over the walker's place; that is no reason to give the place up.
        pool.place(blocker, shifted(stand, up_m=-_BURIED_M))
        try:
            behind = side.ahead(blocker.bounding_box.extent.x + BEHIND_BLOCKER_M)
            pose = behind.pose(_WALKER_OUTWARDS_M, ACROSS_DEG - self.angle_deg, WALKER_LIFT_M)
            self._walker = spawn_walker(self, pose)
        except ScenarioError:
            self.actors.remove(blocker)
            pool.destroy(blocker)
            raise
        pool.place(blocker, stand)
        self._blocker, self._walker_pose, self._conflict = blocker, pose, conflict
        if side.parking is not None:
            self.claimed.append(side.parking)

    def _spawn_blocker(self, side: Roadside) -> carla.Actor:
        """Spawn the blocker: props look away from the road, vehicles along it."""
        name = self.parameters.text("blocker_model")
        height_m = self.parameters.number("blocker_z") if self.parameters.has("blocker_z") else 0.0
        yaw_deg = 0.0 if "vehicle" in name else ACROSS_DEG - 180.0
        pose = side.pose(_BLOCKER_OUTWARDS_M, yaw_deg, height_m)
        return self.spawn(ActorModel(name, role="scenario no lights"), pose)


@scenario_class("ParkingCrossingPedestrian")
class ParkingCrossingPedestrian(_HiddenWalker):
    """A car parked at the side of the lane hides the walker, who walks past the middle of the road."""

    def build(self) -> None:
        """Spawn car and walker."""
        road = next_waypoint(self.trigger_waypoint, self.parameters.number("distance"))
        ahead_m = self.parameters.number("offset_x") if self.parameters.has("offset_x") else 0.0
        self._blocker = self.spawn(_CAR, self._beside(road, _CAR_LIFT_M))
        self._blocker.apply_control(carla.VehicleControl(hand_brake=True))
        self._conflict = next_waypoint(road, self._blocker.bounding_box.extent.x + BEHIND_BLOCKER_M)
        place = self._beside(self._conflict, WALKER_LIFT_M)
        yaw_deg = ACROSS_DEG - self.angle_deg
        looks = turned(place, -yaw_deg if self.parameters.is_left() else yaw_deg)
        self._walker_pose = shifted(looks, forward_m=ahead_m)
        self._walker = spawn_walker(self, self._walker_pose)
        self.claimed += [self._beside(road).location, self._walker_pose.location]
        self._describe()

    def behaviour(self) -> Behaviour:
        """Let the walker cross."""
        stage = self.stage
        space_m = self.parameters.number("distance") + _SPACE_BEHIND_PARKED_M
        return in_order(
            self.config.name,
            [
                Post(stage, LeaveSpaceInFront(space_m)),
                SetPose(stage, self._walker, self._walker_pose, physics=True),
                ego_comes(stage, self._conflict.transform.location, self._reaction_s(_PARKED_TIME_S)),
                *self._cross(PARKED_CROSSING_M),
            ],
        )

    def _beside(self, road: carla.Waypoint, up_m: float = 0.0) -> carla.Transform:
        """Return the pose one lane's width beside a lane's centre."""
        outwards_m = -road.lane_width if self.parameters.is_left() else road.lane_width
        return shifted(road.transform, right_m=outwards_m, up_m=up_m)
