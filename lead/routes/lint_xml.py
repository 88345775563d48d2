"""Checks of a route file that need nothing but its text.

Unlike the reader, which refuses a file at the first thing it cannot use, these checks walk the whole tree and collect
every problem, so that an author can mend a file in one go.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
from lxml import etree

from lead.routes.findings import FileCheck, LooseRoute, LooseTrigger, line_of, nearest
from lead.routes.lint_scenario import check_scenario
from lead.routes.model import WEATHER_FIELDS, RouteError, TriggerPoint
from lead.routes.reader import parse_xml

_CHILDREN = {
    "routes": ("route",),
    "route": ("weathers", "waypoints", "scenarios"),
    "weathers": ("weather",),
    "waypoints": ("position",),
    "scenarios": ("scenario",),
}
"""Elements that the reader looks for; others are ignored, so they are likely misspelled."""


def check_text(path: Path) -> FileCheck:
    """Check one file without any map.

    Args:
        path: Route XML; any file will do.

    Returns:
        All findings, and the routes as far as they can be read.
    """
    check = FileCheck(path)
    try:
        root = parse_xml(path)
    except RouteError as error:
        check.error("unreadable", str(error))
        return check
    if root.tag != "routes":
        check.error("not-routes", f"the root element is <{root.tag}>, not <routes>", line_of(root))
        return check
    _check_children(check, root, None)
    elements = root.findall("route")
    if not elements:
        check.error("no-route", "the file contains no <route>", line_of(root))
    for element in elements:
        check.routes.append(_check_route(check, element))
    for route_id, count in Counter(route.id for route in check.routes).items():
        if count > 1 and route_id != "?":
            line = next(route.line for route in reversed(check.routes) if route.id == route_id)
            check.error("duplicate-id", f"{count} routes have the id {route_id}", line, route_id)
    return check


def _check_route(check: FileCheck, element: etree._Element) -> LooseRoute:
    route_id, town = element.get("id") or "?", element.get("town") or None
    if route_id == "?":
        check.error("no-id", "the route has no id", line_of(element))
    if town is None:
        check.error("no-town", "the route has no town", line_of(element), route_id)
    _check_children(check, element, route_id)
    for name in ("weathers", "waypoints", "scenarios"):
        for block in element.iterfind(name):
            _check_children(check, block, route_id)
    _check_weathers(check, element, route_id)
    triggers = []
    scenarios = element.findall("scenarios/scenario")
    for label, count in Counter(scenario.get("name") for scenario in scenarios).items():
        if count > 1 and label:
            check.warn("duplicate-name", f"{count} scenarios have the name {label}", line_of(element), route_id)
    for scenario in scenarios:
        check.scenario_count += 1
        check_scenario(check, scenario, route_id)
        if (trigger := _trigger(check, scenario, route_id)) is not None:
            triggers.append(trigger)
    keypoints = _keypoints(check, element, route_id)
    return LooseRoute(route_id, town, line_of(element), keypoints, tuple(triggers))


def _keypoints(check: FileCheck, route: etree._Element, route_id: str) -> np.ndarray | None:
    rows = [
        [_number(check, position, axis, route_id) for axis in "xyz"]
        for position in route.iterfind("waypoints/position")
    ]
    if len(rows) < 2:
        count = "no way points" if not rows else "only one way point"
        check.error("no-waypoints", f"the route has {count}; it needs at least two", line_of(route), route_id)
        return None
    points = np.array(rows, dtype=np.float64)
    return points if np.isfinite(points).all() else None


def _trigger(check: FileCheck, scenario: etree._Element, route_id: str) -> LooseTrigger | None:
    label = scenario.get("name") or scenario.get("type") or "?"
    elements = scenario.findall("trigger_point")
    if not elements:
        check.error("no-trigger", f"scenario {label} has no <trigger_point>", line_of(scenario), route_id)
        return None
    if len(elements) > 1:
        message = f"scenario {label} has {len(elements)} trigger points; the first counts"
        check.warn("repeated", message, line_of(elements[1]), route_id)
    values = [_number(check, elements[0], name, route_id) for name in ("x", "y", "z", "yaw")]
    if not all(map(math.isfinite, values)):
        return None
    return LooseTrigger(label, TriggerPoint(*values), line_of(elements[0]))


def _check_weathers(check: FileCheck, route: etree._Element, route_id: str) -> None:
    frames = route.findall("weathers/weather")
    if not frames:
        message = "the route has no weather; the sun will stand at 70 degrees, half the sky clouded"
        check.warn("no-weather", message, line_of(route), route_id)
    seen: set[float] = set()
    for frame in frames:
        percentage = _number(check, frame, "route_percentage", route_id)
        if math.isfinite(percentage) and not 0.0 <= percentage <= 100.0:
            message = f"route_percentage is {percentage:g}; it must be between 0 and 100"
            check.error("weather-percentage", message, line_of(frame), route_id)
        if percentage in seen:
            check.warn("weather-percentage", f"two weathers stand at {percentage:g} percent", line_of(frame), route_id)
        seen.add(percentage)
        for name in map(str, frame.attrib):
            if name in WEATHER_FIELDS:
                _number(check, frame, name, route_id)
            elif name != "route_percentage":
                message = f"{name!r} is no weather field and is ignored{nearest(name, WEATHER_FIELDS)}"
                check.warn("unknown-weather-field", message, line_of(frame), route_id)


def _check_children(check: FileCheck, element: etree._Element, route_id: str | None) -> None:
    known = _CHILDREN[str(element.tag)]
    strange: dict[str, list[int]] = {}
    for child in element:
        if child.tag not in known:
            strange.setdefault(str(child.tag), []).append(line_of(child))
    for tag, lines in strange.items():
        times = f" ({len(lines)} times)" if len(lines) > 1 else ""
        message = f"<{tag}> inside <{element.tag}> is ignored{times}{nearest(tag, known)}"
        check.warn("unknown-element", message, lines[0], route_id)


def _number(check: FileCheck, element: etree._Element, name: str, route_id: str) -> float:
    """Read a finite number; note an error and return NaN if there is none."""
    text = element.get(name)
    if text is None:
        check.error("no-number", f"<{element.tag}> has no {name}", line_of(element), route_id)
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        message = f"{name}={text!r} of <{element.tag}> is not a finite number"
        check.error("bad-number", message, line_of(element), route_id)
        return math.nan
    return value
