"""Uniform hash grid over oriented boxes: which level boxes may touch these bodies."""

import numpy as np
from numpy.typing import NDArray

_CELL_M = 8.0
_KEY_STRIDE = 1 << 20
_KEY_OFFSET = 1 << 19


def _cell_keys(xy: NDArray[np.float64]) -> NDArray[np.int64]:
    cells = np.floor(xy / _CELL_M).astype(np.int64) + _KEY_OFFSET
    return cells[..., 0] * _KEY_STRIDE + cells[..., 1]


class BoxGrid:
    """Finds candidate boxes for many points at once.

    Every box is listed in each cell that its bounding circle, widened by ``reach_m``, touches; a query then reads one
    cell per point.

    Args:
        xy: (m, 2) box centres, world, metres.
        radius_m: (m,) circumscribed radii.
        reach_m: Largest distance from a query point at which a box edge still matters.
    """

    def __init__(self, xy: NDArray[np.float64], radius_m: NDArray[np.float64], reach_m: float) -> None:
        span = radius_m + reach_m
        low = np.floor((xy - span[:, None]) / _CELL_M).astype(np.int64)
        high = np.floor((xy + span[:, None]) / _CELL_M).astype(np.int64)
        widths = high - low + 1
        counts = widths[:, 0] * widths[:, 1]
        owner = np.repeat(np.arange(len(xy)), counts)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        column = low[owner, 0] + within // np.maximum(widths[owner, 1], 1)
        row = low[owner, 1] + within % np.maximum(widths[owner, 1], 1)
        keys = (column + _KEY_OFFSET) * _KEY_STRIDE + row + _KEY_OFFSET
        order = np.argsort(keys, kind="stable")
        self._keys, self._starts = np.unique(keys[order], return_index=True)
        self._ends = np.append(self._starts[1:], len(order))
        self._owners: NDArray[np.int64] = owner[order]

    def query(self, xy: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Candidate pairs (query index, box index), ordered by query index then box index.

        Args:
            xy: (n, 2) query points, world, metres.
        """
        empty = np.zeros(0, np.int64)
        if not len(self._keys) or not len(xy):
            return empty, empty
        keys = _cell_keys(xy)
        slot = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        hits = np.flatnonzero(self._keys[slot] == keys)
        if not len(hits):
            return empty, empty
        starts, counts = self._starts[slot[hits]], (self._ends - self._starts)[slot[hits]]
        queries = np.repeat(hits, counts)
        within = np.arange(len(queries)) - np.repeat(np.cumsum(counts) - counts, counts)
        return queries, self._owners[np.repeat(starts, counts) + within]
