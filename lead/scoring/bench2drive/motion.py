"""Efficiency and comfort (smoothness) of Bench2Drive.

The comfort measure has known quirks, and every published number contains them, so they are kept: rates are used as
they are logged (degrees per second in CARLA, although the bounds are in radians), the time step is taken as 0.1 s
although rows are logged at 20 Hz, and the "yaw acceleration" is the smoothed yaw rate, not its derivative.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lead.scoring.messages import percentage
from lead.scoring.schema import ResultError, is_number, read_json

CHUNK_ROWS = 20
FILTER_WINDOW = 7
FILTER_ORDER = 2
STEP_S = 0.1
MAX_EFFICIENCY_PERCENT = 1000.0

LONGITUDINAL_MPS2 = (-4.05, 2.40)
LATERAL_MPS2 = (-4.89, 4.89)
JERK_MPS3 = (-8.37, 8.37)
LONGITUDINAL_JERK_MPS3 = (-4.13, 4.13)
YAW_ACCELERATION = (-1.93, 1.93)
YAW_RATE = (-0.95, 0.95)

_Rows = NDArray[np.float64]


@dataclass(frozen=True)
class MotionLog:
    """Motion of the ego over a route; all (n, 3) float64, one row per logged tick, world frame.

    Attributes:
        acceleration: m/s^2.
        angular_velocity: As logged; CARLA gives degrees per second.
        forward_vector: Unit vectors.
        right_vector: Unit vectors.
    """

    acceleration: _Rows
    angular_velocity: _Rows
    forward_vector: _Rows
    right_vector: _Rows

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.acceleration)


_COLUMNS = ("acceleration", "angular_velocity", "forward_vector", "right_vector")


def read_motion(path: Path) -> MotionLog:
    """Read a ``metric_info.json``.

    Raises:
        ResultError: If it is unreadable, or a row lacks a vector of three finite numbers; names row and key.
    """
    data = read_json(path)
    if not isinstance(data, Mapping):
        raise ResultError(f"{path} is not an object of rows")
    columns = [[_vector(row, name, f"{path}: row {key}") for key, row in data.items()] for name in _COLUMNS]
    return MotionLog(*(np.array(column, dtype=np.float64).reshape(-1, 3) for column in columns))


def _vector(row: Any, name: str, where: str) -> list[float]:
    value = row.get(name) if isinstance(row, Mapping) else None
    if not isinstance(value, list) or len(value) != 3:
        raise ResultError(f"{where}: {name} is missing or not a list of three numbers")
    if not all(map(is_number, value)):
        raise ResultError(f"{where}: {name} holds something that is not a usable number")
    return value


def comfort(log: MotionLog) -> float | None:
    """Return the share of comfortable chunks of a route.

    Args:
        log: Motion of the route. An incomplete chunk at the end is ignored; a log of at most one chunk counts
            whole.

    Returns:
        0 to 1, or None if the log has too few rows (fewer than three) for the filter.
    """
    if len(log) <= FILTER_ORDER:
        return None
    rows = CHUNK_ROWS if len(log) > CHUNK_ROWS else len(log)
    whole = len(log) // rows * rows
    return float(np.mean(_are_comfortable(*(getattr(log, name)[:whole].reshape(-1, rows, 3) for name in _COLUMNS))))


def _are_comfortable(acceleration: _Rows, angular_velocity: _Rows, forward: _Rows, right: _Rows) -> NDArray[np.bool_]:
    """Tell of every chunk whether all six smoothed signals stay inside their bounds.

    Args:
        acceleration: (chunks, rows, 3), at least three rows; the others likewise.
        angular_velocity: As logged.
        forward: Unit vectors.
        right: Unit vectors.

    Returns:
        (chunks,).
    """
    planar = acceleration[..., :2]
    longitudinal = _smooth(np.sum(planar * forward[..., :2], axis=-1))
    lateral = _smooth(np.sum(planar * right[..., :2], axis=-1))
    magnitude = _smooth(np.hypot(planar[..., 0], planar[..., 1]))
    yaw_rate = _smooth(_unwrap(angular_velocity[..., 2]))
    signals = (
        (longitudinal, LONGITUDINAL_MPS2),
        (lateral, LATERAL_MPS2),
        (_smooth(magnitude, derivative=1), JERK_MPS3),
        (_smooth(longitudinal, derivative=1), LONGITUDINAL_JERK_MPS3),
        (yaw_rate, YAW_ACCELERATION),
        (yaw_rate, YAW_RATE),
    )
    comfortable = np.ones(len(planar), dtype=np.bool_)
    for signal, (low, high) in signals:
        comfortable &= ((signal > low) & (signal < high)).all(axis=-1)
    return comfortable


def _smooth(signal: _Rows, derivative: int = 0) -> _Rows:
    """Smooth along the last axis."""
    from scipy.signal import savgol_filter

    window = min(FILTER_WINDOW, signal.shape[-1])
    smoothed: _Rows = savgol_filter(signal, window, FILTER_ORDER, deriv=derivative, delta=STEP_S)
    return smoothed


def _unwrap(rate: _Rows) -> _Rows:
    """Remove jumps of whole turns, as the public tool does (to rates, although only angles can wrap)."""
    turns = np.zeros_like(rate)
    turns[..., 1:] = np.cumsum(np.round(np.diff(rate) / (2.0 * np.pi)), axis=-1)
    return rate - 2.0 * np.pi * turns


def efficiency(messages: Sequence[str]) -> float | None:
    """Return the mean speed of a route in percent of the traffic's.

    Args:
        messages: Its minimum-speed sentences; percentages above 1000 are dropped.

    Returns:
        Percent, or None if nothing is left (the public tool stops with a division by zero when all are dropped).

    Raises:
        MessageError: If a sentence holds no percentage.
    """
    kept = [percent for percent in map(percentage, messages) if percent <= MAX_EFFICIENCY_PERCENT]
    return sum(kept) / len(kept) if kept else None


def mean_of_known(values: Sequence[float | None]) -> float | None:
    """Return the mean over the routes that have a value; None if none has."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
