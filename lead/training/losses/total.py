"""All losses of a batch by their published names, and the weights with which they are summed."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from lead.models.transfuser.architecture import Architecture, LidarInput, Planner
from lead.models.transfuser.outputs import TransfuserOutput
from lead.training.losses.boxes import box_losses
from lead.training.losses.dense import depth_loss, semantic_loss, visible_classes
from lead.training.losses.planning import path_loss, target_speed_loss, waypoint_loss
from lead.training.losses.radar import RadarMatching
from lead.training.sides import has_depth, is_of, output_of, sides

DEPTH_WEIGHT = 1e-5
BOX_LOSSES = tuple(
    f"loss_center_net_{name}" for name in ("heatmap", "wh", "offset", "yaw_class", "yaw_res", "velocity")
)
PLANNING_LOSSES = ("loss_spatio_temporal_waypoints", "loss_target_speed", "loss_spatial_route")


def label_prefix(architecture: Architecture) -> str:
    """Return what comes before the names of dense labels and losses of the architecture's domain."""
    return "" if architecture.domain.name == "carla" else f"{architecture.domain.name}_"


def loss_weights(architecture: Architecture) -> dict[str, float]:
    """Return the weight of each loss.

    Raw weights are 1, but 1e-5 for depth, and 0 for what a domain or a network lacks; all are divided by their sum. In
    a mixture the dense losses of both sources are in it. The planning losses count in that sum also where only some
    of them exist, as in NAVSIM: published weights were trained like this.
    """
    has_plan = architecture.planner is not Planner.NONE
    weights: dict[str, float] = {}
    for side in sides(architecture):
        weights |= _dense_weights(side)
    weights |= dict.fromkeys(PLANNING_LOSSES, float(has_plan))
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def _dense_weights(side: Architecture) -> dict[str, float]:
    domain, prefix = side.domain, label_prefix(side)
    has_velocity = domain.name == "carla" and side.lidar_input is LidarInput.RASTER
    weights = {
        f"{prefix}loss_semantic": float(domain.semantic_classes > 0),
        f"{prefix}loss_depth": DEPTH_WEIGHT * has_depth(side),
        f"{prefix}loss_bev_semantic": 1.0,
        **{f"{prefix}{name}": 1.0 for name in BOX_LOSSES},
        f"{prefix}radar_loss": float(side.detects_radar),
    }
    weights[f"{prefix}loss_center_net_velocity"] = float(has_velocity)
    return weights


def compute_losses(
    out: TransfuserOutput, labels: Mapping[str, Tensor], architecture: Architecture, first_point_weight: float = 0.0
) -> dict[str, Tensor]:
    """Compute the losses of all predictions that are there.

    Args:
        out: Predictions for a batch.
        labels: Labels by their published names.
        architecture: The network.
        first_point_weight: See :func:`lead.training.losses.planning.path_loss`.

    Returns:
        Scalars by name, float32, not weighted.
    """
    prefix = label_prefix(architecture)
    # The matching goes first: the host solves it while a GPU computes the other losses.
    matching = None
    if out.radar_detections is not None:
        matching = RadarMatching(out.radar_detections, labels["radar_detections"])
    losses = dense_losses(out, labels, architecture)
    losses.update(planning_losses(out, labels, architecture, first_point_weight))
    if matching is not None:
        losses[f"{prefix}radar_loss"] = matching.loss().mean()
    return losses


def dense_losses(out: TransfuserOutput, labels: Mapping[str, Tensor], architecture: Architecture) -> dict[str, Tensor]:
    """Compute the losses of images, rasters and boxes; arguments as those of :func:`compute_losses`.

    In a mixture each is averaged over the samples of its own source, and 0 where there are none.
    """
    both = sides(architecture)
    if len(both) == 1:
        return {name: values.mean() for name, values in _dense_of(out, labels, architecture).items()}
    losses: dict[str, Tensor] = {}
    for side in both:
        is_own = is_of(side, labels)
        count = is_own.sum().clamp(min=1)
        for name, values in _dense_of(output_of(out, side), _filled(labels, side), side).items():
            losses[name] = torch.where(is_own, values, 0.0).sum() / count
    return losses


def _filled(labels: Mapping[str, Tensor], side: Architecture) -> dict[str, Tensor]:
    """Let the losses of samples without such labels be finite: even unused, a division by 0 spoils the gradient."""
    name = f"{label_prefix(side)}center_net_avg_factor"
    return {**labels, name: labels[name].clamp(min=1)}


def _dense_of(out: TransfuserOutput, labels: Mapping[str, Tensor], side: Architecture) -> dict[str, Tensor]:
    """Losses (B,) of a side by name."""
    prefix = label_prefix(side)
    dense: dict[str, Tensor] = {}
    if out.semantic_logits is not None:
        dense["loss_semantic"] = semantic_loss(out.semantic_logits, labels["semantic"])
    if out.depth_m is not None:
        floored = side.legacy.depth_labels_floored
        dense["loss_depth"] = depth_loss(out.depth_m, labels["depth"], floored=floored)
    if out.bev_semantic_logits is not None:
        domain = side.domain
        cameras = len(domain.rig.used(side.used_cameras))
        visible = visible_classes(labels[f"{prefix}bev_semantic"], domain.rig.bev, cameras)
        dense["loss_bev_semantic"] = semantic_loss(out.bev_semantic_logits, visible)
    if out.boxes is not None:
        dense.update(box_losses(out.boxes, labels, prefix))
    return {f"{prefix}{name}": values for name, values in dense.items()}


def planning_losses(
    out: TransfuserOutput, labels: Mapping[str, Tensor], architecture: Architecture, first_point_weight: float = 0.0
) -> dict[str, Tensor]:
    """Compute the losses of the planner; arguments as those of :func:`compute_losses`."""
    losses: dict[str, Tensor] = {}
    if out.waypoints_ego is not None:
        losses["loss_spatio_temporal_waypoints"] = waypoint_loss(
            out.waypoints_ego, labels["future_waypoints"], out.headings_rad, labels.get("future_yaws")
        )
    if out.target_speed_logits is not None:
        losses["loss_target_speed"] = target_speed_loss(
            out.target_speed_logits, labels["target_speed"], labels["brake"], architecture.domain.speed_bins_mps
        )
    if out.path_ego is not None:
        losses["loss_spatial_route"] = path_loss(out.path_ego, labels["route"], first_point_weight)
    return losses


def total_loss(losses: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Sum the weighted losses in float32.

    Raises:
        KeyError: If a loss has no weight.
    """
    return sum((weights[name] * loss for name, loss in losses.items()), start=next(iter(losses.values())).new_zeros(()))
