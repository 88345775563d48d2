"""Creeping and stop-sign heuristics as state machines."""

import math

import numpy as np
import pytest

from lead.config.legacy import CORRECTED, PUBLISHED
from lead.control.creeping import Creeping, CreepingConfig
from lead.control.position_filter import AppliedControl
from lead.control.stop_sign_hold import StopSignConfig, StopSignError, StopSignHold

BRAKE = AppliedControl(0.1, 0.0, 1.0)
DRIVE = AppliedControl(0.1, 0.7, 0.0)
CLEAR = np.array([[10.0, 0.0, 1.0], [3.0, 2.0, 1.0], [3.0, 0.0, 0.2]])
BLOCKED = np.array([[3.0, 0.5, 1.0]])


def test_a_stuck_car_rolls_for_the_published_time():
    creeping = Creeping()
    for _ in range(1100):
        assert creeping.step(BRAKE, 0.0, CLEAR) is BRAKE
    assert creeping.step(BRAKE, 0.0, CLEAR) == AppliedControl(0.1, 0.4, 0.0)
    moved = [creeping.step(DRIVE, 3.0, CLEAR) for _ in range(25)]
    assert moved[:19] == [DRIVE] * 19  # its own throttle is larger than the least one
    assert not creeping.is_forcing
    assert creeping.step(BRAKE, 3.0, CLEAR) is BRAKE


def test_something_ahead_stops_the_rolling_car():
    creeping = Creeping(CreepingConfig(stuck_ticks=2, move_ticks=3))
    for _ in range(2):
        creeping.step(BRAKE, 0.0, CLEAR)
    assert creeping.step(DRIVE, 0.0, BLOCKED) == AppliedControl(0.1, 0.0, 1.0)
    assert creeping.step(BRAKE, 1.0, BLOCKED) == AppliedControl(0.1, 0.0, 1.0)
    rolled = [creeping.step(BRAKE, 1.0, np.zeros((0, 4))) for _ in range(4)]
    assert [control.throttle for control in rolled] == [0.4, 0.4, 0.4, 0.0]


def test_moving_resets_the_count():
    creeping = Creeping(CreepingConfig(stuck_ticks=3))
    for speed in (0.0, 0.0, 0.5, 0.0, 0.0, 0.0):
        assert creeping.step(BRAKE, speed, CLEAR) is BRAKE


def still(hold, control, speed, detected=None):
    return hold.step(control, speed, detected_ego=detected, past_position_ego=(0.0, 0.0), past_yaw_rad=0.0)


def test_stops_once_then_starts_gently():
    hold = StopSignHold(StopSignConfig(cool_down_ticks=10, slow_ticks=3))
    assert still(hold, DRIVE, 5.0, (8.0, 0.0)) is DRIVE
    assert still(hold, DRIVE, 5.0, (0.8, 0.0)) == AppliedControl(0.1, 0.0, 1.0)
    assert still(hold, DRIVE, 2.0) == AppliedControl(0.1, 0.0, 1.0)  # remembered without a detection
    assert still(hold, DRIVE, 0.0).throttle == 0.1  # stopped: the sign is done with
    assert hold.sign_ego is None
    assert still(hold, DRIVE, 0.5, (0.5, 0.0)).throttle == 0.1
    assert still(hold, DRIVE, 0.5, (0.2, 0.0)).throttle == 0.1
    assert [still(hold, DRIVE, 3.0, (0.2, 0.0)) for _ in range(7)] == [DRIVE] * 7  # gentle ticks are used up
    assert still(hold, DRIVE, 3.0, (0.2, 0.0)).brake == 1.0  # cooled down: a sign is a sign again


def test_the_sign_moves_with_the_ego():
    hold = StopSignHold(legacy=CORRECTED)
    still(hold, DRIVE, 5.0, (3.0, 0.0))
    for _ in range(3):
        control = hold.step(DRIVE, 5.0, detected_ego=None, past_position_ego=(-0.7, 0.0), past_yaw_rad=0.0)
    np.testing.assert_allclose(hold.sign_ego, [0.9, 0.0], atol=1e-12)
    assert control.brake == 1.0


@pytest.mark.parametrize(("legacy", "expected"), [(PUBLISHED, (0.0, 1.0)), (CORRECTED, (-1.0, 2.0))])
def test_turning_moves_the_sign_as_clouds_are_moved(legacy, expected):
    hold = StopSignHold(legacy=legacy)
    still(hold, DRIVE, 5.0, (2.0, 0.0))
    hold.step(DRIVE, 5.0, detected_ego=None, past_position_ego=(-1.0, 0.0), past_yaw_rad=math.pi / 2)
    np.testing.assert_allclose(hold.sign_ego, expected, atol=1e-12)


def test_far_signs_are_forgotten_and_broken_ones_refused():
    hold = StopSignHold()
    still(hold, DRIVE, 5.0, (65.0, 0.0))
    assert hold.sign_ego is None
    with pytest.raises(StopSignError, match="two finite coordinates"):
        still(hold, DRIVE, 5.0, (math.nan, 0.0))
