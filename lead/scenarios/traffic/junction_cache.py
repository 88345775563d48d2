"""The junctions along a route, found once before the drive.

Maps contain junctions in which nobody can meet anybody; they count as plain road. Some places consist of several
junctions that must be treated as one; the map does not say so, and they are listed here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import carla

from lead.maps.towns import canonical_name
from lead.routes.planner import DenseRoute
from lead.scenarios.lane_tools import opposite_lanes, same_direction_lanes
from lead.scenarios.traffic.lanes import LaneKey, key_of, place_of, way_in, way_out
from lead.scenarios.traffic.state import Exit, RouteJunction

MERGE_GAP_M = 2.0
_TOPOLOGY_STEP_M = 0.2
_PAIR_STEP_M = 0.5
_DEDICATED_LANES = 4
"""So many manoeuvres from or to one road are a motorway's exit or entry with lanes of its own."""


class _ComplexPlace(NamedTuple):
    """Junctions that belong together: a place on each, and lanes between them that run through plain junctions."""

    members: Sequence[tuple[int, int, float]]
    road_pairs: Sequence[tuple[int, int]] = ()
    lanes: Sequence[int] = ()


_COMPLEX: dict[str, tuple[_ComplexPlace, ...]] = {
    "Town03": (
        _ComplexPlace(
            ((1100, -5, 16.6), (1624, -5, 25.3), (1655, -5, 8.3), (1772, 3, 16.2), (1206, -5, 5.9)),
            ((37, 36), (38, 12)),
            (-4, -5),
        ),
        _ComplexPlace(((1031, -1, 11.3), (100, -1, 18.8), (1959, -1, 22.7)), ((32, 33),), (-2, -1, 4, 5)),
    ),
    "Town04": (_ComplexPlace(((518, -1, 8.1), (886, 1, 10.11), (467, 1, 25.8))),),
}


@dataclass
class JunctionCache:
    """Result of the search.

    Attributes:
        junctions: Junctions in route order.
        plain_ids: Junctions of the map that count as plain road.
        lane_pairs: Lanes into and out of those.
    """

    junctions: list[RouteJunction]
    plain_ids: set[int] = field(default_factory=set)
    lane_pairs: list[tuple[LaneKey, LaneKey]] = field(default_factory=list)


def find_junctions(carla_map: carla.Map, dense: DenseRoute) -> JunctionCache:
    """Find the junctions of a route with their lanes.

    Args:
        carla_map: The map.
        dense: The route.
    """
    finder = _Finder(carla_map, dense)
    crossed = finder.cross()
    plain = [junction for junction in crossed if finder.is_plain(junction)]
    for junction in plain:
        finder.add_plain(junction)
    cache = finder.cache
    cache.junctions = finder.join([junction for junction in crossed if junction not in plain])
    for junction in cache.junctions:
        finder.add_lanes(junction)
    return cache


class _Finder:
    """Looks at one map along one route."""

    def __init__(self, carla_map: carla.Map, dense: DenseRoute) -> None:
        self.cache = JunctionCache([])
        self._map = carla_map
        self._dense = dense
        self._junctions: dict[int, carla.Junction] = {}
        self._manoeuvres: dict[int, list[tuple[carla.Waypoint, carla.Waypoint]]] = {}
        self._outside: dict[tuple[int, int, bool], carla.Waypoint | None] = {}

    def cross(self) -> list[RouteJunction]:
        """Return all junctions of the route but one in which it begins."""
        inside, waypoints = self._dense.is_junction, self._dense.waypoints
        count = len(self._dense)
        start = next((index for index in range(count) if not inside[index]), count)
        found: list[RouteJunction] = []
        for index in range(start + 1, count):
            number = self._note(waypoints[index]) if inside[index] else -1
            last = found[-1] if found else None
            if last is not None and last.exit_index is None:
                if number != last.ids[-1]:
                    last.exit_index = index
            elif number >= 0:
                if last is not None and last.ids[-1] == number and self._gap_m(last, index - 1) < MERGE_GAP_M:
                    last.ids.append(number)
                    last.exit_index = None
                else:
                    found.append(RouteJunction([number], index - 1))
        return found

    def is_plain(self, junction: RouteJunction) -> bool:
        """Tell whether nobody can meet anybody: no two manoeuvres share a lane, nor is it a motorway's exit."""
        if len(junction.ids) > 1:
            return False
        ends = [
            (self._out_of(start, back=True), self._out_of(end, back=False))
            for start, end in self._paths(junction.ids[0])
        ]
        entries: list[LaneKey | None] = []
        exits: list[LaneKey | None] = []
        for entry, way in ends:
            # Maps repeat manoeuvres; those have the same position in both lists.
            entry_key, exit_key = _key(entry), _key(way)
            if _position(entries, entry_key) != _position(exits, exit_key):
                return False
            entries.append(entry_key)
            exits.append(exit_key)
        from_roads = Counter(key.road_id if key else None for key in entries)
        to_roads = Counter(key.road_id if key else None for key in exits)
        return max([*from_roads.values(), *to_roads.values()], default=0) < _DEDICATED_LANES

    def add_plain(self, junction: RouteJunction) -> None:
        """Treat a junction as plain road, and remember which lanes it connects."""
        number = junction.ids[0]
        for start, end in self._paths(number):
            entry = way_in(start, _PAIR_STEP_M, self.cache.plain_ids)
            way = way_out(end, _PAIR_STEP_M, self.cache.plain_ids)
            if entry is not None and way is not None:
                self.cache.lane_pairs.append((key_of(entry), key_of(way)))
        self.cache.plain_ids.add(number)

    def join(self, junctions: Iterable[RouteJunction]) -> list[RouteJunction]:
        """Make one of the junctions that belong together; the first that the route meets takes them all."""
        groups = [self._members(place) for place in _COMPLEX.get(canonical_name(self._map.name), ())]
        joined: list[RouteJunction] = []
        previous = -1
        for junction in junctions:
            group = next((index for index, ids in enumerate(groups) if junction.ids[0] in ids), -1)
            if group >= 0 and group == previous:
                joined[-1].exit_index = junction.exit_index
            else:
                if group >= 0:
                    junction.ids.extend(number for number in groups[group] if number not in junction.ids)
                joined.append(junction)
            previous = group
        return joined

    def add_lanes(self, junction: RouteJunction) -> None:
        """Find the lanes into and out of a junction, and which of them belong to the route."""
        self._outside.clear()
        entries: dict[LaneKey, carla.Waypoint] = {}
        exits: dict[LaneKey, carla.Waypoint] = {}
        for number in dict.fromkeys(junction.ids):
            for start, end in self._paths(number):
                entry, way = self._out_of(start, back=True), self._out_of(end, back=False)
                if entry is not None:
                    entries.setdefault(key_of(entry), entry)
                if entry is not None and way is not None:
                    exits.setdefault(key_of(way), way)
        junction.entry_keys = list(entries)
        self._drop_connections(entries, exits)
        junction.entries = list(entries.values())
        junction.exits = {key: Exit(waypoint, place_of(waypoint)) for key, waypoint in exits.items()}
        first = self._dense.waypoints[junction.entry_index]
        junction.route_entry_keys = _mapped(same_direction_lanes(first), entries)
        junction.opposite_exit_keys = _mapped(opposite_lanes(first), exits)
        if junction.exit_index is not None:
            last = self._dense.waypoints[junction.exit_index]
            junction.route_exit_keys = _mapped(same_direction_lanes(last), exits)
            junction.opposite_entry_keys = _mapped(opposite_lanes(last), entries)

    def _drop_connections(self, entries: dict[LaneKey, carla.Waypoint], exits: dict[LaneKey, carla.Waypoint]) -> None:
        """Leave out the lanes between joined junctions."""
        for key in [key for key in entries if key in exits]:
            del entries[key], exits[key]
        for into_plain, out_of_plain in self.cache.lane_pairs:
            if out_of_plain in entries and into_plain in exits:
                del entries[out_of_plain], exits[into_plain]

    def _members(self, place: _ComplexPlace) -> list[int]:
        """Return the ids of the junctions of a complex place, and remember its connecting lanes."""
        for first, second in place.road_pairs:
            for lane in place.lanes:
                one, other = LaneKey(first, lane), LaneKey(second, lane)
                self.cache.lane_pairs += [(one, other), (other, one)]
        waypoints = [self._map.get_waypoint_xodr(road, lane, s) for road, lane, s in place.members]
        return [self._note(waypoint) for waypoint in waypoints if waypoint is not None and waypoint.is_junction]

    def _gap_m(self, junction: RouteJunction, index: int) -> float:
        assert junction.exit_index is not None
        return float(self._dense.distance_m[index] - self._dense.distance_m[junction.exit_index])

    def _note(self, waypoint: carla.Waypoint) -> int:
        """Return the id of a way point's junction; the junction is kept."""
        number = int(waypoint.junction_id)
        if number not in self._junctions:
            self._junctions[number] = waypoint.get_junction()
        return number

    def _paths(self, number: int) -> list[tuple[carla.Waypoint, carla.Waypoint]]:
        """Return first and last way point of every manoeuvre."""
        if number not in self._manoeuvres:
            self._manoeuvres[number] = list(self._junctions[number].get_waypoints(carla.LaneType.Driving))
        return self._manoeuvres[number]

    def _out_of(self, waypoint: carla.Waypoint, *, back: bool) -> carla.Waypoint | None:
        """Return the way point just outside the junction; the walk is done once per lane."""
        key = (int(waypoint.road_id), int(waypoint.lane_id), back)
        if key not in self._outside:
            walk = way_in if back else way_out
            self._outside[key] = walk(waypoint, _TOPOLOGY_STEP_M, self.cache.plain_ids)
        return self._outside[key]


def _key(waypoint: carla.Waypoint | None) -> LaneKey | None:
    return None if waypoint is None else key_of(waypoint)


def _position(keys: Sequence[LaneKey | None], key: LaneKey | None) -> int:
    """Return the first position of a key; -1 if it is new."""
    return keys.index(key) if key in keys else -1


def _mapped(lanes: Iterable[carla.Waypoint], known: dict[LaneKey, carla.Waypoint]) -> list[LaneKey]:
    """Return the known lanes that lanes stand for: the same, else the nearest; each once."""
    found: dict[LaneKey, None] = {}
    for lane in lanes:
        key = key_of(lane)
        if key not in known and known:
            place = lane.transform.location
            key = min(known, key=lambda each: float(known[each].transform.location.distance(place)))
        if key in known:
            found[key] = None
    return list(found)
