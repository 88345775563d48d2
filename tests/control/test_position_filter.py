"""The position filter against the published one, and what it is for."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from lead.config.legacy import CORRECTED
from lead.control.position_filter import AppliedControl, PositionError, PositionFilter

FOLDER = Path(__file__).resolve().parents[2] / "../shared/golden/functions"
needs_golden = pytest.mark.skipif(not FOLDER.exists(), reason="golden cases (../shared) are not on this machine")


def cases(topic):
    path = FOLDER / f"{topic}.json"
    return json.loads(path.read_text())["cases"] if path.exists() else []


@needs_golden
@pytest.mark.parametrize("case", cases("position_filter"), ids=lambda case: case["name"])
def test_filter_and_smoother_match_the_published_ones(case):
    filter_ = PositionFilter()
    smoothed = case["outputs"]["smoothed_after_step"]
    filtered = []
    checked = 0
    for index, row in enumerate(case["inputs"]["rows_x_y_compass_speed_steer_throttle_brake"]):
        x, y, yaw, speed, *control = row
        filtered.append(filter_.step((x, y), yaw, speed, AppliedControl(*control)))
        if str(index) in smoothed:
            difference = np.abs(filter_.smoothed() - smoothed[str(index)])
            assert difference[:, :2].max() < 1e-4  # the reference's own noise; 0.005 is asked for
            assert difference[:, 2:].max() < 1e-5
            checked += 1
    assert checked == len(smoothed) == 5
    difference = np.abs(np.array(filtered) - case["outputs"]["filtered_x_y_yaw_speed"])
    assert difference[:, :2].max() < 1e-4
    assert difference[:, 2:].max() < 1e-9


def circle(ticks, noise_m=0.5, origin=(0.0, 0.0), seed=0):
    """A car on a circle at 6 m/s with steady controls: true positions, headings and noisy fixes."""
    rng = np.random.default_rng(seed)
    yaw = 0.02 * np.arange(ticks)
    steps = 0.3 * np.stack([np.cos(yaw), np.sin(yaw)], axis=1)
    true = np.cumsum(steps, axis=0) + origin
    return true, yaw, true + rng.normal(0.0, noise_m, (ticks, 2))


def test_noise_is_reduced_and_smoothing_reduces_it_further():
    true, yaw, noisy = circle(400)
    filter_ = PositionFilter(CORRECTED)
    filtered, smoothed = [], []
    for fix, heading in zip(noisy, yaw, strict=True):
        filtered.append(filter_.step(fix, heading, 6.0, AppliedControl(0.0, 0.0, 0.0))[:2])
        smoothed.append(filter_.smoothed()[0, :2])
    raw = np.linalg.norm(noisy - true, axis=1)[100:].mean()
    after = np.linalg.norm(np.array(filtered) - true, axis=1)[100:].mean()
    late = np.linalg.norm(np.array(smoothed)[160:] - true[100:-60], axis=1).mean()
    assert after < 0.4 * raw
    assert late < after


def test_short_smoothing_is_the_end_of_the_long_one():
    _, yaw, noisy = circle(80)
    filter_ = PositionFilter()
    for index, (fix, heading) in enumerate(zip(noisy, yaw, strict=True)):
        state = filter_.step(fix, heading, 6.0, AppliedControl(0.05, 0.2, 0.0))
        whole = filter_.smoothed()
        assert len(whole) == min(index + 1, 61)
        np.testing.assert_array_equal(filter_.smoothed(10), whole[-10:])
        np.testing.assert_array_equal(whole[-1], state)


def test_far_from_the_origin_nothing_changes():
    """Large weights on large coordinates cost the published code its precision; here they do not."""
    near, far = PositionFilter(), PositionFilter()
    offset = np.array([2.0**13, -(2.0**14)])
    for (_, yaw, noisy), filters in ((circle(150), (near, far)),):
        for fix, heading in zip(np.round(noisy * 2**20) / 2**20, yaw, strict=True):
            a = filters[0].step(fix, heading, 6.0, AppliedControl(0.1, 0.5, 0.0))
            b = filters[1].step(fix + offset, heading, 6.0, AppliedControl(0.1, 0.5, 0.0))
            np.testing.assert_allclose(b[:2] - offset, a[:2], atol=1e-9)


def test_heading_may_be_unwrapped():
    wrapped, unwrapped = PositionFilter(), PositionFilter()
    for tick in range(200):
        yaw = 0.1 * tick
        a = wrapped.step((0.0, 0.0), math.remainder(yaw, 2 * math.pi), 1.0, AppliedControl())
        b = unwrapped.step((0.0, 0.0), yaw, 1.0, AppliedControl())
        # The last digit of a move of 5 cm times a sigma weight of 1e9 is 1e-8 m a tick.
        np.testing.assert_allclose(a[[0, 1, 3]], b[[0, 1, 3]], rtol=0, atol=1e-6)
        assert math.remainder(a[2] - b[2], 2 * math.pi) == pytest.approx(0.0, abs=1e-9)


def test_braking_to_a_stop_never_reverses():
    filter_ = PositionFilter()
    for _ in range(100):
        state = filter_.step((1.0, 2.0), 0.3, 0.0, AppliedControl(0.0, 0.0, 1.0))
    assert state[3] == 0.0
    np.testing.assert_allclose(state[:2], [1.0, 2.0], atol=1e-9)


@pytest.mark.parametrize(
    ("position", "yaw", "speed", "text"),
    [
        ((math.nan, 0.0), 0.0, 0.0, "GNSS, IMU and speedometer"),
        ((0.0, 0.0), math.inf, 0.0, "finite"),
        ((0.0, 0.0), 0.0, math.nan, "finite"),
        ((0.0, 0.0, 0.0), 0.0, 0.0, "shape"),
    ],
)
def test_broken_measurements_are_refused(position, yaw, speed, text):
    with pytest.raises(PositionError, match=text):
        PositionFilter().step(position, yaw, speed, AppliedControl())
    with pytest.raises(PositionError, match="not seen"):
        PositionFilter().smoothed()
