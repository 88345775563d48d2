"""Sensors on a car that drives through a real town: what the world tells them agrees with how things really move."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgpack
import numpy as np
import pytest
from numpy.typing import NDArray
from sensor_support import STEP_S, pixel_rays

from lead.geometry.frames import rotation_matrices
from lead.maps.compiled import compile_map
from lead.maps.towns import installed_towns, read_opendrive
from lead.simulator.rendering.scene import View
from lead.simulator.scenery.materials import Label
from lead.simulator.sensors.base import joined
from lead.simulator.sensors.lidar import SEMANTIC_POINT
from lead.simulator.world.actors import Actor
from lead.simulator.world.world import World

WIDTH, HEIGHT, FOV_DEG = 64, 40, 70.0
MKZ = "vehicle.lincoln.mkz_2020"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    if "Town01" not in installed_towns():
        pytest.skip("Town01 is not installed: lead towns install Town01")
    made = World(compile_map("Town01", read_opendrive("Town01")))
    yield made
    made.renderer.close()


@pytest.fixture(autouse=True)
def _leave_no_actors(world: World, drive: Drive) -> Iterator[None]:
    """Takes away what a test spawned; `drive` comes first, since it has the place to itself."""
    before = set(world.actors)
    yield
    for actor_id in sorted(set(world.actors) - before, reverse=True):
        world.destroy(actor_id)


def bodies(world: World) -> dict[int, bytes]:
    """What every sensor sends of the last frame, by actor id."""
    return {actor.id: joined(body) for actor, body in world.measurements(lambda stream_id: True, lambda *event: b"")}


def pose(actor: Actor) -> View:
    """Where a sensor is, as a view of the cameras of these tests."""
    assert actor.table is not None
    place = actor.table.column("position")[actor.row].copy()
    rotation = rotation_matrices(*actor.table.column("rotation_deg")[actor.row])
    return View(place, rotation, WIDTH, HEIGHT, FOV_DEG)


def projected(points: NDArray[np.float64], view: View) -> NDArray[np.float64]:
    """Pixels (..., 2) to the right and up from the middle of the image."""
    local = (points - view.location) @ view.rotation
    return np.asarray(view.focal_px * local[..., 1:] / local[..., :1])


@dataclass
class Drive:
    """A car that speeds up in a bend, and what its sensors told in the last ticks.

    Attributes:
        poses: Of the cameras, which are at one place, after each tick, from one before the first measurement.
        imu_places: Positions of the IMU in the same ticks.
        imu_rotations: Its orientation.
        sent: Bodies by the last part of the blueprint id, one dictionary per measured tick.
    """

    poses: list[View] = field(default_factory=list)
    imu_places: list[NDArray[np.float64]] = field(default_factory=list)
    imu_rotations: list[NDArray[np.float64]] = field(default_factory=list)
    sent: list[dict[str, bytes]] = field(default_factory=list)


@pytest.fixture(scope="module")
def drive(world: World) -> Drive:
    start = world.town.spawn_points[0]
    car = world.spawn(MKZ, [], start[:3], start[3:])
    size = [["image_size_x", str(WIDTH)], ["image_size_y", str(HEIGHT)], ["fov", str(FOV_DEG)]]
    mount, turn = np.array([1.5, 0.3, 2.0]), np.array([-5.0, 20.0, 3.0])
    cameras = [world.spawn(f"sensor.camera.{kind}", size, mount, turn, car.id) for kind in ("optical_flow", "depth")]
    imu = world.spawn("sensor.other.imu", [], np.array([-1.0, 0.4, 1.0]), np.zeros(3), car.id)
    kinds = {actor.id: actor.type_id.split(".")[-1] for actor in (*cameras, imu)}
    control = world.fleet.table.records["control"][car.row]
    control["throttle"], control["steer"] = 0.6, 0.15
    for _ in range(30):
        world.tick(STEP_S)
    made = Drive()
    for tick in range(6):
        world.tick(STEP_S)
        made.poses.append(pose(cameras[0]))
        made.imu_places.append(pose(imu).location)
        made.imu_rotations.append(pose(imu).rotation)
        if tick > 0:
            made.sent.append({kinds[key]: body for key, body in bodies(world).items() if key in kinds})
    for actor in (*cameras, imu, car):
        world.destroy(actor.id)
    return made


@pytest.mark.slow
def test_flow_on_a_drive_is_the_difference_of_the_projections_from_two_real_poses(drive: Drive) -> None:
    for tick, sent in enumerate(drive.sent):
        before, now = drive.poses[tick : tick + 2]
        pixels = np.frombuffer(sent["depth"], np.uint8, offset=12).reshape(HEIGHT, WIDTH, 4).astype(np.int64)
        depth = 1000.0 * (pixels[..., :3] @ [65536, 256, 1]) / (2**24 - 1)
        near = depth < 200.0
        points = now.location + depth[..., None] * pixel_rays(now)
        expected = (projected(points, now) - projected(points, before)) / [WIDTH / 2.0, HEIGHT / 2.0]
        flow = np.frombuffer(sent["optical_flow"], "<f4", offset=12).reshape(HEIGHT, WIDTH, 2)
        assert near.mean() > 0.3
        assert np.abs(expected[near]).max() > 0.03
        np.testing.assert_allclose(flow[near], expected[near], atol=1e-4)


def test_imu_on_a_drive_feels_the_derivatives_of_its_real_poses(drive: Drive) -> None:
    # The first two measurements start from the origin of the world, as the original's do.
    for tick in range(2, len(drive.sent)):
        acceleration, gyroscope, compass = msgpack.unpackb(drive.sent[tick]["imu"])
        oldest, before, now = drive.imu_places[tick - 1 : tick + 2]
        rotation = drive.imu_rotations[tick + 1]
        expected = rotation.T @ ((oldest - 2.0 * before + now) / STEP_S**2 + [0.0, 0.0, 9.81])
        np.testing.assert_allclose(acceleration, expected, atol=1e-6)
        assert np.hypot(*acceleration[:2]) > 0.5, "the car speeds up in a bend"
        step = drive.imu_rotations[tick].T @ rotation
        assert gyroscope[2] == pytest.approx(np.arctan2(step[1, 0], step[0, 0]) / STEP_S, abs=1e-4)
        assert abs(gyroscope[2]) > 0.02
        east, south = rotation[0, 0], rotation[1, 0]
        assert compass == pytest.approx((np.arctan2(south, east) + np.pi / 2.0) % (2.0 * np.pi), abs=1e-5)


def test_semantic_lidar_knows_the_actor_of_a_traffic_light_by_its_post(world: World) -> None:
    light = world.lights.table.records[0]
    spot = light["location"].astype(np.float64) + [4.0, 0.0, 3.0]
    attributes = [["range", "40"], ["points_per_second", "600000"], ["channels", "64"], ["rotation_frequency", "20"]]
    lidar = world.spawn("sensor.lidar.ray_cast_semantic", attributes, spot, np.zeros(3))
    world.tick(STEP_S)
    body = bodies(world)[lidar.id]
    records = np.frombuffer(body, SEMANTIC_POINT, offset=8 + 4 * 64)
    on_light = records[records["actor_id"] == light["id"]]
    # The lit head moves with the actors; the post is part of the level and must be told from it all the same.
    assert set(on_light["label"].tolist()) == {Label.POLES, Label.TRAFFIC_LIGHT}
    post = on_light[on_light["label"] == Label.POLES]
    assert len(post) > 20
    place = np.hypot(*(post["xyz"][:, :2] + (spot - light["location"])[:2]).T)
    assert place.min() < 0.5, "its post stands where the actor is"
    assert set(records["actor_id"][records["label"] == Label.ROADS].tolist()) == {0}


def test_radar_gets_the_velocity_of_what_it_hits(world: World) -> None:
    start = world.town.spawn_points[0]
    yaw = np.radians(start[4])
    ahead, right = np.array([np.cos(yaw), np.sin(yaw), 0.0]), np.array([-np.sin(yaw), np.cos(yaw), 0.0])
    parked = world.spawn(MKZ, [], start[:3] + 24.0 * ahead - 3.5 * right, start[3:])
    driving = world.spawn(MKZ, [], start[:3] + 12.0 * ahead, start[3:])
    radar = world.spawn("sensor.other.radar", [["points_per_second", "100000"]], start[:3], start[3:])
    world.fleet.table.records["control"][driving.row]["throttle"] = 0.7
    for _ in range(20):
        world.tick(STEP_S)
    rows = np.frombuffer(bodies(world)[radar.id], "<f4").reshape(-1, 4).astype(np.float64)
    flat = np.cos(rows[:, 2])
    sight = np.stack([flat * np.cos(rows[:, 1]), flat * np.sin(rows[:, 1]), np.sin(rows[:, 2])], axis=1)
    view = pose(radar)
    hits = view.location + (rows[:, 3:] * sight) @ view.rotation.T
    places = [world.fleet.column("position")[car.row] + [0.0, 0.0, 0.7] for car in (driving, parked)]
    from_driving, from_parked = (np.linalg.norm(hits - place, axis=1) for place in places)
    above_road = hits[:, 2] > places[0][2] - 0.6
    on_driving, on_parked = above_road & (from_driving < 2.6), above_road & (from_parked < 2.6)
    elsewhere = (from_driving > 3.5) & (from_parked > 3.5)
    velocity = world.fleet.table.records["velocity"][driving.row].astype(np.float64)
    assert np.linalg.norm(velocity) > 1.0
    assert on_driving.sum() > 100
    assert on_parked.sum() > 20
    np.testing.assert_allclose(rows[on_driving, 0], (sight @ (view.rotation.T @ velocity))[on_driving], atol=1e-4)
    np.testing.assert_allclose(rows[on_parked | elsewhere, 0], 0.0, atol=1e-6)


def test_without_rendering_cameras_are_silent_and_rays_are_not(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    spot = world.town.spawn_points[0][:3] + [0.0, 0.0, 2.0]
    kinds = ("camera.depth", "camera.dvs", "lidar.ray_cast", "other.radar", "other.gnss")
    sensors = [world.spawn(f"sensor.{kind}", [], spot, np.zeros(3)) for kind in kinds]
    world.tick(STEP_S)
    assert set(bodies(world)) == {actor.id for actor in sensors}
    monkeypatch.setattr(world.settings, "no_rendering", True)
    world.tick(STEP_S)
    assert set(bodies(world)) == {actor.id for actor in sensors[2:]}
