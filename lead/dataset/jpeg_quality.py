"""Quality of stored camera images: 30, except for the four-camera rig, whose quality follows the weather."""

from __future__ import annotations

import numpy as np

from lead.dataset.errors import DatasetError

DEFAULT_QUALITY = 30
_SHARES: dict[str, dict[int, float]] = {
    "low": {80: 0.25, 85: 0.5, 90: 0.25},
    "mild": {70: 0.1, 75: 0.25, 80: 0.4, 90: 0.2},
    "medium": {70: 0.2, 75: 0.2, 80: 0.15, 90: 0.2},
    "high": {60: 0.05, 65: 0.1, 70: 0.1, 75: 0.2, 80: 0.1, 90: 0.2},
    "very high": {55: 0.15, 65: 0.4, 75: 0.15, 90: 0.2},
    "extreme": {30: 0.2, 40: 0.35, 50: 0.15, 90: 0.2},
}
"""Weights of qualities by strength of compression; they are made to add up to one when drawn from."""
_STRENGTHS: dict[str, str] = {
    "extreme": "ClearSunrise ClearNoon ClearSunset CloudyNoon CloudySunset CloudySunrise",
    "very high": """DustStorm SoftRainNoon SoftRainSunset SoftRainSunrise WetCloudyNoon WetCloudySunset
        WetCloudySunrise WetNoon""",
    "high": """MidRainSunset MidRainSunrise MidRainyNoon Custom0 Custom9 Custom11 Custom12 Custom14 Custom15""",
    "medium": """ClearNight HardRainNoon HardRainSunset HardRainSunrise FoggyCloudyNight FoggyCloudyNoon
        FoggyCloudySunset FoggyCloudySunrise FoggyWetCloudyNight FoggyWetCloudyNoon FoggyWetCloudySunset
        FoggyWetCloudySunrise FoggyWetNoon FoggySoftRainNight FoggySoftRainNoon FoggySoftRainSunset
        FoggySoftRainSunrise""",
    "mild": "CloudyNight SoftRainNight WetNight",
    "low": """HardRainNight MidRainyNight WetCloudyNight FoggyHardRainNight Custom10 Custom13 Custom19 Custom20
        Custom21""",
}
STRENGTH: dict[str, str] = {name: strength for strength, names in _STRENGTHS.items() for name in names.split()}
"""Strength of compression by name of weather preset."""


def draw_jpeg_quality(rng: np.random.Generator, weather_name: str) -> int:
    """Draw the quality of a route of the four-camera rig.

    Args:
        rng: Source of the draw.
        weather_name: Name of a preset.

    Raises:
        DatasetError: If data are not collected in that weather.
    """
    if weather_name not in STRENGTH:
        raise DatasetError(f"no JPEG quality belongs to the weather {weather_name!r}")
    shares = _SHARES[STRENGTH[weather_name]]
    weights = np.array(list(shares.values()))
    return int(rng.choice(np.array(list(shares)), p=weights / weights.sum()))
