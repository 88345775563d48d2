"""Loss of the radar head: detections are matched to labels so that the order of the queries does not matter."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional

STATE_SCALE = (96.0, 80.0, 25.0)
"""Length and width of the window in metres and the largest speed: errors are measured in these."""
REGRESSION_WEIGHT, CLASSIFICATION_WEIGHT = 5.0, 1.0


def radar_loss(detections: Tensor, labels: Tensor) -> Tensor:
    """Compute the loss of the best one-to-one matching.

    Args:
        detections: (B, n, 4) x, y, speed, logit of being valid.
        labels: (B, n, 4) x, y, speed, 1 for a detection and 0 for a filler.

    Returns:
        (B,) float32.
    """
    detections, labels = detections.float(), labels.float()
    valid = labels[..., 3]
    scale = detections.new_tensor(STATE_SCALE)
    distance = ((detections[:, :, None, :3] - labels[:, None, :, :3]).abs() / scale).sum(-1)
    shape = distance.shape
    entropy = functional.binary_cross_entropy_with_logits(
        detections[:, :, None, 3].expand(shape), valid[:, None, :].expand(shape), reduction="none"
    )
    cost = REGRESSION_WEIGHT * distance * valid[:, None] + CLASSIFICATION_WEIGHT * entropy
    # One copy to the host for the whole batch: a synchronisation per sample would cost more than the matching.
    matched = np.stack([linear_sum_assignment(sample)[1] for sample in cost.detach().cpu().numpy()])
    columns = torch.from_numpy(matched).to(detections.device).unsqueeze(-1)
    matched_distance = distance.gather(2, columns)[..., 0]
    matched_entropy = entropy.gather(2, columns)[..., 0]
    matched_valid = valid.gather(1, columns[..., 0])
    regression = (matched_distance * matched_valid).sum(1) / matched_valid.sum(1).clamp(min=1.0)
    return REGRESSION_WEIGHT * regression + CLASSIFICATION_WEIGHT * matched_entropy.mean(1)
