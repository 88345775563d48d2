"""Records: the score of one route and the summary over all routes, in the layout of the public result files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

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
ALL_INFRACTION_KEYS = (*INFRACTION_KEYS.values(), ROUTE_TIMEOUT_KEY)

FAILED = "Failed"
DEVIATED = "Agent deviated from the route"
BLOCKED = "Agent got blocked"
TIMED_OUT = "Agent timed out"
SIMULATION_CRASHED = "Simulation crashed"
AGENT_CRASHED = "Agent crashed"
AGENT_SETUP_FAILED = "Agent couldn't be set up"
SENSORS_INVALID = "Agent's sensors were invalid"

SCORE_DIGITS = 6
META_DIGITS = 3
STD_DIGITS = 3
RATE_DIGITS = 3
MIN_DRIVEN_KM = 0.001
_METRES_TOKEN = 8


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
    """

    index: int
    route_id: str
    status: str
    num_infractions: int
    infractions: dict[str, list[str]]
    scores: dict[str, float]
    meta: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """Return the record as plain JSON data."""
        return asdict(self)

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
        failure: Reason when something other than the driving ended it (crash, set-up), else empty.
    """

    route_id: str
    events: Sequence[RouteEvent]
    length_m: float
    duration_game_s: float
    duration_system_s: float
    timed_out: bool = False
    failure: str = ""


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
    )


def _status(score_route: float, infraction_count: int, failure: str) -> str:
    if failure:
        return f"{FAILED} - {failure}"
    if score_route < 100.0:
        return FAILED
    return "Completed" if infraction_count else "Perfect"


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
    return "Completed" if any(record.status == "Completed" for record in records) else "Perfect"


def _rates(records: Sequence[RouteRecord]) -> dict[str, float]:
    driven_m = sum(record.meta["route_length"] * record.scores["score_route"] / 100.0 for record in records)
    driven_km = max(driven_m / 1000.0, MIN_DRIVEN_KM)
    rates = {}
    for key in ALL_INFRACTION_KEYS:
        messages = [message for record in records for message in record.infractions[key]]
        if key == OUTSIDE_LANES_KEY:
            rates[key] = round(sum(outside_metres(message) for message in messages) / 1000.0, RATE_DIGITS)
        else:
            rates[key] = round(len(messages) / driven_km, RATE_DIGITS)
    return rates


def outside_metres(message: str) -> float:
    """Read the metres driven outside the route's lanes: the ninth word of the message, as public tools do."""
    return float(message.split(" ")[_METRES_TOKEN])
