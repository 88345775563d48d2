"""Success and the merged result file of Bench2Drive.

The benchmark divides by the number of its routes whatever was driven, so a missing route costs as much as a route
with the score zero. The mean over the driven routes stands next to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lead.scoring.records import COMPLETED, MIN_SPEED_KEY, PERFECT, RouteRecord


def is_success(record: RouteRecord) -> bool:
    """Tell whether the destination was reached without any infraction but driving slowly."""
    if record.status not in (COMPLETED, PERFECT):
        return False
    return not any(messages for key, messages in record.infractions.items() if key != MIN_SPEED_KEY)


def merged(records: Sequence[RouteRecord], route_count: int) -> dict[str, Any]:
    """Build the content of ``merged.json``.

    Args:
        records: Records of one run.
        route_count: Number of routes of the benchmark, the divisor (220, Longest6 36, Town13 20).

    Returns:
        JSON data of the public layout, with ``current_driving_score``, the mean over the given records, added.
    """
    ordered = sorted(records, key=lambda record: record.route_id, reverse=True)
    total = sum(record.scores["score_composed"] for record in records)
    return {
        "_checkpoint": {"records": [_without_index(record) for record in ordered]},
        "driving score": total / route_count,
        "success rate": sum(map(is_success, records)) / route_count,
        "eval num": len(records),
        "current_driving_score": total / len(records) if records else 0.0,
    }


def _without_index(record: RouteRecord) -> dict[str, Any]:
    return {key: value for key, value in record.as_json().items() if key != "index"}
