"""Losses of the planner, averaged over the batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def waypoint_loss(
    waypoints: Tensor, label: Tensor, headings: Tensor | None = None, heading_label: Tensor | None = None
) -> Tensor:
    """Mean absolute error of waypoints (B, n, 2), plus that of headings (B, n) where there are any."""
    loss = (waypoints.float() - label.float()).abs().mean()
    if headings is None:
        return loss
    assert heading_label is not None
    return loss + (headings.float() - heading_label.float()).abs().mean()


def path_loss(path: Tensor, label: Tensor, first_point_weight: float = 0.0) -> Tensor:
    """Mean absolute error of all points (B, n, 2), plus that of the last point, plus so often that of the first."""
    error = (path.float() - label.float()).abs()
    loss = error.mean() + error[:, -1].mean()
    return loss + first_point_weight * error[:, 0].mean() if first_point_weight else loss


def target_speed_loss(logits: Tensor, speed_mps: Tensor, brake: Tensor, bins_mps: Sequence[float]) -> Tensor:
    """Cross-entropy with the two-hot label of the speed; arguments as those of :func:`two_hot`."""
    return functional.cross_entropy(logits.float(), two_hot(speed_mps, brake, bins_mps))


def check_speeds(speed_mps: Tensor, brake: Tensor) -> None:
    """Refuse speeds that have no label.

    Raises:
        ValueError: If the speed of a sample that does not brake is negative or no number.
    """
    if not bool((torch.where(brake.bool(), 0.0, speed_mps.float()) >= 0.0).all()):
        raise ValueError("target speeds must be numbers of at least 0")


def two_hot(speed_mps: Tensor, brake: Tensor, bins_mps: Sequence[float]) -> Tensor:
    """Share each speed between the two bins around it.

    Args:
        speed_mps: (B,) wanted speeds, at least 0.
        brake: (B,) bool; a braking sample wants speed 0.
        bins_mps: Speeds of the classes, growing from 0.

    Returns:
        (B, bins) float32; rows sum to 1.

    Raises:
        ValueError: If a speed is negative or no number; looked at on the CPU only, since a GPU would have to be waited
            for (see :func:`check_speeds`).
    """
    if speed_mps.device.type == "cpu" and not torch.compiler.is_compiling():
        check_speeds(speed_mps, brake)
    bins = torch.tensor(bins_mps, dtype=torch.float32, device=speed_mps.device)
    speed = torch.where(brake.bool(), 0.0, speed_mps.float())
    speed = speed.clamp(max=bins_mps[-1])
    upper = torch.searchsorted(bins, speed, right=True).clamp(max=len(bins) - 1)
    lower = upper - 1
    share = (speed - bins[lower]) / (bins[upper] - bins[lower])
    label = torch.zeros(len(speed), len(bins), device=speed.device)
    label.scatter_(1, lower[:, None], (1.0 - share)[:, None])
    label.scatter_(1, upper[:, None], share[:, None])
    return label
