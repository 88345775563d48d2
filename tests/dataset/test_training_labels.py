"""Labels against golden numbers, and the rules that the goldens do not reach."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from recording_support import SHARED

from lead.dataset.errors import DatasetError
from lead.dataset.labels.bev import bev_semantics, crop_map
from lead.dataset.labels.box_rules import NO_CLASS, Scene, apply_rules
from lead.dataset.labels.box_table import read_boxes
from lead.dataset.labels.boxes import box_labels
from lead.dataset.labels.center_net import center_net_targets
from lead.dataset.labels.classes import FAR_LIGHT_FLAGS, BevClass, BoxClass, bev_of_map
from lead.dataset.labels.motion import command_place, read_motion
from lead.dataset.labels.path import smooth_path, without_duplicates
from lead.dataset.labels.radar import radar_labels
from lead.dataset.labels.view import NORMAL, View
from lead.sensing.rigs import CARLA_3_CAMERAS

WINDOW = CARLA_3_CAMERAS.bev
ROAD = np.ones((256, 256), np.uint8)


def golden(topic: str) -> dict[str, Any]:
    path = SHARED / f"golden/functions/{topic}.json"
    if not path.is_file():
        pytest.skip("the shared reference folder is not beside this project")
    return json.loads(path.read_text())


def dense(stored: Any) -> np.ndarray:
    if not isinstance(stored, dict):
        return np.asarray(stored)
    array = np.zeros(stored["shape"])
    if stored["index"]:
        array[tuple(np.array(stored["index"]).T)] = stored["value"]
    return array


def test_paths_are_smoothed_as_golden() -> None:
    for case in golden("path_smoothing")["cases"]:
        for stored, smoothed in zip(case["inputs"]["paths"], case["outputs"]["smoothed"], strict=True):
            path = without_duplicates(np.float32(stored))
            np.testing.assert_allclose(smooth_path(path, 20), smoothed, atol=1e-6)


def test_box_targets_are_golden() -> None:
    for case in golden("box_targets")["cases"]:
        targets = center_net_targets(np.float32(case["inputs"]["boxes"]), WINDOW, 8)
        names = [name for name in case["outputs"] if name in targets]
        assert len(names) == 9
        for name in names:
            np.testing.assert_allclose(targets[name], dense(case["outputs"][name]), atol=1e-5, err_msg=name)


def test_radar_labels_are_golden() -> None:
    for case in golden("radar_labels")["cases"]:
        labels = radar_labels(np.float32(case["inputs"]["boxes_raster"]), WINDOW)
        np.testing.assert_allclose(labels, case["outputs"]["labels"], atol=1e-5)


def test_views_are_golden() -> None:
    for case in golden("view_perturbation")["cases"]:
        inputs, outputs = case["inputs"], case["outputs"]
        view = View(inputs["lateral_m"], np.radians(inputs["yaw_deg"]))
        np.testing.assert_allclose(view.points(inputs["points"]), outputs["route"], atol=1e-9)
        np.testing.assert_allclose(view.points(inputs["points"]), outputs["waypoints"], atol=1e-9)
        np.testing.assert_allclose(view.points(inputs["lidar"]), outputs["lidar"], atol=1e-9)
        np.testing.assert_allclose(view.yaws(inputs["yaws"]), outputs["yaws"], atol=1e-9)


def test_map_classes_and_commands_are_golden() -> None:
    table = golden("class_ids")["tables"]["map"]
    assert bev_of_map(np.arange(9, dtype=np.uint8)).tolist() == [table[str(value)] for value in range(9)]
    for case in golden("small_conversions")["cases"]:
        one_hot = np.asarray(case["outputs"]["command_one_hot"])
        places = [command_place(command) for command in case["inputs"]["commands"]]
        assert places == one_hot.argmax(axis=1).tolist()


def test_fillers_make_a_phantom_only_if_asked() -> None:
    box = np.float32([[200, 160, 9, 4, 0.1, 3, 0, 0, 1]])
    corrected = center_net_targets(box, WINDOW, 8)
    published = center_net_targets(box, WINDOW, 8, phantom_target=True)
    assert corrected["center_net_avg_factor"] == 1 and corrected["center_net_heatmap"][0, 0, 0] == 0.0
    assert published["center_net_avg_factor"] == 2 and published["center_net_heatmap"][0, 0, 0] == 1.0
    assert center_net_targets(box[:0], WINDOW, 8)["center_net_avg_factor"] == 1


def test_the_later_of_two_boxes_in_a_cell_counts() -> None:
    boxes = np.float32([[200, 160, 9, 4, 0.1, 3, 0, 0, 1], [201, 161, 5, 2, 3.0, 7, 1, 1, 1]])
    targets = center_net_targets(boxes, WINDOW, 8)
    assert targets["center_net_velocity"][0, 40, 50] == 7.0
    assert targets["center_net_heatmap"][:2, 40, 50].tolist() == [1.0, 1.0]
    assert targets["center_net_avg_factor"] == 2


def test_a_box_on_the_far_edge_stays_in_the_last_cell() -> None:
    targets = center_net_targets(np.float32([[384, 320, 9, 4, 0, 0, 0, 0, 0]]), WINDOW, 8)
    assert targets["center_net_heatmap"][0, 79, 95] == 1.0


def car(**changes: Any) -> dict[str, Any]:
    box = {
        "class": "car", "id": 7, "extent": [2.0, 1.0, 0.8], "position": [10.0, 3.0, 0.0], "yaw": 0.0, "speed": 0.0,
        "brake": 0.0, "role_name": "scenario", "type_id": "vehicle.audi.a2", "lane_type_str": "Parking",
        "num_points": 30, "visible_pixels": 100, "num_radar_points": 1, "transfuser_semantics_id": 1,
    }  # fmt: skip
    return box | changes


def classes_of(boxes: list[dict[str, Any]], **scene: Any) -> tuple[list[int], list[int]]:
    scene_ = Scene(**scene)
    rules = apply_rules(read_boxes(boxes, scene_.obstacle_ids), scene_)
    return rules.box_class.tolist(), rules.bev_class.tolist()


@pytest.mark.parametrize(
    ("changes", "scene", "expected"),
    [
        ({}, {}, (BoxClass.VEHICLE, BevClass.VEHICLE)),
        ({}, {"scenario": "ParkingExit"}, (BoxClass.PARKING, BevClass.PARKING)),
        ({"speed": 0.5}, {"scenario": "ParkingExit"}, (BoxClass.VEHICLE, BevClass.VEHICLE)),
        ({"lane_type_str": "Driving"}, {"scenario": "ParkingExit"}, (BoxClass.VEHICLE, BevClass.VEHICLE)),
        ({"role_name": "background"}, {"scenario": "ParkingExit"}, (BoxClass.VEHICLE, BevClass.VEHICLE)),
        ({}, {"scenario": "Accident", "obstacle_ids": frozenset({7})}, (BoxClass.OBSTACLE, BevClass.OBSTACLE)),
        ({}, {"scenario": "Accident"}, (BoxClass.VEHICLE, BevClass.VEHICLE)),
        (
            {"type_id": "vehicle.ford.ambulance"},
            {"scenario": "Accident", "obstacle_ids": frozenset({7})},
            (BoxClass.SPECIAL, BevClass.OBSTACLE),
        ),
        ({"type_id": "vehicle.ford.ambulance", "role_name": "background"}, {}, (BoxClass.VEHICLE, BevClass.SPECIAL)),
        ({"type_id": "vehicle.bh.crossbike"}, {"scenario": "ParkingExit"}, (BoxClass.BIKER, BevClass.BIKER)),
        ({"num_points": 0, "visible_pixels": 0}, {}, (NO_CLASS, NO_CLASS)),
        ({"num_points": 0, "visible_pixels": -1}, {}, (BoxClass.VEHICLE, BevClass.VEHICLE)),
        ({"class": "static", "type_id": "static.prop.barrel"}, {}, (NO_CLASS, NO_CLASS)),
        ({"class": "static", "type_id": "static.prop.trafficwarning"}, {}, (BoxClass.OBSTACLE, BevClass.OBSTACLE)),
        (
            {"class": "static", "type_id": "static.prop.mesh", "mesh_path": "/Game/ParkedVehicles/X/SM_X.SM_X"},
            {},
            (BoxClass.PARKING, BevClass.PARKING),
        ),
        ({"class": "static_prop_car"}, {}, (BoxClass.PARKING, BevClass.PARKING)),
        ({"class": "walker", "transfuser_semantics_id": 4}, {}, (BoxClass.WALKER, BevClass.WALKER)),
        (
            {"class": "walker", "transfuser_semantics_id": 4, "num_points": 4, "visible_pixels": 14},
            {},
            (NO_CLASS, NO_CLASS),
        ),
        ({"class": "traffic_light", "affects_ego": True, "state": "Red"}, {}, (BoxClass.TRAFFIC_LIGHT, BevClass.RED)),
        (
            {"class": "traffic_light", "affects_ego": True, "state": "Yellow"},
            {"has_far_lights": True},
            (BoxClass.TRAFFIC_LIGHT, BevClass.RED_FAR),
        ),
        ({"class": "traffic_light", "affects_ego": True, "state": "Green"}, {}, (NO_CLASS, BevClass.GREEN)),
        ({"class": "traffic_light", "affects_ego": False, "state": "Red"}, {}, (NO_CLASS, NO_CLASS)),
        ({"class": "stop_sign", "affects_ego": True}, {}, (BoxClass.STOP_SIGN, NO_CLASS)),
        ({"class": "stop_sign", "affects_ego": False}, {}, (NO_CLASS, NO_CLASS)),
    ],
)
def test_classes_follow_the_rules(changes: dict[str, Any], scene: dict[str, Any], expected: tuple[int, int]) -> None:
    boxes, bev = classes_of([car(**changes)], **scene)
    assert (boxes[0], bev[0]) == expected


def test_an_open_door_widens_a_car_on_the_side_of_the_door() -> None:
    meta = {
        "current_active_scenario_type": "VehicleOpensDoorTwoWays",
        "scenario_obstacles_ids": [7],
        "vehicle_opened_door": True,
        "vehicle_door_side": ["left"],
    }
    scene = Scene.of(meta, FAR_LIGHT_FLAGS)
    # The car is parked across the ego's way: its left is behind it as the ego sees it.
    table = read_boxes([car(yaw=np.pi / 2)], scene.obstacle_ids)
    rules = apply_rules(table, scene)
    assert rules.box_class.tolist() == [BoxClass.OBSTACLE]
    label = box_labels(table, rules, NORMAL, WINDOW)[0]
    np.testing.assert_allclose(label[:4], [(10.6 + 32) * 4, (3 + 40) * 4, 8.0, 6.4], rtol=1e-6)
    published = box_labels(table, rules, NORMAL, WINDOW, door_in_ego_frame=True)[0]
    np.testing.assert_allclose(published[:4], [(10 + 32) * 4, (3.6 + 40) * 4, 8.0, 6.4], rtol=1e-6)
    closed = Scene.of(meta | {"vehicle_opened_door": False}, FAR_LIGHT_FLAGS)
    assert apply_rules(table, closed).box_class.tolist() == [BoxClass.PARKING]


def test_boxes_outside_are_left_out_and_ninety_are_the_most() -> None:
    places = [[64.0, 0.0, 0.0], [0.0, -40.0, 0.0], [0.0, 0.0, 4.0], [63.9, 39.9, 3.9]]
    table = read_boxes([car(position=place) for place in places])
    assert len(box_labels(table, apply_rules(table, Scene()), NORMAL, WINDOW)) == 1
    table = read_boxes([car(position=[0.1 * k, 0.0, 0.0]) for k in range(120)])
    labels = box_labels(table, apply_rules(table, Scene()), NORMAL, WINDOW)
    assert labels.shape == (90, 9)
    assert labels[-1, 0] == pytest.approx((8.9 + 32) * 4)


def test_boxes_are_seen_from_the_twin() -> None:
    table = read_boxes([car(position=[20.0, 1.0, 0.0], yaw=0.3)])
    rules = apply_rules(table, Scene())
    view = View(1.0, 0.3)
    label = box_labels(table, rules, view, WINDOW)[0]
    expected = [20.0 * np.cos(0.3), -20.0 * np.sin(0.3)]
    np.testing.assert_allclose(label[:2] / 4 - [32, 40], expected, atol=1e-4)
    assert label[4] == pytest.approx(0.0, abs=1e-6)


def test_cones_and_warnings_mark_a_site() -> None:
    def prop(kind: str, x: float, y: float) -> dict[str, Any]:
        return car(**{"class": "static", "type_id": f"static.prop.{kind}", "position": [x, y, 0.0]})

    cones = [prop("constructioncone", 10.0 + 2.0 * (k % 3), 4.0 * (k // 3)) for k in range(6)]
    site = [*cones, prop("trafficwarning", 8.0, 2.0)]

    def middle(boxes: list[dict[str, Any]]) -> int:
        table = read_boxes(boxes)
        image = bev_semantics(ROAD, table, apply_rules(table, Scene()), NORMAL, WINDOW)
        return int(image[(2 + 40) * 4, (13 + 32) * 4])

    assert middle(site) == BevClass.OBSTACLE
    assert middle(cones) == middle(site[1:]) == BevClass.ROAD
    assert middle([*site[:-1], prop("trafficwarning", -28.0, 2.0)]) == BevClass.ROAD


def test_painting_covers_the_whole_size_of_a_car_and_enlarges_walkers() -> None:
    for box, pixels in ((car(yaw=0.0), 16 * 8), (car(**{"class": "walker", "transfuser_semantics_id": 4}), 40 * 20)):
        table = read_boxes([box])
        image = bev_semantics(ROAD, table, apply_rules(table, Scene()), NORMAL, WINDOW)
        painted = int((image != BevClass.ROAD).sum())
        assert pixels <= painted <= pixels * 1.25


def test_the_crop_of_the_map_has_its_corner_at_the_window() -> None:
    values = np.zeros((256, 256), np.uint8)
    values[48, 64] = 1
    crop = crop_map(values, WINDOW)
    assert crop.shape == (320, 384) and crop[:2, :2].tolist() == [[1, 1], [1, 1]] and crop.sum() == 4


def test_a_light_hull_shows_the_strictest_light_only() -> None:
    def light(x: float, state: str) -> dict[str, Any]:
        changes = {"class": "traffic_light", "affects_ego": True, "state": state, "position": [x, 0.0, 0.0]}
        return car(**changes)

    table = read_boxes([light(10.0, "Green"), light(30.0, "Green"), light(50.0, "Red")])
    image = bev_semantics(ROAD, table, apply_rules(table, Scene()), NORMAL, WINDOW)
    assert image[160, (20 + 32) * 4] == BevClass.ROAD
    table = read_boxes([light(10.0, "Green"), light(30.0, "Green")])
    image = bev_semantics(ROAD, table, apply_rules(table, Scene()), NORMAL, WINDOW)
    assert image[160, (20 + 32) * 4] == BevClass.GREEN


@pytest.mark.parametrize("key", ["position", "extent", "yaw"])
def test_boxes_without_numbers_are_an_error(key: str) -> None:
    box = car()
    box[key] = [float("nan")] * 3 if key != "yaw" else float("inf")
    with pytest.raises(DatasetError, match="no finite number"):
        read_boxes([box])
    del box[key]
    with pytest.raises(DatasetError, match=key):
        read_boxes([box])


def motion_meta(**changes: Any) -> dict[str, Any]:
    meta = {
        "speed": 5.0, "target_speed": 8.0, "theta": np.pi / 2, "brake": False, "pos_global": [100.0, 50.0, 0.0],
        "future_positions": np.stack([0.25 * np.arange(61), np.zeros(61), np.zeros(61)], axis=1).astype(np.float32),
        "future_yaws": np.zeros(61, np.float32),
        "route": np.stack([np.arange(50) + 2.5, np.zeros(50)], axis=1).astype(np.float32),
        "next_target_points_3.25": [[100.0, 40.0, 0.0], [100.0, 60.0, 0.0], [100.0, 60.0, 0.0], [90.0, 80.0, 0.0]],
        "next_commands_3.25": [2, 4, 4, 1],
    }  # fmt: skip
    return meta | changes


def test_motion_reads_futures_targets_and_commands() -> None:
    motion = read_motion(motion_meta())
    np.testing.assert_allclose(motion.waypoints[:, 0], 0.25 * np.arange(5, 41, 5))
    np.testing.assert_allclose(motion.path[:, 0], np.arange(10) + 2.5, atol=1e-6)
    np.testing.assert_allclose(motion.target_points, [[-10, 0], [10, 0], [30, 10]], atol=1e-5)
    assert motion.commands.tolist() == [1, 3]
    two = read_motion(motion_meta(**{"next_target_points_3.25": [[100, 60, 0]] * 2, "next_commands_3.25": [4, 4]}))
    np.testing.assert_allclose(two.target_points, [[10, 0]] * 3, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"speed": float("nan")}, "speed_mps"),
        ({"target_speed": -1.0}, "target speed"),
        ({"future_positions": np.full((61, 3), np.nan, np.float32)}, "waypoints"),
        ({"route": np.full((50, 2), np.nan, np.float32)}, "route"),
        ({"next_commands_3.25": [4]}, "commands"),
        ({"next_target_points_3.25": None}, "something else"),
        ({"pos_global": "here"}, "something else"),
        ({"theta": float("inf")}, "something else"),
    ],
)
def test_metas_without_numbers_are_an_error(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        read_motion(motion_meta(**changes))


def test_a_missing_meta_is_named() -> None:
    meta = motion_meta()
    del meta["brake"]
    with pytest.raises(DatasetError, match="brake"):
        read_motion(meta)
