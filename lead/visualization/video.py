"""H.264 videos that browsers play, written by the ffmpeg binary that the ``imageio-ffmpeg`` wheel bundles.

The file grows under its final name as fragmented mp4, one fragment per second, so that it plays while it is being
written and after everything around it was killed. A file that was closed is rewritten with its index in front, which
lets browsers seek without reading it all.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

import cv2
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from lead.errors import LeadError
from lead.files import written_whole
from lead.visualization.background import BackgroundWorker

LOG = logging.getLogger(__name__)

STALL_S = 12.0
CLOSE_TIMEOUT_S = 30.0
QUEUED_FRAMES = 8
ERROR_TAIL_BYTES = 2000
FRAGMENT_S = 1.0
LOOKAHEAD_FRAMES = 10
"""What the encoder holds back is lost when it is killed; its usual 40 frames are two seconds of driving."""
ENCODER_THREADS = 2
_HEADER_BYTES = 1 << 16


class VideoError(LeadError):
    """A video cannot be written the way it was asked for."""


class VideoWriter:
    """Writes RGB frames to an mp4 file while they are produced.

    A full disk, or an encoder that dies or hangs, ends the video with one warning and never raises. Use as a context
    manager: leaving it normally finishes the file, an exception discards it.

    Attributes:
        path: The file.
        frame_count: Frames handed over.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        fps: float,
        *,
        crf: int = 23,
        preset: str = "veryfast",
        stall_s: float = STALL_S,
    ):
        """Start the encoder.

        Args:
            path: Target, replaced if it exists; its folder is created.
            width: Frame width in pixels; the video of an odd width is one pixel wider.
            height: Frame height in pixels; likewise.
            fps: Frames per second.
            crf: Quality, lower is better and larger.
            preset: Speed of the encoder.
            stall_s: How long the encoder may take nothing before the video is given up.

        Raises:
            VideoError: If the size is not positive or there is no ffmpeg.
        """
        if width <= 0 or height <= 0:
            raise VideoError(f"video frames must have positive sizes, not {width} x {height}")
        self.path = path
        self.frame_count = 0
        self._shape = (height, width, 3)
        self._padding = (height % 2, width % 2)
        self._closed = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the encoder)
        self._process: subprocess.Popen[bytes] | None = None
        self._worker = BackgroundWorker(
            f"video {path}", self._encode, capacity=QUEUED_FRAMES, stall_s=stall_s, abort=self._kill
        )
        size = f"{width + width % 2}x{height + height % 2}"
        command = [ffmpeg_path(), "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p"]
        command += ["-s", size, "-r", str(fps), "-i", "-", "-an", *_encoding(fps, crf, preset), str(path)]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # A former encoder that is still finishing must keep its own file.
            path.unlink(missing_ok=True)
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._errors, start_new_session=True
            )
        except OSError as error:
            self._worker.fail(str(error))

    @property
    def failed(self) -> bool:
        """True if the video was given up; the file may hold its beginning."""
        return self._worker.failed

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append one frame; waits while the encoder is behind.

        Args:
            frame: (height, width, 3) uint8 RGB.

        Raises:
            VideoError: If the shape differs from the video's or the video is closed.
        """
        if self._closed:
            raise VideoError(f"video {self.path} is closed")
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise VideoError(f"frame of shape {frame.shape} and type {frame.dtype} does not fit video {self._shape}")
        if self.failed:
            return
        down, right = self._padding
        if down or right:
            frame = np.pad(frame, ((0, down), (0, right), (0, 0)), mode="edge")
        self._worker.put(np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420), np.uint8))
        self.frame_count += 1

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Finish the file; without frames no file is left. Safe to call twice.

        Args:
            timeout_s: Time for everything; what is not encoded by then is lost.
        """
        if self._closed:
            return
        self._closed = True
        deadline_s = time.monotonic() + timeout_s
        self._worker.finish(timeout_s)
        if not self.failed:
            self._finish_encoder(deadline_s)
        self._kill()
        if self.frame_count and not self.failed:
            self._put_index_first(deadline_s)
        elif not _has_frames(self.path):
            _remove(self.path)
        self._errors.close()

    def discard(self) -> None:
        """Stop the encoder and remove what it wrote; safe to call at any time."""
        if not self._closed:
            self._closed = True
            self._worker.failed = True
            self._kill()
            self._worker.stop()
            self._errors.close()
        _remove(self.path)

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

    def _encode(self, planes: NDArray[np.uint8]) -> None:
        """Hand one frame to ffmpeg; runs on the worker's thread."""
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(planes.data)
        except (OSError, ValueError) as error:
            raise VideoError(f"ffmpeg stopped: {self._error_text()}") from error

    def _finish_encoder(self, deadline_s: float) -> None:
        process = self._process
        assert process is not None and process.stdin is not None
        try:
            process.stdin.close()
            code = process.wait(timeout=max(deadline_s - time.monotonic(), 0.1))
        except (OSError, subprocess.TimeoutExpired) as error:
            self._worker.fail(f"ffmpeg could not finish: {error}")
            return
        if code != 0:
            self._worker.fail(f"ffmpeg failed with exit code {code}: {self._error_text()}")

    def _put_index_first(self, deadline_s: float) -> None:
        """Rewrite the finished file without fragments; if that fails, the fragmented one stays."""
        command = [ffmpeg_path(), "-y", "-loglevel", "error", "-i", str(self.path), "-c", "copy"]
        command += ["-movflags", "+faststart", "-f", "mp4"]
        try:
            with written_whole(self.path) as temporary:
                left_s = max(deadline_s - time.monotonic(), 0.1)
                command.append(str(temporary))
                subprocess.run(command, check=True, timeout=left_s, stdin=subprocess.DEVNULL, capture_output=True)
        except (OSError, subprocess.SubprocessError) as error:
            LOG.warning("video %s stays fragmented, seeking in it is slower: %s", self.path, error)

    def _kill(self) -> None:
        """End ffmpeg if it still runs; unblocks the worker."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdin is not None:
            # It may have bytes left for a reader that is gone.
            with contextlib.suppress(OSError):
                process.stdin.close()

    def _error_text(self) -> str:
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(self._errors.tell() - ERROR_TAIL_BYTES, 0))
        return " ".join(self._errors.read().decode("utf-8", "replace").split()) or "no message"


def ffmpeg_path() -> str:
    """Return the ffmpeg program.

    Raises:
        VideoError: If there is none.
    """
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise VideoError(
            "there is no ffmpeg; reinstall it with pip install --force-reinstall imageio-ffmpeg"
        ) from error


def _encoding(fps: float, crf: int, preset: str) -> list[str]:
    """Options of the encoder and the container."""
    options = ["-c:v", "libx264", "-preset", preset, "-crf", str(crf), "-pix_fmt", "yuv420p"]
    # Frames in coding order would start a file that still grows later than at zero, and players show that.
    options += ["-bf", "0", "-threads", str(ENCODER_THREADS), "-rc-lookahead", str(LOOKAHEAD_FRAMES)]
    options += ["-g", str(max(1, round(FRAGMENT_S * fps)))]
    # The frames are converted by OpenCV: BT.601, limited range. Without the tags players guess BT.709 at 720p.
    options += ["-colorspace", "smpte170m", "-color_primaries", "smpte170m", "-color_trc", "smpte170m"]
    options += ["-color_range", "tv", "-movflags", "+frag_keyframe+empty_moov+default_base_moof"]
    return [*options, "-flush_packets", "1"]


def _has_frames(path: Path) -> bool:
    """Tell whether an mp4 file holds at least the head of a fragment."""
    try:
        with path.open("rb") as file:
            return b"moof" in file.read(_HEADER_BYTES)
    except OSError:
        return False


def _remove(path: Path) -> None:
    """Delete a file if it is there and can be deleted."""
    with contextlib.suppress(OSError):
        path.unlink()
