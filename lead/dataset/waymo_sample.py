"""Samples of Waymo's end-to-end data, exported as one JPEG and one small JSON file per frame."""

from __future__ import annotations

import gzip
import json
import os
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lead.dataset.decode import decode_jpeg, read_bytes
from lead.dataset.errors import DatasetError, SampleError
from lead.dataset.loading.source import Sample, SourceId

IMAGE_SHAPE = (324, 1440)
"""Three cameras of 972 x 1440 pixels, side by side at a third of their resolution."""
STRIDE = 5
"""Neighbouring frames hardly differ: every fifth is taken."""
WAYPOINTS = 10
"""Twice a second; the first one lies 0.25 s ahead."""
COMMANDS = 4
PAST = 6
"""Past states that a network may get; they are stored at 4 Hz, the latest last."""
_IMAGE, _LABELS = ".jpg", ".json.gz"
UNREADABLE, BAD_LABELS = "unreadable file", "bad labels"


class WaymoSamples:
    """Samples of a folder; see :class:`lead.dataset.loading.source.SampleSource`."""

    name = "waymo_e2e_2025"

    def __init__(self, root: Path, stride: int = STRIDE, image_shape: tuple[int, int] = IMAGE_SHAPE) -> None:
        """List the samples.

        Args:
            root: Folder with ``NAME.jpg`` and ``NAME.json.gz`` at any depth.
            stride: Take every n-th pair, in the order of their names.
            image_shape: Rows and columns of the images.

        Raises:
            DatasetError: If there is no pair.
        """
        self.root = root
        self.image_shape = image_shape
        stems = _find(root)
        self.stems = stems[::stride]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.stems)

    def tags(self, index: int) -> str:
        """Name the files of a sample."""
        return self.stems[index]

    def load(self, index: int, rng: np.random.Generator) -> Sample:
        """Make a sample; nothing in it is random.

        Args:
            index: From 0 to the length.
            rng: Not used: images of Waymo are neither augmented nor seen from a shifted place.

        Returns:
            By name: ``rgb`` uint8 (3, rows, columns); ``speed`` m/s; ``command`` one-hot (4,); ``past_positions``
            (6, 2) m and ``past_speeds`` (6,) m/s at 4 Hz, the latest last; ``future_waypoints`` (10, 2) m; all float32
            in our ego frame; ``source_dataset``, ``loading_time``.

        Raises:
            SampleError: If a file is missing or damaged, or labels are none.
        """
        start_s = time.perf_counter()
        stem = self.root / self.stems[index]
        image_path, label_path = (stem.with_name(stem.name + suffix) for suffix in (_IMAGE, _LABELS))
        try:
            image = decode_jpeg(read_bytes(image_path))
        except DatasetError as error:
            raise SampleError(f"{image_path}: {error}", UNREADABLE) from error
        if image.shape[:2] != self.image_shape:
            raise SampleError(f"{image_path} has {image.shape[0]} x {image.shape[1]} pixels", BAD_LABELS)
        try:
            sample = {"rgb": np.ascontiguousarray(image.transpose(2, 0, 1)), **_motion(_read_labels(label_path))}
        except SampleError as error:
            raise SampleError(f"{label_path}: {error}", error.kind) from error
        sample["source_dataset"] = np.array(SourceId.WAYMO, np.int64)
        sample["loading_time"] = np.array(time.perf_counter() - start_s, np.float32)
        return sample


def _find(root: Path) -> list[str]:
    """Relative paths, without suffix, of all pairs, sorted."""
    stems = []
    for folder, _, names in os.walk(root):
        images = {name.removesuffix(_IMAGE) for name in names if name.endswith(_IMAGE)}
        labels = {name.removesuffix(_LABELS) for name in names if name.endswith(_LABELS)}
        place = Path(folder).relative_to(root)
        stems += [(place / stem).as_posix() for stem in images & labels]
    if not stems:
        raise DatasetError(f"{root} holds no pair of a {_IMAGE} and a {_LABELS} file")
    return sorted(stems)


def _read_labels(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(gzip.decompress(read_bytes(path)))
    except (DatasetError, OSError, EOFError, zlib.error, ValueError) as error:
        raise SampleError(f"the labels are cut off or damaged ({error})", UNREADABLE) from error
    if not isinstance(content, dict):
        raise SampleError("the labels are no record", BAD_LABELS)
    return content


def _motion(labels: dict[str, Any]) -> Sample:
    """Turn the record into our frame, whose y points to the right."""
    past_x, past_y, past_vx, past_vy = (_column(labels, "past", name, PAST) for name in ("x", "y", "vx", "vy"))
    x, y = (_column(labels, "prediction", name, 2 * WAYPOINTS - 1) for name in ("x", "y"))
    command = labels.get("command")
    if type(command) is not int or not 0 <= command < COMMANDS:
        raise SampleError(f"the command {command!r} is none of 0 to {COMMANDS - 1}", BAD_LABELS)
    speeds = np.hypot(past_vx, past_vy)[-PAST:]
    return {
        "future_waypoints": np.stack([x, -y], axis=1)[::2][:WAYPOINTS],
        "past_positions": np.stack([past_x, -past_y], axis=1)[-PAST:],
        "past_speeds": speeds,
        "speed": speeds[-1].reshape(()),
        "command": np.eye(COMMANDS, dtype=np.float32)[command],
    }


def _column(labels: dict[str, Any], part: str, name: str, least: int) -> NDArray[np.float32]:
    content = labels.get(part)
    try:
        values = np.asarray(content[name], np.float32)  # type: ignore[index]
    except (TypeError, KeyError, ValueError) as error:
        raise SampleError(f"{part}.{name} is missing or holds no numbers", BAD_LABELS) from error
    if values.ndim != 1 or len(values) < least or not np.isfinite(values).all():
        raise SampleError(f"{part}.{name} must be at least {least} finite numbers", BAD_LABELS)
    return values
