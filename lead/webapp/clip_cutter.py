"""Cuts a piece out of a video, exact to the frame, into a new file that browsers play.

The piece is encoded again: a copy could only begin at a key frame, a second or more too early, and would keep a codec
that browsers do not know. The new file gets its name when it is complete.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import select
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lead.errors import LeadError
from lead.visualization.video import ffmpeg_path
from lead.webapp.video_files import CLIPS_FOLDER, INPUT_OPTIONS, error_line

TOLERANCE_S = 0.001
"""Times are given to the millisecond: a frame belongs to a clip that starts up to a millisecond after it."""
POLL_S = 0.1
ERROR_TAIL_BYTES = 4000
ENCODER_THREADS = 2
"""Evaluations may run beside."""
STALE_S = 3600.0
TEMPORARY_PREFIX = ".clip-"
TEMPORARY_SUFFIX = ".tmp.mp4"

_OUT_TIME = re.compile(rb"^out_time_us=(\d+)", re.MULTILINE)
_FRAMES = re.compile(rb"^frame=\s*(\d+)", re.MULTILINE)


class ClipError(LeadError):
    """A clip cannot be cut."""


class ClipCancelledError(ClipError):
    """A clip is no longer wanted."""


@dataclass(frozen=True)
class Cut:
    """What to cut.

    Attributes:
        video: Source, an mp4 file.
        folder: Route folder; the clip goes into its folder "clips".
        start_s: First frame's time at the earliest, in seconds from the first frame of the video.
        end_s: Frames from this time on are left out.
        name: Name of the clip's file.
    """

    video: Path
    folder: Path
    start_s: float
    end_s: float
    name: str


def clip_name(video: Path, start_s: float, end_s: float) -> str:
    """Return the name of a clip's file, the same for the same cut."""
    start, end = (f"{time_s:.3f}".rstrip("0").rstrip(".") for time_s in (start_s, end_s))
    return f"{video.stem}_{start}-{end}s.mp4"


def check_clips_folder(folder: Path) -> Path:
    """Return the clips folder of a route, which need not exist.

    Raises:
        ClipError: If it is a symbolic link or a file.
    """
    clips = folder / CLIPS_FOLDER
    if clips.is_symlink():
        raise ClipError(f"{clips} is a symbolic link, and clips are not written through links; remove the link")
    if clips.exists() and not clips.is_dir():
        raise ClipError(f"{clips} is not a folder; remove it so that clips can be written there")
    return clips


def cut_clip(cut: Cut, *, deadline_s: float, report: Callable[[float], None], is_cancelled: Callable[[], bool]) -> None:
    """Cut a clip; blocks until it is there. On any error nothing is left of it.

    Args:
        cut: What to cut.
        deadline_s: Time that it may take.
        report: Called with the part that is done, 0 to 1.
        is_cancelled: Asked several times per second.

    Raises:
        ClipError: If it cannot be cut, one sentence.
        ClipCancelledError: If ``is_cancelled`` said so.
    """
    temporary: Path | None = None
    try:
        clips = check_clips_folder(cut.folder)
        clips.mkdir(exist_ok=True)
        _remove_stale(clips)
        temporary = clips / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
        # Made here, so that ffmpeg never writes through a link that lies there already.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        _run_ffmpeg(cut, temporary, deadline_s, report, is_cancelled)
        os.replace(temporary, clips / cut.name)
    except OSError as error:
        raise ClipError(f"the clip cannot be written: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def _run_ffmpeg(
    cut: Cut, target: Path, deadline_s: float, report: Callable[[float], None], is_cancelled: Callable[[], bool]
) -> None:
    """Encode the frames of a cut into a file and follow ffmpeg's progress; ends ffmpeg in any case."""
    deadline = time.monotonic() + deadline_s
    length_s = cut.end_s - cut.start_s
    frame_count = 0
    with tempfile.TemporaryFile() as errors:
        # A session of its own: Ctrl-C is for the dashboard, which ends ffmpeg and removes the file.
        process = subprocess.Popen(
            _command(cut, target),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            while (text := _next_output(process.stdout)) != b"":
                if is_cancelled():
                    raise ClipCancelledError("the clip was cancelled")
                if time.monotonic() > deadline:
                    raise ClipError(f"the clip was given up: it took longer than {deadline_s:.0f} s")
                if text is not None:
                    times, frames = _OUT_TIME.findall(text), _FRAMES.findall(text)
                    frame_count = int(frames[-1]) if frames else frame_count
                    if times:
                        report(min(int(times[-1]) / 1e6 / length_s, 1.0))
            code = process.wait(timeout=max(deadline - time.monotonic(), 1.0))
        except subprocess.TimeoutExpired as error:
            raise ClipError("the clip was given up: ffmpeg did not end") from error
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            process.stdout.close()
        if code != 0:
            raise ClipError(f"the clip could not be cut: {_last_line(errors)}")
    if frame_count == 0:
        raise ClipError(f"the video has no frame between {cut.start_s:g} s and {cut.end_s:g} s")


def _command(cut: Cut, target: Path) -> list[str]:
    """ffmpeg's arguments: jump near the start, drop what is too early or too late, encode the rest."""
    skip_s = max(cut.start_s - TOLERANCE_S, 0.0)
    filters = f"trim=end={cut.end_s - TOLERANCE_S - skip_s:.6f},setpts=PTS-STARTPTS"
    filters += ",pad=ceil(iw/2)*2:ceil(ih/2)*2"
    command = [ffmpeg_path(), "-nostdin", "-y", "-loglevel", "error", "-progress", "pipe:1", "-nostats"]
    command += ["-ss", f"{skip_s:.6f}"] if skip_s > 0 else []
    command += [*INPUT_OPTIONS, "-i", str(cut.video.absolute())]
    command += ["-map", "0:v:0", "-an", "-map_metadata", "-1", "-map_chapters", "-1", "-vf", filters]
    command += ["-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-pix_fmt", "yuv420p"]
    # Without it times are rounded to a frame rate, and frames of an uneven video would get lost.
    command += ["-enc_time_base", "demux", "-threads", str(ENCODER_THREADS)]
    return [*command, "-movflags", "+faststart", "-f", "mp4", str(target)]


def _next_output(pipe: IO[bytes]) -> bytes | None:
    """What ffmpeg printed; empty at its end, None if it printed nothing for a moment."""
    poller = select.poll()
    poller.register(pipe, select.POLLIN)
    return os.read(pipe.fileno(), 1 << 16) if poller.poll(POLL_S * 1000.0) else None


def _last_line(errors: IO[bytes]) -> str:
    errors.seek(0, os.SEEK_END)
    errors.seek(max(errors.tell() - ERROR_TAIL_BYTES, 0))
    return error_line(errors.read().decode("utf-8", "replace").splitlines()[::-1])


def _remove_stale(clips: Path) -> None:
    """Remove unfinished clips of dashboards that were killed."""
    for path in clips.glob(f"{TEMPORARY_PREFIX}*{TEMPORARY_SUFFIX}"):
        with contextlib.suppress(OSError):
            if time.time() - path.lstat().st_mtime > STALE_S:
                path.unlink()
