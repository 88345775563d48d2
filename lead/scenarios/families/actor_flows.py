"""Merging into a flow of cars that yields to nobody: at junctions of towns and at the ends of motorway ramps.

All four classes differ only in which lanes the flow has and in what the background traffic must clear for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import carla
from py_trees.behaviour import Behaviour
from py_trees.common import Status

from lead.scenarios.lane_tools import next_waypoint, path_between, same_direction_lanes
from lead.scenarios.messages import HandleJunctionScenario, SwitchRouteSources
from lead.scenarios.nodes.base import Forever, Node, in_order, until_one
from lead.scenarios.nodes.conditions import EgoNear, JunctionLeft, ScenarioTimeout
from lead.scenarios.nodes.flows import ActorFlow
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.route_junctions import route_passage
from lead.scenarios.scenario import Scenario, scenario_class
from lead.scenarios.stage import Stage

SINK_M = 2.0
EXIT_SPACE_M = 20.0
"""The background's cars keep so much more room behind the junction than the flow needs."""
PAST_EXIT_M = 10.0
"""Lanes behind the junction are looked up so far ahead: there they are the lanes of the road, not of the turn."""


def flow_end(scenario: Scenario, name: str) -> carla.Waypoint:
    """Return the lane at the place that a parameter of a flow names."""
    return scenario.stage.map.get_waypoint(carla.Location(*scenario.parameters.location(name)))


def adversaries() -> dict[str, object]:
    """Return what a flow's record tells experts, and where they keep what they think of its cars."""
    return {
        "adversarial_actors": [],
        "intersection_point": None,
        "dangerous_adversarial_actors_ids": [],
        "safe_adversarial_actors_ids": [],
        "ignored_adversarial_actors_ids": [],
    }


def length_after_junction(path: Sequence[carla.Waypoint]) -> float:
    """Return the metres from the last way point of a path that lies in a junction to the path's end."""
    length_m = 0.0
    for before, after in zip(reversed(path[:-1]), reversed(path[1:]), strict=True):
        length_m += before.transform.location.distance(after.transform.location)
        if before.is_junction:
            break
    return length_m


class CollectActors(Node):
    """Keeps one list of the cars of several flows up to date; never ends by itself."""

    def __init__(self, stage: Stage, flows: Sequence[ActorFlow], actors: list[carla.Actor]) -> None:
        """Take the flows and the list."""
        super().__init__(stage)
        self._flows = flows
        self._actors = actors

    def update(self) -> Status:
        """Collect."""
        self._actors[:] = [actor for flow in self._flows for actor in flow.actors]
        return Status.RUNNING

    def terminate(self, new_status: Status) -> None:
        """Forget them."""
        self._actors.clear()


class _FlowMerge(Scenario):
    """The ego joins a flow; done when it has come to a lane of the flow's end."""

    def build(self) -> None:
        """Find the lanes of the flow; its cars appear at the trigger."""
        source, sink = flow_end(self, "start_actor_flow"), flow_end(self, "end_actor_flow")
        self._sinks = same_direction_lanes(sink)
        self._lanes = self._flow_lanes(source, sink)
        self._exit_space_m = EXIT_SPACE_M + length_after_junction(self._way_to_clear())
        self._remember(source, sink)

    def behaviour(self) -> Behaviour:
        """Clear the junction, let the flow run, and wait for the ego at its end."""
        stage, parameters = self.stage, self.parameters
        interval_m, speed_mps = parameters.interval("source_dist_interval"), parameters.number("flow_speed")
        flows = [
            ActorFlow(stage, source, sink, interval_m, SINK_M, speed_mps, initial=True, initial_in_junction=True)
            for source, sink in self._lanes
        ]
        watched: list[Behaviour] = [EgoNear(stage, place.transform.location, SINK_M) for place in self._goals()]
        watched += [*flows, ScenarioTimeout(stage, self.config.name), *self._later()]
        if "adversarial_actors" in self.record.memory:
            watched.append(CollectActors(stage, flows, self.record.memory["adversarial_actors"]))
        return in_order(
            self.config.name,
            [
                Post(stage, self._clearance()),
                Post(stage, SwitchRouteSources(enabled=False)),
                until_one("the ego merges", watched),
                Post(stage, SwitchRouteSources(enabled=True)),
            ],
        )

    def _flow_lanes(self, source: carla.Waypoint, sink: carla.Waypoint) -> list[tuple[carla.Waypoint, carla.Waypoint]]:
        """Return source and sink of every lane of the flow."""
        return [(source, sink)]

    def _goals(self) -> list[carla.Waypoint]:
        """Return the places at which the ego has merged."""
        return self._sinks

    def _way_to_clear(self) -> list[carla.Waypoint]:
        """Return the path whose end behind the junction the background must keep free."""
        source, sink = self._lanes[-1]
        return path_between(self.stage.map, source, sink)

    def _clearance(self) -> HandleJunctionScenario:
        """Return what the background is asked for at the trigger."""
        sources = [source for source, _ in self._lanes]
        return HandleJunctionScenario(remove_entries=sources, stop_entries=False, extend_road_exit_m=self._exit_space_m)

    def _later(self) -> list[Behaviour]:
        """Return what runs beside the flow."""
        return []

    def _remember(self, source: carla.Waypoint, sink: carla.Waypoint) -> None:
        """Tell experts about the flow."""
        sources = [each for each, _ in self._lanes]
        lanes = {"source_wp": source, "sink_wp": sink, "source_wps": sources, "sink_wps": self._sinks}
        self.record.memory.update(lanes, **adversaries())


class _RampMerge(_FlowMerge):
    """The ego comes from a ramp with lanes of its own: the flow's junction is cleared only where they meet."""

    def build(self) -> None:
        """Find also the lanes on which the route leaves the junction."""
        _, behind = route_passage(self.stage.dense, self.trigger_waypoint)
        self._exits = same_direction_lanes(next_waypoint(behind, PAST_EXIT_M))
        super().build()

    def _way_to_clear(self) -> list[carla.Waypoint]:
        source, _ = self._lanes[0]
        return path_between(self.stage.map, source, self._sinks[-1])

    def _clearance(self) -> HandleJunctionScenario:
        return HandleJunctionScenario(
            clear_junction=False,
            remove_entries=[source for source, _ in self._lanes],
            remove_exits=self._exits,
            stop_entries=False,
        )

    def _later(self) -> list[Behaviour]:
        """Keep room behind the junction once the ego has passed it."""
        room = HandleJunctionScenario(
            clear_junction=False,
            clear_ego_entry=False,
            stop_entries=False,
            extend_road_exit_m=self._exit_space_m,
        )
        stage = self.stage
        return [in_order("room behind the junction", [JunctionLeft(stage), Post(stage, room), Forever(stage)])]


@scenario_class("EnterActorFlow")
class EnterActorFlow(_FlowMerge):
    """The flow has all lanes of its road, and the ego turns into it at a junction."""

    def _flow_lanes(self, source: carla.Waypoint, sink: carla.Waypoint) -> list[tuple[carla.Waypoint, carla.Waypoint]]:
        return list(zip(same_direction_lanes(source), self._sinks, strict=False))

    def _goals(self) -> list[carla.Waypoint]:
        return [sink for _, sink in self._lanes]


@scenario_class("EnterActorFlowV2")
class EnterActorFlowV2(_RampMerge):
    """The flow has one lane, and the ego comes from a lane of its own."""


@scenario_class("MergerIntoSlowTraffic")
class MergerIntoSlowTraffic(_FlowMerge):
    """The flow is slow and has one lane, at a confluence of a motorway."""

    def _remember(self, source: carla.Waypoint, sink: carla.Waypoint) -> None:
        _remember_lanes(self, source, sink)


@scenario_class("MergerIntoSlowTrafficV2")
class MergerIntoSlowTrafficV2(_RampMerge):
    """The same where the ego comes from a ramp."""

    def _remember(self, source: carla.Waypoint, sink: carla.Waypoint) -> None:
        _remember_lanes(self, source, sink)


def _remember_lanes(scenario: Scenario, source: carla.Waypoint, sink: carla.Waypoint) -> None:
    """Tell experts about a flow's lanes only, as for lane changes around an obstacle."""
    scenario.record.memory.update(source_lane=source, target_lane=sink, adversarial_actors=[])
