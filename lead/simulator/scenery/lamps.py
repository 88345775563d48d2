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


def place_street_lamps(town: CompiledMap, ground: GroundIndex) -> NDArray[np.float64]:
    """Feet of the street lamps.

    One lamp every 30 m of sidewalk outside junctions, near the sidewalk's outer edge, never on a driving lane and never
    within 10 m of another lamp.

    Returns:
        float64 (n, 4): x, y, z of the foot in the world, metres, and yaw of the sidewalk, radians.
    """
    lanes = town.lanes
    walk = lanes["lane_type"] == LaneType.SIDEWALK
    walk &= (lanes["junction_id"] < 0) & (lanes["half_width"] * 2.0 >= _MIN_WIDTH_M)
    rows = np.flatnonzero(walk)
    if not len(rows):
        return np.zeros((0, 4))
    step = np.floor(lanes["s"][rows] / _SPACING_M).astype(np.int64)
    key = np.stack([lanes["road_id"][rows], lanes["section"][rows], lanes["lane_id"][rows], step], axis=1)
    first = np.flatnonzero(np.concatenate([[True], (key[1:] != key[:-1]).any(axis=1)]))
    picked = lanes[rows[first]]
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
