"""One reading of the world per tick, as arrays, shared by criteria, agents and drawings.

Asking every actor in Python is the slowest part of an episode, so it happens once per tick and only here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import carla
import numpy as np
from numpy.typing import NDArray

REFRESH_TICKS = 20
"""The actor list is read anew at least this often (and whenever the number of actors changes)."""


class ActorKind(IntEnum):
    """Kinds of actors that agents and drawings distinguish."""

    VEHICLE = 0
    WALKER = 1
    PROP = 2


ACTOR_DTYPE = np.dtype(
    [
        ("id", "i8"),
        ("kind", "u1"),
        ("x", "f8"),
        ("y", "f8"),
        ("z", "f8"),
        ("yaw", "f8"),
        ("vx", "f8"),
        ("vy", "f8"),
        ("extent_x", "f8"),
        ("extent_y", "f8"),
    ]
)
"""One row per actor: centre of its box (world, metres), heading (rad), velocity (m/s), half sizes (m)."""


@dataclass(frozen=True)
class EgoState:
    """Pose and motion of the ego vehicle.

    Attributes:
        location: (3,) float64 actor location, world frame, metres.
        yaw_rad: Heading.
        speed_mps: Length of the velocity vector.
        extent: (3,) float64 half sizes of the box, metres.
    """

    location: NDArray[np.float64]
    yaw_rad: float
    speed_mps: float
    extent: NDArray[np.float64]

    def point_ahead(self, distance_m: float) -> carla.Location:
        """Return the location at a distance along the heading (negative: behind)."""
        x, y, z = self.location
        return carla.Location(x + distance_m * math.cos(self.yaw_rad), y + distance_m * math.sin(self.yaw_rad), z)


@dataclass(frozen=True)
class Observation:
    """State of the world after one tick.

    Attributes:
        frame: Simulator frame.
        time_s: Simulated seconds since the start of the episode.
        ego: Ego vehicle.
        actors: (n,) array of :data:`ACTOR_DTYPE` without the ego.
    """

    frame: int
    time_s: float
    ego: EgoState
    actors: NDArray[np.void]


@dataclass(frozen=True)
class _Known:
    """What does not change about an actor."""

    kind: ActorKind
    extent: tuple[float, float]
    offset: tuple[float, float]


class WorldObserver:
    """Reads the world once per tick.

    Attributes:
        latest: The last observation.
    """

    def __init__(self, world: carla.World, ego: carla.Vehicle) -> None:
        """Start observing; the world must have ticked once since the ego was spawned."""
        self._world = world
        self._ego = ego
        extent = ego.bounding_box.extent
        self._ego_extent = np.array([extent.x, extent.y, extent.z], dtype=np.float64)
        self._known: dict[int, _Known] = {}
        self._alive: list[tuple[int, _Known]] = []
        self._actor_count = -1
        self._ticks = 0
        self._start_time_s = world.get_snapshot().timestamp.elapsed_seconds
        self.latest = self.read()

    def read(self) -> Observation:
        """Read the current snapshot."""
        snapshot = self._world.get_snapshot()
        if len(snapshot) != self._actor_count or self._ticks % REFRESH_TICKS == 0:
            self._refresh(len(snapshot))
        self._ticks += 1
        rows = [row for number, known in self._alive if (row := _row(snapshot, number, known)) is not None]
        self.latest = Observation(
            frame=snapshot.frame,
            time_s=snapshot.timestamp.elapsed_seconds - self._start_time_s,
            ego=self._ego_state(snapshot),
            actors=np.array(rows, dtype=ACTOR_DTYPE),
        )
        return self.latest

    def _ego_state(self, snapshot: carla.WorldSnapshot) -> EgoState:
        actor = snapshot.find(self._ego.id)
        if actor is None:
            raise RuntimeError("the ego vehicle disappeared from the simulation")
        transform, velocity = actor.get_transform(), actor.get_velocity()
        location = transform.location
        return EgoState(
            location=np.array([location.x, location.y, location.z], dtype=np.float64),
            yaw_rad=math.radians(transform.rotation.yaw),
            speed_mps=math.sqrt(velocity.x**2 + velocity.y**2 + velocity.z**2),
            extent=self._ego_extent,
        )

    def _refresh(self, actor_count: int) -> None:
        actors = self._world.get_actors()
        self._actor_count = actor_count
        self._alive = []
        for kind, pattern in (
            (ActorKind.VEHICLE, "vehicle.*"),
            (ActorKind.WALKER, "walker.*"),
            (ActorKind.PROP, "static.prop.*"),
        ):
            for actor in actors.filter(pattern):
                if actor.id == self._ego.id:
                    continue
                if actor.id not in self._known:
                    box = actor.bounding_box
                    self._known[actor.id] = _Known(kind, (box.extent.x, box.extent.y), (box.location.x, box.location.y))
                self._alive.append((actor.id, self._known[actor.id]))
        self._alive.sort(key=lambda item: item[0])


def _row(snapshot: carla.WorldSnapshot, number: int, known: _Known) -> tuple[float, ...] | None:
    """Build one row of the actor table, None if the actor is gone."""
    actor = snapshot.find(number)
    if actor is None:
        return None
    transform, velocity = actor.get_transform(), actor.get_velocity()
    location, yaw = transform.location, math.radians(transform.rotation.yaw)
    cos, sin = math.cos(yaw), math.sin(yaw)
    ahead, right = known.offset
    return (
        number,
        known.kind,
        location.x + ahead * cos - right * sin,
        location.y + ahead * sin + right * cos,
        location.z,
        yaw,
        velocity.x,
        velocity.y,
        *known.extent,
    )
