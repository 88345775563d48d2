"""Measure an evaluation: simulated over real time for a suite, and the time from the command to the first tick.

Run from the project root: ``python benchmarks/evaluation.py [--quick] [--json FILE]``. Everything is driven as users
drive, by the ``lead`` command with processes of its own per route: no sensors, no video, the autopilot among vehicles
of the Traffic Manager.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import carla
from common import parse_options, report

from lead.maps.towns import read_opendrive
from lead.simulator.launch import free_port

SUITES = (("Town01", 0), ("Town01", 20), ("Town02", 20))
"""Town and number of vehicles of each suite; a quick run takes the second."""
FIRST_TICK_TOWNS = ("Town01", "Town13")
ROUTE_M, STEP_M = 400.0, 40.0


def wander(waypoint: carla.Waypoint) -> list[tuple[float, float]]:
    """Key points of a route that follows the lanes from a place, the first branch at every fork."""
    points = []
    for _ in range(int(ROUTE_M / STEP_M) + 1):
        points.append((round(waypoint.transform.location.x, 1), round(waypoint.transform.location.y, 1)))
        following = waypoint.next(STEP_M)
        if not following:
            break
        waypoint = following[0]
    return points


def route_file(folder: Path, town: str, count: int) -> Path:
    """Write a file with some routes of a town."""
    town_map = carla.Map(town, read_opendrive(town))
    starts = [waypoint for waypoint in town_map.generate_waypoints(30.0) if not waypoint.is_junction]
    stride = len(starts) // (count + 1)
    body = ""
    for number in range(count):
        places = "".join(f'<position x="{x}" y="{y}" z="0.0"/>' for x, y in wander(starts[number * stride]))
        body += f'<route id="{number}" town="{town}"><waypoints>{places}</waypoints></route>'
    path = folder / f"{town}.xml"
    path.write_text(f"<routes>{body}</routes>")
    return path


def suite(routes: Path, folder: Path, traffic: int) -> tuple[float, float]:
    """Drive a suite with one worker; simulated over real time, with and without the processes' start."""
    command = [sys.executable, "-m", "lead", "benchmark", "leaderboard", "--routes", str(routes)]
    command += ["--output-dir", str(folder), "--traffic", str(traffic), "--simulator", "embedded"]
    started_s = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    real_s = time.monotonic() - started_s
    records = json.loads((folder / "checkpoint_endpoint.json").read_text())["_checkpoint"]["records"]
    game_s = sum(record["meta"]["duration_game"] for record in records)
    return game_s / real_s, game_s / sum(record["meta"]["duration_system"] for record in records)


def first_tick(routes: Path, folder: Path) -> float:
    """Seconds from the command to the beginning of the drive, which the first log file marks."""
    command = [sys.executable, "-m", "lead", "drive", "--routes", str(routes), "--route-id", "0"]
    command += ["--simulator", "embedded", "--no-video", "--output-dir", str(folder)]
    command += ["--port", str(free_port(3)), "--traffic-manager-port", str(free_port(1))]
    started_s = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not (folder / "infractions.json").exists():
            if process.poll() is not None:
                raise RuntimeError(f"lead drive ended with {process.returncode}")
            time.sleep(0.01)
        elapsed_s = time.monotonic() - started_s
        process.terminate()
    return elapsed_s


def main() -> None:
    """Measure and print."""
    options = parse_options(__doc__ or "")
    repeats, count = (1, 1) if options.quick else (3, 2)
    rows: dict[str, tuple[float, str]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for town, traffic in SUITES[1:2] if options.quick else SUITES:
            routes = route_file(folder, town, count)
            factors = [suite(routes, folder / f"{town}-{traffic}-{n}", traffic) for n in range(repeats)]
            name, words = f"{town}_{traffic}", f"x real time, {town}, {traffic} vehicles"
            rows[f"realtime_factor_{name}"] = (statistics.median(f for f, _ in factors), words)
            rows[f"drive_factor_{name}"] = (statistics.median(f for _, f in factors), f"{words}, drives alone")
        rows["realtime_factor"] = rows["realtime_factor_Town01_20"]
        for town in FIRST_TICK_TOWNS:
            routes = route_file(folder, town, 1)
            times = [first_tick(routes, folder / f"first-{town}-{n}") for n in range(repeats + 1)]
            rows[f"first_tick_s_{town}"] = (statistics.median(times), f"s from the command to the first tick, {town}")
        rows["first_tick_s"] = rows["first_tick_s_Town01"]
    report("Evaluation", rows, options.json)


if __name__ == "__main__":
    main()
