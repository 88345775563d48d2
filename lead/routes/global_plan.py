"""The sparse plan that agents receive: a thinned dense route, as transforms and as GPS coordinates."""

from __future__ import annotations

import re
from typing import Protocol

import carla
import numpy as np
from numpy.typing import NDArray

from lead.geometry.geodesy import world_to_geo
from lead.routes.planner import DenseRoute, RoadOption

DEFAULT_SPACING_M = 200.0
DEFAULT_LATITUDE_DEG, DEFAULT_LONGITUDE_DEG = 42.0, 2.0
_LATITUDE = re.compile(r"\+lat_0=([-+.0-9eE]+)")
_LONGITUDE = re.compile(r"\+lon_0=([-+.0-9eE]+)")
_GEO_REFERENCE = re.compile(r"<geoReference>(.*?)</geoReference>", re.DOTALL)
_LANE_CHANGES = (RoadOption.CHANGELANELEFT, RoadOption.CHANGELANERIGHT)


class PlanLine(Protocol):
    """What thinning needs of a route or plan: one option and one distance per point."""

    @property
    def option(self) -> NDArray[np.int8]:
        """(n,) values of :class:`RoadOption`."""

    @property
    def distance_m(self) -> NDArray[np.float64]:
        """(n,) distance along the line from its first point."""

    def __len__(self) -> int:
        """Return the number of points."""


def sparse_indices(route: PlanLine, spacing_m: float = DEFAULT_SPACING_M) -> list[int]:
    """Choose the points of the plan.

    Kept are the first and last point, every lane-change point, every point where the command changes (except right
    after a lane change), and the first point behind one that is farther than the spacing from the last kept point:
    the official rule looks at the distance before it adds the latest step.

    Args:
        route: Dense route.
        spacing_m: Distance between kept points; 200 m in the leaderboard, 50 m in Bench2Drive.

    Returns:
        Increasing indices into the dense route.
    """
    kept = [0]
    last = len(route) - 1
    for index in range(1, len(route)):
        option, previous = RoadOption(route.option[index]), RoadOption(route.option[index - 1])
        turns = option != previous and previous not in _LANE_CHANGES
        far = route.distance_m[index - 1] - route.distance_m[kept[-1]] > spacing_m
        if option in _LANE_CHANGES or turns or far or index == last:
            kept.append(index)
    return kept


def world_plan(route: DenseRoute, indices: list[int]) -> list[tuple[carla.Transform, RoadOption]]:
    """Return the plan as transforms with their commands."""
    return [(route.waypoints[index].transform, RoadOption(route.option[index])) for index in indices]


def gps_plan(route: DenseRoute, indices: list[int], opendrive: str) -> list[tuple[dict[str, float], RoadOption]]:
    """Return the plan as latitude, longitude (degrees) and height with their commands.

    Args:
        route: Dense route.
        indices: Points of the plan.
        opendrive: OpenDRIVE text of the map; its geo reference is the origin.
    """
    lat0_deg, lon0_deg = geo_reference(opendrive)
    x, y, z_m = route.xyz[np.array(indices)].T
    latitude, longitude, height = world_to_geo(x, y, z_m, lat0_deg, lon0_deg)
    return [
        ({"lat": float(lat), "lon": float(lon), "z": float(z)}, RoadOption(route.option[index]))
        for lat, lon, z, index in zip(latitude, longitude, height, indices, strict=True)
    ]


def geo_reference(opendrive: str) -> tuple[float, float]:
    """Read latitude and longitude of a map's origin in degrees; CARLA's defaults where they are missing."""
    block = _GEO_REFERENCE.search(opendrive)
    text = block.group(1) if block is not None else ""
    return _angle(_LATITUDE, text, DEFAULT_LATITUDE_DEG), _angle(_LONGITUDE, text, DEFAULT_LONGITUDE_DEG)


def _angle(pattern: re.Pattern[str], text: str, default: float) -> float:
    match = pattern.search(text)
    if match is None:
        return default
    try:
        return float(match.group(1))
    except ValueError:
        return default
