"""Smooth noise over the plane, for hills and woods; the same everywhere and every time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def _lattice(column: NDArray[np.int64], row: NDArray[np.int64]) -> Array:
    """A number from 0 to 1 for every lattice point."""
    mixed = (column.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) ^ (
        row.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
    )
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(32)
    return np.asarray((mixed & np.uint64(0xFFFFFF)).astype(np.float64) / float(0xFFFFFF))


def noise_at(x: Array, y: Array) -> Array:
    """Value noise from 0 to 1 with one cell per unit; arguments broadcast against each other."""
    x, y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
    low_x, low_y = np.floor(x), np.floor(y)
    u, v = x - low_x, y - low_y
    u, v = u * u * (3.0 - 2.0 * u), v * v * (3.0 - 2.0 * v)
    i, j = low_x.astype(np.int64), low_y.astype(np.int64)
    bottom = _lattice(i, j) * (1.0 - u) + _lattice(i + 1, j) * u
    top = _lattice(i, j + 1) * (1.0 - u) + _lattice(i + 1, j + 1) * u
    return np.asarray(bottom * (1.0 - v) + top * v)
