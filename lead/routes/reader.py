"""Reader of the public route XML (CARLA leaderboard 2.0 grammar and its relatives).

The public files contain misspelled elements, missing blocks and routes without way points; the reader accepts what
the official tools accept, and turns everything else into one sentence that names file and route.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from lxml import etree

from lead.routes.model import (
    DEFAULT_WEATHER,
    WEATHER_FIELDS,
    Route,
    RouteError,
    ScenarioConfig,
    TriggerPoint,
    WeatherKeyframe,
)

NO_PARAMETERS = ("trigger_point", "other_actor", "other_actors")
"""Children of a scenario that are not parameters of its class."""


def read_routes(path: str | Path) -> list[Route]:
    """Read every route of a file.

    Args:
        path: Route XML.

    Returns:
        Routes in file order, at least one.

    Raises:
        RouteError: If the file is unreadable, is not route XML, holds no route, repeats an id or has a bad number.
    """
    root = parse_xml(Path(path))
    if root.tag != "routes":
        raise RouteError(f"{path} is not a route file: its root element is <{root.tag}>, not <routes>")
    routes = [_read_route(element, f"{path}") for element in root.iterfind("route")]
    if not routes:
        raise RouteError(f"{path} contains no <route>")
    seen: set[str] = set()
    for route in routes:
        if route.id in seen:
            raise RouteError(f"{path} contains two routes with the id {route.id}")
        seen.add(route.id)
    return routes


def select_routes(routes: Iterable[Route], ids: Iterable[str]) -> list[Route]:
    """Pick routes by id, in the order of the ids.

    Raises:
        RouteError: If an id is unknown; the message lists some known ones.
    """
    known = {route.id: route for route in routes}
    picked = []
    for wanted in ids:
        if wanted not in known:
            names = ", ".join(list(known)[:8]) + (", ..." if len(known) > 8 else "")
            raise RouteError(f"there is no route with the id {wanted}; the file has {names}")
        picked.append(known[wanted])
    return picked


def parse_xml(path: Path) -> etree._Element:
    """Parse an XML file safely: no external entities, no network, no comments.

    Returns:
        The root element.

    Raises:
        RouteError: If the file is missing, unreadable or not XML.
    """
    if path.is_dir():
        raise RouteError(f"{path} is a folder; give one route XML file")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        return etree.fromstring(path.read_bytes(), parser)
    except FileNotFoundError as error:
        raise RouteError(f"route file {path} does not exist") from error
    except OSError as error:
        raise RouteError(f"route file {path} cannot be read: {error.strerror}") from error
    except etree.XMLSyntaxError as error:
        raise RouteError(f"{path} is not XML: {error.msg}") from error


def _read_route(element: etree._Element, source: str) -> Route:
    route_id = _text(element, "id", f"{source}: a <route>")
    where = f"{source}: route {route_id}"
    keypoints = [
        [_number(position, axis, where) for axis in "xyz"] for position in element.iterfind("waypoints/position")
    ]
    return Route(
        id=route_id,
        town=_text(element, "town", where),
        keypoints=np.array(keypoints, dtype=np.float64).reshape(-1, 3),
        weather=_read_weather(element, where),
        scenarios=tuple(_read_scenario(child, where) for child in element.iterfind("scenarios/scenario")),
    )


def _read_weather(route: etree._Element, where: str) -> tuple[WeatherKeyframe, ...]:
    frames = []
    for element in route.iterfind("weathers/weather"):
        values = {name: _number(element, name, where) for name in WEATHER_FIELDS if name in element.attrib}
        percentage = _number(element, "route_percentage", where)
        frames.append(WeatherKeyframe(percentage, {**DEFAULT_WEATHER, **values}))
    if not frames:
        return (WeatherKeyframe(0.0, DEFAULT_WEATHER),)
    return tuple(sorted(frames, key=lambda frame: frame.percentage))


def _read_scenario(element: etree._Element, where: str) -> ScenarioConfig:
    name = _text(element, "name", f"{where}: a <scenario>")
    where = f"{where}, scenario {name}"
    trigger = element.find("trigger_point")
    if trigger is None:
        raise RouteError(f"{where} has no <trigger_point>")
    others = [*element.iterfind("other_actors/*"), *element.iterfind("other_actor")]
    return ScenarioConfig(
        name=name,
        type=_text(element, "type", where),
        trigger=TriggerPoint(*(_number(trigger, axis, where) for axis in ("x", "y", "z", "yaw"))),
        parameters={
            str(child.tag): {str(key): str(value) for key, value in child.attrib.items()}
            for child in element
            if child.tag not in NO_PARAMETERS
        },
        other_actors=tuple({str(key): str(value) for key, value in child.attrib.items()} for child in others),
    )


def _text(element: etree._Element, attribute: str, where: str) -> str:
    value = element.get(attribute)
    if not value:
        raise RouteError(f"{where} has no {attribute}")
    return str(value)


def _number(element: etree._Element, attribute: str, where: str) -> float:
    text = element.get(attribute)
    if text is None:
        raise RouteError(f"{where}: <{element.tag}> has no {attribute}")
    try:
        value = float(text)
    except ValueError as error:
        raise RouteError(f"{where}: {attribute}={text!r} of <{element.tag}> is not a number") from error
    if not math.isfinite(value):
        raise RouteError(f"{where}: {attribute}={text!r} of <{element.tag}> is not a finite number")
    return value
