"""Array layouts of a compiled map.

Every consumer of a map (simulator, rasters, scenery) reads plain numpy arrays. Their record types and the
small enumerations stored in them are kept here, apart from the code that fills them, so that readers need
not import it. All poses are in CARLA's world frame: left-handed, x forward, y right, z up, metres, yaw
clockwise seen from above.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class LaneType(IntEnum):
    """Kind of a lane; values are stored in `LANE_DTYPE.lane_type`."""

    NONE = 0
    DRIVING = 1
    SHOULDER = 2
    SIDEWALK = 3
    PARKING = 4
    BIKING = 5
    MEDIAN = 6
    BORDER = 7
    OTHER = 8


class SignalKind(IntEnum):
    """Kind of a traffic actor; values are stored in `SIGNAL_DTYPE.kind`."""

    TRAFFIC_LIGHT = 0
    STOP = 1
    YIELD = 2
    SPEED_LIMIT = 3


class StaticLabel(IntEnum):
    """The CARLA object classes (`CityObjectLabel`) that static boxes of a map use."""

    NONE = 0
    WALLS = 4
    FENCES = 5
    POLES = 6
    GUARD_RAIL = 28


class MarkKind(IntEnum):
    """Pattern of a painted line; values are stored in `ROAD_MARK_DTYPE.kind`. Two words: inner line, outer line."""

    SOLID = 1
    BROKEN = 2
    SOLID_SOLID = 3
    SOLID_BROKEN = 4
    BROKEN_SOLID = 5
    BROKEN_BROKEN = 6
    CURB = 7


class MarkColor(IntEnum):
    """Colour of a painted line; values are stored in `ROAD_MARK_DTYPE.color`."""

    WHITE = 0
    YELLOW = 1
    BLUE = 2
    GREEN = 3
    RED = 4
    ORANGE = 5


LANE_DTYPE = np.dtype(
    [
        ("x", "f8"),
        ("y", "f8"),
        ("z", "f8"),
        ("yaw", "f8"),  # rad, driving direction of the lane, in (-pi, pi]
        ("grade", "f8"),  # dz per metre along yaw
        ("half_width", "f4"),
        ("road_id", "i4"),
        ("lane_id", "i4"),
        ("s", "f4"),  # station on the road's reference line, m
        ("section", "i4"),  # index of the lane section within its road
        ("lane_type", "u1"),
        ("junction_id", "i4"),  # -1: not inside a junction
    ]
)
"""One sample of a lane centre line; samples of one lane section follow each other in order of s."""

SIGNAL_DTYPE = np.dtype(
    [
        ("signal_id", "S32"),
        ("kind", "u1"),
        ("value", "f4"),  # km/h for speed limits, else 0
        ("x", "f8"),
        ("y", "f8"),
        ("z", "f8"),
        ("pitch_deg", "f4"),
        ("yaw_deg", "f4"),
        ("roll_deg", "f4"),
        ("trigger_center", "f4", (3,)),  # in the actor's frame
        ("trigger_extent", "f4", (3,)),  # half sizes
        ("trigger_yaw_deg", "f4"),  # relative to the actor
        ("controller", "i4"),  # row in the controllers, -1 for signs
    ]
)
"""One traffic light or sign actor, in order of creation."""

BOX_DTYPE = np.dtype(
    [
        ("owner", "i4"),  # row in the signals, -1: none
        ("x", "f8"),
        ("y", "f8"),
        ("z", "f8"),
        ("yaw", "f8"),  # rad
        ("ext_x", "f4"),  # half sizes
        ("ext_y", "f4"),
        ("ext_z", "f4"),
        ("label", "u1"),
    ]
)
"""One upright oriented box; x, y, z is its centre."""

CONTROLLER_DTYPE = np.dtype(
    [
        ("controller_id", "i4"),  # OpenDRIVE id, or -2, -3, ... for lights without a controller
        ("group", "i4"),  # dense from 0
        ("order", "i4"),  # position in the cycle of the group, from 0
        ("red_s", "f4"),  # all-red gap after yellow
    ]
)
"""One traffic light controller."""

ROAD_MARK_DTYPE = np.dtype(
    [
        ("road_id", "i4"),
        ("section", "i4"),  # index of the lane section within its road
        ("lane_id", "i4"),  # the line runs along the outer edge of this lane; 0: along the reference line
        ("start_s", "f4"),  # stations between which it is painted, m
        ("end_s", "f4"),
        ("kind", "u1"),
        ("color", "u1"),
        ("width", "f4"),  # of one line, m
    ]
)
"""A painted line along the edge of a lane, in order of road, section and lane."""
