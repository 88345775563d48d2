"""Pedestrian crossing: three walkers cross one after another just before a junction."""

from __future__ import annotations

from typing import NamedTuple

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.errors import ScenarioError
from lead.scenarios.families.roadside import ACROSS_DEG, WALKER_LIFT_M, ego_comes, spawn_walker, wait_below
from lead.scenarios.lane_tools import forward, junction_ahead, shifted, sidewalk, turned
from lead.scenarios.messages import HandleJunctionScenario
from lead.scenarios.nodes.actors import Destroy, KeepVelocity, SetPose
from lead.scenarios.nodes.base import Forever, in_order, until_all
from lead.scenarios.nodes.conditions import Idle
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.scenario import Scenario, scenario_class

PLACES_M = ((0.4, 1.5), (1.0, 2.5), (1.6, 0.5))
"""Where the walkers stand: forward and right of the sidewalk's centre."""
IDLE_S, SPEED_MPS = (0.0, 1.5), (1.3, 2.0)
REACTION_S, REACTION_M = 3.5, 12.0
WALK_SHARE = 2.3
"""A walk is so many times as long as the way to the ego's lane: the whole road and a little more."""


class _Walk(NamedTuple):
    """One walker's way."""

    walker: carla.Actor
    pose: carla.Transform
    idle_s: float
    speed_mps: float
    distance_m: float


@scenario_class("PedestrianCrossing")
class PedestrianCrossing(Scenario):
    """The ego must let all of them cross.

    In all published versions this scenario waits for ever once the walkers are gone, and so it does here: it stays
    until the end of the route.
    """

    def build(self) -> None:
        """Spawn the walkers on the sidewalk to the right of the last place before the junction."""
        distance_m = junction_ahead(self.trigger_waypoint).distance_m
        self._conflict: carla.Waypoint = forward(self.trigger_waypoint, distance_m)[0]
        beside = sidewalk(self._conflict, left=False)
        if beside is None:
            raise ScenarioError(f"{self.config.name}: there is no sidewalk to the right of the ego's lane")
        drawn = [(self._draw(IDLE_S), self._draw(SPEED_MPS)) for _ in PLACES_M]
        self._walks: list[_Walk] = []
        for (ahead_m, right_m), (idle_s, speed_mps) in zip(PLACES_M, drawn, strict=True):
            place = shifted(beside.transform, right_m=right_m, forward_m=ahead_m, up_m=WALKER_LIFT_M)
            pose = turned(place, ACROSS_DEG)
            walk_m = WALK_SHARE * pose.location.distance(self._conflict.transform.location)
            self._walks.append(_Walk(spawn_walker(self, pose), pose, idle_s, speed_mps, walk_m))
        walkers = [walk.walker for walk in self._walks]
        self.record.first_actor, self.record.last_actor = walkers[0], walkers[-1]
        self.record.memory["pedestrian_moved"] = {int(walker.id): False for walker in walkers}

    def waiting(self) -> Behaviour:
        """Keep the walkers out of sight."""
        return wait_below(self.stage, [walk.walker for walk in self._walks])

    def behaviour(self) -> Behaviour:
        """Let all cross when the ego comes."""
        stage = self.stage
        return in_order(
            self.config.name,
            [
                Post(stage, HandleJunctionScenario(clear_junction=False, stop_entries=False)),
                *(SetPose(stage, walk.walker, walk.pose, physics=True) for walk in self._walks),
                ego_comes(stage, self._conflict.transform.location, REACTION_S, REACTION_M),
                until_all("walkers", [self._cross(walk) for walk in self._walks]),
            ],
        )

    def _cross(self, walk: _Walk) -> Behaviour:
        stage, duration_s = self.stage, walk.distance_m / walk.speed_mps
        return in_order(
            "walker",
            [
                Idle(stage, walk.idle_s),
                KeepVelocity(stage, walk.walker, walk.speed_mps, duration_s=duration_s, distance_m=walk.distance_m),
                Destroy(stage, walk.walker),
                Forever(stage),
            ],
        )

    def _draw(self, interval: tuple[float, float]) -> float:
        return float(self.stage.rng.uniform(*interval))
