"""Criteria fed with made-up observations on a straight road, and the whole set under several benchmarks."""

import dataclasses
import math
from types import SimpleNamespace

import carla
import numpy as np
import pytest
from criteria_support import FakeWorld, at, drive, fake_vehicle, observe, straight_route, town

from lead.dataset.acceptance import rejection
from lead.evaluation.criteria import (
    Blocked,
    Collision,
    CriteriaError,
    CriteriaSet,
    MinSpeed,
    RouteCompletion,
    RouteDeviation,
    RouteTimeout,
    TickLimit,
)
from lead.evaluation.criteria.criteria_set import LEARNT_FROM
from lead.evaluation.criteria.red_light import segments_cross
from lead.evaluation.observation import EgoState
from lead.evaluation.speed_limits import SpeedLimitTable
from lead.evaluation.traffic_lights import TrafficLights
from lead.routes.planner import RoutePlanner
from lead.scoring.penalties import EventType, RouteEvent
from lead.scoring.profiles import profile
from lead.scoring.records import GIVEN_UP, TICK_RUNTIME, RouteRun, route_record


def contact(frame, actor_id, type_id):
    """What the collision sensor sends."""
    return SimpleNamespace(frame=frame, other_actor=SimpleNamespace(id=actor_id, type_id=type_id))


def collide(contacts, speed=5.0):
    """Drive into (time, x, actor id, type) one after the other; returns the events."""
    criterion = Collision()
    for time_s, x, actor_id, type_id in contacts:
        observation = at(x, time_s=time_s, speed=speed)
        criterion.on_event(contact(observation.frame, actor_id, type_id))
        criterion.update(observation)
    criterion.finish()
    return criterion.events


def test_completion_grows_and_ends_at_the_goal():
    criterion = RouteCompletion(straight_route())
    drive(criterion, np.arange(0.5, 100.6, 0.25))
    assert criterion.percent == pytest.approx(50.0)
    assert not criterion.ends_episode
    drive(criterion, np.arange(100.5, 199.6, 0.25))
    assert criterion.ends_episode
    criterion.finish()
    assert criterion.events[-1].values["route_completed"] == 100.0


def test_completion_does_not_jump_over_the_route():
    criterion = RouteCompletion(straight_route())
    drive(criterion, [0.5, 150.0])
    assert criterion.percent < 5.0


def test_completion_needs_more_than_99_percent_close_to_the_goal():
    criterion = RouteCompletion(straight_route())
    drive(criterion, np.arange(0.6, 198.7, 0.5))
    assert criterion.percent == 99.0
    assert not criterion.ends_episode
    drive(criterion, [199.5], y=12.0)
    assert not criterion.ends_episode


def test_deviation_ends_far_off_but_tolerates_a_lane():
    near, far = RouteDeviation(straight_route()), RouteDeviation(straight_route())
    drive(near, np.arange(0.0, 190.0, 0.5), y=4.0)
    drive(far, np.arange(0.0, 20.0, 0.5), y=30.0)
    assert not near.ends_episode
    assert far.ends_episode
    assert [event.type for event in far.events] == [EventType.ROUTE_DEVIATION]
    assert "(x=0.0, y=30.0, z=0.0)" in far.events[0].message


def test_deviation_ends_after_a_long_stretch_beside_the_route():
    criterion = RouteDeviation(straight_route())
    drive(criterion, np.arange(0.0, 55.0), y=15.0)
    assert not criterion.ends_episode
    drive(criterion, np.arange(55.0, 70.0), y=15.0)
    assert criterion.ends_episode


def stand(criterion, from_s, to_s, speed=0.0):
    for frame in range(round(from_s * 20), round(to_s * 20)):
        criterion.update(observe((0.0, 0.0, 0.0), speed=speed, frame=frame))


def test_blocked_after_the_limit_and_only_without_moving():
    criterion = Blocked(limit_s=10.0)
    stand(criterion, 0.0, 7.5)
    stand(criterion, 7.5, 8.0, speed=1.0)
    stand(criterion, 8.0, 17.9, speed=0.05)
    assert not criterion.ends_episode
    stand(criterion, 17.9, 18.2, speed=0.05)
    assert criterion.ends_episode
    assert len(criterion.events) == 1


@pytest.mark.parametrize(("name", "limit_s"), [("leaderboard", 180.0), ("bench2drive", 60.0)])
def test_blocked_time_is_the_benchmarks(name, limit_s):
    criterion = Blocked(profile(name).blocked_s)
    stand(criterion, 0.0, limit_s)
    assert not criterion.ends_episode
    stand(criterion, limit_s, limit_s + 0.2)
    assert criterion.ends_episode


def test_a_pause_of_the_blocked_time_starts_it_anew():
    criterion = Blocked(limit_s=10.0)
    stand(criterion, 0.0, 9.0)
    criterion.is_paused = True
    stand(criterion, 9.0, 300.0)
    criterion.is_paused = False
    stand(criterion, 300.0, 309.9)
    assert not criterion.ends_episode
    stand(criterion, 309.9, 310.2)
    assert criterion.ends_episode


def test_vertical_motion_is_no_motion():
    criterion = Blocked(limit_s=1.0)
    falling = EgoState(np.zeros(3), 0.0, 2.0, np.ones(3), velocity=np.array([0.0, 0.0, -2.0]))
    for frame in range(30):
        criterion.update(SimpleNamespace(frame=frame, time_s=frame * 0.05, ego=falling))
    assert criterion.ends_episode


def test_collisions_are_counted_once_per_encounter():
    places = ((0.0, 0.0, 7), (0.1, 0.2, 7), (0.2, 1.0, 8), (1.0, 20.0, 7), (7.0, 40.0, 7))
    events = collide([(*place, "vehicle.audi.tt") for place in places])
    # Counted: the first one and the last one; not the repeats in time (same actor) or in place (5 m).
    assert [event.frame for event in events] == [0, 140]


def test_another_actor_counts_at_once_beyond_5_m():
    places = ((0.0, 0.0, 7), (0.5, 4.9, 8), (0.6, 5.1, 8), (0.7, 5.2, 9))
    events = collide([(*place, "vehicle.audi.tt") for place in places])
    assert [event.frame for event in events] == [0, 12]


def test_parts_of_the_map_are_told_apart_by_place_only():
    events = collide([(0.0, 0.0, 0, "static.wall"), (0.2, 4.0, 0, "static.wall"), (0.4, 6.0, 0, "static.wall")])
    assert [event.frame for event in events] == [0, 8]


def test_a_part_of_the_map_does_not_hide_the_actor_hit_before():
    events = collide([(0.0, 0.0, 7, "vehicle.a.b"), (0.2, 6.0, 0, "static.wall"), (0.4, 12.0, 7, "vehicle.a.b")])
    assert [event.frame for event in events] == [0, 4]


@pytest.mark.parametrize(
    ("type_id", "kind"),
    [
        ("vehicle.audi.tt", EventType.COLLISION_VEHICLE),
        ("walker.pedestrian.0001", EventType.COLLISION_PEDESTRIAN),
        ("static.prop.box", EventType.COLLISION_STATIC),
        ("static.vegetation", EventType.COLLISION_STATIC),
        ("traffic.traffic_light", EventType.COLLISION_STATIC),
        ("static.sidewalk", None),
    ],
)
def test_collision_kinds(type_id, kind):
    events = collide([(0.0, 0.0, 1, type_id)])
    assert [event.type for event in events] == ([] if kind is None else [kind])
    assert all(f"type={type_id}" in event.message and "id=1" in event.message for event in events)


def test_standing_ego_is_not_to_blame():
    assert collide([(0.0, 0.0, 1, "vehicle.audi.tt")], speed=0.05) == []


def run_until_timeout(criterion, start_s=0.0):
    """Tell how long a standing ego that has driven 100 m is tolerated."""
    for step in range(201):
        criterion.update(at(0.5 * step + 0.01, time_s=start_s))
    for tenths in range(100_000):
        criterion.update(at(100.01, time_s=start_s + 0.1 * tenths))
        if criterion.ends_episode:
            return 0.1 * tenths
    raise AssertionError("never timed out")


def test_a_hundred_metres_at_50_kmh_grant_72_seconds():
    criterion = RouteTimeout(fake_vehicle(50.0), straight_route())
    assert run_until_timeout(criterion) == pytest.approx(300.0 + 72.0, abs=0.11)


def test_the_time_counts_from_the_first_tick():
    criterion = RouteTimeout(fake_vehicle(50.0), straight_route())
    assert run_until_timeout(criterion, start_s=40.0) == pytest.approx(372.0, abs=0.11)


def test_the_map_can_grant_the_time_instead_of_the_vehicle():
    places = np.array([[0.0, 0.0, 0.0], [500.0, 0.0, 0.0]], dtype=np.float32)
    table = SpeedLimitTable.of(places, np.array([100, 50], dtype=np.uint8))
    criterion = RouteTimeout(fake_vehicle(30.0), straight_route(), table)
    assert run_until_timeout(criterion) == pytest.approx(300.0 + 36.0, abs=0.11)


def test_metres_without_a_limit_are_granted_once_it_is_known():
    vehicle = SimpleNamespace(get_speed_limit=lambda: 0.0)
    criterion = RouteTimeout(vehicle, straight_route())
    for x in range(51):
        criterion.update(at(x + 0.01))
    vehicle.get_speed_limit = lambda: 50.0
    for x in range(51, 101):
        criterion.update(at(x + 0.01))
    criterion.update(at(100.01, time_s=371.0))
    assert not criterion.ends_episode
    criterion.update(at(100.01, time_s=373.0))
    assert criterion.ends_episode


def test_tick_limit_ends_after_more_than_its_ticks():
    criterion = TickLimit(4000)
    for _ in range(4000):
        criterion.update(at(0.0))
    assert not criterion.ends_episode
    criterion.update(at(0.0))
    assert criterion.ends_episode


def drive_for_speed(name, speed, background, to_m=199.6):
    """Drive a straight 200 m route; `background` gives the traffic's mean speed for a place."""
    rules, route = profile(name), straight_route()
    completion = RouteCompletion(route)
    criterion = MinSpeed(rules, route, completion)
    for frame, x in enumerate(np.arange(0.5, to_m, 0.25)):
        observation = observe((x, 0.0, 0.0), speed=speed, frame=frame, background=background(x))
        completion.update(observation)
        criterion.update(observation)
    criterion.finish()
    return criterion.events


def test_slow_sections_are_events_with_their_percentage():
    events = drive_for_speed("leaderboard", 4.0, lambda x: 8.0)
    assert len(events) == profile("leaderboard").min_speed_checkpoints
    assert [event.values["percentage"] for event in events] == [50.0] * 4
    assert events[0].message.startswith("Average speed is 50.0% of ")


def test_fast_sections_and_empty_roads_are_no_events():
    assert drive_for_speed("leaderboard", 9.0, lambda x: 8.0) == []
    assert drive_for_speed("leaderboard", 1.0, lambda x: None) == []
    assert drive_for_speed("leaderboard", 1.0, lambda x: 0.0) == []


def test_ticks_without_traffic_do_not_count():
    events = drive_for_speed("leaderboard", 4.0, lambda x: 5.0 if 10.0 < x < 20.0 else None)
    assert [event.values["percentage"] for event in events] == [80.0]


def test_bench2drive_reports_every_section_and_keeps_the_speed_above_100_in_the_sentence():
    events = drive_for_speed("bench2drive", 12.0, lambda x: 10.0)
    assert 19 <= len(events) <= 20
    assert all(event.message.startswith("Average speed is 120.0% of ") for event in events)
    assert profile("bench2drive").penalties.score_penalty(events) == 1.0
    assert [event.message.split()[3] for event in drive_for_speed("bench2drive", 12.0, lambda x: None)] == [
        "100.0%"
    ] * len(events)


@pytest.mark.parametrize(("to_m", "sections"), [(189.0, 3), (192.0, 4)])
def test_the_last_section_counts_from_95_percent_on(to_m, sections):
    assert len(drive_for_speed("leaderboard", 4.0, lambda x: 8.0, to_m=to_m)) == sections


def test_segments():
    a, b, c, d = (np.array(p, dtype=float) for p in ((0, 0), (2, 0), (1, -1), (1, 1)))
    assert segments_cross(a, b, c, d)
    assert not segments_cross(a, b, c + 5, d + 5)


def test_the_front_is_that_of_the_client():
    rotation = carla.Rotation(pitch=11.0, yaw=-130.0, roll=7.0)
    ego = EgoState(np.zeros(3), math.radians(-130.0), 0.0, np.ones(3), pitch_rad=math.radians(11.0))
    theirs = rotation.get_forward_vector()
    np.testing.assert_allclose(ego.forward, (theirs.x, theirs.y, theirs.z), atol=1e-6)


@pytest.fixture(scope="module")
def street():
    """Map and a route of some 100 m along one lane of Town01."""
    compiled, carla_map = town("Town01")
    starts = [carla_map.get_waypoint(carla.Location(*map(float, row[:3]))) for row in compiled.spawn_points]
    ends = next((each, last[0]) for each in starts if (last := each.next(100.0)) and last[0].road_id == each.road_id)
    places = np.array([(w.transform.location.x, w.transform.location.y, w.transform.location.z) for w in ends])
    return carla_map, RoutePlanner(carla_map).trace(places)


def make_set(street, name, **options):
    carla_map, route = street
    world = FakeWorld(carla_map=carla_map)
    lights = TrafficLights(world, carla_map)
    return CriteriaSet(profile(name), world, carla_map, fake_vehicle(), route, lights, **options)


def drive_route(criteria, route, speed=5.0):
    for index in range(len(route)):
        place = route.xyz[index] + 0.4 * np.array([math.cos(route.yaw_rad[index]), math.sin(route.yaw_rad[index]), 0])
        criteria.update(observe(place, route.yaw_rad[index], speed, frame=index + 1))


@pytest.mark.parametrize("name", ["leaderboard", "leaderboard-2.1", "bench2drive", "longest6", "town13", "fail2drive"])
def test_a_clean_drive_has_only_its_completion(street, name):
    criteria = make_set(street, name)
    drive_route(criteria, street[1])
    assert criteria.is_over
    criteria.finish()
    criteria.finish()
    kinds = [event.type for event in criteria.events if event.type is not EventType.MIN_SPEED_INFRACTION]
    assert kinds == [EventType.ROUTE_COMPLETION]
    assert bool(len(criteria.events) > 1) == profile(name).min_speed_always_reported
    assert (criteria.timed_out, criteria.failure) == (False, "")


def test_public_names_in_the_public_order(street):
    names = [criterion.name for criterion in make_set(street, "leaderboard").criteria]
    assert names[:8] == [
        "RouteCompletionTest",
        "OutsideRouteLanesTest",
        "CollisionTest",
        "RunningRedLightTest",
        "RunningStopTest",
        "MinSpeedTest",
        "InRouteTest",
        "AgentBlockedTest",
    ]
    assert {"ScenarioTimeoutTest", "YieldToEmergencyVehicleTest"} < set(names)


def test_events_come_by_criterion_and_named_events_by_time(street):
    criteria = make_set(street, "leaderboard")
    route = street[1]
    criteria.update(observe(route.xyz[0], route.yaw_rad[0], frame=1))
    criteria.report(EventType.SCENARIO_TIMEOUT, "the scenario took too long", {}, 1)
    criteria.on_collision(contact(2, 3, "vehicle.audi.tt"))
    criteria.update(observe(route.xyz[1], route.yaw_rad[0], frame=2))
    criteria.update(observe(route.xyz[2], route.yaw_rad[0], frame=3))
    assert [event.type for event in criteria.events] == [EventType.COLLISION_VEHICLE, EventType.SCENARIO_TIMEOUT]
    assert [(name, event.frame) for name, event in criteria.named_events()] == [
        ("ScenarioTimeoutTest", 1),
        ("CollisionTest", 2),
    ]


def test_scenarios_report_only_what_no_criterion_watches(street):
    criteria = make_set(street, "leaderboard")
    criteria.report(EventType.YIELD_TO_EMERGENCY_VEHICLE, "the ambulance is still behind", {}, 5)
    assert criteria.named_events()[0][0] == "YieldToEmergencyVehicleTest"
    with pytest.raises(CriteriaError, match="COLLISION_VEHICLE"):
        criteria.report(EventType.COLLISION_VEHICLE, "bang", {}, 5)


def test_bench2drive_ends_after_its_ticks_with_a_reason(street):
    criteria = make_set(street, "bench2drive")
    route = street[1]
    for frame in range(4001):
        speed = 1.0 if frame % 500 == 0 else 0.0
        criteria.update(observe(route.xyz[0], route.yaw_rad[0], speed=speed, frame=frame))
    assert criteria.is_over
    assert criteria.failure == TICK_RUNTIME
    assert not criteria.timed_out


def test_a_drive_to_learn_from_is_given_up_with_its_first_fault(street):
    patient, strict = make_set(street, "leaderboard"), make_set(street, "leaderboard", gives_up=True)
    for criteria in (patient, strict):
        assert (criteria.is_over, criteria.failure) == (False, "")
        criteria.report(EventType.YIELD_TO_EMERGENCY_VEHICLE, "the ambulance is still behind", {}, 5)
    assert (patient.is_over, patient.failure) == (False, "")
    assert (strict.is_over, strict.failure) == (True, GIVEN_UP)
    # What ended by itself keeps its own reason, and a clean drive is driven to its end.
    drive_route(strict, street[1])
    assert (strict.is_over, strict.failure) == (True, "")
    clean = make_set(street, "leaderboard", gives_up=True)
    drive_route(clean, street[1])
    assert (clean.completion.ends_episode, clean.failure) == (True, "")


@pytest.mark.parametrize("kind", [kind for kind in EventType if kind is not EventType.ROUTE_COMPLETION])
def test_it_is_given_up_for_what_would_reject_it(kind):
    ends_the_drive = kind in (EventType.ROUTE_DEVIATION, EventType.VEHICLE_BLOCKED)
    driven = {"route_completed": 80.0 if ends_the_drive else 100.0}
    events = [
        RouteEvent(EventType.ROUTE_COMPLETION, "so much", driven, 9),
        RouteEvent(kind, "this happened", {"percentage": 50.0}, 8),
    ]
    run = RouteRun("RouteScenario_a_rep0", events, length_m=100.0, duration_game_s=10.0, duration_system_s=1.0)
    record = route_record(run, 0, profile("leaderboard").penalties)
    assert (rejection(dataclasses.asdict(record)) is None) is (kind in LEARNT_FROM)


def test_scenarios_can_pause_the_blocked_time(street):
    criteria = make_set(street, "bench2drive")
    criteria.blocked_paused = True
    for frame in range(2000):
        criteria.update(observe(street[1].xyz[0], street[1].yaw_rad[0], speed=0.0, frame=frame))
    assert criteria.blocked_paused
    assert not criteria.is_over
