"""Multi-ability table of Bench2Drive, in the two versions that publications use.

Every route belongs to the abilities of its scenario class. Traffic signs has a rule of its own: the junction must
have been passed without running a light or stop sign. Version 0.0.3 counted such routes twice, once for success and
once for the sign rule; version 0.0.4 counts them once, and either suffices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from lead.scoring.bench2drive.merge import is_success
from lead.scoring.penalties import EventType
from lead.scoring.records import INFRACTION_KEYS, RouteRecord
from lead.scoring.schema import ResultError

TRAFFIC_SIGNS = "Traffic_Signs"
TRIGGER_POINTS = 8
"""Route points (metres) beyond the first one inside the junction that must have been passed."""
COUNTED_TWICE_VERSION = "0.0.3"

_TURNS = (
    "NonSignalizedJunctionLeftTurn",
    "NonSignalizedJunctionRightTurn",
    "NonSignalizedJunctionLeftTurnEnterFlow",
    "SignalizedJunctionLeftTurn",
    "SignalizedJunctionRightTurn",
    "SignalizedJunctionLeftTurnEnterFlow",
)
_JUNCTION_HAZARDS = (
    "BlockedIntersection",
    "OppositeVehicleTakingPriority",
    "OppositeVehicleRunningRedLight",
    "PedestrianCrossing",
    "VehicleTurningRoute",
    "VehicleTurningRoutePedestrian",
)
ABILITIES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "Overtaking": frozenset(
            (
                "Accident",
                "AccidentTwoWays",
                "ConstructionObstacle",
                "ConstructionObstacleTwoWays",
                "HazardAtSideLane",
                "HazardAtSideLaneTwoWays",
                "ParkedObstacle",
                "ParkedObstacleTwoWays",
                "VehicleOpensDoorTwoWays",
            )
        ),
        "Merging": frozenset(
            (
                "CrossingBicycleFlow",
                "EnterActorFlow",
                "HighwayCutIn",
                "HighwayExit",
                "InterurbanActorFlow",
                "InterurbanAdvancedActorFlow",
                "MergerIntoSlowTraffic",
                "MergerIntoSlowTrafficV2",
                "ParkingExit",
                "SequentialLaneChange",
                *_TURNS,
            )
        ),
        "Emergency_Brake": frozenset(
            (
                "ControlLoss",
                "DynamicObjectCrossing",
                "HardBreakRoute",
                "ParkingCrossingPedestrian",
                "ParkingCutIn",
                "StaticCutIn",
                *_JUNCTION_HAZARDS,
            )
        ),
        "Give_Way": frozenset(("InvadingTurn", "YieldToEmergencyVehicle")),
        TRAFFIC_SIGNS: frozenset(
            (
                "CrossingBicycleFlow",
                "EnterActorFlow",
                "T_Junction",
                "VanillaNonSignalizedTurn",
                "VanillaNonSignalizedTurnEncounterStopsign",
                "VanillaSignalizedTurnEncounterGreenLight",
                "VanillaSignalizedTurnEncounterRedLight",
                *_TURNS,
                *_JUNCTION_HAZARDS,
            )
        ),
    }
)
"""Scenario classes of every ability."""


@dataclass(frozen=True)
class JunctionFacts:
    """Where a route meets its first junction.

    Attributes:
        first_junction_index: Index of the first route point (1 m spacing) inside a junction; None if there is none.
        route_points: Number of route points.
    """

    first_junction_index: int | None
    route_points: int


@dataclass(frozen=True)
class AbilityTable:
    """Shares of successful routes.

    Attributes:
        version: Version of the rules.
        counts: Successes and routes by ability.
        crashed: (scenario class, route id) of routes without a record; they are not counted.
    """

    version: str
    counts: Mapping[str, tuple[int, int]]
    crashed: Sequence[tuple[str, str]]

    def share(self, ability: str) -> float | None:
        """Return the share of an ability; None if no route of it was driven."""
        successes, routes = self.counts[ability]
        return successes / routes if routes else None

    @property
    def mean(self) -> float | None:
        """Mean of the five shares; None while one of them is unknown."""
        shares = [self.share(ability) for ability in self.counts]
        known = [share for share in shares if share is not None]
        return sum(known) / len(known) if len(known) == len(shares) else None

    def as_json(self) -> dict[str, Any]:
        """Return the content of ``<result>_ability.json``, with the version added."""
        shares: dict[str, Any] = {ability: self.share(ability) for ability in self.counts}
        return {**shares, "mean": self.mean, "crashed": [list(pair) for pair in self.crashed], "version": self.version}


def needs_junction(scenario: str, record: RouteRecord, version: str) -> bool:
    """Tell whether the table cannot be made without the junction facts of a route."""
    if scenario not in ABILITIES[TRAFFIC_SIGNS] or not _obeyed_signs(record):
        return False
    return version == COUNTED_TWICE_VERSION or not is_success(record)


def ability_table(
    scenarios: Mapping[str, str],
    records: Mapping[str, RouteRecord],
    junctions: Mapping[str, JunctionFacts],
    version: str,
) -> AbilityTable:
    """Make the table of one run.

    Args:
        scenarios: Class of the first scenario by route id, for all routes of the benchmark.
        records: Records by route id.
        junctions: Junction facts by route id, at least where :func:`needs_junction` says so.
        version: "0.0.3" or "0.0.4".

    Returns:
        The table.

    Raises:
        ResultError: If a junction fact is missing.
    """
    successes = dict.fromkeys(ABILITIES, 0)
    totals = dict.fromkeys(ABILITIES, 0)
    crashed = []
    for route_id, scenario in scenarios.items():
        record = records.get(route_id)
        if record is None:
            crashed.append((scenario, route_id))
            continue
        success = is_success(record)
        for ability, classes in ABILITIES.items():
            if scenario not in classes:
                continue
            passes = [success]
            if ability == TRAFFIC_SIGNS:
                signs = needs_junction(scenario, record, version) and _passed_junction(record, junctions, route_id)
                passes = [success, signs] if version == COUNTED_TWICE_VERSION else [success or signs]
            successes[ability] += sum(passes)
            totals[ability] += len(passes)
    return AbilityTable(version, {name: (successes[name], totals[name]) for name in ABILITIES}, crashed)


def _obeyed_signs(record: RouteRecord) -> bool:
    keys = (INFRACTION_KEYS[EventType.STOP_INFRACTION], INFRACTION_KEYS[EventType.TRAFFIC_LIGHT_INFRACTION])
    return not any(record.infractions[key] for key in keys)


def _passed_junction(record: RouteRecord, junctions: Mapping[str, JunctionFacts], route_id: str) -> bool:
    if route_id not in junctions:
        raise ResultError(f"the ability table needs to know where route {route_id} meets its first junction")
    facts = junctions[route_id]
    if facts.first_junction_index is None:
        return False
    needed = (facts.first_junction_index + 1 + TRIGGER_POINTS) / facts.route_points
    return record.scores["score_route"] / 100.0 > needed
