"""The tree of evaluations and the rows of their routes, in every layout results come in."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from result_trees import (
    COLLISION,
    MIN_SPEED,
    RED_LIGHT,
    client_of,
    labelled,
    provenance,
    record,
    write_drive_log,
    write_infractions,
    write_json,
    write_route_result,
    write_suite,
    write_summary,
)

from lead.webapp import discovery
from lead.webapp.discovery import find_evaluations
from lead.webapp.root_folder import RootFolder


def tree_of(root: Path) -> dict[str, dict[str, Any]]:
    answer = client_of(root).get("/api/output_directories")
    assert answer.status_code == 200
    assert answer.json["truncated"] is False
    return {entry["path"]: entry for entry in answer.json["evaluations"]}


def routes_of(root: Path, place: str = "") -> dict[str, Any]:
    answer = client_of(root).get("/api/routes", query_string={"dir": place})
    assert answer.status_code == 200, answer.json
    content = dict(answer.json)
    content["by_name"] = {row["name"]: row for row in content["routes"]}
    assert len(content["by_name"]) == len(content["routes"])
    return content


def detail_of(root: Path, place: str, name: str) -> dict[str, Any]:
    answer = client_of(root).get("/api/route", query_string={"dir": place, "route": name})
    assert answer.status_code == 200, answer.json
    return dict(answer.json)


def make_old(root: Path, seconds: float = 3600.0) -> None:
    past = time.time() - seconds
    for folder, _, files in os.walk(root):
        for name in files:
            os.utime(Path(folder) / name, (past, past))
        os.utime(folder, (past, past))


class TestTree:
    def test_public_tree_has_experiment_benchmark_and_timestamp(self, tmp_path: Path) -> None:
        run = tmp_path / "evaluation" / "tfv6" / "bench2drive_1" / "260402_101500"
        write_infractions(run / "1711", [COLLISION])
        write_json(run / "eval" / "1711.json", {"_checkpoint": {"records": [record("1711").as_json()]}})
        (entry,) = tree_of(tmp_path).values()
        assert entry["levels"] == ["evaluation", "tfv6", "bench2drive_1", "260402_101500"]
        assert (entry["experiment"], entry["benchmark"], entry["timestamp"]) == (
            "tfv6",
            "bench2drive_1",
            "260402_101500",
        )
        assert entry["full_path"] == str(run) and entry["route_count"] == 1

    def test_any_level_may_be_the_root(self, tmp_path: Path) -> None:
        suite = tmp_path / "evaluation" / "autopilot" / "longest6_0"
        write_suite(suite, ["3", "20"], done=2)
        for root in (tmp_path, tmp_path / "evaluation", suite.parent, suite):
            (entry,) = tree_of(root).values()
            assert entry["full_path"] == str(suite) and entry["route_count"] == 2
            assert entry["benchmark"] == "longest6_0"
        assert list(tree_of(suite / "3")) == [""]
        assert [row["name"] for row in routes_of(suite / "3")["routes"]] == ["."]

    def test_single_drives_beside_a_suite(self, tmp_path: Path) -> None:
        local = tmp_path / "local_evaluation"
        write_infractions(local / "demo", [])
        write_route_result(local / "demo", "demo", record("0"))
        write_suite(local / "several", ["1", "2"], done=1)
        tree = tree_of(tmp_path)
        assert set(tree) == {"local_evaluation", "local_evaluation/several"}
        assert tree["local_evaluation"]["route_count"] == 1
        (row,) = routes_of(tmp_path, "local_evaluation")["routes"]
        assert (row["name"], row["title"], row["status"]) == ("demo", "demo", "Completed")
        assert routes_of(tmp_path, "local_evaluation/several")["done"] == 1

    def test_results_without_any_folder(self, tmp_path: Path) -> None:
        write_summary(tmp_path / "a", [record("1"), record("2")], total=5)
        write_json(tmp_path / "b" / "merged.json", {"_checkpoint": {"records": [record("7").as_json()]}})
        tree = tree_of(tmp_path)
        assert {path: entry["route_count"] for path, entry in tree.items()} == {"a": 2, "b": 1}
        routes = routes_of(tmp_path, "a")
        assert (routes["planned"], routes["done"]) == (5, 2)
        assert [(row["name"], row["has_folder"]) for row in routes["routes"]] == [("1", False), ("2", False)]
        assert detail_of(tmp_path, "a", "2")["record"]["route_id"] == "RouteScenario_2_rep0"

    def test_folders_that_are_not_looked_into(self, tmp_path: Path) -> None:
        for name in (".hidden", "clips", "debug_images", "input_log"):
            write_infractions(tmp_path / name / "1", [COLLISION])
        assert tree_of(tmp_path) == {}

    def test_depth_and_number_and_time_are_bounded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_infractions(tmp_path.joinpath(*"abcdefghijkl"), [COLLISION])
        assert find_evaluations(RootFolder(tmp_path)).is_truncated
        write_suite(tmp_path / "suite", ["1"])
        assert find_evaluations(RootFolder(tmp_path), budget_s=-1.0) == discovery.Tree([], True, [])
        monkeypatch.setattr(discovery, "MOST_FOLDERS", 2)
        assert find_evaluations(RootFolder(tmp_path)).is_truncated

    def test_new_evaluation_appears(self, tmp_path: Path) -> None:
        client = client_of(tmp_path)
        first = client.get("/api/output_directories")
        assert first.json["evaluations"] == []
        write_suite(tmp_path / "suite", ["1"], done=0)
        second = client.get("/api/output_directories", headers={"If-None-Match": first.headers["ETag"]})
        (entry,) = second.json["evaluations"]
        assert entry["is_live"] and entry["path"] == "suite"
        make_old(tmp_path)
        assert not client.get("/api/output_directories").json["evaluations"][0]["is_live"]


class TestRows:
    def test_row_of_a_suite(self, tmp_path: Path) -> None:
        write_suite(tmp_path, ["2", "10", "1"], done=2)
        make_old(tmp_path)
        routes = routes_of(tmp_path)
        assert [row["title"] for row in routes["routes"]] == ["1", "2", "10"]
        assert (routes["planned"], routes["done"], routes["is_live"]) == (3, 2, False)
        assert routes["counts"] == {"collision_vehicle": 3, "min_speed": 3}
        row = routes["by_name"]["2"]
        text = f"{COLLISION['message']}\n{MIN_SPEED['message']}".lower()
        assert row == {
            "name": "2",
            "title": "2",
            "has_folder": True,
            "videos": ["debug"],
            "infraction_count": 1,
            "kinds": {"collision_vehicle": 1, "min_speed": 1},
            "text": text,
            "status": "Completed",
            "scores": {"driving": 60.0, "completion": 100.0, "penalty": 0.6},
            "success": False,
            "scenarios": ["Accident", "CutIn"],
            "town": "Town12",
            "is_live": False,
            "infrastructure_failed": False,
            "problems": [],
        }
        assert routes["by_name"]["1"]["status"] is None and routes["by_name"]["1"]["scores"] is None

    def test_single_route_lies_in_the_evaluation_itself(self, tmp_path: Path) -> None:
        write_infractions(tmp_path, [RED_LIGHT])
        write_drive_log(tmp_path, "24240")
        write_route_result(tmp_path, "24240", record("24240"))
        (row,) = routes_of(tmp_path)["routes"]
        assert (row["name"], row["title"], row["status"]) == (".", "24240", "Completed")
        assert detail_of(tmp_path, "", ".")["infractions"][0]["kind"] == "red_light"

    @pytest.mark.parametrize(
        "folder", ["1711", "RouteScenario_1711_rep0", "RouteScenario_1711_Town12_Accident_0_06_01"]
    )
    def test_folder_names_of_public_tools(self, tmp_path: Path, folder: str) -> None:
        write_infractions(tmp_path / folder, [COLLISION])
        entry = labelled(record("1711"), "Accident_2", "RouteScenario_1711_Town12_Accident_0_06_01", "Town12")
        write_summary(tmp_path, [record("1"), entry])
        routes = routes_of(tmp_path)
        row = routes["by_name"][folder]
        assert len(routes["routes"]) == 2
        assert (row["title"], row["status"], row["town"], row["scenarios"]) == (
            "1711",
            "Completed",
            "Town12",
            ["Accident"],
        )

    def test_repetitions(self, tmp_path: Path) -> None:
        for name in ("7", "7_rep1"):
            write_infractions(tmp_path / name, [])
            again = record("7", driving=100.0 if name == "7" else 60.0)
            route_id = "RouteScenario_7_rep0" if name == "7" else "RouteScenario_7_rep1"
            write_route_result(tmp_path, name, type(again)(**{**vars(again), "route_id": route_id}))
        rows = routes_of(tmp_path)["by_name"]
        assert {name: row["scores"]["driving"] for name, row in rows.items()} == {"7": 100.0, "7_rep1": 60.0}

    def test_files_of_equal_route_ids_are_told_apart_by_their_names(self, tmp_path: Path) -> None:
        for name, score in (("left", 10.0), ("right", 20.0)):
            write_infractions(tmp_path / name, [])
            write_route_result(tmp_path, name, record("0", driving=score))
        rows = routes_of(tmp_path)["by_name"]
        assert {name: row["scores"]["driving"] for name, row in rows.items()} == {"left": 10.0, "right": 20.0}

    def test_checkpoint_in_each_route_folder(self, tmp_path: Path) -> None:
        for name in ("1", "2"):
            write_infractions(tmp_path / name, [])
            write_summary(tmp_path / name, [record(name, driving=float(name))])
        rows = routes_of(tmp_path)["by_name"]
        assert [rows[name]["scores"]["driving"] for name in "12"] == [1.0, 2.0]
        assert list(tree_of(tmp_path)) == [""]

    def test_summary_fills_what_route_files_lack(self, tmp_path: Path) -> None:
        write_json(tmp_path / "eval" / "1.json", {"_checkpoint": {"records": [record("1", driving=11.0).as_json()]}})
        write_summary(tmp_path, [record("1", driving=99.0), record("2", driving=22.0)], total=3)
        rows = routes_of(tmp_path)["by_name"]
        assert {name: row["scores"]["driving"] for name, row in rows.items()} == {"1": 11.0, "2": 22.0}

    def test_fail2drive(self, tmp_path: Path) -> None:
        lanes = "Agent went outside its route lanes for about 2.5 meters (1.2% of the completed route)"
        for seed in ("1", "2"):
            content = {"_checkpoint": {"records": [record("87", outside_route_lanes=[lanes]).as_json()]}}
            write_json(tmp_path / seed / "res" / "0087_res.json", content)
        write_infractions(tmp_path / "1" / "0087", [COLLISION])
        tree = tree_of(tmp_path)
        assert set(tree) == {"", "1", "2"}
        (row,) = routes_of(tmp_path, "1")["routes"]
        assert (row["name"], row["has_folder"], row["status"], row["success"]) == ("0087", True, "Completed", True)
        assert sorted(row["name"] for row in routes_of(tmp_path)["routes"]) == ["1/0087", "2/0087"]
        assert detail_of(tmp_path, "", "2/0087")["infractions"][0]["kind"] == "outside_lanes"

    def test_infrastructure_failure_and_route_timeout(self, tmp_path: Path) -> None:
        write_infractions(tmp_path / "1", [COLLISION])
        entry = record("1", status="Failed - Agent timed out", route_timeout=["Route timeout."])
        write_route_result(tmp_path, "1", entry, provenance(failed=True))
        make_old(tmp_path)
        (row,) = routes_of(tmp_path)["routes"]
        assert row["infrastructure_failed"] and not row["is_live"] and row["success"] is False
        assert row["kinds"] == {"collision_vehicle": 1, "route_timeout": 1} and row["infraction_count"] == 2
        assert [entry["step"] for entry in detail_of(tmp_path, "", "1")["infractions"]] == [101, None]


class TestLiveChanges:
    def test_etag_follows_the_files(self, tmp_path: Path) -> None:
        write_suite(tmp_path, ["1"], done=0)
        client = client_of(tmp_path)
        first = client.get("/api/routes?dir=")
        assert first.json["is_live"] and first.json["routes"][0]["is_live"]
        same = client.get("/api/routes?dir=", headers={"If-None-Match": first.headers["ETag"]})
        assert same.status_code == 304 and same.data == b""
        write_infractions(tmp_path / "1", [COLLISION, MIN_SPEED, RED_LIGHT])
        grown = client.get("/api/routes?dir=", headers={"If-None-Match": first.headers["ETag"]})
        assert grown.status_code == 200 and grown.json["routes"][0]["infraction_count"] == 2
        write_route_result(tmp_path, "1", record("1", collisions_vehicle=["a"], red_light=["b"]))
        done = client.get("/api/routes?dir=").json
        assert done["done"] == 1 and not done["routes"][0]["is_live"] and not done["is_live"]
        assert done["routes"][0]["status"] == "Completed"

    def test_unchanged_files_are_not_read_again(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_suite(tmp_path, ["1", "2"], done=1)
        make_old(tmp_path)
        client = client_of(tmp_path)
        before = client.get("/api/routes?dir=")
        opened: list[str] = []
        original = Path.open
        monkeypatch.setattr(Path, "open", lambda self, *a, **k: opened.append(str(self)) or original(self, *a, **k))
        assert client.get("/api/routes?dir=").data == before.data
        assert opened == []

    def test_drive_log_is_given_in_whole_lines(self, tmp_path: Path) -> None:
        path = write_drive_log(tmp_path / "1", rows=2)
        client = client_of(tmp_path)
        whole = path.read_bytes()
        with path.open("ab") as file:
            file.write(b'{"step": 3')
        first = client.get("/api/drive_log?route=1")
        assert first.data == whole and first.mimetype == "text/plain"
        assert first.headers["X-Next-Offset"] == str(len(whole))
        with path.open("ab") as file:
            file.write(b"}\n")
        rest = client.get(f"/api/drive_log?route=1&offset={len(whole)}")
        assert rest.data == b'{"step": 3}\n'
        assert client.get("/api/drive_log?route=1&offset=999999").headers["X-Next-Offset"] == "0"
        for offset in ("-1", "x", "1e3", "", "9" * 30):
            assert client.get(f"/api/drive_log?route=1&offset={offset}").status_code == 400
        write_infractions(tmp_path / "2", [])
        assert client.get("/api/drive_log?route=2").status_code == 404


class TestDetail:
    def test_infractions_of_public_files(self, tmp_path: Path) -> None:
        entries = [
            {
                "step": "12",
                "infraction": "CollisionTest",
                "message": "Agent collided against object with type=walker.x",
            },
            {"step": 13, "infraction": "RunningStopTest", "frame": 40, "message": "stop"},
            {"step": 99, "infraction": "RunningStopTest", "frame": 40, "message": "stop"},
            {"step": 14, "infraction": "SomethingNew", "message": "<script>alert(1)</script>"},
        ]
        write_json(tmp_path / "1" / "infractions.json", entries)
        detail = detail_of(tmp_path, "", "1")
        assert [(each["step"], each["kind"]) for each in detail["infractions"]] == [
            (12, "collision_pedestrian"),
            (13, "stop_sign"),
            (14, "other"),
        ]
        assert detail["video_fps"] is None and detail["record"] is None and detail["success"] is None

    def test_folder_facts(self, tmp_path: Path) -> None:
        write_suite(tmp_path / "suite", ["1"], done=1)
        write_json(tmp_path / "suite" / "1" / "metric_info.json", {})
        detail = detail_of(tmp_path, "suite", "1")
        assert detail["folder"] == str(tmp_path / "suite" / "1")
        assert detail["has_drive_log"] and detail["has_metrics"] and detail["clips"] == []
        assert detail["record"]["status"] == "Completed"
        (video,) = detail["videos"]
        assert video["kind"] == "debug" and video["problem"] and video["url"].startswith("/video/debug?dir=suite")
        assert json.loads(json.dumps(detail)) == detail
