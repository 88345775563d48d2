"""Actors: spawning, attaching, finding, moving, destroying, batches."""

from __future__ import annotations

import math

import carla
import numpy as np
import pytest
from client_support import (
    EGO_TYPE,
    Stage,
    ahead,
    angle_between,
    lifted,
    mounted,
    planar_distance,
    speed_of,
    straight_road,
)

BLOCKED = "Spawn failed because of collision at spawn position"
SpawnActor = carla.command.SpawnActor
FutureActor = carla.command.FutureActor


def test_spawn_points_are_usable_and_on_driving_lanes(client: carla.Client, stage: Stage) -> None:
    points = stage.map.get_spawn_points()
    assert len(points) > 100
    blueprint = stage.world.get_blueprint_library().find(EGO_TYPE)
    replies = client.apply_batch_sync([SpawnActor(blueprint, point) for point in points], False)
    refused = [reply.error for reply in replies if reply.error]
    stage.adopt([reply.actor_id for reply in replies if not reply.error])
    assert not refused
    for point in points:
        waypoint = stage.map.get_waypoint(point.location)
        assert planar_distance(waypoint.transform.location, point.location) < 0.3
        assert abs(angle_between(waypoint.transform.rotation.yaw, point.rotation.yaw)) < 2.0


@pytest.mark.town("Town10HD")
def test_spawn_points_of_a_modern_town(client: carla.Client, stage: Stage) -> None:
    points = stage.map.get_spawn_points()
    assert len(points) > 100
    blueprint = stage.world.get_blueprint_library().find(EGO_TYPE)
    replies = client.apply_batch_sync([SpawnActor(blueprint, point) for point in points], False)
    stage.adopt([reply.actor_id for reply in replies if not reply.error])
    assert [reply.error for reply in replies if reply.error] == []


def test_blocked_spot_is_refused(stage: Stage) -> None:
    point = stage.map.get_spawn_points()[0]
    stage.spawn(EGO_TYPE, point)
    blueprint = stage.world.get_blueprint_library().find("vehicle.audi.tt")
    with pytest.raises(RuntimeError, match=BLOCKED):
        stage.world.spawn_actor(blueprint, point)
    assert stage.world.try_spawn_actor(blueprint, point) is None
    assert stage.world.try_spawn_actor(blueprint, ahead(point, 3.0)) is None
    assert stage.world.try_spawn_actor(blueprint, lifted(point, 10.0)) is not None


def test_spot_is_free_again_after_destroy(stage: Stage) -> None:
    point = stage.map.get_spawn_points()[0]
    for _ in range(3):
        car = stage.spawn(EGO_TYPE, point)
        stage.tick()
        assert car.destroy()


def test_bounding_box_is_that_of_the_table(stage: Stage) -> None:
    box = stage.spawn(EGO_TYPE, stage.map.get_spawn_points()[0]).bounding_box
    size = [2.0 * box.extent.x, 2.0 * box.extent.y, 2.0 * box.extent.z]
    assert size == pytest.approx([4.8924, 1.8367, 1.4903], abs=0.002)
    assert box.location.z == pytest.approx(0.745, abs=0.1)
    assert abs(box.location.x) < 0.2
    assert box.location.y == pytest.approx(0.0, abs=0.01)


def test_vehicle_rests_on_the_road(stage: Stage) -> None:
    point = stage.map.get_spawn_points()[0]
    car = stage.settle(stage.spawn(EGO_TYPE, point))
    assert car.get_location().z == pytest.approx(stage.map.get_waypoint(point.location).transform.location.z, abs=0.05)
    assert planar_distance(car.get_location(), point.location) < 0.02
    assert speed_of(car) < 0.01


def test_attached_actor_moves_and_turns_with_its_parent(stage: Stage) -> None:
    start = straight_road(stage.map, 80.0)
    car = stage.settle(stage.spawn(EGO_TYPE, lifted(start.transform)))
    mount = carla.Transform(carla.Location(1.5, 0.4, 2.0), carla.Rotation(pitch=-10.0, yaw=60.0))
    sensor = stage.spawn("sensor.other.gnss", mount, attach_to=car)
    stage.tick()
    assert sensor.parent.id == car.id
    car.apply_control(carla.VehicleControl(throttle=0.6, steer=0.3))
    for _ in range(20):
        stage.tick()
        body = car.get_transform()
        seen = sensor.get_transform()
        assert seen.location.distance(mounted(car, mount)) < 0.01
        expected = np.array(body.get_matrix()) @ np.array(mount.get_matrix())
        assert np.allclose(np.array(seen.get_matrix())[:3, :3], expected[:3, :3], atol=0.01)
    assert abs(angle_between(car.get_transform().rotation.yaw, start.transform.rotation.yaw)) > 5.0
    assert planar_distance(sensor.get_velocity(), car.get_velocity()) < 0.5


def test_destroyed_actor_is_gone(stage: Stage) -> None:
    keep = stage.spawn(EGO_TYPE, stage.map.get_spawn_points()[0])
    gone = stage.spawn(EGO_TYPE, stage.map.get_spawn_points()[5])
    stage.tick()
    key = gone.id
    assert stage.world.get_actor(key).is_alive
    assert gone.destroy()
    stage.tick()
    assert not gone.is_alive
    vehicles = stage.world.get_actors().filter("vehicle.*")
    assert [actor.id for actor in vehicles] == [keep.id]
    assert stage.world.get_actors([key, keep.id]).find(keep.id).id == keep.id
    assert stage.world.get_actors().find(key) is None


def test_unknown_actor_is_none(stage: Stage) -> None:
    assert stage.world.get_actor(4_000_000_000) is None


def test_bounding_box_survives_its_actor(client: carla.Client, stage: Stage) -> None:
    car = stage.spawn(EGO_TYPE, stage.map.get_spawn_points()[0])
    extent = car.bounding_box.extent.x
    stage.tick()
    client.apply_batch_sync([carla.command.DestroyActor(car.id)], False)
    # The snapshot in which the car is gone has not come yet: agents still ask for its box.
    assert car.bounding_box.extent.x == pytest.approx(extent)


def test_actor_globs(stage: Stage) -> None:
    point = straight_road(stage.map, 60.0).transform
    car = stage.spawn(EGO_TYPE, lifted(point))
    walker = stage.spawn("walker.pedestrian.0001", lifted(ahead(point, 15.0), 1.0))
    cone = stage.spawn("static.prop.trafficcone01", ahead(point, 25.0))
    sensor = stage.spawn("sensor.other.imu", attach_to=car)
    stage.tick()
    actors = stage.world.get_actors()
    found = {
        pattern: {actor.id for actor in actors.filter(pattern)}
        for pattern in ("*vehicle*", "vehicle*", "vehicle.*", "*walker*", "*static*", "*sensor*")
    }
    assert found["*vehicle*"] == found["vehicle*"] == found["vehicle.*"] == {car.id}
    assert (found["*walker*"], found["*static*"], found["*sensor*"]) == ({walker.id}, {cone.id}, {sensor.id})
    assert len(actors.filter("traffic.traffic_light")) == len(actors.filter("*traffic_light*")) == 36
    assert actors[0].id == next(iter(actors)).id
    assert len({actor.id for actor in actors}) == len(actors)


def test_ids_never_return(stage: Stage) -> None:
    first = stage.spawn(EGO_TYPE, stage.map.get_spawn_points()[0])
    stage.tick()
    first.destroy()
    assert stage.spawn(EGO_TYPE, stage.map.get_spawn_points()[0]).id > first.id


def test_teleport(stage: Stage) -> None:
    points = stage.map.get_spawn_points()
    car = stage.settle(stage.spawn(EGO_TYPE, points[0]))
    car.set_transform(points[40])
    stage.tick()
    assert planar_distance(car.get_location(), points[40].location) < 0.05
    assert abs(angle_between(car.get_transform().rotation.yaw, points[40].rotation.yaw)) < 0.1
    car.set_location(points[41].location)
    stage.tick()
    assert planar_distance(car.get_location(), points[41].location) < 0.05
    assert abs(angle_between(car.get_transform().rotation.yaw, points[40].rotation.yaw)) < 0.1


def test_teleport_below_ground_stays_there_without_physics(stage: Stage) -> None:
    car = stage.settle(stage.spawn(EGO_TYPE, stage.map.get_spawn_points()[0]))
    place = car.get_location()
    car.set_simulate_physics(False)
    car.set_location(carla.Location(place.x, place.y, place.z - 500.0))
    stage.tick(10)
    assert car.get_location().z == pytest.approx(place.z - 500.0, abs=0.01)


def test_prop_stays_exactly_where_it_is_put(stage: Stage) -> None:
    pose = carla.Transform(carla.Location(20.0, 30.0, 5.0), carla.Rotation(yaw=33.0))
    prop = stage.spawn("static.prop.vendingmachine", pose)
    stage.tick(5)
    assert prop.get_location().distance(pose.location) < 1e-3
    assert prop.get_transform().rotation.yaw == pytest.approx(33.0, abs=1e-3)
    size = prop.bounding_box.extent
    assert [2 * size.x, 2 * size.y, 2 * size.z] == pytest.approx([0.8729, 1.102, 2.1082], abs=0.002)


def test_batch_spawns_with_follow_ups(client: carla.Client, stage: Stage) -> None:
    points = stage.map.get_spawn_points()
    blueprint = stage.world.get_blueprint_library().find(EGO_TYPE)
    commands = [
        SpawnActor(blueprint, points[index])
        .then(carla.command.SetSimulatePhysics(FutureActor, index != 1))
        .then(carla.command.ApplyVehicleControl(FutureActor, carla.VehicleControl(throttle=0.7)))
        .then(carla.command.SetVehicleLightState(FutureActor, carla.VehicleLightState.LowBeam))
        for index in (0, 1, 2)
    ]
    replies = client.apply_batch_sync([*commands, SpawnActor(blueprint, points[0])], False)
    assert [reply.has_error() for reply in replies] == [False, False, False, True]
    assert replies[3].error == BLOCKED
    cars = stage.adopt([reply.actor_id for reply in replies[:3]])
    assert all(car.get_light_state() == carla.VehicleLightState.LowBeam for car in cars)
    stage.tick(40)
    assert [speed_of(car) > 1.0 for car in cars] == [True, False, True]


def test_batch_moves_and_destroys(client: carla.Client, stage: Stage) -> None:
    points = stage.map.get_spawn_points()
    cars = [stage.spawn(EGO_TYPE, points[index]) for index in (0, 1)]
    stage.tick()
    replies = client.apply_batch_sync(
        [carla.command.ApplyTransform(cars[0].id, points[50]), carla.command.DestroyActor(cars[1])], False
    )
    assert [reply.actor_id for reply in replies] == [car.id for car in cars]
    stage.tick()
    assert planar_distance(cars[0].get_location(), points[50].location) < 0.05
    assert stage.world.get_actors().find(cars[1].id) is None
    (reply,) = client.apply_batch_sync([carla.command.DestroyActor(cars[1].id)], False)
    assert reply.has_error()
    client.apply_batch([carla.command.DestroyActor(cars[0].id)])
    stage.tick()
    assert not stage.world.get_actors().filter("vehicle.*")


def test_batch_can_tick(client: carla.Client, stage: Stage) -> None:
    frame = stage.world.get_snapshot().frame
    client.apply_batch_sync([], True)
    assert stage.world.get_snapshot().frame == frame + 1


def test_calls_on_dead_actors_do_not_harm(client: carla.Client, stage: Stage) -> None:
    car = stage.spawn(EGO_TYPE, stage.map.get_spawn_points()[0])
    stage.tick()
    client.apply_batch_sync([carla.command.DestroyActor(car.id)], False)
    car.apply_control(carla.VehicleControl(throttle=1.0))
    with pytest.raises(RuntimeError, match="not found"):
        car.get_physics_control()
    assert stage.tick() > 0


def test_parent_must_exist(stage: Stage) -> None:
    car = stage.spawn(EGO_TYPE, stage.map.get_spawn_points()[0])
    stage.tick()
    car.destroy()
    stage.tick()
    blueprint = stage.world.get_blueprint_library().find("sensor.other.imu")
    with pytest.raises(RuntimeError):
        stage.world.spawn_actor(blueprint, carla.Transform(), attach_to=car)


def test_angular_velocity_and_acceleration_match_the_motion(stage: Stage) -> None:
    car = stage.settle(stage.spawn(EGO_TYPE, lifted(straight_road(stage.map, 80.0).transform)))
    car.apply_control(carla.VehicleControl(throttle=0.6, steer=0.2))
    stage.tick(30)
    yaw, velocity = car.get_transform().rotation.yaw, car.get_velocity()
    stage.tick()
    turned = angle_between(car.get_transform().rotation.yaw, yaw)
    assert car.get_angular_velocity().z == pytest.approx(turned / 0.05, rel=0.05)
    change = math.hypot(car.get_velocity().x - velocity.x, car.get_velocity().y - velocity.y) / 0.05
    measured = car.get_acceleration()
    assert math.hypot(measured.x, measured.y) == pytest.approx(change, rel=0.05)
