"""The network as a trainer needs it: inputs in, weighted loss out, in the precision and memory layout that are fastest.

Only the network computes in half precision. Inputs and labels stay as they are, since a target point at 128 m would
move in steps of a metre, and losses are computed in float32 from logits. Normalisations keep their statistics in
float32: PyTorch's kernels for bfloat16 maps sum in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lead.models.transfuser.fusion import FusionTransformer, SelfAttention
from lead.models.transfuser.network import Transfuser
from lead.models.transfuser.outputs import TransfuserOutput
from lead.training.graphed import GraphedNetwork
from lead.training.losses.radar import RadarMatching
from lead.training.losses.total import (
    compute_losses,
    dense_losses,
    label_prefix,
    loss_weights,
    planning_losses,
    total_loss,
)

Losses = Callable[..., dict[str, Tensor]]


class LossModule(nn.Module):
    """A network together with its losses: what data-parallel training wraps and what a step calls.

    Attributes:
        model: The network; its state dict is the published one, compiled or not.
        weights: Weight of each loss.
    """

    def __init__(self, model: Transfuser, *, half: bool = False, first_point_weight: float = 0.0) -> None:
        """Wrap a network.

        Args:
            model: The network, on its device.
            half: Compute the network in bfloat16.
            first_point_weight: See :func:`lead.training.losses.planning.path_loss`.
        """
        super().__init__()
        self.model = model
        self.weights = loss_weights(model.architecture)
        self.is_half = half
        self._first_point_weight = first_point_weight
        self._dense: Losses = dense_losses
        self._planning: Losses = planning_losses
        self._uses_graph = False
        self._graphed: GraphedNetwork | None = None

    def use_graph(self) -> None:
        """Record the network's passes with the first batch in training, and replay them from then on; GPUs only."""
        self._uses_graph = True

    def compile_parts(self, **options: Any) -> None:
        """Have regions of the network and the losses compiled when they first run; names in the state dict stay.

        Args:
            **options: Those of ``torch.compile``.
        """
        regions = compiled_regions(self.model)
        torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, len(regions))
        for region in regions:
            region.compile(**options)
        self._dense = torch.compile(dense_losses, **options)
        self._planning = torch.compile(planning_losses, **options)

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor], TransfuserOutput]:
        """Predict and compare.

        Args:
            batch: Inputs and labels by their published names, on the network's device.

        Returns:
            The weighted sum of the losses, the losses by name (detached), and the predictions.
        """
        out = self.predict(batch)
        losses = self.losses(out, batch)
        total = total_loss(losses, self.weights)
        return total, {name: loss.detach() for name, loss in losses.items()}, out

    def predict(self, batch: Mapping[str, Tensor], *, is_eager: bool = False) -> TransfuserOutput:
        """Run the network.

        Args:
            batch: Inputs and labels.
            is_eager: Even where it is compiled, do not: for a few passes in evaluation mode compiling does not pay.
        """
        inputs = network_inputs(batch)
        if self._uses_graph and self.training and not is_eager:
            if self._graphed is None:
                self._graphed = GraphedNetwork(self.model, inputs, half=self.is_half)
            return self._graphed(inputs)
        device = next(self.model.parameters()).device.type
        stance = torch.compiler.set_stance("force_eager" if is_eager else "default")
        with stance, torch.autocast(device, torch.bfloat16, enabled=self.is_half):
            out: TransfuserOutput = self.model(inputs)
        return out

    def comparable(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return a batch with labels of images for those samples only for which they are predicted."""
        every = self.model.perspective_every if self.model.training else 1
        if every == 1:
            return batch
        return {**batch, **{name: batch[name][::every] for name in PERSPECTIVE_LABELS if name in batch}}

    def losses(
        self, out: TransfuserOutput, batch: Mapping[str, Tensor], *, is_eager: bool = False
    ) -> dict[str, Tensor]:
        """Compute the losses by name, as :func:`lead.training.losses.total.compute_losses` does."""
        batch = self.comparable(batch)
        if is_eager:
            return compute_losses(out, batch, self.model.architecture, self._first_point_weight)
        architecture = self.model.architecture
        # The matching goes first: the host solves it while a GPU computes the other losses.
        matching = None
        if out.radar_detections is not None:
            matching = RadarMatching(out.radar_detections, batch["radar_detections"])
        losses = self._dense(out, batch, architecture)
        losses.update(self._planning(out, batch, architecture, self._first_point_weight))
        if matching is not None:
            losses[f"{label_prefix(architecture)}radar_loss"] = matching.loss().mean()
        return losses


def compiled_regions(model: Transfuser) -> list[nn.Module]:
    """Return the parts of a network that are compiled one by one.

    Blocks of one shape share a program, so compiling takes a fraction of the time. Compiling the whole network at once
    would gain little: convolutions bound what can be fused.
    """
    regions: list[nn.Module] = []
    for encoder in (model.backbone.image_encoder, model.backbone.lidar_encoder):
        for stage in encoder.children():
            parts = list(stage.children())
            blocks = [part for part in parts if next(part.children(), None) is not None]
            if len(blocks) == len(parts) or isinstance(stage, nn.Sequential):
                regions += blocks
            else:
                regions.append(stage)
    regions += model.backbone.transformers
    return regions + [module for name, module in model.named_children() if name != "backbone"]


PERSPECTIVE_LABELS = ("semantic", "depth")
INPUTS = (
    "rgb",
    "rasterized_lidar",
    "radar",
    "speed",
    "command",
    "acceleration",
    "target_point",
    "target_point_previous",
    "target_point_next",
)


def network_inputs(batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what the network looks at, and nothing of the labels."""
    return {name: batch[name] for name in INPUTS if name in batch}


class WideGroupConv2d(nn.Conv2d):
    """A grouped convolution computed with fewer and wider groups, whose added weights are zeros.

    Matrix units of GPUs work on blocks of 64 or more channels and leave most of their width idle with RegNetY's groups
    of 24. Parameters and their names stay those of the narrow groups.
    """

    merged: int

    def forward(self, input: Tensor) -> Tensor:
        """Convolve (B, C, H, W)."""
        out, narrow, *kernel = self.weight.shape
        wide_groups = self.groups // self.merged
        per_group = out // self.groups
        blocks = self.weight.view(wide_groups, self.merged, per_group, 1, narrow, *kernel)
        places = torch.eye(self.merged, dtype=blocks.dtype, device=blocks.device)
        wide = (blocks * places.view(1, self.merged, 1, self.merged, 1, 1, 1)).reshape(
            out, self.merged * narrow, *kernel
        )
        return functional.conv2d(input, wide, self.bias, self.stride, self.padding, self.dilation, wide_groups)


def widen_groups(model: nn.Module, width: int) -> int:
    """Compute grouped convolutions in groups of up to some channels, in place.

    Args:
        model: The network.
        width: Most input channels of a group.

    Returns:
        How many convolutions changed.
    """
    changed = 0
    for module in model.modules():
        if type(module) is not nn.Conv2d or module.groups == 1:
            continue
        narrow = module.in_channels // module.groups
        fitting = [n for n in range(2, module.groups + 1) if module.groups % n == 0 and n * narrow <= width]
        if fitting:
            module.__class__ = WideGroupConv2d
            module.merged = max(fitting)  # type: ignore[assignment]
            changed += 1
    return changed


def set_dropout(model: nn.Module, rate: float) -> None:
    """Set the rate of every dropout of a network; published networks have 0.1 everywhere."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = rate
        elif isinstance(module, nn.MultiheadAttention | SelfAttention | FusionTransformer):
            module.dropout = rate


def use_fast_layout(model: nn.Module) -> None:
    """Lay convolutions out as GPUs' matrix units want them."""
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def set_precision() -> None:
    """Let GPUs multiply float32 matrices in TensorFloat-32 and choose convolutions by measuring them."""
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
