"""Plans of epochs: what is in them, how often, and that they depend on seed and epoch alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from lead.dataset.collections import Group, everything
from lead.dataset.loading.sampling import EpochPlan, PlanError, equal_shares, sim_to_real_shares


def _indices(plan: EpochPlan, epoch: int, source: int = 0) -> list[int]:
    batches = plan.batches(epoch)
    return [int(index) for index in batches[batches[..., 0] == source][:, 1]]


def _counts_per_step(plan: EpochPlan, epoch: int, sources: int) -> NDArray[np.int64]:
    return np.stack([(plan.batches(epoch)[..., 0] == source).sum(1) for source in range(sources)], axis=1)


def test_an_epoch_has_every_sample_once_and_drops_what_fills_no_batch() -> None:
    plan = EpochPlan([everything(103)], 10, seed=4)
    assert plan.steps == 10 and plan.batches(0).shape == (10, 10, 2)
    indices = _indices(plan, 0)
    assert len(set(indices)) == 100 and set(indices) <= set(range(103))


def test_epochs_and_seeds_differ_but_are_the_same_each_time() -> None:
    plan = EpochPlan([everything(64)], 8, seed=1)
    again = EpochPlan([everything(64)], 8, seed=1)
    # The published loader repeats the order of the first epoch for ever.
    orders = [tuple(_indices(plan, epoch)) for epoch in range(4)] + [
        tuple(_indices(EpochPlan([everything(64)], 8, seed=2), 0))
    ]
    assert len(set(orders)) == 5
    assert np.array_equal(plan.batches(3), again.batches(3))


def test_rates_draw_without_replacement_below_one_and_with_it_above() -> None:
    groups = [
        Group("rare", np.arange(0, 100), 0.3),
        Group("all", np.arange(100, 200), 1.0),
        Group("often", np.arange(200, 300), 2.5),
        Group("never", np.arange(300, 400), 0.0),
    ]
    plan = EpochPlan([groups], 1, seed=0)
    assert plan.steps == 30 + 100 + 250
    drawn = Counter(_indices(plan, 0))
    rare = {index: number for index, number in drawn.items() if index < 100}
    assert len(rare) == 30 and set(rare.values()) == {1}
    assert all(drawn[index] == 1 for index in range(100, 200))
    often = [drawn[index] for index in range(200, 300)]
    assert sum(often) == 250 and min(often) == 0 and max(often) > 3  # with replacement, not two or three of each
    assert max(drawn) < 300
    assert {index for index in _indices(plan, 1) if index < 100} != set(rare)


def test_a_wanted_number_of_samples_cuts_or_repeats_the_pass() -> None:
    short = EpochPlan([everything(50)], 5, samples_per_epoch=20)
    assert short.steps == 4 and len(set(_indices(short, 0))) == 20
    long = EpochPlan([everything(50)], 5, samples_per_epoch=120)
    counts = Counter(_indices(long, 0))
    assert long.steps == 24 and set(counts.values()) == {2, 3} and len(counts) == 50
    first, second = _indices(long, 0)[:50], _indices(long, 0)[50:100]
    assert sorted(first) == sorted(second) and first != second


def test_without_shuffling_samples_come_in_order() -> None:
    plan = EpochPlan([everything(10)], 5, is_shuffled=False)
    assert _indices(plan, 0) == _indices(plan, 7) == list(range(10))


@pytest.mark.parametrize(("batch", "world"), [(64, 1), (64, 4), (48, 8), (6, 3)])
def test_ranks_together_see_the_global_batch_with_the_same_mixture_each(batch: int, world: int) -> None:
    plan = EpochPlan([everything(batch * 4), everything(batch * 4)], batch, seed=3)
    batches = plan.batches(2)
    slices = [batches[:, rank::world] for rank in range(world)]
    together = np.stack(slices, axis=2).reshape(batches.shape)
    assert np.array_equal(together, batches)
    shares = [(part[..., 0] == 0).sum(1) for part in slices]
    assert max(map(max, shares)) - min(map(min, shares)) <= 1


def test_mixed_sources_share_each_batch_equally_and_short_ones_start_again() -> None:
    plan = EpochPlan([everything(300), everything(100)], 8, seed=5)
    assert plan.steps == 50
    assert (_counts_per_step(plan, 0, 2) == 4).all()
    assert set(Counter(_indices(plan, 0, 1)).values()) == {2}
    assert len(set(_indices(plan, 0, 0))) == 200


def test_shares_that_do_not_divide_the_batch_are_right_on_average() -> None:
    plan = EpochPlan([everything(300)] * 3, 4, seed=5)
    counts = _counts_per_step(plan, 1, 3)
    assert (counts.sum(1) == 4).all() and counts.min() >= 1 and counts.max() <= 2
    assert abs(counts.sum(0) - counts.sum() / 3).max() <= 1


@pytest.mark.parametrize(
    ("epoch", "simulated"), [(0, 40), (1, 32), (2, 32), (3, 24), (6, 24), (7, 16), (15, 8), (30, 8), (31, 0), (60, 0)]
)
def test_the_schedule_from_simulation_to_reality(epoch: int, simulated: int) -> None:
    plan = EpochPlan([everything(256), everything(256)], 64, shares=sim_to_real_shares)
    assert (_counts_per_step(plan, epoch, 2) == [simulated, 64 - simulated]).all()
    other = EpochPlan([everything(90), everything(90)], 6, shares=sim_to_real_shares)
    assert abs(_counts_per_step(other, epoch, 2)[:, 0].sum() - other.steps * 6 * simulated / 64) <= 1


def test_what_cannot_be_planned_is_said() -> None:
    with pytest.raises(PlanError, match="7 samples"):
        EpochPlan([everything(7)], 8)
    with pytest.raises(PlanError, match="no samples"):
        EpochPlan([everything(16), []], 8).batches(0)
    with pytest.raises(PlanError, match="two sources"):
        sim_to_real_shares(0, 3)
    assert equal_shares(0, 4).sum() == 1.0
