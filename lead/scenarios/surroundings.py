"""Who and what is near an actor: vehicles and red lights, looked up once per tick for all drivers.

Asking the client for every vehicle costs far more than driving one, so the drivers of an episode share one table.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import carla
import numpy as np
from numpy.typing import NDArray

from lead.geometry.boxes import box_overlap_depth
from lead.scenarios.actor_pool import ActorPool

CELL_M = 64.0


class Neighbour(NamedTuple):
    """Another vehicle.

    Attributes:
        actor: The vehicle.
        location: Its place, world frame, metres.
        center: (2,) middle of its box, world frame, metres.
        yaw_rad: Heading.
        half_size: (2,) half length and half width of its box, metres.
    """

    actor: carla.Vehicle
    location: carla.Location
    center: NDArray[np.float64]
    yaw_rad: float
    half_size: NDArray[np.float64]

    def overlaps(self, centers: NDArray[np.float64], yaw_rad: NDArray[np.float64], half: NDArray[np.float64]) -> bool:
        """Tell whether any of some rectangles overlaps the vehicle.

        Args:
            centers: (n, 2) world frame, metres.
            yaw_rad: (n,) headings.
            half: (n, 2) half lengths and half widths, metres.
        """
        count = len(centers)
        mine = (np.tile(self.center, (count, 1)), np.full(count, self.yaw_rad), np.tile(self.half_size, (count, 1)))
        return bool((box_overlap_depth(centers, yaw_rad, half, *mine) > 0.0).any())


class _Light(NamedTuple):
    """A traffic light, the middle of its stop area, and the lane there."""

    actor: carla.TrafficLight
    x: float
    y: float
    z: float
    road_id: int
    forward: tuple[float, float]


class _Vehicle(NamedTuple):
    """A vehicle in this tick."""

    actor: carla.Vehicle
    number: int
    x: float
    y: float
    z: float


class Surroundings:
    """Vehicles of the scenarios, of the background traffic and the ego, and the traffic lights of the town."""

    def __init__(
        self, world: carla.World, carla_map: carla.Map, pool: ActorPool, ego: Callable[[], carla.Vehicle]
    ) -> None:
        """Take the world; nothing is looked up before somebody asks.

        Args:
            world: The world, for its traffic lights.
            carla_map: Its map.
            pool: Whose vehicles count.
            ego: Returns the ego, which counts too.
        """
        self._world = world
        self._map = carla_map
        self._pool = pool
        self._ego = ego
        self._boxes: dict[int, tuple[float, float, float]] = {}
        self._vehicles: list[_Vehicle] | None = None
        self._lights: dict[tuple[int, int], list[_Light]] | None = None

    def begin_tick(self) -> None:
        """Forget where vehicles were."""
        self._vehicles = None

    def vehicles_near(self, actor: carla.Actor, place: carla.Location, reach_m: float) -> list[Neighbour]:
        """Return the other vehicles nearer to a place than some distance, nearest first."""
        if self._vehicles is None:
            self._vehicles = self._find_vehicles()
        x, y, z, own = place.x, place.y, place.z, int(actor.id)
        near = [
            (math.dist((x, y, z), (other.x, other.y, other.z)), number)
            for number, other in enumerate(self._vehicles)
            if abs(other.x - x) <= reach_m and abs(other.y - y) <= reach_m and other.number != own
        ]
        ordered = [self._vehicles[number] for distance_m, number in sorted(near) if distance_m <= reach_m]
        return [self._neighbour(other.actor) for other in ordered]

    def red_light(self, pose: carla.Transform, reach_m: float) -> carla.TrafficLight | None:
        """Return the red light ahead on the road of a vehicle, if its stop area is nearer than some distance.

        Args:
            pose: The vehicle's.
            reach_m: The distance; counted up to 64 m.
        """
        if self._lights is None:
            self._lights = self._find_lights()
        place = pose.location
        candidates = self._lights.get((int(place.x // CELL_M), int(place.y // CELL_M)))
        if not candidates:
            return None
        here = (place.x, place.y, place.z)
        near = [light for light in candidates if math.dist(here, light[1:4]) <= reach_m]
        if not near:
            return None
        waypoint = self._map.get_waypoint(place)
        lane, ahead = waypoint.transform.get_forward_vector(), pose.get_forward_vector()
        for light in near:
            is_ahead = (light.x - place.x) * ahead.x + (light.y - place.y) * ahead.y > 0.0
            is_same_way = lane.x * light.forward[0] + lane.y * light.forward[1] >= 0.0
            is_on_road = light.road_id == waypoint.road_id
            if is_ahead and is_same_way and is_on_road and light.actor.state == carla.TrafficLightState.Red:
                return light.actor
        return None

    def half_size_m(self, actor: carla.Vehicle) -> tuple[float, float]:
        """Return half the length and half the width of a vehicle."""
        return self._box(actor)[:2]

    def _box(self, actor: carla.Vehicle) -> tuple[float, float, float]:
        """Half length, half width, and how far ahead of its origin the box lies."""
        number = int(actor.id)
        if number not in self._boxes:
            box = actor.bounding_box
            self._boxes[number] = (box.extent.x, box.extent.y, box.location.x)
        return self._boxes[number]

    def _neighbour(self, actor: carla.Vehicle) -> Neighbour:
        length, width, ahead_m = self._box(actor)
        pose = self._pool.transform(actor)
        yaw = math.radians(pose.rotation.yaw)
        center = np.array([pose.location.x + ahead_m * math.cos(yaw), pose.location.y + ahead_m * math.sin(yaw)])
        return Neighbour(actor, pose.location, center, yaw, np.array([length, width]))

    def _find_vehicles(self) -> list[_Vehicle]:
        actors = [self._ego(), *self._pool.vehicles]
        places = [self._pool.location(actor) for actor in actors]
        return [
            _Vehicle(actor, int(actor.id), place.x, place.y, place.z)
            for actor, place in zip(actors, places, strict=True)
        ]

    def _find_lights(self) -> dict[tuple[int, int], list[_Light]]:
        """Find all lights, by cell of a grid; each also stands in the cells around its own."""
        found: dict[tuple[int, int], list[_Light]] = {}
        for actor in self._world.get_actors().filter("traffic.traffic_light*"):
            waypoint = self._map.get_waypoint(actor.get_transform().transform(actor.trigger_volume.location))
            ahead, place = waypoint.transform.get_forward_vector(), waypoint.transform.location
            light = _Light(actor, place.x, place.y, place.z, waypoint.road_id, (ahead.x, ahead.y))
            column, row = int(place.x // CELL_M), int(place.y // CELL_M)
            for cell in itertools.product((column - 1, column, column + 1), (row - 1, row, row + 1)):
                found.setdefault(cell, []).append(light)
        return found
