"""Standing things as meshes: every shown level object in its tile, under its number, within its box."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scenery_support import Surroundings

from lead.maps.layout import BOX_DTYPE, SignalKind
from lead.simulator.scenery.furniture import LAMP_ARM_M, SMALL_THINGS, add_static_box
from lead.simulator.scenery.materials import Label, LampChannel, Material
from lead.simulator.scenery.mesh import Mesh, MeshBuilder
from lead.simulator.scenery.placements import TREES, Thing
from lead.simulator.scenery.strips import TILE_M
from lead.simulator.scenery.structures import Structures
from lead.simulator.scenery.vegetation import SHAPES, plant

TOWNS = ("Town01", pytest.param("Town04", marks=pytest.mark.slow), "Town10HD")
MARGIN_M = 1.7
"""How far roofs' machines, canopies, awnings and eaves may leave an object's box."""


@pytest.fixture(scope="module", params=TOWNS)
def around(request: pytest.FixtureRequest, surroundings: Callable) -> Surroundings:
    return surroundings(request.param)


@pytest.fixture(scope="module")
def tiles(around: Surroundings) -> dict[tuple[int, int], Mesh]:
    """All tiles with standing things, nothing hidden."""
    shown = np.zeros(len(around.level.boxes), bool)
    keys = sorted({tuple(key) for key in around.structures.tile_of.tolist()})
    return {key: around.structures.tile(key, shown) for key in keys}


def posts_of_signals(around: Surroundings) -> set[int]:
    """Rows of the map's posts that stand where a signal's own post is drawn."""
    level, signals = around.level, around.town.signals
    boxes = level.boxes[: level.first_lamp]
    gap = np.hypot(boxes["x"][:, None] - signals["x"], boxes["y"][:, None] - signals["y"]).min(axis=1)
    return set(np.flatnonzero((gap < 0.3) & (boxes["ext_x"] < 0.25)).tolist())


def in_box_frame(mesh: Mesh, key: tuple[int, int], box: np.void, triangles: np.ndarray) -> np.ndarray:
    """Corners (n, 3) of chosen triangles of a tile in the frame of a box."""
    points = mesh.vertices[mesh.triangles[triangles]].reshape(-1, 3) + TILE_M * np.array([*key, 0.0])
    away = points - [box["x"], box["y"], box["z"]]
    cos, sin = np.cos(box["yaw"]), np.sin(box["yaw"])
    return np.column_stack([away[:, 0] * cos + away[:, 1] * sin, away[:, 1] * cos - away[:, 0] * sin, away[:, 2]])


def test_every_object_is_drawn_in_its_tile_under_its_number(around: Surroundings, tiles: dict) -> None:
    posts = posts_of_signals(around)
    seen: list[int] = []
    for key, mesh in tiles.items():
        rows = np.flatnonzero((around.structures.tile_of == key).all(axis=1))
        wanted = {row + 1 for row in rows.tolist() if row not in posts}
        assert set(mesh.object_id.tolist()) == wanted
        seen += wanted
    assert len(seen) == len(set(seen)) == len(around.level.boxes) - len(posts)


def test_hidden_objects_are_missing_and_nothing_else(around: Surroundings, tiles: dict) -> None:
    rng = np.random.default_rng(1)
    hidden = rng.random(len(around.level.boxes)) < 0.5
    for key in sorted(tiles, key=lambda key: -len(tiles[key]))[:3]:
        whole, part = tiles[key], around.structures.tile(key, hidden)
        kept = ~hidden[whole.object_id - 1]
        assert 0 < kept.sum() < len(kept)
        np.testing.assert_array_equal(part.object_id, whole.object_id[kept])
        np.testing.assert_array_equal(part.vertices[part.triangles], whole.vertices[whole.triangles[kept]])
    assert len(around.structures.tile(key, np.ones(len(hidden), bool))) == 0


def test_tiles_without_objects_are_empty(around: Surroundings) -> None:
    assert len(around.structures.tile((999, 999), np.zeros(len(around.level.boxes), bool))) == 0


def test_meshes_are_sound(tiles: dict) -> None:
    for mesh in tiles.values():
        assert mesh.triangles.min() >= 0 and mesh.triangles.max() < len(mesh.vertices)
        assert np.isfinite(mesh.vertices).all() and np.isfinite(mesh.uv).all()
        np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1.0, atol=1e-3)
        assert (mesh.material[mesh.channel > 0] == Material.LAMP).all()


def test_meshes_are_the_same_every_time(surroundings: Callable) -> None:
    around = surroundings("Town10HD")
    shown = np.zeros(len(around.level.boxes), bool)
    other = Structures(around.level, around.town, around.index)
    for key in sorted({tuple(key) for key in around.structures.tile_of.tolist()})[:6]:
        first, second = around.structures.tile(key, shown), other.tile(key, shown)
        for name, values in vars(first).items():
            np.testing.assert_array_equal(values, getattr(second, name))


def test_objects_stay_within_their_boxes(around: Surroundings, tiles: dict) -> None:
    level, signals = around.level, around.town.signals
    checked = 0
    for key, mesh in tiles.items():
        order = np.argsort(mesh.object_id, kind="stable")
        numbers, starts = np.unique(mesh.object_id[order], return_index=True)
        for number, triangles in zip(numbers.tolist(), np.split(order, starts[1:]), strict=True):
            row = number - 1
            box = level.boxes[row]
            half = np.array([box["ext_x"], box["ext_y"], box["ext_z"]], np.float64)
            grown = np.full(3, MARGIN_M)
            low = MARGIN_M
            if row < level.first_lamp:
                low = 1.0  # roots, where the ground falls away from dams and bridges
            elif level.first_lamp <= row < level.first_signal:
                grown[1] = LAMP_ARM_M + 0.4
            elif level.first_signal <= row < level.first_thing:
                if signals["kind"][row - level.first_signal] == SignalKind.TRAFFIC_LIGHT:
                    continue  # post and arm; see the tests of signals
                grown[:], low = 0.15, 3.7  # the box is the plate's, its post stands below
            elif row >= level.first_thing:
                thing = level.things[row - level.first_thing]
                if thing["kind"] == Thing.RAIL:
                    low = 1.0
                elif thing["kind"] in TREES:  # the box is the trunk's
                    grown[:2], grown[2] = 0.42 * thing["height"], 0.05 * thing["height"]
            points = in_box_frame(mesh, key, box, triangles)
            assert (points <= half + grown).all(), level.name(around.name, row)
            assert (points[:, :2] >= -half[:2] - grown[:2]).all(), level.name(around.name, row)
            assert points[:, 2].min() >= -half[2] - low, level.name(around.name, row)
            checked += 1
    assert checked > 400


def test_objects_fill_their_boxes(around: Surroundings, tiles: dict) -> None:
    level = around.level
    short = []
    for key, mesh in tiles.items():
        for row in np.flatnonzero((around.structures.tile_of == key).all(axis=1)).tolist():
            if row < level.first_thing or level.things["kind"][row - level.first_thing] in TREES:
                continue
            box = level.boxes[row]
            points = in_box_frame(mesh, key, box, np.flatnonzero(mesh.object_id == row + 1))
            half = np.array([box["ext_x"], box["ext_y"], box["ext_z"]], np.float64)
            short.append((half - np.minimum(points.max(axis=0), -points.min(axis=0))).max())
    assert len(short) > 80
    assert max(short) < 0.1


def test_labels_are_those_of_the_level(around: Surroundings, tiles: dict) -> None:
    level = around.level
    for mesh in tiles.values():
        own = level.boxes["label"][mesh.object_id - 1]
        other = mesh.label != own
        # Posts of lights and signs, and the plants in planters, have classes of their own.
        signal = (mesh.object_id > level.first_signal) & (mesh.object_id <= level.first_thing)
        posts = signal & (mesh.label == Label.POLES)
        leaves = (own == Label.STATIC) & (mesh.label == Label.VEGETATION)
        assert not (other & ~posts & ~leaves).any()


def test_street_lamps_burn_over_the_road_under_their_channel(around: Surroundings, tiles: dict) -> None:
    level = around.level
    lit = [(key, mesh, np.flatnonzero(mesh.channel == LampChannel.STREET)) for key, mesh in tiles.items()]
    owners = np.concatenate([np.unique(mesh.object_id[rows]) for _, mesh, rows in lit])
    np.testing.assert_array_equal(np.sort(owners), np.arange(level.first_lamp, level.first_signal) + 1)
    for key, mesh, rows in lit:
        for number in np.unique(mesh.object_id[rows]).tolist():
            box = level.boxes[number - 1]
            points = in_box_frame(mesh, key, box, rows[mesh.object_id[rows] == number])
            # The sidewalk is right of its road, the lamp's yaw along it: the light hangs to its left.
            assert points[:, 1].mean() == pytest.approx(-LAMP_ARM_M, abs=0.05)


@pytest.mark.parametrize(
    ("label", "size"),
    [
        (Label.GUARD_RAIL, (6.0, 0.2, 0.4)),
        (Label.WALLS, (5.0, 0.15, 0.6)),
        (Label.FENCES, (4.0, 0.1, 0.9)),
        (Label.POLES, (0.15, 0.15, 2.0)),
    ],
)
def test_static_boxes_are_filled(label: Label, size: tuple[float, float, float]) -> None:
    box = np.zeros(1, BOX_DTYPE)[0]
    box["x"], box["y"], box["z"], box["yaw"], box["label"] = 10.0, 20.0, 1.0, 0.6, label
    box["ext_x"], box["ext_y"], box["ext_z"] = size
    builder = MeshBuilder()
    add_static_box(builder, box)
    mesh = builder.build()
    points = in_box_frame(mesh, (0, 0), box, np.arange(len(mesh)))
    assert (points.max(axis=0) <= np.array(size) + 0.031).all()
    assert (points.min(axis=0) >= -np.array(size) - [0.031, 0.031, 0.95]).all(), "roots reach below"
    assert (np.abs(points).max(axis=0)[[0, 2]] >= 0.65 * np.array(size)[[0, 2]]).all()
    assert points[:, 2].max() == pytest.approx(size[2], abs=0.06)
    assert set(mesh.label.tolist()) == {label}


@pytest.mark.parametrize("kind", [*TREES, Thing.BUSH])
@pytest.mark.parametrize("shape", range(SHAPES))
def test_plants_are_one_metre_high_and_rooted(kind: Thing, shape: int) -> None:
    mesh = plant(kind, shape)
    assert mesh.vertices[:, 2].max() == pytest.approx(1.0, abs=1e-5)
    assert -0.2 < mesh.vertices[:, 2].min() < 0.12
    assert np.abs(mesh.vertices[:, :2]).max() < 1.0
    assert set(mesh.label.tolist()) == {Label.VEGETATION}
    assert Material.FOLIAGE in mesh.material
    assert (Material.BARK in mesh.material) == (kind in TREES)


def test_shapes_of_plants_differ() -> None:
    for kind in (*TREES, Thing.BUSH):
        corners = [plant(kind, shape).vertices.tobytes() for shape in range(SHAPES)]
        assert len(set(corners)) == SHAPES


def test_small_things_stand_on_the_ground() -> None:
    for make in SMALL_THINGS.values():
        low, high = make().vertices[:, 2].min(), make().vertices[:, 2].max()
        assert -0.01 < low < 0.06 and 0.6 < high < 2.6


def test_posts_of_signals_reach_the_ground(around: Surroundings, tiles: dict) -> None:
    level, checked = around.level, 0
    for key, mesh in tiles.items():
        for row in np.flatnonzero((around.structures.tile_of == key).all(axis=1)).tolist():
            own = mesh.vertices[mesh.triangles[mesh.object_id == row + 1]].reshape(-1, 3).astype(np.float64)
            if not level.first_signal <= row < level.first_thing or not len(own):
                continue
            foot = own[np.argmin(own[:, 2])]
            ground = around.terrain.height(foot[None, :2] + TILE_M * np.array(key))[0]
            road = around.index.query(np.array([[*(foot[:2] + TILE_M * np.array(key)), foot[2] + 1.4]])).z[0]
            if road - ground < 1.3:  # others stand at the edge of a bridge
                assert foot[2] < ground + 0.01, level.name(around.name, row)
                checked += 1
    assert checked > 10
