"""Planner: from the sparse key points of a route file to a dense route on the lane graph.

The result has one point per metre with the road option CARLA's own planner would give, so that criteria, agents
and drawings all refer to the same line.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

import carla
import numpy as np
from numpy.typing import NDArray

from lead.routes.lane_graph import LaneGraph, LaneKey, LanePath, LanePosition, LaneStep, lane_key
from lead.routes.model import RouteError

HOP_M = 1.0
MAX_OFFSET_M = 5.0
"""A key point farther than this from every driving lane is off the map."""
STRAIGHT_LIMIT_RAD = math.radians(35.0)
LANE_CHANGE_HOP_M = 5.0
"""Distance driven along the road while the route moves to the neighbouring lane."""
MIN_GAP_M = 0.05


class RoadOption(IntEnum):
    """Navigation command of a route point, numbered as in CARLA's ``agents`` package."""

    VOID = -1
    LEFT = 1
    RIGHT = 2
    STRAIGHT = 3
    LANEFOLLOW = 4
    CHANGELANELEFT = 5
    CHANGELANERIGHT = 6


@dataclass(frozen=True)
class DenseRoute:
    """Route traced on the lane graph, one point per metre (shorter steps where lanes end).

    Attributes:
        xyz: (n, 3) float64, lane centres, world frame, metres.
        yaw_rad: (n,) float64, driving direction.
        option: (n,) int8, values of :class:`RoadOption`.
        road_id: (n,) int32.
        section_id: (n,) int32.
        lane_id: (n,) int32.
        s: (n,) float64, road coordinate, metres.
        is_junction: (n,) bool.
        distance_m: (n,) float64, length of the line from the first point.
        waypoints: The carla way points themselves.
    """

    xyz: NDArray[np.float64]
    yaw_rad: NDArray[np.float64]
    option: NDArray[np.int8]
    road_id: NDArray[np.int32]
    section_id: NDArray[np.int32]
    lane_id: NDArray[np.int32]
    s: NDArray[np.float64]
    is_junction: NDArray[np.bool_]
    distance_m: NDArray[np.float64]
    waypoints: tuple[carla.Waypoint, ...]

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.waypoints)

    @property
    def length_m(self) -> float:
        """Length of the line in metres."""
        return float(self.distance_m[-1])


@dataclass
class _Span:
    """Piece of one lane driven from s_from to s_to; ``side`` tells how it was entered (see LaneStep)."""

    key: LaneKey
    s_from: float
    s_to: float
    side: int


class RoutePlanner:
    """Traces routes on one map; keep it to trace several routes of a town."""

    def __init__(self, carla_map: carla.Map) -> None:
        """Build the lane graph of a map."""
        self._map = carla_map
        self._graph = LaneGraph(carla_map)

    def trace(self, keypoints: NDArray[np.float64], name: str = "route") -> DenseRoute:
        """Connect key points by the shortest lane paths.

        Args:
            keypoints: (n, 3) float64, n >= 2, world frame, metres.
            name: Words for error messages, such as "route 7".

        Returns:
            The dense route from the first to the last key point.

        Raises:
            RouteError: If there are fewer than two key points, one is off the map, or two are not connected.
        """
        if len(keypoints) < 2:
            raise RouteError(f"{name} has {len(keypoints)} way points; a route needs at least two")
        positions = [self._locate(point, index, name) for index, point in enumerate(keypoints)]
        paths = self._connect(keypoints, positions, name)
        spans = [_Span(paths[0].steps[0].key, positions[0].s, positions[0].s, 0)]
        for path, goal in zip(paths, positions[1:], strict=True):
            self._append(spans, path.steps, goal)
        return self._sample(spans, name)

    def _connect(self, keypoints: NDArray[np.float64], positions: list[LanePosition], name: str) -> list[LanePath]:
        """Find the lane path of every leg."""
        paths = [self._graph.shortest_path(*leg) for leg in itertools.pairwise(positions)]
        connected = []
        for index, path in enumerate(paths):
            if path is None:
                raise RouteError(
                    f"{name}: no lane leads from way point {index + 1} at {_place(keypoints[index])} "
                    f"to way point {index + 2} at {_place(keypoints[index + 1])}"
                )
            connected.append(path)
        return connected

    def _locate(self, point: NDArray[np.float64], index: int, name: str) -> LanePosition:
        location = carla.Location(*(float(value) for value in point))
        waypoint = self._map.get_waypoint(location, project_to_road=True, lane_type=carla.LaneType.Driving)
        offset_m = math.inf
        if waypoint is not None:
            centre = waypoint.transform.location
            offset_m = math.hypot(centre.x - location.x, centre.y - location.y) - 0.5 * waypoint.lane_width
        if waypoint is None or offset_m > MAX_OFFSET_M:
            raise RouteError(
                f"{name}: way point {index + 1} at {_place(point)} is off the map "
                f"(no driving lane of {_town(self._map)} within {MAX_OFFSET_M:.0f} m)"
            )
        if lane_key(waypoint) not in self._graph:
            raise RouteError(f"{name}: way point {index + 1} at {_place(point)} lies on a lane without connections")
        return LanePosition(lane_key(waypoint), float(waypoint.s))

    def _append(self, spans: list[_Span], steps: tuple[LaneStep, ...], goal: LanePosition) -> None:
        """Extend the spans along a lane path up to the goal."""
        for step, following in zip(steps, [*steps[1:], None], strict=True):
            span = spans[-1]
            if step is not steps[0]:
                span = _Span(step.key, *self._entry(span, step), step.side)
                spans.append(span)
            direction = span.key.direction
            if following is None:
                stop_s = goal.s
            elif following.side == 0:
                stop_s = self._graph.end_s(span.key)
            else:
                stop_s = self._change_place(span, following)
            if (stop_s - span.s_to) * direction > 0.0:
                span.s_to = stop_s

    def _entry(self, previous: _Span, step: LaneStep) -> tuple[float, float]:
        """Return the (s_from, s_to) at which a lane is entered."""
        if step.side == 0:
            start_s = self._graph.start_s(step.key)
            return start_s, start_s
        direction = step.key.direction
        s = previous.s_to + direction * LANE_CHANGE_HOP_M
        end_s = self._graph.end_s(step.key)
        s = end_s if (s - end_s) * direction > 0.0 else s
        return s, s

    def _change_place(self, span: _Span, following: LaneStep) -> float:
        """Return the first s, not behind the span's end, where the lane change is permitted."""
        direction = span.key.direction
        for change in self._graph.lane_changes(span.key):
            if change.target == following.key and change.side == following.side:
                for s in change.places_s:
                    if (s - span.s_to) * direction >= 0.0:
                        return s
        return span.s_to

    def _sample(self, spans: Iterable[_Span], name: str) -> DenseRoute:
        waypoints: list[carla.Waypoint] = []
        options: list[int] = []
        points: list[tuple[float, float, float]] = []
        for span in spans:
            if span.side != 0:
                change = RoadOption.CHANGELANELEFT if span.side < 0 else RoadOption.CHANGELANERIGHT
                if options:
                    options[-1] = change
            for index, waypoint in enumerate(self._walk(span)):
                location = waypoint.transform.location
                point = (location.x, location.y, location.z)
                if points and math.dist(points[-1], point) < MIN_GAP_M:
                    continue
                waypoints.append(waypoint)
                points.append(point)
                options.append(change if span.side != 0 and index == 0 else RoadOption.LANEFOLLOW)
        if len(points) < 2:
            raise RouteError(f"{name} is shorter than one metre")
        return _assemble(waypoints, np.array(points, dtype=np.float64), np.array(options, dtype=np.int8))

    def _walk(self, span: _Span) -> Iterable[carla.Waypoint]:
        length_m = abs(span.s_to - span.s_from)
        count = int(length_m / HOP_M)
        offsets = [index * HOP_M for index in range(count + 1)]
        if length_m - offsets[-1] > 0.5 * HOP_M:
            offsets.append(length_m)
        for offset_m in offsets:
            waypoint = self._graph.waypoint(span.key, span.s_from + span.key.direction * offset_m)
            if waypoint is not None:
                yield waypoint


def trace_route(carla_map: carla.Map, keypoints: NDArray[np.float64], name: str = "route") -> DenseRoute:
    """Trace one route on a map; see :meth:`RoutePlanner.trace`."""
    return RoutePlanner(carla_map).trace(keypoints, name)


def _assemble(waypoints: list[carla.Waypoint], xyz: NDArray[np.float64], option: NDArray[np.int8]) -> DenseRoute:
    yaw_deg = np.array([waypoint.transform.rotation.yaw for waypoint in waypoints], dtype=np.float64)
    yaw_rad = np.remainder(np.radians(yaw_deg) + np.pi, 2.0 * np.pi) - np.pi
    is_junction = np.array([waypoint.is_junction for waypoint in waypoints], dtype=np.bool_)
    step_m = np.linalg.norm(np.diff(xyz, axis=0), axis=1)
    _mark_turns(option, yaw_rad, is_junction)
    return DenseRoute(
        xyz=xyz,
        yaw_rad=yaw_rad,
        option=option,
        road_id=np.array([waypoint.road_id for waypoint in waypoints], dtype=np.int32),
        section_id=np.array([waypoint.section_id for waypoint in waypoints], dtype=np.int32),
        lane_id=np.array([waypoint.lane_id for waypoint in waypoints], dtype=np.int32),
        s=np.array([waypoint.s for waypoint in waypoints], dtype=np.float64),
        is_junction=is_junction,
        distance_m=np.concatenate([[0.0], np.cumsum(step_m)]),
        waypoints=tuple(waypoints),
    )


def _mark_turns(option: NDArray[np.int8], yaw_rad: NDArray[np.float64], is_junction: NDArray[np.bool_]) -> None:
    """Write LEFT, RIGHT or STRAIGHT into the lane-follow points of every run of junction points."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_junction.astype(np.int8), [0]])))
    for first, after in edges.reshape(-1, 2):
        heading_in = yaw_rad[max(first - 1, 0)]
        heading_out = yaw_rad[min(after, len(yaw_rad) - 1)]
        turn = math.remainder(heading_out - heading_in, 2.0 * math.pi)
        if abs(turn) < STRAIGHT_LIMIT_RAD:
            command = RoadOption.STRAIGHT
        else:
            command = RoadOption.RIGHT if turn > 0.0 else RoadOption.LEFT
        run = option[first:after]
        run[run == RoadOption.LANEFOLLOW] = command


def _place(point: NDArray[np.float64]) -> str:
    return f"({point[0]:.1f}, {point[1]:.1f}, {point[2]:.1f})"


def _town(carla_map: carla.Map) -> str:
    return str(carla_map.name).rsplit("/", maxsplit=1)[-1]
