"""The client's own Traffic Manager on this server: ten cars drive, and its settings have their effect.

Run by test_client_autopilot.py in a process of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

import carla
import numpy as np
import pytest
from client_support import Stage, TrafficManagerWaker, free_port, planar_distance, speed_of, straight_road

CAR = "vehicle.tesla.model3"


@pytest.fixture(scope="session")
def shared_manager(client: carla.Client) -> Iterator[carla.TrafficManager]:
    """The one Traffic Manager of this process; it stays synchronous, because a map change kills an asynchronous one."""
    Stage(client).prepare("Town01")
    manager = client.get_trafficmanager(free_port())
    with TrafficManagerWaker(manager.get_port()):
        yield manager
    # In this order: a tick waits for ever for a synchronous Traffic Manager that was shut down.
    manager.set_synchronous_mode(False)
    manager.shut_down()


@pytest.fixture
def manager(shared_manager: carla.TrafficManager, stage: Stage) -> Iterator[carla.TrafficManager]:
    """The Traffic Manager with its defaults; it lets go of its cars afterwards."""
    shared_manager.set_synchronous_mode(True)
    shared_manager.set_random_device_seed(3)
    shared_manager.set_hybrid_physics_mode(False)
    shared_manager.global_percentage_speed_difference(0.0)
    yield shared_manager
    for actor in stage.world.get_actors().filter("vehicle.*"):
        actor.set_autopilot(False, shared_manager.get_port())
    stage.tick(2)


def drive(stage: Stage, cars: list[carla.Vehicle], seconds: float) -> list[float]:
    """Way of each car in this time, metres."""
    ways = np.zeros(len(cars))
    last = [car.get_location() for car in cars]
    for _ in range(int(seconds * 20)):
        stage.tick()
        now = [car.get_location() for car in cars]
        ways += [planar_distance(a, b) for a, b in zip(now, last, strict=True)]
        last = now
    return [float(way) for way in ways]


def test_ten_cars_drive_for_twenty_seconds(client: carla.Client, stage: Stage, manager: carla.TrafficManager) -> None:
    manager.global_percentage_speed_difference(10.0)
    port = manager.get_port()
    blueprint = stage.world.get_blueprint_library().find(CAR)
    commands = [
        carla.command.SpawnActor(blueprint, point).then(
            carla.command.SetAutopilot(carla.command.FutureActor, True, port)
        )
        for point in stage.map.get_spawn_points()[::25][:10]
    ]
    replies = client.apply_batch_sync(commands, False)
    assert [reply.error for reply in replies] == [""] * 10
    cars = stage.adopt([reply.actor_id for reply in replies])
    for car in cars:
        manager.auto_lane_change(car, False)
        manager.distance_to_leading_vehicle(car, 3.0)
        manager.ignore_lights_percentage(car, 100.0)
        manager.ignore_signs_percentage(car, 100.0)
        manager.update_vehicle_lights(car, True)
    ways = drive(stage, cars, 20.0)
    assert min(ways) > 40.0, ways
    for car in cars:
        lane = stage.map.get_waypoint(car.get_location())
        assert planar_distance(lane.transform.location, car.get_location()) < 2.5
        action, waypoint = manager.get_next_action(car)
        assert action
        assert waypoint.transform.location.distance(car.get_location()) < 200.0


def test_desired_speed_is_reached_and_kept(stage: Stage, manager: carla.TrafficManager) -> None:
    start = straight_road(stage.map, 180.0).transform
    start.location.z += 0.5
    car = stage.settle(stage.spawn(CAR, start))
    manager.set_desired_speed(car, 36.0)
    car.set_autopilot(True, manager.get_port())
    stage.tick(160)
    speeds = []
    for _ in range(40):
        stage.tick()
        speeds.append(speed_of(car))
    assert np.mean(speeds) == pytest.approx(10.0, abs=1.0)
    assert np.std(speeds) < 1.0


def test_leading_distance_is_kept(stage: Stage, manager: carla.TrafficManager) -> None:
    road = straight_road(stage.map, 150.0)
    leader_pose, follower_pose = road.next(40.0)[0].transform, road.transform
    leader_pose.location.z += 0.5
    follower_pose.location.z += 0.5
    leader = stage.spawn(CAR, leader_pose)
    follower = stage.settle(stage.spawn(CAR, follower_pose))
    manager.distance_to_leading_vehicle(follower, 5.0)
    manager.auto_lane_change(follower, False)
    manager.ignore_vehicles_percentage(follower, 0.0)
    follower.set_autopilot(True, manager.get_port())
    leader.apply_control(carla.VehicleControl(brake=1.0))
    stage.tick(300)
    gap = planar_distance(leader.get_location(), follower.get_location()) - 2 * leader.bounding_box.extent.x
    assert speed_of(follower) < 0.2
    assert 2.0 < gap < 15.0


def test_path_is_followed(stage: Stage, manager: carla.TrafficManager) -> None:
    road = straight_road(stage.map, 100.0)
    start = road.transform
    start.location.z += 0.5
    car = stage.settle(stage.spawn(CAR, start))
    manager.ignore_lights_percentage(car, 100.0)
    manager.vehicle_percentage_speed_difference(car, 0.0)
    manager.vehicle_lane_offset(car, 0.0)
    path = [road.next(distance)[0].transform.location for distance in range(5, 95, 5)]
    manager.set_path(car, path)
    car.set_autopilot(True, manager.get_port())
    nearest = {index: 1e9 for index in range(len(path))}
    for _ in range(300):
        stage.tick()
        for index, place in enumerate(path):
            nearest[index] = min(nearest[index], planar_distance(place, car.get_location()))
    reached = [index for index, distance in nearest.items() if distance < 1.0]
    assert len(reached) > 12


def test_cars_stop_at_red(stage: Stage, manager: carla.TrafficManager) -> None:
    lights = stage.world.get_actors().filter("traffic.traffic_light")
    light = sorted(lights, key=lambda found: found.id)[0]
    for member in light.get_group_traffic_lights():
        member.set_state(carla.TrafficLightState.Red)
    stage.world.freeze_all_traffic_lights(True)
    stop = light.get_stop_waypoints()[0]
    start = stop.previous(30.0)[0].transform
    start.location.z += 0.5
    car = stage.settle(stage.spawn(CAR, start))
    manager.auto_lane_change(car, False)
    car.set_autopilot(True, manager.get_port())
    stage.tick(300)
    assert speed_of(car) < 0.05
    assert car.is_at_traffic_light()
    assert not stage.map.get_waypoint(car.get_location()).is_junction
    assert planar_distance(car.get_location(), stop.transform.location) < 8.0
    stage.world.freeze_all_traffic_lights(False)
    light.set_state(carla.TrafficLightState.Green)
    stage.world.freeze_all_traffic_lights(True)
    stage.tick(100)
    assert planar_distance(car.get_location(), stop.transform.location) > 8.0


def test_hybrid_mode_moves_far_cars_too(stage: Stage, manager: carla.TrafficManager) -> None:
    manager.set_hybrid_physics_mode(True)
    manager.set_hybrid_physics_radius(20.0)
    points = stage.map.get_spawn_points()
    hero = stage.spawn(CAR, points[0], role_name="hero")
    far = max(points, key=lambda point: planar_distance(point.location, points[0].location))
    ghost = stage.spawn(CAR, far)
    stage.tick()
    for car in (hero, ghost):
        manager.ignore_lights_percentage(car, 100.0)
        car.set_autopilot(True, manager.get_port())
    ways = drive(stage, [hero, ghost], 8.0)
    assert min(ways) > 10.0, ways
