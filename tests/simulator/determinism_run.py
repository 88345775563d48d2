"""One deterministic run, as a script: prints what happened and the digest of everything that a client would see.

``determinism_run.py world`` drives a World directly and also digests sensor packets; ``determinism_run.py stream PORT``
drives a server over raw sockets and digests the packets of its snapshot stream. Both script 50 vehicles that crash.
"""

from __future__ import annotations

import hashlib
import json
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Any

import msgpack
import numpy as np

VEHICLES = 50
TICKS = 2000
STEP_S = 0.05
SEED = 11
TYPES = (
    "vehicle.lincoln.mkz_2020",
    "vehicle.tesla.model3",
    "vehicle.carlamotors.firetruck",
    "vehicle.gazelle.omafiets",
)
Control = tuple[float, float, float, bool, bool, bool, int]


def controls() -> Iterator[list[Control]]:
    """Each tick's controls of all vehicles: a new wild choice every second, full throttle ahead most of the time."""
    dice = np.random.default_rng(SEED)
    for tick in range(TICKS):
        if tick % 20 == 0:
            steer = dice.uniform(-0.6, 0.6, VEHICLES)
            throttle = dice.uniform(0.3, 1.0, VEHICLES)
            brake = np.where(dice.random(VEHICLES) < 0.1, 1.0, 0.0)
            reverse = dice.random(VEHICLES) < 0.15
        yield [
            (float(throttle[k]), float(steer[k]), float(brake[k]), False, bool(reverse[k]), False, 0)
            for k in range(VEHICLES)
        ]


def run_world() -> dict[str, object]:
    """Digest of snapshots and sensor packets of a World, and the number of collision events."""
    from lead.simulator.sensors.base import joined
    from lead.simulator.server import load_town
    from lead.simulator.world.world import World

    world = World(load_town("Town01"), seed=SEED)
    world.settings.synchronous, world.settings.fixed_delta_s = True, STEP_S
    cars = [
        world.spawn(TYPES[k % len(TYPES)], [], pose[:3], pose[3:])
        for k, pose in enumerate(world.town.spawn_points[:VEHICLES].copy())
    ]
    noise = [["noise_accel_stddev_x", 3, "0.1"], ["noise_gyro_stddev_z", 3, "0.1"]]
    world.spawn("sensor.other.imu", noise, np.zeros(3), np.zeros(3), cars[0].id)
    lidar = [["channels", 2, "8"], ["points_per_second", 2, "16000"], ["range", 3, "50.0"]]
    world.spawn("sensor.lidar.ray_cast", lidar, np.array([0.0, 0.0, 2.5]), np.zeros(3), cars[1].id)
    world.spawn("sensor.other.radar", [], np.array([2.5, 0.0, 1.0]), np.zeros(3), cars[2].id)
    world.spawn("sensor.other.collision", [], np.zeros(3), np.zeros(3), cars[3].id)
    digest, events = hashlib.sha256(), 0
    for tick, row in enumerate(controls()):
        for car, control in zip(cars, row, strict=True):
            world.fleet.table.records["control"][car.row] = control
        world.tick()
        events += len(world.collision_events)
        digest.update(world.snapshot())
        if tick % 10 == 0:
            for actor, packet in world.measurements(lambda stream: True, lambda *fields: repr(fields[1:]).encode()):
                digest.update(actor.id.to_bytes(4, "little") + joined(packet))
    return {"digest": digest.hexdigest(), "events": events, "frame": world.frame}


class RawClient:
    """Just enough msgpack-RPC to spawn, control and tick, and to read one stream."""

    def __init__(self, port: int) -> None:
        """Connect to the RPC port."""
        self._rpc = socket.create_connection(("127.0.0.1", port), timeout=60.0)
        self._rpc.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unpacker = msgpack.Unpacker(raw=False, max_buffer_size=1 << 30)
        self._calls = 0

    def call(self, name: str, *arguments: object) -> Any:
        """Raw reply of a remote call."""
        self._calls += 1
        self._rpc.sendall(msgpack.packb([0, self._calls, name, [[False], *arguments]]))
        while True:
            for message in self._unpacker:
                assert message[1] == self._calls
                return message[3]
            data = self._rpc.recv(1 << 20)
            if not data:
                raise ConnectionError("the server closed the connection")
            self._unpacker.feed(data)

    def value(self, name: str, *arguments: object) -> Any:
        """Result of a remote call."""
        ((index, result),) = self.call(name, *arguments)
        if index != 1:
            raise RuntimeError(f"{name}: {result}")
        return result

    def subscribe(self, token: bytes) -> socket.socket:
        """Connection that receives a stream."""
        stream_id, port = struct.unpack_from("<IH", token)
        stream = socket.create_connection(("127.0.0.1", port), timeout=60.0)
        stream.sendall(struct.pack("<I", stream_id))
        return stream


def read_packet(stream: socket.socket) -> bytes:
    """Next packet without its length."""

    def exactly(size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            part = stream.recv(size - len(data))
            if not part:
                raise ConnectionError("the stream ended")
            data += part
        return bytes(data)

    return exactly(*struct.unpack("<I", exactly(4)))


def run_stream(port: int) -> dict[str, object]:
    """Digest of the snapshot packets of a server."""
    client = RawClient(port)
    settings = [True, False, [True, STEP_S], True, 0.01, 10, 0.0, False, 3000.0, 2000.0, True]
    client.value("set_episode_settings", settings)
    client.call("load_new_episode", "Town01", False, 65535)
    _, (token,) = client.value("get_episode_info")
    stream = client.subscribe(token)
    points = client.value("get_map_info")[1][:VEHICLES]
    spawn = [[[0, [[0, TYPES[k % len(TYPES)], []], point, [False], []]]] for k, point in enumerate(points)]
    ids = [reply[0][1] for reply in client.call("apply_batch", spawn, False)]
    digest, packet = hashlib.sha256(), b""
    first = wait_for_subscription(client, stream)
    for row in controls():
        client.call("apply_batch", [[[2, [key, list(control)]]] for key, control in zip(ids, row, strict=True)], False)
        frame = client.value("tick_cue")
        packet = read_packet(stream)
        assert struct.unpack_from("<Q", packet, 8)[0] == frame
        # How many frames the server ran by itself before we came depends on the wall clock; all else must not.
        digest.update(packet[:8] + packet[16:])
    return {"digest": digest.hexdigest(), "frames": frame - first, "size": len(packet)}


def wait_for_subscription(client: RawClient, stream: socket.socket) -> int:
    """Have the server confirm that it has seen the subscription, without letting time pass."""
    # Weather calls do not tick; a hundred of them leave the event loop all the rounds it needs to accept the stream.
    for _ in range(100):
        client.value("get_weather_parameters")
    frame = client.value("tick_cue")
    packet = read_packet(stream)
    assert struct.unpack_from("<Q", packet, 8)[0] == frame
    return int(frame)


if __name__ == "__main__":
    print(json.dumps(run_world() if sys.argv[1] == "world" else run_stream(int(sys.argv[2]))))
