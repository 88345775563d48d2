"""Bench2Drive's part of a report: merged files, efficiency and comfort, multi-ability."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from lead.scoring.bench2drive.ability import ABILITIES, AbilityTable, JunctionFacts, ability_table, needs_junction
from lead.scoring.bench2drive.merge import merged
from lead.scoring.bench2drive.motion import comfort, efficiency, mean_of_known, read_motion
from lead.scoring.endpoint import route_stem
from lead.scoring.expected import ExpectedRoute
from lead.scoring.records import MIN_SPEED_KEY
from lead.scoring.results import RouteResult
from lead.scoring.schema import ResultError, split_route_id
from lead.scoring.summary import Evaluation
from lead.scoring.tables import Cell, Table

METRIC_NAME = "metric_info.json"
MERGED_STEM = "merged"


@dataclass
class Bench2DrivePart:
    """What Bench2Drive adds to a report.

    Attributes:
        tables: Tables.
        files: Content of further files by name.
        values: Machine-readable values.
        notes: Sentences on what could not be computed.
    """

    tables: list[Table] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def find_metric_file(result: RouteResult, folders: Sequence[Path], *, only_route: bool) -> Path | None:
    """Find the ego motion of a route.

    Args:
        result: The route.
        folders: Folders to search, in this order.
        only_route: There is no other route, so a file in the folder itself is its.

    Returns:
        ``<folder>/<save_name>/metric_info.json``, ``<folder>/<id>/metric_info.json`` or
        ``<folder>/metric_info.json``, whichever exists; else None.
    """
    route_id, repetition = split_route_id(result.record.route_id, result.record.route_id)
    names = [result.record.labels.save_name] if result.record.labels else []
    names.append(route_stem(route_id, repetition))
    # Names come from result files, which must not lead to other folders.
    names = [name for name in names if name not in ("", ".", "..") and "/" not in name and "\0" not in name]
    for folder in folders:
        candidates = [folder / name / METRIC_NAME for name in names]
        candidates += [folder / METRIC_NAME] if only_route else []
        for path in candidates:
            if path.is_file():
                return path
    return None


def routes_needing_junctions(data: Evaluation) -> list[ExpectedRoute]:
    """Return the routes of which the ability table must know where they meet their first junction."""
    needed = {
        result.id
        for result in data.results.routes
        if result.id in data.expected
        and needs_junction(data.expected[result.id].scenario, result.record, data.profile.version)
    }
    return [data.expected[route_id] for route_id in data.expected if route_id in needed]


def bench2drive_part(
    data: Evaluation,
    junctions: Mapping[str, JunctionFacts],
    metric_folders: Sequence[Path],
) -> Bench2DrivePart:
    """Make Bench2Drive's tables.

    Args:
        data: The evaluation.
        junctions: Junction facts by route id; routes that are needed and not here make the ability table
            unavailable, with a note.
        metric_folders: Folders that may hold the ego motion of routes.
    """
    part = Bench2DrivePart()
    for run in data.results.runs:
        records = [result.record for result in data.results.of_run(run)]
        content = merged(records, data.routes_per_run)
        part.files[f"{_stem(data, run)}.json"] = json.dumps(content, indent=4) + "\n"
    _add_motion(part, data, metric_folders)
    _add_abilities(part, data, junctions)
    return part


def _stem(data: Evaluation, run: str) -> str:
    return MERGED_STEM if len(data.results.runs) == 1 else f"{MERGED_STEM}_{run.replace('/', '_')}"


def _add_motion(part: Bench2DrivePart, data: Evaluation, folders: Sequence[Path]) -> None:
    rows: list[list[Cell]] = []
    without_file = 0
    for run in data.results.runs:
        results = data.results.of_run(run)
        percentages = [efficiency(result.record.infractions[MIN_SPEED_KEY]) for result in results]
        shares: list[float | None] = []
        for result in results:
            path = find_metric_file(result, folders, only_route=len(data.results.routes) == 1)
            without_file += path is None
            shares.append(_comfort_of(path, part.notes) if path is not None else None)
        known = [sum(value is not None for value in values) for values in (percentages, shares)]
        rows.append([run, mean_of_known(percentages), known[0], mean_of_known(shares), known[1]])
    if without_file:
        part.notes.append(f"{without_file} routes have no {METRIC_NAME}; comfort is the mean over the others")
    columns = ("run", "efficiency (%)", "routes with a speed", "comfort (0 to 1)", "routes with motion")
    note = "Efficiency: speed in percent of the traffic's. Comfort (smoothness): share of comfortable sections."
    part.tables.append(Table("Efficiency and comfort", columns, rows, note, digits=4))
    part.values["efficiency"] = mean_of_known([_number(row[1]) for row in rows])
    part.values["comfort"] = mean_of_known([_number(row[3]) for row in rows])


def _comfort_of(path: Path, notes: list[str]) -> float | None:
    try:
        facts = path.stat()
        return _comfort_at(path, facts.st_mtime_ns, facts.st_size)
    except ResultError as error:
        notes.append(str(error))
    except OSError as error:
        notes.append(f"{path} cannot be read: {error.strerror}")
    return None


@lru_cache(maxsize=4096)
def _comfort_at(path: Path, _mtime_ns: int, _size: int) -> float | None:
    """Return the comfort of a file in one state; a dashboard scores an evaluation again after each of its routes."""
    return comfort(read_motion(path))


def _number(cell: Cell) -> float | None:
    return cell if isinstance(cell, float) else None


def _add_abilities(part: Bench2DrivePart, data: Evaluation, junctions: Mapping[str, JunctionFacts]) -> None:
    version = data.profile.version
    if not data.expected:
        part.notes.append("the multi-ability table needs the route files of the benchmark: give them with --routes")
        return
    scenarios = {route_id: expected.scenario for route_id, expected in data.expected.items()}
    tables: dict[str, AbilityTable] = {}
    for run in data.results.runs:
        records = {result.id: result.record for result in data.results.of_run(run)}
        try:
            tables[run] = ability_table(scenarios, records, junctions, version)
        except ResultError as error:
            part.notes.append(f"no multi-ability table: {error}")
            return
        content = tables[run].as_json()
        part.files[f"{_stem(data, run)}_ability.json"] = json.dumps(content, indent=4) + "\n"
    rows: list[list[Cell]] = []
    for ability in ABILITIES:
        shares = [table.share(ability) for table in tables.values()]
        successes = sum(table.counts[ability][0] for table in tables.values())
        total = sum(table.counts[ability][1] for table in tables.values())
        rows.append([ability, _percent(mean_of_known(shares)), successes, total])
    means = [table.mean for table in tables.values()]
    mean = _percent(mean_of_known(means)) if all(value is not None for value in means) else None
    rows.append(["mean", mean, None, None])
    note = f"Rules of Bench2Drive {version}. Routes without a record are not counted here."
    part.tables.append(Table("Multi-ability", ("ability", "share (%)", "successes", "counted"), rows, note))
    part.values["abilities_percent"] = {str(row[0]): row[1] for row in rows}


def _percent(share: float | None) -> float | None:
    return None if share is None else 100.0 * share
