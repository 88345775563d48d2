"""Structures that pass between the host, the tracing and the shading kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import warp as wp


@wp.struct
class Surface:
    """A visible point of a surface.

    `albedo` is linear and already tinted; `normal` is the shading normal, turned to the eye; `lit` is 1 for LAMP
    triangles whose channel is on (and for EMISSIVE ones), else 0.
    """

    normal: wp.vec3
    albedo: wp.vec3
    uv: wp.vec2
    material: wp.int32
    lit: wp.float32


@wp.struct
class Light:
    """One row of `lead.simulator.rendering.scene.Lights`."""

    position: wp.vec3
    direction: wp.vec3
    color: wp.vec3
    cos_inner: wp.float32
    cos_outer: wp.float32
    range_m: wp.float32


LIGHT_DTYPE: np.dtype[Any] = Light.numpy_dtype()


@wp.struct
class Cameras:
    """Views of equal size, and which part of them is drawn: rows from `first_row` on.

    Sample i looks through pixel `pixel[i]` (counted over views and drawn rows) and leaves its results at `store[i]`.
    """

    position: wp.array(dtype=wp.vec3)
    rotation: wp.array(dtype=wp.mat33)
    focal_px: wp.array(dtype=wp.float32)
    width: wp.int32
    height: wp.int32
    first_row: wp.int32
    rows: wp.int32
    pixel: wp.array(dtype=wp.int32)
    store: wp.array(dtype=wp.int32)
    count: wp.int32
    shift: wp.vec2  # of the ray within the pixel, from its centre


@wp.struct
class Slots:
    """Everything that is placed in the scene, one row per slot: tiles first, then instances."""

    first_triangle: wp.array(dtype=wp.int32)
    normal_matrix: wp.array(dtype=wp.mat33)
    tint: wp.array(dtype=wp.vec3)
    state: wp.array(dtype=wp.uint32)
    actor_id: wp.array(dtype=wp.uint32)
    to_previous: wp.array(dtype=wp.mat44)


@wp.struct
class Triangles:
    """Attributes of all triangles of all meshes; corner c of triangle i is vertex `corner[3 i + c]`."""

    corner: wp.array(dtype=wp.int32)
    color: wp.array(dtype=wp.uint32)  # display colour, red in the low byte
    info: wp.array(dtype=wp.uint32)  # material | label << 8 | channel << 16 | flat << 24
    object_id: wp.array(dtype=wp.int32)
    normal: wp.array(dtype=wp.vec3)  # per vertex
    uv: wp.array(dtype=wp.vec2)  # per vertex


@wp.struct
class Hits:
    """Nearest hits: ray parameter (`FAR` for none), slot (-1 for none), triangle in its mesh, barycentric weights.

    `shadow` is 1 where the sun reaches, 0 elsewhere; it is filled only if shadows were asked for.
    """

    t: wp.array(dtype=wp.float32)
    slot: wp.array(dtype=wp.int32)
    face: wp.array(dtype=wp.int32)
    weights: wp.array(dtype=wp.vec2)  # of corners 0 and 1
    shadow: wp.array(dtype=wp.float32)


@wp.struct
class Rays:
    """Rays from one point, in and out in one structure; see `RayHits` for what comes out."""

    direction: wp.array(dtype=wp.vec3)
    t: wp.array(dtype=wp.float32)  # any value for misses until they are resolved
    slot: wp.array(dtype=wp.int32)  # -1 for none
    face: wp.array(dtype=wp.int32)
    facet: wp.array(dtype=wp.vec3)  # normal of the triangle hit, in its mesh's frame, of any length
    cosine: wp.array(dtype=wp.float32)
    label: wp.array(dtype=wp.uint8)
    object_id: wp.array(dtype=wp.uint32)
    instance: wp.array(dtype=wp.int32)


@wp.struct
class Samples:
    """What edges are found by, and normals taken from."""

    normal: wp.array(dtype=wp.vec3)
    albedo: wp.array(dtype=wp.vec3)
    info: wp.array(dtype=wp.uint32)  # material | label << 8 | lit << 16; NO_SURFACE for the sky


@wp.func
def sample_direction(cameras: Cameras, index: wp.int32) -> wp.vec3:
    """Ray through a pixel, with forward component 1; index counts over views and drawn rows."""
    per_view = cameras.width * cameras.rows
    view = index / per_view
    rest = index - view * per_view
    row = rest / cameras.width
    column = rest - row * cameras.width
    focal = cameras.focal_px[view]
    right = (float(column) + 0.5 + cameras.shift[0] - 0.5 * float(cameras.width)) / focal
    up = (0.5 * float(cameras.height) - float(row + cameras.first_row) - 0.5 - cameras.shift[1]) / focal
    return cameras.rotation[view] * wp.vec3(1.0, right, up)
