"""The routes of an evaluation, one row each: what lies in their folders, joined with what the result files say.

A row is never dropped because something of it is unreadable: a route that failed badly is the one people look for.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from lead.webapp.discovery import LIVE_S, newest_change_ns
from lead.webapp.folder_listing import NO_LISTING, Listing, is_openable, list_folder, shown_name
from lead.webapp.infraction_kinds import KINDS
from lead.webapp.root_folder import RootFolder
from lead.webapp.route_folders import (
    NO_FACTS,
    NO_RECORDING,
    DriveFacts,
    Recording,
    all_infractions,
    read_drive_facts,
    read_recording,
)
from lead.webapp.route_results import LONGEST_NAME, FoundResult, FoundResults, plain_stem, results_of
from lead.webapp.state_cache import StateCache

OWN_FOLDER = "."
LONGEST_TEXT = 4000
MOST_PROBLEMS = 100
BETWEEN_ROUTES_S = 60.0
"""An unfinished evaluation whose results changed so recently is still going on."""
_NUMBERED = re.compile(r"_\d+$")
_DIGITS = re.compile(r"(\d+)")
_CACHED_ROWS = 20_000


@dataclass(frozen=True)
class RouteRow:
    """One route of an evaluation, with or without artefacts, driven or being driven.

    Attributes:
        name: Name of its folder below the evaluation; "." if the evaluation's folder is the route's; else the stem.
        title: What to show: id of the route or stem of its files.
        has_folder: True if it has a folder.
        videos: Kinds of its videos.
        infraction_count: Number of infractions of counted kinds.
        kinds: Number of entries by kind, uncounted kinds included.
        text: All messages, lower case.
        status: Status of its result; None without one.
        scores: "driving" and "completion" in percent, "penalty" from 0 to 1; None if unknown.
        success: Whether the benchmark counts it as a success; None if unknown.
        scenarios: Classes of its scenarios.
        town: Town, empty if unknown.
        is_live: True if it is being driven.
        infrastructure_failed: True if simulator or machine failed, not the agent.
        problems: What could not be read, one sentence each.
    """

    name: str
    title: str
    has_folder: bool
    videos: Sequence[str]
    infraction_count: int
    kinds: Mapping[str, int]
    text: str
    status: str | None
    scores: Mapping[str, float] | None
    success: bool | None
    scenarios: Sequence[str]
    town: str
    is_live: bool
    infrastructure_failed: bool
    problems: Sequence[str]


@dataclass(frozen=True)
class EvaluationView:
    """All routes of an evaluation.

    Attributes:
        rows: Routes, sorted by title, numbers by value.
        planned: Number of routes that the evaluation will have; None if no file tells.
        done: Number of routes with a result.
        is_live: True if it is being driven.
        problems: What could not be read, one sentence each.
    """

    rows: Sequence[RouteRow]
    planned: int | None
    done: int
    is_live: bool
    problems: Sequence[str]


@dataclass(frozen=True)
class RouteParts:
    """Everything that is known of one route of an evaluation.

    Attributes:
        evaluation: Folder of the evaluation.
        name: As in :class:`RouteRow`.
        folder: Its folder; None if it has none, or one that must not be opened.
        listing: Content of the folder.
        found: Its result; None if it has none.
        problems: What is wrong with its name or place.
    """

    evaluation: str
    name: str
    folder: Path | None
    listing: Listing
    found: FoundResult | None
    problems: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all other routes."""
        return self.evaluation, self.name


_ROWS: StateCache[RouteRow] = StateCache(_CACHED_ROWS)
_PARTS: StateCache[RouteParts] = StateCache(_CACHED_ROWS)


def read_evaluation(root: RootFolder, folder: Path) -> EvaluationView:
    """Read the routes of an evaluation; files that did not change since the last time are not read again.

    Args:
        root: Folder that may be shown.
        folder: The evaluation, inside of it.
    """
    listing = list_folder(root, folder)
    parts, results = route_parts(root, folder)
    rows = sorted((_row(part) for part in parts), key=lambda row: natural_order(row.title))
    done = sum(part.found is not None and part.found.result is not None for part in parts)
    is_unfinished = results.total is not None and done < results.total
    newest_ns = max([listing.mtime_ns, *(list_folder(root, folder / name).mtime_ns for name in listing.result_folders)])
    is_going_on = is_unfinished and time.time_ns() - newest_ns < BETWEEN_ROUTES_S * 1e9
    return EvaluationView(
        rows=rows,
        planned=results.total,
        done=done,
        is_live=is_going_on or any(row.is_live for row in rows),
        problems=_bounded([*listing.problems, *results.problems]),
    )


def route_parts(root: RootFolder, folder: Path) -> tuple[list[RouteParts], FoundResults]:
    """Find the routes of an evaluation and join folders with results.

    Args:
        root: Folder that may be shown.
        folder: The evaluation, inside of it.

    Returns:
        Its routes, each with a name of its own, and all its results.
    """
    listing = list_folder(root, folder)
    children = [(name, list_folder(root, f"{folder}/{name}")) for name in listing.folders]
    results = results_of(root, folder, listing, [name for name, child in children if child.result_folders])
    by_name = results.by_name
    place = str(folder)
    parts = []
    for name, child in children:
        if child.is_route:
            found = by_name.get(name)
            if found is None and is_openable(name):
                found = _own_result(root, folder / name, child)
            parts.append(_part(place, name, child, found))
    if listing.is_route:
        taken = {id(part.found) for part in parts}
        free = FoundResults(tuple(each for each in results.found if id(each) not in taken))
        found = _result_of_folder(folder, listing, free)
        parts.append(RouteParts(place, OWN_FOLDER, folder, listing, found))
    taken = {id(part.found) for part in parts}
    names = {part.name for part in parts}
    for found in results.found:
        if id(found) not in taken:
            name = _free_name(shown_name(found.stem), names)
            names.add(name)
            parts.append(RouteParts(place, name, None, NO_LISTING, found))
    return parts, results


def recorded(part: RouteParts) -> tuple[Recording, DriveFacts]:
    """Read what the folder of a route tells; both empty if it has none."""
    if part.folder is None:
        return NO_RECORDING, NO_FACTS
    folder = str(part.folder)
    return read_recording(folder, part.listing), read_drive_facts(folder, part.listing)


@lru_cache(_CACHED_ROWS)
def natural_order(text: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts numbers inside of texts by their value."""
    pieces = _DIGITS.split(text.lower())
    return [
        (1, 0, piece) if not index % 2 else (0, int(piece[:18]), piece) for index, piece in enumerate(pieces) if piece
    ]


def scenarios_of(facts: DriveFacts, found: FoundResult | None) -> Sequence[str]:
    """Return the scenario classes of a route, from its drive log or else from the labels of its record."""
    if facts.scenarios or found is None or found.result is None or found.result.record.labels is None:
        return facts.scenarios
    name = _NUMBERED.sub("", found.result.record.labels.scenario_name)[:LONGEST_NAME]
    return (name,) if name else ()


def town_of(facts: DriveFacts, found: FoundResult | None) -> str:
    """Return the town of a route, empty if unknown."""
    labels = found.result.record.labels if found is not None and found.result is not None else None
    return facts.town or (labels.town_name[:LONGEST_NAME] if labels is not None else "")


def title_of(part: RouteParts) -> str:
    """Return what to show as a route's name."""
    if part.found is not None:
        return shown_name(part.found.stem)
    if part.name == OWN_FOLDER and part.folder is not None:
        return (part.listing.video_stems or [part.folder.name])[0]
    return plain_stem(part.name)


def is_being_driven(part: RouteParts) -> bool:
    """Tell whether a route's artefacts are changing, and no result speaks of their end."""
    result = part.found.result if part.found is not None else None
    if part.folder is None or (result is not None and not result.infrastructure_failed):
        return False
    changed_ns = newest_change_ns(part.folder, part.listing)
    if time.time_ns() - changed_ns > LIVE_S * 1e9:
        return False
    return result is None or _mtime_ns(result.source) < changed_ns  # a lost route may be driven again


def _row(part: RouteParts) -> RouteRow:
    recording, facts = recorded(part)
    row = _ROWS.get(part.key, (part, recording, facts), lambda: _new_row(part, recording, facts))
    return replace(row, is_live=True) if is_being_driven(part) else row


def _new_row(part: RouteParts, recording: Recording, facts: DriveFacts) -> RouteRow:
    found = part.found
    result = found.result if found is not None else None
    infractions = all_infractions(recording, result.record if result is not None else None)
    kinds = Counter(each.kind for each in infractions)
    return RouteRow(
        name=part.name,
        title=title_of(part),
        has_folder=part.folder is not None,
        videos=part.listing.videos,
        infraction_count=sum(count for kind, count in kinds.items() if KINDS[kind].counted),
        kinds=dict(kinds),
        text=_joined(each.entry.message for each in infractions),
        status=found.status if found is not None else None,
        scores=found.scores if found is not None else None,
        success=found.success if found is not None else None,
        scenarios=scenarios_of(facts, found),
        town=town_of(facts, found),
        is_live=False,
        infrastructure_failed=result is not None and result.infrastructure_failed,
        problems=problems_of(part, recording),
    )


def problems_of(part: RouteParts, recording: Recording) -> list[str]:
    """Return what could not be read of a route, one sentence each."""
    own = [part.found.problem] if part.found is not None and part.found.problem else []
    return _bounded([*part.problems, *part.listing.problems, *own, *recording.problems])


def _part(evaluation: str, name: str, listing: Listing, found: FoundResult | None) -> RouteParts:
    """Describe a route with a folder; kept while nothing changes, so that its row need not be made again."""

    def make() -> RouteParts:
        if is_openable(name):
            return RouteParts(evaluation, name, Path(evaluation) / name, listing, found)
        problem = "the name of this route's folder cannot be opened here; rename the folder"
        return RouteParts(evaluation, shown_name(name), None, NO_LISTING, found, (problem,))

    return _PARTS.get((evaluation, name), (listing, found), make)


def _own_result(root: RootFolder, folder: Path, listing: Listing) -> FoundResult | None:
    """Return the result that lies in the folder of a route itself."""
    return _result_of_folder(folder, listing, results_of(root, folder, listing))


def _result_of_folder(folder: Path, listing: Listing, results: FoundResults) -> FoundResult | None:
    """Choose among results without a folder of their own the one that a route's folder belongs to."""
    if len(results.found) < 2:
        return results.found[0] if results.found else None
    by_name = results.by_name
    names = [*listing.video_stems, read_drive_facts(str(folder), listing).route_id, folder.name]
    return next((by_name[name] for name in names if name in by_name), None)


def _free_name(name: str, taken: set[str]) -> str:
    """Return a name that no other row has."""
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name} ({number})"
    return candidate


def _joined(messages: Iterable[str]) -> str:
    return "\n".join(dict.fromkeys(messages)).lower()[:LONGEST_TEXT]


def _mtime_ns(path: Path) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _bounded(problems: Sequence[str]) -> list[str]:
    unique = list(dict.fromkeys(problems))
    if len(unique) <= MOST_PROBLEMS:
        return unique
    return [*unique[:MOST_PROBLEMS], f"there are {len(unique) - MOST_PROBLEMS} more problems like these"]
