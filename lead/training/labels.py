"""Which labels a network learns from: names, shapes and types, so that a batch is checked before a GPU sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from lead.errors import LeadError
from lead.models.transfuser.architecture import Architecture, Planner
from lead.models.transfuser.network import check_batch, input_shapes
from lead.models.transfuser.radar_head import QUERIES
from lead.training.losses.planning import check_speeds
from lead.training.losses.total import label_prefix
from lead.training.sides import has_depth, sides


class LabelError(LeadError):
    """A batch lacks a label, or has one that nothing can be learnt from."""


@dataclass(frozen=True)
class LabelSpec:
    """What a label looks like.

    Attributes:
        shape: Shape without the batch axis.
        dtype: Type of its values.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32


def label_specs(architecture: Architecture) -> dict[str, LabelSpec]:
    """Return the labels of a network by their published names."""
    specs: dict[str, LabelSpec] = {}
    for side in sides(architecture):
        specs |= _dense_specs(side)
    if len(sides(architecture)) > 1:
        specs["source_dataset"] = LabelSpec((), torch.int64)
    domain = architecture.domain
    if architecture.planner is not Planner.NONE:
        specs["future_waypoints"] = LabelSpec((domain.waypoints, 2))
        if domain.has_headings:
            specs["future_yaws"] = LabelSpec((domain.waypoints,))
        if domain.path_points:
            specs["route"] = LabelSpec((domain.path_points, 2))
        if domain.speed_bins_mps:
            specs["target_speed"] = LabelSpec(())
            specs["brake"] = LabelSpec((), torch.bool)
    return specs


def _dense_specs(side: Architecture) -> dict[str, LabelSpec]:
    domain, prefix = side.domain, label_prefix(side)
    cells = domain.rig.bev.cell_shape
    specs = {f"{prefix}bev_semantic": LabelSpec(domain.rig.bev.shape, torch.uint8)}
    for name, channels in (
        ("heatmap", domain.box_classes),
        ("wh", 2),
        ("offset", 2),
        ("pixel_weight", 2),
        ("yaw_res", 1),
        ("velocity", 1),
    ):
        specs[f"{prefix}center_net_{name}"] = LabelSpec((channels, *cells))
    specs[f"{prefix}center_net_yaw_class"] = LabelSpec(cells, torch.int32)
    specs[f"{prefix}center_net_avg_factor"] = LabelSpec((), torch.int64)
    if domain.semantic_classes:
        specs["semantic"] = LabelSpec(side.image_shape, torch.uint8)
    if has_depth(side):
        specs["depth"] = LabelSpec(side.image_shape)
    if side.detects_radar:
        specs["radar_detections"] = LabelSpec((QUERIES, 4))
    return specs


def check_training_batch(architecture: Architecture, batch: Mapping[str, Tensor]) -> None:
    """Refuse a batch that a network cannot learn from.

    Args:
        architecture: The network.
        batch: Inputs and labels, on the CPU.

    Raises:
        BatchError: If an input is missing or has a wrong shape.
        LabelError: The same for a label, or a target speed is negative.
    """
    check_batch(architecture, batch)
    for name, spec in label_specs(architecture).items():
        if name not in batch:
            raise LabelError(f"the batch has no label {name!r}")
        shape = tuple(batch[name].shape[1:])
        if shape != spec.shape:
            raise LabelError(f"the label {name!r} has the shape {shape} per sample; the network needs {spec.shape}")
    if "target_speed" in batch and "brake" in batch:
        try:
            check_speeds(batch["target_speed"], batch["brake"])
        except ValueError as error:
            raise LabelError(str(error)) from error


def training_names(architecture: Architecture) -> frozenset[str]:
    """Return the names of a batch that a step and its pictures need: only these are copied to the GPU."""
    boxes = {f"{label_prefix(side)}center_net_bounding_boxes" for side in sides(architecture)}
    return frozenset(input_shapes(architecture)) | frozenset(label_specs(architecture)) | boxes
