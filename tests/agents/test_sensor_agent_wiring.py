"""The sensor agent around fixed predictions: order of a tick, controllers, heuristics, sensors, bad packets."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from agent_support import drive, going, packets, set_up

from lead.agents.sensor_agent import nearest_stop_sign
from lead.config.closed_loop import ClosedLoopConfig
from lead.config.published import PublishedConfig
from lead.control.path_controller import PredictionError
from lead.control.position_filter import AppliedControl
from lead.evaluation.agent import Track
from lead.evaluation.sensors.validation import validate_sensors
from lead.models.transfuser.architecture import VARIANTS
from lead.models.transfuser.outputs import Head
from lead.scoring.profiles import profile
from lead.sensing.errors import SensorError
from lead.sensing.preprocessor import Preprocessor, raw_sensors

BRAKE = (0.0, 0.0, 1.0)
NO_RADAR = PublishedConfig(use_planning_decoder=True, use_radars=False, radar_detection=False)


def box(kind, x, y):
    return [x, y, 0.5, 0.5, 0.0, 0.0, 0.0, kind, 0.9]


def test_first_tick_brakes_and_asks_nobody(monkeypatch):
    agent, inference = set_up(monkeypatch, going())
    assert drive(agent, 1) == [BRAKE]
    assert not inference.batches
    assert agent.get_agent_view().waypoints_ego is None
    assert drive(agent, 2)[1] == (0.0, 1.0, 0.0)
    assert len(inference.batches) == 2


def test_networks_get_what_the_preprocessor_makes_of_packets_and_applied_controls(monkeypatch):
    agent, inference = set_up(monkeypatch, going())
    plan, world = agent._global_plan, agent._global_plan_world_coord
    alone = Preprocessor(
        agent._rig,
        [[place["lat"], place["lon"]] for place, _ in plan],
        [[pose.location.x, pose.location.y] for pose, _ in world],
        [option.value for _, option in plan],
        agent._preprocessor.settings,
    )
    control = AppliedControl(0.0, 0.0, 1.0)
    for tick in range(6):
        data = packets(agent, tick, 6.0)
        expected = alone.step(raw_sensors(data, agent._rig), control).batch()
        given = agent.run_step(data, 0.05 * tick)
        control = AppliedControl(given.steer, given.throttle, given.brake)
        if tick:
            batch = inference.batches[-1]
            assert batch.keys() == expected.keys()
            for key, array in expected.items():
                np.testing.assert_array_equal(batch[key], array, err_msg=key)
    assert {key: array.shape for key, array in batch.items()} == {
        "rgb": (1, 3, 384, 1152),
        "rasterized_lidar": (1, 1, 320, 384),
        "radar": (1, 300, 5),
        "speed": (1,),
        "command": (1, 6),
        "next_command": (1, 6),
        "target_point_previous": (1, 2),
        "target_point": (1, 2),
        "target_point_next": (1, 2),
    }
    assert agent.meters_travelled == pytest.approx(6 * 6.0 * 0.05)


def test_each_channel_follows_its_modality(monkeypatch):
    left = np.stack([np.arange(2.5, 12.5), -0.3 * np.arange(2.5, 12.5)], axis=1)
    prediction = going(8.0, path_ego=left)
    by_path, _ = set_up(monkeypatch, prediction)
    by_waypoints, _ = set_up(monkeypatch, prediction, steer_modality="waypoint")
    assert drive(by_path, 2, 5.0)[1][0] < -0.3
    assert drive(by_waypoints, 2, 5.0)[1][0] == 0.0
    stops = going(8.0, target_speed_mps=0.0)
    assert drive(set_up(monkeypatch, stops)[0], 2, 5.0)[1] == BRAKE
    keys = {"throttle_modality": "waypoint", "brake_modality": "waypoint"}
    _, throttle, brake = drive(set_up(monkeypatch, stops, **keys)[0], 2, 5.0)[1]
    assert throttle > 0.0 and brake == 0.0


def test_missing_prediction_is_named(monkeypatch):
    agent, _ = set_up(monkeypatch, going(8.0, target_speed_mps=None))
    drive(agent, 1)
    with pytest.raises(PredictionError, match="throttle_modality=target_speed needs a prediction"):
        drive(agent, 1)


def test_creeping_moves_a_stuck_car_unless_radar_sees_something(monkeypatch):
    stands = going(0.0)
    keys = {"sensor_agent_creeping": True, "sensor_agent_stuck_threshold": 3, "sensor_agent_stuck_move_duration": 2}
    assert drive(set_up(monkeypatch, stands)[0], 8)[-1] == BRAKE
    agent, _ = set_up(monkeypatch, stands, **keys)
    brakes = [brake for _, _, brake in drive(agent, 6)]
    assert brakes == [1.0, 1.0, 1.0, 1.0, 0.0, 0.0]  # the first tick is not counted
    assert "stuck detector" in agent.get_agent_view().panel
    agent, _ = set_up(monkeypatch, stands, **keys)
    # 1 m ahead of the front radar, and 0.9 m above the ground of the clouds.
    hit = np.tile([[1.2, math.atan2(0.6, 1.0), math.radians(45.0), 0.0]], (5, 1))
    controls = [agent.run_step(packets(agent, tick, radar1=hit, radar2=hit), 0.0) for tick in range(6)]
    assert controls[-1].brake == 1.0


def test_stop_signs_are_stopped_at_if_wanted(monkeypatch):
    boxes = np.array([box(3, 0.4, 0.3)], dtype=np.float32)
    agent, inference = set_up(monkeypatch, going(8.0, boxes_ego=boxes), slower_for_stop_sign=True)
    assert Head.BOXES in inference.heads
    assert drive(agent, 2, 4.0)[1] == BRAKE
    assert agent.get_agent_view().panel["stop sign"] == "0.5 m"
    agent, inference = set_up(monkeypatch, going(8.0, boxes_ego=boxes))
    assert inference.heads == {Head.PLAN}
    assert drive(agent, 2, 4.0)[1] == (0.0, 1.0, 0.0)


def test_only_the_nearest_stop_sign_counts():
    boxes = np.array([box(0, 1, 0), box(3, 9, 0), box(3, 5, 1)], dtype=np.float32)
    assert nearest_stop_sign(boxes) == [5.0, 1.0]
    assert nearest_stop_sign(boxes[:1]) is None
    assert nearest_stop_sign(None) is None


@pytest.mark.parametrize(
    ("variant", "published", "keys", "ids"),
    [
        ("resnet34", None, {}, "rgb_1 rgb_2 rgb_3 lidar1 lidar2 radar1 radar2 radar3 radar4"),
        ("4cameras_resnet34", None, {}, "rgb_1 rgb_2 rgb_3 rgb_5 lidar1 lidar2 radar1 radar2 radar3 radar4"),
        ("noradar_resnet34", NO_RADAR, {}, "rgb_1 rgb_2 rgb_3 lidar1 lidar2"),
        ("visiononly_resnet34", NO_RADAR, {}, "rgb_1 rgb_2 rgb_3"),
        ("visiononly_resnet34", NO_RADAR, {"sensor_agent_creeping": True}, "rgb_1 rgb_2 rgb_3 lidar1 lidar2"),
    ],
)
def test_sensors_are_those_that_the_networks_use(monkeypatch, variant, published, keys, ids):
    agent, _ = set_up(monkeypatch, going(), variant, published, **keys)
    specs = agent.sensors()
    assert [spec["id"] for spec in specs] == [*ids.split(), "imu", "gps", "speed"]
    validate_sensors(specs, Track.SENSORS, profile("leaderboard"))
    assert drive(agent, 2)[1] == (0.0, 1.0, 0.0)


def test_published_mounts(monkeypatch):
    agent, _ = set_up(monkeypatch, going())
    by_id = {spec["id"]: spec for spec in agent.sensors()}
    assert by_id["rgb_1"] == {
        "type": "sensor.camera.rgb",
        "id": "rgb_1",
        **{"x": 0.1, "y": -0.35, "z": 2.25, "roll": 0.0, "pitch": 0.0, "yaw": -54.5},
        **{"width": 384, "height": 384, "fov": 60.0},
    }
    assert (by_id["lidar2"]["z"], by_id["lidar2"]["yaw"]) == (2.5, -270.0)
    assert (by_id["radar4"]["x"], by_id["radar4"]["yaw"], by_id["radar4"]["horizontal_fov"]) == (-2.6, 225.0, 90.0)


def test_broken_packets_are_refused_in_one_sentence(monkeypatch):
    agent, _ = set_up(monkeypatch, going())
    with pytest.raises(SensorError, match="GNSS delivered"):
        agent.run_step(packets(agent, 0, gps=np.array([np.nan, 8.0, 0.0])), 0.0)
    data = packets(agent, 1)
    del data["radar2"]
    with pytest.raises(SensorError, match="radar2"):
        agent.run_step(data, 0.05)
    with pytest.raises(SensorError, match="not finite"):
        agent.run_step(packets(agent, 2, lidar1=np.full((9, 4), np.inf)), 0.1)


def test_input_log_holds_what_the_networks_got(monkeypatch, tmp_path):
    monkeypatch.setenv("SAVE_PATH", str(tmp_path))
    agent, inference = set_up(monkeypatch, going(), produce_input_log=True)
    drive(agent, 4)
    agent.destroy()
    files = sorted((tmp_path / "input_log").iterdir())
    assert [file.name for file in files] == [f"{tick:05d}.pth" for tick in range(4)]
    logged = torch.load(files[2], weights_only=True)
    assert all(tensor.dtype is torch.float32 for tensor in logged.values())
    for key, array in inference.batches[1].items():
        np.testing.assert_array_equal(logged[key].numpy(), array)


def test_view_has_pictures_only_when_they_are_drawn(monkeypatch):
    shown = {
        "bev_semantic_logits": np.eye(13, 320 * 384, dtype=np.float32).reshape(13, 320, 384),
        "semantic_logits": np.zeros((10, 384, 1152), dtype=np.float32),
        "radar_detections": np.array([[5.0, 1.0, 2.0, 3.0], [6.0, 1.0, 2.0, -3.0]], dtype=np.float32),
    }
    prediction = going(**shown)
    agent, inference = set_up(monkeypatch, prediction, produce_debug_video=True, produce_frame_frequency=2)
    assert inference.heads >= {Head.PLAN, Head.BOXES, Head.BEV_SEMANTIC, Head.SEMANTIC}
    drive(agent, 2)
    assert agent.get_agent_view().bev_semantic is None
    drive(agent, 1)
    view = agent.get_agent_view()
    assert view.bev_semantic.shape == (320, 384) and view.bev_semantic[0, 5] == 5
    assert view.semantic.shape == (384, 1152)
    assert len(view.radar_detections) == 1
    assert view.lidar_raster.max() <= 1.0 and view.lidar_raster.any()
    assert view.target_points_ego.shape == (3, 2)


def test_a_network_that_sees_nothing_has_no_sensors_to_pay_for(monkeypatch):
    blind = dataclasses.replace(VARIANTS["visiononly_resnet34"], is_blind=True)
    agent, inference = set_up(monkeypatch, going(), blind, NO_RADAR)
    assert [spec["id"] for spec in agent.sensors()] == ["imu", "gps", "speed"]
    assert drive(agent, 2)[1] == (0.0, 1.0, 0.0)
    assert inference.batches[0]["rgb"].shape == (1, 3, 384, 1152) and not inference.batches[0]["rgb"].any()


AGENT_KEYS = [
    field.name
    for field in dataclasses.fields(ClosedLoopConfig)
    if not field.name.startswith(("produce_", "video_", "debug_"))
    and field.name not in ("custom_weather", "random_weather", "lateral_default_lookahead", "lateral_speed_threshold")
]


@pytest.mark.parametrize("key", AGENT_KEYS)
def test_every_key_reaches_the_agent(key):
    from lead.agents import sensor_agent_settings as settings

    default = getattr(ClosedLoopConfig(), key)
    if isinstance(default, bool):
        other = not default
    else:
        other = "waypoint" if isinstance(default, str) else default + 1 if default + 1 > 2 else 0.5 * default

    def everything(config):
        published, architecture = PublishedConfig(), VARIANTS["visiononly_resnet34"]
        return (
            settings.mounted_rig(architecture, published, config),
            settings.preprocessor_settings(architecture, published, config),
            settings.control_config(config),
            settings.creeping_config(config),
            settings.stop_sign_config(config),
            settings.wanted_heads(config),
        )

    assert everything(ClosedLoopConfig(**{key: other})) != everything(ClosedLoopConfig())
