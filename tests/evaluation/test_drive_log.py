"""The drive log: whole lines within a second, only finite numbers, whatever agents and disks do."""

import json
import logging
import resource
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from lead.evaluation import drive_log
from lead.evaluation.drive_log import DriveFacts, DriveLog, DriveLogError, DriveMoment, read_drive_log
from lead.evaluation.observation import ACTOR_DTYPE, ActorKind
from lead.visualization.agent_view import AgentView

LINE = np.stack([np.arange(11.0) * 1.0001, np.zeros(11), np.full(11, 7.0)], axis=1)
"""Steps a little longer than a metre, as the planner makes them."""
FACTS = DriveFacts("Town01", "24211", ["Accident", "HardBreakRoute"], 0.05, (2.451, 1.0641), LINE)


def actors(*rows):
    """Rows of kind, x, y, yaw, half length, half width."""
    array = np.zeros(len(rows), ACTOR_DTYPE)
    for name, values in zip(("kind", "x", "y", "yaw", "extent_x", "extent_y"), zip(*rows, strict=True), strict=False):
        array[name] = values
    return array


MOMENT = DriveMoment(
    step=1,
    frame=101,
    time_s=0.0500000007,
    ego=(100.004, -0.001, 1.57079, 8.3333),
    control=(-0.12345, 0.5, 0.0),
    driven_m=12.344,
    percent=3.14159,
    penalty=0.65,
    actors=actors(),
    view=None,
)


def written(path):
    """Parse every line; NaN and Infinity are no JSON."""

    def refuse(word):
        raise AssertionError(f"{word} in {path}")

    return [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]


def log_of(path, *moments, min_box_score=0.0):
    log = DriveLog(path, FACTS, min_box_score)
    for moment in moments:
        log.add(moment)
    log.close()
    return written(path)


def test_a_row_tells_places_numbers_and_neighbours(tmp_path):
    near = (ActorKind.WALKER, 159.9, 0.0, -0.12345, 0.187, 0.188)
    far = (ActorKind.VEHICLE, 161.0, 0.0, 0.0, 2.0, 1.0)
    broken = [(ActorKind.PROP, 101.0, 0.0, np.nan, 1.0, 1.0), (ActorKind.PROP, np.inf, 0.0, 0.0, 1.0, 1.0)]
    header, row = log_of(tmp_path / "new/drive_log.jsonl", replace(MOMENT, actors=actors(near, far, *broken)))
    assert header == {
        "version": 1,
        "town": "Town01",
        "route_id": "24211",
        "scenarios": ["Accident", "HardBreakRoute"],
        "tick_s": 0.05,
        "ticks_per_row": 2,
        "ego_half_size_m": [2.45, 1.06],
        "route": [[0.0, 0.0], [2.0, 0.0], [4.0, 0.0], [6.0, 0.0], [8.0, 0.0], [10.0, 0.0]],
    }
    assert row == {
        "step": 1,
        "frame": 101,
        "t": 0.05,
        "ego": [100.0, 0.0, 1.571, 8.33],
        "control": [-0.123, 0.5, 0.0],
        "driven_m": 12.34,
        "percent": 3.14,
        "penalty": 0.65,
        "actors": [[1, 159.9, 0.0, -0.123, 0.19, 0.19]],
    }


def test_gaps_of_the_route_stay_below_two_metres_and_both_ends_are_kept(tmp_path):
    way = np.cumsum(np.array([0.0, 1.0, 0.4, 0.9, 5.0, 1.0, 1.0, 0.1]))
    facts = replace(FACTS, route_xyz=np.stack([way, way * 0, way * 0], axis=1))
    DriveLog(tmp_path / "log", facts).close()
    kept = np.array(written(tmp_path / "log")[0]["route"])[:, 0]
    assert (kept[0], kept[-1]) == (0.0, pytest.approx(way[-1]))
    gaps = np.diff(kept)
    assert sorted(gaps)[-2] <= 2.01 and gaps.max() == pytest.approx(5.0), "only the planner's own gap is wider"


def test_every_second_step_is_wanted_from_the_first_on(tmp_path):
    log = DriveLog(tmp_path / "log", FACTS)
    assert [step for step in range(1, 8) if log.wants(step)] == [1, 3, 5, 7]


def test_a_kill_costs_at_most_a_second(tmp_path):
    path = tmp_path / "drive_log.jsonl"
    path.write_text("an old drive\n" * 100)
    log = DriveLog(path, FACTS)
    assert len(written(path)) == 1, "the old drive is gone at once"
    for row in range(25):
        log.add(replace(MOMENT, step=1 + 2 * row))
        missing_s = (row + 1 - (len(written(path)) - 1)) * 0.1
        assert missing_s < 1.0
    log.close()
    assert [row["step"] for row in written(path)[1:]] == list(range(1, 51, 2))


def test_what_the_agent_shows_is_kept_in_its_own_frame(tmp_path):
    boxes = np.array([[5.126, -1.0, 2.0, 1.0, 0.1234, 9.0, 0.0, 1.0, 0.876], [9, 9, 1, 1, 0, 0, 0, 0, 0.29]])
    view = AgentView(
        waypoints_ego=np.array([[1.0, 2.0], [3.333, 4.0]], np.float32),
        target_points_ego=np.empty((0, 2)),
        target_speed_mps=np.float32(4.567),
        boxes=boxes,
        radar_ego=np.zeros((2, 4)),
    )
    _, row = log_of(tmp_path / "log", replace(MOMENT, view=view), min_box_score=0.3)
    assert row["view"] == {
        "waypoints": [[1.0, 2.0], [3.33, 4.0]],
        "targets": [],
        "target_speed": 4.57,
        "boxes": [[5.13, -1.0, 2.0, 1.0, 0.123, 1, 0.88]],
    }
    assert "view" not in log_of(tmp_path / "log", replace(MOMENT, view=AgentView()))[1]


class Explosive:
    def __array__(self, *_, **__):
        raise RuntimeError("the tensor is on another device")


@pytest.mark.parametrize(
    "odd",
    [
        AgentView(waypoints_ego=np.zeros((3, 5, 7)), target_speed_mps=2.0),
        AgentView(waypoints_ego=np.array([[1.0, np.nan]]), target_speed_mps=2.0),
        AgentView(route_ego=np.array([[1e300, 0.0]]), target_speed_mps=2.0),
        AgentView(target_points_ego=np.zeros((5000, 2)), target_speed_mps=2.0),
        AgentView(waypoints_ego=[[1.0, 2.0], [3.0]], target_speed_mps=2.0),
        AgentView(boxes=np.ones((1, 8)), target_speed_mps=2.0),
        AgentView(boxes=np.full((1, 9), np.inf), target_speed_mps=2.0),
        AgentView(boxes=Explosive(), target_speed_mps=2.0),
    ],
)
def test_odd_parts_of_a_view_cost_themselves_and_one_warning(tmp_path, caplog, odd):
    _, *rows = log_of(tmp_path / "log", *[replace(MOMENT, view=odd)] * 3)
    assert [row["view"] for row in rows] == [{"target_speed": 2.0}] * 3
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("odd", [{"waypoints": []}, "a plan", AgentView(target_speed_mps=float("nan"))])
def test_a_view_that_is_none_at_all_is_left_out(tmp_path, caplog, odd):
    _, row = log_of(tmp_path / "log", replace(MOMENT, view=odd))
    assert "view" not in row and row["step"] == 1
    assert len(caplog.records) == 1


def test_numbers_that_are_none_never_reach_the_file(tmp_path, caplog):
    lost = replace(MOMENT, step=3, ego=(np.nan, 0.0, 0.0, 0.0))
    dazed = replace(MOMENT, step=5, control=(float("nan"), 0.5, float("inf")))
    _, *rows = log_of(tmp_path / "log", MOMENT, lost, lost, dazed)
    assert [(row["step"], row["control"]) for row in rows] == [(1, [-0.123, 0.5, 0.0]), (5, [None, 0.5, None])]
    assert caplog.text.count("step 3") == 1


@pytest.mark.parametrize("obstacle", ["file", "full"])
def test_a_disk_that_refuses_is_reported_once(tmp_path, caplog, obstacle):
    path = tmp_path / "in_the_way" / "log"
    if obstacle == "file":
        path.parent.write_text("in the way")
    else:
        path.parent.mkdir()
        path.symlink_to("/dev/full")
    log = DriveLog(path, FACTS)
    for step in range(1, 100):
        log.add(replace(MOMENT, step=step))
    log.close()
    assert len(caplog.records) == 1
    assert "the drive goes on" in caplog.text


def test_a_disk_that_was_full_for_a_while_leaves_no_gap(tmp_path, caplog):
    path = tmp_path / "log"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = DriveLog(path, FACTS)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        for step in range(1, 60):
            log.add(replace(MOMENT, step=step))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.stat().st_size == 1000, "the last line is torn"
    log.close()
    assert [row["step"] for row in written(path)[1:]] == list(range(1, 60))
    assert len(caplog.records) == 1


def test_reading_survives_torn_and_foreign_lines(tmp_path):
    path = tmp_path / "log"
    log_of(path, MOMENT, replace(MOMENT, step=3), replace(MOMENT, step=5))
    header, first, second, third = path.read_bytes().splitlines()
    junk = [b"", b"[]", b"7", b"\xff\xfe\x00", b"[" * 100_000, b'{"step": 9}', b'{"step": 9, "ego": [1, 2, 3, NaN]}']
    junk += [b'{"step": "9", "ego": [1, 2, 3, 4]}', b'{"step": 9, "ego": [1, 2, 3, 1e999]}']
    junk += [b'{"step": 9, "ego": [1, 2, 3, true]}', b'{"step": 9, "ego": [1, 2, 3, ' + b"9" * 5000 + b"]}"]
    path.write_bytes(b"\n".join([header, first, *junk, second, third[:-30]]))
    head, rows = read_drive_log(path)
    assert (head["town"], len(head["route"])) == ("Town01", 6)
    assert [row["step"] for row in rows] == [1, 3]
    assert rows[0]["ego"] == [100.0, 0.0, 1.571, 8.33]
    assert read_drive_log(path, keys=("step", "absent"))[1] == [{"step": 1}, {"step": 3}]


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (b"", {}),
        (b'{"version": 1, "town": 5, "route": [[1, 2], [3, "x"]]}', {"version": 1}),
        (b'{"version": 1, "town": "Town02", "route": [[1, 1e999]]}', {"version": 1, "town": "Town02"}),
        (b'{"version": 1, "tow', {}),
    ],
)
def test_headers_hold_only_what_readers_can_use(tmp_path, first, expected):
    path = tmp_path / "log"
    path.write_bytes(first + b'\n{"step": 1, "ego": [0, 0, 0, 0]}\n')
    header, rows = read_drive_log(path)
    assert (header, len(rows)) == (expected, 1)


def test_files_that_cannot_be_read_are_refused_by_name(tmp_path):
    large = tmp_path / "large.jsonl"
    with large.open("wb") as file:
        file.truncate(drive_log.LARGEST_FILE_BYTES + 1)
    for path, reason in [(large, "larger than"), (tmp_path / "none.jsonl", "cannot be read"), (tmp_path, "cannot be")]:
        with pytest.raises(DriveLogError, match=f"{path.name} .*{reason}"):
            read_drive_log(path)


def test_readers_of_logs_need_no_client():
    code = "import sys, lead.evaluation.drive_log, lead.evaluation.infraction_log as _; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "'numpy'" in done.stdout
    assert not any(f"'{name}'" in done.stdout for name in ("carla", "torch", "cv2"))
