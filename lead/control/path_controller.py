"""Steering along a predicted path in the ego frame: heading error to a point whose index grows with speed, then PID.

The same law as the expert's (:mod:`lead.control.lateral`), on ten points 1 m apart that start 2.5 m ahead, with one
addition: the more the path bends, the farther the aim.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lead.control.lateral import HeadingController, LateralConfig
from lead.errors import LeadError

LOOKAHEAD_PER_POINT = 10.0
"""The look-ahead is counted in the expert's route points, every 0.1 m."""
FIRST_POINT = 2.0
STEER_DIGITS = 3
BEND_GAIN = 3.5
LARGEST_BEND_SHIFT = 2


class PredictionError(LeadError):
    """A prediction that should be driven has a wrong shape or is not finite."""


class PathController:
    """Steers along predicted paths; keeps the last errors."""

    def __init__(
        self, config: LateralConfig | None = None, aims_farther_in_bends: bool = True, bend_gain: float = BEND_GAIN
    ) -> None:
        """Create a controller without error history.

        Args:
            config: Gains; those of the published agent by default, which are the expert's.
            aims_farther_in_bends: Published key ``sensor_agent_steer_correction``.
            bend_gain: Points farther per rad of mean bearing (``sensor_agent_steer_correction_param``).
        """
        self._config = config or LateralConfig()
        self._bend_gain = bend_gain if aims_farther_in_bends else 0.0
        self._heading = HeadingController(self._config)

    def step(self, path_ego: ArrayLike, speed_mps: float) -> float:
        """Compute the steering command.

        Args:
            path_ego: (n, 2), n >= 1, ego frame, metres.
            speed_mps: Vehicle speed.

        Returns:
            Steering in [-1, 1], positive to the right, rounded to three digits as published.

        Raises:
            PredictionError: If the path is empty, has another shape, or is not finite.
        """
        path = checked_points(path_ego, "path")
        lookahead = self._config.lookahead_points(speed_mps)
        index = int(min(lookahead / LOOKAHEAD_PER_POINT - FIRST_POINT, len(path) - 1))
        index += min(int(self._bend_gain * mean_bearing_rad(path)), LARGEST_BEND_SHIFT)
        x, y = path[min(index, len(path) - 1)]
        return round(self._heading.step(math.atan2(y, x)), STEER_DIGITS)


def mean_bearing_rad(points_ego: NDArray[np.floating]) -> float:
    """Mean of the absolute bearings of points (n, 2) seen from the ego."""
    return float(np.abs(np.arctan2(points_ego[:, 1], points_ego[:, 0])).mean())


def checked_points(points_ego: ArrayLike, name: str, least: int = 1) -> NDArray[np.float64]:
    """Predicted points as float64 (n, 2).

    Raises:
        PredictionError: If there are fewer than ``least``, they have another shape, or are not finite.
    """
    points = np.asarray(points_ego, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < least:
        raise PredictionError(f"the predicted {name} must have at least {least} points of x and y, not {points.shape}")
    if not np.isfinite(points).all():
        raise PredictionError(f"the predicted {name} has numbers that are not finite")
    return points
