"""Reads a cache while training: records where they are fresh, and a word on what is wrong where they are not."""

from __future__ import annotations

from collections import OrderedDict
from enum import IntEnum
from pathlib import Path
from typing import Any

from lead.dataset.cache.record import ViewRecord, unpack
from lead.dataset.cache.settings import RecordSettings, fingerprint
from lead.dataset.cache.shard import SUFFIX, Shard
from lead.dataset.errors import DatasetError

FOLDER = "lead_cache"
"""Default place below the root of a data set."""
SETTINGS_KEY = "settings"
_OPEN_SHARDS = 64


class CacheState(IntEnum):
    """What became of looking for a record."""

    FRESH = 0
    """It is used."""
    STALE = 1
    """It was made of other sources or with other settings."""
    CORRUPT = 2
    """It is damaged."""
    MISSING = 3
    """There is none."""
    NO_CACHE = 4
    """No cache is used."""


def default_folder(root: Path) -> Path:
    """Where the cache of a data set lies unless something else is said."""
    return root / FOLDER


def shard_path(folder: Path, relative_dir: str) -> Path:
    """File of a route in a cache; ``relative_dir`` is the route's folder below the root of the data set."""
    return folder / f"{relative_dir}{SUFFIX}"


class RecordStore:
    """A cache of records. Copies for other processes open files of their own."""

    def __init__(self, folder: Path, settings: RecordSettings, *, checks_sources: bool = True) -> None:
        """Describe the cache; nothing is opened yet.

        Args:
            folder: Its folder.
            settings: Records that were made with others are stale.
            checks_sources: Look, for every record, whether a file that it was made of has changed. Without, records
                can be used where the sources are not.
        """
        self.folder = folder
        self.settings = settings
        self.checks_sources = checks_sources
        self._key = settings.key
        self._shards: OrderedDict[str, Shard | CacheState] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for another process, without open files."""
        return {**self.__dict__, "_shards": OrderedDict()}

    def get(self, root: Path, relative_dir: str, frame: int, *, is_twin: bool) -> tuple[ViewRecord | None, CacheState]:
        """Look for a record.

        Args:
            root: Folder of the data set.
            relative_dir: Folder of the route below it.
            frame: Number of the frame.
            is_twin: The view of the twin rig.

        Returns:
            The record if it is fresh, and what became of it.
        """
        shard = self._shard(relative_dir)
        if isinstance(shard, CacheState):
            return None, shard
        if (frame, is_twin) not in shard:
            return None, CacheState.MISSING
        if self.checks_sources and shard.fingerprint(frame, is_twin=is_twin) != fingerprint(
            root / relative_dir, frame, is_twin=is_twin
        ):
            return None, CacheState.STALE
        try:
            return unpack(shard.read(frame, is_twin=is_twin)), CacheState.FRESH
        except DatasetError:
            return None, CacheState.CORRUPT

    def close(self) -> None:
        """Close all files."""
        for shard in self._shards.values():
            if isinstance(shard, Shard):
                shard.close()
        self._shards.clear()

    def _shard(self, relative_dir: str) -> Shard | CacheState:
        found = self._shards.get(relative_dir)
        if found is not None:
            self._shards.move_to_end(relative_dir)
            return found
        found = open_shard(shard_path(self.folder, relative_dir), self._key)
        self._shards[relative_dir] = found
        if len(self._shards) > _OPEN_SHARDS:
            _, oldest = self._shards.popitem(last=False)
            if isinstance(oldest, Shard):
                oldest.close()
        return found


def open_shard(path: Path, key: str) -> Shard | CacheState:
    """Open a shard if it is there, whole and made with the settings of this key."""
    try:
        shard = Shard(path)
    except FileNotFoundError:
        return CacheState.MISSING
    except DatasetError:
        return CacheState.CORRUPT
    if shard.description.get(SETTINGS_KEY) != key:
        shard.close()
        return CacheState.STALE
    return shard
