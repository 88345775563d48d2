"""How surfaces look: procedural materials, sun, sky, lamps, wetness, and the way from radiance to display colours."""

from __future__ import annotations

import warp as wp

from lead.simulator.rendering.kernels.air import (
    EnvironmentData,
    Tables,
    clear_sky,
    pack_environment,
    sky,
    through_fog,
)
from lead.simulator.rendering.kernels.noise import cell_hash, fraction, grain, smooth, soft_step
from lead.simulator.rendering.kernels.structs import Light, Surface

__all__ = ["EnvironmentData", "Tables", "pack_environment", "shade", "sky", "to_display"]

_ASPHALT = wp.constant(1)
_PAVING = wp.constant(2)
_GRASS = wp.constant(3)
_SOIL = wp.constant(4)
_FACADE = wp.constant(5)
_FOLIAGE = wp.constant(6)
_BARK = wp.constant(7)
_PAINT = wp.constant(8)
_GLASS = wp.constant(9)
_MARKING = wp.constant(10)
_METAL = wp.constant(11)
_ROOF = wp.constant(12)
_WATER = wp.constant(13)
_LAMP = wp.constant(14)
_EMISSIVE = wp.constant(15)
_FACE = wp.constant(16)
_RUBBER = wp.constant(17)
_CONCRETE = wp.constant(20)
_BRICK = wp.constant(21)
_CHROME = wp.constant(22)
_WOOD = wp.constant(23)
_PLASTIC = wp.constant(24)


@wp.struct
class Look:
    """A surface after its material was worked out."""

    albedo: wp.vec3
    emission: wp.vec3
    gloss: wp.float32  # strength of the sun's highlight
    sharpness: wp.float32  # its exponent
    mirror: wp.float32  # share of the reflected surroundings
    through: wp.float32  # share of light that comes through from behind (leaves)


@wp.func
def _facade(env: EnvironmentData, tables: Tables, look: Look, uv: wp.vec2, near: wp.float32) -> Look:
    """A wall with windows; the albedo decides about the style, so that buildings differ."""
    albedo = look.albedo
    style = cell_hash(albedo[0] * 977.0, albedo[2] * 1301.0 + albedo[1] * 641.0)
    width = 2.4 + 1.4 * style
    height = 3.0 + 0.5 * fraction(style * 7.0)
    left, right, sill, lintel = wp.float32(0.24), wp.float32(0.76), wp.float32(0.30), wp.float32(0.80)
    if style > 0.62:
        left, right, sill, lintel = wp.float32(0.06), wp.float32(0.94), wp.float32(0.34), wp.float32(0.86)
    if style > 0.86:
        left, right, sill, lintel = wp.float32(0.03), wp.float32(0.97), wp.float32(0.08), wp.float32(0.97)
    across, up = uv[0] / width, uv[1] / height
    column, storey = wp.floor(across), wp.floor(up)
    x, y = across - column, up - storey
    if storey < 1.0 and style > 0.3:
        left, right, sill, lintel = wp.float32(0.08), wp.float32(0.92), wp.float32(0.12), wp.float32(0.78)
    stain = smooth(tables.noise, uv[0] * 0.021 + style, uv[1] * 0.013)
    wall = albedo * (0.86 + 0.22 * stain) * (0.90 + 0.10 * soft_step(0.0, 1.6, uv[1]))
    wall = wall * (1.0 - 0.10 * near * (1.0 - soft_step(0.02, 0.05, y)))
    look.albedo = wall
    if x > left and x < right and y > sill and y < lintel:
        number = cell_hash(column + 31.0 * style, storey + 17.0 * style)
        frame = wp.min(wp.min(x - left, right - x) * width, wp.min(y - sill, lintel - y) * height)
        middle = wp.abs(x - 0.5) * width
        if near > 0.1 and (frame < 0.07 or (style < 0.62 and middle < 0.035)):
            look.albedo = wp.lerp(wall, wp.vec3(0.55, 0.54, 0.52), 0.75)
        else:
            curtain = soft_step(0.55, 0.6, number) * 0.10
            look.albedo = wp.vec3(0.030 + curtain, 0.036 + curtain, 0.044 + curtain)
            look.mirror = 0.32
            if number > 0.58:
                warm = wp.lerp(wp.vec3(1.0, 0.74, 0.40), wp.vec3(0.85, 0.92, 1.0), soft_step(0.8, 0.9, number))
                look.emission = warm * (0.55 * env.night * (0.5 + number) / env.exposure)
    return look


@wp.func
def _material(
    env: EnvironmentData,
    tables: Tables,
    surface: Surface,
    point: wp.vec3,
    near: wp.float32,
    facing: wp.float32,
) -> Look:
    """Works out a material at a point. `near` falls from 1 at the eye to 0 where detail is too fine to see."""
    look = Look()
    look.albedo = surface.albedo
    look.sharpness = 30.0
    kind = surface.material
    x, y, z = point[0], point[1], point[2]
    if kind == _ASPHALT:
        coarse = smooth(tables.noise, x * 0.017, y * 0.017)
        fine = grain(tables.noise, x * 0.9, y * 0.9) - 0.5
        speckle = cell_hash(x * 55.0, y * 55.0) - 0.5
        look.albedo = surface.albedo * (0.80 + 0.36 * coarse + near * (0.30 * fine + 0.22 * speckle * near))
    elif kind == _MARKING:
        worn = grain(tables.noise, x * 0.8, y * 0.8)
        look.albedo = surface.albedo * (0.82 + 0.18 * soft_step(0.1, 0.45, worn))
    elif kind == _PAVING:
        slab_x, slab_y = fraction(x / 0.9), fraction(y / 0.9)
        joint = wp.min(wp.min(slab_x, 1.0 - slab_x), wp.min(slab_y, 1.0 - slab_y))
        tone = cell_hash(x / 0.9, y / 0.9)
        stain = smooth(tables.noise, x * 0.05, y * 0.05)
        look.albedo = surface.albedo * (0.82 + 0.20 * stain + near * 0.10 * (tone - 0.5))
        if surface.normal[2] > 0.7:
            look.albedo = look.albedo * wp.lerp(1.0, 0.72 + 0.28 * soft_step(0.0, 0.025, joint), near)
    elif kind == _CONCRETE or kind == _ROOF:
        stain = smooth(tables.noise, (x + z) * 0.06, (y - z) * 0.06)
        fine = grain(tables.noise, (x + 0.7 * z) * 0.7, (y + z) * 0.7) - 0.5
        look.albedo = surface.albedo * (0.80 + 0.32 * stain + 0.16 * near * fine)
    elif kind == _GRASS or kind == _SOIL:
        wide = smooth(tables.noise, x * 0.006, y * 0.006)
        patch = smooth(tables.noise, x * 0.043, y * 0.043)
        blade = grain(tables.noise, x * 1.7, y * 1.7) - 0.5
        look.albedo = surface.albedo * (0.62 + 0.38 * patch + 0.30 * wide + 0.75 * near * blade)
        if kind == _GRASS:
            dry = soft_step(0.45, 0.95, 0.6 * wide + 0.4 * patch)
            look.albedo = wp.lerp(look.albedo, wp.cw_mul(look.albedo, wp.vec3(1.55, 1.12, 0.80)), 0.75 * dry)
    elif kind == _FACADE:
        look = _facade(env, tables, look, surface.uv, near)
    elif kind == _BRICK:
        row = wp.floor(surface.uv[1] / 0.075)
        brick = surface.uv[0] / 0.24 + 0.5 * (row - 2.0 * wp.floor(0.5 * row))
        tone = cell_hash(brick, row)
        joint = wp.min(fraction(brick) * 0.24, fraction(surface.uv[1] / 0.075) * 0.075)
        mortar = near * (1.0 - soft_step(0.006, 0.014, joint))
        look.albedo = wp.lerp(surface.albedo * (0.85 + 0.3 * tone), wp.vec3(0.38, 0.36, 0.33), 0.6 * mortar)
    elif kind == _FOLIAGE:
        clump = grain(tables.noise, x * 0.33 + z * 0.29, y * 0.33 - z * 0.31)
        leaf = grain(tables.noise, x * 1.9 + z * 1.3, y * 1.9 - z * 1.7)
        look.albedo = surface.albedo * (0.38 + 0.72 * clump + 0.55 * (0.35 + 0.65 * near) * (leaf - 0.35))
        look.through = 0.35
    elif kind == _BARK or kind == _WOOD:
        look.albedo = surface.albedo * (0.7 + 0.6 * grain(tables.noise, (x + y) * 0.9, z * 0.12))
    elif kind == _PAINT:
        bare = 1.0 - facing
        look.mirror = 0.07 + 0.40 * bare * bare * bare
        look.gloss = 0.55
        look.sharpness = 120.0
    elif kind == _GLASS:
        bare = 1.0 - facing
        look.mirror = 0.24 + 0.60 * bare * bare
        look.gloss = 0.9
        look.sharpness = 220.0
    elif kind == _CHROME:
        look.mirror = 0.6
        look.gloss = 0.8
        look.sharpness = 160.0
    elif kind == _METAL:
        look.mirror = 0.12
        look.gloss = 0.2
    elif kind == _PLASTIC:
        look.gloss = 0.12
        look.mirror = 0.03
    elif kind == _RUBBER:
        look.albedo = surface.albedo * 0.8
    elif kind == _WATER:
        bare = 1.0 - facing
        look.mirror = 0.12 + 0.75 * bare * bare * bare
        look.gloss = 0.5
        look.sharpness = 90.0
    elif kind == _FACE:
        texel_x = wp.clamp(int(surface.uv[0] * float(tables.atlas_width)), 0, tables.atlas_width - 1)
        texel_y = wp.clamp(int(surface.uv[1] * float(tables.atlas_height)), 0, tables.atlas_height - 1)
        texel = tables.atlas[texel_y * tables.atlas_width + texel_x]
        red = float(int(texel & wp.uint32(255))) / 255.0
        green = float(int((texel >> wp.uint32(8)) & wp.uint32(255))) / 255.0
        blue = float(int((texel >> wp.uint32(16)) & wp.uint32(255))) / 255.0
        look.albedo = wp.vec3(red * red, green * green, blue * blue)
        look.emission = look.albedo * (0.06 * env.night / env.exposure)  # retro-reflective sheeting
    elif kind == _LAMP or kind == _EMISSIVE:
        # Light of a lens is given in display terms, so that its hue survives every exposure.
        look.emission = surface.albedo * (surface.lit * 3.2 / env.exposure)
        look.albedo = surface.albedo * (0.22 + 0.2 * (1.0 - surface.lit))
        look.gloss = 0.3
        look.sharpness = 60.0
    return look


@wp.func
def _wetted(env: EnvironmentData, tables: Tables, look: Look, surface: Surface, point: wp.vec3) -> Look:
    """Rain darkens rough ground and makes it reflect; puddles lie in a fixed pattern."""
    kind = surface.material
    ground = kind == _ASPHALT or kind == _MARKING or kind == _PAVING or kind == _CONCRETE
    if ground and surface.normal[2] > 0.85:
        pool = soft_step(0.98 - 0.62 * env.puddles, 1.10 - 0.62 * env.puddles, smooth(tables.noise, point[0] * 0.028 + 0.11, point[1] * 0.028))
        pool = pool * wp.min(2.0 * env.puddles, 1.0)
        if kind == _MARKING:
            pool = 0.6 * pool
        look.albedo = look.albedo * (1.0 - 0.48 * env.wetness - 0.25 * pool)
        look.mirror = wp.max(look.mirror, 0.10 * env.wetness + 0.52 * pool)
        look.gloss = wp.max(look.gloss, 0.25 * env.wetness + 0.4 * pool)
        look.sharpness = 60.0 + 60.0 * pool
    elif kind == _GRASS or kind == _SOIL or kind == _BRICK or kind == _FACADE or kind == _ROOF or kind == _CONCRETE:
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
            cone = soft_step(
                lights[index].cos_outer, lights[index].cos_inner, -wp.dot(way, lights[index].direction)
            )
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
    look = _material(env, tables, surface, point, near, facing)
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
        color = color + env.sun_color * (look.gloss * shadow * wp.pow(wp.max(wp.dot(normal, half_way), 0.0), look.sharpness))
    return through_fog(env, color, way, distance)


@wp.func
def _film(value: wp.float32) -> wp.float32:
    """Soft shoulder: linear in the dark, never above 1."""
    bright = wp.max(value, 0.0)
    return wp.min(bright * (2.51 * bright + 0.05) / (bright * (2.43 * bright + 0.62) + 0.16), 1.0)


@wp.func
def to_display(
    env: EnvironmentData,
    tables: Tables,
    radiance: wp.vec3,
    x: wp.float32,
    y: wp.float32,
    gamma: wp.float32,
    effects: wp.int32,
) -> wp.uint32:
    """Display colour, packed as blue, green, red, alpha.

    Args:
        env: Light and air; rain falls in front of the lens.
        tables: Noise.
        radiance: Linear.
        x: Column of the pixel in units of the picture's height.
        y: Its row, 0 to 1.
        gamma: Exponent of the display.
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
    power = 1.0 / gamma
    red = int(wp.pow(_film(color[0]), power) * 255.0 + 0.5)
    green = int(wp.pow(_film(color[1]), power) * 255.0 + 0.5)
    blue = int(wp.pow(_film(color[2]), power) * 255.0 + 0.5)
    return (
        wp.uint32(blue)
        | (wp.uint32(green) << wp.uint32(8))
        | (wp.uint32(red) << wp.uint32(16))
        | wp.uint32(4278190080)
    )
