"""Combines the members of an ensemble: means, class-wise extremes and boxes without overlap, as published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lead.config.open_loop import OpenLoopConfig
from lead.geometry.box_overlap import suppress_overlapping
from lead.models.transfuser.architecture import Architecture
from lead.models.transfuser.box_head import decode_raster, to_ego
from lead.models.transfuser.outputs import TransfuserOutput
from lead.sensing.rigs import BevWindow

Float32 = NDArray[np.float32]

MEANS = ("waypoints_ego", "path_ego", "headings_rad", "target_speed_logits", "depth_m")
EXTREMES = ("semantic_logits", "bev_semantic_logits")
STACKED = ("boxes_raster", "radar_detections")
MAX_IOU = 0.2


@dataclass(frozen=True)
class Prediction:
    """What an ensemble predicts for one sample; ego frame, metres, float32. None for what was not asked for.

    Attributes:
        waypoints_ego: (n, 2) positions at equal times.
        headings_rad: (n,) headings there.
        path_ego: (n, 2) points of the path, 1 m apart.
        target_speed_mps: Speed to drive at.
        target_speed_probabilities: (bins,).
        boxes_ego: (n, 9) x, y, half length, half width, yaw, velocity, brake (0), class, score; best first.
        radar_detections: (20, 4) x, y, speed, logit of being valid, of the first member.
        semantic_logits: (classes, H, W).
        depth_m: (H, W).
        bev_semantic_logits: (classes, rows, columns).
    """

    waypoints_ego: Float32 | None = None
    headings_rad: Float32 | None = None
    path_ego: Float32 | None = None
    target_speed_mps: float | None = None
    target_speed_probabilities: Float32 | None = None
    boxes_ego: Float32 | None = None
    radar_detections: Float32 | None = None
    semantic_logits: Float32 | None = None
    depth_m: Float32 | None = None
    bev_semantic_logits: Float32 | None = None


def flat_outputs(out: TransfuserOutput, pixels_per_cell: float) -> dict[str, Tensor]:
    """Return the outputs that matter after the network by name, boxes decoded to (B, 100, 9) in the raster's frame."""
    flat = {
        name: getattr(out, name) for name in (*MEANS, *EXTREMES, "radar_detections") if getattr(out, name) is not None
    }
    if out.boxes is not None:
        flat["boxes_raster"] = decode_raster(out.boxes, pixels_per_cell)
    return flat


def combine(members: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Combine the outputs of members that saw the same batch.

    Args:
        members: Results of :func:`flat_outputs`, of all members on one device.

    Returns:
        float32 by the same names: means; for classes the least logit of class 0 and the largest of all others; boxes
        and radar detections of all members, (members, B, n, ...).
    """
    combined = {}
    for name in members[0]:
        stacked = torch.stack([member[name] for member in members])
        if name in STACKED:
            combined[name] = stacked.float()
        elif name in MEANS:
            combined[name] = stacked.float().mean(0)
        else:
            lowest, highest = stacked[:, :, :1].amin(0), stacked[:, :, 1:].amax(0)
            combined[name] = torch.cat((lowest, highest), dim=1).float()
    return combined


def to_predictions(
    combined: Mapping[str, Tensor], architecture: Architecture, config: OpenLoopConfig
) -> list[Prediction]:
    """Turn combined outputs into one prediction per sample of the batch.

    Args:
        combined: Result of :func:`combine`, on the CPU.
        architecture: The members' network.
        config: How the target speed follows from the logits.
    """
    arrays = {name: tensor.numpy() for name, tensor in combined.items()}
    batch = next(iter(arrays.values())).shape[1 if next(iter(arrays)) in STACKED else 0]
    return [_prediction(arrays, index, architecture, config) for index in range(batch)]


def _prediction(
    arrays: Mapping[str, Float32], index: int, architecture: Architecture, config: OpenLoopConfig
) -> Prediction:
    def sample(name: str) -> Float32 | None:
        return arrays[name][index] if name in arrays else None

    logits, boxes, radar = sample("target_speed_logits"), arrays.get("boxes_raster"), arrays.get("radar_detections")
    speed, probabilities = None, None
    if logits is not None:
        probabilities = speed_probabilities(logits)
        speed = target_speed(probabilities, architecture.domain.speed_bins_mps, config)
    return Prediction(
        waypoints_ego=sample("waypoints_ego"),
        headings_rad=sample("headings_rad"),
        path_ego=sample("path_ego"),
        target_speed_mps=speed,
        target_speed_probabilities=probabilities,
        boxes_ego=None if boxes is None else merge_boxes(boxes[:, index], architecture.domain.rig.bev),
        radar_detections=None if radar is None else radar[0, index],
        semantic_logits=sample("semantic_logits"),
        depth_m=sample("depth_m"),
        bev_semantic_logits=sample("bev_semantic_logits"),
    )


def speed_probabilities(logits: Float32) -> Float32:
    """Softmax of the speed classes' logits (bins,)."""
    powers = np.exp(logits - logits.max())
    probabilities: Float32 = powers / powers.sum()
    return probabilities


def target_speed(probabilities: Float32, bins_mps: Sequence[float], config: OpenLoopConfig) -> float:
    """Return the expected speed, or 0 where standing is likely enough."""
    if probabilities[0] > config.brake_threshold:
        return 0.0
    speed = float(np.dot(probabilities.astype(np.float64), bins_mps))
    return speed * config.lower_target_speed_factor if config.lower_target_speed else speed


def merge_boxes(members: Float32, window: BevWindow) -> Float32:
    """Pool the members' boxes and leave out those that overlap a better one.

    Args:
        members: (members, n, 9) boxes in the raster's frame (pixels).
        window: The raster.

    Returns:
        (m, 9) boxes in the ego frame, best first; all classes compete with each other.
    """
    boxes: Float32 = to_ego(torch.from_numpy(members.reshape(-1, members.shape[-1])), window).numpy()
    chosen: Float32 = boxes[suppress_overlapping(boxes, boxes[:, 8], MAX_IOU)]
    return chosen
