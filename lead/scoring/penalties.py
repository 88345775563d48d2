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
        factors: Factor on the score per event of a kind; kinds not listed cost nothing here.
        min_speed_weight: Share of the score lost at a standstill compared with the traffic, per checkpoint.
    """

    name: str
    factors: Mapping[EventType, float]
    min_speed_weight: float

    def score_penalty(self, events: Iterable[RouteEvent]) -> float:
        """Multiply the cost of all events.

        Args:
            events: Events in the order of appearance (it decides the rounding of the last digit).

        Returns:
            Factor on the route completion, 1 for a clean drive. Minimum-speed percentages above 100 would raise
            it, as in the public leaderboard; its criterion never reports them.
        """
        penalty = 1.0
        for event in events:
            if event.type is EventType.OUTSIDE_ROUTE_LANES_INFRACTION:
                penalty *= 1.0 - event.values["percentage"] / 100.0
            elif event.type is EventType.MIN_SPEED_INFRACTION:
                penalty *= 1.0 - self.min_speed_weight * (1.0 - event.values["percentage"] / 100.0)
            else:
                penalty *= self.factors.get(event.type, 1.0)
        return penalty


LEADERBOARD_2_0 = PenaltyTable(
    name="leaderboard_2.0",
    factors=MappingProxyType(
        {
            EventType.COLLISION_PEDESTRIAN: 0.5,
            EventType.COLLISION_VEHICLE: 0.6,
            EventType.COLLISION_STATIC: 0.65,
            EventType.TRAFFIC_LIGHT_INFRACTION: 0.7,
            EventType.STOP_INFRACTION: 0.8,
            EventType.SCENARIO_TIMEOUT: 0.7,
            EventType.YIELD_TO_EMERGENCY_VEHICLE: 0.7,
        }
    ),
    min_speed_weight=0.3,
)
"""Rules of CARLA leaderboard 2.0, also used by Longest6 v2, Town13 and Fail2Drive."""
