"""Intelligent Driver Model: how fast to be in the next tick behind something that moves or stands.

The equations are integrated as published, with the adaptive Runge-Kutta pair of Dormand and Prince (1980) at SciPy's
default settings: close to an obstacle they are stiff, and another integrator gives another speed. Plain floats, because
SciPy's general solver takes a hundred times as long for two numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

ACCELERATION_MPS2 = 24.0
SLOW_BRAKING_MPS2, FAST_BRAKING_MPS2 = 8.7, 3.72
FAST_MPS = 6.02
"""Above this speed the comfortable deceleration is the small one."""
EXPONENT = 4
TICK_S = 0.05
MIN_GAP_M = 0.1

RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 1e-3, 1e-6
SAFETY, MIN_FACTOR, MAX_FACTOR = 0.9, 0.2, 10.0
ERROR_EXPONENT = -0.2
MIN_STEP_S = 1e-12
_NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0)
_STAGES: tuple[tuple[float, ...], ...] = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
)
_WEIGHTS = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)
_ERROR = (-71 / 57600, 0.0, 71 / 16695, -71 / 1920, 17253 / 339200, -22 / 525, 1 / 40)

State = tuple[float, float]
"""Way in metres and speed in m/s, or their derivatives."""


@dataclass(frozen=True)
class Gap:
    """What one keeps behind something.

    Attributes:
        length_m: Length of the other that lies within the distance.
        min_m: Distance kept at a standstill.
        headway_s: Time gap.
    """

    length_m: float
    min_m: float
    headway_s: float


def idm_speed(free_mps: float, speed_mps: float, lead_mps: float, distance_m: float, gap: Gap) -> float:
    """Integrate the model over one tick.

    The model (Treiber, Hennecke, Helbing 2000): dv/dt = a [1 - (v/v0)^4 - (s*/s)^2] with the wanted gap
    s* = s0 + v T + v (v - v_lead) / (2 sqrt(a b)).

    Args:
        free_mps: Speed wanted on a free road, above 0.
        speed_mps: Own speed.
        lead_mps: Speed of what is ahead.
        distance_m: Distance to it, from centre to centre.
        gap: What is kept.

    Returns:
        Speed after the tick, at least 0.
    """
    braking = FAST_BRAKING_MPS2 if speed_mps > FAST_MPS else SLOW_BRAKING_MPS2
    root = 2.0 * math.sqrt(ACCELERATION_MPS2 * braking)
    room_m = distance_m - gap.length_m

    def rate(time_s: float, state: State) -> State:
        way_m, speed = state
        wanted = gap.min_m + speed * gap.headway_s + speed * (speed - lead_mps) / root
        free = max(MIN_GAP_M, room_m + time_s * lead_mps - way_m)
        share = speed / free_mps
        return speed, ACCELERATION_MPS2 * (1.0 - share * share * share * share - (wanted / free) * (wanted / free))

    return max(0.0, _integrate(rate, (0.0, speed_mps), TICK_S)[1])


def _integrate(rate: Callable[[float, State], State], state: State, end_s: float) -> State:
    """Integrate from time 0 with steps that adapt to the estimated error."""
    slope = rate(0.0, state)
    time, step = 0.0, _first_step(rate, state, slope, end_s)
    is_retry = False
    while time < end_s:
        if step < MIN_STEP_S:
            return state  # The speed has run away from anything physical; it is cut off at zero.
        step = min(step, end_s - time)
        after, after_slope, error = _step(rate, time, state, slope, step)
        if not math.isfinite(error):
            step, is_retry = step * MIN_FACTOR, True
            continue
        if error >= 1.0:
            step, is_retry = step * max(MIN_FACTOR, SAFETY * error**ERROR_EXPONENT), True
            continue
        time = end_s if end_s - time - step <= 0.0 else time + step
        factor = MAX_FACTOR if error == 0.0 else min(MAX_FACTOR, SAFETY * error**ERROR_EXPONENT)
        step *= min(1.0, factor) if is_retry else factor
        state, slope, is_retry = after, after_slope, False
    return state


def _step(
    rate: Callable[[float, State], State], time: float, state: State, slope: State, step: float
) -> tuple[State, State, float]:
    """Return the state after a step, the slope there and the error in units of the tolerance."""
    slopes = [slope]
    for node, factors in zip(_NODES[1:], _STAGES[1:], strict=True):
        slopes.append(rate(time + node * step, _moved(state, slopes, factors, step)))
    after = _moved(state, slopes, _WEIGHTS, step)
    slopes.append(rate(time + step, after))
    parts = [
        step
        * sum(weight * each[part] for weight, each in zip(_ERROR, slopes, strict=True))
        / (ABSOLUTE_TOLERANCE + max(abs(state[part]), abs(after[part])) * RELATIVE_TOLERANCE)
        for part in (0, 1)
    ]
    return after, slopes[-1], _norm(parts[0], parts[1])


def _moved(state: State, slopes: list[State], factors: tuple[float, ...], step: float) -> State:
    way = sum(factor * slope[0] for factor, slope in zip(factors, slopes, strict=True))
    speed = sum(factor * slope[1] for factor, slope in zip(factors, slopes, strict=True))
    return state[0] + step * way, state[1] + step * speed


def _first_step(rate: Callable[[float, State], State], state: State, slope: State, end_s: float) -> float:
    """Guess the first step (Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I, II.4)."""
    scale = tuple(ABSOLUTE_TOLERANCE + abs(value) * RELATIVE_TOLERANCE for value in state)
    d0 = _norm(state[0] / scale[0], state[1] / scale[1])
    d1 = _norm(slope[0] / scale[0], slope[1] / scale[1])
    h0 = min(1e-6 if d0 < 1e-5 or d1 < 1e-5 else 0.01 * d0 / d1, end_s)
    moved = rate(h0, (state[0] + h0 * slope[0], state[1] + h0 * slope[1]))
    d2 = _norm((moved[0] - slope[0]) / scale[0], (moved[1] - slope[1]) / scale[1]) / h0
    steepest = max(d1, d2)
    h1 = max(1e-6, h0 * 1e-3) if steepest <= 1e-15 else (0.01 / steepest) ** 0.2
    return min(100.0 * h0, h1, end_s)


def _norm(first: float, second: float) -> float:
    return math.sqrt(0.5 * (first * first + second * second))
