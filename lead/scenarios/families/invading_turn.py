"""Invading turn: oncoming cars cut a bend whose own lane is narrowed by cones, and come into the ego's lane."""

from __future__ import annotations

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.errors import ScenarioError
from lead.scenarios.families.obstacle import LAYER_M
from lead.scenarios.lane_tools import next_waypoint, shifted, side_lane
from lead.scenarios.messages import ChangeOppositeBehavior, ReAddRoadLane, RemoveRoadLane
from lead.scenarios.nodes.actors import SetPose
from lead.scenarios.nodes.base import in_order, until_all, until_one
from lead.scenarios.nodes.conditions import EgoPassed, ScenarioTimeout
from lead.scenarios.nodes.flows import InvadingActorFlow
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.scenario import Scenario, scenario_class

CONE = ActorModel("*constructioncone*")
SOURCE_BEYOND_M = 30.0
FLOW_GAP_M = 40.0
_HALF_CAR_M = 0.7
_FIRST_CONE_M, _CONE_GAP_M = 10.0, 5.0
_CONE_SHIFT, _CONE_HEIGHT_M = 0.8, 0.3
_CONED_SHARE = 0.5
_END_WITHIN_M = 50.0


def cone_poses(source: carla.Waypoint, distance_m: float) -> list[carla.Transform]:
    """Return the poses of the cones on the opposite lane, in the order in which the ego meets them.

    Args:
        source: Where the oncoming cars start.
        distance_m: Length of the scenario; the half that is nearer to the source has cones.

    Raises:
        ScenarioError: If the lane ends before.
    """
    poses, place, coned_m = [], next_waypoint(source, _FIRST_CONE_M), 0.0
    while coned_m < _CONED_SHARE * distance_m:
        place = next_waypoint(place, _CONE_GAP_M)
        coned_m += _CONE_GAP_M
        shift_m = _CONE_SHIFT * place.lane_width / 2.0
        poses.append(shifted(place.transform, right_m=shift_m, up_m=_CONE_HEIGHT_M))
    poses.reverse()
    return poses


@scenario_class("InvadingTurn")
class InvadingTurn(Scenario):
    """The ego must keep to the right to let them by."""

    def build(self) -> None:
        """Find the oncoming cars' way and put the cones below it."""
        distance_m = self.parameters.number("distance")
        ahead = next_waypoint(self.trigger_waypoint, distance_m + SOURCE_BEYOND_M)
        source, sink = side_lane(ahead, left=True), side_lane(self.trigger_waypoint, left=True)
        if source is None or sink is None:
            raise ScenarioError(f"{self.config.name}: there is no lane to the left for oncoming cars")
        self._end, self._source, self._sink = ahead.transform, source, sink
        self._offset_m = -(self.parameters.number("offset") + sink.lane_width / 2.0 - _HALF_CAR_M)
        self._cones: list[tuple[carla.Actor, carla.Transform]] = []
        for pose in cone_poses(source, distance_m):
            cone = self.spawn(CONE, shifted(pose, up_m=-LAYER_M))
            cone.set_simulate_physics(False)
            self._cones.append((cone, pose))
        cones = [cone for cone, _ in self._cones]
        self.record.first_actor, self.record.last_actor = cones[0], cones[-1]
        self.record.memory.update(obstacles=cones, first_cone=cones[0], last_cone=cones[-1], offset=self._offset_m)

    def behaviour(self) -> Behaviour:
        """Put the cones up and send the cars until the ego has passed their source."""
        stage = self.stage
        puts = [SetPose(stage, cone, pose, physics=True) for cone, pose in self._cones]
        passing = until_one(
            "until past",
            [
                InvadingActorFlow(stage, self._source, self._sink, FLOW_GAP_M, self._offset_m),
                EgoPassed(stage, self._end, _END_WITHIN_M),
                ScenarioTimeout(stage, self.config.name),
            ],
        )
        return in_order(
            self.config.name,
            [
                Post(stage, RemoveRoadLane(self.trigger_waypoint)),
                Post(stage, ChangeOppositeBehavior(active=False)),
                until_all("put up", puts),
                passing,
                Post(stage, ReAddRoadLane(0)),
                Post(stage, ChangeOppositeBehavior(active=True)),
            ],
        )
