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


LIGHT_DTYPE: np.dtype[Any] = np.dtype(Light.numpy_dtype())


@wp.struct
class Camera:
    """One view."""

    position: wp.vec3
    rotation: wp.mat33
    per_px: wp.float32  # 1 / focal length in pixels


CAMERA_DTYPE: np.dtype[Any] = np.dtype(Camera.numpy_dtype())


@wp.struct
class Cameras:
    """Views of equal size, and which part of them is drawn: rows from `first_row` on.

    Sample i looks through pixel `pixel[i]` (view, drawn row, column) and leaves its results at `store[i]`.
    """

    view: wp.array(dtype=Camera)
    width: wp.int32
    height: wp.int32
    first_row: wp.int32
    rows: wp.int32
    pixel: wp.array(dtype=wp.vec3i)
    store: wp.array(dtype=wp.int32)
    count: wp.int32
    shift: wp.array(dtype=wp.vec2)  # of the ray within the pixel, from its centre
    per_shift: wp.int32  # sample i has shift i / per_shift


@wp.struct
class Slot:
    """Something that is placed in the scene; arrays of them hold tiles first, then instances."""

    first_triangle: wp.int32
    state: wp.uint32
    actor_id: wp.uint32
    tint: wp.vec3
    normal_matrix: wp.mat33
    to_previous: wp.mat44


SLOT_DTYPE: np.dtype[Any] = np.dtype(Slot.numpy_dtype())


@wp.struct
class Triangles:
    """Attributes of all triangles of all meshes; corner c of triangle i is vertex `corner[3 i + c]`."""

    corner: wp.array(dtype=wp.int32)
    color: wp.array(dtype=wp.uint32)  # display colour, red in the low byte
    info: wp.array(dtype=wp.uint32)  # material | label << 8 | channel << 16 | flat << 24
    object_id: wp.array(dtype=wp.int32)
    normal: wp.array(dtype=wp.vec3)  # per vertex
    uv: wp.array(dtype=wp.vec2)  # per vertex
    actor_of_object: wp.array(dtype=wp.uint32)  # by object id: level objects that are actors, 0 for the others
    objects: wp.int32  # entries of that table


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
class RayHit:
    """One row of `lead.simulator.rendering.scene.RayHits`."""

    distance: wp.float32
    cosine: wp.float32
    object_id: wp.uint32
    instance: wp.int32
    label: wp.uint32


RAY_HIT_DTYPE: np.dtype[Any] = np.dtype(RayHit.numpy_dtype())


@wp.struct
class Bundle:
    """Rays from one point; `first` is the number of its first one."""

    origin: wp.vec3
    rotation: wp.mat33
    range_m: wp.float32
    first: wp.int32


BUNDLE_DTYPE: np.dtype[Any] = np.dtype(Bundle.numpy_dtype())


@wp.struct
class Rays:
    """Rays of some bundles, in and out in one structure."""

    bundle: wp.array(dtype=Bundle)
    bundles: wp.int32
    count: wp.int32
    direction: wp.array(dtype=wp.vec3)  # in the frame of the bundle
    t: wp.array(dtype=wp.float32)  # any value for misses
    slot: wp.array(dtype=wp.int32)  # -1 for none
    face: wp.array(dtype=wp.int32)
    facet: wp.array(dtype=wp.vec3)  # normal of the triangle hit, in its mesh's frame, of any length
    hit: wp.array(dtype=RayHit)


@wp.struct
class Samples:
    """What edges are found by, and normals taken from."""

    normal: wp.array(dtype=wp.vec3)
    albedo: wp.array(dtype=wp.vec3)
    info: wp.array(dtype=wp.uint32)  # material | label << 8 | lit << 16; NO_SURFACE for the sky


@wp.func
def sample_direction(cameras: Cameras, sample: wp.int32) -> wp.vec3:
    """Ray of a sample, with forward component 1."""
    pixel = cameras.pixel[sample]
    shift = cameras.shift[0]
    if cameras.per_shift < cameras.count:  # divisions are dear
        shift = cameras.shift[sample / cameras.per_shift]
    per_px = cameras.view[pixel[0]].per_px
    right = (float(pixel[2]) + 0.5 + shift[0] - 0.5 * float(cameras.width)) * per_px
    up = (0.5 * float(cameras.height) - float(pixel[1] + cameras.first_row) - 0.5 - shift[1]) * per_px
    return cameras.view[pixel[0]].rotation * wp.vec3(1.0, right, up)


@wp.func
def bundle_of(rays: Rays, ray: wp.int32) -> wp.int32:
    """Bundle that a ray belongs to."""
    found = wp.int32(0)
    for index in range(1, rays.bundles):
        if ray >= rays.bundle[index].first:
            found = index
    return found
