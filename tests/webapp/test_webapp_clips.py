"""Cutting clips: exactly the wanted frames, one clip after the other, nothing left of what failed or was cancelled."""

from __future__ import annotations

import math
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from flask.testing import FlaskClient
from video_support import WRITE, growing_video, media_app, numbers_in, wait_until, write_mp4v, write_video

from lead.visualization.video import ffmpeg_path
from lead.webapp.app import create_app
from lead.webapp.clip_jobs import BusyError, ClipJob, ClipJobs
from lead.webapp.errors import ForbiddenError, NotFoundError, RequestError
from lead.webapp.video_files import clips_of, probe

FPS = 20 / 3
FRAMES = 100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A route's folder with one video of 100 frames, 0.15 s each."""
    folder = tmp_path / "root" / "agent" / "r1"
    folder.mkdir(parents=True)
    write_video(folder / "r1_debug.mp4", FRAMES, FPS)
    return folder


@pytest.fixture
def jobs() -> Iterator[ClipJobs]:
    jobs = ClipJobs()
    yield jobs
    jobs.stop()


@pytest.fixture
def slow_video(tmp_path: Path) -> Path:
    """A video whose encoding takes minutes, and which is quickly made."""
    folder = tmp_path / "slow"
    folder.mkdir()
    path = folder / "slow_demo.mp4"
    short = folder / "short.mp4"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc2=1920x1080:r=20:d=2", "-c:v", "mpeg4", str(short))
    run_ffmpeg("-stream_loop", "49", "-i", str(short), "-c", "copy", str(path))
    short.unlink()
    return path


def run_ffmpeg(*arguments: str) -> None:
    subprocess.run([ffmpeg_path(), "-loglevel", "error", *arguments], check=True)


def finished(jobs: ClipJobs, job: ClipJob) -> ClipJob:
    wait_until(lambda: jobs.get(job.id).is_over, "the clip")
    return jobs.get(job.id)


def cut(jobs: ClipJobs, video: Path, start_s: float, end_s: float) -> Path:
    job = finished(jobs, jobs.add(video.parent, video, start_s, end_s))
    assert (job.state, job.error, job.progress) == ("done", None, 1.0)
    return video.parent / "clips" / job.cut.name


def encoders() -> list[psutil.Process]:
    """The ffmpeg programs that cut clips for this process."""
    return [child for child in psutil.Process().children() if "ffmpeg" in child.name()]


def expected(start_s: float, end_s: float, fps: float = FPS, count: int = FRAMES) -> list[int]:
    return [number for number in range(count) if start_s <= round(number / fps, 9) < end_s]


@pytest.mark.parametrize(
    ("start_s", "end_s"),
    [
        (0.0, 0.15),  # one frame
        (0.0, 3.0),
        (4.95, 7.95),  # ends are times of frames
        (4.96, 7.96),  # just behind them
        (5.0, 5.05),  # between two frames
        (13.123, 14.9),
        (14.85, 99.0),  # the last frame; the end is beyond the video
    ],
)
def test_a_clip_has_exactly_the_frames_between_its_times(
    folder: Path, jobs: ClipJobs, start_s: float, end_s: float
) -> None:
    wanted = expected(start_s, end_s)
    video = folder / "r1_debug.mp4"
    if not wanted:
        job = finished(jobs, jobs.add(folder, video, start_s, end_s))
        assert job.state == "failed" and "no frame" in str(job.error) and clips_of(folder) == []
        return
    clip = cut(jobs, video, start_s, end_s)
    assert numbers_in(clip) == wanted
    facts = probe(clip)
    assert facts.problem is None and facts.codec == "h264" and facts.start_s == 0.0
    assert facts.duration_s == pytest.approx(len(wanted) / FPS, abs=0.02)
    if len(wanted) > 1:
        assert facts.fps == pytest.approx(FPS)
    data = clip.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # players start before they have it all


def test_every_frame_can_be_cut_out_by_its_time_in_milliseconds(folder: Path, jobs: ClipJobs) -> None:
    video = folder / "r1_debug.mp4"
    for fps, path in ((30.0, write_video(folder / "r1_demo.mp4", 40, 30.0)), (FPS, video)):
        for number in (1, 7, 29, 38):
            clip = cut(jobs, path, round(number / fps, 3), round((number + 1) / fps, 3))
            assert numbers_in(clip) == [number]


def test_names_tell_video_and_times(folder: Path, jobs: ClipJobs) -> None:
    video = folder / "r1_debug.mp4"
    assert cut(jobs, video, 0.0, 1.5).name == "r1_debug_0-1.5s.mp4"
    first = cut(jobs, video, 2.0, 100.0)
    assert first.name == "r1_debug_2-15s.mp4"
    inode = first.stat().st_ino
    assert cut(jobs, video, 2.0, 50.0) == first and first.stat().st_ino != inode  # replaced as a whole
    assert [path.name for path in clips_of(folder)] == ["r1_debug_0-1.5s.mp4", "r1_debug_2-15s.mp4"]
    assert sorted(os.listdir(folder / "clips")) == ["r1_debug_0-1.5s.mp4", "r1_debug_2-15s.mp4"]


def test_a_clip_of_a_growing_video(folder: Path, jobs: ClipJobs) -> None:
    with growing_video(folder / "r1_grid.mp4", 60, 10.0):
        clip = cut(jobs, folder / "r1_grid.mp4", 0.3, 0.8)
    assert numbers_in(clip) == [3, 4, 5, 6, 7]


def test_a_clip_converts_what_browsers_cannot_play(folder: Path, jobs: ClipJobs) -> None:
    clip = cut(jobs, write_mp4v(folder / "r1_demo.mp4", 60, 7.5), 2.0, 4.0)
    assert numbers_in(clip) == expected(2.0, 4.0, 7.5, 60)
    assert probe(clip).problem is None
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=101x67:r=10:d=2", "-pix_fmt", "yuv444p", str(folder / "r1_input.mp4"))
    odd = probe(cut(jobs, folder / "r1_input.mp4", 0.0, 1.0))
    assert (odd.width, odd.height, odd.problem) == (102, 68, None)


@pytest.mark.parametrize(
    ("start_s", "end_s"),
    [
        (-1.0, 2.0),
        (2.0, 2.0),
        (3.0, 2.0),
        (math.nan, 2.0),
        (0.0, math.inf),
        (0.0, math.nan),
        (15.0, 16.0),
        (1.0, 1.0001),
    ],
)
def test_impossible_times_are_refused(folder: Path, jobs: ClipJobs, start_s: float, end_s: float) -> None:
    with pytest.raises(RequestError):
        jobs.add(folder, folder / "r1_debug.mp4", start_s, end_s)
    assert not (folder / "clips").exists()


def test_what_cannot_be_read_is_not_cut(folder: Path, jobs: ClipJobs) -> None:
    (folder / "r1_demo.mp4").write_bytes(b"nonsense" * 100)
    with pytest.raises(RequestError, match="index"):
        jobs.add(folder, folder / "r1_demo.mp4", 0.0, 1.0)
    video = folder / "r1_debug.mp4"
    job_of_lost_video = jobs.add(folder, video, 0.0, 14.0)
    video.unlink()
    # It was either fast enough, or says in one sentence what is missing.
    job = finished(jobs, job_of_lost_video)
    assert job.state == "done" or "No such file" in str(job.error)


def test_a_damaged_video_fails_with_ffmpegs_words(folder: Path, jobs: ClipJobs) -> None:
    video = folder / "r1_debug.mp4"
    data = bytearray(video.read_bytes())
    start = data.index(b"mdat") + 8
    data[start:] = b"\xff" * (len(data) - start)
    video.write_bytes(data)
    job = finished(jobs, jobs.add(folder, video, 0.0, 5.0))
    assert job.state == "failed" and job.error and "\n" not in job.error
    assert os.listdir(folder / "clips") == []


def test_clips_are_not_written_through_links(folder: Path, jobs: ClipJobs, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder / "clips").symlink_to(outside)
    with pytest.raises(ForbiddenError, match="symbolic link"):
        jobs.add(folder, folder / "r1_debug.mp4", 0.0, 1.0)
    (folder / "clips").unlink()
    # A link under the clip's own name is replaced and not followed.
    (folder / "clips").mkdir()
    victim = outside / "victim"
    victim.write_text("mine")
    (folder / "clips" / "r1_debug_0-1s.mp4").symlink_to(victim)
    clip = cut(jobs, folder / "r1_debug.mp4", 0.0, 1.0)
    assert victim.read_text() == "mine" and not clip.is_symlink()


def test_folders_that_take_no_clip(folder: Path, jobs: ClipJobs) -> None:
    video = folder / "r1_debug.mp4"
    (folder / "clips").write_text("a file")
    with pytest.raises(ForbiddenError, match="not a folder"):
        jobs.add(folder, video, 0.0, 1.0)
    (folder / "clips").unlink()
    (folder / "clips" / "r1_debug_0-1s.mp4" / "x").mkdir(parents=True)
    job = finished(jobs, jobs.add(folder, video, 0.0, 1.0))
    assert job.state == "failed" and str(job.error).startswith("the clip cannot be written: ")
    assert os.listdir(folder / "clips") == ["r1_debug_0-1s.mp4"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_folder(folder: Path, jobs: ClipJobs) -> None:
    folder.chmod(0o555)
    try:
        job = finished(jobs, jobs.add(folder, folder / "r1_debug.mp4", 0.0, 1.0))
    finally:
        folder.chmod(0o755)
    assert job.state == "failed" and "Permission denied" in str(job.error)


def test_leftovers_of_killed_dashboards_are_removed(folder: Path, jobs: ClipJobs) -> None:
    (folder / "clips").mkdir()
    for name, age_s in ((".clip-1.tmp.mp4", 9000.0), (".clip-2.tmp.mp4", 10.0), ("old.mp4", 9000.0)):
        (folder / "clips" / name).touch()
        os.utime(folder / "clips" / name, (time.time() - age_s,) * 2)
    cut(jobs, folder / "r1_debug.mp4", 0.0, 1.0)
    assert sorted(os.listdir(folder / "clips")) == [".clip-2.tmp.mp4", "old.mp4", "r1_debug_0-1s.mp4"]


def test_queue_cancel_and_stop(slow_video: Path) -> None:
    jobs = ClipJobs(waiting_clips=2)
    folder = slow_video.parent
    running = jobs.add(folder, slow_video, 0.0, 90.0)
    wait_until(lambda: jobs.get(running.id).state == "running" and jobs.get(running.id).progress > 0, "progress")
    assert 0.0 < jobs.get(running.id).progress < 1.0
    second, third = (jobs.add(folder, slow_video, start, 95.0) for start in (1.0, 2.0))
    with pytest.raises(BusyError, match="2 clips are waiting") as caught:
        jobs.add(folder, slow_video, 3.0, 95.0)
    assert caught.value.status == 503
    assert jobs.cancel(second.id).state == "cancelled"  # had not begun
    assert len(encoders()) == 1
    jobs.cancel(running.id)
    assert finished(jobs, running).state == "cancelled"
    wait_until(lambda: jobs.get(third.id).state == "running" and len(encoders()) == 1, "the next clip")
    begin = time.monotonic()
    jobs.stop()
    assert time.monotonic() - begin < 5.0
    assert jobs.get(third.id).state == "cancelled" and encoders() == []
    assert os.listdir(folder / "clips") == []
    with pytest.raises(BusyError):
        jobs.add(folder, slow_video, 0.0, 1.0)
    jobs.stop()
    with pytest.raises(NotFoundError):
        jobs.cancel("other")


def test_what_takes_too_long_is_given_up(slow_video: Path) -> None:
    jobs = ClipJobs(base_deadline_s=-898.0)
    job = finished(jobs, jobs.add(slow_video.parent, slow_video, 0.0, 90.0))
    assert job.state == "failed" and "longer than 2 s" in str(job.error)
    assert encoders() == [] and os.listdir(slow_video.parent / "clips") == []
    jobs.stop()


def wait_for(client: FlaskClient, job_id: str) -> dict[str, object]:
    wait_until(lambda: client.get(f"/api/clips/{job_id}").get_json()["state"] in ("done", "failed"), "the clip")
    return dict(client.get(f"/api/clips/{job_id}").get_json())


def cut_through(client: FlaskClient) -> None:
    body = {"dir": "agent", "route": "r1", "video": "debug", "start_s": 1.5, "end_s": 3}
    answer = client.post("/api/clips", json=body, headers=WRITE)
    assert answer.status_code == 202 and list(answer.get_json()) == ["id"]
    state = wait_for(client, answer.get_json()["id"])
    assert state["state"] == "done" and state["name"] == "r1_debug_1.5-3s.mp4" and state["progress"] == 1.0
    part = client.get(str(state["url"]), headers={"Range": "bytes=4-7"})
    assert part.status_code == 206 and part.data == b"ftyp"
    saved = client.get(f"{state['url']}&download=1")
    assert "r1_debug_1.5-3s.mp4" in saved.headers["Content-Disposition"]
    again = client.post(f"/api/clips/{state['id']}/cancel", json={}, headers=WRITE)
    assert again.get_json() == state  # too late, nothing happens
    assert client.get("/api/clips/nothing").status_code == 404


def test_over_http(folder: Path, jobs: ClipJobs) -> None:
    root = folder.parents[1]
    client = media_app(root, jobs).test_client()
    cut_through(client)
    assert numbers_in(folder / "clips" / "r1_debug_1.5-3s.mp4") == expected(1.5, 3.0)
    good = {"dir": "agent", "route": "r1", "video": "debug", "start_s": 0, "end_s": 1}
    wrong = [
        {"start_s": "0"},
        {"start_s": None},
        {"end_s": True},
        {"end_s": 10**400},
        {"end_s": math.nan},
        {"video": 3},
        {"dir": ["agent"]},
    ]
    for change in wrong:
        answer = client.post("/api/clips", json={**good, **change})
        assert answer.status_code == 400 and answer.get_json()["error"], change
    assert client.post("/api/clips", json=[1]).status_code == 400
    assert client.post("/api/clips", data="{", content_type="application/json").status_code == 400
    assert client.post("/api/clips", json={**good, "video": "grid"}).status_code == 404
    assert client.post("/api/clips", json={**good, "route": "../../.."}).status_code == 403
    closed = media_app(root, jobs, read_only=True).test_client()
    assert closed.post("/api/clips", json=good).status_code == 403


def test_through_the_whole_application(folder: Path) -> None:
    pytest.importorskip("lead.webapp.pages_api")
    pytest.importorskip("lead.webapp.analysis_api")
    app = create_app(folder.parents[1])
    cut_through(app.test_client())
    app.extensions["lead_dashboard"].clips.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "clips"]
