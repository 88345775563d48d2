"""A picture of what a network should have said of a sample and what it said: labels above, predictions below."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lead.models.transfuser.architecture import Architecture
from lead.models.transfuser.box_head import decode_raster, to_ego
from lead.models.transfuser.outputs import TransfuserOutput
from lead.sensing.rigs import BevWindow
from lead.training.losses.total import label_prefix
from lead.training.run_log import Picture
from lead.training.sides import output_of, rows_of, sides
from lead.visualization.palettes import BEV_COLORS, NAVSIM_BEV_COLORS, SEMANTIC_COLORS, Palette

Float32 = NDArray[np.float32]

PICTURE = "training"
ROW_HEIGHT_PX = 384
IMAGE_SHARE = 0.55
"""How much of the camera image shines through the semantics."""
WAYPOINT_COLOR, PATH_COLOR, TARGET_COLOR = (255, 120, 0), (0, 200, 255), (255, 0, 255)
BOX_COLOR = (0, 255, 0)


@torch.no_grad()
def draw_sides(out: TransfuserOutput, batch: Mapping[str, Tensor], architecture: Architecture) -> dict[str, Picture]:
    """Draw the first sample of a batch, in a mixture the first of each source, by the name of the picture."""
    both = sides(architecture)
    if len(both) == 1:
        return {PICTURE: draw_sample(out, batch, architecture)}
    pictures = {}
    for side in both:
        rows = rows_of(side, batch).tolist()
        if rows:
            own = replace(output_of(out, side), waypoints_ego=out.waypoints_ego)
            pictures[f"{PICTURE}_{side.domain.name}"] = draw_sample(own, batch, side, rows[0])
    return pictures


@torch.no_grad()
def draw_sample(
    out: TransfuserOutput, batch: Mapping[str, Tensor], architecture: Architecture, row: int = 0
) -> Picture:
    """Draw one sample of a batch.

    Args:
        out: Predictions for the batch.
        batch: Inputs and labels of the batch.
        architecture: The network.
        row: Which sample.

    Returns:
        (2 * height, width, 3) RGB.
    """
    prefix = label_prefix(architecture)
    labels = {
        "semantic": None if out.semantic_logits is None else batch["semantic"],
        "bev": batch.get(f"{prefix}bev_semantic"),
        "waypoints": batch.get("future_waypoints"),
        "path": batch.get("route"),
    }
    predictions = {
        "semantic": None if out.semantic_logits is None else out.semantic_logits.argmax(1),
        "bev": None if out.bev_semantic_logits is None else out.bev_semantic_logits.argmax(1),
        "waypoints": out.waypoints_ego,
        "path": out.path_ego,
    }
    boxes = batch.get(f"{prefix}center_net_bounding_boxes")
    labelled = (
        np.empty((0, 9), np.float32) if boxes is None else _filled(boxes[row].float().cpu().numpy(), architecture)
    )
    predicted = np.empty((0, 9), np.float32)
    if out.boxes is not None:
        window = architecture.domain.rig.bev
        predicted = to_ego(decode_raster(out.boxes, window.pixels_per_m)[row], window).cpu().numpy()
    rows = [
        _row(batch, {name: _sample(value, row) for name, value in side.items()}, drawn, architecture, row)
        for side, drawn in ((labels, labelled), (predictions, predicted))
    ]
    return np.concatenate(rows)


def _row(
    batch: Mapping[str, Tensor],
    maps: Mapping[str, NDArray[np.generic] | None],
    boxes_ego: Float32,
    architecture: Architecture,
    row: int,
) -> Picture:
    parts = [_image(batch["rgb"][row], maps["semantic"])]
    if maps["bev"] is not None:
        parts.append(_bev(maps, boxes_ego, architecture, _sample(batch.get("target_point"), row)))
    scaled = [_to_height(part) for part in parts]
    return np.concatenate(scaled, axis=1)


def _image(rgb: Tensor, semantic: NDArray[np.generic] | None) -> Picture:
    image = rgb.permute(1, 2, 0).float().cpu().numpy()
    if semantic is not None:
        colors = SEMANTIC_COLORS[np.clip(semantic.astype(np.int64), 0, len(SEMANTIC_COLORS) - 1)]
        image = IMAGE_SHARE * image + (1.0 - IMAGE_SHARE) * colors
    picture: Picture = image.astype(np.uint8)
    return picture


def _bev(
    maps: Mapping[str, NDArray[np.generic] | None],
    boxes_ego: Float32,
    architecture: Architecture,
    target_point: NDArray[np.generic] | None,
) -> Picture:
    window, bev = architecture.domain.rig.bev, maps["bev"]
    assert bev is not None
    palette: Palette = BEV_COLORS if architecture.domain.bev_classes == len(BEV_COLORS) else NAVSIM_BEV_COLORS
    picture = np.ascontiguousarray(palette[np.clip(bev.astype(np.int64), 0, len(palette) - 1)])
    for box in boxes_ego:
        corners = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]]) * box[2:4]
        cos, sin = np.cos(box[4]), np.sin(box[4])
        turned = corners @ np.array([[cos, sin], [-sin, cos]]) + box[:2]
        cv2.polylines(picture, [_pixels(turned, window)], True, BOX_COLOR)
    for name, color in (("path", PATH_COLOR), ("waypoints", WAYPOINT_COLOR)):
        points = maps[name]
        if points is not None:
            for x, y in _pixels(points.astype(np.float64), window):
                cv2.circle(picture, (int(x), int(y)), 2, color, -1, cv2.LINE_AA)
    if target_point is not None:
        x, y = _pixels(target_point.astype(np.float64)[None], window)[0]
        cv2.circle(picture, (int(x), int(y)), 4, TARGET_COLOR, 1, cv2.LINE_AA)
    # The ego drives upwards in the picture: columns grow with x, rows with y.
    return np.ascontiguousarray(np.rot90(picture))


def _pixels(points_ego: NDArray[np.float64], window: BevWindow) -> NDArray[np.int32]:
    place = (points_ego - (window.min_x_m, window.min_y_m)) * window.pixels_per_m
    return np.asarray(np.clip(np.rint(place), -1e4, 1e4), dtype=np.int32)


def _filled(boxes_raster: Float32, architecture: Architecture) -> Float32:
    """Return the labelled boxes without fillers, in the ego frame."""
    window = architecture.domain.rig.bev
    boxes: Float32 = boxes_raster[boxes_raster[:, 2] > 0.0].copy()
    boxes[:, :4] /= window.pixels_per_m
    boxes[:, 0] += window.min_x_m
    boxes[:, 1] += window.min_y_m
    return boxes


def _sample(values: Tensor | None, row: int) -> NDArray[np.generic] | None:
    if values is None:
        return None
    value = values[row].detach()
    return np.asarray((value.float() if value.is_floating_point() else value).cpu().numpy())


def _to_height(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    size = (round(width * ROW_HEIGHT_PX / height), ROW_HEIGHT_PX)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
