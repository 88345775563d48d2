"""The routes an evaluation was asked to drive: its manifest names their files, which tell towns and scenario classes.

Those files usually lie outside of the folder that a dashboard may show. They are read all the same, but only if their
content is still what the manifest says, and only as routes.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lead.routes.model import RouteError
from lead.routes.reader import read_routes
from lead.scoring.expected import ExpectedRoute
from lead.scoring.schema import ResultError, read_json
from lead.webapp.root_folder import RootFolder
from lead.webapp.state_cache import FileState, StateCache, file_state

MANIFEST = "manifest.json"
LARGEST_MANIFEST = 16 << 20
LARGEST_ROUTE_FILE = 64 << 20
_REPETITION = re.compile(r"_rep\d+$")


@dataclass(frozen=True)
class PlannedRoutes:
    """What is known about the plan of an evaluation.

    Attributes:
        routes: Planned routes by id; empty if the files cannot be used.
        note: Sentence on why not; empty if they can, or if there is no manifest.
    """

    routes: Mapping[str, ExpectedRoute] = field(default_factory=dict)
    note: str = ""


class _UnusableError(Exception):
    """The route files cannot be used; the text says why."""


_CACHE: StateCache[PlannedRoutes] = StateCache(64)


def planned_routes(root: RootFolder, folder: Path) -> tuple[PlannedRoutes, tuple[FileState, ...]]:
    """Read the plan of an evaluation.

    Args:
        root: Folder that may be shown.
        folder: Evaluation inside of it.

    Returns:
        The plan, and the state of all files it depends on.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file() or not root.contains(manifest):
        return PlannedRoutes(), ()
    try:
        files, stems = _last_run(manifest)
    except _UnusableError as error:
        return PlannedRoutes(note=str(error)), (file_state(manifest),)
    states = (file_state(manifest), *(file_state(path) for path in files))
    return _CACHE.get(str(folder), states, lambda: _read(files, stems)), states


def _last_run(manifest: Path) -> tuple[dict[Path, str], set[str]]:
    """Return SHA-256 by route file, and the stems of the planned routes without their repetition."""
    try:
        if manifest.stat().st_size > LARGEST_MANIFEST:
            raise _UnusableError(f"{MANIFEST} is too large to be one, so it is not read")
        runs = read_json(manifest)["runs"]
        files: Any = runs[-1]["routes"]
        stems: Any = runs[-1]["seeds"]
    except (OSError, ResultError, KeyError, IndexError, TypeError) as error:
        raise _UnusableError(f"{MANIFEST} does not tell which routes were planned") from error
    if not isinstance(files, dict) or not isinstance(stems, dict) or not all(map(_is_file_name, files)):
        raise _UnusableError(f"{MANIFEST} does not tell which routes were planned")
    return {Path(path): str(digest) for path, digest in files.items()}, {_REPETITION.sub("", stem) for stem in stems}


def _is_file_name(text: str) -> bool:
    """Tell whether a text can be the path of a route file; some texts cannot be paths at all."""
    try:
        return text.endswith(".xml") and b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def _read(files: Mapping[Path, str], stems: set[str]) -> PlannedRoutes:
    found: dict[str, ExpectedRoute] = {}
    try:
        for path, digest in files.items():
            _check(path, digest)
            routes = read_routes(path)
            for route in routes:
                # A file of its own may name the route; from a file with many routes some may have been chosen.
                names = {route.id, path.stem} if len(routes) == 1 else {route.id}
                if not stems & names:
                    continue
                if route.id in found:
                    raise _UnusableError(f"route {route.id} occurs in several of the route files")
                found[route.id] = ExpectedRoute(route, path.stem)
    except (_UnusableError, RouteError) as error:
        consequence = "so missing routes and scenario classes are not known"
        return PlannedRoutes(note=f"the route files of this evaluation cannot be used, {consequence}: {error}")
    return PlannedRoutes(found)


def _check(path: Path, digest: str) -> None:
    """Make sure that a file is still the one that was driven."""
    try:
        if not path.is_file():
            raise _UnusableError(f"{path} is gone")
        if path.stat().st_size > LARGEST_ROUTE_FILE:
            raise _UnusableError(f"{path} is too large for a route file")
        actual = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise _UnusableError(f"{path} cannot be read: {error.strerror}") from error
    if actual != digest:
        raise _UnusableError(f"{path} was changed since the drive")
