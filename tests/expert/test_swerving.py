"""Steering the expert's car off its path: how far, how often, and when not."""

import math

import numpy as np
import pytest
from expert_support import expert_route

from lead.expert.forward_models import TICK_S
from lead.expert.proposal import Hazard, Proposal, most_careful
from lead.expert.route import POINTS_PER_M
from lead.expert.swerving import (
    LAST_S,
    LATE_S,
    LATE_SHARE,
    PERIOD_S,
    TURN_RAD,
    YAW_RATE_GAIN_PER_M,
    Swerving,
    is_harmless,
)

SPEED_MPS = 8.0


def drive(seed, minutes, speed_mps=SPEED_MPS, *, is_busy=False):
    """Steering of a car that wants to go straight on, tick by tick."""
    swerving = Swerving(np.random.default_rng(seed))
    return np.array([swerving.steer(0.0, speed_mps, is_busy=is_busy) for _ in range(int(60 * minutes / TICK_S))])


def swerves(steering):
    """Steering and duration in seconds of each swerve."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0.0], steering, [0.0]])))
    begins = [i for i in edges if i < len(steering) and steering[i] != 0.0]
    ends = [edges[edges > i][0] for i in begins]
    return [(steering[i], (end - i) * TICK_S) for i, end in zip(begins, ends, strict=True)]


def test_swerves_are_as_many_and_as_wide_as_promised():
    found = swerves(drive(0, minutes=20))
    assert len(found) == pytest.approx(1200.0 / (PERIOD_S + np.mean(LAST_S)), rel=0.2)
    turns_rad = np.array([steer * SPEED_MPS * YAW_RATE_GAIN_PER_M * duration_s for steer, duration_s in found])
    assert TURN_RAD[0] * 0.9 < abs(turns_rad).min() and abs(turns_rad).max() < TURN_RAD[1] * 1.1
    assert abs(abs(turns_rad).mean() - np.mean(TURN_RAD)) < math.radians(0.5)
    assert 0.4 < (turns_rad > 0.0).mean() < 0.6, "to both sides"


@pytest.mark.parametrize("place", [{"is_busy": True}, {"speed_mps": 2.0}])
def test_a_car_that_has_something_else_to_do_keeps_to_its_path(place):
    assert not drive(1, minutes=10, **place).any()


def test_half_of_the_turns_are_begun_late():
    swerving = Swerving(np.random.default_rng(3))
    late_s = []
    for _ in range(400):
        for _ in range(200):  # a straight stretch, with its own swerves
            swerving.steer(0.0, SPEED_MPS, is_busy=False)
        ticks = 0
        while swerving.steer(0.3, SPEED_MPS, is_busy=False) == 0.0:
            ticks += 1
        late_s.append(ticks * TICK_S)
    begun_late = np.array(late_s)[np.array(late_s) > 0.0]
    assert len(begun_late) / 400 == pytest.approx(LATE_SHARE * PERIOD_S / (PERIOD_S + np.mean(LAST_S)), abs=0.1)
    assert LATE_S[0] - 0.03 <= begun_late.min() and begun_late.max() <= LATE_S[1] + 0.03


def test_a_turn_among_others_is_begun_in_time():
    swerving = Swerving(np.random.default_rng(4))
    for _ in range(200):
        swerving.steer(0.0, SPEED_MPS, is_busy=True)
        assert swerving.steer(0.3, SPEED_MPS, is_busy=True) == 0.3


def test_a_swerve_ends_when_something_happens_and_keeps_its_steering_while_the_expert_objects():
    swerving = Swerving(np.random.default_rng(2))
    while (steer := swerving.steer(0.1, SPEED_MPS, is_busy=False)) == 0.1:
        pass
    assert abs(steer - 0.1) > 0.005
    assert swerving.steer(-0.2, SPEED_MPS, is_busy=False) == steer
    assert swerving.steer(-0.2, SPEED_MPS, is_busy=True) == -0.2


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (None, True),
        (Proposal(5.0, "curves: bend ahead"), True),
        (Proposal(5.0, "following", Hazard.VEHICLE, actor_id=7), True),
        (Proposal(5.0, "crossing", Hazard.WALKER, actor_id=7), False),
        (Proposal(0.0, "light: Red", Hazard.LIGHT), False),
    ],
)
def test_in_a_scenario_it_depends_on_who_decides_on_the_speed(cause, expected):
    assert is_harmless(most_careful(8.0, [cause] if cause else []), expert_route()) is expected


@pytest.mark.parametrize(("first_m", "expected"), [(20.0, False), (-20.0, False), (40.0, True), (-40.0, True)])
def test_in_a_scenario_a_car_that_passes_something_keeps_to_its_path(first_m, expected):
    route = expert_route(ego_x_m=160.0)
    first = route.index + int(first_m * POINTS_PER_M)
    route.xy[first : first + 10, 1] += 1.0
    assert is_harmless(most_careful(8.0, []), route) is expected
