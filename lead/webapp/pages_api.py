"""The answers about evaluations and routes that the page is made from."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import Blueprint, Response, jsonify, request

from lead import __version__
from lead.evaluation.drive_log import FILE_NAME as DRIVE_LOG
from lead.scoring.profiles import PROFILES
from lead.webapp.context import dashboard, requested_evaluation, requested_route
from lead.webapp.discovery import find_evaluations
from lead.webapp.drive_log_tail import read_tail
from lead.webapp.errors import RequestError
from lead.webapp.evaluation_routes import read_evaluation
from lead.webapp.infraction_kinds import KINDS
from lead.webapp.route_detail import route_detail

LARGEST_OFFSET = 1 << 53

bp = Blueprint("pages_api", __name__)


@bp.get("/api/info")
def info() -> Response:
    """Say what this dashboard shows and which benchmarks and kinds of infractions there are."""
    root = dashboard().root.path
    return jsonify(
        {
            "title": root.name or str(root),
            "root": str(root),
            "read_only": dashboard().read_only,
            "version": __version__,
            "benchmarks": [{"key": key, "title": f"{each.title} {each.version}"} for key, each in PROFILES.items()],
            "kinds": [{"kind": key, "label": kind.label, "counted": kind.counted} for key, kind in KINDS.items()],
        }
    )


@bp.get("/api/output_directories")
def output_directories() -> Response:
    """List all evaluations."""
    root = dashboard().root
    tree = find_evaluations(root)
    evaluations = [
        {
            "path": root.relative(each.folder),
            "full_path": str(each.folder),
            "levels": each.levels,
            "experiment": each.experiment,
            "benchmark": each.benchmark,
            "timestamp": each.timestamp,
            "route_count": each.route_count,
            "modified_s": round(each.modified_s, 3),
            "is_live": each.is_live,
        }
        for each in tree.evaluations
    ]
    return jsonify({"evaluations": evaluations, "truncated": tree.is_truncated, "problems": tree.problems})


@bp.get("/api/routes")
def routes() -> Response:
    """List the routes of an evaluation."""
    root, folder = dashboard().root, requested_evaluation()
    view = read_evaluation(root, folder)
    counts: Counter[str] = Counter()
    for row in view.rows:
        counts.update(row.kinds)
    place = root.relative(folder)
    answer: dict[str, Any] = {
        "dir": place,
        "levels": place.split("/") if place else [],
        "planned": view.planned,
        "done": view.done,
        "is_live": view.is_live,
        "counts": counts,
        "problems": view.problems,
        "routes": [vars(row) for row in view.rows],
    }
    return jsonify(answer)


@bp.get("/api/route")
def route() -> Response:
    """Describe one route."""
    return jsonify(route_detail(dashboard().root, requested_evaluation(), request.args.get("route", ".")))


@bp.get("/api/drive_log")
def drive_log() -> Response:
    """Give the lines of a drive log from a place on."""
    text = request.args.get("offset", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 17 and int(text) < LARGEST_OFFSET):
        raise RequestError("offset must be a number of bytes")
    data, following = read_tail(dashboard().root.file(DRIVE_LOG, requested_route()), int(text))
    answer = Response(data, mimetype="text/plain")
    answer.headers["X-Next-Offset"] = str(following)
    return answer
