"""Where everybody will be in the next two seconds, and whom the ego would hit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lead.control.lateral import LateralController
from lead.control.longitudinal import LongitudinalController
from lead.expert.forward_models import TICK_S, ego_speed, ego_step, other_paths
from lead.expert.route import POINTS_PER_M, ExpertRoute
from lead.expert.scene import SAME_ROAD_M, Scene
from lead.geometry.boxes import box_overlap_depth
from lead.geometry.frames import wrap_rad

HORIZON_TICKS, LANE_CHANGE_TICKS = 40, 22
FAST_MPS = 5.0
EGO_LENGTH, EGO_WIDTH = 1.3, 1.2
"""The ego's box is so much larger when it is faster than :data:`FAST_MPS`."""
SLOW_MPS = 1.0
LENGTH, LANE_CHANGE_LENGTH, WIDTH = 1.2, 2.0, 1.3
"""Boxes of others that are faster than :data:`SLOW_MPS` grow by these factors."""
WALKER_MIN_MPS, WALKER_MIN_HALF_M = 0.5, 1.5
COAST_KMH, STOP_MPS = -4.82, 0.1
_KMH = 3.6


@dataclass(frozen=True)
class EgoForecast:
    """The ego along its path.

    Attributes:
        xy: (t, 2) positions after each tick.
        yaw_rad: (t,).
        speed_mps: (t,).
    """

    xy: NDArray[np.float64]
    yaw_rad: NDArray[np.float64]
    speed_mps: NDArray[np.float64]


@dataclass(frozen=True)
class Hit:
    """A collision that would come.

    Attributes:
        row: Row of the other in the scene.
        tick: After so many ticks.
    """

    row: int
    tick: int


def forecast_ego(scene: Scene, route: ExpertRoute, target_mps: float, ticks: int) -> EgoForecast:
    """Let the ego's own controllers drive it along its path.

    Args:
        scene: Where it is now.
        route: Its path.
        target_mps: Speed it wants.
        ticks: How far to look.
    """
    x, y = (float(value) for value in scene.ego.location[:2])
    yaw, speed = scene.ego.yaw_rad, max(scene.ego_speed_mps, 0.0)
    lateral, longitudinal = LateralController(), LongitudinalController()
    window = route.xy[route.index : route.index + 1200]
    way_m = 0.0
    states = np.empty((ticks, 4))
    for tick in range(ticks):
        throttle, brake = extrapolated_pedals(longitudinal, target_mps, speed)
        steer = lateral.step(window[int(way_m * POINTS_PER_M) :], np.array([x, y]), yaw, speed)
        way_m += speed * TICK_S
        x, y, yaw = ego_step(x, y, yaw, speed, steer)
        speed = ego_speed(speed, throttle, brake)
        states[tick] = x, y, yaw, speed
    return EgoForecast(states[:, :2], states[:, 2], states[:, 3])


def extrapolated_pedals(controller: LongitudinalController, target_mps: float, speed_mps: float) -> tuple[float, bool]:
    """Return throttle and brake as forecasts use them: rather coast than brake."""
    if target_mps < STOP_MPS:
        return 0.0, True
    if (target_mps - speed_mps) * _KMH < COAST_KMH:
        return 0.0, False
    pedals = controller.step(target_mps, speed_mps)
    return pedals.throttle, pedals.brake


def vehicle_hits(scene: Scene, ego: EgoForecast, rows: NDArray[np.intp], *, near_lane_change: bool) -> list[Hit]:
    """Return whom of some vehicles the ego would hit, soonest first."""
    if not len(rows):
        return []
    ticks = len(ego.xy)
    xy, yaw, speed = other_paths(
        scene.origin[rows, :2], scene.yaw_rad[rows], scene.speed_mps[rows], scene.control[rows], ticks
    )
    # Centres of boxes lie beside the origins by what they do now.
    xy = xy + (scene.center[rows, :2] - scene.origin[rows, :2])
    slow = speed < SLOW_MPS
    length = np.where(slow, 1.0, LANE_CHANGE_LENGTH if near_lane_change else LENGTH)
    grown = np.maximum(1.0, WIDTH * np.arange(1, ticks + 1) / ticks)[:, None]
    half = np.stack([scene.half[rows, 0] * length, scene.half[rows, 1] * np.where(slow, 1.0, grown)], axis=-1)
    return _hits(scene, ego, rows, xy, yaw, half)


def walker_hits(scene: Scene, ego: EgoForecast, rows: NDArray[np.intp]) -> list[Hit]:
    """Return whom of some walkers the ego would hit, soonest first; walkers go straight on."""
    if not len(rows):
        return []
    ticks = len(ego.xy)
    velocity = scene.velocity[rows, :2]
    pace = np.hypot(*velocity.T)
    heading = np.where(pace > 0.1, np.arctan2(velocity[:, 1], velocity[:, 0]), scene.yaw_rad[rows])
    pace = np.maximum(pace, WALKER_MIN_MPS)
    step = (pace * TICK_S)[:, None] * np.stack([np.cos(heading), np.sin(heading)], axis=1)
    xy = scene.origin[rows, :2] + np.arange(1, ticks + 1)[:, None, None] * step
    half = np.broadcast_to(np.maximum(scene.half[rows, :2], WALKER_MIN_HALF_M), (ticks, len(rows), 2))
    return _hits(scene, ego, rows, xy, np.broadcast_to(heading, (ticks, len(rows))), half)


def _hits(
    scene: Scene,
    ego: EgoForecast,
    rows: NDArray[np.intp],
    xy: NDArray[np.float64],
    yaw: NDArray[np.float64],
    half: NDArray[np.float64],
) -> list[Hit]:
    """Test the ego's boxes with (t, n) boxes of others."""
    ticks, count = xy.shape[:2]
    fast = ego.speed_mps >= FAST_MPS
    own = np.stack(
        [
            scene.ego.extent[0] * np.where(fast, EGO_LENGTH, 1.0),
            scene.ego.extent[1] * np.where(fast, EGO_WIDTH, 1.0),
        ],
        axis=1,
    )
    repeat = np.repeat(np.arange(ticks), count)
    depth = box_overlap_depth(
        ego.xy[repeat],
        ego.yaw_rad[repeat],
        own[repeat],
        xy.reshape(-1, 2),
        yaw.reshape(-1),
        half.reshape(-1, 2),
    ).reshape(ticks, count)
    level = np.abs(scene.relative[rows, 2]) < SAME_ROAD_M
    touching = (depth > 0.0) & level
    hits = [Hit(int(rows[other]), int(np.argmax(touching[:, other]))) for other in np.flatnonzero(touching.any(axis=0))]
    return sorted(hits, key=lambda hit: hit.tick)


def leading_rows(scene: Scene, route: ExpertRoute) -> NDArray[np.intp]:
    """Return the vehicles on the path within the next 80 m that drive along it."""
    return _rows_along(scene, route.xy, route.yaw_rad, (route.index, route.index + 800), 2.5, math.radians(35.0))


def trailing_rows(scene: Scene, route: ExpertRoute, after_lane_change: bool) -> NDArray[np.intp]:
    """Return the vehicles that follow the ego on the path within 80 m."""
    reach_m = 6.0 if after_lane_change else 3.0
    return _rows_along(
        scene, route.xy, route.yaw_rad, (route.index - 800, route.index), reach_m, math.radians(30.0), behind=True
    )


def _rows_along(
    scene: Scene,
    xy: NDArray[np.float64],
    yaw_rad: NDArray[np.float64],
    stretch: tuple[int, int],
    reach_m: float,
    angle_rad: float,
    *,
    behind: bool = False,
) -> NDArray[np.intp]:
    rows = scene.moving_vehicles
    rows = rows[(scene.relative[rows, 0] < 0.0) == behind] if len(rows) else rows
    first, last = max(stretch[0], 0), max(stretch[1], 0)
    points, headings = xy[first:last:10], yaw_rad[first:last:10]
    if not len(rows) or not len(points):
        return rows[:0]
    offset = scene.origin[rows, None, :2] - points[None]
    close = np.hypot(offset[..., 0], offset[..., 1]) < reach_m
    turn = np.abs(wrap_rad(scene.yaw_rad[rows, None] - headings[None]))
    level = np.abs(scene.relative[rows, 2]) < SAME_ROAD_M
    along: NDArray[np.intp] = rows[(close & (turn < angle_rad)).any(axis=1) & level]
    return along
