"""One run of sensors in a town, as a script: prints a digest of the packets of every sensor kind.

``rendering_run.py BACKEND THREADS`` drives twelve ticks of rain in a town with moving vehicles and walkers.
"""

from __future__ import annotations

import hashlib
import json
import sys

import numpy as np
from rendering_support import STEP_S, measured, mount, people, town_map

from lead.geometry.frames import rotation_matrices
from lead.simulator.rendering.options import RenderOptions
from lead.simulator.world.weather import presets
from lead.simulator.world.world import World

TICKS = 12
CAMERAS = ("rgb", "depth", "semantic_segmentation", "instance_segmentation", "normals", "optical_flow", "dvs")
SIZE = {"image_size_x": 240, "image_size_y": 135}


def digests(backend: str, threads: int) -> dict[str, str]:
    """Digest of all packets by type of sensor."""
    world = World(town_map("Town02"), seed=5, render_options=RenderOptions(backend, threads, antialias=True))
    row = world.town.spawn_points[0]
    actors = people(world, row, 12, 8)
    car = actors[0]
    for kind in CAMERAS:
        mount(world, f"camera.{kind}", (0.5, 0.0, 2.0), (-5.0, 10.0, 0.0), car, **SIZE)
    mount(world, "lidar.ray_cast", (0.0, 0.0, 2.5), (0.0, 0.0, 0.0), car, noise_stddev=0.02, points_per_second=200000)
    mount(world, "lidar.ray_cast_semantic", (0.0, 0.0, 2.5), (0.0, 0.0, 0.0), car, range=60, points_per_second=200000)
    mount(world, "other.radar", (2.3, 0.0, 1.0), (0.0, 0.0, 0.0), car)
    world.weather = presets()["MidRainSunset"]
    world.fleet.table.records["control"]["throttle"] = 1.0
    for walker in world.crowd.table.actors:
        record = world.crowd.table.records[walker.row]
        turn = rotation_matrices(*record["rotation_deg"].astype(np.float64))
        world.crowd.table.records["direction"][walker.row] = turn[:, 0]
        world.crowd.table.records["speed"][walker.row] = 1.4
    found = {}
    for _ in range(TICKS):
        world.tick(STEP_S)
        for actor_id, body in measured(world).items():
            found.setdefault(world.actors[actor_id].type_id, hashlib.sha256()).update(body)
    speeds = [
        np.linalg.norm(table.records["velocity"], axis=1).max() for table in (world.fleet.table, world.crowd.table)
    ]
    assert min(speeds) > 0.5, "vehicles drive and walkers walk"
    world.renderer.close()
    return {kind: digest.hexdigest() for kind, digest in sorted(found.items())}


if __name__ == "__main__":
    print(json.dumps(digests(sys.argv[1], int(sys.argv[2]))))
