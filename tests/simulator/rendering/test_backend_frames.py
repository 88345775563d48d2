"""Frames of every size and number of views, what makes them stale, to whom arrays belong; and ray casting."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from rendering_support import (
    DEPTH_TOLERANCE_M,
    ORIGIN,
    air,
    box,
    color_of,
    floor,
    patch,
    placed,
    plain,
    plane_depth,
    pose,
    rays_of,
    show,
    truth_of,
    view_from,
    wall,
)

from lead.simulator.rendering.backend import Backend
from lead.simulator.rendering.backends import frame as frame_module
from lead.simulator.rendering.scene import LEVEL_OBJECT_BIT, ColorStyle, GroundTruth, Lights, RayBundle, View
from lead.simulator.scenery.materials import Label, Material

SIZES = [(1, 1), (1, 9), (9, 1), (3, 5), (33, 2), (127, 61)]


def furnish(backend: Backend) -> None:
    """Ground, a wall, a box that moved, and the air of a rainy day."""
    backend.set_tile("floor", floor(-1.5, plain(Label.ROADS, material=Material.ASPHALT)), ORIGIN)
    backend.set_tile("wall", wall(40.0, plain(Label.BUILDINGS, (180, 90, 40)), 8.0, object_id=9), ORIGIN)
    crate = backend.add_prototype(box((1.0, 0.7, 0.5), plain(Label.CAR, (30, 60, 200), Material.PAINT)))
    now, before = pose((9.0, 1.0, -1.0), (0.0, 30.0, 0.0)), pose((9.0, 1.4, -1.0), (0.0, 25.0, 0.0))
    show(backend, placed([crate], [now], previous=before), air(3.0, precipitation=60.0, cloudiness=20.0))


def everything(backend: Backend, views: list[View], before: list[View]) -> list[list[np.ndarray]]:
    """All that can be asked of a frame, per view."""
    frame = backend.render(views)
    parts = [frame.normals(), frame.flow(before), frame.color(ColorStyle())]
    return [[*truth, *(part[index] for part in parts)] for index, truth in enumerate(frame.ground_truth())]


@pytest.mark.parametrize("size_px", SIZES)
def test_pictures_of_any_size_have_their_shape_and_the_right_depth(backend: Backend, size_px: tuple[int, int]) -> None:
    furnish(backend)
    view = view_from(rotation_deg=(-20.0, 30.0, 5.0), size_px=size_px, fov_deg=60.0)
    width, height = size_px
    for array, form in zip(everything(backend, [view], [view])[0], ["", "", "", "", 3, 2, 4], strict=True):
        assert array.shape == ((height, width, form) if form else (height, width))
    truth, expected = truth_of(backend, view), plane_depth(view, (0.0, 0.0, 1.0), -1.5)
    ground = truth.label == Label.ROADS
    assert ground.any()
    np.testing.assert_allclose(truth.depth[ground], expected[ground], rtol=1e-5, atol=DEPTH_TOLERANCE_M)


def test_the_only_pixel_looks_along_the_axis(backend: Backend) -> None:
    furnish(backend)
    truth = truth_of(backend, view_from(rotation_deg=(-30.0, 0.0, 0.0), size_px=(1, 1)))
    assert truth.depth[0, 0] == pytest.approx(3.0, abs=DEPTH_TOLERANCE_M)


def test_views_of_one_frame_do_not_touch_each_other(backend: Backend) -> None:
    """Several views at once, whatever their field of view, give what each gives alone."""
    furnish(backend)
    dice = np.random.default_rng(1)
    views = [
        view_from(dice.uniform(-1.0, 1.0, 3), (-10.0 * turn, 40.0 * turn, 3.0), (37, 23), 40.0 + 20.0 * turn)
        for turn in range(4)
    ]
    before = [replace(view, location=view.location - np.array([0.3, 0.1, 0.0])) for view in views]
    together = everything(backend, views, before)
    for view, past, shared in zip(views, before, together, strict=True):
        for one, other in zip(everything(backend, [view], [past])[0], shared, strict=True):
            np.testing.assert_array_equal(one, other)


def test_pictures_in_bands_equal_those_in_one_piece(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    furnish(backend)
    views = [view_from(rotation_deg=(-8.0, yaw, 0.0), size_px=(150, 101)) for yaw in (0.0, 20.0)]
    before = [replace(view, location=view.location + np.array([0.0, 0.5, 0.1])) for view in views]
    whole = everything(backend, views, before)
    monkeypatch.setattr(frame_module, "MAX_PIXELS", 150 * 17)
    for one, other in zip(whole, everything(backend, views, before), strict=True):
        for first, second in zip(one, other, strict=True):
            np.testing.assert_array_equal(first, second)


def test_more_pixels_than_fit_into_one_piece_change_nothing(one_backend: Backend) -> None:
    """Without touching the limit: five views of a million pixels, and one of them alone."""
    furnish(one_backend)
    views = [view_from(rotation_deg=(-5.0, 15.0 * turn, 0.0), size_px=(1024, 1000)) for turn in range(5)]
    assert len(views) * 1024 * 1000 > frame_module.MAX_PIXELS
    frame, alone = one_backend.render(views), one_backend.render([views[3]])
    for one, other in zip(frame.ground_truth()[3], alone.ground_truth()[0], strict=True):
        np.testing.assert_array_equal(one, other)


def test_views_of_different_sizes_and_no_views_are_refused(backend: Backend) -> None:
    furnish(backend)
    with pytest.raises(ValueError, match="one size"):
        backend.render([view_from(size_px=(8, 8)), view_from(size_px=(8, 9))])
    with pytest.raises(ValueError, match="one size"):
        backend.render([])


def test_a_frame_is_stale_once_the_scene_has_changed(backend: Backend) -> None:
    furnish(backend)
    view = view_from(size_px=(8, 8))
    changes = [
        lambda: show(backend),
        lambda: backend.set_tile("new", wall(3.0), ORIGIN),
        lambda: backend.set_tile_state("new", 1),
        lambda: backend.drop_tile("new"),
    ]
    for change in changes:
        frame = backend.render([view])
        frame.normals()
        change()
        asks = frame.ground_truth, frame.normals, partial(frame.flow, [view]), partial(frame.color, ColorStyle())
        for ask in asks:
            with pytest.raises(RuntimeError, match="after this frame was rendered"):
                ask()
    assert backend.render([view]).ground_truth()[0].depth.shape == (8, 8)


def test_casting_rays_leaves_a_frame_alone(backend: Backend) -> None:
    furnish(backend)
    view = view_from(size_px=(16, 16))
    expected = truth_of(backend, view)
    frame = backend.render([view])
    backend.cast([RayBundle(np.array([0.0, 0.0, 5.0]), np.array([[0.0, 0.0, -1.0]], np.float32), 50.0)])
    for one, other in zip(frame.ground_truth()[0], expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_arrays_handed_over_may_be_reused_and_those_handed_back_are_the_callers(backend: Backend) -> None:
    mesh = floor(-2.0, plain(Label.TERRAIN, (200, 40, 40)))
    cube = box((1.0, 1.0, 1.0), plain(Label.CAR))
    instances = placed([backend.add_prototype(cube)], [pose((5.0, 0.0, 0.0))])
    lights = Lights(*(np.ones((1, 3), np.float32) for _ in range(3)), *(np.ones(1, np.float32) for _ in range(3)))
    backend.set_tile("floor", mesh, ORIGIN)
    show(backend, instances, lights=lights)
    view = view_from(size_px=(24, 24))

    def asked() -> tuple[GroundTruth, np.ndarray, np.ndarray]:
        frame = backend.render([view])
        return frame.ground_truth()[0], frame.normals()[0], frame.color(ColorStyle())[0]

    expected = asked()
    for array in [*vars(mesh).values(), *vars(cube).values(), *vars(instances).values(), *vars(lights).values()]:
        array[...] = 0
    again = asked()
    for one, other in zip([*expected[0], *expected[1:]], [*again[0], *again[1:]], strict=True):
        np.testing.assert_array_equal(one, other)
    frame = backend.render([view])
    frame.normals()[0][...] = 0.0
    np.testing.assert_array_equal(frame.color(ColorStyle())[0], expected[2])
    frame.color(ColorStyle())[0][...] = 0
    np.testing.assert_array_equal(frame.color(ColorStyle())[0], expected[2])


@pytest.mark.parametrize("count", [1, 7, 8, 1000, 9001])
def test_rays_hit_planes_at_their_distance_and_angle(backend: Backend, count: int) -> None:
    normal = np.array([0.36, 0.48, 0.8])
    backend.set_tile("plane", patch(normal, -4.0, 150.0, plain(Label.TERRAIN), object_id=12), ORIGIN)
    show(backend)
    origin = np.array([3.0, -2.0, 1.0])
    dice = np.random.default_rng(count)
    rays = dice.normal(size=(count, 3)).astype(np.float32)
    rays[0] = -normal
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    hits = backend.cast([RayBundle(origin, rays, 100.0)])[0]
    with np.errstate(divide="ignore"):
        expected = (-4.0 - origin @ normal) / (rays.astype(np.float64) @ normal)
    seen = (expected > 0.0) & (expected < 100.0)
    np.testing.assert_array_equal(np.isfinite(hits.distance), seen)
    np.testing.assert_allclose(hits.distance[seen], expected[seen], rtol=1e-5, atol=DEPTH_TOLERANCE_M)
    np.testing.assert_allclose(hits.cos_incidence[seen], np.abs(rays[seen] @ normal), atol=1e-4)
    assert (hits.label[seen] == Label.TERRAIN).all() and (hits.instance[seen] == -1).all()
    assert (hits.object_id[seen] == (12 | LEVEL_OBJECT_BIT)).all()
    missed = ~seen
    assert np.isinf(hits.distance[missed]).all() and not hits.cos_incidence[missed].any()
    assert (hits.label[missed] == Label.NONE).all() and (hits.instance[missed] == -2).all()
    assert not hits.object_id[missed].any()


def test_rays_see_instances_as_cameras_do(backend: Backend) -> None:
    """Range, row and actor along a camera's rays agree with its picture; the angle is that of the stretched box."""
    backend.set_tile("floor", floor(-2.0, plain(Label.ROADS)), ORIGIN)
    cube = backend.add_prototype(box((1.0, 1.0, 1.0), plain(Label.TRUCK)))
    poses = [pose((8.0, -3.0, 0.0), (10.0, 40.0, 0.0), (3.0, 0.5, 1.0)), pose((12.0, 4.0, 0.0), (0.0, -20.0, 15.0))]
    show(backend, placed([cube, cube], poses))
    view = view_from(size_px=(60, 40))
    truth, normals = truth_of(backend, view), backend.render([view]).normals()[0]
    rays = rays_of(view).reshape(-1, 3)
    stretch = np.linalg.norm(rays, axis=1)
    hits = backend.cast([RayBundle(ORIGIN, (rays / stretch[:, None]).astype(np.float32), 200.0)])[0]
    near = (truth.depth.ravel() * stretch) < 199.0
    np.testing.assert_array_equal(hits.instance[near], truth.instance.ravel()[near])
    np.testing.assert_array_equal(hits.object_id[near], truth.object_id.ravel()[near])
    np.testing.assert_array_equal(hits.label[near], truth.label.ravel()[near])
    np.testing.assert_allclose(hits.distance[near], (truth.depth.ravel() * stretch)[near], rtol=1e-5, atol=1e-3)
    cosine = -np.einsum("ni,ni->n", normals.reshape(-1, 3), rays / stretch[:, None])
    np.testing.assert_allclose(hits.cos_incidence[near], cosine[near], atol=2e-4)
    assert {0, 1} <= set(truth.instance.ravel()), "both boxes are in the picture"


def test_no_rays_give_no_hits(backend: Backend) -> None:
    furnish(backend)
    hits = backend.cast([RayBundle(ORIGIN, np.zeros((0, 3), np.float32), 50.0)])[0]
    assert [len(values) for values in hits] == [0] * 5


def test_colours_do_not_depend_on_what_was_asked_before(backend: Backend) -> None:
    furnish(backend)
    view = view_from(size_px=(40, 30))
    expected = color_of(backend, view)
    frame = backend.render([view])
    frame.flow([view])
    frame.color(ColorStyle(gamma=1.0, exposure=3.0))
    frame.normals()
    np.testing.assert_array_equal(frame.color(ColorStyle())[0][..., 2::-1], expected)
