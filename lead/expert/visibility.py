"""Who can be seen from the ego: lines of sight between boxes, so that cameras never change how the expert drives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.evaluation.observation import EgoState
from lead.geometry.boxes import ray_box_distances

EYE_HEIGHT_M = 2.25
"""Height of the cameras above the ego's origin."""
MIN_HALF_HEIGHT_M = 0.4
"""Lower things hide nobody."""
INNER = 0.7
"""The points looked at lie so far out from the middle of a box, as a share of its half sizes."""
_POINTS = np.array(
    [(0, 0, 0.6), (1, 1, 0.5), (1, -1, 0.5), (-1, 1, 0.5), (-1, -1, 0.5), (0, 0, -0.3)], dtype=np.float64
) * np.array([INNER, INNER, 1.0])


def visible_boxes(
    ego: EgoState,
    center: NDArray[np.float64],
    yaw_rad: NDArray[np.float64],
    half: NDArray[np.float64],
    wanted: NDArray[np.bool_],
    blockers: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Tell which boxes can be seen past all the others.

    Args:
        ego: The ego; its own box hides nothing.
        center: (n, 3) centres, world frame, metres.
        yaw_rad: (n,) headings.
        half: (n, 3) half sizes, metres.
        wanted: (n,) boxes that are asked for; the others count as not visible.
        blockers: (n,) boxes that may hide others; nobody hides himself.

    Returns:
        (n,) bool: at least one of six points of the box is in sight.
    """
    result = np.zeros(len(center), dtype=np.bool_)
    hiding = np.flatnonzero(blockers & (half[:, 2] > MIN_HALF_HEIGHT_M))
    rows = np.flatnonzero(wanted)
    # Most are in plain sight, so the other points are only looked at where the first is hidden.
    for points in (_POINTS[:1], _POINTS[1:]):
        if len(rows):
            result[rows] = _any_in_sight(ego, (center, yaw_rad, half), rows, hiding, points)
            rows = rows[~result[rows]]
    return result


def _any_in_sight(
    ego: EgoState,
    boxes: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    rows: NDArray[np.intp],
    hiding: NDArray[np.intp],
    local: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Tell of which boxes at least one of the (p, 3) points, in units of the half sizes, is in sight."""
    center, yaw_rad, half = boxes
    eye = ego.location + np.array([0.0, 0.0, EYE_HEIGHT_M])
    cos, sin = np.cos(yaw_rad[rows])[:, None], np.sin(yaw_rad[rows])[:, None]
    scaled = local[None] * half[rows, None]
    x, y = scaled[..., 0] * cos - scaled[..., 1] * sin, scaled[..., 0] * sin + scaled[..., 1] * cos
    points = center[rows, None] + np.stack([x, y, scaled[..., 2]], axis=-1)
    rays = (points - eye).reshape(-1, 3)
    entry, _ = ray_box_distances(eye[None], rays, center[hiding], yaw_rad[hiding], half[hiding])
    entry[np.repeat(rows, len(local))[:, None] == hiding] = np.inf
    free: NDArray[np.bool_] = (entry > 1.0).all(axis=1).reshape(len(rows), -1)
    return np.asarray(free.any(axis=1))
