"""Files and folders that appear whole or not at all, so that a killed process never leaves half of one behind.

A leaf module that all rooms may import. What the disk refuses is an ``OSError`` here; rooms say it in their own words.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_UNFINISHED = ".part"


def unfinished_path(path: Path) -> Path:
    """Return the hidden name beside a file or folder under which it is made; what is left there is made anew."""
    return path.with_name(f".{path.name}{_UNFINISHED}")


def is_leftover(name: str) -> bool:
    """Tell whether a file name is one of a file or folder that was never finished."""
    return name.startswith(".") and name.endswith(_UNFINISHED)


@contextlib.contextmanager
def written_whole(path: Path, *, contested: bool = False, sync: bool = False) -> Iterator[Path]:
    """Make a file or folder under another name; when the block ends it gets its own, after an error it is removed.

    Args:
        path: Target, replaced if it is there; its folder is created.
        contested: Whether others may write the same target at the same time: each then works under a name of its own,
            which stays behind if the process is killed.
        sync: Have everything on the disk before it gets its name, so that a power cut leaves no half of it either.

    Yields:
        Where the block makes the file or the folder; nothing is there.

    Raises:
        OSError: If the disk refuses.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _own_path(path) if contested else unfinished_path(path)
    _remove(temporary)
    try:
        yield temporary
        if sync:
            _sync(temporary)
        _give_name(temporary, path)
    except BaseException:
        _remove(temporary)
        raise


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file so that readers see the old one or the whole new one; creates its folder.

    Args:
        path: File to write; several may do so at once, and the last one's stays.
        content: All of it; text becomes UTF-8 with the line ends it has.

    Raises:
        OSError: If the disk refuses.
    """
    with written_whole(path, contested=True) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def write_json(path: Path, content: Any) -> None:
    """Write JSON so that readers see the old file or the whole new one; creates its folder.

    Raises:
        OSError: If the disk refuses.
    """
    write_whole(path, json.dumps(content, indent=4) + "\n")


def _own_path(path: Path) -> Path:
    return unfinished_path(path.with_name(f"{path.name}.{secrets.token_hex(4)}"))


def _sync(made: Path) -> None:
    for path in [made] if made.is_file() else made.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _give_name(temporary: Path, path: Path) -> None:
    """Rename; what is where a folder is to be makes room at the last moment, since no folder replaces another."""
    if not (temporary.is_dir() and path.exists()):
        temporary.replace(path)
        return
    former = _own_path(path)
    path.rename(former)
    try:
        temporary.rename(path)
    except OSError:
        former.rename(path)
        raise
    _remove(former)


def _remove(path: Path) -> None:
    """Remove a file or folder if it is there; whatever cannot be removed is not worth another error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
