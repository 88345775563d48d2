"""Writing files of a data set whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from lead.dataset.errors import DatasetError

TEMPORARY_SUFFIX = ".part"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file under another name, then give it its own: whoever is killed in between leaves no half file.

    Raises:
        DatasetError: If the disk refuses; names the file.
    """
    temporary = path.with_name(f".{path.name}{TEMPORARY_SUFFIX}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise DatasetError(f"{path} cannot be written ({error.strerror})") from error


def is_leftover(name: str) -> bool:
    """Tell whether a file name is one of a file that was never finished."""
    return name.startswith(".") and name.endswith(TEMPORARY_SUFFIX)
