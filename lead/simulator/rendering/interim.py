"""Interim scene: the one file that the real renderer replaces.

Until there is rendered scenery, ray sensors see the ground as one plane and every solid thing as its upright
box, and cameras deliver flat images that decode sensibly (nothing but sky). Everything that knows about this
simplification is in this module.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ROADS_TAG, SKY_TAG = 1, 11
MISS, GROUND = -2, -1

_TINY = np.float32(1e-9)
_HORIZON_BYTE = 255
_CLEAR_SKY_RGB = (112, 120, 132)
_SURFACE_FACING_CAMERA_RGB = (0, 128, 128)


def _empty(*shape: int) -> NDArray[np.float64]:
    return np.zeros(shape, dtype=np.float64)


@dataclass(frozen=True)
class SceneView:
    """Surroundings of a sensor, world frame.

    Attributes:
        ground_z: Height of the ground under the sensor, metres.
        grade_x: Slope dz/dx of the ground there.
        grade_y: Slope dz/dy.
        center: float64 (m, 3) box centres, metres.
        yaw: float64 (m,) box yaws, radians.
        half: float64 (m, 3) half sizes, metres.
        actor_id: int64 (m,) actor of each box, 0 for the level.
        label: uint8 (m,) CityObjectLabel of each box.
        velocity: float64 (m, 3) of each box, m/s.
    """

    ground_z: float = 0.0
    grade_x: float = 0.0
    grade_y: float = 0.0
    center: NDArray[np.float64] = field(default_factory=lambda: _empty(0, 3))
    yaw: NDArray[np.float64] = field(default_factory=lambda: _empty(0))
    half: NDArray[np.float64] = field(default_factory=lambda: _empty(0, 3))
    actor_id: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    label: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, dtype=np.uint8))
    velocity: NDArray[np.float64] = field(default_factory=lambda: _empty(0, 3))


class RayHits(NamedTuple):
    """First hits of rays.

    Attributes:
        distance: float32 (n,) metres, infinite for a miss.
        target: int32 (n,) row of the box that was hit, ``GROUND`` or ``MISS``.
        cos_incidence: float32 (n,) cosine between the reversed ray and the surface normal, 0 for a miss.
    """

    distance: NDArray[np.float32]
    target: NDArray[np.int32]
    cos_incidence: NDArray[np.float32]


def cast_rays(
    scene: SceneView, origin: NDArray[np.float64], directions: NDArray[np.float32], max_range_m: float
) -> RayHits:
    """First hit of rays that start at one point.

    Surfaces are seen from outside only: a box that contains the origin is transparent, as are the one-sided
    meshes of the original.

    Args:
        scene: Ground plane and boxes.
        origin: float64 (3,) common origin, metres, world frame.
        directions: float32 (n, 3) unit vectors, world frame.
        max_range_m: Hits beyond are misses.
    """
    hits = _cast_ground(scene, origin, directions, max_range_m)
    offset = scene.center - origin
    gap = np.linalg.norm(offset, axis=1)
    radius = np.linalg.norm(scene.half, axis=1)
    near = np.flatnonzero(gap - radius < max_range_m)
    if not len(near):
        return hits
    # A box can only be met by rays inside the cone around its bounding sphere.
    inside = radius[near] >= gap[near]
    sine = np.where(inside, 1.0, radius[near] / np.maximum(gap[near], 1e-9))
    min_cos = np.where(inside, -2.0, np.sqrt(np.maximum(1.0 - sine * sine, 0.0)) - 1e-6)
    axis = offset[near] / np.maximum(gap[near], 1e-9)[:, None]
    in_cone = (axis.astype(np.float32) @ directions.T) >= min_cos.astype(np.float32)[:, None]
    for row, candidates in zip(near.tolist(), in_cone, strict=True):
        rays = np.flatnonzero(candidates)
        if len(rays):
            _cast_box(scene, row, offset[row], directions[rays], rays, hits, max_range_m)
    return hits


def _cast_ground(
    scene: SceneView, origin: NDArray[np.float64], directions: NDArray[np.float32], max_range_m: float
) -> RayHits:
    """Hits of the ground plane alone, in fresh arrays that boxes may overwrite."""
    normal = np.array([-scene.grade_x, -scene.grade_y, 1.0])
    length = float(np.linalg.norm(normal))
    height = (float(origin[2]) - scene.ground_z) / length
    toward = -(directions @ (normal / length).astype(np.float32))
    distance = np.full(len(directions), np.inf, dtype=np.float32)
    if height > 0.0:
        np.divide(np.float32(height), toward, out=distance, where=toward > _TINY)
        distance[distance > max_range_m] = np.inf
    seen = np.isfinite(distance)
    target = np.where(seen, GROUND, MISS).astype(np.int32)
    return RayHits(distance, target, np.where(seen, toward, np.float32(0.0)))


def _cast_box(
    scene: SceneView,
    row: int,
    offset: NDArray[np.float64],
    directions: NDArray[np.float32],
    rays: NDArray[np.intp],
    hits: RayHits,
    max_range_m: float,
) -> None:
    """Slab test of some rays with one box; nearer hits overwrite those in ``hits``."""
    cos, sin = np.float32(np.cos(scene.yaw[row])), np.float32(np.sin(scene.yaw[row]))
    half = scene.half[row].astype(np.float32)
    dx, dy = directions[:, 0], directions[:, 1]
    local = np.stack([dx * cos + dy * sin, dy * cos - dx * sin, directions[:, 2]])
    local[np.abs(local) < _TINY] = _TINY
    x, y, z = offset.astype(np.float32)
    middle = np.array([[x * cos + y * sin], [y * cos - x * sin], [z]], dtype=np.float32) / local
    reach = half[:, None] / np.abs(local)
    entries = middle - reach
    face = np.argmax(entries, axis=0)
    columns = np.arange(len(rays))
    entry = entries[face, columns]
    met = (entry > 0.0) & (entry <= (middle + reach).min(axis=0))
    met &= (entry < hits.distance[rays]) & (entry <= max_range_m)
    won = rays[met]
    hits.distance[won] = entry[met]
    hits.target[won] = row
    hits.cos_incidence[won] = np.abs(local[face[met], columns[met]])


def flat_image(kind: str, width: int, height: int) -> bytes:
    """Pixels of an image of an empty sky, as the named camera encodes them.

    Args:
        kind: Last part of the camera's blueprint id, e.g. ``depth``.
        width: Pixels per row.
        height: Rows.

    Returns:
        BGRA bytes, row by row; 8 bytes of flow per pixel for ``optical_flow``; nothing for ``dvs``, which
        saw no event.
    """
    if kind == "dvs":
        return b""
    if kind == "optical_flow":
        return bytes(8 * width * height)
    red, green, blue = {
        "rgb": _CLEAR_SKY_RGB,
        "depth": (_HORIZON_BYTE, _HORIZON_BYTE, _HORIZON_BYTE),
        "semantic_segmentation": (SKY_TAG, 0, 0),
        "instance_segmentation": (SKY_TAG, 0, 0),
        "normals": _SURFACE_FACING_CAMERA_RGB,
    }[kind]
    return bytes((blue, green, red, 255)) * (width * height)
