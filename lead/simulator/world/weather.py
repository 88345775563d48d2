"""Weather of the world: fourteen numbers, kept in the order in which the protocol sends them.

The order differs from that of the client's constructor, which has wetness before fog falloff. Weather changes
the picture of the rgb camera only; the world merely keeps it and gives it back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from json import loads


@dataclass(frozen=True, slots=True)
class WeatherParameters:
    """One weather; fields in wire order. The default is a clear noon, the usual state of a fresh level.

    Percentages run from 0 to 100, angles are degrees, distances metres.
    """

    cloudiness: float = 5.0
    precipitation: float = 0.0
    precipitation_deposits: float = 0.0
    wind_intensity: float = 10.0
    sun_azimuth_angle: float = -1.0
    sun_altitude_angle: float = 45.0
    fog_density: float = 2.0
    fog_distance: float = 0.75
    fog_falloff: float = 0.1
    wetness: float = 0.0
    scattering_intensity: float = 1.0
    mie_scattering_scale: float = 0.03
    rayleigh_scattering_scale: float = 0.0331
    dust_storm: float = 0.0

    def to_wire(self) -> list[float]:
        """The fields as the protocol's WeatherParameters array."""
        return [getattr(self, field.name) for field in fields(self)]

    @classmethod
    def from_wire(cls, values: Sequence[float]) -> WeatherParameters:
        """Weather from the protocol's array; entries that are missing or not finite keep the default.

        Raises:
            ValueError: An entry is not a number.
        """
        given: dict[str, float] = {}
        for field, value in zip(fields(cls), values, strict=False):
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ValueError(f"weather parameter {field.name!r} must be a number, not {value!r}")
            if math.isfinite(value):
                given[field.name] = float(value)
        return cls(**given)


@cache
def presets() -> dict[str, WeatherParameters]:
    """The client's named weathers, e.g. ``HardRainNoon``."""
    path = resources.files("lead.simulator.world") / "data" / "weather.json"
    document = loads(path.read_text(encoding="utf-8"))
    return {
        name: WeatherParameters(**dict(zip(document["columns"], map(float, row), strict=True)))
        for name, row in document["presets"].items()
    }
