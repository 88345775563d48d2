"""What mining looks at, as one row of numbers per frame; reading it from metas and boxes is the slow part, so it is
kept in a file whose name changes with the data set."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lead.dataset.decode import read_labels
from lead.dataset.errors import DatasetError
from lead.dataset.files import write_file
from lead.dataset.labels.box_table import CONE
from lead.dataset.labels.motion import read_motion
from lead.dataset.layout import BOXES, METAS, frame_path
from lead.dataset.route_index import FrameIndex

VERSION = 2
"""Of the table below; part of the name of its file."""
CONE_REAR_M = -10.0
"""Cones further behind do not count."""
ROUTE_POINTS = 20
STANDING_MPS = 0.1
FEATURES = np.dtype(
    [
        ("is_usable", "?"),
        ("scenario", "S48"),
        ("visibility", "f4"),
        ("speed_mps", "f4"),
        ("acceleration_mps2", "f4"),
        ("speed_limit_mps", "f4"),
        ("curvature_per_m", "f4"),
        ("junction_m", "f4"),
        ("participant_m", "f4"),
        ("obstacle_ahead_m", "f4"),
        ("standing_obstacle_m", "f4"),
        ("cone_m", "f4"),
        ("cone_ahead_x_m", "f4"),
        ("red_light_m", "f4"),
        ("stop_sign_m", "f4"),
        ("path_aside_m", "f4"),
        ("path_start_aside_m", "f4"),
        ("target_x_m", "f4"),
        ("target_m", "f4"),
        ("brakes", "?"),
        ("has_moving_participant", "?"),
        ("has_vehicle_hazard", "?"),
        ("has_light_hazard", "?"),
        ("has_stop_hazard", "?"),
        ("has_occluded_junction", "?"),
        ("has_red_overhead_light", "?"),
        ("has_red_european_light", "?"),
    ]
)
"""Numbers that are not known are NaN, with which no comparison holds; distances to what is not there are infinite."""


def frame_features(meta: Mapping[str, Any], boxes: Sequence[Mapping[str, Any]]) -> tuple[Any, ...]:
    """Describe a frame.

    Args:
        meta: Its metas.
        boxes: Its boxes.

    Returns:
        A row of :data:`FEATURES`; participants are all actors of the scenario, obstacles those in the way. The path
        starts 2.5 m ahead.

    Raises:
        DatasetError: If something is missing that also a sample needs.
    """
    motion = read_motion(meta)
    route = np.asarray(meta["route"], np.float64)[:ROUTE_POINTS]
    try:
        return (
            True,
            str(meta.get("current_active_scenario_type") or "").encode(),
            *(_number(meta, key) for key in ("visual_visibility", "speed", "privileged_acceleration", "speed_limit")),
            _number(meta, "route_curvature"),
            _number(meta, "distance_to_next_junction"),
            *_distances(meta, boxes),
            float(np.abs(route[:, 1]).max(initial=0.0)),
            abs(float(route[0, 1])),
            float(motion.target_points[1, 0]),
            float(np.hypot(*motion.target_points[1])),
            motion.brake,
            *_flags(meta, boxes),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DatasetError(f"labels of the frame hold something else than is expected ({error})") from error


def read_features(index: FrameIndex, folder: Path, workers: int = 1) -> NDArray[np.void]:
    """Describe all samples of an index, or read the file of an earlier time.

    Args:
        index: The samples.
        folder: Where the file lies, or is written.
        workers: Processes that read labels.

    Returns:
        (n,) of :data:`FEATURES`; ``is_usable`` is False where labels cannot be read.

    Raises:
        DatasetError: If the file cannot be written or a process was killed.
    """
    path = folder / f"mining_{VERSION}_{index.manifest}.npz"
    stored = _stored(path, len(index))
    if stored is not None:
        return stored
    table = np.zeros(len(index), FEATURES)
    tasks = [
        (index.root / entry.relative_dir, index.frame[index.route == number])
        for number, entry in enumerate(index.routes)
    ]
    for number, rows in enumerate(_in_parallel(tasks, workers)):
        table[index.route == number] = rows
    buffer = io.BytesIO()
    np.savez_compressed(buffer, features=table)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"{folder} cannot be made ({error.strerror})") from error
    write_file(path, buffer.getvalue())
    return table


def route_features(task: tuple[Path, NDArray[np.int32]]) -> NDArray[np.void]:
    """Describe the given frames of a route folder."""
    route_dir, frames = task
    rows = np.zeros(len(frames), FEATURES)
    for row, frame in enumerate(frames.tolist()):
        try:
            meta, boxes = (read_labels(frame_path(route_dir, folder, frame)) for folder in (METAS, BOXES))
            rows[row] = frame_features(meta, boxes)
        except (DatasetError, AttributeError):  # labels that are no dicts have no keys
            rows[row]["is_usable"] = False
    return rows


def _stored(path: Path, length: int) -> NDArray[np.void] | None:
    """Read the file; None if there is none that is whole."""
    try:
        with np.load(path, allow_pickle=False) as content:
            table: NDArray[np.void] = content["features"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    return table if table.dtype == FEATURES and len(table) == length else None


def _in_parallel(tasks: list[tuple[Path, NDArray[np.int32]]], workers: int) -> Iterator[NDArray[np.void]]:
    from rich.progress import track

    if workers <= 1:
        yield from track(map(route_features, tasks), "reading labels", len(tasks), transient=True)
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        try:
            yield from track(pool.map(route_features, tasks), "reading labels", len(tasks), transient=True)
        except BrokenProcessPool as error:
            raise DatasetError("a process that reads labels was killed; try fewer workers") from error


def _number(meta: Mapping[str, Any], key: str) -> float:
    value = meta.get(key)
    return np.nan if value is None else float(value)


def _distances(meta: Mapping[str, Any], boxes: Sequence[Mapping[str, Any]]) -> list[float]:
    """Distances from ``participant_m`` to ``stop_sign_m``."""
    obstacles = set(meta.get("scenario_obstacles_ids") or ())
    participants = obstacles.union(meta.get("scenario_actors_ids") or (), meta.get("cut_in_actors_ids") or ())
    in_way = [box for box in boxes if box.get("id") in obstacles]
    cones = [box for box in boxes if CONE in str(box.get("type_id"))]
    lights = [box for box in boxes if _is_red(box)]
    signs = [box for box in boxes if box.get("class") == "stop_sign" and box.get("affects_ego")]
    return [
        _nearest(box for box in boxes if box.get("id") in participants),
        _nearest(box for box in in_way if box["position"][0] > 0.0),
        _nearest(box for box in in_way if float(box.get("speed") or 0.0) < STANDING_MPS),
        _nearest(box for box in cones if box["position"][0] > CONE_REAR_M),
        min((float(box["position"][0]) for box in cones if box["position"][0] > 0.0), default=np.inf),
        _nearest(lights),
        _nearest(signs),
    ]


def _flags(meta: Mapping[str, Any], boxes: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Flags from ``has_moving_participant`` on."""
    participants = set(meta.get("scenario_obstacles_ids") or ()).union(meta.get("scenario_actors_ids") or ())
    moving = (box for box in boxes if box.get("id") in participants)
    red = [box for box in boxes if _is_red(box)]
    hazards = ("vehicle_hazard", "light_hazard", "stop_sign_hazard", "slower_occluded_junction")
    return [
        any(float(box.get("speed") or 0.0) >= STANDING_MPS for box in moving),
        *(bool(meta.get(key)) for key in hazards),
        any(box.get("is_over_head_traffic_light") for box in red),
        any(box.get("is_europe_traffic_light") for box in red),
    ]


def _is_red(box: Mapping[str, Any]) -> bool:
    return box.get("class") == "traffic_light" and bool(box.get("affects_ego")) and box.get("state") == "Red"


def _nearest(boxes: Any) -> float:
    """Distance of the nearest box, infinite if there is none."""
    return min((float(np.hypot(*box["position"][:2])) for box in boxes), default=np.inf)
