"""``lead setup``: install other people's programs next to LEAD, pinned, outside its own environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lead.cli.groups import command_group

app = command_group("Install other programs that LEAD can use.")

LEADERBOARD_HELP = """Install CARLA's own leaderboard, for drives with --harness official.

Checks pinned revisions of leaderboard 2.0, of the scenario runner and of CARLA's agents package out into --root, and
makes a virtual environment of its own for them. What is there already is checked and kept, so a run that was
interrupted is finished by running it again. The programs keep their own licences; Bench2Drive's is CC BY-NC-ND 4.0.

\b
Examples:
  lead setup leaderboard
  lead setup leaderboard --bench2drive --fail2drive
  lead setup leaderboard --python /usr/bin/python3.10 --python-api "$CARLA_ROOT/PythonAPI/carla"
  lead setup leaderboard --with torch==2.7.0       for agents with a model
"""


@app.callback()
def group() -> None:
    """Keep ``leaderboard`` a sub-command although it is the only one."""


@app.command(help=LEADERBOARD_HELP)
def leaderboard(
    bench2drive: Annotated[bool, typer.Option("--bench2drive", help="Also the evaluator of Bench2Drive.")] = False,
    fail2drive: Annotated[bool, typer.Option("--fail2drive", help="Also the evaluator of Fail2Drive.")] = False,
    root: Annotated[Path, typer.Option(metavar="DIR", help="Folder of checkouts and environment.")] = Path("3rd_party"),
    python: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Python for the environment [default: a 3.10, else the running one]."),
    ] = None,
    mirror: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Address or folder in place of https://github.com; owner/name is appended."),
    ] = None,
    python_api: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="PythonAPI/carla of an unpacked CARLA, instead of a checkout."),
    ] = None,
    extra: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="PACKAGE", help="Further package for the environment; may be repeated."),
    ] = None,
) -> None:
    """Install the official harness and say what is where."""
    from lead.integrations.leaderboard.installation import SetupOptions, install

    wanted = ["leaderboard", *(name for name, on in (("bench2drive", bench2drive), ("fail2drive", fail2drive)) if on)]
    options = SetupOptions(root, wanted, python, mirror, python_api, extra or ())
    found = install(options, report=typer.echo)
    for folder, commit in found.commits.items():
        typer.echo(f"{found.root / folder}: {commit}")
    typer.echo(f"ready: carla {found.carla_version} in {found.python.parent.parent}")
