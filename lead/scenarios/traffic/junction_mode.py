"""Traffic near junctions: cars from all sides, and cars that wait behind the junction for the ego."""

from __future__ import annotations

import carla
import numpy as np

from lead.scenarios.stage import Stage
from lead.scenarios.traffic.fleet import Fleet, gap_m
from lead.scenarios.traffic.lanes import ahead, back, key_of
from lead.scenarios.traffic.route_place import RoutePlace
from lead.scenarios.traffic.settings import MIN_SOURCE_DISTANCE_M, REUSE_DISTANCE_M, SOURCE_STEP_M
from lead.scenarios.traffic.state import Car, Exit, Passage, Phase, RouteJunction, Source, TrafficState

FULL_SPEED = 100.0


class JunctionMode:
    """Begins and ends the traffic of junctions, and keeps their sources."""

    def __init__(self, stage: Stage, fleet: Fleet, route: RoutePlace, state: TrafficState) -> None:
        """Take the traffic."""
        self._stage = stage
        self._fleet = fleet
        self._route = route
        self._state = state

    def activate_next(self) -> None:
        """Begin the traffic of the next junction of the route if it is near; at most one per tick."""
        state = self._state
        if not state.coming:
            return
        distance_m = self._route.dense.distance_m
        left_m = distance_m[state.coming[0].entry_index] - distance_m[self._route.index]
        if left_m >= state.settings.junction_distance_m:
            return
        junction = state.coming.pop(0)
        if state.in_road_mode:
            self._take_road(junction)
        self._add_sources(junction)
        self._fill_exits(junction)
        if state.active:
            self._connect(state.active[-1], junction)
        state.active.append(junction)
        state.forget_removed_lane()  # it must not come back in the middle of a junction

    def leave_first(self) -> bool:
        """End the traffic of the first active junction if the ego has left it.

        Returns:
            True if no junction is active any more.
        """
        state = self._state
        junction = state.active[0]
        if junction.exit_index is None or self._route.index < junction.exit_index:
            return False
        state.active.pop(0)
        sources = self._open_exits(junction)
        for car, passage in list(junction.cars.items()):
            if car.is_behind:
                self._fleet.destroy(car)
                continue
            car.percent = FULL_SPEED
            if passage.at_opposite_entry:
                state.opposite_cars.append(car)
                self._fleet.ignore_lights(car)
            elif passage.exit_key in sources:
                sources[passage.exit_key].cars.append(car)
                if state.active:
                    state.active[0].cars.setdefault(car, Passage())
            else:
                self._fleet.destroy(car)
        state.entry_cleared = False
        return not state.active

    def update_sources(self) -> None:
        """Let cars appear at the sources of all active junctions, or take cars that pass there anyway."""
        waiting: list[tuple[RouteJunction, Source]] = []
        for junction in self._state.active:
            sources = [source for source in junction.sources if source.active]
            for source, near in zip(sources, self._passing(sources), strict=True):
                self._adopt(junction, source, near)
                if self._has_room(source):
                    waiting.append((junction, source))
        places = [source.waypoint for _, source in waiting]
        cars = self._fleet.spawn_at(places, clearance_m=self._state.settings.junction_spawn_distance_m)
        for (junction, source), car in zip(waiting, cars, strict=True):
            if car is None:
                continue
            if junction.stop_other_entries and not junction.is_route_source(source):
                car.percent = 0.0
            self._take_in(junction, source, car)

    def _take_road(self, junction: RouteJunction) -> None:
        """Hand the cars and sources of the ego's road over to a junction."""
        state = self._state
        for car in state.road_cars():
            junction.cars[car] = Passage()
            if not car.is_stopped:
                car.percent = FULL_SPEED
        sources = list(state.road.values())
        state.road.clear()
        state.opposite_sources.clear()
        for source in sources:
            if source.key not in junction.route_entry_keys:
                continue
            source.entry_key = source.key
            junction.sources.append(source)
            if source.key in junction.closed_entries:
                junction.closed_entries.remove(source.key)
                source.active = False
                self._drop(junction, source.cars)

    def _drop(self, junction: RouteJunction, cars: list[Car]) -> None:
        """Remove cars of a junction that is not in the list of active ones yet."""
        for car in list(cars):
            junction.forget(car)
            self._fleet.destroy(car)

    def _add_sources(self, junction: RouteJunction) -> None:
        """Put sources on the lanes from the other sides; some of all sources are not used."""
        settings = self._state.settings
        for entry in junction.entries:
            key = key_of(entry)
            if key in junction.route_entry_keys:
                continue
            place, moved_m = entry, 0.0
            while moved_m < settings.junction_source_distance_m:
                behind = back(place, SOURCE_STEP_M)
                if behind is None or self._route.is_inside(behind):
                    break
                place, moved_m = behind, moved_m + SOURCE_STEP_M
            if moved_m < MIN_SOURCE_DISTANCE_M:
                continue
            source = Source(place, [], entry_key=key)
            if key in junction.closed_entries:
                junction.closed_entries.remove(key)
                source.active = False
            junction.sources.append(source)
        for source in junction.sources:
            if 100.0 * self._stage.rng.random_sample() > settings.junction_source_percent:
                source.active = False

    def _fill_exits(self, junction: RouteJunction) -> None:
        """Measure the room on all lanes out of a junction, and put cars on those that the ego will take."""
        places = {key: self._exit_places(way) for key, way in junction.exits.items()}
        taken = [key for key in places if key in junction.route_exit_keys and key not in junction.closed_exits]
        for key, cars in zip(taken, self._fleet.spawn_lanes([places[key] for key in taken]), strict=True):
            junction.exits[key].cars = cars
            for car in cars:
                junction.cars[car] = Passage(Phase.EXIT, key)

    def _exit_places(self, way: Exit) -> list[carla.Waypoint]:
        """Return where cars stand behind a junction, farthest first; the exit takes note of its room."""
        settings = self._state.settings
        place = ahead(way.waypoint, way.max_distance_m) if way.max_distance_m > 0.0 else way.waypoint
        places: list[carla.Waypoint] = []
        for number in range(max(settings.front_count, 1)):
            # The first is twice as far away: a car that comes out of the junction finds room before it.
            step_m = settings.junction_spawn_distance_m * (1.0 if number else 2.0)
            place = ahead(place, step_m) if place is not None else None
            if place is None or (number and self._route.is_inside(place)):
                break
            places.append(place)
            way.max_distance_m += step_m
        way.max_cars = len(places)
        return places[::-1]

    def _connect(self, previous: RouteJunction, junction: RouteJunction) -> None:
        """Let the cars that wait between two junctions drive into the second."""
        for key in previous.route_exit_keys:
            for car in list(previous.exits[key].cars):
                self._state.forget(car)
                car.is_adoptable = False
                junction.cars[car] = Passage()
                car.percent = FULL_SPEED

    def _open_exits(self, junction: RouteJunction) -> dict[object, Source]:
        """Make sources of the lanes on which the ego leaves a junction; they have no cars yet."""
        state = self._state
        active = state.settings.route_sources_active
        sources: dict[object, Source] = {}
        for key, way in junction.exits.items():
            if key in junction.route_exit_keys:
                sources[key] = Source(way.waypoint, [], active=active, entry_key=key)
        if state.active:
            state.active[0].sources.extend(sources.values())
        else:
            state.road.update((source.key, source) for source in sources.values())
        return sources

    def _passing(self, sources: list[Source]) -> list[list[Car]]:
        """Return the cars close to each source, oldest first."""
        if not sources or not len(self._fleet.places):
            return [[] for _ in sources]
        offsets = np.array([source.place for source in sources])[:, None] - self._fleet.places
        near = np.einsum("ijk,ijk->ij", offsets, offsets) <= REUSE_DISTANCE_M**2
        cars = self._fleet.read_cars
        return [[cars[index] for index in row.nonzero()[0].tolist()] for row in near]

    def _adopt(self, junction: RouteJunction, source: Source, near: list[Car]) -> None:
        """Take the first car that is about to pass a source."""
        for car in near:
            is_free = car.is_adoptable and car in self._fleet and car not in source.cars
            if is_free and car.lane.key in source.upstream_keys:
                self._state.forget(car)
                car.is_adoptable = False
                self._take_in(junction, source, car)
                return

    def _take_in(self, junction: RouteJunction, source: Source, car: Car) -> None:
        source.cars.append(car)
        junction.cars[car] = Passage(at_opposite_entry=source.entry_key in junction.opposite_entry_keys)

    def _has_room(self, source: Source) -> bool:
        """Tell whether the last car, or the ego if there is none, has left a source."""
        settings = self._state.settings
        if len(source.cars) >= settings.junction_max_cars:
            return False
        location = self._stage.ego_location
        last = source.cars[-1].place if source.cars else (location.x, location.y, location.z)
        return gap_m(last, source.place) > settings.junction_spawn_distance_m
