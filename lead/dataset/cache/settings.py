"""What records depend on beside their sources, and how a change of either is noticed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import struct
from dataclasses import dataclass
from pathlib import Path

from lead.dataset.cache.record import FORMAT_VERSION
from lead.dataset.labels.motion import TARGET_POINTS_KEY
from lead.dataset.layout import BOXES, METAS, PERTURBATED, frame_path
from lead.sensing.rigs import RIGS, SensorRig

SHARED = (METAS, BOXES, "lidar")
"""Folders that both views are made of."""
PER_VIEW = ("rgb", "semantics", "depth", "hdmap", "radar")
"""Folders that each view has its own of."""
_ABSENT = struct.pack("<qq", -1, -1)


@dataclass(frozen=True)
class RecordSettings:
    """Choices that change records; everything else is chosen when a sample is finished.

    Attributes:
        rig_name: Sensor rig of the data set, with all its cameras.
        lidar_ticks: LiDAR points of this age, in ticks, and older ones are left out.
        door_in_ego_frame: Open doors move boxes along the ego's y axis instead of the car's, as published.
    """

    rig_name: str = "carla_3_cameras"
    lidar_ticks: int = 10
    door_in_ego_frame: bool = False

    @property
    def rig(self) -> SensorRig:
        """The rig."""
        return RIGS[self.rig_name]

    @property
    def key(self) -> str:
        """A word that is different for other settings and other versions of the labels."""
        values = {**dataclasses.asdict(self), "format": FORMAT_VERSION, "targets": TARGET_POINTS_KEY}
        return hashlib.blake2b(json.dumps(values, sort_keys=True).encode(), digest_size=8).hexdigest()


def source_folders(*, is_twin: bool) -> tuple[str, ...]:
    """Folders of a route that a view is made of."""
    suffix = PERTURBATED if is_twin else ""
    return (*SHARED, *(f"{name}{suffix}" for name in PER_VIEW))


def fingerprint(route_dir: Path, frame: int, *, is_twin: bool) -> int:
    """Return a number that changes when a file that a view is made of changes its size or its time, comes or goes."""
    digest = hashlib.blake2b(digest_size=8)
    for folder in source_folders(is_twin=is_twin):
        try:
            status = frame_path(route_dir, folder, frame).stat()
        except OSError:
            digest.update(_ABSENT)
        else:
            digest.update(struct.pack("<qq", status.st_size, status.st_mtime_ns))
    return int.from_bytes(digest.digest(), "little")
