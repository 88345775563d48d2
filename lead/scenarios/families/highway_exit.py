"""Leaving a motorway across a lane full of cars that yield to nobody."""

from __future__ import annotations

from py_trees.behaviour import Behaviour

from lead.scenarios.families.actor_flows import SINK_M, flow_end
from lead.scenarios.lane_tools import path_between
from lead.scenarios.messages import RemoveRoadLane
from lead.scenarios.nodes.base import in_order, until_one
from lead.scenarios.nodes.conditions import JunctionLeft, ScenarioTimeout
from lead.scenarios.nodes.flows import ActorFlow
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.scenario import Scenario, scenario_class


@scenario_class("HighwayExit")
class HighwayExit(Scenario):
    """The flow drives on the lane that leads to the ego's exit; done when the ego has taken the exit."""

    def build(self) -> None:
        """Find the lane and the junction in which the exit branches off."""
        self._source, self._sink = flow_end(self, "start_actor_flow"), flow_end(self, "end_actor_flow")
        path = path_between(self.stage.map, self._source, self._sink)
        self._junction_id = next((int(place.junction_id) for place in path if place.is_junction), None)

    def behaviour(self) -> Behaviour:
        """Take the background's cars off the lane and let the flow run."""
        stage, parameters = self.stage, self.parameters
        interval_m, speed_mps = parameters.interval("source_dist_interval"), parameters.number("flow_speed")
        return in_order(
            self.config.name,
            [
                Post(stage, RemoveRoadLane(self._source)),
                until_one(
                    "the ego leaves the motorway",
                    [
                        ActorFlow(
                            stage,
                            self._source,
                            self._sink,
                            interval_m,
                            SINK_M,
                            speed_mps,
                            initial=True,
                            initial_in_junction=True,
                        ),
                        ScenarioTimeout(stage, self.config.name),
                        JunctionLeft(stage, self._junction_id),
                    ],
                ),
            ],
        )
