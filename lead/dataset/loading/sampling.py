"""Which samples the batches of an epoch hold.

The plan of an epoch is an array that depends on the seed and the epoch alone. The parent process makes it and hands
out its rows, so that worker processes can live on from epoch to epoch without ever knowing a plan, ranks agree without
talking, and a training that was cut off goes on in the middle of an epoch with the very batches it would have had.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lead.dataset.collections import Group
from lead.errors import LeadError

Shares = Callable[[int, int], NDArray[np.float64]]
"""From epoch and number of sources to the sources' shares of a batch, which sum to 1."""
SIM_TO_REAL_STARTS = (0, 1, 3, 7, 15, 31)
"""Epochs from which on the simulator's share is smaller: those after restarts of the learning rate."""
SIM_TO_REAL_SHARES = (5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8, 0.0)
"""Share of the first source from each of these epochs on: 40, 32, 24, 16, 8, 0 of 64."""
_ROUNDING = 1e-9


class PlanError(LeadError):
    """An epoch cannot be planned with these groups, batch size and shares."""


def equal_shares(_epoch: int, sources: int) -> NDArray[np.float64]:
    """Give every source the same share in all epochs."""
    return np.full(sources, 1.0 / sources)


def sim_to_real_shares(epoch: int, sources: int) -> NDArray[np.float64]:
    """Fade from the first source, the simulator, to the second.

    Raises:
        PlanError: If there are not two sources.
    """
    if sources != 2:
        raise PlanError(f"the schedule from simulation to reality needs two sources, not {sources}")
    simulated = SIM_TO_REAL_SHARES[bisect_right(SIM_TO_REAL_STARTS, epoch) - 1]
    return np.array([simulated, 1.0 - simulated])


@dataclass(frozen=True)
class EpochPlan:
    """How epochs are put together from the groups of one or more sources.

    Attributes:
        sources: Groups of each source.
        global_batch: Samples per step, over all ranks.
        seed: Two plans with other seeds have other orders.
        shares: Shares of the sources in a batch.
        samples_per_epoch: Samples of an epoch, cut to whole batches; None for one pass through the groups of all
            sources together.
        epochs: How many there will be; 0 if each may be the last.
        is_shuffled: Draw anew for each epoch; else always go through the groups in their own order.
    """

    sources: Sequence[Sequence[Group]]
    global_batch: int
    seed: int = 0
    shares: Shares = equal_shares
    samples_per_epoch: int | None = None
    is_shuffled: bool = True
    epochs: int = 0
    steps: int = field(init=False)
    """Steps of an epoch, the same in all epochs; what does not fill a batch is dropped."""

    def __post_init__(self) -> None:
        """Count the steps.

        Raises:
            PlanError: If there is not one full batch.
        """
        if self.global_batch < 1 or not self.sources or self.seed < 0:
            raise PlanError("a plan needs a source, a batch of at least one sample, and a seed of at least 0")
        total = sum(self.pass_length(source) for source in range(len(self.sources)))
        if self.samples_per_epoch is not None and total:
            total = self.samples_per_epoch
        if total < self.global_batch:
            raise PlanError(f"an epoch has {total} samples, which do not fill one batch of {self.global_batch}")
        object.__setattr__(self, "steps", total // self.global_batch)

    def pass_length(self, source: int) -> int:
        """Samples of one pass through the groups of a source, at their rates."""
        return sum(_draws(group) for group in self.sources[source])

    def batches(self, epoch: int) -> NDArray[np.int64]:
        """Plan an epoch.

        Each pass through a group takes every sample once, at a rate below 1 a part of them, at a rate above 1 the
        given number with replacement. A source that has to give more than one pass is drawn again and again.

        Returns:
            (steps, global batch, 2) source and index. Within a batch the samples of a source are neighbours, so that
            ranks that take every n-th column have the same mixture.

        Raises:
            PlanError: If a source with a share has no samples.
        """
        counts = self._counts(epoch)
        owners = np.repeat(np.tile(np.arange(len(self.sources)), self.steps), counts.ravel())
        plan = np.empty((self.steps * self.global_batch, 2), np.int64)
        plan[:, 0] = owners
        for source in range(len(self.sources)):
            is_of_source = owners == source
            plan[is_of_source, 1] = self._draw(source, int(is_of_source.sum()), epoch)
        return plan.reshape(self.steps, self.global_batch, 2)

    def _counts(self, epoch: int) -> NDArray[np.int64]:
        """Samples by step and source, (steps, sources); each row sums to the batch."""
        wanted = self.shares(epoch, len(self.sources)) * self.global_batch
        counts = np.tile(np.floor(wanted + _ROUNDING).astype(np.int64), (self.steps, 1))
        spare = self.global_batch - int(counts[0].sum())
        rest = wanted - counts[0]
        if spare:
            debt = np.zeros_like(rest)
            for row in counts:
                debt += rest
                for _ in range(spare):
                    creditor = int(np.argmax(debt))
                    row[creditor] += 1
                    debt[creditor] -= 1.0
        return counts

    def _draw(self, source: int, number: int, epoch: int) -> NDArray[np.int64]:
        if number and not self.pass_length(source):
            raise PlanError(f"source {source} has a share of the batches but no samples")
        parts: list[NDArray[np.int64]] = []
        length = 0
        while length < number:
            key = [self.seed, epoch, source, len(parts)]
            part = _one_pass(self.sources[source], np.random.default_rng(key) if self.is_shuffled else None)
            parts.append(part)
            length += len(part)
        return np.concatenate(parts)[:number] if parts else np.empty(0, np.int64)


def _draws(group: Group) -> int:
    return int(len(group.indices) * group.rate + _ROUNDING)


def _one_pass(groups: Sequence[Group], rng: np.random.Generator | None) -> NDArray[np.int64]:
    """Indices of one pass through all groups, mixed with a generator or in order without."""
    parts = []
    for group in groups:
        size, number = len(group.indices), _draws(group)
        if rng is None:
            parts.append(np.resize(group.indices, number))
        elif number == size:
            parts.append(group.indices)
        else:
            parts.append(rng.choice(group.indices, number, replace=number > size))
    everything = np.concatenate(parts).astype(np.int64)
    if rng is not None:
        rng.shuffle(everything)
    return everything
