"""The dashboard as a Flask application, and ``python lead/webapp/app.py``, the same command as ``lead webapp``.

At the top only the standard library is imported: run as a script this file must be able to say that LEAD, or a
library, is not installed.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask

LARGEST_BODY_BYTES = 64 * 1024


def create_app(root: Path, *, read_only: bool = False, host: str = "127.0.0.1") -> Flask:
    """Make the application.

    Args:
        root: Folder to show.
        read_only: Refuse everything that writes.
        host: Address that the server binds to; requests for other hosts are refused if it is a loopback address.

    Raises:
        NotFoundError: If ``root`` is not a folder.
    """
    from flask import Flask, render_template

    from lead.webapp import analysis_api, guards, media_api, pages_api
    from lead.webapp.clip_jobs import ClipJobs
    from lead.webapp.context import EXTENSION, Dashboard
    from lead.webapp.read_ahead import ReadAhead
    from lead.webapp.root_folder import RootFolder

    folder = RootFolder(root)
    read_ahead = ReadAhead(folder)
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY_BYTES
    app.url_map.merge_slashes = False  # odd addresses are refused, not corrected
    app.json = _json_provider(app)
    app.extensions[EXTENSION] = Dashboard(folder, read_only, ClipJobs(), read_ahead)
    guards.protect(app, host)
    answer = app.wsgi_app

    def answer_alone(environ: Any, start_response: Any) -> Any:
        with read_ahead.resting():
            return answer(environ, start_response)

    app.wsgi_app = answer_alone  # type: ignore[method-assign]

    # Browsers learn of a module only when they have read the one that imports it; naming all saves the rounds
    # (static/early.js has them loaded).
    modules = sorted(path.name for path in (Path(__file__).parent / "static" / "js").glob("*.js"))

    @app.get("/")
    def index() -> str:
        return render_template("index.html", modules=modules)

    for module in (pages_api, media_api, analysis_api):
        app.register_blueprint(module.bp, name=module.__name__.rpartition(".")[2])
    return app


def _json_provider(app: Flask) -> Any:
    """Return a JSON writer that keeps the order of keys and refuses NaN, which browsers cannot read."""
    from flask.json.provider import DefaultJSONProvider

    class Provider(DefaultJSONProvider):
        sort_keys = False
        compact = True

        def dumps(self, obj: Any, **kwargs: Any) -> str:
            return super().dumps(obj, allow_nan=False, **kwargs)

    return Provider(app)


def _run_as_script() -> None:
    """Run ``lead webapp`` with the arguments of this process."""
    # Python put this file's folder first on the path; its modules must not be found under their short names.
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != here]
    try:
        # By its name: only a script, not the room that this file is part of, may use the command line.
        main = importlib.import_module("lead.cli.main").main
    except ModuleNotFoundError as error:
        sys.exit(
            f"{Path(__file__).name}: LEAD is not installed in this Python ({error.name} is missing); run "
            f"`pip install -e .` in {here.parents[1]}"
        )
    main(["webapp", *sys.argv[1:]])


if __name__ == "__main__":
    _run_as_script()
