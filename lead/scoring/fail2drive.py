"""Fail2Drive's tables: how much driving suffers when a known situation is replaced by an unknown variant of it.

Routes come in pairs, Base and Generalization, of 17 scenario classes in four groups. The official tool calls a route
successful when no infraction other than minimum speed and lanes was recorded, whatever its status: a simulator that
crashes early counts as a success. That value is kept for comparison; the corrected one also asks for the destination.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from lead.scoring.penalties import EventType
from lead.scoring.records import AGENT_SETUP_FAILED, INFRACTION_KEYS
from lead.scoring.results import RouteResult
from lead.scoring.schema import ResultError, plain_id

BASE = "Base"
GENERALIZATION = "Generalization"
SPLITS = (BASE, GENERALIZATION)
TWO_WAYS = "TwoWays"
CLASSES = (
    "Wall",
    "FullyBlocked",
    "PedestriansOnRoad",
    "ConstructionPedestrian",
    "BadParking",
    "ConstructionPermutations",
    "CustomObstacles",
    "ObscuredStop",
    "HardBrake",
    "RightOfWay",
    "Animals",
    "PedestrianOtherBlocker",
    "RightConstruction",
    "OppositeConstruction",
    "ImageOnObject",
    "PassableObstacles",
    "PedestrianCrowd",
)
GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Visual-lon": ("ObscuredStop", "HardBrake", "RightOfWay", "Animals", "PedestrianOtherBlocker"),
        "Visual-lat": ("BadParking", "ConstructionPermutations", "CustomObstacles"),
        "Behavior": ("Wall", "FullyBlocked", "PedestriansOnRoad", "ConstructionPedestrian"),
        "Robustness": (
            "RightConstruction",
            "OppositeConstruction",
            "ImageOnObject",
            "PassableObstacles",
            "PedestrianCrowd",
        ),
    }
)
GROUP_OF: Mapping[str, str] = MappingProxyType({name: group for group, names in GROUPS.items() for name in names})
TOLERATED = frozenset(
    INFRACTION_KEYS[kind] for kind in (EventType.MIN_SPEED_INFRACTION, EventType.OUTSIDE_ROUTE_LANES_INFRACTION)
)
_FILE_NAME = re.compile(rf"(?P<split>{BASE}|{GENERALIZATION})_(?P<scenario>[A-Za-z]+)_(?P<id>[0-9]+)(?:\.xml)?$")


@dataclass(frozen=True)
class Fail2DriveRoute:
    """One route of the benchmark, as its file name tells.

    Attributes:
        id: Number as written in the file name.
        split: "Base" or "Generalization".
        scenario: Class, without the suffix of two-way variants.
    """

    id: str
    split: str
    scenario: str


@dataclass(frozen=True)
class Row:
    """Result of one route and seed.

    Attributes:
        seed: Name of the run.
        route: The route.
        driving_score: Percent.
        route_completion: Percent.
        success: Success by the official rule.
        success_corrected: Success by the official rule, and the destination was reached.
        infrastructure_failed: The simulator failed, not the agent.
    """

    seed: str
    route: Fail2DriveRoute
    driving_score: float
    route_completion: float
    success: bool
    success_corrected: bool
    infrastructure_failed: bool


@dataclass(frozen=True)
class Rows:
    """All rows and what did not become one.

    Attributes:
        rows: In the order of runs and route files.
        missing: (seed, route) without a result.
        unknown: (seed, id) of results without a route file; not counted.
        dropped: (seed, id) whose agent could not be set up; not counted, as in the official tool.
    """

    rows: Sequence[Row]
    missing: Sequence[tuple[str, Fail2DriveRoute]]
    unknown: Sequence[tuple[str, str]]
    dropped: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Score:
    """Scores of some rows, all in percent; ``harmonic`` is that of the other two."""

    driving_score: float
    success_rate: float
    harmonic: float


@dataclass(frozen=True)
class Comparison:
    """Scores of both splits; None where a split has no row."""

    base: Score | None
    generalization: Score | None

    def change_percent(self, measure: str) -> float | None:
        """Return the relative change from Base to Generalization; None if it is undefined."""
        if self.base is None or self.generalization is None or getattr(self.base, measure) == 0.0:
            return None
        return float(100.0 * getattr(self.generalization, measure) / getattr(self.base, measure) - 100.0)


def route_from_name(name: str) -> Fail2DriveRoute:
    """Read split, class and id out of ``{Base,Generalization}_{Class}_{id}.xml``.

    Raises:
        ResultError: If the name has another form or the class is unknown.
    """
    match = _FILE_NAME.match(name)
    if match is None:
        raise ResultError(f"{name} is not named like a route of Fail2Drive, {BASE}_<Class>_<id>.xml")
    scenario = match["scenario"].removesuffix(TWO_WAYS)
    if scenario not in GROUP_OF:
        raise ResultError(f"{name}: {scenario} is not a scenario class of Fail2Drive")
    return Fail2DriveRoute(match["id"], match["split"], scenario)


def collect_rows(routes: Sequence[Fail2DriveRoute], results: Iterable[RouteResult]) -> Rows:
    """Match results with routes, by the number in the file names.

    Args:
        routes: Routes of the benchmark.
        results: Results of all seeds.
    """
    by_run: dict[str, dict[str, RouteResult]] = {}
    for result in results:
        by_run.setdefault(result.run, {})[plain_id(result.id)] = result
    known = {plain_id(route.id) for route in routes}
    rows, missing, unknown, dropped = [], [], [], []
    for seed in sorted(by_run):
        found = by_run[seed]
        unknown += [(seed, result.id) for number, result in found.items() if number not in known]
        for route in routes:
            own = found.get(plain_id(route.id))
            if own is None:
                missing.append((seed, route))
            elif own.record.status.endswith(AGENT_SETUP_FAILED):
                dropped.append((seed, own.id))
            else:
                rows.append(_row(seed, route, own))
    return Rows(rows, missing, unknown, dropped)


def _row(seed: str, route: Fail2DriveRoute, result: RouteResult) -> Row:
    record = result.record
    success = not any(messages for key, messages in record.infractions.items() if key not in TOLERATED)
    return Row(
        seed=seed,
        route=route,
        driving_score=record.scores["score_composed"],
        route_completion=record.scores["score_route"],
        success=success,
        success_corrected=success and result.reached_goal,
        infrastructure_failed=result.infrastructure_failed,
    )


def official_success(row: Row) -> bool:
    """Success as the official tool counts it."""
    return row.success


def corrected_success(row: Row) -> bool:
    """Success that also asks for the destination."""
    return row.success_corrected


def compare(
    rows: Iterable[Row],
    success: Callable[[Row], bool] = official_success,
    *,
    digits: int | None = None,
) -> Comparison:
    """Score both splits.

    Args:
        rows: Rows of all seeds that shall count.
        success: Which success.
        digits: Round driving score and success rate to so many digits before their harmonic mean is taken, as the
            main table does (1); None does not round (groups and classes).
    """
    listed = list(rows)
    halves = [[row for row in listed if row.route.split == split] for split in SPLITS]
    return Comparison(*(_score(half, success, digits) if half else None for half in halves))


def compare_groups(rows: Sequence[Row], success: Callable[[Row], bool] = official_success) -> dict[str, Comparison]:
    """Score both splits of every group that has rows."""
    found = {group: [row for row in rows if GROUP_OF[row.route.scenario] == group] for group in GROUPS}
    return {group: compare(part, success) for group, part in found.items() if part}


def compare_classes(rows: Sequence[Row], success: Callable[[Row], bool] = official_success) -> dict[str, Comparison]:
    """Score both splits of every scenario class that has rows, in the official order."""
    found = {name: [row for row in rows if row.route.scenario == name] for name in CLASSES}
    return {name: compare(part, success) for name, part in found.items() if part}


def _score(rows: Sequence[Row], success: Callable[[Row], bool], digits: int | None) -> Score:
    driving_score = math.fsum(row.driving_score for row in rows) / len(rows)
    success_rate = 100.0 * sum(map(success, rows)) / len(rows)
    if digits is not None:
        driving_score, success_rate = round(driving_score, digits), round(success_rate, digits)
    return Score(driving_score, success_rate, harmonic_mean(driving_score, success_rate))


def harmonic_mean(first: float, second: float) -> float:
    """Return the harmonic mean of two numbers, 0 if one of them is 0."""
    return 2.0 / (1.0 / first + 1.0 / second) if first and second else 0.0


def latex_row(method: str, bench2drive_score: float | None, comparison: Comparison) -> str:
    """Return the row of the publication's table.

    Args:
        method: Name of the method.
        bench2drive_score: Its driving score on Bench2Drive; a dash if None.
        comparison: Rounded comparison of all rows.

    Raises:
        ResultError: If a split has no row.
    """
    base, general = comparison.base, comparison.generalization
    if base is None or general is None:
        raise ResultError("the table needs results of both splits, Base and Generalization")
    cells = [method, "-" if bench2drive_score is None else f"{bench2drive_score:.1f}"]
    cells += [f"{value:.1f}" for value in (base.driving_score, base.success_rate, base.harmonic)]
    for measure in ("driving_score", "success_rate", "harmonic"):
        change = comparison.change_percent(measure)
        text = "-" if change is None else f"{change:.1f}"
        cells.append(rf"{getattr(general, measure):.1f} \scriptsize{{({text}\%)}}")
    return " & ".join(cells) + r"\\"
