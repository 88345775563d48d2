"""Which kind an infraction has, whichever of its fields a tool filled."""

from __future__ import annotations

import pytest

from lead.evaluation.infraction_log import Infraction
from lead.scoring.penalties import EventType
from lead.scoring.records import ALL_INFRACTION_KEYS
from lead.webapp.infraction_kinds import KIND_OF_RECORD_KEY, KINDS, kind_of


def kind(infraction: str = "", event_type: str = "", message: str = "") -> str:
    return kind_of(Infraction(1, infraction, -1, message, event_type, 0.0))


@pytest.mark.parametrize("event", EventType)
def test_every_event_has_a_kind_of_its_own(event: EventType) -> None:
    assert kind(event_type=event.name) != "other"
    assert kind(event_type=f"TrafficEventType.{event.name}") == kind(event_type=event.name.lower())
    assert sum(kind(event_type=other.name) == kind(event_type=event.name) for other in EventType) == 1


def test_every_key_of_records_has_a_kind() -> None:
    assert set(KIND_OF_RECORD_KEY) == set(ALL_INFRACTION_KEYS)
    assert set(KIND_OF_RECORD_KEY.values()) == set(KINDS) - {"completion", "other"}


@pytest.mark.parametrize(
    ("criterion", "expected"),
    [
        ("RunningRedLightTest", "red_light"),
        ("RunningStopTest", "stop_sign"),
        ("OutsideRouteLanesTest", "outside_lanes"),
        ("MinSpeedTest", "min_speed"),
        ("MinimumSpeedRouteTest", "min_speed"),
        ("InRouteTest", "route_deviation"),
        ("AgentBlockedTest", "blocked"),
        ("ActorBlockedTest", "blocked"),
        ("RouteCompletionTest", "completion"),
        ("RouteTimeoutBehavior", "route_timeout"),
        ("ScenarioTimeoutTest", "scenario_timeout"),
        ("YieldToEmergencyVehicleTest", "yield_emergency"),
        ("routecompletiontest", "completion"),
        ("Unheard of", "other"),
        ("", "other"),
    ],
)
def test_criterion_alone_is_enough(criterion: str, expected: str) -> None:
    assert kind(criterion) == expected
    assert kind(criterion, event_type="SOMETHING_NEW") == expected


@pytest.mark.parametrize(
    ("thing", "expected"),
    [
        ("vehicle.audi.tt", "collision_vehicle"),
        ("walker.pedestrian.0012", "collision_pedestrian"),
        ("static.prop.trafficcone01", "collision_layout"),
        ("traffic.traffic_light", "collision_layout"),
        ("static.vehicle", "collision_layout"),
    ],
)
def test_collisions_are_told_apart_by_their_sentence(thing: str, expected: str) -> None:
    assert kind("CollisionTest", message=f"Agent collided against object with type={thing} and id=1") == expected


def test_event_type_wins_over_the_sentence() -> None:
    assert kind("CollisionTest", "COLLISION_STATIC", "Agent hit a vehicle") == "collision_layout"
