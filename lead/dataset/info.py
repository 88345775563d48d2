"""What is in a data set: routes and frames by town, scenario, weather and outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lead.dataset.acceptance import rejection
from lead.dataset.errors import DatasetError
from lead.dataset.layout import TICK_S, RoutePlace
from lead.dataset.reader import RouteReader

INCOMPLETE, DAMAGED, UNKNOWN = "(incomplete)", "(damaged)", "(unknown)"
SECONDS_PER_FRAME = 5 * TICK_S


@dataclass
class Share:
    """Routes and frames that have something in common.

    Attributes:
        routes: Number of routes, incomplete ones too.
        usable: Number of routes that may be learnt from.
        frames: Saved frames of all routes.
        usable_frames: Saved frames of usable routes.
    """

    routes: int = 0
    usable: int = 0
    frames: int = 0
    usable_frames: int = 0

    def add(self, frames: int, *, is_usable: bool) -> None:
        """Count one more route."""
        self.routes += 1
        self.frames += frames
        if is_usable:
            self.usable += 1
            self.usable_frames += frames


@dataclass
class DatasetInfo:
    """Counts of a data set.

    Attributes:
        total: Everything.
        towns: By town.
        scenarios: By scenario folder.
        weathers: By weather preset of the first frame.
        statuses: Routes by status of their results.
        rejections: Reasons why routes may not be learnt from.
        bytes: Size of all files; 0 if it was not asked for.
    """

    total: Share = field(default_factory=Share)
    towns: dict[str, Share] = field(default_factory=dict)
    scenarios: dict[str, Share] = field(default_factory=dict)
    weathers: dict[str, Share] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    rejections: Counter[str] = field(default_factory=Counter)
    bytes: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        groups = {"towns": self.towns, "scenarios": self.scenarios, "weathers": self.weathers}
        return {
            "total": vars(self.total),
            **{name: {key: vars(group[key]) for key in sorted(group)} for name, group in groups.items()},
            "statuses": dict(self.statuses.most_common()),
            "rejections": dict(self.rejections.most_common()),
            "bytes": self.bytes,
        }


def summarise(routes: Iterable[RoutePlace], *, sizes: bool = False) -> DatasetInfo:
    """Count routes; one small file of each is read.

    Args:
        routes: Routes as :func:`lead.dataset.layout.find_routes` finds them.
        sizes: Whether to add up the sizes of all files, which takes long on large data sets.
    """
    info = DatasetInfo()
    for place in routes:
        _count(info, RouteReader(place.folder), place.scenario)
        if sizes:
            info.bytes += folder_bytes(place.folder)
    return info


def folder_bytes(folder: Path) -> int:
    """Size of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _count(info: DatasetInfo, reader: RouteReader, scenario: str) -> None:
    frames = len(reader.frames)
    status, reason = _outcome(reader)
    info.statuses[status] += 1
    if reason is not None:
        info.rejections[reason] += 1
    town, weather = _place_and_weather(reader)
    for share in (
        info.total,
        info.towns.setdefault(town, Share()),
        info.scenarios.setdefault(scenario, Share()),
        info.weathers.setdefault(weather, Share()),
    ):
        share.add(frames, is_usable=reason is None)


def _outcome(reader: RouteReader) -> tuple[str, str | None]:
    """Status of a route, and why it may not be learnt from."""
    if not reader.is_complete:
        return INCOMPLETE, "it is not complete"
    try:
        results = reader.results
    except DatasetError:
        return DAMAGED, "its results cannot be read"
    reason = rejection(results) if reader.frames else "it has no frames"
    return str(results.get("status", UNKNOWN)), reason


def _place_and_weather(reader: RouteReader) -> tuple[str, str]:
    town = reader.name.town if reader.name is not None else UNKNOWN
    if not reader.frames:
        return town, UNKNOWN
    try:
        meta = reader.meta(reader.frames[0])
    except DatasetError:
        return town, UNKNOWN
    return str(meta.get("town") or town), str(meta.get("weather_setting") or UNKNOWN)
