"""GNSS and IMU bodies: formulas, noise, start-up artefacts, clocks."""

import json
from pathlib import Path

import msgpack
import numpy as np
import pytest
from sensor_support import STEP_S, at, build

from lead.geometry.frames import rotation_matrices

GOLDEN = Path(__file__).resolve().parents[2] / "../shared/golden/functions/gps.json"


@pytest.mark.skipif(not GOLDEN.exists(), reason="the shared reference folder is not beside the project")
def test_gnss_gives_golden_values() -> None:
    checked = 0
    for case in json.loads(GOLDEN.read_text())["cases"]:
        if "xyz" not in case["inputs"]:
            continue
        sensor = build("sensor.other.gnss")
        reference = (case["inputs"]["lat_ref"], case["inputs"]["lon_ref"])
        rows = zip(case["inputs"]["xyz"], case["outputs"]["lat_lon_z"], strict=True)
        for frame, (xyz, expected) in enumerate(rows, start=1):
            body = sensor.measure(at(frame, tuple(xyz), geo_reference=reference))
            assert msgpack.unpackb(body) == pytest.approx(expected, abs=1e-9)
            checked += 1
    assert checked > 0


def test_gnss_noise_has_the_wanted_size_and_bias() -> None:
    sensor = build("sensor.other.gnss", noise_lat_stddev=5e-6, noise_lon_bias=1e-3, noise_alt_stddev=2.0)
    rows = np.array([msgpack.unpackb(sensor.measure(at(i))) for i in range(1, 3001)])
    assert rows[:, 0].std() == pytest.approx(5e-6, rel=0.05)
    np.testing.assert_allclose(rows[:, 1], 1e-3, atol=1e-12)
    assert rows[:, 2].mean() == pytest.approx(2.5, abs=0.15)
    assert rows[:, 2].std() == pytest.approx(2.0, rel=0.05)


def imu(body: object) -> tuple[np.ndarray, np.ndarray, float]:
    acceleration, gyroscope, compass = msgpack.unpackb(body)
    return np.array(acceleration), np.array(gyroscope), compass


def test_imu_at_rest_and_its_start() -> None:
    sensor = build("sensor.other.imu")
    here = (100.0, -40.0, 0.5)
    first = imu(sensor.measure(at(1, here)))[0]
    np.testing.assert_allclose(first, [0, 0, 9.81], atol=1e-6)
    second = imu(sensor.measure(at(2, here)))[0]
    np.testing.assert_allclose(second, -np.array(here) / STEP_S**2 + [0, 0, 9.81], rtol=1e-9)
    for frame in (3, 4, 5):
        np.testing.assert_allclose(imu(sensor.measure(at(frame, here)))[0], [0, 0, 9.81], atol=1e-6)


def test_accelerometer_measures_the_gravity_of_the_world() -> None:
    sensor = build("sensor.other.imu")
    for frame in range(1, 5):
        acceleration = imu(sensor.measure(at(frame, gravity_mps2=1.62)))[0]
    np.testing.assert_allclose(acceleration, [0, 0, 1.62], atol=1e-6)


def test_accelerometer_feels_acceleration_in_its_own_frame() -> None:
    sensor = build("sensor.other.imu")
    for frame in range(1, 10):
        t = frame * STEP_S
        # Speeding up along +y with 2 m/s², looking along +y, nose up by 10 degrees.
        body = sensor.measure(at(frame, (0.0, t * t, 0.0), (10.0, 90.0, 0.0)))
    pitch = np.radians(10.0)
    expected = [2 * np.cos(pitch) + 9.81 * np.sin(pitch), 0.0, 9.81 * np.cos(pitch) - 2 * np.sin(pitch)]
    np.testing.assert_allclose(imu(body)[0], expected, atol=1e-6)


def on_a_bend(time_s: float) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Pose on a banked circle of 25 m, driven ever faster, looking along the path."""
    angle = 0.2 * time_s + 0.05 * time_s**2
    place = (300.0 + 25.0 * np.sin(angle), -80.0 - 25.0 * np.cos(angle), 0.3 * time_s**2)
    return place, (3.0, float(np.degrees(angle)), -6.0)


def test_accelerometer_is_the_second_difference_of_poses_turned_into_its_frame() -> None:
    sensor = build("sensor.other.imu")
    poses = [on_a_bend(frame * STEP_S) for frame in range(60)]
    felt = [imu(sensor.measure(at(frame, *pose)))[0] for frame, pose in enumerate(poses)]
    places = np.array([place for place, _ in poses])
    for frame in range(3, 60):
        world = (places[frame] - 2.0 * places[frame - 1] + places[frame - 2]) / STEP_S**2 + [0.0, 0.0, 9.81]
        expected = rotation_matrices(*poses[frame][1]).T @ world
        np.testing.assert_allclose(felt[frame], expected, atol=1e-6)
    # What physics says of the middle of those three positions: v^2 / r to the right, angular times r along the path.
    rate = 0.2 + 0.1 * (58 * STEP_S)
    flat = rotation_matrices(0.0, poses[58][1][1], 0.0).T @ (rotation_matrices(*poses[59][1]) @ felt[59])
    np.testing.assert_allclose(flat, [25.0 * 0.1, 25.0 * rate**2, 9.81 + 0.6], atol=5e-3)


def test_accelerometer_copes_with_outputs_at_uneven_times() -> None:
    sensor = build("sensor.other.imu")
    # x = t^2, which has the same second derivative through any three moments.
    for frame in (1, 2, 3, 5, 6, 10, 13):
        body = sensor.measure(at(frame, ((frame * STEP_S) ** 2, 0.0, 0.0)))
        if frame > 2:
            np.testing.assert_allclose(imu(body)[0], [2.0, 0.0, 9.81], atol=1e-6)


def test_gyroscope_and_compass_follow_the_turning_of_poses() -> None:
    sensor = build("sensor.other.imu")
    angles = []
    for frame in range(1, 40):
        yaw = -60.0 + 24.0 * frame * STEP_S
        parent = rotation_matrices(0.0, yaw, 0.0)
        spin = {"parent_rotation": parent, "parent_angular_velocity": np.array([0.0, 0.0, np.radians(24.0)])}
        _, gyroscope, compass = imu(sensor.measure(at(frame, rotation_deg=(0.0, yaw, 0.0), **spin)))
        angles.append(compass)
    np.testing.assert_allclose(np.diff(angles) / STEP_S, gyroscope[2], atol=1e-9)


@pytest.mark.parametrize(("yaw", "compass"), [(-90.0, 0.0), (0.0, 90.0), (90.0, 180.0), (180.0, 270.0)])
def test_compass_counts_from_minus_y(yaw: float, compass: float) -> None:
    _, _, angle = imu(build("sensor.other.imu").measure(at(rotation_deg=(0.0, yaw, 0.0))))
    assert angle == pytest.approx(np.radians(compass), abs=1e-9)


def test_gyroscope_is_in_the_parents_frame_turned_by_the_mount() -> None:
    parent = rotation_matrices(0.0, 90.0, 0.0)
    spin = {"parent_rotation": parent, "parent_angular_velocity": np.array([0.1, 0.2, 0.3])}
    aligned = at(rotation_deg=(0.0, 90.0, 0.0), **spin)
    np.testing.assert_allclose(imu(build("sensor.other.imu").measure(aligned))[1], [0.2, -0.1, 0.3], atol=1e-12)
    turned = at(rotation_deg=(0.0, 180.0, 0.0), **spin)
    np.testing.assert_allclose(imu(build("sensor.other.imu").measure(turned))[1], [0.1, 0.2, 0.3], atol=1e-12)


def test_imu_noise_and_bias() -> None:
    sensor = build("sensor.other.imu", noise_accel_stddev_z=0.015, noise_gyro_bias_x=0.5, noise_gyro_stddev_y=0.001)
    rows = [imu(sensor.measure(at(frame, (0.0, 0.0, 0.0)))) for frame in range(1, 2001)]
    acceleration, gyroscope = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    assert acceleration[:, 2].std() == pytest.approx(0.015, rel=0.06)
    assert acceleration[:, 0].std() == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(gyroscope[:, 0], 0.5)
    assert gyroscope[:, 1].std() == pytest.approx(0.001, rel=0.06)


def test_noise_depends_on_seed_actor_and_noise_seed_only() -> None:
    def draw(**how: int) -> bytes:
        return build("sensor.other.gnss", noise_lat_stddev=1.0, **how).measure(at())  # type: ignore[return-value]

    assert draw() == draw()
    assert draw() != draw(actor_id=8)
    assert draw() != draw(seed=2)
    assert draw(noise_seed=3) == draw(noise_seed=3, actor_id=8)
    assert draw(noise_seed=3) != draw(noise_seed=4)


def test_sensor_tick_waits_for_enough_time() -> None:
    sensor = build("sensor.other.gnss", sensor_tick=0.15)
    frames = [frame for frame in range(1, 31) if sensor.measure(at(frame)) is not None]
    assert frames == list(range(1, 31, 3))
    odd = build("sensor.other.gnss", sensor_tick=0.12)
    assert [frame for frame in range(1, 11) if odd.measure(at(frame)) is not None] == [1, 4, 7, 10]


def test_one_measurement_per_tick() -> None:
    sensor = build("sensor.other.imu")
    assert sensor.measure(at(1)) is not None
    assert sensor.measure(at(1)) is None
