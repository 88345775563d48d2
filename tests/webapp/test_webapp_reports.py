"""``/api/report``: the same numbers as ``lead score``, and what can still be said of odd evaluations."""

import json
import os

import pytest
from analysis_support import (
    PEDESTRIAN,
    VEHICLE,
    record,
    table,
    write_evaluation,
    write_manifest,
    write_public,
    write_routes,
)

from lead.cli.main import COMMANDS, main
from lead.files import write_json
from lead.webapp import reports
from lead.webapp.app import create_app


@pytest.fixture
def get(tmp_path):
    """Ask a dashboard that shows tmp_path/root."""
    (tmp_path / "root").mkdir()
    client = create_app(tmp_path / "root").test_client()

    def ask(path, status=200, **arguments):
        answer = client.get(path, query_string=arguments)
        assert answer.status_code == status, answer.text
        assert "NaN" not in answer.text and "Infinity" not in answer.text
        return answer.get_json()

    return ask


def test_report_equals_the_command(tmp_path, get, monkeypatch):
    routes = write_routes(tmp_path / "routes.xml", {"1": "Accident", "2": "ParkingExit", "3": "Accident"})
    records = [record(1), record(2, VEHICLE), record(3, PEDESTRIAN, percent=42.5)]
    folder = write_evaluation(tmp_path / "root/agent/leaderboard_0", records, routes_file=routes)
    monkeypatch.setitem(COMMANDS, "score", ("lead.cli.score", "Score results."))
    with pytest.raises(SystemExit):
        main(["score", str(folder), "--routes", str(routes), "--output-dir", str(tmp_path / "scores")])
    command = json.loads((tmp_path / "scores/results.json").read_text())
    report = get("/api/report", dir="agent/leaderboard_0")
    assert report["benchmark"] == command["benchmark"] == "leaderboard-2.0"
    assert report["error"] is None
    assert len(report["tables"]) == len(command["tables"])
    for mine, theirs in zip(report["tables"], command["tables"], strict=True):
        assert mine["title"] == theirs["title"]
        assert [dict(zip(mine["columns"], row, strict=True)) for row in mine["rows"]] == theirs["rows"]
        assert len(mine["numeric"]) == len(mine["columns"])
    assert table(report, "Scores")["Driving score"][0] == f"{(100 + 60 + 21.25) / 3:.3f}"
    assert set(table(report, "Failures per scenario class")) == {"Accident", "ParkingExit"}
    scores = report["tables"][0]
    assert scores["numeric"] == [False, True, False, True, False]


def test_missing_routes_come_from_the_manifest(tmp_path, get):
    routes = write_routes(tmp_path / "routes.xml", {"1": "Accident", "2": "ParkingExit", "9": "HardBreakRoute"})
    folder = write_evaluation(tmp_path / "root/run", [record(1)])
    write_manifest(folder, routes, ["1", "2", "2_rep1"])
    report = get("/api/report", dir="run")
    assert table(report, "Missing and failed routes") == {"missing": ["rep0", "2", "ParkingExit", "no result"]}
    assert table(report, "Scores")["Driving score"][0] == "50.000"
    assert report["notes"] == ["simulator: embedded 0.9.16"]


@pytest.mark.parametrize("change", ["changed", "gone"])
def test_route_files_that_are_not_the_driven_ones_are_not_used(tmp_path, get, change):
    routes = write_routes(tmp_path / "routes.xml", {"1": "Accident", "2": "ParkingExit"})
    folder = write_evaluation(tmp_path / "root/run", [record(1)])
    write_manifest(folder, routes, ["1", "2"])
    if change == "gone":
        routes.unlink()
    else:
        routes.write_text(routes.read_text() + "<!-- edited -->")
    report = get("/api/report", dir="run")
    assert all(each["title"] != "Failures per scenario class" for each in report["tables"])
    (note,) = [note for note in report["notes"] if "routes.xml" in note]
    assert ("was changed since the drive" if change == "changed" else "is gone") in note
    assert report["error"] is None


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b'{"runs": []}',
        b'{"runs": [{"routes": {"/etc/passwd": ""}, "seeds": {}}]}',
        b'{"runs": [{"routes": {"/dev/zero.xml": 3, "a\\u0000.xml": ""}, "seeds": {"1": 0}}]}',
        b'{"runs": [{"routes": {"\\ud800.xml": ""}, "seeds": {"1": 0}}]}',
        b'{"runs": [{"routes": {"x.xml": null}, "seeds": {"1": 0}}]}',
    ],
)
def test_odd_manifests_are_a_note(tmp_path, get, content):
    folder = write_evaluation(tmp_path / "root/run", [record(1)])
    (folder / "manifest.json").write_bytes(content)
    report = get("/api/report", dir="run")
    assert table(report, "Scores")["Driving score"][0] == "100.000"
    assert any("manifest.json" in note or "x.xml" in note for note in report["notes"])


@pytest.mark.parametrize(
    ("path", "key"),
    [("bench2drive_0", "bench2drive-0.0.4"), ("longest6_2/240101_120000", "longest6-2"), ("Town13_seed1", "town13-1")],
)
def test_benchmark_is_guessed_from_folders(tmp_path, get, path, key):
    write_public(tmp_path / "root/experiment" / path, [record(1), record(2, VEHICLE)])
    report = get("/api/report", dir=f"experiment/{path}")
    assert report["benchmark"] == key
    assert key in report["candidates"]


def test_unknown_benchmark_gives_candidates_and_plain_scores(tmp_path, get):
    write_public(tmp_path / "root/mine", [record(1), record(2, VEHICLE)])
    report = get("/api/report", dir="mine")
    assert report["benchmark"] is None and report["error"] is None
    assert "leaderboard-2.1" in report["candidates"]
    assert table(report, "Scores")["Driving score"][0] == "80.000"
    assert table(report, "Endings") == {"Perfect": ["1"], "Completed": ["1"]}
    chosen = get("/api/report", dir="mine", benchmark="longest6")
    assert chosen["benchmark"] == "longest6-2"
    assert table(chosen, "Scores")["Driving score"][0] == f"{160 / 36:.3f}"
    assert "no benchmark 'bench3'" in get("/api/report", 400, dir="mine", benchmark="bench3")["error"]


def test_benchmark_that_does_not_fit_is_an_error_with_plain_tables(tmp_path, get):
    write_evaluation(tmp_path / "root/run", [record(1), record(2, VEHICLE)])
    report = get("/api/report", dir="run", benchmark="bench2drive")
    assert "driven under leaderboard-2.0" in report["error"]
    assert report["candidates"] == ["leaderboard-2.0"]
    assert table(report, "Scores")["Driving score"][0] == "80.000"


def test_mixed_rules_are_an_error_with_plain_tables(tmp_path, get):
    write_evaluation(tmp_path / "root/run", [record(1)])
    write_evaluation(tmp_path / "root/run", [record(2)], key="leaderboard-2.1")
    report = get("/api/report", dir="run")
    assert "different rules" in report["error"]
    assert "Endings" in [each["title"] for each in report["tables"]]


def test_fail2drive_without_route_files_keeps_plain_tables(tmp_path, get):
    for seed in ("1", "2"):
        write_json(
            tmp_path / f"root/fail2drive/{seed}/res/0007_res.json",
            {"_checkpoint": {"records": [record(7).as_json()]}},
        )
    report = get("/api/report", dir="fail2drive")
    assert report["benchmark"] == "fail2drive-1"
    assert "route files" in report["error"]
    assert table(report, "Endings") == {"Perfect": ["2"]}


def test_bench2drive_says_where_the_ability_table_is(tmp_path, get):
    labels = ("SignalizedJunctionLeftTurn_1", 3, "RouteScenario_1_rep0_Town01_x", "Town01")
    routes = write_routes(tmp_path / "routes.xml", {"1": "SignalizedJunctionLeftTurn"})
    records = [record(1, VEHICLE, key="bench2drive-0.0.4", labels=labels)]
    write_evaluation(tmp_path / "root/b2d", records, key="bench2drive-0.0.4", routes_file=routes)
    report = get("/api/report", dir="b2d")
    assert report["error"] is None
    assert any("lead score" in note and "multi-ability" in note for note in report["notes"])
    assert {"Efficiency and comfort", "Failures per scenario class"} <= {each["title"] for each in report["tables"]}


def test_ability_table_comes_where_no_junction_is_needed(tmp_path, get):
    labels = ("Accident_1", 3, "RouteScenario_1_rep0_Town01_x", "Town01")
    routes = write_routes(tmp_path / "routes.xml", {"1": "Accident"})
    records = [record(1, key="bench2drive-0.0.4", labels=labels)]
    write_evaluation(tmp_path / "root/b2d", records, key="bench2drive-0.0.4", routes_file=routes)
    report = get("/api/report", dir="b2d")
    assert table(report, "Multi-ability")["Overtaking"] == ["100.00", "1", "1"]


@pytest.mark.parametrize(("name", "routes"), [("../../outside", 0), ("{tmp_path}/outside", 0), ("..", 0), ("own", 1)])
def test_save_names_do_not_lead_to_other_folders(tmp_path, get, name, routes):
    vectors = {"acceleration": [1.0, 0, 0], "angular_velocity": [0, 0, 0], "forward_vector": [1.0, 0, 0]}
    rows = {str(index): vectors | {"right_vector": [0, 1.0, 0]} for index in range(1, 41)}
    for folder in ("outside", "root/b2d/own", "root"):
        write_json(tmp_path / folder / "metric_info.json", rows)
    labels = ("Accident_1", 3, name.format(tmp_path=tmp_path), "")
    records = [record(1, key="bench2drive-0.0.4", labels=labels), record(2, key="bench2drive-0.0.4")]
    write_evaluation(tmp_path / "root/b2d", records, key="bench2drive-0.0.4")
    report = get("/api/report", dir="b2d")
    assert table(report, "Efficiency and comfort")["rep0"][3] == str(routes)


def test_unreadable_files_are_listed(tmp_path, get):
    folder = write_evaluation(tmp_path / "root/run", [record(1)])
    (folder / "checkpoint_endpoint.json").unlink()
    (folder / "eval/2.json").write_text('{"_checkpoint": {"records": [')
    odd = record(3).as_json()
    odd["scores"]["score_composed"] = float("nan")
    (folder / "eval/3.json").write_text(json.dumps({"_checkpoint": {"records": [odd]}}))
    odd["scores"]["score_composed"] = 10**400
    (folder / "eval/4.json").write_text(json.dumps({"_checkpoint": {"records": [odd]}}))
    report = get("/api/report", dir="run")
    assert len(report["unreadable"]) == 3
    assert table(report, "Scores")["Driving score"][0] == "100.000"


def test_folder_without_results_is_an_error(tmp_path, get):
    (tmp_path / "root/empty").mkdir()
    report = get("/api/report", dir="empty")
    assert report["tables"] == [] and "no readable result" in report["error"]
    assert get("/api/report", 404, dir="missing")["error"]
    assert get("/api/report", 403, dir="../")["error"]


def test_links_that_leave_the_root_are_not_read(tmp_path, get):
    write_evaluation(tmp_path / "secret", [record(1)])
    (tmp_path / "root/a").mkdir()
    (tmp_path / "root/a/eval").symlink_to(tmp_path / "secret/eval")
    (tmp_path / "root/b").mkdir()
    (tmp_path / "root/b/child").symlink_to(tmp_path / "secret")
    (tmp_path / "root/c/eval").mkdir(parents=True)
    (tmp_path / "root/c/eval/1.json").symlink_to(tmp_path / "secret/eval/1.json")
    write_json(tmp_path / "seeds/1/res/7_res.json", {"_checkpoint": {"records": [record(7).as_json()]}})
    (tmp_path / "root/d").mkdir()
    (tmp_path / "root/d/1").symlink_to(tmp_path / "seeds/1")
    for name in "abcd":
        report = get("/api/report", dir=name)
        assert "leaves the shown folder" in report["error"] and report["tables"] == []


def test_report_is_made_once_until_a_file_changes(tmp_path, get, monkeypatch):
    folder = write_evaluation(tmp_path / "root/run", [record(1)])
    made = []
    read = reports.read_results
    monkeypatch.setattr(reports, "read_results", lambda paths: made.append(paths) or read(paths))
    assert get("/api/report", dir="run") == get("/api/report", dir="run")
    assert len(made) == 1
    write_evaluation(folder, [record(1, VEHICLE)])
    assert table(get("/api/report", dir="run"), "Scores")["Driving score"][0] == "60.000"
    assert len(made) == 2
    os.utime(folder / "eval/1.json", ns=(1, 1))
    get("/api/report", dir="run")
    assert len(made) == 3
