"""The sensors of a recording: published ids and poses, cameras on saved ticks only, accepted by the evaluation."""

from collections import Counter

import pytest

from lead.dataset.perturbation import Perturbation
from lead.evaluation.agent import Track
from lead.evaluation.sensors.validation import SensorsInvalidError, validate_sensors
from lead.expert.recording.sensors import RecordedSensors
from lead.scoring.profiles import profile
from lead.sensing.rigs import CARLA_3_CAMERAS, CARLA_6_CAMERAS

TWIN = Perturbation(0.6, -7.0)


def by_id(sensors):
    return {entry["id"]: entry for entry in sensors.entries()}


def test_the_published_rig_has_twenty_four_cameras_and_a_twin():
    entries = by_id(RecordedSensors(CARLA_3_CAMERAS, TWIN, 5))
    kinds = Counter(entry["type"].rsplit(".", 1)[-1] for entry in entries.values())
    assert kinds == {
        "rgb": 6,
        "semantic_segmentation": 6,
        "depth": 6,
        "instance_segmentation": 6,
        "ray_cast": 2,
        "radar": 8,
        "imu": 1,
        "gnss": 1,
        "speedometer": 1,
    }
    assert {name for name, entry in entries.items() if "every_ticks" not in entry} == {
        *("lidar1", "lidar2", "radar1", "radar2", "radar3", "radar4", "imu", "gps", "speed")
    }


def test_the_twin_of_a_camera_stands_and_looks_where_the_format_says():
    twin = by_id(RecordedSensors(CARLA_3_CAMERAS, TWIN, 5))["semantics_1_perturbated"]
    assert (twin["x"], twin["y"], twin["yaw"]) == pytest.approx((0.0566, 0.240422, -61.5), abs=1e-4)
    assert (twin["z"], twin["width"], twin["height"], twin["fov"]) == (2.25, 384, 384, 60.0)


def test_without_a_twin_and_radar_only_the_rig_is_left():
    entries = by_id(RecordedSensors(CARLA_6_CAMERAS, None, 5, uses_radar=False, third_person=True))
    assert sum(name.startswith("rgb_") for name in entries) == 6
    assert not any("perturbated" in name or "radar" in name for name in entries)
    assert entries["3rd_person"]["z"] == 75.0


def test_only_agents_that_see_everything_may_mount_it():
    entries = RecordedSensors(CARLA_6_CAMERAS, TWIN, 5, third_person=True).entries()
    rules = profile("leaderboard")
    assert len(validate_sensors(entries, Track.PRIVILEGED, rules)) == len(entries)
    with pytest.raises(SensorsInvalidError, match="does not permit"):
        validate_sensors(entries, Track.MAP, rules)


@pytest.mark.parametrize("value", [0, 2.5, "5", True])
def test_a_stride_must_be_a_positive_whole_number(value):
    entry = {"type": "sensor.camera.rgb", "id": "a", "x": 0, "y": 0, "z": 1, "roll": 0, "pitch": 0, "yaw": 0}
    entry |= {"width": 8, "height": 8, "fov": 90, "every_ticks": value}
    with pytest.raises(SensorsInvalidError, match="every_ticks"):
        validate_sensors([entry], Track.PRIVILEGED, profile("leaderboard"))
