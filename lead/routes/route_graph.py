"""The graph on which routes are searched, with the same nodes, edges and costs as CARLA's own route planner.

Public route files were written with that planner: triggers of scenarios lie on the lanes it chose, and another choice
drops them. So its rules are kept, also the odd ones:

* Nodes are places rounded to whole metres, not lanes. A key point on one of the lanes that fan out at a junction may
  therefore leave by any of them.
* Cost is the number of one-metre hops; a lane change is free, and possible wherever the lane has a marking that
  permits one, from the lane's start on.
* Of edges between the same two nodes the last one counts.

What differs is only when the work is done: lanes are sampled, and lane changes looked up, when a search reaches them,
so that the graph of a large map is ready in less than a second.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import carla
import numpy as np
from numpy.typing import NDArray

from lead.routes.lane_graph import LaneKey, lane_key

HOP_M = 1.0
MAX_HOPS = 50_000
"""Longer than any lane; stops the sampling of a lane that never reaches its end."""

Place = tuple[float, float, float]


@dataclass
class RouteEdge:
    """A lane between two nodes, or a change to a neighbouring lane.

    Attributes:
        start: Node at the beginning.
        end: Node at the end.
        side: 0 for a lane, -1 for a change to the left, +1 to the right.
        entry: First way point.
        exit: Way point at the end; of a lane change, the one on the neighbouring lane.
        inner: Way points between them, one metre apart; None until sampled.
        is_loose: A lane without successor, found beyond the end of the topology.
    """

    start: int
    end: int
    side: int
    entry: carla.Waypoint
    exit: carla.Waypoint
    inner: list[carla.Waypoint] | None = field(default=None, repr=False)
    is_loose: bool = False

    @cached_property
    def waypoints(self) -> list[carla.Waypoint]:
        """All way points from entry to exit."""
        if self.inner is None:
            self.inner = _sample(self.entry, self.exit.transform.location)
        return [self.entry, *self.inner, self.exit]

    @cached_property
    def xyz(self) -> NDArray[np.float64]:
        """(n, 3) positions of the way points."""
        places = (waypoint.transform.location for waypoint in self.waypoints)
        return np.array([(place.x, place.y, place.z) for place in places], dtype=np.float64)

    @property
    def hops(self) -> int:
        """Cost of the edge."""
        return 0 if self.side else len(self.waypoints) - 1

    @property
    def is_junction(self) -> bool:
        """True for a lane inside a junction."""
        return self.side == 0 and bool(self.entry.is_junction)

    @cached_property
    def exit_heading(self) -> NDArray[np.float64] | None:
        """(3,) direction at the end; None for lane changes and loose ends."""
        if self.side or self.is_loose:
            return None
        forward = self.exit.transform.rotation.get_forward_vector()
        return np.array([forward.x, forward.y, forward.z], dtype=np.float64)

    def nearest_index(self, waypoint: carla.Waypoint) -> int:
        """Return the index of the edge's way point nearest to another one."""
        place = waypoint.transform.location
        return int(np.argmin(np.linalg.norm(self.xyz - (place.x, place.y, place.z), axis=1)))


class _Queued(NamedTuple):
    estimate: float
    serial: int
    node: int
    cost: float
    parent: int | None


class RouteGraph:
    """Lanes and lane changes of one map."""

    def __init__(self, carla_map: carla.Map) -> None:
        """Read the topology.

        Args:
            carla_map: Any map, from a server or offline.
        """
        self._map = carla_map
        self._places: dict[int, Place] = {}
        self._node_ids: dict[Place, int] = {}
        self._lanes: dict[LaneKey, tuple[int, int]] = {}
        self._out: dict[int, dict[int, RouteEdge]] = {}
        # Lanes per start node in the order of the topology, as long as their lane changes were not looked up.
        self._unlinked: dict[int, list[RouteEdge]] = {}
        self._loose_count = 0
        edges = [edge for begin, end in carla_map.get_topology() if (edge := self._add_lane(begin, end)) is not None]
        for edge in edges:
            self._add_loose_end(edge)

    def lane_of(self, waypoint: carla.Waypoint) -> tuple[int, int] | None:
        """Return start and end node of the lane of a way point, None if the graph does not know it."""
        return self._lanes.get(lane_key(waypoint))

    def edge(self, start: int, end: int) -> RouteEdge:
        """Return the edge between two neighbouring nodes."""
        return self._edges_from(start)[end]

    def lane_edges_from(self, node: int) -> list[RouteEdge]:
        """Return the lanes that start at a node."""
        return [edge for edge in self._edges_from(node).values() if edge.side == 0]

    def shortest_path(self, start: int, goal: int) -> list[int] | None:
        """Find the cheapest way with A*, guided by the straight distance.

        Ties are frequent, since lane changes are free: they go to the node reached first, with edges in the order of
        the topology and lane changes after the lanes.

        Args:
            start: First node.
            goal: Last node.

        Returns:
            All nodes from start to goal, None if there is no connection.
        """
        serial = 0
        queue = [_Queued(0.0, serial, start, 0.0, None)]
        reached: dict[int, float] = {}
        parents: dict[int, int | None] = {}
        while queue:
            item = heapq.heappop(queue)
            if item.node == goal:
                return _unwind(goal, item.parent, parents)
            if item.node in parents and (parents[item.node] is None or reached[item.node] < item.cost):
                continue
            parents[item.node] = item.parent
            for neighbour, edge in self._edges_from(item.node).items():
                cost = item.cost + edge.hops
                if neighbour in reached and reached[neighbour] <= cost:
                    continue
                reached[neighbour] = cost
                serial += 1
                estimate = cost + math.dist(self._places[neighbour], self._places[goal])
                heapq.heappush(queue, _Queued(estimate, serial, neighbour, cost, item.node))
        return None

    def _edges_from(self, node: int) -> dict[int, RouteEdge]:
        for lane in self._unlinked.pop(node, ()):
            self._link_neighbours(lane)
        return self._out.get(node, {})

    def _add_lane(self, begin: carla.Waypoint, end: carla.Waypoint) -> RouteEdge | None:
        if begin.transform.location.distance(end.transform.location) <= HOP_M and not begin.next(HOP_M):
            return None
        edge = RouteEdge(self._node(begin), self._node(end), 0, begin, end)
        self._lanes[lane_key(begin)] = (edge.start, edge.end)
        self._out.setdefault(edge.start, {})[edge.end] = edge
        self._unlinked.setdefault(edge.start, []).append(edge)
        return edge

    def _add_loose_end(self, before: RouteEdge) -> None:
        """Add the lane behind an edge if the topology has no lane that starts there."""
        begin = before.exit
        key = lane_key(begin)
        if key in self._lanes:
            return
        self._loose_count += 1
        node = -self._loose_count
        self._lanes[key] = (before.end, node)
        inner: list[carla.Waypoint] = []
        following = begin.next(HOP_M)
        while following and lane_key(following[0]) == key and len(inner) < MAX_HOPS:
            inner.append(following[0])
            following = following[0].next(HOP_M)
        place = (inner[-1] if inner else begin).transform.location
        self._places[node] = (place.x, place.y, place.z)
        end = inner[-1] if inner else begin
        edge = RouteEdge(before.end, node, 0, begin, end, inner, is_loose=True)
        self._out.setdefault(before.end, {})[node] = edge

    def _link_neighbours(self, lane: RouteEdge) -> None:
        """Add the lane changes of a lane, at the first way point per side whose marking permits one."""
        if lane.entry.is_junction:
            return
        found: set[int] = set()
        for waypoint in lane.waypoints[1:-1]:
            for side in (1, -1):
                if side not in found and (neighbour := self._neighbour(waypoint, side)) is not None:
                    target = self._lanes.get(lane_key(self._map.get_waypoint(neighbour.transform.location)))
                    if target is not None:
                        found.add(side)
                        change = RouteEdge(lane.start, target[0], side, waypoint, neighbour, [])
                        self._out.setdefault(lane.start, {})[target[0]] = change
            if len(found) == 2:
                break

    def _neighbour(self, waypoint: carla.Waypoint, side: int) -> carla.Waypoint | None:
        """Return the driving lane beside a way point if the marking between them may be crossed."""
        marking = waypoint.right_lane_marking if side > 0 else waypoint.left_lane_marking
        wanted = carla.LaneChange.Right if side > 0 else carla.LaneChange.Left
        if marking is None or not int(marking.lane_change) & int(wanted):
            return None
        neighbour = waypoint.get_right_lane() if side > 0 else waypoint.get_left_lane()
        if neighbour is None or neighbour.lane_type != carla.LaneType.Driving:
            return None
        return neighbour if neighbour.road_id == waypoint.road_id else None

    def _node(self, waypoint: carla.Waypoint) -> int:
        place = waypoint.transform.location
        rounded = (float(round(place.x)), float(round(place.y)), float(round(place.z)))
        node = self._node_ids.setdefault(rounded, len(self._node_ids))
        self._places[node] = rounded
        return node


def _sample(begin: carla.Waypoint, end: carla.Location) -> list[carla.Waypoint]:
    """Walk along a lane in hops of one metre until the end is at most that far."""
    following = begin.next(HOP_M)
    if begin.transform.location.distance(end) <= HOP_M:
        return [following[0]]
    inner: list[carla.Waypoint] = []
    while following and following[0].transform.location.distance(end) > HOP_M and len(inner) < MAX_HOPS:
        inner.append(following[0])
        following = following[0].next(HOP_M)
    return inner


def _unwind(goal: int, parent: int | None, parents: dict[int, int | None]) -> list[int]:
    nodes = [goal]
    while parent is not None:
        nodes.append(parent)
        parent = parents[parent]
    return nodes[::-1]
