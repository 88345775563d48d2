"""``lead routes``: check route files, and download the public ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from lead.routes.lint import LintReport

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Check route files, and download the public ones.",
)

ALL = "all"
LINT_HELP = """Check route files and folders of route files.

Every problem of every file is listed as FILE:LINE: severity: sentence [kind]. Errors keep a route from being
driven as written: unreadable XML, points off the map, unconnected way points, unknown scenario classes, missing or
badly typed parameters, repeated ids. Warnings are drivable but hardly meant: dropped scenarios, misspelled elements,
missing weather, detours. The exit code is 1 if there are errors (with --strict also for warnings).

\b
Examples:
  lead routes lint my_routes/
  lead routes lint route.xml --no-maps --json findings.json
"""
DOWNLOAD_HELP = """Download public route files to data/ of a project.

Files that are there and genuine are kept; an interrupted download goes on where it was cut off. Every benchmark file
is checked against the checksum of its content. A mirror is any web server that serves a copy of the folder
data/benchmark_routes, and the training routes as data_routes.tar.gz.

\b
Sets: bench2drive, longest6, town13, fail2drive, training, all.

\b
Examples:
  lead routes download bench2drive
  lead routes download all --root ~/project --mirror http://files.example.org/routes
"""


@app.command(help=LINT_HELP)
def lint(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE_OR_DIR...", help="Route files, or folders of them.")],
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 for warnings, too.")] = False,
    maps: Annotated[bool, typer.Option("--maps/--no-maps", help="Compare with the maps of the towns.")] = True,
    json_path: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write findings and statistics as JSON.")
    ] = None,
) -> None:
    """Print the findings and a summary."""
    from lead.routes.findings import Severity
    from lead.routes.lint import lint as lint_paths

    with _progress() as progress:
        task = progress.add_task("checking", total=None)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        report = lint_paths(paths, maps=maps, progress=show)
    if json_path is not None:
        _write_json(json_path, report)
    for finding in report.findings:
        where = f" route {finding.route_id}:" if finding.route_id is not None else ""
        typer.echo(f"{finding.place}: {finding.severity.value}:{where} {finding.message} [{finding.code}]")
    typer.echo(_summary(report))
    errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
    if errors or (strict and warnings):
        raise typer.Exit(1)


@app.command(help=DOWNLOAD_HELP)
def download(
    names: Annotated[list[str], typer.Argument(metavar="SET...", help="Route sets, or 'all'.")],
    root: Annotated[Path, typer.Option(metavar="DIR", help="Project folder; files land in its data/.")] = Path(),
    mirror: Annotated[
        str | None, typer.Option(metavar="URL", help="Fetch from this address instead of the publishers'.")
    ] = None,
) -> None:
    """Download route sets one after the other."""
    from lead.routes.download import ROUTE_SETS
    from lead.routes.download import download as download_set
    from lead.routes.fetch import DownloadError

    wanted = list(ROUTE_SETS) if ALL in names else list(dict.fromkeys(names))
    if unknown := [name for name in wanted if name not in ROUTE_SETS]:
        raise DownloadError(f"there is no route set {unknown[0]!r}; there are {', '.join(ROUTE_SETS)} and {ALL}")
    for name in wanted:
        with _progress() as progress:
            task = progress.add_task(name, total=None)
            result = download_set(name, root, mirror=mirror, progress=_shower(progress, task))
        parts = [f"{result.fetched} fetched", f"{result.kept} already there"]
        parts += [f"{result.replaced} replaced"] if result.replaced else []
        typer.echo(f"{name}: {', '.join(parts)}, in {result.folder} (licence {ROUTE_SETS[name].licence})")


def _shower(progress: Progress, task: TaskID) -> Callable[[str, int, int | None], None]:
    def show(label: str, done: int, total: int | None) -> None:
        progress.update(task, description=label, completed=done, total=total)

    return show


def _progress() -> Progress:
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _write_json(path: Path, report: LintReport) -> None:
    from lead.errors import LeadError

    temporary = path.with_name(f".{path.name}.partial")
    try:
        temporary.write_text(json.dumps(report.as_json(), indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise LeadError(f"cannot write {path} ({error.strerror})") from error


def _summary(report: LintReport) -> str:
    from lead.routes.findings import Severity

    data = report.statistics.as_json()
    length = data["length_m"]
    towns = ", ".join(f"{town} {count}" for town, count in data["towns"].items())
    return "\n".join(
        [
            f"{data['files']} files, {data['routes']} routes ({towns or 'no town'}), {data['scenarios']} scenarios",
            f"length: {length['total'] / 1000.0:.1f} km in all; {length['min']:.0f} m shortest, "
            f"{length['median']:.0f} m median, {length['max']:.0f} m longest ({data['traced']} routes traced)",
            f"{report.count(Severity.ERROR)} errors, {report.count(Severity.WARNING)} warnings",
        ]
    )
