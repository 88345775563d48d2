"""``lead score``: print and write every table of a benchmark from result files."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lead.errors import LeadError

if TYPE_CHECKING:
    from lead.scoring.bench2drive.ability import JunctionFacts
    from lead.scoring.expected import ExpectedRoute
    from lead.scoring.report import Report

LOG = logging.getLogger(__name__)
EXIT_INCOMPLETE = 3
PLAIN_WIDTH = 140
"""Characters per line where the output goes to a file or pipe."""

HELP = f"""Score an evaluation: print its tables and write results.csv, results.json and results.md.

RESULTS is a result file (checkpoint_endpoint.json, merged.json), a folder with one file per route (eval/), an
output folder of lead, or a Fail2Drive tree (SEED/res/ID_res.json). Several RESULTS are several runs (seeds,
repetitions) of the same benchmark; scores then carry confidence intervals over the runs.

For bench2drive also merged.json and merged_ability.json are written. Files that cannot be read are listed and left
out. With --strict, exit code {EXIT_INCOMPLETE} tells that routes are missing or crashed, or files unreadable.

\b
Examples:
  lead score outputs/run1 --routes data/benchmark_routes/bench2drive
  lead score outputs/seed1 outputs/seed2 outputs/seed3 --benchmark longest6 --output-dir outputs/scores
  lead score merged.json --benchmark bench2drive --version 0.0.3 --routes bench2drive220.xml
"""


class ScoreError(LeadError):
    """The command cannot score what it was given."""


def command(
    results: Annotated[list[Path], typer.Argument(metavar="RESULTS...", help="Result files or folders.")],
    benchmark: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="leaderboard, bench2drive, longest6, town13 or fail2drive."),
    ] = None,
    version: Annotated[str | None, typer.Option(metavar="V", help="Version of the benchmark's rules.")] = None,
    routes: Annotated[
        Path | None,
        typer.Option(metavar="FILE_OR_DIR", help="Route files: name missing routes, scenario classes and towns."),
    ] = None,
    output_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write; next to the results if there is one RESULTS.")
    ] = None,
    metrics: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder with <save name>/metric_info.json; the results' folder by default."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail if a route is missing or crashed, or a file is unreadable.")
    ] = False,
) -> None:
    """Score results."""
    from lead.scoring.choice import choose_profile
    from lead.scoring.expected import read_expected
    from lead.scoring.report import build_report
    from lead.scoring.results import read_results
    from lead.scoring.summary import evaluation

    if output_dir is None and len(results) > 1:
        raise ScoreError("several RESULTS were given; say with --output-dir where their common report belongs")
    found = read_results(results)
    chosen = choose_profile(found, benchmark, version)
    data = evaluation(found, chosen, read_expected(routes) if routes is not None else {})
    junctions: Mapping[str, JunctionFacts] = {}
    notes: list[str] = []
    if chosen.name == "bench2drive":
        from lead.scoring.bench2drive.report import routes_needing_junctions

        junctions, notes = junction_facts(routes_needing_junctions(data))
    folders = [metrics] if metrics is not None else [folder for path in results for folder in _metric_folders(path)]
    report = build_report(data, junctions, folders, notes)
    _show(report)
    _write(report, output_dir or found.folder)
    if strict and not report.is_complete:
        typer.echo("lead score: the evaluation is incomplete; the missing and failed routes are listed above", err=True)
        raise typer.Exit(EXIT_INCOMPLETE)


command.__doc__ = HELP


def junction_facts(needed: Sequence[ExpectedRoute]) -> tuple[dict[str, JunctionFacts], list[str]]:
    """Find where routes meet their first junction, on the installed maps.

    Args:
        needed: Routes of any towns.

    Returns:
        Facts by route id, and sentences on routes for which there are none.
    """
    if not needed:
        return {}, []
    import carla
    import numpy as np

    from lead.maps.towns import installed_towns, read_opendrive
    from lead.routes.model import RouteError
    from lead.routes.planner import RoutePlanner
    from lead.scoring.bench2drive.ability import JunctionFacts

    by_town: dict[str, list[ExpectedRoute]] = defaultdict(list)
    for expected in needed:
        by_town[expected.route.town].append(expected)
    facts: dict[str, JunctionFacts] = {}
    notes = []
    installed = installed_towns()
    for town, group in sorted(by_town.items()):
        if town not in installed:
            notes.append(f"the ability table needs the map of {town}: lead towns install {town}")
            continue
        LOG.info("tracing %d routes in %s", len(group), town)
        planner = RoutePlanner(carla.Map(town, read_opendrive(town)))
        for expected in group:
            try:
                dense = planner.trace(expected.route.keypoints, f"route {expected.route.id}")
            except RouteError as error:
                notes.append(f"the ability table needs the course of a route: {error}")
                continue
            inside = np.flatnonzero(dense.is_junction)
            first = int(inside[0]) if len(inside) else None
            facts[expected.route.id] = JunctionFacts(first, len(dense))
    return facts, notes


def _metric_folders(path: Path) -> list[Path]:
    folder = path if path.is_dir() else path.parent
    return [folder, folder.resolve().parent]


def _show(report: Report) -> None:
    from rich.console import Console
    from rich.table import Column
    from rich.table import Table as RichTable

    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    console.print(report.title, style="bold", highlight=False, markup=False)
    for table in report.tables:
        columns = [
            Column(name, justify="right" if table.is_numeric(index) else "left", overflow="fold")
            for index, name in enumerate(table.columns)
        ]
        shown = RichTable(*columns, title=table.title, caption=table.note or None, box=None, pad_edge=False)
        shown.title_justify = shown.caption_justify = "left"
        for row in table.texts():
            shown.add_row(*(text.replace("[", "\\[") for text in row))
        console.print()
        console.print(shown)
    remarks = [*report.notes, *report.unreadable]
    if remarks:
        console.print("\nNotes", style="bold")
    for remark in remarks:
        console.print(f"* {remark}", highlight=False, markup=False)


def _write(report: Report, folder: Path) -> None:
    try:
        paths = report.write(folder)
    except OSError as error:
        raise ScoreError(f"the report cannot be written to {folder}: {error.strerror}") from error
    typer.echo(f"written to {folder}: {', '.join(path.name for path in paths)}")
