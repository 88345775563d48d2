"""Attacks on the simulator: capture a real client's requests, mutate them, fire them; and a healthy witness."""

from __future__ import annotations

import copy
import os
import random
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgpack

HOST = "127.0.0.1"

CLIENT_SESSION = """
import carla, sys
client = carla.Client("127.0.0.1", int(sys.argv[1]), worker_threads=2)
client.set_timeout(20.0)
world = client.get_world()
settings = world.get_settings()
settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
world.apply_settings(settings)
library, spawns = world.get_blueprint_library(), world.get_map().get_spawn_points()
car = world.spawn_actor(library.find("vehicle.lincoln.mkz_2020"), spawns[0])
camera = world.spawn_actor(library.find("sensor.other.imu"), carla.Transform(), attach_to=car)
walker = world.spawn_actor(library.find("walker.pedestrian.0001"), spawns[3])
world.tick()
car.apply_control(carla.VehicleControl(throttle=0.5, steer=0.1))
car.apply_ackermann_control(carla.VehicleAckermannControl(steer=0.1, speed=3.0))
car.apply_physics_control(car.get_physics_control())
car.set_light_state(carla.VehicleLightState.Brake)
car.set_target_velocity(carla.Vector3D(1, 2, 0))
car.enable_constant_velocity(carla.Vector3D(3, 0, 0))
car.disable_constant_velocity()
car.add_impulse(carla.Vector3D(100, 0, 0))
car.set_simulate_physics(True)
car.open_door(carla.VehicleDoor.FL)
walker.apply_control(carla.WalkerControl(carla.Vector3D(1, 0, 0), 1.4, False))
light = world.get_actors().filter("traffic.traffic_light")[0]
light.set_state(carla.TrafficLightState.Green)
light.set_green_time(8.0)
light.get_group_traffic_lights()
world.set_weather(carla.WeatherParameters.HardRainNoon)
world.debug.draw_string(carla.Location(), "hello")
world.get_level_bbs(carla.CityObjectLabel.Any)
world.get_environment_objects(carla.CityObjectLabel.Any)
world.ground_projection(carla.Location(x=10, y=10, z=5), 20.0)
world.cast_ray(carla.Location(x=0, y=0, z=9), carla.Location(x=50, y=50, z=-2))
command = carla.command
client.apply_batch_sync([
    command.SpawnActor(library.find("vehicle.audi.tt"), spawns[9]).then(
        command.SetAutopilot(command.FutureActor, True)),
    command.ApplyVehicleControl(car, carla.VehicleControl()), command.ApplyTransform(car, spawns[1]),
    command.ApplyTargetVelocity(car, carla.Vector3D()), command.SetVehicleLightState(car, carla.VehicleLightState.All),
    command.DestroyActor(walker)], False)
world.tick()
camera.destroy()
car.destroy()
settings.synchronous_mode = False
world.apply_settings(settings)
"""


def capture_session(server_port: int) -> list[bytes]:
    """Requests of a real client session, one packed message each, recorded by a proxy in front of the server.

    Only calls pass the proxy: stream tokens name the server's own streaming port.
    """
    recorded: list[bytes] = []
    stop = threading.Event()
    with socket.create_server((HOST, 0)) as listener:
        proxy = threading.Thread(target=_proxy, args=(listener, server_port, recorded, stop), daemon=True)
        proxy.start()
        words = [sys.executable, "-c", CLIENT_SESSION, str(listener.getsockname()[1])]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        stop.set()
        proxy.join(timeout=5.0)
    assert done.returncode == 0, done.stderr
    unpacker = msgpack.Unpacker(raw=False, strict_map_key=False)
    unpacker.feed(b"".join(recorded))
    return [bytes(msgpack.packb(message)) for message in unpacker]


def _proxy(listener: socket.socket, target: int, recorded: list[bytes], stop: threading.Event) -> None:
    """Forward connections both ways; what clients send is kept."""
    pairs: dict[socket.socket, socket.socket] = {}
    clients: set[socket.socket] = set()
    while not stop.is_set():
        for source in select.select([listener, *pairs], [], [], 0.05)[0]:
            if source is listener:
                client, _ = listener.accept()
                server = socket.create_connection((HOST, target))
                pairs[client], pairs[server] = server, client
                clients.add(client)
                continue
            if source not in pairs:
                continue
            try:
                data = source.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            if source in clients and data:
                recorded.append(data)
            if data:
                pairs[source].sendall(data)
                continue
            for end in (pairs[source], source):
                del pairs[end]
                end.close()
    for end in pairs:
        end.close()


_STRANGE: list[object] = [
    None,
    True,
    -1,
    0,
    2**63,
    2**32,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x" * 5000,
    b"\xff" * 300,
    [],
    [[]] * 50,
    {"a": 1},
    [0] * 4000,
]
_RELOADS = ("load_new_episode", "copy_opendrive_to_file")


def mutate(message: bytes, rng: random.Random) -> bytes:
    """One malformed, truncated, oversized or wrongly typed variant of a request."""
    kind = rng.random()
    if kind < 0.15:
        return message[: rng.randrange(1, len(message))]
    if kind < 0.4:
        data = bytearray(message)
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        return bytes(data)
    if kind < 0.45:
        return os.urandom(rng.randrange(1, 400))
    if kind < 0.48:
        return b"\xdd" + struct.pack(">I", rng.choice([2**31, 2**24, 5_000_000])) + message
    request = msgpack.unpackb(message, raw=False, strict_map_key=False)
    for _ in range(rng.randrange(1, 4)):
        _twist(request, rng)
    if len(request) > 2 and request[2] in _RELOADS:
        request[2] = "no_such_call"
    return bytes(msgpack.packb(request))


def _twist(node: object, rng: random.Random) -> None:
    """Change one random element somewhere inside a request."""
    while isinstance(node, list) and node:
        index = rng.randrange(len(node))
        if isinstance(node[index], list) and rng.random() < 0.7:
            node = node[index]
            continue
        action = rng.random()
        if action < 0.7:
            node[index] = copy.deepcopy(rng.choice(_STRANGE))
        elif action < 0.85:
            del node[index]
        else:
            node.insert(index, copy.deepcopy(rng.choice(_STRANGE)))
        return


class Attacker:
    """Fires messages over a connection of its own and opens a new one whenever the server hangs up."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self.connections = 0

    def fire(self, message: bytes) -> None:
        """Send one message; replies are read and thrown away."""
        if self._socket is None:
            self._socket = socket.create_connection((HOST, self._port), timeout=10.0)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
        try:
            self._socket.sendall(message)
            while select.select([self._socket], [], [], 0.0)[0]:
                if not self._socket.recv(1 << 16):
                    raise ConnectionResetError
        except OSError:
            self.hang_up()

    def hang_up(self) -> None:
        """Close abruptly, with a reset instead of a goodbye."""
        if self._socket is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._socket.close()
            self._socket = None


class Witness:
    """A healthy client that only ticks; a raw connection, so that it can run beside attacks in one process."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((HOST, port), timeout=30.0)
        self._unpacker = msgpack.Unpacker(raw=False)
        self._count = 0
        self.frame = 0
        self.slowest_s = 0.0

    def call(self, name: str, *arguments: object) -> object:
        """One remote call; returns its reply's value."""
        self._count += 1
        self._socket.sendall(msgpack.packb([0, self._count, name, [[False], *arguments]]))
        while True:
            for _, number, error, result in self._unpacker:
                assert number == self._count and error is None
                return result[0][1] if len(result[0]) > 1 else None
            self._unpacker.feed(self._socket.recv(1 << 20))

    def synchronize(self) -> None:
        """Take the world into synchronous mode (attacks may have switched it)."""
        settings = [True, False, [True, 0.05], True, 0.01, 10, 0.0, True, 3000.0, 2000.0, True]
        self.call("set_episode_settings", settings)

    def tick(self, others_may_change_settings: bool = False) -> None:
        """One frame; frames must rise, unless somebody else just made the world asynchronous."""
        start = time.perf_counter()
        frame = self.call("tick_cue")
        self.slowest_s = max(self.slowest_s, time.perf_counter() - start)
        assert isinstance(frame, int)
        assert frame > self.frame or (others_may_change_settings and frame == self.frame)
        self.frame = frame

    def close(self) -> None:
        """Disconnect."""
        self._socket.close()


def resident_mib(pid: int) -> float:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
