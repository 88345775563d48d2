"""Goals that do not belong to a scene: where a path leads is told by its goal, and not by a scene known by heart.

In recorded data each junction is seen with the one exit that its route takes. A planner can then leave its target
points alone and know the exits of all its scenes; in a new scene it drives straight on. With the goal of another sample
before its eyes it can only look at the goal.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from lead.models.transfuser.planner import TARGET_POINTS

GOAL_NAMES = (
    *(*TARGET_POINTS, "command", "next_command", "speed", "acceleration"),
    *("route", "future_waypoints", "future_yaws"),
)
"""Inputs that tell the goal and how fast the ego is, and the labels that follow from them.

The target speed is not among them: what is ahead decides on it."""


def with_foreign_goals(batch: Mapping[str, Tensor], share: float) -> Mapping[str, Tensor]:
    """Give some samples of a batch the goals of each other.

    Args:
        batch: Inputs and labels by their published names, all on one device; nothing of it is changed.
        share: How many of its samples, from 0 to 1; which ones is drawn from PyTorch's generator of the device.

    Returns:
        The batch; where fewer than two samples would change, itself.
    """
    names = [name for name in GOAL_NAMES if name in batch]
    count = round(share * len(next(iter(batch.values()))))
    if count < 2 or not names:
        return batch
    goal = batch[names[0]]
    receivers = torch.randperm(len(goal), device=goal.device)[:count]
    givers = receivers.roll(1)
    return {**batch, **{name: batch[name].index_copy(0, receivers, batch[name][givers]) for name in names}}
