"""Processor time of the way from sensor packets to model inputs, tick by tick, without any network."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from common import parse_options, report
from numpy.typing import NDArray

from lead.control.position_filter import AppliedControl
from lead.geometry.geodesy import world_to_geo
from lead.sensing.ground import GroundFinder
from lead.sensing.images import jpeg_round_trip
from lead.sensing.preprocessor import Preprocessor, RawSensors
from lead.sensing.rigs import CARLA_3_CAMERAS

POINTS_PER_LIDAR = 16500
TICK_S = 0.05
SPEED_MPS = 8.0


def street(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Points of a LiDAR 2.5 m above a slightly rough street between scattered things, in its own frame."""
    azimuth, elevation = rng.uniform(0.0, np.pi, count), np.radians(rng.uniform(-30.0, 10.0, count))
    to_ground = np.where(elevation < 0.0, 2.5 / np.maximum(-np.tan(elevation), 0.02), 85.0)
    distance = np.minimum(to_ground, np.where(rng.random(count) < 0.5, rng.uniform(5.0, 85.0, count), 85.0))
    points = [distance * np.cos(azimuth), distance * np.sin(azimuth), distance * np.tan(elevation)]
    points[2] += rng.normal(0.0, 0.03, count)
    return np.stack([*points, np.ones(count)], axis=1).astype(np.float32)


def ticks(count: int) -> tuple[Preprocessor, list[RawSensors]]:
    """A straight drive at 8 m/s and what its sensors deliver."""
    rng = np.random.default_rng(0)
    x = np.arange(0.0, 2000.0, 50.0)
    lat, lon, _ = world_to_geo(x, 0.1 * x, 0.0, 48.0, 8.0)
    route = Preprocessor(CARLA_3_CAMERAS, np.stack([lat, lon], axis=1), np.stack([x, 0.1 * x], axis=1), [4] * len(x))
    coarse = rng.integers(0, 255, (24, 24, 4), dtype=np.uint8)
    image = np.repeat(np.repeat(coarse, 16, axis=0), 16, axis=1)
    image = np.clip(image + rng.normal(0.0, 6.0, image.shape), 0, 255).astype(np.uint8)
    raws = []
    for tick in range(count):
        lat, lon, _ = world_to_geo(SPEED_MPS * TICK_S * tick + rng.normal(0, 0.5), 0.0, 0.0, 48.0, 8.0)
        azimuth = rng.uniform(-0.7, 0.7, (4, 75))
        radars = np.stack([rng.uniform(3, 80, (4, 75)), 0 * azimuth, azimuth, 0 * azimuth], axis=-1)
        lidars = [street(POINTS_PER_LIDAR, rng) for _ in range(2)]
        raws.append(RawSensors([image] * 3, lidars, list(radars), np.array([lat, lon, 0.0]), np.pi / 2, SPEED_MPS))
    return route, raws


def measure(call: Callable[[], object], repetitions: int) -> tuple[float, float]:
    """Median milliseconds of processor time (all threads) and of the clock."""
    call()
    cpu, clock = [], []
    for _ in range(repetitions):
        started_cpu, started = time.process_time(), time.perf_counter()
        call()
        cpu.append(1e3 * (time.process_time() - started_cpu))
        clock.append(1e3 * (time.perf_counter() - started))
    return float(np.median(cpu)), float(np.median(clock))


def main() -> None:
    options = parse_options(__doc__ or "")
    count = 40 if options.quick else 200
    preprocessor, raws = ticks(count)
    control = AppliedControl(0.0, 0.5, 0.0)
    steps = iter(raws)
    for _ in range(20):  # until the queues are full
        result = preprocessor.step(next(steps), control)
    rows: dict[str, tuple[float, str]] = {}

    def add(name: str, call: Callable[[], object], repetitions: int, remark: str) -> None:
        cpu, clock = measure(call, repetitions)
        rows[f"{name}_cpu_ms"] = (cpu, f"processor time, {remark}")
        rows[f"{name}_ms"] = (clock, "clock")

    add("step", lambda: preprocessor.step(next(steps), control), count - 22, "the whole step, median")
    raw = raws[0]
    cloud = np.concatenate(raw.lidars)[:, :3].astype(np.float64)
    finder = GroundFinder()
    image = np.ascontiguousarray(result.rgb.transpose(1, 2, 0))
    add("ground", lambda: finder.mask(cloud), count, f"ground of {len(cloud)} points")
    add("clouds", lambda: preprocessor._push(raw), count, "ego frame, hole, radar, ground, crop")
    add("raster", lambda: preprocessor._raster(result.pose), count, "stack of 5 and 10 ticks, raster")
    add("jpeg", lambda: jpeg_round_trip(image), count, "round trip, on a thread of its own")
    motion, gnss = preprocessor._motion, raw.gnss
    add("motion", lambda: motion.step(gnss, np.pi / 2, SPEED_MPS, control), count, "filter and smoother")
    report("Sensing", rows, options.json)


if __name__ == "__main__":
    main()
