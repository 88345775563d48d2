"""From the actors of a tick to instances and lights: which body where, in which colour, with which lamps lit.

Everything is a function of the world's state alone, the poses of the tick before included, which follow from the
velocities; so it does not matter in which ticks somebody looked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import rotation_matrices
from lead.simulator.rendering.lamps import collect_lights, vehicle_states
from lead.simulator.rendering.scene import Instances, Lights
from lead.simulator.scenery.bodies import catalogue
from lead.simulator.scenery.materials import LampChannel
from lead.simulator.scenery.mesh import Mesh
from lead.simulator.scenery.signals import housing_mesh
from lead.simulator.world.actors import Actor, ActorKind
from lead.simulator.world.layout import ActorState, LightState
from lead.simulator.world.skeleton import STRIDE_PER_HEIGHT
from lead.simulator.world.tables import RecordTable

if TYPE_CHECKING:
    from lead.simulator.world.world import World

Array = NDArray[np.float64]

_STANDING_MPS = 0.05
_HOUSING: catalogue.Key = ("traffic light", 0)
_HEAD_STATES = np.zeros(256, np.uint32)
_HEAD_STATES[LightState.RED] = 1 << LampChannel.SIGNAL_RED
_HEAD_STATES[LightState.YELLOW] = 1 << LampChannel.SIGNAL_YELLOW
_HEAD_STATES[LightState.GREEN] = 1 << LampChannel.SIGNAL_GREEN


class SceneComposer:
    """Turns worlds into what a back end draws.

    Args:
        add_prototype: Takes a mesh and gives its number, as `Backend.add_prototype` does.
    """

    def __init__(self, add_prototype: Callable[[Mesh], int]) -> None:
        self._add_prototype = add_prototype
        self._prototypes: dict[catalogue.Key, int] = {}
        self._tints: dict[tuple[str, str], tuple[float, float, float]] = {}

    def compose(self, world: World, near_xy: Array, radius_m: float) -> tuple[Instances, Lights]:
        """Everything that moves or changes near some points.

        Args:
            world: After a tick.
            near_xy: float64 (k, 2), metres.
            radius_m: What is farther from all points is left out.
        """
        tables = (
            (world.fleet.table, self._vehicle_looks),
            (world.crowd.table, self._walker_looks),
            (world.props.table, self._prop_looks),
        )
        parts = [self._part(world, table, looks, near_xy, radius_m) for table, looks in tables]
        parts.append(self._heads(world, near_xy, radius_m))
        names = tuple(vars(parts[0]))
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return Instances(**joined), collect_lights(world, near_xy)

    def _part(
        self,
        world: World,
        table: RecordTable,
        looks: Callable[[World, list[Actor]], tuple[list[int], NDArray[np.uint32]]],
        near_xy: Array,
        radius_m: float,
    ) -> Instances:
        """Instances of one table."""
        records = table.records
        location = records["location"].astype(np.float64)
        shown = is_near(location[:, :2], near_xy, radius_m) & (records["state"] == ActorState.ACTIVE)
        rows = np.array([row for row in np.flatnonzero(shown).tolist() if _has_body(table.actors[row])], np.int64)
        if not len(rows):
            return Instances()
        actors = [table.actors[row] for row in rows.tolist()]
        prototypes, state = looks(world, actors)
        chosen = records[rows]
        rotation = rotation_matrices(*chosen["rotation_deg"].astype(np.float64).T)
        velocity = chosen["velocity"].astype(np.float64)
        spin = np.radians(chosen["angular_velocity_deg"][:, 2].astype(np.float64))
        before = turned_about_z(rotation, -spin * world.delta_s)
        return Instances(
            prototype=np.array(prototypes, np.int32),
            transform=_poses(rotation, location[rows]),
            previous=_poses(before, location[rows] - velocity * world.delta_s),
            tint=np.array([self._tint(actor) for actor in actors], np.float32),
            state=state,
            actor_id=chosen["id"].astype(np.uint32),
            velocity=velocity.astype(np.float32),
        )

    def _vehicle_looks(self, world: World, actors: list[Actor]) -> tuple[list[int], NDArray[np.uint32]]:
        prototypes = [self._prototype(catalogue.vehicle_key(actor), catalogue.vehicle_mesh, actor) for actor in actors]
        return prototypes, vehicle_states(world, actors)

    def _walker_looks(self, world: World, actors: list[Actor]) -> tuple[list[int], NDArray[np.uint32]]:
        crowd = world.crowd.table
        rows = np.array([actor.row for actor in actors], np.int64)
        height = 2.0 * np.array([actor.extent[2] for actor in actors])
        speed = np.linalg.norm(crowd.records["velocity"][rows, :2], axis=1)
        phases = catalogue.GAIT_PHASES
        way = crowd.column("way")[rows] / (STRIDE_PER_HEIGHT * height)
        phase = np.where(speed < _STANDING_MPS, phases, np.rint(way * phases).astype(np.int64) % phases)
        prototypes = [
            self._prototype((actor.type_id, key), partial(catalogue.walker_mesh, phase=key), actor)
            for actor, key in zip(actors, phase.tolist(), strict=True)
        ]
        return prototypes, np.zeros(len(actors), np.uint32)

    def _prop_looks(self, world: World, actors: list[Actor]) -> tuple[list[int], NDArray[np.uint32]]:
        prototypes = [self._prototype(catalogue.prop_key(actor), catalogue.prop_mesh, actor) for actor in actors]
        lit = np.uint32(1 << LampChannel.SPECIAL_1 if _blink_on(world.elapsed_s) else 0)
        return prototypes, np.full(len(actors), lit, np.uint32)

    def _prototype(self, key: catalogue.Key, make: Callable[[Actor], Mesh], actor: Actor) -> int:
        if key not in self._prototypes:
            self._prototypes[key] = self._add_prototype(make(actor))
        return self._prototypes[key]

    def _tint(self, actor: Actor) -> tuple[float, float, float]:
        key = actor.type_id, actor.attributes.get("color", actor.attributes.get("mesh_path", ""))
        if key not in self._tints:
            self._tints[key] = catalogue.tint_of(actor.type_id, actor.attributes)
        return self._tints[key]

    def _heads(self, world: World, near_xy: Array, radius_m: float) -> Instances:
        """Heads of the traffic lights; each belongs to the actor of its light."""
        heads, level = world.scene.heads, world.scene
        place = np.stack([heads["x"], heads["y"], heads["z"]], axis=1)
        shown = is_near(place[:, :2], near_xy, radius_m) & world.present[level.first_signal + heads["signal"]]
        heads, place = heads[shown], place[shown]
        if not len(heads):
            return Instances()
        if _HOUSING not in self._prototypes:
            self._prototypes[_HOUSING] = self._add_prototype(housing_mesh())
        records = world.lights.table.records[world.lights.light_of_signal[heads["signal"]]]
        cos, sin = np.cos(heads["yaw"]), np.sin(heads["yaw"])
        rotation = np.zeros((len(heads), 3, 3))
        rotation[:, 0, 0], rotation[:, 0, 1] = cos, -sin
        rotation[:, 1, 0], rotation[:, 1, 1] = sin, cos
        rotation[:, 2, 2] = 1.0
        poses = _poses(rotation, place)
        return Instances(
            prototype=np.full(len(heads), self._prototypes[_HOUSING], np.int32),
            transform=poses,
            previous=poses,
            tint=np.ones((len(heads), 3), np.float32),
            state=_HEAD_STATES[records["light"]],
            actor_id=records["id"].astype(np.uint32),
            velocity=np.zeros((len(heads), 3), np.float32),
        )


def is_near(places_xy: Array, near_xy: Array, radius_m: float) -> NDArray[np.bool_]:
    """Which places (n, 2) lie within a radius of one of some points (k, 2); bool (n,)."""
    near = np.zeros(len(places_xy), bool)
    for point in near_xy:
        near |= ((places_xy - point) ** 2).sum(axis=1) < radius_m * radius_m
    return near


def turned_about_z(rotation: Array, angle_rad: Array) -> Array:
    """Rotations (n, 3, 3) turned about the world's vertical axis by angles (n,)."""
    cos, sin = np.cos(angle_rad)[:, None], np.sin(angle_rad)[:, None]
    turned = np.array(rotation)
    turned[:, 0] = cos * rotation[:, 0] - sin * rotation[:, 1]
    turned[:, 1] = sin * rotation[:, 0] + cos * rotation[:, 1]
    return turned


def _poses(rotation: Array, location: Array) -> NDArray[np.float32]:
    poses: NDArray[Any] = np.zeros((len(location), 4, 4), np.float32)
    poses[:, :3, :3] = rotation
    poses[:, :3, 3] = location
    poses[:, 3, 3] = 1.0
    return poses


def _has_body(actor: Actor) -> bool:
    """Whether there is anything to see: sensors, controllers and triggers have no box."""
    return actor.kind != ActorKind.SENSOR and actor.kind != ActorKind.SPECTATOR and max(actor.extent) > 0.0


def _blink_on(time_s: float) -> bool:
    """State of a warning lamp that flashes once a second."""
    return time_s % 1.0 < 0.5
