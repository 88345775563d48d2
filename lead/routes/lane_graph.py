"""Directed graph of a map's driving lanes and the shortest lane sequence between two places.

CARLA's large maps have some ten thousand lanes and hundreds of kilometres of road. The graph therefore comes from
the map's topology alone; lane-change opportunities are looked up lazily, only for lanes that a search expands, and
nothing is sampled ahead of time.
"""

from __future__ import annotations

import heapq
import math
import re
from dataclasses import dataclass
from typing import NamedTuple

import carla

LANE_CHANGE_COST_M = 10.0
"""A lane change is worth this detour; avoids hopping between lanes to cut curves."""
LATE_LANE_CHANGE_COST_M = 60.0
"""Cost of a change from the origin's lane after the last place where markings permit it (key points demand some)."""
BACKWARD_TOLERANCE_M = 2.5
"""A destination this little behind the origin counts as reached: rounded key points may overlap."""
LANE_CHANGE_PROBE_M = 5.0
LANE_CHANGE_PROBES_MAX = 60
S_MARGIN_M = 0.02

_ROAD_TAG = re.compile(r"<road\s[^>]*>")
_LENGTH = re.compile(r'\slength\s*=\s*"([^"]+)"')
_ID = re.compile(r'\sid\s*=\s*"([^"]+)"')


class LaneKey(NamedTuple):
    """Identity of one lane inside one lane section."""

    road_id: int
    section_id: int
    lane_id: int

    @property
    def direction(self) -> int:
        """+1 if driving along the lane increases s, -1 otherwise."""
        return 1 if self.lane_id < 0 else -1


class LanePosition(NamedTuple):
    """Place on a lane: the lane and the road coordinate s in metres."""

    key: LaneKey
    s: float


@dataclass(frozen=True)
class LaneChange:
    """Opportunity to leave a lane sideways.

    Attributes:
        target: Lane reached.
        side: -1 for left, +1 for right, seen by the driver.
        places_s: Road coordinates, in driving order, where markings permit the change.
    """

    target: LaneKey
    side: int
    places_s: tuple[float, ...]


@dataclass(frozen=True)
class LaneStep:
    """One lane of a path and how it was entered: 0 from its predecessor (or as origin), -1/+1 by a lane change."""

    key: LaneKey
    side: int


@dataclass(frozen=True)
class LanePath:
    """Result of a search: lanes from the origin's to the goal's, and the length driven plus lane-change costs."""

    steps: tuple[LaneStep, ...]
    cost_m: float


class _Node(NamedTuple):
    """Search state: a lane, and whether it is entered beside the origin (then behind it is out of reach)."""

    key: LaneKey
    beside_origin: bool


class LaneGraph:
    """Lanes of a map, their successors and their lane changes."""

    def __init__(self, carla_map: carla.Map) -> None:
        """Build the graph; takes well under a second on the largest CARLA map.

        Args:
            carla_map: Any map, from a server or offline.
        """
        self._map = carla_map
        self._start: dict[LaneKey, carla.Waypoint] = {}
        self._successors: dict[LaneKey, list[LaneKey]] = {}
        self._lane_changes: dict[LaneKey, list[LaneChange]] = {}
        self._end_s: dict[LaneKey, float] = {}
        self._road_length_m = _road_lengths(carla_map.to_opendrive())
        for begin, end in carla_map.get_topology():
            source, target = lane_key(begin), lane_key(end)
            self._start.setdefault(source, begin)
            self._start.setdefault(target, end)
            following = self._successors.setdefault(source, [])
            if target not in following:
                following.append(target)

    def __contains__(self, key: LaneKey) -> bool:
        """Tell whether the topology knows a lane."""
        return key in self._start

    def lanes(self) -> list[LaneKey]:
        """Return all lanes in the order of the map's topology."""
        return list(self._start)

    def sample(self, key: LaneKey, step_m: float) -> list[carla.Waypoint]:
        """Return way points from the start to the end of a lane, evenly spaced by at most ``step_m``.

        ``Waypoint.next_until_lane_end`` does the same, but raises or even crashes on some lanes of Town12 and 13.
        """
        count = max(1, math.ceil(self.length_m(key) / step_m))
        places = (self.start_s(key) + key.direction * self.length_m(key) * index / count for index in range(count + 1))
        return [waypoint for s in places if (waypoint := self.waypoint(key, s)) is not None]

    def start_s(self, key: LaneKey) -> float:
        """Return the road coordinate at which traffic enters a lane."""
        return float(self._start[key].s)

    def end_s(self, key: LaneKey) -> float:
        """Return the road coordinate at which traffic leaves a lane."""
        if key not in self._end_s:
            self._end_s[key] = self._find_end_s(key)
        return self._end_s[key]

    def length_m(self, key: LaneKey) -> float:
        """Return the length of a lane, measured along the road's reference line."""
        return abs(self.end_s(key) - self.start_s(key))

    def waypoint(self, key: LaneKey, s: float) -> carla.Waypoint | None:
        """Return the way point at a road coordinate, moved slightly inside the lane's section."""
        low, high = sorted((self.start_s(key), self.end_s(key)))
        margin = min(S_MARGIN_M, 0.25 * (high - low))
        inside = min(max(s, low + margin), high - margin)
        return self._map.get_waypoint_xodr(key.road_id, key.lane_id, inside)

    def lane_changes(self, key: LaneKey) -> list[LaneChange]:
        """Return the neighbours of a lane that its markings permit to change to."""
        if key not in self._lane_changes:
            self._lane_changes[key] = self._find_lane_changes(key)
        return self._lane_changes[key]

    def shortest_path(self, origin: LanePosition, goal: LanePosition) -> LanePath | None:
        """Find the shortest lane sequence between two places.

        Args:
            origin: Start.
            goal: Destination.

        Returns:
            The cheapest path, or None if there is no connection.
        """
        first = _Node(origin.key, True)
        travelled_m = abs(origin.s - self.start_s(origin.key))
        # Cost counts from the start of the origin's lane, so that every lane contributes its whole length.
        best: dict[_Node, float] = {first: 0.0}
        parent: dict[_Node, tuple[_Node, int]] = {}
        queue: list[tuple[float, int, _Node]] = [(0.0, 0, first)]
        target_location = self._goal_location(goal)
        serial = 0
        closed: set[_Node] = set()
        while queue:
            _, _, node = heapq.heappop(queue)
            if node in closed:
                continue
            closed.add(node)
            if node.key == goal.key and self._reaches(node, origin, goal):
                driven_m = abs(goal.s - self.start_s(goal.key)) - travelled_m
                return LanePath(_unwind(node, parent), best[node] + driven_m)
            for following, side, cost in self._expand(node, origin):
                total = best[node] + cost
                if total < best.get(following, math.inf):
                    best[following] = total
                    parent[following] = (node, side)
                    serial += 1
                    left_m = self._start[following.key].transform.location.distance(target_location)
                    estimate = max(total, travelled_m) + (0.0 if following.beside_origin else left_m)
                    heapq.heappush(queue, (estimate, serial, following))
        return None

    def _goal_location(self, goal: LanePosition) -> carla.Location:
        waypoint = self.waypoint(goal.key, goal.s)
        return (waypoint or self._start[goal.key]).transform.location

    def _reaches(self, node: _Node, origin: LanePosition, goal: LanePosition) -> bool:
        if not node.beside_origin:
            return True
        return (goal.s - origin.s) * goal.key.direction >= -BACKWARD_TOLERANCE_M

    def _expand(self, node: _Node, origin: LanePosition) -> list[tuple[_Node, int, float]]:
        """List (next node, side, cost) of a node; the order is fixed by the map."""
        steps = [(_Node(key, False), 0, self.length_m(node.key)) for key in self._successors.get(node.key, ())]
        for change in self.lane_changes(node.key):
            late = node.beside_origin and (change.places_s[-1] - origin.s) * node.key.direction < 0.0
            cost_m = LATE_LANE_CHANGE_COST_M if late else LANE_CHANGE_COST_M
            steps.append((_Node(change.target, node.beside_origin), change.side, cost_m))
        return steps

    def _find_end_s(self, key: LaneKey) -> float:
        start_s = self.start_s(key)
        for following in self._successors.get(key, ()):
            next_s = self.start_s(following)
            same_road = following.road_id == key.road_id and following.lane_id * key.lane_id > 0
            if same_road and (next_s - start_s) * key.direction > 0.0:
                return next_s
        return self._road_length_m[key.road_id] if key.direction > 0 else 0.0

    def _find_lane_changes(self, key: LaneKey) -> list[LaneChange]:
        length_m = self.length_m(key)
        count = max(1, min(LANE_CHANGE_PROBES_MAX, math.ceil(length_m / LANE_CHANGE_PROBE_M)))
        places: dict[tuple[LaneKey, int], list[float]] = {}
        for index in range(count + 1):
            s = self.start_s(key) + key.direction * length_m * index / count
            waypoint = self.waypoint(key, s)
            if waypoint is None:
                continue
            for side, permitted in ((-1, carla.LaneChange.Left), (1, carla.LaneChange.Right)):
                if waypoint.lane_change not in (permitted, carla.LaneChange.Both):
                    continue
                neighbour = waypoint.get_left_lane() if side < 0 else waypoint.get_right_lane()
                if neighbour is None or neighbour.lane_type != carla.LaneType.Driving:
                    continue
                target = lane_key(neighbour)
                if target.lane_id * key.lane_id > 0 and target in self._start:
                    places.setdefault((target, side), []).append(s)
        return [LaneChange(target, side, tuple(found)) for (target, side), found in places.items()]


def lane_key(waypoint: carla.Waypoint) -> LaneKey:
    """Return the identity of the lane a way point lies on."""
    return LaneKey(int(waypoint.road_id), int(waypoint.section_id), int(waypoint.lane_id))


def _unwind(node: _Node, parent: dict[_Node, tuple[_Node, int]]) -> tuple[LaneStep, ...]:
    steps = []
    while node in parent:
        previous, side = parent[node]
        steps.append(LaneStep(node.key, side))
        node = previous
    steps.append(LaneStep(node.key, 0))
    return tuple(steps[::-1])


def _road_lengths(opendrive: str) -> dict[int, float]:
    """Read the length of every road; the client's map does not expose it."""
    lengths = {}
    for tag in _ROAD_TAG.findall(opendrive):
        number, length = _ID.search(tag), _LENGTH.search(tag)
        if number is not None and length is not None:
            lengths[int(number.group(1))] = float(length.group(1))
    return lengths
