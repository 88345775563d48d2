"""Giving way to the streams of cars and bicycles of scenarios, which yield to nobody.

The public expert inflates the boxes of those that come near the crossing of both ways; here both are followed along
their ways, which finds the gaps that there are and no others.
"""

from __future__ import annotations

from collections.abc import Sequence

import carla
import numpy as np

from lead.expert.gaps import Line, Margins, Runner, conflicts, ego_way, first_meeting
from lead.expert.idm import Gap, idm_speed
from lead.expert.proposal import Hazard, Proposal
from lead.expert.route import POINTS_PER_M, ExpertRoute
from lead.expert.view import View, stream_actors
from lead.geometry.frames import wrap_rad
from lead.scenarios.active import ActiveScenario
from lead.scenarios.errors import ScenarioError
from lead.scenarios.lane_tools import path_between

FLOWS = (
    "SignalizedJunctionLeftTurn",
    "NonSignalizedJunctionLeftTurn",
    "SignalizedJunctionLeftTurnEnterFlow",
    "NonSignalizedJunctionLeftTurnEnterFlow",
    "SignalizedJunctionRightTurn",
    "NonSignalizedJunctionRightTurn",
    "CrossJunctionDefectTrafficLight",
    "InterurbanActorFlow",
    "InterurbanAdvancedActorFlow",
    "EnterActorFlow",
    "EnterActorFlowV2",
    "MergerIntoSlowTraffic",
    "MergerIntoSlowTrafficV2",
    "HighwayExit",
    "CrossingBicycleFlow",
)
HOLD = Gap(0.0, 0.6, 0.4)
FRONT_MARGIN_M = 0.5
"""The ego's front must not come nearer than this to the first place where it could be met, unless it goes through."""
BRAKED_MARGIN_M = -0.8
"""The same for an ego that already brakes: rather a little late than on through the stream after all."""
RUN_UP_M = 4.0
"""It waits so far before that place: it must be fast when it gets there, as the gaps are short."""
AT_LINE_M = 0.3
ON_LINE_M = 3.0
PARALLEL_RAD = np.radians(35.0)
BICYCLE_WAY_M = 60.0
VIEW_M = 60.0
RELAXED_S, DESPERATE_S = 10.0, 20.0
"""After waiting for so long smaller gaps do, and after so long the smallest through which it fits."""
PATIENT = Margins(length_m=0.5, headway_s=0.25)
RELAXED = Margins(length_m=0.3, headway_s=0.08)
UNDER_WAY = Margins(length_m=0.1, headway_s=0.02, width_m=0.1, horizon_s=5.0)
DESPERATE = Margins(length_m=0.1, headway_s=0.01, width_m=0.1, horizon_s=5.0, own_length_m=0.15, own_width_m=0.1)
COMMITTED = Margins(length_m=0.0, headway_s=0.0, width_m=0.05, horizon_s=5.0, own_length_m=0.0, own_width_m=0.05)
BRAKING_MPS2 = 9.0
COMMIT_M = 6.0
"""A decision to go counts from this distance before the line on, and from farther by the way it takes to brake."""


class FlowGaps:
    """Waits for a gap in a stream."""

    def __init__(self, carla_map: carla.Map) -> None:
        """Take the map on which the ways of the streams are traced."""
        self._map = carla_map
        self._lines: dict[int, list[Line]] = {}
        self._waiting_since_s: float | None = None
        self._going: set[int] = set()
        self._braking: set[int] = set()

    def propose(self, view: View) -> Sequence[Proposal]:
        """Return a stop before the first conflict if there is no gap now."""
        found: list[Proposal] = []
        for record in view.of(*FLOWS):
            if record.is_triggered:
                found.extend(self._judge(view, record))
        return found

    def _judge(self, view: View, record: ActiveScenario) -> list[Proposal]:
        route, scene = view.route, view.scene
        runners = self._runners(view, record)
        lines = {id(runner.line): runner.line for runner in runners}
        meetings = [meeting for line in lines.values() if (meeting := first_meeting(route, line)) is not None]
        if not meetings:
            return []
        first = min(meeting[0] for meeting in meetings)
        front_m = float(scene.ego.extent[0])
        merging = self._merging(route, runners, max(meeting[1] for meeting in meetings))
        hold = first - int((front_m + RUN_UP_M) * POINTS_PER_M)
        distance_m = (hold - route.index) / POINTS_PER_M
        if distance_m > VIEW_M:
            view.notes.ignored.update(int(scene.ids[runner.row]) for runner in runners)
            return []
        is_going = record.scenario_id in self._going
        met = self._conflicts(view, runners, merging, self._margins(view, is_going))
        for runner in runners:
            (view.notes.dangerous if runner.row in met else view.notes.safe).add(int(scene.ids[runner.row]))
        braking_m = max(view.speed_mps, 0.0) ** 2 / (2.0 * BRAKING_MPS2)
        margin_m = BRAKED_MARGIN_M if record.scenario_id in self._braking else FRONT_MARGIN_M
        can_stop = distance_m + RUN_UP_M > braking_m + margin_m
        # Whether it goes or waits before the line, the ego meets none of them. If it is too late for both, it goes on
        # through a stream that it crosses; in one that it joins, it falls back behind those who are ahead.
        left = {runner.row for runner in merging if runner.row in met and scene.relative[runner.row, 0] > 0.0}
        judged = {runner.row for runner in runners} - (set() if can_stop else left)
        view.notes.judged.update(int(scene.ids[row]) for row in judged)
        self._braking.discard(record.scenario_id)
        if not met or not can_stop:
            # Between the streams there is no place to stop: what was begun is finished.
            if distance_m < COMMIT_M + braking_m:
                self._going.add(record.scenario_id)
                view.notes.hurries = True
            return []
        self._going.discard(record.scenario_id)
        self._braking.add(record.scenario_id)
        self._note_waiting(view)
        speed = 0.0  # At the line nothing less will do: by creeping it would be past it before there is a gap.
        if distance_m > AT_LINE_M:
            speed = idm_speed(view.free_mps, max(view.speed_mps, 0.0), 0.0, distance_m + HOLD.min_m, HOLD)
        row = min(met, key=lambda each: float(scene.distance_m[each]))
        known, away_m = scene.known[row], float(scene.distance_m[row])
        return [Proposal(speed, "flow: no gap", Hazard.VEHICLE, int(scene.ids[row]), known.type_id, away_m)]

    def _note_waiting(self, view: View) -> None:
        if self._waiting_since_s is None and view.speed_mps < 0.5:
            self._waiting_since_s = view.scene.time_s

    def _margins(self, view: View, is_going: bool) -> Margins:
        """Choose the room: less once the ego has decided to go, so that it does not change its mind on the way."""
        since = self._waiting_since_s
        waited_s = 0.0 if since is None else view.scene.time_s - since
        if is_going:
            return UNDER_WAY if waited_s < DESPERATE_S else COMMITTED
        if waited_s < RELAXED_S:
            return PATIENT
        return RELAXED if waited_s < DESPERATE_S else DESPERATE

    @staticmethod
    def _merging(route: ExpertRoute, runners: list[Runner], last: int) -> list[Runner]:
        """Return those who drive the same way as the ego where their ways last are together."""
        place, yaw = route.xy[min(last, len(route) - 1)], float(route.yaw_rad[min(last, len(route) - 1)])
        return [
            runner
            for runner in runners
            if _angle(float(runner.line.yaw_rad[_index_near(runner.line, place)]), yaw) < PARALLEL_RAD
        ]

    @staticmethod
    def _conflicts(view: View, runners: list[Runner], merging: list[Runner], margins: Margins) -> set[int]:
        """Return the rows of those whom the ego would meet if it went now."""
        scene, route = view.scene, view.route
        speed_limit = view.free_mps
        if merging:
            # In the stream the ego will drive as fast as it does: it need not catch up with those ahead.
            speed_limit = min(speed_limit, max(*(runner.speed_mps for runner in merging), 3.0))
        way = ego_way(route, view.speed_mps, speed_limit, margins.horizon_s, hurried=True)
        return set(conflicts(scene, route, way, runners, margins))

    def _runners(self, view: View, record: ActiveScenario) -> list[Runner]:
        """Place the cars of a stream on its ways."""
        scene = view.scene
        lines = self._lines_of(record)
        runners = []
        for row in scene.rows_of(stream_actors(record)):
            place, yaw = scene.origin[row, :2], float(scene.yaw_rad[row])
            speed = max(float(scene.speed_mps[row]), 0.0)
            options = [(line, *line.place(place)) for line in lines]
            near = [option for option in options if option[2] < ON_LINE_M]
            if near:
                line, along_m, _ = min(near, key=lambda option: option[2])
            else:
                line, along_m = Line.straight(place, yaw, BICYCLE_WAY_M), 0.0
            runners.append(Runner(int(row), line, along_m, speed))
        return runners

    def _lines_of(self, record: ActiveScenario) -> list[Line]:
        """Trace the ways of a stream once."""
        if record.scenario_id not in self._lines:
            self._lines[record.scenario_id] = [
                Line.through(np.array([(at.x, at.y) for at in (each.transform.location for each in path)], np.float64))
                for source, sink in _ends(record)
                if (path := self._path(source, sink)) is not None
            ]
        return self._lines[record.scenario_id]

    def _path(self, source: carla.Waypoint, sink: carla.Waypoint) -> list[carla.Waypoint] | None:
        try:
            path = path_between(self._map, source, sink)
        except ScenarioError:
            return None  # Its cars are followed straight on instead.
        return path if len(path) > 1 else None


def _ends(record: ActiveScenario) -> list[tuple[carla.Waypoint, carla.Waypoint]]:
    """Return sources and sinks of a scenario's streams."""
    memory = record.memory
    if "source_wps" in memory:
        return list(zip(memory["source_wps"], memory["sink_wps"], strict=False))
    if "source_wp" not in memory and memory.get("target_lane") is not None:
        return [(memory["source_lane"], memory["target_lane"])]
    suffixes = [key.removeprefix("source_wp") for key in memory if key.startswith("source_wp")]
    return [(memory[f"source_wp{suffix}"], memory[f"sink_wp{suffix}"]) for suffix in suffixes]


def _index_near(line: Line, place: np.ndarray[tuple[int], np.dtype[np.float64]]) -> int:
    return int(np.argmin(np.hypot(*(line.xy - place).T)))


def _angle(first_rad: float, second_rad: float) -> float:
    return abs(float(wrap_rad(first_rad - second_rad)))
