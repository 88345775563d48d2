"""The names that Bench2Drive's records add to a route."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from lead.routes.bench2drive import NO_SCENARIO, save_name, scenario_name, scenario_type, weather_id
from lead.routes.model import DEFAULT_WEATHER, Route, WeatherKeyframe
from lead.routes.reader import read_routes

PUBLIC = Path(__file__).resolve().parents[2] / "../shared/data/benchmark_routes"
NIGHT = {**DEFAULT_WEATHER, "sun_altitude_angle": -90.0, "sun_azimuth_angle": -1.0, "cloudiness": 40.0}
NIGHT |= {"precipitation_deposits": 50.0, "wind_intensity": 10.0, "fog_density": 2.0}


def route(*weathers):
    frames = tuple(WeatherKeyframe(float(100 * n), values) for n, values in enumerate(weathers))
    return Route("5", "Town05", np.zeros((0, 3)), frames)


def test_the_first_key_frame_decides():
    assert weather_id(route(NIGHT, DEFAULT_WEATHER)) == "19"
    assert weather_id(route(DEFAULT_WEATHER, NIGHT)) == "26"
    assert weather_id(route({**NIGHT, "cloudiness": 41.0})) is None


def test_fields_outside_the_list_do_not_count():
    assert weather_id(route({**NIGHT, "scattering_intensity": 1.0})) == "19"


def test_save_name_without_scenario_and_weather():
    item = route({**NIGHT, "cloudiness": 41.0})
    assert scenario_name(item) == scenario_type(item) == NO_SCENARIO
    name = save_name("RouteScenario_5_rep0", item, datetime(2026, 3, 4, 5, 6, 7))
    assert name == "RouteScenario_5_rep0_Town05_noScenarios_None_03_04_05_06_07"


@pytest.mark.skipif(not PUBLIC.exists(), reason="public route files (../shared) are not on this machine")
def test_every_bench2drive_route_has_a_weather():
    routes = [read_routes(path)[0] for path in sorted((PUBLIC / "bench2drive").glob("*.xml"))]
    assert None not in {weather_id(item) for item in routes}
    (exit_route,) = (item for item in routes if item.id == "23687")
    assert (weather_id(exit_route), scenario_name(exit_route)) == ("9", "HighwayExit_1")
