"""One step of the optimiser that never waits for the GPU, and the learning rate as a function of the step.

Clipping and the skipping of steps whose gradient is not finite happen inside the fused kernel: it divides gradients by
a scale and leaves everything alone if it is told so, both by tensors on the device. The running statistics of batch
normalisations have seen the bad batch by then, so they lie in one vector that is put back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class OptimiserSettings:
    """How weights are changed.

    Attributes:
        learning_rate: Highest learning rate.
        weight_decay: Of all parameters, as published.
        clip_norm: Longest gradient; 0 for any.
        uses_zero: Share the optimiser's state out over the ranks.
    """

    learning_rate: float = 3e-4
    weight_decay: float = 0.01
    clip_norm: float = 0.0
    uses_zero: bool = False


@dataclass(frozen=True)
class Schedule:
    """Learning rate over the steps of a training.

    Attributes:
        learning_rate: Highest value.
        steps_per_epoch: Steps of an epoch, the length of the first cycle.
        epochs: Epochs of the training.
        restarts: Cosine cycles of 1, 2, 4 ... epochs, each down to 0; otherwise one cosine over everything.
        warm_up_steps: Steps at the beginning over which the rate grows linearly.
    """

    learning_rate: float
    steps_per_epoch: int
    epochs: int
    restarts: bool = True
    warm_up_steps: int = 0

    def at(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0 over all epochs."""
        if self.restarts:
            cycle = int(math.log2(step / self.steps_per_epoch + 1.0))
            first = (2**cycle - 1) * self.steps_per_epoch
            if step < first:  # the logarithm may have been rounded up
                cycle -= 1
                first = (2**cycle - 1) * self.steps_per_epoch
            progress = (step - first) / (2**cycle * self.steps_per_epoch)
        else:
            progress = min(1.0, step / (self.epochs * self.steps_per_epoch))
        rate = self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * progress))
        return rate * min(1.0, (step + 1) / (self.warm_up_steps + 1))


@dataclass(frozen=True)
class StepOutcome:
    """What a step did; scalars on the device.

    Attributes:
        gradient_norm: Length of the gradient before clipping.
        is_skipped: 1 if it was not finite and nothing was changed, else 0.
    """

    gradient_norm: Tensor
    is_skipped: Tensor


class NormStatistics:
    """Running means and variances of all batch normalisations, in one vector that can be put back."""

    def __init__(self, model: nn.Module) -> None:
        """Move the statistics of a network, which is on its device already, into the vector."""
        buffers = [
            (module, name)
            for module in model.modules()
            for name in ("running_mean", "running_var")
            if isinstance(getattr(module, name, None), Tensor)
        ]
        tensors = [getattr(module, name) for module, name in buffers]
        self._values = torch.cat([tensor.detach().flatten() for tensor in tensors]) if tensors else None
        begin = 0
        for (module, name), tensor in zip(buffers, tensors, strict=True):
            assert self._values is not None
            end = begin + tensor.numel()
            module._buffers[name] = _same_memory(self._values, begin, tensor)
            begin = end
        self._kept = None if self._values is None else self._values.clone()

    def keep(self) -> None:
        """Remember the statistics as they are."""
        if self._values is not None and self._kept is not None:
            self._kept.copy_(self._values)

    def put_back(self, where: Tensor) -> None:
        """Go back to the remembered ones if a scalar on the device is not 0."""
        if self._values is not None and self._kept is not None:
            torch.where(where != 0, self._kept, self._values, out=self._values)


def _same_memory(vector: Tensor, begin: int, like: Tensor) -> Tensor:
    """Return a tensor of some shape whose memory is a part of a vector.

    To autograd it is no view: views count their changes together, so a compiled region that keeps one statistic for its
    backward pass would be told that every other normalisation had changed it.
    """
    part = torch.empty(0, dtype=vector.dtype, device=vector.device)
    return part.set_(vector.untyped_storage(), begin, like.shape, like.contiguous().stride())


class Optimiser:
    """AdamW with amsgrad, as published, with clipping and skipping on the device."""

    def __init__(self, model: nn.Module, settings: OptimiserSettings) -> None:
        """Make the optimiser of the trainable parameters of a network on its device."""
        self._settings = settings
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        options: dict[str, Any] = {
            "lr": settings.learning_rate,
            "weight_decay": settings.weight_decay,
            "amsgrad": True,
            "fused": True,
        }
        if settings.uses_zero:
            from torch.distributed.optim import ZeroRedundancyOptimizer

            self._outer: Any = ZeroRedundancyOptimizer(self.parameters, torch.optim.AdamW, **options)
            self._inner: Any = self._outer.optim
        else:
            self._outer = self._inner = torch.optim.AdamW(self.parameters, **options)
        self.statistics = NormStatistics(model)

    def begin(self) -> None:
        """Forget gradients and remember what a skipped step must not change."""
        self._outer.zero_grad(set_to_none=True)
        self.statistics.keep()

    def step(self, learning_rate: float) -> StepOutcome:
        """Change the weights by the gradients, unless these are not finite."""
        for optimiser in (self._outer, self._inner):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        skipped = (~norm.isfinite()).float()
        clip = self._settings.clip_norm
        self._inner.grad_scale = (norm / clip).clamp(min=1.0).float() if clip > 0.0 else None
        self._inner.found_inf = skipped
        self._outer.step()
        self.statistics.put_back(skipped)
        return StepOutcome(norm.detach(), skipped)

    def state_dict(self) -> dict[str, Any]:
        """Return the whole state; with ZeRO all ranks must call it, and only rank 0 gets it."""
        if self._outer is self._inner:
            return dict(self._inner.state_dict())
        import torch.distributed as dist

        self._outer.consolidate_state_dict(to=0)
        return dict(self._outer.state_dict()) if dist.get_rank() == 0 else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a whole state."""
        self._outer.load_state_dict(state)


class Average:
    """Exponential moving average of the weights."""

    def __init__(self, parameters: Iterable[Tensor], decay: float) -> None:
        """Start from the parameters as they are."""
        self._decay = decay
        self.sources = list(parameters)
        self.values = [parameter.detach().clone() for parameter in self.sources]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the present weights."""
        torch._foreach_lerp_(self.values, [source.detach() for source in self.sources], 1.0 - self._decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the network's weights and the average."""
        for source, value in zip(self.sources, self.values, strict=True):
            kept = source.detach().clone()
            source.copy_(value)
            value.copy_(kept)
