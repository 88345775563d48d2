"""What is prepared of one frame in one view, and its form as bytes.

A record is everything that does not change from epoch to epoch, in the form that is quickest to finish: the camera
image as it was stored, the finished bird's-eye-view label, counts of LiDAR points, and small arrays. A sample is
finished from a record in the same way whether the record was just made or comes from a cache: both give the same.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from lead.dataset.errors import DatasetError
from lead.dataset.labels.motion import Motion

FORMAT_VERSION = 1
"""To be raised with every change of the labels or of this form: all caches are then built anew."""
_LEVEL = 6
_WORTHWHILE = 0.9
"""What shrinks less is stored as it is."""
_SMALL_BYTES = 4096
_RAW, _PACKED, _RUNS = 0, 1, 2
_RUN = np.dtype("<u4")
_LENGTH = struct.Struct("<I")
_MAX_BYTES = 64 << 20
_SCALARS = ("speed_mps", "target_speed_mps", "theta_rad", "brake")
_IMAGES = ("semantic", "depth_code", "bev_semantic", "lidar_counts", "radar_points", "radar_sensor")


@dataclass(frozen=True, eq=False)
class ViewRecord:
    """One frame in one view; what the route does not have is None.

    Attributes:
        jpeg: The stored camera image.
        boxes: float32 (n, 9), see :func:`lead.dataset.labels.boxes.box_labels`.
        motion: Motion of the ego and its route.
        semantic: uint8 (h, w), stored classes.
        depth_code: uint8 or uint16 (h / 4, w / 4), stored codes.
        bev_semantic: uint8 (rows, columns) label.
        lidar_counts: uint8 (rows, columns), points per cell, 5 for more.
        radar_points: float16 (n, 4), points inside the window, at most 75 per sensor.
        radar_sensor: uint8 (n,), their sensors.
    """

    jpeg: bytes
    boxes: NDArray[np.float32]
    motion: Motion
    semantic: NDArray[np.uint8] | None = None
    depth_code: NDArray[np.uint8] | NDArray[np.uint16] | None = None
    bev_semantic: NDArray[np.uint8] | None = None
    lidar_counts: NDArray[np.uint8] | None = None
    radar_points: NDArray[np.float16] | None = None
    radar_sensor: NDArray[np.uint8] | None = None


def pack(record: ViewRecord) -> bytes:
    """Turn a record into bytes: a table of the parts as JSON, then the parts."""
    motion = record.motion
    arrays: dict[str, NDArray[np.generic]] = {
        "jpeg": np.frombuffer(record.jpeg, np.uint8),
        "boxes": record.boxes,
        "scalars": np.array([getattr(motion, name) for name in _SCALARS], np.float64),
        **{entry.name: getattr(motion, entry.name) for entry in fields(Motion) if entry.name not in _SCALARS},
        **{name: getattr(record, name) for name in _IMAGES if getattr(record, name) is not None},
    }
    table, parts = [], []
    for name, array in arrays.items():
        coding, part = (_RAW, record.jpeg) if name == "jpeg" else _encode(np.ascontiguousarray(array))
        parts.append(part)
        table.append([name, array.dtype.str, array.shape, coding, len(part)])
    head = json.dumps(table, separators=(",", ":")).encode()
    return b"".join([_LENGTH.pack(len(head)), head, *parts])


def _encode(array: NDArray[np.generic]) -> tuple[int, bytes]:
    """Choose a form: runs of equal values for pictures of areas, which are the quickest to read, else compression."""
    data = array.tobytes()
    if len(data) < _SMALL_BYTES:
        return _RAW, data
    if array.dtype == np.uint8:
        values = array.ravel()
        starts = np.concatenate([[0], np.flatnonzero(values[1:] != values[:-1]) + 1])
        runs = np.diff(starts, append=len(values)).astype(_RUN)
        if len(runs) * (1 + _RUN.itemsize) < _WORTHWHILE * len(data):
            return _RUNS, zlib.compress(runs.tobytes() + values[starts].tobytes(), _LEVEL)
    packed = zlib.compress(data, _LEVEL)
    return (_PACKED, packed) if len(packed) < _WORTHWHILE * len(data) else (_RAW, data)


def unpack(data: bytes) -> ViewRecord:
    """Read what :func:`pack` made.

    Raises:
        DatasetError: If it is damaged.
    """
    try:
        arrays = _arrays(data)
        jpeg, boxes, scalars = arrays.pop("jpeg").tobytes(), arrays.pop("boxes"), arrays.pop("scalars").tolist()
        images = {name: arrays.pop(name) for name in _IMAGES if name in arrays}
        *numbers, brake = scalars
        values = dict(zip(_SCALARS, [*numbers, bool(brake)], strict=True))
        return ViewRecord(jpeg, boxes, Motion(**arrays, **values), **images)  # type: ignore[arg-type]
    except (struct.error, ValueError, KeyError, TypeError, RecursionError, zlib.error) as error:
        raise DatasetError(f"the record is damaged ({type(error).__name__}: {error})") from error


def _arrays(data: bytes) -> dict[str, NDArray[np.generic]]:
    (length,) = _LENGTH.unpack_from(data)
    place = _LENGTH.size + length
    arrays = {}
    for name, code, shape, coding, size in json.loads(data[_LENGTH.size : place]):
        kind = np.dtype(code)
        expected = kind.itemsize * math.prod(shape)
        if kind.hasobject or not 0 <= expected <= _MAX_BYTES:
            raise ValueError(f"{name} cannot be of type {code} and shape {shape}")
        part: bytes | memoryview = memoryview(data)[place : place + size]
        if coding == _RUNS:
            arrays[name] = _of_runs(part, expected).reshape(shape)
        else:
            plain = zlib.decompressobj().decompress(part, expected) if coding == _PACKED else part
            arrays[name] = np.frombuffer(plain, kind, count=expected // kind.itemsize).reshape(shape)
        place += size
    return arrays


def _of_runs(part: bytes | memoryview, length: int) -> NDArray[np.uint8]:
    plain = zlib.decompressobj().decompress(part, length)
    count = len(plain) // (1 + _RUN.itemsize)
    runs = np.frombuffer(plain, _RUN, count)
    if runs.sum(dtype=np.uint64) != length:
        raise ValueError("the runs of a picture have another length than it")
    return np.repeat(np.frombuffer(plain, np.uint8, count, count * _RUN.itemsize), runs)
