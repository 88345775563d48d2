"""Bytes and reply shapes of the protocol: tokens, packet headers, result wrapping, checked argument decoding.

Every number a client sends passes through here: non-finite floats would poison transforms and later kill map queries,
and CARLA's own Traffic Manager does send NaN now and then.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lead.simulator.world.actors import WorldError

WORLD_STREAM_ID = 1
_TOKEN = struct.Struct("<IHBB16s")
_PROTOCOL_TCP = 1
_ADDRESS_OF_CLIENT = 0
_PACKET_HEADER = struct.Struct("<IQQd6f")
_SENSOR_HEADER_SIZE = 48
_LIMIT = 1e7
"""Largest coordinate or speed taken from a client; far outside any town, well inside float32."""

Reply = list[object]

VOID: Reply = [[False]]
"""Reply of a call without a result."""


def value_reply(value: object) -> Reply:
    """Reply of a call that returns ``value``."""
    return [[1, value]]


def error_reply(message: str) -> Reply:
    """Reply that raises ``RuntimeError(message)`` in the client, for value and void calls alike."""
    return [[0, [message]]]


def token_bytes(stream_id: int, stream_port: int) -> bytes:
    """The 24 bytes that tell a client where to subscribe; it uses the host it already talks to."""
    return _TOKEN.pack(stream_id, stream_port, _PROTOCOL_TCP, _ADDRESS_OF_CLIENT, b"")


def packet_head(
    body_size: int, type_index: int, frame: int, time_s: float, pose: Sequence[float] = (0.0,) * 6
) -> bytes:
    """Length prefix and sensor header of a stream packet; ``pose`` is x, y, z, pitch, yaw, roll in the world."""
    return _PACKET_HEADER.pack(_SENSOR_HEADER_SIZE + body_size, type_index, frame, time_s, *pose)


def finite(value: object, default: float = 0.0, low: float = -_LIMIT, high: float = _LIMIT) -> float:
    """A client's number as a float inside [low, high]; NaN becomes ``default``.

    Raises:
        WorldError: If it is not a number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WorldError(f"expected a number, got {type(value).__name__}")
    return default if math.isnan(value) else float(min(max(value, low), high))


def integer(value: object) -> int:
    """A client's integer.

    Raises:
        WorldError: If it is not one.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise WorldError(f"expected an integer, got {type(value).__name__}")
    return value


def flag(value: object) -> bool:
    """A client's boolean.

    Raises:
        WorldError: If it is not one.
    """
    if not isinstance(value, bool):
        raise WorldError(f"expected a boolean, got {type(value).__name__}")
    return value


def text(value: object) -> str:
    """A client's string.

    Raises:
        WorldError: If it is not one.
    """
    if not isinstance(value, str):
        raise WorldError(f"expected text, got {type(value).__name__}")
    return value


def array(value: object, length: int | None = None) -> list[object]:
    """A client's array, with at least ``length`` elements if given.

    Raises:
        WorldError: If it is not an array or too short.
    """
    if not isinstance(value, list) or (length is not None and len(value) < length):
        raise WorldError(f"expected an array of {length or 'any'} elements, got {type(value).__name__}")
    return value


def vector(value: object) -> NDArray[np.float64]:
    """A client's Vector3D, Location or Rotation as float64 (3,)."""
    x, y, z = array(value, 3)[:3]
    return np.array([finite(x), finite(y), finite(z)])


def transform(value: object) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A client's Transform as location (3,) and rotation (3,) pitch, yaw, roll in degrees."""
    location, rotation = array(value, 2)[:2]
    return vector(location), vector(rotation)


def optional(value: object) -> object | None:
    """The content of a client's optional, None when empty."""
    items = array(value, 1)
    return items[1] if len(items) > 1 and items[0] else None


def floats(values: NDArray[Any] | Sequence[float]) -> list[float]:
    """Plain floats for msgpack."""
    return [float(value) for value in values]


def transform_row(
    location: NDArray[Any] | Sequence[float], rotation_deg: NDArray[Any] | Sequence[float]
) -> list[list[float]]:
    """A Transform for msgpack."""
    return [floats(location), floats(rotation_deg)]
