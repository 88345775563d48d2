"""Writes what happens in a world to a file, one frame per tick.

A frame costs little more than copies of the snapshot records; they are packed and written a block at a time. A block
ends early when actors come or go, because all its frames describe the same moving actors.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from lead.simulator.recorder.format import Event, Header, Motion, write_frames, write_header
from lead.simulator.recorder.lights import LightNotes
from lead.simulator.recorder.motion import PLAIN, VEHICLE, WALKER
from lead.simulator.world.actors import Actor, ActorKind
from lead.simulator.world.layout import PLAIN_RECORD, VEHICLE_RECORD, WALKER_RECORD
from lead.simulator.world.world import World

BLOCK_FRAMES = 40
_LEVEL_KINDS = (ActorKind.SPECTATOR, ActorKind.TRAFFIC_LIGHT, ActorKind.TRAFFIC_SIGN)

Array = NDArray[np.float64]
_Attachment = tuple[int, tuple[float, float, float], tuple[float, float, float]]


@dataclass(frozen=True)
class AdditionalData:
    """What is recorded only when asked for.

    Attributes:
        physics_of: A vehicle's VehiclePhysicsControl in wire form.
        physics_changes: Physics controls that clients applied, by actor id; entries are replaced, never edited.
    """

    physics_of: Callable[[Actor], list[object]]
    physics_changes: Mapping[int, list[object]]


def opendrive_digest(opendrive: str) -> str:
    """SHA-256 of a map's OpenDRIVE text, hexadecimal."""
    return hashlib.sha256(opendrive.encode()).hexdigest()


@dataclass
class _Frame:
    """Copies of one frame's records: vehicles with lights and doors, walkers, unattached plain actors."""

    time_s: float
    events: list[Event]
    vehicles: bytes
    lamps: list[int]
    doors: list[int]
    walkers: bytes
    plain: bytes


class Recorder:
    """One recording in progress; the first frame is the world as it is now.

    Args:
        world: World to record.
        path: File to write; its folder must exist.
        additional: Source of additional data, None to leave them out.

    Raises:
        OSError: If the file cannot be written.
    """

    def __init__(self, world: World, path: Path, additional: AdditionalData | None = None) -> None:
        self.path = path
        self._world = world
        self._additional = additional
        self._start_s = world.elapsed_s
        self._frames: list[_Frame] = []
        self._known: dict[int, Actor] = {}
        self._attached: dict[int, _Attachment] = {}
        self._generations: tuple[int, ...] = ()
        self._plain_rows = np.zeros(0, np.int64)
        self._weather: object = None
        self._lights = LightNotes(world.lights)
        self._last_s = 0.0
        self._physics: dict[int, list[object]] = {}
        self._file: BinaryIO = path.open("wb")
        write_header(self._file, self._header())
        self.record()

    def _header(self) -> Header:
        world = self._world
        signals = []
        for table in (world.lights.table, world.signs):
            for actor, place in zip(table.actors, table.records["location"].tolist(), strict=True):
                signals.append([actor.id, actor.type_id, *place])
        return Header(
            town=world.town.name,
            digest=opendrive_digest(world.town.opendrive),
            carla_version=world.version,
            date=datetime.now().astimezone().isoformat(timespec="seconds"),
            additional=self._additional is not None,
            spectator_id=world.spectator.id,
            signals=sorted(signals),
        )

    def record(self) -> None:
        """Add the world's present state as a frame; call it after every tick.

        Raises:
            OSError: If the file cannot be written.
        """
        world = self._world
        tables = (world.fleet.table, world.crowd.table, world.props.table)
        generations = tuple(table.generation for table in tables)
        events: list[Event] = []
        if generations != self._generations:
            self.flush()
            self._generations = generations
            self._note_actors(events)
        else:
            self._note_attachments(events)
        self._last_s, before_s = world.elapsed_s - self._start_s, self._last_s
        events += self._lights.changes(self._last_s - before_s)
        self._note_collisions(events)
        self._note_physics(events)
        if world.weather != self._weather:
            self._weather = world.weather
            events.append(["weather", *world.weather.to_wire()])
        cars = world.fleet.table.actors
        self._frames.append(
            _Frame(
                time_s=self._last_s,
                events=events,
                vehicles=world.fleet.table.records.tobytes(),
                lamps=[actor.light_flags for actor in cars],
                doors=[actor.open_doors for actor in cars],
                walkers=world.crowd.table.records.tobytes(),
                plain=world.props.table.records[self._plain_rows].tobytes(),
            )
        )
        if len(self._frames) >= BLOCK_FRAMES:
            self.flush()

    def close(self) -> None:
        """Write what is left and close the file.

        Raises:
            OSError: If the file cannot be written.
        """
        with self._file:
            self.flush()

    # -- events ----------------------------------------------------------------------------------------------------

    def _note_actors(self, events: list[Event]) -> None:
        """Actors that came and went since the last frame, in order of their ids."""
        world = self._world
        gone = sorted(key for key, actor in self._known.items() if world.actors.get(key) is not actor)
        for key in gone:
            events.append(["destroy", key])
            del self._known[key]
            self._attached.pop(key, None)
        for key in sorted(world.actors.keys() - self._known.keys()):
            self._note_spawn(events, world.actors[key])
        props = world.props.table
        self._plain_rows = np.array([actor.row for actor in props.actors if not actor.parent_id], np.int64)
        self._attached = {actor.id: _attachment(actor) for actor in props.actors if actor.parent_id}

    def _note_spawn(self, events: list[Event], actor: Actor) -> None:
        self._known[actor.id] = actor
        if self._additional is not None and (any(actor.extent) or any(actor.box_center)):
            box = [list(actor.box_center), list(actor.extent), actor.box_yaw_deg]
            events.append(["box", actor.id, *box])
        if actor.kind in _LEVEL_KINDS or actor.table is None:
            return
        record = actor.table.records[actor.row]
        location, rotation = record["location"].tolist(), record["rotation_deg"].tolist()
        if actor.parent_id and actor.table is self._world.props.table:
            location, rotation = list(actor.relative_location), list(actor.relative_rotation_deg)
        attributes = [list(item) for item in actor.attributes.items()]
        attachment = int(actor.attachment)
        events.append(["spawn", actor.id, actor.type_id, attributes, location, rotation, actor.parent_id, attachment])
        if self._additional is not None and actor.kind == ActorKind.VEHICLE:
            events.append(["physics", actor.id, self._additional.physics_of(actor)])

    def _note_attachments(self, events: list[Event]) -> None:
        """Attached actors that were moved within their parents' frames."""
        for key, known in self._attached.items():
            now = _attachment(self._known[key])
            if now != known:
                self._attached[key] = now
                events.append(["mount", key, list(now[1]), list(now[2])])

    def _note_collisions(self, events: list[Event]) -> None:
        """Each touching pair of this tick once, with its strongest impulse; the level has id 0."""
        found: dict[tuple[int, int, int], float] = {}
        labels = self._world.scene.boxes["label"]
        for event in self._world.collision_events if self._frames or self._last_s else ():
            other, label = (event.other.id, 0) if event.other else (0, int(labels[event.level_box]))
            if other and other < event.actor.id:
                continue
            pair = (event.actor.id, other, label)
            found[pair] = max(found.get(pair, 0.0), math.hypot(*event.impulse))
        events += [["collide", *pair, impulse] for pair, impulse in found.items()]

    def _note_physics(self, events: list[Event]) -> None:
        """Physics controls that were applied since the last frame."""
        if self._additional is None:
            return
        for key, control in self._additional.physics_changes.items():
            if self._physics.get(key) is not control:
                self._physics[key] = control
                events.append(["physics", key, control])

    # -- blocks ----------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Pack and write the frames that are waiting.

        Raises:
            OSError: If the file cannot be written.
        """
        frames = self._frames
        if not frames:
            return
        self._frames = []
        times_s = np.array([frame.time_s for frame in frames])
        cars = _stacked([frame.vehicles for frame in frames], VEHICLE_RECORD)
        walkers = _stacked([frame.walkers for frame in frames], WALKER_RECORD)
        plain = _stacked([frame.plain for frame in frames], PLAIN_RECORD)
        extras = np.array([[frame.lamps, frame.doors] for frame in frames], np.float64).transpose(0, 2, 1)
        moving = {
            VEHICLE: Motion(cars["id"][0], _vehicle_states(cars, extras)),
            WALKER: Motion(walkers["id"][0], _walker_states(walkers)),
            PLAIN: Motion(plain["id"][0], np.concatenate([plain["location"], plain["rotation_deg"]], axis=2)),
        }
        write_frames(self._file, times_s, [frame.events for frame in frames], moving)


def _stacked(frames: list[bytes], record: np.dtype[np.void]) -> NDArray[np.void]:
    """Records (frames, actors) from their bytes."""
    return np.frombuffer(b"".join(frames), record).reshape(len(frames), -1)


def _attachment(actor: Actor) -> _Attachment:
    return actor.parent_id, actor.relative_location, actor.relative_rotation_deg


def _vehicle_states(records: NDArray[np.void], extras: Array) -> Array:
    """Channels of vehicles from (frames, actors) records and (frames, actors, 2) lamps and doors."""
    control = records["control"]
    switches = (
        (control["hand_brake"] != 0) + 2.0 * (control["reverse"] != 0) + 4.0 * (control["manual_gear_shift"] != 0)
    )
    single = [control["throttle"], control["steer"], control["brake"], switches, control["gear"]]
    vectors = [records[name] for name in ("location", "rotation_deg", "velocity", "angular_velocity_deg")]
    return np.concatenate([*vectors, np.stack(single, axis=2), extras], axis=2, dtype=np.float64)


def _walker_states(records: NDArray[np.void]) -> Array:
    vectors = [records[name] for name in ("location", "rotation_deg", "velocity", "direction")]
    return np.concatenate([*vectors, records["speed"][:, :, None]], axis=2, dtype=np.float64)
