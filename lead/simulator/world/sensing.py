"""Gives every listened-to sensor its view of the tick and collects the packets.

Rendering is the dear part, so it happens for sensors that are due and heard only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import rotation_matrices
from lead.simulator.rendering.scene import RayHits, View
from lead.simulator.sensors.base import Body, Collision, Picture, RaySensor, Sensor, SensorContext
from lead.simulator.sensors.cameras import Camera
from lead.simulator.sensors.events import CollisionSensor
from lead.simulator.world.actors import Actor
from lead.simulator.world.layout import ActorState
from lead.simulator.world.solids import solids_near

if TYPE_CHECKING:
    from lead.simulator.world.world import World

EventPacker = Callable[[Actor, int, int, object], bytes]
"""Packs an event: the sensor's parent, id and label of the other party (id 0: the level), payload."""

_LOOKING = (Camera, RaySensor)


class _Due(NamedTuple):
    """A sensor that speaks in this tick, and where it is."""

    actor: Actor
    sensor: Sensor
    location: NDArray[np.float64]
    rotation_deg: NDArray[np.float64]
    rotation: NDArray[np.float64]


class _Carrier(NamedTuple):
    """What carries sensors: the actor, its rotation (3, 3) and its angular velocity (3,), rad/s, world frame."""

    actor: Actor | None
    rotation: NDArray[np.float64] | None
    spin: NDArray[np.float64]


_Answers = dict[int, RayHits]
"""Hits of a tick by the identity of the bundle of rays, which its sensor keeps."""


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

    def measure(self, wanted: Callable[[int], bool], pack_event: EventPacker) -> Iterator[tuple[Actor, Body]]:
        """Packets of this frame from the sensors whose stream is ``wanted``."""
        collisions = self._collisions()
        speaking = [
            actor
            for actor in self._actors.values()
            # Scenarios watch dozens of cars for contacts; those without any must cost nothing.
            if (actor.parent_id in collisions or not isinstance(actor.sensor, CollisionSensor))
            and wanted(actor.stream_id)
            and self._speaks(actor)
        ]
        if not speaking:
            return
        due = self._placed(speaking)
        looking = [one for one in due if isinstance(one.sensor, _LOOKING)]
        if looking:
            self._world.renderer.prepare(self._world, np.stack([one.location[:2] for one in looking]))
        pictures = self._pictures([one for one in looking if isinstance(one.sensor, Camera)])
        answers: _Answers = {}
        carriers = {number: self._carrier(number) for number in {one.actor.parent_id for one in due}}
        contexts = {
            one.actor.id: self._context(
                one, carriers[one.actor.parent_id], collisions, pictures.get(one.actor.id), pack_event, answers
            )
            for one in due
        }
        self._cast(due, contexts, answers)
        for one in due:
            bodies = one.sensor.measure(contexts[one.actor.id])
            if bodies is None:
                continue
            for body in bodies if isinstance(bodies, list) else [bodies]:
                yield one.actor, body

    def _speaks(self, actor: Actor) -> bool:
        """Whether a sensor has something to say now.

        Sensors of dormant vehicles and walkers are silent, and cameras are while rendering is switched off.
        """
        world, sensor = self._world, actor.sensor
        if sensor is None or not sensor.is_due(world.elapsed_s):
            return False
        if isinstance(sensor, Camera) and world.settings.no_rendering:
            return False
        parent = world.actors.get(actor.parent_id)
        if parent is None or parent.table is None:
            return True
        return bool(parent.table.records["state"][parent.row] != ActorState.DORMANT)

    def _placed(self, actors: Sequence[Actor]) -> list[_Due]:
        """Where sensors are."""
        places, turns = [], []
        for actor in actors:
            assert actor.table is not None
            places.append(actor.table.column("position")[actor.row])
            turns.append(actor.table.column("rotation_deg")[actor.row])
        location, rotation_deg = np.array(places), np.array(turns)
        rotation = rotation_matrices(*rotation_deg.T)
        rows = zip(actors, location, rotation_deg, rotation, strict=True)
        return [_Due(actor, actor.sensor, *pose) for actor, *pose in rows if actor.sensor is not None]

    def _pictures(self, cameras: Sequence[_Due]) -> dict[int, Picture]:
        """What cameras see, by actor id."""
        if not cameras:
            return {}
        from lead.simulator.rendering.pictures import Request, share

        requests = []
        for one in cameras:
            assert isinstance(one.sensor, Camera)
            optics = one.sensor.optics
            view = View(one.location, one.rotation, optics.width_px, optics.height_px, optics.fov_deg)
            before = view
            if "flow" in one.sensor.needs:
                location, rotation = self._pose_before(one)
                before = replace(view, location=location, rotation=rotation)
            requests.append(Request(view, before, one.sensor.needs))
        pictures = share(self._world.renderer, requests)
        return {one.actor.id: picture for one, picture in zip(cameras, pictures, strict=True)}

    def _pose_before(self, one: _Due) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Location and rotation of a sensor one tick ago: with its parent if that moves, else where it is."""
        world = self._world
        carrier = world.actors.get(one.actor.parent_id)
        while carrier is not None and carrier.parent_id:
            carrier = world.actors.get(carrier.parent_id)
        if carrier is None or carrier.table is None:
            return one.location, one.rotation
        record = carrier.table.records[carrier.row]
        angle = -np.radians(float(record["angular_velocity_deg"][2])) * world.delta_s
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
        center = record["location"].astype(np.float64)
        way = record["velocity"].astype(np.float64) * world.delta_s
        return turn @ (one.location - center) + center - way, turn @ one.rotation

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

    def _carrier(self, actor_id: int) -> _Carrier:
        """What sensors are told of the actor that carries them; the same for all of its sensors."""
        parent = self._world.actors.get(actor_id)
        if parent is None or parent.table is None:
            return _Carrier(parent, None, np.zeros(3))
        record = parent.table.records[parent.row]
        rotation = rotation_matrices(*record["rotation_deg"].astype(np.float64))
        return _Carrier(parent, rotation, np.radians(record["angular_velocity_deg"].astype(np.float64)))

    def _context(
        self,
        one: _Due,
        carrier: _Carrier,
        collisions: dict[int, list[Collision]],
        picture: Picture | None,
        pack_event: EventPacker,
        answers: _Answers,
    ) -> SensorContext:
        world, actor = self._world, one.actor
        assert actor.table is not None
        record = actor.table.records[actor.row]
        return SensorContext(
            frame=world.frame,
            time_s=world.elapsed_s,
            dt_s=world.delta_s,
            location=one.location,
            rotation_deg=one.rotation_deg,
            rotation=one.rotation,
            velocity=record["velocity"].astype(np.float64),
            parent_id=actor.parent_id,
            parent_rotation=carrier.rotation,
            parent_angular_velocity=carrier.spin,
            geo_reference=(world.town.latitude_deg, world.town.longitude_deg),
            gravity_mps2=world.imu_gravity_mps2,
            collisions=collisions.get(actor.parent_id, ()),
            cast=lambda bundle: answers[id(bundle)],
            velocity_of=self._velocity_of,
            solids=partial(solids_near, world, one.location),
            event_body=partial(pack_event, carrier.actor if carrier.actor is not None else actor),
            picture=picture,
        )

    def _cast(self, due: Sequence[_Due], contexts: dict[int, SensorContext], answers: _Answers) -> None:
        """Let all sensors that cast rays aim, cast the rays together, and keep what each of the bundles hit."""
        aimed = [
            bundle
            for one in due
            if isinstance(one.sensor, RaySensor)
            if (bundle := one.sensor.aim(contexts[one.actor.id])) is not None
        ]
        if aimed:
            answers.update(zip(map(id, aimed), self._world.renderer.cast(aimed), strict=True))

    def _velocity_of(self, instance: NDArray[np.int32]) -> NDArray[np.float64]:
        velocity = np.zeros((len(instance), 3))
        moving = instance >= 0
        velocity[moving] = self._world.renderer.instances.velocity[instance[moving]]
        return velocity
