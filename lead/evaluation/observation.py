"""One reading of the world per tick, as arrays, shared by criteria, agents and drawings.

Asking every actor in Python is the slowest part of an episode, so it happens once per tick and only here. What does
not change about an actor (kind, box, role) is asked once, when its id appears.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum

import carla
import numpy as np
from numpy.typing import NDArray

REFRESH_TICKS = 20
"""The list of actors is read anew at least this often (and whenever the number of actors changes)."""
SHOWN_HEIGHT_M = 50.0
"""Pictures show what is at most so far above or below the ego: scenarios keep actors 100 m and more under the road."""
BACKGROUND_ROLE = "background"
"""Role name of the traffic that the ego's speed is compared with."""


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

_KIND_PREFIXES = (
    ("vehicle.", ActorKind.VEHICLE),
    ("walker.", ActorKind.WALKER),
    ("static.prop.", ActorKind.PROP),
)


def _zeros() -> NDArray[np.float64]:
    return np.zeros(3)


@dataclass(frozen=True)
class EgoState:
    """Pose and motion of the ego vehicle; the defaults stand for a level vehicle without vertical motion.

    Attributes:
        location: (3,) float64 actor location, world frame, metres.
        yaw_rad: Heading.
        speed_mps: Length of the velocity vector.
        extent: (3,) float64 half sizes of the box, metres.
        pitch_rad: Rise of the nose.
        velocity: (3,) float64, world frame, m/s.
    """

    location: NDArray[np.float64]
    yaw_rad: float
    speed_mps: float
    extent: NDArray[np.float64]
    pitch_rad: float = 0.0
    velocity: NDArray[np.float64] = field(default_factory=_zeros)

    @property
    def planar_speed_mps(self) -> float:
        """Horizontal speed; the official criteria ignore vertical motion."""
        return math.hypot(self.velocity[0], self.velocity[1])

    @property
    def forward(self) -> NDArray[np.float64]:
        """(3,) unit vector to the front, world frame."""
        level = math.cos(self.pitch_rad)
        return np.array(
            [level * math.cos(self.yaw_rad), level * math.sin(self.yaw_rad), math.sin(self.pitch_rad)],
            dtype=np.float64,
        )

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
        background_speed_mps: Mean horizontal speed of the vehicles with the role :data:`BACKGROUND_ROLE`; None if
            there are none.
    """

    frame: int
    time_s: float
    ego: EgoState
    actors: NDArray[np.void]
    background_speed_mps: float | None = None

    @property
    def shown_actors(self) -> NDArray[np.void]:
        """The actors that pictures and logs show: not those that scenarios still hide far below the road."""
        shown: NDArray[np.void] = self.actors[np.abs(self.actors["z"] - self.ego.location[2]) < SHOWN_HEIGHT_M]
        return shown


@dataclass(frozen=True)
class _Known:
    """What does not change about an actor."""

    kind: ActorKind
    extent: tuple[float, float]
    offset: tuple[float, float]
    is_background: bool


class WorldObserver:
    """Reads the world once per tick.

    Attributes:
        latest: The last observation.
    """

    def __init__(self, world: carla.World, ego: carla.Vehicle) -> None:
        """Start observing; the world must have ticked once since the ego was spawned."""
        self._world = world
        self._ego = ego
        self._ego_id = int(ego.id)
        extent = ego.bounding_box.extent
        self._ego_extent = np.array([extent.x, extent.y, extent.z], dtype=np.float64)
        self._known: dict[int, _Known | None] = {}
        self._alive: list[int] = []
        self._rows = np.empty(0, dtype=ACTOR_DTYPE)
        self._offset = np.empty((0, 2))
        self._is_background = np.empty(0, dtype=np.bool_)
        self._actor_count = -1
        self._ticks = 0
        self._start_time_s = world.get_snapshot().timestamp.elapsed_seconds
        self.latest = self.read()

    def read(self) -> Observation:
        """Read the current snapshot.

        Raises:
            RuntimeError: If the ego vehicle is gone.
        """
        snapshot = self._world.get_snapshot()
        if len(snapshot) != self._actor_count or self._ticks % REFRESH_TICKS == 0:
            self._refresh(snapshot)
        self._ticks += 1
        actors, background_speed_mps = self._read_actors(snapshot)
        self.latest = Observation(
            frame=snapshot.frame,
            time_s=snapshot.timestamp.elapsed_seconds - self._start_time_s,
            ego=self._read_ego(snapshot),
            actors=actors,
            background_speed_mps=background_speed_mps,
        )
        return self.latest

    def _read_ego(self, snapshot: carla.WorldSnapshot) -> EgoState:
        actor = snapshot.find(self._ego_id)
        if actor is None:
            raise RuntimeError("the ego vehicle disappeared from the simulation")
        transform = actor.get_transform()
        location, rotation = transform.location, transform.rotation
        velocity = _vector(actor.get_velocity())
        return EgoState(
            location=np.array([location.x, location.y, location.z], dtype=np.float64),
            yaw_rad=math.radians(rotation.yaw),
            speed_mps=math.sqrt(float(velocity @ velocity)),
            extent=self._ego_extent,
            pitch_rad=math.radians(rotation.pitch),
            velocity=velocity,
        )

    def _read_actors(self, snapshot: carla.WorldSnapshot) -> tuple[NDArray[np.void], float | None]:
        """Return the actors' rows and the mean speed of the background traffic."""
        found = [snapshot.find(number) for number in self._alive]
        rows, offset, is_background = self._rows, self._offset, self._is_background
        if None in found:
            present = np.array([actor is not None for actor in found], dtype=np.bool_)
            rows, offset, is_background = rows[present], offset[present], is_background[present]
        if not len(rows):
            return rows.copy(), None
        motion = np.array([_motion(actor) for actor in found if actor is not None], dtype=np.float64)
        actors = rows.copy()
        yaw = actors["yaw"] = np.radians(motion[:, 3])
        cos, sin = np.cos(yaw), np.sin(yaw)
        actors["x"] = motion[:, 0] + offset[:, 0] * cos - offset[:, 1] * sin
        actors["y"] = motion[:, 1] + offset[:, 0] * sin + offset[:, 1] * cos
        actors["z"], actors["vx"], actors["vy"] = motion[:, 2], motion[:, 4], motion[:, 5]
        if not is_background.any():
            return actors, None
        return actors, float(np.hypot(motion[is_background, 4], motion[is_background, 5]).mean())

    def _refresh(self, snapshot: carla.WorldSnapshot) -> None:
        """Learn about actors that appeared, and prepare the constant columns of the rows."""
        self._actor_count = len(snapshot)
        present = sorted(int(actor.id) for actor in snapshot)
        unknown = [number for number in present if number not in self._known]
        if unknown:
            self._known.update((int(actor.id), self._learn(actor)) for actor in self._world.get_actors(unknown))
        alive = [(number, known) for number in present if (known := self._known.get(number)) is not None]
        self._alive = [number for number, _ in alive]
        self._rows = np.zeros(len(alive), dtype=ACTOR_DTYPE)
        self._rows["id"] = self._alive
        self._rows["kind"] = [known.kind for _, known in alive]
        extent = np.array([known.extent for _, known in alive], dtype=np.float64).reshape(-1, 2)
        self._rows["extent_x"], self._rows["extent_y"] = extent.T
        self._offset = np.array([known.offset for _, known in alive], dtype=np.float64).reshape(-1, 2)
        self._is_background = np.array([known.is_background for _, known in alive], dtype=np.bool_)

    def _learn(self, actor: carla.Actor) -> _Known | None:
        """Ask for what does not change about an actor; None for actors that are of no interest."""
        type_id = str(actor.type_id)
        kind = next((kind for prefix, kind in _KIND_PREFIXES if type_id.startswith(prefix)), None)
        if kind is None or int(actor.id) == self._ego_id:
            return None
        box = actor.bounding_box
        return _Known(
            kind=kind,
            extent=(box.extent.x, box.extent.y),
            offset=(box.location.x, box.location.y),
            is_background=kind is ActorKind.VEHICLE and actor.attributes.get("role_name") == BACKGROUND_ROLE,
        )


def _vector(vector: carla.Vector3D) -> NDArray[np.float64]:
    return np.array([vector.x, vector.y, vector.z], dtype=np.float64)


def _motion(actor: carla.ActorSnapshot) -> tuple[float, float, float, float, float, float]:
    """Return x, y, z (metres), yaw (degrees), vx and vy (m/s) of an actor."""
    transform, velocity = actor.get_transform(), actor.get_velocity()
    location = transform.location
    return location.x, location.y, location.z, transform.rotation.yaw, velocity.x, velocity.y
