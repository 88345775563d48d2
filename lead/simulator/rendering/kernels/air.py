"""Sky, clouds, stars and fog."""

from __future__ import annotations

import warp as wp

from lead.simulator.rendering.environment import Environment
from lead.simulator.rendering.kernels.noise import cell_hash, smooth, soft_step


@wp.struct
class EnvironmentData:
    """`Environment` for kernels; same names, same meaning."""

    sun_direction: wp.vec3
    sun_color: wp.vec3
    sky_ambient: wp.vec3
    ground_ambient: wp.vec3
    zenith: wp.vec3
    horizon: wp.vec3
    fog_color: wp.vec3
    glow: wp.float32
    clouds: wp.float32
    wetness: wp.float32
    puddles: wp.float32
    rain: wp.float32
    wind: wp.float32
    night: wp.float32
    fog_per_m: wp.float32
    fog_start_m: wp.float32
    fog_falloff_per_m: wp.float32
    exposure: wp.float32
    time_s: wp.float32


@wp.struct
class Tables:
    """Look-up tables: noise, and the atlas of printed faces (display colours, red in the low byte)."""

    noise: wp.array(dtype=wp.float32)
    atlas: wp.array(dtype=wp.uint32)
    atlas_width: wp.int32
    atlas_height: wp.int32


def pack_environment(environment: Environment) -> EnvironmentData:
    """The kernels' copy of an environment."""
    data = EnvironmentData()
    for name in EnvironmentData.vars:
        value = getattr(environment, name)
        setattr(data, name, wp.vec3(*value) if isinstance(value, tuple) else float(value))
    return data


@wp.func
def clear_sky(env: EnvironmentData, direction: wp.vec3) -> wp.vec3:
    """Sky without clouds and stars: gradient and the sun's halo; good enough for reflections."""
    height = wp.max(direction[2], 0.0)
    share = wp.sqrt(wp.min(height * 1.15, 1.0))
    color = wp.lerp(env.horizon, env.zenith, share)
    toward = wp.max(wp.dot(direction, env.sun_direction), 0.0)
    squared = toward * toward
    fourth = squared * squared
    halo = 0.10 * fourth * fourth + 0.05 * squared
    return color + env.sun_color * (halo * env.glow)


@wp.func
def sky(env: EnvironmentData, tables: Tables, direction: wp.vec3) -> wp.vec3:
    """Sky with clouds, sun disc and stars, behind the haze at the horizon."""
    color = clear_sky(env, direction)
    if direction[2] > 0.01:
        scale = 0.16 / (direction[2] + 0.12)
        drift = env.time_s * (0.0002 + 0.0012 * env.wind)
        x = direction[0] * scale + drift
        y = direction[1] * scale
        bulk = smooth(tables.noise, x, y)
        detail = wp.float32(0.0)
        cover = wp.float32(0.0)
        if 0.7 * bulk + 0.42 > 0.95 - 0.85 * env.clouds:  # elsewhere the finest detail makes no cloud
            detail = smooth(tables.noise, x * 3.1 + 0.37, y * 3.1)
            cover = soft_step(0.95 - 0.85 * env.clouds, 1.15 - 0.62 * env.clouds, 0.7 * bulk + 0.42 * detail)
            cover = cover * soft_step(0.01, 0.16, direction[2])
        toward = wp.max(wp.dot(direction, env.sun_direction), 0.0)
        if cover > 0.0:
            lit = env.horizon * (1.08 - 0.35 * env.clouds * bulk) + env.sun_color * (0.10 + 0.10 * toward * toward)
            color = wp.lerp(color, lit * (1.0 - 0.30 * env.clouds * detail), 0.9 * cover)
        if env.night > 0.3:
            # Stars: the brightest of many small cells of the sky.
            cell = cell_hash(direction[0] * scale * 900.0, direction[1] * scale * 900.0)
            if cell > 0.9985:
                color = color + wp.vec3(0.14, 0.15, 0.18) * (env.night * (1.0 - env.clouds) * (1.0 - cover))
        if toward > 0.9994:
            color = color + env.sun_color * (14.0 * (1.0 - cover) * soft_step(0.9994, 0.9998, toward))
    # Fog reaches as far up as its height allows.
    depth = env.fog_per_m / (env.fog_falloff_per_m * wp.max(direction[2], 0.03) + 1.0e-5)
    return wp.lerp(color, env.fog_color, 1.0 - wp.exp(-wp.min(depth, 30.0)))


@wp.func
def through_fog(env: EnvironmentData, color: wp.vec3, way: wp.vec3, distance: wp.float32) -> wp.vec3:
    """What is left of a colour after a way through fog that thins out with height, plus the fog's own light."""
    rise = way[2] * env.fog_falloff_per_m
    # (1 - exp(-rise)) / rise; the series is right to a thousandth where it is used.
    thin = 1.0 - rise * (0.5 - rise * (0.16667 - 0.041667 * rise))
    if wp.abs(rise) > 0.6:
        thin = (1.0 - wp.exp(-wp.clamp(rise, -8.0, 30.0))) / wp.clamp(rise, -8.0, 30.0)
    reach = wp.max(distance - env.fog_start_m, 0.0)
    # exp(-x) as (1 - x / 32)^32: the eye does not tell, and the power is five products.
    left = wp.max(1.0 - env.fog_per_m * reach * wp.min(thin, 3.0) * 0.03125, 0.0)
    left = left * left
    left = left * left
    left = left * left
    left = left * left
    left = left * left
    toward = wp.max(wp.dot(way, env.sun_direction), 0.0) / wp.max(distance, 0.01)
    glow = env.sun_color * (0.08 * env.glow * toward * toward * toward * toward)
    return wp.lerp(env.fog_color + glow, color, left)
