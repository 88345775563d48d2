"""``infractions.json``: what went wrong on a route and when, in the form that the dashboard reads.

An event is listed once, at the step in which it appeared. The file is rewritten whole when that list grows, so it is
complete up to the last infraction whenever the drive is killed; how much of the route was driven is added at the end.
"""

from __future__ import annotations

import json
import logging
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from lead.errors import LeadError
from lead.files import write_json
from lead.scoring.penalties import EventType, RouteEvent

LOG = logging.getLogger(__name__)

FILE_NAME = "infractions.json"
LARGEST_FILE_BYTES = 32 * 2**20
"""A larger file is a defect; real ones have some kilobytes."""
MOST_PROBLEMS = 20
"""Further problems of a file are only counted."""
_ENUM_PREFIX = "TrafficEventType."
_LARGEST_INTEGER = 2**53
"""Browsers know no larger whole number exactly."""
_EXCERPT = 40
_T = TypeVar("_T")


class InfractionFileError(LeadError):
    """A file is not a list of infractions."""


@dataclass(frozen=True)
class Infraction:
    """One entry of the file.

    Attributes:
        step: Step of the agent in which the event appeared, from 1.
        infraction: Name of the criterion.
        frame: Simulator frame of the event, -1 if unknown.
        message: Sentence for people.
        event_type: Name of the kind of event.
        meters_travelled: Way of the ego until then.
    """

    step: int
    infraction: str
    frame: int
    message: str
    event_type: str
    meters_travelled: float


@dataclass(frozen=True)
class InfractionFile:
    """Content of a file.

    Attributes:
        video_fps: Frames per second of the videos beside it; None in files of the old form, which do not tell.
        infractions: Entries in order of appearance, each once.
        ticks_per_frame: Steps of the agent per frame of the videos; None in public files.
        problems: One sentence per entry or value that was left out.
    """

    video_fps: float | None
    infractions: tuple[Infraction, ...]
    ticks_per_frame: int | None = None
    problems: tuple[str, ...] = ()


class InfractionLog:
    """Keeps the file of one route up to date; a failing disk is reported once and does not end the drive."""

    def __init__(self, path: Path, video_fps: float, ticks_per_frame: int) -> None:
        """Start an empty list; the file is written at once, so that no old one is taken for it.

        Args:
            path: File to write.
            video_fps: Frames per second of the videos beside it.
            ticks_per_frame: Steps of the agent per frame of these videos.
        """
        self._path = path
        self._head = {"video_fps": video_fps, "ticks_per_frame": ticks_per_frame}
        self._entries: dict[tuple[str, int], Infraction] = {}
        self._completion: Infraction | None = None
        self._warned = False
        self._write()

    def update(self, named_events: Sequence[tuple[str, RouteEvent]], step: int, meters_travelled: float) -> None:
        """Take note of all events so far.

        Args:
            named_events: Name of the criterion and event. The events of one criterion keep their order; the message of
                an event may still change.
            step: Step of the agent, from 1.
            meters_travelled: Way of the ego.
        """
        counts: Counter[str] = Counter()
        grown = False
        for name, event in named_events:
            key = (name, counts[name])
            counts[name] += 1
            known = self._entries.get(key)
            entry = Infraction(
                step=step if known is None else known.step,
                infraction=name,
                frame=event.frame,
                message=event.message,
                event_type=event.type.name,
                meters_travelled=round(meters_travelled, 2) if known is None else known.meters_travelled,
            )
            if event.type is EventType.ROUTE_COMPLETION:
                self._completion = entry
            else:
                grown = grown or known is None
                self._entries[key] = entry
        if grown:
            self._write()

    def close(self) -> None:
        """Write the file for the last time, now with the share of the route that was driven."""
        self._write(is_final=True)

    def _write(self, *, is_final: bool = False) -> None:
        entries = list(self._entries.values())
        if is_final and self._completion is not None:
            entries.append(self._completion)
        content = {**self._head, "infractions": [asdict(entry) for entry in entries]}
        try:
            write_json(self._path, content)
        except OSError as error:
            if not self._warned:
                LOG.warning("%s cannot be written, the drive goes on: %s", self._path, error)
            self._warned = True


def read_infractions(path: Path) -> InfractionFile:
    """Read a file of this or a public form: numbers may be text, fields may be missing, the list may stand alone.

    Entries without a step, or that do not say what happened, are left out, and so is the second copy of an event, which
    public recorders write when a criterion reports another one.

    Raises:
        InfractionFileError: If the file cannot be read, is too large or holds something else.
    """
    content = _content(path)
    problems: list[str] = []
    head: dict[str, Any] = {}
    if isinstance(content, dict):
        head, content = content, content.get("infractions")
    if not isinstance(content, list):
        raise InfractionFileError(f"{path} is not a list of infractions: it holds none")
    entries: dict[tuple[Any, ...], Infraction] = {}
    for number, row in enumerate(content, 1):
        try:
            entry, flaws = _infraction(row)
        except ValueError as error:
            problems.append(f"entry {number} of {path.name} is left out: {error}")
            continue
        problems += [f"entry {number} of {path.name}: {flaw}" for flaw in flaws]
        place = ("frame", entry.frame) if entry.frame >= 0 else ("step", entry.step)
        entries.setdefault((*place, entry.infraction, entry.message), entry)
    fps = _head_number(head, "video_fps", path.name, problems)
    ticks = _head_number(head, "ticks_per_frame", path.name, problems)
    if ticks is not None and not (ticks >= 1.0 and ticks.is_integer()):
        problems.append(f"ticks_per_frame of {path.name} is ignored: {ticks} is not a number of ticks")
        ticks = None
    if len(problems) > MOST_PROBLEMS:
        more = len(problems) - MOST_PROBLEMS
        problems = [*problems[:MOST_PROBLEMS], f"{path.name} has {more} more such problems"]
    return InfractionFile(fps, tuple(entries.values()), None if ticks is None else int(ticks), tuple(problems))


def _content(path: Path) -> Any:
    """Return the JSON of a file."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE_BYTES + 1)
        if len(data) > LARGEST_FILE_BYTES:
            raise InfractionFileError(f"{path} is larger than {LARGEST_FILE_BYTES // 2**20} MiB and is not read")
        return json.loads(data.decode("utf-8-sig"))
    except OSError as error:
        raise InfractionFileError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InfractionFileError(f"{path} is not a list of infractions: {error}") from error


def _head_number(head: dict[str, Any], key: str, name: str, problems: list[str]) -> float | None:
    """Return a positive number of the file's head; None, with a problem unless it is missing, for anything else."""
    if head.get(key) is None:
        return None
    try:
        value = _number(head[key])
        if value <= 0.0:
            raise ValueError(f"{value} is not positive")
    except ValueError as error:
        problems.append(f"{key} of {name} is ignored: {error}")
        return None
    return value


def _infraction(row: Any) -> tuple[Infraction, list[str]]:
    """Read one entry.

    Returns:
        The entry, and what is wrong with fields that it can do without.

    Raises:
        ValueError: If it is unusable; the text says why.
    """
    if not isinstance(row, dict):
        raise ValueError("it is not an object")
    if row.get("step") is None:
        raise ValueError("it has no step")
    flaws: list[str] = []
    entry = Infraction(
        step=_integer(row["step"]),
        infraction=_optional(row, "infraction", _text, "", flaws),
        frame=_optional(row, "frame", _integer, -1, flaws),
        message=_optional(row, "message", _text, "", flaws),
        event_type=_optional(row, "event_type", _text, "", flaws).removeprefix(_ENUM_PREFIX),
        meters_travelled=_optional(row, "meters_travelled", _number, 0.0, flaws),
    )
    if entry.step < 0:
        raise ValueError(f"{entry.step} is not a step")
    if not (entry.infraction or entry.event_type or entry.message):
        raise ValueError("it does not say what happened")
    return entry, flaws


def _optional(row: dict[str, Any], key: str, convert: Callable[[Any], _T], default: _T, flaws: list[str]) -> _T:
    """Return a field; the default for a missing one and, with a flaw, for an unusable one."""
    if row.get(key) is None:
        return default
    try:
        return convert(row[key])
    except ValueError as error:
        flaws.append(f"{key} is ignored: {error}")
        return default


def _number(value: Any) -> float:
    """Return a finite number that may be written as text."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
        if math.isfinite(number):
            return number
    raise ValueError(f"{_excerpt(value)} is not a number")


def _integer(value: Any) -> int:
    number = _number(value)
    if not number.is_integer() or abs(number) > _LARGEST_INTEGER:
        raise ValueError(f"{_excerpt(value)} is not a whole number")
    return int(number)


def _text(value: Any) -> str:
    """Return text that can be encoded; single numbers are taken as text."""
    if not isinstance(value, str | int | float):
        raise ValueError(f"{_excerpt(value)} is not text")
    return str(value).encode("utf-8", "replace").decode()


def _excerpt(value: Any) -> str:
    """Show a value in a sentence, whatever its size."""
    if isinstance(value, str):
        return ascii(value) if len(value) <= _EXCERPT else f"{value[:_EXCERPT]!a}..."
    return f"{value!s:.{_EXCERPT}}" if isinstance(value, int | float) else f"a {type(value).__name__}"
