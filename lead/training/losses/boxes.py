"""Losses of the box head: a focal loss on the heat map, and regressions at the labelled centres."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from lead.models.transfuser.outputs import BoxMaps

FOCUS, NEAR_CENTRE = 2.0, 4.0
"""Powers of the focal loss: of the error, and of the distance from a centre."""


def heatmap_loss(logits: Tensor, target: Tensor, centres: Tensor) -> Tensor:
    """Gaussian focal loss, computed from logits.

    Args:
        logits: (B, classes, h, w).
        target: (B, classes, h, w) from 0 to 1, exactly 1 at centres.
        centres: (B,) divisor per sample.

    Returns:
        (B,) float32.
    """
    logits, target = logits.float(), target.float()
    p = logits.sigmoid()
    positive = functional.logsigmoid(logits) * (1.0 - p) ** FOCUS
    negative = functional.logsigmoid(-logits) * p**FOCUS * (1.0 - target) ** NEAR_CENTRE
    loss = -torch.where(target == 1.0, positive, negative)
    return loss.flatten(1).sum(1) / centres


def box_losses(maps: BoxMaps, labels: Mapping[str, Tensor], prefix: str = "") -> dict[str, Tensor]:
    """Compute all losses of the box head.

    Args:
        maps: Predictions.
        labels: ``center_net_*`` maps as the data loader makes them, their names after the prefix.
        prefix: Prefix of the labels' names.

    Returns:
        (B,) float32 each, by name without the prefix.
    """

    def label(name: str) -> Tensor:
        return labels[f"{prefix}center_net_{name}"]

    centres = label("avg_factor").float()
    weight = label("pixel_weight").float()
    at_centre = weight[:, :1]

    def regression(error: Tensor, weights: Tensor, divisor: float = 1.0) -> Tensor:
        return (error * weights).flatten(1).sum(1) / (divisor * centres)

    yaw_class = functional.cross_entropy(maps.yaw_class_logits.float(), label("yaw_class").long(), reduction="none")
    yaw_rest = functional.smooth_l1_loss(maps.yaw_residual_rad.float(), label("yaw_res").float(), reduction="none")
    return {
        "loss_center_net_heatmap": heatmap_loss(maps.heatmap_logits, label("heatmap"), centres),
        "loss_center_net_wh": regression((maps.size_m.float() - label("wh")).abs(), weight, 2.0),
        "loss_center_net_offset": regression((maps.offset.float() - label("offset")).abs(), weight, 2.0),
        "loss_center_net_yaw_class": regression(yaw_class.unsqueeze(1), at_centre),
        "loss_center_net_yaw_res": regression(yaw_rest, at_centre),
        "loss_center_net_velocity": regression((maps.velocity_mps.float() - label("velocity")).abs(), at_centre),
    }
