"""What follows tracing, the same on every device: attributes, classes and ids, colours, edges, motion."""

from __future__ import annotations

import warp as wp

from lead.simulator.rendering.kernels.shading import EnvironmentData, Tables, shade, sky, to_display
from lead.simulator.rendering.kernels.structs import (
    Camera,
    Cameras,
    Hits,
    Light,
    RayHit,
    Rays,
    Samples,
    Slot,
    Surface,
    Triangles,
    bundle_of,
    sample_direction,
)
from lead.simulator.rendering.scene import FAR_M

NO_SURFACE = wp.constant(wp.uint32(0xFFFFFFFF))
SKY_LABEL = wp.constant(11)
_OPAQUE = wp.constant(wp.uint32(0xFF000000))
LEVEL_BIT = wp.constant(wp.uint32(0x80000000))
DEPTH_IMAGE, SEMANTIC_IMAGE, INSTANCE_IMAGE = wp.constant(0), wp.constant(1), wp.constant(2)
_PER_FAR, _DEPTH_STEPS = wp.constant(wp.float64(1.0 / FAR_M)), wp.constant(wp.float64(2**24 - 1))
_PER_STEP = wp.constant(1.0 / 255.0)
_FACADE = wp.constant(5)
_PAINT = wp.constant(8)
_LAMP = wp.constant(14)
_EMISSIVE = wp.constant(15)
_FACE = wp.constant(16)
_CLOTH = wp.constant(18)
_BRICK = wp.constant(21)


@wp.func
def _decoded(color: wp.uint32) -> wp.vec3:
    """Linear reflectance of a packed display colour."""
    red = float(int(color & wp.uint32(255))) * _PER_STEP
    green = float(int((color >> wp.uint32(8)) & wp.uint32(255))) * _PER_STEP
    blue = float(int((color >> wp.uint32(16)) & wp.uint32(255))) * _PER_STEP
    return wp.vec3(red * red, green * green, blue * blue)


@wp.func
def _seen(
    triangles: Triangles,
    slots: wp.array(dtype=Slot),
    slot: wp.int32,
    face: wp.int32,
    weights: wp.vec2,
    direction: wp.vec3,
) -> Surface:
    """What a ray hit: normal, albedo, texture coordinates and material."""
    triangle = slots[slot].first_triangle + face
    info = triangles.info[triangle]
    material = int(info & wp.uint32(255))
    third = 1.0 - weights[0] - weights[1]
    a = triangles.corner[3 * triangle]
    normal = triangles.normal[a]
    surface = Surface()
    # Textures are the only ones that are laid out in uv; flat triangles have one normal.
    printed = material == _FACADE or material == _BRICK or material == _FACE
    flat = (info >> wp.uint32(24)) & wp.uint32(1)
    if printed or flat == wp.uint32(0):
        b = triangles.corner[3 * triangle + 1]
        c = triangles.corner[3 * triangle + 2]
        normal = normal * weights[0] + triangles.normal[b] * weights[1] + triangles.normal[c] * third
        if printed:
            surface.uv = triangles.uv[a] * weights[0] + triangles.uv[b] * weights[1] + triangles.uv[c] * third
    normal = wp.normalize(slots[slot].normal_matrix * normal)
    if wp.dot(normal, direction) > 0.0:
        normal = -normal
    surface.normal = normal
    surface.albedo = _decoded(triangles.color[triangle])
    surface.material = material
    if material == _PAINT or material == _CLOTH:
        surface.albedo = wp.cw_mul(surface.albedo, slots[slot].tint)
    elif material == _EMISSIVE:
        surface.lit = 1.0
    elif material == _LAMP:
        surface.lit = float(int((slots[slot].state >> ((info >> wp.uint32(16)) & wp.uint32(31))) & wp.uint32(1)))
    return surface


@wp.kernel(enable_backward=False)
def attributes(
    cameras: Cameras, first: wp.int32, triangles: Triangles, slots: wp.array(dtype=Slot), hits: Hits, samples: Samples
) -> None:
    """Normal, albedo and material of what was hit."""
    sample = wp.tid() + first
    target = cameras.store[sample]
    slot = hits.slot[target]
    if slot < 0:
        samples.info[target] = NO_SURFACE
        samples.normal[target] = wp.vec3(0.0, 0.0, 0.0)
    else:
        direction = sample_direction(cameras, sample)
        surface = _seen(triangles, slots, slot, hits.face[target], hits.weights[target], direction)
        samples.normal[target] = surface.normal
        samples.albedo[target] = surface.albedo
        label = triangles.info[slots[slot].first_triangle + hits.face[target]] & wp.uint32(65535)
        samples.info[target] = label | (wp.uint32(int(surface.lit)) << wp.uint32(16))


@wp.func
def _identity(triangles: Triangles, slots: wp.array(dtype=Slot), slot: wp.int32, triangle: wp.int32) -> wp.uint32:
    """Actor of a hit, or the level object's number with the top bit set, or 0."""
    identity = slots[slot].actor_id
    part = triangles.object_id[triangle]
    if identity == wp.uint32(0) and part > 0:
        if part < triangles.objects:
            identity = triangles.actor_of_object[part]
        if identity == wp.uint32(0):
            identity = wp.uint32(part) | LEVEL_BIT
    return identity


@wp.kernel(enable_backward=False)
def identities(
    first: wp.int32,
    triangles: Triangles,
    slots: wp.array(dtype=Slot),
    first_instance: wp.int32,
    miss_label: wp.int32,
    hits: Hits,
    label: wp.array(dtype=wp.uint8),
    object_id: wp.array(dtype=wp.uint32),
    instance: wp.array(dtype=wp.int32),
) -> None:
    """Class, object and instance of every hit."""
    index = wp.tid() + first
    slot = hits.slot[index]
    if slot < 0:
        label[index] = wp.uint8(miss_label)
        object_id[index] = wp.uint32(0)
        instance[index] = -2
    else:
        triangle = slots[slot].first_triangle + hits.face[index]
        label[index] = wp.uint8((triangles.info[triangle] >> wp.uint32(8)) & wp.uint32(255))
        object_id[index] = _identity(triangles, slots, slot, triangle)
        instance[index] = wp.max(slot - first_instance, -1)


@wp.kernel(enable_backward=False)
def resolve(
    rays: Rays, first: wp.int32, triangles: Triangles, slots: wp.array(dtype=Slot), first_instance: wp.int32
) -> None:
    """What rays hit, and how steeply; the distance of misses is infinite."""
    ray = wp.tid() + first
    slot = rays.slot[ray]
    hit = RayHit()
    hit.distance = wp.inf
    hit.instance = -2
    if slot >= 0:
        normal = wp.normalize(slots[slot].normal_matrix * rays.facet[ray])
        triangle = slots[slot].first_triangle + rays.face[ray]
        hit.distance = rays.t[ray]
        hit.cosine = wp.abs(wp.dot(normal, rays.bundle[bundle_of(rays, ray)].rotation * rays.direction[ray]))
        hit.label = (triangles.info[triangle] >> wp.uint32(8)) & wp.uint32(255)
        hit.object_id = _identity(triangles, slots, slot, triangle)
        hit.instance = wp.max(slot - first_instance, -1)
    rays.hit[ray] = hit


@wp.kernel(enable_backward=False)
def encode(
    first: wp.int32,
    triangles: Triangles,
    slots: wp.array(dtype=Slot),
    kind: wp.int32,
    hits: Hits,
    pixels: wp.array(dtype=wp.uint32),
) -> None:
    """CARLA's pixels of depth, class or instance, packed as blue, green, red, alpha; see `Frame.encoded`."""
    index = wp.tid() + first
    slot = hits.slot[index]
    label = wp.uint32(SKY_LABEL)
    number = wp.uint32(0)
    packed = wp.uint32(0)
    if kind == DEPTH_IMAGE:
        share = wp.clamp(wp.float64(hits.t[index]) * _PER_FAR, wp.float64(0.0), wp.float64(1.0))
        value = wp.uint32(share * _DEPTH_STEPS + wp.float64(0.5))
        low, middle, high = value & wp.uint32(255), (value >> wp.uint32(8)) & wp.uint32(255), value >> wp.uint32(16)
        packed = (low << wp.uint32(16)) | (middle << wp.uint32(8)) | high
    else:
        if slot >= 0:
            triangle = slots[slot].first_triangle + hits.face[index]
            label = (triangles.info[triangle] >> wp.uint32(8)) & wp.uint32(255)
            if kind == INSTANCE_IMAGE:
                identity = _identity(triangles, slots, slot, triangle)
                number = identity & wp.uint32(0xFFFF)
                if (identity & LEVEL_BIT) != wp.uint32(0):
                    number = number | wp.uint32(0x8000)
        packed = (label << wp.uint32(16)) | ((number & wp.uint32(255)) << wp.uint32(8)) | (number >> wp.uint32(8))
    pixels[index] = packed | _OPAQUE


@wp.kernel(enable_backward=False)
def colors(
    cameras: Cameras,
    first: wp.int32,
    environment: EnvironmentData,
    tables: Tables,
    lights: wp.array(dtype=Light),
    light_count: wp.int32,
    triangles: Triangles,
    slots: wp.array(dtype=Slot),
    hits: Hits,
    curve: wp.array(dtype=wp.uint32),
    exposure: wp.float32,
    effects: wp.int32,
    pixels: wp.array(dtype=wp.uint32),
) -> None:
    """Display colours, packed as blue, green, red, alpha."""
    sample = wp.tid() + first
    pixel = cameras.pixel[sample]
    target = cameras.store[sample]
    view = pixel[0]
    direction = sample_direction(cameras, sample)
    slot = hits.slot[target]
    radiance = wp.vec3(0.0, 0.0, 0.0)
    if slot < 0:
        radiance = sky(environment, tables, wp.normalize(direction))
    else:
        surface = _seen(triangles, slots, slot, hits.face[target], hits.weights[target], direction)
        radiance = shade(
            environment,
            tables,
            lights,
            light_count,
            cameras.view[view].position,
            direction,
            hits.t[target],
            surface,
            hits.shadow[target],
        )
    scale = 1.0 / float(cameras.height)
    pixels[target] = to_display(
        environment,
        tables,
        radiance * exposure,
        float(pixel[2]) * scale,
        float(pixel[1] + cameras.first_row) * scale,
        curve,
        effects,
    )


@wp.kernel(enable_backward=False)
def edges(
    width: wp.int32,
    rows: wp.int32,
    first: wp.int32,
    hits: Hits,
    samples: Samples,
    flags: wp.array(dtype=wp.int32),
) -> None:
    """Marks pixels beside which the surface, its class or its orientation changes, or a thin shadow edge runs."""
    index = wp.tid() + first
    rest = index - (index / (width * rows)) * (width * rows)
    row = rest / width
    column = rest - row * width
    mark = int(0)
    info = samples.info[index]
    depth = hits.t[index]
    normal = samples.normal[index]
    albedo = samples.albedo[index]
    for side in range(4):
        other = index
        if side == 0 and column > 0:
            other = index - 1
        if side == 1 and column < width - 1:
            other = index + 1
        if side == 2 and row > 0:
            other = index - width
        if side == 3 and row < rows - 1:
            other = index + width
        if info != samples.info[other] or wp.abs(depth - hits.t[other]) > 0.08 * depth + 0.05:
            mark = 1
        elif info != NO_SURFACE:
            if wp.dot(normal, samples.normal[other]) < 0.8 or wp.length(albedo - samples.albedo[other]) > 0.08:
                mark = 1
            if wp.abs(hits.shadow[index] - hits.shadow[other]) > 0.5:
                mark = 1
    flags[index] = mark


@wp.kernel(enable_backward=False)
def collect(
    flags: wp.array(dtype=wp.int32),
    place: wp.array(dtype=wp.int32),
    turns: wp.int32,
    width: wp.int32,
    rows: wp.int32,
    chosen: wp.array(dtype=wp.int32),
    pixel: wp.array(dtype=wp.vec3i),
    store: wp.array(dtype=wp.int32),
) -> None:
    """Lists the pixels that are flagged, in order and once for every turn; `place` is the running sum of the flags."""
    index = wp.tid()
    if flags[index] != 0:
        count = store.shape[0] / turns
        line = index / width
        view = line / rows
        for turn in range(turns):
            spot = turn * count + place[index] - 1
            chosen[spot] = index
            pixel[spot] = wp.vec3i(view, line - view * rows, index - line * width)
            store[spot] = spot


@wp.kernel(enable_backward=False)
def accumulate(
    base: wp.array(dtype=wp.uint32),
    picked: wp.array(dtype=wp.int32),
    extra: wp.array(dtype=wp.uint32),
    count: wp.int32,
    per_pixel: wp.int32,
) -> None:
    """Averages each picked pixel with its extra samples, channel by channel, with rounding."""
    index = wp.tid()
    pixel = picked[index]
    packed = wp.uint32(0)
    for channel in range(4):
        shift = wp.uint32(8 * channel)
        total = int((base[pixel] >> shift) & wp.uint32(255))
        for turn in range(per_pixel):
            total += int((extra[turn * count + index] >> shift) & wp.uint32(255))
        mean = (total + (per_pixel + 1) / 2) / (per_pixel + 1)
        packed = packed | (wp.uint32(mean) << shift)
    base[pixel] = packed


@wp.kernel(enable_backward=False)
def motion(
    cameras: Cameras,
    first: wp.int32,
    previous: wp.array(dtype=Camera),
    slots: wp.array(dtype=Slot),
    hits: Hits,
    flow: wp.array(dtype=wp.vec2),
) -> None:
    """Way of every pixel since the previous tick, in pixels to the right and down."""
    sample = wp.tid() + first
    pixel = cameras.pixel[sample]
    target = cameras.store[sample]
    view = pixel[0]
    direction = sample_direction(cameras, sample)
    slot = hits.slot[target]
    way = direction
    if slot >= 0:
        point = cameras.view[view].position + direction * hits.t[target]
        before = wp.transform_point(slots[slot].to_previous, point)
        way = before - previous[view].position
    local = wp.transpose(previous[view].rotation) * way
    result = wp.vec2(0.0, 0.0)
    if local[0] > 0.01:
        focal = 1.0 / cameras.view[view].per_px
        old_column = focal * local[1] / local[0] + 0.5 * float(cameras.width) - 0.5
        old_row = 0.5 * float(cameras.height) - focal * local[2] / local[0] - 0.5
        result = wp.vec2(float(pixel[2]) - old_column, float(pixel[1] + cameras.first_row) - old_row)
    flow[target] = result
