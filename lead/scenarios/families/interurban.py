"""Left turns at country roads without lights: off the road across its traffic, or onto it across and into it."""

from __future__ import annotations

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.errors import ScenarioError
from lead.scenarios.families.actor_flows import (
    EXIT_SPACE_M,
    SINK_M,
    adversaries,
    flow_end,
    length_after_junction,
)
from lead.scenarios.lane_tools import (
    entry_lanes,
    exit_lanes,
    forward,
    next_waypoint,
    path_between,
    side_lane,
)
from lead.scenarios.lane_walks import place_text
from lead.scenarios.messages import ChangeOppositeBehavior, HandleJunctionScenario, SwitchRouteSources
from lead.scenarios.nodes.base import in_order, until_one
from lead.scenarios.nodes.conditions import EgoPassed, JunctionLeft, ScenarioTimeout
from lead.scenarios.nodes.flows import ActorFlow
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.route_junctions import route_passage
from lead.scenarios.scenario import Scenario, scenario_class

_BEFORE_JUNCTION_M = 2.0
_PAST_JUNCTION_M = 2.0
_PAST_TURN_M = 8.0
"""Added to the first: there the lanes are those of the road again, whatever the turn looks like."""
_END_DISTANCE_M = 10.0


def _left_driving_lane(waypoint: carla.Waypoint) -> carla.Waypoint:
    """Return the driving lane to the left, here that of the other direction.

    Raises:
        ScenarioError: If there is none.
    """
    lane = side_lane(waypoint, left=True)
    if lane is None or lane.lane_type != carla.LaneType.Driving:
        raise ScenarioError(f"there is no driving lane to the left of {place_text(waypoint)}")
    return lane


def _lane_key(waypoint: carla.Waypoint) -> tuple[int, int]:
    return int(waypoint.road_id), int(waypoint.lane_id)


@scenario_class("InterurbanActorFlow")
class InterurbanActorFlow(Scenario):
    """The ego leaves the road to the left, across the flow that comes towards it; done when it has turned."""

    def build(self) -> None:
        """Find the lanes of the flow and those that the background must not use."""
        before, behind = route_passage(self.stage.dense, self.trigger_waypoint)
        entry = before.previous(_BEFORE_JUNCTION_M)
        if not entry:
            raise ScenarioError(f"the road begins just before the junction at {place_text(before)}")
        way_out = next_waypoint(next_waypoint(behind, _PAST_JUNCTION_M), _PAST_TURN_M)
        self._source, self._sink = flow_end(self, "start_actor_flow"), flow_end(self, "end_actor_flow")
        self._closed = [entry[0], _left_driving_lane(way_out), self._source]
        self.record.memory.update(source_wp=self._source, sink_wp=self._sink, **adversaries())

    def behaviour(self) -> Behaviour:
        """Clear the way to the junction and let the flow run."""
        stage, parameters = self.stage, self.parameters
        interval_m, speed_mps = parameters.interval("source_dist_interval"), parameters.number("flow_speed")
        actors = self.record.memory["adversarial_actors"]
        clearance = HandleJunctionScenario(clear_junction=False, remove_entries=self._closed, stop_entries=False)
        return in_order(
            self.config.name,
            [
                Post(stage, clearance),
                Post(stage, ChangeOppositeBehavior(active=False)),
                until_one(
                    "the ego turns",
                    [
                        ActorFlow(stage, self._source, self._sink, interval_m, SINK_M, speed_mps, actors=actors),
                        ScenarioTimeout(stage, self.config.name),
                        JunctionLeft(stage),
                    ],
                ),
                Post(stage, ChangeOppositeBehavior(active=True)),
            ],
        )


@scenario_class("InterurbanAdvancedActorFlow")
class InterurbanAdvancedActorFlow(Scenario):
    """The ego comes onto the road to the left: across one flow and into another; done at the second one's end."""

    def build(self) -> None:
        """Find the lanes of both flows, and all others of the junction: the background must not use them."""
        first = flow_end(self, "start_actor_flow"), flow_end(self, "end_actor_flow")
        second = _left_driving_lane(first[1]), _left_driving_lane(first[0])
        path = path_between(self.stage.map, *second)
        inside = [index for index, place in enumerate(path[:-1]) if place.is_junction]
        if not inside:
            raise ScenarioError(f"{self.config.name}: the flow to {place_text(second[1])} passes no junction")
        if inside[-1] == len(path) - 2:
            raise ScenarioError(f"the second flow ends inside a junction, at {place_text(second[1])}")
        junction, flow_exit = path[inside[-1]].get_junction(), path[inside[-1] + 1]
        entry, _ = forward(self.trigger_waypoint, self.stage.dense.length_m)
        self._flows = (first, second)
        self._clearance = HandleJunctionScenario(
            remove_entries=[lane for lane in entry_lanes(junction) if _lane_key(lane) != _lane_key(entry)],
            remove_exits=[lane for lane in exit_lanes(junction) if _lane_key(lane) != _lane_key(flow_exit)],
            stop_entries=False,
            extend_road_exit_m=EXIT_SPACE_M + length_after_junction(path),
        )
        for number, (source, sink) in enumerate(self._flows, start=1):
            memory = {"source_wp": source, "sink_wp": sink, **adversaries()}
            self.record.memory.update({f"{name}_{number}": value for name, value in memory.items()})

    def behaviour(self) -> Behaviour:
        """Clear the junction and let both flows run."""
        stage, parameters, memory = self.stage, self.parameters, self.record.memory
        interval_m, speed_mps = parameters.interval("source_dist_interval"), parameters.number("flow_speed")
        flows = [
            ActorFlow(stage, source, sink, interval_m, SINK_M, speed_mps, actors=memory[f"adversarial_actors_{number}"])
            for number, (source, sink) in enumerate(self._flows, start=1)
        ]
        goal = self._flows[1][1].transform
        return in_order(
            self.config.name,
            [
                Post(stage, self._clearance),
                Post(stage, SwitchRouteSources(enabled=False)),
                Post(stage, ChangeOppositeBehavior(active=False)),
                until_one(
                    "the ego joins the second flow",
                    [
                        EgoPassed(stage, goal, within_m=_END_DISTANCE_M),
                        *flows,
                        ScenarioTimeout(stage, self.config.name),
                    ],
                ),
                Post(stage, SwitchRouteSources(enabled=True)),
                Post(stage, ChangeOppositeBehavior(active=True)),
            ],
        )
