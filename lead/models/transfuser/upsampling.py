"""Bilinear resizing whose gradient is gathered.

PyTorch's own gradient of bilinear resizing scatters every pixel with atomic additions, and autocast has it computed in
float32 besides: in a training step of the perspective heads that alone costs as much as all forward convolutions. For
whole factors the gradient is a weighted sum of a few strided slices, which is what this module computes.
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
        out: Tensor = _GatheredUpsampling.apply(x, *factors)  # type: ignore[no-untyped-call]
        return out
    return functional.interpolate(x, size=shape, mode="bilinear", align_corners=False)


class _GatheredUpsampling(torch.autograd.Function):
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
        rows, columns = ctx.factors
        return _gather(_gather(gradient, columns, 3), rows, 2).to(gradient.dtype), None, None


def _gather(gradient: Tensor, factor: int, axis: int) -> Tensor:
    """Return the gradient before upsampling along an axis, float32 or better.

    Of an upsampled line every source pixel reached the ``2 * factor`` pixels around it, with weights that fall off
    linearly; what would have come from beyond an end came from the last pixel there.
    """
    count = gradient.shape[axis] // factor
    # One more source on both sides, so that what lies beyond the ends can be folded back.
    margin = factor + factor // 2
    padding = (margin, margin) if axis == 3 else (0, 0, margin, margin)
    padded = functional.pad(gradient, padding)
    total: Tensor | None = None
    for tap in range(2 * factor):
        weight = (tap + 0.5) / factor if tap < factor else (2 * factor - tap - 0.5) / factor
        index = [slice(None)] * 4
        index[axis] = slice(tap, tap + (count + 1) * factor + 1, factor)
        part = padded[tuple(index)]
        part = part.float() if part.dtype in (torch.bfloat16, torch.float16) else part
        total = part * weight if total is None else total + part * weight
    assert total is not None
    before, inner, after = (total.narrow(axis, at, length) for at, length in ((0, 1), (1, count), (count + 1, 1)))
    if count == 1:
        return before + inner + after
    first, middle, last = (inner.narrow(axis, at, length) for at, length in ((0, 1), (1, count - 2), (count - 1, 1)))
    return torch.cat((first + before, middle, last + after), dim=axis)
