"""Which scenarios of a route can start."""

import carla
import numpy as np
import pytest

from lead.maps.towns import installed_towns, read_opendrive
from lead.routes.model import DEFAULT_WEATHER, Route, ScenarioConfig, TriggerPoint, WeatherKeyframe
from lead.routes.planner import RoutePlanner
from lead.routes.scenarios import matched_scenarios, trigger_offset

KEYPOINTS = np.array([[88.4, 248.3, 0.0], [56.0, 326.6, 0.0]])


@pytest.fixture(scope="module")
def dense():
    if "Town01" not in installed_towns():
        pytest.skip("Town01 is not installed (lead towns install Town01)")
    return RoutePlanner(carla.Map("Town01", read_opendrive("Town01"))).trace(KEYPOINTS)


def beside(dense, index, right_m=0.0, up_m=0.0, turn_deg=0.0):
    x, y, z = dense.xyz[index]
    yaw = dense.yaw_rad[index]
    place = (x - right_m * np.sin(yaw), y + right_m * np.cos(yaw), z + up_m)
    return TriggerPoint(*map(float, place), float(np.degrees(yaw)) + turn_deg)


@pytest.mark.parametrize(
    ("right_m", "up_m", "turn_deg", "kept"),
    [
        (0.0, 0.0, 0.0, True),
        (1.9, 0.0, 0.0, True),
        (2.1, 0.0, 0.0, False),
        (0.0, 2.1, 0.0, False),
        (1.6, 1.6, 0.0, False),
        (0.0, 0.0, 9.5, True),
        (0.0, 0.0, -9.5, True),
        (0.0, 0.0, 10.5, False),
        (0.0, 0.0, 180.0, False),
        (0.0, 0.0, 360.0, True),
        (0.0, 0.0, -725.0, True),
    ],
)
def test_two_metres_and_ten_degrees(dense, right_m, up_m, turn_deg, kept):
    assert trigger_offset(beside(dense, 20, right_m, up_m, turn_deg), dense).matches is kept


def test_scenarios_keep_their_order(dense):
    triggers = [beside(dense, 40), beside(dense, 10, right_m=3.5), beside(dense, 15), beside(dense, 5, turn_deg=90.0)]
    scenarios = tuple(ScenarioConfig(f"S_{n}", "ControlLoss", trigger) for n, trigger in enumerate(triggers))
    route = Route("1", "Town01", KEYPOINTS, (WeatherKeyframe(0.0, DEFAULT_WEATHER),), scenarios)
    kept, dropped = matched_scenarios(route, dense)
    assert [item.name for item in kept] == ["S_0", "S_2"]
    assert [item.name for item in dropped] == ["S_1", "S_3"]


def test_the_offset_of_a_dropped_trigger_is_that_of_the_nearest_point(dense):
    offset = trigger_offset(beside(dense, 10, right_m=3.5), dense)
    assert offset.index == 10
    assert offset.distance_m == pytest.approx(3.5, abs=0.01)
    assert offset.angle_deg == pytest.approx(0.0, abs=0.01)
