"""Weathers for sampled routes: a preset by name, a random preset, or a random change during the route."""

from __future__ import annotations

import numpy as np

from lead.routes.model import DEFAULT_WEATHER, WeatherKeyframe
from lead.routes.weather import preset, preset_names

PRESETS, RANDOM = "presets", "random"
_RANGES = {
    "cloudiness": (0.0, 100.0),
    "precipitation": (0.0, 100.0),
    "precipitation_deposits": (0.0, 90.0),
    "wetness": (0.0, 100.0),
    "wind_intensity": (0.0, 100.0),
    "fog_density": (0.0, 25.0),
}
_SUN_ALTITUDES_DEG = ((5.0, 90.0), (-45.0, -5.0))
_DAY_SHARE = 0.75
_DRIFT = 0.15
_SUN_DRIFT_DEG = 10.0


def check_weather(choice: str) -> str:
    """Return a choice of weathers.

    Raises:
        WeatherError: If it is neither "random" nor "presets" nor the name of a preset.
    """
    if choice not in (PRESETS, RANDOM):
        preset(choice)
    return choice


def draw_weather(choice: str, rng: np.random.Generator) -> tuple[WeatherKeyframe, ...]:
    """Return the key frames of a route.

    Args:
        choice: "presets" for one of them, "random" for a start and an end that is a little different, or the name of
            a preset.
        rng: Source of what is drawn.
    """
    if choice == RANDOM:
        return _random(rng)
    name = preset_names()[int(rng.integers(len(preset_names())))] if choice == PRESETS else choice
    return (WeatherKeyframe(0.0, preset(name)),)


def _random(rng: np.random.Generator) -> tuple[WeatherKeyframe, ...]:
    """Draw day or night, clear or wet, and let everything change a little on the way."""
    altitudes = _SUN_ALTITUDES_DEG[0 if rng.random() < _DAY_SHARE else 1]
    is_dry = rng.random() < 0.5
    start = {name: float(rng.uniform(*limits)) for name, limits in _RANGES.items()}
    if is_dry:
        start.update(precipitation=0.0, precipitation_deposits=0.0, wetness=0.0)
    start["sun_altitude_angle"] = float(rng.uniform(*altitudes))
    start["sun_azimuth_angle"] = float(rng.uniform(0.0, 360.0))
    end = dict(start)
    for name, (low, high) in _RANGES.items():
        change = float(rng.uniform(-_DRIFT, _DRIFT)) * (high - low)
        if start[name] > 0.0:
            end[name] = min(high, max(low, start[name] + change))
    end["sun_altitude_angle"] = min(90.0, start["sun_altitude_angle"] + float(rng.uniform(0.0, _SUN_DRIFT_DEG)))
    frames = ({name: float(round(number)) for name, number in frame.items()} for frame in (start, end))
    return tuple(
        WeatherKeyframe(place, {**DEFAULT_WEATHER, **frame}) for place, frame in zip((0.0, 100.0), frames, strict=True)
    )
