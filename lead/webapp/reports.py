"""The tables of ``lead score`` for the page: one evaluation's report, as far as its files allow one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lead.errors import LeadError
from lead.scoring.choice import choose_profile, fitting_profiles, guess_profile
from lead.scoring.expected import ExpectedRoute
from lead.scoring.profiles import BenchmarkProfile, ProfileError, profile
from lead.scoring.report import Report, build_report, plain_report
from lead.scoring.results import Results, read_results
from lead.scoring.schema import ResultError
from lead.scoring.summary import Evaluation, evaluation, scores
from lead.scoring.tables import Cell, Table
from lead.webapp.errors import RequestError
from lead.webapp.planned_routes import PlannedRoutes, planned_routes
from lead.webapp.result_files import look_at_results
from lead.webapp.root_folder import RootFolder
from lead.webapp.state_cache import StateCache

ABILITY_TITLE = "Multi-ability"
OUTER_FOLDERS = 3
"""So many folders of the evaluation's path may tell the benchmark, also if they lie above the shown one."""


@dataclass(frozen=True)
class EvaluationReport:
    """The report of an evaluation.

    Attributes:
        benchmark: Key of the benchmark it follows; None without one.
        candidates: Keys of benchmarks that the results may be scored as.
        report: Tables and notes; None if there is no readable result.
        error: Sentence on what could not be made; None if nothing is lacking.
    """

    benchmark: str | None
    candidates: Sequence[str]
    report: Report | None
    error: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain JSON data, without numbers that JSON does not know."""
        report = self.report
        return {
            "benchmark": self.benchmark,
            "title": report.title if report is not None else "",
            "candidates": list(self.candidates),
            "tables": [_table_json(table) for table in report.tables] if report is not None else [],
            "notes": list(report.notes) if report is not None else [],
            "unreadable": list(report.unreadable) if report is not None else [],
            "error": self.error,
        }


@dataclass(frozen=True)
class OfficialMeans:
    """Means of an evaluation by the rules of its benchmark.

    Attributes:
        benchmark: Key of the benchmark; None if it is not known or does not fit the results.
        values: Means by measure; empty without a benchmark.
    """

    benchmark: str | None = None
    values: Mapping[str, float] = field(default_factory=dict)


_CACHE: StateCache[EvaluationReport] = StateCache(32)
_MEANS: StateCache[OfficialMeans] = StateCache(64)


def evaluation_report(root: RootFolder, folder: Path, benchmark: str | None = None) -> EvaluationReport:
    """Score an evaluation.

    Args:
        root: Folder that may be shown.
        folder: Evaluation inside of it.
        benchmark: Benchmark or key to score as; None takes the one the results were driven under, else the one that
            the folders' names suggest.

    Returns:
        The report, the same object until a file of the evaluation changes.

    Raises:
        RequestError: If there is no such benchmark.
    """
    wanted = _wanted(benchmark)
    files = look_at_results(root, folder)
    plan, plan_states = planned_routes(root, folder)
    if files.problem:
        return EvaluationReport(None, (), None, files.problem)
    key = (str(root.path), str(folder), wanted.key if wanted is not None else None)
    return _CACHE.get(key, (files.states, plan_states), lambda: _score(root, folder, wanted, plan))


def official_means(root: RootFolder, folder: Path) -> OfficialMeans:
    """Return the means that the report of an evaluation begins with, without making the whole report.

    Args:
        root: Folder that may be shown.
        folder: Evaluation inside of it.
    """
    files = look_at_results(root, folder)
    plan, plan_states = planned_routes(root, folder)
    if files.problem:
        return OfficialMeans()
    state = (files.states, plan_states)
    return _MEANS.get((str(root.path), str(folder)), state, lambda: _means(root, folder, plan))


def _means(root: RootFolder, folder: Path, plan: PlannedRoutes) -> OfficialMeans:
    try:
        results = read_results([folder])
        chosen = _own_profile(root, folder, results)
        if chosen is None:
            return OfficialMeans()
        found = scores(_evaluation(results, chosen, plan.routes)[0])
    except LeadError:
        return OfficialMeans()  # the report of this evaluation says what is wrong
    means = {name: both["official"] for name, both in found.items()}
    return OfficialMeans(chosen.key, {name: value.mean for name, value in means.items() if value is not None})


def _wanted(benchmark: str | None) -> BenchmarkProfile | None:
    if not benchmark:
        return None
    try:
        return profile(benchmark)
    except ProfileError as error:
        raise RequestError(str(error)) from error


def _score(root: RootFolder, folder: Path, wanted: BenchmarkProfile | None, plan: PlannedRoutes) -> EvaluationReport:
    try:
        results = read_results([folder])
    except ResultError as error:
        return EvaluationReport(wanted.key if wanted is not None else None, (), None, str(error))
    candidates = [candidate.key for candidate in fitting_profiles(results)]
    notes = [plan.note] if plan.note else []
    error_text: str | None = None
    chosen: BenchmarkProfile | None = None
    try:
        chosen = wanted or _own_profile(root, folder, results)
        if chosen is not None:
            report = _full_report(root, folder, results, chosen, plan.routes, notes)
            return EvaluationReport(chosen.key, candidates, report, None)
    except LeadError as error:
        error_text = str(error)
    key = chosen.key if chosen is not None else None
    return EvaluationReport(key, candidates, plain_report(results, notes), error_text)


def _own_profile(root: RootFolder, folder: Path, results: Results) -> BenchmarkProfile | None:
    """Return the benchmark that the results or else the folders tell; None if neither does."""
    if results.profiles:
        return choose_profile(results, None)
    inner = len(folder.relative_to(root.path).parts) + 1
    return guess_profile(list(reversed(folder.parts))[: max(inner, OUTER_FOLDERS)])


def _full_report(
    root: RootFolder,
    folder: Path,
    results: Results,
    chosen: BenchmarkProfile,
    planned: Mapping[str, ExpectedRoute],
    notes: Sequence[str],
) -> Report:
    data, more_notes = _evaluation(results, chosen, planned)
    around = [folder, *([folder.parent] if root.contains(folder.parent) else [])]
    report = build_report(data, {}, around, [*notes, *more_notes])
    if chosen.name == "bench2drive" and all(table.title != ABILITY_TITLE for table in report.tables):
        report.notes.append(
            "the multi-ability table needs the route files and maps, which are not read here: "
            f"lead score {folder} --routes ROUTES shows it"
        )
    return report


def _evaluation(
    results: Results, chosen: BenchmarkProfile, planned: Mapping[str, ExpectedRoute]
) -> tuple[Evaluation, list[str]]:
    """Put the evaluation together; a plan that does not cover all results is left out."""
    if planned:
        try:
            return evaluation(results, chosen, planned), []
        except ResultError as error:
            return evaluation(results, chosen, {}), [f"the planned routes are not used: {error}"]
    return evaluation(results, chosen, {}), []


def _table_json(table: Table) -> dict[str, Any]:
    rows = [[_finite(cell) for cell in row] for row in table.rows]
    safe = replace(table, rows=rows)
    return {
        "title": table.title,
        "columns": list(table.columns),
        "rows": rows,
        "texts": safe.texts(),
        "numeric": [safe.is_numeric(index) for index in range(len(table.columns))],
        "note": table.note,
    }


def _finite(cell: Cell) -> Any:
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell
