"""Height of the ground everywhere: at road level beside roads, smooth between them, hilly far away.

OpenDRIVE describes roads and nothing else. The surface between them is made here on a grid of four metres: cells that
hold lanes take the lowest lane's height, all others that of the nearest such cell, smoothed the more the farther away.
Nowhere does it rise more steeply than a dam: where a high road meets a low one, the ground falls towards the low one
and the high road becomes a bridge.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lead.maps.compiled import CompiledMap
from lead.simulator.scenery.noise_field import noise_at
from lead.simulator.scenery.scenery_cache import cached_arrays

Array = NDArray[np.float64]

CELL_M = 4.0
MARGIN_M = 384.0
BELOW_ROAD_M = 0.16
_HILLS_FROM_M, _HILLS_FULL_M, _HILL_M = 30.0, 260.0, 9.0
_BLUR_CELLS = (2.0, 8.0)
_BLUR_FROM_M = (6.0, 40.0)
_STEEPEST, _SLOPE_ROUNDS = 0.75, 12
"""Slope of dams and cuttings beside roads, and for how many cells it is followed."""


class Terrain:
    """Heights of the drawn ground off the roads.

    Args:
        town: The map.
    """

    def __init__(self, town: CompiledMap) -> None:
        arrays = cached_arrays(town.digest, "terrain", lambda: _height_field(town))
        self.low: Array = arrays["low"]
        self.heights: NDArray[np.float32] = arrays["heights"]
        self.road_distance: NDArray[np.float32] = arrays["road_distance"]
        self.shape: tuple[int, int] = (self.heights.shape[0], self.heights.shape[1])

    def height(self, xy: Array) -> Array:
        """Height (n,) of the ground at points (n, 2); beyond the grid, that of its edge."""
        return self._at(self.heights, xy)

    def distance(self, xy: Array) -> Array:
        """Rough distance (n,) of points (n, 2) to the nearest lane, metres, 0 on and right beside roads."""
        return self._at(self.road_distance, xy)

    def _at(self, field: NDArray[np.float32], xy: Array) -> Array:
        """Linear interpolation over the triangles in which the ground is drawn."""
        position = (np.asarray(xy, np.float64) - self.low) / CELL_M
        limit = np.array(self.shape) - 1.001
        position = np.minimum(np.maximum(position, 0.0), limit)
        cell = position.astype(np.int64)
        u, v = (position - cell).T
        i, j = cell.T
        a, b, c, d = field[i, j], field[i + 1, j], field[i + 1, j + 1], field[i, j + 1]
        return np.asarray(np.where(u >= v, a + u * (b - a) + v * (c - b), a + v * (d - a) + u * (c - d)), np.float64)


def _height_field(town: CompiledMap) -> dict[str, NDArray[Any]]:
    """Corner `low`, and `heights` and `road_distance` on the grid's nodes."""
    lanes = town.lanes
    wide = lanes[lanes["half_width"] > 0.05]
    right = np.stack([-np.sin(wide["yaw"]), np.cos(wide["yaw"])], axis=1)
    center = np.stack([wide["x"], wide["y"]], axis=1)
    low = np.floor((center.min(axis=0) - MARGIN_M) / CELL_M) * CELL_M
    shape = tuple((np.ceil((center.max(axis=0) + MARGIN_M - low) / CELL_M).astype(int) + 1).tolist())
    lowest = np.full(shape, np.inf, np.float32)
    for share in (-1, 0, 1):
        spot = center + right * (share * wide["half_width"].astype(np.float64))[:, None]
        cell = np.rint((spot - low) / CELL_M).astype(np.int64)
        np.minimum.at(lowest, (cell[:, 0], cell[:, 1]), wide["z"].astype(np.float32))
    # Nodes beside a road take its height too, so that no slope towards a higher road covers a lower one.
    near = ndimage.minimum_filter(lowest, size=3)
    away, (row, column) = ndimage.distance_transform_edt(~np.isfinite(near), return_indices=True)
    height = _without_cliffs(near[row, column])
    distance = away.astype(np.float32) * np.float32(CELL_M)
    for sigma, start in zip(_BLUR_CELLS, _BLUR_FROM_M, strict=True):
        blurred = ndimage.gaussian_filter(height, sigma)
        weight = np.clip((distance - start) / (2.0 * CELL_M * sigma), 0.0, 1.0)
        height = height + weight * (blurred - height)
    share_of_hills = np.clip((distance - _HILLS_FROM_M) / (_HILLS_FULL_M - _HILLS_FROM_M), 0.0, 1.0)
    hilly = np.nonzero(share_of_hills > 0.0)
    x, y = (low[axis] + CELL_M * hilly[axis] for axis in (0, 1))
    hills = noise_at(x * 0.0021, y * 0.0021) + 0.35 * noise_at(x * 0.009, y * 0.009) - 0.45
    heights = np.asarray(height - BELOW_ROAD_M, np.float32)
    heights[hilly] += (_HILL_M * share_of_hills[hilly] ** 2 * hills).astype(np.float32)
    return {"low": low, "heights": heights, "road_distance": distance}


def _without_cliffs(height: NDArray[np.float32]) -> NDArray[np.float32]:
    """Heights lowered where they rise more steeply from a neighbour than a dam does."""
    straight = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)
    rise = np.float32(_STEEPEST * CELL_M)
    for turn in range(_SLOPE_ROUNDS):
        # Crosses and squares in turn make rings that are nearly round.
        reach = {"footprint": straight} if turn % 2 else {"size": 3}
        lower = np.minimum(height, ndimage.minimum_filter(height, **reach) + rise)
        if np.array_equal(lower, height):
            break
        height = lower
    return height
