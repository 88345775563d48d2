"""Rays through Warp's own acceleration structures: a tree over the slots, and one per mesh. For CUDA and any CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import warp as wp

from lead.simulator.rendering.kernels.structs import Cameras, Hits, Rays, Slot, bundle_of, sample_direction


@wp.struct
class Member:
    """A slot that is in use, as the tracer sees it."""

    mesh: wp.uint64
    slot: wp.int32
    origin: wp.vec3
    to_local: wp.mat33


MEMBER_DTYPE: np.dtype[Any] = np.dtype(Member.numpy_dtype())


@wp.struct
class BvhScene:
    """All members, in the order of the tree's leaves."""

    tree: wp.uint64
    member: wp.array(dtype=Member)


@wp.struct
class Nearest:
    """The nearest hit of one ray."""

    t: wp.float32
    slot: wp.int32
    face: wp.int32
    u: wp.float32
    v: wp.float32
    facet: wp.vec3


@wp.func
def _nearest(scene: BvhScene, origin: wp.vec3, direction: wp.vec3, near_m: wp.float32, far_m: wp.float32) -> Nearest:
    best = Nearest()
    best.t = far_m
    best.slot = int(-1)
    start = origin + direction * near_m
    query = wp.bvh_query_ray(scene.tree, start, direction)
    leaf = wp.int32(0)
    while wp.bvh_query_next(query, leaf):
        matrix = scene.member[leaf].to_local
        local_start = matrix * (start - scene.member[leaf].origin)
        local_way = matrix * direction
        found = wp.mesh_query_ray(scene.member[leaf].mesh, local_start, local_way, best.t - near_m)
        if found.result:
            if found.t + near_m < best.t:
                best.t = found.t + near_m
                best.slot = scene.member[leaf].slot
                best.face = found.face
                best.u = found.u
                best.v = found.v
                best.facet = found.normal
    return best


@wp.func
def _blocked(scene: BvhScene, origin: wp.vec3, direction: wp.vec3, far_m: wp.float32) -> wp.float32:
    query = wp.bvh_query_ray(scene.tree, origin, direction)
    leaf = wp.int32(0)
    reached = wp.float32(1.0)
    while wp.bvh_query_next(query, leaf):
        if reached > 0.5:
            matrix = scene.member[leaf].to_local
            if wp.mesh_query_ray_anyhit(
                scene.member[leaf].mesh, matrix * (origin - scene.member[leaf].origin), matrix * direction, far_m
            ):
                reached = wp.float32(0.0)
    return reached


@wp.kernel(enable_backward=False)
def camera_rays(
    scene: BvhScene,
    cameras: Cameras,
    first: wp.int32,
    near_m: wp.float32,
    far_m: wp.float32,
    shadows: wp.int32,
    sun: wp.vec3,
    max_depth_m: wp.float32,
    shadow_far_m: wp.float32,
    slots: wp.array(dtype=Slot),
    hits: Hits,
) -> None:
    """First hits of camera rays, and whether the sun reaches them if `shadows` is not 0; one thread per sample."""
    sample = wp.tid() + first
    view = cameras.pixel[sample][0]
    direction = sample_direction(cameras, sample)
    best = _nearest(scene, cameras.view[view].position, direction, near_m, far_m)
    target = cameras.store[sample]
    hits.t[target] = best.t
    hits.slot[target] = best.slot
    hits.face[target] = best.face
    hits.weights[target] = wp.vec2(best.u, best.v)
    if shadows != 0:
        reached = wp.float32(0.0)
        if best.slot >= 0:
            normal = wp.normalize(slots[best.slot].normal_matrix * best.facet)
            if wp.dot(normal, direction) > 0.0:
                normal = -normal
            if wp.dot(normal, sun) > 0.0:
                reached = wp.float32(1.0)
                if best.t < max_depth_m:
                    point = cameras.view[view].position + direction * best.t
                    reached = _blocked(scene, point + normal * (0.02 + 0.0003 * best.t), sun, shadow_far_m)
        hits.shadow[target] = reached


@wp.kernel(enable_backward=False)
def plain_rays(scene: BvhScene, rays: Rays, first: wp.int32, near_m: wp.float32) -> None:
    """First hits of the rays of bundles; one thread per ray."""
    ray = wp.tid() + first
    bundle = bundle_of(rays, ray)
    direction = rays.bundle[bundle].rotation * rays.direction[ray]
    best = _nearest(scene, rays.bundle[bundle].origin, direction, near_m, rays.bundle[bundle].range_m)
    rays.t[ray] = best.t
    rays.slot[ray] = best.slot
    rays.face[ray] = best.face
    rays.facet[ray] = best.facet
