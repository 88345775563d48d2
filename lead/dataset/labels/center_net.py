"""Dense targets of the box head (CenterNet) from a list of boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.dataset.labels.boxes import MAX_BOXES
from lead.sensing.encodings import encode_angle
from lead.sensing.rigs import BevWindow

RADIUS = 2
"""CornerNet's radius at an overlap of 0.1 is below 2 cells for anything on a road, and 2 is the least that is used."""
SIGMA = (2 * RADIUS + 1) / 6.0
_OFFSETS = np.arange(-RADIUS, RADIUS + 1)
_ROWS, _COLUMNS = (axis.ravel() for axis in np.meshgrid(_OFFSETS, _OFFSETS, indexing="ij"))
_STAMP = np.exp(-(_ROWS**2 + _COLUMNS**2) / (2.0 * SIGMA**2)).astype(np.float32)


def center_net_targets(
    boxes_raster: NDArray[np.floating], window: BevWindow, classes: int, *, phantom_target: bool = False
) -> dict[str, NDArray[np.generic]]:
    """Make the targets.

    Args:
        boxes_raster: (n, 8 or more) x, y, half length, half width (pixels of the raster), yaw (radians), velocity
            (m/s), brake, class; middles inside the window. Where two lie in one cell, the later one counts.
        window: The raster.
        classes: Number of classes.
        phantom_target: Fill up to 90 boxes with zeros and treat these as boxes, which makes a box without size in the
            first cell, as in published data.

    Returns:
        By published name: ``center_net_heatmap`` float32 (classes, h, w) on cells of 1 m; ``_wh`` half sizes in
        metres, ``_offset`` place in the cell and ``_pixel_weight`` 1 at centres, float32 (2, h, w); ``_yaw_class``
        int32 (h, w); ``_yaw_res`` rad and ``_velocity`` m/s, float32 (1, h, w); ``_brake`` int32 (h, w);
        ``_avg_factor`` int64 (), the number of centres, at least 1; ``_bounding_boxes`` float32 (90, columns), filled
        up with zeros.
    """
    padded = np.zeros((MAX_BOXES, boxes_raster.shape[1]), np.float32)
    padded[: len(boxes_raster)] = boxes_raster[:MAX_BOXES]
    boxes = padded if phantom_target else padded[: len(boxes_raster)]
    rows, columns = window.cell_shape
    cells = boxes[:, :4] / np.float32(window.pixels_per_m)
    column = np.minimum(cells[:, 0].astype(np.int64), columns - 1)
    row = np.minimum(cells[:, 1].astype(np.int64), rows - 1)
    kind = boxes[:, 7].astype(np.int64)
    heatmap = _stamps(kind, row, column, (classes, rows, columns))

    size, offset, weight = (np.zeros((2, rows, columns), np.float32) for _ in range(3))
    size[:, row, column] = cells[:, 2:4].T
    offset[:, row, column] = cells[:, :2].T - np.stack([column, row])
    weight[:, row, column] = 1.0
    yaw_class, brake = (np.zeros((rows, columns), np.int32) for _ in range(2))
    yaw_rest, velocity = (np.zeros((1, rows, columns), np.float32) for _ in range(2))
    yaw_class[row, column], yaw_rest[0, row, column] = encode_angle(boxes[:, 4])
    velocity[0, row, column] = boxes[:, 5]
    brake[row, column] = boxes[:, 6]
    centres = np.unique((kind * rows + row) * columns + column)
    return {
        "center_net_heatmap": heatmap,
        "center_net_wh": size,
        "center_net_offset": offset,
        "center_net_pixel_weight": weight,
        "center_net_yaw_class": yaw_class,
        "center_net_yaw_res": yaw_rest,
        "center_net_velocity": velocity,
        "center_net_brake": brake,
        "center_net_avg_factor": np.array(max(1, len(centres)), np.int64),
        "center_net_bounding_boxes": padded,
    }


def _stamps(
    kind: NDArray[np.int64], row: NDArray[np.int64], column: NDArray[np.int64], shape: tuple[int, int, int]
) -> NDArray[np.float32]:
    """Put a bell at every centre; where bells overlap, the larger value counts."""
    heatmap = np.zeros(shape, np.float32)
    rows, columns = row[:, None] + _ROWS, column[:, None] + _COLUMNS
    inside = (rows >= 0) & (rows < shape[1]) & (columns >= 0) & (columns < shape[2])
    flat = ((kind[:, None] * shape[1] + rows) * shape[2] + columns)[inside]
    np.maximum.at(heatmap.reshape(-1), flat, np.broadcast_to(_STAMP, rows.shape)[inside])
    return heatmap
