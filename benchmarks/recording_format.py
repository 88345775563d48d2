"""Processor time and bytes of writing one frame in the data set's format, by modality, and of its labels."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from common import parse_options, report

from lead.dataset.encode import encode_content
from lead.dataset.frame import RADARS, Frame, PointCloud
from lead.dataset.journal import Journal
from lead.dataset.pickles import dump_xz
from lead.maps.hdmap import HdMap

POINTS, BOXES = 60_000, 40


def street_frame(rng: np.random.Generator) -> Frame:
    """Three cameras on a street: sky, ground, and things of several sizes that hide each other."""
    height, width = 384, 1152
    rows = np.arange(height)[:, None]
    semantics = np.where(rows > 200, 2, 0).astype(np.uint8) + np.zeros((height, width), np.uint8)
    depth = np.clip(2.25 * 332.0 / np.maximum(rows - 192, 1), 0, 50) + np.zeros((height, width))
    rgb = np.stack([np.broadcast_to(150 - rows // 4, (height, width))] * 3, axis=2).astype(np.float64)
    for distance in np.sort(rng.uniform(4.0, 60.0, 60))[::-1]:
        size, column = round(600 / distance), int(rng.integers(0, width))
        part = np.s_[192 - size // 2 : 192 + size, column : column + 2 * size]
        semantics[part], depth[part], rgb[part] = rng.integers(0, 10), min(distance, 50.0), rng.uniform(0, 255, 3)
    picture = np.clip(rgb + rng.normal(0.0, 6.0, rgb.shape), 0, 255).astype(np.uint8)
    codes = (depth[::4, ::4] / 50.0 * 255.0).astype(np.uint8)
    angle = np.sort(rng.uniform(0.0, 2.0 * np.pi, POINTS))
    reach = 8.0 + 20.0 * np.abs(np.sin(5.0 * angle)) + rng.normal(0.0, 0.05, POINTS)
    points = np.stack([reach * np.cos(angle), reach * np.sin(angle), rng.uniform(-1.0, 4.0, POINTS)], axis=1)
    cloud = PointCloud(points.astype(np.float32), rng.integers(0, 5, POINTS).astype(np.uint8))
    radar = {name: rng.uniform(-50.0, 50.0, (75, 4)) for name in RADARS}
    raster = HdMap.load("Town03").crop(-6.4, -79.1, 1.57)
    return Frame(picture, None, semantics, None, codes, None, raster, None, cloud, radar)


def labels(rng: np.random.Generator) -> tuple[list[dict[str, object]], dict[str, object]]:
    """Boxes and metas of the usual number and size."""
    boxes: list[dict[str, object]] = [
        {
            **{f"key_{index}": float(value) for index, value in enumerate(rng.normal(size=14))},
            "class": "car",
            "matrix": rng.normal(size=(4, 4)).tolist(),
            "future_positions": rng.normal(size=(41, 2)).astype(np.float16),
            "future_yaws": rng.normal(size=41).astype(np.float16),
        }
        for _ in range(BOXES)
    ]
    meta: dict[str, object] = {f"key_{index}": float(value) for index, value in enumerate(rng.normal(size=120))}
    meta |= {f"points_{index}": rng.normal(size=(4, 3)).tolist() for index in range(232)}
    meta |= {f"array_{index}": rng.normal(size=(61, 2)).astype(np.float32) for index in range(10)}
    return boxes, meta


def measure(call: Callable[[], object], repetitions: int) -> float:
    """Median milliseconds of processor time of all threads."""
    call()
    times = []
    for _ in range(repetitions):
        started = time.process_time()
        call()
        times.append(1e3 * (time.process_time() - started))
    return float(np.median(times))


def main() -> None:
    options = parse_options(__doc__ or "")
    repetitions = 15 if options.quick else 60
    rng = np.random.default_rng(0)
    rows: dict[str, tuple[float, str]] = {}
    total_ms = 0.0

    def add(name: str, encode: Callable[[], bytes], times: int, remark: str = "") -> None:
        nonlocal total_ms
        milliseconds = measure(encode, repetitions)
        rows[f"{name}_ms"] = (milliseconds, f"{len(encode()) / 1e3:.1f} kB {remark}")
        total_ms += times * milliseconds

    frame = street_frame(rng)
    for folder, content in frame.contents():
        # Everything but the cloud is written for the twin rig, too.
        times = 1 if folder == "lidar" else 2
        add(folder, partial(encode_content, folder, content), times, f"(x {times})")
    boxes, meta = labels(rng)
    add("bboxes", partial(dump_xz, boxes), 1)
    add("metas", partial(dump_xz, meta), 1)
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder, "journal"))
        journal_ms = measure(lambda: journal.append({"boxes": boxes, "meta": meta}), repetitions)
        rows["journal_ms"] = (journal_ms, f"{journal.path.stat().st_size / (repetitions + 1) / 1e3:.1f} kB")
        journal.close()
    town = HdMap.load("Town03")
    crop_ms = measure(lambda: town.crop(-6.4, -79.1, 1.57), repetitions)
    rows["hdmap_crop_ms"] = (crop_ms, "(x 2)")
    rows["frame_ms"] = (total_ms + journal_ms + 2.0 * crop_ms, "all of it")
    level = [cv2.IMWRITE_PNG_COMPRESSION, 6]
    baseline_ms = measure(lambda: cv2.imencode(".png", frame.semantics, level), repetitions)
    size = len(cv2.imencode(".png", frame.semantics, level)[1])
    rows["semantics_opencv_ms"] = (baseline_ms, f"{size / 1e3:.1f} kB; OpenCV at the same level, for comparison")
    report("Writing one saved frame of three cameras and the twin rig", rows, options.json)


if __name__ == "__main__":
    main()
