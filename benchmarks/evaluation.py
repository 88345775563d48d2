"""Measure an evaluation: simulated over real time for a suite, the time from the command to the first tick, and the
time that scenario engine and background traffic take per tick.

Run from the project root: ``python benchmarks/evaluation.py [--quick] [--json FILE]``. Suites and first ticks are
driven as users drive, by the ``lead`` command with processes of its own per route: no sensors, no video, the autopilot
among vehicles of the Traffic Manager.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import carla
import numpy as np
from common import parse_options, report

from lead.evaluation.observation import WorldObserver
from lead.evaluation.world_setup import EGO_BLUEPRINT, SimulationSession
from lead.maps.towns import read_opendrive
from lead.routes.model import DEFAULT_WEATHER, Route, WeatherKeyframe
from lead.routes.planner import trace_route
from lead.scenarios.context import ScenarioContext
from lead.scenarios.engine import Engine
from lead.scenarios.messages import ChangeOppositeBehavior, ChangeRoadBehavior, SetMaxSpeed
from lead.scenarios.stage import Stage
from lead.scenarios.traffic.bubble import TrafficBubble
from lead.scoring.profiles import profile
from lead.simulator.launch import EmbeddedServer, free_port

SUITES = (("Town01", 0), ("Town01", 20), ("Town02", 20))
"""Town and number of vehicles of each suite; a quick run takes the second."""
FIRST_TICK_TOWNS = ("Town01", "Town13")
ROUTE_M, STEP_M = 400.0, 40.0
ENGINE_TOWN, ENGINE_PLACE, ENGINE_ROUTE_M = "Town05", (34, -1, 40.0), 150.0
"""A straight road with three lanes each way: road, lane, station (m)."""
ENGINE_SPEED_MPS = 4.0
ENGINE_WARM_UP_TICKS = 260


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


def engine_times_ms(session: SimulationSession, ticks: int, *, with_traffic: bool) -> tuple[list[float], float]:
    """Times that the engine takes per tick while the ego moves, and the mean number of background cars."""
    start = session.map.get_waypoint_xodr(*ENGINE_PLACE)
    blueprint = session.world.get_blueprint_library().find(EGO_BLUEPRINT)
    pose = start.transform
    ego = session.world.spawn_actor(blueprint, carla.Transform(pose.location + carla.Location(z=0.5), pose.rotation))
    session.tick()
    ends = [place.transform.location for place in (start, start.next(ENGINE_ROUTE_M)[0])]
    keypoints = np.array([(end.x, end.y, end.z) for end in ends])
    rules = profile("leaderboard")
    context = ScenarioContext(
        client=session.client,
        world=session.world,
        map=session.map,
        ego=ego,
        route=Route("0", ENGINE_TOWN, keypoints, (WeatherKeyframe(0.0, DEFAULT_WEATHER),)),
        dense=trace_route(session.map, keypoints),
        scenarios=(),
        criteria=SimpleNamespace(blocked_paused=False, check_wrong_direction=True, report=lambda *event: None),
        profile=rules,
        traffic_manager=lambda: session.traffic_manager,
        seed=0,
    )
    bubbles: list[TrafficBubble] = []

    def make(stage: Stage) -> TrafficBubble | None:
        bubbles.extend([TrafficBubble(stage)] if with_traffic else [])
        return bubbles[0] if bubbles else None

    engine = Engine(make)
    engine.start(context)
    engine.stage.post(ChangeRoadBehavior(front_count=8, back_count=8, spawn_distance_m=9.0))
    engine.stage.post(SetMaxSpeed(25.0))
    observer = WorldObserver(session.world, ego)
    times, counts = [], []
    for tick in range(ENGINE_WARM_UP_TICKS + ticks):
        if tick < 2:  # the gap sets the distance, too, so the distance comes second
            gap_m, distance_m = (12.0, None) if not tick else (None, 140.0)
            engine.stage.post(ChangeOppositeBehavior(source_distance_m=distance_m, spawn_distance_m=gap_m))
        speed_mps = min(ENGINE_SPEED_MPS, 0.05 * tick)
        ego.enable_constant_velocity(carla.Vector3D(speed_mps, 0.0, 0.0))
        session.tick()
        observation = observer.read()
        started_s = time.perf_counter()
        engine.tick(observation, carla.VehicleControl())
        elapsed_s = time.perf_counter() - started_s
        if tick >= ENGINE_WARM_UP_TICKS:
            times.append(1e3 * elapsed_s)
            counts.append(len(bubbles[0].fleet) if bubbles else 0)
    engine.close()
    ego.destroy()
    session.tick()
    return times, statistics.mean(counts)


def engine_rows(ticks: int) -> dict[str, tuple[float, str]]:
    """Median times of the engine with about 60 background cars and with none."""
    with (
        EmbeddedServer(free_port(3), ENGINE_TOWN, synchronous=True) as server,
        SimulationSession(server.port, free_port(1), seed=0, timeout_s=60.0) as session,
    ):
        session.load_town(ENGINE_TOWN)
        empty, _ = engine_times_ms(session, ticks, with_traffic=False)
        full, count = engine_times_ms(session, ticks, with_traffic=True)
    words = f"ms per tick of the engine, median, {count:.0f} background cars, {ENGINE_TOWN}"
    return {
        "engine_ms_60": (statistics.median(full), words),
        "engine_ms_60_mean": (statistics.mean(full), "the same, mean: with the ticks in which cars appear"),
        "engine_ms_empty": (statistics.median(empty), "ms per tick of the engine without traffic, median"),
    }


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
    rows.update(engine_rows(200 if options.quick else 400))
    report("Evaluation", rows, options.json)


if __name__ == "__main__":
    main()
