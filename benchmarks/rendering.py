"""Cost of sensors: milliseconds of processor time per tick of whole rigs, how it grows, and ticks per second.

Run from the project root: ``.venv/bin/python benchmarks/rendering.py [--quick] [--json FILE]``. ``…_ms`` counts the
processor time of all threads, so that other programs on the machine hardly matter; on a GPU it is wall time.
``LEAD_RENDER_BACKEND`` chooses the back end (`auto`, `cuda`, `embree`, `cpu`).
"""

from __future__ import annotations

import os
import queue
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import carla
import numpy as np
from common import parse_options, report
from rigs import FRONT_CAMERAS, SIX_CAMERAS, VEHICLE, Mount, camera, cameras, evaluation_rig, expert_rig
from rigs import lidars_and_radars as ray_sensors

from lead.geometry.frames import rotation_matrices
from lead.simulator.launch import EmbeddedServer, free_port
from lead.simulator.rendering.scene import ColorStyle, RayBundle, View
from lead.simulator.server import load_town
from lead.simulator.world.actors import AttachmentType, WorldError
from lead.simulator.world.weather import presets
from lead.simulator.world.world import World

TOWN = "Town01"
TRAFFIC = 60
Rows = dict[str, tuple[float, str]]


def add_traffic(world: World, count: int) -> list[int]:
    """Vehicles of many kinds at the spawn points nearest to the first one, which stays free for the ego."""
    points = world.town.spawn_points
    order = np.argsort(np.linalg.norm(points[:, :2] - points[0, :2], axis=1))[1:]
    kinds = [name for name in world.library.by_id if name.startswith("vehicle.")]
    ids: list[int] = []
    for turn, row in enumerate(points[order]):
        if len(ids) == count:
            break
        location = row[:3] + np.array([0.0, 0.0, 0.1])
        try:
            ids.append(world.spawn(kinds[turn % len(kinds)], [], location, row[3:].copy()).id)
        except WorldError:  # a blocked spot: the next one will do
            continue
    return ids


def mount(world: World, rig: list[Mount]) -> list[int]:
    """An ego vehicle with a rig at the first spawn point; ids of all actors made."""
    row = world.town.spawn_points[0]
    ego = world.spawn(VEHICLE, [["role_name", "hero"]], row[:3].copy(), row[3:].copy())
    ids = [ego.id]
    for item in rig:
        x, y, z, yaw = item.pose
        ids.append(
            world.spawn(
                item.blueprint,
                [[name, value] for name, value in item.attributes.items()],
                np.array([x, y, z]),
                np.array([0.0, yaw, 0.0]),
                ego.id,
                AttachmentType.RIGID,
            ).id
        )
    return ids


def cost_ms(world: World, rig: list[Mount], ticks: int) -> float:
    """Median milliseconds per tick that the sensors of a rig cost."""
    clock = time.perf_counter if world.renderer.backend.name == "cuda" else time.process_time
    ids = mount(world, rig)
    costs = []
    for tick in range(ticks + 3):
        world.tick(0.05)
        start = clock()
        for _ in world.measurements(lambda stream: True, lambda actor, other, label, payload: b""):
            pass
        if tick >= 3:
            costs.append(1e3 * (clock() - start))
    for actor in reversed(ids):
        world.destroy(actor)
    return statistics.median(costs)


def renderer_ms(world: World, rig: list[Mount], ticks: int) -> float:
    """Median milliseconds per tick of the renderer alone: scene, traces, pictures and hits, without sensor models.

    Colour cameras and lidars of the rig count; a lidar is 30,000 rays, of which 45 % are dropped before.
    """
    clock = time.perf_counter if world.renderer.backend.name == "cuda" else time.process_time
    row = world.town.spawn_points[0]
    turn = rotation_matrices(*row[3:])
    views, bundles = [], []
    rng = np.random.default_rng(0)
    for item in rig:
        x, y, z, yaw = item.pose
        place, rotation = row[:3] + turn @ (x, y, z), turn @ rotation_matrices(0.0, yaw, 0.0)
        if item.blueprint == "sensor.camera.rgb":
            size = (int(item.attributes[name]) for name in ("image_size_x", "image_size_y"))
            views.append(View(place, rotation, *size, float(item.attributes["fov"])))
        elif item.blueprint == "sensor.lidar.ray_cast":
            azimuth, elevation = np.meshgrid(np.linspace(-np.pi, 0.0, 469), np.radians(np.linspace(10.0, -30.0, 64)))
            rays = [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
            directions = np.stack(rays, axis=-1).reshape(-1, 3).astype(np.float32)
            bundles.append(RayBundle(place, directions[rng.random(len(directions)) > 0.45], 85.0, rotation))
    costs = []
    for tick in range(ticks + 3):
        world.tick(0.05)
        start = clock()
        world.renderer.prepare(world, row[None, :2])
        world.renderer.render(views).color(ColorStyle())
        world.renderer.cast(bundles)
        if tick >= 3:
            costs.append(1e3 * (clock() - start))
    return statistics.median(costs)


def resident_mib() -> float:
    """Memory of this process now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def client_ticks_per_s(rig: list[Mount], ticks: int) -> float:
    """Median ticks per second through the real client, which waits for every packet of every tick."""
    port = free_port()
    with EmbeddedServer(port=port, town=TOWN):
        client = carla.Client("127.0.0.1", port, worker_threads=max(8, len(rig)))
        client.set_timeout(120.0)
        world = client.get_world()
        settings = world.get_settings()
        settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
        world.apply_settings(settings)
        library, points = world.get_blueprint_library(), world.get_map().get_spawn_points()
        ego = world.spawn_actor(library.find(VEHICLE), points[0])
        for point in points[1 : TRAFFIC + 1]:
            world.try_spawn_actor(library.find(VEHICLE), point)
        arrived: queue.Queue[int] = queue.Queue()
        sensors = []
        for item in rig:
            blueprint = library.find(item.blueprint)
            for name, value in item.attributes.items():
                blueprint.set_attribute(name, value)
            x, y, z, yaw = item.pose
            pose = carla.Transform(carla.Location(x, y, z), carla.Rotation(yaw=yaw))
            sensors.append(world.spawn_actor(blueprint, pose, attach_to=ego))
            sensors[-1].listen(lambda packet: arrived.put(len(packet.raw_data)))
        rates = []
        for tick in range(ticks + 5):
            start = time.perf_counter()
            world.tick(120.0)
            for _ in sensors:
                arrived.get(timeout=120.0)
            if tick >= 5:
                rates.append(1.0 / (time.perf_counter() - start))
        for sensor in sensors:
            sensor.stop()
        settings.synchronous_mode = False
        world.apply_settings(settings)
    return statistics.median(rates)


def measure_growth(world: World, ticks: int, rows: Rows) -> None:
    """Cost against pixels, cameras, actors and weather."""
    base = cost_ms(world, cameras(FRONT_CAMERAS), ticks)
    rows["rgb_3x384_ms"] = (base, "3 colour cameras, the baseline below")
    for name, rig in {
        "rgb_3x192": [camera("rgb", pose, 192, 192, 60.0) for pose in FRONT_CAMERAS],
        "rgb_3x768": [camera("rgb", pose, 768, 768, 60.0) for pose in FRONT_CAMERAS],
        "rgb_6x384": cameras(SIX_CAMERAS),
        "rgb_1024x512": [camera("rgb", (-1.5, 0.0, 2.0, 0.0), 1024, 512, 110.0)],
        "semantic_3x384": cameras(FRONT_CAMERAS, ("semantic_segmentation",)),
    }.items():
        value = cost_ms(world, rig, ticks)
        rows[f"{name}_ms"] = (value, f"{value / base:.2f} of the baseline")
    for preset in ("ClearNight", "HardRainNoon"):
        world.weather = presets()[preset]
        value = cost_ms(world, cameras(FRONT_CAMERAS), ticks)
        rows[f"rgb_3x384_{preset}_ms"] = (value, f"{value / base:.2f} of the baseline")
    world.weather = presets()["ClearNoon"]


def measure_actors(ticks: int, rows: Rows, counts: tuple[int, ...]) -> None:
    """Cost of the baseline cameras with more and more actors near by."""
    for count in counts:
        world = World(load_town("Town04"))
        placed = len(add_traffic(world, count))
        value = cost_ms(world, cameras(FRONT_CAMERAS), ticks)
        rows[f"actors_{count}_ms"] = (value, f"3 colour cameras, Town04, {placed} vehicles")
        world.renderer.close()


def measure_towns(ticks: int, rows: Rows, towns: tuple[str, ...]) -> None:
    """Cost of the baseline cameras, and time to the first picture, in towns of different size."""
    for town in towns:
        world = World(load_town(town))
        start = time.perf_counter()
        cost_ms(world, cameras(FRONT_CAMERAS), 1)
        first_s = time.perf_counter() - start
        value = cost_ms(world, cameras(FRONT_CAMERAS), ticks)
        count = world.renderer.triangles()
        rows[f"town_{town}_ms"] = (value, f"3 colour cameras, {count / 1e6:.2f} million triangles around")
        rows[f"rss_mib_{town}"] = (resident_mib(), "memory of the process, map, scenery and kernels included")
        rows[f"first_picture_s_{town}"] = (first_s, "s from the loaded map to the first pictures, scenery included")
        world.renderer.close()


def main() -> None:
    """Measure and report."""
    options = parse_options(__doc__ or "")
    ticks = 5 if options.quick else 12
    rows: Rows = {}
    world = World(load_town(TOWN))
    add_traffic(world, TRAFFIC)
    world.weather = presets()["ClearNoon"]
    rigs: dict[str, tuple[Callable[[], float], str]] = {
        "eval_rig_ms": (
            lambda: cost_ms(world, evaluation_rig(), ticks),
            "3 colour cameras, 2 LiDARs, 4 radars",
        ),
        "expert_rig_ms": (
            lambda: cost_ms(world, expert_rig(), ticks),
            "24 cameras at 6 poses, 2 LiDARs, 4 radars",
        ),
        "lidar_ms": (
            lambda: cost_ms(world, ray_sensors(), ticks),
            "2 LiDARs (60,000 rays before drop-off), 4 radars",
        ),
        "renderer_eval_ms": (
            lambda: renderer_ms(world, evaluation_rig(), ticks),
            "of the evaluation rig: the renderer alone, without sensor models and packets",
        ),
    }
    # In turn and several times over: a busy neighbour on the same host comes and goes within seconds.
    rounds = [{name: measure() for name, (measure, _) in rigs.items()} for _ in range(3 if options.quick else 7)]
    for name, (_, remark) in rigs.items():
        rows[name] = statistics.median(one[name] for one in rounds), remark
    backend = world.renderer.backend.name
    clock = "wall time" if backend == "cuda" else "processor time of all threads"
    for name, cost in (("renderer", "renderer_eval_ms"), ("eval", "eval_rig_ms"), ("expert", "expert_rig_ms")):
        rows[f"render_ticks_per_s_{name}"] = 1e3 / rows[cost][0], f"1 / {cost}; {clock}"
    if not options.quick:
        measure_growth(world, ticks, rows)
        world.renderer.close()
        measure_actors(ticks, rows, (10, 60, 120, 240, 400))
        measure_towns(ticks, rows, ("Town02", "Town10HD", "Town12", "Town13"))
    rate = client_ticks_per_s(evaluation_rig(), 10 if options.quick else 60)
    rows["client_ticks_per_s_eval"] = (rate, f"ticks/s with the evaluation rig and {TRAFFIC} vehicles, real client")
    report(f"Sensors, {backend} back end, {os.cpu_count()} cores", rows, options.json, backend=backend)


if __name__ == "__main__":
    sys.exit(main())
