"""How far a collection is: routes, frames, rate, what is rejected and why, and whether the disk will hold it."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from lead.dataset.layout import METAS, numbered_frames

_GIB = float(1 << 30)


@dataclass
class CollectionProgress:
    """Books of a collection.

    Attributes:
        total: Tasks of the collection.
        driven: Tasks that are done.
        frames: Saved frames of this run.
        accepted_frames: Frames of all recordings that may be learnt from, also of earlier runs.
        frame_bytes: Their size.
        rejected: Recordings that must not be learnt from, by scenario class.
        accepted: The others, by scenario class.
    """

    total: int
    driven: int = 0
    frames: int = 0
    accepted_frames: int = 0
    frame_bytes: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)

    def add(self, folder: Path, *, is_rejected: bool) -> None:
        """Take note of a recording that is complete.

        Args:
            folder: Its folder.
            is_rejected: It must not be learnt from.
        """
        (self.rejected if is_rejected else self.accepted)[folder.parent.name] += 1
        frames = len(numbered_frames(folder, METAS))
        self.frames += frames
        self.accepted_frames += 0 if is_rejected else frames
        self.frame_bytes += sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    def add_earlier(self, folder: Path) -> None:
        """Take note of a recording of an earlier run that may be learnt from."""
        self.accepted_frames += len(numbered_frames(folder, METAS))

    @property
    def mb_per_frame(self) -> float:
        """Mean size of a frame, megabytes."""
        return self.frame_bytes / self.frames / 1e6 if self.frames else 0.0

    def forecast(self, root: Path, done: int) -> str:
        """Say what the rest will need and what the disk has; empty before the first recording.

        Args:
            root: Root of the data set.
            done: Recordings of this run.
        """
        if not done or not self.frames:
            return ""
        needed = self.frame_bytes / done * (self.total - self.driven)
        free = shutil.disk_usage(root).free
        warning = ", NOT ENOUGH" if needed > free else ""
        return f"disk: {needed / _GIB:.1f} GiB more, {free / _GIB:.0f} GiB free{warning}"
