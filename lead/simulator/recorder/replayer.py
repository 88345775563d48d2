"""Plays a recording back into a world: its actors come, move and go as they did, its lights and weather change.

The recording decides where replayed actors are; their physics rests meanwhile. Everything else in the world, such as
actors that clients spawn, goes on as usual.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import compose
from lead.simulator.recorder import motion, puppets
from lead.simulator.recorder.cursor import TIME_SLACK_S, Cursor, all_events
from lead.simulator.recorder.format import Event, RecordingError, RecordingReader
from lead.simulator.recorder.lights import LightReplay
from lead.simulator.world.actors import Actor, ActorKind, AttachmentType, WorldError
from lead.simulator.world.weather import WeatherParameters
from lead.simulator.world.world import World

CHASE_LOCATION_M = (-10.0, 0.0, 5.0)
CHASE_ROTATION_DEG = (-25.0, 0.0, 0.0)
_HERO = "hero"
_NONSENSE = (WorldError, ValueError, TypeError, IndexError, KeyError, OverflowError)
"""What events raise that no recorder of ours wrote."""

_Pose = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class ReplayOptions:
    """How to replay.

    Attributes:
        start_s: Where to begin; negative counts from the end.
        duration_s: How much to replay, 0 for all.
        follow_id: Recorded id of the actor that the spectator follows, 0 for none.
        follow_pose: Location (3,) and rotation (3,) of the spectator in that actor's frame; None: behind and above.
        sensors: Whether sensors are spawned too.
        ignore_hero: Leave recorded heroes out; a live hero stays under its client's control.
        ignore_spectator: Leave the spectator where it is instead of moving it as recorded.
    """

    start_s: float = 0.0
    duration_s: float = 0.0
    follow_id: int = 0
    follow_pose: _Pose | None = None
    sensors: bool = False
    ignore_hero: bool = False
    ignore_spectator: bool = True


class Replayer:
    """One replay in progress; the world shows its first moment as soon as this exists.

    Args:
        world: World to replay into; it must be in the recording's map.
        reader: The recording.
        options: How to replay.
        apply_physics: Gives a vehicle a recorded physics control (wire form).

    Raises:
        RecordingError: If the recording is damaged.
    """

    def __init__(
        self,
        world: World,
        reader: RecordingReader,
        options: ReplayOptions,
        apply_physics: Callable[[Actor, list[object]], None],
    ) -> None:
        self._world = world
        self._options = options
        self._apply_physics = apply_physics
        total_s = reader.duration_s
        start_s = total_s + options.start_s if options.start_s < 0.0 else options.start_s
        self.start_s = min(max(start_s, 0.0), total_s)
        self.end_s = min(self.start_s + options.duration_s, total_s) if options.duration_s > 0.0 else total_s
        self.time_s = self.start_s
        self.left_out: dict[str, int] = {}
        self._mapped: dict[int, Actor] = {}
        self._made: set[int] = set()
        self._spared: set[int] = set()
        self._fresh: list[Actor] = []
        self._first_id = reader.header.spectator_id
        self._map_level(1 + len(reader.header.signals))
        self._lights = LightReplay(world)
        self._cast = puppets.Cast(world)
        try:
            self._free_the_stage(reader)
            self._cursor = Cursor(reader)
            self._move_to(self.start_s)
        except (RecordingError, *_NONSENSE) as error:
            self.finish(keep_actors=False)
            raise RecordingError(f"{reader.path.name} cannot be replayed: {error}") from None
        self.after_tick()

    @property
    def finished(self) -> bool:
        """True once the last moment was shown."""
        return self.time_s >= self.end_s - TIME_SLACK_S

    @property
    def actors(self) -> list[Actor]:
        """Live actors that the recording moves, without the level's."""
        return [
            actor
            for key, actor in self._mapped.items()
            if actor.alive and key not in self._level and actor.id not in self._spared
        ]

    # -- setting up ------------------------------------------------------------------------------------------------

    def _map_level(self, count: int) -> None:
        """The level's actors have consecutive ids from the spectator's on, in the same order for the same map."""
        shift = self._world.spectator.id - self._first_id
        for key in range(self._first_id, self._first_id + count):
            actor = self._world.actors.get(key + shift)
            if actor is not None:
                self._mapped[key] = actor
        self._level = frozenset(self._mapped)

    def _free_the_stage(self, reader: RecordingReader) -> None:
        """Remove live actors that the recording brings in later, and so must not be there yet."""
        for time_s, event in all_events(reader):
            if event[0] != "spawn" or time_s <= self.start_s + TIME_SLACK_S:
                continue
            twin = self._twin(event)
            if twin is not None and not self._is_ignored_hero(event) and not self._unwanted(event[2]):
                self._world.destroy(twin.id)

    def _twin(self, spawn: Event) -> Actor | None:
        """The live actor that a spawn event describes, e.g. because the recording was made in this very episode."""
        _, key, type_id, attributes = spawn[:4]
        actor = self._world.actors.get(key)
        if actor is None or actor.type_id != type_id or actor.attributes != dict(map(tuple, attributes)):
            return None
        return actor

    # -- time ------------------------------------------------------------------------------------------------------

    def before_tick(self, dt_s: float) -> None:
        """Let recorded time pass and put everything where it is then.

        Args:
            dt_s: Seconds of recorded time.

        Raises:
            RecordingError: If the recording is damaged.
        """
        self._move_to(min(self.time_s + dt_s, self.end_s))

    def after_tick(self) -> None:
        """Correct what the tick took for standing still: speeds, gears, the following camera."""
        world = self._world
        self._cast.publish(max(world.delta_s, TIME_SLACK_S))
        followed = self._mapped.get(self._options.follow_id)
        if followed is not None and followed.alive and followed.table is not None:
            record = followed.table.records[followed.row]
            mount = self._options.follow_pose or (np.array(CHASE_LOCATION_M), np.array(CHASE_ROTATION_DEG))
            location, rotation_deg = compose(record["location"], record["rotation_deg"], *mount)
            world.set_pose(world.spectator, location, rotation_deg)

    def _move_to(self, time_s: float) -> None:
        self.time_s = time_s
        self._fresh.clear()
        for happened_s, event in self._cursor.advance(time_s):
            try:
                self._happen(happened_s, event)
            except _NONSENSE as error:
                raise RecordingError(f"an event at {happened_s:.2f} s makes no sense: {error}") from None
        self._lights.show(time_s)
        for kind in motion.CHANNELS:
            ids, states = self._cursor.states(kind)
            self._cast.pose(kind, *self._puppets(ids), states, self._fresh)

    def _puppets(self, ids: NDArray[np.uint32]) -> tuple[list[Actor], NDArray[np.int64]]:
        """Live actors that the recording moves, and where they stand among ``ids``."""
        actors, places = [], []
        camera_is_free = self._options.ignore_spectator or self._options.follow_id
        for place, key in enumerate(ids.tolist()):
            actor = self._mapped.get(key)
            if actor is None or not actor.alive or actor.id in self._spared:
                continue
            if actor.kind == ActorKind.SPECTATOR and camera_is_free:
                continue
            actors.append(actor)
            places.append(place)
        return actors, np.array(places, np.int64)

    # -- events ----------------------------------------------------------------------------------------------------

    def _happen(self, time_s: float, event: Event) -> None:
        name, *fields = event
        if name == "spawn":
            self._spawn(event)
        elif name == "destroy":
            self._destroy(fields[0])
        elif name == "mount":
            self._mount(*fields)
        elif name in ("lights", "groups", "times"):
            self._lights.note(name, time_s, fields)
        elif name == "weather":
            self._world.weather = WeatherParameters.from_wire(fields)
        elif name == "physics":
            actor = self._mapped.get(fields[0])
            if actor is not None and actor.alive and actor.kind == ActorKind.VEHICLE and actor.id not in self._spared:
                self._apply_physics(actor, fields[1])

    def _is_ignored_hero(self, spawn: Event) -> bool:
        is_hero = spawn[2].startswith("vehicle.") and ["role_name", _HERO] in spawn[3]
        return self._options.ignore_hero and is_hero

    def _unwanted(self, type_id: str) -> str:
        """What to call actors of a type that is not replayed; empty for the others."""
        if type_id.startswith("controller."):
            return "controllers"
        return "sensors" if type_id.startswith("sensor.") and not self._options.sensors else ""

    def _spawn(self, event: Event) -> None:
        _, key, type_id, attributes, location, rotation_deg, parent_key, attachment = event
        if self._is_ignored_hero(event):
            hero = self._live_hero()
            if hero is not None:
                self._mapped[key] = hero
                self._spared.add(hero.id)
            return
        if unwanted := self._unwanted(type_id):
            self._leave_out(unwanted)
            return
        actor = self._twin(event)
        if actor is not None:
            self._world.ackermann.release(actor)
            self._mapped[key] = actor
            self._fresh.append(actor)
            return
        parent = self._mapped.get(parent_key)
        if parent_key and (parent is None or not parent.alive):
            self._leave_out("actors whose parent is missing")
            return
        pose = np.array(location, np.float64).reshape(3), np.array(rotation_deg, np.float64).reshape(3)
        try:
            actor = self._world.restore(key, type_id, attributes, *pose)
        except WorldError:
            self._leave_out(f"actors of unknown type {type_id}")
            return
        self._mapped[key] = actor
        self._made.add(actor.id)
        self._fresh.append(actor)
        if parent is not None and actor.table is self._world.props.table:
            self._world.attach(actor, parent.id, AttachmentType(attachment), *pose)
        elif parent is not None:
            actor.parent_id = parent.id

    def _live_hero(self) -> Actor | None:
        heroes = (actor for actor in self._world.fleet.table.actors if actor.attributes.get("role_name") == _HERO)
        return min(heroes, key=lambda actor: actor.id, default=None)

    def _leave_out(self, what: str) -> None:
        self.left_out[what] = self.left_out.get(what, 0) + 1

    def _destroy(self, key: int) -> None:
        actor = self._mapped.pop(key, None)
        if actor is not None and actor.alive and actor.id not in self._spared:
            self._world.destroy(actor.id)

    def _mount(self, key: int, location: list[float], rotation_deg: list[float]) -> None:
        actor = self._mapped.get(key)
        if actor is not None and actor.alive and actor.parent_id:
            self._world.set_pose(actor, np.array(location), np.array(rotation_deg))

    # -- the end ---------------------------------------------------------------------------------------------------

    def finish(self, keep_actors: bool = True) -> None:
        """End the replay.

        Lights go on from where the recording left them. Kept vehicles are released to physics at their recorded speed
        with the brake applied, kept walkers stop.

        Args:
            keep_actors: False destroys the actors that the replay made.
        """
        self._lights.release(self.time_s)
        replayed = self.actors
        self._cast.release(replayed)
        if not keep_actors:
            for actor in sorted(replayed, key=lambda one: -one.id):
                if actor.id in self._made:
                    self._world.destroy(actor.id)


def describe(reader: RecordingReader, replayer: Replayer, time_factor: float) -> str:
    """One paragraph about a replay that just began."""
    header = reader.header
    text = (
        f"Replaying {reader.path}\nMap: {header.town}\nDate: {header.date}\n"
        f"From {replayer.start_s:.2f} s to {replayer.end_s:.2f} s of {reader.duration_s:.2f} s "
        f"at {time_factor:g}x speed\nActors: {len(replayer.actors)}\n"
    )
    for what, count in sorted(replayer.left_out.items()):
        text += f"Left out: {count} {what}\n"
    return text
