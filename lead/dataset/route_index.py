"""Which frames of a data set are learnt from: a table of routes and two numbers per sample, made of folder listings.

Nothing but ``results.json`` is read, so that the table of a large data set takes seconds and need not be stored.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lead.dataset.acceptance import COMPLETED, EXACT_CLOUDS, FAILED, read_results, rejection
from lead.dataset.errors import DatasetError
from lead.dataset.layout import (
    BOXES,
    METAS,
    PERTURBATED,
    RouteName,
    RoutePlace,
    find_routes,
    frame_path,
    is_complete,
    numbered_frames,
)

UNKNOWN_TOWN = ""
_DATA = "data"
_SPLIT_STEPS = 1 << 16


class RouteChoice(Enum):
    """Which routes of a data set an index holds."""

    TRAINABLE = "trainable"
    """Those that the expert drove as it should."""
    FAILED = "failed"
    """Those that it completed with infractions for something else than its pace, to look at."""
    ALL = "all"
    """Everything that is complete."""


@dataclass(frozen=True)
class RouteEntry:
    """A route of an index.

    Attributes:
        relative_dir: Folder below the root of the data set.
        scenario: Name of its scenario folder.
        town: Town by the folder's name; empty if it is called otherwise.
        frames: Number of its frames, those that are skipped included.
        has_twin: What the twin rig saw was recorded, too.
        exact_clouds: Its clouds have what is straight ahead, and are aligned exactly; published ones are not so.
    """

    relative_dir: str
    scenario: str
    town: str
    frames: int
    has_twin: bool
    exact_clouds: bool


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """Samples of a data set.

    Attributes:
        root: Folder of the data set.
        routes: All routes that may be learnt from.
        route: int32 (n,), place in ``routes`` of each sample.
        frame: int32 (n,), number of each sample's frame.
        left_out: How many routes were left out, by reason.
        skipped_frames: Frames at the ends of the routes that were left out.
    """

    root: Path
    routes: tuple[RouteEntry, ...]
    route: NDArray[np.int32]
    frame: NDArray[np.int32]
    left_out: Mapping[str, int] = field(default_factory=dict)
    skipped_frames: int = 0

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.route)

    def route_dir(self, sample: int) -> Path:
        """Folder of a sample's route."""
        entry: RouteEntry = self.routes[self.route[sample]]
        return self.root / entry.relative_dir

    @property
    def manifest(self) -> str:
        """A word that changes when routes or samples come, go or change their number of frames."""
        digest = hashlib.blake2b(digest_size=8)
        for entry in self.routes:
            digest.update(f"{entry.relative_dir}\0{entry.frames}\0{entry.has_twin}\n".encode())
        digest.update(self.route.tobytes())
        digest.update(self.frame.tobytes())
        return digest.hexdigest()

    def select(self, keep: Callable[[RouteEntry], bool]) -> FrameIndex:
        """Return the samples of the routes for which ``keep`` holds; the table of routes stays as it is."""
        is_kept = np.array([keep(entry) for entry in self.routes], bool)[self.route]
        return FrameIndex(
            self.root, self.routes, self.route[is_kept], self.frame[is_kept], self.left_out, self.skipped_frames
        )

    def split(self, held_out_share: float) -> tuple[FrameIndex, FrameIndex]:
        """Hold routes out for validation.

        Args:
            held_out_share: About this share of the routes, from 0 to 1. Which ones depends on their names alone, so
                that a growing data set never moves a route from one side to the other.

        Returns:
            The index to train with and the one that is held out.
        """

        def is_held_out(entry: RouteEntry) -> bool:
            place = zlib.crc32(Path(entry.relative_dir).name.encode()) % _SPLIT_STEPS
            return place < held_out_share * _SPLIT_STEPS

        return self.select(lambda entry: not is_held_out(entry)), self.select(is_held_out)

    def summary(self) -> str:
        """Say in a sentence what was taken and what was left out."""
        used = len(np.unique(self.route))
        text = f"{len(self)} samples of {used} routes"
        if self.skipped_frames:
            text += f", {self.skipped_frames} frames at the ends of routes skipped"
        reasons = ", ".join(f"{count} routes because {reason}" for reason, count in sorted(self.left_out.items()))
        return f"{text}; left out {reasons}" if reasons else text


def build_index(
    root: Path, *, skip_first: int = 1, skip_last: int = 1, choice: RouteChoice = RouteChoice.TRAINABLE
) -> FrameIndex:
    """List the samples of a data set.

    Args:
        root: The data set, or any folder with routes in it.
        skip_first: Frames left out at the start of each route: 1 for pre-training, 8 for post-training.
        skip_last: Frames left out at the end; the last 8 lack a part of their future.
        choice: Which routes to take.

    Raises:
        DatasetError: If the folder does not exist, holds no route, or none that may be learnt from.
    """
    if skip_first < 0 or skip_last < 0:
        raise DatasetError("the number of frames to skip must not be negative")
    places = find_routes(root / _DATA if (root / _DATA).is_dir() else root)
    left_out: Counter[str] = Counter()
    entries: list[RouteEntry] = []
    routes, frames, skipped = [], [], 0
    for place in sorted(places, key=lambda place: str(place.folder)):
        results = _results_or_why_not(place.folder, choice)
        if isinstance(results, str):
            left_out[results] += 1
            continue
        numbers = numbered_frames(place.folder, BOXES)
        taken = numbers[skip_first : max(len(numbers) - skip_last, skip_first)]
        skipped += len(numbers) - len(taken)
        routes.append(np.full(len(taken), len(entries), np.int32))
        frames.append(np.array(taken, np.int32))
        entries.append(_entry(place, root, len(numbers), results))
    if not entries:
        reasons = ", ".join(f"{count} because {reason}" for reason, count in left_out.items())
        raise DatasetError(f"{root} has no route to learn from: {reasons}")
    return FrameIndex(root, tuple(entries), np.concatenate(routes), np.concatenate(frames), dict(left_out), skipped)


def _entry(place: RoutePlace, root: Path, frames: int, results: Mapping[str, Any]) -> RouteEntry:
    name = RouteName.parse(place.folder.name)
    return RouteEntry(
        place.folder.relative_to(root).as_posix(),
        place.scenario,
        name.town if name is not None else UNKNOWN_TOWN,
        frames,
        (place.folder / f"rgb{PERTURBATED}").is_dir(),
        results.get(EXACT_CLOUDS) is True,
    )


def _results_or_why_not(folder: Path, choice: RouteChoice) -> Mapping[str, Any] | str:
    """Read the results of a route that is taken; for another one say in words that many share why it is left out."""
    if not is_complete(folder):
        return "they are not complete"
    if not frame_path(folder, METAS, 0).is_file():
        return "they have no first frame"
    try:
        results = read_results(folder)
    except DatasetError:
        return "their results cannot be read"
    if choice is RouteChoice.ALL:
        return results
    if choice is RouteChoice.FAILED:
        is_flawed = results.get("status") == COMPLETED and rejection(results) is not None
        return results if is_flawed else "they were not completed with infractions"
    if rejection(results) is None:
        return results
    return "they failed" if results.get("status") in FAILED else "the expert made mistakes"
