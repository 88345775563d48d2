"""Props fill the boxes that their blueprints report and look like what they are called."""

import json
from importlib.resources import files

import numpy as np
import pytest

from lead.simulator.scenery.bodies.props import MAKERS, prop_body
from lead.simulator.scenery.materials import Label, LampChannel, Material
from lead.simulator.scenery.mesh import Mesh

SIZES: dict[str, tuple[float, float, float]] = {
    kind: tuple(size)
    for kind, size in json.loads((files("lead.simulator.world") / "data/props.json").read_text())[
        "length_width_height_m"
    ].items()
}
CONES = ("constructioncone", "trafficcone01", "trafficcone02")
LIT = {"trafficwarning", "warningaccident", "warningconstruction"}
TREES = ("aporosatree", "coconutpalm", "cypresstree")


def body(kind: str, label: Label = Label.STATIC) -> Mesh:
    return prop_body(kind, SIZES.get(kind, (1.0, 0.8, 0.6)), label)


def share(mesh: Mesh, triangles: np.ndarray) -> float:
    """Share of the surface that some triangles have."""
    corners = mesh.vertices[mesh.triangles].astype(np.float64)
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    return float(areas[triangles].sum() / areas.sum())


def test_every_stock_prop_has_a_maker() -> None:
    assert set(MAKERS) == set(SIZES) | {"mesh"}


@pytest.mark.parametrize("kind", [*SIZES, "mesh", "something new"])
def test_mesh_fills_its_box_and_is_sound(kind: str) -> None:
    size = SIZES.get(kind, (1.0, 0.8, 0.6))
    mesh = body(kind, Label.DYNAMIC)
    assert 12 <= len(mesh) <= 1500
    assert mesh.triangles.min() >= 0 and mesh.triangles.max() < len(mesh.vertices)
    used = mesh.vertices[np.unique(mesh.triangles)]
    assert used.min(axis=0) == pytest.approx([-size[0] / 2, -size[1] / 2, 0.0], abs=1e-3)
    assert used.max(axis=0) == pytest.approx([size[0] / 2, size[1] / 2, size[2]], abs=1e-3)
    assert np.isfinite(mesh.uv).all()
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1.0, atol=1e-3)
    assert (mesh.label == Label.DYNAMIC).all()
    assert ((mesh.material == Material.LAMP) == (mesh.channel > 0)).all()
    assert mesh.color.dtype == mesh.material.dtype == mesh.label.dtype == mesh.channel.dtype == np.uint8


@pytest.mark.parametrize("kind", CONES)
def test_cones_are_orange_with_white_bands(kind: str) -> None:
    mesh = body(kind)
    red, green, blue = mesh.color.astype(int).T
    orange = (red > 200) & (green > 60) & (green < 130) & (blue < 60)
    white = mesh.color.min(axis=1) > 200
    assert share(mesh, orange) > 0.25
    assert share(mesh, white) > 0.08
    heights = mesh.vertices[mesh.triangles[white], 2]
    assert heights.min() > 0.1 * SIZES[kind][2]


@pytest.mark.parametrize("kind", sorted(LIT))
def test_warnings_blink_amber_and_are_printed(kind: str) -> None:
    mesh = body(kind)
    lamps = mesh.material == Material.LAMP
    assert lamps.any() and (mesh.channel[lamps] == LampChannel.SPECIAL_1).all()
    assert (mesh.material == Material.FACE).any()


def test_only_warnings_and_lanterns_have_lamps() -> None:
    assert {kind for kind in SIZES if body(kind).channel.any()} == LIT | {"gardenlamp"}


@pytest.mark.parametrize("kind", TREES)
def test_trees_are_leaves_on_a_trunk(kind: str) -> None:
    mesh = body(kind, Label.VEGETATION)
    assert share(mesh, mesh.material == Material.FOLIAGE) > 0.4
    assert (mesh.material == Material.BARK).any()


@pytest.mark.parametrize(("kind", "turned"), [("busstop", "busstoplb")])
def test_turned_kinds_are_the_same_turned(kind: str, turned: str) -> None:
    first, second = body(kind), body(turned)
    expected = np.column_stack([-first.vertices[:, 1], first.vertices[:, 0], first.vertices[:, 2]])
    np.testing.assert_allclose(second.vertices, expected, atol=1e-3)


def test_bodies_are_the_same_every_time() -> None:
    for kind in ("dirtdebris02", "plantpot06", "coconutpalm"):
        first = body(kind)
        prop_body.cache_clear()
        np.testing.assert_array_equal(first.vertices, body(kind).vertices)


def test_kinds_of_other_sizes_still_fill_the_box() -> None:
    mesh = prop_body("trafficcone01", (0.2, 0.3, 2.0), Label.STATIC)
    used = mesh.vertices[np.unique(mesh.triangles)]
    assert np.ptp(used, axis=0) == pytest.approx([0.2, 0.3, 2.0], abs=1e-3)


def test_a_box_without_extent_is_a_speck() -> None:
    mesh = prop_body("mesh", (0.0, 0.0, 0.0), Label.STATIC)
    assert np.isfinite(mesh.vertices).all() and np.isfinite(mesh.normals).all()
    assert np.abs(mesh.vertices).max() <= 1.1e-3
