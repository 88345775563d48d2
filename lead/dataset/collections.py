"""Which part of a data set a training draws from, and how often: groups of samples with rates, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lead.dataset.errors import DatasetError
from lead.dataset.route_index import FrameIndex

HELD_OUT_TOWN = "Town13"
"""The town that is left out of trainings whose models are to be tested in an unknown town."""


@dataclass(frozen=True, eq=False)
class Group:
    """Samples of one source that are drawn equally often.

    Attributes:
        name: For reports.
        indices: int64 (n,) of samples of the source.
        rate: Mean number of times that an epoch has each of them.
    """

    name: str
    indices: NDArray[np.int64]
    rate: float = 1.0


def everything(length: int) -> list[Group]:
    """Put all samples of a source into one group that is seen once an epoch."""
    return [Group("all", np.arange(length, dtype=np.int64))]


def town_held_out(index: FrameIndex, town: str = HELD_OUT_TOWN) -> list[Group]:
    """Leave a town out; the others are drawn more often, so that an epoch is as long as with all towns.

    Args:
        index: Samples of all towns.
        town: A route is in it if its folder's name says so, or names it at all if it is called otherwise than usual.

    Raises:
        DatasetError: If nothing is left.
    """
    is_in_town = np.array([town in (entry.town or entry.relative_dir) for entry in index.routes], bool)[index.route]
    others = np.flatnonzero(~is_in_town).astype(np.int64)
    if not len(others):
        raise DatasetError(f"all routes of {index.root} are in {town}, which is held out")
    left_out = Group(town, np.flatnonzero(is_in_town).astype(np.int64), 0.0)
    return [Group(f"all but {town}", others, len(index) / len(others)), left_out]


def summary(groups: Sequence[Group]) -> str:
    """Return one line per group that has samples: their number, rate and share of an epoch."""
    drawn = {group.name: len(group.indices) * group.rate for group in groups}
    total = sum(drawn.values()) or 1.0
    lines = [
        f"{group.name}: {len(group.indices)} samples at rate {group.rate:.3g}, {drawn[group.name] / total:.1%}"
        for group in groups
        if len(group.indices)
    ]
    return "\n".join(lines)
