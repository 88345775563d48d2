"""Answers kept as long as the files they come from do not change, so that a page may ask again every few seconds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")

FileState = tuple[str, int, int]
"""Path, time of the last change in nanoseconds, size in bytes; both -1 for a file that does not exist."""


def file_state(path: Path) -> FileState:
    """Return what changes when a file is written."""
    try:
        facts = path.stat()
    except OSError:
        return str(path), -1, -1
    return str(path), facts.st_mtime_ns, facts.st_size


@dataclass(slots=True)
class _Entry(Generic[T]):
    lock: threading.Lock = field(default_factory=threading.Lock)
    made: tuple[Hashable, T] | None = None
    """State and value, replaced together, so that they can be read without the lock."""


class StateCache(Generic[T]):
    """A few values by key, each made again when its state changes.

    Requests that ask for the same value at the same time wait for one another instead of making it twice.
    """

    def __init__(self, size: int) -> None:
        """Start empty.

        Args:
            size: Number of values kept; the one that was not asked for longest goes first.
        """
        self._size = size
        self._entries: OrderedDict[Hashable, _Entry[T]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, state: Hashable, make: Callable[[], T]) -> T:
        """Return the value of a key.

        Args:
            key: What is asked for.
            state: What the value depends on; compared for equality.
            make: Makes the value; what it raises is passed on, and nothing is kept then.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                entry = self._entries[key] = _Entry()
                while len(self._entries) > self._size:
                    self._entries.popitem(last=False)
            else:
                self._entries.move_to_end(key)
        made = entry.made
        if made is not None and made[0] == state:
            return made[1]
        with entry.lock:
            made = entry.made  # perhaps by another request, meanwhile
            if made is None or made[0] != state:
                made = entry.made = (state, make())
            return made[1]
