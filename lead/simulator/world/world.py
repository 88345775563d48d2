"""The simulated world: everything that happens in a tick, usable without any socket.

A :class:`World` owns the actors of one episode as arrays and advances them in a fixed order: dynamics, contacts,
traffic lights, attachments. It never looks at a wall clock and draws no random numbers of its own, so equal inputs give
equal bytes. The server in :mod:`lead.simulator.server` wraps it; tests and learning code may drive it directly.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import compose, wrap_deg
from lead.maps.compiled import CompiledMap
from lead.maps.layout import SignalKind
from lead.simulator.rendering.options import RenderOptions
from lead.simulator.scenery.level import Level, build_level
from lead.simulator.sensors import Body, make_sensor
from lead.simulator.world.ackermann import AckermannDrivers
from lead.simulator.world.actors import Actor, ActorKind, AttachmentType, WorldError
from lead.simulator.world.attachments import Attachments
from lead.simulator.world.blueprints import Blueprint, BlueprintLibrary, body_of
from lead.simulator.world.collisions import LevelBoxes
from lead.simulator.world.contacts import CollisionEvent, ContactSolver
from lead.simulator.world.dormancy import Dormancy
from lead.simulator.world.dynamics import GRAVITY_MPS2
from lead.simulator.world.lamps import LampField
from lead.simulator.world.layout import SIGN_RECORD, SNAPSHOT_HEADER_DTYPE, SnapshotFlag
from lead.simulator.world.props import PropSet
from lead.simulator.world.sensing import EventPacker, SensorSuite
from lead.simulator.world.settings import EpisodeSettings
from lead.simulator.world.skeleton import WalkerPoses
from lead.simulator.world.spawning import spot_is_free
from lead.simulator.world.tables import RecordTable
from lead.simulator.world.traffic_lights import TrafficLightSystem
from lead.simulator.world.vehicles import VehicleFleet
from lead.simulator.world.walkers import WalkerCrowd
from lead.simulator.world.weather import WeatherParameters
from lead.simulator.world.zones import SignalZones

if TYPE_CHECKING:
    from lead.simulator.rendering.renderer import Renderer

Array = NDArray[np.float64]

DEFAULT_STEP_S = 0.05
_TOMBSTONES = 4096
_MAX_RESTORED_ID = 2**31
_SPECTATOR_HEIGHT_M = 30.0
_KIND_OF_CATEGORY = {
    "vehicle": ActorKind.VEHICLE,
    "walker": ActorKind.WALKER,
    "sensor": ActorKind.SENSOR,
    "controller": ActorKind.CONTROLLER,
}
_SIGN_TYPES = {
    SignalKind.TRAFFIC_LIGHT: "traffic.traffic_light",
    SignalKind.STOP: "traffic.stop",
    SignalKind.YIELD: "traffic.yield",
}
_TRAFFIC_LIGHT_TAG, _TRAFFIC_SIGN_TAG = 7, 8


@dataclass
class _Counters:
    """Identities that outlive an episode."""

    actor: int = 0
    stream: int = 1
    episode: int = 0
    frame: int = 0

    def claim_actor(self, wanted: int = 0) -> int:
        """The wanted actor id, or the next one."""
        claimed = wanted or self.actor + 1
        self.actor = max(self.actor, claimed)
        return claimed

    def next_stream(self) -> int:
        self.stream += 1
        return self.stream


@dataclass
class World:
    """One simulated town with its actors.

    Args:
        town: Compiled map to start in.
        version: CARLA version whose blueprints and wire types are served, "0.9.15" or "0.9.16".
        seed: Seed of every random generator in the world (sensor noise).
        render_options: How cameras and ray sensors are rendered; nothing is rendered before one listens.
        fail2drive_assets: Whether clients can also spawn Fail2Drive's animals and plates.
    """

    town: CompiledMap
    version: str = "0.9.16"
    seed: int = 0
    settings: EpisodeSettings = field(default_factory=EpisodeSettings)
    render_options: RenderOptions = field(default_factory=RenderOptions.from_environment)
    fail2drive_assets: bool = False

    def __post_init__(self) -> None:
        self.library = BlueprintLibrary(self.version, fail2drive_assets=self.fail2drive_assets)
        self._counters = _Counters()
        self.load(self.town)

    # -- episode -------------------------------------------------------------------------------------------------

    def load(self, town: CompiledMap) -> None:
        """Start a new episode in ``town``: every actor is gone, level actors are registered, time restarts."""
        self.town = town
        self._counters.episode += 1
        self.elapsed_s = 0.0
        self.delta_s = DEFAULT_STEP_S
        self.weather = WeatherParameters()
        self.imu_gravity_mps2 = GRAVITY_MPS2
        self.actors: dict[int, Actor] = {}
        self._tombstones: OrderedDict[int, Actor] = OrderedDict()
        self._pending_flags = SnapshotFlag.MAP_CHANGED
        self.ground = town.ground_index()
        self.fleet = VehicleFleet(self.ground)
        self.ackermann = AckermannDrivers(self.fleet)
        self.crowd = WalkerCrowd(self.ground)
        self.poses = WalkerPoses(self.crowd)
        self.dormancy = Dormancy(town.name, self.fleet, self.crowd)
        self.props = PropSet()
        self.lights = TrafficLightSystem(town)
        self.signs = RecordTable(SIGN_RECORD)
        self.zones = SignalZones(town)
        self.scene = build_level(town, self.ground)
        self.present = np.ones(len(self.scene.boxes), bool)
        self.level = _level_boxes(self.scene)
        self.lamps = LampField(self.scene.lamps)
        self.attachments = Attachments(self.actors, self.props)
        self._contacts = ContactSolver(self.fleet, self.crowd, self.props, self.level)
        self.collision_events: list[CollisionEvent] = []
        self.sensors = SensorSuite(self)
        self.spectator = self._register(ActorKind.SPECTATOR, "spectator")
        start = town.spawn_points[0, :3] if len(town.spawn_points) else np.zeros(3)
        self.props.insert(self.spectator, start + np.array([0.0, 0.0, _SPECTATOR_HEIGHT_M]), np.zeros(3))
        self._register_signals()
        self._sign_bytes = self.signs.records.tobytes()

    def _register(self, kind: ActorKind, type_id: str, wanted_id: int = 0) -> Actor:
        actor = Actor(id=self._counters.claim_actor(wanted_id), kind=kind, type_id=type_id)
        self._tombstones.pop(actor.id, None)
        self.actors[actor.id] = actor
        return actor

    def _register_signals(self) -> None:
        """Create the actors of all traffic lights and signs, in map order."""
        for signal in self.town.signals:
            kind = SignalKind(int(signal["kind"]))
            light = kind == SignalKind.TRAFFIC_LIGHT
            type_id = _SIGN_TYPES.get(kind, f"traffic.speed_limit.{int(signal['value'])}")
            actor = self._register(ActorKind.TRAFFIC_LIGHT if light else ActorKind.TRAFFIC_SIGN, type_id)
            actor.box_center = tuple(signal["trigger_center"].tolist())
            actor.extent = tuple(signal["trigger_extent"].tolist())
            actor.box_yaw_deg = float(signal["trigger_yaw_deg"])
            actor.semantic_tag = _TRAFFIC_LIGHT_TAG if light else _TRAFFIC_SIGN_TAG
            table = self.lights.table if light else self.signs
            row = table.insert(actor)
            records = table.records
            records["location"][row] = signal["x"], signal["y"], signal["z"]
            records["rotation_deg"][row] = signal["pitch_deg"], signal["yaw_deg"], signal["roll_deg"]
            records["sign_id"][row] = signal["signal_id"]
        self.lights.start()

    @cached_property
    def renderer(self) -> Renderer:
        """Renders what the sensors see; made on first use.

        Raises:
            LeadError: The back end that was asked for does not work here.
        """
        from lead.simulator.rendering.renderer import Renderer  # its libraries take half a second to import

        return Renderer(self.render_options)

    @property
    def episode_id(self) -> int:
        """Number of the running episode; every load starts a new one."""
        return self._counters.episode

    @property
    def frame(self) -> int:
        """Number of the last simulated frame; never falls, not even across episodes."""
        return self._counters.frame

    # -- actors --------------------------------------------------------------------------------------------------

    def actor(self, actor_id: int) -> Actor:
        """The live actor with this id.

        Raises:
            WorldError: If there is none.
        """
        actor = self.actors.get(actor_id)
        if actor is None:
            raise WorldError(f"actor {actor_id} not found")
        return actor

    def actor_or_tombstone(self, actor_id: int) -> Actor:
        """The actor with this id, even when it was destroyed a while ago.

        Raises:
            WorldError: If there never was one, or it was destroyed too long ago.
        """
        return self._tombstones.get(actor_id) or self.actor(actor_id)

    def spawn(
        self,
        type_id: str,
        attributes: Sequence[Sequence[object]],
        location: Array,
        rotation_deg: Array,
        parent_id: int = 0,
        attachment: AttachmentType = AttachmentType.RIGID,
    ) -> Actor:
        """Create an actor.

        Args:
            type_id: Blueprint id.
            attributes: Rows that start with attribute id and end with its value, as on the wire.
            location: (3,) metres; world frame, or the parent's frame if there is a parent.
            rotation_deg: (3,) pitch, yaw, roll in the same frame.
            parent_id: Actor to attach to, 0 for none.
            attachment: How it follows its parent.

        Raises:
            WorldError: Unknown blueprint, bad attribute, missing parent or blocked spot, with CARLA's texts.
        """
        blueprint, values = self._described(type_id, attributes)
        if parent_id and parent_id not in self.actors:
            raise WorldError("unable to spawn actor: parent actor not found")
        kind = _KIND_OF_CATEGORY.get(blueprint.category, ActorKind.PROP)
        blocks = kind in (ActorKind.VEHICLE, ActorKind.WALKER)
        if blocks and not parent_id and not spot_is_free(self, blueprint, location, rotation_deg):
            raise WorldError("Spawn failed because of collision at spawn position")
        actor = self._create(kind, blueprint, values, location, rotation_deg)
        if parent_id:
            self.attach(actor, parent_id, attachment, location, rotation_deg)
        return actor

    def restore(
        self,
        wanted_id: int,
        type_id: str,
        attributes: Sequence[Sequence[object]],
        location: Array,
        rotation_deg: Array,
    ) -> Actor:
        """Create an unattached actor that existed before, whatever stands at its place.

        Args:
            wanted_id: Its former id; taken again if no client can know another actor under it.
            type_id: Blueprint id.
            attributes: Rows that start with attribute id and end with its value.
            location: (3,) world, metres.
            rotation_deg: (3,) pitch, yaw, roll.

        Raises:
            WorldError: Unknown blueprint or bad attribute.
        """
        blueprint, values = self._described(type_id, attributes)
        kind = _KIND_OF_CATEGORY.get(blueprint.category, ActorKind.PROP)
        free = self._is_free(wanted_id, type_id, values)
        return self._create(kind, blueprint, values, location, rotation_deg, wanted_id if free else 0)

    def _described(self, type_id: str, attributes: Sequence[Sequence[object]]) -> tuple[Blueprint, dict[str, str]]:
        """Blueprint and checked attribute values of a description."""
        blueprint = self.library.by_id.get(type_id)
        if blueprint is None:
            raise WorldError("Spawn failed because of invalid actor description")
        try:
            return blueprint, self.library.validate(type_id, {str(row[0]): str(row[-1]) for row in attributes})
        except ValueError as error:
            raise WorldError(f"Spawn failed because of invalid actor description: {error}") from None

    def _is_free(self, actor_id: int, type_id: str, values: dict[str, str]) -> bool:
        """Whether an id can be given to this actor: clients keep what they once learned of an id in this episode."""
        if actor_id in self.actors or not 0 < actor_id < _MAX_RESTORED_ID:
            return False
        former = self._tombstones.get(actor_id)
        if former is not None:
            return former.type_id == type_id and former.attributes == values and not former.stream_id
        return not self.spectator.id <= actor_id <= self._counters.actor

    def _create(
        self,
        kind: ActorKind,
        blueprint: Blueprint,
        values: dict[str, str],
        location: Array,
        rotation_deg: Array,
        wanted_id: int = 0,
    ) -> Actor:
        sensor = None
        if kind == ActorKind.SENSOR:
            try:
                sensor = make_sensor(
                    blueprint.id, values, seed=self.seed, actor_id=self._counters.actor + 1 - self.spectator.id
                )
            except ValueError as error:
                raise WorldError(f"Spawn failed because of invalid actor description: {error}") from None
        actor = self._register(kind, blueprint.id, wanted_id)
        actor.blueprint_uid = blueprint.uid
        actor.attributes = values
        actor.attribute_rows = self.library.attribute_rows(blueprint.id, values)
        actor.extent, actor.box_center, actor.semantic_tag = body_of(blueprint, values)
        actor.vehicle = blueprint.physics
        rotation_deg = _within_a_turn(rotation_deg)
        if kind == ActorKind.VEHICLE:
            self.fleet.insert(actor, location, rotation_deg)
        elif kind == ActorKind.WALKER:
            self.crowd.insert(actor, location, rotation_deg)
        else:
            self.props.insert(actor, location, rotation_deg)
        if sensor is not None:
            actor.sensor = sensor
            actor.stream_id = self._counters.next_stream()
            self.sensors.add(actor)
        return actor

    def attach(
        self, actor: Actor, parent_id: int, attachment: AttachmentType, location: Array, rotation_deg: Array
    ) -> None:
        """Fix an actor to a parent; ``location`` and ``rotation_deg`` are in the parent's frame."""
        actor.parent_id = parent_id
        actor.attachment = attachment
        actor.relative_location = tuple(location.tolist())
        actor.relative_rotation_deg = tuple(rotation_deg.tolist())
        if actor.table is self.props.table:
            self.attachments.attach(actor)
            self.attachments.place(actor, self._parent_tables)
        elif (parent := self.actors[parent_id]).table is not None:
            record = parent.table.records[parent.row]
            self.set_pose(actor, *compose(record["location"], record["rotation_deg"], location, rotation_deg))

    @property
    def _parent_tables(self) -> tuple[RecordTable, ...]:
        return self.fleet.table, self.crowd.table, self.props.table, self.lights.table, self.signs

    def destroy(self, actor_id: int) -> bool:
        """Remove an actor; its children stay where they are. False if there is no such actor or it is the level's."""
        actor = self.actors.get(actor_id)
        if actor is None or actor.kind in (ActorKind.SPECTATOR, ActorKind.TRAFFIC_LIGHT, ActorKind.TRAFFIC_SIGN):
            return False
        self.sensors.remove(actor)
        self.attachments.detach(actor)
        self.ackermann.forget(actor)
        self.poses.forget(actor)
        if actor.table is not None:
            actor.table.remove(actor)
        del self.actors[actor_id]
        self._tombstones[actor_id] = actor
        if len(self._tombstones) > _TOMBSTONES:
            self._tombstones.popitem(last=False)
        return True

    def set_pose(self, actor: Actor, location: Array, rotation_deg: Array | None) -> None:
        """Teleport an actor; an attached one is moved within its parent's frame. None keeps the rotation."""
        if rotation_deg is not None:
            rotation_deg = _within_a_turn(rotation_deg)
        if actor.parent_id and actor.table is self.props.table:
            actor.relative_location = tuple(location.tolist())
            if rotation_deg is not None:
                actor.relative_rotation_deg = tuple(rotation_deg.tolist())
            self.attachments.attach(actor)
        elif actor.kind == ActorKind.VEHICLE:
            self.fleet.set_pose(actor, location, rotation_deg)
        elif actor.kind == ActorKind.WALKER:
            self.crowd.set_pose(actor, location, rotation_deg)
        elif actor.table is self.props.table:
            self.props.set_pose(actor, location, rotation_deg)
        else:
            raise WorldError(f"{actor.type_id} belongs to the level and cannot be moved")

    def show_level_objects(self, rows: NDArray[np.int64], present: bool) -> None:
        """Hide or show level objects; a hidden one is neither seen nor hit."""
        self.present[rows] = present
        self.level.solid[rows] = present & self.scene.solid[rows]

    # -- time ----------------------------------------------------------------------------------------------------

    def tick(self, dt_s: float | None = None) -> int:
        """Simulate one frame and return its number.

        Args:
            dt_s: Step; None takes the fixed step of the settings, or 0.05 s.
        """
        dt_s = dt_s or self.settings.fixed_delta_s or DEFAULT_STEP_S
        self._counters.frame += 1
        self.delta_s = dt_s
        self.elapsed_s += dt_s
        self.dormancy.step(self.settings.actor_active_distance_m)
        self.ackermann.step(dt_s)
        self.fleet.step(dt_s)
        self.crowd.step(dt_s)
        self.collision_events = self._contacts.step()
        self.props.fall(dt_s, self.ground)
        self.lights.step(dt_s)
        self.zones.step(self.fleet, self.lights, self.elapsed_s)
        self.lamps.follow_sun(self.weather.sun_altitude_angle)
        self.fleet.publish(dt_s)
        self.crowd.publish(dt_s)
        self.attachments.update(self._parent_tables, dt_s)
        return self.frame

    def snapshot(self) -> bytes:
        """Body of the world-observer packet for the last frame: header and one record per actor."""
        header = np.zeros((), SNAPSHOT_HEADER_DTYPE)
        header["episode_id"] = self.episode_id
        header["platform_time_s"] = self.elapsed_s
        header["delta_s"] = self.delta_s
        lamps_changed = SnapshotFlag.LIGHTS_PENDING if self.lamps.changed else SnapshotFlag.NONE
        header["flags"] = self._pending_flags | lamps_changed
        self._pending_flags = SnapshotFlag.NONE
        self.lamps.changed = False
        return b"".join(
            (
                header.tobytes(),
                self.props.table.records.tobytes(),
                self.lights.table.records.tobytes(),
                self._sign_bytes,
                self.crowd.table.records.tobytes(),
                self.fleet.table.records.tobytes(),
            )
        )

    def measurements(self, wanted: Callable[[int], bool], pack_event: EventPacker) -> Iterator[tuple[Actor, Body]]:
        """Sensor bodies of the last frame, in order of the sensors' ids.

        Args:
            wanted: Tells for a stream id whether somebody listens; others are not measured.
            pack_event: Writes the body of an event (collision, obstacle), which names actors.
        """
        return self.sensors.measure(wanted, pack_event)


def _within_a_turn(rotation_deg: Array) -> Array:
    """Name a rotation as the server does, by angles of half a turn at most: way points have pitches of 360."""
    return np.where(np.abs(rotation_deg) > 180.0, wrap_deg(rotation_deg), rotation_deg)


def _level_boxes(scene: Level) -> LevelBoxes:
    boxes = scene.boxes
    return LevelBoxes(
        center=np.stack([boxes["x"], boxes["y"]], axis=1).astype(np.float64),
        z=boxes["z"].astype(np.float64),
        yaw=boxes["yaw"].astype(np.float64),
        half=np.stack([boxes["ext_x"], boxes["ext_y"]], axis=1).astype(np.float64),
        half_z=boxes["ext_z"].astype(np.float64),
        solid=scene.solid.copy(),
    )
