"""What the background traffic does when scenarios ask it, in the embedded simulator."""

import math

import carla
import pytest
from traffic_support import (
    along_route,
    approach,
    before_crossing,
    free_road,
)

from lead.scenarios.lane_tools import opposite_lanes, same_direction_lanes
from lead.scenarios.messages import (
    ChangeJunctionBehavior,
    ChangeOppositeBehavior,
    ChangeRoadBehavior,
    HandleJunctionScenario,
    LeaveCrossingSpace,
    LeaveSpaceInFront,
    ReAddRoadLane,
    RemoveRoadLane,
    SetMaxSpeed,
    StartBackVehicles,
    StartFrontVehicles,
    StopBackVehicles,
    StopFrontVehicles,
    SwitchRouteSources,
)
from lead.scenarios.traffic.lanes import key_of
from lead.scenarios.traffic.state import Phase

BRAKE = int(carla.VehicleLightState.Brake)


@pytest.fixture
def road(town):
    with free_road(town) as ride:
        yield ride


@pytest.fixture
def crossing(town):
    with before_crossing(town) as ride:
        yield ride


# -- junctions -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_scenarios_clear_a_junction_before_it_begins(crossing):
    crossing.stage.post(ChangeJunctionBehavior(source_percent=100.0))
    (first, *_) = crossing.state.coming
    entries = {key_of(entry): entry for entry in first.entries}
    closed = next(key for key in entries if key not in first.route_entry_keys)
    closed_exit = first.route_exit_keys[0]
    far_back = entries[closed].previous(20.0)[0]
    message = HandleJunctionScenario(
        clear_ego_entry=True,
        remove_entries=[far_back],
        remove_exits=[first.exits[closed_exit].waypoint],
        extend_road_exit_m=20.0,
    )
    crossing.tick(message)
    assert crossing.state.entry_cleared and not crossing.road_cars(behind=False)
    assert not any(source.active for source in crossing.state.road.values())
    junction = approach(crossing)
    crossing.go(1.0)
    assert junction is first and junction.clear_middle
    (source,) = [each for each in junction.sources if each.entry_key == closed]
    assert not source.active and not source.cars
    assert not junction.exits[closed_exit].cars
    assert junction.exits[closed_exit].max_distance_m == 65.0
    others = [each for each in junction.sources if not junction.is_route_source(each)]
    cars = [car for each in others for car in each.cars]
    assert cars and all(car.percent == 0.0 for car in cars), "they stand at their entries"
    crossing.stop()
    crossing.go(6.0)
    assert all(passage.phase is not Phase.MIDDLE for passage in junction.cars.values())
    crossing.speed_mps = 8.0
    while crossing.state.active:
        crossing.tick()
    assert not crossing.state.entry_cleared


def test_scenarios_clear_a_junction_that_has_begun(crossing):
    crossing.stage.post(ChangeJunctionBehavior(source_percent=100.0))
    junction = approach(crossing)
    crossing.stop()
    for _ in range(600):
        crossing.tick()
        if any(passage.phase is Phase.MIDDLE for passage in junction.cars.values()):
            break
    else:
        pytest.fail("no car drove into the junction")
    source = next(each for each in junction.sources if each.key == each.entry_key and each.cars)
    exit_key = junction.route_exit_keys[0]
    way = junction.exits[exit_key]
    distance_m = way.max_distance_m
    crossing.tick(
        HandleJunctionScenario(remove_entries=[source.waypoint], extend_road_exit_m=30.0, clear_ego_entry=True)
    )
    assert not any(passage.phase is Phase.MIDDLE for passage in junction.cars.values())
    assert not source.active and not source.cars
    assert way.max_distance_m == distance_m + 30.0
    assert all(junction.cars[car].phase is not Phase.EXIT_ROAD for car in way.cars)
    route_cars = [car for each in junction.sources if junction.is_route_source(each) for car in each.cars]
    assert all(car.is_behind for car in route_cars)
    crossing.tick(HandleJunctionScenario(False, False, remove_exits=[way.waypoint], stop_entries=False))
    assert not way.cars


def test_cars_at_other_entries_are_held_but_not_those_that_come_later(crossing):
    crossing.stage.post(ChangeJunctionBehavior(source_percent=100.0))
    junction = approach(crossing)
    crossing.stop()
    crossing.tick()
    others = [source for source in junction.sources if not junction.is_route_source(source)]
    held = [car for source in others for car in source.cars]
    assert held and all(junction.cars[car].phase is Phase.ENTRY for car in held)
    crossing.tick(HandleJunctionScenario(False, False, stop_entries=True))
    assert all(car.percent == 0.0 for car in held) and not junction.stop_other_entries
    for source in others:
        crossing.fleet.destroy_all(source.cars)
    crossing.go(0.2)
    later = [car for source in others for car in source.cars]
    assert later and all(car.percent is None for car in later)


# -- messages on the road --------------------------------------------------------------------------------------------


def test_numbers_change_and_fields_that_are_none_stay(road):
    settings = road.state.settings
    road.tick(ChangeRoadBehavior(front_count=3, extra_space_m=20.0))
    assert (settings.front_count, settings.back_count, settings.spawn_distance_m) == (3, 2, 15.0)
    assert (settings.min_radius_m, settings.max_radius_m) == pytest.approx((65.0, 80.0), abs=0.5)
    road.tick(ChangeOppositeBehavior(source_distance_m=39.0))
    assert settings.opposite_source_distance_m == 80.0, "nearer than junction sources"
    road.tick(ChangeOppositeBehavior(spawn_distance_m=60.0, active=False))
    assert (settings.opposite_spawn_distance_m, settings.opposite_source_distance_m) == (60.0, 120.0)
    assert not any(source.active for source in road.state.opposite_sources)
    road.tick(ChangeJunctionBehavior(source_distance_m=121.0, spawn_distance_m=0.0, max_actors=3, source_percent=50.0))
    assert (settings.junction_source_distance_m, settings.junction_spawn_distance_m) == (40.0, 15.0)
    assert (settings.junction_max_cars, settings.junction_source_percent) == (3, 50.0)
    road.tick(ChangeOppositeBehavior(active=True))
    assert all(source.active for source in road.state.opposite_sources)


def test_no_opposite_cars_appear_while_they_are_switched_off(road):
    road.fleet.destroy_all(road.state.opposite_cars)
    road.tick(ChangeOppositeBehavior(active=False))
    road.go(3.0)
    assert not road.state.opposite_cars
    road.tick(ChangeOppositeBehavior(active=True))
    assert len(road.state.opposite_cars) == 3


def test_a_highest_speed_holds_until_it_is_lifted(road):
    road.tick(SetMaxSpeed(20.0))
    cars = road.road_cars(behind=True)
    assert cars and all(car.sent_kmh == 20.0 for car in cars)
    road.tick(SetMaxSpeed(0.0))
    assert all(car.sent_kmh > 50.0 for car in road.road_cars(behind=True))


def test_cars_ahead_stop_with_brake_lights_and_go_on(road):
    road.speed_mps = 4.0
    road.go(2.0)
    ahead_of_ego = road.road_cars(behind=False)
    assert ahead_of_ego
    road.stop()
    road.tick(StopFrontVehicles())
    assert all(car.percent == 0.0 and car.sent_kmh == 0.0 for car in ahead_of_ego)
    road.go(5.0)
    kept = [car for car in ahead_of_ego if car in road.fleet]
    assert kept
    for car in kept:
        assert road.stage.speed_mps(car.actor) < 0.2 and car.percent == 0.0
        assert int(car.actor.get_light_state()) & BRAKE
    road.tick(StartFrontVehicles())
    assert not any(car.is_stopped for car in road.fleet)
    road.tick()
    assert not any(int(car.actor.get_light_state()) & BRAKE for car in kept[:1])
    places = [car.place for car in kept]
    road.go(4.0)
    moved = [math.dist(car.place, place) for car, place in zip(kept, places, strict=True) if car in road.fleet]
    assert max(moved) > 3.0


def test_cars_behind_stop_and_go_on(road):
    road.tick()
    behind = road.road_cars(behind=True)
    road.tick(StopBackVehicles())
    assert behind and all(car.percent == 0.0 for car in behind)
    road.go(3.0)
    assert all(road.stage.speed_mps(car.actor) < 0.2 for car in behind)
    road.tick(StartBackVehicles())
    assert all(car.percent > 0.0 and not car.is_stopped for car in behind)


def test_cars_ahead_leave_space_on_the_egos_lane_only(road):
    road.tick()
    own = [car for car in road.state.road[road.route.key].cars if not car.is_behind]
    others = [car for car in road.road_cars(behind=False) if car not in own]
    gap = math.dist(own[0].place, own[1].place)
    nearest = [car.distance_m for car in others]
    road.tick(LeaveSpaceInFront(50.0))
    assert min(car.distance_m for car in own) == pytest.approx(50.0, abs=1.0)
    assert math.dist(own[0].place, own[1].place) == pytest.approx(gap, abs=1.5)
    assert [car.distance_m for car in others] == pytest.approx(nearest, abs=1.0)
    road.tick()
    assert min(car.distance_m for car in own) > 45.0, "the simulator has them there, too"
    road.tick(LeaveSpaceInFront(10.0))
    assert min(car.distance_m for car in own) > 45.0, "nobody is moved back"


def test_opposite_cars_near_a_crossing_place_are_removed_and_those_farther_stand(road):
    road.go(3.0)
    car, *_ = road.state.opposite_cars
    there = road.stage.map.get_waypoint(carla.Location(*car.place))
    beside = opposite_lanes(there)[0]
    road.tick(LeaveCrossingSpace(beside))
    left = beside.get_left_lane().transform.location
    assert car not in road.fleet
    assert all(carla.Location(*each.place).distance(left) >= 20.0 for each in road.state.opposite_cars)


def test_a_lane_is_cleared_and_comes_back_with_up_to_four_cars(road):
    own = road.route.key
    cars = list(road.state.road[own].cars)
    road.tick(ReAddRoadLane(0))
    assert road.state.road[own].cars == cars, "nothing was removed that could come back"
    road.tick(RemoveRoadLane(road.route.waypoint))
    assert own not in road.state.road and not set(cars) & set(road.fleet)
    road.go(3.0)
    assert own not in road.state.road
    road.tick(ReAddRoadLane(0))
    back = road.state.road[own].cars
    assert 3 <= len(back) <= 4 and not road.state.lane_removed
    along = [along_route(road, car.place) for car in back]
    assert along == sorted(along, reverse=True) and max(map(abs, along)) < 32.0


def test_a_side_lane_comes_back_by_its_offset(road):
    lanes = [key_of(each) for each in same_direction_lanes(road.route.waypoint)]
    assert lanes.index(road.route.key) == 0
    side = lanes[1]
    road.tick(RemoveRoadLane(same_direction_lanes(road.route.waypoint)[1]))
    assert side not in road.state.road
    road.tick(ReAddRoadLane(12))
    assert side not in road.state.road and road.state.lane_removed, "there is no such lane"
    road.tick(ReAddRoadLane(1))
    assert side in road.state.road


def test_a_junction_message_forgets_a_removed_lane(road):
    road.tick(RemoveRoadLane(road.route.waypoint))
    road.tick(HandleJunctionScenario(False, False, stop_entries=False))
    road.tick(ReAddRoadLane(0))
    assert road.route.key not in road.state.road


def test_route_sources_are_switched_off_and_on(road):
    road.tick(SwitchRouteSources(False))
    for source in road.state.road.values():
        road.fleet.destroy_all(source.cars)
    road.go(3.0)
    assert not list(road.state.road_cars())
    road.tick(SwitchRouteSources(True))
    road.tick()
    assert list(road.state.road_cars())
