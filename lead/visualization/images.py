"""Numbered pictures of a drive, written beside it without stopping it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lead.files import write_whole
from lead.visualization.background import BackgroundWorker
from lead.visualization.video import CLOSE_TIMEOUT_S, STALL_S

PNG_COMPRESSION = 3
"""Of 9; more takes twice the time for a few percent."""
QUEUED_IMAGES = 8


class ImageFolderWriter:
    """Writes RGB frames to ``00000.png``, ``00001.png``, ... of a folder; a failing disk ends it with one warning.

    Attributes:
        folder: The folder.
    """

    def __init__(self, folder: Path, *, stall_s: float = STALL_S) -> None:
        """Prepare the folder; pictures of a former drive in it are removed.

        Args:
            folder: Target, created if missing.
            stall_s: How long the disk may take nothing before the pictures are given up.
        """
        self.folder = folder
        self._count = 0
        self._worker = BackgroundWorker(f"image folder {folder}", self._save, capacity=QUEUED_IMAGES, stall_s=stall_s)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.glob("[0-9]*.png"):
                old.unlink()
        except OSError as error:
            self._worker.fail(str(error))

    @property
    def failed(self) -> bool:
        """True if the pictures were given up."""
        return self._worker.failed

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append a (h, w, 3) uint8 RGB frame; waits while the disk is behind."""
        self._worker.put((self._count, np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), np.uint8)))
        self._count += 1

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Wait for the last pictures, at most ``timeout_s``."""
        self._worker.finish(timeout_s)

    def _save(self, item: tuple[int, NDArray[np.uint8]]) -> None:
        number, picture = item
        _, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, PNG_COMPRESSION])
        write_whole(self.folder / f"{number:05d}.png", data.tobytes())
