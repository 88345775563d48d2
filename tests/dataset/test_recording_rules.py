"""Pure rules of the recorder: classes, depth, the twin rig, weather, JPEG quality, acceptance, names."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recording_support import PERFECT, SHARED, record_route

from lead.dataset.acceptance import rejection
from lead.dataset.class_map import group_classes
from lead.dataset.depth import metric_depth, quantise_depth, repair_windows
from lead.dataset.errors import DatasetError
from lead.dataset.jpeg_quality import STRENGTH, draw_jpeg_quality
from lead.dataset.layout import RouteName, find_routes
from lead.dataset.perturbation import Perturbation, draw_perturbation
from lead.dataset.weather_choice import VISIBILITY, Visibility, draw_weather_choice, nearest_preset, visibility_of
from lead.routes.weather import preset


def test_classes_are_grouped_as_published() -> None:
    path = SHARED / "golden/functions/class_ids.json"
    if not path.is_file():
        pytest.skip("the shared reference folder is not beside this project")
    golden = json.loads(path.read_text())
    for source, stored in golden["tables"]["camera"].items():
        assert group_classes(np.array([int(source)], np.uint8))[0] == stored
    for case in golden["cases"]:
        ids = np.array(case["inputs"]["camera_ids"], np.uint8)
        assert group_classes(ids).tolist() == case["outputs"]["camera_classes"]
    assert group_classes(np.array([32, 255], np.uint8)).tolist() == [0, 0]


def test_depth_is_decoded_repaired_shrunk_and_quantised() -> None:
    raw = np.zeros((4, 8, 4), np.uint8)
    raw[..., 2], raw[..., 1], raw[..., 0] = 10, 20, 1
    assert metric_depth(raw) == pytest.approx(np.full((4, 8), 1000 * (10 + 256 * 20 + 65536) / (2**24 - 1)))
    depth = np.full((4, 8), 30.0, np.float32)
    depth[1, 1], depth[1, 2] = 9.0, 12.0
    instance = np.zeros((4, 8, 4), np.uint8)
    instance[1, 1:4] = (0, 7, 14, 255)  # instance 7, class Car
    instance[3, 5] = (0, 7, 3, 255)  # the same id, another class
    semantics = np.full((4, 8), 14, np.uint8)
    semantics[1, 3], semantics[3, 5] = 9, 9  # vegetation behind the pane
    mended = repair_windows(depth, semantics, instance)
    assert mended[1].tolist() == [30, 9, 12, 9, 30, 30, 30, 30]
    assert mended[3, 5] == 30.0
    codes = quantise_depth(np.array([[10.0, 20.0] * 4] * 4, np.float32))
    assert codes.dtype == np.uint8 and codes.tolist() == [[int(15 / 50 * 255)] * 2]
    assert quantise_depth(np.full((4, 4), 80.0, np.float32)).tolist() == [[255]]
    fine = quantise_depth(np.full((4, 4), 80.0, np.float32), bits=16)
    assert fine.dtype == np.uint16 and fine.tolist() == [[int(80 / 96 * 65535)]]


def test_the_twin_rig_stands_where_the_golden_camera_does() -> None:
    place, rotation = Perturbation(0.6, -7.0).move((0.10, -0.35, 2.25), (0.0, -54.5, 0.0))
    assert place == pytest.approx((0.0566, 0.240422, 2.25), abs=1e-4)
    assert rotation == pytest.approx((0.0, -61.5, 0.0), abs=1e-9)


@pytest.mark.parametrize(
    ("width_m", "limit_mps", "largest_m"),
    [(3.5, 8.0, 0.2859), (3.5, 20.0, 0.4359), (2.0, 8.0, 0.1), (9.0, 30.0, 1.0)],
)
def test_the_twin_stays_in_its_lane(width_m: float, limit_mps: float, largest_m: float) -> None:
    rng = np.random.default_rng(4)
    draws = [draw_perturbation(rng, width_m, limit_mps) for _ in range(2000)]
    shifts = np.array([draw.translation_m for draw in draws])
    turns = np.array([draw.rotation_deg for draw in draws])
    assert np.abs(shifts).max() <= largest_m + 1e-3 and np.abs(shifts).min() >= 0.1
    assert 0.4 < (shifts > 0).mean() < 0.6
    assert np.abs(turns).min() >= 0.5
    share = 0.5 * (shifts + 1.0)
    assert (turns >= -(5 * (1 - share) + 12.5 * share) * (largest_m + 1e-3)).all()
    assert (turns <= (12.5 * (1 - share) + 5 * share) * (largest_m + 1e-3)).all()
    again = draw_perturbation(np.random.default_rng(4), width_m, limit_mps)
    assert again == draws[0]


def test_weathers_are_jittered_within_bounds_and_keep_their_preset() -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(600):
        choice = draw_weather_choice(rng)
        seen.add(choice.name)
        plain = preset(choice.name)
        changed = {key for key, value in choice.parameters.items() if value != plain[key]}
        assert changed <= {"sun_altitude_angle", "wind_intensity", "fog_density", "wetness"}
        assert ("sun_altitude_angle" in changed) != choice.name.startswith("Custom")
        reach = 45 if "Noon" in choice.name else 15
        assert abs(choice.parameters["sun_altitude_angle"] - plain["sun_altitude_angle"]) <= reach
        for key in ("wind_intensity", "fog_density", "wetness"):
            assert 0 <= choice.parameters[key] <= 100
            assert abs(choice.parameters[key] - plain[key]) <= (10 if 30 <= plain[key] < 80 else 5)
        assert choice.visibility is VISIBILITY[choice.name]
    assert len(VISIBILITY) == 52 and len(seen) > 45
    assert preset("ClearNoon") == preset("ClearNoon"), "the table itself is not changed"
    named = draw_weather_choice(np.random.default_rng(5), "HardRainNight")
    assert named == draw_weather_choice(np.random.default_rng(5), "HardRainNight")
    assert named.visibility is Visibility.VERY_LIMITED


def test_every_preset_is_nearest_to_itself_and_has_a_visibility() -> None:
    for name in VISIBILITY:
        found = nearest_preset(preset(name))
        assert found == name or VISIBILITY[found] is VISIBILITY[name] or preset(found) == preset(name), (name, found)
    assert visibility_of("WetSunset") is VISIBILITY["ClearSunset"], "not collected in, but the nearest is known"


def test_jpeg_quality_follows_the_weather() -> None:
    assert set(STRENGTH) == set(VISIBILITY)
    rng = np.random.default_rng(0)
    draws = [draw_jpeg_quality(rng, "ClearNoon") for _ in range(3000)]
    shares = {quality: draws.count(quality) / 3000 for quality in (30, 40, 50, 90)}
    assert shares == pytest.approx({30: 0.2 / 0.9, 40: 0.35 / 0.9, 50: 0.15 / 0.9, 90: 0.2 / 0.9}, abs=0.03)
    with pytest.raises(DatasetError, match="no JPEG quality"):
        draw_jpeg_quality(rng, "WetSunset")


def _results(status: str, score: float, *, slow: int = 0, outside: int = 0, other: int = 0) -> dict[str, Any]:
    lists = {
        "min_speed_infractions": ["slow"] * slow,
        "outside_route_lanes": ["out"] * outside,
        "red_light": ["r"] * other,
    }
    return {"status": status, "num_infractions": slow + outside + other, "infractions": lists,
            "scores": {"score_composed": score}}  # fmt: skip


@pytest.mark.parametrize(
    ("results", "accepted"),
    [
        (PERFECT, True),
        (_results("Completed", 100.0), True),
        (_results("Completed", 60.0, slow=3), True),
        (_results("Failed - Agent timed out", 40.0, slow=1), True),
        (_results("Completed", 90.0, slow=1, outside=1), True),
        (_results("Failed - Agent timed out", 40.0, outside=1), False),
        (_results("Completed", 70.0, other=1), False),
        (_results("Failed", 100.0), False),
        (_results("Failed - Agent crashed", 100.0), False),
        (_results("Failed - Simulation crashed", 10.0, slow=1), False),
        (_results("Failed - Agent couldn't be set up", 0.0), False),
        ({}, False),
        ({"status": "Completed"}, False),
    ],
)
def test_routes_are_accepted_by_the_published_rules(results: dict[str, Any], accepted: bool) -> None:
    assert (rejection(results) is None) is accepted


def test_folder_names_are_made_and_read() -> None:
    name = RouteName.at("Town12", 0, "3790_0", 0, datetime(2025, 1, 10, 5, 46, 5))
    assert str(name) == "Town12_Rep0_3790_0_route0_01_10_05_46_05"
    assert RouteName.parse(str(name)) == name
    odd = RouteName("Town10HD_Opt", -1, "my route_Rep_x", 12, "01_10_05_46_05")
    assert RouteName.parse(str(odd)) == odd
    assert RouteName.parse("Town12_Rep0_x_route0") is None


def test_routes_are_found_from_every_level(tmp_path: Path) -> None:
    route = record_route(tmp_path / "data/Accident/Town03_Rep0_1_0_route0_01_02_03_04_05", 6, scale=8)
    for place in (tmp_path, tmp_path / "data", route.parent, route):
        assert [(found.scenario, found.folder.resolve()) for found in find_routes(place)] == [("Accident", route)]
    with pytest.raises(DatasetError, match="no recorded route"):
        find_routes(route / "rgb")
