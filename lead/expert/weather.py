"""How far one can see in a weather: the class of the nearest of the named weathers."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lead.routes.weather import presets

CLEAR, OK, LIMITED, VERY_LIMITED = range(4)
FIELDS = (
    "cloudiness",
    "precipitation",
    "precipitation_deposits",
    "wind_intensity",
    "sun_azimuth_angle",
    "sun_altitude_angle",
    "fog_density",
    "wetness",
)
"""Values that are compared: those that Bench2Drive tells its weathers apart by."""
_CLEAR_NAMES = (
    "ClearNoon ClearSunrise ClearSunset CloudyNoon CloudySunrise CloudySunset DustStorm SoftRainNoon "
    "SoftRainSunrise SoftRainSunset"
)
_OK_NAMES = (
    "FoggyCloudyNoon FoggyCloudySunrise FoggyCloudySunset FoggyWetNoon MidRainSunrise MidRainSunset "
    "MidRainyNoon WetCloudyNoon WetCloudySunrise WetCloudySunset WetNoon"
)
_LIMITED_NAMES = (
    "Custom0 Custom11 Custom12 Custom14 Custom15 Custom9 FoggySoftRainNoon FoggySoftRainSunrise "
    "FoggySoftRainSunset FoggyWetCloudyNoon FoggyWetCloudySunrise FoggyWetCloudySunset HardRainNoon "
    "HardRainSunrise HardRainSunset"
)
_VERY_LIMITED_NAMES = (
    "ClearNight CloudyNight Custom10 Custom13 Custom19 Custom20 Custom21 FoggyCloudyNight "
    "FoggyHardRainNight FoggySoftRainNight FoggyWetCloudyNight HardRainNight MidRainyNight SoftRainNight "
    "WetCloudyNight WetNight"
)
VISIBILITY: Mapping[str, int] = {
    name: level
    for level, names in enumerate((_CLEAR_NAMES, _OK_NAMES, _LIMITED_NAMES, _VERY_LIMITED_NAMES))
    for name in names.split()
}
"""Published class of every named weather: 0 clear, 1 okay, 2 limited, 3 very limited."""


def nearest_weather(values: Mapping[str, float]) -> str:
    """Return the name of the named weather that is nearest to some values by squared difference.

    Args:
        values: At least the fields of :data:`FIELDS`, percent and degrees.
    """
    names, table = _table()
    here = np.array([values[name] for name in FIELDS], np.float64)
    return names[int(np.argmin(((table - here) ** 2).sum(axis=1)))]


@functools.cache
def _table() -> tuple[tuple[str, ...], NDArray[np.float64]]:
    known = {name: values for name, values in presets().items() if name in VISIBILITY}
    table = np.array([[values[name] for name in FIELDS] for values in known.values()], np.float64)
    return tuple(known), table
