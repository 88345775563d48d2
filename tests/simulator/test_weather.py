"""Weather keeps the order of the wire, which is not the order of the client's constructor."""

import math
from importlib.metadata import version

import pytest

from lead.simulator.world.weather import WeatherParameters, presets

FIELDS_OF_CLIENT = [
    "cloudiness",
    "precipitation",
    "precipitation_deposits",
    "wind_intensity",
    "sun_azimuth_angle",
    "sun_altitude_angle",
    "fog_density",
    "fog_distance",
    "fog_falloff",
    "wetness",
    "scattering_intensity",
    "mie_scattering_scale",
    "rayleigh_scattering_scale",
    "dust_storm",
]


def test_wire_order_and_round_trip() -> None:
    values = [float(i) for i in range(14)]
    weather = WeatherParameters.from_wire(values)
    assert [getattr(weather, name) for name in FIELDS_OF_CLIENT] == values
    assert weather.to_wire() == values


def test_presets_are_the_clients() -> None:
    carla = pytest.importorskip("carla")
    if version("carla") != "0.9.16":
        pytest.skip("the presets are those of the 0.9.16 client")
    named = {
        name: value
        for name, value in vars(carla.WeatherParameters).items()
        if isinstance(value, carla.WeatherParameters)
    }
    known = presets()
    assert named.keys() == known.keys()
    for name, value in named.items():
        theirs = [getattr(value, field) for field in FIELDS_OF_CLIENT]
        assert known[name].to_wire() == pytest.approx(theirs, abs=1e-6), name


def test_a_fresh_world_has_a_clear_noon() -> None:
    assert WeatherParameters() == presets()["ClearNoon"]


def test_bad_values_do_not_get_in() -> None:
    weather = WeatherParameters.from_wire([math.nan, 30.0, math.inf])
    assert weather.cloudiness == WeatherParameters().cloudiness
    assert weather.precipitation == 30.0
    assert all(math.isfinite(value) for value in weather.to_wire())
    with pytest.raises(ValueError, match="cloudiness"):
        WeatherParameters.from_wire(["overcast"])  # type: ignore[list-item]
