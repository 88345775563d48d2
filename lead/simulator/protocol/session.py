"""What the remote calls act on: the world, the stream hub, and the little state that lives beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgpack

from lead.maps.compiled import CompiledMap
from lead.simulator.protocol.streams import StreamHub
from lead.simulator.protocol.structs import actor_struct, level_actor_struct
from lead.simulator.protocol.wire import WORLD_STREAM_ID, packet_head, token_bytes
from lead.simulator.recorder.deck import Deck
from lead.simulator.sensors import WORLD_OBSERVER, stream_type_index
from lead.simulator.world.actors import Actor
from lead.simulator.world.world import DEFAULT_STEP_S, World

OPENDRIVE_MAP = "OpenDriveMap"


@dataclass
class Session:
    """State shared by all connections of one server.

    Args:
        world: The simulated world.
        streams: Subscribers of sensor streams and snapshots.
        stream_port: TCP port of the streaming listener.
        load_town: Compiles a town by name; raises LeadError when there is none.
        compile_opendrive: Compiles OpenDRIVE text sent by a client.
        available_towns: Names of the towns that can be loaded.
    """

    world: World
    streams: StreamHub
    stream_port: int
    load_town: Callable[[str], CompiledMap]
    compile_opendrive: Callable[[str, str], CompiledMap]
    available_towns: Callable[[], list[str]]
    uploaded_opendrive: str | None = None
    traffic_managers: dict[int, tuple[str, int]] = field(default_factory=dict)
    wheel_overrides_deg: dict[tuple[int, int], float] = field(default_factory=dict)
    physics_overrides: dict[int, list[object]] = field(default_factory=dict)
    deck: Deck = field(default_factory=Deck)

    @property
    def version(self) -> str:
        """CARLA version spoken."""
        return self.world.version

    def token(self, stream_id: int) -> list[bytes]:
        """Token struct of a stream."""
        return [token_bytes(stream_id, self.stream_port)]

    def actor_struct(self, actor: Actor) -> list[object]:
        """Complete Actor for the wire."""
        return actor_struct(self.version, actor, self.stream_port)

    def pack_event(self, parent: Actor, other_id: int, label: int, payload: object) -> bytes:
        """Body of a collision or obstacle event: both actors in full, then impulse or distance."""
        other = self.world.actors.get(other_id)
        if other is None:
            described = level_actor_struct(self.version, _LABEL_NAMES.get(label, "unknown"), label)
        else:
            described = self.actor_struct(other)
        return bytes(msgpack.packb([self.actor_struct(parent), described, payload]))

    def tick(self, dt_s: float | None = None) -> int:
        """Simulate one frame and push its snapshot, then its sensor packets."""
        world = self.world
        dt_s = dt_s or world.settings.fixed_delta_s or DEFAULT_STEP_S
        self.deck.before_tick(dt_s)
        frame = world.tick(dt_s)
        self.deck.after_tick()
        body = world.snapshot()
        head = packet_head(len(body), stream_type_index(WORLD_OBSERVER, self.version), frame, world.elapsed_s)
        self.streams.send(WORLD_STREAM_ID, head, body)
        for actor, packet in world.measurements(self.streams.has_subscribers, self.pack_event):
            record = actor.table.records[actor.row] if actor.table is not None else None
            pose = (
                (*record["location"].tolist(), *record["rotation_deg"].tolist()) if record is not None else (0.0,) * 6
            )
            kind = stream_type_index(actor.type_id, self.version)
            pieces = (packet,) if isinstance(packet, bytes) else packet
            size = sum(memoryview(piece).nbytes for piece in pieces)
            self.streams.send(actor.stream_id, packet_head(size, kind, frame, world.elapsed_s, pose), *pieces)
        return frame

    def load(self, town: CompiledMap) -> None:
        """Start a new episode in ``town``; a recording or a replay ends with the old one."""
        self.deck.stop()
        self.wheel_overrides_deg.clear()
        self.physics_overrides.clear()
        self.world.load(town)


_LABEL_NAMES = {
    1: "road",
    2: "sidewalk",
    3: "building",
    4: "wall",
    5: "fence",
    6: "pole",
    7: "trafficlight",
    8: "trafficsign",
    9: "vegetation",
    20: "static",
    26: "bridge",
    28: "guardrail",
}
