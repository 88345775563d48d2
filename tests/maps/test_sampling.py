"""Lane samples and spawn points."""

from __future__ import annotations

from collections.abc import Callable

import carla
import numpy as np
import pytest
from scipy.spatial import cKDTree

from lead.maps.layout import LANE_DTYPE, LaneType


def test_samples_are_dense_ordered_and_face_along_traffic(town: Callable) -> None:
    lanes = town("Town10HD").lanes
    assert lanes.dtype == LANE_DTYPE
    same = np.ones(len(lanes) - 1, dtype=bool)
    for field in ("road_id", "lane_id", "section"):
        same &= np.diff(lanes[field]) == 0
    ds = np.diff(lanes["s"])[same]
    assert ds.min() >= 0.0 and ds.max() <= 2.0 + 1e-3
    step = np.stack([np.diff(lanes["x"]), np.diff(lanes["y"])], axis=1)[same]
    first = lanes[:-1][same]
    sign = np.where(first["lane_id"] < 0, 1.0, -1.0)
    along = sign * (step[:, 0] * np.cos(first["yaw"]) + step[:, 1] * np.sin(first["yaw"]))
    assert (along[ds > 0.1] > 0.0).mean() > 0.999
    assert set(np.unique(lanes["lane_type"])) >= {LaneType.DRIVING, LaneType.SHOULDER, LaneType.SIDEWALK}


def test_samples_know_their_junction(town: Callable, client_map: Callable) -> None:
    compiled = town("Town10HD")
    client = client_map(compiled)
    driving = compiled.lanes[compiled.lanes["lane_type"] == LaneType.DRIVING]
    for sample in driving[:: len(driving) // 200]:
        waypoint = client.get_waypoint_xodr(int(sample["road_id"]), int(sample["lane_id"]), float(sample["s"]))
        if waypoint is not None:
            assert waypoint.is_junction == (sample["junction_id"] >= 0)
            assert not waypoint.is_junction or waypoint.junction_id == sample["junction_id"]


@pytest.mark.parametrize(
    ("name", "least", "most"), [("Town01", 200, 400), ("Town10HD", 100, 300), ("Town04", 300, 1500)]
)
def test_spawn_points_leave_room(name: str, least: int, most: int, town: Callable, client_map: Callable) -> None:
    compiled = town(name)
    points = compiled.spawn_points
    assert least <= len(points) <= most
    distance, _ = cKDTree(points[:, :3]).query(points[:, :3], k=2)
    assert distance[:, 1].min() >= 8.0 - 1e-6
    client = client_map(compiled)
    for x, y, z, _, yaw, roll in points[::3]:
        waypoint = client.get_waypoint(carla.Location(x, y, z - 0.5))
        # The client looks up lanes on a simplified line and may come out a little further along.
        away = waypoint.transform.location - carla.Location(x, y, z - 0.5)
        assert abs(away.dot(waypoint.transform.get_right_vector())) < 0.1
        assert away.length() < 1.0
        assert abs((waypoint.transform.rotation.yaw - yaw + 180.0) % 360.0 - 180.0) < 5.0
        assert waypoint.lane_width >= 2.39
        assert roll == 0.0
        assert not any(other.is_junction for other in (waypoint, *waypoint.next(4.5), *waypoint.previous(4.5)))
