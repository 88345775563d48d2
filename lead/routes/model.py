"""Typed contents of a route file, free of XML and of the carla client.

Everything that drives, checks or draws a route works on these classes, so that the file format is known in one
place only (:mod:`lead.routes.reader`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lead.errors import LeadError

WEATHER_FIELDS = (
    "cloudiness",
    "precipitation",
    "precipitation_deposits",
    "wetness",
    "wind_intensity",
    "sun_azimuth_angle",
    "sun_altitude_angle",
    "fog_density",
    "fog_distance",
    "fog_falloff",
    "scattering_intensity",
    "mie_scattering_scale",
    "rayleigh_scattering_scale",
    "dust_storm",
)
"""Weather attributes of CARLA; angles in degrees, fog distance in metres, the rest in percent or factors."""

_BASE_VALUES = {"sun_altitude_angle": 70.0, "cloudiness": 50.0, "rayleigh_scattering_scale": 0.0331}

DEFAULT_WEATHER: Mapping[str, float] = MappingProxyType({name: _BASE_VALUES.get(name, 0.0) for name in WEATHER_FIELDS})
"""Weather of a route without weather block, and of the fields that a keyframe leaves out.

The official parser starts every keyframe from this weather, too (``parse_weather`` of CARLA leaderboard 2.0).
"""


class RouteError(LeadError):
    """A route file or route cannot be used; the text is one sentence that says why."""


@dataclass(frozen=True)
class WeatherKeyframe:
    """Weather at one point of the route.

    Attributes:
        percentage: Travelled share of the route, 0 to 100.
        values: Complete set of :data:`WEATHER_FIELDS`.
    """

    percentage: float
    values: Mapping[str, float]


@dataclass(frozen=True)
class TriggerPoint:
    """Pose that starts a scenario: metres and degrees in the world frame, as files have it."""

    x: float
    y: float
    z: float
    yaw_deg: float


@dataclass(frozen=True)
class ScenarioConfig:
    """One scenario of a route.

    Attributes:
        name: Label, unique inside the route.
        type: Class name of the scenario.
        trigger: Pose on the route that starts it.
        parameters: Child element name to its attributes, all still text; the scenario class casts them.
        other_actors: Attributes of explicitly listed actors.
    """

    name: str
    type: str
    trigger: TriggerPoint
    parameters: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    other_actors: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Route:
    """One route as written in a file.

    Attributes:
        id: Text id, unique inside its file.
        town: Short town name.
        keypoints: (n, 3) float64, world frame, metres; n may be 0 in defective public files.
        weather: Keyframes sorted by percentage, at least one.
        scenarios: Scenarios in file order.
    """

    id: str
    town: str
    keypoints: NDArray[np.float64]
    weather: tuple[WeatherKeyframe, ...]
    scenarios: tuple[ScenarioConfig, ...] = ()

    def weather_at(self, percentage: float) -> dict[str, float]:
        """Interpolate the weather linearly between keyframes.

        Args:
            percentage: Travelled share of the route, 0 to 100; values outside the keyframes hold the end ones.

        Returns:
            All :data:`WEATHER_FIELDS`.
        """
        positions = [frame.percentage for frame in self.weather]
        return {
            name: float(np.interp(percentage, positions, [frame.values[name] for frame in self.weather]))
            for name in WEATHER_FIELDS
        }
