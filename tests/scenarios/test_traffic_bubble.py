"""The background traffic with the Traffic Manager in the embedded simulator; the ego is moved along its route."""

import math

import carla
import numpy as np
import pytest
from scenario_support import ahead, lane, make_stage, map_only
from test_traffic_junctions import follow
from traffic_support import (
    TOWN,
    Ride,
    along_route,
    approach,
    before_crossing,
    free_road,
    places_before_junctions,
    route_ahead_m,
    straight,
)

from lead.routes.planner import trace_route
from lead.scenarios.lane_tools import same_direction_lanes
from lead.scenarios.messages import ChangeJunctionBehavior, RemoveRoadLane
from lead.scenarios.traffic.lanes import key_of
from lead.scenarios.traffic.plain import PlainTraffic, make_plain_traffic
from lead.scenarios.traffic.state import Phase


@pytest.fixture
def road(town):
    with free_road(town) as ride:
        yield ride


@pytest.fixture
def crossing(town):
    with before_crossing(town) as ride:
        yield ride


# -- the ego's road --------------------------------------------------------------------------------------------------


def test_two_cars_ahead_and_two_behind_on_every_lane_at_a_pitch_of_fifteen_metres(road):
    assert len(road.state.road) == 3
    for source in road.state.road.values():
        along = [along_route(road, car.place) for car in source.cars]
        assert along == pytest.approx([30.0, 15.0, -15.0, -30.0], abs=0.3)
        assert math.dist(source.place, source.cars[-1].place) < 0.1
    for car in road.fleet:
        assert car.actor.attributes["role_name"] == "background"
        assert car.actor.attributes["base_type"] == "car" and not car.actor.attributes["special_type"]
    assert len(road.state.opposite_sources) == 3
    assert all(79.0 < route_ahead_m(road, each.place) < 83.0 for each in road.state.opposite_sources)
    road.go(2.0)
    assert all(road.stage.speed_mps(car.actor) > 1.0 for car in road.road_cars(behind=False)[:1])


def test_the_nearer_a_car_ahead_the_faster_it_is_and_those_behind_catch_up(road):
    road.speed_mps = 10.0
    road.go(4.0)
    settings, speeds = road.state.settings, road.bubble._speeds
    assert (settings.min_radius_m, settings.max_radius_m) == pytest.approx((47.0, 62.0), abs=0.2)
    car = next(iter(road.fleet))
    for distance_m, percent in [(40.0, 100.0), (54.5, 50.0), (62.0, 0.0), (70.0, 0.0)]:
        car.distance_m, car.is_behind = distance_m, False
        assert speeds.road_percent(car) == pytest.approx(percent, abs=1.5)
    for distance_m, percent in [(0.3, 102.0), (7.5, 150.0), (15.0, 200.0), (40.0, 200.0)]:
        car.distance_m, car.is_behind = distance_m, True
        assert speeds.road_percent(car) == pytest.approx(percent)
    road.state.entry_cleared = True
    car.distance_m = 18.0
    limit_kmh = road.stage.ego.get_speed_limit()
    expected = 100.0 * road.stage.ego_speed_mps / limit_kmh + 100.0 * 3.0 / 15.0
    assert speeds.road_percent(car) == pytest.approx(min(expected, 100.0))
    car.distance_m, car.is_behind = 57.0, False
    assert speeds.exit_road_percent(car) == pytest.approx(50.0, abs=2.0)


def test_the_traffic_manager_gets_the_share_of_the_speed_limit_capped_at_ninety(road):
    road.tick()
    limit_kmh = road.stage.ego.get_speed_limit()
    assert limit_kmh > 0.0
    for car in road.road_cars(behind=True):
        assert car.percent == pytest.approx(200.0)
        assert car.sent_kmh == pytest.approx(min(2.0 * limit_kmh, 90.0))


def test_a_third_car_ahead_of_a_standing_ego_disappears(road):
    side = next(source for key, source in road.state.road.items() if key != road.route.key)
    first, start = side.cars[0], set(road.fleet)

    def check():
        for source in road.state.road.values():
            assert sum(not car.is_behind for car in source.cars) <= 2

    road.go(8.0, check)
    assert first not in road.fleet, "the cars behind on the other lane have passed the ego"
    assert len(side.cars) >= 3 and set(side.cars) - start, "others have appeared behind them"
    own = road.state.road[road.route.key]
    assert [car.is_behind for car in own.cars] == [False, False, True, True]


def test_sources_follow_the_ego_and_cars_appear_behind_it_only(road):
    road.speed_mps = 8.0
    known = set(road.fleet)

    def check():
        for source in road.state.road.values():
            assert len(source.cars) <= 4
            assert math.dist(source.place, road.route.origin) > 14.0
        for car in set(road.fleet) - known:
            known.add(car)
            on_road = car in list(road.state.road_cars())
            assert not on_road or (car.is_behind and car.distance_m > 14.0)

    places = [source.place for source in road.state.road.values()]
    road.go(7.0, check)
    assert all(
        math.dist(old, source.place) > 15.0 for old, source in zip(places, road.state.road.values(), strict=True)
    )
    assert all(len(source.cars) == 4 for source in road.state.road.values())


def test_opposite_sources_go_back_along_their_lanes_as_the_ego_comes_on(road):
    sources = list(road.state.opposite_sources)
    before = [source.place for source in sources]
    road.speed_mps = 10.0
    for _ in range(200):
        road.tick()
        if road.stage.dense.distance_m[road.route.index] >= 20.0:
            break
    moved = [math.dist(source.place, place) for source, place in zip(sources, before, strict=True)]
    assert moved == pytest.approx([20.0] * 3, abs=2.5)
    assert all(78.0 < route_ahead_m(road, source.place) < 83.0 for source in sources)


@pytest.mark.slow
def test_opposite_cars_come_at_a_gap_ignore_nobody_and_go_when_they_are_past(road):
    road.go(1.0)
    assert [len(source.cars) for source in road.state.opposite_sources] == [1, 1, 1]
    first = list(road.state.opposite_cars)
    assert all(car.percent is None for car in first), "the Traffic Manager drives them at the limit"
    road.go(14.0)
    assert len(road.state.opposite_sources[0].cars) >= 2
    gap = math.dist(road.state.opposite_sources[0].cars[-1].place, road.state.opposite_sources[0].cars[-2].place)
    assert gap > 20.0
    road.go(12.0)
    assert not set(first) & set(road.fleet)


# -- junctions -------------------------------------------------------------------------------------------------------


def test_a_junction_begins_at_thirty_metres_and_one_and_a_half_times_the_speed(crossing):
    crossing.state.settings.adapt(10.0)
    assert crossing.state.settings.junction_distance_m == 45.0
    crossing.speed_mps = 7.0
    while crossing.state.coming and crossing.left_to_junction_m() > 42.0:
        crossing.tick()
    assert crossing.state.in_road_mode and crossing.state.road
    on_road, left_m = set(crossing.state.road_cars()), math.inf
    while crossing.state.in_road_mode:
        left_m = crossing.left_to_junction_m()
        crossing.tick()
    assert left_m == pytest.approx(30.0 + 1.5 * crossing.stage.ego_speed_mps, abs=1.5)
    (junction,) = crossing.state.active
    assert not crossing.state.road and not crossing.state.opposite_sources
    assert on_road & set(crossing.fleet) <= set(junction.cars)
    assert all(car.percent == 100.0 for car in on_road & set(crossing.fleet))


@pytest.mark.slow
def test_cars_from_all_sides_wait_where_the_ego_leaves_and_become_its_road(crossing):
    crossing.stage.post(ChangeJunctionBehavior(source_percent=100.0))
    junction = approach(crossing)
    for key in junction.route_exit_keys:
        way = junction.exits[key]
        assert (way.max_cars, way.max_distance_m) == (2, 45.0)
        places = [math.dist(car.place, way.reference) for car in way.cars]
        assert places == sorted(places, reverse=True) and all(28.0 < place < 50.0 for place in places)
    others = [source for source in junction.sources if not junction.is_route_source(source)]
    assert others and all(source.active for source in junction.sources)
    entries = {key_of(entry): entry for entry in junction.entries}
    for source in others:
        place = entries[source.entry_key].transform.location
        assert 14.0 < carla.Location(*source.place).distance(place) < 41.0
    crossing.stop()
    crossing.go(15.0, lambda: [len(source.cars) <= 6 or pytest.fail("too many") for source in junction.sources])
    phases = {passage.phase for passage in junction.cars.values()}
    assert phases >= {Phase.ENTRY, Phase.EXIT_ROAD}
    crossing.speed_mps = 8.0
    while crossing.state.active:
        crossing.tick()
    assert set(crossing.state.road) == set(junction.route_exit_keys)
    assert crossing.road_cars(behind=False)
    assert not any(car.is_behind for car in crossing.fleet), "what lay behind is gone"
    assert len(crossing.state.opposite_sources) == 2 or not crossing.state.opposite_sources


def test_one_source_in_five_is_not_used(crossing):
    crossing.stage.post(ChangeJunctionBehavior(source_percent=0.0))
    junction = approach(crossing)
    assert junction.sources and not any(source.active for source in junction.sources)


def test_a_source_takes_a_car_that_passes_instead_of_spawning_one(crossing):
    crossing.stage.post(ChangeJunctionBehavior(source_percent=100.0))
    junction = approach(crossing)
    crossing.stop()
    crossing.tick()
    source = next(each for each in junction.sources if not junction.is_route_source(each) and each.cars)
    donor = next(each for each in junction.sources if each is not source and each.cars)
    car = donor.cars[-1]
    crossing.fleet.destroy_all(source.cars)
    pose = source.waypoint.previous(5.0)[0].transform
    pose.location.z += 0.2
    crossing.stage.pool.end_tick()
    crossing.stage.pool.place(car.actor, pose)
    crossing.tick()
    assert car in source.cars and car not in donor.cars
    assert car.percent is None and junction.cars[car].phase is Phase.ENTRY


# -- the whole -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "x", "y", "speed_mps"), [("Town03", -33.2, 193.6, 12.0), ("Town04", 16.0, 190.0, 20.0)]
)
def test_a_long_drive_keeps_the_tables_right_and_the_traffic_near(town, name, x, y, speed_mps):
    session = town(name)
    start = lane(session.map, x, y)
    with make_stage(session, start, route_m=30.0) as bench:
        bench.stage.dense = follow(start, 700.0)
        ride = Ride(bench, speed_mps)
        modes = set()

        def check():
            modes.add(ride.state.in_road_mode)
            assert len(ride.fleet) < 90
            if ride.state.in_road_mode:
                assert all(car.distance_m < 250.0 for car in ride.fleet)

        ride.go(650.0 / speed_mps, check)
        assert modes == {True, False}
        assert len(ride.seen) > 40
        ride.bubble.close()
        assert not len(ride.fleet)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_traffic(town):
    def drive(seed):
        session = town(TOWN)
        place = straight(session.map, 3, 3, 150.0)
        with make_stage(session, place, route_m=150.0, seed=seed) as bench:
            ride = Ride(bench, 8.0)
            ride.go(8.0)
            return [(car.actor.type_id, car.actor.attributes.get("color"), car.place) for car in ride.fleet]

    first = drive(7)
    assert drive(7) == first
    assert [kind for kind, *_ in drive(8)] != [kind for kind, *_ in first]


@pytest.mark.slow
def test_lane_changes_of_the_route_are_counted_while_a_lane_is_removed(town):
    session = town(TOWN)
    place = straight(session.map, 3, 3, 150.0)
    inner, outer, *_ = same_direction_lanes(place)
    for start, goal, expected in [(inner, outer, -1), (outer, inner, 1)]:
        with make_stage(session, start, route_m=30.0) as bench:
            places = (start, ahead(start, 20.0), ahead(goal, 60.0))
            points = [(w.transform.location.x, w.transform.location.y, 0.0) for w in places]
            bench.stage.dense = trace_route(session.map, np.array(points))
            ride = Ride(bench, 10.0)
            ride.tick(RemoveRoadLane(start))
            ride.go(7.0)
            assert ride.state.lane_offset == expected


def test_plain_traffic_is_a_number_of_cars_near_the_route(town):
    session = town("Town01")
    start = straight(session.map, 1, 1, 60.0)
    with make_stage(session, start, route_m=60.0) as bench:
        assert make_plain_traffic(0)(bench.stage) is None
        traffic = make_plain_traffic(12)(bench.stage)
        assert isinstance(traffic, PlainTraffic) and 8 <= len(traffic.ids) <= 12
        bench.step(40, traffic.tick)
        cars = session.world.get_actors(traffic.ids)
        assert {car.attributes["role_name"] for car in cars} == {"background"}
        assert sum(car.get_velocity().length() > 0.5 for car in cars) > len(cars) / 2
        traffic.close()
        assert not traffic.ids


def test_maps_without_a_server_have_the_places_of_these_tests():
    carla_map = map_only(TOWN)
    assert straight(carla_map, 3, 3, 150.0) is not None
    assert next(places_before_junctions(carla_map, 72)) is not None
