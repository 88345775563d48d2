"""Heights, levels and nearest lanes of the ground index."""

from __future__ import annotations

from collections.abc import Callable

import carla
import numpy as np
import pytest
from scipy.spatial import cKDTree
from xodr_support import opendrive, road, straight

from lead.maps.compiled import CompiledMap, compile_map
from lead.maps.ground import REACH_M, GroundIndex
from lead.maps.layout import LaneType


def lane_points(compiled: CompiledMap, client: carla.Map, count: int) -> tuple[np.ndarray, list[carla.Waypoint]]:
    """Random points [n, 3] across the width of driving lanes, and their waypoints."""
    rng = np.random.default_rng(5)
    usable = np.flatnonzero((compiled.lanes["lane_type"] == LaneType.DRIVING) & (compiled.lanes["half_width"] > 0.5))
    points, waypoints = [], []
    for sample in compiled.lanes[rng.choice(usable, count)]:
        s = float(sample["s"]) + rng.uniform(-1.0, 1.0)
        waypoint = client.get_waypoint_xodr(int(sample["road_id"]), int(sample["lane_id"]), s)
        if waypoint is None:
            continue
        yaw = np.radians(waypoint.transform.rotation.yaw)
        side = rng.uniform(-0.45, 0.45) * waypoint.lane_width
        location = waypoint.transform.location
        points.append((location.x - np.sin(yaw) * side, location.y + np.cos(yaw) * side, location.z))
        waypoints.append(waypoint)
    return np.array(points), waypoints


def assert_heights_agree(compiled: CompiledMap, client: carla.Map, count: int) -> None:
    points, waypoints = lane_points(compiled, client, count)
    junction = np.array([waypoint.is_junction for waypoint in waypoints])
    ground = compiled.ground_index()
    for hint in (0.0, 0.9, -0.9):
        hits = ground.query(points + np.array([0.0, 0.0, hint]))
        error = np.abs(hits.z - points[:, 2])
        assert error[~junction].max() < 0.02
        assert error.max() < 1.0
        same_lane = [
            (sample["road_id"], sample["lane_id"]) == (waypoint.road_id, waypoint.lane_id)
            for sample, waypoint in zip(compiled.lanes[hits.lane], waypoints, strict=True)
        ]
        assert np.mean(np.array(same_lane)[~junction]) > 0.95
    # Connecting roads that overlap differ in height in the map itself; at the right height most agree.
    assert np.quantile(np.abs(ground.query(points).z - points[:, 2])[junction], 0.95) < 0.03


@pytest.mark.parametrize("name", ["Town01", "Town04", "Town10HD"])
def test_heights_agree_with_the_client(name: str, town: Callable, client_map: Callable) -> None:
    compiled = town(name)
    assert_heights_agree(compiled, client_map(compiled), 800)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Town03", "Town05", "Town07", "Town15", "Town11", "Town12", "Town13"])
def test_heights_agree_with_the_client_in_hilly_towns(name: str, town: Callable, client_map: Callable) -> None:
    compiled = town(name)
    assert_heights_agree(compiled, client_map(compiled), 2000)


def assert_levels(compiled: CompiledMap) -> int:
    """Queries each pair of driving lanes that cross at different heights on both levels; returns their number."""
    lanes = compiled.lanes[(compiled.lanes["lane_type"] == LaneType.DRIVING) & (compiled.lanes["half_width"] > 1.0)]
    xy = np.stack([lanes["x"], lanes["y"]], axis=1)
    pairs = cKDTree(xy).query_pairs(1.0, output_type="ndarray")
    apart = np.abs(lanes["z"][pairs[:, 0]] - lanes["z"][pairs[:, 1]]) > 3.0
    crossing = lanes[pairs[apart].ravel()]
    points = np.stack([crossing["x"], crossing["y"], crossing["z"]], axis=1)
    if len(points):
        for hint in (-0.9, 0.0, 0.9):
            hits = compiled.ground_index().query(points + np.array([0.0, 0.0, hint]))
            assert np.abs(hits.z - points[:, 2]).max() < 0.7
    return len(points)


@pytest.mark.parametrize("name", ["Town04"])
def test_bridges_keep_their_levels(name: str, town: Callable) -> None:
    assert assert_levels(town(name)) > 20


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Town05", "Town12", "Town13"])
def test_bridges_keep_their_levels_in_other_towns(name: str, town: Callable) -> None:
    assert assert_levels(town(name)) > 20


@pytest.fixture(scope="module")
def slope() -> CompiledMap:
    """A straight road along x that rises by 5 %; OpenDRIVE's left side is at negative y."""
    elevation = '<elevation s="0" a="2" b="0.05" c="0" d="0"/>'
    return compile_map("slope", opendrive(road(1, 100.0, straight(100.0), elevation=elevation)), use_cache=False)


def test_slope_and_offset(slope: CompiledMap) -> None:
    hits = GroundIndex(slope.lanes).query(np.array([[50.3, 1.2, 4.5], [50.3, -2.0, 4.5]]))
    np.testing.assert_allclose(hits.z, 2.0 + 0.05 * 50.3, atol=1e-3)
    np.testing.assert_allclose(hits.grade_x, 0.05, atol=1e-4)
    np.testing.assert_allclose(hits.grade_y, 0.0, atol=1e-3)
    # The right lane is 3 m + 1 % wide, so its centre lies at 1.75 m here; the left one at -1.75 m.
    np.testing.assert_allclose(hits.offset, [1.7515 - 1.2, 0.25], atol=0.01)
    assert slope.lanes["lane_id"][hits.lane].tolist() == [-1, 1]


def test_points_beside_the_road_take_the_nearest_lane(slope: CompiledMap) -> None:
    ground = slope.ground_index()
    hits = ground.query(np.array([[40.0, 5.0 + 9.0, 4.0], [40.0, -30.0, 4.0], [5000.0, 5000.0, 0.0]]))
    assert slope.lanes["lane_type"][hits.lane[0]] == LaneType.SHOULDER
    assert REACH_M > hits.offset[0] > 9.0
    assert abs(hits.z[0] - 4.0) < 0.01
    assert hits.lane[1:].tolist() == [-1, -1]
    assert np.isinf(hits.offset[1:]).all()
    assert (hits.grade_x[1:] == 0.0).all()
    assert abs(hits.z[1] - 4.0) < 0.2
    assert abs(hits.z[2] - 7.0) < 0.2


def test_no_points(slope: CompiledMap) -> None:
    assert len(slope.ground_index().query(np.zeros((0, 3))).z) == 0


def test_cached_grid_answers_like_a_fresh_one(town: Callable) -> None:
    compiled = town("Town04")
    rng = np.random.default_rng(0)
    sample = compiled.lanes[rng.choice(len(compiled.lanes), 500)]
    points = np.stack([sample["x"], sample["y"], sample["z"]], axis=1) + rng.normal(0.0, 3.0, (500, 3))
    cached, fresh = compiled.ground_index().query(points), GroundIndex(compiled.lanes).query(points)
    np.testing.assert_array_equal(cached.lane, fresh.lane)
    np.testing.assert_array_equal(cached.z, fresh.z)
    one_by_one = [compiled.ground_index().query(point[None]).z[0] for point in points[:20]]
    np.testing.assert_array_equal(one_by_one, cached.z[:20])
