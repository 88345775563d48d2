"""Traffic that comes towards the ego on its own road."""

from __future__ import annotations

from lead.scenarios.traffic.fleet import Fleet, gap_m
from lead.scenarios.traffic.lanes import back, place_of
from lead.scenarios.traffic.route_place import RoutePlace
from lead.scenarios.traffic.settings import NARROW_LANE_M, OPPOSITE_CLEARANCE_M
from lead.scenarios.traffic.state import Source, TrafficState

_PAIR_FACTOR = 1.1


class OppositeTraffic:
    """Sources ahead of the ego on the lanes of the other direction; there are none near junctions."""

    def __init__(self, fleet: Fleet, route: RoutePlace, state: TrafficState) -> None:
        """Take the traffic; nothing exists before :meth:`restart`."""
        self._fleet = fleet
        self._route = route
        self._state = state
        self._index = 0

    def restart(self) -> None:
        """Put the sources ahead of the ego: at the start and after junctions."""
        self._index = self._next_index(self._route.index)
        active = self._state.settings.opposite_active
        self._state.opposite_sources = [
            Source(lane, [], active=active) for lane in self._route.opposite_at(self._index)
        ]

    def move_sources(self) -> None:
        """Keep the sources ahead of the ego."""
        if not self._route.has_moved:
            return
        index = self._next_index(self._index)
        distance_m = self._route.dense.distance_m
        step_m = float(distance_m[index] - distance_m[self._index])
        if step_m <= 0.0:
            return
        self._index = index
        sources = self._state.opposite_sources
        if self._route.lane_count(index, opposite=True) != len(sources):
            self._remap(step_m)
            return
        for source in sources:
            waypoint = back(source.waypoint, step_m) if not self._route.is_inside(source.waypoint) else None
            if waypoint is not None:
                source.move(waypoint)

    def update_sources(self) -> None:
        """Spawn a car where the last one is far enough away."""
        waiting = [source for source in self._state.opposite_sources if self._has_room(source)]
        cars = self._fleet.spawn_at([source.waypoint for source in waiting], clearance_m=OPPOSITE_CLEARANCE_M)
        for source, car in zip(waiting, cars, strict=True):
            if car is not None:
                self._fleet.ignore_lights(car)
                self._state.opposite_cars.append(car)
                source.cars.append(car)

    def update_cars(self) -> None:
        """Remove those that the ego has met, and stop those whose lane ends."""
        settings = self._state.settings
        reach_m = max(settings.opposite_source_distance_m, settings.opposite_spawn_distance_m)
        for car in list(self._state.opposite_cars):
            if car.is_behind and car.distance_m > reach_m:
                self._fleet.destroy(car)
            elif car.lane.width_m < NARROW_LANE_M:
                car.percent = 0.0

    def _has_room(self, source: Source) -> bool:
        """Tell whether the last car has left a source; lanes that begin or end have no room at all."""
        if not source.active or source.waypoint.lane_width < NARROW_LANE_M:
            return False
        spacing_m = self._state.settings.opposite_spawn_distance_m
        return not source.cars or gap_m(source.cars[-1].place, source.place) > spacing_m

    def _remap(self, step_m: float) -> None:
        """Hand the sources over to the lanes of a road with another number of lanes."""
        free, sources = self._state.opposite_sources, []
        for lane in self._route.opposite_at(self._index):
            place = place_of(lane)
            source = next((each for each in free if gap_m(each.place, place) < _PAIR_FACTOR * step_m), None)
            if source is None:
                source = Source(lane, [])
            else:
                free.remove(source)
                source.move(lane)
            sources.append(source)
        self._state.opposite_sources = sources

    def _next_index(self, start: int) -> int:
        """Return the first route point as far ahead as the sources shall be, not beyond the next junction."""
        coming = self._state.coming
        limit = coming[0].entry_index if coming else self._route.last_index
        return self._route.first_index_beyond(start, self._state.settings.opposite_source_distance_m, limit)
