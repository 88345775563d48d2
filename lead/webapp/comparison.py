"""Two evaluations route by route: where the second did better or worse than the first, and in what.

Folders are named after ids, save names or seeds, depending on who drove; routes are therefore matched by what a route
is called in its file, and by repetition.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from lead.webapp.evaluation_routes import EvaluationView, RouteRow, read_evaluation
from lead.webapp.infraction_kinds import COMPLETION, KINDS
from lead.webapp.reports import OfficialMeans, official_means
from lead.webapp.root_folder import RootFolder

RouteKey = tuple[str, int]
Pair = tuple[RouteRow | None, RouteRow | None]

_SCENARIO_NAME = re.compile(r"RouteScenario_(?P<id>.+?)_rep(?P<repetition>\d+)(?:_|$)")
_STEM = re.compile(r"(?P<id>.+?)_rep(?P<repetition>\d+)$")
_FAIL2DRIVE_NAME = re.compile(r"(?:Base|Generalization)_[A-Za-z]+_(?P<id>\d+)$")
_MEASURES: Mapping[str, Callable[[RouteRow], float | None]] = {
    "Driving score": lambda row: _score(row, "driving"),
    "Route completion": lambda row: _score(row, "completion"),
    "Infraction penalty": lambda row: _score(row, "penalty"),
    "Success rate": lambda row: None if row.success is None or row.scores is None else 100.0 * row.success,
}
_DIGITS = 6


def compare_evaluations(root: RootFolder, first: Path, second: Path) -> dict[str, Any]:
    """Compare two evaluations.

    Args:
        root: Folder that may be shown.
        first: Evaluation A inside of it.
        second: Evaluation B.

    Returns:
        JSON data. Deltas are B minus A; rows with the largest loss come first, those that only one evaluation has come
        last. Official means are those of the benchmark, all others are means over routes with a result.
    """
    folders = (first, second)
    views = [read_evaluation(root, folder) for folder in folders]
    officials = [official_means(root, folder) for folder in folders]
    pairs = matched(views[0].rows, views[1].rows)
    common = [(a, b) for a, b in pairs if a is not None and b is not None and a.scores and b.scores]
    rows = [_row(a, b) for a, b in pairs]
    rows.sort(key=lambda row: (row["delta"] is None, row["delta"] or 0.0, row["title"]))
    measures = [*_official(officials), *_means(views, common), *_counts(common)]
    sides = zip(folders, views, officials, strict=True)
    return {
        **{name: _side(root, *side) for name, side in zip("ab", sides, strict=True)},
        "common": len(common),
        "measures": measures,
        "rows": rows,
        "problems": [
            f"{root.relative(folder) or root.path.name}: {problem}"
            for folder, view in zip(folders, views, strict=True)
            for problem in view.problems
        ],
    }


def route_key(title: str) -> RouteKey:
    """Return id and repetition of a route, as the name of a folder, file or record tells them.

    Args:
        title: ``24211``, ``24211_rep1``, ``RouteScenario_24211_rep0``, a Bench2Drive save name or the stem of a
            Fail2Drive route file.
    """
    found = _SCENARIO_NAME.match(title) or _STEM.match(title)
    name, repetition = (found["id"], int(found["repetition"])) if found is not None else (title, 0)
    numbered = _FAIL2DRIVE_NAME.match(name)
    name = numbered["id"] if numbered is not None else name
    return (name.lstrip("0") or "0") if name.isdecimal() else name, repetition


def matched(first: Iterable[RouteRow], second: Iterable[RouteRow]) -> list[Pair]:
    """Match routes of two evaluations.

    Routes that occur several times in an evaluation, such as under several seeds, are matched in their order.

    Returns:
        Pairs in the order of the first evaluation; None for a partner that does not exist.
    """
    groups: dict[RouteKey, tuple[list[RouteRow], list[RouteRow]]] = defaultdict(lambda: ([], []))
    for side, rows in enumerate((first, second)):
        for row in rows:
            groups[route_key(row.name if row.title in ("", ".") else row.title)][side].append(row)
    return [pair for both in groups.values() for pair in zip_longest(*both)]


def _row(a: RouteRow | None, b: RouteRow | None) -> dict[str, Any]:
    known = [row for row in (a, b) if row is not None]
    return {
        "title": known[0].title,
        "name_a": a.name if a is not None else None,
        "name_b": b.name if b is not None else None,
        "scenarios": list(next((row.scenarios for row in known if row.scenarios), ())),
        "town": next((row.town for row in known if row.town), ""),
        "a": _result(a),
        "b": _result(b),
        "delta": _delta(*(_score(row, "driving") if row is not None else None for row in (a, b))),
    }


def _result(row: RouteRow | None) -> dict[str, Any] | None:
    if row is None:
        return None
    scores = {name: _score(row, name) for name in ("driving", "completion", "penalty")}
    return {
        "status": row.status,
        **scores,
        "success": row.success,
        "infraction_count": row.infraction_count,
        "kinds": dict(row.kinds),
    }


def _side(root: RootFolder, folder: Path, view: EvaluationView, official: OfficialMeans) -> dict[str, Any]:
    return {
        "dir": root.relative(folder),
        "routes": len(view.rows),
        "done": view.done,
        "benchmark": official.benchmark,
        "scores": {name: _mean(map(measure, view.rows)) for name, measure in _MEASURES.items()},
        "official": dict(official.values),
    }


def _official(officials: Sequence[OfficialMeans]) -> list[dict[str, Any]]:
    """Return the benchmark's means, if both evaluations have them under the same rules."""
    if officials[0].benchmark != officials[1].benchmark:
        return []
    a, b = (official.values for official in officials)
    return [_measure(f"{name} (official)", a[name], b[name]) for name in a if name in b]


def _means(views: Sequence[EvaluationView], common: Sequence[tuple[RouteRow, RouteRow]]) -> list[dict[str, Any]]:
    found = []
    for scope, sides in (
        ("common routes", [[pair[side] for pair in common] for side in (0, 1)]),
        ("all routes", [view.rows for view in views]),
    ):
        for name, measure in _MEASURES.items():
            found.append(_measure(f"{name} ({scope})", *(_mean(map(measure, rows)) for rows in sides)))
    return found


def _counts(common: Sequence[tuple[RouteRow, RouteRow]]) -> list[dict[str, Any]]:
    """Count infractions on the common routes, since more routes have more infractions."""
    found = []
    for kind, facts in KINDS.items():
        counts = [sum(pair[side].kinds.get(kind, 0) for pair in common) for side in (0, 1)]
        if kind != COMPLETION and any(counts):
            found.append(_measure(f"{facts.label} (count)", *counts))
    return found


def _measure(name: str, a: float | None, b: float | None) -> dict[str, Any]:
    return {"name": name, "a": _short(a), "b": _short(b), "delta": _delta(a, b)}


def _score(row: RouteRow, name: str) -> float | None:
    value = row.scores.get(name) if row.scores is not None else None
    return value if value is not None and math.isfinite(value) else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _short(math.fsum(known) / len(known)) if known else None


def _delta(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else _short(b - a)


def _short(value: float | None) -> float | None:
    return round(value, _DIGITS) if isinstance(value, float) else value
