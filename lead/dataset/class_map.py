"""From CARLA's object classes, with three of our own, to the ten classes that are stored."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

CONE_AND_WARNING, SPECIAL_VEHICLE, STOP_SIGN = 29, 30, 31
"""Classes that CARLA does not have: the recorder gives them to pixels before they are grouped."""
CARLA_CLASSES = 32


class SemanticClass(IntEnum):
    """Classes of ``semantics`` images."""

    UNLABELED = 0
    VEHICLE = 1
    ROAD = 2
    TRAFFIC_LIGHT = 3
    PEDESTRIAN = 4
    ROAD_LINE = 5
    OBSTACLE = 6
    SPECIAL_VEHICLE = 7
    STOP_SIGN = 8
    BIKER = 9


_SOURCES: dict[SemanticClass, tuple[int, ...]] = {
    SemanticClass.VEHICLE: (14, 15, 16, 18),
    SemanticClass.ROAD: (1,),
    SemanticClass.TRAFFIC_LIGHT: (7,),
    SemanticClass.PEDESTRIAN: (12,),
    SemanticClass.ROAD_LINE: (24,),
    SemanticClass.OBSTACLE: (CONE_AND_WARNING,),
    SemanticClass.SPECIAL_VEHICLE: (SPECIAL_VEHICLE,),
    SemanticClass.STOP_SIGN: (STOP_SIGN,),
    SemanticClass.BIKER: (13, 19),
}
_TABLE = np.zeros(256, dtype=np.uint8)
for _stored, _ids in _SOURCES.items():
    _TABLE[list(_ids)] = _stored
_TABLE.setflags(write=False)


def group_classes(carla_ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Group CARLA's class ids, as the red channel of an instance camera holds them.

    Args:
        carla_ids: uint8, any shape; ids of 32 and more have no class.

    Returns:
        uint8 of the same shape, values of :class:`SemanticClass`.
    """
    return _TABLE.take(carla_ids)
