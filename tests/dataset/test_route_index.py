"""The table of samples: what it takes, what it leaves out and says why, and how it is split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recording_support import PERFECT, SHARED

from lead.dataset.errors import DatasetError
from lead.dataset.route_index import RouteChoice, build_index

FLAWED = PERFECT | {
    "status": "Completed",
    "num_infractions": 1,
    "scores": {"score_composed": 65.0},
    "infractions": {"red_light": ["ran a red light"], "min_speed_infractions": []},
}


def make_route(
    root: Path, name: str, frames: int = 5, results: dict[str, Any] | None = None, *, twin: bool = False
) -> Path:
    route = root / "data" / "Accident" / f"Town01_Rep0_{name}_route0_01_02_03_04_05"
    for folder in ("metas", "bboxes", *(["rgb_perturbated"] if twin else [])):
        (route / folder).mkdir(parents=True)
    for frame in range(frames):
        for folder in ("metas", "bboxes"):
            (route / folder / f"{frame:04d}.pkl").touch()
    if results is not None:
        (route / "results.json").write_text(json.dumps(results))
    return route


def test_frames_at_the_ends_are_skipped(tmp_path: Path) -> None:
    make_route(tmp_path, "a", 6, PERFECT, twin=True)
    make_route(tmp_path, "b", 3, PERFECT)
    index = build_index(tmp_path, skip_first=1, skip_last=2)
    assert index.frame.tolist() == [1, 2, 3] and index.route.tolist() == [0, 0, 0]
    assert [entry.has_twin for entry in index.routes] == [True, False]
    assert [entry.frames for entry in index.routes] == [6, 3]
    assert index.skipped_frames == 6
    assert index.routes[0].town == "Town01" and index.routes[0].scenario == "Accident"
    assert index.route_dir(0) == tmp_path / index.routes[0].relative_dir


def test_what_is_left_out_is_counted_by_reason(tmp_path: Path) -> None:
    make_route(tmp_path, "good", 5, PERFECT)
    make_route(tmp_path, "flawed", 5, FLAWED)
    make_route(tmp_path, "crashed", 5, PERFECT | {"status": "Failed - Simulation crashed"})
    make_route(tmp_path, "running", 5)
    make_route(tmp_path, "empty", 0, PERFECT)
    (make_route(tmp_path, "broken", 5, PERFECT) / "results.json").write_text("{")
    index = build_index(tmp_path)
    assert len(index) == 3 and len(index.routes) == 1
    assert index.left_out == {
        "the expert made mistakes": 1,
        "they failed": 1,
        "they are not complete": 1,
        "they have no first frame": 1,
        "their results cannot be read": 1,
    }
    assert "left out" in index.summary()
    failed = build_index(tmp_path, choice=RouteChoice.FAILED)
    assert ["flawed" in entry.relative_dir for entry in failed.routes] == [True]
    assert len(build_index(tmp_path, choice=RouteChoice.ALL).routes) == 3


def test_nothing_to_learn_from_is_an_error_that_says_why(tmp_path: Path) -> None:
    make_route(tmp_path, "running", 5)
    with pytest.raises(DatasetError, match="1 because they are not complete"):
        build_index(tmp_path)
    with pytest.raises(DatasetError, match="is no folder"):
        build_index(tmp_path / "nowhere")


def test_the_manifest_changes_with_routes_and_frames(tmp_path: Path) -> None:
    route = make_route(tmp_path, "a", 6, PERFECT)
    first = build_index(tmp_path).manifest
    assert build_index(tmp_path).manifest == first
    assert build_index(tmp_path, skip_first=2).manifest != first
    (route / "bboxes/0006.pkl").touch()
    longer = build_index(tmp_path).manifest
    make_route(tmp_path, "b", 6, PERFECT)
    assert len({first, longer, build_index(tmp_path).manifest}) == 3


def test_routes_are_held_out_whole_and_for_good(tmp_path: Path) -> None:
    for number in range(40):
        make_route(tmp_path, f"r{number}", 4, PERFECT)
    training, held_out = build_index(tmp_path).split(0.25)
    sides = [{index.routes[route].relative_dir for route in index.route} for index in (training, held_out)]
    assert not sides[0] & sides[1] and len(sides[0]) + len(sides[1]) == 40
    assert 3 <= len(sides[1]) <= 18
    for number in range(40, 60):
        make_route(tmp_path, f"r{number}", 4, PERFECT)
    _, grown = build_index(tmp_path).split(0.25)
    assert sides[1] <= {grown.routes[route].relative_dir for route in grown.route}
    assert len(build_index(tmp_path).split(0.0)[1]) == 0


def test_selecting_keeps_route_numbers(tmp_path: Path) -> None:
    make_route(tmp_path, "a", 4, PERFECT)
    make_route(tmp_path, "b", 4, PERFECT)
    index = build_index(tmp_path)
    chosen = index.select(lambda entry: "_b_" in entry.relative_dir)
    assert np.unique(chosen.route).tolist() == [1] and len(chosen) == 2


def test_the_golden_route_leaves_its_four_full_frames() -> None:
    root = SHARED / "golden/synthetic_route/carla_leaderboard2"
    if not root.is_dir():
        pytest.skip("the shared reference folder is not beside this project")
    assert build_index(root, skip_first=8, skip_last=8).frame.tolist() == [8, 9, 10, 11]
