"""Noise from a table: one look-up instead of a dozen operations per octave."""

from __future__ import annotations

import numpy as np
import warp as wp
from numpy.typing import NDArray

SIZE = 512
_SIZE = wp.constant(SIZE)
_MASK = wp.constant(SIZE - 1)
_SEED = 20241
_PRIME_Y = wp.constant(wp.uint32(3812015801))
_PRIME_MIX = wp.constant(wp.uint32(2246822519))
_OCTAVES = ((8, 0.5), (16, 0.27), (32, 0.15), (64, 0.08))


def noise_table() -> NDArray[np.float32]:
    """Tileable fractal noise, float32 (SIZE * SIZE,), from 0 to 1 with mean 0.5."""
    rng = np.random.default_rng(_SEED)
    total = np.zeros((SIZE, SIZE))
    for cells, weight in _OCTAVES:
        lattice = rng.random((cells, cells))
        at = np.arange(SIZE) * cells / SIZE
        low = at.astype(int)
        share = at - low
        share = share * share * (3.0 - 2.0 * share)
        rows = lattice[low] * (1.0 - share)[:, None] + lattice[(low + 1) % cells] * share[:, None]
        total += weight * (rows[:, low] * (1.0 - share) + rows[:, (low + 1) % cells] * share)
    order = np.argsort(total.ravel(), kind="stable")
    even = np.empty(SIZE * SIZE)
    even[order] = np.linspace(0.0, 1.0, SIZE * SIZE)
    # Half way to an even distribution: flat enough for thresholds, still with soft extremes.
    return (0.5 * even + 0.5 * np.clip(total.ravel(), 0.0, 1.0)).astype(np.float32)


@wp.func
def grain(table: wp.array(dtype=wp.float32), x: wp.float32, y: wp.float32) -> wp.float32:
    """Nearest entry; the table spans one unit in x and y and repeats."""
    column = int(wp.floor(x * float(_SIZE))) & _MASK
    row = int(wp.floor(y * float(_SIZE))) & _MASK
    return table[row * _SIZE + column]


@wp.func
def smooth(table: wp.array(dtype=wp.float32), x: wp.float32, y: wp.float32) -> wp.float32:
    """Bilinear interpolation of the table."""
    across = x * float(_SIZE)
    down = y * float(_SIZE)
    low_x = wp.floor(across)
    low_y = wp.floor(down)
    share_x = across - low_x
    share_y = down - low_y
    column = int(low_x) & _MASK
    row = (int(low_y) & _MASK) * _SIZE
    column_1 = (column + 1) & _MASK
    row_1 = ((int(low_y) + 1) & _MASK) * _SIZE
    top = wp.lerp(table[row + column], table[row + column_1], share_x)
    bottom = wp.lerp(table[row_1 + column], table[row_1 + column_1], share_x)
    return wp.lerp(top, bottom, share_y)


@wp.func
def cell_hash(x: wp.float32, y: wp.float32) -> wp.float32:
    """A number from 0 to 1 for the integer cell that holds a point."""
    mixed = (wp.uint32(int(wp.floor(x))) * wp.uint32(1597334677)) ^ (wp.uint32(int(wp.floor(y))) * _PRIME_Y)
    mixed = (mixed ^ (mixed >> wp.uint32(15))) * _PRIME_MIX
    mixed = mixed ^ (mixed >> wp.uint32(13))
    return float(int(mixed & wp.uint32(16777215))) / 16777216.0


@wp.func
def soft_step(low: wp.float32, high: wp.float32, value: wp.float32) -> wp.float32:
    """0 below `low`, 1 above `high`, smooth between."""
    share = wp.clamp((value - low) / (high - low), 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


@wp.func
def fraction(value: wp.float32) -> wp.float32:
    """Part behind the point, from 0 to 1."""
    return value - wp.floor(value)
