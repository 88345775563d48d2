"""Traffic on the ego's road: some cars ahead and behind on every lane, kept up by sources that follow the ego."""

from __future__ import annotations

import carla

from lead.scenarios.stage import Stage
from lead.scenarios.traffic.fleet import Fleet, gap_m
from lead.scenarios.traffic.lanes import ahead, key_of, pitch_ahead, pitch_back, place_of
from lead.scenarios.traffic.route_place import RoutePlace
from lead.scenarios.traffic.settings import ANY_CAR_MODEL
from lead.scenarios.traffic.state import Car, Source, TrafficState


class Road:
    """The sources of the ego's road."""

    def __init__(self, stage: Stage, fleet: Fleet, route: RoutePlace, state: TrafficState) -> None:
        """Take the traffic; nothing is spawned before :meth:`start`."""
        self._stage = stage
        self._fleet = fleet
        self._route = route
        self._state = state

    def start(self) -> None:
        """Spawn the first cars on all lanes of the route's direction."""
        settings = self._state.settings
        lanes = self._route.lanes_at(0)
        pitch_m = settings.spawn_distance_m
        behind = [pitch_back(lane, settings.back_count, pitch_m, self._route.plain_ids) for lane in lanes]
        places = [
            pitch_ahead(lane, settings.front_count, pitch_m, self._route.plain_ids) + back
            for lane, back in zip(lanes, behind, strict=True)
        ]
        for lane, back, cars in zip(lanes, behind, self._fleet.spawn_lanes(places), strict=True):
            source = Source(back[-1] if back else lane, cars, active=settings.route_sources_active)
            self._state.road[key_of(lane)] = source

    def move_sources(self) -> None:
        """Let the sources follow the ego, never closer than the cars behind it need."""
        if not self._route.has_moved:
            return
        settings = self._state.settings
        ego = place_of(self._route.waypoint)
        for source in self._state.road.values():
            if not self._route.is_behind(source.place):
                continue
            last = source.cars[-1].place if source.cars else ego
            to_last_m = gap_m(last, source.place) - settings.spawn_distance_m
            to_ego_m = gap_m(ego, source.place) - settings.spawn_distance_m * settings.back_count
            step_m = min(to_last_m, to_ego_m)
            waypoint = ahead(source.waypoint, step_m) if step_m > 0.0 else None
            if waypoint is not None:
                source.move(waypoint)

    def update_sources(self) -> None:
        """Remove cars that are too many ahead, and spawn those that are missing behind."""
        for source in self._state.road.values():
            if sum(not car.is_behind for car in source.cars) > self._state.settings.front_count:
                self._fleet.destroy(source.cars[0])
        waiting = [source for source in self._state.road.values() if source.active and self._has_room(source)]
        places = [source.waypoint for source in waiting]
        cars = self._fleet.spawn_at(places, clearance_m=self._state.settings.spawn_distance_m)
        for source, car in zip(waiting, cars, strict=True):
            if car is not None:
                self._append(source, car)

    def add_lane(self, waypoint: carla.Waypoint) -> None:
        """Bring cars to a lane that had none, beside the ego; they drive as fast as it does."""
        settings, speed_mps = self._state.settings, self._stage.ego_speed_mps
        pitch_m = settings.spawn_distance_m + 2.0 * speed_mps
        behind = pitch_back(waypoint, settings.back_count, pitch_m, self._route.plain_ids)
        places = pitch_ahead(waypoint, settings.front_count, pitch_m, self._route.plain_ids) + behind
        spawned = self._fleet.spawn_at(places, model=ANY_CAR_MODEL)
        cars = [car for car in spawned if car is not None]
        for place, car in zip(places, spawned, strict=True):
            if car is not None:
                car.actor.set_target_velocity(_along(place, speed_mps))
        source = Source(behind[-1] if behind else waypoint, cars, active=settings.route_sources_active)
        self._state.road[key_of(waypoint)] = source

    def _has_room(self, source: Source) -> bool:
        """Tell whether a car is missing and the last one has left the source."""
        settings = self._state.settings
        if not self._route.is_behind(source.place) or len(source.cars) >= settings.front_count + settings.back_count:
            return False
        last = source.cars[-1].place if source.cars else place_of(self._route.waypoint)
        return gap_m(last, source.place) > settings.spawn_distance_m

    def _append(self, source: Source, car: Car) -> None:
        """Let a new car drive: from a stand it would fall behind, and faster than the last it would run into it."""
        speed_mps = self._stage.ego_speed_mps
        if source.cars:
            speed_mps = min(speed_mps, self._stage.speed_mps(source.cars[-1].actor))
        car.actor.set_target_velocity(_along(source.waypoint, speed_mps))
        source.cars.append(car)


def _along(waypoint: carla.Waypoint, speed_mps: float) -> carla.Vector3D:
    """Return a velocity along a lane."""
    return waypoint.transform.get_forward_vector() * speed_mps
