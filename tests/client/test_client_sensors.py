"""Sensor streams: one packet per tick with the right frame, size and values that follow from the geometry."""

from __future__ import annotations

import math
import queue

import carla
import numpy as np
import pytest
from client_support import (
    EGO_TYPE,
    STEP_S,
    Recorder,
    Stage,
    ahead,
    angle_between,
    is_listening,
    lifted,
    mounted,
    planar_distance,
    speed_of,
    straight_road,
)
from numpy.typing import NDArray

EARTH_RADIUS_M = 6378137.0
MOUNT = carla.Transform(carla.Location(0.0, 0.0, 2.5))
LIDAR: dict[str, object] = {"range": 85, "rotation_frequency": 10, "channels": 64, "points_per_second": 600000}


@pytest.fixture
def road(stage: Stage) -> carla.Transform:
    """Start of a long straight lane."""
    return straight_road(stage.map, 100.0).transform


@pytest.fixture
def car(stage: Stage, road: carla.Transform) -> carla.Vehicle:
    """The ego model at rest there."""
    return stage.settle(stage.spawn(EGO_TYPE, lifted(road)))


def points_of(data: carla.SensorData, columns: int) -> NDArray[np.float32]:
    """Raw floats as rows."""
    return np.frombuffer(data.raw_data, np.float32).reshape(-1, columns)


def test_every_sensor_delivers_every_frame(stage: Stage, car: carla.Vehicle) -> None:
    size: dict[str, object] = {"image_size_x": 160, "image_size_y": 90}
    plans: list[tuple[str, dict[str, object]]] = [
        ("sensor.camera.rgb", size),
        ("sensor.camera.semantic_segmentation", size),
        ("sensor.camera.depth", size),
        ("sensor.camera.instance_segmentation", size),
        ("sensor.lidar.ray_cast", LIDAR),
        ("sensor.lidar.ray_cast_semantic", LIDAR),
        ("sensor.other.radar", {}),
        ("sensor.other.imu", {}),
        ("sensor.other.gnss", {}),
    ]
    recorders = [stage.listen(kind, MOUNT, car, **attributes) for kind, attributes in plans]
    assert all(is_listening(recorder.sensor) for recorder in recorders)
    car.apply_control(carla.VehicleControl(throttle=0.6))
    frames = [stage.tick() for _ in range(10)]
    for recorder in recorders:
        for frame in frames:
            data = recorder.at(frame)
            assert data.frame == frame
        elapsed = stage.world.get_snapshot().timestamp.elapsed_seconds
        assert data.timestamp == pytest.approx(elapsed, abs=1e-9)
        assert data.transform.location.distance(mounted(car, MOUNT)) < 0.01


def test_a_tick_right_after_listening_reaches_every_listener(stage: Stage, car: carla.Vehicle) -> None:
    for _ in range(3):
        sensors = [stage.spawn("sensor.other.imu", MOUNT, car) for _ in range(8)]
        recorders = [Recorder(sensor) for sensor in sensors]
        frame = stage.tick()
        for recorder in recorders:
            assert recorder.next().frame == frame


@pytest.mark.parametrize("kind", ["rgb", "semantic_segmentation", "depth", "instance_segmentation"])
def test_images_have_their_size(stage: Stage, car: carla.Vehicle, kind: str) -> None:
    camera = stage.listen(f"sensor.camera.{kind}", MOUNT, car, image_size_x=320, image_size_y=180, fov=110)
    image = camera.at(stage.tick())
    assert (image.width, image.height) == (320, 180)
    assert image.fov == pytest.approx(110.0)
    pixels = np.frombuffer(image.raw_data, np.uint8).reshape(180, 320, 4)
    assert (pixels[..., 3] == 255).all()
    if "segmentation" in kind:
        assert pixels[..., 2].max() <= 28


def test_a_leaderboard_rig_fits(stage: Stage, car: carla.Vehicle) -> None:
    cameras = [
        stage.listen(
            "sensor.camera.rgb",
            MOUNT,
            car,
            image_size_x=1024,
            image_size_y=512,
            fov=110,
            role_name=f"camera{index}",
        )
        for index in range(6)
    ]
    frame = stage.tick()
    assert [len(camera.at(frame).raw_data) for camera in cameras] == [1024 * 512 * 4] * 6


def test_lidar_sees_the_ground_and_half_a_turn(stage: Stage, car: carla.Vehicle) -> None:
    lidar = stage.listen(
        "sensor.lidar.ray_cast",
        MOUNT,
        car,
        **LIDAR,
        dropoff_general_rate=0.0,
        dropoff_intensity_limit=1.0,
        dropoff_zero_intensity=0.0,
    )
    sweeps = [lidar.at(stage.tick()) for _ in range(2)]
    assert sweeps[0].channels == 64
    sides = []
    for sweep in sweeps:
        points = points_of(sweep, 4)
        assert len(points) == len(sweep) == sum(sweep.get_point_count(channel) for channel in range(64))
        assert 5000 < len(points) <= 64 * 469
        distance = np.linalg.norm(points[:, :3], axis=1)
        assert distance.max() <= 85.0 * 1.01
        assert np.allclose(points[:, 3], np.exp(-0.004 * distance), atol=1e-3)
        # The scanner hangs 2.5 m above a flat road: rays that go down steeply hit it at that depth.
        near = (distance < 10.0) & (distance > 4.5)
        assert near.sum() > 500
        assert np.median(points[near, 2]) == pytest.approx(-2.5, abs=0.1)
        sides.append(np.sign(np.median(np.sign(points[:, 1]))))
    assert set(sides) == {-1.0, 1.0}
    assert angle_between(math.degrees(sweeps[1].horizontal_angle), math.degrees(sweeps[0].horizontal_angle)) in (
        pytest.approx(-180.0, abs=0.1),
        pytest.approx(180.0, abs=0.1),
    )


def test_lidar_drops_points_by_default(stage: Stage, car: carla.Vehicle) -> None:
    full = stage.listen("sensor.lidar.ray_cast", MOUNT, car, **LIDAR, dropoff_general_rate=0.0)
    thinned = stage.listen("sensor.lidar.ray_cast", MOUNT, car, **LIDAR)
    counts = []
    for _ in range(2):
        frame = stage.tick()
        counts.append(len(thinned.at(frame)) / len(full.at(frame)))
    assert np.mean(counts) == pytest.approx(0.55, abs=0.05)


def test_lidar_and_semantic_lidar_hit_a_car_ahead(stage: Stage, car: carla.Vehicle, road: carla.Transform) -> None:
    other = stage.settle(stage.spawn("vehicle.tesla.model3", lifted(ahead(road, 15.0))))
    mount = carla.Transform(carla.Location(0.0, 0.0, 1.9))
    scanner = stage.listen("sensor.lidar.ray_cast_semantic", mount, car, **LIDAR)
    rows = np.dtype([("point", "<f4", 3), ("cosine", "<f4"), ("actor", "<u4"), ("label", "<u4")])
    found = []
    for _ in range(2):
        records = np.frombuffer(scanner.at(stage.tick()).raw_data, rows)
        assert set(np.unique(records["label"])) <= set(range(29))
        assert (np.abs(records["cosine"]) <= 1.0 + 1e-3).all()
        found.append(records[records["actor"] == other.id])
    hits = np.concatenate(found)
    assert len(hits) > 50
    assert (hits["label"] == 14).all()
    rear = 15.0 - other.bounding_box.extent.x
    assert np.quantile(hits["point"][:, 0], 0.1) == pytest.approx(rear, abs=0.3)
    assert np.abs(hits["point"][:, 1]).max() < other.bounding_box.extent.y + 0.1


def test_radar_measures_distance_and_closing_speed(stage: Stage, car: carla.Vehicle, road: carla.Transform) -> None:
    wall = stage.settle(stage.spawn("vehicle.carlamotors.carlacola", lifted(ahead(road, 45.0))))
    mount = carla.Transform(carla.Location(2.5, 0.0, 1.0))
    radar = stage.listen(
        "sensor.other.radar", mount, car, horizontal_fov=6, vertical_fov=1, points_per_second=1500, range=100
    )
    points = points_of(radar.at(stage.tick()), 4)
    assert 10 < len(points) <= 75
    gap = 45.0 - wall.bounding_box.extent.x - 2.5
    velocity, azimuth, altitude, depth = points.T
    assert np.median(depth) == pytest.approx(gap, abs=0.6)
    assert np.abs(velocity).max() < 0.05
    assert np.abs(azimuth).max() <= math.radians(3.01)
    assert np.abs(altitude).max() <= math.radians(0.51)
    car.enable_constant_velocity(carla.Vector3D(8.0, 0.0, 0.0))
    stage.tick(10)
    closing = points_of(radar.at(stage.tick()), 4)[:, 0]
    assert np.median(closing) == pytest.approx(-8.0, abs=0.3)


def test_gnss_latitude_grows_to_the_north(stage: Stage, car: carla.Vehicle) -> None:
    gnss = stage.listen("sensor.other.gnss", MOUNT, car)
    data = gnss.at(stage.tick())
    place = mounted(car, MOUNT)
    assert data.latitude == pytest.approx(math.degrees(-place.y / EARTH_RADIUS_M), abs=1e-7)
    assert data.longitude == pytest.approx(math.degrees(place.x / EARTH_RADIUS_M), abs=1e-7)
    assert data.altitude == pytest.approx(place.z, abs=0.01)


def test_gnss_noise_is_as_strong_as_asked(stage: Stage, car: carla.Vehicle) -> None:
    gnss = stage.listen("sensor.other.gnss", MOUNT, car, noise_lat_stddev=5e-6, noise_lon_bias=1e-4)
    data = [gnss.at(stage.tick()) for _ in range(100)]
    assert np.std([d.latitude for d in data]) == pytest.approx(5e-6, rel=0.35)
    exact = math.degrees(car.get_location().x / EARTH_RADIUS_M)
    assert data[0].longitude - exact == pytest.approx(1e-4, abs=1e-7)


def test_imu_at_rest_and_in_a_turn(stage: Stage, car: carla.Vehicle) -> None:
    imu = stage.listen("sensor.other.imu", carla.Transform(), car)
    # The first outputs differentiate from the world's origin, as in CARLA.
    stage.tick(3)
    rest = imu.at(stage.tick())
    assert [rest.accelerometer.x, rest.accelerometer.y, rest.accelerometer.z] == pytest.approx([0, 0, 9.81], abs=0.05)
    assert [rest.gyroscope.x, rest.gyroscope.y, rest.gyroscope.z] == pytest.approx([0, 0, 0], abs=1e-3)
    yaw = car.get_transform().rotation.yaw
    assert abs(angle_between(math.degrees(rest.compass), yaw + 90.0)) < 0.1
    car.apply_control(carla.VehicleControl(throttle=0.5, steer=0.3))
    stage.tick(40)
    moving = imu.at(stage.tick())
    rate = car.get_angular_velocity().z
    assert rate > 5.0
    assert moving.gyroscope.z == pytest.approx(math.radians(rate), rel=0.02)
    centripetal = speed_of(car) * math.radians(rate)
    assert moving.accelerometer.y == pytest.approx(centripetal, abs=0.5)


def test_sensor_tick_thins_the_stream(stage: Stage, car: carla.Vehicle) -> None:
    slow = stage.listen("sensor.other.gnss", MOUNT, car, sensor_tick=4 * STEP_S)
    fast = stage.listen("sensor.other.gnss", MOUNT, car)
    last = stage.tick(40)
    fast.at(last)
    frames: list[int] = []
    while not frames or frames[-1] <= last - 4:
        frames.append(slow.next().frame)
    assert set(np.diff(frames)) == {4}


def test_stopped_sensor_is_silent_and_may_listen_again(stage: Stage, car: carla.Vehicle) -> None:
    gnss = stage.listen("sensor.other.gnss", MOUNT, car)
    gnss.sensor.stop()
    assert not is_listening(gnss.sensor)
    stage.tick(5)
    gnss.drain()
    stage.tick(10)
    assert gnss.drain() == []
    again: queue.Queue[carla.SensorData] = queue.Queue()
    gnss.sensor.listen(again.put)
    stage.tick(10)
    assert again.get(timeout=5.0).frame > 0


def test_sensor_without_a_parent_stands_still(stage: Stage) -> None:
    pose = carla.Transform(carla.Location(10.0, 20.0, 30.0), carla.Rotation(pitch=-45.0))
    camera = stage.listen("sensor.camera.rgb", pose, image_size_x=64, image_size_y=32)
    frame = stage.tick()
    assert camera.at(frame).transform.location.distance(pose.location) < 1e-3


def test_obstacle_sensor_reports_what_is_ahead(stage: Stage, car: carla.Vehicle, road: carla.Transform) -> None:
    other = stage.settle(stage.spawn("vehicle.tesla.model3", lifted(ahead(road, 12.0))))
    mount = carla.Transform(carla.Location(2.5, 0.0, 1.0))
    obstacle = stage.listen("sensor.other.obstacle", mount, car, distance=20, hit_radius=0.3, only_dynamics=True)
    stage.tick(5)
    event = obstacle.next()
    assert event.other_actor.id == other.id
    assert event.distance == pytest.approx(12.0 - other.bounding_box.extent.x - 2.5 - 0.3, abs=0.3)


def test_lane_invasion_is_seen_when_crossing_the_marking(stage: Stage, car: carla.Vehicle) -> None:
    invasions = stage.listen("sensor.other.lane_invasion", carla.Transform(), car)
    stage.tick(2)
    car.apply_control(carla.VehicleControl(throttle=0.5, steer=-0.15))
    start = car.get_location()
    for _ in range(120):
        stage.tick()
        found = invasions.drain()
        if found:
            break
    assert found
    assert found[0].crossed_lane_markings
    assert planar_distance(car.get_location(), start) > 1.0


def test_bad_attribute_is_a_clean_error(stage: Stage, car: carla.Vehicle) -> None:
    blueprint = stage.world.get_blueprint_library().find("sensor.camera.rgb")
    blueprint.set_attribute("image_size_x", "0")
    with pytest.raises(RuntimeError, match="invalid actor description"):
        stage.world.spawn_actor(blueprint, MOUNT, attach_to=car)
    stage.tick()
