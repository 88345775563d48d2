"""H.264 videos that browsers play, written by the ffmpeg binary that the ``imageio-ffmpeg`` wheel bundles."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

import cv2
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from lead.errors import LeadError

CLOSE_TIMEOUT_S = 60.0
ERROR_TAIL_BYTES = 2000


class VideoError(LeadError):
    """A video could not be written; the text carries ffmpeg's own words."""


class VideoWriter:
    """Writes RGB frames to an mp4 file that appears under its name only when it is complete.

    Use as a context manager: leaving it normally finishes the file, an exception discards it.
    """

    def __init__(self, path: Path, width: int, height: int, fps: float, *, crf: int = 23, preset: str = "veryfast"):
        """Start the encoder.

        Args:
            path: Target, replaced if it exists; its folder is created.
            width: Frame width in pixels, even.
            height: Frame height in pixels, even.
            fps: Frames per second.
            crf: Quality, lower is better and larger.
            preset: Speed of the encoder.

        Raises:
            VideoError: If the size is odd.
        """
        if width % 2 or height % 2 or width <= 0 or height <= 0:
            raise VideoError(f"video frames must have even positive sizes, not {width} x {height}")
        self.path = path
        self.frame_count = 0
        self._shape = (height, width, 3)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp.mp4")
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the encoder)
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error"]
        command += [
            "-f",
            "rawvideo",
            "-pix_fmt",
            "yuv420p",
            "-s",
            f"{width}x{height}",
            "-r",
            str(fps),
            "-i",
            "-",
        ]
        command += ["-an", "-c:v", "libx264", "-preset", preset, "-crf", str(crf), "-pix_fmt", "yuv420p"]
        # The conversion below is OpenCV's: BT.601, limited range. Without the tags players guess BT.709 at 720p.
        command += ["-colorspace", "smpte170m", "-color_primaries", "smpte170m", "-color_trc", "smpte170m"]
        command += ["-color_range", "tv", "-movflags", "+faststart", str(self._temporary)]
        self._process: subprocess.Popen[bytes] | None = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            start_new_session=True,
        )

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append one frame.

        Args:
            frame: (height, width, 3) uint8 RGB.

        Raises:
            VideoError: If the shape differs from the video's or the encoder died.
        """
        if self._process is None or self._process.stdin is None:
            raise VideoError(f"video {self.path} is closed")
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise VideoError(f"frame of shape {frame.shape} and type {frame.dtype} does not fit video {self._shape}")
        try:
            self._process.stdin.write(np.ascontiguousarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420)).data)
        except (BrokenPipeError, ValueError) as error:
            raise VideoError(f"ffmpeg stopped while writing {self.path}: {self._error_text()}") from error
        self.frame_count += 1

    def close(self) -> None:
        """Finish the file and move it to its name; without frames no file is left.

        Raises:
            VideoError: If ffmpeg failed.
        """
        process = self._process
        if process is None or process.stdin is None:
            return
        try:
            process.stdin.close()
            code = process.wait(timeout=CLOSE_TIMEOUT_S)
        except (BrokenPipeError, subprocess.TimeoutExpired) as error:
            self.discard()
            raise VideoError(f"ffmpeg could not finish {self.path}: {error}") from error
        self._process = None
        if code != 0:
            text = self._error_text()
            self._temporary.unlink(missing_ok=True)
            raise VideoError(f"ffmpeg failed on {self.path} (exit code {code}): {text}")
        if self.frame_count:
            os.replace(self._temporary, self.path)
        else:
            self._temporary.unlink(missing_ok=True)
        self._errors.close()

    def discard(self) -> None:
        """Stop the encoder and remove what it wrote; safe to call at any time."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process = None
            self._errors.close()
        self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> VideoWriter:
        """Return this writer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the file, or discard it after an exception."""
        if kind is None:
            self.close()
        else:
            self.discard()

    def _error_text(self) -> str:
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(self._errors.tell() - ERROR_TAIL_BYTES, 0))
        return self._errors.read().decode("utf-8", "replace").strip() or "no message"
