"""Members are combined by the published rules."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from lead.config.open_loop import OpenLoopConfig, resolve_open_loop
from lead.config.resolve import ConfigError
from lead.geometry.box_overlap import rotated_iou, suppress_overlapping
from lead.inference.ensemble import combine, merge_boxes, speed_probabilities, target_speed
from lead.models.transfuser.architecture import CARLA

GOLDEN = Path(__file__).resolve().parents[2] / "../shared/golden/functions"
needs_golden = pytest.mark.skipif(not GOLDEN.exists(), reason="golden numbers (../shared) are not on this machine")


def cases(name):
    return json.loads((GOLDEN / f"{name}.json").read_text())["cases"]


def array(values):
    return np.asarray(values, dtype=np.float32)


@needs_golden
def test_planner_classes_and_depth():
    for case in cases("ensemble_rules"):
        given, wanted = case["inputs"], case["outputs"]
        members = [
            {
                "target_speed_logits": torch.tensor(given["logits"][member])[None],
                "waypoints_ego": torch.tensor(given["waypoints"][member])[None],
                "path_ego": torch.tensor(given["path"][member])[None],
                "semantic_logits": torch.tensor(given["class_maps_c4"][member]),
                "depth_m": torch.tensor(given["depth"][member]),
            }
            for member in range(3)
        ]
        combined = {key: value.numpy() for key, value in combine(members).items()}
        for own, name in (
            (combined["waypoints_ego"], "waypoints"),
            (combined["path_ego"], "path"),
            (combined["semantic_logits"], "class_maps"),
            (combined["depth_m"], "depth"),
        ):
            np.testing.assert_allclose(own, array(wanted[name]), rtol=0, atol=1e-5)
        probabilities = speed_probabilities(combined["target_speed_logits"][0])
        np.testing.assert_allclose(probabilities, array(wanted["speed_probabilities"])[0], rtol=0, atol=1e-5)
        speed = target_speed(probabilities, CARLA.speed_bins_mps, OpenLoopConfig())
        assert speed == pytest.approx(wanted["target_speed"][0][0], abs=1e-5)


@needs_golden
def test_overlaps_and_suppression():
    for case in cases("box_ensembling"):
        given, wanted = case["inputs"], case["outputs"]
        pairs = np.asarray(given["iou_pairs"])
        np.testing.assert_allclose(rotated_iou(pairs[:, 0], pairs[:, 1]), wanted["iou"], rtol=0, atol=1e-4)
        boxes = np.concatenate(
            [np.asarray(member, dtype=np.float32).reshape(-1, 9) for member in given["boxes_per_member"]]
        )
        kept = boxes[suppress_overlapping(boxes, boxes[:, 8], given["iou_threshold"])]
        np.testing.assert_allclose(kept, array(wanted["kept"]), rtol=0, atol=1e-4)


def test_the_speed_of_known_probabilities():
    probabilities = array([0.05, 0.15, 0.6, 0.2, 0, 0, 0, 0])
    assert target_speed(probabilities, CARLA.speed_bins_mps, OpenLoopConfig()) == pytest.approx(7.4, abs=1e-6)
    slower = OpenLoopConfig(lower_target_speed=True)
    assert target_speed(probabilities, CARLA.speed_bins_mps, slower) == pytest.approx(5.92, abs=1e-6)
    braking = array([0.91, 0, 0, 0, 0, 0, 0, 0.09])
    assert target_speed(braking, CARLA.speed_bins_mps, OpenLoopConfig()) == 0.0
    assert target_speed(braking, CARLA.speed_bins_mps, OpenLoopConfig(brake_threshold=0.95)) == pytest.approx(1.8)


def test_boxes_of_members_are_moved_into_the_ego_frame_and_merged():
    window = CARLA.rig.bev
    first = array([[4 * 42, 4 * 40, 8, 4, 0.1, 3, 0, 0, 0.9], [0, 0, 4, 4, 0, 0, 0, 1, 0.2]])
    second = array([[4 * 42 + 1, 4 * 40, 8, 4, 0.1, 3, 0, 0, 0.8], [4 * 60, 4 * 50, 2, 2, 0, 0, 0, 1, 0.5]])
    merged = merge_boxes(np.stack((first, second)), window)
    np.testing.assert_allclose(
        merged, [[10, 0, 2, 1, 0.1, 3, 0, 0, 0.9], [28, 10, 0.5, 0.5, 0, 0, 0, 1, 0.5]], atol=1e-6
    )
    assert merge_boxes(np.zeros((2, 5, 9), np.float32), window).shape == (0, 9)


def test_overlap_of_boxes_without_area_is_zero():
    assert rotated_iou([0, 0, 0, 0, 0], [0, 0, 0, 0, 0]) == 0.0


def test_settings_come_from_the_published_variable():
    environ = {"LEAD_OPEN_LOOP_CONFIG": "lower_target_speed=true brake_threshold=0.5"}
    assert resolve_open_loop(environ=environ) == OpenLoopConfig(lower_target_speed=True, brake_threshold=0.5)
    with pytest.raises(ConfigError, match="did you mean 'brake_threshold'"):
        resolve_open_loop(["brake_treshold=1"])
    with pytest.raises(ConfigError, match=r"must lie in \(0, 1\]"):
        resolve_open_loop(["brake_threshold=0"])
