"""The outer edges of roads as lines along which a town is built: where a plot may begin and how urban it is.

Everything that lines streets (buildings, hedges, trees, benches) is laid out along these lines, so that it keeps its
distance to the road and to its neighbours, as in a real street.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lead.maps.compiled import CompiledMap
from lead.maps.layout import LaneType
from lead.simulator.scenery.paving import sidewalk_density, small_islands
from lead.simulator.scenery.roads import is_outermost
from lead.simulator.scenery.terrain import CELL_M, Terrain

Array = NDArray[np.float64]

_URBAN_WINDOW_M, _URBAN_FULL = 220.0, 0.10
_SAME_LINE_M = 6.0
_BEHIND_M = 9.0


@dataclass(frozen=True, eq=False)
class Fronts:
    """Places along the outer edges of roads, line after line.

    Attributes:
        xy: float64 (n, 2), world, metres.
        yaw: float64 (n,), along the road, rad.
        outward: float64 (n, 2), unit vectors away from the road.
        urban: float64 (n,), from 0 in the country to 1 in the centre: how densely sidewalks lie.
        grand: float64 (n,), from 0 where streets have one lane each way to 1 among avenues.
        sidewalk: bool (n,), whether a sidewalk runs along the edge.
        along: float64 (n,), way from the beginning of its line, metres.
        lines: int64 (k, 2), first place of each line and the one after its last.
    """

    xy: Array
    yaw: Array
    outward: Array
    urban: Array
    grand: Array
    sidewalk: NDArray[np.bool_]
    along: Array
    lines: NDArray[np.int64]

    def every(self, spacing_m: float) -> NDArray[np.int64]:
        """Places about one spacing apart along each line, the first half a spacing from its beginning."""
        step = np.floor(self.along / spacing_m + 0.5)
        first = np.zeros(len(step), bool)
        first[self.lines[:, 0]] = True
        return np.flatnonzero(np.append(False, step[1:] != step[:-1]) & ~first) if len(step) else np.zeros(0, np.int64)


def _nodes(xy: Array, terrain: Terrain) -> NDArray[np.int64]:
    """Nodes (n, 2) of the terrain nearest to points."""
    node = np.rint((xy - terrain.low) / CELL_M).astype(np.int64)
    return np.asarray(np.clip(node, 0, np.array(terrain.shape) - 1), np.int64)


def _lanes_each_way(lanes: NDArray[np.void], terrain: Terrain) -> NDArray[np.float32]:
    """At the terrain's nodes, 0 where streets around have one lane each way, 1 where they have two or more."""
    driving = lanes[(lanes["lane_type"] == LaneType.DRIVING) & (lanes["junction_id"] < 0)]
    side = np.stack([driving["road_id"], driving["section"], driving["lane_id"] > 0], axis=1)
    _, place = np.unique(side @ np.array([1 << 24, 2, 1], np.int64), return_inverse=True)
    numbers = np.unique(np.stack([place, driving["lane_id"]], axis=1), axis=0)
    count = np.bincount(numbers[:, 0], minlength=int(place.max(initial=0)) + 1)[place]
    cell = _nodes(np.stack([driving["x"], driving["y"]], axis=1), terrain)
    total, weight = np.zeros(terrain.shape, np.float32), np.zeros(terrain.shape, np.float32)
    # Each lane counts its side's number of lanes; dividing by that number counts every side once.
    np.add.at(total, (cell[:, 0], cell[:, 1]), np.float32(1.0))
    np.add.at(weight, (cell[:, 0], cell[:, 1]), (1.0 / count).astype(np.float32))
    size = int(_URBAN_WINDOW_M / CELL_M)
    mean = ndimage.uniform_filter(total, size=size) / np.maximum(ndimage.uniform_filter(weight, size=size), 1e-6)
    return np.asarray(np.clip(mean - 1.0, 0.0, 1.0), np.float32)


def road_fronts(town: CompiledMap, terrain: Terrain) -> Fronts:
    """The outer edges of the outermost lanes outside junctions, and of sidewalks round their corners."""
    lanes = town.lanes
    outermost, _ = is_outermost(lanes)
    chosen = (lanes["junction_id"] < 0) | (lanes["lane_type"] == LaneType.SIDEWALK)
    rows = lanes[outermost & chosen & (lanes["half_width"] > 0.05)]
    rows = rows[np.lexsort((rows["s"], rows["section"], rows["lane_id"] > 0, rows["road_id"]))]
    outward = np.stack([-np.sin(rows["yaw"]), np.cos(rows["yaw"])], axis=1)
    xy = np.stack([rows["x"], rows["y"]], axis=1) + outward * rows["half_width"].astype(np.float64)[:, None]
    behind = _nodes(xy + _BEHIND_M * outward, terrain)
    open_ground = ~small_islands(terrain)[behind[:, 0], behind[:, 1]]
    rows, outward, xy = rows[open_ground], outward[open_ground], xy[open_ground]
    density = sidewalk_density(lanes, terrain, _URBAN_WINDOW_M)
    at = _nodes(xy, terrain)
    step = np.hypot(*np.diff(xy, axis=0, prepend=xy[:1]).T)
    new = step > _SAME_LINE_M
    for key in (rows["road_id"], rows["lane_id"] > 0):
        new |= np.append(True, key[1:] != key[:-1])[: len(rows)]
    firsts = np.flatnonzero(new)
    way = np.cumsum(np.where(new, 0.0, step))
    sizes = np.diff(np.append(firsts, len(rows)))
    return Fronts(
        xy=xy,
        yaw=rows["yaw"].astype(np.float64),
        outward=outward,
        grand=_lanes_each_way(lanes, terrain)[at[:, 0], at[:, 1]].astype(np.float64),
        urban=np.clip(density[at[:, 0], at[:, 1]] / _URBAN_FULL, 0.0, 1.0).astype(np.float64),
        sidewalk=rows["lane_type"] == LaneType.SIDEWALK,
        along=way - np.repeat(way[firsts], sizes),
        lines=np.stack([firsts, firsts + sizes], axis=1),
    )
