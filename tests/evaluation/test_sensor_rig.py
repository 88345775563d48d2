"""Sensor rigs on a real client against the embedded simulator: formats, frames, noise, repeatability, no leftovers."""

import json
import time
from pathlib import Path

import carla
import numpy as np
import pytest

from lead.agents.constant import read_rig
from lead.agents.registry import create_agent
from lead.evaluation.sensors.rig import SensorDataMissingError, SensorRig
from lead.evaluation.sensors.validation import validate_sensors
from lead.maps.towns import installed_towns
from lead.scoring.profiles import profile
from lead.simulator.launch import LOOPBACK, EmbeddedServer, free_port

ROOT = Path(__file__).resolve().parents[2]
TOWN = "Town01"
STEP_S = 0.05
WARM_UP_TICKS = 4
LEADERBOARD = profile("leaderboard")
FAIL2DRIVE = profile("fail2drive")
PLACE = {"x": 0.0, "y": 0.0, "z": 0.0}
POSE = {**PLACE, "roll": 0.0, "pitch": 0.0, "yaw": 0.0}
GNSS = {"type": "sensor.other.gnss", "id": "gps", **PLACE}
IMU = {"type": "sensor.other.imu", "id": "imu", **POSE}
SPEED = {"type": "sensor.speedometer", "id": "speed"}
LIDAR = {"type": "sensor.lidar.ray_cast", "id": "lidar", **POSE, "z": 2.5}
RADAR = {"type": "sensor.other.radar", "id": "radar", **POSE, "x": 2.6, "horizontal_fov": 90, "vertical_fov": 10}
CAMERA = {"type": "sensor.camera.rgb", "id": "front", **POSE, "z": 2.25, "width": 64, "height": 48, "fov": 100}
MAP = {"type": "sensor.opendrive_map", "id": "hd_map"}

pytestmark = pytest.mark.skipif(TOWN not in installed_towns(), reason="Town01 is not installed (lead towns install)")


def connect(port, timeout_s=60.0):
    client = carla.Client(LOOPBACK, port, worker_threads=8)
    client.set_timeout(timeout_s)
    return client


def make_synchronous(client):
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode = True
    settings.fixed_delta_seconds = STEP_S
    world.apply_settings(settings)
    world.tick()
    return world


def spawn_ego(world):
    blueprint = world.get_blueprint_library().find("vehicle.lincoln.mkz_2020")
    pose = world.get_map().get_spawn_points()[10]
    ego = world.spawn_actor(blueprint, pose)
    for _ in range(20):
        world.tick()
    return ego


@pytest.fixture(scope="module")
def client():
    with EmbeddedServer(free_port(), TOWN, seed=1) as server:
        yield connect(server.port)


@pytest.fixture(scope="module")
def world(client):
    return make_synchronous(client)


@pytest.fixture
def ego(world):
    vehicle = spawn_ego(world)
    yield vehicle
    vehicle.destroy()
    world.tick()
    assert list(world.get_actors().filter("sensor.*")) == []


@pytest.fixture
def rig_of(world, ego):
    rigs = []

    def start(*specs, rules=LEADERBOARD, seed=3, track="MAP", opendrive="<OpenDRIVE/>"):
        rig = SensorRig(world, ego, validate_sensors(specs, track, rules), rules, opendrive=opendrive, seed=seed)
        rigs.append(rig)
        rig.start()
        for _ in range(WARM_UP_TICKS):
            world.tick()
        return rig

    yield start
    for rig in rigs:
        rig.close()
    world.tick()


def test_the_rig_of_lead_delivers_the_official_formats(world, rig_of):
    specs = read_rig(ROOT / "data/rigs/three_cameras.yaml").sensors
    rig = rig_of(*specs, track="SENSORS")
    assert len(world.get_actors().filter("sensor.*")) == len(specs) - 1
    for _ in range(3):
        frame = world.tick()
        data = rig.read(frame)
        assert list(data) == [spec["id"] for spec in specs]
        assert {number for number, _ in data.values()} == {frame}
    arrays = {name: value for name, (_, value) in data.items()}
    assert arrays.pop("speed")["speed"] == pytest.approx(0.0, abs=0.05)
    for name, array in arrays.items():
        # Agents write into their data, and keep it.
        assert array.flags.writeable and array.flags.c_contiguous and array.flags.owndata, name
    for name in ("rgb_1", "rgb_2", "rgb_3"):
        assert (arrays[name].shape, arrays[name].dtype) == ((384, 384, 4), np.uint8)
        assert (arrays[name][..., 3] == 255).all() and arrays[name][..., :3].std() > 5.0
    for name in ("lidar1", "lidar2"):
        assert (arrays[name].shape[1], arrays[name].dtype) == (4, np.float32)
        distance = np.linalg.norm(arrays[name][:, :3], axis=1)
        assert len(distance) > 3000 and 40.0 < distance.max() < 86.0
        assert 0.0 < arrays[name][:, 3].min() < arrays[name][:, 3].max() <= 1.0
    for name in ("radar1", "radar2", "radar3", "radar4"):
        assert (arrays[name].shape[1], arrays[name].dtype) == (4, np.float32)
        assert len(arrays[name]) <= 75
    assert (arrays["gps"].shape, arrays["gps"].dtype) == ((3,), np.float64)
    assert (arrays["imu"].shape, arrays["imu"].dtype) == ((7,), np.float64)
    assert rig.sensor_types == [spec["type"] for spec in specs]


def test_lidars_with_opposite_yaw_cover_the_whole_turn(world, rig_of):
    rig = rig_of({**LIDAR, "id": "a", "yaw": -90.0}, {**LIDAR, "id": "b", "yaw": -270.0})
    for _ in range(2):
        data = rig.read(world.tick())
        sides = []
        for name, yaw_deg in (("a", -90.0), ("b", -270.0)):
            x, y = data[name][1][:, 0], data[name][1][:, 1]
            azimuth = np.arctan2(y, x) + np.deg2rad(yaw_deg)
            sides.append(np.median(np.cos(azimuth)))
        # Half a turn each, in front and behind.
        assert sides[0] * sides[1] < 0.0


def test_radar_columns_are_depth_altitude_azimuth_velocity(world, ego, rig_of):
    rig = rig_of({**RADAR, "z": 1.0, "pitch": -5.0})
    ego.set_target_velocity(carla.Vector3D(0.0, 0.0, 0.0))
    rows = np.concatenate([rig.read(world.tick())["radar"][1] for _ in range(10)])
    depth, altitude, azimuth, velocity = rows.T
    assert len(rows) > 100
    assert depth.min() > 0.5 and depth.max() > 5.0
    assert np.abs(altitude).max() <= np.deg2rad(5.0) + 1e-3
    assert np.deg2rad(20.0) < np.abs(azimuth).max() <= np.deg2rad(45.0) + 1e-3
    assert np.abs(velocity).max() < 0.5


def test_speed_is_signed_and_along_the_heading(world, ego, rig_of):
    rig = rig_of(SPEED)
    forward = ego.get_transform().get_forward_vector()
    for sign in (1.0, -1.0):
        ego.set_target_velocity(carla.Vector3D(sign * 6.0 * forward.x, sign * 6.0 * forward.y, 0.0))
        frame, value = rig.read(world.tick())["speed"]
        assert frame == world.get_snapshot().frame
        assert value["speed"] == pytest.approx(sign * 6.0, abs=0.5)


def test_the_map_comes_at_its_frequency(world, rig_of):
    every = rig_of(MAP, opendrive="<OpenDRIVE>text</OpenDRIVE>")
    rare = rig_of({**MAP, "reading_frequency": 5.0}, SPEED)
    once = rig_of({**MAP, "reading_frequency": 1e-6})
    arrivals = []
    for _ in range(9):
        frame = world.tick()
        assert every.read(frame) == {"hd_map": (frame, {"opendrive": "<OpenDRIVE>text</OpenDRIVE>"})}
        arrivals.append(("hd_map" in rare.read(frame), "hd_map" in once.read(frame)))
    assert [index for index, (now, _) in enumerate(arrivals) if now] == [0, 4, 8]
    assert [index for index, (_, now) in enumerate(arrivals) if now] == [0]


def test_dense_cameras_have_the_format_of_pictures(world, rig_of):
    dense = [{**CAMERA, "id": kind, "type": f"sensor.camera.{kind}"} for kind in ("semantic_segmentation", "depth")]
    data = rig_of(*dense, rules=FAIL2DRIVE).read(world.tick())
    assert data["semantic_segmentation"][1].shape == data["depth"][1].shape == (48, 64, 4)
    assert data["semantic_segmentation"][1][..., 2].max() <= 28
    assert not data["semantic_segmentation"][1][..., :2].any()


def test_noise_is_the_leaderboards(world, ego, rig_of):
    rig = rig_of(GNSS, IMU)
    ego.set_simulate_physics(False)
    for _ in range(3):
        rig_frame = world.tick()
    rig.read(rig_frame)
    data = [rig.read(world.tick()) for _ in range(300)]
    gps = np.array([row["gps"][1] for row in data])
    imu = np.array([row["imu"][1] for row in data])
    assert gps.std(axis=0) == pytest.approx(5e-6, rel=0.2)
    assert imu[:, :6].std(axis=0) == pytest.approx([0.001, 0.001, 0.015, 0.001, 0.001, 0.001], rel=0.2)
    assert np.ptp(imu[:, 6]) == pytest.approx(0.0, abs=1e-6)
    yaw_rad = np.deg2rad(ego.get_transform().rotation.yaw)
    assert np.cos(imu[0, 6] - yaw_rad - np.pi / 2.0) == pytest.approx(1.0, abs=1e-4)
    assert imu[:, 2].mean() == pytest.approx(9.81, abs=0.05)


def test_equal_seeds_repeat_the_noise_and_others_do_not(world, ego, rig_of):
    ego.set_simulate_physics(False)

    def record(seed, *specs):
        rig = rig_of(*specs, seed=seed)
        rows = [rig.read(world.tick()) for _ in range(3)]
        rig.close()
        return [{name: value for name, (_, value) in row.items()} for row in rows]

    first = record(3, LIDAR, RADAR, GNSS, IMU)
    again = record(3, LIDAR, RADAR, GNSS, IMU)
    more = record(3, CAMERA, IMU, GNSS, RADAR, LIDAR)
    other = record(4, LIDAR, RADAR, GNSS, IMU)
    for name in ("lidar", "radar", "gps", "imu"):
        for one, two, three in zip(first, again, more, strict=True):
            np.testing.assert_array_equal(one[name], two[name], err_msg=name)
            # A further sensor, and another order, leave the noise of the others alone; only rounding may differ.
            np.testing.assert_allclose(one[name], three[name], rtol=1e-5, atol=1e-5, err_msg=name)
        assert not np.array_equal(first[0][name], other[0][name]), name


def test_lists_of_sensors_of_one_kind_have_noise_of_their_own(world, rig_of):
    data = rig_of({**LIDAR, "id": "a"}, {**LIDAR, "id": "b"}).read(world.tick())
    assert not np.array_equal(data["a"][1], data["b"][1])


def test_a_full_rig_needs_no_more_threads_than_the_client_has(world, rig_of):
    cameras = [{**CAMERA, "id": f"cam{index}", "yaw": 45.0 * index} for index in range(8)]
    depths = [{**camera, "id": f"depth{camera['id']}", "type": "sensor.camera.depth"} for camera in cameras]
    others = [{**LIDAR, "id": f"lidar{i}"} for i in range(2)] + [{**RADAR, "id": f"radar{i}"} for i in range(4)]
    rig = rig_of(*cameras, *depths, *others, GNSS, IMU, SPEED, rules=FAIL2DRIVE)
    for _ in range(5):
        assert len(rig.read(world.tick())) == 25


def test_cruise_holds_its_speed_with_the_rig_of_its_file(world, ego, rig_of, tmp_path):
    specs = [{**CAMERA, "fov": 90}, LIDAR, RADAR, GNSS, IMU, SPEED, MAP]
    path = tmp_path / "rig.json"
    path.write_text(json.dumps({"track": "MAP", "speed_mps": 4.0, "sensors": specs}))
    agent = create_agent("cruise", LOOPBACK, 2000)
    agent.setup(str(path))
    rig = rig_of(*agent.sensors(), track=agent.track)
    for tick in range(80):
        data = rig.read(world.tick())
        ego.apply_control(agent.run_step(data, tick * STEP_S))
    assert data["speed"][1]["speed"] == pytest.approx(4.0, abs=0.6)
    agent.destroy()


def test_missing_data_names_the_sensors(world, ego):
    rig = SensorRig(world, ego, [GNSS, SPEED, IMU], LEADERBOARD, opendrive="", seed=0)
    rig.start()
    frame = world.tick()
    started_s = time.monotonic()
    with pytest.raises(
        SensorDataMissingError, match=rf"time-out: no data of frame {frame + 1} came .* gps, imu within"
    ):
        rig.read(frame + 1, timeout_s=0.3)
    assert time.monotonic() - started_s < 5.0
    # Nothing is lost for later frames.
    assert list(rig.read(world.tick())) == ["gps", "speed", "imu"]
    rig.close()
    world.tick()


def test_closing_twice_leaves_nothing(world, ego):
    before = len(world.get_actors())
    for _ in range(3):
        rig = SensorRig(world, ego, [CAMERA, LIDAR, RADAR, GNSS, IMU, SPEED], LEADERBOARD, opendrive="", seed=0)
        rig.start()
        rig.read(world.tick())
        rig.close()
        rig.close()
    world.tick()
    assert len(world.get_actors()) == before


def test_a_rig_can_be_closed_after_its_ego_was_destroyed(world):
    vehicle = spawn_ego(world)
    rig = SensorRig(world, vehicle, [CAMERA, GNSS], LEADERBOARD, opendrive="", seed=0)
    rig.start()
    rig.read(world.tick())
    vehicle.destroy()
    world.tick()
    rig.close()
    world.tick()
    assert list(world.get_actors().filter("sensor.*")) == []


def test_a_refused_sensor_leaves_nothing(world, ego):
    huge = {**CAMERA, "id": "huge", "width": 10**6}
    rig = SensorRig(world, ego, [GNSS, IMU, huge], LEADERBOARD, opendrive="", seed=0)
    with pytest.raises(RuntimeError, match="image_size_x"):
        rig.start()
    world.tick()
    assert list(world.get_actors().filter("sensor.*")) == []
