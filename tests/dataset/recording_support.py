"""Made-up recordings: labels with every key of the format, frames with every modality, and a drive of some seconds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lead.dataset.frame import RADARS, Frame, PointCloud
from lead.dataset.route_writer import RouteWriter
from lead.dataset.schema import FUTURE_KEYS, META_ALL, PLANNER_KEYS

SHARED = Path(__file__).resolve().parents[3] / "shared"
GOLDEN_ROUTE = SHARED / (
    "golden/synthetic_route/carla_leaderboard2/data/Accident/Town12_Rep0_1_0_route0_01_01_00_00_00"
)
FUTURE_META = {
    "future_speeds",
    "future_yaws",
    "future_positions",
    "privileged_acceleration",
    "privileged_rotation_speed",
}
PERFECT = {
    "status": "Perfect",
    "num_infractions": 0,
    "infractions": {"min_speed_infractions": [], "outside_route_lanes": []},
    "scores": {"score_composed": 100.0, "score_route": 100.0, "score_penalty": 1.0},
    "meta": {"route_length": 120.0},
}
SPEED_MPS = 8.0


def golden_route() -> Path:
    """The published format's small route, or skip."""
    if not GOLDEN_ROUTE.is_dir():
        pytest.skip("the shared reference folder is not beside this project")
    return GOLDEN_ROUTE


def pose_matrix(x: float, y: float, yaw_rad: float) -> np.ndarray:
    cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
    return np.array([[cos, -sin, 0, x], [sin, cos, 0, y], [0, 0, 1, 0.5], [0, 0, 0, 1]], np.float64)


def ego_pose(step: int) -> tuple[float, float, float]:
    """A constant turn: x, y, yaw."""
    yaw = 0.3 + 0.01 * step
    return 100.0 + 0.4 * step, -20.0 + 0.05 * step, yaw


def car_pose(step: int, car: int) -> tuple[float, float, float]:
    return 110.0 + 5.0 * car + 0.3 * step, -18.0 - car, 0.2 - 0.02 * step


def make_boxes(step: int, ids: tuple[int, ...] = (7, 8)) -> list[dict[str, Any]]:
    ego = pose_matrix(*ego_pose(step))
    boxes: list[dict[str, Any]] = [
        {
            "class": "ego_car",
            "transfuser_semantics_id": 0,
            "extent": [2.4, 1.06, 0.75],
            "position": [0, 0, 0],
            "yaw": 0.0,
            "num_points": -1,
            "distance": 0,
            "speed": SPEED_MPS,
            "brake": 0.0,
            "id": 1,
            "matrix": ego.tolist(),
            "visible_pixels": -1,
        }
    ]
    for car, key in enumerate(ids):
        matrix = pose_matrix(*car_pose(step, car))
        place = ego[:3, :3].T @ (matrix[:3, 3] - ego[:3, 3])
        boxes.append(
            {
                "class": "car",
                "ego_velocity": [1.0, 0.0],
                "next_action": None,
                "vehicle_cuts_in": False,
                "road_id": 3,
                "lane_id": -1,
                "lane_type_str": "Driving",
                "base_type": "car",
                "transfuser_semantics_id": 1,
                "extent": [2.2, 0.9, 0.7],
                "position": place.tolist(),
                "yaw": car_pose(step, car)[2] - ego_pose(step)[2],
                "num_points": 30,
                "num_radar_points": 2,
                "distance": np.float64(np.linalg.norm(place)),
                "speed": 6.0,
                "brake": 0.0,
                "steer": 0.0,
                "throttle": 0.5,
                "id": key,
                "role_name": "background",
                "type_id": "vehicle.tesla.model3",
                "matrix": matrix.tolist(),
                "speed_limit": 50.0,
                "visible_pixels": 120,
            }
        )
    return boxes


def make_meta(step: int) -> dict[str, Any]:
    """Every key that a recorder hands over: those that look ahead are left out."""
    values: dict[str, Any] = {
        "int": 0, "float": 0.0, "bool": False, "str": "", "list": [], "dict": {}, "any": None,
        "float32/1": np.zeros(3, np.float32), "float32/2": np.zeros((20, 2), np.float32),
    }  # fmt: skip
    meta = {key: values[kind.removesuffix("?")] for key, kind in META_ALL.items() if key not in FUTURE_META}
    meta |= {key: [[0.0, 0.0, 0.0]] if "points" in key else [4] for key in PLANNER_KEYS}
    x, y, yaw = ego_pose(step)
    return meta | {
        "town": "Town03",
        "scenario": "Accident",
        "weather_setting": "ClearNoon",
        "weather_parameters": {"fog_density": 2.0},
        "jpeg_storage_quality": 30,
        "speed": SPEED_MPS + 0.1 * step,
        "target_speed": 8.0,
        "theta": yaw,
        "privileged_yaw": yaw,
        "pos_global": [x, y, 0.5],
        "ego_matrix": pose_matrix(x, y, yaw).astype(np.float32),
        "route": np.stack([np.arange(1, 51), 0.01 * np.arange(1, 51) ** 2], axis=1).astype(np.float32),
        "dataset_information": {"save_depth_resolution_ratio": 4, "target_dataset": 1, "data_save_freq": 5},
    }


def make_frame(seed: int, cameras: int = 3, scale: int = 1) -> Frame:
    """A frame with every modality but the third person's."""
    rng = np.random.default_rng(seed)
    height, width = 384 // scale, 384 * cameras // scale
    coarse = rng.integers(0, 255, (height // 16, width // 16, 3), dtype=np.uint8)
    rgb = np.ascontiguousarray(np.kron(coarse, np.ones((16, 16, 1), np.uint8)))
    semantics = np.ascontiguousarray(
        np.kron(rng.integers(0, 10, (height // 16, width // 16), dtype=np.uint8), np.ones((16, 16), np.uint8))
    )
    depth = rng.integers(0, 255, (height // 4, width // 4), dtype=np.uint8)
    hdmap = rng.choice(np.array([0, 1, 3, 4], np.uint8), (256, 256))
    points = rng.uniform((-32, -40, -4), (64, 40, 10), (2000, 3)).astype(np.float32)
    cloud = PointCloud(points, rng.integers(0, 10, 2000).astype(np.uint8))
    radar = {name: rng.uniform(-50, 50, (20 + index, 4)) for index, name in enumerate(RADARS)}
    return Frame(
        rgb, rgb[:, ::-1].copy(), semantics, semantics[:, ::-1].copy(), depth, depth[:, ::-1].copy(),
        hdmap, hdmap[:, ::-1].copy(), cloud, radar, {name: part + 1.0 for name, part in radar.items()},
    )  # fmt: skip


def record_route(route_dir: Path, ticks: int = 21, *, cameras: int = 3, scale: int = 1) -> Path:
    """Record a whole drive."""
    with RouteWriter(route_dir) as writer:
        for step in range(ticks):
            writer.append(step, make_boxes(step), make_meta(step))
            if step % 5 == 0:
                writer.save(step, make_frame(step, cameras, scale))
        writer.finish(PERFECT)
    return route_dir


def has_all_future_keys(box: dict[str, Any]) -> bool:
    return set(FUTURE_KEYS) <= set(box)
