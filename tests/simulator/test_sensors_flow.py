"""Optical flow against what pinhole geometry says of cameras and things that move."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sensor_support import (
    STEP_S,
    STRAIGHT,
    Mover,
    Pose,
    Stage,
    camera,
    ground,
    image,
    pixel_rays,
    plane_depth,
    take,
    view_of,
    wall,
)

from lead.simulator.rendering.scene import View
from lead.simulator.scenery.materials import Label
from lead.simulator.scenery.mesh import merge

SIZE = {"image_size_x": 64, "image_size_y": 40, "fov": 70}
WALL = Stage(wall(10.0))
FOCAL_PX = 32.0 / np.tan(np.radians(35.0))


def flow(stage: Stage, pose: Pose, before: Pose) -> NDArray[np.float32]:
    """Flow (h, w, 2) that a camera sends."""
    sensor = camera("optical_flow", **SIZE)
    optics = sensor.optics
    return np.frombuffer(take(sensor, stage, pose, before), "<f4").reshape(optics.height_px, optics.width_px, 2)


def view(pose: Pose) -> View:
    return view_of(camera("optical_flow", **SIZE), pose)


def projected(points: NDArray[np.float64], pose: Pose) -> NDArray[np.float64]:
    """Place (..., 2) of world points in the image as flow counts it: half widths right, half heights up."""
    seen = view(pose)
    local = (points - seen.location) @ seen.rotation
    right, up = (seen.focal_px * local[..., axis] / local[..., 0] for axis in (1, 2))
    return np.stack([right / (seen.width_px / 2.0), up / (seen.height_px / 2.0)], axis=-1)


def test_what_stands_still_has_no_flow() -> None:
    still = flow(Stage(merge([wall(10.0), ground()])), STRAIGHT, STRAIGHT)
    np.testing.assert_allclose(still, 0.0, atol=1e-5)
    np.testing.assert_allclose(flow(Stage(), STRAIGHT, STRAIGHT), 0.0, atol=1e-5)


def test_a_step_to_the_right_moves_a_wall_to_the_left_by_its_parallax() -> None:
    moved = flow(WALL, ((0.0, 0.3, 2.5), (0.0, 0.0, 0.0)), STRAIGHT)
    np.testing.assert_allclose(moved[..., 0], -FOCAL_PX * 0.3 / 10.0 / 32.0, atol=1e-5)
    np.testing.assert_allclose(moved[..., 1], 0.0, atol=1e-5)


def test_a_step_upwards_moves_a_wall_downwards_which_is_negative() -> None:
    moved = flow(WALL, ((0.0, 0.0, 2.9), (0.0, 0.0, 0.0)), STRAIGHT)
    np.testing.assert_allclose(moved[..., 0], 0.0, atol=1e-5)
    np.testing.assert_allclose(moved[..., 1], -FOCAL_PX * 0.4 / 10.0 / 20.0, atol=1e-5)


def test_driving_at_a_wall_lets_it_grow_from_the_middle() -> None:
    # A speed of 20 m/s; what is 9 m away now was 10 m away, so everything was nearer to the middle by a tenth.
    moved = flow(Stage(wall(10.0)), ((20.0 * STEP_S, 0.0, 2.5), (0.0, 0.0, 0.0)), STRAIGHT)
    row, column = np.indices(moved.shape[:2]) + 0.5
    np.testing.assert_allclose(moved[..., 0], 0.1 * (column - 32.0) / 32.0, atol=1e-5)
    np.testing.assert_allclose(moved[..., 1], 0.1 * (20.0 - row) / 20.0, atol=1e-5)


def test_turning_moves_the_sky_like_everything_else() -> None:
    left = (0.0, 0.0, 2.5), (0.0, -2.0, 0.0)
    expected = -np.tan(np.radians(2.0)) / np.tan(np.radians(35.0))
    for stage in (Stage(), WALL):
        moved = flow(stage, STRAIGHT, left)
        assert moved[20, 31:33, 0].mean() == pytest.approx(expected, rel=2e-3)
        far = view(STRAIGHT).location + 1e6 * pixel_rays(view(STRAIGHT))
        np.testing.assert_allclose(moved, projected(far, STRAIGHT) - projected(far, left), atol=1e-4)


def test_flow_of_any_motion_is_the_difference_of_two_projections() -> None:
    pose: Pose = (1.0, -0.5, 2.5), (-6.0, 12.0, 2.0)
    before: Pose = (0.2, -0.4, 2.6), (-5.0, 9.0, 1.0)
    seen = view(pose)
    depths = np.stack([plane_depth(seen, (10.0, 0.0, 0.0), (-1.0, 0.0, 0.0)), plane_depth(seen, (0, 0, 0), (0, 0, 1))])
    depth = np.where(depths > 0.0, depths, np.inf).min(axis=0)
    points = seen.location + depth[..., None] * pixel_rays(seen)
    moved = flow(Stage(merge([wall(10.0), ground()])), pose, before)
    np.testing.assert_allclose(moved, projected(points, pose) - projected(points, before), atol=2e-5)


def test_a_passing_car_flows_before_a_still_background() -> None:
    mover = Mover((8.0, 0.0, 2.5), (1.0, 1.0, 1.0), velocity=(4.0, -6.0, 2.0))
    stage = Stage(wall(30.0), [mover])
    moved = flow(stage, STRAIGHT, STRAIGHT)
    on_car = image(camera("semantic_segmentation", **SIZE), stage)[..., 0] == Label.CAR
    assert 50 < on_car.sum() < 500
    np.testing.assert_allclose(moved[~on_car], 0.0, atol=1e-5)
    seen = view(STRAIGHT)
    points = seen.location + plane_depth(seen, (7.0, 0.0, 0.0), (-1.0, 0.0, 0.0))[..., None] * pixel_rays(seen)
    before = points - np.array(mover.velocity) * STEP_S
    expected = projected(points, STRAIGHT) - projected(before, STRAIGHT)
    np.testing.assert_allclose(moved[on_car], expected[on_car], atol=1e-5)
    assert (moved[on_car, 0] < 0.0).all()


def test_a_camera_that_keeps_up_with_a_car_sees_it_stand_still() -> None:
    stage = Stage(wall(30.0), [Mover((8.0, 0.0, 2.5), (1.0, 1.0, 1.0), velocity=(0.0, 10.0, 0.0))])
    moved = flow(stage, STRAIGHT, ((0.0, -10.0 * STEP_S, 2.5), (0.0, 0.0, 0.0)))
    on_car = image(camera("semantic_segmentation", **SIZE), stage)[..., 0] == Label.CAR
    np.testing.assert_allclose(moved[on_car], 0.0, atol=1e-5)
    np.testing.assert_allclose(moved[~on_car, 0], -FOCAL_PX * 0.5 / 30.0 / 32.0, atol=1e-5)
