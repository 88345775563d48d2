"""The video writer: playable files, also after a kill, and never a drive that ends because of them."""

import json
import logging
import os
import resource
import signal
import subprocess
import sys
import time

import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from lead.visualization.images import ImageFolderWriter
from lead.visualization.video import VideoError, VideoWriter


def probe(path):
    """Return ffmpeg's description of a file."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def decoded(path):
    """Decode all frames of a file: (n, h, w, 3) RGB."""
    reader = imageio_ffmpeg.read_frames(str(path))
    width, height = next(reader)["size"]
    return np.array([np.frombuffer(data, np.uint8).reshape(height, width, 3) for data in reader])


def frame(value, height=48, width=64):
    return np.full((height, width, 3), value, dtype=np.uint8)


def noise(count, height=96, width=128):
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def ends(pid, within_s=20.0):
    """Wait until a process is gone."""
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_file_is_browser_playable_h264(tmp_path):
    path = tmp_path / "new" / "a.mp4"
    with VideoWriter(path, 64, 48, fps=20.0) as writer:
        for value in range(0, 250, 25):
            writer.write(frame(value))
    description = probe(path)
    assert "h264" in description
    assert "yuv420p" in description
    assert "64x48" in description
    assert "Duration: 00:00:00.50" in description
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "the index must come first (fast start)"
    assert b"moof" not in data
    assert [entry.name for entry in path.parent.iterdir()] == ["a.mp4"]
    assert not writer.failed


def test_frames_keep_order_number_and_colors(tmp_path):
    path = tmp_path / "a.mp4"
    color = np.array([200, 60, 30], dtype=np.uint8)
    with VideoWriter(path, 64, 48, fps=20.0) as writer:
        for step in range(30):
            writer.write(np.broadcast_to(color, (48, 64, 3)) - np.uint8(step))
    frames = decoded(path)
    assert len(frames) == 30
    assert np.abs(frames[0].mean(axis=(0, 1)) - color).max() < 12
    assert np.corrcoef(frames.mean(axis=(1, 2, 3)), np.arange(30))[0, 1] < -0.99


def test_odd_sizes_are_padded_without_shifting_the_picture(tmp_path):
    path = tmp_path / "a.mp4"
    picture = frame(40, 47, 63)
    picture[:, 40:] = 200
    with VideoWriter(path, 63, 47, fps=20.0) as writer:
        writer.write(picture)
    (video,) = decoded(path)
    assert video.shape == (48, 64, 3)
    assert video[:, :38].mean() < 60
    assert video[:, 42:].mean() > 180, "the added column repeats the edge"


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


def test_misuse_is_refused(tmp_path):
    with pytest.raises(VideoError, match="positive"):
        VideoWriter(tmp_path / "a.mp4", 0, 48, fps=20.0)
    writer = VideoWriter(tmp_path / "a.mp4", 64, 48, fps=20.0)
    with pytest.raises(VideoError, match="does not fit"):
        writer.write(frame(1, height=50))
    writer.close()
    with pytest.raises(VideoError, match="closed"):
        writer.write(frame(1))


CHILD = """
import sys, time, pathlib, numpy as np
from lead.visualization.video import VideoWriter
writer = VideoWriter(pathlib.Path(sys.argv[1]), 128, 96, fps=20.0)
pictures = np.random.default_rng(0).integers(0, 256, (20, 96, 128, 3), dtype=np.uint8)
print(writer._process.pid, flush=True)
for step in range(100):
    writer.write(pictures[step % 20])
    time.sleep(0.005)
print("written", flush=True)
time.sleep(60.0)
"""


@pytest.mark.parametrize(("whole_tree", "at_least"), [(False, 100), (True, 60)])
def test_a_killed_drive_leaves_a_playable_video(tmp_path, whole_tree, at_least):
    path = tmp_path / "a.mp4"
    with subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True) as child:
        encoder = int(child.stdout.readline())
        assert child.stdout.readline() == "written\n"
        time.sleep(0.5)
        if whole_tree:
            os.kill(encoder, signal.SIGKILL)
        child.kill()
    assert ends(encoder), "the encoder outlives its drive"
    frames = decoded(path)
    assert len(frames) >= at_least
    assert frames.std() > 20.0


def test_a_dying_encoder_is_reported_once_and_its_beginning_kept(tmp_path, caplog):
    path = tmp_path / "a.mp4"
    writer = VideoWriter(path, 128, 96, fps=20.0)
    pictures = noise(20)
    for step in range(80):
        writer.write(pictures[step % 20])
    time.sleep(0.5)
    writer._process.kill()
    with caplog.at_level(logging.WARNING):
        for step in range(200):
            writer.write(pictures[step % 20])
        writer.close()
    assert writer.failed
    assert len([record for record in caplog.records if str(path) in record.getMessage()]) == 1
    assert len(decoded(path)) >= 20
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mp4"]


def test_a_hanging_encoder_does_not_hang_the_drive(tmp_path, caplog):
    writer = VideoWriter(tmp_path / "a.mp4", 640, 480, fps=20.0, stall_s=0.5)
    os.kill(writer._process.pid, signal.SIGSTOP)
    start_s = time.monotonic()
    with caplog.at_level(logging.WARNING):
        for _ in range(40):
            writer.write(frame(7, 480, 640))
        writer.close()
    assert time.monotonic() - start_s < 5.0
    assert writer.failed
    assert "nothing was written for 0.5 s" in caplog.text
    assert writer._process.poll() is not None
    assert list(tmp_path.iterdir()) == []


LIMITED = """
import sys, json, pathlib, numpy as np
from lead.visualization.video import VideoWriter
from lead.visualization.images import ImageFolderWriter
folder = pathlib.Path(sys.argv[1])
writer, images = VideoWriter(folder / "a.mp4", 128, 96, fps=20.0), ImageFolderWriter(folder / "images")
for picture in np.random.default_rng(0).integers(0, 256, (200, 96, 128, 3), dtype=np.uint8):
    writer.write(picture)
    images.write(picture)
writer.close()
images.close()
print(json.dumps([writer.failed, images.failed]))
"""


def test_files_that_cannot_grow_end_the_video_not_the_drive(tmp_path):
    # A limit on the size of files stands for the full disk.
    child = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60.0,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (25_000, 25_000)),
    )
    assert json.loads(child.stdout) == [True, True]
    assert list((tmp_path / "images").iterdir()) == [], "no half pictures"


def test_a_folder_that_cannot_be_made_ends_the_video_not_the_drive(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        writer, images = VideoWriter(tmp_path / "file/a.mp4", 64, 48, 20.0), ImageFolderWriter(tmp_path / "file/images")
        for _ in range(20):
            writer.write(frame(1))
            images.write(frame(1))
        writer.close()
        images.close()
    assert writer.failed and images.failed
    assert len(caplog.records) == 2


def test_a_new_video_replaces_one_that_is_still_being_written(tmp_path):
    path = tmp_path / "a.mp4"
    old = VideoWriter(path, 64, 48, fps=20.0)
    for _ in range(5):
        old.write(frame(10))
    with VideoWriter(path, 64, 48, fps=20.0) as new:
        for _ in range(7):
            new.write(frame(200))
        old._worker.finish(5.0)
        old._finish_encoder(time.monotonic() + 5.0)
    assert len(decoded(path)) == 7
    assert decoded(path).mean() > 180


def test_images_are_numbered_compressed_and_replace_older_ones(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "00007.png").write_bytes(b"old")
    images = ImageFolderWriter(folder)
    for value in range(3):
        images.write(np.dstack([frame(value)[..., 0], frame(100)[..., 0], frame(200)[..., 0]]))
    images.close()
    assert sorted(entry.name for entry in folder.iterdir()) == ["00000.png", "00001.png", "00002.png"]
    picture = cv2.imread(str(folder / "00002.png"))
    assert picture[0, 0].tolist() == [200, 100, 2]
    assert (folder / "00002.png").stat().st_size < picture.nbytes / 10
