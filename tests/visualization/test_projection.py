"""Places in pictures: left is left, the mounting counts, and what is behind is not drawn."""

import math

import numpy as np
import pytest

from lead.visualization import style
from lead.visualization.agent_view import AgentView
from lead.visualization.overlays import draw_plan_as_spheres, draw_plan_from_above, draw_plan_from_behind
from lead.visualization.projection import PinholeCamera

FRONT = PinholeCamera.mounted((0.35, 0.0, 2.25), (0.0, 0.0, 0.0), (384, 384), 60.0)
RIGHT = PinholeCamera.mounted((0.1, 0.35, 2.25), (0.0, 54.5, 0.0), (384, 384), 60.0)
ABOVE = PinholeCamera.mounted((0.0, 0.0, 22.0), (-90.0, 0.0, 0.0), (960, 1080), 100.0)


def pixel(camera, *place):
    return camera.project(np.array([place], float))[0][0]


def test_axes_of_a_camera_that_looks_forward():
    assert pixel(FRONT, 10.0, 0.0, 2.25) == pytest.approx([192.0, 192.0])
    assert pixel(FRONT, 10.0, 2.0, 2.25)[0] > 192.0, "right of the ego is right in the picture"
    assert pixel(FRONT, 10.0, 0.0, 0.0)[1] > 192.0, "the ground is below"
    edge = pixel(FRONT, 10.35, 10.0 * math.tan(math.radians(30.0)), 2.25)
    assert edge[0] == pytest.approx(384.0), "the field of view is the horizontal one"


def test_lateral_offset_and_turn_of_a_camera_count():
    # Straight along the optical axis of the right camera, from where it is mounted.
    along = np.array([math.cos(math.radians(54.5)), math.sin(math.radians(54.5))])
    x, y = np.array([0.1, 0.35]) + 8.0 * along
    assert pixel(RIGHT, x, y, 2.25) == pytest.approx([192.0, 192.0])
    assert pixel(RIGHT, 8.0 * along[0], 8.0 * along[1], 2.25)[0] != pytest.approx(192.0, abs=5.0)
    assert pixel(RIGHT, 5.0, 20.0, 2.25)[0] > 192.0


def test_camera_above_has_the_heading_upwards():
    column, row = pixel(ABOVE, 5.0, 3.0, 0.0)
    assert row < 540.0 and column > 480.0
    metres_px = ABOVE.focal_px / 22.0
    assert (column - 480.0, 540.0 - row) == pytest.approx((3.0 * metres_px, 5.0 * metres_px))


def test_places_behind_the_camera_are_nowhere():
    pixels, depth_m = FRONT.project(np.array([[-5.0, 0.0, 0.0], [0.35, 0.0, 0.0], [5.0, 0.0, 0.0]]))
    assert np.isnan(pixels[:2]).all() and np.isnan(depth_m[:2]).all()
    assert depth_m[2] == pytest.approx(4.65)


def test_plan_is_drawn_where_it_projects_to():
    view = AgentView(waypoints_ego=np.array([[4.0, 0.0], [8.0, 2.0]]), target_points_ego=np.array([[12.0, -6.0]]))
    image = np.zeros((1080, 960, 3), np.uint8)
    draw_plan_from_above(image, ABOVE, view)
    column, row = np.round(pixel(ABOVE, 8.0, 2.0, 0.0)).astype(int)
    assert image[row, column].tolist() == [0, 255, 255]
    column, row = np.round(pixel(ABOVE, 6.0, 1.0, 0.0)).astype(int)
    assert image[row, column, 1] > 200, "way points are joined"
    column, row = np.round(pixel(ABOVE, 12.0, -6.0, 0.0)).astype(int)
    assert image[row, column].tolist() == [235, 30, 30]
    assert image[row, column + 4].min() > 120, "white rim"


def test_the_path_is_a_line_on_the_ground_for_who_follows():
    behind = PinholeCamera.mounted((-9.0, 0.0, 3.5), (-10.0, 0.0, 0.0), (640, 720), 70.0)
    path = np.stack([np.arange(2.0, 12.0), 0.2 * np.arange(10.0)], axis=1)
    image = np.zeros((720, 640, 3), np.uint8)
    draw_plan_from_behind(image, behind, AgentView(route_ego=path, waypoints_ego=np.array([[6.0, -2.0]])))
    column, row = np.round(pixel(behind, 6.5, 0.9, 0.0)).astype(int)
    assert image[row, column].tolist() == list(style.PLANNED_ON_ROUTE)
    column, row = np.round(pixel(behind, 6.0, -2.0, 0.0)).astype(int)
    assert image[row, column].tolist() == list(style.WAYPOINT)
    draw_plan_from_behind(blank := np.zeros_like(image), behind, AgentView())
    assert not blank.any()


def test_spheres_grow_towards_the_camera_and_stay_out_of_other_pictures():
    far, near = AgentView(waypoints_ego=np.array([[20.0, 0.0]])), AgentView(waypoints_ego=np.array([[5.0, 0.0]]))
    sizes = []
    for view in (far, near):
        image = np.zeros((384, 384, 3), np.uint8)
        draw_plan_as_spheres(image, FRONT, view)
        sizes.append(np.count_nonzero(image[..., 1]))
    assert 0 < sizes[0] < sizes[1]
    behind = np.zeros((384, 384, 3), np.uint8)
    draw_plan_as_spheres(behind, FRONT, AgentView(waypoints_ego=np.array([[-5.0, 0.0]])))
    draw_plan_as_spheres(behind, FRONT, AgentView())
    assert not behind.any()
