"""A dynamic vision sensor: from a sequence of pictures to events.

Between two pictures the brightness of a pixel is taken to change evenly, so every crossing of a threshold has an exact
moment (the model of Rebecq et al., "ESIM: an Open Event Camera Simulator", CoRL 2018).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EVENT_DTYPE = np.dtype([("x", "<u2"), ("y", "<u2"), ("t_ns", "<i8"), ("positive", "?")], align=False)
_MIN_THRESHOLD = 0.001
_MAX_CROSSINGS = 64
_NS_PER_S = 1e9


class EventCamera:
    """Turns brightness into events.

    Args:
        thresholds: Change that makes a positive and a negative event.
        sigmas: Standard deviations of the thresholds over pixels and pictures.
        refractory_ns: A pixel is silent for so long after an event.
        log_eps: Added to the brightness before the logarithm; None compares brightness itself.
        rng: Generator of the thresholds' noise.
    """

    def __init__(
        self,
        thresholds: tuple[float, float],
        sigmas: tuple[float, float],
        refractory_ns: int,
        log_eps: float | None,
        rng: np.random.Generator,
    ) -> None:
        self._thresholds, self._sigmas = thresholds, sigmas
        self._refractory_ns, self._log_eps = refractory_ns, log_eps
        self._rng = rng
        self._reference: NDArray[np.float64] | None = None
        self._before: NDArray[np.float64] = np.zeros(0)
        self._before_ns = 0
        self._last_event_ns: NDArray[np.int64] = np.zeros(0, np.int64)

    def watch(self, brightness: NDArray[np.float32], time_s: float) -> NDArray[np.void]:
        """Events since the previous picture, EVENT_DTYPE in order of time; none for the first picture.

        Args:
            brightness: float32 (h, w), 0 to 1.
            time_s: Time of the picture.
        """
        level = brightness.astype(np.float64)
        if self._log_eps is not None:
            level = np.log(self._log_eps + level)
        now_ns = round(time_s * _NS_PER_S)
        if self._reference is None:
            self._reference = level.copy()
            self._last_event_ns = np.full(level.shape, np.iinfo(np.int64).min // 2)
            events = np.zeros(0, EVENT_DTYPE)
        else:
            events = self._crossings(level, now_ns)
        self._before, self._before_ns = level, now_ns
        return events

    def _crossings(self, level: NDArray[np.float64], now_ns: int) -> NDArray[np.void]:
        assert self._reference is not None
        rising = level > self._reference
        step = np.where(rising, *(self._draw(side, level.shape) for side in (0, 1)))
        sign = np.where(rising, 1.0, -1.0)
        count = np.minimum(np.floor(np.abs(level - self._reference) / step), _MAX_CROSSINGS).astype(np.int64)
        change = level - self._before
        found = []
        for crossing in range(1, int(count.max(initial=0)) + 1):
            y, x = np.nonzero(count >= crossing)
            value = self._reference[y, x] + sign[y, x] * crossing * step[y, x]
            slope = np.where(change[y, x] == 0.0, 1.0, change[y, x])
            share = np.clip((value - self._before[y, x]) / slope, 0.0, 1.0)
            moment = self._before_ns + np.rint(share * (now_ns - self._before_ns)).astype(np.int64)
            awake = moment - self._last_event_ns[y, x] >= self._refractory_ns
            y, x, moment = y[awake], x[awake], moment[awake]
            self._last_event_ns[y, x] = moment
            rows = np.zeros(len(x), EVENT_DTYPE)
            rows["x"], rows["y"], rows["t_ns"], rows["positive"] = x, y, moment, rising[y, x]
            found.append(rows)
        self._reference += sign * count * step
        events = np.concatenate(found) if found else np.zeros(0, EVENT_DTYPE)
        return events[np.argsort(events["t_ns"], kind="stable")]

    def _draw(self, side: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
        threshold, sigma = self._thresholds[side], self._sigmas[side]
        if sigma == 0.0:
            return np.full(shape, threshold)
        return np.maximum(threshold + sigma * self._rng.standard_normal(shape), _MIN_THRESHOLD)
