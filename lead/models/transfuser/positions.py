"""Fixed sine codes of places, as the published weights expect them: the row's block comes before the column's."""

from __future__ import annotations

import math

import torch
from torch import Tensor

TEMPERATURE = 10000.0


def _sine_block(angles: Tensor, channels: int) -> Tensor:
    """Code angles (...,) in ``channels`` interleaved sines and cosines: (..., channels)."""
    k = torch.arange(channels, device=angles.device, dtype=torch.float32)
    divisors = TEMPERATURE ** (2.0 * torch.div(k, 2, rounding_mode="floor") / channels)
    phases = angles.float().unsqueeze(-1) / divisors
    return torch.stack((phases[..., 0::2].sin(), phases[..., 1::2].cos()), dim=-1).flatten(-2)


def grid_code(rows: int, columns: int, channels: int) -> Tensor:
    """Code the cells of a grid.

    Positions count from 1 and are divided by the number of rows or columns.

    Returns:
        (channels, rows, columns) float32.
    """
    y = torch.arange(1, rows + 1, dtype=torch.float32) / (rows + 1e-6) * 2.0 * math.pi
    x = torch.arange(1, columns + 1, dtype=torch.float32) / (columns + 1e-6) * 2.0 * math.pi
    half = channels // 2
    y_code = _sine_block(y, half)[:, None].expand(rows, columns, half)
    x_code = _sine_block(x, half)[None].expand(rows, columns, half)
    return torch.cat((y_code, x_code), dim=-1).permute(2, 0, 1).contiguous()


def point_code(points: Tensor, channels: int) -> Tensor:
    """Code points of the unit square.

    Args:
        points: (..., 2) x and y, each from 0 to 1.
        channels: Width of the code.

    Returns:
        (..., channels) float32.
    """
    angles = points.float() * 2.0 * math.pi
    half = channels // 2
    return torch.cat((_sine_block(angles[..., 1], half), _sine_block(angles[..., 0], half)), dim=-1)
