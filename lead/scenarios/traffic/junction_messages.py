"""What the traffic does when a scenario wants room in the junction that is active or comes next."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable

import carla

from lead.scenarios.messages import HandleJunctionScenario
from lead.scenarios.traffic.fleet import Fleet
from lead.scenarios.traffic.lanes import LaneKey, ahead, key_of
from lead.scenarios.traffic.route_place import RoutePlace
from lead.scenarios.traffic.state import Phase, RouteJunction, TrafficState

LOG = logging.getLogger(__name__)

_HOP_M = 1.0
_FULL_SPEED = 100.0


class JunctionRequests:
    """Clears junctions and their lanes."""

    def __init__(self, fleet: Fleet, route: RoutePlace, state: TrafficState) -> None:
        """Take the traffic."""
        self._fleet = fleet
        self._route = route
        self._state = state

    def handle(self, message: HandleJunctionScenario) -> None:
        """Do what a message asks for, in the order of its fields."""
        junction = self._state.next_junction()
        if message.clear_ego_entry:
            self._clear_ego_entry()
        if junction is not None:
            is_active = junction in self._state.active
            if message.clear_junction:
                self._clear_middle(junction)
            self._close_entries(junction, message.remove_entries, is_active=is_active)
            self._close_exits(junction, message.remove_exits, is_active=is_active)
            if message.stop_entries:
                self._stop_entries(junction, is_active=is_active)
            if message.extend_road_exit_m:
                self._extend_exits(junction, message.extend_road_exit_m)
        self._state.forget_removed_lane()

    def _clear_middle(self, junction: RouteJunction) -> None:
        inside = [car for car, passage in junction.cars.items() if passage.phase is Phase.MIDDLE]
        self._fleet.destroy_all(inside)
        junction.clear_middle = True

    def _clear_ego_entry(self) -> None:
        """Remove the cars between the ego and the junction; those behind stay behind from now on."""
        state = self._state
        state.entry_cleared = True
        sources = list(state.road.values()) if state.in_road_mode else state.active[0].sources
        for source in sources:
            self._fleet.destroy_all([car for car in source.cars if not car.is_behind])
            if state.in_road_mode:
                source.active = False

    def _close_entries(self, junction: RouteJunction, places: Iterable[carla.Waypoint], *, is_active: bool) -> None:
        for place in places:
            key = self._find(place, junction.entry_keys)
            if key is None:
                LOG.warning("a lane that a scenario wants empty leads into no junction of the route")
            elif not is_active:
                junction.closed_entries.append(key)
            else:
                for source in junction.sources:
                    if source.key == key:
                        self._fleet.destroy_all(source.cars)
                        source.active = False

    def _close_exits(self, junction: RouteJunction, places: Iterable[carla.Waypoint], *, is_active: bool) -> None:
        for place in places:
            key = self._find(place, junction.exits)
            if key is None:
                LOG.warning("a lane that a scenario wants empty leads out of no junction of the route")
            elif is_active:
                self._fleet.destroy_all(junction.exits[key].cars)
            else:
                junction.closed_exits.append(key)

    def _stop_entries(self, junction: RouteJunction, *, is_active: bool) -> None:
        if not is_active:
            junction.stop_other_entries = True
            return
        for source in junction.sources:
            if junction.is_route_source(source):
                continue
            for car in source.cars:
                passage = junction.cars.get(car)
                if passage is not None and passage.phase is Phase.ENTRY:
                    car.percent = 0.0

    def _extend_exits(self, junction: RouteJunction, space_m: float) -> None:
        for key in junction.route_exit_keys:
            way = junction.exits[key]
            way.max_distance_m += space_m
            self._fleet.move_forward(way.cars, space_m)
            for car in way.cars:
                passage = junction.cars[car]
                if passage.phase is Phase.EXIT_ROAD:
                    passage.phase, car.percent = Phase.EXIT, _FULL_SPEED

    def _find(self, place: carla.Waypoint, keys: Container[LaneKey]) -> LaneKey | None:
        """Follow a lane until it is one of several; None if it leads into a junction or ends before."""
        found: carla.Waypoint | None = place
        while found is not None and not self._route.is_inside(found):
            if key_of(found) in keys:
                return key_of(found)
            found = ahead(found, _HOP_M)
        return None
