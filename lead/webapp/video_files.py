"""The videos and clips of a route's folder: which there are, and what the bundled ffmpeg says about one.

Files in a results folder are not trusted: ffmpeg reads them as mp4 and as nothing else, opens no other file that
they name, and is given ten seconds. A video of a running drive grows, so facts are kept per size and time of change.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import subprocess
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from lead.visualization.video import VideoError, ffmpeg_path

VIDEO_KINDS = ("debug", "demo", "grid", "input", "topdown")
CLIPS_FOLDER = "clips"
PROBE_TIMEOUT_S = 10.0
RETRY_S = 60.0
"""A video that ffmpeg could not read in time is not tried again before; the machine may only have been busy."""
CACHED_VIDEOS = 1024
INPUT_OPTIONS = ("-f", "mov", "-protocol_whitelist", "file")
"""ffmpeg's options before an untrusted mp4 file."""
ROUNDING_FPS = 0.006
PLAYABLE_CODECS = frozenset({"h264", "vp9", "av1"})

_DURATION = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)", re.MULTILINE)
_START = re.compile(r"^  Duration: .*\bstart: (-?\d+(?:\.\d+)?)", re.MULTILINE)
_RATE = re.compile(r"^  Stream #0:.* Video: .* (\d+(?:\.\d+)?) fps\b", re.MULTILINE)
_TIME_BASE = re.compile(r"^#tb 0: (\d+)/(\d+)", re.MULTILINE)
_CODEC = re.compile(r"^#codec_id 0: (\S+)", re.MULTILINE)
_SIZE = re.compile(r"^#dimensions 0: (\d+)x(\d+)", re.MULTILINE)
_PACKET = re.compile(r"^0, *-?\d+, *-?\d+, *(\d+),", re.MULTILINE)
_LOG_PREFIX = re.compile(r"^\[[^\]]*\] *")


@dataclass(frozen=True)
class VideoFacts:
    """What is known of a video; None where it is not.

    Attributes:
        fps: Frames per second.
        duration_s: Length in seconds; of a growing video, what there is of it.
        width: Width in pixels.
        height: Height in pixels.
        codec: Codec as ffmpeg names it, such as "h264".
        problem: Why it cannot be played, one sentence; None if it can.
        start_s: Time that the file gives its first frame. While a drive records, it is a few frames above 0.
    """

    fps: float | None = None
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    codec: str | None = None
    problem: str | None = None
    start_s: float = 0.0


_Key = tuple[str, int, int, int]
_lock = threading.Lock()
_cache: OrderedDict[_Key, tuple[VideoFacts, float]] = OrderedDict()
"""Facts and the monotonic time after which they are asked for again."""


def probe(path: Path) -> VideoFacts:
    """Return the facts of an mp4 file; never raises for what is wrong with the file.

    Args:
        path: The file.
    """
    try:
        status = path.stat()
    except OSError as error:
        return VideoFacts(problem=f"this video cannot be opened: {error.strerror or error}")
    if not stat.S_ISREG(status.st_mode):
        return VideoFacts(problem="this is not a file that could be played")
    if status.st_size == 0:
        return VideoFacts(problem="this video has no frames yet")
    key = (str(path), status.st_ino, status.st_mtime_ns, status.st_size)
    with _lock:
        known = _cache.get(key)
        if known is not None and time.monotonic() < known[1]:
            _cache.move_to_end(key)
            return known[0]
    facts, is_final = _ask_ffmpeg(path.absolute())
    with _lock:
        _cache[key] = (facts, float("inf") if is_final else time.monotonic() + RETRY_S)
        while len(_cache) > CACHED_VIDEOS:
            _cache.popitem(last=False)
    return facts


def videos_of(folder: Path) -> list[tuple[str, Path]]:
    """Return the videos of a route's folder, one per kind, in the order of ``VIDEO_KINDS``.

    Of several files of a kind the newest counts. Hidden files and symbolic links are left out.

    Args:
        folder: The route's folder; one that is gone has no videos.
    """
    newest: dict[str, tuple[int, Path]] = {}
    for path, status in _mp4_files(folder):
        kind = path.stem.rpartition("_")[2]
        if "_" in path.stem and kind in VIDEO_KINDS:
            newest[kind] = max(newest.get(kind, (-1, path)), (status.st_mtime_ns, path))
    return [(kind, newest[kind][1]) for kind in VIDEO_KINDS if kind in newest]


def clips_of(folder: Path) -> list[Path]:
    """Return the clips that were cut from a route's videos, sorted by name.

    Args:
        folder: The route's folder.
    """
    clips = folder / CLIPS_FOLDER
    if clips.is_symlink():
        return []
    return sorted(path for path, _ in _mp4_files(clips))


def video_url(kind: str, evaluation: str, route: str) -> str:
    """Return the address of a video.

    Args:
        kind: One of ``VIDEO_KINDS``.
        evaluation: Value of the query argument ``dir``.
        route: Value of the query argument ``route``.
    """
    return f"/video/{quote(kind, safe='')}?{urlencode({'dir': evaluation, 'route': route})}"


def clip_url(name: str, evaluation: str, route: str) -> str:
    """Return the address of a clip.

    Args:
        name: Name of its file.
        evaluation: Value of the query argument ``dir``.
        route: Value of the query argument ``route``.
    """
    return f"/clip/{quote(name, safe='')}?{urlencode({'dir': evaluation, 'route': route})}"


def error_line(lines: list[str]) -> str:
    """Return the first line of ffmpeg's messages that says something, without the part's name in front."""
    texts = (_LOG_PREFIX.sub("", line).strip().rstrip(".") for line in lines)
    return next((text for text in texts if text and text != "Conversion failed!"), "no message")


def _mp4_files(folder: Path) -> list[tuple[Path, os.stat_result]]:
    """Regular mp4 files directly in a folder, with their status."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and entry.name.endswith(".mp4"):
                    # A file may vanish while the folder is read.
                    with contextlib.suppress(OSError):
                        if entry.is_file(follow_symlinks=False):
                            found.append((Path(entry.path), entry.stat(follow_symlinks=False)))
    except OSError:
        return []
    return found


def _ask_ffmpeg(path: Path) -> tuple[VideoFacts, bool]:
    """Facts of a file, and whether asking again would give the same."""
    try:
        command = [ffmpeg_path(), "-nostdin", "-hide_banner", *INPUT_OPTIONS, "-i", str(path)]
        # The checksum format also prints the exact time base, of which the log rounds the frame rate.
        command += ["-map", "0:v:0", "-c", "copy", "-frames:v", "1", "-f", "framecrc", "-"]
        done = subprocess.run(
            command, check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=PROBE_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return VideoFacts(problem=f"ffmpeg could not read this video within {PROBE_TIMEOUT_S:.0f} s"), False
    except (OSError, VideoError) as error:
        return VideoFacts(problem=str(error)), False
    return _read_facts(done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")), True


def _read_facts(packets: str, log: str) -> VideoFacts:
    """Facts from ffmpeg's packet list and from its log."""
    codec = _CODEC.search(packets)
    size = _SIZE.search(packets)
    if codec is None or size is None:
        return VideoFacts(problem=_unreadable(log))
    width, height = int(size[1]), int(size[2])
    packet = _PACKET.search(packets)
    if packet is None:
        return VideoFacts(width=width, height=height, codec=codec[1], problem="this video has no frames yet")
    duration = _DURATION.search(log)
    duration_s = int(duration[1]) * 3600 + int(duration[2]) * 60 + float(duration[3]) if duration else None
    start = _START.search(log)
    return VideoFacts(
        fps=_frame_rate(packets, log, int(packet[1])),
        duration_s=duration_s,
        width=width,
        height=height,
        codec=codec[1],
        problem=_codec_problem(codec[1]),
        start_s=float(start[1]) if start else 0.0,
    )


def _frame_rate(packets: str, log: str, first_frame_ticks: int) -> float | None:
    """Frames per second: the mean that the log rounds to hundredths, or what the first frame says, if that fits."""
    rounded = _RATE.search(log)
    if rounded is None:
        return None
    mean_fps = float(rounded[1])
    base = _TIME_BASE.search(packets)
    if base is not None and first_frame_ticks > 0:
        exact_fps = int(base[2]) / (int(base[1]) * first_frame_ticks)
        if abs(exact_fps - mean_fps) < ROUNDING_FPS:
            return exact_fps
    return mean_fps if mean_fps > 0 else None


def _codec_problem(codec: str) -> str | None:
    if codec in PLAYABLE_CODECS:
        return None
    name = "MPEG-4 (mp4v), which killed recordings leave behind" if codec == "mpeg4" else codec
    return f"browsers cannot play this video, its codec is {name}; cut a clip of it to get one that they can"


def _unreadable(log: str) -> str:
    if "moov atom not found" in log:
        return "this video has no index, so nothing can play it: its recording was killed or has only just begun"
    return f"this video cannot be read: {error_line(log.splitlines())}"
