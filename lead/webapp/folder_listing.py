"""What lies in a folder, remembered until the folder changes: a tree is walked again and again while pages are open."""

from __future__ import annotations

import itertools
import os
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lead.evaluation.drive_log import FILE_NAME as DRIVE_LOG
from lead.evaluation.infraction_log import FILE_NAME as INFRACTIONS
from lead.evaluation.metric_log import FILE_NAME as METRICS
from lead.scoring.results import FAIL2DRIVE_FOLDERS, ROUTE_FOLDER
from lead.webapp.root_folder import RootFolder
from lead.webapp.state_cache import StateCache
from lead.webapp.video_files import CLIPS_FOLDER, VIDEO_KINDS

SKIPPED_FOLDERS = frozenset({CLIPS_FOLDER, "input_log"})
SKIPPED_SUFFIX = "_images"
RESULT_FOLDERS = frozenset({ROUTE_FOLDER, *FAIL2DRIVE_FOLDERS})
MOST_ENTRIES = 200_000
"""Further entries of a folder are not looked at."""
SETTLED_NS = 2_000_000_000
"""A folder that changed more recently may change again within the same tick of the file system's clock."""
_KEPT_SUFFIXES = (".json", ".jsonl", ".mp4")
_ROUTE_FILES = frozenset({INFRACTIONS, METRICS, DRIVE_LOG})
_VIDEO_SUFFIXES = {f"_{kind}.mp4": kind for kind in VIDEO_KINDS}
_CACHED_FOLDERS = 100_000


@dataclass(frozen=True)
class Listing:
    """Content of a folder, as far as it may matter.

    Attributes:
        folders: Names of folders that may hold routes or evaluations, sorted.
        result_folders: Names of folders with result files.
        files: Names of JSON files and videos; symbolic links only to JSON files inside the root.
        mtime_ns: When the folder changed last; 0 if it cannot be read.
        problems: What was left out, one sentence each.
    """

    folders: tuple[str, ...] = ()
    result_folders: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    mtime_ns: int = 0
    problems: tuple[str, ...] = ()

    @cached_property
    def is_route(self) -> bool:
        """True if the folder holds artefacts of one route."""
        return not _ROUTE_FILES.isdisjoint(self.files) or any(map(video_kind, self.files))

    @property
    def videos(self) -> list[str]:
        """Kinds of the videos, in the order of ``VIDEO_KINDS``."""
        found = set(map(video_kind, self.files))
        return [kind for kind in VIDEO_KINDS if kind in found]

    @property
    def artefacts(self) -> list[str]:
        """Names of files that change while the route is driven."""
        return [name for name in self.files if name in _ROUTE_FILES or name.endswith(".mp4")]

    @property
    def video_stems(self) -> list[str]:
        """Names of the videos without their kind, which are names of the route; sorted."""
        return sorted({name.rpartition("_")[0] for name in self.files if video_kind(name)})


NO_LISTING = Listing()
_CACHE: StateCache[Listing] = StateCache(_CACHED_FOLDERS)


def list_folder(root: RootFolder, folder: Path | str) -> Listing:
    """List a folder.

    Args:
        root: Folder that may be shown.
        folder: Folder inside of it, reached without symbolic links.

    Returns:
        Its content; empty, with a problem, if it cannot be read.
    """
    try:
        facts = os.stat(folder)
    except OSError as error:
        return Listing(problems=(f"{Path(folder).name} cannot be read: {error.strerror}",))
    now_ns = time.time_ns()
    is_settled = now_ns - facts.st_mtime_ns > SETTLED_NS
    state = (facts.st_mtime_ns, facts.st_ino, 0 if is_settled else now_ns)
    return _CACHE.get(str(folder), state, lambda: _read(root, folder, facts.st_mtime_ns))


def state_of(path: str) -> tuple[int, int, int]:
    """Return what changes when a file is written: time in nanoseconds, size in bytes, number; -1 if there is none."""
    try:
        facts = os.stat(path)
    except OSError:
        return -1, -1, -1
    return facts.st_mtime_ns, facts.st_size, facts.st_ino


def video_kind(name: str) -> str:
    """Return the kind of a video by its file name; empty if it is none."""
    if not name.endswith(".mp4"):
        return ""
    return next((kind for suffix, kind in _VIDEO_SUFFIXES.items() if name.endswith(suffix)), "")


def is_openable(name: str) -> bool:
    """Tell whether a folder's name can be written into an address, where control characters are refused."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return not any(ord(letter) < 32 for letter in name)


def shown_name(name: str) -> str:
    """Return a name as text that can be shown and encoded, whatever bytes it is made of."""
    return name if is_openable(name) else ascii(name)[1:-1]


def _read(root: RootFolder, folder: Path | str, mtime_ns: int) -> Listing:
    folders, results, files, problems = [], set(), set(), []
    try:
        with os.scandir(folder) as entries:
            for entry in itertools.islice(entries, MOST_ENTRIES):
                name = entry.name
                if name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if name in RESULT_FOLDERS:
                        results.add(name)
                    elif name not in SKIPPED_FOLDERS and not name.endswith(SKIPPED_SUFFIX):
                        folders.append(name)
                elif name.endswith(_KEPT_SUFFIXES):
                    if entry.is_file(follow_symlinks=False):
                        files.add(name)
                    elif entry.is_symlink() and not name.endswith(".mp4"):
                        if _is_file_inside(root, entry):
                            files.add(name)
                        else:
                            problems.append(
                                f"{shown_name(name)} is a link that leaves the shown folder; it is not read"
                            )
            if next(entries, None) is not None:
                problems.append(f"{Path(folder).name} holds more than {MOST_ENTRIES} entries; the others are not shown")
    except OSError as error:
        return Listing(problems=(f"{shown_name(Path(folder).name)} cannot be read: {error.strerror}",))
    return Listing(tuple(sorted(folders)), frozenset(results), frozenset(files), mtime_ns, tuple(problems))


def _is_file_inside(root: RootFolder, entry: os.DirEntry[str]) -> bool:
    try:
        return root.contains(Path(entry.path)) and entry.is_file()
    except (OSError, RuntimeError):  # RuntimeError: a loop of links
        return False
