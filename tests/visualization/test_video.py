"""The video writer: playable files, never half ones."""

import subprocess

import imageio_ffmpeg
import numpy as np
import pytest

from lead.visualization.video import VideoError, VideoWriter


def probe(path):
    """Return ffmpeg's description of a file."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def frame(value, height=48, width=64):
    return np.full((height, width, 3), value, dtype=np.uint8)


def test_file_is_browser_playable_h264(tmp_path):
    path = tmp_path / "new" / "a.mp4"
    with VideoWriter(path, 64, 48, fps=20.0) as writer:
        for value in range(0, 250, 25):
            writer.write(frame(value))
        assert not path.exists()
    description = probe(path)
    assert "h264" in description
    assert "yuv420p" in description
    assert "64x48" in description
    assert "Duration: 00:00:00.50" in description
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "the index must come first (fast start)"
    assert [entry.name for entry in path.parent.iterdir()] == ["a.mp4"]


def test_colors_survive(tmp_path):
    path = tmp_path / "a.mp4"
    color = np.array([200, 60, 30], dtype=np.uint8)
    with VideoWriter(path, 64, 48, fps=20.0) as writer:
        for _ in range(5):
            writer.write(np.broadcast_to(color, (48, 64, 3)).copy())
    reader = imageio_ffmpeg.read_frames(str(path))
    next(reader)
    decoded = np.frombuffer(next(reader), dtype=np.uint8).reshape(48, 64, 3)
    reader.close()
    assert np.abs(decoded.mean(axis=(0, 1)) - color).max() < 12


def test_an_exception_leaves_no_file(tmp_path):
    path = tmp_path / "a.mp4"
    with pytest.raises(RuntimeError, match="boom"), VideoWriter(path, 64, 48, fps=20.0) as writer:
        writer.write(frame(1))
        raise RuntimeError("boom")
    assert list(tmp_path.iterdir()) == []


def test_no_frames_leave_no_file(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 64, 48, fps=20.0):
        pass
    assert list(tmp_path.iterdir()) == []


def test_wrong_sizes_are_refused(tmp_path):
    with pytest.raises(VideoError, match="even"):
        VideoWriter(tmp_path / "a.mp4", 63, 48, fps=20.0)
    with (
        VideoWriter(tmp_path / "a.mp4", 64, 48, fps=20.0) as writer,
        pytest.raises(VideoError, match="does not fit"),
    ):
        writer.write(frame(1, height=50))
