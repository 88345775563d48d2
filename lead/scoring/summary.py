"""What every benchmark's report begins with: scores, runs, infractions, failures and what is missing.

The official score counts a missing route as zero. Next to it stands the score over the routes that the
infrastructure carried to an end, because an evaluation with crashed simulators says nothing about the agent there.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from lead.scoring.bench2drive.merge import is_success
from lead.scoring.endpoint import INFRACTION_LABELS
from lead.scoring.expected import ExpectedRoute
from lead.scoring.fail2drive import route_from_name
from lead.scoring.intervals import Estimate, estimate
from lead.scoring.messages import outside_metres
from lead.scoring.profiles import PROFILES, BenchmarkProfile
from lead.scoring.records import OUTSIDE_LANES_KEY, driven_km
from lead.scoring.results import Results, RouteResult
from lead.scoring.schema import ResultError, plain_id
from lead.scoring.tables import Cell, Table

MEASURES: Mapping[str, Callable[[RouteResult], float]] = {
    "Driving score": lambda result: result.record.scores["score_composed"],
    "Route completion": lambda result: result.record.scores["score_route"],
    "Infraction penalty": lambda result: result.record.scores["score_penalty"],
    "Success rate": lambda result: 100.0 * is_success(result.record),
}
SUCCESS_RATE = "Success rate"


_LABEL_NUMBER = re.compile(r"_\d+$")
"""Labels of scenarios are the class with a number."""


@dataclass(frozen=True)
class Problem:
    """A route without a score of its own.

    Attributes:
        kind: "missing", "infrastructure" or "agent crash".
        run: Name of the run.
        route_id: Id; empty if only the number of missing routes is known.
        scenario: Scenario class, if known.
        reason: Words.
    """

    kind: str
    run: str
    route_id: str
    scenario: str
    reason: str


@dataclass(frozen=True)
class Evaluation:
    """Results together with what they are measured against.

    Attributes:
        results: What was driven.
        profile: Rules of the benchmark.
        expected: Routes by id, from route files; empty if none were given.
        routes_per_run: Number of routes of one run, the divisor of official means.
        unknown: Results without a route file, left out (Fail2Drive, whose tool ignores them).
    """

    results: Results
    profile: BenchmarkProfile
    expected: Mapping[str, ExpectedRoute]
    routes_per_run: int
    unknown: Sequence[RouteResult] = ()

    def measures(self) -> dict[str, Callable[[RouteResult], float]]:
        """Return the measures of the benchmark; Fail2Drive has a success rate of its own."""
        own = self.profile.name == "fail2drive"
        return {name: measure for name, measure in MEASURES.items() if not (own and name == SUCCESS_RATE)}

    def scenario(self, route_id: str, result: RouteResult | None = None) -> str:
        """Return the scenario class a route stands for; empty if it is not known.

        Args:
            route_id: Id of the route.
            result: Its result; Bench2Drive's records name the scenario themselves.
        """
        if route_id in self.expected:
            route = self.expected[route_id]
            return route_from_name(route.stem).scenario if self.profile.name == "fail2drive" else route.scenario
        label = result.record.labels.scenario_name if result is not None and result.record.labels else ""
        return _LABEL_NUMBER.sub("", label)

    def classes(self, result: RouteResult) -> list[str]:
        """Return all scenario classes that a route tests, as far as they are known."""
        if result.id in self.expected and self.profile.name != "fail2drive":
            return sorted({scenario.type for scenario in self.expected[result.id].route.scenarios})
        return [name] if (name := self.scenario(result.id, result)) else []

    def towns(self) -> dict[str, str]:
        """Return the known towns by route id."""
        known = {r.id: r.record.labels.town_name for r in self.results.routes if r.record.labels is not None}
        return known | {route_id: expected.route.town for route_id, expected in self.expected.items()}

    def missing_count(self) -> int:
        """Return the number of routes without a result, over all runs."""
        return sum(self.routes_per_run - len(self.results.of_run(run)) for run in self.results.runs)


def evaluation(results: Results, profile: BenchmarkProfile, expected: Mapping[str, ExpectedRoute]) -> Evaluation:
    """Put an evaluation together.

    The number of routes is the benchmark's; for benchmarks of any length it comes from the route files, else from
    the result file itself, else it is the number of different routes found.

    Raises:
        ResultError: If the results do not fit the routes or the rules.
    """
    check_profiles(results, profile)
    unknown: list[RouteResult] = []
    if profile.name == "fail2drive":
        expected = {plain_id(route_from_name(route.stem).id): route for route in expected.values()}
    if expected:
        unknown = [result for result in results.routes if result.id not in expected]
    if unknown and profile.name != "fail2drive":
        names = ", ".join(sorted({result.id for result in unknown})[:5])
        raise ResultError(f"there are results of routes that the route files do not contain: {names}")
    if unknown:
        known = [result for result in results.routes if result.id in expected]
        if not known:
            raise ResultError("none of the results belongs to a route of the route files")
        results = replace(results, routes=known)
    largest = max(len(results.of_run(run)) for run in results.runs)
    different = len({result.id for result in results.routes})
    count = profile.route_count or len(expected) or max(results.total_routes or 0, different)
    if largest > count:
        raise ResultError(
            f"there are results of {largest} routes in one run, but {profile.title} has {count}; "
            "this is another benchmark's evaluation, or several runs in one folder"
        )
    return Evaluation(results, profile, expected, count, unknown)


def check_profiles(results: Results, profile: BenchmarkProfile) -> None:
    """Refuse results that were driven under other rules.

    Versions of a benchmark with the same driving rules (Bench2Drive 0.0.3 and 0.0.4) are told apart by their tables
    only and may be scored as each other.

    Raises:
        ResultError: If they were; says which.
    """
    for key in sorted(results.profiles):
        if key == profile.key:
            continue
        driven = PROFILES.get(key)
        if driven is None or driven.name != profile.name or _driving_rules(driven) != _driving_rules(profile):
            raise ResultError(
                f"these routes were driven under {key}, and scores of {profile.key} were asked for; the rules differ, "
                f"so drive the routes under {profile.name} or score them with --benchmark {key}"
            )


def _driving_rules(profile: BenchmarkProfile) -> dict[str, Any]:
    return {key: value for key, value in profile.as_json().items() if key not in ("version", "title")}


def scores(data: Evaluation) -> dict[str, dict[str, Estimate | None]]:
    """Return every measure as official and as completed-only estimate."""
    results = data.results
    runs = [results.of_run(run) for run in results.runs]
    completed = [[result for result in run if not result.infrastructure_failed] for run in runs]
    found = {}
    for name, measure in data.measures().items():
        official = [[*map(measure, run), *[0.0] * (data.routes_per_run - len(run))] for run in runs]
        found[name] = {
            "official": estimate(official),
            "completed only": estimate([list(map(measure, run)) for run in completed]),
        }
    return found


def scores_json(data: Evaluation) -> dict[str, Any]:
    """Return :func:`scores` as plain JSON data."""
    return {
        name: {kind: asdict(value) if value else None for kind, value in both.items()}
        for name, both in scores(data).items()
    }


def score_table(data: Evaluation) -> Table:
    """Return official and completed-only scores with their intervals."""
    rows = []
    method = ""
    for name, both in scores(data).items():
        row: list[Cell] = [name]
        for value in both.values():
            row += [value.mean if value else None, interval_text(value)]
            method = method or (value.method if value else "")
        rows.append(row)
    note = (
        f"Official: mean over the {data.routes_per_run} routes of a run, missing ones count 0. Completed only: "
        "without missing routes and failures of the infrastructure."
    )
    columns = ("measure", "official", "95 % interval", "completed only", "95 % interval (completed)")
    return Table("Scores", columns, rows, note + (f" Interval: {method}." if method else ""), digits=3)


def interval_text(value: Estimate | None) -> str | None:
    """Return an interval as text; None if there is none."""
    if value is None or value.low is None or value.high is None:
        return None
    return f"{value.low:.2f} to {value.high:.2f}"


def run_table(data: Evaluation) -> Table:
    """Return one row per run."""
    rows: list[list[Cell]] = []
    for run in data.results.runs:
        found = data.results.of_run(run)
        failed = sum(result.infrastructure_failed for result in found)
        crashed = sum(result.agent_crashed for result in found)
        sums = [sum(map(measure, found)) / data.routes_per_run for measure in data.measures().values()]
        rows.append([run, len(found), data.routes_per_run - len(found), failed, crashed, *sums])
    shorts = ("DS", "RC", "IS", "SR")[: len(data.measures())]
    columns = ("run", "routes", "missing", "infra-failed", "crashed", *shorts)
    return Table("Runs (missing routes count 0)", columns, rows, digits=3)


def infraction_table(data: Evaluation) -> Table:
    """Return counts and counts per kilometre of every kind of infraction, over all runs."""
    records = [result.record for result in data.results.routes]
    with_length = [record for record in records if record.meta]
    kilometres = driven_km(with_length)
    rows: list[list[Cell]] = []
    for label, key in INFRACTION_LABELS:
        count = sum(len(record.infractions[key]) for record in records)
        if key == OUTSIDE_LANES_KEY:
            metres = sum(outside_metres(text) for record in with_length for text in record.infractions[key])
            rows.append([f"{label} (km outside per km)", count, _ratio(metres / 1000.0, kilometres)])
        else:
            total = sum(len(record.infractions[key]) for record in with_length)
            rows.append([label, count, _ratio(total, kilometres)])
    note = f"{kilometres:.3f} km driven."
    if len(with_length) < len(records):
        note += f" {len(records) - len(with_length)} records state no length and are left out of the last column."
    return Table("Infractions", ("infraction", "count", "per km"), rows, note, digits=3)


def _ratio(amount: float, kilometres: float) -> float | None:
    return amount / kilometres if kilometres > 0.0 else None


def status_table(data: Evaluation) -> Table:
    """Return how many routes ended in which way."""
    counts = Counter(result.record.status for result in data.results.routes)
    rows: list[list[Cell]] = [[status, count] for status, count in sorted(counts.items())]
    if missing := data.missing_count():
        rows.append(["(missing)", missing])
    return Table("Endings", ("status", "routes"), rows)


def scenario_table(data: Evaluation) -> Table | None:
    """Return successes and failures per scenario class; None if no class is known."""
    groups: dict[str, list[RouteResult]] = defaultdict(list)
    for result in data.results.routes:
        for name in data.classes(result):
            groups[name].append(result)
    if not groups:
        return None
    rows: list[list[Cell]] = []
    for name, found in sorted(groups.items()):
        infrastructure = sum(result.infrastructure_failed for result in found)
        successes = sum(is_success(result.record) for result in found if not result.infrastructure_failed)
        mean = sum(result.record.scores["score_composed"] for result in found) / len(found)
        rows.append([name, len(found), successes, len(found) - successes - infrastructure, infrastructure, mean])
    columns = ("scenario class", "routes", "successes", "failures", "infra-failed", "mean DS")
    note = (
        "Success: destination reached, no infraction but minimum speed. A route with several scenario classes counts "
        "in each of them."
    )
    return Table("Failures per scenario class", columns, rows, note)


def problems(data: Evaluation) -> list[Problem]:
    """List routes that are missing, lost to the infrastructure or ended by a crash of the agent."""
    found = []
    for run in data.results.runs:
        results = data.results.of_run(run)
        for result in results:
            if result.infrastructure_failed or result.agent_crashed:
                kind = "infrastructure" if result.infrastructure_failed else "agent crash"
                status = result.record.status
                found.append(Problem(kind, run, result.id, data.scenario(result.id, result), status))
        driven = {result.id for result in results}
        named = [key for key in data.expected if key not in driven]
        for route_id in named:
            scenario = data.scenario(route_id)
            found.append(Problem("missing", run, route_id, scenario, "no result"))
        unnamed = data.routes_per_run - len(results) - len(named)
        if unnamed > 0:
            found.append(Problem("missing", run, "", "", f"{unnamed} further routes have no result"))
    return found


def problem_table(found: Sequence[Problem]) -> Table | None:
    """Return the problems as a table; None if there is none."""
    if not found:
        return None
    rows = [[each.kind, each.run, each.route_id, each.scenario, each.reason] for each in found]
    return Table("Missing and failed routes", ("kind", "run", "route", "scenario class", "reason"), rows)
