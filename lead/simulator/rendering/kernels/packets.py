"""Rays in packets of eight through Embree, called from inside Warp's CPU kernels.

The C++ snippets fill a packet, call the library through a raw function pointer and scatter the answer. They exist in
a module of their own, because CUDA must never compile them. The layout of a packet is Embree 4's: a structure of
arrays over eight lanes, 32-byte aligned.
"""

from __future__ import annotations

import warp as wp

from lead.simulator.rendering.kernels.structs import Cameras, Hits, Rays, Slot

LANES = 8

_PACKETS = """
    struct alignas(32) Ray8 {
        float ox[8], oy[8], oz[8], near_[8], dx[8], dy[8], dz[8], time[8], far_[8];
        unsigned mask[8], id[8], flags[8];
    };
    struct alignas(32) Hit8 {
        Ray8 ray;
        float nx[8], ny[8], nz[8], u[8], v[8];
        unsigned face[8], geometry[8], slot[8], slot_part[8];
    };
    alignas(32) int valid[8];
"""
# The same rays as `structs.sample_direction`, which native code cannot call.
_CAMERA_RAY = """
        const auto& pixel = cameras.pixel.data[sample];
        const auto& view = cameras.view.data[pixel[0]];
        const wp::vec2& shift = cameras.shift.data[turns ? sample / cameras.per_shift : 0];
        float right = (pixel[2] + 0.5f + shift[0] - 0.5f * cameras.width) * view.per_px;
        float up = (0.5f * cameras.height - (pixel[1] + cameras.first_row) - 0.5f - shift[1]) * view.per_px;
        const wp::mat33& m = view.rotation;
        const wp::vec3& o = view.position;
        wp::vec3 d(m.data[0][0] + m.data[0][1] * right + m.data[0][2] * up,
                   m.data[1][0] + m.data[1][1] * right + m.data[1][2] * up,
                   m.data[2][0] + m.data[2][1] * right + m.data[2][2] * up);
"""

_CAMERA_SNIPPET = f"""
    {_PACKETS}
    Hit8 p;
    int last = cameras.count - 1;
    bool turns = cameras.per_shift < cameras.count;  // divisions are dear
    for (int k = 0; k < 8; ++k) {{
        int i = 8 * packet + k;
        valid[k] = i <= last ? -1 : 0;
        int sample = i <= last ? i : last;
        {_CAMERA_RAY}
        p.ray.ox[k] = o[0]; p.ray.oy[k] = o[1]; p.ray.oz[k] = o[2];
        p.ray.dx[k] = d[0]; p.ray.dy[k] = d[1]; p.ray.dz[k] = d[2];
        p.ray.near_[k] = near_m; p.ray.far_[k] = far_m; p.ray.time[k] = 0.f;
        p.ray.mask[k] = 0xffffffffu; p.ray.id[k] = 0; p.ray.flags[k] = 0;
        p.geometry[k] = 0xffffffffu; p.slot[k] = 0xffffffffu;
    }}
    ((void (*)(const int*, unsigned long long, Hit8*, void*))intersect)(valid, scene, &p, (void*)arguments);
    for (int k = 0; k < 8; ++k) {{
        int i = 8 * packet + k;
        if (i > last) break;
        int j = cameras.store.data[i];
        bool miss = p.geometry[k] == 0xffffffffu;
        hits.t.data[j] = miss ? far_m : p.ray.far_[k];
        hits.slot.data[j] = miss ? -1 : (int)p.slot[k];
        hits.face.data[j] = (int)p.face[k];
        hits.weights.data[j] = wp::vec2(1.f - p.u[k] - p.v[k], p.u[k]);
    }}
    if (!occluded) return;
    Ray8& r = p.ray;  // from here on the rays go from the hits to the sun
    int any = 0;
    float reached[8];
    for (int k = 0; k < 8; ++k) {{
        bool hit = valid[k] && p.geometry[k] != 0xffffffffu;
        valid[k] = 0;
        reached[k] = 0.f;
        if (!hit) continue;
        const wp::mat33& m = slots.data[p.slot[k]].normal_matrix;
        wp::vec3 n(m.data[0][0] * p.nx[k] + m.data[0][1] * p.ny[k] + m.data[0][2] * p.nz[k],
                   m.data[1][0] * p.nx[k] + m.data[1][1] * p.ny[k] + m.data[1][2] * p.nz[k],
                   m.data[2][0] * p.nx[k] + m.data[2][1] * p.ny[k] + m.data[2][2] * p.nz[k]);
        float facing = n[0] * sun[0] + n[1] * sun[1] + n[2] * sun[2];
        bool away = n[0] * r.dx[k] + n[1] * r.dy[k] + n[2] * r.dz[k] > 0.f;
        if (away ? facing >= 0.f : facing <= 0.f) continue;
        float t = r.far_[k];
        reached[k] = 1.f;
        if (t >= max_depth_m) continue;
        float lift = (0.02f + 0.0003f * t) / sqrtf(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
        lift = away ? -lift : lift;
        r.ox[k] += t * r.dx[k] + lift * n[0];
        r.oy[k] += t * r.dy[k] + lift * n[1];
        r.oz[k] += t * r.dz[k] + lift * n[2];
        r.dx[k] = sun[0]; r.dy[k] = sun[1]; r.dz[k] = sun[2];
        r.near_[k] = 0.f; r.far_[k] = shadow_far_m;
        valid[k] = -1;
        any = 1;
    }}
    if (any) {{
        ((void (*)(const int*, unsigned long long, Ray8*, void*))occluded)(valid, scene, &r, (void*)arguments);
        for (int k = 0; k < 8; ++k)
            if (valid[k] && r.far_[k] < 0.f) reached[k] = 0.f;
    }}
    for (int k = 0; k < 8 && 8 * packet + k <= last; ++k)
        hits.shadow.data[cameras.store.data[8 * packet + k]] = reached[k];
"""

_RAY_SNIPPET = f"""
    {_PACKETS}
    Hit8 p;
    int last = rays.count - 1;
    for (int k = 0; k < 8; ++k) {{
        int i = 8 * packet + k, b = 0;
        valid[k] = i <= last ? -1 : 0;
        i = i <= last ? i : last;
        while (b + 1 < rays.bundles && i >= rays.bundle.data[b + 1].first) ++b;
        const auto& bundle = rays.bundle.data[b];
        const wp::mat33& m = bundle.rotation;
        wp::vec3 d = rays.direction.data[i];
        p.ray.ox[k] = bundle.origin[0]; p.ray.oy[k] = bundle.origin[1]; p.ray.oz[k] = bundle.origin[2];
        p.ray.dx[k] = m.data[0][0] * d[0] + m.data[0][1] * d[1] + m.data[0][2] * d[2];
        p.ray.dy[k] = m.data[1][0] * d[0] + m.data[1][1] * d[1] + m.data[1][2] * d[2];
        p.ray.dz[k] = m.data[2][0] * d[0] + m.data[2][1] * d[1] + m.data[2][2] * d[2];
        p.ray.near_[k] = near_m; p.ray.far_[k] = bundle.range_m; p.ray.time[k] = 0.f;
        p.ray.mask[k] = 0xffffffffu; p.ray.id[k] = 0; p.ray.flags[k] = 0;
        p.geometry[k] = 0xffffffffu; p.slot[k] = 0xffffffffu;
    }}
    ((void (*)(const int*, unsigned long long, Hit8*, void*))function)(valid, scene, &p, (void*)arguments);
    for (int k = 0; k < 8 && 8 * packet + k <= last; ++k) {{
        int i = 8 * packet + k;
        bool miss = p.geometry[k] == 0xffffffffu;
        rays.t.data[i] = p.ray.far_[k];
        rays.slot.data[i] = miss ? -1 : (int)p.slot[k];
        rays.face.data[i] = (int)p.face[k];
        rays.facet.data[i] = wp::vec3(p.nx[k], p.ny[k], p.nz[k]);
    }}
"""


@wp.func_native(_CAMERA_SNIPPET)
def _camera_packet(
    intersect: wp.uint64,
    occluded: wp.uint64,
    scene: wp.uint64,
    arguments: wp.uint64,
    cameras: Cameras,
    packet: wp.int32,
    near_m: wp.float32,
    far_m: wp.float32,
    sun: wp.vec3,
    max_depth_m: wp.float32,
    shadow_far_m: wp.float32,
    slots: wp.array(dtype=Slot),
    hits: Hits,
) -> None: ...


@wp.func_native(_RAY_SNIPPET)
def _ray_packet(
    function: wp.uint64, scene: wp.uint64, arguments: wp.uint64, rays: Rays, packet: wp.int32, near_m: wp.float32
) -> None: ...


@wp.kernel(enable_backward=False)
def camera_packets(
    intersect: wp.uint64,
    occluded: wp.uint64,
    scene: wp.uint64,
    arguments: wp.uint64,
    cameras: Cameras,
    first: wp.int32,
    near_m: wp.float32,
    far_m: wp.float32,
    sun: wp.vec3,
    max_depth_m: wp.float32,
    shadow_far_m: wp.float32,
    slots: wp.array(dtype=Slot),
    hits: Hits,
) -> None:
    """First hits of camera rays, and whether the sun reaches them unless `occluded` is 0; one thread per packet."""
    _camera_packet(
        intersect,
        occluded,
        scene,
        arguments,
        cameras,
        wp.tid() + first,
        near_m,
        far_m,
        sun,
        max_depth_m,
        shadow_far_m,
        slots,
        hits,
    )


@wp.kernel(enable_backward=False)
def ray_packets(
    function: wp.uint64, scene: wp.uint64, arguments: wp.uint64, rays: Rays, first: wp.int32, near_m: wp.float32
) -> None:
    """First hits of the rays of bundles; one thread per packet."""
    _ray_packet(function, scene, arguments, rays, wp.tid() + first, near_m)
