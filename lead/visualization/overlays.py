"""An agent's plan drawn into pictures of cameras: way points and target points on the ground."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from lead.visualization import style
from lead.visualization.agent_view import AgentView
from lead.visualization.map_layers import SUBPIXEL_BITS
from lead.visualization.projection import PinholeCamera
from lead.visualization.style import Color

DOT_RADIUS_PX, RIM_PX, LINE_PX = 3, 2, 2
SPHERE_RADIUS_M = 0.05
SPHERE_MIN_PX, SPHERE_MAX_PX = 1.0, 50.0
_FARTHEST_PX = 30_000.0
"""Beyond this OpenCV's fixed-point coordinates overflow."""


def draw_plan_from_above(image: NDArray[np.uint8], camera: PinholeCamera, view: AgentView) -> None:
    """Draw way points, joined by a line, and target points with a white rim into a spectator's picture.

    Args:
        image: (h, w, 3) uint8 RGB, changed in place.
        camera: The camera that took it.
        view: What the agent shows.
    """
    pixels, _ = _on_ground(camera, view.waypoints_ego)
    _line(image, pixels, style.WAYPOINT, LINE_PX)
    for pixel in pixels:
        _disc(image, pixel, DOT_RADIUS_PX, style.WAYPOINT)
    pixels, _ = _on_ground(camera, view.target_points_ego)
    for pixel in pixels:
        _disc(image, pixel, DOT_RADIUS_PX + RIM_PX, style.TEXT)
        _disc(image, pixel, DOT_RADIUS_PX, style.TARGET_POINT)


def draw_plan_from_behind(image: NDArray[np.uint8], camera: PinholeCamera, view: AgentView) -> None:
    """Draw the planned path as a line and way points as discs into a picture that follows the vehicle.

    Args:
        image: (h, w, 3) uint8 RGB, changed in place.
        camera: The camera that took it.
        view: What the agent shows.
    """
    pixels, _ = _on_ground(camera, view.route_ego)
    _line(image, pixels, style.PLANNED_ON_ROUTE, 2 * LINE_PX)
    pixels, _ = _on_ground(camera, view.waypoints_ego)
    for pixel in pixels:
        _disc(image, pixel, DOT_RADIUS_PX + 1, style.WAYPOINT)


def draw_plan_as_spheres(image: NDArray[np.uint8], camera: PinholeCamera, view: AgentView) -> None:
    """Draw way points and target points as small spheres, larger the nearer, into a camera's picture."""
    for points, color in ((view.waypoints_ego, style.WAYPOINT), (view.target_points_ego, style.TARGET_POINT)):
        pixels, depth_m = _on_ground(camera, points)
        for index in np.argsort(-depth_m):
            if np.isfinite(depth_m[index]):
                radius_px = camera.focal_px * SPHERE_RADIUS_M / depth_m[index]
                _disc(image, pixels[index], min(max(radius_px, SPHERE_MIN_PX), SPHERE_MAX_PX), color)


def _on_ground(
    camera: PinholeCamera, points: NDArray[np.floating] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Project (n, 2) places on the plane the ego stands on."""
    flat = np.empty((0, 2)) if points is None else np.asarray(points, np.float64).reshape(-1, 2)
    return camera.project(np.concatenate([flat, np.zeros((len(flat), 1))], axis=1))


def _line(image: NDArray[np.uint8], pixels: NDArray[np.float64], color: Color, width_px: int) -> None:
    """Join pixels (n, 2) by a line, which has gaps where they are far outside or behind the camera."""
    for start, end in itertools.pairwise(pixels):
        if _is_near(start) and _is_near(end):
            cv2.line(image, _fixed(start), _fixed(end), color, width_px, cv2.LINE_AA, SUBPIXEL_BITS)


def _is_near(pixel: NDArray[np.float64]) -> bool:
    return bool((np.abs(pixel) < _FARTHEST_PX).all())  # NaN is not.


def _fixed(pixel: NDArray[np.float64]) -> tuple[int, int]:
    x, y = np.round(pixel * (1 << SUBPIXEL_BITS)).astype(int)
    return int(x), int(y)


def _disc(image: NDArray[np.uint8], pixel: NDArray[np.float64], radius_px: float, color: Color) -> None:
    if _is_near(pixel):
        radius = round(radius_px * (1 << SUBPIXEL_BITS))
        cv2.circle(image, _fixed(pixel), radius, color, -1, cv2.LINE_AA, SUBPIXEL_BITS)
