"""Telling the ground from what stands on it: planes fitted to the lowest points around a grid of centres.

Around every centre the points fall into eight sectors; each sector gets its own plane, so that hills and kerbs of a
road are followed. A point is ground if any sector says so. Points are sorted by height first, so that the lowest
points and percentiles of a sector are found by position, and by sector next, so that the normal equations of a plane
are one small matrix product; all planes are solved together.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CENTRES_M: tuple[tuple[float, float], ...] = (
    *itertools.product((-46.0, -18.0, 10.0, 38.0, 66.0), (-54.0, -26.0, 2.0, 30.0, 58.0)),
    (0.0, 0.0),
)
"""Centres (x, y) of the published method."""
NEAR_M = 20.0
LEAST_NEAR_POINTS = 3
"""A centre with fewer points nearer than this (sum of |x| and |y|) is left out."""
INNER_M, OUTER_M = 1.0, 32.0
"""A centre takes the points between these distances (sum of |x| and |y|)."""
SECTORS = 8
LOWEST_POINTS = 64
"""A sector with fewer points has no ground; its height is the median of as many lowest ones."""
SEED_TOLERANCE_M = 0.2
LEAST_SEEDS = 3
PLANE_TOLERANCE_M = 0.15
ITERATIONS = 2
LOW_FRACTION = 0.3
"""The lowest points of a sector are ground whatever the plane says."""

_SINGULAR = 1e-10
_COLUMNS = {x: [centre[1] for centre in CENTRES_M if centre[0] == x] for x, _ in CENTRES_M}
"""Centres' y by their x."""
_SECTOR_OF_OCTANT = np.array([4, 3, 7, 0, 5, 2, 6, 1], dtype=np.uint8)
"""Sector, counted from -pi in steps of 45 degrees, by (y beyond x) * 4 + (x < 0) * 2 + (y < 0)."""


def ground_mask(points: Floats) -> NDArray[np.bool_]:
    """Which points are ground.

    Args:
        points: (n, 3) x, y, z, ego frame, metres.

    Returns:
        (n,) bool.
    """
    is_ground = np.zeros(len(points), dtype=bool)
    sectors = [sector for centre in _around_centres(points) for sector in _sectors(*centre)]
    if not sectors:
        return is_ground
    for _ in range(ITERATIONS):
        moments = np.empty((len(sectors), 3, 4))
        for sector, moment in zip(sectors, moments, strict=True):
            np.matmul(sector.columns[:3] * sector.is_ground, sector.columns.T, out=moment)
        for sector, normal in zip(sectors, _normals(moments), strict=True):
            sector.is_ground = normal @ sector.columns < PLANE_TOLERANCE_M
    for sector in sectors:
        is_ground[sector.member[sector.is_ground | sector.is_low]] = True
    return is_ground


@dataclass
class _Sector:
    """Points of one sector in ascending height.

    Attributes:
        member: (k,) indices of the points.
        columns: (4, k) x and y from the centre, 1, height above the sector's level.
        is_ground: (k,) points near the plane; the seeds at first.
        is_low: (k,) points that are ground whatever the plane.
    """

    member: NDArray[np.int64]
    columns: Floats
    is_ground: NDArray[np.bool_]
    is_low: NDArray[np.bool_]


def _around_centres(points: Floats) -> Iterator[tuple[NDArray[np.int64], Floats, Floats, Floats]]:
    """Points that each centre takes, in ascending height: indices, x and y from the centre, height."""
    order = np.argsort(points[:, 2])
    x, y, z = (points[order, axis] for axis in range(3))
    for centre_x, centres_y in _COLUMNS.items():
        dx = x - centre_x
        away_x = np.abs(dx)
        column = np.flatnonzero(away_x < OUTER_M)
        dx, away_x, column_y = dx[column], away_x[column], y[column]
        for centre_y in centres_y:
            distance = column_y - centre_y
            np.abs(distance, out=distance)
            distance += away_x
            taken = np.flatnonzero(distance < OUTER_M)
            distance = distance[taken]
            if np.count_nonzero(distance < NEAR_M) >= LEAST_NEAR_POINTS:
                taken = taken[distance > INNER_M]
                member = column[taken]
                yield order[member], dx[taken], y[member] - centre_y, z[member]


def _sectors(member: NDArray[np.int64], dx: Floats, dy: Floats, height: Floats) -> Iterator[_Sector]:
    """Split the points of a centre; sectors that have no ground are left out."""
    octant = (np.abs(dy) >= np.abs(dx)) * np.uint8(4) + (dx < 0.0) * np.uint8(2) + (dy < 0.0)
    number = _SECTOR_OF_OCTANT[octant]
    stops = np.cumsum(np.bincount(number, minlength=SECTORS)).tolist()
    by_sector = np.argsort(number, kind="stable")
    columns = np.ones((4, len(by_sector)))
    for row, values in ((0, dx), (1, dy), (3, height)):
        np.take(values, by_sector, out=columns[row], mode="clip")  # unlike "raise", this mode writes without a copy
    member = member[by_sector]
    for start, stop in itertools.pairwise([0, *stops]):
        if stop - start < LOWEST_POINTS:
            continue
        own = columns[:, start:stop]
        own_height = own[3]
        own_height -= 0.5 * (own_height[LOWEST_POINTS // 2 - 1] + own_height[LOWEST_POINTS // 2])
        is_seed = np.abs(own_height) < SEED_TOLERANCE_M
        if np.count_nonzero(is_seed) >= LEAST_SEEDS:
            yield _Sector(member[start:stop], own, is_seed, own_height < _low_height(own_height))


def _low_height(height: Floats) -> float:
    """Interpolated height below which the lowest 30 % of ascending heights lie."""
    position = LOW_FRACTION * (len(height) - 1)
    below = int(position)
    lower, upper = float(height[below]), float(height[below + 1])
    return lower + (position - below) * (upper - lower)


def _normals(moments: Floats) -> Floats:
    """Solve normal equations for planes z = ax + by + c.

    Args:
        moments: (g, 3, 4) sums of products of (x, y, 1) and (x, y, 1, z) over the points of each plane.

    Returns:
        (g, 4) vectors whose product with (x, y, 1, z) is the height above the plane, along its normal, in metres. Where
        all points lie in a line, the plane is the flattest through them.
    """
    matrices, right = moments[:, :, :3], moments[:, :, 3:]
    is_flat = np.linalg.det(matrices) <= _SINGULAR * np.prod(np.diagonal(matrices, axis1=1, axis2=2), axis=1)
    planes = np.empty((len(moments), 3, 1))
    planes[~is_flat] = np.linalg.solve(matrices[~is_flat], right[~is_flat])
    if is_flat.any():
        planes[is_flat] = np.linalg.pinv(matrices[is_flat], hermitian=True) @ right[is_flat]
    a, b, c = planes[:, :, 0].T
    normals = np.stack([-a, -b, -c, np.ones(len(a))], axis=1)
    normals /= np.sqrt(1.0 + a**2 + b**2)[:, None]
    return normals
