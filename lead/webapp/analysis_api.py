"""Answers of the dashboard that judge results: the map under a drive, an evaluation's report, two evaluations."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from lead.webapp.comparison import compare_evaluations
from lead.webapp.context import dashboard, requested_evaluation, requested_route
from lead.webapp.errors import RequestError
from lead.webapp.reports import evaluation_report
from lead.webapp.town_map import map_text

bp = Blueprint("analysis_api", __name__)


@bp.get("/api/map")
def map_of_route() -> Response:
    """Return the driven way, the planned route and the ground of a route."""
    return Response(map_text(dashboard().root, requested_evaluation(), requested_route()), mimetype="application/json")


@bp.get("/api/report")
def report() -> Response:
    """Return the tables of an evaluation."""
    found = evaluation_report(dashboard().root, requested_evaluation(), request.args.get("benchmark"))
    return jsonify(found.as_json())


@bp.get("/api/compare")
def compare() -> Response:
    """Return two evaluations side by side."""
    if "other" not in request.args:
        raise RequestError("name the evaluation to compare with, other=FOLDER")
    return jsonify(compare_evaluations(dashboard().root, requested_evaluation(), requested_evaluation("other")))
