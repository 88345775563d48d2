"""Steering along a route sampled every 0.1 m: heading error to a look-ahead point, then PID."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MPS_TO_KMH = 3.6
ERROR_UNIT_RAD = math.pi / 2.0
"""Errors are measured in quarter turns."""


@dataclass(frozen=True)
class LateralConfig:
    """Gains of the published expert.

    Attributes:
        k_p: Proportional gain.
        k_i: Gain on the mean of the last errors.
        k_d: Gain on the error difference.
        window: Number of errors in the mean.
        speed_scale: Look-ahead in route points per km/h.
        speed_offset: Look-ahead in route points at a standstill, before clipping.
        min_lookahead: Least look-ahead in route points (0.1 m each).
        max_lookahead: Largest look-ahead in route points.
    """

    k_p: float = 3.118357247806046
    k_i: float = 0.6406067986034124
    k_d: float = 1.3782508892109167
    window: int = 6
    speed_scale: float = 0.9755321901954155
    speed_offset: float = 1.9152884533402488
    min_lookahead: float = 24.0
    max_lookahead: float = 105.0

    def lookahead_points(self, speed_mps: float) -> float:
        """Return how many route points (0.1 m each) ahead to aim at a speed."""
        points = self.speed_scale * speed_mps * MPS_TO_KMH + self.speed_offset
        return min(max(points, self.min_lookahead), self.max_lookahead)


class HeadingController:
    """PID on heading errors: integral = mean of the last errors, derivative = last difference."""

    def __init__(self, config: LateralConfig) -> None:
        """Create a controller without error history."""
        self._config = config
        self._errors: deque[float] = deque(maxlen=config.window)

    def step(self, bearing_rad: float) -> float:
        """Take the bearing of the aim, relative to the heading, and return the steering in [-1, 1]."""
        config = self._config
        error = math.remainder(bearing_rad, 2.0 * math.pi) / ERROR_UNIT_RAD
        change = error - self._errors[-1] if self._errors else 0.0
        self._errors.append(error)
        mean = sum(self._errors) / len(self._errors)
        steer = config.k_p * error + config.k_d * change + config.k_i * mean
        return min(max(steer, -1.0), 1.0)


class LateralController:
    """Steers towards a point ahead on the route; the distance to that point grows with speed."""

    def __init__(self, config: LateralConfig | None = None) -> None:
        """Create a controller without error history."""
        self._config = config or LateralConfig()
        self._heading = HeadingController(self._config)

    def step(
        self, route: NDArray[np.float64], position: NDArray[np.float64], heading_rad: float, speed_mps: float
    ) -> float:
        """Compute the steering command.

        Args:
            route: (n, 2) float64, n >= 1, points every 0.1 m from the vehicle onwards, world frame, metres.
            position: (2,) vehicle position, world frame, metres.
            heading_rad: Vehicle heading.
            speed_mps: Vehicle speed.

        Returns:
            Steering in [-1, 1], positive to the right.
        """
        target = route[int(min(self._config.lookahead_points(speed_mps), len(route) - 1))]
        bearing_rad = math.atan2(target[1] - position[1], target[0] - position[0])
        return self._heading.step(bearing_rad - heading_rad)
