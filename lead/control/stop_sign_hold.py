"""Stopping at stop signs: remember the last sign that was seen, stop at it once, and drive on gently."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lead.config.legacy import PUBLISHED, Legacy
from lead.control.position_filter import AppliedControl
from lead.errors import LeadError


class StopSignError(LeadError):
    """A detected stop sign cannot be used."""


@dataclass(frozen=True)
class StopSignConfig:
    """Parameters of the published heuristic (keys ``slower_for_stop_sign_*``).

    Attributes:
        stop_distance_m: The car stops when the sign's box is closer than this (``dist_threshold``).
        cool_down_ticks: Ticks without another stop after one (``cool_down``), and between two gentle starts.
        slow_ticks: Ticks of a gentle start (``count``).
        slow_throttle: Largest throttle during it (``throttle_threshold``).
        moving_mps: Speeds above this are moving.
        forget_distance_m: A sign farther than this is forgotten.
    """

    stop_distance_m: float = 1.0
    cool_down_ticks: int = 120
    slow_ticks: int = 40
    slow_throttle: float = 0.1
    moving_mps: float = 0.01
    forget_distance_m: float = 64.0


class StopSignHold:
    """Keeps the last detected stop sign and overrides the pedals near it."""

    def __init__(self, config: StopSignConfig | None = None, legacy: Legacy = PUBLISHED) -> None:
        """Start without a sign; the box moves with the ego as LiDAR clouds do, which ``legacy`` decides."""
        self._config = config or StopSignConfig()
        self._rotates_offset = legacy.lidar_alignment_rotates_offset
        self._sign_ego: NDArray[np.float64] | None = None
        self._cool_down = 0
        self._slow_left = self._config.slow_ticks
        self._slow_cool_down = 0

    @property
    def sign_ego(self) -> NDArray[np.float64] | None:
        """Remembered sign (2,) in the ego frame, metres; None without one."""
        return self._sign_ego

    def step(
        self,
        control: AppliedControl,
        speed_mps: float,
        *,
        detected_ego: ArrayLike | None,
        past_position_ego: ArrayLike,
        past_yaw_rad: float,
    ) -> AppliedControl:
        """Pass a control on, changed near a stop sign.

        Args:
            control: What the agent wants.
            speed_mps: Vehicle speed.
            detected_ego: (2,) centre of the nearest stop-sign box detected in this tick, or None.
            past_position_ego: (2,) where the ego was one tick ago, in its present frame (smoothed), metres.
            past_yaw_rad: Heading one tick ago relative to the present one.

        Returns:
            The control to apply.

        Raises:
            StopSignError: If the detection is not two finite numbers.
        """
        config = self._config
        self._cool_down = max(self._cool_down - 1, 0)
        if self._slow_cool_down:
            self._slow_cool_down -= 1
            if not self._slow_cool_down:
                self._slow_left = config.slow_ticks
        self._move(np.asarray(past_position_ego, dtype=np.float64), past_yaw_rad)
        if detected_ego is not None:
            self._sign_ego = np.array(detected_ego, dtype=np.float64)
            if self._sign_ego.shape != (2,) or not np.isfinite(self._sign_ego).all():
                raise StopSignError(f"a detected stop sign must be at two finite coordinates, not {detected_ego}")
        if self._sign_ego is None:
            return control
        distance_m = math.hypot(*self._sign_ego)
        if distance_m > config.forget_distance_m:
            self._sign_ego = None
        if distance_m >= config.stop_distance_m:
            return control
        if self._cool_down:
            return self._start_gently(control)
        if speed_mps > config.moving_mps:
            return AppliedControl(control.steer, 0.0, 1.0)
        self._sign_ego = None
        self._cool_down = config.cool_down_ticks
        return self._start_gently(control)

    def _move(self, offset_ego: NDArray[np.float64], yaw_rad: float) -> None:
        if self._sign_ego is None:
            return
        cosine, sine = math.cos(yaw_rad), math.sin(yaw_rad)
        rotation = np.array([[cosine, -sine], [sine, cosine]])
        if self._rotates_offset:
            self._sign_ego = rotation @ (self._sign_ego + offset_ego)
        else:
            self._sign_ego = rotation @ self._sign_ego + offset_ego

    def _start_gently(self, control: AppliedControl) -> AppliedControl:
        if not self._slow_left:
            return control
        self._slow_left -= 1
        if not self._slow_left:
            self._slow_cool_down = self._config.cool_down_ticks
        return AppliedControl(control.steer, min(control.throttle, self._config.slow_throttle), control.brake)
