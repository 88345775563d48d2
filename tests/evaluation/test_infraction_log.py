"""Logs of a route: every infraction once, readable at any time, and the drive survives a full disk."""

import json
import logging

import pytest

from lead.evaluation import infraction_log
from lead.evaluation.infraction_log import (
    Infraction,
    InfractionFile,
    InfractionFileError,
    InfractionLog,
    read_infractions,
)
from lead.evaluation.metric_log import ROWS_PER_WRITE, MetricLog
from lead.scoring.penalties import EventType, RouteEvent


def collision(frame, message="Collision with a pole"):
    return "CollisionTest", RouteEvent(EventType.COLLISION_STATIC, message, frame=frame)


def completion(percent):
    return "RouteCompletionTest", RouteEvent(EventType.ROUTE_COMPLETION, f"{percent} %", {"route_completed": percent})


def test_each_event_is_listed_once_at_its_first_step(tmp_path):
    path = tmp_path / "route" / "infractions.json"
    log = InfractionLog(path, 10.0, 2)
    assert json.loads(path.read_text()) == {"video_fps": 10.0, "ticks_per_frame": 2, "infractions": []}
    events = []
    for step, new in enumerate([[], [collision(100)], [], [collision(102), collision(102, "Collision with a car")]], 1):
        events += new
        log.update([*events, completion(step)], step, 1.23456 * step)
    rows = json.loads(path.read_text())["infractions"]
    assert [(row["step"], row["frame"]) for row in rows] == [(2, 100), (4, 102), (4, 102)]
    assert rows[0] == {
        "step": 2,
        "infraction": "CollisionTest",
        "frame": 100,
        "message": "Collision with a pole",
        "event_type": "COLLISION_STATIC",
        "meters_travelled": 2.47,
    }
    log.update([*events, completion(55)], 5, 9.0)
    log.close()
    last = json.loads(path.read_text())["infractions"]
    assert last[:3] == rows
    assert (last[3]["infraction"], last[3]["message"], last[3]["step"]) == ("RouteCompletionTest", "55 %", 5)
    assert len(last) == 4


def test_file_is_rewritten_only_when_it_changes(tmp_path):
    path = tmp_path / "infractions.json"
    log = InfractionLog(path, 20.0, 1)
    log.update([collision(1)], 1, 0.0)
    written = path.stat().st_ino
    for step in range(2, 50):
        log.update([collision(1, f"{step} m so far"), completion(step)], step, 0.0)
    assert path.stat().st_ino == written
    log.close()
    (entry, _) = read_infractions(path).infractions
    assert (entry.step, entry.message) == (1, "49 m so far"), "an event that grows keeps its step"


def test_both_forms_are_read(tmp_path):
    entry = Infraction(7, "RunningStopTest", 70, "stop", "STOP_INFRACTION", 12.5)
    new, old = tmp_path / "new.json", tmp_path / "old.json"
    log = InfractionLog(new, 4.0, 5)
    log.update([("RunningStopTest", RouteEvent(EventType.STOP_INFRACTION, "stop", frame=70))], 7, 12.5)
    assert read_infractions(new) == InfractionFile(4.0, (entry,), ticks_per_frame=5, problems=())
    rows = json.loads(new.read_text())["infractions"]
    rows[0]["event_type"] = "TrafficEventType.STOP_INFRACTION"
    old.write_text(json.dumps([*rows, {"step": 9, "infraction": "CollisionTest"}]))
    content = read_infractions(old)
    assert (content.video_fps, content.ticks_per_frame, content.problems) == (None, None, ())
    assert content.infractions[0] == entry
    assert content.infractions[1].step == 9


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"3",
        b"null",
        b'{"video_fps": 20}',
        b'{"infractions": {"0": {"step": 1}}}',
        b'[{"step": 1',
        b"\xff\xfe\x00",
        b"[" * 200_000,
        b'{"infractions": ' * 100_000,
        b'[{"step": ' + b"9" * 5000 + b"}]",
    ],
    ids=lambda text: text[:20].decode("latin1"),
)
def test_other_files_are_refused_by_name(tmp_path, text):
    path = tmp_path / "infractions.json"
    path.write_bytes(text)
    with pytest.raises(InfractionFileError, match=r"infractions\.json is not a list of infractions"):
        read_infractions(path)


def test_huge_and_missing_files_are_refused_by_name(tmp_path):
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(infraction_log.LARGEST_FILE_BYTES + 1)
    for path, reason in [
        (huge, "larger than 32 MiB"),
        (tmp_path / "none.json", "No such file"),
        (tmp_path, "directory"),
    ]:
        with pytest.raises(InfractionFileError, match=f"{path.name} .*{reason}"):
            read_infractions(path)


def test_numbers_may_be_text_and_fields_may_be_missing(tmp_path):
    path = tmp_path / "infractions.json"
    rows = [
        {"step": "12", "infraction": "CollisionTest", "frame": "34.0", "meters_travelled": "5.5"},
        {"step": "12.0", "infraction": "RunningStopTest", "frame": None, "message": None},
        {"step": 13.0, "event_type": "TrafficEventType.STOP_INFRACTION", "message": 7},
        {"step": 0, "message": "caf\u00e9 \ud800"},
    ]
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"video_fps": "20.0", "infractions": rows}).encode())
    assert read_infractions(path) == InfractionFile(
        20.0,
        (
            Infraction(12, "CollisionTest", 34, "", "", 5.5),
            Infraction(12, "RunningStopTest", -1, "", "", 0.0),
            Infraction(13, "", -1, "7", "STOP_INFRACTION", 0.0),
            Infraction(0, "", -1, "caf\u00e9 ?", "", 0.0),
        ),
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (5, "it is not an object"),
        (None, "it is not an object"),
        ({"infraction": "x"}, "it has no step"),
        ({"step": None, "infraction": "x"}, "it has no step"),
        ({"step": "soon", "infraction": "x"}, "'soon' is not a number"),
        ({"step": "9" * 10_000, "infraction": "x"}, "is not a number"),
        ({"step": float("nan"), "infraction": "x"}, "nan is not a number"),
        ({"step": "-inf", "infraction": "x"}, "'-inf' is not a number"),
        ({"step": True, "infraction": "x"}, "True is not a number"),
        ({"step": [1], "infraction": "x"}, "a list is not a number"),
        ({"step": 1.5, "infraction": "x"}, "1.5 is not a whole number"),
        ({"step": 1e300, "infraction": "x"}, "is not a whole number"),
        ({"step": -4, "infraction": "x"}, "-4 is not a step"),
        ({"step": 3, "frame": 7}, "it does not say what happened"),
    ],
)
def test_unusable_entries_are_listed_and_the_others_shown(tmp_path, row, reason):
    path = tmp_path / "infractions.json"
    path.write_text(json.dumps([row, {"step": 2, "infraction": "CollisionTest"}]))
    content = read_infractions(path)
    assert [entry.step for entry in content.infractions] == [2]
    (problem,) = content.problems
    assert problem.startswith("entry 1 of infractions.json is left out: ")
    assert reason in problem and len(problem) < 150


def test_a_field_that_can_be_done_without_costs_no_entry(tmp_path):
    path = tmp_path / "infractions.json"
    odd = {"step": 3, "infraction": "CollisionTest", "frame": "?", "message": ["a"], "meters_travelled": float("inf")}
    path.write_text(json.dumps({"video_fps": "fast", "ticks_per_frame": 1.5, "infractions": [odd]}))
    content = read_infractions(path)
    assert content.infractions == (Infraction(3, "CollisionTest", -1, "", "", 0.0),)
    assert (content.video_fps, content.ticks_per_frame) == (None, None)
    assert [problem.split(":")[0] for problem in content.problems] == [
        *["entry 1 of infractions.json"] * 3,
        "video_fps of infractions.json is ignored",
        "ticks_per_frame of infractions.json is ignored",
    ]


@pytest.mark.parametrize("value", [0, -20, "NaN", float("inf"), [], {}, False])
def test_rates_that_are_none_are_listed(tmp_path, value):
    path = tmp_path / "infractions.json"
    path.write_text(json.dumps({"video_fps": value, "ticks_per_frame": value, "infractions": []}))
    content = read_infractions(path)
    assert (content.video_fps, content.ticks_per_frame, len(content.problems)) == (None, None, 2)


def test_many_problems_are_counted(tmp_path):
    path = tmp_path / "infractions.json"
    path.write_text(json.dumps([{}] * 1000))
    problems = read_infractions(path).problems
    assert len(problems) == infraction_log.MOST_PROBLEMS + 1
    assert problems[-1] == "infractions.json has 980 more such problems"


def test_second_copies_of_public_recorders_are_dropped(tmp_path):
    path = tmp_path / "infractions.json"

    def row(step, frame, message="against a pole", name="CollisionTest"):
        return {"step": step, "frame": frame, "message": message, "infraction": name}

    # With the second collision the first one is written again, at the second one's step; frames may be missing.
    known = [
        row(10, 100),
        row(25, 100),
        row(25, 130),
        row(25, 130, "against a car"),
        row(25, 130, name="RunningStopTest"),
    ]
    unknown = [row(40, -1), row(40, -1), row(41, -1)]
    path.write_text(json.dumps(known + unknown))
    content = read_infractions(path)
    assert [(entry.step, entry.frame) for entry in content.infractions] == [
        *[(10, 100), (25, 130), (25, 130), (25, 130)],
        *[(40, -1), (41, -1)],
    ]
    assert content.problems == ()


def test_metrics_are_numbered_from_one_and_survive_a_kill(tmp_path):
    path = tmp_path / "metric_info.json"
    log = MetricLog(path)
    for number in range(ROWS_PER_WRITE + 5):
        log.add({"location": [float(number), 0.0, 0.5]})
    assert len(json.loads(path.read_text())) == ROWS_PER_WRITE, "a kill here loses five ticks"
    log.close()
    content = json.loads(path.read_text())
    assert list(content) == [str(number) for number in range(1, ROWS_PER_WRITE + 6)]
    assert content["3"] == {"location": [2.0, 0.0, 0.5]}


def test_a_disk_that_refuses_is_reported_once(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        infractions, metrics = InfractionLog(tmp_path / "file/a.json", 20.0, 1), MetricLog(tmp_path / "file/b.json")
        for step in range(300):
            infractions.update([collision(index) for index in range(step)], step, 0.0)
            metrics.add({"location": [0.0, 0.0, 0.0]})
        infractions.close()
        metrics.close()
    assert len(caplog.records) == 2
