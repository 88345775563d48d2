"""Box labels of a view: where the labelled boxes lie, in pixels of the raster."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.dataset.labels.box_rules import NO_CLASS, BoxRules
from lead.dataset.labels.box_table import BoxTable
from lead.dataset.labels.view import View
from lead.sensing.encodings import boxes_to_raster
from lead.sensing.lidar import MIN_HEIGHT_M
from lead.sensing.rigs import BevWindow

MAX_BOXES = 90
"""Boxes beyond these are left out."""
BOX_COLUMNS = ("x", "y", "half_length", "half_width", "yaw", "velocity", "brake", "class", "radar_hits")
MAX_HEIGHT_M = -MIN_HEIGHT_M


def centres(table: BoxTable, rules: BoxRules, view: View, *, door_in_ego_frame: bool) -> NDArray[np.float64]:
    """Places of the boxes in a view.

    Args:
        table: Boxes of a frame.
        rules: What the rules say about them.
        view: Whose frame.
        door_in_ego_frame: An open door moves a box along the y axis of the view, to the other side, as published,
            instead of along the car's own.

    Returns:
        float64 (n, 2), metres, what an open door adds included.
    """
    places = view.points(table.numbers["position"][:, :2])
    if door_in_ego_frame:
        places[:, 1] -= rules.door
    else:
        yaw = table.numbers["yaw"] - view.turn_rad
        places += rules.door[:, None] * np.stack([-np.sin(yaw), np.cos(yaw)], axis=1)
    return places


def box_labels(
    table: BoxTable, rules: BoxRules, view: View, window: BevWindow, *, door_in_ego_frame: bool = False
) -> NDArray[np.float32]:
    """Make the box labels of a view.

    Args:
        table: Boxes of a frame.
        rules: What the rules say about them.
        view: Whose frame.
        window: Boxes whose middle is not inside are left out, as are those more than 4 m above or below.
        door_in_ego_frame: As in :func:`centres`.

    Returns:
        float32 (m, 9), m up to 90, in stored order: columns as :data:`BOX_COLUMNS`, the first four in pixels of the
        raster, yaw in radians, velocity in m/s; hits -1 where they were not counted.
    """
    x, y = view.points(table.numbers["position"][:, :2]).T
    kept = (x > window.min_x_m) & (x < window.max_x_m) & (y > window.min_y_m) & (y < window.max_y_m)
    height = table.numbers["position"][:, 2]
    kept &= (height > MIN_HEIGHT_M) & (height < MAX_HEIGHT_M) & (rules.box_class != NO_CLASS)
    rows = np.flatnonzero(kept)[:MAX_BOXES]
    labels = np.empty((len(rows), len(BOX_COLUMNS)))
    labels[:, :2] = centres(table, rules, view, door_in_ego_frame=door_in_ego_frame)[rows]
    labels[:, 2:4] = rules.half_m[rows]
    labels[:, 4] = view.yaws(table.numbers["yaw"][rows])
    labels[:, 5] = rules.velocity_mps[rows]
    labels[:, 6] = rules.brake[rows]
    labels[:, 7] = rules.box_class[rows]
    labels[:, 8] = table.facts["radar_hits"][rows]
    return boxes_to_raster(labels, window).astype(np.float32)
