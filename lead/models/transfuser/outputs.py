"""What the network returns: one record whose entries are None unless the head was there and was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from torch import Tensor


class Head(Enum):
    """Parts of the network that can be left out of a forward pass."""

    PLAN = "plan"
    BOXES = "boxes"
    BEV_SEMANTIC = "bev_semantic"
    SEMANTIC = "semantic"
    DEPTH = "depth"
    RADAR = "radar"


ALL_HEADS = frozenset(Head)
DRIVING_HEADS = frozenset({Head.PLAN})


@dataclass
class BoxMaps:
    """Dense predictions of the box head on the grid of 1 m cells (h rows, w columns).

    Attributes:
        heatmap_logits: (B, classes, h, w).
        size_m: (B, 2, h, w) half length and half width.
        offset: (B, 2, h, w) place of the centre in its cell, x and y, in cells.
        yaw_class_logits: (B, 12, h, w) yaw in bins of 30 degrees.
        yaw_residual_rad: (B, 1, h, w) rest of the yaw.
        velocity_mps: (B, 1, h, w) signed forward speed.
    """

    heatmap_logits: Tensor
    size_m: Tensor
    offset: Tensor
    yaw_class_logits: Tensor
    yaw_residual_rad: Tensor
    velocity_mps: Tensor

    @property
    def heatmap(self) -> Tensor:
        """Scores from 0 to 1, float32."""
        return self.heatmap_logits.float().sigmoid()


@dataclass
class TransfuserOutput:
    """Predictions of a batch; ego frame, metres.

    Attributes:
        waypoints_ego: (B, n, 2) positions at equal times.
        headings_rad: (B, n) headings at the waypoints.
        path_ego: (B, n, 2) points of the spatial path.
        target_speed_logits: (B, bins).
        target_speed_mps: (B,) expectation over the bins, float32.
        semantic_logits: (B, classes, H, W) perspective semantics.
        depth_m: (B, H, W).
        bev_semantic_logits: (B, classes, rows, columns).
        boxes: Maps of the box head.
        radar_features: (B, 20, width of the radar head).
        radar_detections: (B, 20, 4) x, y, speed in m/s, logit of being valid.
    """

    waypoints_ego: Tensor | None = None
    headings_rad: Tensor | None = None
    path_ego: Tensor | None = None
    target_speed_logits: Tensor | None = None
    target_speed_mps: Tensor | None = None
    semantic_logits: Tensor | None = None
    depth_m: Tensor | None = None
    bev_semantic_logits: Tensor | None = None
    boxes: BoxMaps | None = None
    radar_features: Tensor | None = None
    radar_detections: Tensor | None = None
