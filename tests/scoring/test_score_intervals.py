"""Confidence intervals: known values, determinism, and coverage of the true mean."""

import numpy as np
import pytest

from lead.scoring.intervals import bootstrap, estimate, t_interval


def test_t_interval_of_three_runs_is_the_textbook_one():
    value = t_interval([50.0, 52.0, 57.0])
    half = 4.302653 * np.std([50.0, 52.0, 57.0], ddof=1) / np.sqrt(3)
    assert value.mean == 53.0
    assert (value.low, value.high) == pytest.approx((53.0 - half, 53.0 + half), abs=1e-5)


def test_bootstrap_is_repeatable_and_close_to_the_normal_interval():
    values = np.random.default_rng(5).normal(60.0, 20.0, 220)
    first, second = bootstrap(values), bootstrap(values)
    assert first == second
    half = 1.96 * values.std(ddof=1) / np.sqrt(220)
    assert (first.low, first.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.3)


def test_bootstrap_of_many_routes_stays_small_in_memory():
    value = bootstrap(np.linspace(0.0, 100.0, 5_000))
    assert value.low < 50.0 < value.high


@pytest.mark.parametrize("method", [lambda values: t_interval(values[:5]), bootstrap])
def test_interval_covers_the_true_mean_about_as_often_as_it_says(method):
    generator = np.random.default_rng(0)
    hits = 0
    for _ in range(30):
        value = method(generator.normal(40.0, 10.0, 60))
        hits += value.low <= 40.0 <= value.high
    assert hits >= 25


def test_several_runs_are_compared_by_their_means_and_one_by_its_routes():
    assert estimate([[10.0, 30.0], [40.0]]).mean == 30.0
    assert "2 runs" in estimate([[10.0, 30.0], [40.0]]).method
    assert "2 routes" in estimate([[10.0, 30.0]]).method
    assert estimate([[10.0], []]).low is None
    assert estimate([[], []]) is None
