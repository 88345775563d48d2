"""Losses of the dense heads: semantics and depth. Each returns one value per sample."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from lead.sensing.rigs import BevWindow

IGNORED = -1
ALL_ROUND_CAMERAS = 3
"""With so many cameras nothing of the bird's-eye view is left out."""
_VIEW_DEG, _MARGIN_DEG = 60.0, 5.0


def semantic_loss(logits: Tensor, classes: Tensor) -> Tensor:
    """Cross-entropy per pixel, averaged over all pixels.

    Args:
        logits: (B, classes, H, W).
        classes: (B, H, W) integers; pixels of class -1 cost nothing but count in the average.

    Returns:
        (B,) float32.
    """
    per_pixel = functional.cross_entropy(logits.float(), classes.long(), ignore_index=IGNORED, reduction="none")
    return per_pixel.flatten(1).mean(1)


def visible_classes(classes: Tensor, window: BevWindow, cameras: int) -> Tensor:
    """Let a network with few cameras ignore what they cannot see.

    Args:
        classes: (B, rows, columns) labels of the bird's-eye view.
        window: Their place on the ground.
        cameras: Number of cameras, each with 60 degrees of view and the first ones ahead.

    Returns:
        The labels, int64, with -1 outside the fan ahead of the ego that the cameras see, as published.
    """
    if cameras >= ALL_ROUND_CAMERAS:
        return classes.long()
    rows, columns = classes.shape[-2:]
    x = (torch.arange(columns, device=classes.device) + 0.5) / window.pixels_per_m + window.min_x_m
    y = (torch.arange(rows, device=classes.device) + 0.5) / window.pixels_per_m + window.min_y_m
    half_fan_rad = math.radians(cameras * _VIEW_DEG + _MARGIN_DEG) / 2.0
    is_visible = torch.atan2(y[:, None], x[None]).abs() <= half_fan_rad
    return torch.where(is_visible, classes.long(), IGNORED)


def depth_loss(depth_m: Tensor, label_m: Tensor, *, floored: bool) -> Tensor:
    """Mean absolute error.

    Args:
        depth_m: (B, H, W) predictions.
        label_m: (B, H, W) labels.
        floored: Compare with whole metres, as the published weights were trained.

    Returns:
        (B,) float32.
    """
    label = label_m.float().trunc() if floored else label_m.float()
    return (depth_m.float() - label).abs().flatten(1).mean(1)
