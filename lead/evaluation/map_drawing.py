"""Turns a carla map into the ground drawing of top-down videos."""

from __future__ import annotations

import itertools
import math

import carla
import numpy as np
from numpy.typing import NDArray

from lead.routes.lane_graph import LaneGraph, LaneKey, lane_key
from lead.visualization.map_layers import MapLayers, Mark, Surface

REACH_M = 140.0
SAMPLE_M = 2.0
PROBE_M = 30.0
HEIGHT_REACH_M = 25.0
MAX_NEIGHBOURS = 8
_SURFACES = {
    carla.LaneType.Driving: Surface.ROAD,
    carla.LaneType.Bidirectional: Surface.ROAD,
    carla.LaneType.Parking: Surface.PARKING,
    carla.LaneType.Shoulder: Surface.SHOULDER,
    carla.LaneType.Stop: Surface.SHOULDER,
    carla.LaneType.Border: Surface.SHOULDER,
    carla.LaneType.Biking: Surface.PARKING,
    carla.LaneType.Sidewalk: Surface.SIDEWALK,
}
_DRAWN_MARKS = {
    carla.LaneMarkingType.Solid: False,
    carla.LaneMarkingType.SolidSolid: False,
    carla.LaneMarkingType.SolidBroken: False,
    carla.LaneMarkingType.BrokenSolid: False,
    carla.LaneMarkingType.Broken: True,
    carla.LaneMarkingType.BrokenBroken: True,
}
"""Marks that are drawn, and whether they are dashed."""


def map_layers_near(carla_map: carla.Map, route_xyz: NDArray[np.float64], reach_m: float = REACH_M) -> MapLayers:
    """Collect what lies on the ground around a route.

    Args:
        carla_map: Map.
        route_xyz: (n, 3) float64 route, world frame, metres.
        reach_m: Distance from the route up to which lanes are included.

    Returns:
        Polygons and marks in world metres.
    """
    layers = MapLayers({surface: [] for surface in Surface}, [])
    near = _Near(route_xyz, reach_m)
    graph = LaneGraph(carla_map)
    done: set[LaneKey] = set()
    for key in graph.lanes():
        done.add(key)
        if near.any(graph.sample(key, PROBE_M)):
            strip = graph.sample(key, SAMPLE_M)
            if len(strip) > 1:
                _add_lane(layers, strip, done)
    for crosswalk in _crosswalks(carla_map):
        if near.contains(crosswalk[0]):
            layers.polygons[Surface.CROSSWALK].append(crosswalk[:, :2])
    return layers


class _Near:
    """Tells whether places are close to the route."""

    def __init__(self, route_xyz: NDArray[np.float64], reach_m: float) -> None:
        self._samples = route_xyz[:: max(1, int(PROBE_M))]
        self._samples = np.concatenate([self._samples, route_xyz[-1:]])
        self._reach_m = reach_m
        self._low = route_xyz.min(axis=0)[:2] - reach_m
        self._high = route_xyz.max(axis=0)[:2] + reach_m

    def contains(self, place: NDArray[np.float64]) -> bool:
        """Check one (3,) place."""
        if (place[:2] < self._low).any() or (place[:2] > self._high).any():
            return False
        offsets = self._samples - place
        close = np.hypot(offsets[:, 0], offsets[:, 1]) < self._reach_m
        return bool((close & (np.abs(offsets[:, 2]) < HEIGHT_REACH_M)).any())

    def any(self, waypoints: list[carla.Waypoint]) -> bool:
        """Check some way points of a lane."""
        return any(self.contains(_xyz(waypoint.transform.location)) for waypoint in waypoints)


def _add_lane(layers: MapLayers, strip: list[carla.Waypoint], done: set[LaneKey]) -> None:
    """Add a driving lane with its marks, and what lies beside it up to the next driving lane."""
    _add_strip(layers, strip)
    if not strip[0].is_junction:
        _add_marks(layers, strip)
    for side in (-1, 1):
        neighbours = strip
        for _ in range(MAX_NEIGHBOURS):
            beside = [_beside(waypoint, side) for waypoint in neighbours]
            found = [waypoint for waypoint in beside if waypoint is not None]
            if len(found) < 2 or found[0].lane_type == carla.LaneType.Driving:
                break
            key = lane_key(found[0])
            if key in done:
                break
            done.add(key)
            _add_strip(layers, found)
            neighbours = found


def _beside(waypoint: carla.Waypoint, side: int) -> carla.Waypoint | None:
    return waypoint.get_left_lane() if side < 0 else waypoint.get_right_lane()


def _add_strip(layers: MapLayers, strip: list[carla.Waypoint]) -> None:
    """Add the surface of a lane, cut where its kind changes."""
    for kind, group in itertools.groupby(strip, key=lambda waypoint: waypoint.lane_type):
        part = list(group)
        surface = _SURFACES.get(kind)
        if surface is None or len(part) < 2:
            continue
        left, right = _edge(part, -1), _edge(part, 1)
        layers.polygons[surface].append(np.concatenate([left, right[::-1]]))


def _is_leftmost(waypoint: carla.Waypoint) -> bool:
    """Tell whether a lane draws its left mark itself: otherwise the lane on the left has it as its right one."""
    left = waypoint.get_left_lane()
    if left is None or left.lane_type != carla.LaneType.Driving:
        return True
    opposite = left.lane_id * waypoint.lane_id < 0
    return bool(opposite and waypoint.lane_id < 0)


def _add_marks(layers: MapLayers, strip: list[carla.Waypoint]) -> None:
    """Add the marks of a lane, cut where their look changes."""
    for side in (-1, 1) if _is_leftmost(strip[len(strip) // 2]) else (1,):
        marks = [waypoint.left_lane_marking if side < 0 else waypoint.right_lane_marking for waypoint in strip]
        looks = [(mark.type, mark.color) for mark in marks]
        edge = _edge(strip, side)
        first = 0
        for look, group in itertools.groupby(looks):
            last = first + len(list(group))
            dashed = _DRAWN_MARKS.get(look[0])
            points = edge[first : last + 1]
            if dashed is not None and len(points) > 1:
                layers.marks.append(Mark(points, dashed, look[1] == carla.LaneMarkingColor.Yellow))
            first = last


def _edge(strip: list[carla.Waypoint], side: int) -> NDArray[np.float64]:
    """Return the (n, 2) border of a lane: -1 left, +1 right of its driving direction."""
    points = np.empty((len(strip), 2), dtype=np.float64)
    for index, waypoint in enumerate(strip):
        location, yaw = waypoint.transform.location, math.radians(waypoint.transform.rotation.yaw)
        half = 0.5 * side * waypoint.lane_width
        points[index] = location.x - half * math.sin(yaw), location.y + half * math.cos(yaw)
    return points


def _crosswalks(carla_map: carla.Map) -> list[NDArray[np.float64]]:
    """Split the map's flat list of crosswalk corners: every polygon ends with its first corner."""
    polygons: list[NDArray[np.float64]] = []
    corners: list[NDArray[np.float64]] = []
    for location in carla_map.get_crosswalks():
        point = _xyz(location)
        if len(corners) > 2 and np.allclose(point, corners[0], atol=1e-3):
            polygons.append(np.array(corners))
            corners = []
        else:
            corners.append(point)
    return polygons


def _xyz(location: carla.Location) -> NDArray[np.float64]:
    return np.array([location.x, location.y, location.z], dtype=np.float64)
