"""PID controller with a sliding error window, as all published agents use it."""

from __future__ import annotations

from collections import deque


class PidController:
    """Classical PID: integral = mean of the error window, derivative = last difference."""

    def __init__(self, k_p: float, k_i: float, k_d: float, window: int) -> None:
        """Start with a window of zeros.

        Args:
            k_p: Proportional gain.
            k_i: Gain on the mean error of the window.
            k_d: Gain on the difference of the last two errors.
            window: Number of errors kept.
        """
        self._gains = (k_p, k_i, k_d)
        self._errors: deque[float] = deque([0.0] * window, maxlen=window)

    def step(self, error: float) -> float:
        """Take one error and return the control."""
        k_p, k_i, k_d = self._gains
        previous = self._errors[-1]
        self._errors.append(error)
        mean = sum(self._errors) / len(self._errors)
        return k_p * error + k_i * mean + k_d * (error - previous)
