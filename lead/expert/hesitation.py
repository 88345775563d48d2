"""Moments in which the expert's car stands although the expert would drive, for what a policy must learn from them.

An expert that drives as soon as it may leaves a handful of frames per route in which it stands and wants to go, and
hundreds in which it stands and wants to stay. Whoever learns from them learns that who stands stays: a policy then
stands for good at a green light. While the car is held, the record keeps what the expert wants.
"""

from __future__ import annotations

import numpy as np

from lead.expert.forward_models import TICK_S

STANDS_MPS = 0.1
START_S = (0.0, 2.0)
"""Shortest and longest hold at the beginning of a route."""
HOLD_S = (0.5, 2.0)
"""The same of later holds, from standstill on."""
DRIVE_OFF_SHARE = 0.5
"""How often the car is held when it could drive off again."""
STOP_PERIOD_S = 30.0
"""Mean time between stops on a free road."""
CLEAR_M = 20.0
"""The car is not stopped this close to a junction, nor in it."""


class Hesitation:
    """Decides tick by tick whether the car is held."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Begin a route.

        Args:
            rng: Source of all draws.
        """
        self._rng = rng
        self._hold_s = float(rng.uniform(*START_S))
        self._wanted_to_stay = False

    def holds(self, speed_mps: float, junction_ahead_m: float, *, wants_to_drive: bool, is_busy: bool) -> bool:
        """Say whether the car is held in this tick.

        Args:
            speed_mps: Speed of the car.
            junction_ahead_m: Way to the next junction, 0 inside one.
            wants_to_drive: The expert does not want to stand.
            is_busy: Something else than driving along a free road is going on; then the car is not stopped.
        """
        if not wants_to_drive:
            self._hold_s = 0.0
        elif self._hold_s <= 0.0:
            self._begin(speed_mps, is_clear=not is_busy and junction_ahead_m > CLEAR_M)
        self._wanted_to_stay = not wants_to_drive
        if self._hold_s <= 0.0:
            return False
        if speed_mps < STANDS_MPS:
            self._hold_s -= TICK_S
        return True

    def _begin(self, speed_mps: float, *, is_clear: bool) -> None:
        """Draw whether a hold begins, when the expert wants to drive."""
        is_driving_off = self._wanted_to_stay and speed_mps < STANDS_MPS
        share = DRIVE_OFF_SHARE if is_driving_off else TICK_S / STOP_PERIOD_S if is_clear else 0.0
        if share and self._rng.random() < share:
            self._hold_s = float(self._rng.uniform(*HOLD_S))
