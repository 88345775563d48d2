"""A recorded route as a video: every saved frame with boxes, route and map, at the speed it was driven."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lead.dataset.errors import DatasetError
from lead.dataset.frame_view import draw_frame
from lead.dataset.layout import FRAME_STRIDE, TICK_S
from lead.dataset.reader import RouteReader
from lead.visualization.video import VideoWriter

FPS = 1.0 / (FRAME_STRIDE * TICK_S)


def write_route_video(
    reader: RouteReader,
    path: Path,
    *,
    speed: float = 1.0,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Draw a route into an mp4 file.

    Args:
        reader: The route.
        path: Target, replaced if it exists.
        speed: How many times faster than driven.
        limit: Frames to draw at most; None for all.
        progress: Told how many frames are drawn, and how many there will be.

    Returns:
        Frames drawn.

    Raises:
        DatasetError: If the route has no labelled frames, or a file is damaged.
        VideoError: If there is no ffmpeg.
    """
    frames = reader.frames[:limit]
    if not frames:
        raise DatasetError(f"{reader.route_dir} has no labelled frames; `lead dataset recover` may save some")
    first = draw_frame(reader, frames[0])
    with VideoWriter(path, first.shape[1], first.shape[0], FPS * speed) as video:
        video.write(first)
        for count, frame in enumerate(frames[1:], start=2):
            video.write(draw_frame(reader, frame))
            if progress is not None:
                progress(count, len(frames))
    if video.failed:
        raise DatasetError(f"the video {path} could not be written")
    return len(frames)
