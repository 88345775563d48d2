"""How surfaces look: sun, sky, lamps, wetness, and the way from radiance to display colours."""

from __future__ import annotations

import math

import numpy as np
import warp as wp
from numpy.typing import NDArray

from lead.simulator.rendering.kernels.air import (
    EnvironmentData,
    Tables,
    clear_sky,
    pack_environment,
    sky,
    through_fog,
)
from lead.simulator.rendering.kernels.materials import (
    ASPHALT,
    BRICK,
    CONCRETE,
    FACADE,
    GRASS,
    MARKING,
    PAVING,
    ROOF,
    SOIL,
    Look,
    material_look,
)
from lead.simulator.rendering.kernels.noise import cell_hash, fraction, smooth, soft_step
from lead.simulator.rendering.kernels.structs import Light, Surface

__all__ = ["EnvironmentData", "Tables", "display_curve", "pack_environment", "shade", "sky", "to_display"]


@wp.func
def _wetted(env: EnvironmentData, tables: Tables, look: Look, surface: Surface, point: wp.vec3) -> Look:
    """Rain darkens rough ground and makes it reflect; puddles lie in a fixed pattern."""
    kind = surface.material
    ground = kind == ASPHALT or kind == MARKING or kind == PAVING or kind == CONCRETE
    if ground and surface.normal[2] > 0.85:
        pool = soft_step(
            0.98 - 0.62 * env.puddles,
            1.10 - 0.62 * env.puddles,
            smooth(tables.noise, point[0] * 0.028 + 0.11, point[1] * 0.028),
        )
        pool = pool * wp.min(2.0 * env.puddles, 1.0)
        if kind == MARKING:
            pool = 0.6 * pool
        look.albedo = look.albedo * (1.0 - 0.48 * env.wetness - 0.25 * pool)
        look.mirror = wp.max(look.mirror, 0.10 * env.wetness + 0.52 * pool)
        look.gloss = wp.max(look.gloss, 0.25 * env.wetness + 0.4 * pool)
        look.sharpness = 60.0 + 60.0 * pool
    elif kind == GRASS or kind == SOIL or kind == BRICK or kind == FACADE or kind == ROOF or kind == CONCRETE:
        look.albedo = look.albedo * (1.0 - 0.25 * env.wetness)
    return look


@wp.func
def _lamp_light(
    lights: wp.array(dtype=Light), count: wp.int32, point: wp.vec3, normal: wp.vec3, through: wp.float32
) -> wp.vec3:
    """Light of all lamps that reaches a point; lamps cast no shadows."""
    total = wp.vec3(0.0, 0.0, 0.0)
    for index in range(count):
        reach = lights[index].range_m
        way = lights[index].position - point
        squared = wp.dot(way, way)
        if squared < reach * reach:
            distance = wp.sqrt(squared) + 1.0e-4
            way = way / distance
            cone = soft_step(lights[index].cos_outer, lights[index].cos_inner, -wp.dot(way, lights[index].direction))
            if cone > 0.0:
                fade = 1.0 - squared / (reach * reach)
                facing = wp.max(wp.dot(normal, way), 0.0) * (1.0 - through) + through
                total = total + lights[index].color * (cone * facing * fade * fade / (1.0 + squared))
    return total


@wp.func
def shade(
    env: EnvironmentData,
    tables: Tables,
    lights: wp.array(dtype=Light),
    light_count: wp.int32,
    eye: wp.vec3,
    direction: wp.vec3,
    depth: wp.float32,
    surface: Surface,
    shadow: wp.float32,
) -> wp.vec3:
    """Radiance of a surface point towards the eye.

    Args:
        env: Light and air.
        tables: Noise and atlas.
        lights: Lamps near by.
        light_count: How many of them.
        eye: Position of the camera, world.
        direction: Ray with forward component 1.
        depth: Ray parameter of the point, that is its planar depth in metres.
        surface: What is there.
        shadow: 1 where the sun reaches the point, 0 in the shadow.
    """
    way = direction * depth
    distance = wp.length(way)
    point = eye + way
    view = way / wp.max(distance, 1.0e-5)
    normal = surface.normal
    facing = wp.max(-wp.dot(normal, view), 0.0)
    near = wp.clamp(1.0 - distance / 55.0, 0.0, 1.0)
    look = material_look(env, tables, surface, point, near, facing)
    if env.wetness > 0.0:
        look = _wetted(env, tables, look, surface, point)
    up = 0.5 + 0.5 * normal[2]
    light = wp.lerp(env.ground_ambient, env.sky_ambient, up)
    sun = wp.dot(normal, env.sun_direction)
    direct = wp.max(sun, 0.0) * shadow
    if look.through > 0.0:
        direct = direct * (1.0 - look.through) + look.through * (0.25 + 0.35 * wp.abs(sun))
    light = light + env.sun_color * direct
    if light_count > 0:
        light = light + _lamp_light(lights, light_count, point, normal, 0.5 * look.through)
    color = wp.cw_mul(look.albedo, light) + look.emission
    if look.mirror > 0.015:
        bounce = view - normal * (2.0 * wp.dot(view, normal))
        if bounce[2] > 0.0:
            seen = clear_sky(env, bounce)
        else:
            seen = wp.lerp(env.ground_ambient * 0.35, env.horizon, wp.max(1.0 + 4.0 * bounce[2], 0.0))
        color = wp.lerp(color, seen, look.mirror)
    if look.gloss > 0.0 and direct > 0.0:
        half_way = wp.normalize(env.sun_direction - view)
        color = color + env.sun_color * (
            look.gloss * shadow * wp.pow(wp.max(wp.dot(normal, half_way), 0.0), look.sharpness)
        )
    return through_fog(env, color, way, distance)


_OPAQUE = wp.constant(wp.uint32(0xFF000000))
_CURVE_STEPS = 4095
_WHITE = 7.5
"""Above this the film is white."""
_CURVE_SCALE = wp.constant(_CURVE_STEPS / math.sqrt(_WHITE))
_CURVE_TOP = wp.constant(float(_CURVE_STEPS))


def display_curve(gamma: float) -> NDArray[np.uint32]:
    """Display values 0 to 255 by the square root of the brightness up to `_WHITE`, uint32 (4096,).

    The film has a soft shoulder: it is linear in the dark, and never above 1. A table spares every pixel divisions and
    powers.
    """
    bright = np.linspace(0.0, math.sqrt(_WHITE), _CURVE_STEPS + 1) ** 2
    film = np.minimum(bright * (2.51 * bright + 0.05) / (bright * (2.43 * bright + 0.62) + 0.16), 1.0)
    return np.asarray(np.floor(255.0 * film ** (1.0 / gamma) + 0.5), np.uint32)


@wp.func
def _developed(curve: wp.array(dtype=wp.uint32), value: wp.float32) -> wp.uint32:
    """Display value of a brightness."""
    return curve[int(wp.min(wp.sqrt(wp.max(value, 0.0)) * _CURVE_SCALE + 0.5, _CURVE_TOP))]


@wp.func
def to_display(
    env: EnvironmentData,
    tables: Tables,
    radiance: wp.vec3,
    x: wp.float32,
    y: wp.float32,
    curve: wp.array(dtype=wp.uint32),
    effects: wp.int32,
) -> wp.uint32:
    """Display colour, packed as blue, green, red, alpha.

    Args:
        env: Light and air; rain falls in front of the lens.
        tables: Noise.
        radiance: Linear.
        x: Column of the pixel in units of the picture's height.
        y: Its row, 0 to 1.
        curve: See `display_curve`.
        effects: 0 leaves out the rain.
    """
    color = radiance * env.exposure
    if effects != 0 and env.rain > 0.0:
        for layer in range(2):
            size = 38.0 + 34.0 * float(layer)
            slanted = x * size + y * (2.0 + 9.0 * env.wind)
            column = wp.floor(slanted)
            start = cell_hash(column, 7.0 + float(layer))
            fall = y * (3.2 + 2.0 * start) - env.time_s * (7.0 + 3.0 * start) + 13.0 * start
            drop = cell_hash(column, wp.floor(fall))
            if drop < 0.34 * env.rain:
                inside = fraction(fall)
                width = wp.abs(fraction(slanted) - 0.5)
                streak = soft_step(0.20, 0.05, width) * inside * (1.0 - inside) * 1.6
                glare = env.fog_color * env.exposure * 1.1 + wp.vec3(0.02, 0.02, 0.02)
                color = wp.lerp(color, glare, 0.34 * streak)
    red = _developed(curve, color[0])
    green = _developed(curve, color[1])
    blue = _developed(curve, color[2])
    return blue | (green << wp.uint32(8)) | (red << wp.uint32(16)) | _OPAQUE
