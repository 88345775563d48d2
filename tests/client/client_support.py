"""What the client tests share: a server process, and a stage on which actors live for the length of one test.

Nothing here imports ``lead``: the same tests run in an environment that holds only an older CARLA client.
"""

from __future__ import annotations

import ctypes
import math
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from importlib import metadata
from pathlib import Path
from types import TracebackType

import carla
import numpy as np
from numpy.typing import NDArray

PROJECT_ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
STEP_S = 0.05
EGO_TYPE = "vehicle.lincoln.mkz_2020"
STARTUP_LIMIT_S = 60.0
DATA_LIMIT_S = 10.0
_PR_SET_PDEATHSIG = 1
WAKE_AFTER_S = 2.0
_ticking: tuple[carla.World, int, float] | None = None
_LEVEL_TYPES = ("traffic.", "spectator")


class Server:
    """The simulator as a child process, started by whatever interpreter has LEAD installed."""

    def __init__(self, town: str, log_path: Path, port: int | None = None) -> None:
        """Describe the server; environment variables choose interpreter and protocol version (see conftest.py)."""
        self.port = port or free_port(2)
        self.log_path = log_path
        self.recordings = log_path.parent / "recordings"
        self.version = os.environ.get("LEAD_TEST_CARLA_VERSION") or metadata.version("carla")
        python = os.environ.get("LEAD_TEST_SERVER_PYTHON") or sys.executable
        self._command = [python, "-m", "lead", "sim", "--port", str(self.port), "--town", town]
        self._command += ["--carla-version", self.version, "--seed", "1"]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        """Start the process and wait until both ports are open."""
        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=PROJECT_ROOT,
                env={**os.environ, "LEAD_RECORDINGS_DIR": str(self.recordings)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - no client, hence no thread, exists yet
            )
        try:
            self._wait_until_open()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the process."""
        self.stop()

    def _wait_until_open(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + STARTUP_LIMIT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"the server ended with code {self._process.returncode}:\n{self.log_tail()}")
            if all(is_open(self.port + offset) for offset in range(2)):
                return
            time.sleep(0.05)
        raise RuntimeError(f"the server did not open port {self.port} within {STARTUP_LIMIT_S:.0f} s")

    def stop(self) -> int:
        """SIGTERM, then SIGKILL after five seconds; returns the exit code."""
        process = self._process
        assert process is not None
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=5.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=5.0)
        return process.returncode

    def kill(self) -> None:
        """SIGKILL, as when the machine runs out of memory."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=5.0)

    @property
    def is_running(self) -> bool:
        """True while the process lives."""
        return self._process is not None and self._process.poll() is None

    def log_tail(self, size: int = 4000) -> str:
        """The last characters that the server printed."""
        return self.log_path.read_bytes()[-size:].decode("utf-8", "replace")


def _die_with_parent() -> None:
    """Have the kernel end the server when the test process is killed."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def is_open(port: int) -> bool:
    """Whether something listens on a local port."""
    try:
        with socket.create_connection((HOST, port), timeout=1.0):
            return True
    except OSError:
        return False


def free_port(span: int = 1) -> int:
    """First of ``span`` neighbouring free TCP ports."""
    for _ in range(50):
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        try:
            for offset in range(span):
                with socket.socket() as probe:
                    probe.bind((HOST, port + offset))
        except (OSError, OverflowError):
            continue
        return port
    raise RuntimeError("no free ports")


def connect(port: int, timeout_s: float = 20.0) -> carla.Client:
    """A client with enough worker threads for many listening sensors (two cores give two, which dead-lock)."""
    client = carla.Client(HOST, port, worker_threads=8)
    client.set_timeout(timeout_s)
    return client


def run_isolated(command: list[str], limit_s: float, tries: int = 2) -> subprocess.CompletedProcess[str]:
    """Run a process that hosts a Traffic Manager, once more if it hung or crashed.

    Traffic Managers get a process of their own for three reasons, all in the client: reloading a map under one crashes
    now and then; every tick waits for ever for a synchronous one that was shut down; and once in some ten thousand
    ticks on a busy machine its two threads miss each other's signal and both wait for ever. An ordinary failure is
    never repeated.

    Raises:
        subprocess.TimeoutExpired: If it hung every time.
    """
    for left in reversed(range(tries)):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
        except subprocess.TimeoutExpired:
            if not left:
                raise
            continue
        if done.returncode >= 0 or not left:
            return done
    raise ValueError("tries must be positive")


def tick(world: carla.World) -> int:
    """Step a world and return the frame; a :class:`TrafficManagerWaker` of this process sees it if it hangs."""
    global _ticking
    _ticking = (world, world.get_snapshot().frame, time.monotonic())
    try:
        return int(world.tick())
    finally:
        _ticking = None


class TrafficManagerWaker:
    """Notifies a synchronous Traffic Manager again when its wake-up got lost, so that the tick in progress returns.

    The client's Traffic Manager signals its thread without holding the mutex; on a busy machine the signal is lost
    now and then and ``World.tick`` waits for ever although the server has answered. Switching the synchronous mode
    off and on signals again. It has to go over the Traffic Manager's own port, because the stuck tick holds the lock
    of the client's object. Use as a context manager around calls of :func:`tick`.
    """

    def __init__(self, port: int) -> None:
        """Watch over the Traffic Manager behind a port of this process."""
        self._port = port
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> TrafficManagerWaker:
        """Start watching."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop watching."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.25):
            ticking = _ticking
            if ticking is None or time.monotonic() - ticking[2] < WAKE_AFTER_S:
                continue
            if ticking[0].get_snapshot().frame > ticking[1]:
                self._switch_synchronous_mode()
                self._over.wait(WAKE_AFTER_S)

    def _switch_synchronous_mode(self) -> None:
        name = b"set_synchronous_mode"
        with socket.create_connection((HOST, self._port), timeout=5.0) as connection:
            for number, mode in enumerate((b"\xc2", b"\xc3")):
                # msgpack: [0, number, name, [mode]]
                call = b"\x94\x00" + bytes([number]) + bytes([0xA0 + len(name)]) + name + b"\x91" + mode
                connection.sendall(call)
                if not connection.recv(4096):
                    raise ConnectionError("the Traffic Manager closed the connection")


class Recorder:
    """Collects what a listening sensor delivers."""

    def __init__(self, sensor: carla.Sensor) -> None:
        """Start to listen."""
        self.sensor = sensor
        self._queue: queue.Queue[carla.SensorData] = queue.Queue()
        sensor.listen(self._queue.put)

    def next(self) -> carla.SensorData:
        """Oldest measurement not read yet; waits for it."""
        return self._queue.get(timeout=DATA_LIMIT_S)

    def at(self, frame: int) -> carla.SensorData:
        """The measurement of a frame; older ones are dropped, a newer one fails."""
        while True:
            data = self.next()
            if data.frame >= frame:
                assert data.frame == frame, f"{self.sensor.type_id}: frame {data.frame} came, not {frame}"
                return data

    def drain(self) -> list[carla.SensorData]:
        """Everything that is there now."""
        found = []
        while not self._queue.empty():
            found.append(self._queue.get())
        return found


def is_listening(sensor: carla.Sensor) -> bool:
    """Whether a sensor listens; a property in 0.9.15, a method in 0.9.16."""
    value = sensor.is_listening
    return bool(value() if callable(value) else value)


class Stage:
    """The world of one test; whatever is spawned through it is gone after :meth:`clear`."""

    def __init__(self, client: carla.Client) -> None:
        """Take over the client's current world."""
        self.client = client
        self.world: carla.World = client.get_world()
        self._spawned: list[carla.Actor] = []

    @property
    def map(self) -> carla.Map:
        """The current map."""
        return self.world.get_map()

    def prepare(self, town: str) -> None:
        """Bring the world into a known state: town, synchronous steps of 0.05 s, lights restarted, clear weather."""
        if self.map.name.split("/")[-1] != town:
            self.world = self.client.load_world(town, False)
        settings = self.world.get_settings()
        settings.synchronous_mode = True
        settings.fixed_delta_seconds = STEP_S
        self.world.apply_settings(settings)
        self.world.freeze_all_traffic_lights(False)
        self.world.reset_all_traffic_lights()
        self.tick()

    def spawn(
        self,
        type_id: str,
        pose: carla.Transform | None = None,
        attach_to: carla.Actor | None = None,
        **attributes: object,
    ) -> carla.Actor:
        """Spawn an actor; RuntimeError if the server refuses."""
        blueprint = self.world.get_blueprint_library().find(type_id)
        for name, value in attributes.items():
            blueprint.set_attribute(name, str(value))
        actor = self.world.spawn_actor(blueprint, pose or carla.Transform(), attach_to=attach_to)
        self._spawned.append(actor)
        return actor

    def adopt(self, ids: list[int]) -> list[carla.Actor]:
        """Take responsibility for actors spawned by a batch; ticks once so that they are visible."""
        self.tick()
        actors = [self.world.get_actor(actor_id) for actor_id in ids]
        self._spawned += actors
        return actors

    def listen(
        self,
        type_id: str,
        pose: carla.Transform | None = None,
        attach_to: carla.Actor | None = None,
        **attributes: object,
    ) -> Recorder:
        """Spawn a sensor and collect its data; the server holds the next tick until the stream is open."""
        recorder = Recorder(self.spawn(type_id, pose, attach_to, **attributes))
        self.tick()
        return recorder

    def tick(self, count: int = 1) -> int:
        """Step the world; returns the last frame."""
        frame = 0
        for _ in range(count):
            frame = tick(self.world)
        return frame

    def settle(self, actor: carla.Actor) -> carla.Actor:
        """Let a fresh actor come to rest on the ground."""
        self.tick(20)
        return actor

    def clear(self) -> None:
        """Stop sensors, destroy everything that does not belong to the level, youngest first."""
        # The client knows whether an actor lives only from the first tick on, and only of actors still in the world.
        self.tick()
        present = {actor.id for actor in self.world.get_actors()}
        for actor in reversed(self._spawned):
            if actor.id in present and isinstance(actor, carla.Sensor) and is_listening(actor):
                actor.stop()
        # Lane invasion and AI controllers are client-side objects: the actor itself must destroy them.
        for actor in reversed(self._spawned):
            if actor.id in present:
                actor.destroy()
        self._spawned.clear()
        self.tick()
        left = [a.id for a in self.world.get_actors() if not a.type_id.startswith(_LEVEL_TYPES)]
        if left:
            self.client.apply_batch_sync([carla.command.DestroyActor(key) for key in left], False)
            self.tick()


def lifted(pose: carla.Transform, by_m: float = 0.5) -> carla.Transform:
    """The same pose, higher up."""
    place = carla.Location(pose.location.x, pose.location.y, pose.location.z + by_m)
    return carla.Transform(place, pose.rotation)


def mounted(parent: carla.Actor, mount: carla.Transform) -> carla.Location:
    """World place of something mounted on an actor."""
    # Transform.transform changes its argument.
    return parent.get_transform().transform(carla.Location(mount.location))


def ahead(pose: carla.Transform, forward_m: float, right_m: float = 0.0, up_m: float = 0.0) -> carla.Transform:
    """A pose shifted in its own frame."""
    place = carla.Location(forward_m, right_m, up_m)
    return carla.Transform(pose.transform(place), pose.rotation)


def planar(vector: carla.Vector3D) -> NDArray[np.float64]:
    """x and y."""
    return np.array([vector.x, vector.y])


def planar_distance(a: carla.Location, b: carla.Location) -> float:
    """Distance in the plane, metres."""
    return math.hypot(a.x - b.x, a.y - b.y)


def speed_of(actor: carla.Actor | carla.ActorSnapshot) -> float:
    """Speed along the ground, m/s."""
    velocity = actor.get_velocity()
    return math.hypot(velocity.x, velocity.y)


def angle_between(a_deg: float, b_deg: float) -> float:
    """Signed difference a - b in [-180, 180)."""
    return (a_deg - b_deg + 180.0) % 360.0 - 180.0


def straight_road(town: carla.Map, length_m: float) -> carla.Waypoint:
    """First waypoint with a straight, level, junction-free driving lane of this length ahead."""
    for start in town.generate_waypoints(10.0):
        if start.is_junction:
            continue
        waypoint = start
        for _ in range(int(length_m / 5.0)):
            following = waypoint.next(5.0)
            if len(following) != 1 or following[0].is_junction:
                break
            waypoint = following[0]
            turned = angle_between(waypoint.transform.rotation.yaw, start.transform.rotation.yaw)
            climbed = abs(waypoint.transform.location.z - start.transform.location.z)
            if abs(turned) > 0.5 or climbed > 0.2:
                break
        else:
            return start
    raise AssertionError(f"no straight lane of {length_m} m in {town.name}")
