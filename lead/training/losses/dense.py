"""Losses of the dense heads: semantics and depth. Each returns one value per sample."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

IGNORED = -1


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
