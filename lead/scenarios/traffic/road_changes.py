"""Lanes of the ego's road that begin and end, and roads that change their ids, while the traffic goes on."""

from __future__ import annotations

import carla

from lead.scenarios.stage import Stage
from lead.scenarios.traffic.fleet import Fleet
from lead.scenarios.traffic.lanes import LaneKey, ahead, back, key_of, pitch_ahead
from lead.scenarios.traffic.route_place import RoutePlace
from lead.scenarios.traffic.settings import WIDE_ENOUGH_M
from lead.scenarios.traffic.state import Car, Source, TrafficState

_HOP_M = 1.0
_MIN_STEP_M = 0.1
_SEARCH_FACTOR = 2.0
_PAIR_FACTOR = 1.1


class RoadChanges:
    """Watches the road ahead of the ego and under it."""

    def __init__(self, stage: Stage, fleet: Fleet, route: RoutePlace, state: TrafficState) -> None:
        """Take the traffic."""
        self._stage = stage
        self._fleet = fleet
        self._route = route
        self._state = state
        self._checked_index = 0

    def restart(self) -> None:
        """Look at the road ahead anew: at the start and after junctions."""
        self._checked_index = self._next_index(self._route.index)

    def check_lanes(self) -> None:
        """Compare the lanes at the edge of the traffic with those there before."""
        if not self._route.has_moved:
            return
        before, now = self._checked_index, self._next_index(self._checked_index)
        if now == before:
            return
        self._checked_index = now
        change = self._route.lane_count(now) - self._route.lane_count(before)
        if not change:
            return
        distance_m = self._route.dense.distance_m
        reach_m = _SEARCH_FACTOR * max(float(distance_m[now] - distance_m[before]), _MIN_STEP_M)
        if change > 0:
            if not self._state.entry_cleared:
                for lane in self._route.lanes_at(now):
                    if not lane.previous(reach_m):
                        self._begin(lane)
            return
        for lane in self._route.lanes_at(before):
            if not lane.next(reach_m):
                self._end(lane)

    def rename(self) -> None:
        """Give the sources the keys of the road that the ego has come to."""
        if not self._route.has_moved:
            return
        old, new = self._route.previous_index, self._route.index
        before, now = self._route.dense.waypoints[old], self._route.dense.waypoints[new]
        if self._route.is_inside(before):
            return
        if before.road_id == now.road_id and self._route.lane_count(old) == self._route.lane_count(new):
            return
        reach_m = _PAIR_FACTOR * now.transform.location.distance(before.transform.location)
        old_lanes, new_lanes = self._lanes(old, is_new=False), self._lanes(new, is_new=True)
        pairs = _paired(old_lanes, new_lanes, reach_m)
        road = self._state.road
        all_paired = len(pairs) == len(old_lanes) == len(new_lanes) == len(road)
        if all_paired and all(key in road for key in pairs.values()):
            return  # the lanes were renamed already when they came into sight
        self._rename_pairs(pairs)

    def _rename_pairs(self, pairs: dict[LaneKey, LaneKey]) -> None:
        road = self._state.road
        renamed = {pairs[key]: road.pop(key) for key in pairs if key in road}
        for key, source in road.items():
            if key in renamed:
                source.cars = self._in_order([*renamed[key].cars, *source.cars])
            renamed[key] = source
        self._state.road = renamed

    def _begin(self, lane: carla.Waypoint) -> None:
        """Bring cars to a lane that begins ahead."""
        place: carla.Waypoint | None = lane
        while place is not None and place.lane_width < WIDE_ENOUGH_M:
            place = ahead(place, _HOP_M)
        if place is None:
            return
        settings = self._state.settings
        pitch_m = settings.front_count + self._stage.ego_speed_mps
        cars = []
        if pitch_m > 0.0:
            cars = self._fleet.spawn_lanes([pitch_ahead(place, settings.front_count, pitch_m, self._route.plain_ids)])[
                0
            ]
        key, road = key_of(place), self._state.road
        if key in road:
            # A lane on the inside pushes the ids of the others outwards.
            outer = LaneKey(key.road_id, key.lane_id + (1 if key.lane_id > 0 else -1))
            road[outer] = road[key]
        road[key] = Source(place, cars, active=settings.route_sources_active)

    def _end(self, lane: carla.Waypoint) -> None:
        """Take the cars of a lane that ends ahead to a neighbour, or away if there is none."""
        road = self._state.road
        key = self._known_key(lane)
        if key is None:
            return
        side = _driving_neighbour(lane)
        side_key = self._known_key(side) if side is not None else None
        if side is None or side_key is None:
            self._fleet.destroy_all(road[key].cars)
            road.pop(key, None)
            return
        if side_key == key:
            return
        cars = self._in_order([*road[key].cars, *road[side_key].cars])
        front = sum(not car.is_behind for car in cars)
        count = self._state.settings.front_count
        kept = cars[max(front - count, 0) : front + count]
        path = [side.transform.location]
        for car in cars:
            if car in kept:
                self._stage.traffic_manager.set_path(car.actor, path)
            else:
                self._fleet.destroy(car)
        road[side_key].cars = kept
        road.pop(key, None)

    def _in_order(self, cars: list[Car]) -> list[Car]:
        """Sort cars along the route, front-most first."""
        return sorted(cars, key=lambda car: car.distance_m if car.is_behind else -car.distance_m)

    def _known_key(self, lane: carla.Waypoint) -> LaneKey | None:
        """Return the key under which a lane's cars are known, searched back along the lane."""
        place: carla.Waypoint | None = lane
        left_m = self._state.settings.max_radius_m + _HOP_M
        while place is not None and left_m > 0.0:
            if key_of(place) in self._state.road:
                return key_of(place)
            place = back(place, _HOP_M)
            left_m -= _HOP_M
        return None

    def _next_index(self, start: int) -> int:
        """Return the first route point beyond the traffic, not beyond the next junction."""
        coming = self._state.coming
        limit = coming[0].entry_index if coming else self._route.last_index
        return self._route.first_index_beyond(start, self._state.settings.max_radius_m, limit)

    def _lanes(self, index: int, *, is_new: bool) -> list[carla.Waypoint]:
        """Return the lanes at a route point; in a plain junction where its lanes begin (new) or end (old)."""
        waypoint = self._route.dense.waypoints[index]
        if not waypoint.is_junction:
            return self._route.lanes_at(index)
        ends = waypoint.get_junction().get_waypoints(carla.LaneType.Driving)
        lanes = [start if is_new else end for start, end in ends]
        return [lane for lane in lanes if lane.road_id == waypoint.road_id]


def _paired(old: list[carla.Waypoint], new: list[carla.Waypoint], reach_m: float) -> dict[LaneKey, LaneKey]:
    """Pair old and new lanes that lie close together; every lane once."""
    pairs: dict[LaneKey, LaneKey] = {}
    free = list(new)
    for lane in old:
        place = lane.transform.location
        match = next((each for each in free if each.transform.location.distance(place) < reach_m), None)
        if match is not None:
            free.remove(match)
            pairs[key_of(lane)] = key_of(match)
    return pairs


def _driving_neighbour(lane: carla.Waypoint) -> carla.Waypoint | None:
    """Return the driving lane on the right, else on the left."""
    sides = (lane.get_right_lane(), lane.get_left_lane())
    return next((side for side in sides if side is not None and side.lane_type == carla.LaneType.Driving), None)
