"""Which recorded routes may be learnt from: those that the expert drove as it should."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lead.dataset.errors import DatasetError
from lead.dataset.layout import METAS, RESULTS_NAME, frame_path

FAILED = frozenset(
    {
        "Failed",
        "Failed - Agent couldn't be set up",
        "Failed - Simulation crashed",
        "Failed - Agent crashed",
    }
)
COMPLETED, PERFECT = "Completed", "Perfect"
EXACT_CLOUDS = "exact_clouds"
"""Not published: whether clouds have what is straight ahead, and old sweeps lie where they were."""
FULL_SCORE = 100.0
MIN_SPEED, OUTSIDE = "min_speed_infractions", "outside_route_lanes"


def read_results(route_dir: Path) -> dict[str, Any]:
    """Read ``results.json`` of a route.

    Raises:
        DatasetError: If it is missing or no JSON object; names the file.
    """
    path = route_dir / RESULTS_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise DatasetError(f"{path} is no JSON ({error})") from error
    if not isinstance(content, dict):
        raise DatasetError(f"{path} holds no record of a route")
    return content


def rejection(results: Mapping[str, Any]) -> str | None:
    """Say why a route must not be learnt from; None if it may.

    Accepted is a route that did not fail and has the full score, or only infractions for driving too slowly, or was
    completed with no infraction but that and leaving its lanes, or is called perfect.

    Args:
        results: Content of ``results.json``.
    """
    status = results.get("status")
    if not isinstance(status, str):
        return "it has no status"
    if status in FAILED:
        return f"its status is {status!r}"
    if status == PERFECT or _score(results) == FULL_SCORE:
        return None
    lists = results.get("infractions")
    count = results.get("num_infractions")
    if not isinstance(lists, Mapping) or not isinstance(count, int):
        return "it has no list of infractions"
    slow, outside = _length(lists.get(MIN_SPEED)), _length(lists.get(OUTSIDE))
    if count == slow or (status == COMPLETED and count == slow + outside):
        return None
    return f"{count - slow} of its {count} infractions are not for driving too slowly (status {status!r})"


def why_unusable(route_dir: Path) -> str | None:
    """Say why a route folder cannot be learnt from; None if it can.

    Raises:
        DatasetError: If ``results.json`` is there but cannot be read.
    """
    if not (route_dir / RESULTS_NAME).is_file():
        return "it is not complete"
    if not frame_path(route_dir, METAS, 0).is_file():
        return "it has no first frame"
    return rejection(read_results(route_dir))


def _score(results: Mapping[str, Any]) -> float | None:
    scores = results.get("scores")
    value = scores.get("score_composed") if isinstance(scores, Mapping) else None
    return float(value) if isinstance(value, int | float) else None


def _length(messages: Any) -> int:
    return len(messages) if isinstance(messages, list) else 0
