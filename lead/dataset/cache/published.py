"""Reads the caches and the index files of the published loader, without running what they say.

Both are xz pickles of objects of its classes. They are read as plain values; a file that names anything but these
classes, arrays and plain values is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lead.dataset.cache.record import ViewRecord
from lead.dataset.cache.settings import RecordSettings
from lead.dataset.cache.store import CacheState
from lead.dataset.decode import decode_png, decode_radar, read_bytes, read_labels
from lead.dataset.errors import DatasetError
from lead.dataset.labels.bev import MAP_HALF_M, MAP_PIXELS_PER_M, PAINT_REACH_M
from lead.dataset.labels.motion import read_motion
from lead.dataset.labels.view import NORMAL, View
from lead.dataset.layout import METAS, PERTURBATED, RouteName, frame_name, frame_path
from lead.dataset.pickles import Foreign, load_xz
from lead.dataset.route_index import FrameIndex, RouteEntry
from lead.sensing.lidar import FULL_COUNT, PNG_MAX
from lead.sensing.rigs import BevWindow, SensorRig

PACKAGE = "lead"
"""Package of the published classes."""
CACHE_FOLDER = "cache"
_VIEWS = ("normal", "perturbated")
_MAX_BUCKET_BYTES = 16 << 30
_CANVAS_PX = 1024
_OCCUPANCY_SHIFT = 3
"""From classes of the occupancy to those of the bird's-eye view."""


def published_file(root: Path, relative_dir: str, rig: SensorRig, lidar_ticks: int, frame: int, view: str) -> Path:
    """Place of a sample in a published cache; ``view`` is ``normal`` or ``perturbated``."""
    scenario, route = PurePosixPath(relative_dir).parts[-2:]
    height, width = rig.image_shape()
    bev = rig.bev
    edges = [round(edge) for edge in (bev.min_x_m, bev.max_x_m, bev.min_y_m, bev.max_y_m)]
    parts = [width, height, *edges, True, True, True, True, False, lidar_ticks]
    folder = root / CACHE_FOLDER / scenario / route
    return folder.joinpath(*map(str, parts)) / view / f"{frame_name(frame)}.pkl"


class PublishedStore:
    """A published cache in place of a :class:`lead.dataset.cache.store.RecordStore`; metas come from the route."""

    def __init__(self, settings: RecordSettings) -> None:
        """Describe the cache.

        Args:
            settings: What the samples need. The published loader moved doors in the ego frame, whatever is asked for.
        """
        self.settings = settings

    def get(self, root: Path, relative_dir: str, frame: int, *, is_twin: bool) -> tuple[ViewRecord | None, CacheState]:
        """Look for a record; as :meth:`lead.dataset.cache.store.RecordStore.get`."""
        rig, ticks = self.settings.rig, self.settings.lidar_ticks
        path = published_file(root, relative_dir, rig, ticks, frame, _VIEWS[is_twin])
        if not path.is_file():
            return None, CacheState.MISSING
        try:
            meta = read_labels(frame_path(root / relative_dir, METAS, frame))
            view = View.twin(meta) if is_twin else NORMAL
            return published_record(read_published_sample(path), meta, view, rig.bev), CacheState.FRESH
        except (DatasetError, TypeError):
            return None, CacheState.CORRUPT


def read_published_sample(path: Path) -> dict[str, Any]:
    """Read a file of a published cache.

    Returns:
        Fields of the stored object by name, compressed as they are stored.

    Raises:
        DatasetError: If it is missing, damaged, or names anything else than the published classes.
    """
    content = _read(path)
    fields = content.state if isinstance(content, Foreign) else content
    if not isinstance(fields, dict):
        raise DatasetError(f"{path} holds no sample")
    return fields


def published_record(fields: Mapping[str, Any], meta: Mapping[str, Any], view: View, window: BevWindow) -> ViewRecord:
    """Turn a sample of a published cache into a record.

    Args:
        fields: From :func:`read_published_sample`.
        meta: Metas of the frame, which the published cache does not hold.
        view: The view.
        window: Window of the raster.

    Raises:
        DatasetError: If something is missing or damaged.
    """
    try:
        radar = None if fields.get("radars") is None else [_radar_points(part) for part in fields["radars"]]
        boxes = np.asarray(fields["bboxes"], np.float32)
        counts = decode_png(_bytes(fields["lidar_bev"])).astype(np.float64) * FULL_COUNT / PNG_MAX
        return ViewRecord(
            _bytes(fields["image"]),
            boxes[: np.flatnonzero(boxes.any(axis=1)).max(initial=-1) + 1],
            read_motion(meta, view),
            _png(fields, "semantic"),
            _png(fields, "depth"),
            _bev(_png(fields, "bev_semantic"), _png(fields, "bev_occupancy"), window),
            np.rint(counts).astype(np.uint8),
            None if radar is None else np.concatenate(radar),
            None if radar is None else np.repeat(np.arange(len(radar), dtype=np.uint8), [len(part) for part in radar]),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DatasetError(f"the sample of the published cache is not what it should be ({error})") from error


@dataclass(frozen=True, eq=False)
class PublishedBuckets:
    """A published index file.

    Attributes:
        buckets: Fields of each bucket by name; ``bucket_config`` and the like are plain dicts.
        totals: The counts that the file has beside its buckets.
    """

    buckets: tuple[dict[str, Any], ...]
    totals: dict[str, int]

    def index(self, number: int, root: Path) -> FrameIndex:
        """Samples of a bucket as an index of a data set.

        Args:
            number: Which bucket.
            root: Folder of the data set; the paths in the file count from its ``data`` on.

        Raises:
            DatasetError: If the bucket has no paths of metas.
        """
        paths = self.buckets[number].get("metas")
        if not isinstance(paths, np.ndarray) or not len(paths):
            raise DatasetError(f"bucket {number} holds no samples")
        parts = [
            PurePosixPath(path.decode() if isinstance(path, bytes) else str(path)).parts for path in paths.tolist()
        ]
        if any(len(part) < 4 or part[-2] != METAS for part in parts):
            raise DatasetError(f"bucket {number} holds paths that are none of metas")
        names = [f"data/{part[-4]}/{part[-3]}" for part in parts]
        frames = np.array([int(PurePosixPath(part[-1]).stem) for part in parts], np.int32)
        order = {name: place for place, name in enumerate(dict.fromkeys(names))}
        routes = np.array([order[name] for name in names], np.int32)
        entries = [_entry(root, name, int(count)) for name, count in zip(order, np.bincount(routes), strict=True)]
        return FrameIndex(root, tuple(entries), routes, frames)


def read_buckets(path: Path) -> PublishedBuckets:
    """Read a file of ``buckets``.

    Raises:
        DatasetError: If it is missing, damaged, or names anything else than the published classes.
    """
    content = _read(path, _MAX_BUCKET_BYTES)
    content = _plain(content)
    if not isinstance(content, dict) or not isinstance(content.get("buckets"), list):
        raise DatasetError(f"{path} holds no buckets")
    totals = {name: int(value) for name, value in content.items() if isinstance(value, int)}
    return PublishedBuckets(tuple(content["buckets"]), totals)


def _read(path: Path, max_bytes: int | None = None) -> Any:
    limit = {} if max_bytes is None else {"max_bytes": max_bytes}
    try:
        return load_xz(read_bytes(path), PACKAGE, **limit)
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}" if str(path) not in str(error) else str(error)) from error


def _plain(content: Any) -> Any:
    """Turn stand-ins of objects into dicts of their attributes."""
    if isinstance(content, Foreign):
        return _plain(content.state) if content.state is not None else list(content.args)
    if isinstance(content, dict):
        return {key: _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    return content


def _entry(root: Path, relative_dir: str, frames: int) -> RouteEntry:
    name = RouteName.parse(PurePosixPath(relative_dir).name)
    return RouteEntry(
        relative_dir,
        PurePosixPath(relative_dir).parts[-2],
        "" if name is None else name.town,
        frames,
        (root / relative_dir / f"rgb{PERTURBATED}").is_dir(),
        exact_clouds=False,
    )


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else np.asarray(value, np.uint8).tobytes()


def _png(fields: Mapping[str, Any], name: str) -> NDArray[np.uint8]:
    return decode_png(_bytes(fields[name])).astype(np.uint8, copy=False)


def _radar_points(part: Any) -> NDArray[np.float16]:
    """Points of a sensor: an array, or the only one of an archive."""
    if isinstance(part, bytes):
        part = next(iter(decode_radar(part).values()))
    return np.asarray(part, np.float16).reshape(-1, 4)


def _bev(on_map: NDArray[np.uint8], occupancy: NDArray[np.uint8], window: BevWindow) -> NDArray[np.uint8]:
    """Put the occupancy over the map; both are pictures around the vehicle."""
    if occupancy.shape != (_CANVAS_PX, _CANVAS_PX):
        raise DatasetError(f"the occupancy cannot be of shape {occupancy.shape}")
    zoom = round(window.pixels_per_m / MAP_PIXELS_PER_M)
    ground = _crop(on_map, window, MAP_HALF_M, MAP_PIXELS_PER_M).repeat(zoom, axis=0).repeat(zoom, axis=1)
    boxes = _crop(occupancy, window, PAINT_REACH_M, window.pixels_per_m)
    return np.where(boxes > 0, boxes + _OCCUPANCY_SHIFT, ground).astype(np.uint8)


def _crop(image: NDArray[np.uint8], window: BevWindow, half_m: float, pixels_per_m: float) -> NDArray[np.uint8]:
    edges = (window.min_y_m, window.max_y_m, window.min_x_m, window.max_x_m)
    top, bottom, left, right = (round((edge + half_m) * pixels_per_m) for edge in edges)
    return image[top:bottom, left:right]
