"""Long run: hours of simulated time with map changes; memory must stay flat and ticks must not slow down.

Run from the project root: ``.venv/bin/python benchmarks/soak.py [--quick] [--json FILE]``. Sixty vehicles change their
controls every second and are put back on the road when they have left it; every segment loads another town. The first
round through the towns fills caches; memory and tick times of later rounds are compared with the second one.
"""

from __future__ import annotations

import random
import socket
import statistics
import time
from pathlib import Path

import msgpack
from common import parse_options, report

from lead.simulator.launch import EmbeddedServer, free_port

TOWNS = ("Town01", "Town02", "Town10HD")
VEHICLES = 60
TICKS_PER_S = 20
SETTINGS = [True, False, [True, 0.05], True, 0.01, 10, 0.0, True, 3000.0, 2000.0, True]


class RawClient:
    """The few calls this run needs, without the weight of the real client."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60.0)
        self._unpacker = msgpack.Unpacker(raw=False)
        self._count = 0

    def call(self, name: str, *arguments: object) -> list:
        """One call; returns the reply as it came."""
        self._count += 1
        self._socket.sendall(msgpack.packb([0, self._count, name, [[False], *arguments]]))
        while True:
            for message in self._unpacker:
                return message[3]
            self._unpacker.feed(self._socket.recv(1 << 20))


def run_segment(client: RawClient, town: str, seconds: int, rng: random.Random) -> float:
    """Simulate one town for a while; returns the median milliseconds per tick."""
    client.call("load_new_episode", town, True, 65535)
    client.call("set_episode_settings", SETTINGS)
    spawns = client.call("get_map_info")[0][1][1]
    rng.shuffle(spawns)
    cars: list[int] = []
    for pose in spawns:
        reply = client.call("spawn_actor", [0, "vehicle.tesla.model3", []], pose)[0]
        if len(cars) < VEHICLES and reply[0] == 1:
            cars.append(reply[1][0])
    for car in cars[VEHICLES:]:
        client.call("destroy_actor", car)
    cars = cars[:VEHICLES]
    times = []
    for tick in range(seconds * TICKS_PER_S):
        if tick % (20 * TICKS_PER_S) == 0:
            moves = [[[6, [car, pose]]] for car, pose in zip(cars, spawns, strict=False)]
            client.call("apply_batch", moves, False)
        if tick % TICKS_PER_S == 0:
            controls = [
                [[2, [car, [rng.random() * 0.7, rng.uniform(-0.3, 0.3), 0.0, False, False, False, 0]]]] for car in cars
            ]
            client.call("apply_batch", controls, False)
        start = time.perf_counter()
        client.call("tick_cue")
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def resident_mib(pid: int) -> float:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20


def main() -> None:
    """Run, compare the last round with the second, report."""
    options = parse_options(__doc__ or "")
    rounds, seconds = (3, 20) if options.quick else (4, 600)
    rng = random.Random(3)
    memory: list[float] = []
    ticks: list[dict[str, float]] = []
    with EmbeddedServer(port=free_port(), town=TOWNS[0], seed=0) as server:
        client = RawClient(server.port)
        assert server.pid is not None
        for _ in range(rounds):
            ticks.append({town: run_segment(client, town, seconds, rng) for town in TOWNS})
            memory.append(resident_mib(server.pid))
    hours = rounds * len(TOWNS) * seconds / 3600.0
    rows: dict[str, tuple[float, str]] = {
        "simulated_h": (hours, f"h with {VEHICLES} vehicles, {rounds * len(TOWNS)} map changes"),
        "rss_mib_second_round": (memory[1], "MiB resident"),
        "rss_mib_last_round": (memory[-1], f"MiB resident, {memory[-1] - memory[1]:+.1f} MiB"),
    }
    for town in TOWNS:
        ratio = ticks[-1][town] / ticks[1][town]
        rows[f"tick_ratio_{town}"] = (
            ratio,
            f"last round {ticks[-1][town]:.2f} ms, second {ticks[1][town]:.2f} ms per tick",
        )
    report("Long run", rows, options.json)


if __name__ == "__main__":
    main()
