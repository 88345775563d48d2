"""Oriented boxes in batches: corners, overlaps with their separation vectors, and rays.

Boxes stand upright (yaw only); :func:`leaning_half_sizes` gives such a box round one that leans. The overlap test works
on their footprints, which is what vehicle collisions need; rays are cast in three dimensions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lead.geometry.frames import rotation_matrices

_SWEEP_TOLERANCE_M = 1e-3
_MAX_SWEEP_STEPS = 128
_UNIT_CORNERS = np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])


class Overlap(NamedTuple):
    """Result of :func:`box_overlap`, one row per pair.

    Attributes:
        depth: float64 (n,), metres by which the footprints overlap along ``normal``; when apart, minus the
            largest gap along any box axis.
        normal: float64 (n, 2), unit direction in which moving box a by ``depth`` separates it from box b.
        point: float64 (n, 2), middle of the contact patch, world frame; half way between
            the centres where the boxes do not overlap.
    """

    depth: NDArray[np.float64]
    normal: NDArray[np.float64]
    point: NDArray[np.float64]


def box_axes(yaw_rad: ArrayLike) -> NDArray[np.float64]:
    """Forward and right unit axes of boxes: float64 (..., 2, 2), axis index first, then x and y."""
    yaw = np.asarray(yaw_rad, dtype=np.float64)
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.stack([np.stack([cos, sin], axis=-1), np.stack([-sin, cos], axis=-1)], axis=-2)


def leaning_half_sizes(half: ArrayLike, pitch_deg: ArrayLike, roll_deg: ArrayLike) -> NDArray[np.float64]:
    """Half sizes of the upright boxes round boxes that lean: float64 (..., 3), exact for quarter turns.

    Args:
        half: float (..., 3) half sizes of the boxes in their own frames, metres.
        pitch_deg: float (...,) pitch.
        roll_deg: float (...,) roll.
    """
    turn = np.abs(rotation_matrices(pitch_deg, 0.0, roll_deg))
    return np.asarray((turn @ np.asarray(half, dtype=np.float64)[..., None])[..., 0])


def box_corners(center: ArrayLike, yaw_rad: ArrayLike, half: ArrayLike) -> NDArray[np.float64]:
    """Footprint corners of boxes.

    Args:
        center: float (..., 2), metres.
        yaw_rad: float (...,), radians.
        half: float (..., 2) half length and half width, metres.

    Returns:
        float64 (..., 4, 2): front right, back right, back left, front left.
    """
    local = _UNIT_CORNERS * np.asarray(half, dtype=np.float64)[..., None, :]
    return local @ box_axes(yaw_rad) + np.asarray(center, dtype=np.float64)[..., None, :]


def box_overlap(
    center_a: ArrayLike,
    yaw_a_rad: ArrayLike,
    half_a: ArrayLike,
    center_b: ArrayLike,
    yaw_b_rad: ArrayLike,
    half_b: ArrayLike,
) -> Overlap:
    """Separating-axis test of n pairs of footprints with the minimum translation vector.

    Args:
        center_a: float (n, 2), metres, world frame.
        yaw_a_rad: float (n,), radians.
        half_a: float (n, 2) half sizes, metres.
        center_b: As for a.
        yaw_b_rad: As for a.
        half_b: As for a.

    Returns:
        Depth, normal (from b to a) and contact point of each pair.
    """
    at_a, at_b = np.asarray(center_a, dtype=np.float64), np.asarray(center_b, dtype=np.float64)
    size_a, size_b = np.asarray(half_a, dtype=np.float64), np.asarray(half_b, dtype=np.float64)
    yaw = np.stack([np.asarray(yaw_a_rad, dtype=np.float64), np.asarray(yaw_b_rad, dtype=np.float64)])
    offset = at_a - at_b
    cos, sin = np.cos(yaw), np.sin(yaw)
    gap, overlap = _axis_overlaps(offset, cos, sin, size_a, size_b)
    best = np.argmin(overlap, axis=0)
    rows = np.arange(len(offset))
    depth = overlap[best, rows]
    owner, face = best >> 1, best & 1
    sign = np.where(gap[best, rows] < 0.0, -1.0, 1.0)
    axis_cos, axis_sin = cos[owner, rows], sin[owner, rows]
    normal = np.empty_like(offset)
    normal[:, 0] = sign * np.where(face == 0, axis_cos, -axis_sin)
    normal[:, 1] = sign * np.where(face == 0, axis_sin, axis_cos)
    point = 0.5 * (at_a + at_b)
    hit = np.flatnonzero(depth > 0.0)
    if len(hit):
        boxes = _Pairs(np.stack([at_a[hit], at_b[hit]]), yaw[:, hit], np.stack([size_a[hit], size_b[hit]]))
        point[hit] = _contact_points(boxes, owner[hit], face[hit], normal[hit])
    return Overlap(depth, normal, point)


def box_overlap_depth(
    center_a: ArrayLike,
    yaw_a_rad: ArrayLike,
    half_a: ArrayLike,
    center_b: ArrayLike,
    yaw_b_rad: ArrayLike,
    half_b: ArrayLike,
) -> NDArray[np.float64]:
    """Depth (n,) of :func:`box_overlap` alone, for callers that only ask who overlaps."""
    offset = np.asarray(center_a, dtype=np.float64) - np.asarray(center_b, dtype=np.float64)
    yaw = np.stack([np.asarray(yaw_a_rad, dtype=np.float64), np.asarray(yaw_b_rad, dtype=np.float64)])
    size_a, size_b = np.asarray(half_a, dtype=np.float64), np.asarray(half_b, dtype=np.float64)
    _, overlap = _axis_overlaps(offset, np.cos(yaw), np.sin(yaw), size_a, size_b)
    return np.asarray(overlap.min(axis=0))


def _axis_overlaps(
    offset: NDArray[np.float64],
    cos: NDArray[np.float64],
    sin: NDArray[np.float64],
    size_a: NDArray[np.float64],
    size_b: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre distance and overlap (4, n) along: forward of a, right of a, forward of b, right of b."""
    dx, dy = offset[:, 0], offset[:, 1]
    gap = np.empty((4, len(offset)))
    gap[0::2] = dx * cos + dy * sin
    gap[1::2] = dy * cos - dx * sin
    turn_cos = np.abs(cos[0] * cos[1] + sin[0] * sin[1])
    turn_sin = np.abs(sin[0] * cos[1] - cos[0] * sin[1])
    length_a, width_a, length_b, width_b = size_a[:, 0], size_a[:, 1], size_b[:, 0], size_b[:, 1]
    overlap = np.empty_like(gap)
    overlap[0] = length_a + turn_cos * length_b + turn_sin * width_b
    overlap[1] = width_a + turn_sin * length_b + turn_cos * width_b
    overlap[2] = length_b + turn_cos * length_a + turn_sin * width_a
    overlap[3] = width_b + turn_sin * length_a + turn_cos * width_a
    overlap -= np.abs(gap)
    return gap, overlap


class _Pairs(NamedTuple):
    """Overlapping pairs; the first axis of each array tells a (0) from b (1)."""

    center: NDArray[np.float64]  # (2, n, 2)
    yaw: NDArray[np.float64]  # (2, n)
    half: NDArray[np.float64]  # (2, n, 2)


def _contact_points(
    pairs: _Pairs, reference: NDArray[np.intp], face: NDArray[np.intp], normal: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Middle of the incident edge clipped to the reference face, weighted by penetration; (n, 2).

    The reference box owns the separating axis ``face``; that face looks at the other (incident) box.
    """
    rows = np.arange(len(reference))
    incident = 1 - reference
    outward = np.where(reference[:, None] == 0, -normal, normal)  # from the reference to the incident box
    tangent = np.stack([-outward[:, 1], outward[:, 0]], axis=1)
    half_reference, half_incident = pairs.half[reference, rows], pairs.half[incident, rows]
    axes = box_axes(pairs.yaw[incident, rows])
    along = (axes * outward[:, None, :]).sum(axis=2)
    edge = np.argmax(np.abs(along), axis=1)
    reach = -np.sign(along[rows, edge]) * half_incident[rows, edge]
    # The incident edge, seen from the reference box's centre: middle +- span.
    middle = pairs.center[incident, rows] - pairs.center[reference, rows] + axes[rows, edge] * reach[:, None]
    span = axes[rows, 1 - edge] * half_incident[rows, 1 - edge][:, None]
    start, slope = (middle * tangent).sum(axis=1), (span * tangent).sum(axis=1)
    upright = np.abs(slope) < 1e-9
    limit = np.stack([-half_reference[rows, 1 - face], half_reference[rows, 1 - face]], axis=1)
    ends = np.sort((limit - start[:, None]) / np.where(upright, 1.0, slope)[:, None], axis=1)
    ends = np.where(upright[:, None], np.array([-1.0, 1.0]), np.clip(ends, -1.0, 1.0))
    points = middle[:, None, :] + span[:, None, :] * ends[:, :, None]
    height = (points * outward[:, None, :]).sum(axis=2)
    # The small constant keeps the mean defined when an edge just touches.
    weight = np.maximum(half_reference[rows, face][:, None] - height, 0.0) + 1e-9
    mean = (weight[:, :, None] * points).sum(axis=1) / weight.sum(axis=1)[:, None]
    return np.asarray(mean + pairs.center[reference, rows])


def ray_box_distances(
    origin: ArrayLike, direction: ArrayLike, center: ArrayLike, yaw_rad: ArrayLike, half: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Entry and exit distances of every ray through every upright box.

    Args:
        origin: float (n, 3) ray origins, metres, world frame; (1, 3) if it is the same for all.
        direction: float (n, 3) ray directions; distances are in multiples of their length.
        center: float (m, 3) box centres.
        yaw_rad: float (m,) box yaws, radians.
        half: float (m, 3) half sizes.

    Returns:
        Entry and exit float64 (n, m). A miss has both at infinity; from inside a box the entry is negative.
    """
    yaw = np.asarray(yaw_rad, dtype=np.float64)
    cos, sin = np.cos(yaw), np.sin(yaw)
    relative = np.asarray(origin, dtype=np.float64)[:, None, :] - np.asarray(center, dtype=np.float64)[None]
    ray = np.asarray(direction, dtype=np.float64)[:, None, :]
    starts, steps = _turned(relative, cos, sin), _turned(ray, cos, sin)
    sizes = np.asarray(half, dtype=np.float64).T
    entry: NDArray[np.float64] | None = None
    leave: NDArray[np.float64] | None = None
    # Axis by axis: three numbers are too few for the processor's vectors.
    for start, along, size in zip(starts, steps, sizes, strict=True):
        step = np.where(np.abs(along) < 1e-12, 1e-12, along)
        reach = np.copysign(size, step)
        near, far = (-reach - start) / step, (reach - start) / step
        entry = near if entry is None else np.maximum(entry, near)
        leave = far if leave is None else np.minimum(leave, far)
    assert entry is not None and leave is not None
    missed = (entry > leave) | (leave < 0.0)
    return np.where(missed, np.inf, entry), np.where(missed, np.inf, leave)


def _turned(
    vectors: NDArray[np.float64], cos: NDArray[np.float64], sin: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """x, y and z of world vectors (n, m or 1, 3) in the m boxes' own frames."""
    x, y = vectors[..., 0], vectors[..., 1]
    return x * cos + y * sin, y * cos - x * sin, vectors[..., 2]


def _into_boxes(
    vectors: NDArray[np.float64], cos: NDArray[np.float64], sin: NDArray[np.float64]
) -> NDArray[np.float64]:
    """World vectors (n, m, 3) turned into the m boxes' own frames."""
    return np.stack(_turned(vectors, cos, sin), axis=-1)


def sphere_sweep_distances(
    origin: ArrayLike,
    direction: ArrayLike,
    radius: float,
    max_distance: float,
    center: ArrayLike,
    yaw_rad: ArrayLike,
    half: ArrayLike,
) -> NDArray[np.float64]:
    """How far a sphere can be moved before it touches each upright box.

    Args:
        origin: float (3,) start of the sphere's centre, metres, world frame.
        direction: float (3,) unit direction of the sweep.
        radius: Radius of the sphere, metres.
        max_distance: Length of the sweep, metres.
        center: float (m, 3) box centres.
        yaw_rad: float (m,) box yaws, radians.
        half: float (m, 3) half sizes.

    Returns:
        float64 (m,): way of the centre to within a millimetre, 0 when touching at the start, infinite for a
        miss.
    """
    yaw = np.asarray(yaw_rad, dtype=np.float64)
    cos, sin = np.cos(yaw), np.sin(yaw)
    offset = np.asarray(origin, dtype=np.float64) - np.asarray(center, dtype=np.float64)
    start = _into_boxes(offset[None], cos, sin)[0]
    step = _into_boxes(np.broadcast_to(np.asarray(direction, dtype=np.float64), offset.shape)[None], cos, sin)[0]
    size = np.asarray(half, dtype=np.float64)
    way = np.zeros(len(yaw))
    # Moving by the free distance can never jump over a surface, and converges fast on convex bodies.
    for _ in range(_MAX_SWEEP_STEPS):
        outside = np.maximum(np.abs(start + step * way[:, None]) - size, 0.0)
        free = np.sqrt((outside * outside).sum(axis=1)) - radius
        moving = (free > _SWEEP_TOLERANCE_M) & (way <= max_distance)
        if not moving.any():
            break
        way[moving] += free[moving]
    return np.where((free <= _SWEEP_TOLERANCE_M) & (way <= max_distance), way, np.inf) if len(way) else way
