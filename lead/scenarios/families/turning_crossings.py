"""Somebody who crosses the road into which the ego turns: a bicycle a little way after the junction, or a walker."""

from __future__ import annotations

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.families.roadside import (
    ACROSS_DEG,
    END_DISTANCE_M,
    WALKER_LIFT_M,
    ego_comes,
    occupy_first,
    roadside,
    spawn_walker,
    wait_below,
)
from lead.scenarios.lane_tools import next_waypoint
from lead.scenarios.messages import LeaveCrossingSpace
from lead.scenarios.nodes.actors import Destroy, HandBrake, KeepVelocity, SetPose
from lead.scenarios.nodes.base import in_order
from lead.scenarios.nodes.conditions import Drive
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.route_junctions import route_passage
from lead.scenarios.scenario import Scenario, scenario_class

SPEED_MPS = 1.8
BICYCLE_AT_M, WALKER_AT_M = 11.0, 0.5
"""Where they cross, measured from the end of the junction."""
RETRY_M = 0.4
_BICYCLE_TIME_S, _WALKER_TIME_S = 1.8, 2.2
_BICYCLE_LIFT_M = 0.2
_OUTWARDS_M = 1.5
_BICYCLE = ActorModel("vehicle.diamondback.century", category="bicycle")


class _TurningCrossing(Scenario):
    """Base of both: somebody crosses behind the next junction of the route just before the ego arrives."""

    _actor: carla.Actor
    _pose: carla.Transform
    _conflict: carla.Waypoint

    def _describe(self) -> None:
        """Tell experts who crosses."""
        self.record.first_actor = self._actor
        self.record.memory["pedestrian_moved"] = {int(self._actor.id): False}

    def _cross(self, distance_m: float) -> list[Behaviour]:
        """Return the nodes from the beginning of the crossing on."""
        stage, actor, duration_s = self.stage, self._actor, distance_m / SPEED_MPS
        return [
            Post(stage, LeaveCrossingSpace(self._conflict)),
            KeepVelocity(stage, actor, SPEED_MPS, forced=True, duration_s=duration_s, distance_m=distance_m),
            Destroy(stage, actor),
            Drive(stage, END_DISTANCE_M),
        ]


@scenario_class("VehicleTurningRoute")
class VehicleTurningRoute(_TurningCrossing):
    """A bicycle that waits on the right crosses to the other side."""

    def build(self) -> None:
        """Put the bicycle at the first free place."""
        behind = route_passage(self.stage.dense, self.trigger_waypoint)[1]
        occupy_first(next_waypoint(behind, BICYCLE_AT_M), lambda place: next_waypoint(place, RETRY_M), self._occupy)
        self._actor.apply_control(carla.VehicleControl(hand_brake=True))
        self._describe()

    def behaviour(self) -> Behaviour:
        """Let the bicycle cross."""
        stage, conflict = self.stage, self._conflict.transform.location
        return in_order(
            self.config.name,
            [
                ego_comes(stage, conflict, _BICYCLE_TIME_S),
                HandBrake(stage, self._actor, False),
                *self._cross(2.0 * conflict.distance(self._pose.location)),
            ],
        )

    def _occupy(self, conflict: carla.Waypoint) -> None:
        """Spawn the bicycle beside a place.

        Raises:
            ScenarioError: If something stands there.
        """
        side = roadside(conflict, left=False)
        self._conflict, self._pose = conflict, side.pose(_OUTWARDS_M, ACROSS_DEG, _BICYCLE_LIFT_M)
        self._actor = self.spawn(_BICYCLE, self._pose)
        if side.parking is not None:
            self.claimed.append(side.parking)


@scenario_class("VehicleTurningRoutePedestrian")
class VehicleTurningRoutePedestrian(_TurningCrossing):
    """A walker comes from the outer side of the ego's turn and crosses the whole road."""

    def build(self) -> None:
        """Find both sides of the road and spawn the walker."""
        behind = route_passage(self.stage.dense, self.trigger_waypoint)[1]
        self._conflict = next_waypoint(behind, WALKER_AT_M)
        sides = [roadside(self._conflict, left) for left in (False, True)]
        self._road_m = sides[0].waypoint.transform.location.distance(sides[1].waypoint.transform.location)
        before, after = self.trigger_waypoint.transform, behind.transform
        turns_left = before.get_forward_vector().cross(after.get_forward_vector()).z < 0.0
        offset_m = self.parameters.number("offset_y") if self.parameters.has("offset_y") else 0.0
        self._pose = sides[0 if turns_left else 1].pose(_OUTWARDS_M + offset_m, ACROSS_DEG, WALKER_LIFT_M)
        self._actor = spawn_walker(self, self._pose)
        self.claimed += [side.parking for side in sides if side.parking is not None]
        self._describe()

    def waiting(self) -> Behaviour:
        """Keep the walker out of sight."""
        return wait_below(self.stage, [self._actor])

    def behaviour(self) -> Behaviour:
        """Let the walker cross."""
        stage = self.stage
        return in_order(
            self.config.name,
            [
                SetPose(stage, self._actor, self._pose, physics=True),
                ego_comes(stage, self._conflict.transform.location, _WALKER_TIME_S),
                *self._cross(self._road_m),
            ],
        )
