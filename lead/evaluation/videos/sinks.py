"""One artefact with its two forms, a video and a folder of pictures, opened when its first frame shows its size."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lead.visualization.images import ImageFolderWriter
from lead.visualization.video import VideoWriter

LOG = logging.getLogger(__name__)


class FrameSink:
    """Takes the frames of one artefact; writes nothing if neither form is wanted."""

    def __init__(self, folder: Path, route_name: str, artefact: str, fps: float, *, crf: int) -> None:
        """Describe the files: ``<folder>/<route>_<artefact>.mp4`` and ``<folder>/<artefact>_images/NNNNN.png``."""
        self._video_path = folder / f"{route_name}_{artefact}.mp4"
        self._image_folder = folder / f"{artefact}_images"
        self._fps = fps
        self._crf = crf
        self._has_video = self._has_images = False
        self._video: VideoWriter | None = None
        self._images: ImageFolderWriter | None = None

    def choose(self, *, video: bool, images: bool) -> FrameSink:
        """Set which forms are wanted."""
        self._has_video, self._has_images = video, images
        return self

    @property
    def is_wanted(self) -> bool:
        """True while at least one form can still take frames, so that drawing them is worth while."""
        has_video = self._has_video and not (self._video is not None and self._video.failed)
        has_images = self._has_images and not (self._images is not None and self._images.failed)
        return has_video or has_images

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append a (h, w, 3) uint8 RGB frame; all have the size of the first."""
        if self._has_video:
            if self._video is None:
                height, width = frame.shape[:2]
                self._video = VideoWriter(self._video_path, width, height, self._fps, crf=self._crf)
            self._video.write(frame)
        if self._has_images:
            if self._images is None:
                self._images = ImageFolderWriter(self._image_folder)
            self._images.write(frame)

    def close(self, deadline_s: float) -> None:
        """Finish the files until a time of the monotonic clock."""
        for writer in (self._video, self._images):
            if writer is not None:
                writer.close(max(deadline_s - time.monotonic(), 1.0))
        self._video = self._images = None
