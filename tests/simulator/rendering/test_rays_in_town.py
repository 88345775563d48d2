"""What LiDAR and radar packets say of a town against the world's own geometry: heights, boxes, velocities, ids."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from rendering_support import STEP_S, Array, measured, mount, town_map, try_spawn

from lead.geometry.frames import rotation_matrices
from lead.maps.layout import LaneType
from lead.simulator.scenery.materials import Label
from lead.simulator.sensors.lidar import SEMANTIC_POINT
from lead.simulator.world.actors import Actor
from lead.simulator.world.world import World

ALL_POINTS = {"dropoff_general_rate": 0.0, "dropoff_intensity_limit": 1.0, "dropoff_zero_intensity": 0.0}
SCAN = {"channels": 64, "points_per_second": 600_000, "range": 85, "upper_fov": 10, "lower_fov": -30}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World(town_map("Town02"))
    yield made
    made.renderer.close()


@pytest.fixture
def cleared(world: World) -> Iterator[World]:
    """The town, without what the test put into it afterwards."""
    yield world
    for actor_id in sorted(world.actors, reverse=True):
        world.destroy(actor_id)


def rows_of(body: bytes, kind: str) -> np.ndarray:
    """Records of a LiDAR's packet."""
    channels = int(np.frombuffer(body, "<u4", 1, 4)[0])
    start = 8 + 4 * channels
    if kind == "ray_cast_semantic":
        return np.frombuffer(body, SEMANTIC_POINT, offset=start)
    return np.frombuffer(body, "<f4", offset=start).reshape(-1, 4)


def in_world(sensor: Actor, points: np.ndarray) -> Array:
    """Points of a sensor's frame in the world."""
    assert sensor.table is not None
    turn = rotation_matrices(*sensor.table.column("rotation_deg")[sensor.row])
    return np.asarray(points.astype(np.float64) @ turn.T + sensor.table.column("position")[sensor.row])


def in_box(actor: Actor, points: Array) -> Array:
    """Points in an actor's box, in units of its half sizes: inside if none exceeds 1."""
    assert actor.table is not None
    record = actor.table.records[actor.row]
    turn = rotation_matrices(*record["rotation_deg"].astype(np.float64))
    local = (points - record["location"]) @ turn - np.array(actor.box_center)
    return np.asarray(np.abs(local) - np.array(actor.extent))


def lane_start(world: World) -> Array:
    """A spawn point with forty metres of straight driving lane ahead."""
    for row in world.town.spawn_points:
        points = row[:3] + rotation_matrices(0.0, row[4], 0.0)[:, 0] * np.arange(0.0, 40.0, 4.0)[:, None]
        ground = world.ground.query(points)
        if world.ground.is_on(ground, LaneType.DRIVING).all() and np.ptp(ground.z) < 0.2:
            return row
    raise AssertionError("no straight lane")


def test_lidar_points_lie_on_the_ground_and_on_boxes(cleared: World) -> None:
    """Road and sidewalk points have the height of the map's lanes; points of an actor lie in its box."""
    world = cleared
    row = lane_start(world)
    way = rotation_matrices(0.0, row[4], 0.0)[:, 0]
    ego = try_spawn(world, "vehicle.lincoln.mkz_2020", row[:3] + [0.0, 0.0, 0.3], row[3:])
    other = try_spawn(world, "vehicle.mitsubishi.fusorosa", row[:3] + 15.0 * way + [0.0, 0.0, 0.3], row[3:])
    assert ego is not None and other is not None
    sensor = mount(world, "lidar.ray_cast_semantic", (0.0, 0.0, 1.9), (0.0, 30.0, 0.0), ego, **SCAN)
    for _ in range(20):
        world.tick(STEP_S)
    sweeps = []
    for _ in range(2):
        records = rows_of(measured(world)[sensor.id], "ray_cast_semantic")
        sweeps.append((records, in_world(sensor, records["xyz"])))
        world.tick(STEP_S)
    records = np.concatenate([sweep[0] for sweep in sweeps])
    points = np.concatenate([sweep[1] for sweep in sweeps])
    assert len(records) > 20_000
    ground = world.ground.query(points)
    rise = points[:, 2] - ground.z
    road = np.isin(records["label"], (Label.ROADS, Label.ROAD_LINES))
    assert road.sum() > 3000 and np.quantile(np.abs(rise[road]), 0.999) < 0.03
    walk = (records["label"] == Label.SIDEWALKS) & world.ground.is_on(ground, LaneType.SIDEWALK)
    assert walk.sum() > 500 and np.quantile(np.abs(rise[walk]), 0.99) < 0.1
    flat = road & (np.linalg.norm(records["xyz"], axis=1) > 3.0)
    sine = -records["xyz"][flat, 2] / np.linalg.norm(records["xyz"][flat], axis=1)
    assert np.quantile(np.abs(records["cos_incidence"][flat] - sine), 0.95) < 0.03
    for actor in (ego, other):
        own = records["actor_id"] == actor.id
        assert own.sum() > 50 and (records["label"][own] == actor.semantic_tag).all()
        assert in_box(actor, points[own]).max() < 0.1
    assert set(np.unique(records["actor_id"])) <= {0, *world.actors}
    assert not ((in_box(other, points).max(axis=1) < -0.1) & (records["actor_id"] != other.id)).any()


def test_both_lidars_measure_the_same_distances(cleared: World) -> None:
    world = cleared
    row = lane_start(world)
    place = row[:3] + [0.0, 0.0, 2.0]
    plain = mount(world, "lidar.ray_cast", place, (0.0, 10.0, 0.0), **SCAN, **ALL_POINTS)
    semantic = mount(world, "lidar.ray_cast_semantic", place, (0.0, 10.0, 0.0), **SCAN)
    world.tick(STEP_S)
    bodies = measured(world)
    one, other = rows_of(bodies[plain.id], "ray_cast"), rows_of(bodies[semantic.id], "ray_cast_semantic")
    np.testing.assert_allclose(one[:, :3], other["xyz"], atol=1e-4)
    distance = np.linalg.norm(one[:, :3], axis=1)
    assert distance.max() <= 85.0 + 1e-3
    np.testing.assert_allclose(one[:, 3], np.exp(-0.004 * distance), atol=1e-4)


def test_walkers_and_lights_are_known_to_the_lidar_by_their_ids(cleared: World) -> None:
    world = cleared
    row = lane_start(world)
    way = rotation_matrices(0.0, row[4], 0.0)[:, 0]
    walker = try_spawn(world, "walker.pedestrian.0003", row[:3] + 6.0 * way + [0.0, 0.0, 1.0], row[3:])
    assert walker is not None
    for _ in range(20):
        world.tick(STEP_S)
    narrow = {**SCAN, "horizontal_fov": 40, "upper_fov": 5, "lower_fov": -20}
    head = world.scene.heads[0]
    front = rotation_matrices(0.0, float(np.degrees(head["yaw"])), 0.0)[:, 0]
    light = int(world.lights.table.records["id"][world.lights.light_of_signal[head["signal"]]])
    before_head = np.array([head["x"], head["y"], head["z"]]) + 4.0 * front
    scanners = [
        mount(world, "lidar.ray_cast_semantic", row[:3] + [0.0, 0.0, 1.5], (0.0, row[4], 0.0), **narrow),
        mount(world, "lidar.ray_cast_semantic", before_head, (0.0, np.degrees(head["yaw"]) + 180.0, 0.0), **narrow),
    ]
    found: list[set[tuple[int, int]]] = [set(), set()]
    for _ in range(2):
        world.tick(STEP_S)
        bodies = measured(world)
        for index, scanner in enumerate(scanners):
            records = rows_of(bodies[scanner.id], "ray_cast_semantic")
            found[index] |= set(zip(records["actor_id"].tolist(), records["label"].tolist(), strict=True))
    assert (walker.id, Label.PEDESTRIANS) in found[0]
    assert (light, Label.TRAFFIC_LIGHT) in found[1]


@pytest.mark.parametrize("speed_mps", [8.0, -5.0])
def test_radar_reports_range_and_closing_speed_of_a_moving_vehicle(cleared: World, speed_mps: float) -> None:
    """The radar stands still, a bus moves away or comes closer; everything else is at rest."""
    world = cleared
    row = lane_start(world)
    way = rotation_matrices(0.0, row[4], 0.0)[:, 0]
    start = row[:3] + (15.0 if speed_mps > 0.0 else 25.0) * way + [0.0, 0.0, 0.3]
    bus = try_spawn(world, "vehicle.mitsubishi.fusorosa", start, row[3:])
    assert bus is not None and bus.table is not None
    for _ in range(20):
        world.tick(STEP_S)
    place = row[:3] + [0.0, 0.0, 1.3]
    radar = mount(world, "other.radar", place, (0.0, row[4], 0.0), points_per_second=8000, horizontal_fov=40)
    control = bus.table.records["control"][bus.row]
    control["throttle"], control["reverse"] = 0.8, speed_mps < 0.0
    bus.table.records["control"][bus.row] = control
    for _ in range(60):
        world.tick(STEP_S)
        rows = np.frombuffer(measured(world)[radar.id], "<f4").reshape(-1, 4).astype(np.float64)
        velocity = bus.table.records["velocity"][bus.row].astype(np.float64)
        if abs(velocity @ way) >= 0.5 * abs(speed_mps):
            break
    assert np.sign(velocity @ way) == np.sign(speed_mps), "the bus moves as it was told"
    speed, azimuth, altitude, depth = rows.T
    local = np.stack([np.cos(altitude) * np.cos(azimuth), np.cos(altitude) * np.sin(azimuth), np.sin(altitude)], axis=1)
    rays = local @ rotation_matrices(0.0, row[4], 0.0).T
    points = place + rays * depth[:, None]
    gap = in_box(bus, points).max(axis=1)
    on_bus = (gap < 0.0) & (points[:, 2] > world.ground.query(points).z + 0.1)
    elsewhere = gap > 0.3
    assert on_bus.sum() > 30 and elsewhere.sum() > 30
    np.testing.assert_allclose(speed[on_bus], rays[on_bus] @ velocity, atol=0.02)
    np.testing.assert_allclose(speed[elsewhere], 0.0, atol=1e-6)


def test_radar_on_a_moving_vehicle_sees_the_world_come_closer(cleared: World) -> None:
    world = cleared
    row = lane_start(world)
    car = try_spawn(world, "vehicle.lincoln.mkz_2020", row[:3] + [0.0, 0.0, 0.3], row[3:])
    assert car is not None and car.table is not None
    for _ in range(20):
        world.tick(STEP_S)
    radar = mount(world, "other.radar", (2.5, 0.0, 1.0), (0.0, 0.0, 0.0), car, points_per_second=4000)
    car.table.records["control"]["throttle"][car.row] = 0.8
    for _ in range(25):
        world.tick(STEP_S)
        rows = np.frombuffer(measured(world)[radar.id], "<f4").reshape(-1, 4).astype(np.float64)
    speed = float(np.linalg.norm(car.table.records["velocity"][car.row]))
    assert speed > 3.0 and len(rows) > 50
    expected = -speed * np.cos(rows[:, 1]) * np.cos(rows[:, 2])
    np.testing.assert_allclose(rows[:, 0], expected, atol=0.15)
