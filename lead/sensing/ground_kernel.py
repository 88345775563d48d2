"""The compiled part of telling the ground: one pass over the points per centre, planes fitted in double precision.

It is some three million simple steps per tick, which NumPy can only do in hundreds of small calls. Warp compiles it
once per machine and keeps the result in its cache.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SECTORS = 8
_LOCK = threading.Lock()

SECTORS_WP = wp.constant(SECTORS)
RIDGE = wp.constant(wp.float64(1e-10))
SINGULAR = wp.constant(wp.float64(1e-10))
ZERO, HALF, ONE = wp.constant(wp.float64(0.0)), wp.constant(wp.float64(0.5)), wp.constant(wp.float64(1.0))


@wp.struct
class Rules:
    """Parameters of the method, see :mod:`lead.sensing.ground`."""

    near_m: wp.float64
    inner_m: wp.float64
    outer_m: wp.float64
    least_near_points: wp.int32
    lowest_points: wp.int32
    seed_tolerance_m: wp.float64
    least_seeds: wp.int32
    plane_tolerance_m: wp.float64
    iterations: wp.int32
    low_fraction: wp.float64


@wp.func
def sector_of(dx: wp.float64, dy: wp.float64) -> wp.int32:
    """Sector of 45 degrees, counted from -pi."""
    if wp.abs(dy) >= wp.abs(dx):
        if dx < ZERO:
            if dy < ZERO:
                return wp.int32(1)
            return wp.int32(6)
        if dy < ZERO:
            return wp.int32(2)
        return wp.int32(5)
    if dx < ZERO:
        if dy < ZERO:
            return wp.int32(0)
        return wp.int32(7)
    if dy < ZERO:
        return wp.int32(3)
    return wp.int32(4)


@wp.func
def plane_of(m: wp.mat33d, b: wp.vec3d) -> wp.vec3d:
    """Solve symmetric normal equations; where all points lie in a line, nearly the flattest plane through them."""
    a = m
    if wp.determinant(m) <= SINGULAR * m[0, 0] * m[1, 1] * m[2, 2]:
        a = m + RIDGE * (m[0, 0] + m[1, 1] + m[2, 2]) * wp.identity(n=3, dtype=wp.float64)
    d0 = a[0, 0]
    l10, l20 = a[1, 0] / d0, a[2, 0] / d0
    d1 = a[1, 1] - l10 * a[1, 0]
    s21 = a[2, 1] - l20 * a[1, 0]
    l21 = s21 / d1
    d2 = a[2, 2] - l20 * a[2, 0] - l21 * s21
    y1 = b[1] - l10 * b[0]
    y2 = b[2] - l20 * b[0] - l21 * y1
    p2 = y2 / d2
    p1 = y1 / d1 - l21 * p2
    return wp.vec3d(b[0] / d0 - l10 * p1 - l20 * p2, p1, p2)


@wp.kernel(enable_backward=False)
def mark_ground(
    x: wp.array(dtype=wp.float64),
    y: wp.array(dtype=wp.float64),
    z: wp.array(dtype=wp.float64),
    centres: wp.array(dtype=wp.float64, ndim=2),
    rules: Rules,
    taken: wp.array(dtype=wp.int32),
    member: wp.array(dtype=wp.int32),
    is_ground: wp.array(dtype=wp.uint8),
) -> None:
    """Mark ground among points in ascending height, centre after centre; ``taken`` and ``member`` are scratch."""
    points = x.shape[0]
    for centre in range(centres.shape[0]):
        cx, cy = centres[centre, 0], centres[centre, 1]
        near = wp.int32(0)
        count = wp.int32(0)
        sizes = wp.vector(dtype=wp.int32, length=8)
        for i in range(points):
            dx = x[i] - cx
            distance = wp.abs(dx)
            if distance < rules.outer_m:
                dy = y[i] - cy
                distance = distance + wp.abs(dy)
                if distance < rules.outer_m:
                    if distance < rules.near_m:
                        near += 1
                    if distance > rules.inner_m:
                        sector = sector_of(dx, dy)
                        sizes[sector] = sizes[sector] + 1
                        taken[count] = i * SECTORS_WP + sector
                        count += 1
        if near >= rules.least_near_points:
            starts = wp.vector(dtype=wp.int32, length=8)
            fill = wp.vector(dtype=wp.int32, length=8)
            start = wp.int32(0)
            for sector in range(SECTORS_WP):
                starts[sector] = start
                fill[sector] = start
                start += sizes[sector]
            for k in range(count):
                sector = taken[k] % SECTORS_WP
                member[fill[sector]] = taken[k] / SECTORS_WP
                fill[sector] = fill[sector] + 1
            for sector in range(SECTORS_WP):
                if sizes[sector] >= rules.lowest_points:
                    mark_sector(x, y, z, cx, cy, rules, member, starts[sector], sizes[sector], is_ground)


@wp.func
def mark_sector(
    x: wp.array(dtype=wp.float64),
    y: wp.array(dtype=wp.float64),
    z: wp.array(dtype=wp.float64),
    cx: wp.float64,
    cy: wp.float64,
    rules: Rules,
    member: wp.array(dtype=wp.int32),
    start: wp.int32,
    size: wp.int32,
    is_ground: wp.array(dtype=wp.uint8),
) -> wp.int32:
    """Fit the plane of one sector and mark what is near it or among the lowest; returns the number of seeds."""
    middle = start + rules.lowest_points / 2
    level = HALF * (z[member[middle - 1]] + z[member[middle]])
    place = rules.low_fraction * wp.float64(size - 1)
    below = wp.int32(place)
    low = z[member[start + below]] - level
    above = z[member[start + below + 1]] - level
    low = low + (place - wp.float64(below)) * (above - low)
    seeds = wp.int32(0)
    a, b, c, scale = ZERO, ZERO, ZERO, ONE
    for iteration in range(rules.iterations):
        xx, xy, xs = wp.float64(0.0), wp.float64(0.0), wp.float64(0.0)
        yy, ys, n = wp.float64(0.0), wp.float64(0.0), wp.float64(0.0)
        xz, yz, zs = wp.float64(0.0), wp.float64(0.0), wp.float64(0.0)
        for k in range(start, start + size):
            i = member[k]
            px, py, pz = x[i] - cx, y[i] - cy, z[i] - level
            belongs = (pz - a * px - b * py - c) * scale < rules.plane_tolerance_m
            if iteration == 0:
                belongs = wp.abs(pz) < rules.seed_tolerance_m
            if belongs:
                xx += px * px
                xy += px * py
                xs += px
                yy += py * py
                ys += py
                n += ONE
                xz += px * pz
                yz += py * pz
                zs += pz
        if iteration == 0:
            seeds = wp.int32(n)
            if seeds < rules.least_seeds:
                return seeds
        plane = plane_of(wp.mat33d(xx, xy, xs, xy, yy, ys, xs, ys, n), wp.vec3d(xz, yz, zs))
        a, b, c = plane[0], plane[1], plane[2]
        scale = ONE / wp.sqrt(ONE + a * a + b * b)
    for k in range(start, start + size):
        i = member[k]
        px, py, pz = x[i] - cx, y[i] - cy, z[i] - level
        if (pz - a * px - b * py - c) * scale < rules.plane_tolerance_m or pz < low:
            is_ground[i] = wp.uint8(1)
    return seeds


def mark(points: Floats, centres: Floats, rules: dict[str, float]) -> NDArray[np.bool_]:
    """Run the kernel.

    Args:
        points: (n, 3) x, y, z, metres.
        centres: (c, 2) x, y.
        rules: Value of every entry of :class:`Rules`.

    Returns:
        (n,) bool, ground.
    """
    _start()
    order = np.argsort(points[:, 2])
    sorted_points = np.ascontiguousarray(points[order].T)
    marked = np.zeros(len(points), dtype=np.uint8)
    scratch = np.empty((2, len(points)), dtype=np.int32)
    struct = Rules()
    for name, value in rules.items():
        setattr(struct, name, value)
    arrays = [_wrap(row, wp.float64) for row in sorted_points]
    scratch_arrays = [_wrap(row, wp.int32) for row in scratch]
    inputs = [*arrays, _wrap(centres, wp.float64), struct, *scratch_arrays, _wrap(marked, wp.uint8)]
    wp.launch(mark_ground, dim=1, inputs=inputs, device="cpu")
    result = np.empty(len(points), dtype=np.bool_)
    result[order] = marked
    return result


def _wrap(array: NDArray[Any], dtype: Any) -> Any:
    """Show a NumPy array to Warp without a copy."""
    return wp.array(ptr=array.ctypes.data, shape=array.shape, dtype=dtype, device="cpu")


def _start() -> None:
    """Initialise Warp once, silently: it warns of every machine without a GPU, whatever its log level."""
    with _LOCK:
        if wp.is_initialized() if hasattr(wp, "is_initialized") else False:
            return
        with _silent_stderr():
            wp.init()


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    saved = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(sink)
        os.close(saved)
