"""What the sensor agent shows of a step: its inputs and predictions as the plain arrays that drawings take."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lead.control.path_controller import mean_bearing_rad
from lead.inference.ensemble import Prediction
from lead.sensing.preprocessor import ModelInputs
from lead.visualization.agent_view import AgentView
from lead.visualization.palettes import BEV_COLORS, SEMANTIC_COLORS

COMMANDS = ("left", "right", "straight", "lane follow", "change left", "change right")
"""Names of CARLA's road options 1 to 6."""


def make_view(
    inputs: ModelInputs, prediction: Prediction | None, panel: Mapping[str, str | float], *, with_pictures: bool
) -> AgentView:
    """Collect what a step is shown by.

    Args:
        inputs: Inputs of the networks.
        prediction: What they predicted; None where they were not asked.
        panel: Further values by name.
        with_pictures: Also what only the debug picture shows and costs time to prepare.
    """
    targets = inputs.targets
    seen = prediction if prediction is not None else Prediction()
    panel = {"command": command_name(targets.command), "next command": command_name(targets.next_command), **panel}
    if seen.path_ego is not None:
        panel["route curvature"] = f"{math.degrees(mean_bearing_rad(seen.path_ego)):.1f} deg"
    rows = with_pictures and prediction is not None
    return AgentView(
        waypoints_ego=seen.waypoints_ego,
        route_ego=seen.path_ego,
        target_points_ego=np.stack([targets.previous_ego, targets.current_ego, targets.next_ego]),
        target_speed_mps=seen.target_speed_mps,
        boxes=seen.boxes_ego,
        lidar_raster=inputs.rasterized_lidar[0] if with_pictures and inputs.rasterized_lidar.any() else None,
        radar_ego=_radar_returns(inputs.radar) if with_pictures else None,
        radar_detections=_valid_detections(seen.radar_detections) if with_pictures else None,
        bev_semantic=_classes(seen.bev_semantic_logits) if rows else None,
        bev_palette=BEV_COLORS,
        semantic=_classes(seen.semantic_logits) if rows else None,
        semantic_palette=SEMANTIC_COLORS,
        panel=panel,
    )


def command_name(command: int) -> str:
    """Name of a CARLA road option; those that networks do not know count as lane follow."""
    return COMMANDS[command - 1] if 1 <= command <= len(COMMANDS) else "lane follow"


def _classes(logits: NDArray[np.float32] | None) -> NDArray[np.uint8] | None:
    """Most likely class per pixel of (classes, rows, columns)."""
    return None if logits is None else logits.argmax(axis=0).astype(np.uint8)


def _radar_returns(tensor: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    """Rows of the radar input that are no padding: x, y, z, velocity."""
    return None if tensor is None else tensor[tensor[:, :4].any(axis=1), :4]


def _valid_detections(detections: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    """Detections that are more likely there than not: x, y, speed."""
    return None if detections is None else detections[detections[:, 3] > 0.0, :3]
