"""The processes that train together: who this one is among them, and the few things that they tell each other.

``torchrun`` starts them and says so in the environment; without it there is one. Gradients travel by NCCL between GPUs
and by gloo between CPUs. Short messages between the hosts always travel by gloo, so that none of them makes a GPU wait.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from lead.training.errors import TrainingError

TIMEOUT = timedelta(minutes=20)
"""A rank that says nothing for so long is given up; compiling and validating take minutes."""


@dataclass(frozen=True)
class Ranks:
    """The place of this process.

    Attributes:
        rank: Its number.
        world: How many there are.
        local_rank: Its number on this machine.
        local_world: How many are on this machine.
        device: Where it computes.
        messages: Group for messages between hosts; None if there is one process only.
    """

    rank: int
    world: int
    local_rank: int
    local_world: int
    device: torch.device
    messages: Any = None

    @property
    def is_first(self) -> bool:
        """This process writes files."""
        return self.rank == 0

    def maximum(self, value: float) -> float:
        """Return the largest of all ranks' values; all ranks must ask."""
        if self.world == 1:
            return value
        largest = torch.tensor(value)
        dist.all_reduce(largest, dist.ReduceOp.MAX, group=self.messages)
        return float(largest.item())

    def sums(self, values: list[float]) -> list[float]:
        """Sum numbers over all ranks."""
        if self.world == 1:
            return values
        total = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(total, group=self.messages)
        return list(total.tolist())

    def align(self, module: nn.Module) -> None:
        """Give all ranks the first one's parameters and buffers."""
        if self.world > 1:
            for tensor in (*module.parameters(), *module.buffers()):
                dist.broadcast(tensor.detach(), 0)

    def average_gradients(self, parameters: Sequence[Tensor]) -> None:
        """Replace gradients by their mean over all ranks, in one exchange after the backward pass.

        For networks whose backward pass is replayed: nothing can be exchanged while it runs.

        Args:
            parameters: The same on all ranks, with gradients for the same ones.
        """
        if self.world == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        parts = torch.split(flat / self.world, [gradient.numel() for gradient in gradients])
        # All at once: one by one they would be hundreds of launches.
        torch._foreach_copy_(gradients, [part.view_as(like) for part, like in zip(parts, gradients, strict=True)])

    def gather(self, value: Any) -> list[Any]:
        """Return every rank's value, on every rank."""
        if self.world == 1:
            return [value]
        values = [None] * self.world
        dist.all_gather_object(values, value, group=self.messages)
        return values


@contextmanager
def joined(device: str | None) -> Iterator[Ranks]:
    """Join the processes that ``torchrun`` started, and leave them at the end.

    Args:
        device: ``cpu`` or ``cuda``; None for a GPU where there is one.

    Raises:
        TrainingError: If there is no such device, or fewer GPUs than processes on this machine.
    """
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    local_world = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    chosen = _device(device, local_rank)
    if world == 1:
        yield Ranks(0, 1, 0, 1, chosen)
        return
    is_gpu = chosen.type == "cuda"
    dist.init_process_group("nccl" if is_gpu else "gloo", timeout=TIMEOUT, device_id=chosen if is_gpu else None)
    try:
        messages = dist.new_group(backend="gloo", timeout=TIMEOUT)
        yield Ranks(rank, world, local_rank, local_world, chosen, messages)
    finally:
        dist.destroy_process_group()


def _device(name: str | None, local_rank: int) -> torch.device:
    kind = name or ("cuda" if torch.cuda.is_available() else "cpu")
    if kind == "cpu":
        return torch.device("cpu")
    if kind != "cuda":
        raise TrainingError(f"device is {kind!r}; say cpu or cuda (torchrun gives each process a GPU of its own)")
    if local_rank >= torch.cuda.device_count():
        raise TrainingError(
            f"process {local_rank} of this machine needs a GPU of its own, but PyTorch sees"
            f" {torch.cuda.device_count()}; start fewer processes, or use device=cpu"
        )
    device = torch.device("cuda", local_rank)
    torch.cuda.set_device(device)
    return device
