"""Class lists of boxes and of the bird's-eye view, and how stored map pictures become the latter."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class BoxClass(IntEnum):
    """Classes of boxes."""

    VEHICLE = 0
    WALKER = 1
    TRAFFIC_LIGHT = 2
    STOP_SIGN = 3
    SPECIAL = 4
    """Emergency vehicle on duty."""
    OBSTACLE = 5
    PARKING = 6
    BIKER = 7


class BevClass(IntEnum):
    """Classes of the bird's-eye-view semantics."""

    UNLABELED = 0
    ROAD = 1
    LANE_MARKERS = 2
    STOP_SIGN = 3
    VEHICLE = 4
    WALKER = 5
    OBSTACLE = 6
    PARKING = 7
    SPECIAL = 8
    BIKER = 9
    GREEN = 10
    RED = 11
    RED_FAR = 12
    """A red light that hangs over the junction or stands as in Europe."""


FAR_LIGHT_FLAGS = ("over_head_traffic_light", "europe_traffic_light")
"""Metas that tell :attr:`BevClass.RED_FAR` from :attr:`BevClass.RED`."""
_MAP_CLASSES = {
    1: BevClass.ROAD,
    3: BevClass.LANE_MARKERS,
    4: BevClass.LANE_MARKERS,
    5: BevClass.STOP_SIGN,
}
_MAP_TABLE = np.zeros(256, np.uint8)
for _value, _class in _MAP_CLASSES.items():
    _MAP_TABLE[_value] = _class
_MAP_TABLE.setflags(write=False)


def bev_of_map(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn values of ``hdmap`` pictures, uint8 of any shape, into :class:`BevClass`."""
    return np.asarray(_MAP_TABLE[values])
