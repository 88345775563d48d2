"""Fail2Drive's part of a report: official, corrected and completed-only scores side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lead.scoring import fail2drive
from lead.scoring.fail2drive import Comparison, Row, Rows
from lead.scoring.intervals import estimate
from lead.scoring.schema import ResultError
from lead.scoring.summary import Evaluation, interval_text
from lead.scoring.tables import Cell, Table

DIGITS = 1
"""Decimals to which the main table rounds scores before it takes their harmonic mean."""
LATEX_NAME = "fail2drive.tex"
_MEASURES = {"DS": "driving_score", "SR": "success_rate", "HM": "harmonic"}


@dataclass(frozen=True)
class Fail2DrivePart:
    """What Fail2Drive adds to a report.

    Attributes:
        rows: Matched rows, and what could not be matched.
        tables: Tables.
        values: Machine-readable values.
        notes: Sentences on routes left out.
        files: Content of further files by name.
    """

    rows: Rows
    tables: list[Table]
    values: dict[str, Any]
    notes: list[str]
    files: dict[str, str]


def fail2drive_part(data: Evaluation) -> Fail2DrivePart:
    """Make Fail2Drive's tables.

    Raises:
        ResultError: If no route files were given, or they are not named as Fail2Drive names them.
    """
    if not data.expected:
        raise ResultError("Fail2Drive's tables need its route files, whose names tell split and class: give --routes")
    routes = [fail2drive.route_from_name(expected.stem) for expected in data.expected.values()]
    rows = fail2drive.collect_rows(routes, [*data.results.routes, *data.unknown])
    completed = [row for row in rows.rows if not row.infrastructure_failed]
    variants = {
        "official": fail2drive.compare(rows.rows, digits=DIGITS),
        "corrected": fail2drive.compare(rows.rows, fail2drive.corrected_success, digits=DIGITS),
        "completed only": fail2drive.compare(completed, fail2drive.corrected_success, digits=DIGITS),
    }
    files = {}
    if variants["official"].base is not None and variants["official"].generalization is not None:
        method = data.results.folder.resolve().name
        files[LATEX_NAME] = fail2drive.latex_row(method, None, variants["official"]) + "\n"
    return Fail2DrivePart(
        rows,
        [
            _main_table(variants),
            _interval_table(rows),
            _breakdown("group", fail2drive.compare_groups(rows.rows)),
            _breakdown("class", fail2drive.compare_classes(rows.rows)),
        ],
        {name: _as_json(comparison) for name, comparison in variants.items()},
        _notes(rows),
        files,
    )


def _notes(rows: Rows) -> list[str]:
    notes = []
    for pairs, words in ((rows.unknown, "no route file"), (rows.dropped, "an agent that could not be set up")):
        if pairs:
            names = ", ".join(f"{route_id} ({seed})" for seed, route_id in pairs)
            notes.append(f"not counted, as in the official tool, are results with {words}: {names}")
    return notes


def _main_table(variants: Mapping[str, Comparison]) -> Table:
    rows: list[list[Cell]] = []
    for variant, comparison in variants.items():
        for label, name in _MEASURES.items():
            halves = (comparison.base, comparison.generalization)
            values = [None if half is None else getattr(half, name) for half in halves]
            rows.append([variant, label, *values, comparison.change_percent(name)])
    note = (
        "Official success does not look at a route's status; corrected success also asks for the destination; "
        "completed only is corrected and without failures of the infrastructure. Scores are rounded to one decimal "
        "before the harmonic mean (HM)."
    )
    columns = ("variant", "measure", "Base", "Generalization", "change (%)")
    return Table("Fail2Drive", columns, rows, note, digits=DIGITS)


def _interval_table(rows: Rows) -> Table:
    cells: list[list[Cell]] = []
    method = ""
    seeds = sorted({row.seed for row in rows.rows})
    measures: dict[str, Callable[[Row], float]] = {
        "DS": lambda row: row.driving_score,
        "RC": lambda row: row.route_completion,
        "SR": lambda row: 100.0 * row.success,
        "SR corrected": lambda row: 100.0 * row.success_corrected,
    }
    for split in fail2drive.SPLITS:
        for label, measure in measures.items():
            runs = [
                [measure(row) for row in rows.rows if (row.seed, row.route.split) == (seed, split)] for seed in seeds
            ]
            value = estimate(runs)
            method = method or (value.method if value else "")
            cells.append([split, label, value.mean if value else None, interval_text(value)])
    note = f"Interval: {method}. Means are taken per seed first." if method else ""
    return Table("Spread", ("split", "measure", "mean", "95 % interval"), cells, note)


def _breakdown(kind: str, parts: Mapping[str, Comparison]) -> Table:
    rows: list[list[Cell]] = []
    for name, comparison in parts.items():
        halves = (comparison.base, comparison.generalization)
        harmonic = [None if half is None else half.harmonic for half in halves]
        rows.append([name, *harmonic, comparison.change_percent("harmonic")])
    columns = (kind, "Base HM", "Generalization HM", "change (%)")
    note = "Official success, not rounded before the harmonic mean."
    return Table(f"Fail2Drive by {kind}", columns, rows, note, digits=DIGITS)


def _as_json(comparison: Comparison) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key, half in ((fail2drive.BASE, comparison.base), (fail2drive.GENERALIZATION, comparison.generalization)):
        data[key] = None if half is None else dict(half.__dict__)
    data["change_percent"] = {name: comparison.change_percent(name) for name in _MEASURES.values()}
    return data
