"""``lead towns``: install and list the maps of the twelve CARLA towns."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column, Table

from lead.cli.groups import command_group
from lead.maps import towns

app = command_group("Install and list the maps of the twelve CARLA towns.")

ALL = "all"
INSTALL_HELP = """Install town maps into the cache folder.

Without names all twelve are installed. Towns that are there and intact are skipped, so a run that was
interrupted is finished by running it again. The maps come with the wheel py123d 0.7.0, which pip downloads
from its configured package index; wheel and maps are checked against pinned SHA-256 sums.

\b
Examples:
  lead towns install                   all twelve towns
  lead towns install Town01 Town10HD   two of them
  lead towns install --wheel py123d-0.7.0-py3-none-any.whl
"""
LIST_HELP = """List the towns with state, size and licence.

A town is installed, missing, or damaged (its checksum is wrong; installing it again replaces it). The size is
that of the compressed map.

\b
Example:
  lead towns list
"""


@app.command(help=INSTALL_HELP)
def install(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="TOWN", help="Towns to install, or 'all' (the default)."),
    ] = None,
    wheel: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=f"Use this py123d wheel, download nothing (or set {towns.WHEEL_VARIABLE})."),
    ] = None,
    index_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Package index to use instead of pip's configured one.")
    ] = None,
) -> None:
    """Install towns and show one progress line."""
    wanted = [name for name in names or [ALL] if name.lower() != ALL]
    if not wanted or len(wanted) < len(names or []):
        wanted += towns.TOWNS
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("checking", total=None)

        def show(step: str, done: int, total: int) -> None:
            progress.update(task, description=step, completed=done, total=total)

        towns.install_towns(wanted, progress=show, index_url=index_url, wheel=wheel)
    count = len(towns.installed_towns())
    typer.echo(f"{count} of {len(towns.TOWNS)} towns installed in {towns.cache_dir() / 'towns'}")


@app.command("list", help=LIST_HELP)
def list_towns() -> None:
    """Print a table of the towns."""
    table = Table("town", "state", Column("size", justify="right"), "licence", box=None, pad_edge=False)
    for town, genuine in towns.PY123D.files.items():
        table.add_row(town, towns.town_state(town), f"{genuine.size_bytes / 1e6:.2f} MB", towns.LICENCE)
    Console().print(table)
    typer.echo(f"folder: {towns.cache_dir() / 'towns'}")
