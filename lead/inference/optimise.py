"""Rewrites a network for inference: the same function with fewer and larger operations.

Batch normalisation is folded into the convolutions, the projections of an attention become one matrix product, memory
is laid out channels-last and weights are stored in the computing precision. The rewritten network is no longer
trainable and has another state dict.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lead.models.transfuser.fusion import HEAD_MULTIPLE, HEADS, FusionTransformer, SelfAttention
from lead.models.transfuser.network import Transfuser
from lead.models.transfuser.planner import ContextEncoder, PlanningDecoder
from lead.models.transfuser.radar_head import RadarDetector


class FusedAttention(nn.Module):
    """Self-attention with one projection for query, key and value.

    Head sizes are padded with zeros to a multiple of 8: zeros change neither products nor sums, and fast kernels refuse
    RegNetY's sizes 18, 54 and 378.
    """

    def __init__(self, attention: SelfAttention) -> None:
        """Take over the weights of an attention."""
        super().__init__()
        channels = attention.query.in_features
        size = channels // HEADS
        self.head_size = math.ceil(size / HEAD_MULTIPLE) * HEAD_MULTIPLE
        self.scale = 1.0 / math.sqrt(size)
        padding = self.head_size - size
        parts = (attention.query, attention.key, attention.value)
        weights = [_pad_rows(part.weight.view(HEADS, size, channels), padding) for part in parts]
        biases = [_pad_rows(part.bias.view(HEADS, size, 1), padding) for part in parts]
        self.qkv = nn.Linear(channels, 3 * HEADS * self.head_size)
        self.proj = nn.Linear(HEADS * self.head_size, channels)
        with torch.no_grad():
            self.qkv.weight.copy_(torch.cat(weights).view(-1, channels))
            self.qkv.bias.copy_(torch.cat(biases).view(-1))
            out = functional.pad(attention.proj.weight.view(channels, HEADS, size), (0, padding))
            self.proj.weight.copy_(out.reshape(channels, -1))
            self.proj.bias.copy_(attention.proj.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Mix tokens (B, T, C)."""
        batch, tokens, _ = x.shape
        query, key, value = self.qkv(x).view(batch, tokens, 3, HEADS, self.head_size).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, scale=self.scale)
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, tokens, -1))
        return out


def _pad_rows(blocks: Tensor, padding: int) -> Tensor:
    return functional.pad(blocks, (0, 0, 0, padding))


def optimise(model: Transfuser, dtype: torch.dtype, *, ungroup: bool = False) -> Transfuser:
    """Rewrite a network in place.

    What turns metres and seconds into tokens, and back, stays in float32: in half precision a target point
    at 128 m would move in steps of a metre.

    Args:
        model: Network in evaluation mode, in float32.
        dtype: Precision of everything else.
        ungroup: Make grouped convolutions dense, which pays on GPUs.

    Returns:
        The same object.
    """
    with torch.no_grad():
        fold_batch_norms(model.backbone)
        if ungroup:
            ungroup_convolutions(model.backbone)
        for transformer in model.backbone.transformers:
            assert isinstance(transformer, FusionTransformer)
            for block in transformer.blocks:
                block.attn = FusedAttention(block.attn)  # type: ignore[arg-type]
    model.to(dtype=dtype)
    for module in model.modules():
        if isinstance(module, (ContextEncoder, PlanningDecoder, RadarDetector)):
            _restore_precision(module)
    model.backbone.image_mean = model.backbone.image_mean.float()
    model.backbone.image_std = model.backbone.image_std.float()
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model.requires_grad_(False)
    if model.architecture.sees_nothing:
        model.backbone = KnownFeatures(model)  # type: ignore[assignment]
    return model


class KnownFeatures(nn.Module):
    """Stands in for the backbone of a network that sees nothing, whose features are always the same."""

    bev: Tensor
    image: Tensor

    def __init__(self, model: Transfuser) -> None:
        """Compute the features of a network once."""
        super().__init__()
        self.top_down = model.backbone.top_down
        device = model.backbone.c5_conv.weight.device
        with torch.no_grad():
            bev, image = model.backbone(torch.zeros(1, 3, *model.architecture.image_shape, device=device), None)
        self.register_buffer("bev", bev)
        self.register_buffer("image", image)

    def forward(self, rgb: Tensor, rasterized_lidar: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the coarse maps, as the backbone does."""
        samples = rgb.shape[0]
        return self.bev.expand(samples, -1, -1, -1), self.image.expand(samples, -1, -1, -1)


_METRIC_LAYERS = {
    "velocity_encoder",
    "acceleration_encoder",
    "command_encoder",
    "tp_encoder",
    "wp_decoder",
    "route_decoder",
    "heading_decoder",
    "ego_vel_proj",
}
_METRIC_TENSORS = ("status_pos_embedding", "target_point_scale_m", "speed_bins_mps", "ego_vel_pos_embed")


def _restore_precision(module: nn.Module) -> None:
    for name, child in module.named_children():
        if name in _METRIC_LAYERS:
            child.float()
    for name in _METRIC_TENSORS:
        tensor = getattr(module, name, None)
        if isinstance(tensor, Tensor):
            tensor.data = tensor.data.float()


def ungroup_convolutions(module: nn.Module) -> None:
    """Replace grouped convolutions by dense ones of the same result, in place.

    The added weights are zeros. On GPUs with fast matrix units RegNetY's narrow groups of 24 channels cost more than
    the additional products, because the library rearranges the whole map before and after each of them.
    """
    for parent in list(module.modules()):
        for name, conv in list(parent.named_children()):
            if isinstance(conv, nn.Conv2d) and conv.groups > 1:
                _replace(parent, name, _dense(conv))


def _dense(conv: nn.Conv2d) -> nn.Conv2d:
    dense = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,  # type: ignore[arg-type]
        conv.stride,  # type: ignore[arg-type]
        conv.padding,  # type: ignore[arg-type]
        bias=conv.bias is not None,
    )
    outputs, inputs = conv.out_channels // conv.groups, conv.in_channels // conv.groups
    with torch.no_grad():
        dense.weight.zero_()
        for group in range(conv.groups):
            rows, columns = slice(group * outputs, (group + 1) * outputs), slice(group * inputs, (group + 1) * inputs)
            dense.weight[rows, columns] = conv.weight[rows]
        if conv.bias is not None and dense.bias is not None:
            dense.bias.copy_(conv.bias)
    return dense


def fold_batch_norms(module: nn.Module) -> None:
    """Fold every batch normalisation that follows a convolution into it, in place.

    The pairs are those of timm's encoders: ``conv1``/``bn1``, ``conv2``/``bn2``, ``downsample``, and blocks of
    ``conv`` and ``bn`` in which the normalisation also applies the activation.
    """
    for parent in list(module.modules()):
        children = dict(parent.named_children())
        for conv_name, norm_name in (("conv1", "bn1"), ("conv2", "bn2"), ("0", "1"), ("conv", "bn")):
            conv, norm = children.get(conv_name), children.get(norm_name)
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                folded = fuse_conv_bn_eval(conv, norm)
                _replace(parent, conv_name, folded)
                activation = getattr(norm, "act", None)
                _replace(parent, norm_name, activation if isinstance(activation, nn.Module) else nn.Identity())


def _replace(parent: nn.Module, name: str, child: nn.Module) -> None:
    # Some of timm's containers are ordered dictionaries whose layers are no attributes.
    parent._modules[name] = child
