"""``infractions.json``: what went wrong on a route and when, in the form that the dashboard reads.

An event is listed once, at the step in which it appeared. The file is rewritten whole when that list grows, so it is
complete up to the last infraction whenever the drive is killed; how much of the route was driven is added at the end.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lead.errors import LeadError
from lead.scoring.files import write_text_atomically
from lead.scoring.penalties import EventType, RouteEvent

LOG = logging.getLogger(__name__)

FILE_NAME = "infractions.json"
_ENUM_PREFIX = "TrafficEventType."


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
        infractions: Entries in order of appearance.
    """

    video_fps: float | None
    infractions: tuple[Infraction, ...]


class InfractionLog:
    """Keeps the file of one route up to date; a failing disk is reported once and does not end the drive."""

    def __init__(self, path: Path, video_fps: float) -> None:
        """Start an empty list; the file is written at once, so that no old one is taken for it.

        Args:
            path: File to write.
            video_fps: Frames per second of the videos beside it.
        """
        self._path = path
        self._video_fps = video_fps
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
        content = {"video_fps": self._video_fps, "infractions": [asdict(entry) for entry in entries]}
        try:
            write_text_atomically(self._path, json.dumps(content, indent=4) + "\n")
        except OSError as error:
            if not self._warned:
                LOG.warning("%s cannot be written, the drive goes on: %s", self._path, error)
            self._warned = True


def read_infractions(path: Path) -> InfractionFile:
    """Read a file of this or the old form (a bare list without the rate of the videos).

    Raises:
        InfractionFileError: If the file cannot be read or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        is_old = isinstance(content, list)
        rows: list[Any] = content if is_old else content["infractions"]
        fps = None if is_old else float(content["video_fps"])
        return InfractionFile(fps, tuple(_infraction(row) for row in rows))
    except OSError as error:
        raise InfractionFileError(f"{path} cannot be read: {error}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise InfractionFileError(f"{path} is not a list of infractions: {error!r}") from error


def _infraction(row: dict[str, Any]) -> Infraction:
    """Read one entry; old files lack some fields."""
    return Infraction(
        step=int(row["step"]),
        infraction=str(row["infraction"]),
        frame=int(row.get("frame", -1)),
        message=str(row.get("message", "")),
        event_type=str(row.get("event_type", "")).removeprefix(_ENUM_PREFIX),
        meters_travelled=float(row.get("meters_travelled", 0.0)),
    )
