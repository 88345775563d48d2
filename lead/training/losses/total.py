"""All losses of a batch by their published names, and the weights with which they are summed."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from lead.models.transfuser.architecture import Architecture, LidarInput, Planner
from lead.models.transfuser.outputs import TransfuserOutput
from lead.training.losses.boxes import box_losses
from lead.training.losses.dense import depth_loss, semantic_loss, visible_classes
from lead.training.losses.planning import path_loss, target_speed_loss, waypoint_loss
from lead.training.losses.radar import RadarMatching

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

    Raw weights are 1, but 1e-5 for depth, and 0 for what a domain or a network lacks; all are divided by their sum.
    The planning losses count in that sum also where only some of them exist, as in NAVSIM: published weights were
    trained like this.
    """
    domain, prefix = architecture.domain, label_prefix(architecture)
    has_perspective = float(domain.semantic_classes > 0)
    has_velocity = domain.name == "carla" and architecture.lidar_input is LidarInput.RASTER
    weights = {
        f"{prefix}loss_semantic": has_perspective,
        f"{prefix}loss_depth": DEPTH_WEIGHT * has_perspective,
        f"{prefix}loss_bev_semantic": 1.0,
        **{f"{prefix}{name}": 1.0 for name in BOX_LOSSES},
        f"{prefix}radar_loss": float(architecture.detects_radar),
        **dict.fromkeys(PLANNING_LOSSES, float(architecture.planner is not Planner.NONE)),
    }
    weights[f"{prefix}loss_center_net_velocity"] = float(has_velocity)
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def compute_losses(
    out: TransfuserOutput, labels: Mapping[str, Tensor], architecture: Architecture
) -> dict[str, Tensor]:
    """Compute the losses of all predictions that are there.

    Args:
        out: Predictions for a batch.
        labels: Labels by their published names.
        architecture: The network.

    Returns:
        Scalars by name, float32, not weighted.
    """
    prefix = label_prefix(architecture)
    # The matching goes first: the host solves it while a GPU computes the other losses.
    matching = None
    if out.radar_detections is not None:
        matching = RadarMatching(out.radar_detections, labels["radar_detections"])
    losses = dense_losses(out, labels, architecture)
    losses.update(planning_losses(out, labels, architecture))
    if matching is not None:
        losses[f"{prefix}radar_loss"] = matching.loss().mean()
    return losses


def dense_losses(out: TransfuserOutput, labels: Mapping[str, Tensor], architecture: Architecture) -> dict[str, Tensor]:
    """Compute the losses of images, rasters and boxes; arguments as those of :func:`compute_losses`."""
    prefix = label_prefix(architecture)
    dense: dict[str, Tensor] = {}
    if out.semantic_logits is not None:
        dense["loss_semantic"] = semantic_loss(out.semantic_logits, labels["semantic"])
    if out.depth_m is not None:
        floored = architecture.legacy.depth_labels_floored
        dense["loss_depth"] = depth_loss(out.depth_m, labels["depth"], floored=floored)
    if out.bev_semantic_logits is not None:
        domain = architecture.domain
        cameras = len(domain.rig.used(architecture.used_cameras))
        visible = visible_classes(labels[f"{prefix}bev_semantic"], domain.rig.bev, cameras)
        dense["loss_bev_semantic"] = semantic_loss(out.bev_semantic_logits, visible)
    if out.boxes is not None:
        dense.update(box_losses(out.boxes, labels, prefix))
    return {f"{prefix}{name}": values.mean() for name, values in dense.items()}


def planning_losses(
    out: TransfuserOutput, labels: Mapping[str, Tensor], architecture: Architecture
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
        losses["loss_spatial_route"] = path_loss(out.path_ego, labels["route"])
    return losses


def total_loss(losses: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Sum the weighted losses in float32.

    Raises:
        KeyError: If a loss has no weight.
    """
    return sum((weights[name] * loss for name, loss in losses.items()), start=next(iter(losses.values())).new_zeros(()))
