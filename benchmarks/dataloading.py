"""Measure the making of training samples: from the files of a route, from the cache, and building the cache.

Run from the project root: ``python benchmarks/dataloading.py [--quick] [--json FILE] [--route DIR] [--workers N]``.
Without a route one is recorded first: three cameras and the twin rig, 30 boxes, 60,000 LiDAR points. Times are CPU time
of one thread, as every core of a loader has its own process; of several rounds the quickest counts, since other work on
the machine makes CPU time longer, too. Samples are varied as in training: both views, colour augmentation.
``loader_samples_per_s_N`` is what a trainer gets: batches of 64 from N worker processes, by the clock.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from common import report

from lead.dataset.cache.build import build_route, tasks_of
from lead.dataset.cache.settings import RecordSettings
from lead.dataset.cache.store import RecordStore
from lead.dataset.carla_sample import CarlaSamples, SampleOptions
from lead.dataset.collections import everything
from lead.dataset.frame import RADARS, Frame, PointCloud
from lead.dataset.loading.loader import BatchLoader
from lead.dataset.loading.sampling import EpochPlan
from lead.dataset.rig_detection import rig_of
from lead.dataset.route_index import FrameIndex, RouteChoice, build_index
from lead.dataset.route_writer import RouteWriter
from lead.dataset.schema import POP_DISTANCES

BOXES, POINTS, RADAR_POINTS = 30, 60_000, 75
FRAMES, SKIPPED = 24, 8
BATCH = 64
ROUTE = "data/Accident/Town03_Rep0_made_route0_01_02_03_04_05"
RESULTS = {"status": "Perfect", "num_infractions": 0, "infractions": {}, "scores": {"score_composed": 100.0}}
PUBLIC_MS = {"cold_ms_per_sample": 1161.0, "warm_ms_per_sample": 78.0}
"""The public code with the same number of boxes and points."""


def parse() -> argparse.Namespace:
    """Options of all benchmarks, and the route."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller run, under 50 s on 2 cores")
    parser.add_argument("--json", type=Path, help="write metric name to number, plus the machine")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="worker processes")
    parser.add_argument("--route", type=Path, help="folder of a recorded route to measure with instead")
    return parser.parse_args()


def pose(step: int, ahead_m: float = 0.0, aside_m: float = 0.0) -> np.ndarray:
    """Something beside a straight road at some height."""
    matrix = np.eye(4)
    matrix[:3, 3] = 0.4 * step + ahead_m, aside_m, 0.5
    return matrix


def boxes(step: int) -> list[dict[str, Any]]:
    """The ego and 30 cars around it."""
    ego = {"class": "ego_car", "id": 1, "extent": [2.4, 0.9, 0.7], "position": [0.0, 0.0, 0.0], "yaw": 0.0}
    cars = []
    for number in range(BOXES):
        ahead_m, aside_m = -25.0 + 2.8 * number, -12.0 + 3.5 * (number % 8)
        cars.append(
            {
                "class": "car",
                "id": 100 + number,
                "extent": [2.2, 0.9, 0.7],
                "position": [ahead_m, aside_m, 0.0],
                "yaw": 0.1 * number,
                "matrix": pose(step, ahead_m, aside_m).tolist(),
                "speed": 5.0,
                "brake": 0.0,
                "role_name": "background",
                "type_id": "vehicle.tesla.model3",
                "lane_type_str": "Driving",
                "num_points": 40,
                "num_radar_points": number % 3,
                "visible_pixels": 200,
                "transfuser_semantics_id": 1,
                "road_id": 3,
                "lane_id": -1,
                "distance": math.hypot(ahead_m, aside_m),
                "throttle": 0.4,
                "steer": 0.0,
                "ego_velocity": [5.0, 0.0],
                "speed_limit": 50.0,
                "base_type": "car",
                "next_action": "LaneFollow",
            }
        )
    return [ego, *cars]


def meta(step: int) -> dict[str, Any]:
    """What samples need, and the many targets of planners that stored metas have."""
    targets = [[0.4 * step + reach_m, 0.0, 0.5] for reach_m in (-6.0, 18.0, 47.0)]
    families = {
        f"{side}_{source}{what}_{distance.removesuffix('0')}": targets if what == "target_points" else [4, 4, 4]
        for side in ("previous", "next")
        for source in ("", "gps_")
        for what in ("target_points", "commands")
        for distance in POP_DISTANCES
    }
    return families | {
        "town": "Town03", "speed": 8.0, "target_speed": 8.0, "theta": 0.0, "privileged_yaw": 0.0, "brake": False,
        "ego_matrix": pose(step).astype(np.float32), "pos_global": pose(step)[:3, 3].tolist(),
        "route": np.stack([2.5 + np.arange(50), 0.02 * np.arange(50)], axis=1).astype(np.float32),
        "next_target_points_3.25": targets, "next_commands_3.25": [4, 4, 4],
        "perturbation_translation": 0.7, "perturbation_rotation": -6.0, "scenario_obstacles_ids": [],
    }  # fmt: skip


def frame(seed: int, cameras: int = 3) -> Frame:
    """Pictures with edges and smooth areas, a street with walls as LiDAR points."""
    rng = np.random.default_rng(seed)
    width = 384 * cameras

    def picture() -> np.ndarray:
        coarse = rng.integers(0, 256, (24, width // 16, 3), dtype=np.uint8)
        fine = cv2.resize(coarse, (width, 384), interpolation=cv2.INTER_CUBIC).astype(np.int16)
        return np.clip(fine + rng.integers(-12, 13, fine.shape), 0, 255).astype(np.uint8)

    def classes(shape: tuple[int, int], values: int) -> np.ndarray:
        coarse = rng.integers(0, values, (12, 36), dtype=np.uint8)
        return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_NEAREST)

    def depth() -> np.ndarray:
        coarse = rng.integers(20, 255, (8, 24), dtype=np.uint8)
        return cv2.resize(coarse, (width // 4, 96), interpolation=cv2.INTER_CUBIC)

    def radar() -> dict[str, np.ndarray]:
        return {name: rng.uniform((-30, -38, 0, -5), (60, 38, 2, 20), (RADAR_POINTS, 4)) for name in RADARS}

    wall = rng.integers(2, size=POINTS) * 24.0 - 12.0 + rng.normal(0.0, 0.3, POINTS)
    points = np.stack([rng.uniform(-32, 64, POINTS), wall, rng.uniform(-1, 6, POINTS)], axis=1).astype(np.float32)
    cloud = PointCloud(points, np.sort(rng.integers(0, 10, POINTS)).astype(np.uint8))
    views = [(picture(), classes((384, width), 10), depth(), classes((256, 256), 5), radar()) for _ in range(2)]
    own, twin = views
    return Frame(
        rgb=own[0], rgb_perturbated=twin[0], semantics=own[1], semantics_perturbated=twin[1], depth=own[2],
        depth_perturbated=twin[2], hdmap=own[3], hdmap_perturbated=twin[3], lidar=cloud, radar=own[4],
        radar_perturbated=twin[4],
    )  # fmt: skip


def record(root: Path) -> None:
    """Record the route that is measured with."""
    with RouteWriter(root / ROUTE) as writer:
        for step in range(5 * FRAMES - 4):
            writer.append(step, boxes(step), meta(step))
            if step % 5 == 0:
                writer.save(step, frame(step))
        writer.finish(RESULTS)


def copy_route(route: Path, root: Path) -> None:
    """Take over a recorded route, so that its own folder stays as it is."""
    target = root / "data" / route.resolve().parent.name / route.resolve().name
    shutil.copytree(route, target)


def cpu_ms(work: Callable[[int], object], count: int, rounds: int) -> float:
    """CPU time of a call in the quickest round; the first call is not counted."""
    work(0)
    best_s = math.inf
    for _ in range(rounds):
        start_s = time.process_time()
        for number in range(count):
            work(number)
        best_s = min(best_s, (time.process_time() - start_s) / count)
    return best_s * 1e3


def loading(source: CarlaSamples) -> Callable[[int], object]:
    """A call that loads a sample."""
    return lambda number: source.load(number % len(source), np.random.default_rng([7, number]))


def loader_samples_per_s(source: CarlaSamples, workers: int, quick: bool) -> float:
    """Samples per second of a trainer's loader, once its processes have started."""
    batches = max(4, 2 * workers) if quick else max(32, 8 * workers)
    first = 2 * workers
    plan = EpochPlan([everything(len(source))], BATCH, samples_per_epoch=(first + batches) * BATCH)
    with BatchLoader([source], plan, workers=workers) as loader:
        for number, _ in enumerate(loader, start=1):
            if number == first:
                start_s = time.perf_counter()
    return batches * BATCH / (time.perf_counter() - start_s)


def measure(root: Path, index: FrameIndex, quick: bool, workers: int) -> dict[str, tuple[float, str]]:
    """All metrics for a data set."""
    rig = rig_of(index)
    settings = RecordSettings(rig.name)
    (task,) = tasks_of(index, root / "cache", settings)
    start_s = time.process_time()
    outcome = build_route(task)
    build_ms = (time.process_time() - start_s) * 1e3 / task.entry.frames
    cache = RecordStore(root / "cache", settings)
    count, rounds = (24, 3) if quick else (100, 5)
    cold = cpu_ms(loading(CarlaSamples(index, rig)), count, rounds)
    warm = cpu_ms(loading(CarlaSamples(index, rig, cache=cache)), 2 * count, rounds)
    rate = loader_samples_per_s(CarlaSamples(index, rig, cache=cache), workers, quick)
    plain = cpu_ms(loading(CarlaSamples(index, rig, SampleOptions(augmentation=0.0), cache)), 2 * count, rounds)
    return {
        "cold_ms_per_sample": (cold, f"from the files of the route; public code {PUBLIC_MS['cold_ms_per_sample']:.0f}"),
        "warm_ms_per_sample": (warm, f"from the cache; public code {PUBLIC_MS['warm_ms_per_sample']:.0f}"),
        "warm_plain_ms_per_sample": (plain, "from the cache, colours as they are"),
        "cold_over_warm": (cold / warm, "times quicker with the cache"),
        "samples_per_s_core": (1e3 / warm, "from the cache"),
        f"loader_samples_per_s_{workers}": (rate, f"from the cache, batches of {BATCH}, {workers} processes"),
        "build_ms_per_frame": (build_ms, "both views, written"),
        "cache_kb_per_record": (outcome.bytes / max(outcome.built, 1) / 1e3, "one frame in one view"),
    }


def main() -> None:
    """Run the benchmark."""
    options = parse()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        if options.route is None:
            record(root)
        else:
            copy_route(options.route, root)
        index = build_index(root, skip_first=SKIPPED, skip_last=SKIPPED, choice=RouteChoice.ALL)
        rows = measure(root, index, options.quick, options.workers)
    report("Data loading", rows, options.json)


if __name__ == "__main__":
    main()
