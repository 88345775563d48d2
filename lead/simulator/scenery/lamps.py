"""Street lamps along sidewalks: where they stand, from the map alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.maps.compiled import CompiledMap
from lead.maps.ground import GroundIndex
from lead.maps.layout import LaneType

LAMP_HEIGHT_M = 7.0
POLE_HALF_M = 0.1
_SPACING_M = 30.0
_EDGE_M = 0.4
_MIN_WIDTH_M = 1.2
_CLEARANCE_M = 10.0
_CORNER_M = 7.0


def place_street_lamps(town: CompiledMap, ground: GroundIndex) -> NDArray[np.float64]:
    """Feet of the street lamps.

    One lamp every 30 m of sidewalk outside junctions, near the sidewalk's outer edge, never on a driving lane, never
    within 7 m of a sidewalk's end (where it would stand on a corner) and never within 10 m of another lamp.

    Returns:
        float64 (n, 4): x, y, z of the foot in the world, metres, and yaw of the sidewalk, radians.
    """
    lanes = town.lanes
    walk = lanes["lane_type"] == LaneType.SIDEWALK
    walk &= (lanes["junction_id"] < 0) & (lanes["half_width"] * 2.0 >= _MIN_WIDTH_M)
    rows = np.flatnonzero(walk)
    if not len(rows):
        return np.zeros((0, 4))
    lane = np.stack([lanes["road_id"][rows], lanes["section"][rows], lanes["lane_id"][rows]], axis=1)
    starts = _run_starts(lane)
    sizes = np.diff(np.append(starts, len(rows)))
    along = lanes["s"][rows].astype(np.float64)
    from_start = along - np.repeat(np.minimum.reduceat(along, starts), sizes)
    to_end = np.repeat(np.maximum.reduceat(along, starts), sizes) - along
    clear = np.flatnonzero((from_start >= _CORNER_M) & (to_end >= _CORNER_M))
    if not len(clear):
        return np.zeros((0, 4))
    step = np.floor((from_start[clear] - _CORNER_M) / _SPACING_M).astype(np.int64)
    picked = lanes[rows[clear[_run_starts(np.column_stack([lane[clear], step]))]]]
    # A lane's yaw is its driving direction and traffic keeps right, so outwards is to the right.
    aside = picked["half_width"] - _EDGE_M
    feet = np.stack(
        [
            picked["x"] - np.sin(picked["yaw"]) * aside,
            picked["y"] + np.cos(picked["yaw"]) * aside,
            picked["z"],
            picked["yaw"],
        ],
        axis=1,
    )
    on_road = ground.is_on(ground.query(feet[:, :3]), LaneType.DRIVING)
    return _spaced(feet[~on_road])


def _run_starts(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices at which a new run of equal rows begins."""
    return np.flatnonzero(np.concatenate([[True], (keys[1:] != keys[:-1]).any(axis=1)]))


def _spaced(feet: NDArray[np.float64]) -> NDArray[np.float64]:
    """Thin out lamps that crowd each other where roads meet: one per cell, and none beside a taken neighbour cell."""
    kept: list[int] = []
    taken: dict[tuple[int, int], list[int]] = {}
    cells = np.floor(feet[:, :2] / _CLEARANCE_M).astype(np.int64)
    for index, (column, row) in enumerate(cells.tolist()):
        near = [k for i in (-1, 0, 1) for j in (-1, 0, 1) for k in taken.get((column + i, row + j), ())]
        if near and (np.hypot(*(feet[near, :2] - feet[index, :2]).T) < _CLEARANCE_M).any():
            continue
        kept.append(index)
        taken.setdefault((column, row), []).append(index)
    return feet[kept]
