"""Steering, throttle and brake from predicted waypoints (4 Hz) with two PID controllers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lead.control.lateral import ERROR_UNIT_RAD, LateralConfig
from lead.control.path_controller import checked_points
from lead.control.pid import PidController

HALF_SECOND, ONE_SECOND = 1, 3
"""Indices of the waypoints half a second and a second ahead."""
STANDSTILL_MPS = 0.01
TUNED_POINTS_PER_M = 10.0


@dataclass(frozen=True)
class WaypointConfig:
    """Parameters of the published agent.

    Attributes:
        turn: Gains k_p, k_i, k_d of the steering.
        speed: Gains k_p, k_i, k_d of the throttle.
        turn_window: Errors in the integral of the steering.
        speed_window: Errors in the integral of the throttle.
        brake_speed_mps: Brake when the waypoints are slower than this.
        brake_ratio: Brake above this ratio of speed to wanted speed.
        largest_error_mps: Speed errors are clipped here.
        aim_slow_m: Distance of the aim at low speeds.
        aim_fast_m: Distance of the aim at high speeds.
        aim_threshold_mps: Wanted speed from which on the aim is the far one.
        is_aim_tuned: Let the aim distance grow with speed like the path controller's instead.
    """

    turn: tuple[float, float, float] = (1.25, 0.75, 0.3)
    speed: tuple[float, float, float] = (1.75, 1.0, 2.0)
    turn_window: int = 20
    speed_window: int = 20
    brake_speed_mps: float = 0.4
    brake_ratio: float = 1.1
    largest_error_mps: float = 0.99
    aim_slow_m: float = 2.25
    aim_fast_m: float = 3.0
    aim_threshold_mps: float = 5.5
    is_aim_tuned: bool = False


class WaypointControl(NamedTuple):
    """Steering in [-1, 1], throttle in [0, 1] and whether to brake."""

    steer: float
    throttle: float
    brake: bool


class WaypointController:
    """Follows predicted waypoints; keeps the errors of both PID controllers."""

    def __init__(self, config: WaypointConfig | None = None) -> None:
        """Use the published parameters unless others are given."""
        self._config = config or WaypointConfig()
        self._turn = PidController(*self._config.turn, self._config.turn_window)
        self._speed = PidController(*self._config.speed, self._config.speed_window)

    def step(self, waypoints_ego: ArrayLike, speed_mps: float) -> WaypointControl:
        """Compute the control.

        Args:
            waypoints_ego: (n, 2), n >= 4, a quarter of a second apart, ego frame, metres.
            speed_mps: Vehicle speed.

        Returns:
            The control; throttle is zero when braking.

        Raises:
            PredictionError: If there are too few waypoints, they have another shape, or are not finite.
        """
        config = self._config
        waypoints = checked_points(waypoints_ego, "waypoints", least=ONE_SECOND + 1)
        wanted_mps = 2.0 * float(np.linalg.norm(waypoints[ONE_SECOND] - waypoints[HALF_SECOND]))
        brake = wanted_mps < config.brake_speed_mps or speed_mps / wanted_mps > config.brake_ratio
        error_mps = min(max(wanted_mps - speed_mps, 0.0), config.largest_error_mps)
        throttle = min(max(self._speed.step(error_mps), 0.0), 1.0)
        bearing = 0.0
        if speed_mps >= STANDSTILL_MPS and not brake:
            far = np.linalg.norm(waypoints, axis=1) >= self._aim_m(wanted_mps, speed_mps)
            x, y = waypoints[int(far.argmax()) if far.any() else -1]
            bearing = math.atan2(y, x) / ERROR_UNIT_RAD
        steer = min(max(self._turn.step(bearing), -1.0), 1.0)
        return WaypointControl(steer, 0.0 if brake else throttle, brake)

    def _aim_m(self, wanted_mps: float, speed_mps: float) -> float:
        config = self._config
        if config.is_aim_tuned:
            return LateralConfig().lookahead_points(speed_mps) / TUNED_POINTS_PER_M
        return config.aim_slow_m if wanted_mps < config.aim_threshold_mps else config.aim_fast_m
