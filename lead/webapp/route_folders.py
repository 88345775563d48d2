"""What the folder of one route tells: its infractions and the first line of its drive log."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lead.evaluation.drive_log import FILE_NAME as DRIVE_LOG
from lead.evaluation.infraction_log import FILE_NAME as INFRACTIONS
from lead.evaluation.infraction_log import Infraction, InfractionFile, InfractionFileError, read_infractions
from lead.scoring.records import RouteRecord
from lead.webapp.folder_listing import Listing, state_of
from lead.webapp.infraction_kinds import KIND_OF_RECORD_KEY, OTHER, kind_of
from lead.webapp.state_cache import StateCache

MOST_ENTRIES = 2000
LONGEST_MESSAGE = 1000
LONGEST_HEADER_BYTES = 4 << 20
MOST_SCENARIOS = 100
_CACHED_FILES = 20_000
_UNKNOWN = -1


@dataclass(frozen=True)
class ShownInfraction:
    """One infraction of a route.

    Attributes:
        kind: A key of :data:`lead.webapp.infraction_kinds.KINDS`.
        entry: What the recording says; the step is -1 if only the result knows of it.
    """

    kind: str
    entry: Infraction

    @property
    def has_step(self) -> bool:
        """False if only the result tells of it, which knows no time."""
        return self.entry.step != _UNKNOWN


@dataclass(frozen=True)
class Recording:
    """Content of an ``infractions.json``, in the form that is shown.

    Attributes:
        video_fps: Frames per second of the videos; None if the file does not tell.
        ticks_per_frame: Steps per frame of the videos; None if the file does not tell.
        infractions: Entries in order of appearance.
        problems: What could not be read, one sentence each.
    """

    video_fps: float | None = None
    ticks_per_frame: int | None = None
    infractions: tuple[ShownInfraction, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class DriveFacts:
    """What the first line of a drive log tells.

    Attributes:
        town: Town, empty if unknown.
        route_id: Id of the route, empty if unknown.
        scenarios: Classes of its scenarios.
    """

    town: str = ""
    route_id: str = ""
    scenarios: tuple[str, ...] = ()


_FACT_KEYS = {"town", "route_id", "scenarios"}
_DECODER = json.JSONDecoder()
_KEY = re.compile(r'\s*[{,]\s*"(?P<key>[^"\\]*)"\s*:\s*')
_END = re.compile(r"\s*\}\s*$")

NO_RECORDING = Recording()
NO_FACTS = DriveFacts()
_RECORDINGS: StateCache[Recording] = StateCache(_CACHED_FILES)
_FACTS: StateCache[DriveFacts] = StateCache(_CACHED_FILES)
_LATE_FACTS: StateCache[DriveFacts] = StateCache(_CACHED_FILES)


def read_recording(folder: str, listing: Listing) -> Recording:
    """Read the infractions of a route's folder; empty if there is no file."""
    if INFRACTIONS not in listing.files:
        return NO_RECORDING
    path = f"{folder}/{INFRACTIONS}"
    return _RECORDINGS.get(path, state_of(path), lambda: _read_recording(Path(path)))


def read_drive_facts(folder: str, listing: Listing) -> DriveFacts:
    """Read the first line of a route's drive log; empty if there is none."""
    if DRIVE_LOG not in listing.files:
        return NO_FACTS
    path = f"{folder}/{DRIVE_LOG}"
    # The first line stays as it is while the file grows, and a new file changes the folder: nothing else is looked at.
    facts = _FACTS.get(path, listing.mtime_ns, lambda: _read_drive_facts(path))
    if facts == NO_FACTS:  # perhaps only just begun
        facts = _LATE_FACTS.get(path, state_of(path), lambda: _read_drive_facts(path))
    return facts


def all_infractions(recording: Recording, record: RouteRecord | None) -> Sequence[ShownInfraction]:
    """Return the infractions of a recording and those that only the result knows, such as a route's time limit."""
    if record is None:
        return recording.infractions
    shown = list(recording.infractions)
    for key, messages in record.infractions.items():
        kind = KIND_OF_RECORD_KEY.get(key, OTHER)
        recorded = [each.entry.message for each in recording.infractions if each.kind == kind]
        missing = len(messages) - len(recorded)
        if missing > 0:
            new = [message for message in messages if message[:LONGEST_MESSAGE] not in recorded] or messages
            shown += [
                ShownInfraction(kind, Infraction(_UNKNOWN, "", _UNKNOWN, message[:LONGEST_MESSAGE], "", 0.0))
                for message in new[:missing]
            ]
    return shown[:MOST_ENTRIES]


def _read_recording(path: Path) -> Recording:
    try:
        content: InfractionFile = read_infractions(path)
    except InfractionFileError as error:
        return Recording(problems=(str(error).replace(f"{path.parent}/", ""),))
    problems = list(content.problems)
    if len(content.infractions) > MOST_ENTRIES:
        problems.append(f"{path.name} holds {len(content.infractions)} entries; the first {MOST_ENTRIES} are shown")
    shown = [ShownInfraction(kind_of(entry), _shortened(entry)) for entry in content.infractions[:MOST_ENTRIES]]
    return Recording(content.video_fps, content.ticks_per_frame, tuple(shown), tuple(problems))


def _shortened(entry: Infraction) -> Infraction:
    texts = (entry.infraction, entry.message, entry.event_type)
    if max(map(len, texts)) <= LONGEST_MESSAGE:
        return entry
    name, message, event_type = (text[:LONGEST_MESSAGE] for text in texts)
    return Infraction(entry.step, name, entry.frame, message, event_type, entry.meters_travelled)


def _read_drive_facts(path: str) -> DriveFacts:
    """Read the first line; what is not there or not of the right type stays empty."""
    try:
        with open(path, "rb") as file:
            head = _beginning(file.readline(LONGEST_HEADER_BYTES).decode())
    except (OSError, ValueError, RecursionError):
        return NO_FACTS
    town, route_id, scenarios = (head.get(key) for key in ("town", "route_id", "scenarios"))
    names = [name for name in scenarios if isinstance(name, str)] if isinstance(scenarios, list) else []
    return DriveFacts(
        town if isinstance(town, str) else "",
        route_id if isinstance(route_id, str) else "",
        tuple(dict.fromkeys(names[:MOST_SCENARIOS])),
    )


def _beginning(line: str) -> dict[str, Any]:
    """Return the first entries of a JSON object, up to those that are shown: the planned route behind them is long.

    Raises:
        ValueError: If it is no object, or broken before they all came.
    """
    entries: dict[str, Any] = {}
    place = 0
    while match := _KEY.match(line, place):
        entries[match["key"]], place = _DECODER.raw_decode(line, match.end())
        if entries.keys() >= _FACT_KEYS:
            return entries
    if _END.match(line, place) is None:
        raise ValueError("it is not the beginning of an object")
    return entries
