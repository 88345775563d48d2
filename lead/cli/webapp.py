"""``lead webapp``: the infraction dashboard in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lead.errors import LeadError

_DEFAULT_FOLDER = Path("outputs")
_DEFAULT_PORT = 5000
_LOOPBACK = "127.0.0.1"


def command(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder with results, at any level of their tree.")
    ] = _DEFAULT_FOLDER,
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = _DEFAULT_PORT,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 shows the results to the whole network.")
    ] = _LOOPBACK,
    read_only: Annotated[bool, typer.Option("--read-only", help="Write nothing: no clips can be cut.")] = False,
) -> None:
    """Show results of evaluations in a browser: videos, infractions, scores, comparisons.

    Reads the folder while evaluations write into it. Nothing outside of it is read or written.

    \b
    Examples:
      lead webapp
      lead webapp outputs/evaluation/my_model --port 5001
      lead webapp /data/results --host 0.0.0.0 --read-only
    """
    if not directory.is_dir():
        raise LeadError(f"there is no folder {directory}; name the folder with results: lead webapp DIR")
    # Imported here so that --help stays instant.
    try:
        from lead.webapp.app import create_app
        from lead.webapp.server import serve

        app = create_app(directory, read_only=read_only, host=host)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "lead":
            raise
        raise LeadError(f"the library {error.name} is not installed; run `pip install -e .` again") from error

    def announce(url: str) -> None:
        typer.echo(f"showing {directory.resolve()} at {url} (Ctrl-C ends)")

    serve(app, host, port, announce)
