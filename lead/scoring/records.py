"""Records: the score of one route and the summary over all routes, in the layout of the public result files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lead.scoring.messages import outside_metres
from lead.scoring.penalties import EventType, PenaltyTable, RouteEvent

INFRACTION_KEYS: Mapping[EventType, str] = {
    EventType.COLLISION_STATIC: "collisions_layout",
    EventType.COLLISION_PEDESTRIAN: "collisions_pedestrian",
    EventType.COLLISION_VEHICLE: "collisions_vehicle",
    EventType.TRAFFIC_LIGHT_INFRACTION: "red_light",
    EventType.STOP_INFRACTION: "stop_infraction",
    EventType.OUTSIDE_ROUTE_LANES_INFRACTION: "outside_route_lanes",
    EventType.MIN_SPEED_INFRACTION: "min_speed_infractions",
    EventType.YIELD_TO_EMERGENCY_VEHICLE: "yield_emergency_vehicle_infractions",
    EventType.SCENARIO_TIMEOUT: "scenario_timeouts",
    EventType.ROUTE_DEVIATION: "route_dev",
    EventType.VEHICLE_BLOCKED: "vehicle_blocked",
}
ROUTE_TIMEOUT_KEY = "route_timeout"
OUTSIDE_LANES_KEY = INFRACTION_KEYS[EventType.OUTSIDE_ROUTE_LANES_INFRACTION]
MIN_SPEED_KEY = INFRACTION_KEYS[EventType.MIN_SPEED_INFRACTION]
ALL_INFRACTION_KEYS = (*INFRACTION_KEYS.values(), ROUTE_TIMEOUT_KEY)

FAILED = "Failed"
DEVIATED = "Agent deviated from the route"
BLOCKED = "Agent got blocked"
TIMED_OUT = "Agent timed out"
SIMULATION_CRASHED = "Simulation crashed"
AGENT_CRASHED = "Agent crashed"
AGENT_SETUP_FAILED = "Agent couldn't be set up"
SENSORS_INVALID = "Agent's sensors were invalid"
TICK_RUNTIME = "TickRuntime"
GIVEN_UP = "Given up"
"""Not published: a drive to learn from ended with the first event for which it must not be learnt from."""
COMPLETED = "Completed"
PERFECT = "Perfect"

SCORE_DIGITS = 6
META_DIGITS = 3
STD_DIGITS = 3
RATE_DIGITS = 3
MIN_DRIVEN_KM = 0.001


@dataclass(frozen=True)
class RouteLabels:
    """Fields that Bench2Drive adds to records.

    Attributes:
        scenario_name: Label of the route's first scenario, such as "Accident_1".
        weather_id: Number of the weather preset, a text in files of the official evaluator; None if it is no preset.
        save_name: Name of the folder with the route's ``metric_info.json``.
        town_name: Town.
    """

    scenario_name: str
    weather_id: int | str | None
    save_name: str
    town_name: str


@dataclass(frozen=True)
class RouteRecord:
    """Result of one route; field names and nesting are those of the result file.

    Attributes:
        index: Position among the evaluated routes.
        route_id: ``RouteScenario_<id>_rep<k>``.
        status: "Perfect", "Completed", "Failed" or "Failed - <reason>".
        num_infractions: Number of messages in ``infractions``.
        infractions: Messages by kind; all kinds are present.
        scores: score_route (percent), score_penalty, score_composed.
        meta: route_length in metres, duration_game and duration_system in seconds.
        labels: Bench2Drive's additions, None elsewhere.
    """

    index: int
    route_id: str
    status: str
    num_infractions: int
    infractions: dict[str, list[str]]
    scores: dict[str, float]
    meta: dict[str, float]
    labels: RouteLabels | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the record as plain JSON data, keys in the public order."""
        data: dict[str, Any] = {"index": self.index, "route_id": self.route_id}
        labels = self.labels
        if labels is not None:
            data["scenario_name"] = labels.scenario_name
            data["weather_id"] = labels.weather_id
            data["save_name"] = labels.save_name
        data["status"] = self.status
        data["num_infractions"] = self.num_infractions
        data["infractions"] = {kind: list(messages) for kind, messages in self.infractions.items()}
        data["scores"] = dict(self.scores)
        data["meta"] = dict(self.meta)
        if labels is not None:
            data["town_name"] = labels.town_name
        return data

    @property
    def is_failed(self) -> bool:
        """True unless the destination was reached."""
        return FAILED in self.status


@dataclass(frozen=True)
class RouteRun:
    """What the evaluation measured on one route.

    Attributes:
        route_id: ``RouteScenario_<id>_rep<k>``.
        events: Events in order of appearance; the completion event carries the driven percentage.
        length_m: Length of the dense route.
        duration_game_s: Simulated time.
        duration_system_s: Wall time.
        timed_out: True if the route's time limit ended the drive.
        failure: Reason when something other than the driving ended it (crash, set-up, tick limit), else empty.
        labels: Additions to the record; given under profiles with ``bench2drive_records``.
    """

    route_id: str
    events: Sequence[RouteEvent]
    length_m: float
    duration_game_s: float
    duration_system_s: float
    timed_out: bool = False
    failure: str = ""
    labels: RouteLabels | None = None


def route_record(run: RouteRun, index: int, table: PenaltyTable) -> RouteRecord:
    """Score one route.

    Args:
        run: Measurements.
        index: Position among the evaluated routes.
        table: Penalty rules.

    Returns:
        The record, rounded as in the public result files.
    """
    infractions: dict[str, list[str]] = {key: [] for key in ALL_INFRACTION_KEYS}
    failure = run.failure
    score_route = 0.0
    for event in run.events:
        if event.type is EventType.ROUTE_COMPLETION:
            score_route = event.values["route_completed"]
            continue
        infractions[INFRACTION_KEYS[event.type]].append(event.message)
        if event.type is EventType.ROUTE_DEVIATION:
            failure = DEVIATED
        elif event.type is EventType.VEHICLE_BLOCKED:
            failure = BLOCKED
    if run.timed_out:
        infractions[ROUTE_TIMEOUT_KEY].append("Route timeout.")
        failure = TIMED_OUT
    penalty = table.score_penalty(run.events)
    count = sum(len(messages) for messages in infractions.values())
    return RouteRecord(
        index=index,
        route_id=run.route_id,
        status=_status(score_route, count, failure),
        num_infractions=count,
        infractions=infractions,
        scores={
            "score_route": round(score_route, SCORE_DIGITS),
            "score_penalty": round(penalty, SCORE_DIGITS),
            "score_composed": round(max(score_route * penalty, 0.0), SCORE_DIGITS),
        },
        meta={
            "route_length": round(run.length_m, META_DIGITS),
            "duration_game": round(run.duration_game_s, META_DIGITS),
            "duration_system": round(run.duration_system_s, META_DIGITS),
        },
        labels=run.labels,
    )


def _status(score_route: float, infraction_count: int, failure: str) -> str:
    if failure:
        return f"{FAILED} - {failure}"
    if score_route < 100.0:
        return FAILED
    return COMPLETED if infraction_count else PERFECT


def global_record(records: Sequence[RouteRecord], total_routes: int) -> dict[str, Any]:
    """Summarise all routes as the public result files do.

    Args:
        records: Finished routes.
        total_routes: Number of routes of the evaluation; missing ones count as zero.

    Returns:
        JSON data: mean and standard deviation of the scores, infractions per kilometre (lanes: kilometres).
    """
    names = ("score_composed", "score_route", "score_penalty")
    columns = {name: [record.scores[name] for record in records] for name in names}
    means = {name: sum(values) / total_routes for name, values in columns.items()}
    return {
        "index": -1,
        "route_id": -1,
        "status": _global_status(records),
        "infractions": _rates(records),
        "scores_mean": {name: round(mean, SCORE_DIGITS) for name, mean in means.items()},
        "scores_std_dev": {name: _deviation(values, means[name], total_routes) for name, values in columns.items()},
        "meta": {
            "total_length": sum(record.meta["route_length"] for record in records),
            "duration_game": sum(record.meta["duration_game"] for record in records),
            "duration_system": sum(record.meta["duration_system"] for record in records),
            "exceptions": [[r.route_id, r.index, r.status] for r in records if r.is_failed],
        },
    }


def _deviation(values: Sequence[float], mean: float, total_routes: int) -> float:
    """Return the deviation as the public tools compute it: finished routes around the mean over all routes."""
    if total_routes < 2:
        return 0
    return round(math.sqrt(sum((value - mean) ** 2 for value in values) / (total_routes - 1)), STD_DIGITS)


def _global_status(records: Sequence[RouteRecord]) -> str:
    if any(record.is_failed for record in records):
        return FAILED
    return COMPLETED if any(record.status == COMPLETED for record in records) else PERFECT


def _rates(records: Sequence[RouteRecord]) -> dict[str, float]:
    kilometres = max(driven_km(records), MIN_DRIVEN_KM)
    rates = {}
    for key in ALL_INFRACTION_KEYS:
        messages = [message for record in records for message in record.infractions[key]]
        if key == OUTSIDE_LANES_KEY:
            rates[key] = round(sum(outside_metres(message) for message in messages) / 1000.0, RATE_DIGITS)
        else:
            rates[key] = round(len(messages) / kilometres, RATE_DIGITS)
    return rates


def driven_km(records: Sequence[RouteRecord]) -> float:
    """Return the kilometres driven: route length times completion, summed over the records."""
    return sum(record.meta["route_length"] * record.scores["score_route"] / 100.0 for record in records) / 1000.0
