"""Keeping computed arrays on disk: what is read again is complete, and a full disk costs time, nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from lead.files import written_whole

logger = logging.getLogger(__name__)


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], what: str, *, compress: bool = False) -> None:
    """Write an ``.npz`` file whole or not at all; a folder that cannot be written is a warning.

    Args:
        path: Target; its folder is created.
        arrays: Arrays by name.
        what: Subject of the warning, such as "the compiled map".
        compress: Trade time for space.
    """
    write = np.savez_compressed if compress else np.savez
    _save(path, lambda file: write(file, **dict[str, Any](arrays)), what)


def save_bytes(path: Path, content: bytes, what: str) -> None:
    """Write a file whole or not at all; a folder that cannot be written is a warning.

    Args:
        path: Target; its folder is created.
        content: All of it.
        what: Subject of the warning.
    """
    _save(path, lambda file: file.write(content), what)


def _save(path: Path, write: Callable[[IO[bytes]], object], what: str) -> None:
    try:
        with written_whole(path, contested=True) as temporary, temporary.open("wb") as file:
            write(file)
    except OSError as error:
        logger.warning("%s cannot be kept in %s: %s", what, path.parent, error)
