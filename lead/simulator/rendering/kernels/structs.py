"""Structures that pass between the tracing and the shading kernels."""

from __future__ import annotations

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
