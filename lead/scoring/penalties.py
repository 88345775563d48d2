"""What happened on a route, and what each event costs, as data.

A benchmark differs from another mainly in its penalty table, so the table is a value that is passed around and
written down, not a set of constants inside the scoring code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType


class EventType(str, Enum):
    """Kinds of events, named as in CARLA's leaderboard."""

    ROUTE_COMPLETION = "ROUTE_COMPLETION"
    COLLISION_STATIC = "COLLISION_STATIC"
    COLLISION_PEDESTRIAN = "COLLISION_PEDESTRIAN"
    COLLISION_VEHICLE = "COLLISION_VEHICLE"
    TRAFFIC_LIGHT_INFRACTION = "TRAFFIC_LIGHT_INFRACTION"
    STOP_INFRACTION = "STOP_INFRACTION"
    OUTSIDE_ROUTE_LANES_INFRACTION = "OUTSIDE_ROUTE_LANES_INFRACTION"
    MIN_SPEED_INFRACTION = "MIN_SPEED_INFRACTION"
    YIELD_TO_EMERGENCY_VEHICLE = "YIELD_TO_EMERGENCY_VEHICLE"
    SCENARIO_TIMEOUT = "SCENARIO_TIMEOUT"
    ROUTE_DEVIATION = "ROUTE_DEVIATION"
    VEHICLE_BLOCKED = "VEHICLE_BLOCKED"


@dataclass(frozen=True)
class RouteEvent:
    """One event of a route.

    Attributes:
        type: Kind.
        message: Sentence for people; tools read some numbers out of it.
        values: "route_completed" (percent) for completions, "percentage" for minimum speed and lanes,
            "distance" (metres) for lanes.
        frame: Simulator frame, -1 if unknown.
    """

    type: EventType
    message: str
    values: Mapping[str, float] = field(default_factory=dict)
    frame: int = -1


@dataclass(frozen=True)
class PenaltyTable:
    """Cost of events under one benchmark.

    Attributes:
        name: Name of the scoring rules.
        costs: Cost per event of a kind; kinds not listed cost nothing here. A factor on the score in product
            tables, a summand in additive ones.
        min_speed_weight: Cost of a standstill compared with the traffic, per checkpoint; 0 if it costs nothing.
        additive: Combine costs as 1 / (1 + sum) instead of a product (leaderboard 2.1).
    """

    name: str
    costs: Mapping[EventType, float]
    min_speed_weight: float
    additive: bool = False

    def score_penalty(self, events: Iterable[RouteEvent]) -> float:
        """Combine the cost of all events.

        Args:
            events: Events in the order of appearance (it decides the rounding of the last digit).

        Returns:
            Factor on the route completion, 1 for a clean drive. Minimum-speed percentages above 100 would raise
            it, as in the public leaderboard; its criterion never reports them.
        """
        factor, added = 1.0, 0.0
        for event in events:
            if event.type is EventType.OUTSIDE_ROUTE_LANES_INFRACTION:
                factor *= 1.0 - event.values["percentage"] / 100.0
                continue
            if event.type is EventType.MIN_SPEED_INFRACTION:
                cost = self.min_speed_weight * (1.0 - event.values["percentage"] / 100.0)
                cost = cost if self.additive else 1.0 - cost
            else:
                cost = self.costs.get(event.type, 0.0 if self.additive else 1.0)
            if self.additive:
                added += cost
            else:
                factor *= cost
        return factor / (1.0 + added)


_FACTORS_2_0: Mapping[EventType, float] = MappingProxyType(
    {
        EventType.COLLISION_PEDESTRIAN: 0.5,
        EventType.COLLISION_VEHICLE: 0.6,
        EventType.COLLISION_STATIC: 0.65,
        EventType.TRAFFIC_LIGHT_INFRACTION: 0.7,
        EventType.STOP_INFRACTION: 0.8,
        EventType.SCENARIO_TIMEOUT: 0.7,
        EventType.YIELD_TO_EMERGENCY_VEHICLE: 0.7,
    }
)

LEADERBOARD_2_0 = PenaltyTable(name="leaderboard_2.0", costs=_FACTORS_2_0, min_speed_weight=0.3)
"""Rules of CARLA leaderboard 2.0, also used by Longest6 v2, Town13 and Fail2Drive."""

BENCH2DRIVE = PenaltyTable(name="bench2drive", costs=_FACTORS_2_0, min_speed_weight=0.0)
"""Rules of Bench2Drive: those of leaderboard 2.0, but the minimum speed is only measured."""

LEADERBOARD_2_1 = PenaltyTable(
    name="leaderboard_2.1",
    costs=MappingProxyType(
        {
            EventType.COLLISION_PEDESTRIAN: 1.0,
            EventType.COLLISION_VEHICLE: 0.7,
            EventType.COLLISION_STATIC: 0.6,
            EventType.TRAFFIC_LIGHT_INFRACTION: 0.4,
            EventType.STOP_INFRACTION: 0.25,
            EventType.SCENARIO_TIMEOUT: 0.4,
            EventType.YIELD_TO_EMERGENCY_VEHICLE: 0.4,
        }
    ),
    min_speed_weight=0.4,
    additive=True,
)
"""Rules of CARLA leaderboard 2.1 (leaderboard.carla.org/evaluation_v2_1)."""
