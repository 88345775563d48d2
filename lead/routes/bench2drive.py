"""The names that Bench2Drive's result records add to a route: scenario, weather and save name.

Facts from the public code of Bench2Drive 0.0.4 (``leaderboard_evaluator.py`` and ``leaderboard/data/weather.xml`` of
Thinklab-SJTU/Bench2Drive, commit 7ec25d1; the same in 0.0.3): the weather id is that of the first of 23 numbered
weathers that has the same eight values as the route's first key frame, and None if there is none. The scenario name
is the label of the route's first scenario; the official evaluator stops at a route without scenario.
"""

from __future__ import annotations

from datetime import datetime

from lead.routes.model import Route

NO_SCENARIO = "noScenarios"
"""Scenario name and type of a route without scenario."""

CASE_FIELDS = (
    "cloudiness",
    "precipitation",
    "precipitation_deposits",
    "wetness",
    "wind_intensity",
    "sun_azimuth_angle",
    "sun_altitude_angle",
    "fog_density",
)
WEATHER_CASES: dict[str, tuple[float, ...]] = {
    "0": (5.0, 0.0, 0.0, 0.0, 10.0, -1.0, 90.0, 2.0),
    "1": (5.0, 0.0, 0.0, 0.0, 10.0, -1.0, 15.0, 2.0),
    "2": (20.0, 30.0, 50.0, 0.0, 30.0, -1.0, 45.0, 3.0),
    "3": (60.0, 60.0, 60.0, 0.0, 60.0, -1.0, 45.0, 3.0),
    "5": (80.0, 0.0, 50.0, 20.0, 10.0, -1.0, 45.0, 3.0),
    "6": (5.0, 0.0, 50.0, 0.0, 10.0, -1.0, 15.0, 10.0),
    "7": (5.0, 0.0, 0.0, 0.0, 10.0, -1.0, 45.0, 2.0),
    "8": (100.0, 100.0, 90.0, 0.0, 100.0, -1.0, 45.0, 7.0),
    "9": (70.0, 60.0, 60.0, 0.0, 60.0, -1.0, 45.0, 50.0),
    "10": (40.0, 100.0, 90.0, 0.0, 100.0, -1.0, 0.0, 7.0),
    "11": (100.0, 60.0, 60.0, 0.0, 60.0, -1.0, 45.0, 50.0),
    "12": (5.0, 0.0, 0.0, 0.0, 10.0, -1.0, 45.0, 50.0),
    "13": (5.0, 0.0, 0.0, 0.0, 10.0, -1.0, 15.0, 50.0),
    "14": (100.0, 100.0, 50.0, 50.0, 100.0, -1.0, 45.0, 10.0),
    "15": (100.0, 50.0, 100.0, 80.0, 80.0, -1.0, 45.0, 10.0),
    "18": (40.0, 0.0, 50.0, 0.0, 10.0, -1.0, 15.0, 2.0),
    "19": (40.0, 0.0, 50.0, 0.0, 10.0, -1.0, -90.0, 2.0),
    "20": (60.0, 30.0, 50.0, 60.0, 30.0, -1.0, -90.0, 3.0),
    "21": (100.0, 100.0, 90.0, 100.0, 100.0, -1.0, -90.0, 3.0),
    "22": (5.0, 0.0, 0.0, 0.0, 10.0, -1.0, -90.0, 60.0),
    "23": (80.0, 60.0, 60.0, 80.0, 60.0, -1.0, -90.0, 60.0),
    "25": (100.0, 100.0, 90.0, 100.0, 100.0, -1.0, -90.0, 100.0),
    "26": (50.0, 0.0, 0.0, 0.0, 0.0, 0.0, 70.0, 0.0),
}
"""Bench2Drive's numbered weathers, values in the order of :data:`CASE_FIELDS` (percent and degrees)."""


def scenario_name(route: Route) -> str:
    """Return the label of the first scenario, or :data:`NO_SCENARIO`."""
    return route.scenarios[0].name if route.scenarios else NO_SCENARIO


def scenario_type(route: Route) -> str:
    """Return the class of the first scenario, or :data:`NO_SCENARIO`."""
    return route.scenarios[0].type if route.scenarios else NO_SCENARIO


def weather_id(route: Route) -> str | None:
    """Return the number of the route's first weather in Bench2Drive's list, as text; None if it is not there."""
    first = route.weather[0].values
    values = tuple(first[name] for name in CASE_FIELDS)
    return next((number for number, case in WEATHER_CASES.items() if case == values), None)


def save_name(record_name: str, route: Route, started: datetime) -> str:
    """Join what identifies one run of a route.

    Args:
        record_name: Name of the result record, such as ``RouteScenario_1711_rep0``.
        route: The route.
        started: Wall-clock time of the start.

    Returns:
        Record name, town, scenario name, weather id and ``MM_DD_HH_MM_SS``, joined by underscores.
    """
    parts = (record_name, route.town, scenario_name(route), weather_id(route), f"{started:%m_%d_%H_%M_%S}")
    return "_".join(map(str, parts))
