"""How vehicles move in the next ticks: a kinematic bicycle and fits of CARLA's pedals, as published for the expert."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lead.control.vehicle_fits import (
    ACCELERATION_MPS2,
    BRAKE_FIT,
    BRAKING_MPS2,
    REAR_AXLE_M,
    SLIP_PER_TANGENT,
    THROTTLE_FIT,
    THROTTLE_FIT_FROM,
    WHEEL_RAD_PER_STEER,
)

TICK_S = 0.05
_KMH = 3.6
_NORMALISED = 120.0
_START = (0.00904221, 0.00733342, -0.03744807, 0.0235038)


def ego_step(x: float, y: float, heading_rad: float, speed_mps: float, steer: float) -> tuple[float, float, float]:
    """Move the ego by one tick with the speed it has at the tick's beginning.

    Returns:
        x and y in metres and the heading in radians.
    """
    slip = math.atan(SLIP_PER_TANGENT * math.tan(WHEEL_RAD_PER_STEER * steer))
    step = speed_mps * TICK_S
    return (
        x + step * math.cos(heading_rad + slip),
        y + step * math.sin(heading_rad + slip),
        heading_rad + step / REAR_AXLE_M * math.sin(slip),
    )


def ego_speed(speed_mps: float, throttle: float, brake: bool) -> float:
    """Return the ego's speed one tick later."""
    v = speed_mps * _KMH
    if brake:
        v = sum(factor * v**power for power, factor in enumerate(BRAKE_FIT, start=1))
    elif throttle >= THROTTLE_FIT_FROM:
        t = throttle
        terms = (v, v * v, t, t * t, v * t, v * t * t, v * v * t, v * v * t * t)
        v = sum(factor * term for factor, term in zip(THROTTLE_FIT, terms, strict=True))
    return max(0.0, v / _KMH)


def other_paths(
    xy: NDArray[np.float64],
    heading_rad: NDArray[np.float64],
    speed_mps: NDArray[np.float64],
    controls: NDArray[np.float64],
    ticks: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Let other vehicles go on with the controls they have now.

    Args:
        xy: (n, 2) positions, metres.
        heading_rad: (n,).
        speed_mps: (n,).
        controls: (n, 3) throttle, steering, brake; only a full brake counts as braking, as published.
        ticks: Number of ticks.

    Returns:
        Positions (ticks, n, 2), headings (ticks, n) and speeds (ticks, n) after each tick.
    """
    count = len(xy)
    throttle, steer, brake = controls.T
    change = np.where(brake >= 1.0, -BRAKING_MPS2, ACCELERATION_MPS2 * throttle) * TICK_S
    slip = np.arctan(SLIP_PER_TANGENT * np.tan(WHEEL_RAD_PER_STEER * steer))
    # The speed changes by the same amount every tick until it is zero, so everything is a running sum.
    after = np.maximum(speed_mps + change * np.arange(1, ticks + 1)[:, None], 0.0)
    before = np.concatenate([np.maximum(speed_mps, 0.0)[None], after[:-1]])
    turn = before * TICK_S / REAR_AXLE_M * np.sin(slip)
    heading = heading_rad + np.cumsum(turn, axis=0)
    course = np.concatenate([np.broadcast_to(heading_rad, (1, count)), heading[:-1]]) + slip
    step = before[..., None] * TICK_S * np.stack([np.cos(course), np.sin(course)], axis=-1)
    return xy + np.cumsum(step, axis=0), heading, after


def full_throttle_mps(speed_mps: float, target_mps: float) -> float:
    """Return the ego's speed one tick later at full throttle, not above the target."""
    return min(ego_speed(max(speed_mps, 0.0), 1.0, False), target_mps)


def published_full_throttle_mps(speed_mps: float, target_mps: float) -> float:
    """Return the same by the published fit for overtaking, which takes 1/120 of m/s for 1/120 of km/h.

    With it the ego takes itself to be far quicker than it is, so decisions use :func:`full_throttle_mps`.
    """
    n = speed_mps / _NORMALISED
    gain = _START[0] + _START[1] * n + _START[2] * n**2 + _START[3] * n**3
    return min(max(_NORMALISED * (n + max(0.0, gain)), 0.0), target_mps)


def minimum_time_s(
    distance_m: float,
    target_mps: float,
    speed_mps: float,
    quicker: Callable[[float, float], float] = full_throttle_mps,
) -> float:
    """Return the least time for a distance from a speed with full throttle up to a target speed, seconds.

    Args:
        distance_m: The distance.
        target_mps: Greatest speed.
        speed_mps: Speed at the beginning.
        quicker: Speed one tick later at full throttle, from speed and target.
    """
    if target_mps <= 0.0:
        return math.inf
    time, left, speed = 0.0, distance_m, speed_mps
    while left >= speed * TICK_S and speed != target_mps:
        left -= speed * TICK_S
        time += TICK_S
        speed = quicker(speed, target_mps)
    return time + left / speed
