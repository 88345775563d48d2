"""Overlap of upright boxes seen from above, and the choice of the best among overlapping ones."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from lead.geometry.boxes import box_corners


def rotated_iou(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of footprints.

    Args:
        a: float (..., 5) x, y, half length, half width, yaw in radians.
        b: float (..., 5), broadcast against ``a``.

    Returns:
        float64 (...,); 0 for pairs without area.
    """
    first, second = _footprints(a), _footprints(b)
    shared = shapely.area(shapely.intersection(first, second))
    union = shapely.area(first) + shapely.area(second) - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(union), where=union > 0.0))


def suppress_overlapping(boxes: NDArray[np.floating], scores: NDArray[np.floating], max_iou: float) -> NDArray[np.intp]:
    """Choose boxes greedily, best score first, leaving out those that overlap a chosen one (non-maximum suppression).

    Args:
        boxes: float (n, >= 5) x, y, half length, half width, yaw, ....
        scores: float (n,).
        max_iou: Boxes that overlap a better one by more are left out.

    Returns:
        (m,) indices of the chosen boxes, best first.
    """
    order = np.argsort(-scores, kind="stable")
    rows = np.asarray(boxes[order, :5], dtype=np.float64)
    reach = np.hypot(rows[:, 2], rows[:, 3])
    is_open = np.ones(len(rows), dtype=bool)
    chosen = []
    for index in range(len(rows)):
        if not is_open[index]:
            continue
        chosen.append(index)
        distance = np.hypot(*(rows[:, :2] - rows[index, :2]).T)
        near = np.flatnonzero(is_open & (distance < reach + reach[index]) & (np.arange(len(rows)) > index))
        if len(near):
            is_open[near] = rotated_iou(rows[near], rows[index]) <= max_iou
    return order[chosen]


def _footprints(boxes: ArrayLike) -> NDArray[np.object_]:
    rows = np.asarray(boxes, dtype=np.float64)
    polygons: NDArray[np.object_] = np.asarray(
        shapely.polygons(box_corners(rows[..., :2], rows[..., 4], rows[..., 2:4]))
    )
    return polygons
