"""Who drives the expert's car, it or a policy: how often, how long, and when the policy must not."""

import numpy as np
import pytest

from lead.expert.forward_models import TICK_S
from lead.expert.handover import (
    LAST_S,
    MAX_EXCESS_MPS,
    MAX_OFFSET_M,
    MAX_STAND_S,
    PERIOD_S,
    START_OFFSET_M,
    Handover,
)

SPEED_MPS = 8.0


def gives(handover, **changes):
    place = {"offset_m": 0.0, "speed_mps": SPEED_MPS, "wanted_mps": SPEED_MPS, "is_busy": False} | changes
    handover.step(**place)
    return handover.is_given


def driving_novice(seed=0):
    """A handover just after the policy got the car."""
    handover = Handover(np.random.default_rng(seed))
    while not gives(handover):
        pass
    return handover


def test_the_policy_drives_stretches_of_the_promised_length_and_share():
    handover = Handover(np.random.default_rng(1))
    driven = np.array([gives(handover) for _ in range(int(3600.0 / TICK_S))])
    edges = np.flatnonzero(np.diff(driven.astype(int)))
    lengths_s = np.diff(edges)[(0 if driven[edges[0] + 1] else 1) :: 2] * TICK_S
    assert LAST_S[0] - 0.03 <= lengths_s.min()
    # Two stretches may follow each other at once.
    assert np.median(lengths_s) == pytest.approx(np.mean(LAST_S), abs=0.5)
    assert driven.mean() == pytest.approx(np.mean(LAST_S) / (np.mean(LAST_S) + PERIOD_S), abs=0.05)


@pytest.mark.parametrize(
    "place",
    [
        {"is_busy": True},
        {"offset_m": MAX_OFFSET_M + 0.1},
        {"wanted_mps": SPEED_MPS - MAX_EXCESS_MPS - 0.1},
    ],
)
def test_the_expert_takes_over_at_once_and_keeps_the_car_for_a_while(place):
    assert not gives(driving_novice(), **place)
    waits_s = []
    for seed in range(200):
        handover = driving_novice(seed)
        gives(handover, **place)
        ticks = 1
        while not gives(handover):
            ticks += 1
        waits_s.append(ticks * TICK_S)
    assert np.mean(waits_s) == pytest.approx(PERIOD_S, rel=0.25)


def test_a_policy_that_errs_a_little_goes_on_but_is_not_given_the_car_there():
    handover = driving_novice()
    assert gives(handover, offset_m=MAX_OFFSET_M - 0.1)
    fresh = Handover(np.random.default_rng(2))
    assert not any(gives(fresh, offset_m=START_OFFSET_M + 0.1) for _ in range(5000))


def test_a_policy_that_stands_is_not_waited_for():
    handover = driving_novice()
    answers = [gives(handover, speed_mps=0.0) for _ in range(int(2.0 / TICK_S))]
    stood_s = answers.index(False) * TICK_S
    assert stood_s == pytest.approx(MAX_STAND_S, abs=0.06)
    assert not any(answers[answers.index(False) :]), "nor is it given a car that stands"
