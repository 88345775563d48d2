"""Lanes of a map by identity: where they start and end, and how to walk along them.

CARLA's large maps have some ten thousand lanes and hundreds of kilometres of road, so nothing is sampled ahead of
time. Drawings and speed limits walk over all lanes with this; routes are searched on
:class:`lead.routes.route_graph.RouteGraph`.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

import carla

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


class LaneGraph:
    """Lanes of a map and their successors."""

    def __init__(self, carla_map: carla.Map) -> None:
        """Build the graph; takes well under a second on the largest CARLA map.

        Args:
            carla_map: Any map, from a server or offline.
        """
        self._map = carla_map
        self._start: dict[LaneKey, carla.Waypoint] = {}
        self._successors: dict[LaneKey, list[LaneKey]] = {}
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

    def successors(self, key: LaneKey) -> list[LaneKey]:
        """Return the lanes into which a lane leads, in the order of the map's topology."""
        return list(self._successors.get(key, ()))

    def start_waypoint(self, key: LaneKey) -> carla.Waypoint:
        """Return the way point at which traffic enters a lane."""
        return self._start[key]

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

    def _find_end_s(self, key: LaneKey) -> float:
        start_s = self.start_s(key)
        for following in self._successors.get(key, ()):
            next_s = self.start_s(following)
            same_road = following.road_id == key.road_id and following.lane_id * key.lane_id > 0
            if same_road and (next_s - start_s) * key.direction > 0.0:
                return next_s
        return self._road_length_m[key.road_id] if key.direction > 0 else 0.0


def lane_key(waypoint: carla.Waypoint) -> LaneKey:
    """Return the identity of the lane a way point lies on."""
    return LaneKey(int(waypoint.road_id), int(waypoint.section_id), int(waypoint.lane_id))


def _road_lengths(opendrive: str) -> dict[int, float]:
    """Read the length of every road; the client's map does not expose it."""
    lengths = {}
    for tag in _ROAD_TAG.findall(opendrive):
        number, length = _ID.search(tag), _LENGTH.search(tag)
        if number is not None and length is not None:
            lengths[int(number.group(1))] = float(length.group(1))
    return lengths
