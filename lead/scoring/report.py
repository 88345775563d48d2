"""The whole report of an evaluation: every table of its benchmark, and the files it is written to."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lead.files import write_whole
from lead.scoring.bench2drive.ability import JunctionFacts
from lead.scoring.bench2drive.report import bench2drive_part
from lead.scoring.fail2drive_report import fail2drive_part
from lead.scoring.profiles import PROFILES
from lead.scoring.result_table import ResultTable, result_table
from lead.scoring.results import Results
from lead.scoring.schema import ResultError
from lead.scoring.summary import (
    Evaluation,
    Problem,
    infraction_table,
    problem_table,
    problems,
    run_table,
    scenario_table,
    score_table,
    scores_json,
    status_table,
)
from lead.scoring.tables import Table

RESULT_TABLE_BENCHMARKS = ("longest6", "town13")
OPEN_PROFILE = "leaderboard-2.0"
"""Rules of a benchmark of any number of routes, from which tables take nothing else."""


@dataclass
class Report:
    """Everything there is to say about an evaluation.

    Attributes:
        title: Benchmark and version.
        tables: Tables in the order of interest.
        notes: Sentences that a reader must know to judge the numbers.
        problems: Routes without a score of their own.
        unreadable: Sentences on files that were left out.
        values: Machine-readable content of ``results.json``.
        csv_rows: Rows of ``results.csv``.
        files: Further files by name.
    """

    title: str
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: Sequence[Problem] = ()
    unreadable: Sequence[str] = ()
    values: dict[str, Any] = field(default_factory=dict)
    csv_rows: list[list[str]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """True if every route has a score of its own and every file could be read."""
        return not self.problems and not self.unreadable

    def markdown(self) -> str:
        """Return the report in Markdown."""
        parts = [f"# {self.title}\n", *(table.markdown() for table in self.tables)]
        if remarks := [*self.notes, *self.unreadable]:
            parts.append("## Notes\n\n" + "".join(f"* {remark}\n" for remark in remarks))
        return "\n".join(parts)

    def write(self, folder: Path) -> list[Path]:
        """Write ``results.csv``, ``results.json``, ``results.md`` and the benchmark's own files.

        Each file is replaced as a whole.

        Returns:
            Paths of the files written.

        Raises:
            OSError: If the folder cannot be written.
        """
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(self.csv_rows)
        contents = {
            "results.csv": buffer.getvalue(),
            "results.json": json.dumps(self.values, indent=2) + "\n",
            "results.md": self.markdown(),
            **self.files,
        }
        for name, text in contents.items():
            write_whole(folder / name, text)
        return [folder / name for name in contents]


def build_report(
    data: Evaluation,
    junctions: Mapping[str, JunctionFacts] | None = None,
    metric_folders: Sequence[Path] = (),
    notes: Sequence[str] = (),
) -> Report:
    """Make the report of an evaluation.

    Args:
        data: The evaluation.
        junctions: Junction facts by route id (Bench2Drive's ability table).
        metric_folders: Folders that may hold the ego motion of routes (Bench2Drive's comfort).
        notes: Further sentences for the reader.

    Raises:
        ResultError: If the results do not suffice for the benchmark's tables; names what is missing.
        MessageError: If an infraction's sentence lacks the number it should hold.
    """
    found = problems(data)
    report = Report(f"{data.profile.title} ({data.profile.key})", problems=found)
    report.unreadable = [entry.reason for entry in data.results.unreadable]
    report.notes = [*_notes(data), *notes]
    extra: dict[str, Any] = {}
    long_table: ResultTable | None = None
    if data.profile.name == "fail2drive":
        own = fail2drive_part(data)
        report.tables += own.tables
        report.notes += own.notes
        report.files |= own.files
        extra["fail2drive"] = own.values
    else:
        report.tables.append(score_table(data))
    report.tables.append(run_table(data))
    if data.profile.name == "bench2drive":
        part = bench2drive_part(data, junctions or {}, metric_folders)
        report.tables += part.tables
        report.notes += part.notes
        report.files |= part.files
        extra["bench2drive"] = part.values
    if data.profile.name in RESULT_TABLE_BENCHMARKS:
        long_table = _long_table(data, report)
    optional = (scenario_table(data), problem_table(found))
    report.tables += [infraction_table(data), status_table(data), *(table for table in optional if table is not None)]
    report.values = _values(data, report, extra)
    own_rows = [row for table in report.tables for row in table.csv_rows()]
    report.csv_rows = long_table.csv_rows() if long_table is not None else own_rows
    return report


def plain_report(results: Results, notes: Sequence[str] = ()) -> Report:
    """Make the report of results of which the benchmark is not known, or does not fit.

    Args:
        results: Results of any routes.
        notes: Further sentences for the reader.

    Returns:
        Means over the routes of a run that were planned, as far as the files tell, else that were found; and every
        table that needs no rules of a benchmark.
    """
    largest = max(len(results.of_run(run)) for run in results.runs)
    count = max(largest, len({result.id for result in results.routes}), results.total_routes or 0)
    data = Evaluation(results, PROFILES[OPEN_PROFILE], {}, count)
    found = problems(data)
    optional = (scenario_table(data), problem_table(found))
    tables = [score_table(data), run_table(data), infraction_table(data), status_table(data)]
    report = Report(
        "Results without the rules of a benchmark",
        tables=[*tables, *(table for table in optional if table is not None)],
        notes=[f"these means are over {count} routes, not over those of a benchmark", *notes],
        problems=found,
        unreadable=[entry.reason for entry in results.unreadable],
    )
    report.values = {"scores": scores_json(data)}
    return report


def _long_table(data: Evaluation, report: Report) -> ResultTable | None:
    """Add the averages of long routes, and return the table that ``results.csv`` holds."""
    try:
        table = result_table([result.record for result in data.results.routes], data.towns())
    except ResultError as error:
        report.notes.append(f"no breakdown of long routes: {error}")
        return None
    note = "Infractions per kilometre; off-road in percent of the distance, minimum speed in percent lacking."
    report.tables.append(Table("Long routes", ("measure", "value"), table.averages, note, digits=4))
    return table


def _notes(data: Evaluation) -> list[str]:
    notes = []
    blocks = [result.provenance for result in data.results.routes if result.provenance is not None]
    ignored = sum(block.scenarios == "ignored" for block in blocks)
    if ignored:
        notes.append(
            f"{ignored} of {len(data.results.routes)} routes were driven with their scenarios left out; "
            "these scores cannot be compared with published ones"
        )
    simulators = sorted({block.simulator for block in blocks})
    if simulators:
        notes.append(f"simulator: {', '.join(simulators)}")
    divides = data.profile.route_count is not None and data.profile.name != "fail2drive"
    if divides and data.expected and data.profile.route_count != len(data.expected):
        notes.append(
            f"the route files hold {len(data.expected)} routes; the official means divide by the benchmark's "
            f"{data.profile.route_count}"
        )
    keys = sorted(key for key in data.results.profiles if key != data.profile.key)
    if keys:
        notes.append(f"driven under {', '.join(keys)}, whose driving rules are the same")
    return notes


def _values(data: Evaluation, report: Report, extra: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "benchmark": data.profile.key,
        "rules": data.profile.as_json(),
        "runs": data.results.runs,
        "routes_per_run": data.routes_per_run,
        "results": len(data.results.routes),
        "missing": data.missing_count(),
        "complete": report.is_complete,
        "scores": scores_json(data),
        **extra,
        "problems": [asdict(problem) for problem in report.problems],
        "unreadable": list(report.unreadable),
        "notes": report.notes,
        "tables": [table.as_json() for table in report.tables],
    }
