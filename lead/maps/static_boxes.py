"""Solid things of a map that a vehicle can hit, and its crosswalks.

OpenDRIVE names them freely, so they are recognised by type and by the names that CARLA's towns use: guard
rails, railings, barriers, walls and fences along lines, and posts. The posts of lights and signs come from
the signals.
"""

from __future__ import annotations

import math
import re
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lead.maps.ground import GroundIndex
from lead.maps.lane_geometry import LaneGeometry
from lead.maps.layout import BOX_DTYPE, LaneType, SignalKind, StaticLabel
from lead.maps.opendrive import OpenDrive, RoadObject

_LINE_LABELS = (
    (re.compile(r"guard_?rail|railing", re.IGNORECASE), StaticLabel.GUARD_RAIL, 0.15),
    (re.compile(r"barrier|wall", re.IGNORECASE), StaticLabel.WALLS, 0.3),
    (re.compile(r"fence", re.IGNORECASE), StaticLabel.FENCES, 0.05),
)
_POST = re.compile(r"post|pole", re.IGNORECASE)
_CROSSWALK = re.compile(r"^(?!stop).*crosswalk", re.IGNORECASE)
_MAX_BOX_LENGTH_M = 20.0
_MAX_BULGE_M = 0.1
_REPEAT_STEP_M = 2.0
_DEFAULT_HEIGHT_M = 1.0
_SIGN_POST_HALF_M, _SIGN_POST_HEIGHT_M = 0.1, 2.5
_LIGHT_POST_HALF_M, _LIGHT_POST_HEIGHT_M = 0.2, 5.0
_SAME_POST_M = 0.5
_SAME_LEVEL_M = 1.5


def build_static_boxes(
    opendrive: OpenDrive, geometry: LaneGeometry, signals: NDArray[np.void], ground: GroundIndex
) -> NDArray[np.void]:
    """Builds the boxes of posts, rails, barriers, walls and fences.

    Args:
        opendrive: The parsed map.
        geometry: Evaluates its roads.
        signals: SIGNAL_DTYPE, the traffic actors.
        ground: Index of the map's lanes.

    Returns:
        BOX_DTYPE [n], oriented, none longer than 20 m.
    """
    rows: list[tuple[float, ...]] = []
    posts = [
        (
            float(signal["x"]),
            float(signal["y"]),
            float(signal["z"]),
            signal["kind"] == SignalKind.TRAFFIC_LIGHT,
        )
        for signal in signals
    ]
    taken = {(round(x / _SAME_POST_M), round(y / _SAME_POST_M)) for x, y, _, _ in posts}
    for item in opendrive.objects:
        line = next(
            ((label, half) for name, label, half in _LINE_LABELS if name.search(f"{item.kind} {item.name}")),
            None,
        )
        if line is not None:
            for points, height in _lines(item, geometry):
                rows.extend(_boxes_along(points, line[1], height, line[0]))
        elif _POST.search(f"{item.kind} {item.name}"):
            x, y, z, _ = _pose(item, geometry)
            cell = round(x / _SAME_POST_M), round(y / _SAME_POST_M)
            if not any((cell[0] + i, cell[1] + j) in taken for i in (-1, 0, 1) for j in (-1, 0, 1)):
                posts.append((x, y, z, False))
    rows.extend(_post_boxes(posts, ground))
    boxes = np.array(rows, dtype=BOX_DTYPE)
    return boxes[~_block_driving(boxes, ground)]


def find_crosswalks(opendrive: OpenDrive, geometry: LaneGeometry) -> list[NDArray[np.float64]]:
    """Outlines of crosswalks, float64 [k, 3] each in the world frame; the first point is not repeated."""
    crosswalks = []
    for item in opendrive.objects:
        if (item.kind == "crosswalk" or _CROSSWALK.match(item.name)) and len(item.corners) >= 3:
            points, _ = _outline(item, geometry)
            if np.hypot(*(points[0, :2] - points[-1, :2])) < 0.01:
                points = points[:-1]
            if len(points) >= 3:
                crosswalks.append(points)
    return crosswalks


def _pose(item: RoadObject, geometry: LaneGeometry) -> tuple[float, float, float, float]:
    """Position and yaw of an object's own frame in the world."""
    pose = geometry.reference(np.array([item.road]), np.array([item.s]), np.array([item.t]))
    return (
        float(pose.x[0]),
        float(pose.y[0]),
        float(pose.z[0]) + item.z_offset,
        float(pose.yaw[0]) - item.heading_rad,
    )


def _outline(item: RoadObject, geometry: LaneGeometry) -> tuple[NDArray[np.float64], float]:
    """Outline points [k, 3] in the world and the height of the object."""
    corners = item.corners
    height = float(corners[:, 3].max()) or item.height or _DEFAULT_HEIGHT_M
    if item.corners_on_road:
        pose = geometry.reference(np.full(len(corners), item.road), corners[:, 0], corners[:, 1])
        return np.stack([pose.x, pose.y, pose.z + corners[:, 2]], axis=1), height
    x, y, z, yaw = _pose(item, geometry)
    u, v = corners[:, 0], corners[:, 1]  # v points left
    cos, sin = math.cos(yaw), math.sin(yaw)
    return np.stack([x + u * cos + v * sin, y + u * sin - v * cos, z + corners[:, 2]], axis=1), height


def _lines(item: RoadObject, geometry: LaneGeometry) -> list[tuple[NDArray[np.float64], float]]:
    """The polylines [k, 3] along which an object stands, each with its height."""
    if len(item.corners) >= 2:
        return [_outline(item, geometry)]
    lines = []
    for start, length, _, t_start, t_end, _, height, z_offset in item.repeats:
        share = np.linspace(0.0, 1.0, max(2, int(length / _REPEAT_STEP_M) + 1))
        t = t_start + share * (t_end - t_start)
        pose = geometry.reference(np.full(len(share), item.road), start + share * length, t)
        points = np.stack([pose.x, pose.y, pose.z + z_offset], axis=1)
        lines.append((points, height or item.height or _DEFAULT_HEIGHT_M))
    if not lines and item.length > 0.0:
        x, y, z, yaw = _pose(item, geometry)
        half = 0.5 * item.length * np.array([math.cos(yaw), math.sin(yaw), 0.0])
        centre = np.array([x, y, z])
        lines.append((np.stack([centre - half, centre + half]), item.height or _DEFAULT_HEIGHT_M))
    return lines


def _boxes_along(
    points: NDArray[np.float64], half_thickness: float, height: float, label: StaticLabel
) -> list[tuple[float, ...]]:
    """Covers a polyline with boxes: each as long as the line stays straight, 20 m at most."""
    vertices = _split(points.tolist())
    boxes: list[tuple[float, ...]] = []
    start = 0
    while start < len(vertices) - 1:
        end = start + 1
        while end + 1 < len(vertices) and _is_straight(vertices, start, end + 1):
            end += 1
        (x0, y0, z0), (x1, y1, z1) = vertices[start], vertices[end]
        length = math.hypot(x1 - x0, y1 - y0)
        boxes.append(
            (
                -1,
                0.5 * (x0 + x1),
                0.5 * (y0 + y1),
                0.5 * (z0 + z1 + height),
                math.atan2(y1 - y0, x1 - x0),
                0.5 * length,
                half_thickness,
                0.5 * (height + abs(z1 - z0)),
                label,
            )
        )
        start = end
    return boxes


def _split(points: list[list[float]]) -> list[tuple[float, ...]]:
    """Vertices of a polyline, with pieces longer than a box may be divided."""
    vertices = [tuple(points[0])]
    for before, after in pairwise(points):
        pieces = max(1, math.ceil(math.dist(before[:2], after[:2]) / _MAX_BOX_LENGTH_M))
        for k in range(1, pieces + 1):
            vertices.append(tuple(a + (b - a) * k / pieces for a, b in zip(before, after, strict=True)))
    return vertices


def _is_straight(vertices: list[tuple[float, ...]], start: int, end: int) -> bool:
    """Whether the vertices between two others lie on one straight box."""
    (x0, y0, _), (x1, y1, _) = vertices[start], vertices[end]
    length = math.hypot(x1 - x0, y1 - y0)
    if not 0.0 < length <= _MAX_BOX_LENGTH_M:
        return False
    dx, dy = (x1 - x0) / length, (y1 - y0) / length
    return all(
        abs((x - x0) * dy - (y - y0) * dx) <= _MAX_BULGE_M and 0.0 <= (x - x0) * dx + (y - y0) * dy <= length
        for x, y, _ in vertices[start + 1 : end]
    )


def _post_boxes(posts: list[tuple[float, float, float, bool]], ground: GroundIndex) -> list[tuple[float, ...]]:
    """Boxes of posts (x, y, z, carries a light), standing on the ground."""
    if not posts:
        return []
    heights = ground.query(np.array([post[:3] for post in posts], dtype=np.float64)).z
    boxes: list[tuple[float, ...]] = []
    for (x, y, _, is_light), z in zip(posts, heights.tolist(), strict=True):
        half, height = (
            (_LIGHT_POST_HALF_M, _LIGHT_POST_HEIGHT_M) if is_light else (_SIGN_POST_HALF_M, _SIGN_POST_HEIGHT_M)
        )
        boxes.append((-1, x, y, z + 0.5 * height, 0.0, half, half, 0.5 * height, StaticLabel.POLES))
    return boxes


def _block_driving(boxes: NDArray[np.void], ground: GroundIndex) -> NDArray[np.bool_]:
    """Marks boxes on driving lanes: posts of overhead signs, and rails that the map draws into a lane."""
    blocked = np.zeros(len(boxes), dtype=bool)
    for end in (-1.0, 0.0, 1.0):
        points = np.stack(
            [
                boxes["x"] + end * boxes["ext_x"] * np.cos(boxes["yaw"]),
                boxes["y"] + end * boxes["ext_x"] * np.sin(boxes["yaw"]),
                boxes["z"] - boxes["ext_z"],
            ],
            axis=1,
        )
        hits = ground.query(points)
        same_level = np.abs(hits.z - points[:, 2]) < _SAME_LEVEL_M
        blocked |= same_level & ground.is_on(hits, LaneType.DRIVING)
    return blocked
