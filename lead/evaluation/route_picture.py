"""Pictures of route files: the route, its scenarios and the ends of their flows on the map of its town."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import carla
import cv2
import numpy as np
from numpy.typing import NDArray

from lead.errors import LeadError
from lead.evaluation.map_drawing import map_layers_near
from lead.files import write_whole
from lead.maps.towns import canonical_name, read_opendrive
from lead.routes.model import Route, ScenarioConfig
from lead.routes.planner import DenseRoute, RoutePlanner
from lead.visualization.route_view import Mark, MarkKind, RouteView, draw_route

REACH_M = 90.0
"""Lanes so near to the route are drawn; half the distance is shown around a short route."""
FLOW_POINTS = {
    "start_actor_flow": (MarkKind.FLOW_START, "flow starts"),
    "end_actor_flow": (MarkKind.FLOW_END, "flow ends"),
    "other_actor_location": (MarkKind.FLOW_START, "other car"),
}


def picture_of_route(carla_map: carla.Map, route: Route, planner: RoutePlanner | None = None) -> NDArray[np.uint8]:
    """Draw a route.

    Args:
        carla_map: Map of its town.
        route: The route.
        planner: Planner of the map, to draw several routes of a town.

    Returns:
        (h, w, 3) uint8 RGB.

    Raises:
        RouteError: If the route cannot be traced on the map.
    """
    dense = (planner or RoutePlanner(carla_map)).trace(route.keypoints, f"route {route.id}")
    view = RouteView(
        layers=map_layers_near(carla_map, dense.xyz, REACH_M),
        route_xy=dense.xyz[:, :2],
        marks=[*_ends(dense), *(mark for scenario in route.scenarios for mark in _marks(scenario))],
        title=_ascii(f"{route.id}  {route.town}"),
        subtitle=_ascii(_summary(route, dense)),
    )
    return draw_route(view)


def write_pictures(routes: Sequence[Route], target: Path, *, is_folder: bool) -> Iterator[Path]:
    """Draw routes to PNG files, one town after the other.

    Args:
        routes: The routes; one, if the target is no folder.
        target: File, or folder for files named by the ids of the routes.
        is_folder: The target is a folder.

    Yields:
        Each file when it is written.

    Raises:
        LeadError: If a route cannot be traced, its town is not installed, or a file cannot be written.
    """
    carla_map: carla.Map | None = None
    planner: RoutePlanner | None = None
    town = ""
    for route in sorted(routes, key=lambda each: canonical_name(each.town)):
        if carla_map is None or canonical_name(route.town) != town:
            town = canonical_name(route.town)
            carla_map = carla.Map(town, read_opendrive(town))
            planner = RoutePlanner(carla_map)
        path = target / f"{route.id}.png" if is_folder else target
        _write_png(path, picture_of_route(carla_map, route, planner))
        yield path


def _write_png(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a file whole or not at all."""
    _, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    try:
        write_whole(path, data.tobytes())
    except OSError as error:
        raise LeadError(f"cannot write {path} ({error.strerror})") from error


def _ends(dense: DenseRoute) -> list[Mark]:
    (x0, y0), (x1, y1) = dense.xyz[0, :2].tolist(), dense.xyz[-1, :2].tolist()
    return [Mark(MarkKind.START, x0, y0, "start"), Mark(MarkKind.GOAL, x1, y1, "goal")]


def _marks(scenario: ScenarioConfig) -> list[Mark]:
    marks = [Mark(MarkKind.TRIGGER, scenario.trigger.x, scenario.trigger.y, _ascii(scenario.type))]
    for name, (kind, label) in FLOW_POINTS.items():
        place = scenario.parameters.get(name)
        if place is not None:
            marks.append(Mark(kind, float(place["x"]), float(place["y"]), label))
    return marks


def _summary(route: Route, dense: DenseRoute) -> str:
    weather = route.weather[0].values
    scenarios = f"{len(route.scenarios)} scenarios" if len(route.scenarios) != 1 else "1 scenario"
    parts = [f"{dense.length_m:.0f} m", scenarios, f"sun {weather['sun_altitude_angle']:.0f} deg"]
    parts += [
        f"{word} {weather[name]:.0f} %"
        for name, word in (("cloudiness", "clouds"), ("precipitation", "rain"), ("fog_density", "fog"))
        if weather[name] >= 1.0
    ]
    return ", ".join(parts)


def _ascii(text: str) -> str:
    """The fonts of drawings have no other letters."""
    return text.encode("ascii", "replace").decode()
