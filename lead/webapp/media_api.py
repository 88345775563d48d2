"""Addresses of videos and clips: playing them, saving them and cutting new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify, request

from lead.webapp.clip_jobs import DONE, ClipJob
from lead.webapp.context import dashboard, requested_route
from lead.webapp.errors import NotFoundError, RequestError
from lead.webapp.video_files import CLIPS_FOLDER, clip_url, videos_of
from lead.webapp.video_serving import send_video

bp = Blueprint("media_api", __name__)


@bp.get("/video/<kind>")
def video(kind: str) -> Response:
    """Send a video of a route, or a part of it."""
    folder = requested_route()
    return send_video(_video_file(kind, folder), download=_is_download())


@bp.get("/clip/<name>")
def clip(name: str) -> Response:
    """Send a clip, or a part of it."""
    if not name.endswith(".mp4"):
        raise NotFoundError(f"there is no clip {name!r}")
    root = dashboard().root
    clips = root.folder(CLIPS_FOLDER, requested_route())
    return send_video(root.file(name, clips), download=_is_download())


@bp.post("/api/clips")
def add_clip() -> tuple[Response, int]:
    """Ask for a clip; answers at once."""
    board = dashboard()
    board.check_writable()
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise RequestError("a clip is asked for with a JSON object")
    folder = board.root.folder(_text(body, "route", "."), board.root.folder(_text(body, "dir", "")))
    source = _video_file(_text(body, "video"), folder)
    job = board.clips.add(folder, source, _number(body, "start_s"), _number(body, "end_s"))
    return jsonify(id=job.id), 202


@bp.get("/api/clips/<job_id>")
def clip_state(job_id: str) -> Response:
    """Tell how far a clip is."""
    return _state(dashboard().clips.get(job_id))


@bp.post("/api/clips/<job_id>/cancel")
def cancel_clip(job_id: str) -> Response:
    """Stop cutting a clip."""
    dashboard().check_writable()
    return _state(dashboard().clips.cancel(job_id))


def _state(job: ClipJob) -> Response:
    url = clip_url(job.cut.name, dashboard().root.relative(job.cut.folder), ".") if job.state == DONE else None
    return jsonify(
        id=job.id, state=job.state, progress=round(job.progress, 4), error=job.error, name=job.cut.name, url=url
    )


def _video_file(kind: str, folder: Path) -> Path:
    """The file of a kind in a folder inside the root."""
    for other, path in videos_of(folder):
        if other == kind:
            return dashboard().root.file(path.name, folder)
    raise NotFoundError(f"this route has no {kind!r} video")


def _is_download() -> bool:
    return request.args.get("download") == "1"


def _text(body: dict[str, Any], key: str, default: str | None = None) -> str:
    value = body.get(key, default)
    if not isinstance(value, str):
        raise RequestError(f"{key!r} must be a text")
    return value


def _number(body: dict[str, Any], key: str) -> float:
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise RequestError(f"{key!r} must be a number of seconds")
    try:
        return float(value)
    except OverflowError as error:
        raise RequestError(f"{key!r} is too large") from error
