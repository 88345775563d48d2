"""Resizing has the values and the gradient of PyTorch's own."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from lead.models.transfuser.upsampling import resize


@pytest.mark.parametrize("factors", [(2, 2), (4, 4), (8, 2), (2, 8)])
@pytest.mark.parametrize("size", [(1, 3), (2, 2), (5, 7)])
def test_values_and_gradients_are_those_of_pytorch(factors: tuple[int, int], size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(2, 3, *size, generator=generator, dtype=torch.float64, requires_grad=True)
    shape = (factors[0] * size[0], factors[1] * size[1])
    weights = torch.rand(2, 3, *shape, generator=generator, dtype=torch.float64)
    ours = resize(x, shape)
    (gradient,) = torch.autograd.grad((ours * weights).sum(), x)
    theirs = functional.interpolate(x, size=shape, mode="bilinear", align_corners=False)
    (expected,) = torch.autograd.grad((theirs * weights).sum(), x)
    torch.testing.assert_close(ours, theirs, rtol=0.0, atol=1e-12)
    torch.testing.assert_close(gradient, expected, rtol=0.0, atol=1e-12)


def test_other_sizes_are_resized_too() -> None:
    x = torch.arange(12.0).view(1, 1, 3, 4).requires_grad_()
    assert resize(x, (5, 6)).shape == (1, 1, 5, 6)
    assert resize(x, (3, 4)) is x


def test_half_precision_stays_under_autocast() -> None:
    x = torch.rand(1, 2, 4, 4).bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        out = resize(x, (8, 8))
    assert out.dtype is torch.bfloat16
    out.float().sum().backward()
    assert x.grad is not None
    assert x.grad.dtype is torch.bfloat16
