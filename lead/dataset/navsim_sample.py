"""Samples of NAVSIM: the pairs of feature and target files of its training cache, turned into our frame and names."""

from __future__ import annotations

import os
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lead.config.legacy import CORRECTED, Legacy
from lead.dataset.decode import decode_jpeg
from lead.dataset.errors import DatasetError, SampleError
from lead.dataset.labels.boxes import BOX_COLUMNS, MAX_BOXES
from lead.dataset.labels.center_net import center_net_targets
from lead.dataset.loading.source import Sample, SourceId
from lead.dataset.tensor_pickles import read_tensors
from lead.sensing.encodings import boxes_to_raster
from lead.sensing.rigs import NAVSIM_4_CAMERAS

FEATURE, TARGET = "transfuser_feature.gz", "transfuser_target.gz"
COMMANDS = ("left", "straight", "right", "unknown")
WAYPOINTS = 8
"""Twice a second."""
PREFIX = "navsim_"
"""Before the names of dense labels."""
BEV_CLASSES = 7
_STATUS = len(COMMANDS) + 4
_SPLIT_STEPS = 1 << 16
UNREADABLE, BAD_LABELS, MISSING = "unreadable file", "bad labels", "missing part"


class NavsimSamples:
    """Samples of a folder; see :class:`lead.dataset.loading.source.SampleSource`."""

    name = "navsim"

    def __init__(self, root: Path, legacy: Legacy = CORRECTED, scenes: tuple[str, ...] | None = None) -> None:
        """List the samples.

        Args:
            root: Folder of the cache, such as ``navsim_training_cache/navtrain``; pairs may lie at any depth.
            legacy: Which public quirks to reproduce in the labels.
            scenes: Folders of the pairs below the root, if they are known.

        Raises:
            DatasetError: If there is no pair.
        """
        self.root = root
        self.scenes, self.incomplete = (scenes, 0) if scenes is not None else _find(root)
        self._legacy = legacy

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.scenes)

    def tags(self, index: int) -> str:
        """Name the folder of a sample."""
        return self.scenes[index]

    def split(self, held_out_share: float) -> tuple[NavsimSamples, NavsimSamples]:
        """Hold whole logs out for validation; which ones depends on their names alone.

        Args:
            held_out_share: About this share of the logs, from 0 to 1.

        Returns:
            The samples to train with and those that are held out.
        """
        parts: tuple[list[str], list[str]] = [], []
        for scene in self.scenes:
            log = scene.rpartition("/")[0] or scene
            parts[zlib.crc32(log.encode()) % _SPLIT_STEPS < held_out_share * _SPLIT_STEPS].append(scene)
        train, held_out = (NavsimSamples(self.root, self._legacy, tuple(part)) for part in parts)
        return train, held_out

    def load(self, index: int, rng: np.random.Generator) -> Sample:
        """Make a sample; nothing in it is random.

        Args:
            index: From 0 to the length.
            rng: Not used: images of NAVSIM are neither augmented nor seen from a shifted place.

        Returns:
            By name: ``rgb`` uint8 (3, 270, 1920); ``speed`` m/s and ``acceleration`` m/s2, sizes without sign, and
            ``command`` one-hot (4,) of :data:`COMMANDS`; ``future_waypoints`` (8, 2) m and ``future_yaws`` (8,) rad,
            twice a second, all float32; ``navsim_bev_semantic`` uint8 (256, 256) of 7 classes; box targets of one
            class under ``navsim_center_net_...``; ``source_dataset``, ``loading_time``.

        Raises:
            SampleError: If a file is missing or damaged, or labels are none.
        """
        start_s = time.perf_counter()
        folder = self.root / self.scenes[index]
        try:
            feature, target = read_tensors(folder / FEATURE), read_tensors(folder / TARGET)
        except DatasetError as error:
            raise SampleError(str(error), UNREADABLE) from error
        try:
            sample = {**_inputs(feature), **_plan(target)}
            sample.update(_dense(target, phantom_target=self._legacy.phantom_target))
        except SampleError as error:
            raise SampleError(f"{folder}: {error}", error.kind) from error
        sample["source_dataset"] = np.array(SourceId.NAVSIM, np.int64)
        sample["loading_time"] = np.array(time.perf_counter() - start_s, np.float32)
        return sample


def _find(root: Path) -> tuple[tuple[str, ...], int]:
    """Folders with both files, sorted, and the number of folders with only one."""
    scenes, incomplete = [], 0
    for folder, _, names in os.walk(root):
        there = {FEATURE, TARGET}.intersection(names)
        if len(there) == 2:
            scenes.append(Path(folder).relative_to(root).as_posix())
        incomplete += len(there) == 1
    if not scenes:
        raise DatasetError(f"{root} holds no pair of {FEATURE} and {TARGET}")
    return tuple(sorted(scenes)), incomplete


def _inputs(feature: dict[str, Any]) -> Sample:
    code = _array(feature, "camera_feature", None)
    if code.dtype != np.uint8:
        raise SampleError("camera_feature holds no JPEG", BAD_LABELS)
    try:
        image = decode_jpeg(code.tobytes())
    except DatasetError as error:
        raise SampleError(f"camera_feature: {error}", UNREADABLE) from error
    if image.shape[:2] != NAVSIM_4_CAMERAS.image_shape():
        raise SampleError(f"camera_feature has {image.shape[0]} x {image.shape[1]} pixels", BAD_LABELS)
    status = _numbers(feature, "status_feature", (_STATUS,))
    return {
        # The encoder was given red for blue.
        "rgb": np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1)),
        "command": status[: len(COMMANDS)],
        "speed": np.array(np.hypot(*status[-4:-2]), np.float32),
        "acceleration": np.array(np.hypot(*status[-2:]), np.float32),
    }


def _plan(target: dict[str, Any]) -> Sample:
    trajectory = _numbers(target, "trajectory", (WAYPOINTS, 3)) * np.array([1.0, -1.0, -1.0], np.float32)
    return {"future_waypoints": trajectory[:, :2], "future_yaws": trajectory[:, 2]}


def _dense(target: dict[str, Any], *, phantom_target: bool) -> Sample:
    """Labels of the dense heads."""
    window = NAVSIM_4_CAMERAS.bev
    semantic = _array(target, "bev_semantic_map", window.shape)
    if semantic.dtype.kind not in "iu" or semantic.min() < 0 or semantic.max() >= BEV_CLASSES:
        raise SampleError("bev_semantic_map holds values that are no class", BAD_LABELS)
    states = _numbers(target, "agent_states", (None, 5))
    labels = _array(target, "agent_labels", (len(states),)).astype(bool)
    boxes = np.zeros((int(labels.sum()), len(BOX_COLUMNS)), np.float32)
    boxes[:, 0] = states[labels, 0]
    boxes[:, 1] = -states[labels, 1]
    boxes[:, 2:4] = states[labels, 3:5] / 2.0
    boxes[:, 4] = -states[labels, 2]
    x, y = boxes[:, 0], boxes[:, 1]
    inside = (x > window.min_x_m) & (x < window.max_x_m) & (y > window.min_y_m) & (y < window.max_y_m)
    raster = boxes_to_raster(boxes[inside][:MAX_BOXES], window).astype(np.float32)
    targets = center_net_targets(raster, window, classes=1, phantom_target=phantom_target)
    return {
        # Their rows grow forwards and their columns to the left; our columns grow forwards and our rows to the right.
        f"{PREFIX}bev_semantic": np.ascontiguousarray(np.rot90(semantic.astype(np.uint8))),
        **{f"{PREFIX}{name}": value for name, value in targets.items()},
    }


def _array(content: dict[str, Any], name: str, shape: tuple[int | None, ...] | None) -> NDArray[Any]:
    value = content.get(name)
    if not isinstance(value, np.ndarray):
        raise SampleError(f"there is no {name}", MISSING)
    if shape is not None and (
        value.ndim != len(shape) or any(want not in (None, size) for want, size in zip(shape, value.shape, strict=True))
    ):
        raise SampleError(f"{name} has shape {value.shape}", BAD_LABELS)
    return value


def _numbers(content: dict[str, Any], name: str, shape: tuple[int | None, ...]) -> NDArray[np.float32]:
    value = _array(content, name, shape)
    if value.dtype.kind not in "fiub" or not np.isfinite(value).all():
        raise SampleError(f"{name} holds a value that is no number", BAD_LABELS)
    return value.astype(np.float32)
