"""What every back end must get right about shapes: depth, classes, objects, instances, normals."""

from __future__ import annotations

import numpy as np
import pytest
from rendering_support import (
    DEPTH_TOLERANCE_M,
    ORIGIN,
    box,
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
from lead.simulator.rendering.backends.base import WarpBackend
from lead.simulator.rendering.scene import FAR_M, LEVEL_OBJECT_BIT, Instances, RayBundle
from lead.simulator.scenery.materials import Label
from lead.simulator.scenery.mesh import MeshBuilder


@pytest.mark.parametrize("distance_m", [0.3, 7.3, 41.0, 480.0])
def test_depth_of_a_wall_is_along_the_optical_axis_not_along_the_ray(backend: Backend, distance_m: float) -> None:
    backend.set_tile("wall", wall(distance_m, half_m=3.0 * distance_m), ORIGIN)
    show(backend)
    truth = truth_of(backend, view_from(size_px=(31, 17), fov_deg=100.0))
    tolerance = DEPTH_TOLERANCE_M if distance_m < 100.0 else 1e-5 * distance_m
    np.testing.assert_allclose(truth.depth, distance_m, rtol=0.0, atol=tolerance)


def test_tilted_planes_have_planar_depth_from_tilted_cameras(backend: Backend) -> None:
    dice = np.random.default_rng(3)
    compared = 0
    for index in range(12):
        normal = dice.normal(size=3)
        normal /= np.linalg.norm(normal)
        rotation = (dice.uniform(-60, 60), dice.uniform(-180, 180), dice.uniform(-180, 180))
        backend.set_tile("plane", patch(normal, 6.0, 400.0, plain()), ORIGIN)
        show(backend)
        view = view_from(dice.uniform(-3.0, 3.0, 3), rotation, (40, 30), dice.uniform(30.0, 120.0))
        depth, expected = truth_of(backend, view).depth, plane_depth(view, normal, 6.0)
        near = expected < 60.0
        compared += int(near.sum())
        np.testing.assert_allclose(depth[near], expected[near], rtol=0.0, atol=DEPTH_TOLERANCE_M, err_msg=str(index))
    assert compared > 3000, "the planes fill a good part of the pictures"


def test_depth_is_right_far_from_the_origin_of_the_map(backend: Backend) -> None:
    corner = np.array([5000.0, -3000.0, 120.0])
    backend.set_tile("wall", wall(11.0), corner)
    show(backend)
    truth = truth_of(backend, view_from(corner, size_px=(16, 16)))
    np.testing.assert_allclose(truth.depth, 11.0, rtol=0.0, atol=DEPTH_TOLERANCE_M)


def test_the_nearest_of_several_surfaces_is_seen_with_its_class_and_object(backend: Backend) -> None:
    backend.set_tile("far", wall(30.0, plain(Label.BUILDINGS), object_id=7), ORIGIN)
    backend.set_tile("near", wall(10.0, plain(Label.FENCES), half_m=4.0), ORIGIN)
    chair = backend.add_prototype(box((1.0, 1.0, 1.0), plain(Label.CAR), object_id=3))
    cone = backend.add_prototype(box((0.5, 0.5, 0.5), plain(Label.STATIC), object_id=5))
    poses = [pose((6.0, 0.0, 0.0)), pose((5.0, -2.0, 0.0))]
    show(backend, placed([chair, cone], poses, actor_id=[4_000_000_123 % 2**31, 0]))
    truth = truth_of(backend, view_from(size_px=(64, 64)))

    def seen(row: int, column: int) -> tuple[int, int, int, float]:
        where = row, column
        return (
            int(truth.label[where]),
            int(truth.object_id[where]),
            int(truth.instance[where]),
            float(truth.depth[where]),
        )

    level = int(LEVEL_OBJECT_BIT)
    assert seen(31, 31) == (Label.CAR, 4_000_000_123 % 2**31, 0, pytest.approx(5.0, abs=DEPTH_TOLERANCE_M))
    assert seen(31, 18) == (Label.STATIC, 5 | level, 1, pytest.approx(4.5, abs=DEPTH_TOLERANCE_M))
    assert seen(22, 31) == (Label.FENCES, 0, -1, pytest.approx(10.0, abs=DEPTH_TOLERANCE_M))
    assert seen(2, 2) == (Label.BUILDINGS, 7 | level, -1, pytest.approx(30.0, abs=DEPTH_TOLERANCE_M))


def test_where_nothing_is_there_is_sky(backend: Backend) -> None:
    backend.set_tile("floor", floor(-1.0), ORIGIN)
    show(backend)
    truth = truth_of(backend, view_from(size_px=(16, 16)))
    sky = slice(0, 8), slice(None)
    assert (truth.label[sky] == Label.SKY).all() and (truth.instance[sky] == -2).all()
    assert (truth.depth[sky] == FAR_M).all() and not truth.object_id[sky].any()
    assert (truth.label[9:] == Label.STATIC).all()


def test_a_scene_without_anything_is_all_sky(backend: Backend) -> None:
    show(backend)
    view = view_from(size_px=(5, 3))
    assert (truth_of(backend, view).label == Label.SKY).all()
    assert not np.isfinite(
        backend.cast([RayBundle(ORIGIN, np.array([[1.0, 0.0, 0.0]], np.float32), 50.0)])[0].distance
    ).any()
    backend.set_tile("wall", wall(3.0, plain(Label.WALLS)), ORIGIN)
    assert (truth_of(backend, view).label == Label.WALLS).all()
    backend.drop_tile("wall")
    assert (truth_of(backend, view).label == Label.SKY).all()


def test_a_tile_is_replaced_and_dropped(backend: Backend) -> None:
    show(backend)
    view = view_from(size_px=(8, 8))
    backend.set_tile("behind", wall(50.0, plain(Label.BUILDINGS)), ORIGIN)
    backend.set_tile("tile", wall(10.0, plain(Label.WALLS)), ORIGIN)
    assert backend.triangles() == 4
    backend.set_tile("tile", wall(10.0, plain(Label.FENCES)), np.array([5.0, 0.0, 0.0]))
    truth = truth_of(backend, view)
    assert (truth.label == Label.FENCES).all()
    np.testing.assert_allclose(truth.depth, 15.0, rtol=0.0, atol=DEPTH_TOLERANCE_M)
    assert backend.triangles() == 4
    backend.drop_tile("tile")
    backend.drop_tile("never there")
    assert (truth_of(backend, view).label == Label.BUILDINGS).all()
    backend.set_tile("behind", MeshBuilder().build(), ORIGIN)
    assert (truth_of(backend, view).label == Label.SKY).all(), "an empty mesh shows nothing"


def test_tiles_that_come_and_go_never_mix_up_their_triangles(backend: Backend) -> None:
    """Slots, places in the pools and acceleration structures are reused; attributes must follow."""
    show(backend)
    dice = np.random.default_rng(5)
    shown: dict[int, int] = {}
    view = view_from(size_px=(64, 8), fov_deg=90.0)
    for turn in range(80):
        column = int(dice.integers(16))
        if dice.random() < 0.3:
            backend.drop_tile(column)
            shown.pop(column, None)
        else:
            label = int(dice.integers(1, 29))
            y = 20.0 * (column - 7.5) / 8.0
            builder = MeshBuilder()
            builder.object_id = label
            for _ in range(int(dice.integers(1, 40))):
                builder.box((20.0, y, 0.0), (0.01, 1.24, 30.0), plain(Label(label)))
            backend.set_tile(column, builder.build(), ORIGIN)
            shown[column] = label
        if turn % 8 == 7:
            truth = truth_of(backend, view)
            for place in range(16):
                middle = truth.label[4, 4 * place + 2], truth.object_id[4, 4 * place + 2]
                wanted = shown.get(place, Label.SKY)
                assert middle[0] == wanted
                assert middle[1] == ((wanted | LEVEL_OBJECT_BIT) if place in shown else 0)


def test_each_of_several_meshes_keeps_its_own_normals(backend: Backend) -> None:
    """Three planes side by side, as tiles and as a prototype, one after another in the pools."""
    directions = [np.array([-0.8, way, 0.0]) for way in (-0.6, 0.6)] + [np.array([-0.6, 0.0, 0.8])]
    places = [np.array([10.0, y, 0.0]) for y in (-6.0, 0.0, 6.0)]
    for number in (0, 1):
        backend.set_tile(number, patch(directions[number], 0.0, 1.5, plain()), places[number])
    shape = backend.add_prototype(patch(directions[2], 0.0, 1.5, plain()))
    show(backend, placed([shape], [pose(places[2])]))
    normals = backend.render([view_from(size_px=(60, 60))]).normals()[0]
    for place, direction in zip(places, directions, strict=True):
        np.testing.assert_allclose(normals[30, round(29.5 + 3.0 * place[1])], direction, atol=1e-4)


def test_room_of_dropped_tiles_is_used_again(backend: Backend) -> None:
    """A drive of hundreds of tiles needs no more memory for attributes than a few of them."""
    assert isinstance(backend, WarpBackend)
    builder = MeshBuilder()
    for _ in range(500):
        builder.box((5.0, 0.0, 0.0), (1.0, 1.0, 1.0), plain())
    mesh = builder.build()
    for turn in range(60):
        backend.set_tile(turn % 4, mesh, ORIGIN)
        if turn == 10:
            room = len(backend.pool.data.color), len(backend.pool.data.normal)
    assert (len(backend.pool.data.color), len(backend.pool.data.normal)) == room
    assert backend.triangles() == 4 * len(mesh)


def test_hundreds_of_instances_keep_their_rows_when_their_number_changes(backend: Backend) -> None:
    brick = backend.add_prototype(box((0.01, 0.4, 0.4), plain(Label.DYNAMIC)))
    other = backend.add_prototype(box((0.01, 0.4, 0.4), plain(Label.CAR)))
    side = 27
    y, z = (grid.ravel() - 0.5 * (side - 1) for grid in np.meshgrid(np.arange(side), np.arange(side)))
    view = view_from((-0.5 * side, 0.0, 0.0), size_px=(8 * side, 8 * side))
    pixel = np.rint((y + 0.5 * side) * 8.0).astype(int), np.rint((0.5 * side - z) * 8.0).astype(int)
    for count in (3, side * side, 40, 500):
        kinds = [(brick, other)[row % 2] for row in range(count)]
        poses = [pose((0.0, y[row], z[row])) for row in range(count)]
        show(backend, placed(kinds, poses))
        truth = truth_of(backend, view)
        found = truth.instance[pixel[1], pixel[0]]
        np.testing.assert_array_equal(found, np.where(np.arange(side * side) < count, np.arange(side * side), -2))
        np.testing.assert_array_equal(truth.object_id[pixel[1], pixel[0]][:count], np.arange(100, 100 + count))
        labels = np.where(np.arange(count) % 2 == 0, Label.DYNAMIC, Label.CAR)
        np.testing.assert_array_equal(truth.label[pixel[1], pixel[0]][:count], labels)
    show(backend, Instances())
    assert (truth_of(backend, view).instance == -2).all()


def test_what_comes_back_to_its_place_is_seen_again(backend: Backend) -> None:
    bricks = placed([backend.add_prototype(box((0.1, 2.0, 2.0), plain(Label.CAR)))] * 2, [pose((5.0, 0.0, 0.0))] * 2)
    seen = []
    for instances in (bricks, Instances(), bricks, placed(bricks.prototype[:1], bricks.transform[:1]), bricks):
        show(backend, instances)
        seen.append(int((truth_of(backend, view_from()).instance >= 0).sum()))
    assert seen[0] > 100
    assert seen == [seen[0], 0, seen[0], seen[0], seen[0]]


def test_prototypes_may_be_scaled_unevenly(backend: Backend) -> None:
    """A tilted square, stretched: depth, outline and normal follow from linear algebra."""
    normal = np.array([0.8, 0.0, 0.6])
    shape = backend.add_prototype(patch(normal, 0.0, 1.0, plain(Label.ROADS)))
    matrix = pose((9.0, 0.5, -0.2), (0.0, 25.0, 10.0), (3.0, 1.5, 0.5))
    show(backend, placed([shape], [matrix]))
    view = view_from(size_px=(120, 90), fov_deg=30.0)
    frame = backend.render([view])
    truth, normals = frame.ground_truth()[0], frame.normals()[0]
    turned = np.linalg.inv(matrix[:3, :3]).T @ normal
    turned /= np.linalg.norm(turned)
    depth = plane_depth(view, turned, float(turned @ matrix[:3, 3]))
    depth = np.minimum(depth, 1e6)
    local = (rays_of(view) * depth[..., None] - matrix[:3, 3]) @ np.linalg.inv(matrix[:3, :3]).T
    reach = np.maximum(np.abs(local[..., 1]), np.abs(local @ np.array([-0.6, 0.0, 0.8])))
    inside, outside = reach < 0.97, reach > 1.03
    assert inside.sum() > 300 and outside.sum() > 300
    assert (truth.instance[inside] == 0).all() and (truth.instance[outside] == -2).all()
    np.testing.assert_allclose(truth.depth[inside], depth[inside], rtol=0.0, atol=DEPTH_TOLERANCE_M)
    facing = turned if turned[0] < 0.0 else -turned
    np.testing.assert_allclose(normals[inside], np.broadcast_to(facing, normals[inside].shape), atol=1e-4)


def test_normals_are_unit_vectors_turned_to_the_camera_and_zero_in_the_sky(backend: Backend) -> None:
    ball = MeshBuilder()
    ball.ellipsoid((0.0, 0.0, 0.0), (2.0, 2.0, 2.0), plain(), sides=64, rings=32)
    number = backend.add_prototype(ball.build())
    show(backend, placed([number], [pose((8.0, 0.0, 0.0))]))
    view = view_from(size_px=(64, 64), fov_deg=40.0)
    frame = backend.render([view])
    truth, normals = frame.ground_truth()[0], frame.normals()[0]
    hit = truth.instance == 0
    assert not normals[~hit].any()
    np.testing.assert_allclose(np.linalg.norm(normals[hit], axis=-1), 1.0, atol=1e-4)
    points = rays_of(view)[hit] * truth.depth[hit][:, None]
    radial = (points - np.array([8.0, 0.0, 0.0])) / 2.0
    facing = -np.einsum("ni,ni->n", radial, points) / np.linalg.norm(points, axis=-1)
    clear = facing > 0.3  # the facets' silhouette is not the ball's
    assert clear.sum() > 1000
    assert np.einsum("ni,ni->n", normals[hit], radial)[clear].min() > 0.99
    inside = backend.render([view_from((8.0, 0.0, 0.0), size_px=(8, 8))]).normals()[0]
    toward = np.einsum("hwi,hwi->hw", inside, rays_of(view_from(size_px=(8, 8))))
    assert (toward < 0.0).all(), "also from within"
