"""What surfaces are made of, worked out at a point: procedural textures, gloss, windows, prints, lamps."""

from __future__ import annotations

import warp as wp

from lead.simulator.rendering.kernels.air import EnvironmentData, Tables
from lead.simulator.rendering.kernels.noise import cell_hash, fraction, grain, smooth, soft_step
from lead.simulator.rendering.kernels.structs import Surface

ASPHALT = wp.constant(1)
PAVING = wp.constant(2)
GRASS = wp.constant(3)
SOIL = wp.constant(4)
FACADE = wp.constant(5)
FOLIAGE = wp.constant(6)
BARK = wp.constant(7)
PAINT = wp.constant(8)
GLASS = wp.constant(9)
MARKING = wp.constant(10)
METAL = wp.constant(11)
ROOF = wp.constant(12)
WATER = wp.constant(13)
LAMP = wp.constant(14)
EMISSIVE = wp.constant(15)
FACE = wp.constant(16)
RUBBER = wp.constant(17)
CONCRETE = wp.constant(20)
BRICK = wp.constant(21)
CHROME = wp.constant(22)
WOOD = wp.constant(23)
PLASTIC = wp.constant(24)


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
    stain = grain(tables.noise, uv[0] * 0.021 + style, uv[1] * 0.013)
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
def _ground(tables: Tables, look: Look, surface: Surface, point: wp.vec3, near: wp.float32) -> Look:
    """Roads, paving, concrete and soil."""
    kind = surface.material
    x, y, z = point[0], point[1], point[2]
    if kind == ASPHALT:
        coarse = grain(tables.noise, x * 0.017, y * 0.017)
        detail = wp.float32(0.0)
        if near > 0.0:
            # Turned against the world's axes and spread over metres, so that the table's repetition is not seen.
            fine = grain(tables.noise, x * 0.173 + y * 0.071, y * 0.173 - x * 0.071) - 0.5
            speckle = cell_hash(x * 55.0, y * 55.0) - 0.5
            detail = near * (0.30 * fine + 0.22 * speckle * near)
        look.albedo = surface.albedo * (0.80 + 0.36 * coarse + detail)
    elif kind == MARKING:
        worn = grain(tables.noise, x * 0.151 + y * 0.067, y * 0.151 - x * 0.067)
        look.albedo = surface.albedo * (0.82 + 0.18 * soft_step(0.1, 0.45, worn))
    elif kind == PAVING:
        slab_x, slab_y = fraction(x / 0.9), fraction(y / 0.9)
        joint = wp.min(wp.min(slab_x, 1.0 - slab_x), wp.min(slab_y, 1.0 - slab_y))
        tone = cell_hash(x / 0.9, y / 0.9)
        stain = grain(tables.noise, x * 0.05, y * 0.05)
        look.albedo = surface.albedo * (0.82 + 0.20 * stain + near * 0.10 * (tone - 0.5))
        if surface.normal[2] > 0.7:
            look.albedo = look.albedo * wp.lerp(1.0, 0.72 + 0.28 * soft_step(0.0, 0.025, joint), near)
    elif kind == CONCRETE or kind == ROOF:
        stain = grain(tables.noise, (x + z) * 0.06, (y - z) * 0.06)
        fine = grain(tables.noise, (x + 0.7 * z) * 0.7, (y + z) * 0.7) - 0.5
        look.albedo = surface.albedo * (0.80 + 0.32 * stain + 0.16 * near * fine)
    elif kind == GRASS or kind == SOIL:
        wide = smooth(tables.noise, x * 0.006, y * 0.006)
        patch = grain(tables.noise, x * 0.043, y * 0.043)
        # Turned against the world's axes and spread over metres, so that the table's repetition is not seen.
        blade = grain(tables.noise, x * 0.213 + y * 0.087, y * 0.213 - x * 0.087) - 0.5
        look.albedo = surface.albedo * (0.62 + 0.38 * patch + 0.30 * wide + 0.75 * near * blade)
        if kind == GRASS:
            dry = soft_step(0.45, 0.95, 0.6 * wide + 0.4 * patch)
            look.albedo = wp.lerp(look.albedo, wp.cw_mul(look.albedo, wp.vec3(1.55, 1.12, 0.80)), 0.75 * dry)
    return look


@wp.func
def _grown_or_built(
    env: EnvironmentData, tables: Tables, look: Look, surface: Surface, point: wp.vec3, near: wp.float32
) -> Look:
    """Walls, leaves and wood."""
    kind = surface.material
    x, y, z = point[0], point[1], point[2]
    if kind == FACADE:
        look = _facade(env, tables, look, surface.uv, near)
    elif kind == BRICK:
        row = wp.floor(surface.uv[1] / 0.075)
        brick = surface.uv[0] / 0.24 + 0.5 * (row - 2.0 * wp.floor(0.5 * row))
        tone = cell_hash(brick, row)
        joint = wp.min(fraction(brick) * 0.24, fraction(surface.uv[1] / 0.075) * 0.075)
        mortar = near * (1.0 - soft_step(0.006, 0.014, joint))
        look.albedo = wp.lerp(surface.albedo * (0.85 + 0.3 * tone), wp.vec3(0.38, 0.36, 0.33), 0.6 * mortar)
    elif kind == FOLIAGE:
        clump = grain(tables.noise, x * 0.33 + z * 0.29, y * 0.33 - z * 0.31)
        leaf = grain(tables.noise, x * 1.9 + z * 1.3, y * 1.9 - z * 1.7)
        look.albedo = surface.albedo * (0.38 + 0.72 * clump + 0.55 * (0.35 + 0.65 * near) * (leaf - 0.35))
        look.through = 0.35
    elif kind == BARK or kind == WOOD:
        look.albedo = surface.albedo * (0.7 + 0.6 * grain(tables.noise, (x + y) * 0.9, z * 0.12))
    return look


@wp.func
def _coated(look: Look, surface: Surface, facing: wp.float32) -> Look:
    """Smooth surfaces that reflect."""
    kind = surface.material
    if kind == PAINT:
        bare = 1.0 - facing
        look.mirror = 0.07 + 0.40 * bare * bare * bare
        look.gloss = 0.55
        look.sharpness = 120.0
    elif kind == GLASS:
        bare = 1.0 - facing
        look.mirror = 0.24 + 0.60 * bare * bare
        look.gloss = 0.9
        look.sharpness = 220.0
    elif kind == CHROME:
        look.mirror = 0.6
        look.gloss = 0.8
        look.sharpness = 160.0
    elif kind == METAL:
        look.mirror = 0.12
        look.gloss = 0.2
    elif kind == PLASTIC:
        look.gloss = 0.12
        look.mirror = 0.03
    elif kind == RUBBER:
        look.albedo = surface.albedo * 0.8
    elif kind == WATER:
        bare = 1.0 - facing
        look.mirror = 0.12 + 0.75 * bare * bare * bare
        look.gloss = 0.5
        look.sharpness = 90.0
    return look


@wp.func
def _printed_or_lit(env: EnvironmentData, tables: Tables, look: Look, surface: Surface) -> Look:
    """Signs and lamps."""
    kind = surface.material
    if kind == FACE:
        texel_x = wp.clamp(int(surface.uv[0] * float(tables.atlas_width)), 0, tables.atlas_width - 1)
        texel_y = wp.clamp(int(surface.uv[1] * float(tables.atlas_height)), 0, tables.atlas_height - 1)
        texel = tables.atlas[texel_y * tables.atlas_width + texel_x]
        red = float(int(texel & wp.uint32(255))) / 255.0
        green = float(int((texel >> wp.uint32(8)) & wp.uint32(255))) / 255.0
        blue = float(int((texel >> wp.uint32(16)) & wp.uint32(255))) / 255.0
        look.albedo = wp.vec3(red * red, green * green, blue * blue)
        look.emission = look.albedo * (0.06 * env.night / env.exposure)  # retro-reflective sheeting
    elif kind == LAMP or kind == EMISSIVE:
        # Light of a lens is given in display terms, so that its hue survives every exposure.
        look.emission = surface.albedo * (surface.lit * 3.2 / env.exposure)
        look.albedo = surface.albedo * 0.16
        look.gloss = 0.3
        look.sharpness = 60.0
    return look


@wp.func
def material_look(
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
    if kind == ASPHALT or kind == MARKING or kind == PAVING or kind == CONCRETE or kind == ROOF:
        look = _ground(tables, look, surface, point, near)
    elif kind == GRASS or kind == SOIL:
        look = _ground(tables, look, surface, point, near)
    elif kind == FACADE or kind == BRICK or kind == FOLIAGE or kind == BARK or kind == WOOD:
        look = _grown_or_built(env, tables, look, surface, point, near)
    elif kind == FACE or kind == LAMP or kind == EMISSIVE:
        look = _printed_or_lit(env, tables, look, surface)
    else:
        look = _coated(look, surface, facing)
    return look
