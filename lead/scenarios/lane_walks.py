"""Walking along lanes, in the steps of fixed length that the published scenarios take: their distances depend on it."""

from __future__ import annotations

import functools

import carla
import numpy as np

from lead.routes.model import RouteError
from lead.routes.planner import GOAL_DISTANCE_M, RoutePlanner
from lead.scenarios.errors import ScenarioError

HOP_M = 1.0
_SAME_M = 0.05


def next_waypoint(waypoint: carla.Waypoint, distance_m: float) -> carla.Waypoint:
    """Return the way point so far ahead, along the first successor wherever lanes fork.

    Raises:
        ScenarioError: If the road ends before.
    """
    found = waypoint.next(distance_m)
    if not found:
        raise ScenarioError(f"the road ends less than {distance_m:g} m after {place_text(waypoint)}")
    return found[0]


def forward(waypoint: carla.Waypoint, distance_m: float) -> tuple[carla.Waypoint, float]:
    """Walk ahead in steps of one metre, along the first successor; stop before a junction and at the end of the road.

    Returns:
        Where the walk ends, and how many metres were walked: less than asked for if it was stopped.
    """
    walked_m = 0.0
    while walked_m < distance_m:
        ahead = waypoint.next(HOP_M)
        if not ahead or ahead[0].is_junction:
            break
        waypoint = ahead[0]
        walked_m += HOP_M
    return waypoint, walked_m


def backward(waypoint: carla.Waypoint, distance_m: float, step_m: float = 5.0) -> carla.Waypoint:
    """Walk back in steps until the distance is reached or passed; stop before a junction and where the road begins."""
    walked_m = 0.0
    while walked_m < distance_m:
        behind = waypoint.previous(step_m)
        if not behind or behind[0].is_junction:
            break
        waypoint = behind[0]
        walked_m += step_m
    return waypoint


def path_between(carla_map: carla.Map, start: carla.Waypoint, end: carla.Waypoint) -> list[carla.Waypoint]:
    """Return the shortest way from one lane to another: way points, one per metre, and the end itself.

    Raises:
        ScenarioError: If no way leads there.
    """
    places = [waypoint.transform.location for waypoint in (start, end)]
    if places[0].distance(places[1]) < GOAL_DISTANCE_M:
        return [start, end]
    keypoints = np.array([(place.x, place.y, place.z) for place in places], dtype=np.float64)
    try:
        path = list(_planner(carla_map).trace(keypoints, "path of an actor").waypoints)
    except RouteError as error:
        raise ScenarioError(str(error)) from error
    is_there = path[-1].transform.location.distance(places[1]) < _SAME_M
    return path if is_there else [*path, end]


def place_text(waypoint: carla.Waypoint) -> str:
    """Describe a place for error messages."""
    place = waypoint.transform.location
    return f"({place.x:.1f}, {place.y:.1f}, {place.z:.1f})"


@functools.lru_cache(maxsize=1)
def _planner(carla_map: carla.Map) -> RoutePlanner:
    """Keep the planner of the last map: its graph takes long to build on large maps."""
    return RoutePlanner(carla_map)
