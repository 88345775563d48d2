"""Where open ground is paved: between sidewalks and the buildings behind them, where sidewalks lie densely."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lead.maps.layout import LaneType
from lead.simulator.scenery.terrain import CELL_M, Terrain

_WINDOW_M = 160.0
_TOWN, _CENTRE = 0.052, 0.085
"""Density of sidewalks from which ground right beside them, and from which wider squares, are paved."""
_ISLAND_M2, _STRIP_M2, _ROUND_SHARE = 2000.0, 330.0, 0.86


_SOFT_CELLS, _HALF, _NEAR_BORDER = 0.8, 0.45, 0.27

Array = NDArray[np.float64]


class Paving:
    """Which ground is paved.

    Args:
        lanes: LANE_DTYPE, all samples of the town.
        terrain: Its grid.
    """

    def __init__(self, lanes: NDArray[np.void], terrain: Terrain) -> None:
        self._low = terrain.low
        density = sidewalk_density(lanes, terrain, _WINDOW_M)
        walks = sidewalk_cells(lanes, terrain)
        near, wide = (ndimage.maximum_filter(walks, size=size) > 0.0 for size in (3, 5))
        paved = (near & (density > _TOWN)) | (wide & (density > _CENTRE))
        paved &= ~small_islands(terrain)
        self._field = ndimage.gaussian_filter(paved.astype(np.float32), _SOFT_CELLS, truncate=2.0)

    def at(self, xy: Array) -> NDArray[np.bool_]:
        """Whether points (n, 2) are on paved ground; not beyond the grid."""
        return self._share(xy) > _HALF

    def is_border(self, xy: Array) -> NDArray[np.bool_]:
        """Whether points (n, 2) are so near to where paving ends that cells around them may be paved in part."""
        share = self._share(xy)
        return (share > _HALF - _NEAR_BORDER) & (share < _HALF + _NEAR_BORDER)

    def _share(self, xy: Array) -> NDArray[np.float32]:
        position = ((np.asarray(xy, np.float64) - self._low) / CELL_M).T
        return np.asarray(ndimage.map_coordinates(self._field, position, order=1, mode="constant"), np.float32)


def small_islands(terrain: Terrain) -> NDArray[np.bool_]:
    """Nodes of ground enclosed by roads that is not built on: strips, corners, and the islands of roundabouts."""
    parts, count = ndimage.label(terrain.road_distance > 0.0)
    island = np.zeros(count + 1, bool)
    for number, (rows, columns) in enumerate(ndimage.find_objects(parts), start=1):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if height * width * CELL_M**2 > _ISLAND_M2:
            continue
        area = np.count_nonzero(parts[rows, columns] == number)
        island[number] = area * CELL_M**2 < _STRIP_M2 or area < _ROUND_SHARE * height * width
    return np.asarray(island[parts])


def sidewalk_density(lanes: NDArray[np.void], terrain: Terrain, window_m: float) -> NDArray[np.float32]:
    """Share of the terrain's cells that hold a sidewalk, in a window around every node."""
    return np.asarray(
        ndimage.uniform_filter(sidewalk_cells(lanes, terrain), size=int(window_m / CELL_M)), dtype=np.float32
    )


def sidewalk_cells(lanes: NDArray[np.void], terrain: Terrain) -> NDArray[np.float32]:
    """1 at the terrain's nodes nearest to a sidewalk, 0 elsewhere."""
    walks = lanes[(lanes["lane_type"] == LaneType.SIDEWALK) & (lanes["half_width"] > 0.4)]
    busy = np.zeros(terrain.shape, np.float32)
    cell = np.rint((np.stack([walks["x"], walks["y"]], axis=1) - terrain.low) / CELL_M).astype(np.int64)
    busy[cell[:, 0], cell[:, 1]] = 1.0
    return busy
