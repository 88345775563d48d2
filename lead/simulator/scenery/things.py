"""The kinds of placed things and their record: the vocabulary shared by placement, level and meshes."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Thing(IntEnum):
    """Kind of a placed thing; values are stored in `THING_DTYPE.kind`."""

    TOWER = 0
    BLOCK = 1
    HOUSE = 2
    BARN = 3
    BROADLEAF = 4
    CONIFER = 5
    BUSH = 6
    CAR = 7
    BENCH = 8
    BIN = 9
    PLANTER = 10
    SHELTER = 11
    HEDGE = 12
    FENCE = 13
    RAIL = 14


THING_DTYPE = np.dtype(
    [
        ("kind", "u1"),
        ("x", "f8"),
        ("y", "f8"),
        ("z", "f8"),  # of its foot
        ("yaw", "f8"),
        ("half_x", "f4"),
        ("half_y", "f4"),
        ("height", "f4"),
        ("seed", "u4"),  # decides about its looks
    ]
)

BUILDINGS = (Thing.TOWER, Thing.BLOCK, Thing.HOUSE, Thing.BARN)
TREES = (Thing.BROADLEAF, Thing.CONIFER)
EDGE_SIZES = {Thing.HEDGE: (2.4, 0.35, 1.15), Thing.FENCE: (2.4, 0.05, 1.05)}
"""Half sizes and height of what borders gardens, metres."""
EDGE_SHAPES = 4
Row = tuple[float, ...]


def thing_row(kind: Thing, xy: NDArray[np.float64], yaw: float, size: tuple[float, float, float], seed: int) -> Row:
    """A record's values; the height of the ground is filled in for all things at once."""
    return (int(kind), float(xy[0]), float(xy[1]), 0.0, yaw, *size, seed)


def things_of(rows: list[Row]) -> NDArray[np.void]:
    """Records, THING_DTYPE (n,)."""
    return np.array(rows, THING_DTYPE)
