"""``lead cache``: prepare data sets for training, and check what was prepared."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lead.cli.groups import command_group

if TYPE_CHECKING:
    from collections.abc import Callable

    from lead.dataset.cache.build import RouteOutcome, RouteTask
    from lead.dataset.cache.store import CacheState

app = command_group("Prepare data sets for training, and check what was prepared.")

BUILD_HELP = """Prepare all trainable routes of a data set; what is fresh is kept.

One file per route, written whole or not at all: a build that was stopped goes on where it was. Records whose sources or
settings have changed, and damaged ones, are made anew. A frame that cannot be read is counted and left out, and does
not end the build. Exit code 1 if a file could not be written.

\b
Examples:
  lead cache build data/carla_leaderboard2 --workers 8
  lead cache build data/carla_leaderboard2 --out /scratch/cache
"""
VERIFY_HELP = """Read every record of a cache, and compare it with its sources; nothing is changed.

Exit code 1 if any is stale, damaged or missing.

\b
Example:
  lead cache verify data/carla_leaderboard2 --workers 8
"""
_LOG_EVERY_S = 60.0
_SHOWN_FAULTS = 20
_NOT_WRITTEN = frozenset({"not written", "killed worker"})

Data = Annotated[Path, typer.Argument(help="Root of the data set.")]
Workers = Annotated[int, typer.Option(help="Number of processes.", min=1)]
Out = Annotated[
    Path | None, typer.Option(help="Folder of the cache; lead_cache in the data set by default.", show_default=False)
]
LidarTicks = Annotated[int, typer.Option(help="LiDAR points of this age in ticks and older ones are left out.", min=1)]
PublishedDoors = Annotated[
    bool, typer.Option("--published-doors", help="Move boxes of cars with an open door as the published labels do.")
]


def _add_command(name: str, text: str, work: Callable[[list[RouteTask], int], None]) -> None:
    """Add a command; which records a cache holds is chosen here for all, so that what was built can be verified."""

    @app.command(name, help=text)
    def command(
        data: Data,
        workers: Workers = 1,
        out: Out = None,
        lidar_ticks: LidarTicks = 10,
        published_doors: PublishedDoors = False,
    ) -> None:
        work(_tasks(data, out, lidar_ticks, published_doors), workers)


def _build(tasks: list[RouteTask], workers: int) -> None:
    """Build and print what was done; exit with 1 if a file could not be written."""
    from lead.dataset.cache.build import build_route

    outcomes = _run(build_route, tasks, workers, "preparing")
    built, kept = sum(item.built for item in outcomes), sum(item.kept for item in outcomes)
    size = sum(item.bytes for item in outcomes)
    failed = _print_faults(outcomes)
    typer.echo(f"before: {_states(outcomes)}")
    typer.echo(
        f"{built} records built, {kept} kept, {failed.total()} failed; {len(tasks)} routes, {size / 1e9:.2f} GB "
        f"in {tasks[0].folder}"
    )
    if any(failed[kind] for kind in _NOT_WRITTEN):
        raise typer.Exit(1)


def _verify(tasks: list[RouteTask], workers: int) -> None:
    """Check and print the counts; exit with 1 if any record is not fresh."""
    from lead.dataset.cache.build import check_route
    from lead.dataset.cache.store import CacheState

    outcomes = _run(check_route, tasks, workers, "checking")
    found = _found(outcomes)
    failed = _print_faults(outcomes)
    typer.echo(_states(outcomes))
    if failed or found.total() != found[CacheState.FRESH]:
        raise typer.Exit(1)


def _tasks(data: Path, out: Path | None, lidar_ticks: int, published_doors: bool) -> list[RouteTask]:
    """One task per trainable route; says what was left out."""
    from lead.dataset.cache.build import tasks_of
    from lead.dataset.cache.settings import RecordSettings
    from lead.dataset.cache.store import default_folder
    from lead.dataset.rig_detection import rig_of
    from lead.dataset.route_index import build_index

    index = build_index(data, skip_first=0, skip_last=0)
    settings = RecordSettings(rig_of(index).name, lidar_ticks, published_doors)
    typer.echo(f"{index.summary()}; rig {settings.rig_name}")
    return tasks_of(index, default_folder(data) if out is None else out, settings)


def _run(
    work: Callable[[RouteTask], RouteOutcome], tasks: list[RouteTask], workers: int, what: str
) -> list[RouteOutcome]:
    """Work through the routes behind a progress bar, or with lines of a log where nobody watches."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from lead.cli.log_lines import LogLines
    from lead.dataset.cache.build import run_tasks

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("frames, {task.fields[rate]:.1f}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        frames = {task.entry.relative_dir: task.entry.frames for task in tasks}
        bar = progress.add_task(what, total=sum(frames.values()), rate=0.0)
        outcomes: list[RouteOutcome] = []
        log = None if console.is_terminal else LogLines(console, _LOG_EVERY_S)
        for outcome in run_tasks(work, tasks, workers):
            outcomes.append(outcome)
            progress.update(bar, advance=frames[outcome.route], rate=progress.tasks[bar].speed or 0.0)
            if log is not None:
                log.say_how_far(lambda: f"{what}: {len(outcomes)} of {len(tasks)} routes")
        return outcomes


def _print_faults(outcomes: list[RouteOutcome]) -> Counter[str]:
    """Print some of the faults on stderr, and return all by kind."""
    faults = [fault for item in outcomes for fault in item.faults]
    failed = sum((item.failed for item in outcomes), Counter[str]())
    for fault in faults[:_SHOWN_FAULTS]:
        typer.echo(fault, err=True)
    if len(faults) > _SHOWN_FAULTS:
        typer.echo(f"and {len(faults) - _SHOWN_FAULTS} further faults", err=True)
    for kind, count in failed.most_common():
        typer.echo(f"{count} records: {kind}", err=True)
    return failed


def _found(outcomes: list[RouteOutcome]) -> Counter[CacheState]:
    total: Counter[CacheState] = Counter()
    for item in outcomes:
        total.update(item.found)
    return total


def _states(outcomes: list[RouteOutcome]) -> str:
    from lead.dataset.cache.store import CacheState

    found = _found(outcomes)
    return ", ".join(f"{found[state]} {state.name.lower()}" for state in CacheState if state is not CacheState.NO_CACHE)


_add_command("build", BUILD_HELP, _build)
_add_command("verify", VERIFY_HELP, _verify)
