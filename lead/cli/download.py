"""``lead download``: fetch published checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lead.inference.download import PublishedCheckpoint
    from lead.routes.fetch import DownloadResult

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Download published checkpoints.",
)

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
    endpoint: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Address of the hub [default: $HF_ENDPOINT, else https://huggingface.co]."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that have another content.")] = False,
) -> None:
    """Download one checkpoint after the other."""
    from lead.inference.download import CHECKPOINTS, find_checkpoint

    wanted = list(CHECKPOINTS) if ALL in names else list(dict.fromkeys(names))
    for item in [find_checkpoint(name, repo) for name in wanted]:
        result = _download(item, directory, endpoint, force)
        parts = [f"{result.fetched} files fetched", f"{result.kept} already there"]
        parts += [f"{result.replaced} replaced"] if result.replaced else []
        typer.echo(f"{item.name}: {', '.join(parts)}, in {result.folder}")


@app.command("list")
def list_checkpoints(directory: Folder = CHECKPOINTS_FOLDER) -> None:
    """List the published checkpoints and say which of them are here."""
    from lead.inference.download import ALIASES, CHECKPOINTS

    items = {**CHECKPOINTS, **ALIASES}
    width = max(map(len, items))
    for name, item in items.items():
        title = item.title if name in CHECKPOINTS else f"another name of {item.folders[0]}"
        place = f"in {directory / name}" if any((directory / name).glob("*.pth")) else "not here"
        typer.echo(f"{name:<{width}}  {title:<40}  {item.repository:<19}  {place}")


def _download(item: PublishedCheckpoint, directory: Path, endpoint: str | None, force: bool) -> DownloadResult:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from lead.inference.download import download_checkpoint

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(item.name, total=None)

        def show(label: str, done: int, total: int) -> None:
            progress.update(task, description=f"{item.name}/{label}", completed=done, total=total)

        return download_checkpoint(item, directory, endpoint=endpoint, force=force, progress=show)
