"""Turns at junctions across, or into, a stream of cars that do not yield.

The stream comes from the opposite side for left turns and from the left for right turns. With traffic lights the stream
has green all the time, and the ego gets green after a while, so that it must give way although its light is green.
"""

from __future__ import annotations

import abc
import itertools
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.errors import ScenarioError
from lead.scenarios.lane_tools import (
    Direction,
    JunctionAhead,
    entries_from,
    entry_lanes,
    junction_ahead,
    outermost,
    same_direction_lanes,
    sink_point,
    source_point,
)
from lead.scenarios.messages import ChangeOppositeBehavior, HandleJunctionScenario
from lead.scenarios.nodes.base import in_order, until_one
from lead.scenarios.nodes.conditions import Drive, JunctionLeft, ScenarioTimeout
from lead.scenarios.nodes.flows import ActorFlow
from lead.scenarios.nodes.lights import FOREVER_S, LightPhases, closest_light, lights_of_junction, one_way_lights
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.scenario import Scenario, scenario_class

EGO_RED_S = 5.0
"""The ego's light stays red for so long, while the stream comes into the junction."""
SINK_RADIUS_M = 2.0
EXIT_EXTRA_M = 20.0
"""Room for the stream behind the junction, in addition to the way to its sink."""
STRAIGHT, RIGHT = 0, 1


class Stream(NamedTuple):
    """Where a stream of cars comes from and goes to.

    Attributes:
        source: Where its cars appear.
        sink: Where they vanish.
        ways_out: First place behind every junction on the way.
    """

    source: carla.Waypoint
    sink: carla.Waypoint
    ways_out: list[carla.Waypoint]


class JunctionTurn(Scenario):
    """Base of the turns: streams of cars through the next junction.

    Attributes:
        is_signalized: The junction's lights are held.
        needs_lights: The scenario does not fit where there are none; else it runs without them, as in CARLA.
        source_s: The source lies so many seconds of the stream's speed before the junction: the faster the stream, the
            farther, so that there is time to react.
        sink_s: The sink lies so many seconds behind the junction.
        starts_filled: There are cars on the whole way when the scenario begins.
        end_distance_m: The scenario ends so far behind the junction.
        stream_turn: Where the stream goes in the junction: 0 straight, 1 right.
        junction: The next junction on the ego's lane.
        streams: The streams.
    """

    is_signalized: ClassVar[bool]
    needs_lights: ClassVar[bool] = True
    source_s: ClassVar[float]
    sink_s: ClassVar[float]
    starts_filled: ClassVar[bool] = False
    end_distance_m: ClassVar[float] = 10.0
    stream_turn: ClassVar[int] = STRAIGHT

    junction: JunctionAhead
    streams: list[Stream]

    def build(self) -> None:
        """Find the junction, the ways of the streams and the lights; nothing is spawned yet.

        Raises:
            ScenarioError: If nobody comes from the side that the class needs, or there are no lights.
        """
        self.junction = junction_ahead(self.trigger_waypoint)
        self._speed_mps = self.parameters.number("flow_speed")
        self.streams = [self._stream(direction) for direction in self.directions()]
        self._actors: list[list[carla.Actor]] = [[] for _ in self.streams]
        self._phases = self._light_phases() if self.is_signalized else []
        self.record.memory.update(self.notes())

    @abc.abstractmethod
    def directions(self) -> Sequence[Direction]:
        """Return the sides from which streams come."""

    @abc.abstractmethod
    def choose_entry(self, entries: list[carla.Waypoint]) -> carla.Waypoint:
        """Return the lane of the stream from those of its side."""

    def removed_exits(self) -> list[carla.Waypoint]:
        """Return the lanes out of the junction that get no background cars."""
        return []

    def notes(self) -> dict[str, Any]:
        """Return what the scenario tells experts."""
        (stream,) = self.streams
        return stream_notes(stream, self._actors[0])

    def behaviour(self) -> Behaviour:
        """Let the streams run until the ego has turned."""
        stage = self.stage
        turned = [JunctionLeft(stage), Drive(stage, self.end_distance_m)]
        meanwhile: list[Behaviour] = [in_order("turned", turned), *self._flows()]
        meanwhile.append(ScenarioTimeout(stage, self.config.name))
        if self._phases:
            meanwhile.append(LightPhases(stage, self._phases))
        room = HandleJunctionScenario(
            remove_entries=[lane for stream in self.streams for lane in same_direction_lanes(stream.source)],
            remove_exits=self.removed_exits(),
            stop_entries=not self.is_signalized,
            extend_road_exit_m=self.sink_s * self._speed_mps + EXIT_EXTRA_M,
        )
        return in_order(
            self.config.name,
            [Post(stage, room), *self.preparation(), until_one("turn", meanwhile), *self.restoration()],
        )

    def preparation(self) -> list[Behaviour]:
        """Return what else happens before the streams begin."""
        return []

    def restoration(self) -> list[Behaviour]:
        """Return what undoes it."""
        return []

    def _stream(self, direction: Direction) -> Stream:
        """Find the way of a stream.

        Raises:
            ScenarioError: If nobody comes from there.
        """
        yaw_deg = self.junction.waypoint.transform.rotation.yaw
        entries = entries_from(entry_lanes(self.junction.junction), yaw_deg, direction)
        if not entries:
            raise ScenarioError(f"{self.config.name}: no lane leads into the junction from direction {direction!r}")
        source = source_point(self.choose_entry(entries), self.source_s * self._speed_mps)
        sink, path = sink_point(source, self.stream_turn, self.sink_s * self._speed_mps)
        steps = itertools.pairwise(path)
        return Stream(source, sink, [after for before, after in steps if before.is_junction and not after.is_junction])

    def _flows(self) -> list[Behaviour]:
        interval_m = self.parameters.interval("source_dist_interval")
        return [
            ActorFlow(
                self.stage,
                stream.source,
                stream.sink,
                interval_m,
                SINK_RADIUS_M,
                self._speed_mps,
                via=stream.ways_out,
                initial=self.starts_filled,
                actors=actors,
            )
            for stream, actors in zip(self.streams, self._actors, strict=True)
        ]

    def _light_phases(self) -> list[tuple[dict[carla.TrafficLight, carla.TrafficLightState], float]]:
        """Return the states of the lights: first the streams alone have green, then the ego, too.

        Raises:
            ScenarioError: If the junction has no lights and the class needs them.
        """
        lights = lights_of_junction(self.stage, self.junction.junction)
        if not lights:
            if not self.needs_lights:
                return []
            raise ScenarioError(f"{self.config.name}: the junction has no traffic lights")
        ego = closest_light(self.stage, self.trigger_waypoint, lights)
        others = [closest_light(self.stage, stream.source, lights) for stream in self.streams]
        alone = [light for light in others if light.id != ego.id]
        return [
            (one_way_lights(lights, alone), EGO_RED_S),
            (one_way_lights(lights, [ego, *alone]), FOREVER_S),
        ]


def stream_notes(stream: Stream, actors: list[carla.Actor], suffix: str = "") -> dict[str, Any]:
    """Return what experts are told about a stream: its way, its cars, and fields for their own judgement of them."""
    return {
        f"source_wp{suffix}": stream.source,
        f"sink_wp{suffix}": stream.sink,
        f"adversarial_actors{suffix}": actors,
        f"intersection_point{suffix}": None,
        f"dangerous_adversarial_actors_ids{suffix}": [],
        f"safe_adversarial_actors_ids{suffix}": [],
        f"ignored_adversarial_actors_ids{suffix}": [],
    }


class _LeftTurn(JunctionTurn):
    """A left turn across the oncoming stream."""

    source_s: ClassVar[float] = 4.0
    sink_s: ClassVar[float] = 2.5

    def directions(self) -> Sequence[Direction]:
        return ("opposite",)

    def choose_entry(self, entries: list[carla.Waypoint]) -> carla.Waypoint:
        return entries[int(self.stage.rng.choice(len(entries)))]

    def removed_exits(self) -> list[carla.Waypoint]:
        return [lane for stream in self.streams for lane in same_direction_lanes(stream.sink)]

    def preparation(self) -> list[Behaviour]:
        return [Post(self.stage, ChangeOppositeBehavior(active=False))]

    def restoration(self) -> list[Behaviour]:
        return [Post(self.stage, ChangeOppositeBehavior(active=True))]


@scenario_class("SignalizedJunctionLeftTurn")
class SignalizedJunctionLeftTurn(_LeftTurn):
    """A left turn across the oncoming stream, both with green."""

    is_signalized: ClassVar[bool] = True


@scenario_class("NonSignalizedJunctionLeftTurn")
class NonSignalizedJunctionLeftTurn(_LeftTurn):
    """A left turn across the oncoming stream without lights."""

    is_signalized: ClassVar[bool] = False


@scenario_class("SignalizedJunctionLeftTurnEnterFlow")
class SignalizedJunctionLeftTurnEnterFlow(SignalizedJunctionLeftTurn):
    """The oncoming stream turns right, into the road that the ego turns into."""

    stream_turn: ClassVar[int] = RIGHT


@scenario_class("NonSignalizedJunctionLeftTurnEnterFlow")
class NonSignalizedJunctionLeftTurnEnterFlow(NonSignalizedJunctionLeftTurn):
    """The oncoming stream turns right, into the road that the ego turns into; there are no lights."""

    stream_turn: ClassVar[int] = RIGHT


class _RightTurn(JunctionTurn):
    """A right turn into the stream from the left, on its rightmost lane.

    The scenario ends 10 m behind the junction as in the leaderboard; LEAD's data collection lets it run for 50 m.
    """

    needs_lights: ClassVar[bool] = False
    source_s: ClassVar[float] = 5.0
    sink_s: ClassVar[float] = 3.0
    starts_filled: ClassVar[bool] = True

    def directions(self) -> Sequence[Direction]:
        return ("left",)

    def choose_entry(self, entries: list[carla.Waypoint]) -> carla.Waypoint:
        return outermost(entries[0], False, [carla.LaneType.Driving])


@scenario_class("SignalizedJunctionRightTurn")
class SignalizedJunctionRightTurn(_RightTurn):
    """A right turn into the stream from the left, both with green."""

    is_signalized: ClassVar[bool] = True


@scenario_class("NonSignalizedJunctionRightTurn")
class NonSignalizedJunctionRightTurn(_RightTurn):
    """A right turn into the stream from the left, without lights."""

    is_signalized: ClassVar[bool] = False


@scenario_class("CrossJunctionDefectTrafficLight")
class CrossJunctionDefectTrafficLight(_RightTurn):
    """The lights are broken: the ego and the streams from one side or both have green at the same time."""

    is_signalized: ClassVar[bool] = True
    needs_lights: ClassVar[bool] = True
    end_distance_m: ClassVar[float] = 50.0

    def directions(self) -> Sequence[Direction]:
        """Return the sides that the parameter names.

        Raises:
            ScenarioError: If it is none of left, right and both.
        """
        sides: dict[str, Sequence[Direction]] = {"left": ("left",), "right": ("right",), "both": ("left", "right")}
        wanted = self.parameters.text("traffic_direction")
        if wanted not in sides:
            raise ScenarioError(f"{self.config.name}: traffic_direction is {wanted!r}, not left, right or both")
        return sides[wanted]

    def notes(self) -> dict[str, Any]:
        """Number the streams from 1."""
        notes: dict[str, Any] = {}
        streams = zip(self.streams, self._actors, self.directions(), strict=True)
        for number, (stream, actors, direction) in enumerate(streams, start=1):
            notes.update(stream_notes(stream, actors, f"_{number}"))
            notes[f"direction_{number}"] = direction
        return notes
