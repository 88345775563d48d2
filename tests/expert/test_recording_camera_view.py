"""Pixels of boxes: what is counted in a part of the picture is what counting every pixel finds."""

import math

import numpy as np
import pytest
from recording_pictures import CAMERA, rays, view

from lead.expert.recording.camera_view import LabelBox, points_inside, visible_pixels
from lead.sensing.rigs import CARLA_3_CAMERAS


def test_points_lie_where_rays_hit_lowered_by_half_the_mounting_height():
    own = view(CAMERA, [])
    rows, columns = np.array([60, 63, 40]), np.array([3, 90, 50])
    points = own.points(rows * CAMERA.width_px + columns)
    expected = np.array([0.3, -0.2, 2.0]) + rays(CAMERA)[rows, columns] * own.depth_m[rows, columns][:, None]
    assert points == pytest.approx(expected - [0.0, 0.0, 1.0], abs=1e-4)


@pytest.mark.parametrize("seed", range(6))
def test_counting_in_a_window_equals_counting_everywhere(seed):
    rng = np.random.default_rng(seed)
    boxes = []
    for number in range(6):
        distance, bearing = rng.uniform(2.0, 40.0), math.radians(40.0) + rng.uniform(-0.8, 0.8)
        center = [distance * math.cos(bearing), distance * math.sin(bearing), rng.uniform(0.3, 1.0)]
        boxes.append((center, rng.uniform(0.3, 2.5, 3), rng.uniform(-3.0, 3.0), 14, 300 + number))
    own = view(CAMERA, boxes)
    cloud = own.points(np.arange(own.depth_m.size))
    labels = [LabelBox(np.array([*center[:2], 0.0]), np.array(half), yaw) for center, half, yaw, *_ in boxes]
    counts = visible_pixels([own], labels, 0.25)
    assert counts.tolist() == [int(label.contains(cloud, 0.25).sum()) for label in labels]
    assert counts.sum() > 0


def test_points_in_boxes_are_those_that_each_box_contains():
    rng = np.random.default_rng(3)
    cloud = np.asfortranarray(rng.uniform(-30.0, 30.0, (4000, 3)) * [1.0, 1.0, 0.1])
    sizes = rng.uniform(0.5, 5.0, (12, 3))
    labels = [LabelBox(rng.uniform(-25.0, 25.0, 3) * [1.0, 1.0, 0.0], half, rng.uniform(-3.0, 3.0)) for half in sizes]
    # Points exactly on a grown face count, wherever the slice of a box ends.
    labels.append(LabelBox(np.array([100.0, 0.0, 0.0]), np.array([1.0, 1.0, 1.0]), 0.0))
    cloud[:2] = [[101.25, 0.0, 0.0], [98.75, 1.25, -1.25]]
    counts = points_inside(cloud, labels, 0.25)
    assert counts.tolist() == [int(label.contains(cloud, 0.25).sum()) for label in labels]
    assert counts[-1] == 2
    assert points_inside(cloud, [], 0.25).tolist() == []


def test_boxes_behind_and_beside_the_cameras_have_no_pixels():
    views = [view(camera, []) for camera in CARLA_3_CAMERAS.cameras]
    behind = LabelBox(np.array([-20.0, 0.0, 0.0]), np.array([2.0, 1.0, 1.0]), 0.0)
    around = LabelBox(np.zeros(3), np.array([30.0, 30.0, 3.0]), 0.0)
    counts = visible_pixels(views, [behind, around], 0.25)
    assert counts[0] == 0
    assert counts[1] > 10_000, "the ground around the cameras themselves"
    assert visible_pixels(views, [], 0.25).tolist() == []


def test_classes_and_ids_come_from_the_instance_picture():
    own = view(CAMERA, [([10.0, 8.4, 1.0], [2.0, 1.0, 1.0], 0.3, 14, 259)])
    pixels = own.of_class(14)
    assert len(pixels) > 20
    assert set(own.instances(pixels).tolist()) == {259}
    assert set(own.classes.ravel().tolist()) == {1, 14}
