"""The weather of a route: key frames along the way, or one that the user chose, and the lights of cars at night."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import carla

from lead.routes.model import Route
from lead.routes.weather import preset, preset_names

STEP_PERCENT = 1.0
"""The weather follows the key frames in steps of this share of the route."""

_SUN_LOW_DEG, _CLOUDY, _FOGGY, _MARGIN = 15.0, 80.0, 40.0, 10.0


def set_weather(world: carla.World, values: Mapping[str, float]) -> None:
    """Set the weather; fields that the installed client does not have are left out."""
    weather = world.get_weather()
    for name, value in values.items():
        if hasattr(weather, name):
            setattr(weather, name, value)
    world.set_weather(weather)


def needs_lights(weather: Mapping[str, float]) -> bool:
    """Tell whether cars drive with low beams: at night, or when it is cloudy or foggy, or nearly two of these."""
    sun = weather["sun_altitude_angle"]
    excess = (
        max(_SUN_LOW_DEG - sun, sun - (180.0 - _SUN_LOW_DEG)),
        weather["cloudiness"] - _CLOUDY,
        weather["fog_density"] - _FOGGY,
    )
    return any(value > 0.0 for value in excess) or sum(value > -_MARGIN for value in excess) >= 2


class RouteWeather:
    """Applies the weather of one route while it is driven."""

    def __init__(
        self,
        world: carla.World,
        route: Route,
        custom: str | None,
        is_random: bool,
        seed: int,
        fixed: Mapping[str, float] | None = None,
    ) -> None:
        """Choose the source of the weather and set it for the start.

        Args:
            world: The world.
            route: Route with its key frames.
            custom: Preset that replaces them, or None.
            is_random: Replace them by a preset drawn with the seed and the route's id.
            seed: Seed of the draw.
            fixed: Weather that comes before all others.

        Raises:
            WeatherError: If the preset is unknown.
        """
        self._world = world
        self._route = route
        if is_random:
            custom = random.Random(f"{seed} {route.id}").choice(preset_names())
        self._fixed = fixed or (preset(custom) if custom else None)
        self._percent = 0.0
        self.values = self._fixed or route.weather_at(0.0)
        set_weather(world, self.values)

    def update(self, percent: float) -> None:
        """Follow the key frames.

        Args:
            percent: Driven share of the route.
        """
        if self._fixed is None and len(self._route.weather) > 1 and percent - self._percent >= STEP_PERCENT:
            self._percent = percent
            self.values = self._route.weather_at(percent)
            set_weather(self._world, self.values)

    def light_vehicles(self, vehicles: Sequence[carla.Vehicle]) -> None:
        """Switch position lights and low beams of vehicles by the weather."""
        on = carla.VehicleLightState(carla.VehicleLightState.Position | carla.VehicleLightState.LowBeam)
        state = on if needs_lights(self.values) else carla.VehicleLightState.NONE
        for vehicle in vehicles:
            vehicle.set_light_state(state)
