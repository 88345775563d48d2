"""Messages from scenarios to the background traffic.

A message posted in one tick is read at the next; of two of the same kind in one tick the later one counts. Fields
that are None leave their setting as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import carla


class TrafficMessage:
    """Base of all messages."""


@dataclass(frozen=True)
class ChangeRoadBehavior(TrafficMessage):
    """Numbers of cars per lane in front of and behind the ego, their pitch (m) and additional room (m)."""

    front_count: int | None = None
    back_count: int | None = None
    spawn_distance_m: float | None = None
    extra_space_m: float | None = None


@dataclass(frozen=True)
class ChangeOppositeBehavior(TrafficMessage):
    """Distance of opposite sources (m), the gap between their cars (m), and whether there are any."""

    source_distance_m: float | None = None
    spawn_distance_m: float | None = None
    active: bool | None = None


@dataclass(frozen=True)
class ChangeJunctionBehavior(TrafficMessage):
    """Sources at junction entries: distance (m), gap (m), cars per source, and share of entries used (percent)."""

    source_distance_m: float | None = None
    spawn_distance_m: float | None = None
    max_actors: int | None = None
    source_percent: float | None = None


@dataclass(frozen=True)
class SetMaxSpeed(TrafficMessage):
    """Highest speed of all background cars; 0 lifts the limit."""

    speed_kmh: float


@dataclass(frozen=True)
class StopFrontVehicles(TrafficMessage):
    """Cars ahead of the ego brake to a halt."""


@dataclass(frozen=True)
class StartFrontVehicles(TrafficMessage):
    """They go on."""


@dataclass(frozen=True)
class StopBackVehicles(TrafficMessage):
    """Cars behind the ego stop."""


@dataclass(frozen=True)
class StartBackVehicles(TrafficMessage):
    """They go on."""


@dataclass(frozen=True)
class LeaveSpaceInFront(TrafficMessage):
    """Move the cars ahead on the ego's lane so that the nearest is at least so far away."""

    space_m: float


@dataclass(frozen=True)
class LeaveCrossingSpace(TrafficMessage):
    """Clear the opposite lane beside a place."""

    waypoint: carla.Waypoint


@dataclass(frozen=True)
class RemoveRoadLane(TrafficMessage):
    """Take the cars off the lane of a way point and send no more."""

    waypoint: carla.Waypoint


@dataclass(frozen=True)
class ReAddRoadLane(TrafficMessage):
    """Bring cars back to a lane: 0 is the ego's, positive numbers lie to the right."""

    offset: int


@dataclass(frozen=True)
class HandleJunctionScenario(TrafficMessage):
    """Make room in the junction that is active or comes next.

    Attributes:
        clear_junction: Remove the cars inside.
        clear_ego_entry: Remove the cars between the ego and the junction.
        remove_entries: Lanes into the junction that get no cars.
        remove_exits: Lanes out of it that get no cars.
        stop_entries: Hold the cars at the other entries.
        extend_road_exit_m: Additional room behind the exit of the ego's route.
    """

    clear_junction: bool = True
    clear_ego_entry: bool = True
    remove_entries: Sequence[carla.Waypoint] = ()
    remove_exits: Sequence[carla.Waypoint] = ()
    stop_entries: bool = True
    extend_road_exit_m: float = 0.0


@dataclass(frozen=True)
class SwitchRouteSources(TrafficMessage):
    """Whether new cars appear behind the ego on its road."""

    enabled: bool


Message = TypeVar("Message", bound=TrafficMessage)


class Mailbox:
    """Messages on their way to the background traffic."""

    def __init__(self) -> None:
        """Start empty."""
        self._messages: dict[type[TrafficMessage], TrafficMessage] = {}

    def post(self, message: TrafficMessage) -> None:
        """Leave a message; it replaces an unread one of its kind."""
        self._messages[type(message)] = message

    def take(self, kind: type[Message]) -> Message | None:
        """Return and remove the message of a kind; None if there is none."""
        message = self._messages.pop(kind, None)
        assert message is None or isinstance(message, kind)
        return message
