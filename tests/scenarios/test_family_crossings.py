"""Walkers who cross: from behind something at the side of the road, and three before a junction."""

from dataclasses import replace

import carla
import numpy as np
import pytest
from passing_support import built, in_frame
from roadside_support import arrival_s, crossing, driven_m, set_off, tick_of
from scenario_support import (
    ahead,
    autopilot,
    blind,
    drive,
    lane,
    make_engine,
    make_stage,
    map_only,
    no_traffic,
    scenario,
)

from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.errors import ScenarioError
from lead.scenarios.families.roadside import roadside
from lead.scenarios.messages import HandleJunctionScenario, LeaveCrossingSpace, LeaveSpaceInFront
from lead.scoring.penalties import EventType

ROAD = (101.0, 133.0)
"""In Town01: more than 200 m straight ahead, with sidewalks on both sides."""
BEFORE_JUNCTION = (88.4, 145.0)
"""In Town01, 40 m before a junction with sidewalks."""


@pytest.fixture
def road(town):
    session = town("Town01")
    return session, lane(session.map, *ROAD)


def on_road(road, config, ego):
    session, start = road
    return drive(session, [start, ahead(start, 120.0)], [config], ego=ego, max_s=60.0)


# -- DynamicObjectCrossing -------------------------------------------------------------------------------------------


def test_a_walker_steps_out_from_behind_a_prop_and_a_driver_that_looks_waits(road):
    start = road[1]
    name = "DynamicObjectCrossing_1"
    result = on_road(road, scenario("DynamicObjectCrossing", ahead(start, 25.0), distance=40), autopilot)
    assert result.completed_percent == 100.0
    assert not result.events
    assert result.posted(LeaveSpaceInFront) == [LeaveSpaceInFront(50.0)]
    (walker,), (blocker,) = result.actors("walker"), result.actors("static.prop.vendingmachine")
    assert {result.kinds[walker].role_name, result.kinds[blocker].role_name} == {"scenario", "scenario no lights"}

    yaw_deg = start.transform.rotation.yaw
    way = crossing(result, walker, name, yaw_deg)
    posted = tick_of(result, LeaveCrossingSpace)
    conflict = result.posted(LeaveCrossingSpace)[0].waypoint.transform
    assert start.transform.location.distance(conflict.location) == pytest.approx(65.0, abs=1.1)
    assert arrival_s(result, posted, conflict.location) < 2.1 <= arrival_s(result, posted - 1, conflict.location)
    assert way.first in (posted + 1, posted + 2)

    box_m = result.kinds[blocker].actor.bounding_box.extent.x
    forward_m, right_m, _ = in_frame(conflict, way.start)
    assert forward_m == pytest.approx(box_m + 0.5, abs=0.05)
    assert right_m > 3.0
    assert way.speed_mps == pytest.approx(2.0, abs=0.02)
    assert way.course_deg == pytest.approx(270.0, abs=1.0)
    whole_m = 2.0 * np.linalg.norm((forward_m, right_m, 1.2))
    assert way.length_m == pytest.approx(whole_m, abs=0.3), "to the other side of the road"
    assert result.track(blocker)[-1][0] == result.track(walker)[-1][0], "both vanish together"
    ended = result.phases[name].ended
    assert driven_m(result, way.last + 1, ended) == pytest.approx(40.0, abs=1.0)


@pytest.mark.parametrize(
    "blocker",
    [
        "static.prop.vendingmachine",
        pytest.param("static.prop.foodcart", marks=pytest.mark.slow),
        pytest.param("static.prop.busstoplb", marks=pytest.mark.slow),
    ],
)
def test_a_blind_driver_hits_the_walker(road, blocker):
    """The boxes of the last two reach over the walker's place."""
    config = scenario("DynamicObjectCrossing", ahead(road[1], 25.0), distance=40, blocker_model=blocker)
    result = on_road(road, config, blind(8.0))
    assert result.actors(blocker)
    assert result.event_types == {EventType.COLLISION_PEDESTRIAN}


def test_until_the_trigger_the_walker_stays_deep_under_the_ego(road):
    session, start = road
    with make_stage(session, start, route_m=150.0) as bench:
        engine = make_engine(no_traffic)
        config = scenario("DynamicObjectCrossing", ahead(start, 120.0))
        engine.start(replace(bench.context, scenarios=(config,)))

        def tick(count):
            for _ in range(count):
                bench.session.tick()
                engine.tick(bench.observer.read(), bench.control)

        tick(2)
        walker = engine.scenarios[0].record.first_actor
        below = walker.get_location() - start.transform.location
        assert (below.x, below.y, below.z) == pytest.approx((0.0, 0.0, -100.0), abs=1.0)
        bench.move_ego(ahead(start, 60.0).transform)
        tick(98)
        assert walker.get_location().distance(ahead(start, 60.0).transform.location) > 110.0
        tick(5)
        below = walker.get_location() - ahead(start, 60.0).transform.location
        assert (below.x, below.y, below.z) == pytest.approx((0.0, 0.0, -100.0), abs=1.0), "every 5 s it follows"
        engine.close()


@pytest.mark.parametrize(
    ("parameters", "yaw_deg", "walker_deg", "side"),
    [
        ({"direction": "right"}, 90.0, 270.0, 1.0),
        ({"direction": "left"}, 270.0, 90.0, -1.0),
        ({"direction": "right", "crossing_angle": 18}, 90.0, 252.0, 1.0),
        ({"direction": "left", "crossing_angle": -4}, 270.0, 86.0, -1.0),
        ({"direction": "right", "blocker_model": "vehicle.tesla.model3"}, 0.0, 270.0, 1.0),
        ({"direction": "right", "distance": 113, "blocker_z": 0.5}, 90.0, 270.0, 1.0),
    ],
)
def test_blocker_and_walker_on_both_sides(road, parameters, yaw_deg, walker_deg, side):
    session, start = road
    with make_stage(session, start) as bench:
        built_one, _ = built(bench, scenario("DynamicObjectCrossing", start, **parameters))
        distance_m = parameters.get("distance", 12)
        place = ahead(start, distance_m).transform
        blocker = built_one._blocker.get_transform()
        forward_m, right_m, up_m = in_frame(place, (blocker.location.x, blocker.location.y, blocker.location.z))
        assert forward_m == pytest.approx(0.5, abs=0.6)
        assert side * right_m > (3.0 if side > 0.0 else 7.0), "beyond all lanes of that side"
        assert up_m >= parameters.get("blocker_z", 0.0) - 0.1
        assert (blocker.rotation.yaw - place.rotation.yaw) % 360.0 == pytest.approx(yaw_deg, abs=0.5)
        walker = built_one._walker_pose
        assert (walker.rotation.yaw - place.rotation.yaw) % 360.0 == pytest.approx(walker_deg, abs=0.5)
        beyond_m = in_frame(blocker_frame(place, blocker), xyz(walker.location))[0]
        assert beyond_m == pytest.approx(built_one._blocker.bounding_box.extent.x + 0.5, abs=0.05)
        assert built_one.record.memory["pedestrian_moved"] == {built_one.record.first_actor.id: False}


def blocker_frame(road_pose, blocker):
    return carla.Transform(blocker.location, road_pose.rotation)


def xyz(location):
    return (location.x, location.y, location.z)


@pytest.mark.parametrize(("angle_deg", "time_s"), [(-4, 2.0), (0, 2.1), (4.9, 2.1), (5, 2.2), (18, 2.4)])
def test_who_walks_at_an_angle_sets_off_earlier(road, angle_deg, time_s):
    session, start = road
    with make_stage(session, start) as bench:
        built_one, _ = built(bench, scenario("DynamicObjectCrossing", start, crossing_angle=angle_deg))
        assert built_one._reaction_s(2.1) == pytest.approx(time_s)


def test_an_occupied_place_is_left_for_one_farther_on(road):
    session, start = road
    config = scenario("DynamicObjectCrossing", start, distance=30)
    with make_stage(session, start) as bench:
        first, _ = built(bench, config)
        place, conflict = first._walker_pose, first._conflict
        first.close()
        bench.step(2)
        stranger = bench.stage.pool.spawn(ActorModel("walker.pedestrian.0001"), place)
        assert stranger is not None
        second, _ = built(bench, config, 1)
        moved_m = second._conflict.transform.location.distance(conflict.transform.location)
        assert 0.9 < moved_m < 5.5
        bench.step(1)
        alive = bench.session.world.get_actors().filter("static.prop.vendingmachine")
        assert [actor.id for actor in alive] == [second._blocker.id], "the ones that did not fit are gone"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"crossing_angle": 91}, "crossing_angle is 91"),
        ({"blocker_model": "static.prop.nosuchthing"}, "no blueprint static.prop.nosuchthing"),
        ({"walker": "walker.animal.nosuchthing"}, "no blueprint walker.animal.nosuchthing"),
    ],
)
def test_wrong_parameters_are_named_and_nothing_is_left(road, parameters, message):
    session, start = road
    with make_stage(session, start) as bench, pytest.raises(ScenarioError, match=message):
        built(bench, scenario("DynamicObjectCrossing", start, **parameters))


def test_the_walker_may_be_given(road):
    session, start = road
    with make_stage(session, start) as bench:
        built_one, _ = built(bench, scenario("DynamicObjectCrossing", start, walker="walker.pedestrian.0030"))
        assert built_one.record.first_actor.type_id == "walker.pedestrian.0030"


def test_the_left_side_of_a_road_with_one_direction_looks_ahead():
    road = map_only("Town15").get_waypoint_xodr(217, -3, 20.0)
    left = roadside(road, left=True)
    assert not left.looks_back
    assert left.parking is not None
    assert not left.is_sidewalk
    assert in_frame(road.transform, xyz(left.ahead(5.0).waypoint.transform.location))[0] == pytest.approx(5.0, abs=1.0)
    pose = left.pose(1.5, 270.0)
    assert in_frame(left.waypoint.transform, xyz(pose.location))[1] == pytest.approx(-1.5, abs=0.01)
    assert (pose.rotation.yaw - left.waypoint.transform.rotation.yaw) % 360.0 == pytest.approx(90.0)


# -- ParkingCrossingPedestrian ---------------------------------------------------------------------------------------


def test_a_walker_steps_out_from_behind_a_parked_car(road):
    start = road[1]
    name = "ParkingCrossingPedestrian_1"
    config = scenario("ParkingCrossingPedestrian", ahead(start, 25.0), distance=40, crossing_angle=6)
    result = on_road(road, config, autopilot)
    assert result.completed_percent == 100.0
    assert not result.events
    assert result.posted(LeaveSpaceInFront) == [LeaveSpaceInFront(55.0)]
    (walker,), (car,) = result.actors("walker"), result.actors("vehicle")
    kind = result.kinds[car]
    assert kind.attributes["base_type"] == "car"
    assert kind.attributes["generation"] == "2"
    place = ahead(start, 65.0).transform
    forward_m, right_m, _ = in_frame(place, result.track(car)[-1][1].xyz)
    assert (forward_m, right_m) == pytest.approx((0.0, start.lane_width), abs=0.1)
    beyond_m = kind.actor.bounding_box.extent.x + 0.5
    conflict = ahead(start, 65.0 + beyond_m).transform.location
    way = crossing(result, walker, name, start.transform.rotation.yaw)
    forward_m, right_m, _ = in_frame(place, way.start)
    assert (forward_m, right_m) == pytest.approx((beyond_m, start.lane_width), abs=0.1)
    expected = set_off(result, conflict, 2.25, 6.0, result.phases[name].triggered)
    assert way.first - expected in (0, 1, 2)
    assert way.speed_mps == pytest.approx(2.0, abs=0.02)
    assert way.course_deg == pytest.approx(264.0, abs=1.0)
    assert way.length_m == pytest.approx(8.0, abs=0.3)
    assert result.track(car)[-1][0] == result.track(walker)[-1][0], "both vanish together"
    assert driven_m(result, way.last + 1, result.phases[name].ended) == pytest.approx(40.0, abs=1.0)


@pytest.mark.slow
def test_a_blind_driver_hits_the_walker_behind_the_parked_car(road):
    result = on_road(road, scenario("ParkingCrossingPedestrian", ahead(road[1], 25.0), distance=40), blind(8.0))
    assert result.event_types == {EventType.COLLISION_PEDESTRIAN}


@pytest.mark.parametrize(
    ("parameters", "side", "walker_deg"),
    [
        ({"direction": "right", "distance": 30}, 1.0, 270.0),
        ({"direction": "left", "distance": 80, "crossing_angle": 15}, -1.0, 105.0),
        ({"direction": "right", "crossing_angle": -2, "offset_x": -1}, 1.0, 272.0),
    ],
)
def test_parked_car_and_walker_on_both_sides(road, parameters, side, walker_deg):
    session, start = road
    with make_stage(session, start) as bench:
        built_one, _ = built(bench, scenario("ParkingCrossingPedestrian", start, **parameters))
        place = ahead(start, parameters.get("distance", 12)).transform
        walker = built_one._walker_pose
        forward_m, right_m, _ = in_frame(place, xyz(walker.location))
        beyond_m = built_one._blocker.bounding_box.extent.x + 0.5
        back_m = -parameters.get("offset_x", 0.0)
        assert (forward_m, right_m) == pytest.approx((beyond_m, side * (start.lane_width + back_m)), abs=0.1)
        assert (walker.rotation.yaw - place.rotation.yaw) % 360.0 == pytest.approx(walker_deg, abs=0.5)
        car_m = in_frame(place, xyz(built_one._blocker.get_location()))[0]
        assert car_m == pytest.approx(0.0, abs=0.05)
        assert len(built_one.claimed) == 2
        assert built_one._blocker.get_control().hand_brake


# -- PedestrianCrossing ----------------------------------------------------------------------------------------------


def test_three_walkers_cross_before_a_junction_and_the_scenario_stays(town):
    session = town("Town01")
    start = lane(session.map, *BEFORE_JUNCTION)
    name = "PedestrianCrossing_1"
    config = scenario("PedestrianCrossing", ahead(start, 10.0))
    result = drive(session, [start, lane(session.map, 150.0, 199.0)], [config], ego=autopilot, max_s=60.0)
    assert result.completed_percent == 100.0
    assert not result.events
    assert result.posted(HandleJunctionScenario) == [HandleJunctionScenario(clear_junction=False, stop_entries=False)]
    conflict = result.scenario_of[name]._conflict
    assert not conflict.is_junction
    assert ahead(conflict, 1.0).is_junction
    begun = set_off(result, conflict.transform.location, 3.5, 12.0, result.phases[name].triggered + 4)
    beside = roadside(conflict, left=False).waypoint.transform
    walkers = result.actors("walker")
    speeds, pauses = [], []
    for number, place in zip(walkers, [(0.4, 1.5), (1.0, 2.5), (1.6, 0.5)], strict=True):
        way = crossing(result, number, name, conflict.transform.rotation.yaw)
        forward_m, right_m, _ = in_frame(beside, way.start)
        assert (forward_m, right_m) == pytest.approx(place, abs=0.05)
        assert way.course_deg == pytest.approx(270.0, abs=1.0)
        offset = in_frame(conflict.transform, way.start)
        whole_m = 2.3 * np.linalg.norm((offset[0], offset[1], beside.location.z + 1.2 - conflict.transform.location.z))
        assert way.length_m == pytest.approx(whole_m, abs=0.3)
        speeds.append(way.speed_mps)
        pauses.append(result.ticks[way.first - 1].time_s - result.ticks[begun - 1].time_s)
    assert all(1.3 - 0.02 <= speed <= 2.0 + 0.02 for speed in speeds)
    assert len({round(speed, 2) for speed in speeds}) == 3
    assert all(0.0 < pause <= 1.5 + 0.2 for pause in pauses)
    assert result.phases[name].ended == len(result.ticks), "only the end of the route ends it"


def test_a_blind_driver_hits_walkers_before_the_junction(town):
    session = town("Town01")
    start = lane(session.map, *BEFORE_JUNCTION)
    config = scenario("PedestrianCrossing", ahead(start, 10.0))
    result = drive(
        session,
        [start, lane(session.map, 150.0, 199.0)],
        [config],
        ego=blind(8.0),
        until=lambda so_far: so_far.ticks[-1].ego.xyz[1] > 190.0,
    )
    assert EventType.COLLISION_PEDESTRIAN in result.event_types


def test_without_a_sidewalk_nobody_crosses(town):
    session = town("Town05")
    start = lane(session.map, -184.0, -60.0)
    while roadside(start, left=False).is_sidewalk:
        start = ahead(start, 5.0)
    with make_stage(session, start) as bench, pytest.raises(ScenarioError, match="no sidewalk"):
        built(bench, scenario("PedestrianCrossing", start))
