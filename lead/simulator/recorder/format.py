"""The recording file: a magic word and a chain of checked, compressed blocks.

A block is written in one go and never touched again, so a file is good up to its last whole block, however its writer
ended. ``docs/recorder.md`` describes every field.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import msgpack
import numpy as np
from numpy.typing import NDArray

from lead.errors import LeadError
from lead.simulator.recorder import motion

MAGIC = b"LEADREC\x01"
FORMAT_VERSION = 1
HEADER_TAG, FRAMES_TAG = b"HEAD", b"TICK"

_BLOCK = struct.Struct("<4sI3I2d")
_CHECKED_FROM = 8
_MAX_PART_BYTES = 64 * 1024 * 1024
_MAX_FRAMES = 100_000
_LEVEL = 3

Event = list[Any]
"""A name and its fields, as listed in ``docs/recorder.md``."""


class RecordingError(LeadError):
    """A recording cannot be read; one sentence says why."""


@dataclass(frozen=True)
class Header:
    """What holds for a whole recording.

    Attributes:
        town: Plain name of the map.
        digest: SHA-256 of the OpenDRIVE text, hexadecimal.
        carla_version: Protocol version of the server that recorded.
        date: Local time at the start, ISO 8601.
        additional: Whether boxes and physics parameters were asked for.
        spectator_id: Actor id of the spectator; the level's lights and signs follow it in map order.
        signals: Per light and sign: id, type id, x, y, z (m).
    """

    town: str
    digest: str
    carla_version: str
    date: str
    additional: bool
    spectator_id: int
    signals: list[list[Any]] = field(default_factory=list)


@dataclass(frozen=True)
class BlockPlace:
    """Where a block of frames lies in the file, and the times (s) it spans."""

    offset: int
    events_size: int
    motion_size: int
    frames: int
    first_s: float
    last_s: float


@dataclass
class Block:
    """Consecutive frames with the same moving actors.

    Attributes:
        times_s: (frames,) seconds since the start of the recording.
        events: Per frame, what happened in it.
    """

    times_s: NDArray[np.float64]
    events: list[list[Event]]
    _packed_motion: bytes
    _motion: dict[str, Motion] | None = None

    def motion(self) -> dict[str, Motion]:
        """States of all moving actors by kind, unpacked when first asked for.

        Raises:
            RecordingError: If they are damaged.
        """
        if self._motion is None:
            self._motion = _unpack_motion(self._packed_motion, self.times_s)
        return self._motion


@dataclass(frozen=True)
class Motion:
    """``ids`` (actors,) and ``states`` (frames, actors, channels) of one kind of actor."""

    ids: NDArray[np.uint32]
    states: NDArray[np.float64]


def write_header(file: BinaryIO, header: Header) -> None:
    """Begin a recording."""
    fields = {"format": FORMAT_VERSION, **vars(header)}
    file.write(MAGIC + _block(HEADER_TAG, fields, b"", 0, (0.0, 0.0)))
    file.flush()


def write_frames(
    file: BinaryIO, times_s: NDArray[np.float64], events: list[list[Event]], moving: dict[str, Motion]
) -> None:
    """Append frames; they survive the end of the process from here on."""
    happened = [[index, listed] for index, listed in enumerate(events) if listed]
    rows = [
        [kind, part.ids.astype("<u4").tobytes(), motion.encode(kind, part.states, times_s)]
        for kind, part in moving.items()
        if len(part.ids)
    ]
    times = times_s.astype("<f8").tobytes()
    spanned = (float(times_s[0]), float(times_s[-1]))
    file.write(_block(FRAMES_TAG, [times, happened], msgpack.packb(rows), len(times_s), spanned))
    file.flush()


def _block(tag: bytes, events: object, packed_motion: bytes, frames: int, spanned: tuple[float, float]) -> bytes:
    first = zlib.compress(msgpack.packb(events), _LEVEL)
    second = zlib.compress(packed_motion, _LEVEL) if packed_motion else b""
    head = _BLOCK.pack(tag, 0, len(first), len(second), frames, *spanned)
    checked = head[_CHECKED_FROM:] + first + second
    return tag + struct.pack("<I", zlib.crc32(checked)) + checked


class RecordingReader:
    """A recording on disk.

    The whole file is checked when it is opened; whatever follows the last good block is ignored.

    Args:
        path: The file.

    Raises:
        RecordingError: If there is no such file or it is not a recording.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.places: list[BlockPlace] = []
        try:
            with path.open("rb") as file:
                self.header = self._read_header(file)
                self._scan(file)
        except OSError as error:
            raise RecordingError(f"cannot read the recording {path.name}: {error.strerror or error}") from None

    @property
    def frames(self) -> int:
        """Number of frames."""
        return sum(place.frames for place in self.places)

    @property
    def duration_s(self) -> float:
        """Time of the last frame; the first is at 0."""
        return self.places[-1].last_s if self.places else 0.0

    def blocks(self) -> Iterator[Block]:
        """All blocks in order."""
        for index in range(len(self.places)):
            yield self.block(index)

    def block(self, index: int) -> Block:
        """One block, read from disk.

        Raises:
            RecordingError: If the file changed or its content makes no sense.
        """
        place = self.places[index]
        try:
            with self.path.open("rb") as file:
                file.seek(place.offset)
                first, second = file.read(place.events_size), file.read(place.motion_size)
            times, happened = _unpack(first)
            times_s = np.frombuffer(times, "<f8").astype(np.float64)
            events: list[list[Event]] = [[] for _ in range(len(times_s))]
            for frame, listed in happened:
                events[frame] = listed
            if len(times_s) != place.frames:
                raise RecordingError(f"a block of {self.path.name} does not hold the frames that it promises")
            return Block(times_s, events, _inflate(second) if second else b"")
        except (OSError, ValueError, TypeError, IndexError, zlib.error, msgpack.exceptions.UnpackException) as error:
            raise RecordingError(f"the recording {self.path.name} is damaged: {error}") from None

    def _read_header(self, file: BinaryIO) -> Header:
        if file.read(len(MAGIC)) != MAGIC:
            raise RecordingError(f"{self.path.name} is not a recording of this simulator")
        found = _next_block(file, HEADER_TAG)
        if found is None:
            raise RecordingError(f"the recording {self.path.name} was never begun or its beginning is damaged")
        try:
            file.seek(found.offset)
            fields = _unpack(file.read(found.events_size))
            if fields.pop("format") != FORMAT_VERSION:
                raise RecordingError(f"{self.path.name} has another format; this version reads {FORMAT_VERSION}")
            header = Header(**fields)
        except (ValueError, TypeError, KeyError, AttributeError, zlib.error) as error:
            raise RecordingError(f"the beginning of the recording {self.path.name} makes no sense: {error}") from None
        file.seek(found.offset + found.events_size + found.motion_size)
        return header

    def _scan(self, file: BinaryIO) -> None:
        while (place := _next_block(file, FRAMES_TAG)) is not None:
            self.places.append(place)


def _next_block(file: BinaryIO, wanted: bytes) -> BlockPlace | None:
    """The block at the file's position if it is whole and sound; leaves the position behind it."""
    head = file.read(_BLOCK.size)
    if len(head) < _BLOCK.size:
        return None
    tag, checksum, events_size, motion_size, frames, first_s, last_s = _BLOCK.unpack(head)
    if tag != wanted or max(events_size, motion_size) > _MAX_PART_BYTES or frames > _MAX_FRAMES:
        return None
    offset = file.tell()
    body = file.read(events_size + motion_size)
    if len(body) < events_size + motion_size or zlib.crc32(head[_CHECKED_FROM:] + body) != checksum:
        return None
    return BlockPlace(offset, events_size, motion_size, frames, first_s, last_s)


def _inflate(data: bytes) -> bytes:
    worker = zlib.decompressobj()
    plain = worker.decompress(data, _MAX_PART_BYTES)
    if not worker.eof:
        raise ValueError("a part is incomplete or too large")
    return plain


def _unpack(data: bytes) -> Any:
    return msgpack.unpackb(_inflate(data), raw=False, strict_map_key=False)


def _unpack_motion(packed: bytes, times_s: NDArray[np.float64]) -> dict[str, Motion]:
    if not packed:
        return {}
    try:
        found = {}
        for kind, id_bytes, data in msgpack.unpackb(packed, raw=False):
            ids = np.frombuffer(id_bytes, "<u4").astype(np.uint32)
            found[kind] = Motion(ids, motion.decode(kind, data, len(ids), times_s))
    except (ValueError, TypeError, KeyError, IndexError, msgpack.exceptions.UnpackException) as error:
        raise RecordingError(f"the motion in a recording is damaged: {error}") from None
    return found
