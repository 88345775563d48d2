"""LiDAR and radar geometry, ground, rasters and stacks against golden cases and plain reasoning."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from lead.config.legacy import CORRECTED, PUBLISHED
from lead.sensing.errors import SensorError
from lead.sensing.ground import CENTRES_M, GroundFinder
from lead.sensing.lidar import cells, checked_cloud, count_cells, inside, quantise, raster, remove_ego, to_ego
from lead.sensing.radar import radar_tensor, radar_to_ego
from lead.sensing.rigs import CARLA_3_CAMERAS
from lead.sensing.stacking import CloudStack, motion, move

FOLDER = Path(__file__).resolve().parents[2] / "../shared/golden/functions"
needs_golden = pytest.mark.skipif(not FOLDER.exists(), reason="golden cases (../shared) are not on this machine")
BEV = CARLA_3_CAMERAS.bev


def cases(topic):
    path = FOLDER / f"{topic}.json"
    return json.loads(path.read_text())["cases"] if path.exists() else []


def dense(sparse):
    array = np.zeros(sparse["shape"])
    array[tuple(np.array(sparse["index"]).T)] = sparse["value"]
    return array


def rasterise(points):
    return raster(count_cells(cells(np.asarray(points, dtype=float), BEV), BEV))


@needs_golden
@pytest.mark.parametrize("case", cases("sensor_geometry"), ids=lambda case: case["name"])
def test_sensor_frames(case):
    inputs, outputs = case["inputs"], case["outputs"]
    for index, mount in enumerate(CARLA_3_CAMERAS.lidars):
        ego = to_ego(np.array(inputs["lidar_points"]), mount)
        np.testing.assert_allclose(ego, outputs[f"lidar_sensor{index + 1}"], rtol=0, atol=1e-9)
    for index, mount in enumerate(CARLA_3_CAMERAS.radars):
        ego = radar_to_ego(np.array(inputs["radar_range_elevation_azimuth_velocity"]), mount)
        np.testing.assert_allclose(ego, outputs[f"radar_sensor{index + 1}"], rtol=0, atol=1e-4)
    radars = [np.array(inputs["radar_ego"][f"radar{k}"], dtype=float).reshape(-1, 4) for k in range(1, 5)]
    tensor = radar_tensor(radars, BEV)
    assert (tensor.shape, tensor.dtype) == ((300, 5), np.float32)
    for index, rows in enumerate(outputs["radar_network_input"]):
        own = tensor[75 * index : 75 * (index + 1)]
        assert (own[:, 4] == index).all()
        assert outputs["radar_network_rows_nonzero"][index] == np.count_nonzero(own[:, :4].any(axis=1))
        np.testing.assert_array_equal(own[: len(rows)], np.array(rows, dtype=np.float32).reshape(-1, 5))


@needs_golden
@pytest.mark.parametrize("case", cases("lidar_ground_and_raster"), ids=lambda case: case["name"])
def test_ground_and_raster(case):
    outputs = case["outputs"]
    points = np.array(case["inputs"]["points"])
    expected = np.zeros(len(points), dtype=bool)
    expected[outputs["ground_index"]] = True
    np.testing.assert_array_equal(GroundFinder().mask(points), expected)
    image = rasterise(points[~expected])
    assert (image.shape, image.dtype) == ((1, 320, 384), np.float32)
    np.testing.assert_allclose(image[0], dense(outputs["raster_of_non_ground"]), rtol=0, atol=1e-6)
    assert image.sum(dtype=np.float64) == pytest.approx(outputs["raster_after_png_sum"], abs=1e-4)
    only = rasterise(case["inputs"]["points_for_raster_only"])
    np.testing.assert_allclose(only[0], dense(outputs["raster_only"]), rtol=0, atol=1e-6)


def ground_point_by_point(points):
    """The published method as it is described, one sector after the other."""
    is_ground = np.zeros(len(points), dtype=bool)
    for x, y in CENTRES_M:
        dx, dy = points[:, 0] - x, points[:, 1] - y
        distance = np.abs(dx) + np.abs(dy)
        if (distance < 20).sum() < 3:
            continue
        taken = np.flatnonzero((distance > 1) & (distance < 32))
        sector = np.floor((np.arctan2(dy, dx) + np.pi) / (np.pi / 4)).astype(int)
        for number in range(8):
            own = taken[sector[taken] == number]
            if len(own) < 64:
                continue
            z = points[own, 2]
            chosen = np.abs(z - np.median(np.sort(z)[:64])) < 0.2
            if chosen.sum() < 3:
                continue
            terms = np.column_stack([points[own, :2], np.ones(len(own))])
            for _ in range(2):
                plane = np.linalg.lstsq(terms[chosen], z[chosen], rcond=None)[0]
                chosen = (z - terms @ plane) / math.sqrt(plane[0] ** 2 + plane[1] ** 2 + 1.0) < 0.15
            is_ground[own[chosen | (z < np.percentile(z, 30))]] = True
    return is_ground


def street(count, seed=0):
    """A sloping street with walls and scattered things, seen by two LiDARs."""
    rng = np.random.default_rng(seed)
    azimuth, elevation = rng.uniform(-np.pi, np.pi, count), np.radians(rng.uniform(-30.0, 10.0, count))
    to_ground = np.where(elevation < 0.0, 2.5 / np.maximum(-np.tan(elevation), 0.02), 85.0)
    distance = np.minimum(to_ground, np.where(rng.random(count) < 0.7, rng.uniform(5.0, 85.0, count), 85.0))
    x, y = distance * np.cos(azimuth), distance * np.sin(azimuth)
    z = distance * np.tan(elevation) + 1.25 + 0.03 * x + rng.normal(0.0, 0.03, count)
    return np.column_stack([x, y, z])


@pytest.mark.parametrize("count", [150, 3000, 33000])
def test_ground_equals_the_method_done_sector_by_sector(count):
    points = street(count)
    np.testing.assert_array_equal(GroundFinder().mask(points), ground_point_by_point(points))


def test_ground_is_found_and_walls_are_not():
    x, y = np.meshgrid(np.arange(-30.0, 30.0, 0.7), np.arange(-30.0, 30.0, 0.7))
    ground = np.column_stack([x.ravel(), y.ravel(), -1.2 + 0.02 * x.ravel()])
    wall = np.column_stack([np.full(500, 12.0), np.linspace(-8, 8, 500), np.linspace(0.2, 3.0, 500)])
    mask = GroundFinder().mask(np.concatenate([ground, wall]))
    assert mask[: len(ground)].mean() > 0.99
    assert not mask[len(ground) :].any()


@pytest.mark.parametrize("count", [0, 1, 63])
def test_few_points_have_no_ground(count):
    assert not GroundFinder().mask(street(count)).any()


def test_points_in_a_line_do_not_break_the_fit():
    line = np.column_stack([np.linspace(3.0, 30.0, 200), np.full(200, 0.5), np.full(200, -1.0)])
    assert GroundFinder().mask(line).any()


def test_stated_raster_values():
    image = rasterise([(10.1, -20.1, 0.0)] * 3 + [(64.0, 40.0, 0.0), (0.0, 0.0, 11.0), (65.0, 0.0, 0.0)])[0]
    assert image[79, 168] == pytest.approx(0.6)
    assert image[-1, -1] == pytest.approx(0.2)
    assert image.sum() == pytest.approx(0.8)
    assert rasterise([(1.0, 1.0, 0.0)] * 50).max() == 1.0
    assert rasterise(np.empty((0, 3))).sum() == 0.0


def test_ego_hole_as_published_and_corrected():
    points = np.array([[10.0, 0.0, 0.0], [0.0, 5.0, 0.0], [1.0, 0.5, 0.0], [10.0, 5.0, 0.0]])
    np.testing.assert_array_equal(remove_ego(points, PUBLISHED), points[[3]])
    np.testing.assert_array_equal(remove_ego(points, CORRECTED), points[[0, 1, 3]])


def test_edges_of_the_window_are_inside():
    points = np.array([[-32.0, -40.0, -4.0], [64.0, 40.0, 10.0], [64.01, 0.0, 0.0], [0.0, 0.0, 10.01]])
    assert inside(points, BEV).tolist() == [True, True, False, False]


def test_points_are_rounded_as_stored():
    np.testing.assert_allclose(quantise(np.array([[0.04, -0.06, 1.26]])), [[0.0, -0.1, 1.3]], atol=1e-12)


def test_clouds_follow_the_ego():
    """Things that stand still stay where they are when the ego drives and turns, if it is done right."""
    thing = np.array([[10.0, 3.0, 0.0], [-4.0, 8.0, 1.0]])
    yaw, offset = -0.1, np.array([-1.0, 0.2])
    cosine, sine = math.cos(yaw), math.sin(yaw)
    rotation = np.array([[cosine, -sine], [sine, cosine]])
    exact = move(thing, *motion(offset, yaw, CORRECTED))
    np.testing.assert_allclose(exact[:, :2], thing[:, :2] @ rotation.T + offset)
    np.testing.assert_array_equal(exact[:, 2], thing[:, 2])
    np.testing.assert_allclose(
        move(thing, *motion(offset, yaw, PUBLISHED))[:, :2], (thing[:, :2] + offset) @ rotation.T
    )


def test_queues_keep_five_clouds_and_ten_radars():
    stack = CloudStack(BEV, removes_ground=False)
    for tick in range(12):
        lidar = np.full((2, 3), 5.0)
        stack.push([lidar], [np.array([[20.0, 2.0, 0.5, -1.0], [50.0, 2.0, 0.5, float(tick)]])])
        cloud = stack.stack(np.zeros((10, 2)), np.zeros(10))
    counts = np.bincount(cloud[:, 3].astype(int))
    # Two LiDAR points, two radar points and five copies of the near one; the radar's seven again, up to ten ticks.
    assert counts.tolist() == [16] * 5 + [7] * 5
    assert np.bincount(stack.stack(np.zeros((10, 2)), np.zeros(10), max_age=2)[:, 3].astype(int)).tolist() == [16, 16]
    with pytest.raises(SensorError, match="past poses"):
        stack.stack(np.zeros((3, 2)), np.zeros(3))


@pytest.mark.parametrize("legacy", [PUBLISHED, CORRECTED])
def test_raster_is_that_of_the_rounded_stack(legacy):
    """A driving tick draws its raster without the stack, which data sets store; both ways must give the same."""
    rng = np.random.default_rng(1)
    stack = CloudStack(BEV, removes_ground=False, legacy=legacy)
    for _ in range(12):
        lidar = np.concatenate([rng.uniform([-60, -60, -6], [90, 60, 12], (4000, 3)), rng.normal(9.0, 2.0, (1000, 3))])
        stack.push([lidar], [rng.uniform([-60, -60, -6, 0], [90, 60, 12, 1], (75, 4)) for _ in range(4)])
    past = rng.normal(0.0, 2.0, (10, 2)), rng.normal(0.0, 0.2, 10)
    for age in (10, 3):
        expected = rasterise(quantise(stack.stack(*past, age)[:, :3]))
        image = stack.raster(*past, age)
        assert image.dtype == np.float32
        assert len(np.unique(image)) == 6
        np.testing.assert_array_equal(image, expected)


def test_bad_clouds_are_named():
    with pytest.raises(SensorError, match="lidar1 delivered points that are not finite"):
        checked_cloud(np.array([[1.0, np.nan, 0.0]]), 3, "lidar1")
    with pytest.raises(SensorError, match="lidar1 delivered points that are not finite"):
        checked_cloud(np.array([[np.inf, 0.0, 0.0], [-np.inf, 0.0, 0.0]], dtype=np.float32), 3, "lidar1")
    with pytest.raises(SensorError, match=r"radar2 must deliver an array of \(n, 4\)"):
        checked_cloud(np.zeros((5, 3)), 4, "radar2")
    with pytest.raises(SensorError, match="radar 1 must have rows"):
        radar_tensor([np.zeros((5, 3))], BEV)
