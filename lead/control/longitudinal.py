"""Throttle and brake from target and current speed: a regression fitted to CARLA's Lincoln MKZ 2020."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

MPS_TO_KMH = 3.6


@dataclass(frozen=True)
class LongitudinalConfig:
    """Parameters of the published fit.

    Attributes:
        speed: Coefficient of the speed (in 100 km/h).
        speed_squared: Coefficient of its square.
        error: Coefficient of the speed error in km/h.
        error_squared: Coefficient of the squared error (error in 100 km/h).
        speed_error: Coefficient of speed times error.
        speed_squared_error: Coefficient of squared speed times error.
        brake_ratio: Brake above this ratio of speed to target speed.
        min_target_mps: Lower target speeds are raised to this one.
        full_throttle_error_kmh: Full throttle above this error.
        coast_error_kmh: Forecasts use no throttle below this (negative) error.
    """

    speed: float = 1.1990342347353184
    speed_squared: float = -0.8057602384167799
    error: float = 1.710818710950062
    error_squared: float = 0.921890257450335
    speed_error: float = 1.556497522998393
    speed_squared_error: float = -0.7013479734904027
    brake_ratio: float = 1.031266635497984
    min_target_mps: float = 0.278
    full_throttle_error_kmh: float = 1.89
    coast_error_kmh: float = -4.82


class Pedals(NamedTuple):
    """Throttle in [0, 1] and whether to brake."""

    throttle: float
    brake: bool


class LongitudinalController:
    """Stateless speed controller."""

    def __init__(self, config: LongitudinalConfig | None = None) -> None:
        """Use the published parameters unless others are given."""
        self._config = config or LongitudinalConfig()

    def step(self, target_mps: float, speed_mps: float, hazard: bool = False) -> Pedals:
        """Compute the pedals.

        Args:
            target_mps: Wanted speed; (nearly) zero means stop.
            speed_mps: Current speed.
            hazard: Brake whatever the speeds are.

        Returns:
            Throttle and brake; never both.
        """
        config = self._config
        if target_mps < 1e-5 or hazard:
            return Pedals(0.0, True)
        target_mps = max(target_mps, config.min_target_mps)
        error_kmh = (target_mps - speed_mps) * MPS_TO_KMH
        if error_kmh > config.full_throttle_error_kmh:
            return Pedals(1.0, False)
        if speed_mps / target_mps > config.brake_ratio:
            return Pedals(0.0, True)
        return Pedals(self._regress(speed_mps * MPS_TO_KMH, max(error_kmh, 0.0)), False)

    def _regress(self, speed_kmh: float, error_kmh: float) -> float:
        config = self._config
        speed, error = speed_kmh / 100.0, error_kmh / 100.0
        throttle = (
            config.speed * speed
            + config.speed_squared * speed**2
            + config.error * error_kmh
            + config.error_squared * error**2
            + config.speed_error * speed * error
            + config.speed_squared_error * speed**2 * error
        )
        return min(max(throttle, 0.0), 1.0)
