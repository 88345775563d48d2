"""The whole way from sensor packets to model inputs against golden ticks, and bad packets."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

from lead.config.legacy import CORRECTED
from lead.control.position_filter import AppliedControl
from lead.geometry.geodesy import world_to_geo
from lead.sensing.errors import SensorError
from lead.sensing.preprocessor import Preprocessor, PreprocessorSettings, RawSensors, raw_sensors
from lead.sensing.rigs import CARLA_3_CAMERAS, CARLA_6_CAMERAS

FOLDER = Path(__file__).resolve().parents[2] / "../shared/golden/functions"
BRAKE = AppliedControl(0.0, 0.0, 1.0)
BLACK = tuple(np.zeros((384, 384, 4), dtype=np.uint8) for _ in range(3))


def cases(topic):
    path = FOLDER / f"{topic}.json"
    return json.loads(path.read_text())["cases"] if path.exists() else []


@pytest.mark.skipif(not FOLDER.exists(), reason="golden cases (../shared) are not on this machine")
@pytest.mark.parametrize("case", cases("sensor_ticks"), ids=lambda case: case["name"])
def test_seven_ticks_match_the_published_agent(case):
    inputs, outputs = case["inputs"], case["outputs"]
    xyz = np.array(inputs["route_xyz"])
    lat, lon, _ = world_to_geo(*xyz.T, *inputs["reference_lat_lon"])
    preprocessor = Preprocessor(CARLA_3_CAMERAS, np.stack([lat, lon], axis=1), xyz[:, :2], inputs["route_commands"])
    reference = preprocessor.reference
    np.testing.assert_allclose(
        [reference.lat_deg, reference.lon_deg], outputs["estimated_reference"], rtol=0, atol=1e-5
    )
    control = BRAKE
    for tick, expected in zip(inputs["ticks"], outputs["ticks"], strict=True):
        raw = RawSensors(
            BLACK,
            [np.array(tick["lidar1"]), np.array(tick["lidar2"])],
            [np.array(points) for points in tick["radar"]],
            np.array(tick["gps_lat_lon_z"]),
            tick["imu_compass"],
            tick["speed"],
        )
        result = preprocessor.step(raw, control)
        control = AppliedControl(*tick["control_applied_after"])
        pose = result.pose
        np.testing.assert_allclose(pose.filtered_m, expected["filtered"][:2], rtol=0, atol=0.005)
        assert pose.yaw_rad == pytest.approx(expected["compass"], abs=1e-9)
        np.testing.assert_allclose(pose.past_positions_ego, expected["past_positions"], rtol=0, atol=0.005)
        np.testing.assert_allclose(pose.past_yaws_rad, expected["past_yaws"], rtol=0, atol=1e-9)
        assert len(result.newest_cloud) == pytest.approx(expected["points_this_tick"], rel=0.005)
        assert len(preprocessor._stack.newest_radar) == expected["radar_points_kept"]
        cloud = preprocessor.stacked_cloud(pose)
        ages = np.bincount(cloud[:, 3].astype(int), minlength=7)
        np.testing.assert_allclose(ages, expected["stacked_points_per_age"], rtol=0.005)
        for distance, count in expected["route_points_left"].items():
            assert len(preprocessor.route.points_m) - preprocessor.route.start(float(distance)) == count
    published = np.array(outputs["last_stack_x_y_z_age"])
    assert cloud.shape == published.shape
    assert np.abs(cloud - published).max() < 0.101  # a step of the rounding
    assert (np.abs(cloud - published).max(axis=1) > 1e-6).mean() < 0.02
    raster = np.zeros(outputs["last_raster"]["shape"])
    raster[tuple(np.array(outputs["last_raster"]["index"]).T)] = outputs["last_raster"]["value"]
    differs = np.abs(result.rasterized_lidar[0] - raster) > 1e-6
    assert differs.sum() <= 0.01 * np.count_nonzero(raster)


PLAN_XY = np.array([[0.0, 0.0], [40.0, 5.0], [80.0, 30.0]])


def drive(settings=None, rig=CARLA_3_CAMERAS):
    lat, lon, _ = world_to_geo(PLAN_XY[:, 0], PLAN_XY[:, 1], 0.0, 48.0, 8.0)
    return Preprocessor(rig, np.stack([lat, lon], axis=1), PLAN_XY, [4, 1, 4], settings)


def packets(rig=CARLA_3_CAMERAS, seed=0):
    rng = np.random.default_rng(seed)
    data = {camera.name: rng.integers(0, 255, (384, 384, 4), dtype=np.uint8) for camera in rig.cameras}
    data |= {lidar.name: rng.uniform(-30, 30, (300, 4)).astype(np.float32) for lidar in rig.lidars}
    data |= {
        radar.name: np.column_stack([rng.uniform(2, 50, 20), np.zeros(20), rng.uniform(-0.7, 0.7, 20), np.ones(20)])
        for radar in rig.radars
    }
    lat, lon, _ = world_to_geo(2.0, 0.5, 0.0, 48.0, 8.0)
    data |= {
        "gps": np.array([lat, lon, 0.0]),
        "imu": np.array([0, 0, 9.8, 0, 0, 0, math.pi / 2]),
        "speed": {"speed": 5.0},
    }
    return {key: (7, value) for key, value in data.items()}


def test_batch_has_the_published_keys_and_shapes():
    result = drive().step(raw_sensors(packets(), CARLA_3_CAMERAS), BRAKE)
    batch = result.batch()
    assert {key: (array.shape, array.dtype.name) for key, array in batch.items()} == {
        "rgb": ((1, 3, 384, 1152), "uint8"),
        "rasterized_lidar": ((1, 1, 320, 384), "float32"),
        "radar": ((1, 300, 5), "float32"),
        "speed": ((1,), "float32"),
        "command": ((1, 6), "float32"),
        "next_command": ((1, 6), "float32"),
        "target_point_previous": ((1, 2), "float32"),
        "target_point": ((1, 2), "float32"),
        "target_point_next": ((1, 2), "float32"),
    }
    assert batch["speed"][0] == 5.0
    np.testing.assert_allclose(batch["target_point"][0], [38.0, 4.5], atol=0.01)
    assert batch["command"][0].tolist() == [0, 0, 0, 1, 0, 0]
    assert batch["next_command"][0].tolist() == [1, 0, 0, 0, 0, 0]


def test_unused_sensors_are_not_needed():
    used = (True, True, True, False, True, False)
    settings = PreprocessorSettings(used_cameras=used, uses_radar=False, jpeg_quality=None, legacy=CORRECTED)
    given = packets(CARLA_6_CAMERAS)
    del given["rgb_4"], given["rgb_6"]
    result = drive(settings, CARLA_6_CAMERAS).step(raw_sensors(given, CARLA_6_CAMERAS, used), BRAKE)
    assert result.rgb.shape == (3, 384, 1536)
    np.testing.assert_array_equal(result.rgb[:, :, 1152:], given["rgb_5"][1][..., 2::-1].transpose(2, 0, 1))
    assert "radar" not in result.batch()


def test_switches_choose_the_position():
    """Filtered and measured positions differ from the second tick on; the switch says which one targets start from."""
    results = {}
    for switch in (False, True):
        preprocessor = drive(PreprocessorSettings(filters_target_position=switch))
        preprocessor.step(raw_sensors(packets(), CARLA_3_CAMERAS), BRAKE)
        results[switch] = preprocessor.step(raw_sensors(packets(), CARLA_3_CAMERAS), BRAKE)
    pose = results[True].pose
    difference = results[False].targets.current_ego - results[True].targets.current_ego
    np.testing.assert_allclose(difference, pose.filtered_m - pose.measured_m, atol=1e-9)
    assert np.linalg.norm(difference) > 1e-3


def test_compass_without_a_value_counts_as_zero_and_turns_are_counted():
    preprocessor = drive()
    yaws = []
    for compass in (math.nan, 0.0, 1.5, 3.0, 4.5, 6.0, 0.2, 1.5):
        raw = dataclasses.replace(raw_sensors(packets(), CARLA_3_CAMERAS), compass_rad=compass)
        yaws.append(preprocessor.step(raw, BRAKE).pose.yaw_rad)
    assert yaws[0] == pytest.approx(-math.pi / 2)
    assert np.diff(yaws).min() >= 0.0
    assert yaws[-1] == pytest.approx(1.5 + 1.5 * math.pi)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"gnss": np.array([math.nan, 8.0, 0.0])}, "GNSS delivered"),
        ({"gnss": np.array([48.0])}, "GNSS delivered"),
        ({"speed_mps": math.nan}, "speedometer delivered nan"),
        ({"compass_rad": math.inf}, "compass delivered inf"),
        ({"lidars": [np.zeros((0, 4)), np.zeros((0, 4))]}, "no LiDAR delivered a single point"),
        ({"lidars": [np.ones((5, 4))]}, "2 LiDARs are mounted, but 1"),
        ({"lidars": [np.ones((5, 4)), np.full((5, 4), np.nan)]}, "lidar2 delivered points that are not finite"),
        ({"radars": [np.ones((5, 4))] * 3 + [np.ones(4)]}, "radar4 must deliver"),
        ({"radars": []}, "4 radars are mounted, but 0"),
        ({"images": BLACK[:2]}, "3 cameras are mounted, but 2"),
    ],
)
def test_bad_packets_are_named(change, text):
    raw = dataclasses.replace(raw_sensors(packets(), CARLA_3_CAMERAS), **change)
    with pytest.raises(SensorError, match=text):
        drive().step(raw, BRAKE)


def test_one_empty_lidar_and_silent_radars_are_fine():
    raw = dataclasses.replace(
        raw_sensors(packets(), CARLA_3_CAMERAS),
        lidars=[np.zeros((0, 4)), np.ones((5, 4)) * 6.0],
        radars=[np.zeros((0, 4))] * 4,
    )
    result = drive().step(raw, BRAKE)
    assert result.rasterized_lidar.sum() == pytest.approx(1.0)
    assert not result.batch()["radar"][..., :4].any()


def test_missing_sensor_is_named():
    given = packets()
    del given["lidar2"]
    with pytest.raises(SensorError, match=r"the sensor lidar2 of the rig carla_3_cameras delivered nothing"):
        raw_sensors(given, CARLA_3_CAMERAS)
