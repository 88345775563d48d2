"""Gaps in streams of traffic: would the ego meet anybody if it drove on now?

The ego is let drive along its path with full throttle up to a speed, and everybody else along a line with the speed he
has; both as boxes, every tenth of a second. This covers crossings, merging and lane changes alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lead.expert.curves import curve_speeds
from lead.expert.forward_models import ego_speed
from lead.expert.route import POINTS_PER_M, ExpertRoute
from lead.expert.scene import Scene
from lead.geometry.boxes import box_overlap_depth

Floats = NDArray[np.float64]

STEP_S = 0.1
TICKS_PER_STEP = 2
CORRIDOR_M = 2.4
"""Lines nearer to each other than this cannot be driven at the same time."""
LINE_STEP_M = 0.5
REACTION_S = 0.6
"""Those who brake for the ego begin after this time."""


@dataclass(frozen=True)
class Line:
    """A line that somebody drives along.

    Attributes:
        xy: (m, 2) points every half metre, world frame, metres.
        yaw_rad: (m,) headings.
    """

    xy: Floats
    yaw_rad: Floats

    @classmethod
    def through(cls, points: Floats) -> Line:
        """Sample the line through (k, 2) points, k >= 2."""
        steps = np.hypot(*np.diff(points, axis=0).T)
        keep = np.concatenate([[True], steps > 1e-3])
        points = points[keep]
        length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
        grid = np.arange(0.0, length[-1] + LINE_STEP_M, LINE_STEP_M)
        xy = np.stack([np.interp(grid, length, column) for column in points.T], axis=1)
        tangent = np.gradient(xy, axis=0) if len(xy) > 1 else np.array([[1.0, 0.0]])
        return cls(xy, np.arctan2(tangent[:, 1], tangent[:, 0]))

    @classmethod
    def straight(cls, place: Floats, yaw_rad: float, length_m: float) -> Line:
        """Return the line straight ahead of a (2,) place."""
        ahead = np.array([math.cos(yaw_rad), math.sin(yaw_rad)])
        return cls.through(np.stack([place, place + length_m * ahead]))

    def place(self, point: Floats) -> tuple[float, float]:
        """Return how far along the line a (2,) point is, and how far beside it, metres."""
        offset = point - self.xy
        distance = np.hypot(*offset.T)
        nearest = int(np.argmin(distance))
        ahead_m = float(offset[nearest] @ np.array([math.cos(self.yaw_rad[nearest]), math.sin(self.yaw_rad[nearest])]))
        along_m = nearest * LINE_STEP_M + float(np.clip(ahead_m, -LINE_STEP_M, LINE_STEP_M))
        return max(along_m, 0.0), float(distance[nearest])

    def at(self, along_m: Floats) -> tuple[Floats, Floats]:
        """Return positions (..., 2) and headings at distances; beyond the end straight on."""
        grid = np.clip(along_m / LINE_STEP_M, 0.0, len(self.xy) - 1)
        index = grid.astype(np.intp)
        part = (grid - index)[..., None]
        after = np.minimum(index + 1, len(self.xy) - 1)
        xy = (1.0 - part) * self.xy[index] + part * self.xy[after]
        yaw = self.yaw_rad[index]
        excess = np.maximum(along_m - (len(self.xy) - 1) * LINE_STEP_M, 0.0)[..., None]
        return xy + excess * np.stack([np.cos(yaw), np.sin(yaw)], axis=-1), yaw


@dataclass(frozen=True)
class Runner:
    """Somebody on a line.

    Attributes:
        row: Row in the scene.
        line: His line.
        along_m: Where he is on it.
        speed_mps: His speed.
    """

    row: int
    line: Line
    along_m: float
    speed_mps: float


@dataclass(frozen=True)
class Margins:
    """Room that is kept to others.

    Attributes:
        length_m: Before and behind them.
        headway_s: The same in seconds of their speed.
        width_m: On both sides.
        horizon_s: How far to look.
        yields_mps2: They are expected to brake as much for the ego once they have seen it.
        own_length_m: Added to the half length of the ego's box.
        own_width_m: Added to its half width.
    """

    length_m: float = 0.6
    headway_s: float = 0.25
    width_m: float = 0.3
    horizon_s: float = 7.0
    yields_mps2: float = 0.0
    own_length_m: float = 0.4
    own_width_m: float = 0.25


def ego_way(
    route: ExpertRoute, speed_mps: float, free_mps: float, horizon_s: float, *, hurried: bool = False
) -> Floats:
    """Return how far (t,) the ego comes along its path every tenth of a second, metres, with full throttle."""
    limits = curve_speeds(route, hurried=hurried)
    way, speed = 0.0, max(speed_mps, 0.0)
    result = np.empty(int(horizon_s / STEP_S))
    for number in range(len(result)):
        limit = min(free_mps, float(limits[min(int(way * POINTS_PER_M), len(limits) - 1)]))
        for _ in range(TICKS_PER_STEP):
            speed = min(ego_speed(speed, 1.0, False), limit) if speed < limit else max(limit, speed - 0.3)
        way += speed * STEP_S
        result[number] = way
    return result


def conflicts(scene: Scene, route: ExpertRoute, way_m: Floats, runners: list[Runner], margins: Margins) -> list[int]:
    """Return the rows of those whom the ego would meet.

    Args:
        scene: The scene.
        route: The ego's path.
        way_m: Result of :func:`ego_way`.
        runners: Others.
        margins: Room kept to them.
    """
    if not runners:
        return []
    steps = len(way_m)
    index = np.minimum(route.index + (way_m * POINTS_PER_M).astype(np.intp), len(route) - 1)
    own_xy, own_yaw = route.xy[index], route.yaw_rad[index]
    own = scene.ego.extent[:2] + np.array([margins.own_length_m, margins.own_width_m])
    times: Floats = STEP_S * np.arange(1, steps + 1, dtype=np.float64)
    found = []
    for runner in runners:
        xy, yaw = runner.line.at(runner.along_m + _ways(runner.speed_mps, margins.yields_mps2, times))
        half = scene.half[runner.row, :2] + np.array(
            [margins.length_m + margins.headway_s * runner.speed_mps, margins.width_m]
        )
        depth = box_overlap_depth(
            own_xy, own_yaw, np.broadcast_to(own, (steps, 2)), xy, yaw, np.broadcast_to(half, (steps, 2))
        )
        if (depth > 0.0).any():
            found.append(runner.row)
    return found


def _ways(speed_mps: float, braking_mps2: float, times_s: Floats) -> Floats:
    """Return how far somebody comes who brakes after a moment."""
    if braking_mps2 <= 0.0:
        return np.asarray(speed_mps * times_s)
    braking = np.clip(times_s - REACTION_S, 0.0, speed_mps / braking_mps2)
    cruising = np.minimum(times_s, REACTION_S)
    return np.asarray(speed_mps * (cruising + braking) - 0.5 * braking_mps2 * braking**2)


def first_meeting(route: ExpertRoute, line: Line, reach_points: int = 1500) -> tuple[int, int] | None:
    """Return the first and the last point of the path ahead that a line comes close to; None if it stays away.

    The stretch ends where the lines part again.
    """
    window = np.arange(max(route.index - 30, 0), min(route.index + reach_points, len(route)), 3)
    points = route.xy[window]
    gap = np.hypot(points[:, None, 0] - line.xy[None, :, 0], points[:, None, 1] - line.xy[None, :, 1])
    close = gap.min(axis=1) < CORRIDOR_M
    if not close.any():
        return None
    first = int(np.argmax(close))
    parted = np.flatnonzero(~close[first:])
    last = first + int(parted[0]) if len(parted) else len(window) - 1
    return int(window[first]), int(window[last])
