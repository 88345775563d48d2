"""Limits of time: standing still for too long, taking too long for the route, and a fixed number of ticks."""

from __future__ import annotations

from typing import ClassVar

import carla

from lead.evaluation.criteria.base import STANDSTILL_MPS, Criterion, RouteLine
from lead.evaluation.observation import Observation
from lead.evaluation.speed_limits import SpeedLimitTable
from lead.routes.planner import DenseRoute
from lead.scoring.penalties import EventType

BLOCKED_S = 180.0
TIMEOUT_BASE_S = 300.0
TIMEOUT_WINDOW = 3
"""Route points looked ahead of the last one passed."""
TIMEOUT_SPEED_SHARE = 0.1


class Blocked(Criterion):
    """Ends the episode when the ego stands still for too long."""

    name: ClassVar[str] = "AgentBlockedTest"

    def __init__(self, limit_s: float = BLOCKED_S) -> None:
        """Set the longest standstill."""
        super().__init__()
        self._limit_s = limit_s
        self._is_paused = False
        self._moved_at_s: float | None = None

    @property
    def is_paused(self) -> bool:
        """True while standing is permitted; the time counts anew from the end of a pause."""
        return self._is_paused

    @is_paused.setter
    def is_paused(self, value: bool) -> None:
        if value != self._is_paused:
            self._is_paused = value
            self._moved_at_s = None

    def update(self, observation: Observation) -> None:
        """Watch the time since the ego last moved."""
        if self._is_paused or self.ends_episode:
            return
        if self._moved_at_s is None or observation.ego.planar_speed_mps >= STANDSTILL_MPS:
            self._moved_at_s = observation.time_s
        elif observation.time_s - self._moved_at_s > self._limit_s:
            self.ends_episode = True
            self._report(EventType.VEHICLE_BLOCKED, observation, "Agent was blocked")


class RouteTimeout(Criterion):
    """Ends the episode when the time granted for the route is used up.

    The budget grows while driving: every metre grants the time it takes at a tenth of the speed limit.
    """

    name: ClassVar[str] = "RouteTimeoutTest"

    def __init__(self, ego: carla.Vehicle, route: DenseRoute, table: SpeedLimitTable | None = None) -> None:
        """Start at the first route point.

        Args:
            ego: Vehicle that is asked for the speed limit.
            route: Dense route.
            table: Speed limits of the map to use instead of the vehicle's.
        """
        super().__init__()
        self._ego = ego
        self._route = route
        self._line = RouteLine(route)
        self._table = table
        self._index = 0
        self._budget_s = TIMEOUT_BASE_S
        self._started_at_s: float | None = None

    def update(self, observation: Observation) -> None:
        """Extend the budget by the distance driven and compare."""
        if self._started_at_s is None:
            self._started_at_s = observation.time_s
        passed = self._line.passed(observation.ego.location, self._index + 1, TIMEOUT_WINDOW)
        if len(passed):
            self._grant(observation, int(passed[-1]))
        self.ends_episode |= observation.time_s - self._started_at_s > self._budget_s

    def _grant(self, observation: Observation, index: int) -> None:
        """Extend the budget up to a route point."""
        limit_kmh = self._ego.get_speed_limit() if self._table is None else self._table.at(observation.ego.location)
        if limit_kmh <= 0.0:
            # The vehicle has not met a limit yet; the metres are granted once it has.
            return
        driven_m = float(self._route.distance_m[index] - self._route.distance_m[self._index])
        self._budget_s += driven_m / (TIMEOUT_SPEED_SHARE * limit_kmh / 3.6)
        self._index = index


class TickLimit(Criterion):
    """Ends the episode after a number of ticks."""

    name: ClassVar[str] = "TickLimitTest"

    def __init__(self, max_ticks: int) -> None:
        """Set the number of ticks that may be driven."""
        super().__init__()
        self._max_ticks = max_ticks
        self._ticks = 0

    def update(self, observation: Observation) -> None:
        """Count the tick."""
        self._ticks += 1
        self.ends_episode = self._ticks > self._max_ticks
