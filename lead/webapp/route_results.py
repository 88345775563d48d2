"""Results of single routes, from whichever files of an evaluation hold them, also from damaged ones.

The readers of :mod:`lead.scoring` take a whole evaluation and refuse records that a table could not use. A dashboard
reads the same files with the same checks, one by one so that unchanged ones are not read again, and shows what can be
shown of a record that fails a check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from lead.scoring.bench2drive.merge import is_success
from lead.scoring.endpoint import FILE_NAME, route_stem
from lead.scoring.fail2drive import TOLERATED
from lead.scoring.provenance import BLOCK, Provenance, ProvenanceError, provenance_from_json
from lead.scoring.records import ALL_INFRACTION_KEYS, RouteLabels, RouteRecord
from lead.scoring.results import (
    FAIL2DRIVE_FOLDERS,
    FAIL2DRIVE_SUFFIX,
    MERGED_NAME,
    MOST_ROUTES,
    ROUTE_FOLDER,
    RouteResult,
)
from lead.scoring.schema import (
    META,
    SCORES,
    ResultError,
    is_number,
    plain_id,
    read_json,
    record_from_json,
    records_of,
    split_route_id,
)
from lead.webapp.folder_listing import Listing, list_folder, state_of
from lead.webapp.root_folder import RootFolder
from lead.webapp.state_cache import StateCache

LARGEST_FILE_BYTES = 32 << 20
MOST_RECORDS = 20_000
"""Further records of a file are not shown."""
LONGEST_NAME = 300
MANIFEST = "manifest.json"
_CACHED_FILES = 50_000
_CACHED_LARGE_FILES = 500
_REPETITION_0 = "_rep0"
_SCENARIO_PREFIX = "RouteScenario_"
_FAIL2DRIVE = "fail2drive"


@dataclass(frozen=True)
class FoundResult:
    """What a file says about one route.

    Attributes:
        stem: Name to show for the route.
        names: Names that a folder with its artefacts may have, the surest first.
        result: The result; None if nothing of it can be read.
        has_scores: False if its scores are unreadable; those of ``result`` are then zeros.
        problem: What is wrong with it, one sentence; empty if nothing is.
    """

    stem: str
    names: tuple[str, ...]
    result: RouteResult | None = None
    has_scores: bool = False
    problem: str = ""

    @property
    def status(self) -> str | None:
        """Status; None if unknown."""
        return self.result.record.status[:LONGEST_NAME] or None if self.result else None

    @property
    def scores(self) -> dict[str, float] | None:
        """Driving score and completion in percent, penalty from 0 to 1; None if unknown."""
        if self.result is None or not self.has_scores:
            return None
        scores = self.result.record.scores
        return {
            "driving": scores["score_composed"],
            "completion": scores["score_route"],
            "penalty": scores["score_penalty"],
        }

    @property
    def success(self) -> bool | None:
        """Whether the route was driven as its benchmark wants it; None if unknown."""
        if self.result is None or not self.result.record.status:
            return None
        record = self.result.record
        if not self._is_of_fail2drive(self.result):
            return is_success(record)
        return self.result.reached_goal and not any(
            messages for key, messages in record.infractions.items() if key not in TOLERATED
        )

    @staticmethod
    def _is_of_fail2drive(result: RouteResult) -> bool:
        if result.provenance is not None:
            return result.provenance.profile.startswith(_FAIL2DRIVE)
        return result.source.name.endswith(FAIL2DRIVE_SUFFIX)


@dataclass(frozen=True)
class FoundResults:
    """What the files of an evaluation, or one of them, say.

    Attributes:
        found: Results in the order of the files.
        total: Number of routes that the evaluation will have, if a file tells.
        problems: Files that could not be read, one sentence each.
    """

    found: tuple[FoundResult, ...] = ()
    total: int | None = None
    problems: tuple[str, ...] = ()

    @cached_property
    def by_name(self) -> Mapping[str, FoundResult]:
        """Results by the names that their folders may have; surer names win."""
        names: dict[str, FoundResult] = {}
        ranked = [(rank, name, found) for found in self.found for rank, name in enumerate(found.names)]
        for _, name, found in sorted(ranked, key=lambda entry: entry[0]):
            names.setdefault(name, found)
        return names


_ROUTE_FILES: StateCache[FoundResults] = StateCache(_CACHED_FILES)
_LARGE_FILES: StateCache[FoundResults] = StateCache(_CACHED_LARGE_FILES)
_MANIFESTS: StateCache[FoundResults] = StateCache(_CACHED_LARGE_FILES)
_SEEDS: StateCache[FoundResults] = StateCache(_CACHED_FILES)
_FOLDERS: StateCache[FoundResults] = StateCache(_CACHED_FILES)


def results_of(root: RootFolder, folder: Path, listing: Listing, seeds: Sequence[str] = ()) -> FoundResults:
    """Read all results that lie in a folder.

    Args:
        root: Folder that may be shown.
        folder: An evaluation, or the folder of a route.
        listing: Its content.
        seeds: Names of child folders that may hold results of Fail2Drive.
    """
    parts = list(results_of_routes(root, folder, listing, seeds))
    has_results = any(part.found for part in parts)
    is_ours = MANIFEST in listing.files
    if is_ours:
        parts.insert(0, _planned(f"{folder}/{MANIFEST}"))
    summary = next((name for name in (FILE_NAME, MERGED_NAME) if name in listing.files), None)
    last = FoundResults()
    if summary is not None and not (has_results and is_ours):
        last = _summary_file(f"{folder}/{summary}")
    state = (*parts, last)
    return _FOLDERS.get(str(folder), state, lambda: _joined(parts, last))


def results_of_routes(
    root: RootFolder, folder: Path, listing: Listing, seeds: Sequence[str] = ()
) -> Iterator[FoundResults]:
    """Read the files of single routes one by one; arguments as of :func:`results_of`."""
    yield from _fail2drive_results(root, folder, listing, seeds)
    if ROUTE_FOLDER in listing.result_folders:
        inner = list_folder(root, folder / ROUTE_FOLDER)
        yield FoundResults(problems=inner.problems)
        for name in sorted(name for name in inner.files if name.endswith(".json")):
            yield _route_file(f"{folder}/{ROUTE_FOLDER}/{name}")


def _joined(parts: Sequence[FoundResults], summary: FoundResults) -> FoundResults:
    """Join what files say; of a summary only routes that have no file of their own are taken."""
    found = [each for part in parts for each in part.found]
    known = {_plain_id(each) for each in found}
    found += [each for each in summary.found if _plain_id(each) not in known]
    everything = (*parts, summary)
    totals = [part.total for part in everything if part.total is not None]
    problems = tuple(problem for part in everything for problem in part.problems)
    return FoundResults(tuple(found), totals[0] if totals else None, problems)


def count_records(root: RootFolder, folder: Path, listing: Listing) -> int:
    """Return the number of results in a folder that has no folders of routes."""
    return len(results_of(root, folder, listing, listing.folders).found)


def plain_stem(name: str) -> str:
    """Return the shortest of the names that the same route and repetition may have."""
    return name.removeprefix(_SCENARIO_PREFIX).removesuffix(_REPETITION_0)


def _plain_id(found: FoundResult) -> str:
    """Return what is the same in the file of a route and in the summary of its evaluation."""
    return plain_stem(found.result.record.route_id if found.result else found.stem)


def _fail2drive_results(
    root: RootFolder, folder: Path, listing: Listing, seeds: Sequence[str]
) -> Iterator[FoundResults]:
    """Read ``[<seed>/]{res,results}/<id>_res.json``; routes of seeds below are told apart by their seed."""
    places = [("", folder, kind) for kind in FAIL2DRIVE_FOLDERS if kind in listing.result_folders]
    for seed in seeds:
        inside = list_folder(root, folder / seed).result_folders
        places += [(seed, folder / seed, kind) for kind in FAIL2DRIVE_FOLDERS if kind in inside]
    for seed, parent, kind in places:
        names = list_folder(root, parent / kind).files
        for name in sorted(name for name in names if name.endswith(FAIL2DRIVE_SUFFIX)):
            path = f"{parent}/{kind}/{name}"
            yield _of_seed(path, _route_file(path), seed)


def _of_seed(path: str, part: FoundResults, seed: str) -> FoundResults:
    """Tell routes of a seed from those of another one."""
    return _SEEDS.get((path, seed), part, lambda: _renamed(part, seed)) if seed else part


def _renamed(part: FoundResults, seed: str) -> FoundResults:
    found = [
        replace(
            each,
            stem=f"{seed}/{each.stem}",
            names=(),
            result=None if each.result is None else replace(each.result, run=seed),
        )
        for each in part.found
    ]
    return replace(part, found=tuple(found))


def _route_file(path: str) -> FoundResults:
    """Read the file of one route, named after it."""
    return _ROUTE_FILES.get(path, state_of(path), lambda: _read_route_file(Path(path)))


def _summary_file(path: str) -> FoundResults:
    """Read a file with the results of many routes."""
    return _LARGE_FILES.get(path, state_of(path), lambda: _read_summary(Path(path)))


def _planned(path: str) -> FoundResults:
    return _MANIFESTS.get(path, state_of(path), lambda: _read_manifest(Path(path)))


def _read_manifest(path: Path) -> FoundResults:
    """Count the routes of the last run that a manifest names."""
    try:
        runs = _json(path)["runs"]
        return FoundResults(total=len(dict(runs[-1]["seeds"])))
    except ResultError as error:
        return FoundResults(problems=(str(error),))
    except (KeyError, IndexError, TypeError, ValueError):
        return FoundResults(problems=(f"{path.name} does not tell which routes were planned",))


def _read_route_file(path: Path) -> FoundResults:
    is_fail2drive = path.name.endswith(FAIL2DRIVE_SUFFIX)
    stem = path.name.removesuffix(FAIL2DRIVE_SUFFIX if is_fail2drive else ".json")
    try:
        data = _json(path)
        items = records_of(data, path.name)
        if not items:
            raise ResultError(f"{path.name}: _checkpoint.records is empty")
    except ResultError as error:
        return FoundResults((FoundResult(stem, (stem,), problem=str(error)),))
    items = items[: 1 if is_fail2drive else MOST_RECORDS]
    found = [_found(item, data, path, index, stem if len(items) == 1 else "") for index, item in enumerate(items)]
    return FoundResults(tuple(found))


def _read_summary(path: Path) -> FoundResults:
    try:
        data = _json(path)
        items = records_of(data, path.name)
    except ResultError as error:
        return FoundResults(problems=(str(error),))
    progress = data["_checkpoint"].get("progress")
    total = progress[1] if isinstance(progress, list) and len(progress) == 2 else None
    if type(total) is not int or not 0 < total <= MOST_ROUTES:
        total = None
    found = [_found(item, data, path, index, "") for index, item in enumerate(items[:MOST_RECORDS])]
    more = len(items) - len(found)
    return FoundResults(tuple(found), total, (f"{path.name} holds {more} more routes than are shown",) if more else ())


def _json(path: Path) -> Any:
    """Read JSON of bounded size.

    Raises:
        ResultError: If it cannot be read; the sentence names the file without its folder.
    """
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise ResultError(f"{path.name} is larger than {LARGEST_FILE_BYTES >> 20} MiB and is not read")
        return read_json(path)
    except OSError as error:
        raise ResultError(f"{path.name} cannot be read: {error.strerror}") from error
    except ResultError as error:
        raise ResultError(str(error).replace(f"{path.parent}/", "")) from error


def _found(item: Any, data: Mapping[str, Any], path: Path, index: int, stem: str) -> FoundResult:
    """Turn one record into a result, whatever state it is in.

    Args:
        item: JSON data of the record.
        data: Content of the file.
        path: The file.
        index: Position of the record.
        stem: Name of the route, if the file is named after it.
    """
    where = f"{path.name}: _checkpoint.records[{index}]"
    has_scores = True
    problems: list[str] = []
    try:
        record = record_from_json(item, where, index)
    except ResultError as error:
        problems.append(str(error))
        if not isinstance(item, Mapping):
            name = stem or f"record {index}"
            return FoundResult(name, (name,), problem=str(error))
        record, has_scores = _mended(item, index)
    try:
        route_id, repetition = split_route_id(record.route_id, where)
    except ResultError as error:
        route_id, repetition = stem or record.route_id or f"record {index}", 0
        problems.append(str(error))
    try:
        provenance = _provenance(data, record.route_id, path.name)
    except ProvenanceError as error:
        provenance = None
        problems.append(str(error))
    own = route_stem(route_id, repetition)
    names = [stem, own, record.route_id, f"{_SCENARIO_PREFIX}{own}", plain_id(stem), plain_id(own)]
    if record.labels is not None:
        names.append(record.labels.save_name)
    return FoundResult(
        stem=(stem or own)[:LONGEST_NAME],
        names=tuple(dict.fromkeys(filter(None, names))),
        result=RouteResult(route_id, "", record, path, provenance),
        has_scores=has_scores,
        problem=problems[0] if problems else "",
    )


def _provenance(data: Mapping[str, Any], route_id: str, where: str) -> Provenance | None:
    block = data.get(BLOCK)
    if isinstance(block, Mapping) and isinstance(block.get("routes"), Mapping):
        block = block["routes"].get(route_id)
    return None if block is None else provenance_from_json(block, f"{where}: {BLOCK}")


def _mended(item: Mapping[str, Any], index: int) -> tuple[RouteRecord, bool]:
    """Take what is usable of a record that failed a check.

    Returns:
        The record, and whether its scores are known; if not, they are zeros.
    """
    scores = _numbers(item.get("scores"), SCORES)
    infractions: dict[str, list[str]] = {key: [] for key in ALL_INFRACTION_KEYS}
    block = item.get("infractions")
    for key, messages in block.items() if isinstance(block, Mapping) else ():
        texts = messages if isinstance(messages, list) else [messages]
        infractions[str(key)] = [str(text) for text in texts if isinstance(text, str | int | float)]
    record = RouteRecord(
        index=index,
        route_id=_text(item, "route_id"),
        status=_text(item, "status"),
        num_infractions=sum(map(len, infractions.values())),
        infractions=infractions,
        scores=dict.fromkeys(SCORES, 0.0) | scores,
        meta=_numbers(item.get("meta"), META),
        labels=RouteLabels(_text(item, "scenario_name"), None, _text(item, "save_name"), _text(item, "town_name")),
    )
    return record, len(scores) == len(SCORES)


def _text(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key, "")
    return value if isinstance(value, str) else ""


def _numbers(block: Any, names: Sequence[str]) -> dict[str, float]:
    """Return the usable numbers of a block, also those that were written as texts."""
    found: dict[str, float] = {}
    for name in names if isinstance(block, Mapping) else ():
        value = block.get(name)
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                continue
        if is_number(value):
            found[name] = value
    return found
