"""The part of a growing drive log that a page has not seen yet, in whole lines."""

from __future__ import annotations

from pathlib import Path

from lead.webapp.errors import RequestError

LARGEST_PART_BYTES = 4 << 20


def read_tail(path: Path, offset: int) -> tuple[bytes, int]:
    """Read whole lines from a place on.

    Args:
        path: The file.
        offset: Where to start, bytes from the beginning.

    Returns:
        The lines, at most 4 MiB of them, and the offset to ask for next: behind the lines, or 0 if the file has
        become shorter, because another drive writes it anew.

    Raises:
        RequestError: If a line is longer than that.
        OSError: If the file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if offset > size:
            return b"", 0
        file.seek(offset)
        data = file.read(LARGEST_PART_BYTES)
    end = data.rfind(b"\n") + 1
    if end == 0 and len(data) == LARGEST_PART_BYTES:
        raise RequestError(f"{path.name} has a line of more than {LARGEST_PART_BYTES >> 20} MiB; it is no drive log")
    return data[:end], offset + end
