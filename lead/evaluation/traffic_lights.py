"""Traffic lights and the stop lines they control, for criteria, agents and drawings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import carla
import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import wrap_rad
from lead.routes.planner import DenseRoute

STOP_LINE_HALF_WIDTH = 0.6
"""Half length of a stop line, in lane widths."""
ROUTE_REACH_M = 50.0
MATCH_REACH_M = 2.0
MATCH_HEADING_RAD = math.radians(60.0)
JUNCTION_BACKTRACK_M = 15.0
TRIGGER_SHARE = 0.9
"""Share of a trigger volume's width that is searched for lanes, so as not to meet those beside it."""
TRIGGER_STEP_M = 1.0
JUDGED_STEP_M = 0.5
JUDGED_MAX_STEPS = 2000


@dataclass(frozen=True)
class StopLine:
    """Where one lane has to stop for a light.

    Attributes:
        waypoint: The stop way point.
        left: (2,) end point on the left, world frame, metres.
        right: (2,) end point on the right.
    """

    waypoint: carla.Waypoint
    left: NDArray[np.float64]
    right: NDArray[np.float64]


@dataclass(frozen=True)
class RouteStop:
    """A place on the route where a light may demand a stop.

    Attributes:
        distance_m: Distance along the dense route.
        light: Index of the light.
    """

    distance_m: float
    light: int


class TrafficLights:
    """All traffic lights of a world; stop lines are worked out when first asked for.

    Attributes:
        actors: The lights in the order of their ids.
        centers: (n, 3) float64 centres of the trigger volumes, world frame, metres.
    """

    def __init__(self, world: carla.World, carla_map: carla.Map) -> None:
        """Read the lights of a world and its map; the world must have ticked once."""
        lights = world.get_actors().filter("traffic.traffic_light*")
        self.actors: list[carla.TrafficLight] = sorted(lights, key=lambda light: int(light.id))
        self.centers = np.array([_trigger_center(light) for light in self.actors], dtype=np.float64).reshape(-1, 3)
        self._map = carla_map
        self._stop_lines: dict[int, tuple[StopLine, ...]] = {}
        self._judged_lines: dict[int, tuple[StopLine, ...]] = {}

    def near(self, location: NDArray[np.float64], reach_m: float) -> NDArray[np.intp]:
        """Return the indices of lights whose trigger centre is within reach of a (3,) location."""
        offsets = self.centers - location
        return np.flatnonzero(np.einsum("ij,ij->i", offsets, offsets) < reach_m * reach_m)

    def state(self, index: int) -> carla.TrafficLightState:
        """Return the current state of a light."""
        return self.actors[index].state

    def stop_lines(self, index: int) -> tuple[StopLine, ...]:
        """Return the stop lines of a light, where the simulator asks vehicles to stop."""
        if index not in self._stop_lines:
            self._stop_lines[index] = tuple(
                _stop_line(waypoint) for waypoint in self.actors[index].get_stop_waypoints()
            )
        return self._stop_lines[index]

    def judged_lines(self, index: int) -> tuple[StopLine, ...]:
        """Return the lines that must not be crossed at red: the official criterion's, where the junction begins.

        They lie some metres behind the lines at which vehicles are asked to stop.
        """
        if index not in self._judged_lines:
            lanes = self._lanes_in_trigger(index)
            self._judged_lines[index] = tuple(_stop_line(_before_next_junction(lane)) for lane in lanes)
        return self._judged_lines[index]

    def _lanes_in_trigger(self, index: int) -> list[carla.Waypoint]:
        """Return one way point per lane across the trigger volume of a light."""
        light = self.actors[index]
        x, y, z = self.centers[index]
        yaw = math.radians(light.get_transform().rotation.yaw)
        reach_m = TRIGGER_SHARE * float(light.trigger_volume.extent.x)
        lanes: list[carla.Waypoint] = []
        for across_m in np.arange(-reach_m, reach_m, TRIGGER_STEP_M):
            place = carla.Location(x + across_m * math.cos(yaw), y + across_m * math.sin(yaw), z)
            lane = self._map.get_waypoint(place)
            if not lanes or (lane.road_id, lane.lane_id) != (lanes[-1].road_id, lanes[-1].lane_id):
                lanes.append(lane)
        return lanes

    def along(self, route: DenseRoute) -> list[RouteStop]:
        """Find the stop lines that a route crosses.

        Args:
            route: Dense route.

        Returns:
            Stops sorted by distance, one per light and crossing.
        """
        stops = []
        for index, center in enumerate(self.centers):
            if np.min(np.hypot(*(route.xyz[:, :2] - center[:2]).T)) > ROUTE_REACH_M:
                continue
            places = sorted(
                place for line in self.stop_lines(index) for place in _places_on(route, line.waypoint.transform)
            )
            for number, place in enumerate(places):
                if number == 0 or place - places[number - 1] > JUNCTION_BACKTRACK_M:
                    stops.append(RouteStop(place, index))
        return sorted(stops, key=lambda stop: stop.distance_m)


def _trigger_center(light: carla.TrafficLight) -> tuple[float, float, float]:
    center = light.get_transform().transform(light.trigger_volume.location)
    return center.x, center.y, center.z


def _before_next_junction(waypoint: carla.Waypoint) -> carla.Waypoint:
    """Follow a lane up to the junction that it leads into; a way point inside a junction stays where it is."""
    # Bounded, because a ring road without junctions has no end.
    for _ in range(JUDGED_MAX_STEPS):
        following = [] if waypoint.is_junction else waypoint.next(JUDGED_STEP_M)
        if not following or following[0].is_junction:
            break
        waypoint = following[0]
    return waypoint


def _stop_line(waypoint: carla.Waypoint) -> StopLine:
    location, yaw = waypoint.transform.location, math.radians(waypoint.transform.rotation.yaw)
    half_m = STOP_LINE_HALF_WIDTH * waypoint.lane_width
    across = half_m * np.array([-math.sin(yaw), math.cos(yaw)])
    center = np.array([location.x, location.y])
    return StopLine(waypoint, center - across, center + across)


def _places_on(route: DenseRoute, pose: carla.Transform) -> list[float]:
    """Return the route distances at which a stop pose lies on the route, before the junction it guards."""
    offsets = route.xyz[:, :2] - np.array([pose.location.x, pose.location.y])
    heading = wrap_rad(route.yaw_rad - math.radians(pose.rotation.yaw))
    close = (np.hypot(*offsets.T) < MATCH_REACH_M) & (np.abs(heading) < MATCH_HEADING_RAD)
    close &= np.abs(route.xyz[:, 2] - pose.location.z) < 2.0 * MATCH_REACH_M
    places = []
    for first in np.flatnonzero(close & ~np.concatenate([[False], close[:-1]])):
        run = first + np.flatnonzero(~close[first:])[0] if not close[first:].all() else len(close)
        nearest = first + int(np.argmin(np.hypot(*offsets[first:run].T)))
        places.append(_before_junction(route, nearest))
    return places


def _before_junction(route: DenseRoute, index: int) -> float:
    """Move a stop place that lies just inside a junction back to the junction's entry."""
    entry = index
    while entry > 0 and route.is_junction[entry - 1]:
        entry -= 1
    if route.is_junction[index] and route.distance_m[index] - route.distance_m[entry] < JUNCTION_BACKTRACK_M:
        return float(route.distance_m[entry])
    return float(route.distance_m[index])
