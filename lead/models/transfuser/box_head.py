"""Boxes of road users as centre points (CenterNet), and the way from the dense maps to a list of boxes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from lead.models.transfuser.backbone import BEV_CHANNELS
from lead.models.transfuser.outputs import BoxMaps
from lead.sensing.rigs import BevWindow

YAW_BINS = 12
TOP_K = 100
PEAK_WINDOW = 3
MIN_SCORE = 0.3
COLUMNS = ("x", "y", "half_length", "half_width", "yaw", "velocity", "brake", "class", "score")


class CenterNetHead(nn.Module):
    """Six small branches over the dense bird's-eye-view map."""

    def __init__(self, classes: int) -> None:
        """Create the head for a number of classes."""
        super().__init__()
        self.heatmap_head = _branch(classes)
        self.wh_head = _branch(2)
        self.offset_head = _branch(2)
        self.yaw_class_head = _branch(YAW_BINS)
        self.yaw_res_head = _branch(1)
        self.velocity_head = _branch(1)

    def forward(self, bev: Tensor) -> BoxMaps:
        """Predict the maps from (B, 64, h, w)."""
        return BoxMaps(
            self.heatmap_head(bev),
            self.wh_head(bev),
            self.offset_head(bev),
            self.yaw_class_head(bev),
            self.yaw_res_head(bev),
            self.velocity_head(bev),
        )


def _branch(outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(BEV_CHANNELS, BEV_CHANNELS, 3, padding=1), nn.ReLU(), nn.Conv2d(BEV_CHANNELS, outputs, 1)
    )


def decode_raster(maps: BoxMaps, pixels_per_cell: float) -> Tensor:
    """Turn the maps into the best boxes.

    Args:
        maps: Dense predictions.
        pixels_per_cell: Pixels of the raster per cell of the maps.

    Returns:
        (B, 100, 9) float32, best first, columns as :data:`COLUMNS`: the first four in pixels of the raster, yaw in
        radians in (-pi, pi], velocity in m/s, brake 0. Cells that are no peak appear with score 0.
    """
    heatmap = maps.heatmap
    peaks = functional.max_pool2d(heatmap, PEAK_WINDOW, stride=1, padding=PEAK_WINDOW // 2)
    batch, _, rows, columns = heatmap.shape
    scores, indices = torch.where(peaks == heatmap, heatmap, 0.0).flatten(1).topk(TOP_K)
    classes = torch.div(indices, rows * columns, rounding_mode="floor")
    cells = indices % (rows * columns)

    def at_cells(dense: Tensor) -> Tensor:
        flat = dense.float().flatten(2).transpose(1, 2)
        return flat.gather(1, cells.unsqueeze(-1).expand(batch, TOP_K, flat.shape[-1]))

    column, row = cells % columns, torch.div(cells, columns, rounding_mode="floor")
    centre = torch.stack((column, row), dim=-1) + at_cells(maps.offset)
    yaw = (
        at_cells(maps.yaw_class_logits).argmax(-1) * (2.0 * math.pi / YAW_BINS)
        + at_cells(maps.yaw_residual_rad)[..., 0]
    )
    yaw = torch.where(yaw > math.pi, yaw - 2.0 * math.pi, yaw)
    return torch.cat(
        (
            centre * pixels_per_cell,
            at_cells(maps.size_m) * pixels_per_cell,
            yaw.unsqueeze(-1),
            at_cells(maps.velocity_mps),
            torch.zeros_like(scores).unsqueeze(-1),
            classes.unsqueeze(-1).float(),
            scores.unsqueeze(-1),
        ),
        dim=-1,
    )


def to_ego(boxes: Tensor, window: BevWindow, min_score: float = MIN_SCORE) -> Tensor:
    """Turn the boxes of one sample from the raster's into the ego frame.

    Args:
        boxes: (n, 9) of :func:`decode_raster`.
        window: The raster.
        min_score: Boxes that do not score more are dropped.

    Returns:
        (m, 9), lengths in metres.
    """
    kept = boxes[boxes[:, 8] > min_score].clone()
    kept[:, :4] /= window.pixels_per_m
    kept[:, 0] += window.min_x_m
    kept[:, 1] += window.min_y_m
    return kept
