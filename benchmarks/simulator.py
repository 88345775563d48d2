"""Speed of the embedded simulator: ticks per second through the real client, world step, start-up, load, memory.

Run from the project root: ``.venv/bin/python benchmarks/simulator.py [--quick] [--json FILE]``. Medians of several
batches; the ratios to the empty world and to real time (20 ticks per second) come from the same run.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import carla
import numpy as np
from common import parse_options, report

from lead.evaluation.tick_guard import TickGuard
from lead.maps.towns import TOWNS
from lead.simulator.launch import EmbeddedServer, free_port
from lead.simulator.server import load_town
from lead.simulator.world.world import World

REAL_TIME_TICKS_PER_S = 20.0
VEHICLE = "vehicle.lincoln.mkz_2020"
RESET_EVERY = 40
Rows = dict[str, tuple[float, str]]


def spaced_spawns(world: carla.World, count: int) -> list[carla.Transform]:
    """``count`` spawn points spread evenly over the town."""
    points = world.get_map().get_spawn_points()
    picks = np.linspace(0, len(points) - 1, min(count, len(points))).astype(int)
    return [points[k] for k in picks]


def spawn_vehicles(client: carla.Client, world: carla.World, count: int) -> tuple[list[int], list[carla.Transform]]:
    """Spawn up to ``count`` vehicles; returns ids and where they stand."""
    blueprint = world.get_blueprint_library().find(VEHICLE)
    spawns = spaced_spawns(world, count)
    replies = client.apply_batch_sync([carla.command.SpawnActor(blueprint, pose) for pose in spawns], False)
    pairs = [(reply.actor_id, pose) for reply, pose in zip(replies, spawns, strict=True) if not reply.error]
    world.tick()
    return [actor for actor, _ in pairs], [pose for _, pose in pairs]


def ticks_per_s(client: carla.Client, count: int, batches: int) -> float:
    """Median ticks per second with ``count`` moving vehicles under constant controls, batches of RESET_EVERY ticks."""
    world = client.get_world()
    ids, poses = spawn_vehicles(client, world, count)
    control = carla.VehicleControl(throttle=0.4)
    client.apply_batch_sync([carla.command.ApplyVehicleControl(actor, control) for actor in ids], False)
    rates = []
    for _ in range(batches):
        moves = [carla.command.ApplyTransform(actor, pose) for actor, pose in zip(ids, poses, strict=True)]
        stops = [carla.command.ApplyTargetVelocity(actor, carla.Vector3D()) for actor in ids]
        client.apply_batch_sync([*moves, *stops], False)
        start = time.perf_counter()
        for _ in range(RESET_EVERY):
            world.tick()
        rates.append(RESET_EVERY / (time.perf_counter() - start))
    client.apply_batch_sync([carla.command.DestroyActor(actor) for actor in ids], False)
    world.tick()
    return statistics.median(rates)


def tm_ticks_per_s(client: carla.Client, count: int, ticks: int, tm_port: int) -> float:
    """Median ticks per second with ``count`` vehicles driven by the Traffic Manager in this process."""
    world = client.get_world()
    manager = client.get_trafficmanager(tm_port)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(1)
    ids, _ = spawn_vehicles(client, world, count)
    client.apply_batch_sync([carla.command.SetAutopilot(actor, True, tm_port) for actor in ids], False)
    rates = []
    # The Traffic Manager of the carla wheel sometimes sleeps through a tick; the guard wakes it.
    with TickGuard(tm_port, lambda: True, lambda: None, always_probe=False) as guard:
        for _ in range(40):
            guard.tick(world)
        for _ in range(max(ticks // 20, 1)):
            start = time.perf_counter()
            for _ in range(20):
                guard.tick(world)
            rates.append(20 / (time.perf_counter() - start))
    client.apply_batch_sync([carla.command.SetAutopilot(actor, False, tm_port) for actor in ids], False)
    client.apply_batch_sync([carla.command.DestroyActor(actor) for actor in ids], False)
    world.tick()
    manager.set_synchronous_mode(False)
    # Left alone, its thread would outlive the server and abort this process after the client's time-out.
    manager.shut_down()
    return statistics.median(rates)


def step_ms(town_world: World, count: int, ticks: int) -> float:
    """Median milliseconds of one world step and snapshot with ``count`` moving vehicles, without sockets."""
    ids = []
    points = town_world.town.spawn_points
    for row in points[np.linspace(0, len(points) - 1, min(count, len(points))).astype(int)]:
        ids.append(town_world.spawn(VEHICLE, [], row[:3].copy(), row[3:].copy()).id)
    town_world.fleet.table.records["control"]["throttle"] = 0.4
    times = []
    home = town_world.fleet.column("position").copy()
    for tick in range(ticks):
        if tick % RESET_EVERY == 0:
            town_world.fleet.column("position")[:] = home
            town_world.fleet.column("speed")[:] = 0.0
        start = time.perf_counter()
        town_world.tick(0.05)
        town_world.snapshot()
        times.append(time.perf_counter() - start)
    for actor in ids:
        town_world.destroy(actor)
    return statistics.median(times) * 1e3


def server_memory_mib(server: EmbeddedServer) -> float:
    """Resident memory of the server process."""
    fields = Path(f"/proc/{server.pid}/statm").read_text().split()
    return int(fields[1]) * 4096 / 2**20


def measure_town(town: str, counts: tuple[int, ...], tm_ticks: int, batches: int, suffix: str, rows: Rows) -> None:
    """Ticks per second, start-up and memory of one town."""
    port = free_port()
    start = time.perf_counter()
    with EmbeddedServer(port=port, town=town) as server:
        startup = time.perf_counter() - start
        rows[f"startup_s{suffix}"] = (startup, f"s from launch to ready, {town}, map compiled before")
        client = carla.Client("127.0.0.1", port, worker_threads=4)
        client.set_timeout(120.0)
        world = client.get_world()
        settings = world.get_settings()
        settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
        world.apply_settings(settings)
        empty = 0.0
        for count in counts:
            rate = ticks_per_s(client, count, batches)
            empty = empty or rate
            remark = f"{rate / REAL_TIME_TICKS_PER_S:.0f} x real time, {rate / empty:.2f} of the empty world"
            rows[f"ticks_per_s_{count}{suffix}"] = (rate, remark)
        rate = tm_ticks_per_s(client, 100, tm_ticks, free_port(first=8000, last=8999))
        rows[f"tm_ticks_per_s_100{suffix}"] = (rate, f"{rate / REAL_TIME_TICKS_PER_S:.0f} x real time, Traffic Manager")
        rows[f"rss_mib_{town}"] = (server_memory_mib(server), "MiB resident in the server")
        settings.synchronous_mode = False
        world.apply_settings(settings)


def main() -> None:
    """Measure and report."""
    options = parse_options(__doc__ or "")
    rows: Rows = {}
    batches = 5 if options.quick else 15
    measure_town("Town01", (0, 1, 20, 100), 100 if options.quick else 400, batches, "", rows)
    if not options.quick:
        measure_town("Town13", (0, 100), 200, batches, "_Town13", rows)
    world = World(load_town("Town04"))
    for count in (10, 50, 100, 200, 400):
        value = step_ms(world, count, 120 if options.quick else 400)
        rows[f"step_ms_{count}"] = (value, f"ms per step and snapshot, {1e3 * value / count:.1f} us per vehicle")
    for town in ("Town01", "Town10HD") if options.quick else TOWNS:
        start = time.perf_counter()
        World(load_town(town))
        rows[f"load_s_{town}"] = (time.perf_counter() - start, "s from cached map to a world ready to tick")
    report("Embedded simulator", rows, options.json)


if __name__ == "__main__":
    main()
