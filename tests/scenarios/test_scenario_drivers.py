"""Drivers and nodes that act on actors, with real vehicles and walkers in an embedded simulator."""

from __future__ import annotations

import math

import carla
import pytest
from py_trees.common import Status
from scenario_support import ahead, lane, make_stage

from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.drivers import LaneFollower
from lead.scenarios.lane_tools import path_between, shifted, sidewalk, turned
from lead.scenarios.messages import SetMaxSpeed
from lead.scenarios.nodes.actors import (
    ApplyControl,
    ConstantVelocityDrive,
    CutIn,
    Destroy,
    FollowLane,
    HandBrake,
    KeepVelocity,
    SetAutopilot,
    SetLights,
    SetPose,
    SyncArrival,
    WalkerPark,
)
from lead.scenarios.nodes.driving import lane_change_path
from lead.scenarios.nodes.traffic import Post, SwitchWrongDirection

CAR = ActorModel("vehicle.tesla.model3", role="scenario")
HALF_LENGTH_M = 2.4
BICYCLE = ActorModel("vehicle.diamondback.century")
WALKER = ActorModel("walker.pedestrian.0001")
SETTLE = 8


@pytest.fixture
def bench(town):
    """Town01, with the ego far away from everything the tests do."""
    session = town("Town01")
    with make_stage(session, lane(session.map, 200.0, -2.0)) as found:
        yield found


@pytest.fixture
def north(bench):
    """Lane northwards, straight for 200 m and without a junction."""
    return lane(bench.stage.map, 2.0, 300.0)


def put(bench, model, pose, lift_m=0.2):
    actor = bench.stage.pool.spawn(model, pose.transform if isinstance(pose, carla.Waypoint) else pose, lift_m=lift_m)
    assert actor is not None
    bench.step(SETTLE)
    return actor


def lateral_m(bench, actor):
    """How far right of the middle of its lane an actor is."""
    place = actor.get_location()
    pose = bench.stage.map.get_waypoint(place).transform
    right = pose.get_right_vector()
    return (place.x - pose.location.x) * right.x + (place.y - pose.location.y) * right.y


def tick(bench, node, ticks, watch=lambda: None):
    def act():
        node.tick_once()
        watch()

    bench.step(ticks, act)


# -- following lanes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("speed_kmh", [20.0, 50.0])
def test_a_vehicle_follows_a_curve_and_reaches_its_speed(town, speed_kmh):
    session = town("Town04")
    start = lane(session.map, 248.7, -371.2)  # a left-hand bend of 150 m radius
    with make_stage(session, lane(session.map, -515.0, 217.0)) as bench:
        car = put(bench, CAR, start)
        offsets, speeds = [], []

        def watch():
            offsets.append(abs(lateral_m(bench, car)))
            speeds.append(3.6 * bench.stage.speed_mps(car))

        tick(bench, FollowLane(bench.stage, car, speed_kmh), 300, watch)
        turned_deg = car.get_transform().rotation.yaw - start.transform.rotation.yaw
        assert abs(math.remainder(turned_deg, 360.0)) > (10.0 if speed_kmh < 30 else 40.0)
        assert max(offsets) < 0.5
        assert speeds[-1] == pytest.approx(speed_kmh, abs=1.5) and max(speeds) < speed_kmh + 2.0
        assert bench.stage.map.get_waypoint(car.get_location()).lane_id == start.lane_id


def test_the_speed_may_change_on_the_way_and_the_end_of_the_path_stops_the_vehicle(bench, north):
    car = put(bench, CAR, north)
    wanted = [20.0]
    node = FollowLane(bench.stage, car, lambda: wanted[0], path=path_between(bench.stage.map, north, ahead(north, 60)))
    tick(bench, node, 80)
    assert 3.6 * bench.stage.speed_mps(car) == pytest.approx(20.0, abs=1.0)
    wanted[0] = 35.0
    tick(bench, node, 60)
    assert 3.6 * bench.stage.speed_mps(car) == pytest.approx(35.0, abs=2.0)
    bench.run(node, 20.0)
    assert node.status is Status.SUCCESS
    assert car.get_location().distance(ahead(north, 60).transform.location) < 2.0


def test_vehicles_keep_a_distance_from_their_path(bench, north):
    car = put(bench, CAR, shifted(north.transform, right_m=0.8))
    offsets = []
    node = FollowLane(bench.stage, car, 30.0, offset_m=0.8)
    tick(bench, node, 150, lambda: offsets.append(lateral_m(bench, car)))
    assert offsets[-1] == pytest.approx(0.8, abs=0.05)
    assert all(abs(offset - 0.8) < 0.3 for offset in offsets)


def test_a_vehicle_stops_behind_another_one_unless_told_otherwise(bench, north):
    car = put(bench, CAR, north)
    other = put(bench, CAR, ahead(north, 60.0))
    bench.run(HandBrake(bench.stage, other, True))
    follower = FollowLane(bench.stage, car, 40.0)
    tick(bench, follower, 260)
    gap_m = car.get_location().distance(other.get_location()) - 2.0 * HALF_LENGTH_M
    assert bench.stage.speed_mps(car) < 0.05 and 1.0 < gap_m < 8.0
    bench.stage.pool.destroy(other)
    tick(bench, follower, 100)
    assert 3.6 * bench.stage.speed_mps(car) > 20.0
    blind = LaneFollower(bench.stage, car, 40.0, ignore_vehicles=True)
    put(bench, CAR, bench.stage.map.get_waypoint(car.get_location()).next(7.0)[0])
    assert blind.step().throttle > 0.0 and blind.hazard_mps is None


def test_a_vehicle_on_the_next_lane_is_no_hazard_but_one_in_the_way_is(bench, north):
    car = put(bench, CAR, north)
    oncoming = put(bench, CAR, shifted(ahead(north, 7.0).transform, right_m=-4.0))
    assert LaneFollower(bench.stage, car, 30.0, base_distance_m=15.0).step().throttle > 0.0
    driver = LaneFollower(bench.stage, car, 30.0, base_distance_m=15.0, detect_by_box=True)
    assert driver.step().throttle > 0.0 and driver.hazard_mps is None
    bench.run(SetPose(bench.stage, oncoming, shifted(ahead(north, 7.0).transform, right_m=-1.5, up_m=0.2)))
    driver = LaneFollower(bench.stage, car, 30.0, base_distance_m=15.0, detect_by_box=True)
    control = driver.step()
    assert (control.throttle, control.brake) == (0.0, 0.5) and driver.hazard_mps == 0.0


def test_vehicles_hidden_under_the_road_are_no_hazard(bench, north):
    car = put(bench, CAR, north)
    hidden = put(bench, CAR, ahead(north, 40.0))
    bench.run(SetPose(bench.stage, hidden, shifted(ahead(north, 7.0).transform, up_m=-200.0), physics=False))
    driver = LaneFollower(bench.stage, car, 30.0, base_distance_m=15.0)
    assert driver.step().throttle > 0.0 and driver.hazard_mps is None


@pytest.fixture
def lights(bench):
    found = list(bench.stage.world.get_actors().filter("traffic.traffic_light"))
    yield found
    for light in found:
        light.freeze(False)


def set_lights(lights, state):
    for light in lights:
        light.set_state(state)
        light.freeze(True)


def test_a_vehicle_waits_at_a_red_light(bench, lights):
    start = lane(bench.stage.map, 110.0, 59.5)  # eastwards; the junction begins at x = 144.8
    set_lights(lights, carla.TrafficLightState.Red)
    car = put(bench, CAR, start)
    node = FollowLane(bench.stage, car, 30.0)
    tick(bench, node, 220)
    front_x = car.get_location().x + HALF_LENGTH_M
    assert bench.stage.speed_mps(car) < 0.05 and 130.0 < front_x < 144.8
    set_lights(lights, carla.TrafficLightState.Green)
    tick(bench, node, 100)
    assert bench.stage.speed_mps(car) > 5.0
    bench.stage.pool.destroy(car)
    set_lights(lights, carla.TrafficLightState.Red)
    racer = put(bench, CAR, start)
    tick(bench, FollowLane(bench.stage, racer, 30.0, ignore_lights=True), 150)
    assert racer.get_location().x > 144.8


def test_a_driver_that_is_cut_off_releases_the_pedals(bench, north):
    car = put(bench, CAR, north)
    node = FollowLane(bench.stage, car, 30.0)
    tick(bench, node, 20)
    assert car.get_control().throttle > 0.0
    node.stop(Status.INVALID)
    bench.step(2)
    assert car.get_control().throttle == 0.0


def test_nodes_fail_when_their_actor_is_gone(bench, north):
    car = put(bench, CAR, north)
    nodes = [FollowLane(bench.stage, car, 30.0), KeepVelocity(bench.stage, car, 3.0)]
    nodes.append(SetPose(bench.stage, car, north.transform))
    for node in nodes:
        tick(bench, node, 1)
        assert node.status is Status.RUNNING
    bench.run(Destroy(bench.stage, car))
    for node in nodes:
        tick(bench, node, 1)
        assert node.status is Status.FAILURE


# -- imposed speed ---------------------------------------------------------------------------------------------------


def test_imposed_speed_is_there_at_once_and_ends_with_the_node(bench, north):
    car = put(bench, CAR, north)
    speeds = []
    path = path_between(bench.stage.map, north, ahead(north, 120.0))
    node = ConstantVelocityDrive(bench.stage, car, 60.0, path=path, ignore_lights=True, ignore_vehicles=True)
    seconds = bench.run(node, 20.0, lambda: speeds.append(bench.stage.speed_mps(car)))
    assert speeds[2:] == pytest.approx([60.0 / 3.6] * len(speeds[2:]), abs=0.3)
    assert seconds == pytest.approx(120.0 / (60.0 / 3.6), abs=0.5)
    bench.step(40)
    assert bench.stage.speed_mps(car) < speeds[-1] - 0.5  # it rolls out


def test_imposed_speed_follows_the_vehicle_ahead_and_ends_with_a_contact(bench, north):
    car = put(bench, CAR, north)
    other = put(bench, CAR, shifted(ahead(north, 30.0).transform, right_m=0.1))
    other.enable_constant_velocity(carla.Vector3D(3.0, 0.0, 0.0))
    careful = ConstantVelocityDrive(bench.stage, car, 40.0)
    tick(bench, careful, 100)
    assert bench.stage.speed_mps(car) == pytest.approx(3.0, abs=0.3) and careful.is_imposed
    careful.stop(Status.INVALID)
    blind = ConstantVelocityDrive(bench.stage, car, 40.0, ignore_vehicles=True)
    tick(bench, blind, 60)
    assert blind.status is Status.RUNNING and not blind.is_imposed
    blind.stop(Status.INVALID)


@pytest.mark.parametrize("ego_mps", [6.0, 12.0])
def test_both_arrive_at_the_same_time(town, ego_mps):
    session = town("Town01")
    ego_start, other = lane(session.map, 2.0, 300.0), lane(session.map, -2.0, 150.0)  # northwards and southwards
    goal, ego_goal = ahead(other, 60.0).transform, ahead(ego_start, 90.0).transform
    with make_stage(session, ego_start, route_m=150.0) as bench:
        car = put(bench, CAR, other)
        bench.stage.ego.enable_constant_velocity(carla.Vector3D(ego_mps, 0.0, 0.0))
        bench.step(2)
        arrival_s = bench.stage.ego_location.distance(ego_goal.location) / ego_mps
        node = SyncArrival(bench.stage, car, goal, ego_goal, 5.0)
        seconds = bench.run(node, 30.0)
        assert node.status is Status.SUCCESS
        assert car.get_location().distance(goal.location) < 5.0
        expected_m = 90.0 * 5.0 / 60.0  # left to the ego when the other has 5 m left
        assert bench.stage.ego_location.distance(ego_goal.location) == pytest.approx(expected_m, abs=2.0)
        assert seconds == pytest.approx(arrival_s * 55.0 / 60.0, abs=0.5)


# -- changing lanes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [True, False])
def test_a_car_cuts_in_within_the_time_asked_for(town, left):
    session = town("Town04")
    start = lane(session.map, 248.7, -371.2)  # lane -2 of four in this direction, driven eastwards
    with make_stage(session, start, route_m=100.0, speed_mps=10.0) as bench:
        car = put(bench, CAR, ahead(start, 30.0))
        car.enable_constant_velocity(carla.Vector3D(10.0, 0.0, 0.0))
        bench.step(2)
        car.disable_constant_velocity()
        lanes = []
        node = CutIn(bench.stage, car, left, 100.0, 0.3, 3.0, 2.0)
        seconds = bench.run(node, 20.0, lambda: lanes.append(bench.stage.map.get_waypoint(car.get_location()).lane_id))
        target = -1 if left else -3
        assert lanes[0] == -2 and lanes[-1] == target
        first = lanes.index(target)
        assert 0.05 * first == pytest.approx(1.3, abs=1.0) and set(lanes[first:]) == {target}
        assert seconds == pytest.approx(0.3 + 2.0 + 3.0, abs=1.5)
        assert bench.stage.speed_mps(car) == pytest.approx(10.0, abs=1.5)


def test_lane_changes_take_the_distances_asked_for(town):
    start = lane(town("Town04").map, 248.7, -371.2)
    path = lane_change_path(start, True, 11.0, 20.0, 7.0)
    lanes = [waypoint.lane_id for waypoint in path]
    assert lanes == [-2] * 7 + [-1] * 5  # steps of 2 m: 12 m, the change, 8 m
    change_m = path[6].transform.location.distance(path[7].transform.location)
    assert change_m == pytest.approx(20.0, abs=1.0)  # along the bend


def test_without_a_lane_to_change_to_the_cut_in_is_over_at_once(bench, north, caplog):
    car = put(bench, CAR, north)
    node = CutIn(bench.stage, car, False, 100.0, 0.0, 2.0, 3.0)
    tick(bench, node, 1)
    assert node.status is Status.SUCCESS and "no driving lane to change to" in caplog.text


# -- single actors ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("speed_mps, distance_m", [(2.0, 8.0), (1.3, 5.0), (1.8, 3.6)])
def test_walkers_walk_at_the_speed_asked_for_as_far_as_asked_for(bench, north, speed_mps, distance_m):
    pose = turned(shifted(sidewalk(north, left=False).transform, up_m=1.2), 270.0)
    walker = put(bench, WALKER, pose, lift_m=0.0)
    start = walker.get_location()
    seconds = bench.run(KeepVelocity(bench.stage, walker, speed_mps, distance_m=distance_m))
    end = walker.get_location()
    assert start.distance(end) == pytest.approx(distance_m, abs=2.0 * 0.05 * speed_mps)
    assert seconds == pytest.approx(distance_m / speed_mps, abs=0.2)
    across = -pose.get_forward_vector().x  # northwards the road lies to the left, towards smaller x
    assert across > 0.99 and end.x < start.x
    bench.step(10)
    assert walker.get_location().distance(end) < 0.2


def test_time_ends_a_walk_too(bench, north):
    walker = put(bench, WALKER, shifted(sidewalk(north, left=False).transform, up_m=1.2), lift_m=0.0)
    seconds = bench.run(KeepVelocity(bench.stage, walker, 1.0, duration_s=2.0, distance_m=50.0))
    assert seconds == pytest.approx(2.1, abs=0.11)


def test_vehicles_are_pushed_or_accelerate(bench, north):
    bicycle = put(bench, BICYCLE, north)
    start = bicycle.get_location()
    seconds = bench.run(KeepVelocity(bench.stage, bicycle, 1.8, forced=True, distance_m=9.0))
    assert start.distance(bicycle.get_location()) == pytest.approx(9.0, abs=0.2)
    assert seconds == pytest.approx(5.0, abs=0.4)
    car = put(bench, CAR, ahead(north, 30.0))
    bench.run(KeepVelocity(bench.stage, car, 8.0, duration_s=5.0))
    assert bench.stage.speed_mps(car) == pytest.approx(8.0, abs=0.5)


def test_actors_are_put_somewhere_and_stand_there(bench, north):
    car = put(bench, CAR, north)
    tick(bench, KeepVelocity(bench.stage, car, 8.0), 40)
    below = shifted(ahead(north, 20.0).transform, up_m=-200.0)
    node = SetPose(bench.stage, car, below, physics=False)
    tick(bench, node, 1)
    assert node.status is Status.RUNNING  # the world has to be stepped first
    bench.run(node, 1.0)
    bench.step(20)
    assert car.get_location().distance(below.location) < 0.01 and bench.stage.speed_mps(car) == 0.0
    bench.run(SetPose(bench.stage, car, north.transform, physics=True), 1.0)
    tick(bench, KeepVelocity(bench.stage, car, 5.0), 40)
    assert car.get_location().distance(north.transform.location) > 3.0


def test_parked_walkers_stay_under_the_ego(town):
    session = town("Town01")
    start = lane(session.map, 2.0, 300.0)
    with make_stage(session, start, speed_mps=10.0) as bench:
        pose = shifted(sidewalk(start, left=False).transform, up_m=1.2)
        walker = put(bench, WALKER, pose, lift_m=0.0)
        node = WalkerPark(bench.stage, walker)
        distances = []

        def watch():
            offset = walker.get_location() - bench.stage.ego_location
            distances.append(math.hypot(offset.x, offset.y))
            assert len(distances) < 3 or offset.z == pytest.approx(-100.0, abs=1.0)

        tick(bench, node, 160, watch)
        assert node.status is Status.RUNNING
        assert 45.0 < max(distances[3:]) < 55.0 and min(distances[50:]) < 2.0


def test_lights_brakes_and_controls_are_set(bench, north):
    car = put(bench, CAR, north)
    lights = carla.VehicleLightState(carla.VehicleLightState.Position | carla.VehicleLightState.LeftBlinker)
    bench.run(SetLights(bench.stage, car, lights))
    bench.run(HandBrake(bench.stage, car, True))
    bench.step(2)
    assert car.get_light_state() == lights and car.get_control().hand_brake
    bench.run(ApplyControl(bench.stage, car, carla.VehicleControl(throttle=1.0)))
    bench.step(20)
    assert bench.stage.speed_mps(car) > 1.0


def test_the_traffic_manager_drives_a_vehicle_from_when_it_gets_it_until_it_is_taken_away(bench, north):
    car = put(bench, CAR, north)
    places = [car.get_location()]
    assert bench.run(SetAutopilot(bench.stage, car, True)) < 0.06, "the node itself is done at once"
    bench.step(60)
    places.append(car.get_location())
    assert places[0].distance(places[1]) > 5.0 and abs(lateral_m(bench, car)) < 0.5
    bench.run(SetAutopilot(bench.stage, car, False))
    bench.run(HandBrake(bench.stage, car, True))
    bench.step(60)
    places.append(car.get_location())
    bench.step(20)
    assert places[1].distance(places[2]) < 5.0
    assert places[2].distance(car.get_location()) < 0.01, "nobody releases the brake"


def test_messages_and_switches_go_out_once(bench):
    message = SetMaxSpeed(50.0)
    bench.run(Post(bench.stage, message))
    assert bench.messages == [message]
    bench.run(SwitchWrongDirection(bench.stage, False))
    assert bench.switches.check_wrong_direction is False
    bench.run(SwitchWrongDirection(bench.stage, True))
    assert bench.switches.check_wrong_direction is True


def test_wheels_of_a_vehicle_that_was_just_spawned_are_straight(bench, north, monkeypatch):
    # For a vehicle that is in no snapshot yet the client returns what lies in its memory, which may be anything.
    monkeypatch.setattr(carla.Vehicle, "get_control", lambda vehicle: carla.VehicleControl(steer=1.0))
    bicycle = bench.stage.pool.spawn(BICYCLE, north.transform)
    assert bench.stage.pool.is_new(bicycle)
    path = [ahead(north, 10.0), ahead(north, 40.0)]
    assert abs(LaneFollower(bench.stage, bicycle, 20.0, path=path).step().steer) < 0.01
    bench.step()
    assert not bench.stage.pool.is_new(bicycle)
    assert LaneFollower(bench.stage, bicycle, 20.0, path=path).step().steer > 0.5, "later its own steering counts"
