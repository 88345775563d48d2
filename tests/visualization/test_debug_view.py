"""The debug picture: forward is up, right is right, and agents that show little are shown all the same."""

import numpy as np
import pytest

from lead.visualization import bird_view, style
from lead.visualization.agent_view import AgentView
from lead.visualization.debug_view import DebugScene, colorize, draw_debug_view

HALF_SIZE_M = (2.45, 0.92)


def drawn(view):
    image = np.zeros((bird_view.HEIGHT, bird_view.WIDTH, 3), np.uint8)
    bird_view.draw_bird_view(image, view, HALF_SIZE_M)
    return image


def at(image, x, y):
    """Colour at a place in the ego frame."""
    column, row = np.round(bird_view.to_pixels(np.array([[x, y]]))[0]).astype(int)
    return image[row, column].tolist()


def background():
    return np.full((bird_view.HEIGHT, bird_view.WIDTH, 3), 100, np.uint8)


def test_ego_place_is_that_of_the_map_drawing():
    column, row = bird_view.to_pixels(np.zeros((1, 2)))[0]
    assert (column / bird_view.WIDTH, row / bird_view.HEIGHT) == pytest.approx(bird_view.EGO_PLACE)


def test_points_lie_where_they_belong():
    view = AgentView(
        route_ego=np.array([[10.0, 0.0], [20.0, 5.0]]),
        target_points_ego=np.array([[-5.0, -8.0], [30.0, 12.0], [50.0, 12.0]]),
        lidar_ego=np.repeat([[15.0, -20.0, 1.0]], 5, axis=0),
    )
    image = drawn(view)
    assert at(image, 10.0, 0.0) == list(style.PLANNED_ROUTE)
    assert 0 < at(image, 20.0, 5.0)[2] < style.PLANNED_ROUTE[2], "the path fades"
    assert at(image, 30.0, 13.2) == list(style.TARGET_POINT)
    assert at(image, 15.0, -20.0) == list(style.LIDAR)
    assert at(image, 15.0, 20.0) == [0, 0, 0]


def test_ground_points_count_less_than_obstacles():
    low, high = (drawn(AgentView(lidar_ego=np.array([[20.0, 0.0, z]]))) for z in (0.0, 1.0))
    assert 0 < at(low, 20.0, 0.0)[1] < at(high, 20.0, 0.0)[1]


def test_semantics_are_turned_upright():
    classes = np.zeros((320, 384), np.uint8)
    classes[:100, 300:] = 2  # far ahead on the left
    palette = np.array([[0, 0, 0], [90, 90, 90], [0, 240, 0]], np.uint8)
    image = drawn(AgentView(bev_semantic=classes, bev_palette=palette))
    assert at(image, 50.0, -30.0)[1] == pytest.approx(240 * bird_view.SEMANTIC_OPACITY, abs=2)
    assert at(image, 50.0, 30.0) == [0, 0, 0]
    assert at(image, -20.0, -30.0) == [0, 0, 0]


def test_boxes_are_turned_coloured_and_filtered():
    sure = [20.0, 10.0, 4.0, 1.0, np.pi / 2.0, 3.0, 0.0, 0, 0.9]
    braking = [20.0, -20.0, 2.0, 1.0, 0.0, 3.0, 1.0, 0, 0.9]
    unsure = [40.0, 0.0, 4.0, 1.0, 0.0, 3.0, 0.0, 0, 0.29]
    image = drawn(AgentView(boxes=np.array([sure, braking, unsure])))
    assert at(image, 20.0, 14.0) == list(style.BOX_COLORS[0]), "a car across the road is long from left to right"
    assert at(image, 24.0, 10.0) == [0, 0, 0]
    assert at(image, 22.0, -20.0)[1] == 0, "braking takes the green away"
    assert not image[: 28 * bird_view.PIXELS_PER_M].any(), "unsure boxes are not drawn"


def test_radar_blobs_grow_with_speed_in_either_direction():
    sizes = [
        np.count_nonzero(drawn(AgentView(radar_ego=np.array([[40.0, 0.0, 0.5, speed]])))[:400])
        for speed in (0.0, 10.0, -10.0, 60.0)
    ]
    assert sizes[0] < sizes[1] == sizes[2] < sizes[3]
    edge = AgentView(radar_ego=np.array([[64.0, 40.0, 0.0, 20.0], [900.0, 0.0, 0.0, 1.0]]))
    assert at(drawn(edge), 63.9, 39.9)[1] > 0


@pytest.mark.parametrize(("strip", "width"), [(None, 1290), ((384, 1152), 1962), ((96, 96), 1962), ((512, 1024), 1962)])
def test_size_depends_on_cameras_only_and_is_even(strip, width):
    cameras = None if strip is None else np.full((*strip, 3), 77, np.uint8)
    full = AgentView(
        target_speed_mps=3.0,
        semantic=np.zeros((96, 288), np.uint8),
        semantic_palette=np.array([[10, 20, 30]], np.uint8),
        boxes=np.zeros((0, 9)),
        panel={f"value {number}": number for number in range(40)},
    )
    for view in (AgentView(), full):
        scene = DebugScene(background(), view, HALF_SIZE_M, cameras, {"speed": 3.0}, ["Red light run"] * 50)
        assert draw_debug_view(scene).shape == (1120, width, 3)
    assert scene.background.min() == 100, "the scene is not changed"


def test_panel_and_infractions_are_written():
    empty = draw_debug_view(DebugScene(background(), AgentView(), HALF_SIZE_M))
    told = draw_debug_view(
        DebugScene(background(), AgentView(panel={"stuck_detector": 3}), HALF_SIZE_M, None, {}, ["Red light run"])
    )
    panel, column = (slice(-150, None), slice(None)), (slice(0, 900), slice(820, None))
    assert (empty[panel] == style.PANEL).all()
    assert (told[panel] != style.PANEL).any()
    assert (told[column] == style.BAD).all(axis=-1).any()
    assert not (empty[column] == style.BAD).all(axis=-1).any()


def test_classes_without_a_colour_do_not_fail():
    assert colorize(np.array([[0, 1, 2]]), np.array([[1, 1, 1], [2, 2, 2]], np.uint8))[..., 0].tolist() == [[1, 2, 1]]
