"""Finding and reading the results of an evaluation, in every layout they come in.

Understood are single result files, Bench2Drive's ``merged.json``, folders with one file per route, our own output
folders and the trees of Fail2Drive (``<root>/<seed>/res/<id>_res.json``). Files that cannot be read are listed, not
raised: after days of driving the other routes still deserve their score.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lead.scoring.endpoint import FILE_NAME
from lead.scoring.provenance import BLOCK, Provenance, ProvenanceError, provenance_from_json
from lead.scoring.records import (
    AGENT_CRASHED,
    AGENT_SETUP_FAILED,
    COMPLETED,
    PERFECT,
    SENSORS_INVALID,
    SIMULATION_CRASHED,
    RouteRecord,
)
from lead.scoring.schema import ResultError, plain_id, read_json, record_from_json, records_of, split_route_id

MERGED_NAME = "merged.json"
FAIL2DRIVE_FOLDERS = ("res", "results")
FAIL2DRIVE_SUFFIX = "_res.json"
ROUTE_FOLDER = "eval"
MOST_ROUTES = 1_000_000
"""A larger number of routes in a file is a defect, not an evaluation."""
_OTHER_FILES = ("results.json", "metric_info.json", "infractions.json", "manifest.json", "config.json")
_CRASHES = (AGENT_CRASHED, AGENT_SETUP_FAILED, SENSORS_INVALID)


@dataclass(frozen=True)
class RouteResult:
    """Result of one route of one run.

    Attributes:
        id: Id of the route.
        run: Name of the run it belongs to: a repetition or a seed; every route occurs at most once in a run.
        record: The record.
        source: File it was read from.
        provenance: Our own block; None in public files.
    """

    id: str
    run: str
    record: RouteRecord
    source: Path
    provenance: Provenance | None = None

    @property
    def infrastructure_failed(self) -> bool:
        """True if the simulator or the machine failed, not the agent."""
        if self.provenance is not None and self.provenance.infrastructure_failure:
            return True
        return self.record.status.endswith(SIMULATION_CRASHED)

    @property
    def agent_crashed(self) -> bool:
        """True if the agent's program failed: it crashed, could not be set up or asked for invalid sensors."""
        return not self.infrastructure_failed and self.record.status.endswith(_CRASHES)

    @property
    def reached_goal(self) -> bool:
        """True if the destination was reached, with or without infractions."""
        return self.record.status in (COMPLETED, PERFECT)


@dataclass(frozen=True)
class Unreadable:
    """A file or record that was left out.

    Attributes:
        path: The file.
        reason: One sentence.
    """

    path: Path
    reason: str


@dataclass(frozen=True)
class Results:
    """All results of an evaluation.

    Attributes:
        routes: Results in the order found.
        unreadable: Files left out.
        total_routes: Number of routes of one run, if a file of the whole evaluation states it (divided by the number
            of repetitions found in it); else None.
        profiles: Keys of the profiles named in our own blocks.
        folder: Folder next to which further files lie.
    """

    routes: Sequence[RouteResult]
    unreadable: Sequence[Unreadable]
    total_routes: int | None
    profiles: frozenset[str]
    folder: Path

    @property
    def runs(self) -> list[str]:
        """Names of the runs, sorted."""
        return sorted({result.run for result in self.routes})

    def of_run(self, run: str) -> list[RouteResult]:
        """Return the results of one run."""
        return [result for result in self.routes if result.run == run]


@dataclass
class _Collector:
    routes: dict[tuple[str, str], RouteResult] = field(default_factory=dict)
    unreadable: list[Unreadable] = field(default_factory=list)
    totals: set[int] = field(default_factory=set)
    profiles: set[str] = field(default_factory=set)

    def read(
        self,
        path: Path,
        run: str,
        *,
        id_from_name: bool = False,
        fill_only: bool = False,
        counts_routes: bool = True,
    ) -> None:
        """Add the records of a file.

        Args:
            path: Result file.
            run: Name of the run; repetitions inside the file are appended to it.
            id_from_name: Take the first record only, and the id from the file's name (Fail2Drive).
            fill_only: Skip routes that are there already instead of refusing them.
            counts_routes: The file covers the whole run, so that the total it states is the run's.
        """
        try:
            data = read_json(path)
            raw = records_of(data, str(path))
        except ResultError as error:
            self.unreadable.append(Unreadable(path, str(error)))
            return
        self._note(data, path, counts_routes)
        if id_from_name and not raw:
            self.unreadable.append(Unreadable(path, f"{path}: _checkpoint.records is empty"))
        for index, item in enumerate(raw[:1] if id_from_name else raw):
            where = f"{path}: _checkpoint.records[{index}]"
            try:
                result = self._result(item, data, path, run, where, index, id_from_name)
            except (ResultError, ProvenanceError) as error:
                self.unreadable.append(Unreadable(path, str(error)))
                continue
            key = (result.run, result.id)
            if key in self.routes:
                if fill_only:
                    continue
                raise ResultError(
                    f"route {result.id} occurs twice in one run: in {self.routes[key].source} and in {path}; "
                    "give several runs as several folders"
                )
            self.routes[key] = result

    def _note(self, data: Mapping[str, Any], path: Path, counts_routes: bool) -> None:
        progress = data["_checkpoint"].get("progress")
        if counts_routes and isinstance(progress, list) and len(progress) == 2:
            if type(progress[1]) is int and 0 < progress[1] <= MOST_ROUTES:
                self.totals.add(progress[1])
            else:
                reason = f"{path}: _checkpoint.progress[1] is not a number of routes and is ignored"
                self.unreadable.append(Unreadable(path, reason))
        block = data.get(BLOCK)
        if isinstance(block, Mapping) and isinstance(block.get("profile"), str):
            self.profiles.add(block["profile"])

    def _result(
        self, item: Any, data: Mapping[str, Any], path: Path, run: str, where: str, index: int, id_from_name: bool
    ) -> RouteResult:
        record = record_from_json(item, where, index)
        route_id, repetition = split_route_id(record.route_id, where)
        if id_from_name:
            name = path.name.removesuffix(FAIL2DRIVE_SUFFIX)
            route_id, repetition = plain_id(name), 0
        provenance = _provenance(data, record.route_id, str(path))
        parts = (run, f"rep{repetition}" if repetition or not run else "")
        return RouteResult(route_id, "/".join(filter(None, parts)), record, path, provenance)


def _provenance(data: Mapping[str, Any], route_id: str, where: str) -> Provenance | None:
    block = data.get(BLOCK)
    if block is None:
        return None
    if isinstance(block, Mapping) and "routes" in block:
        routes = block["routes"]
        if not isinstance(routes, Mapping) or route_id not in routes:
            raise ProvenanceError(f"{where}: {BLOCK}.routes.{route_id} is missing")
        return provenance_from_json(routes[route_id], f"{where}: {BLOCK}.routes.{route_id}")
    return provenance_from_json(block, f"{where}: {BLOCK}")


def read_results(paths: Sequence[Path]) -> Results:
    """Read the results of one evaluation.

    Args:
        paths: Result files or folders. Several ones are several runs (seeds, repetitions) of the same benchmark.

    Returns:
        Results, at least one, and the list of files that could not be read.

    Raises:
        ResultError: If a path does not exist, holds no readable result, or a route occurs twice in a run.
    """
    collector = _Collector()
    names = _run_names(paths)
    per_run = []
    for path, name in zip(paths, names, strict=True):
        if not path.exists():
            raise ResultError(f"{path} does not exist")
        before = len(collector.routes)
        collector.totals.clear()
        if path.is_dir():
            _read_folder(path, name, collector)
        else:
            collector.read(path, name)
        if len(collector.routes) == before:
            reasons = [entry.reason for entry in collector.unreadable]
            raise ResultError(reasons[0] if len(reasons) == 1 else f"{path} holds no readable result file")
        runs = {run for run, _ in list(collector.routes)[before:]}
        per_run += [-(-total // len(runs)) for total in collector.totals]
    folder = paths[0] if paths[0].is_dir() else paths[0].parent
    return Results(
        routes=list(collector.routes.values()),
        unreadable=collector.unreadable,
        total_routes=max(per_run, default=None),
        profiles=frozenset(
            collector.profiles | {r.provenance.profile for r in collector.routes.values() if r.provenance}
        ),
        folder=folder,
    )


def _run_names(paths: Sequence[Path]) -> list[str]:
    """Name the runs after their folders or files, with a number where that is not unique."""
    if len(paths) == 1:
        return [""]
    stems = [path.resolve().name if path.is_dir() else path.resolve().stem for path in paths]
    return [stem if stems.count(stem) == 1 else f"{stem}#{index}" for index, stem in enumerate(stems)]


def _read_folder(folder: Path, run: str, collector: _Collector) -> None:
    seeds = list(_fail2drive_files(folder))
    if seeds:
        for seed, path in seeds:
            collector.read(path, "/".join(part for part in (run, seed) if part), id_from_name=True)
        return
    if (folder / ROUTE_FOLDER).is_dir():
        for path in _route_files(folder / ROUTE_FOLDER):
            collector.read(path, run, counts_routes=False)
        if (folder / FILE_NAME).is_file():
            collector.read(folder / FILE_NAME, run, fill_only=True)
    elif (folder / FILE_NAME).is_file():
        collector.read(folder / FILE_NAME, run)
    elif files := _route_files(folder):
        for path in files:
            collector.read(path, run, counts_routes=False)
    elif (folder / MERGED_NAME).is_file():
        collector.read(folder / MERGED_NAME, run)
    else:
        for path in sorted(folder.glob(f"*/{FILE_NAME}")):
            collector.read(path, run, counts_routes=False)


def _fail2drive_files(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield (seed, file) of a Fail2Drive tree, also of the folder of one seed."""
    for folder in (root, *sorted(path for path in root.iterdir() if path.is_dir())):
        for name in FAIL2DRIVE_FOLDERS:
            for path in sorted((folder / name).glob(f"*{FAIL2DRIVE_SUFFIX}")):
                yield folder.name, path


def _route_files(folder: Path) -> list[Path]:
    skipped = (FILE_NAME, MERGED_NAME, *_OTHER_FILES)
    return [
        path
        for path in sorted(folder.glob("*.json"))
        if path.name not in skipped and not path.name.endswith("_ability.json") and not path.name.startswith("merged_")
    ]
