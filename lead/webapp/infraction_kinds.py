"""Kinds of infractions as the dashboard shows, colours, counts and filters them, and how entries get theirs.

Files of different tools name the same event by its type, by its criterion, or only in its sentence; the dashboard
needs one word for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lead.evaluation.infraction_log import Infraction
from lead.scoring.penalties import EventType
from lead.scoring.records import INFRACTION_KEYS, ROUTE_TIMEOUT_KEY

OTHER = "other"
COMPLETION = "completion"
COLLISION_LAYOUT = "collision_layout"


@dataclass(frozen=True)
class Kind:
    """One kind of infraction.

    Attributes:
        label: Name for people.
        counted: True if it counts as an infraction; measurements that are always listed do not.
    """

    label: str
    counted: bool = True


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "collision_vehicle": Kind("Collision with vehicle"),
        "collision_pedestrian": Kind("Collision with pedestrian"),
        COLLISION_LAYOUT: Kind("Collision with object"),
        "red_light": Kind("Red light"),
        "stop_sign": Kind("Stop sign"),
        "outside_lanes": Kind("Outside lanes"),
        "route_deviation": Kind("Route deviation"),
        "blocked": Kind("Blocked"),
        "route_timeout": Kind("Route timeout"),
        "scenario_timeout": Kind("Scenario timeout"),
        "yield_emergency": Kind("Emergency vehicle blocked"),
        "min_speed": Kind("Minimum speed", counted=False),
        COMPLETION: Kind("Route completion", counted=False),
        OTHER: Kind("Other"),
    }
)
"""All kinds, in the order in which they are shown."""

_OF_EVENT: Mapping[str, str] = MappingProxyType(
    {
        EventType.COLLISION_VEHICLE.name: "collision_vehicle",
        EventType.COLLISION_PEDESTRIAN.name: "collision_pedestrian",
        EventType.COLLISION_STATIC.name: COLLISION_LAYOUT,
        EventType.TRAFFIC_LIGHT_INFRACTION.name: "red_light",
        EventType.STOP_INFRACTION.name: "stop_sign",
        EventType.OUTSIDE_ROUTE_LANES_INFRACTION.name: "outside_lanes",
        EventType.ROUTE_DEVIATION.name: "route_deviation",
        EventType.VEHICLE_BLOCKED.name: "blocked",
        EventType.SCENARIO_TIMEOUT.name: "scenario_timeout",
        EventType.YIELD_TO_EMERGENCY_VEHICLE.name: "yield_emergency",
        EventType.MIN_SPEED_INFRACTION.name: "min_speed",
        EventType.ROUTE_COMPLETION.name: COMPLETION,
        "ROUTE_COMPLETED": COMPLETION,
    }
)

_COLLISION_CRITERION = "collisiontest"
_OF_CRITERION: Mapping[str, str] = MappingProxyType(
    {
        "runningredlighttest": "red_light",
        "runningstoptest": "stop_sign",
        "outsideroutelanestest": "outside_lanes",
        "minspeedtest": "min_speed",
        "minimumspeedroutetest": "min_speed",
        "inroutetest": "route_deviation",
        "agentblockedtest": "blocked",
        "actorblockedtest": "blocked",
        "routecompletiontest": COMPLETION,
        "routetimeoutbehavior": "route_timeout",
        "scenariotimeouttest": "scenario_timeout",
        "yieldtoemergencyvehicletest": "yield_emergency",
    }
)

_COLLISION_WORDS = (
    (COLLISION_LAYOUT, ("type=static", "type=traffic")),
    ("collision_pedestrian", ("walker", "pedestrian")),
    ("collision_vehicle", ("vehicle",)),
)

KIND_OF_RECORD_KEY: Mapping[str, str] = MappingProxyType(
    {key: _OF_EVENT[event.name] for event, key in INFRACTION_KEYS.items()} | {ROUTE_TIMEOUT_KEY: "route_timeout"}
)
"""Kind of the messages that a result record lists under a key of ``infractions``."""


def kind_of(infraction: Infraction) -> str:
    """Return the kind of an infraction, a key of :data:`KINDS`."""
    event = infraction.event_type.rpartition(".")[2].strip().upper()
    if event in _OF_EVENT:
        return _OF_EVENT[event]
    criterion = infraction.infraction.strip().lower()
    if criterion == _COLLISION_CRITERION:
        return _kind_of_collision(infraction.message.lower())
    return _OF_CRITERION.get(criterion, OTHER)


def _kind_of_collision(message: str) -> str:
    """Tell by the blueprint or the words of a sentence what was hit."""
    for kind, words in _COLLISION_WORDS:
        if any(word in message for word in words):
            return kind
    return COLLISION_LAYOUT
