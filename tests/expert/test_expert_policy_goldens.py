"""The expert's models against cases computed with the published expert, and against the numbers of its description."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from lead.expert.forward_models import (
    ego_speed,
    ego_step,
    full_throttle_mps,
    minimum_time_s,
    other_paths,
    published_full_throttle_mps,
)
from lead.expert.idm import Gap, idm_speed

FOLDER = Path(__file__).resolve().parents[2] / "../shared/golden/functions"
needs_golden = pytest.mark.skipif(not FOLDER.exists(), reason="golden cases (../shared) are not on this machine")


def cases(topic):
    path = FOLDER / f"{topic}.json"
    return json.loads(path.read_text())["cases"] if path.exists() else []


@needs_golden
@pytest.mark.parametrize("case", cases("idm"), ids=lambda case: case["name"])
def test_idm(case):
    speeds = [
        idm_speed(
            row["desired_speed"],
            row["ego_speed"],
            row["leading_actor_speed"],
            row["distance_to_leading_actor"],
            Gap(row["leading_actor_length"], row["s0"], row["T"]),
        )
        for row in case["inputs"]["idm"]
    ]
    # To the tolerance of the golden cases themselves.
    np.testing.assert_allclose(speeds, case["outputs"]["target_speed"], atol=1e-4)


@needs_golden
@pytest.mark.parametrize("case", cases("idm"), ids=lambda case: case["name"])
def test_minimum_time(case):
    times = [
        minimum_time_s(distance, target, speed, published_full_throttle_mps)
        for distance, target, speed in case["inputs"]["min_time_distance_target_ego"]
    ]
    np.testing.assert_allclose(times, case["outputs"]["min_time"], atol=1e-6)


@needs_golden
@pytest.mark.parametrize("case", cases("bicycle_forecast"), ids=lambda case: case["name"])
def test_roll_outs(case):
    ego, others, outputs = case["inputs"]["ego"], case["inputs"]["others"], case["outputs"]
    x, y, heading, speed = *ego["location"][:2], ego["heading"], ego["speed"]
    for (steer, throttle, brake), row in zip(ego["actions"], outputs["ego_x_y_z_heading_speed"], strict=True):
        x, y, heading = ego_step(x, y, heading, speed, steer)
        speed = ego_speed(speed, throttle, bool(brake))
        np.testing.assert_allclose((x, y, heading, speed), np.array(row)[[0, 1, 3, 4]], atol=1e-7)
    steer, throttle, brake = np.array(others["actions"], np.float64).T
    xy, heading, speed = other_paths(
        np.array(others["locations"])[:, :2],
        np.array(others["headings"]),
        np.array(others["speeds"], np.float64),
        np.stack([throttle, steer, brake], axis=1),
        others["steps"],
    )
    expected = np.array(outputs["others_x_y_z_heading_speed"])
    np.testing.assert_allclose(
        np.concatenate([xy, heading[..., None], speed[..., None]], axis=2), expected[..., [0, 1, 3, 4]], atol=1e-7
    )


@pytest.mark.parametrize(
    ("free", "length", "speed", "lead", "distance", "least", "headway", "expected"),
    [
        (10, 4.9, 8, 6, 20, 4, 0.25, 8.394042),
        (10, 4.9, 8, 0, 12, 4, 0.25, 6.904609),
        (10, 0, 5, 0, 15, 3, 0.5, 5.846961),
        (10, 0, 5, 0, 4, 3, 0.5, 3.557504),
        (8.33, 0, 2, 0, 2.5, 2, 0.5, 1.459218),
        (6.75, 2.95, 6.75, 0, 30, 4.5, 0.125, 6.678844),
        (11.11, 2.45, 3, 0, 6, 2, 0.1, 3.468955),
        (15, 4.9, 15, 15, 40, 4, 0.25, 14.95028),
        (10, 0, 0, 0, 50, 3, 0.5, 1.194656),
    ],
)
def test_idm_numbers(free, length, speed, lead, distance, least, headway, expected):
    assert idm_speed(free, speed, lead, distance, Gap(length, least, headway)) == pytest.approx(expected, abs=1e-5)


def test_idm_stops_when_it_must_and_never_reverses():
    assert idm_speed(10.0, 8.0, 0.0, 0.5, Gap(4.9, 4.0, 0.25)) == 0.0
    assert idm_speed(10.0, 0.0, 0.0, 0.1, Gap(0.0, 3.0, 0.5)) == 0.0


def test_ego_model_numbers():
    x, y, heading = ego_step(0.0, 0.0, 0.0, 10.0, 0.1)
    assert (x, y, heading) == pytest.approx((0.499613, 0.019678, 0.013879), abs=1e-6)
    assert ego_speed(10.0, 0.5, False) == pytest.approx(10.016564, abs=1e-6)
    x, y, heading = ego_step(1.0, 2.0, 1.0, 3.0, -0.4)
    assert (x, y, heading) == pytest.approx((1.099819, 2.111965, 0.983425), abs=1e-6)
    assert ego_speed(3.0, 1.0, False) == pytest.approx(3.336956, abs=1e-6)
    assert ego_speed(8.0, 0.0, True) == pytest.approx(7.503089, abs=1e-6)
    assert ego_speed(8.0, 0.2, False) == pytest.approx(8.0)


def test_model_of_others():
    control = np.array([[0.6, 0.2, 0.0], [0.0, 0.0, 0.8], [0.0, 0.0, 1.0]])
    xy, heading, speed = other_paths(np.zeros((3, 2)), np.zeros(3), np.full(3, 10.0), control, 2)
    np.testing.assert_allclose(xy[0, 0], (0.498452, 0.039318), atol=1e-6)
    assert heading[0, 0] == pytest.approx(0.027731, abs=1e-6)
    np.testing.assert_allclose(speed[0], (10.016902, 10.0, 9.75238), atol=1e-5)
    assert speed[1, 2] == pytest.approx(10.0 - 2 * 4.952399 * 0.05)


def test_others_stop_and_stay():
    xy, _, speed = other_paths(np.zeros((1, 2)), np.zeros(1), np.array([0.3]), np.array([[0.0, 0.0, 1.0]]), 5)
    assert speed[-1, 0] == 0.0
    np.testing.assert_allclose(xy[-1], xy[-2])


@pytest.mark.parametrize(
    ("distance", "target", "speed", "expected"),
    [(40.0, 11.11, 0.0, 3.87716), (40.0, 11.11, 8.0, 3.62715), (80.0, 8.75, 5.0, 9.19027)],
)
def test_minimum_time_numbers(distance, target, speed, expected):
    assert minimum_time_s(distance, target, speed, published_full_throttle_mps) == pytest.approx(expected, abs=1e-5)


def test_minimum_time_of_the_real_car_is_longer():
    assert minimum_time_s(40.0, 11.11, 0.0, full_throttle_mps) > 4.3
    assert minimum_time_s(10.0, 0.0, 0.0) == math.inf
