"""Weather of a recorded route: a preset with a little jitter, its class of visibility, and the nearest preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np

from lead.routes.weather import preset, presets


class Visibility(IntEnum):
    """How far a driver sees; values of ``visual_visibility``."""

    CLEAR = 0
    OK = 1
    LIMITED = 2
    VERY_LIMITED = 3


_VISIBILITIES: dict[Visibility, str] = {
    Visibility.CLEAR: """ClearSunrise ClearNoon ClearSunset CloudyNoon CloudySunset CloudySunrise DustStorm
        SoftRainNoon SoftRainSunset SoftRainSunrise""",
    Visibility.OK: """MidRainSunset MidRainSunrise MidRainyNoon WetCloudyNoon WetCloudySunset WetCloudySunrise WetNoon
        FoggyCloudyNoon FoggyCloudySunset FoggyCloudySunrise FoggyWetNoon""",
    Visibility.LIMITED: """HardRainNoon HardRainSunset HardRainSunrise FoggyWetCloudyNoon FoggyWetCloudySunset
        FoggyWetCloudySunrise FoggySoftRainNoon FoggySoftRainSunset FoggySoftRainSunrise
        Custom0 Custom9 Custom11 Custom12 Custom14 Custom15""",
    Visibility.VERY_LIMITED: """ClearNight CloudyNight HardRainNight MidRainyNight SoftRainNight WetCloudyNight WetNight
        FoggyCloudyNight FoggyWetCloudyNight FoggySoftRainNight FoggyHardRainNight
        Custom10 Custom13 Custom19 Custom20 Custom21""",
}
VISIBILITY: dict[str, Visibility] = {
    name: visibility for visibility, names in _VISIBILITIES.items() for name in names.split()
}
"""Visibility by name of preset; these presets are the ones that data are collected in."""

NOON_SUN_JITTER_DEG, SUN_JITTER_DEG = 45.0, 15.0
_JITTERED = ("wind_intensity", "fog_density", "wetness")
_SMALL, _LARGE, _MIDDLE_FROM, _MIDDLE_TO = 5.0, 10.0, 30.0, 80.0
_COMPARED = (
    "cloudiness",
    "precipitation",
    "precipitation_deposits",
    "wetness",
    "wind_intensity",
    "sun_altitude_angle",
    "fog_density",
    "dust_storm",
)
"""The fields by which weathers are compared: those that change what is seen most."""


@dataclass(frozen=True)
class WeatherChoice:
    """Weather of a route; constant for all of it.

    Attributes:
        name: Name of the preset, ``weather_setting`` of the metas.
        parameters: Every weather field of CARLA after the jitter, ``weather_parameters`` of the metas.
        visibility: ``visual_visibility`` of the metas.
    """

    name: str
    parameters: Mapping[str, float]
    visibility: Visibility


def draw_weather_choice(rng: np.random.Generator, name: str | None = None) -> WeatherChoice:
    """Draw a preset and jitter it.

    The published recorder changed its own table, so that jitter piled up over the routes of a process; here every
    route starts from the preset.

    Args:
        rng: Source of the draw.
        name: Preset to take; None draws one of :data:`VISIBILITY`.

    Raises:
        WeatherError: If there is no such preset.
    """
    if name is None:
        names = list(VISIBILITY)
        name = names[int(rng.integers(len(names)))]
    values = preset(name)
    if not name.startswith("Custom"):
        reach_deg = NOON_SUN_JITTER_DEG if "Noon" in name else SUN_JITTER_DEG
        values["sun_altitude_angle"] += float(rng.uniform(-reach_deg, reach_deg))
    for field in _JITTERED:
        reach = _LARGE if _MIDDLE_FROM <= values[field] < _MIDDLE_TO else _SMALL
        values[field] = min(max(values[field] + float(rng.uniform(-reach, reach)), 0.0), 100.0)
    return WeatherChoice(name, values, visibility_of(name))


def visibility_of(name: str) -> Visibility:
    """Visibility of any preset; one that data are not collected in counts as its nearest."""
    known = VISIBILITY.get(name)
    return VISIBILITY[nearest_preset(preset(name))] if known is None else known


def nearest_preset(parameters: Mapping[str, float]) -> str:
    """Name of the preset whose fields differ least, in squares, from a weather's.

    Args:
        parameters: Weather fields of CARLA by name.
    """
    names, table = _table()
    here = np.array([parameters[field] for field in _COMPARED])
    return names[int(np.argmin(((table - here) ** 2).sum(axis=1)))]


@lru_cache(maxsize=1)
def _table() -> tuple[list[str], np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    known = presets()
    return list(VISIBILITY), np.array([[known[name][field] for field in _COMPARED] for name in VISIBILITY])
