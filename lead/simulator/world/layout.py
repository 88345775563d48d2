"""Record layouts of the world snapshot, so that the arrays the world steps are the bytes it sends.

The 119-byte records are CARLA's: identical in 0.9.15 and 0.9.16, packed, little-endian. Every actor table of the
world is one numpy array of such records; a snapshot is their concatenation behind two small headers.
"""

from enum import IntEnum

import numpy as np

RECORD_SIZE = 119
"""Bytes per actor in a snapshot."""

_COMMON: list[tuple[str, str] | tuple[str, str, int]] = [
    ("id", "<u4"),
    ("state", "u1"),
    ("location", "<f4", 3),
    ("rotation_deg", "<f4", 3),
    ("velocity", "<f4", 3),
    ("angular_velocity_deg", "<f4", 3),
    ("acceleration", "<f4", 3),
]

CONTROL_DTYPE = np.dtype(
    [
        ("throttle", "<f4"),
        ("steer", "<f4"),
        ("brake", "<f4"),
        ("hand_brake", "u1"),
        ("reverse", "u1"),
        ("manual_gear_shift", "u1"),
        ("gear", "<i4"),
    ]
)

VEHICLE_RECORD = np.dtype(
    [
        *_COMMON,
        ("control", CONTROL_DTYPE),
        ("speed_limit_kmh", "<f4"),
        ("light_state", "u1"),
        ("has_light", "u1"),
        ("light_id", "<u4"),
        ("failure_state", "u1"),
        ("padding", "V24"),
    ]
)

LIGHT_RECORD = np.dtype(
    [
        *_COMMON,
        ("sign_id", "S32"),
        ("green_s", "<f4"),
        ("yellow_s", "<f4"),
        ("red_s", "<f4"),
        ("elapsed_s", "<f4"),
        ("pole_index", "<u4"),
        ("frozen", "u1"),
        ("light", "u1"),
    ]
)

SIGN_RECORD = np.dtype([*_COMMON, ("sign_id", "S32"), ("padding", "V22")])

WALKER_RECORD = np.dtype([*_COMMON, ("direction", "<f4", 3), ("speed", "<f4"), ("jump", "u1"), ("padding", "V37")])

PLAIN_RECORD = np.dtype([*_COMMON, ("padding", "V54")])

SNAPSHOT_HEADER_DTYPE = np.dtype(
    [
        ("episode_id", "<u8"),
        ("platform_time_s", "<f8"),
        ("delta_s", "<f4"),
        ("map_origin", "<i4", 3),
        ("flags", "<u4"),
    ]
)
"""36 bytes between the sensor header and the actor records."""


class ActorState(IntEnum):
    """Value of a record's ``state`` byte."""

    INVALID = 0
    ACTIVE = 1
    DORMANT = 2
    PENDING_KILL = 3


class LightState(IntEnum):
    """Traffic-light colours as numbered on the wire."""

    RED = 0
    YELLOW = 1
    GREEN = 2
    OFF = 3
    UNKNOWN = 4


class SnapshotFlag(IntEnum):
    """Bits of the snapshot's state flags."""

    NONE = 0
    MAP_CHANGED = 1
    LIGHTS_PENDING = 2
