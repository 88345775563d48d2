"""Batch normalisation over the samples of all ranks, on GPUs and CPUs alike.

With it, a training of several processes computes what one process computes on the whole batch. PyTorch's own version
needs GPUs. Sums travel through a differentiable all-reduce, so that gradients know of the other ranks' samples.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional


class _SumOverRanks(torch.autograd.Function):
    """The sum of a tensor over all ranks; its gradient is the sum of the ranks' gradients."""

    @staticmethod
    def forward(ctx: object, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


class SyncedBatchNorm(nn.Module):
    """A batch normalisation over all ranks; parameters, buffers and their names are those of the one it replaces."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        """Take over a normalisation, timm's with an activation of its own included."""
        super().__init__()
        self.weight, self.bias = norm.weight, norm.bias
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, getattr(norm, name))
        assert norm.momentum is not None
        self.eps, self.momentum = norm.eps, norm.momentum
        self.drop = getattr(norm, "drop", nn.Identity())
        self.act = getattr(norm, "act", nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, H, W)."""
        out = self._over_ranks(x) if self.training else self._by_running_statistics(x)
        result: Tensor = self.act(self.drop(out))
        return result

    def _by_running_statistics(self, x: Tensor) -> Tensor:
        return functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )

    def _over_ranks(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            values = x.float()
            count = values.new_full((1,), values.numel() / values.shape[1])
            sums = _SumOverRanks.apply(torch.cat((values.sum((0, 2, 3)), count)))  # type: ignore[no-untyped-call]
            number = sums[-1].detach()
            mean = sums[:-1] / number
            # Squares of differences, not differences of squares: the latter lose their digits.
            centred = values - mean[None, :, None, None]
            variance = _SumOverRanks.apply(centred.square().sum((0, 2, 3))) / number  # type: ignore[no-untyped-call]
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(variance * (number / (number - 1.0)), self.momentum)
                self.num_batches_tracked += 1
            scale = self.weight * torch.rsqrt(variance + self.eps)
            out = centred * scale[None, :, None, None] + self.bias[None, :, None, None]
        result: Tensor = out.to(x.dtype)
        return result


def synchronise_norms(model: nn.Module) -> int:
    """Replace every batch normalisation of a network, in place, and return how many there were."""
    found = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.BatchNorm2d)
    ]
    for parent, name, child in found:
        # Some of timm's containers are ordered dictionaries whose layers are no attributes.
        parent._modules[name] = SyncedBatchNorm(child)
    return len(found)
