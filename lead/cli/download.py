"""``lead download``: fetch published checkpoints and data sets."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lead.cli.groups import command_group

if TYPE_CHECKING:
    from lead.inference.download import PublishedCheckpoint
    from lead.routes.fetch import DownloadResult

app = command_group("Download published checkpoints and data sets.")

ALL = "all"
CHECKPOINT_HELP = """Download checkpoints, each to a folder of its name.

Every file is checked against the checksum that the hub lists. Files that are there and right stay, also those of a
`git clone`; an interrupted download goes on where it was cut off. A file of another content is only replaced with
--force. HF_ENDPOINT names another hub, HF_TOKEN is a token for repositories that need one.

\b
Examples:
  lead download checkpoint tfv6_resnet34
  lead download checkpoint all --dir /data/checkpoints
  lead download checkpoint my_folder --repo my-name/my-models
"""
DATASET_HELP = """Download a published data set, one zip file per route, to <dir>/zip.

There are lead (three cameras) and lead360 (six cameras). Without --route everything is fetched; nothing is if
the disk is too small. Every file is checked against the checksum that the hub lists, files that
are there and right stay, and an interrupted download goes on where it was cut off. HF_ENDPOINT names another hub,
HF_TOKEN is a token. Unpack with --unzip, or later with `lead dataset unzip`.

\b
Examples:
  lead download dataset lead --list
  lead download dataset lead --route Accident --limit 1 --unzip
  lead download dataset lead360 --route 'Construction*' --route 'Accident/Town12_*'
"""
Endpoint = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Address of the hub [default: $HF_ENDPOINT, else https://huggingface.co]."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that have another content.")]
Folder = Annotated[Path, typer.Option("--dir", metavar="DIR", help="Folder of all checkpoints.")]
CHECKPOINTS_FOLDER = Path("outputs/checkpoints")


@app.command(help=CHECKPOINT_HELP)
def checkpoint(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Checkpoints (`lead download list`), or 'all'.")
    ],
    directory: Folder = CHECKPOINTS_FOLDER,
    repo: Annotated[
        str | None,
        typer.Option(
            metavar="OWNER/NAME", help="Repository on the hub [default: the published ones].", show_default=False
        ),
    ] = None,
    endpoint: Endpoint = None,
    force: Force = False,
) -> None:
    """Download one checkpoint after the other."""
    from lead.inference.download import CHECKPOINTS, find_checkpoint

    wanted = list(CHECKPOINTS) if ALL in names else list(dict.fromkeys(names))
    for item in [find_checkpoint(name, repo) for name in wanted]:
        result = _download(item, directory, endpoint, force)
        parts = [f"{result.fetched} files fetched", f"{result.kept} already there"]
        parts += [f"{result.replaced} replaced"] if result.replaced else []
        typer.echo(f"{item.name}: {', '.join(parts)}, in {result.folder}")


@app.command(help=DATASET_HELP)
def dataset(
    name: Annotated[str, typer.Argument(metavar="NAME", help="lead or lead360.")],
    route: Annotated[
        list[str] | None,
        typer.Option(help="Route or scenario, also with * and ?; may be repeated [default: all].", show_default=False),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Fetch the first so many of these routes.", min=1)] = None,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Root of the data set [default: where published commands look]."),
    ] = None,
    unzip: Annotated[bool, typer.Option("--unzip", help="Unpack them to <dir>/data, too.")] = False,
    list_only: Annotated[bool, typer.Option("--list", help="Only list the routes with their sizes.")] = False,
    endpoint: Endpoint = None,
    force: Force = False,
) -> None:
    """Download routes of a data set."""
    from lead.dataset.archive import unzip_route
    from lead.dataset.download import download_routes, find_dataset, list_routes, select_routes

    published = find_dataset(name)
    root = directory or Path(published.root)
    chosen = select_routes(list_routes(published, endpoint=endpoint), route or (), limit)
    if list_only:
        for file in chosen:
            typer.echo(f"{file.size / 1e6:>9.1f} MB  {file.path.with_suffix('')}")
        typer.echo(f"{len(chosen)} routes, {sum(file.size for file in chosen) / 1e9:.2f} GB")
        return
    with _progress_bar(name) as show:
        result = download_routes(published, chosen, root, force=force, progress=show)
    replaced = f", {result.replaced} replaced" if result.replaced else ""
    typer.echo(f"{name}: {result.fetched} routes fetched, {result.kept} already there{replaced}, in {result.folder}")
    if unzip:
        for file in chosen:
            typer.echo(str(unzip_route(result.folder / file.path, root / "data").path))


@app.command("list")
def list_checkpoints(directory: Folder = CHECKPOINTS_FOLDER) -> None:
    """List the published checkpoints and say which of them are here."""
    from lead.inference.download import ALIASES, CHECKPOINTS, WEIGHTS

    items = {**CHECKPOINTS, **ALIASES}
    width = max(map(len, items))
    for name, item in items.items():
        title = item.title if name in CHECKPOINTS else f"another name of {item.folders[0]}"
        is_here = any(path.suffix in WEIGHTS for path in (directory / name).glob("*"))
        place = f"in {directory / name}" if is_here else "not here"
        typer.echo(f"{name:<{width}}  {title:<40}  {item.repository:<19}  {place}")


def _download(item: PublishedCheckpoint, directory: Path, endpoint: str | None, force: bool) -> DownloadResult:
    from lead.inference.download import download_checkpoint

    with _progress_bar(item.name) as show:
        return download_checkpoint(item, directory, endpoint=endpoint, force=force, progress=show)


@contextlib.contextmanager
def _progress_bar(name: str) -> Iterator[Callable[[str, int, int], None]]:
    """Show how much is fetched of how much; nothing where nobody watches."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=None)

        def show(label: str, done: int, total: int) -> None:
            progress.update(task, description=f"{name}/{label}", completed=done, total=total)

        yield show
