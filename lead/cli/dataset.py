"""``lead dataset``: look into recorded routes, check, draw, pack and unpack them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from lead.cli.groups import command_group

if TYPE_CHECKING:
    from lead.dataset.archive import ArchiveResult
    from lead.dataset.info import DatasetInfo, Share
    from lead.dataset.layout import RoutePlace

app = command_group("Look into recorded routes, check, draw, pack and unpack them.")

INFO_HELP = """Count routes and frames by town, scenario, weather and outcome.

A route is usable if it was driven as it should: complete, and with no infractions but driving too slowly or, in a
completed route, leaving its lanes.

\b
Examples:
  lead dataset info data/carla_leaderboard2
  lead dataset info data/carla_leaderboard2 --sizes --json info.json
"""
VERIFY_HELP = """Find missing, cut off, damaged and inconsistent files; every finding is one line.

Routes that were not recorded to their end count as findings. Exit code 1 if there are any.

\b
Examples:
  lead dataset verify data/carla_leaderboard2 --workers 4
  lead dataset verify data/carla_leaderboard2/data/Accident --quick
"""
SHOW_HELP = """Draw routes: a contact sheet each, or a video with boxes, route and map.

\b
Examples:
  lead dataset show data/carla_leaderboard2/data/Accident --count 3
  lead dataset show data/carla_leaderboard2/data/Accident/Town03_Rep0_... --video --out accident.mp4
"""
RECOVER_HELP = """Save the labels of routes whose recording was killed, from their journals; they stay incomplete.

\b
Example:
  lead dataset recover data/carla_leaderboard2
"""
ZIP_HELP = """Pack every complete route into a zip file in the published layout, <out>/<scenario>/<route>.zip.

\b
Example:
  lead dataset zip data/carla_leaderboard2 --usable
"""
UNZIP_HELP = """Unpack zip files of routes; routes that are there and complete stay.

\b
Examples:
  lead dataset unzip data/carla_leaderboard2/zip
  lead dataset unzip data/carla_leaderboard2_360/zip --workers 8 --delete
"""
Root = Annotated[Path, typer.Argument(metavar="DIR", help="Data set, a scenario of it, or one route.")]
Workers = Annotated[int, typer.Option(help="Routes at the same time.", min=1)]
ZIP_FOLDER, DATA_FOLDER = "zip", "data"
Item = TypeVar("Item")


@app.command(help=INFO_HELP)
def info(
    directory: Root,
    sizes: Annotated[bool, typer.Option("--sizes", help="Add up the sizes of all files, too.")] = False,
    json_path: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the counts as JSON.")] = None,
) -> None:
    """Print tables of counts."""
    from lead.dataset.info import summarise

    counts = summarise(_routes(directory), sizes=sizes)
    _print_info(counts)
    if json_path is not None:
        from lead.files import write_json

        write_json(json_path, counts.as_json())


@app.command(help=VERIFY_HELP)
def verify(
    directory: Root,
    strict: Annotated[
        bool, typer.Option("--strict", help="Demand every key of the format, not only what loaders need.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Compare names, and read only the first frame.")] = False,
    workers: Workers = 1,
    json_path: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write findings as JSON.")] = None,
) -> None:
    """Print findings; exit with 1 if there are any."""
    from lead.dataset.verify import verify_routes

    places = _routes(directory)
    findings = []
    checked = verify_routes([place.folder for place in places], strict=strict, deep=not quick, workers=workers)
    faulty = 0
    for _, found in _with_progress(checked, len(places), "routes checked"):
        faulty += bool(found)
        findings += found
        for finding in found:
            typer.echo(str(finding))
    typer.echo(f"routes checked: {len(places)}, without findings: {len(places) - faulty}, findings: {len(findings)}")
    if json_path is not None:
        from lead.files import write_json

        write_json(json_path, [{**vars(item), "place": str(item.place)} for item in findings])
    if findings:
        raise typer.Exit(1)


@app.command(help=SHOW_HELP)
def show(
    directory: Root,
    video: Annotated[bool, typer.Option("--video", help="Make a video instead of a contact sheet.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="PATH", help="File (one route) or folder [default: outputs/dataset].")
    ] = None,
    count: Annotated[int, typer.Option(help="Routes to draw, evenly spread over those that are found.", min=1)] = 1,
    rows: Annotated[int, typer.Option(help="Moments on a contact sheet.", min=1)] = 6,
    speed: Annotated[float, typer.Option(help="Speed of the video.", min=0.1)] = 1.0,
) -> None:
    """Draw contact sheets or videos and print where they are."""
    from lead.dataset.contact_sheet import write_contact_sheet
    from lead.dataset.layout import METAS, numbered_frames
    from lead.dataset.reader import RouteReader
    from lead.dataset.route_video import write_route_video

    found = _routes(directory)
    # Those without labels, such as one that is being recorded, have nothing to draw; a single one says so itself.
    places = [place for place in found if numbered_frames(place.folder, METAS)] or found
    step = max(len(places) / count, 1.0)
    chosen = [places[int(index * step)] for index in range(min(count, len(places)))]
    for place in chosen:
        reader = RouteReader(place.folder)
        suffix = ".mp4" if video else ".png"
        folder = out or Path("outputs/dataset")
        is_file = folder.suffix != "" and len(chosen) == 1
        path = folder if is_file else folder / place.scenario / f"{place.folder.resolve().name}{suffix}"
        if video:
            with _progress_bar("frames drawn") as progress:
                write_route_video(reader, path, speed=speed, progress=progress)
        else:
            write_contact_sheet(reader, path, rows)
        typer.echo(str(path))


@app.command(help=RECOVER_HELP)
def recover(directory: Root) -> None:
    """Save labels and print how many."""
    from lead.dataset.journal import is_being_written
    from lead.dataset.layout import JOURNAL_NAME, is_complete
    from lead.dataset.route_writer import finish_from_journal

    for place in _routes(directory):
        journal = place.folder / JOURNAL_NAME
        if not is_complete(place.folder) and journal.exists() and not is_being_written(journal):
            frames = finish_from_journal(place.folder)
            typer.echo(f"{place.folder}: labels of {frames} frames saved")


@app.command("zip", help=ZIP_HELP)
def zip_routes(
    directory: Root,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Target [default: DIR/zip].")] = None,
    usable: Annotated[bool, typer.Option("--usable", help="Only routes that may be learnt from.")] = False,
    prefix: Annotated[
        str, typer.Option(help="What precedes the scenario in the archives.")
    ] = "data/carla_leaderboard2/data",
    workers: Workers = 1,
) -> None:
    """Pack routes."""
    from lead.dataset.acceptance import why_unusable
    from lead.dataset.archive import zip_route
    from lead.dataset.layout import is_complete

    places = [place for place in _routes(directory) if is_complete(place.folder)]
    if usable:
        places = [place for place in places if why_unusable(place.folder) is None]
    target = out or directory / ZIP_FOLDER
    _run([functools.partial(zip_route, place, target, prefix) for place in places], workers, "packed", target)


@app.command("unzip", help=UNZIP_HELP)
def unzip_routes(
    directory: Annotated[Path, typer.Argument(metavar="ZIPS", help="Folder of zip files, or one zip file.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of scenarios [default: 'data' beside the zip folder].")
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete every zip file that is unpacked.")] = False,
    workers: Workers = 2,
) -> None:
    """Unpack routes."""
    from lead.dataset.archive import unzip_route
    from lead.dataset.errors import DatasetError

    archives = [directory] if directory.is_file() else sorted(directory.rglob("*.zip"))
    if not archives:
        raise DatasetError(f"{directory} holds no zip files")
    root = directory.resolve().parents[1] if directory.is_file() else directory.resolve()
    target = out or root.parent / DATA_FOLDER

    def unpack(archive: Path) -> ArchiveResult:
        result = unzip_route(archive, target)
        if delete:
            archive.unlink()
        return result

    _run([functools.partial(unpack, archive) for archive in archives], workers, "unpacked", target)


def _routes(directory: Path) -> list[RoutePlace]:
    from lead.dataset.layout import find_routes

    return find_routes(directory)


def _run(jobs: Sequence[Callable[[], ArchiveResult]], workers: int, verb: str, target: Path) -> None:
    """Run jobs; failures are printed and make the exit code 1."""
    from lead.dataset.archive import in_parallel
    from lead.dataset.errors import DatasetError

    done = kept = failed = 0
    for result in _with_progress(in_parallel(jobs, workers), len(jobs), f"routes {verb}"):
        if isinstance(result, DatasetError):
            failed += 1
            typer.echo(str(result), err=True)
        else:
            done += result.outcome == "done"
            kept += result.outcome == "kept"
    failures = f", {failed} failed" if failed else ""
    typer.echo(f"{done} routes {verb}, {kept} already there{failures}, in {target}")
    if failed:
        raise typer.Exit(1)


def _with_progress(items: Iterator[Item], total: int, what: str) -> Iterator[Item]:
    with _progress_bar(what) as show:
        for done, item in enumerate(items, start=1):
            yield item
            show(done, total)


@contextlib.contextmanager
def _progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how much is done of how much; nothing where nobody watches."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _print_info(counts: DatasetInfo) -> None:
    from lead.dataset.info import SECONDS_PER_FRAME

    total = counts.total
    hours = total.frames * SECONDS_PER_FRAME / 3600
    size = f", {counts.bytes / 1e9:.2f} GB" if counts.bytes else ""
    typer.echo(f"{total.routes} routes ({total.usable} usable), {total.frames} frames ({hours:.2f} h){size}")
    for title, group in (("town", counts.towns), ("scenario", counts.scenarios), ("weather", counts.weathers)):
        _print_group(title, group)
    for title, counter in (("status", counts.statuses), ("not usable because", counts.rejections)):
        if counter:
            typer.echo(f"\n{title}")
            for name, number in counter.most_common():
                typer.echo(f"  {number:>6}  {name}")


def _print_group(title: str, group: dict[str, Share]) -> None:
    width = max([len(title), *map(len, group)])
    typer.echo(f"\n{title:<{width}}  {'routes':>7}  {'usable':>7}  {'frames':>8}  {'usable':>8}")
    for name in sorted(group):
        share = group[name]
        typer.echo(
            f"{name:<{width}}  {share.routes:>7}  {share.usable:>7}  {share.frames:>8}  {share.usable_frames:>8}"
        )
