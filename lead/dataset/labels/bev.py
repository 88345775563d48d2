"""Bird's-eye-view semantics: the stored map picture with the boxes painted over it.

Boxes are painted on the crop that networks see instead of the whole surroundings, with the same whole pixels as if they
had been painted on the large picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.dataset.labels.box_rules import NO_CLASS, BoxRules
from lead.dataset.labels.box_table import BoxTable
from lead.dataset.labels.boxes import centres
from lead.dataset.labels.classes import BevClass, bev_of_map
from lead.dataset.labels.view import View
from lead.geometry.boxes import box_corners
from lead.sensing.rigs import BevWindow

MAP_HALF_M, MAP_PIXELS_PER_M = 64.0, 2.0
PAINT_REACH_M = 128.0
"""Boxes whose middle is further away along x or y are not painted."""
SMALL_SCALE, SMALL_HALF_M = 2.5, 0.4
"""Walkers and bikers are painted larger than they are, and never smaller than this before."""
WARNINGS_CORNERS, CONES_CORNERS, SITE_RADIUS_M = 3, 24, 24.0
OBSTACLE_CORNERS, OBSTACLES_RADIUS_M = 3, 48.0
_LIGHTS = (BevClass.RED_FAR, BevClass.RED, BevClass.GREEN)


def crop_map(values: NDArray[np.uint8], window: BevWindow) -> NDArray[np.uint8]:
    """Cut the window out of a stored map picture.

    Args:
        values: uint8 (256, 256) of ``hdmap``, 2 pixels per metre around the ego.
        window: What to cut out; inside the picture.

    Returns:
        uint8 (rows, columns) of :class:`BevClass` in the resolution of the window.
    """
    zoom = round(window.pixels_per_m / MAP_PIXELS_PER_M)
    top, bottom = (round((edge + MAP_HALF_M) * MAP_PIXELS_PER_M) for edge in (window.min_y_m, window.max_y_m))
    left, right = (round((edge + MAP_HALF_M) * MAP_PIXELS_PER_M) for edge in (window.min_x_m, window.max_x_m))
    return bev_of_map(values[top:bottom, left:right]).repeat(zoom, axis=0).repeat(zoom, axis=1)


def bev_semantics(
    map_values: NDArray[np.uint8],
    table: BoxTable,
    rules: BoxRules,
    view: View,
    window: BevWindow,
    *,
    door_in_ego_frame: bool = False,
) -> NDArray[np.uint8]:
    """Make the label of a view.

    Args:
        map_values: uint8 (256, 256), the map picture of the view.
        table: Boxes of the frame.
        rules: What the rules say about them.
        view: Whose frame.
        window: The raster.
        door_in_ego_frame: As in :func:`lead.dataset.labels.boxes.centres`.

    Returns:
        uint8 (rows, columns) of :class:`BevClass`.
    """
    import cv2

    image = crop_map(map_values, window)
    places = centres(table, rules, view, door_in_ego_frame=door_in_ego_frame)
    painted = (rules.bev_class != NO_CLASS) & (np.abs(places) < PAINT_REACH_M).all(axis=1)
    rows = np.flatnonzero(painted)
    classes = rules.bev_class[rows]
    half_m = rules.half_m[rows]
    is_small = np.isin(classes, (BevClass.WALKER, BevClass.BIKER))
    half_m[is_small] = np.maximum(half_m[is_small], SMALL_HALF_M) * SMALL_SCALE
    corners = _pixels(box_corners(places[rows], view.yaws(table.numbers["yaw"][rows]), half_m), window)
    for polygon, value in zip(corners, classes.tolist(), strict=True):
        cv2.fillPoly(image, [polygon], value)
    facts = table.facts[rows]
    for hull, value in _hulls(corners, classes, facts, window.pixels_per_m):
        cv2.fillPoly(image, [cv2.convexHull(hull)], value)
    return image


def _pixels(corners_m: NDArray[np.float64], window: BevWindow) -> NDArray[np.int32]:
    """Pixels of the window, cut to whole ones on the large picture, whose first pixel lies far behind and left."""
    on_large = ((corners_m + PAINT_REACH_M) * window.pixels_per_m).astype(np.int32)
    shift = np.array([window.min_x_m + PAINT_REACH_M, window.min_y_m + PAINT_REACH_M]) * window.pixels_per_m
    return np.asarray(on_large - shift.astype(np.int32), np.int32)


def _hulls(
    corners: NDArray[np.int32], classes: NDArray[np.int64], facts: NDArray[np.void], pixels_per_m: float
) -> list[tuple[NDArray[np.int32], int]]:
    """Areas that several boxes mark out together: corners (n, 2) and class of each."""
    hulls = []
    warnings, cones = corners[facts["is_warning"]].reshape(-1, 2), corners[facts["is_cone"]].reshape(-1, 2)
    site = np.concatenate([warnings, cones])
    is_site = len(warnings) >= WARNINGS_CORNERS and len(cones) >= CONES_CORNERS
    if is_site and _lie_near(site, SITE_RADIUS_M, pixels_per_m):
        hulls.append((site, int(BevClass.OBSTACLE)))
    is_block = (classes == BevClass.OBSTACLE) & facts["is_obstacle_of_scenario"]
    blocks = corners[is_block].reshape(-1, 2)
    if len(blocks) >= OBSTACLE_CORNERS and _lie_near(blocks, OBSTACLES_RADIUS_M, pixels_per_m):
        hulls.append((blocks, int(BevClass.OBSTACLE)))
    for light in _LIGHTS:
        if (classes == light).any():
            hulls.append((corners[classes == light].reshape(-1, 2), int(light)))
            break
    return hulls


def _lie_near(points: NDArray[np.int32], radius_m: float, pixels_per_m: float) -> bool:
    distance = np.linalg.norm(points - points.mean(axis=0), axis=1)
    return bool((distance < radius_m * pixels_per_m).all())
