"""Each rule of scenario mining on made-up labels, and the table that is kept of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recording_support import PERFECT, golden_route, make_boxes, make_frame, make_meta

from lead.dataset.collections import summary, town_held_out
from lead.dataset.errors import DatasetError
from lead.dataset.layout import METAS, frame_path
from lead.dataset.loading.sampling import EpochPlan
from lead.dataset.mining import (
    BALANCED_RULES,
    GENERAL_RULES,
    NAVSIM_RULES,
    SCENARIO_RULES,
    UNUSABLE,
    WAYMO_RULES,
    mine,
    sort_into_groups,
    with_towns,
)
from lead.dataset.mining_features import FEATURES, frame_features, read_features
from lead.dataset.route_index import FrameIndex, RouteEntry, build_index
from lead.dataset.route_writer import RouteWriter

OBSTACLE, ACTOR = 50, 60


def _meta(**changes: Any) -> dict[str, Any]:
    """A frame of plain driving."""
    meta: dict[str, Any] = {
        "current_active_scenario_type": None,
        "visual_visibility": 0,
        "speed": 8.0,
        "target_speed": 8.0,
        "privileged_acceleration": 0.0,
        "speed_limit": 80.0 / 3.6,
        "route_curvature": 0.0,
        "distance_to_next_junction": 60.0,
        "scenario_obstacles_ids": [OBSTACLE],
        "scenario_actors_ids": [ACTOR],
        "cut_in_actors_ids": [],
        "brake": False,
        "theta": 0.0,
        "pos_global": [10.0, 0.0, 0.0],
        "next_target_points_3.25": [[20.0, 0.0, 0.0], [60.0, 0.0, 0.0], [90.0, 0.0, 0.0]],
        "next_commands_3.25": [4, 4, 4],
        "route": np.stack([np.arange(1.0, 51.0), np.zeros(50)], axis=1).astype(np.float32),
        "future_positions": np.zeros((61, 3), np.float32),
        "future_yaws": np.zeros(61, np.float32),
    }
    return meta | changes


def _box(kind: str, x: float, y: float = 0.0, **changes: Any) -> dict[str, Any]:
    return {"class": kind, "position": [x, y, 0.0], "extent": [1.0, 1.0, 1.0], "yaw": 0.0, "id": 1, **changes}


def _obstacle(x: float, speed: float = 0.0) -> dict[str, Any]:
    return _box("car", x, id=OBSTACLE, speed=speed)


def _actor(x: float, speed: float = 3.0) -> dict[str, Any]:
    return _box("walker", x, id=ACTOR, speed=speed)


def _cone(x: float) -> dict[str, Any]:
    return _box("static", x, type_id="static.prop.constructioncone", speed=0.0)


def _light(x: float, state: str = "Red", **changes: Any) -> dict[str, Any]:
    return _box("traffic_light", x, state=state, affects_ego=True, **changes)


def _group(meta: dict[str, Any], boxes: list[dict[str, Any]], town: str = "Town12", rules: Any = NAVSIM_RULES) -> str:
    table = np.array([frame_features(meta, boxes)], FEATURES)
    groups = sort_into_groups(with_towns(table, np.array([town.encode()])), rules)
    (found,) = [group.name for group in groups if len(group.indices)]
    return found


IN_SCENARIO: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "Accident": ({}, [_obstacle(41.0)]),
    "BlockedIntersection": ({}, [_obstacle(14.0)]),
    "ConstructionObstacle": ({}, [_cone(-9.0)]),
    "CrossingBicycleFlow": ({}, [_actor(9.0)]),
    "CrossJunctionDefectTrafficLight": ({"distance_to_next_junction": 9.0}, []),
    "DynamicObjectCrossing": ({}, [_actor(19.0)]),
    "HardBreakRoute": ({"brake": True, "privileged_acceleration": -3.5}, []),
    "HazardAtSideLane": ({}, [_actor(19.0)]),
    "HighwayCutIn": ({}, [_actor(31.0)]),
    "InterurbanActorFlow": ({"distance_to_next_junction": 4.0}, []),
    "InvadingTurn": ({}, [_cone(15.0)]),
    "OppositeVehicleRunningRedLight": ({}, [_actor(70.0)]),
    "ParkedObstacle": ({}, [_obstacle(34.0)]),
    "ParkingCrossingPedestrian": ({}, [_actor(19.0)]),
    "ParkingCutIn": ({}, [_actor(19.0)]),
    "PriorityAtJunction": ({"distance_to_next_junction": 4.0}, []),
    "VehicleOpensDoorTwoWays": ({}, [_obstacle(23.0)]),
    "VehicleTurningRoute": ({}, [_actor(14.0)]),
}
"""What makes a frame interesting, where that is more than the scenario."""
NOT_IN_SCENARIO: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "Accident": ({}, [_obstacle(-5.0)]),
    "BlockedIntersection": ({}, [_obstacle(14.0, speed=2.0)]),
    "ConstructionObstacle": ({}, [_cone(-11.0), _cone(43.0)]),
    "HardBreakRoute": ({"brake": True, "privileged_acceleration": -2.0}, []),
    "InvadingTurn": ({}, [_cone(-1.0), _cone(17.0)]),
    "OppositeVehicleRunningRedLight": ({}, [_actor(5.0, speed=0.0)]),
    "ParkedObstacle": ({}, [_obstacle(36.0)]),
    "VehicleOpensDoorTwoWays": ({}, [_obstacle(25.0)]),
}


@pytest.mark.parametrize("scenario", [rule.name for rule in SCENARIO_RULES])
def test_frames_of_a_scenario_go_to_its_rule(scenario: str) -> None:
    change, boxes = IN_SCENARIO.get(scenario, ({}, []))
    assert _group(_meta(current_active_scenario_type=scenario, **change), boxes) == scenario
    assert _group(_meta(**change), boxes) != scenario


@pytest.mark.parametrize("scenario", sorted(IN_SCENARIO))
def test_dull_moments_of_a_scenario_do_not(scenario: str) -> None:
    change, boxes = NOT_IN_SCENARIO.get(scenario, ({}, []))
    assert _group(_meta(current_active_scenario_type=scenario, **change), boxes) == "others"


def _turning() -> np.ndarray:
    angle = np.linspace(0.05, np.pi / 2, 50)
    return np.stack([13 * np.sin(angle), 13 * (1 - np.cos(angle))], axis=1).astype(np.float32)


GENERAL: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "red overhead light": ({}, [_light(30.0, is_over_head_traffic_light=True)]),
    "red European light": ({}, [_light(30.0, is_europe_traffic_light=True)]),
    "occluded junction": ({"slower_occluded_junction": True, "distance_to_next_junction": 4.0}, []),
    "acceleration above 17.5 m/s2": ({"privileged_acceleration": -18.0}, []),
    "path turns away": ({"route": np.concatenate([_turning()[::2], _turning()[-1:].repeat(25, 0)])}, []),
    "stop sign": ({"stop_sign_hazard": True}, [_box("stop_sign", 9.0, affects_ego=True)]),
    "entering a junction": ({"distance_to_next_junction": 3.0, "privileged_acceleration": 2.5}, []),
    "slow junction": ({"distance_to_next_junction": 0.0, "speed_limit": 30 / 3.6}, []),
    "target point behind": ({"next_target_points_3.25": [[20.0, 0, 0], [9.0, 5.0, 0], [90.0, 0, 0]]}, []),
    "vehicle ahead": ({"vehicle_hazard": True}, []),
    "waiting at a red light": ({"light_hazard": True, "speed": 0.0}, [_light(4.0)]),
    "far target point": ({"next_target_points_3.25": [[20.0, 0, 0], [186.0, 0, 0], [190.0, 0, 0]]}, []),
    "acceleration above 15 m/s2": ({"privileged_acceleration": 16.0}, []),
    "acceleration above 12.5 m/s2": ({"privileged_acceleration": -13.0}, []),
    "curve of 6.7 m": ({"route_curvature": -0.2}, []),
    "curve of 13 m": ({"route_curvature": 0.1}, []),
    "others": ({"route_curvature": 0.1, "speed": 0.0}, []),
}


@pytest.mark.parametrize("name", [rule.name for rule in GENERAL_RULES if rule.name != "Town15"])
def test_general_rules(name: str) -> None:
    change, boxes = GENERAL[name]
    assert _group(_meta(**change), boxes) == name


@pytest.mark.parametrize(
    ("change", "boxes"),
    [
        ({"distance_to_next_junction": 0.5, "speed_limit": 50 / 3.6}, []),
        ({}, [_light(30.0, "Green", is_over_head_traffic_light=True)]),
        ({}, [_light(30.0, is_over_head_traffic_light=True) | {"affects_ego": False}]),
        ({"stop_sign_hazard": True}, [_box("stop_sign", 11.0, affects_ego=True)]),
        ({"light_hazard": True, "speed": 0.0}, [_light(6.0)]),
        ({"privileged_acceleration": None, "distance_to_next_junction": None, "route_curvature": None}, []),
    ],
)
def test_plain_driving_and_unknown_numbers_are_others(change: dict[str, Any], boxes: list[Any]) -> None:
    assert _group(_meta(**change), boxes) == "others"


def test_the_first_rule_wins_and_waymo_takes_bad_weather() -> None:
    rain = _meta(visual_visibility=2, current_active_scenario_type="PedestrianCrossing", vehicle_hazard=True)
    assert _group(rain, []) == "bad weather"
    assert _group(rain, [], rules=WAYMO_RULES) == "PedestrianCrossing"
    assert _group(_meta(), [], "Town15") == "Town15" and _group(_meta(vehicle_hazard=True), [], "Town15") != "Town15"


def test_rates_of_the_published_table() -> None:
    rates = {rule.name: rule.rate for rule in NAVSIM_RULES}
    assert len(NAVSIM_RULES) == len(rates) == len(WAYMO_RULES) + 1
    assert {rates[name] for name in ("OppositeVehicleTakingPriority", "ParkingCutIn", "StaticCutIn")} == {5.0}
    assert rates["ConstructionObstacleTwoWays"] == rates["others"] == 0.1 and rates["bad weather"] == 0.0


TARGETS = {"next_target_points_3.25": [[90.0, 0, 0], [130.0, 0, 0]], "next_commands_3.25": [4, 4]}


@pytest.fixture
def index(tmp_path: Path) -> FrameIndex:
    for number in range(2):
        name = f"Town0{number + 1}_Rep0_file_route{number}_01_01_00_00_00"
        with RouteWriter(tmp_path / "data" / "Accident" / name) as writer:
            for step in range(46):
                writer.append(step, make_boxes(step), make_meta(step) | TARGETS)
                if step % 5 == 0:
                    writer.save(step, make_frame(step, scale=8))
            writer.finish(PERFECT)
    return build_index(tmp_path, skip_first=1, skip_last=1)


def test_a_data_set_is_read_once(
    index: FrameIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = index.root / index.routes[1].relative_dir
    frame_path(broken, METAS, 3).write_bytes(b"damaged")
    groups = mine(index, NAVSIM_RULES, tmp_path / "mined", workers=2)
    assert sum(len(group.indices) for group in groups) == len(index)
    assert "1 of 16 samples" in caplog.text
    unusable = next(group for group in groups if group.name == UNUSABLE)
    assert unusable.rate == 0.0 and index.frame[unusable.indices].tolist() == [3]
    first = read_features(index, tmp_path / "mined")
    monkeypatch.setattr("lead.dataset.mining_features.route_features", _refuse)
    assert np.array_equal(read_features(index, tmp_path / "mined")["speed_mps"], first["speed_mps"])
    monkeypatch.undo()
    (file,) = (tmp_path / "mined").iterdir()
    file.write_bytes(file.read_bytes()[:-200])
    again = read_features(index, tmp_path / "mined")
    assert np.array_equal(again["speed_mps"], first["speed_mps"]) and file.stat().st_size > 500


def _refuse(_task: Any) -> Any:
    raise AssertionError("labels are read again")


def test_another_data_set_has_another_file(index: FrameIndex, tmp_path: Path) -> None:
    read_features(index, tmp_path / "mined")
    read_features(index.select(lambda entry: entry.town == "Town01"), tmp_path / "mined")
    assert len(list((tmp_path / "mined").iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_said(index: FrameIndex, tmp_path: Path) -> None:
    (tmp_path / "mined").write_text("a file")
    with pytest.raises(DatasetError, match="mined cannot be made"):
        read_features(index, tmp_path / "mined")


def test_golden_metas_can_be_mined(tmp_path: Path) -> None:
    index = build_index(golden_route().parents[2], skip_first=8, skip_last=8)
    groups = {group.name: group.indices.tolist() for group in mine(index, NAVSIM_RULES, tmp_path)}
    assert groups["Accident"] == [0, 1, 2, 3]  # its obstacles stand 18 m ahead


def _index(towns: list[str], frames: int = 10) -> FrameIndex:
    routes = tuple(RouteEntry(f"data/s/{town}_r{i}", "s", town, frames, False, False) for i, town in enumerate(towns))
    route = np.repeat(np.arange(len(towns), dtype=np.int32), frames)
    return FrameIndex(Path("root"), routes, route, np.tile(np.arange(frames, dtype=np.int32), len(towns)))


@pytest.mark.parametrize("word", ["Town13", "Town13_Opt"])
def test_a_held_out_town_is_replaced_by_more_of_the_others(word: str) -> None:
    index = _index(["Town01", word, "Town12"])
    groups = town_held_out(index)
    plan = EpochPlan([groups], 5, seed=1)
    drawn = plan.batches(0)[..., 1].ravel()
    assert len(drawn) == 30 and not ((drawn >= 10) & (drawn < 20)).any()
    assert summary(groups) == "all but Town13: 20 samples at rate 1.5, 100.0%\nTown13: 10 samples at rate 0, 0.0%"
    with pytest.raises(DatasetError, match="held out"):
        town_held_out(_index([word]))


TURN = np.concatenate([_turning()[::2], _turning()[-1:].repeat(25, 0)])


@pytest.mark.parametrize(
    ("changes", "group"),
    [
        ({"speed": 0.0, "brake": True}, "standing"),
        ({"speed": 0.0}, "driving off"),
        ({"speed": 0.9}, "driving off"),
        ({"speed": 0.9, "brake": True}, "others"),
        ({"speed": 1.1}, "others"),
        ({"speed": 1.1, "route": TURN}, "turning"),
        ({"speed": 0.9, "route": TURN}, "driving off"),
        ({"speed": 1.1, "brake": True}, "braking"),
        ({"speed": 5.0, "route": TURN, "brake": True}, "braking"),
        ({"speed": 5.0, "route": TURN + (0.0, 0.5)}, "off the path"),
        ({"speed": 5.0, "route": TURN - (0.0, 0.5)}, "off the path"),
        ({"speed": 0.9, "route": TURN - (0.0, 0.5)}, "driving off"),
    ],
)
def test_a_balanced_training_sees_cars_drive_off_brake_turn_and_come_back(changes: dict[str, Any], group: str) -> None:
    assert _group(_meta(**changes), [], rules=BALANCED_RULES) == group
