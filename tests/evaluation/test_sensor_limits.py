"""Limits on agents' sensors: what each track and benchmark permits, and that one message names every mistake."""

from pathlib import Path

import numpy as np
import pytest

from lead.agents.constant import read_rig
from lead.evaluation.agent import Track
from lead.evaluation.sensors.models import MODELS, PLACE_KEYS, ROTATION_KEYS
from lead.evaluation.sensors.validation import TRACK_LIMITS, SensorsInvalidError, validate_sensors
from lead.scoring.profiles import profile

ROOT = Path(__file__).resolve().parents[2]
LEADERBOARD = profile("leaderboard")
FAIL2DRIVE = profile("fail2drive")
OTHER = {"width": 64, "height": 32, "fov": 90, "horizontal_fov": 30, "vertical_fov": 5.0}


def sensor(kind, name="one", **changes):
    type_id = kind if kind.startswith("sensor.") else f"sensor.{kind}"
    poses = dict.fromkeys(PLACE_KEYS + ROTATION_KEYS, 0.0)
    needed = MODELS[type_id].required_keys if type_id in MODELS else ()
    return {"type": type_id, "id": name, **{key: ({**poses, **OTHER})[key] for key in needed}, **changes}


def many(kind, count):
    return [sensor(kind, f"{kind}_{index}") for index in range(count)]


def mistakes(specs, track="SENSORS", rules=LEADERBOARD):
    with pytest.raises(SensorsInvalidError) as caught:
        validate_sensors(specs, track, rules)
    return str(caught.value)


def test_the_rig_of_lead_fits_every_benchmark():
    rig = read_rig(ROOT / "data/rigs/three_cameras.yaml")
    for name in ("leaderboard", "bench2drive", "longest6", "town13", "fail2drive"):
        assert validate_sensors(rig.sensors, rig.track, profile(name)) == rig.sensors


@pytest.mark.parametrize("track", TRACK_LIMITS)
def test_each_track_takes_its_limit_and_no_more(track):
    full = [spec for kind, count in TRACK_LIMITS[track].items() for spec in many(kind, count)]
    assert len(validate_sensors(full, track, LEADERBOARD)) == len(full)
    for kind, count in TRACK_LIMITS[track].items():
        text = mistakes([*full, sensor(kind, "extra")], track)
        assert f"{count + 1} sensors are of type {kind}; {count} {'is' if count == 1 else 'are'} permitted" in text


def test_limits_are_those_of_the_leaderboard():
    counts = {track: sum(limits.values()) for track, limits in TRACK_LIMITS.items()}
    own = counts.pop("PRIVILEGED")
    assert counts == {"SENSORS": 17, "MAP": 18, "SENSORS_QUALIFIER": 10, "MAP_QUALIFIER": 11}
    assert own == 6 * 100 + 4


def test_the_map_needs_the_map_track():
    for track in (Track.SENSORS, "SENSORS", "SENSORS_QUALIFIER"):
        assert "sensor.opendrive_map, which track SENSORS" in mistakes([sensor("opendrive_map")], track)
    validate_sensors([sensor("opendrive_map")], Track.MAP, LEADERBOARD)


def test_dense_cameras_need_fail2drive():
    for kind in ("camera.semantic_segmentation", "camera.depth"):
        validate_sensors(many(kind, 8), "SENSORS", FAIL2DRIVE)
        assert "9 sensors are of type" in mistakes(many(kind, 9), "SENSORS", FAIL2DRIVE)
        assert "does not permit" in mistakes(many(kind, 1))


@pytest.mark.parametrize(("name", "reach"), [("leaderboard", 3.0), ("fail2drive", 70.0), ("bench2drive", 100.0)])
def test_sensors_stay_within_reach(name, reach):
    validate_sensors([sensor("camera.rgb", x=-reach)], "SENSORS", profile(name))
    text = mistakes([sensor("camera.rgb", "mast", x=reach, z=np.float64(1.0))], "SENSORS", profile(name))
    assert f"sensor 'mast' is mounted {np.hypot(reach, 1.0):.2f} m" in text and f"{reach:g} m are permitted" in text


def test_one_message_names_every_mistake():
    broken = [
        sensor("camera.rgb", "front", fov=0),
        sensor("camera.rgb", "front", width=38.5),
        {"type": "sensor.other.imu", "id": "imu", "x": 0.0, "y": "left"},
        sensor("lidar.raycast", "laser"),
        {"id": "untyped"},
        sensor("other.gnss", 7),
        "camera",
        sensor("other.radar", "far", x=9.0, horizontal_fov=float("nan")),
        sensor("speedometer", "speed", reading_frequency=0),
    ]
    text = mistakes(broken)
    for part in (
        "sensor 'front' has fov 0, which is not between 0 and 180 degrees",
        "sensor 'front' has width 38.5, which is not a positive whole number",
        "2 sensors have the id 'front'",
        "sensor 'imu' (sensor.other.imu) lacks z, roll, pitch, yaw",
        "sensor 'imu' has y 'left', which is not a finite number",
        "sensor 'laser' has the unknown type 'sensor.lidar.raycast' (the nearest permitted one is",
        "sensor 'untyped' has no type",
        "sensor number 6 has the id 7, which is not a text",
        "sensor number 7 is a value of type str instead of a dictionary",
        "sensor 'far' is mounted 9.00 m",
        "sensor 'far' has horizontal_fov nan",
        "sensor 'speed' has reading_frequency 0, which is not positive",
    ):
        assert part in text
    assert "\n" not in text


@pytest.mark.parametrize("returned", [None, "sensor.camera.rgb", 3])
def test_sensors_must_be_a_list(returned):
    assert "must return a list of dictionaries" in mistakes(returned)


def test_an_unknown_track_is_refused():
    assert "the agent's track is 'RADIO'; it must be one of SENSORS, MAP" in mistakes([], "RADIO")


def test_an_agent_without_sensors_is_fine():
    assert validate_sensors((), Track.SENSORS, LEADERBOARD) == []


def test_foreign_keys_are_tolerated():
    # Agents of the leaderboard carry keys that its fixed models overrule.
    spec = sensor("lidar.ray_cast", rotation_frequency=20, sensor_tick=0.05, comment="roof")
    assert validate_sensors([spec], "SENSORS", LEADERBOARD) == [spec]
    assert MODELS["sensor.lidar.ray_cast"].overruled(spec) == ["rotation_frequency"]
    assert MODELS["sensor.lidar.ray_cast"].attributes(spec)["rotation_frequency"] == "10"
