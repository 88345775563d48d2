"""Small videos whose frames carry their number as a bar code, and a small application that serves them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from flask import Flask, Response, jsonify

from lead.visualization.video import VideoWriter, ffmpeg_path
from lead.webapp import media_api
from lead.webapp.clip_jobs import ClipJobs
from lead.webapp.context import EXTENSION, Dashboard
from lead.webapp.errors import RequestError
from lead.webapp.read_ahead import ReadAhead
from lead.webapp.root_folder import RootFolder

BITS = 12
CELL = 16
WIDTH, HEIGHT = BITS * CELL, 4 * CELL
WRITE = {"X-LEAD-Dashboard": "1"}


def numbered_frame(number: int) -> np.ndarray:
    """A picture that shows a number as white and black cells, least bit first."""
    cells = np.array([255 if number >> bit & 1 else 0 for bit in range(BITS)], np.uint8)
    return np.ascontiguousarray(np.repeat(np.tile(np.repeat(cells, CELL), (HEIGHT, 1))[..., None], 3, axis=2))


def write_video(path: Path, frame_count: int, fps: float) -> Path:
    """A finished H.264 video of numbered frames, as drives leave it."""
    with VideoWriter(path, WIDTH, HEIGHT, fps, preset="ultrafast") as writer:
        for number in range(frame_count):
            writer.write(numbered_frame(number))
    return path


@contextmanager
def growing_video(path: Path, frame_count: int, fps: float) -> Iterator[VideoWriter]:
    """A video that is still being written; it holds at least one fragment."""
    writer = VideoWriter(path, WIDTH, HEIGHT, fps, preset="ultrafast")
    try:
        for number in range(frame_count):
            writer.write(numbered_frame(number))
        wait_until(lambda: b"mdat" in path.read_bytes(), "a first fragment")
        yield writer
    finally:
        writer.discard()


def write_mp4v(path: Path, frame_count: int, fps: float) -> Path:
    """A video in the codec that browsers do not play."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (WIDTH, HEIGHT))
    for number in range(frame_count):
        writer.write(numbered_frame(number))
    writer.release()
    return path


def numbers_in(path: Path) -> list[int]:
    """The numbers of all frames of a video, in order."""
    command = [ffmpeg_path(), "-loglevel", "error", "-i", str(path), "-fps_mode", "passthrough"]
    command += ["-f", "rawvideo", "-pix_fmt", "gray", "-"]
    data = subprocess.run(command, check=True, capture_output=True).stdout
    frames = np.frombuffer(data, np.uint8).reshape(-1, HEIGHT, WIDTH)
    bits = frames[:, HEIGHT // 2, CELL // 2 :: CELL] > 127
    return [int(sum(1 << bit for bit in range(BITS) if row[bit])) for row in bits]


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    """Wait for something, or fail."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}"
        time.sleep(0.02)


def media_app(root: Path, clips: ClipJobs | None = None, *, read_only: bool = False) -> Flask:
    """An application with nothing but videos and clips."""
    app = Flask("media")
    folder = RootFolder(root)
    app.extensions[EXTENSION] = Dashboard(folder, read_only, clips or ClipJobs(), ReadAhead(folder))
    app.register_blueprint(media_api.bp)

    @app.errorhandler(RequestError)
    def refuse(error: RequestError) -> tuple[Response, int]:
        return jsonify(error=str(error)), error.status

    return app
