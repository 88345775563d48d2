"""A stream of bicycles on a bicycle lane crosses the ego's way at a junction."""

from __future__ import annotations

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.errors import ScenarioError
from lead.scenarios.lane_tools import junction_ahead, next_waypoint
from lead.scenarios.messages import HandleJunctionScenario
from lead.scenarios.nodes.base import in_order, until_one
from lead.scenarios.nodes.conditions import JunctionLeft, ScenarioTimeout
from lead.scenarios.nodes.flows import BicycleFlow
from lead.scenarios.nodes.lights import FOREVER_S, LightPhases, light_ahead, lights_of_junction, one_way_lights
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.scenario import Scenario, scenario_class

LANE_TOLERANCE_M = 10.0
"""The place in the file may be so far from the bicycle lane."""
STEP_M = 2.0
BEHIND_JUNCTION_M = 40.0
"""The bicycles go on for so long behind the junction."""
SINK_RADIUS_M = 2.0
EGO_RED_S = 5.0
MAX_PLAN_M = 5000.0
"""A bicycle lane that has not come to a junction after this is a circle."""


@scenario_class("CrossingBicycleFlow")
class CrossingBicycleFlow(Scenario):
    """The ego turns across a bicycle lane and must give way."""

    def build(self) -> None:
        """Find the bicycles' way and the lights; nothing is spawned yet.

        Raises:
            ScenarioError: If there is no bicycle lane, it passes no junction, or there is no light for the ego.
        """
        ahead = junction_ahead(self.trigger_waypoint)
        place = carla.Location(*self.parameters.location("start_actor_flow"))
        source = self.stage.map.get_waypoint(place, lane_type=carla.LaneType.Biking)
        if source is None or source.transform.location.distance(place) > LANE_TOLERANCE_M:
            raise ScenarioError(f"{self.config.name}: there is no bicycle lane at ({place.x:.1f}, {place.y:.1f})")
        self._plan = bicycle_plan(source)
        lights = lights_of_junction(self.stage, ahead.junction)
        self._phases = []
        if lights:
            ego = light_ahead(self.stage, self.trigger_waypoint, ahead.distance_m, lights)
            self._phases = [(one_way_lights(lights, []), EGO_RED_S), (one_way_lights(lights, [ego]), FOREVER_S)]
        self._bicycles: list[carla.Actor] = []
        self.record.memory["adversarial_actors"] = self._bicycles

    def behaviour(self) -> Behaviour:
        """Let the bicycles ride until the ego has turned."""
        stage = self.stage
        flow = BicycleFlow(
            stage,
            self._plan,
            self.parameters.interval("source_dist_interval"),
            SINK_RADIUS_M,
            self.parameters.number("flow_speed"),
            actors=self._bicycles,
        )
        meanwhile: list[Behaviour] = [flow, ScenarioTimeout(stage, self.config.name), JunctionLeft(stage)]
        if self._phases:
            meanwhile.append(LightPhases(stage, self._phases))
        return in_order(self.config.name, [Post(stage, HandleJunctionScenario()), until_one("turn", meanwhile)])


def bicycle_plan(source: carla.Waypoint) -> list[carla.Waypoint]:
    """Follow a lane in steps of two metres through the next junction and 40 m beyond.

    Returns:
        The way points after the source.

    Raises:
        ScenarioError: If the lane ends before.
    """
    plan: list[carla.Waypoint] = []
    waypoint, was_inside, exit_place = source, False, None
    while exit_place is None or exit_place.distance(waypoint.transform.location) <= BEHIND_JUNCTION_M:
        if len(plan) * STEP_M > MAX_PLAN_M:
            raise ScenarioError(f"the bicycle lane passes no junction within {MAX_PLAN_M:.0f} m")
        waypoint = next_waypoint(waypoint, STEP_M)
        plan.append(waypoint)
        if waypoint.is_junction:
            was_inside = was_inside or exit_place is None
        elif was_inside and exit_place is None:
            exit_place = waypoint.transform.location
    return plan
