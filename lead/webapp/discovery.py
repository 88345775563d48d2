"""Finds the evaluations in a folder tree of unknown depth and layout, within bounds of time and number."""

from __future__ import annotations

import os
import re
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lead.scoring.endpoint import FILE_NAME
from lead.scoring.results import FAIL2DRIVE_FOLDERS, FAIL2DRIVE_SUFFIX, MERGED_NAME, ROUTE_FOLDER
from lead.webapp.folder_listing import Listing, is_openable, list_folder, shown_name
from lead.webapp.root_folder import RootFolder
from lead.webapp.route_results import count_records, plain_stem

DEEPEST = 8
MOST_FOLDERS = 200_000
BUDGET_S = 4.0
LIVE_S = 15.0
"""A route without a result whose files changed so recently is being driven."""
MOST_PROBLEMS = 50
_NEWEST_ROUTES = 4
"""So many of an evaluation's routes are looked at to see whether they are being driven."""
_TIMESTAMP = re.compile(r"\d{6}_\d{6}|\d{4}-?\d\d-?\d\d([_T -].*)?|\d{8}_\d{6}")


@dataclass(frozen=True)
class Evaluation:
    """One evaluation, as the tree shows it.

    Attributes:
        folder: Its folder.
        levels: Names of the folders from the root to it; empty for the root.
        route_count: Number of its routes that have artefacts or a result.
        modified_s: Time of its last change, seconds since 1970.
        is_live: True if one of its routes is being driven.
    """

    folder: Path
    levels: tuple[str, ...]
    route_count: int
    modified_s: float
    is_live: bool

    @property
    def experiment(self) -> str:
        """Name of the level above the benchmark; empty if there is none."""
        names = self._names()
        return names[-2] if len(names) > 1 else ""

    @property
    def benchmark(self) -> str:
        """Name of the level of benchmark and seed."""
        return self._names()[-1]

    @property
    def timestamp(self) -> str:
        """Name of the level below, if it is a point in time; else empty."""
        return self.levels[-1] if len(self.levels) > 1 and _TIMESTAMP.fullmatch(self.levels[-1]) else ""

    def _names(self) -> tuple[str, ...]:
        names = self.levels[:-1] if self.timestamp else self.levels
        return names or (self.folder.name,)


@dataclass(frozen=True)
class Tree:
    """All evaluations.

    Attributes:
        evaluations: Sorted by path.
        is_truncated: True if the tree is larger or deeper than what was looked at.
        problems: What could not be read, one sentence each.
    """

    evaluations: list[Evaluation]
    is_truncated: bool
    problems: list[str]


class _Walk:
    def __init__(self, root: RootFolder, budget_s: float) -> None:
        self.root = root
        self.found: list[Evaluation] = []
        self.problems: list[str] = []
        self.is_truncated = False
        self._left = MOST_FOLDERS
        self._deadline_s = time.monotonic() + budget_s

    def run(self) -> None:
        """Visit folders level by level, so that the deepest ones are missing if time runs out."""
        top = list_folder(self.root, self.root.path)
        self._note((), top)
        queue: deque[tuple[tuple[str, ...], Path, Listing]] = deque([((), self.root.path, top)])
        while queue:
            levels, folder, listing = queue.popleft()
            children = list(self._children(levels, folder, listing))
            if self._is_exhausted():
                return
            routes = [(name, child) for name, child in children if child.is_route]
            if routes or self._is_evaluation(levels, folder, listing, children):
                self.found.append(self._evaluation(levels, folder, listing, routes))
            deeper = [(name, child) for name, child in children if child.folders or child.result_folders or child.files]
            if len(levels) < DEEPEST:
                queue.extend(((*levels, name), folder / name, child) for name, child in deeper)
            elif any(child.folders for _, child in deeper):
                self.is_truncated = True

    def _is_evaluation(
        self, levels: tuple[str, ...], folder: Path, listing: Listing, children: list[tuple[str, Listing]]
    ) -> bool:
        if listing.is_route:
            return not levels  # below the root it is a route of the folder above
        return _has_results(self.root, folder, listing, children)

    def _children(self, levels: tuple[str, ...], folder: Path, listing: Listing) -> Iterator[tuple[str, Listing]]:
        for name in listing.folders:
            self._left -= 1
            if self._is_exhausted():
                return
            if is_openable(name):
                child = list_folder(self.root, f"{folder}/{name}")
                self._note((*levels, name), child)
                yield name, child
            else:
                self._say(f"the folder {shown_name(name)} has a name that cannot be opened here; rename it")

    def _is_exhausted(self) -> bool:
        if self._left < 0 or time.monotonic() > self._deadline_s:
            self.is_truncated = True
            return True
        return False

    def _note(self, levels: tuple[str, ...], listing: Listing) -> None:
        for problem in listing.problems:
            self._say(f"{'/'.join(levels)}: {problem}" if levels else problem)

    def _say(self, problem: str) -> None:
        if len(self.problems) < MOST_PROBLEMS and problem not in self.problems:
            self.problems.append(problem)

    def _evaluation(
        self, levels: tuple[str, ...], folder: Path, listing: Listing, routes: list[tuple[str, Listing]]
    ) -> Evaluation:
        stems, result_ns = _result_stems(self.root, folder, listing)
        names = {plain_stem(name) for name, _ in routes} | stems
        if listing.is_route and not names:
            names = {"."}
        count = len(names) or count_records(self.root, folder, listing)
        newest = sorted(routes, key=lambda route: -route[1].mtime_ns)[:_NEWEST_ROUTES]
        changes = [(name, newest_change_ns(folder / name, child)) for name, child in newest]
        if listing.is_route:
            changes.append((".", newest_change_ns(folder, listing)))
        open_names = {name for name, _ in changes if plain_stem(name) not in stems and not (name == "." and stems)}
        now_ns = time.time_ns()
        is_live = any(name in open_names and now_ns - change < LIVE_S * 1e9 for name, change in changes)
        modified_ns = max([listing.mtime_ns, result_ns, *(change for _, change in changes)])
        return Evaluation(folder, levels, count, modified_ns / 1e9, is_live)


def find_evaluations(root: RootFolder, budget_s: float = BUDGET_S) -> Tree:
    """Find all evaluations of a tree.

    Args:
        root: Folder that may be shown.
        budget_s: Time after which the search ends with what it has; a later one gets farther, because listings of
            folders are remembered.
    """
    walk = _Walk(root, budget_s)
    walk.run()
    return Tree(sorted(walk.found, key=lambda found: found.levels), walk.is_truncated, walk.problems)


def newest_change_ns(folder: Path, listing: Listing) -> int:
    """Return when a route's artefacts changed last, nanoseconds since 1970; 0 if there are none."""
    newest = 0
    for name in listing.artefacts:
        try:
            newest = max(newest, os.lstat(f"{folder}/{name}").st_mtime_ns)
        except OSError:
            continue
    return newest


def _has_results(root: RootFolder, folder: Path, listing: Listing, children: list[tuple[str, Listing]]) -> bool:
    """Tell whether result files of an evaluation lie in a folder, or of Fail2Drive one level below."""
    if FILE_NAME in listing.files or MERGED_NAME in listing.files or _result_stems(root, folder, listing)[0]:
        return True
    seeds = (
        f"{folder}/{name}/{kind}"
        for name, child in children
        for kind in FAIL2DRIVE_FOLDERS
        if kind in child.result_folders
    )
    return any(_fail2drive_names(list_folder(root, path)) for path in seeds)


def _result_stems(root: RootFolder, folder: Path, listing: Listing) -> tuple[set[str], int]:
    """Return the names of routes with a result file of their own, and when the folders of these changed last."""
    stems: set[str] = set()
    newest_ns = 0
    for kind in sorted(listing.result_folders):
        inner = list_folder(root, f"{folder}/{kind}")
        if kind == ROUTE_FOLDER:
            names = [name.removesuffix(".json") for name in inner.files if name.endswith(".json")]
        else:
            names = _fail2drive_names(inner)
        if names:
            newest_ns = max(newest_ns, inner.mtime_ns)
        stems.update(map(plain_stem, names))
    return stems, newest_ns


def _fail2drive_names(listing: Listing) -> list[str]:
    return [name.removesuffix(FAIL2DRIVE_SUFFIX) for name in listing.files if name.endswith(FAIL2DRIVE_SUFFIX)]
