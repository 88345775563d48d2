"""Logs of a route: every infraction once, readable at any time, and the drive survives a full disk."""

import json
import logging

import pytest

from lead.evaluation.infraction_log import Infraction, InfractionFileError, InfractionLog, read_infractions
from lead.evaluation.metric_log import ROWS_PER_WRITE, MetricLog
from lead.scoring.penalties import EventType, RouteEvent


def collision(frame, message="Collision with a pole"):
    return "CollisionTest", RouteEvent(EventType.COLLISION_STATIC, message, frame=frame)


def completion(percent):
    return "RouteCompletionTest", RouteEvent(EventType.ROUTE_COMPLETION, f"{percent} %", {"route_completed": percent})


def test_each_event_is_listed_once_at_its_first_step(tmp_path):
    path = tmp_path / "route" / "infractions.json"
    log = InfractionLog(path, 10.0)
    assert json.loads(path.read_text()) == {"video_fps": 10.0, "infractions": []}
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
    log = InfractionLog(path, 20.0)
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
    log = InfractionLog(new, 4.0)
    log.update([("RunningStopTest", RouteEvent(EventType.STOP_INFRACTION, "stop", frame=70))], 7, 12.5)
    assert (read_infractions(new).video_fps, read_infractions(new).infractions) == (4.0, (entry,))
    rows = json.loads(new.read_text())["infractions"]
    rows[0]["event_type"] = "TrafficEventType.STOP_INFRACTION"
    old.write_text(json.dumps([*rows, {"step": 9, "infraction": "CollisionTest"}]))
    content = read_infractions(old)
    assert content.video_fps is None
    assert content.infractions[0] == entry
    assert content.infractions[1].step == 9


@pytest.mark.parametrize("text", ["", "3", '{"video_fps": 20}', '[{"infraction": "x"}]', "[5]"])
def test_other_files_are_refused_by_name(tmp_path, text):
    path = tmp_path / "infractions.json"
    path.write_text(text)
    with pytest.raises(InfractionFileError, match=r"infractions\.json is not a list of infractions"):
        read_infractions(path)


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
        infractions, metrics = InfractionLog(tmp_path / "file/a.json", 20.0), MetricLog(tmp_path / "file/b.json")
        for step in range(300):
            infractions.update([collision(index) for index in range(step)], step, 0.0)
            metrics.add({"location": [0.0, 0.0, 0.0]})
        infractions.close()
        metrics.close()
    assert len(caplog.records) == 2
