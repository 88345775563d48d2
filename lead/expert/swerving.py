"""Moments in which the expert's car leaves its path a little, for what a policy must learn from them.

An expert keeps to its path within centimetres, and the twin rig looks at every route from one place beside it. Whoever
learns from a few hundred routes need not see where the car is in its lane: it knows the place by its scenery. In
driving its small errors then add up unseen. A car that swerves is seen all over its lane and at all small angles, and
the record keeps the path back. In turns it also begins to steer late: that is the error of a policy that does not know
exactly where a turn begins, and that has never seen what to do then.
"""

from __future__ import annotations

import math

import numpy as np

from lead.control.vehicle_fits import FRONT_AXLE_M, REAR_AXLE_M, WHEEL_RAD_PER_STEER
from lead.expert.forward_models import TICK_S
from lead.expert.proposal import Hazard, Verdict
from lead.expert.route import POINTS_PER_M, ExpertRoute

PERIOD_S = 3.0
"""Mean time between two swerves."""
TURN_RAD = (math.radians(2.0), math.radians(8.0))
"""Least and largest change of heading."""
LAST_S = (0.4, 1.1)
MIN_SPEED_MPS = 3.0
MAX_STEER = 0.3
YAW_RATE_GAIN_PER_M = WHEEL_RAD_PER_STEER / (FRONT_AXLE_M + REAR_AXLE_M)
"""Change of heading per metre of way and unit of steering: that of the fitted bicycle at small angles."""

LATE_SHARE = 0.5
"""Share of turns that are begun late."""
LATE_S = (0.3, 0.7)
TURN_STEER = 0.1
"""Steering with which a turn begins."""
AROUND_M = 30.0
"""Path behind and before the car that must be as it was planned."""
MOVED_M = 0.1


def is_harmless(verdict: Verdict, route: ExpertRoute) -> bool:
    """Tell whether the car may leave its path within a scenario.

    It may where the path around it is the planned one, and no walker, light or stop sign decides on the speed.
    """
    cause = verdict.winner
    if cause is not None and cause.hazard not in (Hazard.NONE, Hazard.VEHICLE):
        return False
    reach = int(AROUND_M * POINTS_PER_M)
    around = slice(max(route.index - reach, 0), route.index + reach)
    return bool(np.abs(route.xy[around] - route.original_xy[around]).max() < MOVED_M)


class Swerving:
    """Decides tick by tick how the car is steered off its path."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Begin a route.

        Args:
            rng: Source of all draws.
        """
        self._rng = rng
        self._ticks_left = 0
        self._steer = 0.0
        self._wanted_before = 0.0

    def steer(self, wanted: float, speed_mps: float, *, is_busy: bool) -> float:
        """Return the steering of this tick.

        Args:
            wanted: What the expert wants.
            speed_mps: Speed of the car.
            is_busy: The path matters now: no swerve, and an end to the present one.
        """
        before, self._wanted_before = self._wanted_before, wanted
        if is_busy or speed_mps < MIN_SPEED_MPS:
            self._ticks_left = 0
            return wanted
        begins_turn = abs(before) < TURN_STEER <= abs(wanted)
        if self._ticks_left == 0:
            if begins_turn and self._rng.random() < LATE_SHARE:
                self._ticks_left = round(self._rng.uniform(*LATE_S) / TICK_S)
                self._steer = before
            elif self._rng.random() < TICK_S / PERIOD_S:
                self._begin_swerve(wanted, speed_mps)
            else:
                return wanted
        self._ticks_left -= 1
        return self._steer

    def _begin_swerve(self, wanted: float, speed_mps: float) -> None:
        """Draw a swerve; its steering is held, for the expert would undo it as it grows."""
        last_s = self._rng.uniform(*LAST_S)
        turn_rad = self._rng.uniform(*TURN_RAD) * self._rng.choice((-1.0, 1.0))
        extra = turn_rad / (YAW_RATE_GAIN_PER_M * speed_mps * last_s)
        self._ticks_left = round(last_s / TICK_S)
        self._steer = wanted + float(np.clip(extra, -MAX_STEER, MAX_STEER))
