"""The file of a route in a cache: records one behind the other, then a table of them, then where the table is.

A file is written under another name and renamed when it is complete, so a file with the right name is whole; what
happens to it later is found by checksums, of the table when it is opened and of each record when it is read.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lead.dataset.errors import DatasetError
from lead.files import unfinished_path

MAGIC = b"LEADCSH1"
SUFFIX = ".shard"
ENTRY = np.dtype(
    [
        ("frame", "<u4"),
        ("is_twin", "?"),
        ("size", "<u4"),
        ("crc", "<u4"),
        ("offset", "<u8"),
        ("fingerprint", "<u8"),
    ]
)
"""A row of the table; the fingerprint is that of the sources."""
_TRAILER = struct.Struct("<QIII8s")
"""Where the table begins, bytes of table and description, their checksum."""


class ShardWriter:
    """Writes a shard; a context manager that leaves nothing behind unless it was finished."""

    def __init__(self, path: Path) -> None:
        """Open the file under its temporary name.

        Raises:
            DatasetError: If the disk refuses.
        """
        self._path = path
        self._temporary = unfinished_path(path)
        self._rows: list[tuple[int, bool, int, int, int, int]] = []
        self._offset = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = self._temporary.open("wb")
            self._put(MAGIC)
        except OSError as error:
            raise self._refused(error) from error

    def add(self, frame: int, data: bytes, fingerprint: int, *, is_twin: bool) -> None:
        """Add a record.

        Raises:
            DatasetError: If the disk refuses.
        """
        self._rows.append((frame, is_twin, len(data), zlib.crc32(data), self._offset, fingerprint))
        try:
            self._put(data)
        except OSError as error:
            raise self._refused(error) from error

    def finish(self, description: dict[str, Any]) -> None:
        """Write the table and give the file its name.

        Args:
            description: JSON values about the whole file.

        Raises:
            DatasetError: If the disk refuses.
        """
        table = np.array(self._rows, ENTRY).tobytes()
        text = json.dumps(description).encode()
        trailer = _TRAILER.pack(self._offset, len(table), len(text), zlib.crc32(text, zlib.crc32(table)), MAGIC)
        try:
            self._put(table + text + trailer)
            self._file.close()
            os.replace(self._temporary, self._path)
        except OSError as error:
            raise self._refused(error) from error

    def __enter__(self) -> ShardWriter:
        """Return this writer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what was not finished."""
        with contextlib.suppress(OSError):  # the error that matters was raised before
            self._file.close()
        self._temporary.unlink(missing_ok=True)

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._offset += len(data)

    def _refused(self, error: OSError) -> DatasetError:
        return DatasetError(f"{self._path} cannot be written ({error.strerror})")


class Shard:
    """An open shard.

    Attributes:
        description: What :meth:`ShardWriter.finish` was given.
        entries: Table of type :data:`ENTRY`.
    """

    def __init__(self, path: Path) -> None:
        """Open a file and check its table.

        Raises:
            FileNotFoundError: If there is none.
            DatasetError: If it is no shard, or its table is damaged.
        """
        self._path = path
        try:
            self._file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise DatasetError(f"{path} cannot be read ({error.strerror})") from error
        try:
            self.description, self.entries = self._read_table()
        except (DatasetError, OSError, ValueError) as error:
            self.close()
            raise DatasetError(f"{path} is damaged ({error})") from error
        self._rows = {
            (int(frame), bool(is_twin)): row
            for row, (frame, is_twin) in enumerate(zip(self.entries["frame"], self.entries["is_twin"], strict=True))
        }

    def __contains__(self, key: tuple[int, bool]) -> bool:
        """Tell whether there is a record of a frame and a view (True for the twin rig's)."""
        return key in self._rows

    def keys(self) -> Iterator[tuple[int, bool]]:
        """Frames and views of all records."""
        return iter(self._rows)

    def fingerprint(self, frame: int, *, is_twin: bool) -> int:
        """Fingerprint of the sources that a record was made of."""
        return int(self.entries["fingerprint"][self._rows[frame, is_twin]])

    def read(self, frame: int, *, is_twin: bool) -> bytes:
        """Read a record.

        Raises:
            DatasetError: If it is damaged or cannot be read.
        """
        entry = self.entries[self._rows[frame, is_twin]]
        try:
            data = os.pread(self._file, int(entry["size"]), int(entry["offset"]))
        except OSError as error:
            raise DatasetError(f"{self._path} cannot be read ({error.strerror})") from error
        if len(data) != entry["size"] or zlib.crc32(data) != entry["crc"]:
            raise DatasetError(f"the record of frame {frame} in {self._path} is damaged")
        return data

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _read_table(self) -> tuple[dict[str, Any], NDArray[np.void]]:
        size = os.fstat(self._file).st_size
        trailer = os.pread(self._file, _TRAILER.size, max(size - _TRAILER.size, 0))
        if len(trailer) != _TRAILER.size:
            raise DatasetError("it is too short")
        offset, table_bytes, text_bytes, crc, magic = _TRAILER.unpack(trailer)
        if magic != MAGIC or offset + table_bytes + text_bytes + _TRAILER.size != size:
            raise DatasetError("its end is not that of a shard")
        data = os.pread(self._file, table_bytes + text_bytes, offset)
        if zlib.crc32(data) != crc:
            raise DatasetError("its table has another checksum")
        description = json.loads(data[table_bytes:])
        if not isinstance(description, dict):
            raise DatasetError("its description is none")
        return description, np.frombuffer(data[:table_bytes], ENTRY)
