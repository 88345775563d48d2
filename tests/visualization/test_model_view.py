"""What only agents with networks show: LiDAR rasters and class maps, and labels without a map around them."""

import numpy as np

from lead.visualization import bird_view, style
from lead.visualization.agent_view import AgentView
from lead.visualization.debug_view import DebugScene, draw_debug_view
from lead.visualization.palettes import BEV_COLORS, NAVSIM_BEV_COLORS, SEMANTIC_COLORS


def bird(view):
    return draw_debug_view(DebugScene(None, view))[: bird_view.HEIGHT, : bird_view.WIDTH]


def differing(picture):
    """Columns and rows of the smallest rectangle in which a picture differs from an empty one."""
    rows, columns = np.nonzero((picture != bird(AgentView())).any(axis=2))
    return (columns.min(), columns.max() + 1), (rows.min(), rows.max() + 1)


def test_cells_of_rasters_lie_where_the_ground_is():
    raster = np.zeros((320, 384), dtype=np.float32)
    raster[10, 300] = 1.0  # 37.5 to 37.25 m on the left, 43 to 43.25 m ahead
    picture = bird(AgentView(lidar_raster=raster))
    corners = bird_view.to_pixels(np.array([[43.25, -37.5], [43.0, -37.25]]))
    (left, right), (top, bottom) = differing(np.where(picture > 200, picture, bird(AgentView())))
    np.testing.assert_allclose([left, top], corners[0], atol=1.0)
    np.testing.assert_allclose([right, bottom], corners[1], atol=1.0)
    assert tuple(picture[top + 1, left + 1]) == style.LIDAR
    classes = (10 * raster).astype(np.uint8)
    green = bird(AgentView(bev_semantic=classes, bev_palette=BEV_COLORS))[top + 1, left + 1]
    assert green[1] > green[0] and green[1] > green[2]


def test_rasters_replace_points():
    points = np.array([[10.0, 10.0, 1.0]])
    both = AgentView(lidar_raster=np.zeros((320, 384), dtype=np.float32), lidar_ego=points)
    np.testing.assert_array_equal(
        bird(both)[530:560, 490:510], bird(AgentView(lidar_raster=both.lidar_raster))[530:560, 490:510]
    )


def test_labels_are_drawn_without_a_map():
    box = [10.0, 5.0, 2.0, 1.0, 0.0, 3.0, 0.0, 0.0, 1.0]
    labels = AgentView(
        waypoints_ego=np.array([[4.0, 0.0], [8.0, 0.0]]),
        target_speed_mps=5.0,
        boxes=np.array([box]),
        semantic=np.full((384, 1152), 1),
        semantic_palette=SEMANTIC_COLORS,
    )
    cameras = np.zeros((384, 1152, 3), dtype=np.uint8)
    picture = draw_debug_view(DebugScene(None, labels, cameras=cameras))
    assert picture.shape == (1120, 1962, 3)
    assert tuple(picture[600, 1400]) == tuple(SEMANTIC_COLORS[1])
    column, row = bird_view.to_pixels(np.array([[12.0, 5.0]]))[0].astype(int)
    assert tuple(picture[row, column]) == style.BOX_COLORS[0]


def test_every_class_has_a_colour_of_its_own():
    for palette, classes in ((SEMANTIC_COLORS, 10), (BEV_COLORS, 13), (NAVSIM_BEV_COLORS, 7)):
        assert len(np.unique(palette, axis=0)) == len(palette) == classes
