"""Progress along the route: how much of it is driven, whether it is left, and how fast the ego is on its sections."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lead.evaluation.criteria.base import Criterion, RouteLine
from lead.evaluation.observation import Observation
from lead.routes.planner import DenseRoute
from lead.scoring.messages import min_speed_event
from lead.scoring.penalties import EventType, RouteEvent
from lead.scoring.profiles import BenchmarkProfile

COMPLETION_WINDOW = 2
"""Points looked ahead of the last one passed."""
COMPLETION_PERCENT = 99.0
GOAL_REACH_M = 10.0

DEVIATION_WINDOW = 5
DEVIATION_MAX_M = 30.0
DEVIATION_TOLERATED_M = 15.0
DEVIATION_MAX_SHARE = 0.3

LAST_SECTION_SHARE = 0.95
"""The last section of the minimum speed counts once this share of the route is driven."""


class RouteCompletion(Criterion):
    """Progress along the dense route; reaching its end ends the episode.

    Attributes:
        index: Last route point passed.
        percent: Share of the route's length driven, two decimals.
    """

    name: ClassVar[str] = "RouteCompletionTest"

    def __init__(self, route: DenseRoute) -> None:
        """Start at the first route point."""
        super().__init__()
        self._route = route
        self._line = RouteLine(route)
        self._frame = -1
        self.index = 0
        self.percent = 0.0

    def update(self, observation: Observation) -> None:
        """Advance over points the ego has passed."""
        if self.ends_episode:
            return
        self._frame = observation.frame
        location = observation.ego.location
        passed = self._line.passed(location, self.index, COMPLETION_WINDOW + 1)
        if len(passed):
            self.index = int(passed[-1])
        self.percent = round(100.0 * float(self._route.distance_m[self.index]) / self._route.length_m, 2)
        to_goal_m = float(np.linalg.norm(location - self._route.xyz[-1]))
        if self.percent > COMPLETION_PERCENT and to_goal_m < GOAL_REACH_M:
            self.percent = 100.0
            self.ends_episode = True

    def finish(self) -> None:
        """Report the share driven."""
        message = f"Agent has completed {self.percent} of the route"
        values = {"route_completed": self.percent}
        self.events.append(RouteEvent(EventType.ROUTE_COMPLETION, message, values, self._frame))


class RouteDeviation(Criterion):
    """Ends the episode when the ego leaves its route."""

    name: ClassVar[str] = "InRouteTest"

    def __init__(self, route: DenseRoute) -> None:
        """Start at the first route point."""
        super().__init__()
        self._route = route
        self._index = 0
        self._off_m = 0.0

    def update(self, observation: Observation) -> None:
        """Measure the distance to the next route points."""
        if self.ends_episode:
            return
        ahead = self._route.xyz[self._index : self._index + DEVIATION_WINDOW + 1, :2]
        distance_m = np.hypot(*(ahead - observation.ego.location[:2]).T)
        least_m = float(distance_m.min())
        # Of equally near points the farthest along the route.
        closest = self._index + int(np.flatnonzero(distance_m == least_m)[-1])
        if least_m >= DEVIATION_TOLERATED_M:
            self._off_m += float(self._route.distance_m[closest] - self._route.distance_m[self._index])
        self._index = closest
        if least_m >= DEVIATION_MAX_M or self._off_m > DEVIATION_MAX_SHARE * self._route.length_m:
            self.ends_episode = True
            self._report(EventType.ROUTE_DEVIATION, observation, "Agent left its route")


class MinSpeed(Criterion):
    """Compares the mean speed of the ego with that of the background traffic, section by section of the route."""

    name: ClassVar[str] = "MinSpeedTest"

    def __init__(self, profile: BenchmarkProfile, route: DenseRoute, completion: RouteCompletion) -> None:
        """Divide the route; the progress along it is what another criterion measures."""
        super().__init__()
        self._route = route
        self._completion = completion
        self._section_m = route.length_m / profile.min_speed_checkpoints
        self._always_reported = profile.min_speed_always_reported
        self._section_start_m = 0.0
        self._frame = -1
        self._forget()

    def update(self, observation: Observation) -> None:
        """Close a section whose end was passed, then take note of the speeds."""
        self._frame = observation.frame
        driven_m = float(self._route.distance_m[self._completion.index])
        if driven_m - self._section_start_m > self._section_m:
            self._close_section()
            self._section_start_m = driven_m
        if observation.background_speed_mps is not None:
            self._traffic_mps += observation.background_speed_mps
            self._ego_mps += observation.ego.planar_speed_mps
            self._ticks += 1

    def finish(self) -> None:
        """Close the last section if the ego got far enough."""
        driven_m = float(self._route.distance_m[self._completion.index])
        if driven_m > LAST_SECTION_SHARE * self._route.length_m:
            self._close_section()

    def _close_section(self) -> None:
        # Without traffic, or beside standing traffic, the ego is fast enough.
        percent = 100.0
        if self._ticks and self._traffic_mps > 0.0:
            percent = round(100.0 * (self._ego_mps / self._ticks) / (self._traffic_mps / self._ticks), 2)
        if percent < 100.0 or self._always_reported:
            self.events.append(min_speed_event(percent, self._frame))
        self._forget()

    def _forget(self) -> None:
        self._traffic_mps = self._ego_mps = 0.0
        self._ticks = 0
