"""Rows of the API table: carla.TrafficManager, and what needs one. They run in a process of their own."""

from __future__ import annotations

import functools

import carla
from api_table import V15, V16, Bench, as_carla
from client_support import EGO_TYPE, TrafficManagerWaker, ahead, free_port, lifted, planar_distance, speed_of

IN_THE_CLIENT = "in the client"
HUNDRED_TICKS = 100


@functools.cache
def manager_of(client: carla.Client) -> carla.TrafficManager:
    """The one Traffic Manager of this process."""
    manager = client.get_trafficmanager(free_port())
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(3)
    TrafficManagerWaker(manager.get_port()).__enter__()  # for the life of the process
    return manager


@as_carla("Client.get_trafficmanager", note="in the client; the server registers its host and port", alone=True)
@as_carla("TrafficManager.get_port", "TrafficManager.set_synchronous_mode", note=IN_THE_CLIENT, alone=True)
@as_carla("TrafficManager.set_random_device_seed", note=IN_THE_CLIENT, alone=True)
def manager_found(bench: Bench) -> None:
    manager = manager_of(bench.client)
    assert bench.client.get_trafficmanager(manager.get_port()).get_port() == manager.get_port()
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(7)
    bench.tick()


@as_carla("Vehicle.set_autopilot", alone=True)
@as_carla("command.SetAutopilot", alone=True)
@as_carla("TrafficManager.get_next_action", "TrafficManager.get_all_actions", note=IN_THE_CLIENT, alone=True)
def autopilot(bench: Bench) -> None:
    manager, car = manager_of(bench.client), bench.car
    car.set_autopilot(True, manager.get_port())
    bench.tick(40)
    assert speed_of(car) > 1.0
    action, point = manager.get_next_action(car)
    assert isinstance(action, str)
    assert isinstance(point, carla.Waypoint)
    assert len(manager.get_all_actions(car)) >= 1
    reply = bench.run(carla.command.SetAutopilot(car, False, manager.get_port()))
    assert not reply.has_error()
    car.apply_control(carla.VehicleControl(brake=1.0))
    bench.tick(60)
    assert speed_of(car) < 0.1


@as_carla("TrafficManager.set_desired_speed", "TrafficManager.auto_lane_change", note=IN_THE_CLIENT, alone=True)
@as_carla("TrafficManager.vehicle_percentage_speed_difference", note=IN_THE_CLIENT, alone=True)
@as_carla("TrafficManager.global_percentage_speed_difference", note=IN_THE_CLIENT, alone=True)
@as_carla("TrafficManager.vehicle_lane_offset", "TrafficManager.global_lane_offset", note=IN_THE_CLIENT, alone=True)
@as_carla("TrafficManager.force_lane_change", "TrafficManager.update_vehicle_lights", note=IN_THE_CLIENT, alone=True)
@as_carla("TrafficManager.random_left_lanechange_percentage", note=IN_THE_CLIENT, alone=True)
@as_carla("TrafficManager.random_right_lanechange_percentage", note=IN_THE_CLIENT, alone=True)
@as_carla(
    "TrafficManager.ignore_lights_percentage", "TrafficManager.ignore_signs_percentage", note=IN_THE_CLIENT, alone=True
)
@as_carla("TrafficManager.ignore_vehicles_percentage", note=IN_THE_CLIENT, alone=True)
@as_carla("TrafficManager.ignore_walkers_percentage", note=IN_THE_CLIENT, alone=True)
def one_car(bench: Bench) -> None:
    manager, car = manager_of(bench.client), bench.car
    car.set_autopilot(True, manager.get_port())
    manager.global_percentage_speed_difference(10.0)
    manager.vehicle_percentage_speed_difference(car, 10.0)
    manager.global_lane_offset(0.0)
    manager.vehicle_lane_offset(car, 0.1)
    manager.auto_lane_change(car, False)
    manager.force_lane_change(car, True)
    manager.random_left_lanechange_percentage(car, 0.0)
    manager.random_right_lanechange_percentage(car, 0.0)
    manager.ignore_lights_percentage(car, 100.0)
    manager.ignore_signs_percentage(car, 100.0)
    manager.ignore_vehicles_percentage(car, 0.0)
    manager.ignore_walkers_percentage(car, 0.0)
    manager.update_vehicle_lights(car, True)
    manager.set_desired_speed(car, 18.0)
    bench.tick(HUNDRED_TICKS)
    assert 4.0 < speed_of(car) < 6.0
    car.set_autopilot(False, manager.get_port())
    bench.tick()


@as_carla("TrafficManager.keep_right_rule_percentage", note=IN_THE_CLIENT, only=V15, alone=True)
def keep_right(bench: Bench) -> None:
    manager = manager_of(bench.client)
    bench.car.set_autopilot(True, manager.get_port())
    manager.keep_right_rule_percentage(bench.car, 0.0)
    bench.tick(3)
    bench.car.set_autopilot(False, manager.get_port())
    bench.tick()


@as_carla("TrafficManager.keep_slow_lane_rule_percentage", note=IN_THE_CLIENT, only=V16, alone=True)
def keep_slow_lane(bench: Bench) -> None:
    manager = manager_of(bench.client)
    bench.car.set_autopilot(True, manager.get_port())
    manager.keep_slow_lane_rule_percentage(bench.car, 0.0)
    bench.tick(3)
    bench.car.set_autopilot(False, manager.get_port())
    bench.tick()


@as_carla(
    "TrafficManager.distance_to_leading_vehicle", "TrafficManager.collision_detection", note=IN_THE_CLIENT, alone=True
)
@as_carla("TrafficManager.set_global_distance_to_leading_vehicle", note=IN_THE_CLIENT, alone=True)
def two_cars(bench: Bench) -> None:
    manager, car, blocker = manager_of(bench.client), bench.car, bench.car_ahead(25.0)
    car.set_autopilot(True, manager.get_port())
    manager.set_global_distance_to_leading_vehicle(2.0)
    manager.distance_to_leading_vehicle(car, 4.0)
    manager.collision_detection(car, blocker, True)
    bench.tick(2 * HUNDRED_TICKS)
    gap = planar_distance(car.get_location(), blocker.get_location())
    assert speed_of(car) < 0.5
    assert 6.0 < gap < 16.0
    car.set_autopilot(False, manager.get_port())
    bench.tick()


@as_carla("TrafficManager.set_path", "TrafficManager.set_route", note=IN_THE_CLIENT, alone=True)
def paths(bench: Bench) -> None:
    manager, car = manager_of(bench.client), bench.car
    car.set_autopilot(True, manager.get_port())
    manager.set_path(car, [ahead(bench.road.transform, metres).location for metres in (20.0, 40.0)])
    bench.tick(HUNDRED_TICKS)
    assert planar_distance(car.get_location(), bench.road.transform.location) > 5.0
    manager.set_route(car, ["Straight", "Left"])
    bench.tick(3)
    car.set_autopilot(False, manager.get_port())
    bench.tick()


@as_carla(
    "TrafficManager.set_hybrid_physics_mode", "TrafficManager.set_hybrid_physics_radius", note=IN_THE_CLIENT, alone=True
)
def hybrid(bench: Bench) -> None:
    manager = manager_of(bench.client)
    hero = bench.stage.spawn(EGO_TYPE, lifted(bench.stage.map.get_spawn_points()[-1]), role_name="hero")
    bench.car.set_autopilot(True, manager.get_port())
    manager.set_hybrid_physics_mode(True)
    manager.set_hybrid_physics_radius(10.0)
    bench.tick(HUNDRED_TICKS)
    assert hero.is_alive
    assert planar_distance(bench.car.get_location(), bench.road.transform.location) > 5.0
    manager.set_hybrid_physics_mode(False)
    bench.car.set_autopilot(False, manager.get_port())
    bench.tick()


@as_carla("TrafficManager.set_respawn_dormant_vehicles", note="in the client, in large maps", alone=True)
@as_carla("TrafficManager.set_boundaries_respawn_dormant_vehicles", note="in the client, in large maps", alone=True)
@as_carla("TrafficManager.set_osm_mode", note=IN_THE_CLIENT, alone=True)
def respawning(bench: Bench) -> None:
    manager = manager_of(bench.client)
    manager.set_boundaries_respawn_dormant_vehicles(20.0, 500.0)
    manager.set_respawn_dormant_vehicles(True)
    bench.tick(3)
    manager.set_respawn_dormant_vehicles(False)
    manager.set_osm_mode(True)
    bench.tick(3)


@as_carla(
    "TrafficManager.shut_down", note="make it asynchronous first, or the next tick waits for it for ever", alone=True
)
def shut_down(bench: Bench) -> None:
    manager = manager_of(bench.client)
    # In this order: a tick waits for ever for a synchronous Traffic Manager that was shut down.
    manager.set_synchronous_mode(False)
    manager.shut_down()
    bench.tick(3)
