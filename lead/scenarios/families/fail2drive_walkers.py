"""Fail2Drive's people: a crowd that stands on the sidewalk, and some who walk along the ego's lane."""

from __future__ import annotations

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.errors import ScenarioError
from lead.scenarios.families.obstacle import LAYER_M
from lead.scenarios.families.roadside import ANY_WALKER, roadside, spawn_walker, wait_below
from lead.scenarios.lane_tools import next_waypoint, shifted, turned
from lead.scenarios.messages import ChangeRoadBehavior, LeaveSpaceInFront
from lead.scenarios.nodes.actors import KeepVelocity, SetPose
from lead.scenarios.nodes.base import Forever, in_order, until_all, until_one
from lead.scenarios.nodes.conditions import Drive, EgoInFrontOf, Idle, ScenarioTimeout
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.scenario import Scenario, scenario_class

_CROWD_LIFT_M, _ACROSS = 0.6, 0.35
_UNUSED_DRAWS, _UNUSED_PERMUTATION = 1000, 500
"""The published class also draws goals for walks that it never lets anybody take."""
_CROWD_BEYOND_M = 20.0

_PLACES_M = ((0.5, 0.5), (0.0, 0.0), (1.0, -0.5))
"""Where people on the road stand: forward and right of the lane's centre."""
_ROAD_LIFT_M = 1.0
_SPACE_M, _BEYOND_M = 50.0, 20.0
_PAUSE_S, _STANDING_S = 0.1, 5.0
_ANYBODY = "walker.pedestrian.*"


@scenario_class("PedestrianCrowd")
class PedestrianCrowd(Scenario):
    """Many people stand on the sidewalk and do not move; experts are told nothing."""

    is_shown: bool = False

    def build(self) -> None:
        """Spawn people where there is room for them, and take them out of sight.

        Raises:
            ScenarioError: If there is room for nobody.
        """
        self._center_m, self._radius_m = (self.parameters.number(f"pedestrian_{name}") for name in ("center", "radius"))
        middle = next_waypoint(self.trigger_waypoint, self._center_m)
        beside = roadside(middle, self.parameters.is_left("side")).waypoint
        wanted, rng = int(self.parameters.number("pedestrians")), self.stage.rng
        rng.uniform(size=_UNUSED_DRAWS)
        self._crowd: list[tuple[carla.Actor, carla.Transform]] = []
        for _ in range(2 * wanted):
            if len(self._crowd) == wanted:
                break
            along_m, across = rng.uniform(-self._radius_m, self._radius_m), rng.uniform(-_ACROSS, _ACROSS)
            place = shifted(beside.transform, right_m=across * beside.lane_width, forward_m=along_m, up_m=_CROWD_LIFT_M)
            pose = turned(place, rng.uniform(0.0, 360.0))
            walker = self.stage.pool.spawn(ANY_WALKER, pose)
            if walker is not None:
                self.actors.append(walker)
                self._crowd.append((walker, pose))
        rng.permutation(_UNUSED_PERMUTATION)
        if not self._crowd:
            raise ScenarioError(f"{self.config.name}: there is no room for anybody beside the road")
        for walker, pose in self._crowd:
            walker.set_simulate_physics(False)
            self.stage.pool.place(walker, shifted(pose, up_m=-LAYER_M))

    def behaviour(self) -> Behaviour:
        """Put them up and wait until the ego has passed."""
        stage = self.stage
        puts = [SetPose(stage, walker, pose, physics=True) for walker, pose in self._crowd]
        way = Drive(stage, self._center_m + self._radius_m + _CROWD_BEYOND_M)
        passing = until_one("until past", [ScenarioTimeout(stage, self.config.name), way])
        return in_order(self.config.name, [until_all("put up", puts), passing])


@scenario_class("PedestriansOnRoad")
class PedestriansOnRoad(Scenario):
    """Up to three people walk along the ego's lane, away from it, and then stand there; experts are told nothing."""

    is_shown: bool = False

    def build(self) -> None:
        """Spawn them.

        Raises:
            ScenarioError: If they would not walk at all.
        """
        number = self.parameters.number
        self._distance_m, self._duration_s = number("distance"), number("walker_duration")
        self._speed_mps = number("walker_speed")
        if self._duration_s <= _STANDING_S:
            raise ScenarioError(f"{self.config.name}: walker_duration is not longer than {_STANDING_S:g} s")
        site = next_waypoint(self.trigger_waypoint, self._distance_m).transform
        kinds = self.parameters.words("pedestrians") or [_ANYBODY]
        self._walkers: list[tuple[carla.Actor, carla.Transform]] = []
        for (ahead_m, right_m), kind in zip(_PLACES_M, kinds, strict=False):
            pose = shifted(site, forward_m=ahead_m, right_m=right_m, up_m=_ROAD_LIFT_M)
            self._walkers.append((spawn_walker(self, pose, kind), pose))
        self.record.first_actor, self.record.last_actor = self._walkers[0][0], self._walkers[-1][0]

    def waiting(self) -> Behaviour:
        """Keep them out of sight."""
        return wait_below(self.stage, [walker for walker, _ in self._walkers])

    def behaviour(self) -> Behaviour:
        """Let them walk, and stand, until the time is over or the ego is far past them."""
        stage, space_m = self.stage, self._distance_m + _SPACE_M
        puts = [SetPose(stage, walker, pose, physics=True) for walker, pose in self._walkers]
        walk_s = self._duration_s - _STANDING_S
        walks = [KeepVelocity(stage, walker, self._speed_mps, duration_s=walk_s) for walker, _ in self._walkers]
        way_m = self._distance_m + self._duration_s * self._speed_mps + _BEYOND_M
        past = in_order("past", [EgoInFrontOf(stage, self._walkers[-1][0]), Drive(stage, way_m)])
        walking = in_order("walk", [until_all("all", walks), Forever(stage)])
        return in_order(
            self.config.name,
            [
                Post(stage, LeaveSpaceInFront(space_m)),
                Post(stage, ChangeRoadBehavior(extra_space_m=space_m)),
                Idle(stage, _PAUSE_S),
                until_all("put up", puts),
                until_one("until over", [Idle(stage, self._duration_s), past, walking]),
                Post(stage, ChangeRoadBehavior(extra_space_m=0.0)),
            ],
        )
