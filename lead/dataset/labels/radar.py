"""Labels of the radar head: the boxes that radars hit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.dataset.labels.classes import BoxClass
from lead.sensing.encodings import boxes_to_ego
from lead.sensing.rigs import BevWindow

DETECTIONS = 20
_PRIORITY = np.full(len(BoxClass), 5)
"""Smaller comes first."""
_PRIORITY[[BoxClass.SPECIAL, BoxClass.VEHICLE, BoxClass.WALKER, BoxClass.OBSTACLE, BoxClass.PARKING]] = range(5)


def radar_labels(boxes_raster: NDArray[np.floating], window: BevWindow) -> NDArray[np.float32]:
    """Take the boxes that radars hit, the fastest first.

    Args:
        boxes_raster: (n, 9), columns as :data:`lead.dataset.labels.boxes.BOX_COLUMNS`.
        window: The raster.

    Returns:
        float32 (20, 4): x, y in metres, ego frame, velocity in m/s, 1; rows of zeros fill up. Equal velocities are
        ordered by class (special, vehicle, walker, obstacle, parking, others), then by hits, the most first.
    """
    hit = boxes_raster[boxes_raster[:, 8] > 0]
    order = np.lexsort((-hit[:, 8], _PRIORITY[hit[:, 7].astype(np.int64)], -hit[:, 5]))[:DETECTIONS]
    labels = np.zeros((DETECTIONS, 4), np.float32)
    labels[: len(order), :2] = boxes_to_ego(hit[order], window)[:, :2]
    labels[: len(order), 2] = hit[order, 5]
    labels[: len(order), 3] = 1.0
    return labels
