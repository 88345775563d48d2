"""Bilinear resizing whose gradient is two matrix products.

PyTorch's own gradient of bilinear resizing scatters every pixel with atomic additions, and autocast has it computed in
float32 besides: in a training step of the perspective heads that alone costs as much as all forward convolutions. Rows
and columns are resized independently, each by a matrix, so the gradient is a product with the one matrix and the other:
work for matrix units, which read the large gradient once.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def resize(x: Tensor, shape: tuple[int, int]) -> Tensor:
    """Resize maps bilinearly, pixel centres at half integers.

    Args:
        x: (B, C, h, w).
        shape: Rows and columns of the result; maps of that shape are returned as they are.

    Returns:
        (B, C, *shape) in the type of ``x``.
    """
    if tuple(x.shape[-2:]) == shape:
        return x
    factors = (shape[0] // x.shape[-2], shape[1] // x.shape[-1])
    has_even_factors = all(
        factor % 2 == 0 and factor * size == wanted
        for factor, size, wanted in zip(factors, x.shape[-2:], shape, strict=True)
    )
    if has_even_factors and torch.is_grad_enabled() and x.requires_grad:
        out: Tensor = _Upsampling.apply(x, *factors)  # type: ignore[no-untyped-call]
        return out
    return functional.interpolate(x, size=shape, mode="bilinear", align_corners=False)


class _Upsampling(torch.autograd.Function):
    """Bilinear upsampling by even factors."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, row_factor: int, column_factor: int) -> Tensor:
        ctx.factors = row_factor, column_factor
        size = (x.shape[-2] * row_factor, x.shape[-1] * column_factor)
        with torch.autocast(x.device.type, enabled=False):
            return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        batch, channels, rows, columns = gradient.shape
        row_factor, column_factor = ctx.factors
        # Channels last in memory: a copy only for maps that are not laid out so already.
        large = gradient.permute(0, 2, 3, 1).contiguous()
        with torch.autocast(gradient.device.type, enabled=False):
            narrow = _weights(columns // column_factor, column_factor, gradient).T @ large
            flat = narrow.reshape(batch, rows, columns // column_factor * channels)
            small = _weights(rows // row_factor, row_factor, gradient).T @ flat
        shape = (batch, rows // row_factor, columns // column_factor, channels)
        return small.reshape(shape).permute(0, 3, 1, 2), None, None


def _weights(size: int, factor: int, like: Tensor) -> Tensor:
    """Return the matrix (size * factor, size) that upsamples a line; exact in bfloat16 up to factor 8."""
    lines = torch.eye(size, device=like.device)[None]
    up = functional.interpolate(lines, size=size * factor, mode="linear", align_corners=False)
    return up[0].T.to(like.dtype)
