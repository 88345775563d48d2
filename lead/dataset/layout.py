"""Names and places of everything in a data set, in one table: other modules spell out no folder and no suffix.

A route lies in ``<root>/data/<scenario>/<route folder>/``. Its files are numbered by saved frame, four digits, the same
number in every folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path

from lead.dataset.errors import DatasetError

FRAME_STRIDE = 5
"""Every fifth tick of 0.05 s is saved: four frames a second."""
TICK_S = 0.05
RESULTS_NAME = "results.json"
"""Written last: a route with this file is complete."""
JOURNAL_NAME = ".journal"
METAS, BOXES = "metas", "bboxes"
PERTURBATED = "_perturbated"
"""Suffix of what the twin rig, an ego that is shifted and turned a little, sees; the spelling is the format's."""
NO_SCENARIO = "noScenarios"
THIRD_PERSON = "3rd_person"
THIRD_PERSON_SUFFIX = ".jpg"
_SEARCH_DEPTH = 4
_STAMP = "%m_%d_%H_%M_%S"
_ROUTE_NAME = re.compile(
    r"(?P<town>[^_]+(?:_Opt)?)_Rep(?P<repetition>-?\d+)_(?P<stem>.+)_route(?P<index>\d+)_(?P<stamp>\d\d(?:_\d\d){4})"
)


class Coding(Enum):
    """How the files of a folder are encoded."""

    JPEG = ".jpg"
    PNG = ".png"
    LAZ = ".laz"
    NPZ = ".npz"
    PICKLE = ".pkl"


MODALITIES: dict[str, Coding] = {
    **{f"rgb{view}": Coding.JPEG for view in ("", PERTURBATED)},
    **{f"semantics{view}": Coding.PNG for view in ("", PERTURBATED)},
    **{f"depth{view}": Coding.PNG for view in ("", PERTURBATED)},
    **{f"hdmap{view}": Coding.PNG for view in ("", PERTURBATED)},
    "lidar": Coding.LAZ,
    **{f"radar{view}": Coding.NPZ for view in ("", PERTURBATED)},
    THIRD_PERSON: Coding.JPEG,
}
"""What a frame may hold, by the name of its folder."""
LABELS: dict[str, Coding] = {METAS: Coding.PICKLE, BOXES: Coding.PICKLE}
"""Written at the end of a route, when the future of its frames is known."""
FOLDERS: dict[str, Coding] = {**MODALITIES, **LABELS}


@dataclass(frozen=True)
class RouteName:
    """The parts of a route folder's name.

    Attributes:
        town: Short name of the town.
        repetition: Number of the repetition, -1 where there is none.
        stem: Name of the route file without suffix.
        index: Place of the route in its file.
        stamp: Month, day, hour, minute, second of the start, as in the name.
    """

    town: str
    repetition: int
    stem: str
    index: int
    stamp: str

    @classmethod
    def at(cls, town: str, repetition: int, stem: str, index: int, when: datetime) -> RouteName:
        """Name a route that starts at a moment."""
        return cls(town, repetition, stem, index, when.strftime(_STAMP))

    def __str__(self) -> str:
        """Return the folder's name."""
        return f"{self.town}_Rep{self.repetition}_{self.stem}_route{self.index}_{self.stamp}"

    @classmethod
    def parse(cls, name: str) -> RouteName | None:
        """Read the name of a folder; None if it is not one of a route."""
        found = _ROUTE_NAME.fullmatch(name)
        if found is None:
            return None
        return cls(found["town"], int(found["repetition"]), found["stem"], int(found["index"]), found["stamp"])


@dataclass(frozen=True)
class RoutePlace:
    """A route folder and the scenario folder it lies in."""

    scenario: str
    folder: Path


def frame_name(frame: int) -> str:
    """Stem of the files of a saved frame."""
    return f"{frame:04d}"


def frame_path(route_dir: Path, folder: str, frame: int) -> Path:
    """Place of one file of a frame; ``folder`` is a key of :data:`FOLDERS`."""
    return route_dir / folder / f"{frame_name(frame)}{FOLDERS[folder].value}"


def numbered_frames(route_dir: Path, folder: str) -> list[int]:
    """Numbers of the frames that have a file in a folder, sorted; empty where the folder is missing."""
    suffix = FOLDERS[folder].value
    try:
        names = [path.name for path in (route_dir / folder).iterdir()]
    except FileNotFoundError:
        return []
    stems = [name.removesuffix(suffix) for name in names if name.endswith(suffix)]
    return sorted(int(stem) for stem in stems if len(stem) >= 4 and stem.isascii() and stem.isdigit())


def is_route_dir(folder: Path) -> bool:
    """Tell whether a folder holds a recorded route, complete or not."""
    # Evaluations leave a results.json, too: it alone is no mark.
    marks = (folder / JOURNAL_NAME, folder / METAS, folder / BOXES)
    return any(mark.exists() for mark in marks)


def is_complete(route_dir: Path) -> bool:
    """Tell whether a route was recorded to its end."""
    return (route_dir / RESULTS_NAME).is_file()


def find_routes(root: Path) -> list[RoutePlace]:
    """Find all routes below a folder: a data set, its ``data``, a scenario, or a single route.

    Raises:
        DatasetError: If the folder does not exist or holds no route.
    """
    if not root.is_dir():
        raise DatasetError(f"{root} is no folder")
    places = [RoutePlace(folder.resolve().parent.name, folder) for folder in _walk(root, _SEARCH_DEPTH)]
    if not places:
        raise DatasetError(f"{root} holds no recorded route (no folder with {METAS} and {BOXES})")
    return places


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    if is_route_dir(folder):
        yield folder
    elif depth:
        for child in sorted(folder.iterdir()):
            if child.is_dir() and not child.name.startswith("."):
                yield from _walk(child, depth - 1)
