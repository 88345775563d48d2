"""Looks at the result files of an evaluation before they are read: whether they changed, and whether they may be read.

The readers of :mod:`lead.scoring` take a folder and follow every link in it, as they should on the command line. A
dashboard shows one folder tree to everyone who reaches its port, so links that leave the tree are refused here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lead.scoring.bench2drive.report import METRIC_NAME
from lead.scoring.endpoint import FILE_NAME
from lead.scoring.results import FAIL2DRIVE_FOLDERS, ROUTE_FOLDER
from lead.webapp.root_folder import RootFolder
from lead.webapp.state_cache import FileState

LARGEST_RESULT_FILE = 64 << 20
LARGEST_METRIC_FILE = 256 << 20
SETTLED_S = 15.0
"""A motion file younger than this belongs to a drive under way and says nothing new about results."""
_LIVE = -2
_RESULT_FOLDERS = (ROUTE_FOLDER, *FAIL2DRIVE_FOLDERS)


@dataclass(frozen=True)
class ResultFiles:
    """What was found.

    Attributes:
        states: State of every file that results can come from.
        problem: Sentence on a file that must not be read, empty if there is none.
    """

    states: tuple[FileState, ...]
    problem: str


def look_at_results(root: RootFolder, folder: Path) -> ResultFiles:
    """Look at the files that :func:`lead.scoring.results.read_results` would read, and at the routes' motion files.

    Args:
        root: Folder that may be shown.
        folder: Evaluation inside of it.
    """
    states: list[FileState] = []
    problem = ""
    for entry in _entries(folder, depth=0):
        try:
            if entry.is_symlink() and not root.contains(Path(entry.path)):
                problem = problem or f"{entry.name} is a link that leaves the shown folder; its results are not read"
                continue
            facts = entry.stat()
        except (OSError, RuntimeError):
            continue
        largest = LARGEST_METRIC_FILE if entry.name == METRIC_NAME else LARGEST_RESULT_FILE
        if facts.st_size > largest:
            problem = problem or f"{entry.path} is larger than {largest >> 20} MiB and not read"
        is_live = entry.name == METRIC_NAME and time.time() - facts.st_mtime < SETTLED_S
        states.append((entry.path, _LIVE, _LIVE) if is_live else (entry.path, facts.st_mtime_ns, facts.st_size))
    return ResultFiles(tuple(sorted(states)), problem)


def _entries(folder: Path | str, depth: int) -> Iterator[os.DirEntry[str]]:
    """Yield JSON files of a folder, of its children and of result folders below these; linked result folders, too."""
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except OSError:
        return
    for entry in entries:
        if entry.name.endswith(".json"):
            if depth == 0 or entry.name in (FILE_NAME, METRIC_NAME) or Path(folder).name in _RESULT_FOLDERS:
                yield entry
        elif entry.name in _RESULT_FOLDERS and entry.is_dir():
            if entry.is_symlink():
                yield entry
            yield from _entries(entry.path, depth + 2)
        elif depth == 0 and entry.is_dir():
            if entry.is_symlink() and any(
                (Path(entry.path) / name).exists() for name in (FILE_NAME, *FAIL2DRIVE_FOLDERS)
            ):
                yield entry
            yield from _entries(entry.path, depth + 1)
