"""Confidence intervals of mean scores.

Scores in CARLA differ from run to run, and everywhere from seed to seed, so a score without an interval invites
conclusions that the next run overturns. With several runs the spread between their means is measured; with one run
only the spread between routes is known, which says how far the score depends on the choice of routes, not how far it
repeats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95
BOOTSTRAP_SAMPLES = 10_000
BOOTSTRAP_SEED = 20_240
BOOTSTRAP_DRAWS = 2_000_000
"""Random numbers held in memory at once."""
T_METHOD = "t-interval over {count} runs"
BOOTSTRAP_METHOD = "bootstrap over {count} routes of one run"


@dataclass(frozen=True)
class Estimate:
    """A mean with its interval.

    Attributes:
        mean: Mean over runs of the means over routes.
        low: Lower end of the interval; None if there is only one number.
        high: Upper end.
        method: How the interval was found; empty if there is none.
    """

    mean: float
    low: float | None
    high: float | None
    method: str


def estimate(runs: Sequence[Sequence[float]], level: float = LEVEL) -> Estimate | None:
    """Estimate a mean score.

    Args:
        runs: Values of every run, one per route; runs may differ in length.
        level: Coverage of the interval.

    Returns:
        Mean and interval: a t-interval over the means of the runs if there are several, else a percentile
        bootstrap over the routes (fixed seed, so the same results always give the same interval). None without
        any value.
    """
    filled = [run for run in runs if len(run)]
    if not filled:
        return None
    if len(filled) > 1:
        return t_interval([math.fsum(run) / len(run) for run in filled], level)
    return bootstrap(filled[0], level)


def t_interval(values: Sequence[float], level: float = LEVEL) -> Estimate:
    """Return mean and Student's t-interval of at least two values."""
    from scipy.special import stdtrit

    count = len(values)
    mean = math.fsum(values) / count
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    half = float(stdtrit(count - 1, 0.5 + level / 2.0)) * deviation / math.sqrt(count)
    return Estimate(mean, mean - half, mean + half, T_METHOD.format(count=count))


def bootstrap(values: Sequence[float], level: float = LEVEL) -> Estimate:
    """Return the mean and the percentile bootstrap interval of it; without interval for a single value."""
    count = len(values)
    mean = math.fsum(values) / count
    if count < 2:
        return Estimate(mean, None, None, "")
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    column = np.asarray(values, dtype=np.float64)
    rows = max(1, BOOTSTRAP_DRAWS // count)
    blocks = [
        column[generator.integers(count, size=(min(rows, BOOTSTRAP_SAMPLES - start), count))].mean(axis=1)
        for start in range(0, BOOTSTRAP_SAMPLES, rows)
    ]
    means = np.concatenate(blocks)
    low, high = np.quantile(means, [0.5 - level / 2.0, 0.5 + level / 2.0])
    return Estimate(mean, float(low), float(high), BOOTSTRAP_METHOD.format(count=count))
