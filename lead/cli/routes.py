"""``lead routes``: check, make, draw and download route files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from lead.cli.groups import command_group

if TYPE_CHECKING:
    from lead.routes.lint import LintReport
    from lead.routes.sampler.sampler import Outcome

app = command_group("Check, make, draw and download route files.")

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
SAMPLE_HELP = """Make route files of scenario classes on towns.

Places are looked for on the lanes of each town, in an order that the seed decides; start, goal, parameters and weather
are random. The same seed gives the same files. Where a class has no place on a town, or fewer than asked for, one
sentence says why. Every route passes `lead routes lint`.

Weather: random (two key frames, the default), presets (a random preset per route), or the name of a preset.

\b
Examples:
  lead routes sample --town Town03 --scenario Accident --count 5 --seed 1
  lead routes sample --town Town01,Town04 --scenario leaderboard --count 1 --out my_routes
  lead routes sample --town all --scenario noScenario --count 2 --single-file free.xml --weather ClearNoon
"""
SUITE_HELP = """Make the project's own route suites anew: smoke, train, validation, heldout, heldout_short, or all.

\b
Examples:
  lead routes suite smoke --force
  lead routes suite all --out /tmp/suites
"""
SHOW_HELP = """Draw a route on the map of its town to a PNG file.

Lanes, the route with its direction, start and goal, triggers of scenarios with their classes, the ends of flows, and a
scale bar. Without --route, the first route of the file is drawn; --route all draws every one, to files
named by their ids in the folder --out.

\b
Examples:
  lead routes show data/routes/demo.xml
  lead routes show longest6.xml --route 7 --out route7.png
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


@app.command(help=SAMPLE_HELP)
def sample(  # noqa: PLR0913 (typer: one parameter per option)
    town: Annotated[str, typer.Option(metavar="NAME[,...]", help="Towns, or 'all' installed ones.")],
    scenario: Annotated[
        str,
        typer.Option(
            metavar="CLASS[,...]", help="Scenario classes, 'noScenario', 'all', or 'leaderboard': all but Fail2Drive's."
        ),
    ],
    count: Annotated[int, typer.Option(metavar="N", help="Routes per class and town.")] = 1,
    seed: Annotated[int, typer.Option(metavar="S", help="Seed of everything that is drawn.")] = 0,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for one file per route.")] = Path("routes"),
    single_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all routes to one file instead.")
    ] = None,
    min_length: Annotated[float, typer.Option(metavar="M", help="Shortest route in metres.")] = 100.0,
    max_length: Annotated[float, typer.Option(metavar="M", help="Longest route in metres.")] = 400.0,
    weather: Annotated[str, typer.Option(metavar="NAME", help="random, presets, or a preset's name.")] = "random",
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Make routes, write them, and say where there are none."""
    from lead.routes.sampler.run import Target, sample_towns, write_outcomes
    from lead.routes.sampler.sampler import Wishes

    wishes = Wishes(count, seed, (min_length, max_length), weather)
    target = Target(out, single_file, force)
    with _progress() as progress:
        task = progress.add_task("sampling", total=None)
        outcomes = list(sample_towns(town.split(","), scenario.split(","), wishes, _shower(progress, task)))
    files = write_outcomes(outcomes, target)
    for outcome in outcomes:
        if outcome.reason is not None:
            typer.echo(outcome.reason)
    typer.echo(_sampled(outcomes, single_file or out))
    if not files:
        raise typer.Exit(1)


@app.command(help=SUITE_HELP)
def suite(
    names: Annotated[list[str], typer.Argument(metavar="SUITE...", help="Suites, or 'all'.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the files.")] = Path("data/routes/suites"),
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Make suites one after the other."""
    from lead.routes.sampler.suites import SUITES, find_suite, suite_routes
    from lead.routes.sampler.writer import check_free, routes_xml, write_routes

    suites = [find_suite(name) for name in (SUITES if ALL in names else dict.fromkeys(names))]
    check_free([out / f"{each.name}.xml" for each in suites], force)
    for each in suites:
        with _progress() as progress:
            routes = suite_routes(each, _shower(progress, progress.add_task(each.name, total=None)))
        path = out / f"{each.name}.xml"
        write_routes(path, routes_xml(routes, f"Made by `lead routes suite {each.name}`: {each.purpose}."))
        typer.echo(f"{path}: {len(routes)} routes")


@app.command(help=SHOW_HELP)
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Route file.")],
    route: Annotated[str | None, typer.Option(metavar="ID", help="Id of the route, or 'all'.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Picture; a folder for several. Default: beside the caller.")
    ] = None,
) -> None:
    """Draw routes."""
    from lead.evaluation.route_picture import write_pictures
    from lead.routes.reader import read_routes, select_routes

    routes = read_routes(file)
    if route is None:
        routes = routes[:1]
    elif route != ALL:
        routes = select_routes(routes, [route])
    is_folder = route == ALL
    target = out or (Path(f"{file.stem}_pictures") if is_folder else Path(f"{file.stem}_{routes[0].id}.png"))
    for path in write_pictures(routes, target, is_folder=is_folder):
        typer.echo(f"{path}")


def _sampled(outcomes: list[Outcome], place: Path) -> str:
    routes = [each for outcome in outcomes for each in outcome.routes]
    kinds = len({outcome.kind for outcome in outcomes if outcome.routes})
    towns = len({each.town for each in routes})
    where = f" in {place}" if routes else ""
    return f"{len(routes)} routes of {kinds} classes on {towns} towns{where}"


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
    from lead.files import write_whole

    try:
        write_whole(path, json.dumps(report.as_json(), indent=1) + "\n")
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
