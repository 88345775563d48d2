"""Optical flow against the projection of the same points one tick ago."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from rendering_support import ORIGIN, Array, box, floor, placed, plain, pose, project, rays_of, show, view_from, wall

from lead.geometry.frames import rotation_matrices
from lead.simulator.rendering.backend import Backend
from lead.simulator.rendering.scene import GroundTruth, View

TOLERANCE_PX = 5e-3


def own_pixels(view: View) -> Array:
    """(h, w, 2) column and row of every pixel."""
    row, column = np.indices((view.height_px, view.width_px))
    return np.stack([column, row], axis=-1).astype(np.float64)


def shown(backend: Backend, view: View, before: View) -> tuple[GroundTruth, Array]:
    """Ground truth and flow of one view."""
    frame = backend.render([view])
    return frame.ground_truth()[0], frame.flow([before])[0]


def test_nothing_moves_nothing_flows(backend: Backend) -> None:
    backend.set_tile("wall", wall(10.0, half_m=3.0), ORIGIN)
    show(backend)
    view = view_from((1000.0, -800.0, 30.0), (-5.0, 77.0, 3.0))
    backend.set_tile("around", box((20.0, 20.0, 20.0), plain()), view.location)
    _, flow = shown(backend, view, view)
    assert np.abs(flow).max() < TOLERANCE_PX


def test_a_moving_camera_sees_the_world_flow(backend: Backend) -> None:
    """A camera that moves and turns about all axes, past ground, a wall and the sky."""
    backend.set_tile("floor", floor(-2.0), ORIGIN)
    backend.set_tile("wall", wall(15.0, half_m=6.0), ORIGIN)
    show(backend)
    view = view_from((0.5, 0.2, 0.1), (2.0, 5.0, 3.0), (64, 48), 80.0)
    before = replace(view, location=np.array([-0.3, 0.4, 0.0]), rotation=rotation_matrices(1.0, 8.0, 1.0))
    truth, flow = shown(backend, view, before)
    points = view.location + rays_of(view) * truth.depth[..., None]
    sky = truth.instance == -2
    assert sky.sum() > 300 and (~sky).sum() > 300
    old, depth = project(before, points)
    expected = own_pixels(view) - old
    clear = ~sky & (depth > 0.5) & (truth.depth < 200.0)
    np.testing.assert_allclose(flow[clear], expected[clear], rtol=1e-3, atol=TOLERANCE_PX)
    assert np.abs(flow[clear]).max() > 3.0
    # The sky is infinitely far: only the turn moves it.
    old, _ = project(replace(before, location=view.location), view.location + rays_of(view))
    np.testing.assert_allclose(flow[sky], (own_pixels(view) - old)[sky], rtol=1e-3, atol=TOLERANCE_PX)


def test_a_moving_and_turning_instance_flows_and_the_rest_does_not(backend: Backend) -> None:
    backend.set_tile("wall", wall(30.0), ORIGIN)
    cube = backend.add_prototype(box((1.5, 1.0, 0.8), plain()))
    now, past = pose((8.0, 0.5, 0.0), (3.0, 35.0, 0.0)), pose((8.6, -0.2, 0.1), (0.0, 20.0, 2.0))
    rest = pose((8.0, -3.0, 0.0))
    show(backend, placed([cube, cube], [now, rest], previous=[past, rest]))
    view = view_from(size_px=(120, 60), fov_deg=70.0)
    truth, flow = shown(backend, view, view)
    moved = truth.instance == 0
    assert moved.sum() > 200 and (truth.instance == 1).sum() > 100
    assert np.abs(flow[~moved]).max() < TOLERANCE_PX
    points = np.concatenate([rays_of(view) * truth.depth[..., None], np.ones((60, 120, 1))], axis=-1)
    origin = points @ (past @ np.linalg.inv(now)).T
    expected = own_pixels(view) - project(view, origin[..., :3])[0]
    np.testing.assert_allclose(flow[moved], expected[moved], rtol=1e-3, atol=TOLERANCE_PX)
    assert flow[moved][:, 0].mean() > 3.0, "it moved to the right"


def test_camera_and_instance_that_move_together_cancel_out(backend: Backend) -> None:
    cube = backend.add_prototype(box((1.5, 1.0, 0.8), plain()))
    step = np.array([0.7, 0.0, 0.2])
    show(backend, placed([cube], [pose((8.0, 0.5, 0.0))], previous=pose(np.array([8.0, 0.5, 0.0]) - step)))
    view = view_from(size_px=(40, 30))
    truth, flow = shown(backend, view, replace(view, location=view.location - step))
    assert (truth.instance == 0).any()
    assert np.abs(flow[truth.instance == 0]).max() < TOLERANCE_PX
