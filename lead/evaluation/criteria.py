"""Criteria: what an episode counts and what ends it, with the rules of CARLA leaderboard 2.0."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from queue import Empty, SimpleQueue
from typing import NamedTuple

import carla
import numpy as np
from numpy.typing import NDArray

from lead.evaluation.observation import EgoState, Observation
from lead.evaluation.traffic_lights import TrafficLights
from lead.routes.planner import DenseRoute
from lead.scoring.penalties import EventType, RouteEvent

COMPLETION_WINDOW = 2
COMPLETION_PERCENT = 99.0
GOAL_REACH_M = 10.0

STANDSTILL_MPS = 0.1
SAME_ACTOR_S = 5.0
SAME_PLACE_M = 5.0

LIGHT_REACH_M = 15.0
TAIL_START = 0.8
TAIL_END_M = 1.0

DEVIATION_WINDOW = 5
DEVIATION_MAX_M = 30.0
DEVIATION_TOLERATED_M = 15.0
DEVIATION_MAX_SHARE = 0.3

BLOCKED_S = 180.0
TIMEOUT_BASE_S = 300.0
TIMEOUT_SPEED_SHARE = 0.1


class Criterion(ABC):
    """Watches one aspect of a drive.

    Attributes:
        events: Events found so far, in order.
        ends_episode: True once the drive must stop.
    """

    def __init__(self) -> None:
        """Start without events."""
        self.events: list[RouteEvent] = []
        self.ends_episode = False

    @abstractmethod
    def update(self, observation: Observation) -> None:
        """Look at the state after one tick."""

    def finish(self) -> None:  # noqa: B027 (most criteria have nothing to add)
        """Add events that are known only at the end."""

    def _report(self, kind: EventType, observation: Observation, message: str) -> None:
        place = "({:.3f}, {:.3f}, {:.3f})".format(*observation.ego.location)
        self.events.append(RouteEvent(kind, f"{message} at {place}", frame=observation.frame))


class RouteCompletion(Criterion):
    """Progress along the dense route; reaching its end ends the episode.

    Attributes:
        index: Last route point passed.
        percent: Share of the route's length driven.
    """

    def __init__(self, route: DenseRoute) -> None:
        """Start at the first route point."""
        super().__init__()
        self._route = route
        self._heading = np.stack([np.cos(route.yaw_rad), np.sin(route.yaw_rad)], axis=1)
        self.index = 0
        self.percent = 0.0

    def update(self, observation: Observation) -> None:
        """Advance over points the ego has passed."""
        if self.ends_episode:
            return
        location = observation.ego.location
        last = len(self._route) - 1
        for index in range(self.index, min(self.index + COMPLETION_WINDOW, last) + 1):
            if np.dot(location[:2] - self._route.xyz[index, :2], self._heading[index]) > 0.0:
                self.index = index
        self.percent = 100.0 * float(self._route.distance_m[self.index]) / self._route.length_m
        to_goal_m = float(np.linalg.norm(location - self._route.xyz[-1]))
        if self.percent > COMPLETION_PERCENT and to_goal_m < GOAL_REACH_M:
            self.percent = 100.0
            self.ends_episode = True

    def finish(self) -> None:
        """Report the share driven."""
        percent = round(self.percent, 2)
        message = f"Agent has completed {percent} of the route"
        self.events.append(RouteEvent(EventType.ROUTE_COMPLETION, message, {"route_completed": percent}))


class _Contact(NamedTuple):
    actor_id: int
    type_id: str
    location: NDArray[np.float64]
    time_s: float


class Collision(Criterion):
    """Collisions of the ego with vehicles, walkers and static things, counted once each."""

    def __init__(self) -> None:
        """Create the criterion; feed it with :meth:`on_event`."""
        super().__init__()
        self._queue: SimpleQueue[tuple[int, str]] = SimpleQueue()
        self._last: _Contact | None = None

    def on_event(self, event: carla.CollisionEvent) -> None:
        """Receive a collision from the sensor's thread."""
        self._queue.put((int(event.other_actor.id), str(event.other_actor.type_id)))

    def update(self, observation: Observation) -> None:
        """Count what the sensor has reported."""
        while True:
            try:
                actor_id, type_id = self._queue.get_nowait()
            except Empty:
                return
            self._count(actor_id, type_id, observation)

    def _count(self, actor_id: int, type_id: str, observation: Observation) -> None:
        kind = _collision_kind(type_id)
        if kind is None or observation.ego.speed_mps < STANDSTILL_MPS:
            return
        location, last = observation.ego.location, self._last
        if last is not None:
            if actor_id == last.actor_id and observation.time_s - last.time_s < SAME_ACTOR_S:
                return
            if float(np.linalg.norm(location - last.location)) < SAME_PLACE_M:
                return
        self._last = _Contact(actor_id, type_id, location, observation.time_s)
        self._report(kind, observation, f"Collision with {type_id} (id {actor_id})")


def _collision_kind(type_id: str) -> EventType | None:
    if type_id.startswith("vehicle"):
        return EventType.COLLISION_VEHICLE
    if type_id.startswith("walker"):
        return EventType.COLLISION_PEDESTRIAN
    if ("static" in type_id or "traffic" in type_id) and "sidewalk" not in type_id:
        return EventType.COLLISION_STATIC
    return None


class RunningRedLight(Criterion):
    """Stop lines crossed by the tail of the ego while their light is red."""

    def __init__(self, carla_map: carla.Map, lights: TrafficLights) -> None:
        """Watch the lights of a world."""
        super().__init__()
        self._map = carla_map
        self._lights = lights
        self._last_light: int | None = None

    def update(self, observation: Observation) -> None:
        """Check the red lights close by."""
        ego = observation.ego
        for index in self._lights.near(ego.location, LIGHT_REACH_M):
            if index == self._last_light or self._lights.state(index) != carla.TrafficLightState.Red:
                continue
            if self._crosses(ego, int(index)):
                self._last_light = int(index)
                name = self._lights.actors[index].id
                self._report(EventType.TRAFFIC_LIGHT_INFRACTION, observation, f"Red light {name} was run")

    def _crosses(self, ego: EgoState, index: int) -> bool:
        near = ego.point_ahead(-TAIL_START * float(ego.extent[0]))
        far = ego.point_ahead(-float(ego.extent[0]) - TAIL_END_M)
        tail = self._map.get_waypoint(far)
        heading = np.array([math.cos(ego.yaw_rad), math.sin(ego.yaw_rad)])
        for line in self._lights.stop_lines(index):
            stop = line.waypoint
            forward = stop.transform.get_forward_vector()
            same_lane = tail.road_id == stop.road_id and tail.lane_id == stop.lane_id
            if not same_lane or heading @ (forward.x, forward.y) <= 0.0:
                continue
            if _segments_cross(np.array([near.x, near.y]), np.array([far.x, far.y]), line.left, line.right):
                return True
        return False


def _segments_cross(
    a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], d: NDArray[np.float64]
) -> bool:
    """Tell whether the segments a-b and c-d meet; all points (2,)."""

    def side(p: NDArray[np.float64], q: NDArray[np.float64], r: NDArray[np.float64]) -> float:
        return float((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))

    return side(a, b, c) * side(a, b, d) <= 0.0 and side(c, d, a) * side(c, d, b) <= 0.0


class RouteDeviation(Criterion):
    """Ends the episode when the ego leaves its route."""

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
        closest = self._index + int(np.argmin(distance_m))
        least_m = float(distance_m.min())
        if least_m > DEVIATION_TOLERATED_M:
            self._off_m += float(self._route.distance_m[closest] - self._route.distance_m[self._index])
        self._index = closest
        if least_m >= DEVIATION_MAX_M or self._off_m > DEVIATION_MAX_SHARE * self._route.length_m:
            self.ends_episode = True
            self._report(EventType.ROUTE_DEVIATION, observation, "Agent left its route")


class Blocked(Criterion):
    """Ends the episode when the ego stands still for too long."""

    def __init__(self, limit_s: float = BLOCKED_S) -> None:
        """Set the longest standstill."""
        super().__init__()
        self._limit_s = limit_s
        self._moved_at_s = 0.0

    def update(self, observation: Observation) -> None:
        """Watch the time since the ego last moved."""
        if observation.ego.speed_mps >= STANDSTILL_MPS:
            self._moved_at_s = observation.time_s
        elif observation.time_s - self._moved_at_s > self._limit_s and not self.ends_episode:
            self.ends_episode = True
            self._report(EventType.VEHICLE_BLOCKED, observation, "Agent got blocked")


class RouteTimeout(Criterion):
    """Ends the episode when the time granted for the route is used up.

    The budget grows while driving: every metre grants the time it takes at a tenth of the speed limit.
    """

    def __init__(self, ego: carla.Vehicle, route: DenseRoute, completion: RouteCompletion) -> None:
        """Watch the progress that another criterion measures."""
        super().__init__()
        self._ego = ego
        self._route = route
        self._completion = completion
        self._index = 0
        self._budget_s = TIMEOUT_BASE_S

    def update(self, observation: Observation) -> None:
        """Extend the budget by the distance driven and compare."""
        index = self._completion.index
        if index > self._index:
            limit_mps = self._ego.get_speed_limit() / 3.6
            driven_m = float(self._route.distance_m[index] - self._route.distance_m[self._index])
            if limit_mps > 0.0:
                self._budget_s += driven_m / (TIMEOUT_SPEED_SHARE * limit_mps)
            self._index = index
        self.ends_episode = observation.time_s > self._budget_s
