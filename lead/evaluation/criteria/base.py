"""What all criteria share: their interface, how events name places, and progress along the route."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import carla
import numpy as np
from numpy.typing import NDArray

from lead.evaluation.observation import Observation
from lead.routes.planner import DenseRoute
from lead.scoring.penalties import EventType, RouteEvent

STANDSTILL_MPS = 0.1
"""Slower than this is standing."""


class Criterion(ABC):
    """Watches one aspect of a drive.

    Attributes:
        name: Public name, as in result files.
        events: Events found so far, in order.
        ends_episode: True once the drive must stop.
    """

    name: ClassVar[str]

    def __init__(self) -> None:
        """Start without events."""
        self.events: list[RouteEvent] = []
        self.ends_episode = False

    @abstractmethod
    def update(self, observation: Observation) -> None:
        """Look at the state after one tick."""

    def finish(self) -> None:  # noqa: B027 (most criteria have nothing to add)
        """Add events that are known only at the end."""

    def _report(
        self,
        kind: EventType,
        observation: Observation,
        message: str,
        location: NDArray[np.float64] | None = None,
        values: Mapping[str, float] | None = None,
    ) -> None:
        """Add an event; it happened at a (3,) location, by default the ego's."""
        place = place_text(observation.ego.location if location is None else location)
        self.events.append(RouteEvent(kind, f"{message} at {place}", values or {}, frame=observation.frame))


def place_text(location: NDArray[np.float64]) -> str:
    """Write a (3,) location as public result files do."""
    x, y, z = (round(float(value), 3) for value in location)
    return f"(x={x}, y={y}, z={z})"


def actor_location(actor: carla.Actor) -> NDArray[np.float64]:
    """Return the (3,) location of an actor, world frame, metres."""
    location = actor.get_transform().location
    return np.array([location.x, location.y, location.z], dtype=np.float64)


class RouteLine:
    """Tells which points of a dense route have been passed."""

    def __init__(self, route: DenseRoute) -> None:
        """Take the points and directions of a route."""
        self._xyz = route.xyz
        forward = [waypoint.transform.get_forward_vector() for waypoint in route.waypoints]
        self._forward = np.array([(each.x, each.y, each.z) for each in forward], dtype=np.float64)

    def passed(self, location: NDArray[np.float64], first: int, window: int) -> NDArray[np.intp]:
        """Return the indices of route points that a (3,) location lies ahead of.

        Args:
            location: World frame, metres.
            first: First point looked at.
            window: Number of points looked at.
        """
        stop = first + window
        ahead_m = np.einsum("ij,ij->i", location - self._xyz[first:stop], self._forward[first:stop])
        return first + np.flatnonzero(ahead_m > 0.0)


class EgoLane:
    """The driving lane nearest to the ego, looked up once per tick for all criteria."""

    def __init__(self, carla_map: carla.Map) -> None:
        """Look up lanes of a map."""
        self._map = carla_map
        self._observation: Observation | None = None
        self._waypoint: carla.Waypoint | None = None

    def at(self, observation: Observation) -> carla.Waypoint:
        """Return the way point of the driving lane nearest to the ego."""
        if self._observation is not observation:
            self._waypoint = self._map.get_waypoint(carla.Location(*map(float, observation.ego.location)))
            self._observation = observation
        return self._waypoint
