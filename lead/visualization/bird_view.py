"""Bird's-eye picture of what an agent perceives and plans, drawn over the map; the ego looks upwards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lead.visualization import style
from lead.visualization.agent_view import BEV_EXTENT_M, AgentView
from lead.visualization.map_layers import SUBPIXEL_BITS
from lead.visualization.style import Color
from lead.visualization.text import draw_text

PIXELS_PER_M = 10
WIDTH = round((BEV_EXTENT_M[3] - BEV_EXTENT_M[2]) * PIXELS_PER_M)
HEIGHT = round((BEV_EXTENT_M[1] - BEV_EXTENT_M[0]) * PIXELS_PER_M)
EGO_PLACE = (-BEV_EXTENT_M[2] * PIXELS_PER_M / WIDTH, BEV_EXTENT_M[1] * PIXELS_PER_M / HEIGHT)
"""Column and row of the ego, as shares of width and height."""
BACKGROUND_SHARE = 0.62
"""The map and the true road users are darkened, so that what the agent sees stands out."""
SEMANTIC_OPACITY, ROAD_OPACITY, ROAD_CLASS = 0.33, 0.15, 1
LIDAR_CELL_PX, LIDAR_FULL_COUNT = 2, 3.0
LIDAR_GROUND_M, LIDAR_GROUND_WEIGHT = 0.25, 0.2
MIN_SCORE = 0.3
ROUTE_RADIUS_PX, ROUTE_FADE = 6, 0.65
TARGET_RADII_PX = (14, 18, 14)
FULL_RADAR_MPS, RADAR_MAX_PX, RADAR_MIN_PX = 20.0, 20.0, 3.0
_TO_UNIT = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [-1.0, 1.0]])


def draw_bird_view(background: NDArray[np.uint8], view: AgentView, ego_half_size_m: tuple[float, float]) -> None:
    """Draw an agent's view over the map.

    Args:
        background: (HEIGHT, WIDTH, 3) uint8 RGB picture of map and road users around the ego, changed in place.
        view: What the agent shows.
        ego_half_size_m: Half length and half width of the ego.
    """
    perceived = (view.lidar_ego, view.lidar_raster, view.radar_ego, view.bev_semantic, view.boxes)
    if any(seen is not None for seen in perceived):
        cv2.convertScaleAbs(background, background, BACKGROUND_SHARE)
    if view.bev_semantic is not None and view.bev_palette is not None:
        _blend_semantics(background, view.bev_semantic, view.bev_palette)
    if view.lidar_raster is not None:
        _blend_density(background, _upright(np.asarray(view.lidar_raster, np.float32)))
    elif view.lidar_ego is not None:
        _draw_lidar(background, view.lidar_ego)
    if view.radar_ego is not None:
        _draw_radar(background, np.asarray(view.radar_ego)[:, (0, 1, 3)], style.RADAR)
    if view.radar_detections is not None:
        _draw_radar(background, np.asarray(view.radar_detections), style.RADAR_DETECTION)
    if view.boxes is not None:
        _draw_boxes(background, np.asarray(view.boxes, np.float64).reshape(-1, 9), view.box_labels)
    _draw_route(background, view.route_ego)
    _draw_waypoints(background, view.waypoints_ego)
    _outline(background, (0.0, 0.0), ego_half_size_m, 0.0, style.EGO_BOX, 3)
    _draw_targets(background, view.target_points_ego)


def to_pixels(points_ego: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the (n, 2) columns and rows of (n, 2 or more) places in the ego frame."""
    points = np.asarray(points_ego, np.float64)
    columns = (points[:, 1] - BEV_EXTENT_M[2]) * PIXELS_PER_M
    rows = (BEV_EXTENT_M[1] - points[:, 0]) * PIXELS_PER_M
    return np.stack([columns, rows], axis=1)


def _blend_semantics(image: NDArray[np.uint8], classes: NDArray[np.integer], palette: NDArray[np.uint8]) -> None:
    """Tint the ground by class; class 0 is nothing."""
    large = cv2.resize(_upright(np.asarray(classes, np.uint8)), (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    opacity = np.full(len(palette), SEMANTIC_OPACITY, np.float32)
    opacity[0] = 0.0
    if len(palette) > ROAD_CLASS:
        opacity[ROAD_CLASS] = ROAD_OPACITY
    share = opacity[large][..., None]
    image[:] = image + share * (palette[large].astype(np.float32) - image)


def _upright(raster: NDArray[Any]) -> NDArray[Any]:
    """Turn a raster, whose rows run from left to right and columns forwards, into the picture's rows and columns."""
    return np.ascontiguousarray(raster.T[::-1])


def _blend_density(image: NDArray[np.uint8], share: NDArray[np.float32]) -> None:
    """Lighten the picture by an upright raster of 0 to 1."""
    large = cv2.resize(share, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)[..., None]
    image[:] = image + large * (np.array(style.LIDAR, np.float32) - image)


def _draw_lidar(image: NDArray[np.uint8], points: NDArray[np.floating]) -> None:
    """Lighten cells by the number of points in them; points on the ground count little."""
    places = np.asarray(points, np.float64).reshape(-1, np.asarray(points).shape[-1])
    cells = np.floor(to_pixels(places) / LIDAR_CELL_PX).astype(np.int64)
    columns, rows = WIDTH // LIDAR_CELL_PX, HEIGHT // LIDAR_CELL_PX
    inside = (cells >= 0).all(axis=1) & (cells[:, 0] < columns) & (cells[:, 1] < rows)
    weight = np.where(places[:, 2] > LIDAR_GROUND_M, 1.0, LIDAR_GROUND_WEIGHT)[inside]
    index = cells[inside, 1] * columns + cells[inside, 0]
    count = np.bincount(index, weight, rows * columns).reshape(rows, columns)
    _blend_density(image, np.minimum(count / LIDAR_FULL_COUNT, 1.0).astype(np.float32))


def _draw_radar(image: NDArray[np.uint8], returns: NDArray[np.floating], color: Color) -> None:
    """Draw blobs that fade outwards, larger the faster; ``returns`` holds x, y and speed."""
    glow = np.zeros((HEIGHT, WIDTH), np.float32)
    for pixel, speed_mps in zip(to_pixels(returns), returns[:, 2], strict=True):
        radius = round(max(min(abs(float(speed_mps)) / FULL_RADAR_MPS, 1.0) * RADAR_MAX_PX, RADAR_MIN_PX))
        column, row = (round(float(value)) for value in pixel)
        left, right = max(column - radius, 0), min(column + radius + 1, WIDTH)
        top, bottom = max(row - radius, 0), min(row + radius + 1, HEIGHT)
        if left >= right or top >= bottom:
            continue
        away = np.hypot(np.arange(left, right) - column, np.arange(top, bottom)[:, None] - row) / radius
        part = glow[top:bottom, left:right]
        np.maximum(part, np.exp(-2.0 * away**2) * (away <= 1.0), out=part)
    image[:] = image + glow[..., None] * (np.array(color, np.float32) - image)


def _draw_boxes(image: NDArray[np.uint8], boxes: NDArray[np.float64], labels: Sequence[str]) -> None:
    for index, (x, y, half_length_m, half_width_m, yaw_rad, _, brake, kind, score) in enumerate(boxes):
        if score < MIN_SCORE:
            continue
        red, green, blue = style.BOX_COLORS[int(kind) % len(style.BOX_COLORS)]
        color = (red, round(green * (1.0 - min(max(brake, 0.0), 1.0))), blue)
        _outline(image, (x, y), (half_length_m, half_width_m), yaw_rad, color, 2)
        if index < len(labels) and labels[index]:
            column, row = to_pixels(np.array([[x, y]]))[0]
            draw_text(image, labels[index], round(column) + 12, round(row) - 5, 9, color)


def _outline(
    image: NDArray[np.uint8],
    place: tuple[float, float],
    half_size_m: tuple[float, float],
    yaw_rad: float,
    color: Color,
    width_px: int,
) -> None:
    """Draw a rectangle with a line from its middle to its front."""
    cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
    turn = np.array([[cos, sin], [-sin, cos]])
    corners = (_TO_UNIT * half_size_m) @ turn + place
    nose = np.array([[0.0, 0.0], [half_size_m[0], 0.0]]) @ turn + place
    cv2.polylines(image, [_fixed(to_pixels(corners))], True, color, width_px, cv2.LINE_AA, SUBPIXEL_BITS)
    cv2.polylines(image, [_fixed(to_pixels(nose))], False, color, width_px, cv2.LINE_AA, SUBPIXEL_BITS)


def _draw_route(image: NDArray[np.uint8], points: NDArray[np.floating] | None) -> None:
    """Draw dots that fade with the distance along the path."""
    pixels = _pixels_or_none(points)
    for index, pixel in enumerate(pixels):
        share = 1.0 - ROUTE_FADE * index / max(len(pixels) - 1, 1)
        red, green, blue = (round(share * value) for value in style.PLANNED_ROUTE)
        _disc(image, pixel, ROUTE_RADIUS_PX, (red, green, blue))


def _draw_waypoints(image: NDArray[np.uint8], points: NDArray[np.floating] | None) -> None:
    pixels = _pixels_or_none(points)
    if len(pixels):
        cv2.polylines(image, [_fixed(pixels)], False, style.WAYPOINT, 2, cv2.LINE_AA, SUBPIXEL_BITS)
    for pixel in pixels:
        _disc(image, pixel, 4, style.WAYPOINT)


def _draw_targets(image: NDArray[np.uint8], points: NDArray[np.floating] | None) -> None:
    for number, pixel in enumerate(_pixels_or_none(points)):
        radius_px = TARGET_RADII_PX[min(number, len(TARGET_RADII_PX) - 1)]
        _disc(image, pixel, radius_px, style.TARGET_POINT)
        column, row = (round(float(value)) for value in pixel)
        draw_text(image, str(number), column, row - 6, 12, style.TEXT, weight=1.5, align="center")


def _pixels_or_none(points: NDArray[np.floating] | None) -> NDArray[np.float64]:
    return np.empty((0, 2)) if points is None else to_pixels(np.asarray(points).reshape(-1, 2))


def _fixed(pixels: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.round(np.clip(pixels, -1e4, 1e4) * (1 << SUBPIXEL_BITS)).astype(np.int32)


def _disc(image: NDArray[np.uint8], pixel: NDArray[np.float64], radius_px: int, color: Color) -> None:
    column, row = (int(value) for value in _fixed(pixel))
    cv2.circle(image, (column, row), radius_px << SUBPIXEL_BITS, color, -1, cv2.LINE_AA, SUBPIXEL_BITS)
