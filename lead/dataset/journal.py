"""The journal of a recording: labels of every tick, appended at once, so that a killed process loses next to nothing.

Labels can only be finished when the future of a frame is known, so they wait here. A record is a header (mark, length,
checksum) and a compressed pickle; the last one may be cut off, and reading ends before it.
"""

from __future__ import annotations

import fcntl
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lead.dataset.errors import DatasetError
from lead.dataset.pickles import dump, load

_MARK = b"LJ01"
_HEADER = struct.Struct(">4sII")
_LEVEL = 1
MAX_RECORD_BYTES = 64 << 20


class Journal:
    """Appends records to a file that one process at a time may have.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        """Create the file, or empty it.

        Raises:
            DatasetError: If another process writes it, or it cannot be written.
        """
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise DatasetError(f"{path} cannot be written ({error.strerror})") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._descriptor, 0)
        except OSError as error:
            os.close(self._descriptor)
            raise DatasetError(f"another process is recording into {path.parent}") from error

    def append(self, record: Any) -> None:
        """Hand a record of arrays and plain values to the operating system.

        Raises:
            DatasetError: If it cannot be pickled or written.
        """
        data = zlib.compress(dump(record), _LEVEL)
        data = _HEADER.pack(_MARK, len(data), zlib.crc32(data)) + data
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            raise DatasetError(f"{self.path} cannot be written ({error.strerror})") from error

    def records(self) -> Iterator[Any]:
        """Read everything from the start."""
        return read_records(self.path)

    def close(self) -> None:
        """Let others have the file; safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def is_being_written(path: Path) -> bool:
    """Tell whether a process has the journal."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def read_records(path: Path) -> Iterator[Any]:
    """Yield the records of a journal up to the first one that is cut off or damaged.

    Raises:
        DatasetError: If the file cannot be read, or a whole record holds more than arrays and plain values.
    """
    try:
        with path.open("rb") as file:
            while len(head := file.read(_HEADER.size)) == _HEADER.size:
                mark, length, checksum = _HEADER.unpack(head)
                if mark != _MARK or length > MAX_RECORD_BYTES:
                    return
                data = file.read(length)
                if len(data) != length or zlib.crc32(data) != checksum:
                    return
                yield load(_inflate(data))
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror})") from error


def _inflate(data: bytes) -> bytes:
    decompressor = zlib.decompressobj()
    try:
        plain = decompressor.decompress(data, MAX_RECORD_BYTES)
    except zlib.error as error:
        raise DatasetError(f"a record of the journal is damaged ({error})") from error
    if not decompressor.eof:
        raise DatasetError("a record of the journal is implausibly large")
    return plain
