"""Getting past what blocks the ego's lane where the lane beside it leads the other way.

The ego waits in front of the obstacle until the oncoming lane is empty for long enough, and then goes through with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import carla
import numpy as np
from numpy.typing import NDArray

from lead.dataset.weather_choice import Visibility
from lead.expert.forward_models import minimum_time_s
from lead.expert.gaps import LINE_STEP_M, Line
from lead.expert.idm import Gap, idm_speed
from lead.expert.proposal import Commitment, Hazard, Proposal
from lead.expert.route import POINTS_PER_M
from lead.expert.route_edits import shift_to_lane
from lead.expert.scene import SAME_ROAD_M
from lead.expert.view import View
from lead.scenarios.active import ActiveScenario

OVERTAKING_MPS, DOOR_MPS = 40.0 / 3.6, 8.75
NARROW_M, MEDIUM_M = 2.76, 3.01
BEGIN_M = 50.0
COMPLETE_M = 25.0
"""Nearer than this an obstacle is taken as it is, whatever is missing."""
TEST_POINTS = 80
"""The oncoming lane is looked at when the lane change is nearer than this."""
DONE_POINTS = 20
CLEARANCE_M, EXTRA_M = 10.0, 2.0
SAFETY_S = 0.8
HINDERED = 0.85
"""Bends and lights behind the obstacle make the overtaking slower than it could be by this factor."""
ONCOMING_LANE_M = 160.0
ON_LANE_M = 2.2
ALLOWED_AFTER_S = 5.2
"""The benchmark permits the wrong lane only after the ego has been near for so long."""


@dataclass(frozen=True)
class Course:
    """How the path goes round a class of obstacle; points are tenths of a metre.

    Attributes:
        transition: Points of each ramp.
        before: Points before the obstacle at which the ego is beside it.
        after: Points behind it.
        factor: Share of the way to the other lane's centre, by width of the lane: narrow, medium, wide.
        wider: Five points more on both sides where the lane is narrow.
        near_m: From this distance on the benchmark counts the time of waiting.
        sees: The course depends on the weather.
    """

    transition: int
    before: int
    after: int
    factor: tuple[float, float, float]
    wider: bool
    near_m: float
    sees: bool = True


COURSES: Mapping[str, Course] = {
    "AccidentTwoWays": Course(80, 10, 10, (1.0, 1.0, 1.0), True, 50.0),
    "ConstructionObstacleTwoWays": Course(80, 15, 15, (1.13, 1.12, 1.12), True, 30.0, sees=False),
    "ParkedObstacleTwoWays": Course(80, 10, 10, (1.0, 1.0, 1.0), False, 50.0),
    "VehicleOpensDoorTwoWays": Course(70, 10, 5, (1.0, 0.875, 0.75), False, 10.0),
}
"""The published ramps of four to five metres cannot be followed at 40 km/h; these can, from a standstill."""
SIGHT_POINTS: dict[int, int] = {Visibility.LIMITED: 5, Visibility.VERY_LIMITED: 10}
STUCK_KEYS = {
    "AccidentTwoWays": "accident_two_ways_stuck",
    "ConstructionObstacleTwoWays": "construction_obstacle_two_ways_stuck",
    "ParkedObstacleTwoWays": "parked_obstacle_two_ways_stuck",
    "VehicleOpensDoorTwoWays": "vehicle_opens_door_two_ways_stuck",
}


@dataclass
class Overtaking:
    """State of one obstacle.

    Attributes:
        first: Point at which the ego leaves its lane.
        last: Point at which it is back.
        lane: Line of the oncoming cars, in their direction.
        speed_mps: Speed beside the obstacle.
        near_since_s: When the ego came near; None before.
        is_under_way: The ego has decided to go.
    """

    first: int
    last: int
    lane: Line
    speed_mps: float
    near_since_s: float | None = None
    is_under_way: bool = False


class OncomingObstacles:
    """Goes round obstacles through the oncoming lane."""

    def __init__(self) -> None:
        """Nothing is on the way yet."""
        self._state: dict[int, Overtaking] = {}
        self._done: set[int] = set()

    def steer(self, view: View) -> tuple[Sequence[Proposal], Commitment | None]:
        """Move the path, wait before the obstacle, or go."""
        found: list[Proposal] = []
        for key in STUCK_KEYS.values():
            view.notes.values[key] = False
        for record in view.of(*COURSES):
            if record.scenario_id in self._done or not record.is_triggered:
                continue
            state = self._state.get(record.scenario_id) or self._begin(view, record)
            if state is None:
                continue
            if view.route.index >= state.last - DONE_POINTS:
                self._done.add(record.scenario_id)
                continue
            if not state.is_under_way:
                found.extend(self._wait(view, record, state))
            if state.is_under_way:
                return found, Commitment(state.speed_mps, f"overtaking: {record.name}", state.last - DONE_POINTS)
        return found, None

    def _begin(self, view: View, record: ActiveScenario) -> Overtaking | None:
        """Move the path once the obstacle is near."""
        scene, route = view.scene, view.route
        rows = scene.rows_of(record.memory["obstacles"])
        if not len(rows) or float(scene.distance_m[rows].min()) > BEGIN_M or is_incomplete(view, record):
            return None
        course = COURSES[record.name]
        indices = [route.index_of(scene.origin[row, :2]) for row in rows]
        half = int(float(scene.half[rows, 0].max()) * POINTS_PER_M)
        width = float(route.lane_width[min(indices)])
        more = 5 if course.wider and width <= NARROW_M else 0
        later = SIGHT_POINTS.get(view.visibility, 0) if course.sees else 0
        first = min(indices) - half - course.transition - course.before - more + later
        last = max(indices) + half + course.transition + course.after + more
        factor = course.factor[0 if width <= NARROW_M else 1 if width <= MEDIUM_M else 2]
        first, last = shift_to_lane(route, max(first, route.index), last, course.transition, left=True, factor=factor)
        is_door = record.name == "VehicleOpensDoorTwoWays"
        speed = DOOR_MPS if is_door and width <= MEDIUM_M else OVERTAKING_MPS
        lane = oncoming_lane(record.memory["target_lane"], (last - min(indices)) / POINTS_PER_M)
        state = self._state[record.scenario_id] = Overtaking(first, last, lane, speed)
        record.memory.update(changed_route=True, from_index=first, to_index=last)
        return state

    def _wait(self, view: View, record: ActiveScenario, state: Overtaking) -> list[Proposal]:
        """Wait before the lane change; note when the way is clear."""
        scene, route = view.scene, view.route
        self._note_nearness(view, record, state)
        to_first = state.first - route.index
        is_allowed = state.near_since_s is not None and scene.time_s - state.near_since_s > ALLOWED_AFTER_S
        blocker = oncoming_blocker(view, state.lane, state.last, state.speed_mps)
        if is_allowed and to_first < TEST_POINTS and blocker is None:
            state.is_under_way = record.memory["path_clear"] = True
            return []
        gap = Gap(float(scene.ego.extent[0]), 2.0, 0.1)
        distance_m = (to_first + 10) / POINTS_PER_M
        speed = idm_speed(view.free_mps, max(view.speed_mps, 0.0), 0.0, distance_m, gap)
        reason = f"overtaking: waits, {record.name}"
        if blocker is None:
            return [Proposal(speed, reason, distance_m=distance_m)]
        view.notes.dangerous.add(int(scene.ids[blocker]))
        view.notes.values[STUCK_KEYS[record.name]] = view.speed_mps < 0.5
        known, away_m = scene.known[blocker], float(scene.distance_m[blocker])
        return [Proposal(speed, reason, Hazard.VEHICLE, int(scene.ids[blocker]), known.type_id, away_m)]

    @staticmethod
    def _note_nearness(view: View, record: ActiveScenario, state: Overtaking) -> None:
        """Start the clock when the benchmark does."""
        if state.near_since_s is not None:
            return
        obstacles = record.memory["obstacles"]
        if record.name == "VehicleOpensDoorTwoWays":
            if record.memory["vehicle_opened_door"]:
                state.near_since_s = view.scene.time_s
            return
        row = view.scene.row_of(obstacles[min(1, len(obstacles) - 1)])
        if row is not None and view.scene.distance_m[row] < COURSES[record.name].near_m:
            state.near_since_s = view.scene.time_s


def is_incomplete(view: View, record: ActiveScenario) -> bool:
    """Tell whether parts of an obstacle are not there yet: sites are put up one prop per tick."""
    rows = view.scene.rows_of(record.memory["obstacles"])
    return len(rows) < len(record.memory["obstacles"]) and float(view.scene.distance_m[rows].min()) > COMPLETE_M


def oncoming_lane(beside: carla.Waypoint, behind_m: float) -> Line:
    """Return the line on which oncoming cars come, in their direction, up to a place beside the obstacle.

    Args:
        beside: Their lane beside the obstacle.
        behind_m: How far behind the obstacle, seen from the ego, the ego comes back to its lane.
    """
    places = [beside]
    while (len(places) - 1) < ONCOMING_LANE_M + behind_m and (found := places[-1].previous(1.0)):
        places.append(found[0])
    after = [beside]
    while len(after) < 60 and (found := after[-1].next(1.0)):
        after.append(found[0])
    line = [*reversed(places), *after[1:]]
    points = np.array([(at.x, at.y) for at in (each.transform.location for each in line)], np.float64)
    return Line.through(points if len(points) > 1 else np.concatenate([points, points + 1.0]))


def oncoming_blocker(view: View, lane: Line, last: int, overtaking_mps: float) -> int | None:
    """Return the row of an oncoming car that would be met before the ego is back in its lane; None if none.

    Cars count also where the ego's road leaves the lane's own road, and whether they can be seen or not.

    Args:
        view: The tick.
        lane: Line of the oncoming cars.
        last: Point of the path at which the ego is back.
        overtaking_mps: Speed of the overtaking.
    """
    scene, route = view.scene, view.route
    last = min(last, len(route) - 1)
    way_m = (last - route.index) / POINTS_PER_M + 2.0 * float(scene.ego.extent[0]) + EXTRA_M
    ego_s = minimum_time_s(way_m, HINDERED * overtaking_mps, max(view.speed_mps, 0.0)) + SAFETY_S
    rows = np.flatnonzero(scene.is_vehicle & (np.abs(scene.relative[:, 2]) < 2.0 * SAME_ROAD_M))
    for line in (lane, _line_beside(view, last)):
        blocker = _blocker_on(view, line, last, ego_s, rows)
        if blocker is not None:
            return blocker
    return None


def _line_beside(view: View, last: int) -> Line:
    """Return the line one lane to the left of the planned path, in the direction of those who come on it."""
    route = view.route
    stretch = slice(max(route.index - 100, 0), last + int(ONCOMING_LANE_M * POINTS_PER_M), POINTS_PER_M)
    yaw = route.yaw_rad[stretch]
    left = np.stack([np.sin(yaw), -np.cos(yaw)], axis=1)
    return Line.through((route.original_xy[stretch] + route.lane_width[stretch, None] * left)[::-1])


def _blocker_on(view: View, line: Line, last: int, ego_s: float, rows: NDArray[np.intp]) -> int | None:
    """Return the row of the first car on a line that is too near."""
    scene, route = view.scene, view.route
    length = float(scene.ego.extent[0])
    back_m, _ = line.place(route.original_xy[last])
    here_m, _ = line.place(scene.ego.location[:2])
    for row in rows:
        along_m, beside_m = line.place(scene.origin[row, :2])
        yaw = float(line.yaw_rad[min(int(along_m / LINE_STEP_M), len(line.yaw_rad) - 1)])
        if beside_m > ON_LANE_M or np.cos(scene.yaw_rad[row] - yaw) < 0.0:
            continue
        if along_m - float(scene.half[row, 0]) > here_m + length:
            continue  # It has passed the ego.
        room_m = back_m - along_m - float(scene.half[row, 0]) - CLEARANCE_M
        if room_m < max(float(scene.speed_mps[row]), 1.0) * ego_s:
            return int(row)
    return None
