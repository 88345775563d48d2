"""What an agent shows of its reasoning: plain arrays that recordings draw, so that drawing knows no model and no agent.

An agent that wants to be looked into has a method ``get_agent_view()`` that returns the view of its last step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class AgentView:
    """One step of an agent; everything is optional. Places are in the ego frame: x forward, y right, z up, metres.

    Attributes:
        waypoints_ego: (n, 2) predicted way points.
        route_ego: (n, 2) predicted path.
        target_points_ego: (k, 2) target points: previous, current, next.
        target_speed_mps: Speed the agent aims at.
        boxes: (n, 9) detected boxes: x, y, half length, half width, yaw (rad), speed (m/s), brake (0 to 1), class
            (see :data:`BOX_CLASSES`), score (0 to 1).
        box_labels: Text per box, shown beside it; empty for none.
        lidar_ego: (n, 3) points.
        lidar_raster: (rows, columns) density of points, 0 to 1, on the grid of ``bev_semantic``; shown instead of
            ``lidar_ego``.
        radar_ego: (n, 4) returns: x, y, z, speed along the ray (m/s).
        radar_detections: (n, 3) predicted radar detections: x, y, speed (m/s).
        bev_semantic: (rows, columns) class indices; rows from left to right of the ego, columns forwards, over
            :data:`BEV_EXTENT_M`.
        bev_palette: (k, 3) uint8 RGB colour per class of ``bev_semantic``.
        semantic: (h, w) class indices over the camera strip.
        semantic_palette: (k, 3) uint8 RGB colour per class of ``semantic``.
        panel: Further values to show by name.
    """

    waypoints_ego: NDArray[np.floating] | None = None
    route_ego: NDArray[np.floating] | None = None
    target_points_ego: NDArray[np.floating] | None = None
    target_speed_mps: float | None = None
    boxes: NDArray[np.floating] | None = None
    box_labels: Sequence[str] = ()
    lidar_ego: NDArray[np.floating] | None = None
    lidar_raster: NDArray[np.floating] | None = None
    radar_ego: NDArray[np.floating] | None = None
    radar_detections: NDArray[np.floating] | None = None
    bev_semantic: NDArray[np.integer] | None = None
    bev_palette: NDArray[np.uint8] | None = None
    semantic: NDArray[np.integer] | None = None
    semantic_palette: NDArray[np.uint8] | None = None
    panel: Mapping[str, str | float] = field(default_factory=dict)


BEV_EXTENT_M = (-32.0, 64.0, -40.0, 40.0)
"""Part of the ground that bird's-eye views show: x from and to, y from and to, ego frame, metres."""

BOX_CLASSES = ("vehicle", "walker", "traffic light", "stop sign", "special", "obstacle", "parking", "biker")
"""Names of the classes of boxes, by number."""
