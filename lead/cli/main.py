"""The ``lead`` command: finds the module of a sub-command and runs it.

How to add a sub-command: add a row to ``COMMANDS`` and write the module it names. The module defines either

* ``command``, a function with typer annotations, if the sub-command is one action (``lead doctor``), or
* ``app``, a ``typer.Typer`` group, if it has actions of its own (``lead towns install``).

Only the module of the command that runs is imported, and this module imports nothing heavy, so that
``lead --help`` answers at once. Arguments that start with an option mean ``lead drive``.

Exit codes: 0 success, 1 a ``LeadError`` (one sentence on stderr), 2 wrong usage, 130 interrupted. A command
that wants another code raises ``typer.Exit(code)``.
"""

from __future__ import annotations

import difflib
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from lead import __version__
from lead.errors import LeadError

DEFAULT_COMMAND = "drive"
COMMANDS: dict[str, tuple[str, str]] = {
    "drive": ("lead.cli.drive", "Drive and score the routes of a file (the default command)."),
    "benchmark": ("lead.cli.benchmark", "Drive a whole benchmark with several workers, safe to stop and resume."),
    "collect": ("lead.cli.collect", "Collect a data set with the expert, safe to stop and resume."),
    "score": ("lead.cli.score", "Print and write every table of a benchmark from its results."),
    "webapp": ("lead.cli.webapp", "Show results, videos and infractions in a browser."),
    "routes": ("lead.cli.routes", "Check route files, and download the public ones."),
    "dataset": ("lead.cli.dataset", "Look into recorded routes, check, draw, pack and unpack them."),
    "cache": ("lead.cli.cache", "Prepare data sets for training, and check what was prepared."),
    "train": ("lead.cli.train", "Train a network; stop and resume at any time."),
    "download": ("lead.cli.download", "Download published checkpoints and data sets."),
    "export-onnx": ("lead.cli.export_onnx", "Write a model of a checkpoint as an ONNX file."),
    "export-weights": ("lead.cli.export_weights", "Write a checkpoint small enough to be handed round."),
    "demo": ("lead.cli.demo", "Let the policy of this repository drive two routes, and show scores and videos."),
    "sim": ("lead.cli.sim", "Start the embedded simulator, a stand-in for a CARLA server."),
    "towns": ("lead.cli.towns", "Install and list the maps of the CARLA towns."),
    "setup": ("lead.cli.setup", "Set up CARLA's own leaderboard as a second harness."),
    "doctor": ("lead.cli.doctor", "Check this machine: Python, CARLA client, ports, disk, towns."),
}

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one ``lead`` command and leave with its exit code.

    Args:
        arguments: Words after ``lead``; the process's own when None.

    Raises:
        SystemExit: Always, with the exit codes of the module docstring.
        LeadError: Only if the environment variable LEAD_TRACEBACK is 1, for debugging.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("--help", "-h"):
        typer.echo(_help_text())
        sys.exit()
    if words[0] == "--version":
        typer.echo(f"lead {__version__}")
        sys.exit()
    name = DEFAULT_COMMAND if words[0].startswith("-") else words.pop(0)
    if name not in COMMANDS:
        nearest = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.0)[0]
        typer.echo(f"lead: there is no command {name!r}; the nearest is {nearest!r} (see lead --help)", err=True)
        sys.exit(EXIT_USAGE)
    try:
        _run(name, words)
    except LeadError as error:
        if os.environ.get("LEAD_TRACEBACK") == "1":
            raise
        typer.echo(f"lead {name}: {error}", err=True)
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    sys.exit()


def _run(name: str, words: list[str]) -> None:
    """Import the module of a command and hand it its words."""
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    module = importlib.import_module(COMMANDS[name][0])
    app: typer.Typer
    if hasattr(module, "app"):
        app = module.app
    else:
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        app.command()(module.command)
    app(args=words, prog_name=f"lead {name}")


def _help_text() -> str:
    width = max(map(len, COMMANDS))
    rows = [f"  {name:<{width}}  {summary}" for name, (_, summary) in COMMANDS.items()]
    return "\n".join(
        [
            "Usage: lead COMMAND [OPTIONS]",
            "",
            "End-to-end driving research for CARLA, with an embedded simulator.",
            "",
            "Commands:",
            *rows,
            "",
            f"Options without a command mean `lead {DEFAULT_COMMAND}`: lead --routes FILE.",
            "lead COMMAND --help explains one command; lead --version prints the version.",
        ]
    )
