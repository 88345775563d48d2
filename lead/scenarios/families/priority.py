"""The ego has priority at a junction with lights: its light is green and stays so."""

from __future__ import annotations

from py_trees.behaviour import Behaviour

from lead.scenarios.errors import ScenarioError
from lead.scenarios.lane_tools import junction_ahead
from lead.scenarios.nodes.base import until_one
from lead.scenarios.nodes.conditions import JunctionLeft
from lead.scenarios.nodes.lights import FreezeLights, light_ahead, lights_of_junction, one_way_lights
from lead.scenarios.scenario import Scenario, scenario_class


@scenario_class("PriorityAtJunction")
class PriorityAtJunction(Scenario):
    """Green for the ego, red for all others, until the ego is through."""

    def build(self) -> None:
        """Find the ego's light.

        Raises:
            ScenarioError: If the junction has no lights, or none for the ego's lane.
        """
        ahead = junction_ahead(self.trigger_waypoint)
        lights = lights_of_junction(self.stage, ahead.junction)
        if not lights:
            raise ScenarioError(f"{self.config.name}: the junction has no traffic lights")
        ego = light_ahead(self.stage, self.trigger_waypoint, ahead.distance_m, lights)
        self._states = one_way_lights(lights, [ego])
        self._junction_id = int(ahead.junction.id)

    def behaviour(self) -> Behaviour:
        """Hold the lights."""
        left = JunctionLeft(self.stage, self._junction_id)
        return until_one(self.config.name, [left, FreezeLights(self.stage, self._states)])
