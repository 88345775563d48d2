"""The server under attack: malformed messages, abrupt disconnects, readers that stop reading, clients that die.

A healthy client ticks beside every attack. The full size runs in ``make test-all``.
"""

from __future__ import annotations

import random
import socket
import struct
import time
from collections.abc import Iterator

import msgpack
import pytest
from hostile_support import HOST, Attacker, Witness, capture_session, mutate, resident_mib

from lead.maps.towns import installed_towns
from lead.simulator.launch import EmbeddedServer, free_port

pytestmark = pytest.mark.skipif("Town01" not in installed_towns(), reason="Town01 is not installed")
MEMORY_LIMIT_MIB = 100.0


@pytest.fixture(scope="module")
def process() -> Iterator[EmbeddedServer]:
    with EmbeddedServer(port=free_port(), town="Town01", seed=0) as running:
        yield running


@pytest.fixture
def server(process: EmbeddedServer) -> EmbeddedServer:
    """The server with an empty town, whatever the attack before left in it."""
    cleaner = Witness(process.port)
    cleaner.call("load_new_episode", "Town01", True, 65535)
    cleaner.close()
    return process


def attack(server: EmbeddedServer, messages: int) -> None:
    """Fire mutated captures while a witness ticks; checks liveness and memory."""
    captured = capture_session(server.port)
    names = {msgpack.unpackb(message, raw=False, strict_map_key=False)[2] for message in captured}
    assert len(names) > 25, "the capture covers a real session"
    rng = random.Random(7)
    witness, attacker = Witness(server.port), Attacker(server.port)
    witness.synchronize()
    for _ in range(50):
        witness.tick()
    assert server.pid is not None
    before = resident_mib(server.pid)
    for index in range(messages):
        attacker.fire(mutate(rng.choice(captured), rng))
        if index % 5 == 0:
            # A truncated message swallows what follows on its connection, so a fresh one is taken often.
            attacker.hang_up()
        if index % 50 == 0:
            witness.synchronize()
            witness.tick(others_may_change_settings=True)
    attacker.hang_up()
    witness.call("version")
    witness.synchronize()
    for _ in range(50):
        witness.tick()
    assert server.is_running
    assert witness.slowest_s < 3.0
    assert attacker.connections > messages // 5
    assert resident_mib(server.pid) - before < MEMORY_LIMIT_MIB
    witness.close()


def test_malformed_messages_do_not_disturb_a_healthy_client(server: EmbeddedServer) -> None:
    attack(server, 3_000)


@pytest.mark.slow
def test_hundred_thousand_malformed_messages(server: EmbeddedServer) -> None:
    attack(server, 100_000)


def test_listener_that_never_connects_delays_one_tick_only(server: EmbeddedServer) -> None:
    witness = Witness(server.port)
    witness.synchronize()
    witness.tick()
    witness.call("get_sensor_token", 4711)
    started_s = time.monotonic()
    witness.tick()
    assert 0.2 < time.monotonic() - started_s < 3.0, "the tick waits for the listener, then gives it up"
    started_s = time.monotonic()
    for _ in range(5):
        witness.tick()
    assert time.monotonic() - started_s < 0.4
    witness.close()


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_abrupt_disconnects_leave_nothing_behind(server: EmbeddedServer, count: int) -> None:
    witness = Witness(server.port)
    witness.synchronize()
    assert server.pid is not None
    before = resident_mib(server.pid)
    for index in range(count):
        attacker = Attacker(server.port + index % 2)
        attacker.fire(struct.pack("<I", 1) if index % 2 else b"\x94\x00\x01\xa4tick")
        attacker.hang_up()
        if index % 20 == 0:
            witness.tick()
    for _ in range(20):
        witness.tick()
    assert resident_mib(server.pid) - before < 20.0
    witness.close()


@pytest.mark.slow
def test_reader_that_stops_reading_costs_bounded_memory(server: EmbeddedServer) -> None:
    witness = Witness(server.port)
    witness.synchronize()
    description = [0, "sensor.camera.depth", [["image_size_x", 2, "1920"], ["image_size_y", 2, "1080"]]]
    camera = witness.call("spawn_actor", description, [[0.0, 0.0, 2.0], [0.0, 0.0, 0.0]])
    assert isinstance(camera, list)
    stream_id = struct.unpack("<I", camera[5][:4])[0]
    with socket.create_connection((HOST, server.port + 1)) as lazy:
        lazy.sendall(struct.pack("<I", stream_id))
        time.sleep(0.3)
        assert server.pid is not None
        before = 0.0
        for _ in range(5):  # the renderer itself takes memory, more or less of it at different moments
            witness.tick()
            before = max(before, resident_mib(server.pid))
        for _ in range(60):  # 60 frames of 8 MB are 500 MB
            witness.tick()
        assert resident_mib(server.pid) - before < MEMORY_LIMIT_MIB
        assert len(lazy.recv(1 << 16)) > 0, "what it reads late is still a stream"
    witness.tick()
    witness.close()


def test_client_that_destroys_what_another_uses(server: EmbeddedServer) -> None:
    owner, vandal = Witness(server.port), Witness(server.port)
    owner.synchronize()
    spawns = owner.call("get_map_info")
    assert isinstance(spawns, list)
    car = owner.call("spawn_actor", [0, "vehicle.audi.tt", []], spawns[1][0])
    assert isinstance(car, list)
    imu = owner.call("spawn_actor_with_parent", [0, "sensor.other.imu", []], [[0.0] * 3] * 2, car[0], 0, "")
    assert isinstance(imu, list)
    with socket.create_connection((HOST, server.port + 1)) as stream:
        stream.sendall(imu[5][:4])
        time.sleep(0.2)
        owner.tick()
        assert vandal.call("destroy_actor", car[0]) is True
        owner.tick()
        assert vandal.call("destroy_actor", imu[0]) is True
        for _ in range(5):
            owner.tick()
        time.sleep(0.2)
        received = stream.recv(1 << 20)
        packet = 4 + struct.unpack_from("<I", received)[0]
        assert len(received) == 2 * packet, "two frames before it was destroyed, none after"
        stream.settimeout(0.3)
        with pytest.raises(TimeoutError):
            stream.recv(1)  # silent but open: a closed stream would make the client reconnect for ever
    owner.call("apply_control_to_vehicle", car[0], [0.0] * 3 + [False] * 3 + [0])
    owner.tick()
    assert server.is_running


def test_traffic_manager_port_is_free_again_after_its_client_died(server: EmbeddedServer) -> None:
    host, witness = Witness(server.port), Witness(server.port)
    assert host.call("add_traffic_manager_running", ["192.0.2.1", 8000]) is True
    assert witness.call("is_traffic_manager_running", 8000) is True
    host.close()
    deadline = time.monotonic() + 5.0
    while witness.call("is_traffic_manager_running", 8000) is True:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_numbers_that_are_none_never_reach_the_world(server: EmbeddedServer) -> None:
    witness = Witness(server.port)
    witness.synchronize()
    spawns = witness.call("get_map_info")
    assert isinstance(spawns, list)
    car = witness.call("spawn_actor", [0, "vehicle.audi.tt", []], spawns[1][0])
    assert isinstance(car, list)
    nan, inf = float("nan"), float("inf")
    witness.call("apply_control_to_vehicle", car[0], [nan, inf, nan, False, False, False, 0])
    witness.call("set_actor_target_velocity", car[0], [nan, inf, -inf])
    witness.call("add_actor_impulse", car[0], [inf, nan, 0.0])
    with socket.create_connection((HOST, server.port + 1)) as stream:
        stream.sendall(struct.pack("<I", 1))
        time.sleep(0.2)
        for _ in range(3):
            witness.tick()
        head = stream.recv(1 << 20)
    size = struct.unpack_from("<I", head)[0]
    record = head[4 + size - 119 : 4 + size]
    assert struct.unpack_from("<I", record)[0] == car[0]
    values = struct.unpack_from("<15f", record, 5)
    assert all(abs(value) < 1e9 for value in values), values
