"""The cars of the background traffic: reading where they are, spawning, moving and removing them.

One snapshot is read per tick, and the lanes under all cars are looked up in one query.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import carla
import numpy as np
from numpy.typing import NDArray

from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.stage import Stage
from lead.scenarios.traffic.lane_lookup import LaneFacts, LaneLookup
from lead.scenarios.traffic.lanes import ahead, place_of
from lead.scenarios.traffic.route_place import RoutePlace
from lead.scenarios.traffic.settings import (
    BEHIND_M,
    CAR_MODEL,
    LANE_OFFSET_M,
    LEADING_DISTANCE_M,
    SINGLE_SPAWN_LIFT_M,
    SPAWN_LIFT_M,
)
from lead.scenarios.traffic.state import Car, Place, TrafficState


class Fleet:
    """All background cars that exist, in the order in which they appeared.

    Attributes:
        places: (n, 3) locations of the cars in this tick, in the order of iteration, world frame, metres; cars that
            appeared in this tick are not in it.
    """

    def __init__(self, stage: Stage, route: RoutePlace, state: TrafficState) -> None:
        """Start without cars."""
        self._stage = stage
        self._route = route
        self._state = state
        self._manager = stage.traffic_manager
        self._port = int(self._manager.get_port())
        self._cars: dict[int, Car] = {}
        self._lookup = LaneLookup(stage.map, route.dense.xyz)
        self._read: list[Car] = []
        self.places: NDArray[np.float64] = np.empty((0, 3))

    def __len__(self) -> int:
        """Return how many cars exist."""
        return len(self._cars)

    def __iter__(self) -> Iterator[Car]:
        """Yield all cars."""
        return iter(list(self._cars.values()))

    def __contains__(self, car: Car) -> bool:
        """Tell whether a car still exists."""
        return car.number in self._cars

    @property
    def read_cars(self) -> Sequence[Car]:
        """The cars of :attr:`places`."""
        return self._read

    def read(self) -> None:
        """Take over where the cars are; forget those that the Traffic Manager removed.

        Cars that were spawned in this tick are in no snapshot yet and stay where they were put.
        """
        snapshot = self._stage.world.get_snapshot()
        rows: list[Place] = []
        self._read = []
        for car in list(self._cars.values()):
            found = snapshot.find(car.number)
            if found is not None:
                location = found.get_transform().location
                car.place = (location.x, location.y, location.z)
            elif not self._stage.pool.is_new(car.actor):
                self._forget(car)
                continue
            rows.append(car.place)
            self._read.append(car)
        self.places = np.array(rows, dtype=np.float64).reshape(-1, 3)
        self._measure(self._read, self.places)

    def spawn_at(
        self, places: Sequence[carla.Waypoint], *, clearance_m: float = 0.0, model: ActorModel = CAR_MODEL
    ) -> list[Car | None]:
        """Spawn single cars with one request.

        Args:
            places: Where.
            clearance_m: Nobody appears closer to the ego.
            model: Which cars.

        Returns:
            A car per place; None where the ego is too close or something stands.
        """
        ego = self._stage.ego_location
        poses = [place.transform for place in places]
        is_free = [ego.distance(pose.location) >= clearance_m for pose in poses]
        wanted = [pose for pose, free in zip(poses, is_free, strict=True) if free]
        actors = iter(self._spawn(model, wanted, SINGLE_SPAWN_LIFT_M))
        found = [next(actors) if free else None for free in is_free]
        return self._take_in(found, places)

    def spawn_lanes(self, lanes: Sequence[Sequence[carla.Waypoint]]) -> list[list[Car]]:
        """Spawn cars on several lanes with one request; where something stands they are missing."""
        poses = [waypoint.transform for lane in lanes for waypoint in lane]
        actors = self._spawn(CAR_MODEL, poses, SPAWN_LIFT_M)
        cars = iter(self._take_in(actors, [waypoint for lane in lanes for waypoint in lane]))
        spawned = [[next(cars) for _ in lane] for lane in lanes]
        return [[car for car in lane if car is not None] for lane in spawned]

    def destroy(self, car: Car) -> None:
        """Remove a car from the world and from all tables."""
        if car not in self:
            return
        self._forget(car)
        car.actor.set_autopilot(False, self._port)
        self._stage.pool.destroy(car.actor)

    def destroy_all(self, cars: Iterable[Car]) -> None:
        """Remove several."""
        for car in list(cars):
            self.destroy(car)

    def let_go(self, car: Car) -> None:
        """Take a car away from the Traffic Manager; it stays where it is."""
        car.actor.set_autopilot(False, self._port)

    def move_forward(self, cars: Iterable[Car], distance_m: float) -> None:
        """Teleport cars along their lanes; those whose lane ends before are removed."""
        for car in list(cars):
            goal = ahead(self._stage.map.get_waypoint(carla.Location(*car.place)), distance_m)
            if goal is None:
                self.destroy(car)
                continue
            pose = goal.transform
            pose.location.z += SPAWN_LIFT_M
            self._stage.pool.place(car.actor, pose)
            car.place = place_of(goal)
            self._measure([car], np.array([car.place]))

    def ignore_lights(self, car: Car) -> None:
        """Let a car pass red lights and signs, as those that come towards the ego do."""
        self._manager.ignore_lights_percentage(car.actor, 100.0)
        self._manager.ignore_signs_percentage(car.actor, 100.0)

    def _spawn(
        self, model: ActorModel, poses: Sequence[carla.Transform], lift_m: float
    ) -> Sequence[carla.Vehicle | None]:
        if len(poses) == 1:  # one request less than a batch
            return [self._stage.pool.spawn(model, poses[0], autopilot=True, lift_m=lift_m)]
        return self._stage.pool.spawn_batch(model, poses, autopilot=True, lift_m=lift_m)

    def _take_in(self, actors: Sequence[carla.Vehicle | None], places: Sequence[carla.Waypoint]) -> list[Car | None]:
        """Keep the cars that could be spawned; None stays None."""
        cars = [
            None if actor is None else self._add(actor, place_of(place))
            for actor, place in zip(actors, places, strict=True)
        ]
        added = [car for car in cars if car is not None]
        self._measure(added, np.array([car.place for car in added]).reshape(-1, 3))
        return cars

    def _add(self, actor: carla.Vehicle, place: Place) -> Car:
        manager = self._manager
        manager.auto_lane_change(actor, False)
        manager.update_vehicle_lights(actor, True)
        manager.distance_to_leading_vehicle(actor, LEADING_DISTANCE_M)
        manager.vehicle_lane_offset(actor, LANE_OFFSET_M)
        car = self._cars[int(actor.id)] = Car(actor, int(actor.id), place)
        return car

    def _measure(self, cars: Sequence[Car], places: NDArray[np.float64]) -> None:
        """Find lane, distance and side of cars."""
        offsets = places - self._route.origin
        distances: list[float] = np.sqrt(np.einsum("ij,ij->i", offsets, offsets)).tolist()
        behind: list[bool] = (offsets @ self._route.forward < BEHIND_M).tolist()
        lanes: list[LaneFacts] = self._lookup.find(places)
        for car, lane, distance_m, is_behind in zip(cars, lanes, distances, behind, strict=True):
            car.lane, car.distance_m, car.is_behind = lane, distance_m, is_behind

    def _forget(self, car: Car) -> None:
        self._cars.pop(car.number, None)
        self._state.forget(car)


def gap_m(first: Place, second: Place) -> float:
    """Return the straight distance of two places."""
    return math.dist(first, second)
