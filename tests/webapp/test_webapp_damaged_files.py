"""Huge, malformed and malicious files: everything else is still shown, and one sentence says what is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from result_trees import (
    COLLISION,
    client_of,
    provenance,
    record,
    write_infractions,
    write_json,
    write_route_result,
    write_suite,
)
from test_webapp_listing import detail_of, routes_of, tree_of

from lead.scoring.endpoint import route_endpoint
from lead.webapp import route_results

MALFORMED = {
    "empty": "",
    "torn": '{"_checkpoint": {"records": [',
    "number": "7",
    "list": "[]",
    "deep": "[" * 200_000,
    "deep_objects": '{"a":' * 100_000,
    "wrong_types": '{"_checkpoint": {"records": {"a": 1}}, "infractions": {"b": 2}}',
    "nulls": '{"_checkpoint": null, "infractions": null, "runs": null}',
    "no_records": '{"_checkpoint": {"records": []}}',
    "odd_records": '{"_checkpoint": {"records": [7]}, "infractions": [7, null, [], "x"]}',
    "huge_number": '{"infractions": [{"step": ' + "9" * 5000 + "}]}",
    "infinite": '{"video_fps": Infinity, "infractions": [{"step": NaN, "infraction": "x"}]}',
    "binary": "\x00\x01",
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("place", ["eval/1.json", "1/infractions.json", "1/drive_log.jsonl", "manifest.json"])
def test_malformed_file_hides_nothing(tmp_path: Path, name: str, place: str) -> None:
    write_suite(tmp_path, ["1", "2"], done=2)
    (tmp_path / place).write_text(MALFORMED[name])
    routes = routes_of(tmp_path)
    assert sorted(routes["by_name"]) == ["1", "2"]
    assert routes["by_name"]["2"]["status"] == "Completed" and routes["by_name"]["2"]["problems"] == []
    detail = detail_of(tmp_path, "", "1")
    tree_of(tmp_path)
    problems = [*routes["problems"], *routes["by_name"]["1"]["problems"]]
    if place == "eval/1.json":
        assert problems and routes["by_name"]["1"]["status"] is None and detail["record"] is None
        assert str(tmp_path) not in problems[0]
    if place == "1/infractions.json" and name not in ("list", "wrong_types"):
        assert problems
        assert detail["infractions"][0]["kind"] == "collision_vehicle"  # as the result says
    if place == "manifest.json":
        assert problems and routes["planned"] is None


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_summary_is_a_problem(tmp_path: Path, name: str) -> None:
    (tmp_path / "checkpoint_endpoint.json").write_text(MALFORMED[name])
    assert "" in tree_of(tmp_path)
    routes = routes_of(tmp_path)
    assert routes["problems"] or routes["routes"] == [] or routes["routes"][0]["problems"]


def damaged(stem: str, change: dict[str, Any], folder: Path) -> dict[str, Any]:
    content = route_endpoint(record("1", collisions_vehicle=["a message"]), provenance())
    content["_checkpoint"]["records"][0].update(change)
    write_json(folder / "eval" / f"{stem}.json", content)
    (row,) = routes_of(folder)["routes"]
    assert detail_of(folder, "", stem)["record"] is not None
    return dict(row)


def test_numbers_as_texts_are_shown(tmp_path: Path) -> None:
    row = damaged("1", {"scores": {"score_route": "98.5", "score_penalty": "0.5", "score_composed": "49.25"}}, tmp_path)
    assert row["scores"] == {"driving": 49.25, "completion": 98.5, "penalty": 0.5}
    assert row["status"] == "Completed" and row["kinds"] == {"collision_vehicle": 1}
    assert row["problems"] == ["1.json: _checkpoint.records[0].scores.score_route is not a usable number"]


@pytest.mark.parametrize(
    "scores", [None, {}, [], {"score_route": "many", "score_penalty": 1, "score_composed": 1}, {"score_route": 1e300}]
)
def test_unreadable_scores_are_unknown_not_zero(tmp_path: Path, scores: Any) -> None:
    row = damaged("1", {"scores": scores}, tmp_path)
    assert row["scores"] is None and row["status"] == "Completed" and row["infraction_count"] == 1
    assert len(row["problems"]) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"status": 7},
        {"route_id": None},
        {"route_id": "another form"},
        {"route_id": f"RouteScenario_1_rep{'9' * 5000}"},
        {"infractions": "none"},
        {"infractions": {"collisions_vehicle": "one"}},
        {"infractions": {"outside_route_lanes": ["no number"], "unheard_of": ["x"]}},
        {"meta": {"route_length": "long"}},
        {"save_name": 7},
    ],
)
def test_other_oddities_are_named(tmp_path: Path, change: dict[str, Any]) -> None:
    row = damaged("1", change, tmp_path)
    assert len(row["problems"]) == 1
    assert row["scores"]["driving"] == 60.0


def test_provenance_of_another_kind_is_named(tmp_path: Path) -> None:
    path = write_route_result(tmp_path, "1", record("1"))
    content = json.loads(path.read_text())
    content["lead"] = {"profile": 7}
    write_json(path, content)
    (row,) = routes_of(tmp_path)["routes"]
    assert row["status"] == "Completed" and "lead" in row["problems"][0]


def test_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_suite(tmp_path, ["1"], done=1)
    for place in ("eval/1.json", "1/infractions.json"):
        with (tmp_path / place).open("ab") as file:
            file.truncate(33 << 20)
    (row,) = routes_of(tmp_path)["routes"]
    assert len(row["problems"]) == 2 and all("32 MiB" in problem for problem in row["problems"])


def test_many_and_long_entries_are_cut(tmp_path: Path) -> None:
    entries = [{**COLLISION, "step": step, "frame": step, "message": "x" * 3000} for step in range(1, 2500)]
    write_infractions(tmp_path / "1", entries)
    row = routes_of(tmp_path)["by_name"]["1"]
    assert row["infraction_count"] == 2000 and len(row["text"]) <= 4000
    assert "2499 entries" in row["problems"][0]
    assert len(detail_of(tmp_path, "", "1")["infractions"][0]["message"]) == 1000


def test_many_records_and_long_names_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route_results, "MOST_RECORDS", 3)
    records = [{"route_id": f"RouteScenario_{'9' * 5000}{index}_rep0", "status": "x" * 5000} for index in range(5)]
    write_json(tmp_path / "merged.json", {"_checkpoint": {"records": records}})
    routes = routes_of(tmp_path)
    assert len(routes["routes"]) == 3 and "2 more routes" in routes["problems"][0]
    assert all(len(row["title"]) == len(row["status"]) == 300 for row in routes["routes"])


def test_many_problems_are_counted(tmp_path: Path) -> None:
    for number in range(150):
        os.symlink("/etc/hostname", tmp_path / f"{number}.json")
    write_infractions(tmp_path / "1", [])
    problems = routes_of(tmp_path)["problems"]
    assert len(problems) == 101 and problems[-1] == "there are 50 more problems like these"


def test_unreadable_folder_is_named(tmp_path: Path) -> None:
    write_suite(tmp_path / "suite", ["1"])
    (tmp_path / "locked").mkdir(mode=0o000)
    try:
        tree = client_of(tmp_path).get("/api/output_directories").json
        if os.geteuid() != 0:
            assert tree["problems"] == ["locked: locked cannot be read: Permission denied"]
        assert [entry["path"] for entry in tree["evaluations"]] == ["suite"]
    finally:
        (tmp_path / "locked").chmod(0o700)


def test_answers_hold_no_number_that_browsers_refuse(tmp_path: Path) -> None:
    content = route_endpoint(record("1"), provenance())
    content["_checkpoint"]["records"][0]["meta"]["duration_game"] = float("nan")
    content["_checkpoint"]["records"][0]["scores"]["score_route"] = float("inf")
    write_json(tmp_path / "eval" / "1.json", content)
    write_infractions(tmp_path / "1", [{**COLLISION, "meters_travelled": float("nan")}], video_fps=float("inf"))
    client = client_of(tmp_path)
    for address in ("/api/routes", "/api/route?route=1"):
        answer = client.get(address)
        assert answer.status_code == 200
        assert not {b"NaN", b"Infinity"} & set(answer.data.replace(b":", b" ").replace(b",", b" ").split())
