"""Planner: from the sparse key points of a route file to a dense route on the lane graph.

The result has one point per metre with the road option CARLA's own planner would give, so that criteria, agents
and drawings all refer to the same line.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

import carla
import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import wrap_rad
from lead.routes.lane_graph import lane_key
from lead.routes.model import RouteError
from lead.routes.road_options import LANE_CHANGES, RoadOption, TurnCommands
from lead.routes.route_graph import RouteEdge, RouteGraph

__all__ = ["DenseRoute", "RoadOption", "RoutePlanner", "trace_route"]

MAX_OFFSET_M = 5.0
"""A key point farther than this from every driving lane is off the map."""
GOAL_DISTANCE_M = 2.0
"""A leg ends at the first point closer than this to its key point."""
LANE_CHANGE_HOPS = 5
"""Metres driven along the road while the route moves to the neighbouring lane."""
MIN_GAP_M = 0.05


@dataclass(frozen=True)
class DenseRoute:
    """Route traced on the lane graph, one point per metre (shorter steps where lanes end).

    Attributes:
        xyz: (n, 3) float64, lane centres, world frame, metres.
        yaw_rad: (n,) float64, driving direction.
        option: (n,) int8, values of :class:`RoadOption`.
        road_id: (n,) int32.
        section_id: (n,) int32.
        lane_id: (n,) int32.
        s: (n,) float64, road coordinate, metres.
        is_junction: (n,) bool.
        distance_m: (n,) float64, length of the line from the first point.
        waypoints: The carla way points themselves.
    """

    xyz: NDArray[np.float64]
    yaw_rad: NDArray[np.float64]
    option: NDArray[np.int8]
    road_id: NDArray[np.int32]
    section_id: NDArray[np.int32]
    lane_id: NDArray[np.int32]
    s: NDArray[np.float64]
    is_junction: NDArray[np.bool_]
    distance_m: NDArray[np.float64]
    waypoints: tuple[carla.Waypoint, ...]

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.waypoints)

    @property
    def length_m(self) -> float:
        """Length of the line in metres."""
        return float(self.distance_m[-1])


class RoutePlanner:
    """Traces routes on one map; keep it to trace several routes of a town."""

    def __init__(self, carla_map: carla.Map) -> None:
        """Build the graph of a map."""
        self._map = carla_map
        self._graph = RouteGraph(carla_map)

    def trace(self, keypoints: NDArray[np.float64], name: str = "route") -> DenseRoute:
        """Connect key points by the shortest lane paths.

        Args:
            keypoints: (n, 3) float64, n >= 2, world frame, metres.
            name: Words for error messages, such as "route 7".

        Returns:
            The dense route from the first to the last key point.

        Raises:
            RouteError: If there are fewer than two key points, one is off the map, or two are not connected.
        """
        if len(keypoints) < 2:
            raise RouteError(f"{name} has {len(keypoints)} way points; a route needs at least two")
        places = [self._locate(point, index, name) for index, point in enumerate(keypoints)]
        line = _Line()
        turns = TurnCommands(self._graph)
        for index, (origin, goal) in enumerate(itertools.pairwise(places)):
            nodes = self._path(origin, goal)
            if nodes is None:
                raise RouteError(_no_way(keypoints, index, name))
            self._follow(line, turns, nodes, origin.waypoint, goal)
        if len(line.points) < 2:
            raise RouteError(f"{name} is shorter than one metre")
        return line.assemble()

    def problems(self, keypoints: NDArray[np.float64], name: str = "route") -> list[str]:
        """List everything that keeps key points from being traced, not only the first thing.

        Args:
            keypoints: (n, 3) float64, world frame, metres.
            name: Words for the sentences.

        Returns:
            One sentence per key point off the map and per leg without connection; empty if the route can be traced.
        """
        found: list[str] = []
        places: list[_KeyPlace | None] = []
        for index, point in enumerate(keypoints):
            try:
                places.append(self._locate(point, index, name))
            except RouteError as error:
                places.append(None)
                found.append(str(error))
        for index, (origin, goal) in enumerate(itertools.pairwise(places)):
            if origin is not None and goal is not None and self._path(origin, goal) is None:
                found.append(_no_way(keypoints, index, name))
        return found

    def _locate(self, point: NDArray[np.float64], index: int, name: str) -> _KeyPlace:
        location = carla.Location(*(float(value) for value in point))
        waypoint = self._map.get_waypoint(location, project_to_road=True, lane_type=carla.LaneType.Driving)
        offset_m = math.inf
        if waypoint is not None:
            centre = waypoint.transform.location
            offset_m = math.hypot(centre.x - location.x, centre.y - location.y) - 0.5 * waypoint.lane_width
        if waypoint is None or offset_m > MAX_OFFSET_M:
            raise RouteError(
                f"{name}: way point {index + 1} at {_place(point)} is off the map "
                f"(no driving lane of {_town(self._map)} within {MAX_OFFSET_M:.0f} m)"
            )
        lane = self._graph.lane_of(waypoint)
        if lane is None:
            raise RouteError(f"{name}: way point {index + 1} at {_place(point)} lies on a lane without connections")
        return _KeyPlace(location, waypoint, lane)

    def _path(self, origin: _KeyPlace, goal: _KeyPlace) -> list[int] | None:
        """Search from the start of the origin's lane to the start of the goal's, then add that lane itself."""
        nodes = self._graph.shortest_path(origin.lane[0], goal.lane[0])
        return None if nodes is None else [*nodes, goal.lane[1]]

    def _follow(
        self, line: _Line, turns: TurnCommands, nodes: list[int], position: carla.Waypoint, goal: _KeyPlace
    ) -> None:
        """Append one leg: every edge from the way point nearest to the current position, up to the goal."""
        for index, (start, end) in enumerate(itertools.pairwise(nodes)):
            option = turns.command(nodes, index)
            edge = self._graph.edge(start, end)
            if edge.side:
                line.append(position, option)
                position = self._change_lane(edge, position)
                line.append(position, option)
                continue
            is_last = index == len(nodes) - 2
            first = edge.nearest_index(position)
            goal_index = edge.nearest_index(goal.waypoint) if is_last else -1
            for position in edge.waypoints[first:]:
                line.append(position, option)
                if is_last and position.transform.location.distance(goal.location) < GOAL_DISTANCE_M:
                    break
                if is_last and lane_key(position) == lane_key(goal.waypoint) and first > goal_index:
                    break  # the goal lies behind: rounded key points may overlap

    def _change_lane(self, change: RouteEdge, position: carla.Waypoint) -> carla.Waypoint:
        """Return the way point on the neighbouring lane at which a lane change ends."""
        lane = self._graph.lane_of(change.exit)
        target = self._graph.edge(*lane) if lane is not None else change
        inner = target.waypoints[1:-1]
        if not inner:
            return target.exit
        nearest = int(
            np.argmin([waypoint.transform.location.distance(position.transform.location) for waypoint in inner])
        )
        return inner[min(nearest + LANE_CHANGE_HOPS, len(inner) - 1)]


def trace_route(carla_map: carla.Map, keypoints: NDArray[np.float64], name: str = "route") -> DenseRoute:
    """Trace one route on a map; see :meth:`RoutePlanner.trace`."""
    return RoutePlanner(carla_map).trace(keypoints, name)


class _KeyPlace(NamedTuple):
    """A key point on the map: where it is, its way point, and the nodes of its lane."""

    location: carla.Location
    waypoint: carla.Waypoint
    lane: tuple[int, int]


class _Line:
    """Points of a route while it is traced."""

    def __init__(self) -> None:
        self.points: list[tuple[float, float, float]] = []
        self._waypoints: list[carla.Waypoint] = []
        self._options: list[RoadOption] = []

    def append(self, waypoint: carla.Waypoint, option: RoadOption) -> None:
        """Add a point; where edges and legs meet, points repeat, and one option must stand for both."""
        place = waypoint.transform.location
        point = (place.x, place.y, place.z)
        if self.points and math.dist(self.points[-1], point) < MIN_GAP_M:
            if self._gives_way(option):
                self._options[-1] = option
            return
        self.points.append(point)
        self._waypoints.append(waypoint)
        self._options.append(option)

    def _gives_way(self, option: RoadOption) -> bool:
        """Tell whether the last point takes a new option: unless that would erase a command of a single point."""
        last = self._options[-1]
        if option in LANE_CHANGES:
            return True
        if last in LANE_CHANGES:
            return False
        is_single = len(self._options) < 2 or self._options[-2] != last
        return last is RoadOption.LANEFOLLOW or not is_single

    def assemble(self) -> DenseRoute:
        """Return the finished route."""
        waypoints, xyz = self._waypoints, np.array(self.points, dtype=np.float64)
        yaw_deg = np.array([waypoint.transform.rotation.yaw for waypoint in waypoints], dtype=np.float64)
        step_m = np.linalg.norm(np.diff(xyz, axis=0), axis=1)
        return DenseRoute(
            xyz=xyz,
            yaw_rad=wrap_rad(np.radians(yaw_deg)),
            option=np.array(self._options, dtype=np.int8),
            road_id=np.array([waypoint.road_id for waypoint in waypoints], dtype=np.int32),
            section_id=np.array([waypoint.section_id for waypoint in waypoints], dtype=np.int32),
            lane_id=np.array([waypoint.lane_id for waypoint in waypoints], dtype=np.int32),
            s=np.array([waypoint.s for waypoint in waypoints], dtype=np.float64),
            is_junction=np.array([waypoint.is_junction for waypoint in waypoints], dtype=np.bool_),
            distance_m=np.concatenate([[0.0], np.cumsum(step_m)]),
            waypoints=tuple(waypoints),
        )


def _no_way(keypoints: NDArray[np.float64], index: int, name: str) -> str:
    start, goal = _place(keypoints[index]), _place(keypoints[index + 1])
    return f"{name}: no lane leads from way point {index + 1} at {start} to way point {index + 2} at {goal}"


def _place(point: NDArray[np.float64]) -> str:
    return f"({point[0]:.1f}, {point[1]:.1f}, {point[2]:.1f})"


def _town(carla_map: carla.Map) -> str:
    return str(carla_map.name).rsplit("/", maxsplit=1)[-1]
