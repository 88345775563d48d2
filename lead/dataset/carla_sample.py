"""Samples of CARLA data: from the files of a route, or from a cache, with the same result."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lead.config.legacy import CORRECTED, Legacy
from lead.dataset.augmentation import PROBABILITY, augment
from lead.dataset.cache.published import PublishedStore
from lead.dataset.cache.record import ViewRecord
from lead.dataset.cache.settings import RecordSettings
from lead.dataset.cache.sources import BAD_LABELS, MISSING, UNREADABLE, build_record
from lead.dataset.cache.store import CacheState, RecordStore
from lead.dataset.decode import read_labels
from lead.dataset.errors import DatasetError, SampleError
from lead.dataset.labels.center_net import center_net_targets
from lead.dataset.labels.classes import BoxClass
from lead.dataset.labels.motion import COMMANDS, WAYPOINTS, Motion, read_motion
from lead.dataset.labels.path import PATH_POINTS
from lead.dataset.labels.radar import radar_labels
from lead.dataset.layout import METAS, frame_path
from lead.dataset.rig_detection import recorded_shape
from lead.dataset.route_index import FrameIndex
from lead.sensing.encodings import decode_depth8, decode_depth16
from lead.sensing.images import select_cameras
from lead.sensing.lidar import raster
from lead.sensing.radar import radar_tensor
from lead.sensing.rigs import SensorRig

Sample = dict[str, NDArray[np.generic]]
Part = TypeVar("Part")

SOURCE_ID = 1
TWIN_SHARE = 0.5
_RADARS = 4


@dataclass(frozen=True)
class SampleOptions:
    """What a sample holds and how it is varied.

    Attributes:
        used_cameras: One flag per camera of the rig; None for all.
        twin_share: How often the view of the twin rig is taken, where there is one.
        augmentation: Probability of each colour operator; 0 for images as they are.
        has_lidar: The LiDAR raster is wanted.
        has_radar: The radar's points and labels are wanted.
        has_perspective: Semantics and depth of the camera images are wanted.
        has_depth: Of these, depth is.
        horizontal_fov_reduction: Columns cut off at each side of the images of the used cameras, put side by side; what
            is left is stretched to the old width, as the published agent does.
        needs_plan: Samples whose future or path ahead is cut off by the end of the route are errors; otherwise, for
            trainings that do not look at it, the last known values are repeated.
        target_point_noise_m: Standard deviation, along each axis, of an error of the ego's position from which its
            target points are seen.
        random_speed_share: Share of samples whose speed is drawn at random, so that it says nothing about the ego.
        lidar_ticks: LiDAR points of this age, in ticks, and older ones are left out.
        legacy: Which public quirks to reproduce.
    """

    used_cameras: tuple[bool, ...] | None = None
    twin_share: float = TWIN_SHARE
    augmentation: float = PROBABILITY
    has_lidar: bool = True
    has_radar: bool = True
    has_perspective: bool = True
    has_depth: bool = True
    horizontal_fov_reduction: int = 0
    needs_plan: bool = True
    target_point_noise_m: float = 0.0
    random_speed_share: float = 0.0
    lidar_ticks: int = 10
    legacy: Legacy = CORRECTED


PLAIN = SampleOptions(twin_share=0.0, augmentation=0.0)
"""For validation: the ego's own view, not varied."""

RANDOM_SPEEDS_MPS = (0.0, 12.0)
"""Range of the speeds that are drawn: what is driven in towns."""
STANDING_SHARE = 0.2
"""How many of them are 0."""


def random_speed_mps(rng: np.random.Generator) -> float:
    """Draw a speed that has nothing to do with the sample: standing now and then, for that is a speed of its own."""
    return 0.0 if rng.random() < STANDING_SHARE else float(rng.uniform(*RANDOM_SPEEDS_MPS))


class CarlaSamples:
    """Samples of a data set; see :class:`lead.dataset.loading.source.SampleSource`."""

    name = "carla"

    def __init__(
        self,
        index: FrameIndex,
        rig: SensorRig,
        options: SampleOptions = SampleOptions(),
        cache: RecordStore | PublishedStore | None = None,
    ) -> None:
        """Describe the samples; nothing is read yet.

        Args:
            index: Which frames.
            rig: Sensor rig of the data set.
            options: What to make of them.
            cache: Where finished records lie; None to make each sample from the files of the route.

        Raises:
            RigError: If the camera flags do not fit the rig.
            ValueError: If the cache holds records of another kind than these samples need.
            DatasetError: If nothing would be left of the images.
        """
        rig.used(options.used_cameras)
        width = rig.image_shape(options.used_cameras)[1]
        if not 0 <= 2 * options.horizontal_fov_reduction < width:
            raise DatasetError(
                f"horizontal_fov_reduction: {options.horizontal_fov_reduction} columns cannot be cut off both sides of "
                f"images of {width} columns"
            )
        self.index = index
        self.rig = rig
        self.options = options
        self._settings = RecordSettings(rig.name, options.lidar_ticks, options.legacy.door_in_ego_frame)
        if cache is not None and cache.settings != self._settings:
            raise ValueError(f"the cache is made with {cache.settings}, the samples need {self._settings}")
        self._cache = cache

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.index)

    def tags(self, index: int) -> str:
        """Name route and frame of a sample."""
        entry = self.index.routes[self.index.route[index]]
        return f"{entry.relative_dir} frame {self.index.frame[index]}"

    def load(self, index: int, rng: np.random.Generator) -> Sample:
        """Make a sample; its view and colours are drawn from ``rng``.

        Args:
            index: From 0 to the length.
            rng: Source of all draws.

        Returns:
            Inputs and labels by published name: ``rgb`` uint8 (3, h, w); ``rasterized_lidar`` float32 (1, rows,
            columns); ``radar`` float32 (300, 5); ``semantic`` uint8 (h, w), ``depth`` float32 (h, w) in metres;
            ``bev_semantic`` uint8 (rows, columns); ``center_net_*`` of
            :func:`lead.dataset.labels.center_net.center_net_targets`; ``radar_detections`` float32 (20, 4);
            ``future_waypoints`` (8, 2), ``future_yaws`` (8,), ``route`` (10, 2), ``target_point``,
            ``target_point_previous``, ``target_point_next`` (2,), ``command``, ``next_command`` (6,), all float32;
            ``speed``, ``target_speed``, ``theta`` float32 and ``brake`` bool, without dimensions, as are
            ``source_dataset``, ``perturbate_sensor`` (bool, the view of the twin rig), ``cache_state`` (a
            :class:`lead.dataset.cache.store.CacheState`) and ``loading_time`` in seconds.

        Raises:
            SampleError: If a file is missing or damaged, or labels are none.
        """
        start_s = time.perf_counter()
        entry, frame = self.index.routes[self.index.route[index]], int(self.index.frame[index])
        # Always drawn, so that what follows does not depend on whether there is a twin.
        is_twin = bool(rng.random() < self.options.twin_share) and entry.has_twin
        record, state = None, CacheState.NO_CACHE
        if self._cache is not None:
            record, state = self._cache.get(self.index.root, entry.relative_dir, frame, is_twin=is_twin)
        if record is None:
            record = build_record(self.index.root / entry.relative_dir, frame, self._settings, is_twin=is_twin)
        try:
            sample = self._finish(record, rng)
        except SampleError as error:
            raise SampleError(f"{self.tags(index)}: {error}", error.kind) from error
        sample["perturbate_sensor"] = np.array(is_twin)
        sample["cache_state"] = np.array(state, np.uint8)
        sample["source_dataset"] = np.array(SOURCE_ID, np.int64)
        sample["loading_time"] = np.array(time.perf_counter() - start_s, np.float32)
        return sample

    def motion(self, index: int, ahead: int) -> Motion:
        """Read what the ego does in another frame of a sample's route, in its own frame there.

        Args:
            index: Number of the sample.
            ahead: How many stored frames later; negative for earlier ones.

        Raises:
            SampleError: If the route has no such frame, or its labels are damaged.
        """
        entry, frame = self.index.routes[self.index.route[index]], int(self.index.frame[index]) + ahead
        if self._cache is not None:
            record, _ = self._cache.get(self.index.root, entry.relative_dir, frame, is_twin=False)
            if record is not None:
                return record.motion
        path = frame_path(self.index.root / entry.relative_dir, METAS, frame)
        try:
            meta = read_labels(path)
            if not isinstance(meta, dict):
                raise SampleError(f"{path} holds no metas", BAD_LABELS)
            return read_motion(meta)
        except SampleError:
            raise
        except DatasetError as error:
            kind = UNREADABLE if path.exists() else MISSING
            raise SampleError(f"{self.tags(index)}: it needs frame {frame} of its route, too: {error}", kind) from error

    def _finish(self, record: ViewRecord, rng: np.random.Generator) -> Sample:
        options, window = self.options, self.rig.bev
        sample: Sample = {"rgb": self._rgb(record, rng)}
        if options.has_lidar:
            sample["rasterized_lidar"] = raster(_present(record.lidar_counts, "lidar"))  # type: ignore[arg-type]
        if options.has_radar:
            points, sensors = _present(record.radar_points, "radar"), _present(record.radar_sensor, "radar")
            sample["radar"] = radar_tensor([points[sensors == sensor] for sensor in range(_RADARS)], window)
            sample["radar_detections"] = radar_labels(record.boxes, window)
        if options.has_perspective:
            # A copy, since what comes from a cache must not be written to.
            sample["semantic"] = self._selected(_present(record.semantic, "semantics"), "semantics").copy()
        if options.has_perspective and options.has_depth:
            code: NDArray[Any] | None = record.depth_code
            sample["depth"] = self._depth(_present(code, "depth"))
        sample["bev_semantic"] = np.array(_present(record.bev_semantic, "hdmap"))
        phantom = options.legacy.phantom_target
        sample.update(center_net_targets(record.boxes, window, len(BoxClass), phantom_target=phantom))
        # Drawn last, so that all other draws are the same with and without. One error for all: the points are exact.
        error_ego_m = rng.normal(0.0, options.target_point_noise_m, 2).astype(np.float32)
        sample.update(_motion(record, error_ego_m, is_complete=options.needs_plan))
        if options.random_speed_share > 0.0 and rng.random() < options.random_speed_share:
            sample["speed"] = np.asarray(random_speed_mps(rng), np.float32)
        return sample

    def _rgb(self, record: ViewRecord, rng: np.random.Generator) -> NDArray[np.uint8]:
        import cv2
        import simplejpeg  # type: ignore[import-untyped]

        try:
            image = simplejpeg.decode_jpeg(record.jpeg, "RGB")
        except ValueError as error:
            raise SampleError(f"the camera image is damaged ({error})", UNREADABLE) from error
        image = self._selected(image, "rgb")
        if self.options.augmentation > 0.0:
            image = augment(image, rng, self.options.augmentation)
        channels = np.empty((3, *image.shape[:2]), np.uint8)
        cv2.split(image, list(channels))
        return channels

    def _selected(self, image: NDArray[np.uint8], folder: str) -> NDArray[np.uint8]:
        """What the used cameras see of an image in full resolution."""
        expected = recorded_shape(self.rig)
        if image.shape[:2] != expected:
            raise SampleError(
                f"{folder} has {image.shape[0]} x {image.shape[1]} pixels, but the rig {self.rig.name} makes "
                f"{expected[0]} x {expected[1]}",
                BAD_LABELS,
            )
        return np.asarray(self._seen(image, is_classes=folder != "rgb"), np.uint8)

    def _depth(self, code: NDArray[Any]) -> NDArray[np.float32]:
        import cv2

        is_fine = code.dtype == np.uint16
        small_m = decode_depth16(code.astype(np.uint16)) if is_fine else decode_depth8(code.astype(np.uint8))
        height, width = recorded_shape(self.rig)
        if height * small_m.shape[1] != width * small_m.shape[0]:
            raise SampleError(f"depth cannot be of shape {small_m.shape}", BAD_LABELS)
        depth_m = cv2.resize(small_m, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(self._seen(depth_m, is_classes=False), np.float32)

    def _seen(self, image: NDArray[Any], *, is_classes: bool) -> NDArray[Any]:
        """Cut a stored image to the rows and columns that the network sees of the used cameras."""
        import cv2

        rows = self.rig.image_shape()[0]
        seen = select_cameras(image[:rows], self.rig, self.options.used_cameras)
        cut = self.options.horizontal_fov_reduction
        if not cut:
            return seen
        how = cv2.INTER_NEAREST if is_classes else cv2.INTER_LINEAR
        inner = np.ascontiguousarray(seen[:, cut:-cut])
        return np.asarray(cv2.resize(inner, (seen.shape[1], seen.shape[0]), interpolation=how))


def _present(part: Part | None, folder: str) -> Part:
    if part is None:
        raise SampleError(f"the route has no {folder}", MISSING)
    return part


def _motion(record: ViewRecord, error_ego_m: NDArray[np.float32], *, is_complete: bool) -> Sample:
    """Labels and inputs of the planner; the target points are moved by an error (2,) of the ego's position."""
    motion = record.motion
    waypoints, yaws, path = motion.waypoints, motion.yaws_rad, motion.path
    if is_complete and (len(waypoints) < WAYPOINTS or len(path) < PATH_POINTS):
        lack = "future" if len(waypoints) < WAYPOINTS else "path ahead"
        raise SampleError(f"its {lack} is cut off by the end of the route", BAD_LABELS)
    points = motion.target_points + error_ego_m
    one_hot = np.eye(COMMANDS, dtype=np.float32)[motion.commands]
    return {
        "future_waypoints": _filled(waypoints, WAYPOINTS),
        "future_yaws": _filled(yaws, WAYPOINTS),
        "route": _filled(path, PATH_POINTS),
        "target_point_previous": points[0],
        "target_point": points[1],
        "target_point_next": points[2],
        "command": one_hot[0],
        "next_command": one_hot[1],
        "speed": np.array(motion.speed_mps, np.float32),
        "target_speed": np.array(motion.target_speed_mps, np.float32),
        "theta": np.array(motion.theta_rad, np.float32),
        "brake": np.array(motion.brake),
    }


def _filled(rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Repeat the last row, or zeros if there is none, up to a number of rows."""
    filled = np.zeros((count, *rows.shape[1:]), np.float32)
    filled[: len(rows)] = rows
    if len(rows):
        filled[len(rows) :] = rows[-1]
    return filled
