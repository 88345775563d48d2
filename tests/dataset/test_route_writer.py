"""The recorder: futures of labels, what it refuses, and folders that stay consistent when it is killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from recording_support import (
    PERFECT,
    SPEED_MPS,
    car_pose,
    ego_pose,
    make_boxes,
    make_frame,
    make_meta,
    pose_matrix,
    record_route,
)

from lead.dataset.decode import read_content, read_labels
from lead.dataset.errors import DatasetError
from lead.dataset.frame import Frame
from lead.dataset.layout import FOLDERS, LABELS, MODALITIES, frame_path, numbered_frames
from lead.dataset.reader import RouteReader
from lead.dataset.route_writer import RouteWriter, finish_from_journal
from lead.dataset.verify import verify_route

ROUTE = "Accident/Town03_Rep0_1_0_route0_01_02_03_04_05"


def test_boxes_of_a_frame_know_where_they_will_be_in_its_ego_frame(tmp_path: Path) -> None:
    reader = RouteReader(record_route(tmp_path / ROUTE, 120, scale=4))
    car = reader.boxes(2)[2]
    assert car["future_positions"].shape == (41, 2) and car["future_yaws"].shape == (41,)
    ego = pose_matrix(*ego_pose(10))
    for ahead in (0, 7, 40):
        x, y, yaw = car_pose(10 + ahead, 1)
        place = ego[:3, :3].T @ (np.array([x, y, 0.5]) - ego[:3, 3])
        assert car["future_positions"][ahead] == pytest.approx(place[:2], abs=0.02)
        assert car["future_yaws"][ahead] == pytest.approx(yaw - ego_pose(10)[2], abs=0.002)
    assert "future_positions" not in reader.boxes(2)[0], "the ego has its own labels in the metas"
    assert reader.boxes(23)[1]["future_positions"].shape == (5, 2), "five ticks are left"


def test_a_future_skips_ticks_in_which_the_box_is_missing(tmp_path: Path) -> None:
    with RouteWriter(tmp_path / ROUTE) as writer:
        for step in range(30):
            writer.append(step, make_boxes(step, (7, 8) if step not in (3, 4) else (7,)), make_meta(step))
        writer.finish(PERFECT)
    present, missing = RouteReader(tmp_path / ROUTE).boxes(0)[1:]
    assert len(present["future_positions"]) == 30 and len(missing["future_positions"]) == 28
    # The fourth entry is five ticks later.
    x, y, _ = car_pose(5, 1)
    ego = pose_matrix(*ego_pose(0))
    assert missing["future_ticks"].tolist() == [0, 1, 2, *range(5, 30)], "which our own key tells"
    assert missing["future_positions"][3] == pytest.approx((ego[:2, :2].T @ (np.array([x, y]) - ego[:2, 3])), abs=0.02)


def test_metas_know_the_future_of_the_ego(tmp_path: Path) -> None:
    reader = RouteReader(record_route(tmp_path / ROUTE, 106, scale=4))
    meta = reader.meta(4)
    assert meta["future_positions"].shape == (61, 3) and meta["future_positions"].dtype == np.float32
    assert meta["future_speeds"][[0, 60]] == pytest.approx([SPEED_MPS + 2.0, SPEED_MPS + 8.0])
    assert meta["future_yaws"][60] == pytest.approx(0.6, abs=1e-6)
    now, later = pose_matrix(*ego_pose(20)), pose_matrix(*ego_pose(80))
    assert meta["future_positions"][0] == pytest.approx([0, 0, 0], abs=1e-5)
    assert meta["future_positions"][60] == pytest.approx(now[:3, :3].T @ (later[:3, 3] - now[:3, 3]), abs=1e-4)
    assert meta["privileged_acceleration"] == pytest.approx(2.0)
    assert meta["privileged_rotation_speed"] == pytest.approx(0.2)
    last = reader.meta(21)
    assert last["privileged_acceleration"] == last["privileged_rotation_speed"] == 0.0
    assert last["future_speeds"].shape == (1,)


def test_a_complete_route_has_no_findings_and_is_never_written_again(tmp_path: Path) -> None:
    route = record_route(tmp_path / ROUTE, scale=4)
    assert verify_route(route, strict=True) == []
    with pytest.raises(DatasetError, match="complete route already"):
        RouteWriter(route)
    with pytest.raises(DatasetError, match="complete"):
        finish_from_journal(route)


def test_steps_must_follow_each_other_and_frames_their_labels(tmp_path: Path) -> None:
    with RouteWriter(tmp_path / ROUTE) as writer:
        writer.append(0, make_boxes(0), make_meta(0))
        with pytest.raises(DatasetError, match="step 2 was recorded after step 0"):
            writer.append(2, make_boxes(2), make_meta(2))
        with pytest.raises(DatasetError, match="step 3 is not saved"):
            writer.save(3, make_frame(3, scale=8))
        writer.save(5, make_frame(5, scale=8))
        with pytest.raises(DatasetError, match="step 0 lacks a frame"):
            writer.finish(PERFECT)
    assert not (tmp_path / ROUTE / "results.json").exists()


def test_labels_without_what_the_future_is_made_of_are_refused(tmp_path: Path) -> None:
    meta = make_meta(0)
    del meta["theta"]
    with RouteWriter(tmp_path / ROUTE) as writer, pytest.raises(DatasetError, match="lack theta"):
        writer.append(0, make_boxes(0), meta)


def test_a_frame_of_another_shape_ends_the_recording(tmp_path: Path) -> None:
    with RouteWriter(tmp_path / ROUTE) as writer:
        writer.append(0, make_boxes(0), make_meta(0))
        writer.save(0, Frame(semantics=np.zeros((4, 4), np.float32)))  # type: ignore[arg-type]
        with pytest.raises(DatasetError, match="semantics cannot be an array of shape"):
            writer.finish(PERFECT)


def test_a_full_disk_surfaces_and_leaves_no_half_file(tmp_path: Path) -> None:
    route = tmp_path / ROUTE
    with RouteWriter(route) as writer:
        writer.append(0, make_boxes(0), make_meta(0))
        (route / "rgb").write_text("a file where the folder of images should be")
        writer.save(0, make_frame(0, scale=8))
        with pytest.raises(DatasetError, match=r"recording of .* failed: .*rgb cannot be made"):
            for step in range(1, 200):
                time.sleep(0.005)
                writer.append(step, make_boxes(step), make_meta(step))
    assert not (route / "results.json").exists()


def test_an_interrupted_recording_is_discarded_by_the_next_but_foreign_files_are_not(tmp_path: Path) -> None:
    route = tmp_path / ROUTE
    with RouteWriter(route) as writer:
        writer.append(0, make_boxes(0), make_meta(0))
        writer.save(0, make_frame(0, scale=8))
        with pytest.raises(DatasetError, match="another process is recording"):
            RouteWriter(route)
    assert numbered_frames(route, "rgb") == [0]
    with RouteWriter(route) as writer:
        assert numbered_frames(route, "rgb") == []
    (route / "notes.txt").write_text("mine")
    with pytest.raises(DatasetError, match=r"notes\.txt, which no interrupted recording left"):
        RouteWriter(route)
    assert (route / "notes.txt").exists()


_RECORDER = """
import sys
from pathlib import Path
sys.path.insert(0, {support!r})
import recording_support as support
from lead.dataset.route_writer import RouteWriter

route = Path(sys.argv[1])
frames = [support.make_frame(seed, scale=4) for seed in range(4)]
with RouteWriter(route) as writer:
    print("recording", flush=True)
    for step in range(240):
        writer.append(step, support.make_boxes(step), support.make_meta(step))
        if step % 5 == 0:
            writer.save(step, frames[step // 5 % 4])
    print("finishing", flush=True)
    writer.finish(support.PERFECT)
    print("finished", flush=True)
"""


SLOW = [
    pytest.param(f"{moment} {turn}", marks=pytest.mark.slow) for moment in ("middle", "finishing") for turn in "abc"
]


@pytest.mark.parametrize("moment", ["early", "middle", "finishing", *SLOW])
def test_a_killed_recorder_leaves_a_consistent_incomplete_route(tmp_path: Path, moment: str) -> None:
    route = tmp_path / ROUTE
    _kill_recorder(route, moment, random.Random(moment))
    _check_whole_files(route)
    if (route / "results.json").exists():
        assert verify_route(route) == []
        return
    findings = verify_route(route)
    assert findings and all(finding.kind == "incomplete" for finding in findings), findings
    saved = finish_from_journal(route)
    assert saved >= len(numbered_frames(route, "rgb")) - 1 > 0
    assert numbered_frames(route, "metas") == numbered_frames(route, "bboxes") == list(range(saved))
    assert all(finding.kind == "incomplete" for finding in verify_route(route))
    assert not (route / "results.json").exists(), "saving labels does not complete a route"


def _kill_recorder(route: Path, moment: str, rng: random.Random) -> None:
    code = _RECORDER.format(support=str(Path(__file__).parent))
    process = subprocess.Popen([sys.executable, "-c", code, str(route)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "recording\n"
    if moment.startswith("finishing"):
        assert process.stdout.readline() == "finishing\n"
        time.sleep(rng.uniform(0.0, 0.6))
    else:
        wanted = 1 if moment == "early" else rng.randint(5, 35)
        while process.poll() is None and not frame_path(route, "radar_perturbated", wanted).exists():
            time.sleep(0.001)
        time.sleep(rng.uniform(0.0, 0.03))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def _check_whole_files(route: Path) -> None:
    """Every file under a final name can be read to its end."""
    for folder in FOLDERS:
        for frame in numbered_frames(route, folder):
            path = frame_path(route, folder, frame)
            if folder in LABELS:
                read_labels(path)
            elif folder in MODALITIES:
                read_content(path, folder)
    if (route / "results.json").exists():
        json.loads((route / "results.json").read_text())
