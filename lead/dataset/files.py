"""Writing files of a data set whole or not at all."""

from __future__ import annotations

from pathlib import Path

from lead.dataset.errors import DatasetError
from lead.files import write_whole


def write_file(path: Path, data: bytes) -> None:
    """Write a file so that whoever is killed meanwhile leaves no half of it; creates its folder.

    Raises:
        DatasetError: If the disk refuses; names the file.
    """
    try:
        write_whole(path, data)
    except OSError as error:
        raise DatasetError(f"{path} cannot be written ({error.strerror})") from error
