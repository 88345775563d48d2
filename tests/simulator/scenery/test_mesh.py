"""Shapes of the mesh builder: closed, of the right size, with outward unit normals and uv in metres."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lead.simulator.scenery.materials import Label, Material
from lead.simulator.scenery.mesh import Look, Mesh, MeshBuilder, merge, transformed

LOOK = Look((10, 20, 30), Material.METAL, Label.POLES, 3)


def built(draw: Callable[[MeshBuilder], None]) -> Mesh:
    builder = MeshBuilder()
    draw(builder)
    return builder.build()


def corners(mesh: Mesh) -> np.ndarray:
    """Corners of all triangles, float64 (m, 3, 3)."""
    return mesh.vertices[mesh.triangles].astype(np.float64)


def facets(mesh: Mesh) -> np.ndarray:
    """Area vectors (m, 3) of all triangles, turned the way their shading normals point."""
    points = corners(mesh)
    area = 0.5 * np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
    shading = mesh.normals[mesh.triangles].astype(np.float64).mean(axis=1)
    return area * np.sign((area * shading).sum(axis=1))[:, None]


def volume(mesh: Mesh) -> float:
    """By the divergence theorem; right only for a closed surface with outward normals."""
    return float((corners(mesh).mean(axis=1) * facets(mesh)).sum() / 3.0)


def bounds(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    return mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)


def ngon(sides: int) -> float:
    """Area of a regular polygon in the unit circle."""
    return 0.5 * sides * np.sin(2.0 * np.pi / sides)


SOLIDS = {
    "box": (lambda b: b.box([5, 6, 7], [1, 2, 3], LOOK), [4, 4, 4], [6, 8, 10], 48.0),
    "turned box": (lambda b: b.box([5, 6, 7], [1, 2, 3], LOOK, yaw=np.pi / 2), [3, 5, 4], [7, 7, 10], 48.0),
    "tapered box": (
        lambda b: b.box([0, 0, 0], [2, 2, 3], LOOK, top=(0.5, 0.5)),
        [-2, -2, -3],
        [2, 2, 3],
        6.0 / 3.0 * (16.0 + 4.0 + 8.0),
    ),
    "cylinder": (lambda b: b.cylinder([1, 2, 3], [1, 2, 8], 2.0, LOOK, sides=12), [-1, 0, 3], [3, 4, 8], 20 * ngon(12)),
    "lying cylinder": (
        lambda b: b.cylinder([1, 2, 3], [6, 2, 3], 2.0, LOOK, sides=12),
        [1, 0, 1],
        [6, 4, 5],
        20 * ngon(12),
    ),
    "cone": (
        lambda b: b.cylinder([0, 0, 0], [0, 0, 6], 1.0, LOOK, end_radius=0.0, sides=16),
        [-1, -1, 0],
        [1, 1, 6],
        2 * ngon(16),
    ),
}
each_solid = pytest.mark.parametrize("name", SOLIDS)


@each_solid
def test_solids_are_closed_and_of_their_size(name: str) -> None:
    draw, low, high, size = SOLIDS[name]
    mesh = built(draw)
    np.testing.assert_allclose(bounds(mesh)[0], low, atol=1e-5)
    np.testing.assert_allclose(bounds(mesh)[1], high, atol=1e-5)
    np.testing.assert_allclose(facets(mesh).sum(axis=0), 0.0, atol=1e-4)
    assert volume(mesh) == pytest.approx(size, rel=1e-5)
    # Every edge belongs to two triangles, found by place since faces have vertices of their own.
    real = corners(mesh)[np.linalg.norm(facets(mesh), axis=1) > 1e-6]
    ends = np.round(real[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2, 3), 4) + 0.0
    pairs = [tuple(sorted((tuple(a), tuple(b)))) for a, b in ends.tolist()]
    counts = {pair: pairs.count(pair) for pair in set(pairs)}
    assert set(counts.values()) == {2}


def test_an_ellipsoid_fills_its_radii() -> None:
    mesh = built(lambda b: b.ellipsoid([1, 2, 3], [2, 3, 4], LOOK, sides=32, rings=24))
    np.testing.assert_allclose(bounds(mesh)[1], [3, 5, 7], atol=1e-5)
    np.testing.assert_allclose(bounds(mesh)[0], [-1, -1, -1], atol=1e-5)
    assert volume(mesh) == pytest.approx(4.0 / 3.0 * np.pi * 24.0, rel=0.03)
    way = (mesh.vertices - [1.0, 2.0, 3.0]) / np.array([4.0, 9.0, 16.0])
    np.testing.assert_allclose(mesh.normals, way / np.linalg.norm(way, axis=1, keepdims=True), atol=1e-5)


def test_a_prism_is_a_convex_outline_without_a_floor() -> None:
    outline = [[0, 0], [4, 0], [4, 2], [2, 5], [0, 2]]
    for plan in (outline, outline[::-1]):
        mesh = built(lambda b, plan=plan: b.prism(plan, 1.0, 4.0, LOOK))
        np.testing.assert_allclose(bounds(mesh), [[0, 0, 1], [4, 5, 4]])
        area = facets(mesh)
        np.testing.assert_allclose(area.sum(axis=0), [0.0, 0.0, 14.0], atol=1e-5)
        outward = corners(mesh).mean(axis=1) - [2.0, 1.8, 0.0]
        assert ((outward * area).sum(axis=1) > 0.0).all()
    roof_only = built(lambda b: b.prism(outline, 1.0, 4.0, LOOK, sides=False))
    assert (roof_only.vertices[:, 2] == 4.0).all()


ALL_SHAPES = {
    **{name: solid[0] for name, solid in SOLIDS.items()},
    "ellipsoid": lambda b: b.ellipsoid([1, 2, 3], [2, 3, 4], LOOK),
    "prism": lambda b: b.prism([[0, 0], [4, 0], [4, 2], [0, 2]], 1.0, 4.0, LOOK),
    "quad": lambda b: b.quad([[0, 0, 0], [2, 0, 1], [2, 3, 1], [0, 3, 0]], LOOK),
    "strip": lambda b: b.strip([[0, 0, 0], [5, 0, 0]], [[0, 1, 0], [5, 1, 0]], LOOK),
    "free triangles": lambda b: b.triangles([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 1, 2], [1, 2, 3]], LOOK),
}


@pytest.mark.parametrize("name", ALL_SHAPES)
def test_every_shape_has_unit_normals_across_its_faces_and_its_look(name: str) -> None:
    mesh = built(ALL_SHAPES[name])
    assert len(mesh) > 1 and mesh.triangles.min() == 0 and mesh.triangles.max() == len(mesh.vertices) - 1
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1.0, atol=1e-5)
    area = facets(mesh)
    real = np.linalg.norm(area, axis=1) > 1e-6
    shading = mesh.normals[mesh.triangles].mean(axis=1)
    assert ((area * shading).sum(axis=1)[real] > 0.7 * np.linalg.norm(area, axis=1)[real]).all()
    assert (mesh.color == [10, 20, 30]).all()
    for values, wanted in ((mesh.material, Material.METAL), (mesh.label, Label.POLES), (mesh.channel, 3)):
        assert values.dtype == np.uint8 and len(values) == len(mesh) and (values == wanted).all()


def test_flat_faces_point_away_from_the_middle() -> None:
    box = built(lambda b: b.box([5, 6, 7], [1, 2, 3], LOOK, yaw=0.4))
    outward = corners(box).mean(axis=1) - [5.0, 6.0, 7.0]
    assert ((outward * box.normals[box.triangles[:, 0]]).sum(axis=1) > 0.5).all()
    flat = box.normals[box.triangles]
    np.testing.assert_array_equal(flat[:, 0], flat[:, 1])
    np.testing.assert_array_equal(flat[:, 0], flat[:, 2])


def test_uv_of_walls_are_metres_along_and_above_the_foot() -> None:
    prism = built(lambda b: b.prism([[0, 0], [4, 0], [4, 2], [0, 2]], 1.0, 4.5, LOOK))
    box = built(lambda b: b.box([9, 9, 9], [2, 1.5, 3], LOOK, yaw=0.7))
    for mesh, foot in ((prism, 1.0), (box, 6.0)):
        walls = np.abs(mesh.normals[:, 2]) < 0.5
        np.testing.assert_allclose(mesh.uv[walls, 1], mesh.vertices[walls, 2] - foot, atol=1e-5)
        for triangle in mesh.triangles[walls[mesh.triangles].all(axis=1)]:
            for one, other in ((0, 1), (1, 2), (2, 0)):
                way = mesh.vertices[triangle[one]] - mesh.vertices[triangle[other]]
                turn = mesh.uv[triangle[one]] - mesh.uv[triangle[other]]
                assert np.hypot(*turn) == pytest.approx(np.linalg.norm(way), abs=1e-5)


def test_a_quad_maps_the_unit_square_unless_told_otherwise() -> None:
    square = [[0, 0, 0], [2, 0, 0], [2, 3, 0], [0, 3, 0]]
    np.testing.assert_array_equal(built(lambda b: b.quad(square, LOOK)).uv, [[0, 0], [1, 0], [1, 1], [0, 1]])
    own = [[0.2, 0.8], [0.4, 0.8], [0.4, 0.6], [0.2, 0.6]]
    np.testing.assert_allclose(built(lambda b: b.quad(square, LOOK, uv=own)).uv, own, atol=1e-6)
    given = built(lambda b: b.quad(square, LOOK, normal=[0, 0, -1]))
    assert (given.normals == [0, 0, -1]).all()
    slanted = built(lambda b: b.quad(square, LOOK, normal=[3, 0, 4]))
    np.testing.assert_allclose(slanted.normals, [[0.6, 0.0, 0.8]] * 4, atol=1e-6)


def test_a_strip_counts_metres_along_and_leaves_out_pieces() -> None:
    left = [[0, 0, 0], [3, 0, 0], [3, 4, 0], [3, 4, 5]]
    right = [[0, 1, 0], [3, 1, 0], [3, 5, 0], [3, 5, 5]]
    whole = built(lambda b: b.strip(left, right, LOOK))
    np.testing.assert_allclose(whole.uv[:, 0], [0, 3, 7, 12] * 2)
    np.testing.assert_array_equal(whole.uv[:, 1], [0] * 4 + [1] * 4)
    part = built(lambda b: b.strip(left, right, LOOK, keep=np.array([True, False, True])))
    assert (len(whole), len(part)) == (6, 4)
    used = set(map(tuple, np.sort(part.triangles, axis=1).tolist()))
    assert used < set(map(tuple, np.sort(whole.triangles, axis=1).tolist()))
    assert not any({1, 2, 6} == set(triangle) for triangle in used)


def test_object_ids_follow_the_builder_and_the_arguments() -> None:
    builder = MeshBuilder()
    builder.object_id = 7
    builder.box([0, 0, 0], [1, 1, 1], LOOK, bottom=False)
    builder.triangles(np.eye(3), [[0, 1, 2], [2, 1, 0]], LOOK, object_id=[3, 4])
    builder.object_id = 9
    builder.mesh(built(lambda b: b.box([0, 0, 0], [1, 1, 1], LOOK)))
    assert builder.build().object_id.tolist() == [7] * 10 + [3, 4] + [9] * 12


def test_colors_can_differ_by_triangle() -> None:
    shades = [[1, 2, 3], [4, 5, 6]]
    mesh = built(lambda b: b.triangles(np.eye(3), [[0, 1, 2], [2, 1, 0]], LOOK, color=shades))
    assert mesh.color.tolist() == shades


def test_merging_keeps_all_triangles_in_order() -> None:
    first = built(lambda b: b.box([0, 0, 0], [1, 2, 3], LOOK))
    second = built(lambda b: b.cylinder([5, 5, 5], [5, 5, 9], 1.0, Look((1, 1, 1), Material.PLAIN, Label.WALLS)))
    joined = merge([first, second, first])
    np.testing.assert_array_equal(corners(joined), np.concatenate([corners(m) for m in (first, second, first)]))
    assert joined.label.tolist() == first.label.tolist() + second.label.tolist() + first.label.tolist()
    assert joined.nbytes == 2 * first.nbytes + second.nbytes
    assert len(merge([])) == 0 and merge([]).vertices.shape == (0, 3)


def test_uneven_scale_keeps_normals_perpendicular() -> None:
    matrix = np.eye(4)
    turn = np.array([[np.cos(0.5), -np.sin(0.5), 0.0], [np.sin(0.5), np.cos(0.5), 0.0], [0.0, 0.0, 1.0]])
    matrix[:3, :3] = turn @ np.diag([3.0, 0.5, 2.0])
    matrix[:3, 3] = 10.0, 20.0, 30.0
    mesh = built(lambda b: b.box([1, 0, 0], [1, 2, 1], LOOK, yaw=0.3, top=(0.4, 0.8)))
    moved = transformed(mesh, matrix)
    np.testing.assert_allclose(np.linalg.norm(moved.normals, axis=1), 1.0, atol=1e-5)
    points = corners(moved)
    for edge in (points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]):
        slant = (edge * moved.normals[moved.triangles[:, 0]]).sum(axis=1)
        np.testing.assert_allclose(slant / np.linalg.norm(edge, axis=1), 0.0, atol=1e-5)
    assert volume(moved) == pytest.approx(3.0 * volume(mesh), rel=1e-4)
    np.testing.assert_allclose(moved.vertices[0], matrix[:3, :3] @ mesh.vertices[0] + [10, 20, 30], rtol=1e-5)


def test_a_moved_mesh_keeps_or_takes_object_ids_and_leaves_the_original_alone() -> None:
    builder = MeshBuilder()
    builder.object_id = 5
    builder.box([0, 0, 0], [1, 1, 1], LOOK)
    mesh = builder.build()
    before = mesh.vertices.copy()
    shift = np.eye(4)
    shift[:3, 3] = 1.0
    assert set(transformed(mesh, shift).object_id.tolist()) == {5}
    assert set(transformed(mesh, shift, object_id=8).object_id.tolist()) == {8}
    np.testing.assert_array_equal(mesh.vertices, before)
