"""Light and air: CARLA's fourteen weather parameters turned into what the shading kernels compute with.

The formulas are chosen for the look, not measured: clear noons are crisp, presets with night fog stay readable for a
street's length as they are in CARLA. Exposure is a fixed function of the weather instead of a slow adaptation, so
that equal states give equal pictures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from lead.simulator.world.weather import WeatherParameters

Color = tuple[float, float, float]

_HIGH_SUN, _LOW_SUN = np.array([1.0, 0.94, 0.84]), np.array([1.0, 0.55, 0.26])
_DAY_ZENITH, _DAY_HORIZON = np.array([0.20, 0.38, 0.74]), np.array([0.66, 0.77, 0.90])
_DUSK_ZENITH, _DUSK_HORIZON = np.array([0.20, 0.26, 0.44]), np.array([0.94, 0.60, 0.38])
_NIGHT_ZENITH, _NIGHT_HORIZON = np.array([0.006, 0.010, 0.022]), np.array([0.020, 0.026, 0.042])
_DUST = np.array([0.78, 0.56, 0.32])
_GROUND_REFLECTANCE = np.array([0.20, 0.18, 0.15])
_SUN_RADIANCE = 2.7
_USUAL_RAYLEIGH, _USUAL_MIE = 0.0331, 0.03


@dataclass(frozen=True)
class Environment:
    """State of light and air; colours are linear radiance.

    Attributes:
        sun_direction: Unit vector from the ground to the sun.
        sun_color: Irradiance of a surface that faces the sun; black when it is down or behind thick clouds.
        sky_ambient: Light from above.
        ground_ambient: Light from below.
        zenith: Colour of the clear sky overhead.
        horizon: Colour of the sky near the ground, which distant things fade to.
        fog_color: Colour of fog, rain haze and dust.
        glow: Strength of the sun's halo in the haze.
        clouds: Share of the sky that is covered, 0 to 1.
        wetness: How wet surfaces are, 0 to 1.
        puddles: How far puddles reach, 0 to 1.
        rain: Strength of the rain, 0 to 1.
        wind: 0 to 1; slants the rain and moves clouds.
        night: 0 by day, 1 at night: windows and lamps are lit.
        fog_per_m: Extinction of fog at the height of the eye, per metre.
        fog_start_m: Distance at which it begins.
        fog_falloff_per_m: How fast it thins out with height.
        exposure: Factor from radiance to what the display curve takes.
        time_s: Moves rain and clouds.
    """

    sun_direction: Color
    sun_color: Color
    sky_ambient: Color
    ground_ambient: Color
    zenith: Color
    horizon: Color
    fog_color: Color
    glow: float
    clouds: float
    wetness: float
    puddles: float
    rain: float
    wind: float
    night: float
    fog_per_m: float
    fog_start_m: float
    fog_falloff_per_m: float
    exposure: float
    time_s: float

    @property
    def casts_shadows(self) -> bool:
        """Whether the sun is strong enough that its shadows can be seen."""
        return max(self.sun_color) > 0.02


def _step(low: float, high: float, value: float) -> float:
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    return share * share * (3.0 - 2.0 * share)


def _share(percent: float) -> float:
    return min(max(percent / 100.0, 0.0), 1.0)


def _color(values: np.ndarray) -> Color:
    return float(values[0]), float(values[1]), float(values[2])


def environment_from_weather(weather: WeatherParameters, time_s: float) -> Environment:
    """Light and air of a weather.

    Args:
        weather: All fourteen parameters count.
        time_s: Simulation time.
    """
    return replace(_at_start(weather), time_s=time_s)


@lru_cache(maxsize=4)
def _at_start(weather: WeatherParameters) -> Environment:
    altitude, azimuth = math.radians(weather.sun_altitude_angle), math.radians(weather.sun_azimuth_angle)
    clouds, dust = _share(weather.cloudiness), _share(weather.dust_storm)
    day = _step(-8.0, 8.0, weather.sun_altitude_angle)
    high = _step(2.0, 38.0, weather.sun_altitude_angle)
    blue = min(max(weather.rayleigh_scattering_scale / _USUAL_RAYLEIGH, 0.0), 4.0) ** 0.25
    zenith = (1.0 - high) * _DUSK_ZENITH + high * _DAY_ZENITH * np.array([2.0 - blue, 1.0, 0.6 + 0.4 * blue])
    horizon = (1.0 - high) * _DUSK_HORIZON + high * _DAY_HORIZON
    grey = 0.62 * (0.25 + 0.75 * high)
    overcast = grey * np.array([0.94, 0.98, 1.04])
    veil = 0.85 * clouds**1.5
    zenith = day * ((1.0 - veil) * zenith + veil * overcast * 0.9) + (1.0 - day) * _NIGHT_ZENITH * (1.0 - 0.5 * clouds)
    horizon = day * ((1.0 - veil) * horizon + veil * overcast) + (1.0 - day) * _NIGHT_HORIZON
    sandy = _DUST * (0.03 + 0.82 * day * (0.4 + 0.6 * high))
    zenith, horizon = (1.0 - 0.8 * dust) * zenith + 0.8 * dust * sandy, (1.0 - dust) * horizon + dust * sandy
    open_sky = (1.0 - 0.97 * _step(0.35, 0.95, clouds)) * (1.0 - 0.9 * dust)
    up = _step(-1.0, 4.0, weather.sun_altitude_angle)
    sun = _SUN_RADIANCE * up * (0.55 + 0.45 * high) * open_sky * ((1.0 - high) * _LOW_SUN + high * _HIGH_SUN)
    sky_ambient = 0.72 * (0.45 * zenith + 0.55 * horizon) + np.array([0.010, 0.012, 0.018])
    ground_ambient = _GROUND_REFLECTANCE * (sky_ambient + sun * max(math.sin(altitude), 0.0))
    rain = _share(weather.precipitation)
    density = _share(weather.fog_density)
    scattering = min(max(weather.scattering_intensity, 0.0), 3.0)
    mie = min(max(weather.mie_scattering_scale / _USUAL_MIE, 0.0), 20.0)
    fog = 0.016 * density**2 + 0.0022 * rain + 0.03 * dust**2 + 0.00028 * (0.5 + 0.5 * mie)
    fog_color = (1.0 - dust) * (0.9 * horizon + 0.1 * zenith) + dust * sandy
    brightness = float((sky_ambient + 0.45 * sun * max(math.sin(altitude), 0.25)).mean())
    return Environment(
        sun_direction=(
            math.cos(altitude) * math.cos(azimuth),
            math.cos(altitude) * math.sin(azimuth),
            math.sin(altitude),
        ),
        sun_color=_color(sun),
        sky_ambient=_color(sky_ambient),
        ground_ambient=_color(ground_ambient),
        zenith=_color(zenith),
        horizon=_color(horizon),
        fog_color=_color(fog_color),
        glow=up * (1.0 - 0.9 * clouds) * (0.3 + 0.7 * scattering) * (0.6 + 0.4 * mie**0.5),
        clouds=clouds,
        wetness=max(_share(weather.wetness), 0.7 * rain, 0.5 * _share(weather.precipitation_deposits)),
        puddles=_share(weather.precipitation_deposits),
        rain=rain,
        wind=_share(weather.wind_intensity),
        night=1.0 - _step(-4.0, 7.0, weather.sun_altitude_angle),
        fog_per_m=fog,
        fog_start_m=max(weather.fog_distance, 0.0),
        fog_falloff_per_m=0.002 + 0.02 * min(max(weather.fog_falloff, 0.0), 50.0),
        exposure=0.62 / (brightness**0.72 + 0.06),
        time_s=0.0,
    )
