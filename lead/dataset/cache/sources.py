"""Makes the records of a frame from the files of a route: the way that all samples take once, and some every time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lead.dataset.cache.record import ViewRecord
from lead.dataset.cache.settings import RecordSettings
from lead.dataset.decode import decode_lidar, decode_png, decode_radar, read_bytes, read_labels
from lead.dataset.errors import DatasetError, SampleError
from lead.dataset.frame import HDMAP_SHAPE, RADAR_COLUMNS, RADARS, PointCloud
from lead.dataset.labels.bev import bev_semantics
from lead.dataset.labels.box_rules import BoxRules, Scene, apply_rules
from lead.dataset.labels.box_table import BoxTable, read_boxes
from lead.dataset.labels.boxes import box_labels
from lead.dataset.labels.classes import FAR_LIGHT_FLAGS
from lead.dataset.labels.motion import read_motion
from lead.dataset.labels.view import NORMAL, View
from lead.dataset.layout import BOXES, METAS, PERTURBATED, frame_path
from lead.sensing.lidar import FULL_COUNT, cells, count_cells
from lead.sensing.radar import POINTS_PER_SENSOR
from lead.sensing.rigs import BevWindow

MISSING, UNREADABLE, BAD_LABELS = "missing modality", "unreadable file", "bad labels"
"""Kinds of :class:`SampleError`."""


class _Frame(NamedTuple):
    """What both views share."""

    meta: dict[str, object]
    table: BoxTable
    rules: BoxRules
    cloud: PointCloud | None


def build_records(
    route_dir: Path, frame: int, settings: RecordSettings, twins: Iterable[bool]
) -> dict[bool, ViewRecord | SampleError]:
    """Make the records of a frame; what both views share is read once.

    Args:
        route_dir: Folder of the route.
        frame: Number of the frame.
        settings: Choices.
        twins: Which views: False for the ego's, True for that of the twin rig.

    Returns:
        By view the record, or why there can be none.
    """
    views = list(twins)
    try:
        shared = _read_frame(route_dir, frame, settings)
    except SampleError as error:
        return dict.fromkeys(views, error)
    records: dict[bool, ViewRecord | SampleError] = {}
    for is_twin in views:
        try:
            records[is_twin] = _build(route_dir, frame, settings, shared, is_twin=is_twin)
        except SampleError as error:
            records[is_twin] = error
    return records


def build_record(route_dir: Path, frame: int, settings: RecordSettings, *, is_twin: bool) -> ViewRecord:
    """Make one record.

    Raises:
        SampleError: If a file is missing or damaged, or labels are none.
    """
    result = build_records(route_dir, frame, settings, [is_twin])[is_twin]
    if isinstance(result, SampleError):
        raise result
    return result


def _read_frame(route_dir: Path, frame: int, settings: RecordSettings) -> _Frame:
    meta_path, boxes_path = (frame_path(route_dir, folder, frame) for folder in (METAS, BOXES))
    try:
        meta, boxes = read_labels(meta_path), read_labels(boxes_path)
    except DatasetError as error:
        raise SampleError(str(error), UNREADABLE) from error
    if not isinstance(meta, dict):
        raise SampleError(f"{meta_path} holds no metas", BAD_LABELS)
    if not isinstance(boxes, list) or not all(isinstance(box, dict) for box in boxes):
        raise SampleError(f"{boxes_path} holds no list of boxes", BAD_LABELS)
    try:
        scene = Scene.of(meta, FAR_LIGHT_FLAGS)
        table = read_boxes(boxes, scene.obstacle_ids)
    except (DatasetError, TypeError) as error:
        raise SampleError(f"{boxes_path}: {error}", BAD_LABELS) from error
    data = _read(route_dir, "lidar", frame)
    try:
        cloud = None if data is None else decode_lidar(data)
    except DatasetError as error:
        raise SampleError(f"{frame_path(route_dir, 'lidar', frame)}: {error}", UNREADABLE) from error
    if cloud is not None:
        recent = cloud.time < settings.lidar_ticks
        cloud = PointCloud(cloud.points_ego[recent], cloud.time[recent])
    return _Frame(meta, table, apply_rules(table, scene), cloud)


def _build(route_dir: Path, frame: int, settings: RecordSettings, shared: _Frame, *, is_twin: bool) -> ViewRecord:
    suffix, window = PERTURBATED if is_twin else "", settings.rig.bev
    jpeg = _read(route_dir, f"rgb{suffix}", frame)
    if jpeg is None:
        raise SampleError(f"{route_dir} has no folder rgb{suffix}", MISSING)
    try:
        view = View.twin(shared.meta) if is_twin else NORMAL
        motion = read_motion(shared.meta, view)
    except DatasetError as error:
        raise SampleError(f"{frame_path(route_dir, METAS, frame)}: {error}", BAD_LABELS) from error
    map_values = _classes(route_dir, f"hdmap{suffix}", frame)
    flags = {"door_in_ego_frame": settings.door_in_ego_frame}
    points, sensors = _radar(route_dir, f"radar{suffix}", frame, window)
    return ViewRecord(
        jpeg,
        box_labels(shared.table, shared.rules, view, window, **flags),
        motion,
        _classes(route_dir, f"semantics{suffix}", frame),
        _image(route_dir, f"depth{suffix}", frame),
        None if map_values is None else bev_semantics(map_values, shared.table, shared.rules, view, window, **flags),
        None if shared.cloud is None else count_points(shared.cloud.points_ego, view, window),
        points,
        sensors,
    )


def count_points(points_ego: NDArray[np.floating], view: View, window: BevWindow) -> NDArray[np.uint8]:
    """Count LiDAR points (n, 3) per cell of a view's raster: uint8 (rows, columns), up to 5."""
    counts = count_cells(cells(view.points(points_ego), window), window)
    return np.minimum(counts, FULL_COUNT).astype(np.uint8)


def _read(route_dir: Path, folder: str, frame: int) -> bytes | None:
    """Read a file; None if the route does not have the folder at all.

    Raises:
        SampleError: If only this file is missing, or cannot be read.
    """
    path = frame_path(route_dir, folder, frame)
    try:
        return read_bytes(path)
    except DatasetError as error:
        if not path.parent.is_dir():
            return None
        raise SampleError(str(error), UNREADABLE if path.exists() else MISSING) from error


def _image(route_dir: Path, folder: str, frame: int) -> NDArray[np.uint8] | NDArray[np.uint16] | None:
    data = _read(route_dir, folder, frame)
    try:
        image = None if data is None else decode_png(data)
    except DatasetError as error:
        raise SampleError(f"{frame_path(route_dir, folder, frame)}: {error}", UNREADABLE) from error
    if image is not None and (image.ndim != 2 or (folder.startswith("hdmap") and image.shape != HDMAP_SHAPE)):
        raise SampleError(f"{frame_path(route_dir, folder, frame)} cannot be of shape {image.shape}", UNREADABLE)
    return image


def _classes(route_dir: Path, folder: str, frame: int) -> NDArray[np.uint8] | None:
    image = _image(route_dir, folder, frame)
    if image is not None and image.dtype != np.uint8:
        raise SampleError(f"{frame_path(route_dir, folder, frame)} must have 8 bits, not {image.dtype}", UNREADABLE)
    return None if image is None else image.astype(np.uint8, copy=False)


def _radar(
    route_dir: Path, folder: str, frame: int, window: BevWindow
) -> tuple[NDArray[np.float16] | None, NDArray[np.uint8] | None]:
    """Points inside the window, the first 75 of each sensor, and their sensors."""
    data = _read(route_dir, folder, frame)
    if data is None:
        return None, None
    path = frame_path(route_dir, folder, frame)
    try:
        stored = decode_radar(data)
        clouds = [np.asarray(stored[name], np.float16) for name in RADARS]
    except (DatasetError, KeyError, ValueError) as error:
        raise SampleError(f"{path}: it holds no points of the four radars ({error})", UNREADABLE) from error
    parts = []
    for cloud in clouds:
        if cloud.ndim != 2 or cloud.shape[1] != RADAR_COLUMNS or not np.isfinite(cloud).all():
            raise SampleError(f"{path}: the points of a radar are none", UNREADABLE)
        x, y = cloud[:, 0], cloud[:, 1]
        inside = (x >= window.min_x_m) & (x <= window.max_x_m) & (y >= window.min_y_m) & (y <= window.max_y_m)
        parts.append(cloud[inside][:POINTS_PER_SENSOR])
    sensors = np.repeat(np.arange(len(parts), dtype=np.uint8), [len(part) for part in parts])
    return np.concatenate(parts), sensors
