"""Gives every listened-to sensor its view of the tick and collects the packets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import rotation_matrices
from lead.simulator.rendering.interim import SceneView
from lead.simulator.sensors.base import Collision, SensorContext
from lead.simulator.world.actors import Actor, ActorKind
from lead.simulator.world.layout import ActorState

if TYPE_CHECKING:
    from lead.simulator.world.world import World

EventPacker = Callable[[Actor, int, int, object], bytes]
"""Packs an event: the sensor's parent, id and label of the other party (id 0: the level), payload."""


class SensorSuite:
    """All sensors of an episode that send packets, in order of their ids.

    Args:
        world: The world they look at.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._actors: dict[int, Actor] = {}

    def add(self, actor: Actor) -> None:
        """Register a sensor actor."""
        self._actors[actor.id] = actor

    def remove(self, actor: Actor) -> None:
        """Forget an actor; unknown ones are fine."""
        self._actors.pop(actor.id, None)

    def measure(self, wanted: Callable[[int], bool], pack_event: EventPacker) -> Iterator[tuple[Actor, bytes]]:
        """Packets of this frame from the sensors whose stream is ``wanted``."""
        listening = [actor for actor in self._actors.values() if wanted(actor.stream_id)]
        if not listening:
            return
        collisions = self._collisions()
        for actor in listening:
            if actor.sensor is None or self._parent_sleeps(actor):
                continue
            bodies = actor.sensor.measure(self._context(actor, collisions, pack_event))
            if bodies is None:
                continue
            for body in [bodies] if isinstance(bodies, bytes) else bodies:
                yield actor, body

    def _parent_sleeps(self, actor: Actor) -> bool:
        """True on a dormant vehicle or walker, whose sensors are silent."""
        parent = self._world.actors.get(actor.parent_id)
        if parent is None or parent.table is None:
            return False
        return bool(parent.table.records["state"][parent.row] == ActorState.DORMANT)

    def _collisions(self) -> dict[int, list[Collision]]:
        """This tick's contacts by actor id."""
        labels = self._world.scene.boxes["label"]
        found: dict[int, list[Collision]] = {}
        for event in self._world.collision_events:
            if event.other is None:
                collision = Collision(0, int(labels[event.level_box]), event.impulse)
            else:
                collision = Collision(event.other.id, event.other.semantic_tag, event.impulse)
            found.setdefault(event.actor.id, []).append(collision)
        return found

    def _context(self, actor: Actor, collisions: dict[int, list[Collision]], pack_event: EventPacker) -> SensorContext:
        world = self._world
        assert actor.table is not None
        record = actor.table.records[actor.row]
        location = actor.table.column("position")[actor.row].copy()
        rotation_deg = actor.table.column("rotation_deg")[actor.row].copy()
        parent = world.actors.get(actor.parent_id)
        parent_rotation, parent_spin = None, np.zeros(3)
        if parent is not None and parent.table is not None:
            parent_record = parent.table.records[parent.row]
            parent_rotation = rotation_matrices(*parent_record["rotation_deg"].astype(np.float64))
            parent_spin = np.radians(parent_record["angular_velocity_deg"].astype(np.float64))
        return SensorContext(
            frame=world.frame,
            time_s=world.elapsed_s,
            dt_s=world.delta_s,
            location=location,
            rotation_deg=rotation_deg,
            rotation=rotation_matrices(*rotation_deg),
            velocity=record["velocity"].astype(np.float64),
            parent_id=actor.parent_id,
            parent_rotation=parent_rotation,
            parent_angular_velocity=parent_spin,
            geo_reference=(world.town.latitude_deg, world.town.longitude_deg),
            gravity_mps2=world.imu_gravity_mps2,
            collisions=collisions.get(actor.parent_id, ()),
            scene=partial(self._scene, location),
            event_body=partial(pack_event, parent if parent is not None else actor),
        )

    def _scene(self, location: NDArray[np.float64], radius_m: float) -> SceneView:
        """Ground plane and boxes within ``radius_m`` of a point."""
        world = self._world
        ground = world.ground.query(location[None])
        parts = [_actor_boxes(world, kind) for kind in (ActorKind.VEHICLE, ActorKind.WALKER, ActorKind.PROP)]
        parts.append(_level_boxes(world))
        center, yaw, half, ids, labels, velocity = (np.concatenate(column) for column in zip(*parts, strict=True))
        near = np.linalg.norm(center - location, axis=1) < radius_m + np.linalg.norm(half, axis=1)
        return SceneView(
            ground_z=float(ground.z[0]),
            grade_x=float(ground.grade_x[0]),
            grade_y=float(ground.grade_y[0]),
            center=center[near],
            yaw=yaw[near],
            half=half[near],
            actor_id=ids[near],
            label=labels[near],
            velocity=velocity[near],
        )


_Boxes = tuple[NDArray[Any], ...]


def _actor_boxes(world: World, kind: ActorKind) -> _Boxes:
    """Boxes of one kind of actor: centre, yaw, half sizes, ids, labels, velocities."""
    table = {
        ActorKind.VEHICLE: world.fleet.table,
        ActorKind.WALKER: world.crowd.table,
        ActorKind.PROP: world.props.table,
    }[kind]
    actors = [actor for actor in table.actors if actor.kind == kind]
    rows = np.array([actor.row for actor in actors], np.int64)
    records = table.records[rows]
    rotation = rotation_matrices(*records["rotation_deg"].astype(np.float64).T)
    local = np.array([actor.box_center for actor in actors], np.float64).reshape(-1, 3)
    center = records["location"].astype(np.float64) + (rotation @ local[..., None])[..., 0]
    return (
        center,
        np.radians(records["rotation_deg"][:, 1].astype(np.float64)),
        np.array([actor.extent for actor in actors], np.float64).reshape(-1, 3),
        records["id"].astype(np.int64),
        np.array([actor.semantic_tag for actor in actors], np.uint8),
        records["velocity"].astype(np.float64),
    )


def _level_boxes(world: World) -> _Boxes:
    boxes, level, shown = world.scene.boxes, world.level, np.flatnonzero(world.present)
    return (
        np.column_stack([level.center, level.z])[shown],
        level.yaw[shown],
        np.column_stack([level.half, level.half_z])[shown],
        np.zeros(len(shown), np.int64),
        boxes["label"][shown].astype(np.uint8),
        np.zeros((len(shown), 3)),
    )
