"""Loss of the radar head: detections are matched to labels so that the order of the queries does not matter.

The best matching is found on the host, by an algorithm that no GPU runs well. So the costs of the whole batch are
copied at once and without waiting, and the answer is asked for when the GPU has been given other work to do meanwhile.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional

STATE_SCALE = (96.0, 80.0, 25.0)
"""Length and width of the window in metres and the largest speed: errors are measured in these."""
REGRESSION_WEIGHT, CLASSIFICATION_WEIGHT = 5.0, 1.0


def radar_loss(detections: Tensor, labels: Tensor) -> Tensor:
    """Compute the loss of the best one-to-one matching at once; see :class:`RadarMatching`."""
    return RadarMatching(detections, labels).loss()


class RadarMatching:
    """A matching under way: made when the detections are there, asked for its loss when everything else is queued."""

    def __init__(self, detections: Tensor, labels: Tensor) -> None:
        """Compute the costs and start to copy them to the host.

        Args:
            detections: (B, n, 4) x, y, speed, logit of being valid.
            labels: (B, n, 4) x, y, speed, 1 for a detection and 0 for a filler.
        """
        detections, labels = detections.float(), labels.float()
        self._valid = labels[..., 3]
        scale = detections.new_tensor(STATE_SCALE)
        self._distance = ((detections[:, :, None, :3] - labels[:, None, :, :3]).abs() / scale).sum(-1)
        shape = self._distance.shape
        self._entropy = functional.binary_cross_entropy_with_logits(
            detections[:, :, None, 3].expand(shape), self._valid[:, None, :].expand(shape), reduction="none"
        )
        cost = REGRESSION_WEIGHT * self._distance * self._valid[:, None] + CLASSIFICATION_WEIGHT * self._entropy
        self._copied: torch.cuda.Event | None = None
        if cost.is_cuda:
            self._cost = torch.empty(cost.shape, dtype=cost.dtype, pin_memory=True)
            self._cost.copy_(cost.detach(), non_blocking=True)
            self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._copied.record()
        else:
            self._cost = cost.detach()

    def loss(self) -> Tensor:
        """Return the loss (B,), float32."""
        if self._copied is not None:
            self._copied.synchronize()
        matched = torch.from_numpy(_match(self._cost.numpy()))
        if self._copied is not None:
            matched = matched.pin_memory().to(self._distance.device, non_blocking=True)
        columns = matched.unsqueeze(-1)
        distance = self._distance.gather(2, columns)[..., 0]
        entropy = self._entropy.gather(2, columns)[..., 0]
        valid = self._valid.gather(1, matched)
        regression = (distance * valid).sum(1) / valid.sum(1).clamp(min=1.0)
        return REGRESSION_WEIGHT * regression + CLASSIFICATION_WEIGHT * entropy.mean(1)


def _match(costs: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the label (B, n) of each detection for costs (B, n, n)."""
    if not np.isfinite(costs).all():
        # The loss is no number either, and the step is skipped; any matching will do.
        costs = np.zeros_like(costs)
    return np.stack([linear_sum_assignment(sample)[1] for sample in costs]).astype(np.int64)
