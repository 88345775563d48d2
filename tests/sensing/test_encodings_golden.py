"""Small codes against golden cases."""

import json
from pathlib import Path

import numpy as np
import pytest

from lead.geometry.frames import wrap_deg, wrap_rad
from lead.sensing.ego_motion import yaw_from_compass
from lead.sensing.encodings import (
    boxes_to_ego,
    boxes_to_raster,
    decode_angle,
    decode_depth8,
    decode_depth16,
    encode_angle,
    encode_depth8,
    encode_depth16,
)
from lead.sensing.rigs import CARLA_3_CAMERAS

FOLDER = Path(__file__).resolve().parents[2] / "../shared/golden/functions"
BEV = CARLA_3_CAMERAS.bev


def cases(topic):
    path = FOLDER / f"{topic}.json"
    return json.loads(path.read_text())["cases"] if path.exists() else []


@pytest.mark.skipif(not FOLDER.exists(), reason="golden cases (../shared) are not on this machine")
@pytest.mark.parametrize("case", cases("small_conversions"), ids=lambda case: case["name"])
def test_codes_match(case):
    inputs, outputs = case["inputs"], case["outputs"]
    classes, residual = encode_angle(inputs["angles"])
    depth8, depth16 = encode_depth8(inputs["depth_m"]), encode_depth16(inputs["depth_m"])
    for name, found in {
        "class_of_angle": classes,
        "residual_of_angle": residual,
        "decoded_angle": decode_angle(inputs["angle_class"], inputs["angle_residual"]),
        "boxes_raster_to_vehicle": boxes_to_ego(inputs["boxes_raster"], BEV),
        "boxes_vehicle_to_raster": boxes_to_raster(inputs["boxes_vehicle"], BEV),
        "depth_u8": depth8,
        "depth_u8_decoded": decode_depth8(depth8),
        "depth_u16": depth16,
        "depth_u16_decoded": decode_depth16(depth16),
        "wrapped_radians": wrap_rad(inputs["radians"]),
        "wrapped_degrees": wrap_deg(inputs["degrees"]),
        "yaw_from_compass": [yaw_from_compass(value) for value in inputs["compass"]],
    }.items():
        np.testing.assert_allclose(found, outputs[name], rtol=0, atol=1e-5, err_msg=name)


def test_every_angle_comes_back():
    angles = np.concatenate([np.linspace(-20.0, 20.0, 5001), [-1e-17, np.pi, -np.pi, np.radians(-15.0)]])
    classes, residual = encode_angle(angles)
    assert classes.min() == 0
    assert classes.max() == 11
    assert np.abs(residual).max() <= np.radians(15.0) + 1e-12
    np.testing.assert_allclose(wrap_rad(decode_angle(classes, residual) - angles), 0.0, atol=1e-12)


def test_boxes_come_back():
    boxes = np.random.default_rng(0).uniform(-30, 60, (7, 9))
    np.testing.assert_allclose(boxes_to_ego(boxes_to_raster(boxes, BEV), BEV), boxes, atol=1e-12)
