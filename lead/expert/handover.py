"""Moments in which a policy drives the expert's car, for what that policy must learn from them.

Whoever learns from an expert alone has never seen where its own errors lead. If the policy itself drives now and then,
and the record keeps what the expert would have done, the data have these places, and the ways back from them (DAgger:
Ross, Gordon and Bagnell, 2011). The expert takes the wheel before the drive is spoilt, because a drive with collisions
may not be learnt from.
"""

from __future__ import annotations

import numpy as np

from lead.expert.forward_models import TICK_S
from lead.expert.hesitation import STANDS_MPS

PERIOD_S = 4.0
"""Mean time between two stretches of the policy."""
LAST_S = (3.0, 8.0)
START_OFFSET_M = 0.5
"""The policy gets the car on its path only."""
MAX_OFFSET_M = 1.3
"""Farther off its path the car would leave its lane."""
MAX_EXCESS_MPS = 3.0
"""Speed above the expert's at which the expert takes over."""
MAX_STAND_S = 1.0


class Handover:
    """Decides tick by tick who drives.

    Attributes:
        is_given: The policy drives in this tick.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        """Begin a route, with the expert at the wheel.

        Args:
            rng: Source of all draws.
        """
        self.is_given = False
        self._rng = rng
        self._ticks_left = 0
        self._stood_ticks = 0

    def step(self, offset_m: float, speed_mps: float, wanted_mps: float, *, is_busy: bool) -> None:
        """Decide on a tick.

        Args:
            offset_m: Distance of the car from its path.
            speed_mps: Speed of the car.
            wanted_mps: Speed that the expert wants.
            is_busy: The expert stops for something or passes it; the policy does not get the car.
        """
        limit_m = MAX_OFFSET_M if self._ticks_left else START_OFFSET_M
        self._stood_ticks = self._stood_ticks + 1 if speed_mps < STANDS_MPS else 0
        if (
            is_busy
            or offset_m > limit_m
            or speed_mps > wanted_mps + MAX_EXCESS_MPS
            or self._stood_ticks * TICK_S > MAX_STAND_S
        ):
            self._ticks_left = 0
        elif self._ticks_left == 0 and self._rng.random() < TICK_S / PERIOD_S:
            self._ticks_left = round(self._rng.uniform(*LAST_S) / TICK_S)
        self.is_given = self._ticks_left > 0
        self._ticks_left -= self.is_given
