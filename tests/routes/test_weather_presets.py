"""Named weathers: every preset of the client is known, unknown names are refused."""

import carla
import pytest

from lead.routes.model import WEATHER_FIELDS
from lead.routes.weather import WeatherError, preset, preset_names


def test_every_preset_of_the_client_is_known():
    names = {name for name in dir(carla.WeatherParameters) if name[0].isupper()}
    assert names - {"Default"} <= set(preset_names())


def test_a_preset_has_every_field_and_the_published_sun():
    assert set(preset("ClearSunrise")) == set(WEATHER_FIELDS)
    assert preset("ClearSunrise")["sun_altitude_angle"] == 30.0
    assert preset("HardRainNight")["precipitation"] == 100.0


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(WeatherError, match="the nearest is 'ClearNoon'"):
        preset("ClearNon")
