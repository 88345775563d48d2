"""Behind the junction at which the ego turns, a car stands in the way for a while."""

from __future__ import annotations

import carla
import numpy as np
from py_trees.behaviour import Behaviour

from lead.routes.road_options import RoadOption
from lead.scenarios.actor_pool import PLAIN_CAR, ActorModel
from lead.scenarios.errors import ScenarioError
from lead.scenarios.lane_tools import next_waypoint, shifted
from lead.scenarios.messages import HandleJunctionScenario
from lead.scenarios.nodes.actors import Destroy, HandBrake, SetPose
from lead.scenarios.nodes.base import in_order, until_one
from lead.scenarios.nodes.conditions import EgoNear, Idle, ScenarioTimeout
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.scenario import Scenario, scenario_class
from lead.scenarios.stage import Stage

BLOCKER = ActorModel("vehicle.*.*", PLAIN_CAR, category="car")
BLOCKER_DISTANCE_M = 5.0
"""The car stands so far behind the junction."""
NEAR_M = 13.0
WAIT_S = 10.0
HIDDEN_M = 200.0
"""Until the trigger it waits so far below its place."""
_TURNS = (RoadOption.LEFT, RoadOption.RIGHT, RoadOption.STRAIGHT)


@scenario_class("BlockedIntersection")
class BlockedIntersection(Scenario):
    """The car goes when the ego has waited before it."""

    def build(self) -> None:
        """Spawn the car and hide it.

        Raises:
            ScenarioError: If the ego's route passes no junction, or something stands at the car's place.
        """
        exit_waypoint = junction_exit_on_route(self.stage, self.trigger.location)
        self._pose = next_waypoint(exit_waypoint, BLOCKER_DISTANCE_M).transform
        blocker = self.spawn(BLOCKER, self._pose)
        blocker.set_simulate_physics(False)
        self.stage.pool.place(blocker, shifted(self._pose, up_m=-HIDDEN_M))
        blocker.set_light_state(carla.VehicleLightState.Brake)
        self.record.first_actor = blocker
        self.record.memory["obstacles"] = [blocker]

    def behaviour(self) -> Behaviour:
        """Put the car up, let the ego wait before it, and take it away."""
        stage = self.stage
        (blocker,) = self.actors
        wait = [
            SetPose(stage, blocker, self._pose, physics=True),
            HandBrake(stage, blocker, True),
            EgoNear(stage, blocker, NEAR_M),
            Idle(stage, WAIT_S),
        ]
        meanwhile = until_one("until it goes", [ScenarioTimeout(stage, self.config.name), in_order("wait", wait)])
        return in_order(self.config.name, [Post(stage, HandleJunctionScenario()), meanwhile, Destroy(stage, blocker)])


def junction_exit_on_route(stage: Stage, place: carla.Location) -> carla.Waypoint:
    """Return the first point of the ego's route behind the junction that follows a place.

    Raises:
        ScenarioError: If the route does not pass a junction from there on.
    """
    dense = stage.dense
    offsets = dense.xyz - (place.x, place.y, place.z)
    distance = np.einsum("ij,ij->i", offsets, offsets)
    # The last of equally near points, as in CARLA: key points appear twice on a route.
    start = len(distance) - 1 - int(np.argmin(distance[::-1]))
    is_turn = np.isin(dense.option[start:], _TURNS)
    if not is_turn.any():
        raise ScenarioError(f"the route passes no junction from ({place.x:.1f}, {place.y:.1f}) on")
    entry = start + int(np.argmax(is_turn))
    is_outside = ~np.isin(dense.option[entry:], _TURNS)
    if not is_outside.any():
        raise ScenarioError(f"the route ends in the junction that follows ({place.x:.1f}, {place.y:.1f})")
    return stage.map.get_waypoint(dense.waypoints[entry + int(np.argmax(is_outside))].transform.location)
