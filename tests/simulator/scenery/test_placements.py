"""Placed things: the same every time, off the lanes, apart from each other, standing on the ground."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scenery_support import Surroundings
from shapely import STRtree, points
from shapely.geometry import Polygon

from lead.maps.layout import LaneType
from lead.simulator.scenery.fronts import road_fronts
from lead.simulator.scenery.level import build_level
from lead.simulator.scenery.placements import BUILDINGS, TREES, Thing, place_things
from lead.simulator.scenery.terrain import Terrain

PLANTS = (*TREES, Thing.BUSH)
FURNITURE = (Thing.BENCH, Thing.BIN, Thing.PLANTER, Thing.SHELTER)
EDGES = (Thing.HEDGE, Thing.FENCE)


SLOW_TOWNS = [pytest.param(name, marks=pytest.mark.slow) for name in ("Town03", "Town04")]


@pytest.fixture(scope="module", params=["Town01", *SLOW_TOWNS, "Town07"])
def around(request: pytest.FixtureRequest, surroundings: Callable) -> Surroundings:
    return surroundings(request.param)


@pytest.fixture(scope="module")
def things(around: Surroundings) -> np.ndarray:
    return around.level.things


def of_kind(things: np.ndarray, *kinds: Thing) -> np.ndarray:
    return things[np.isin(things["kind"], kinds)]


def spots(things: np.ndarray, plan: np.ndarray) -> np.ndarray:
    """World points (n, k, 2) of places (k, 2) in shares of the half sizes."""
    x, y = plan[:, 0] * things["half_x"][:, None], plan[:, 1] * things["half_y"][:, None]
    cos, sin = np.cos(things["yaw"])[:, None], np.sin(things["yaw"])[:, None]
    return np.stack([things["x"][:, None] + x * cos - y * sin, things["y"][:, None] + x * sin + y * cos], axis=-1)


def outlines(things: np.ndarray) -> list[Polygon]:
    return [Polygon(plan) for plan in spots(things, np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]))]


def test_a_town_gets_things_of_every_sort(things: np.ndarray) -> None:
    for kinds, least in (
        (BUILDINGS, 60),
        (TREES, 300),
        ((Thing.BUSH,), 50),
        ((Thing.CAR,), 3),
        (FURNITURE, 20),
        (EDGES, 5),
    ):
        assert len(of_kind(things, *kinds)) >= least
    seeds = things["seed"][things["kind"] != Thing.RAIL]
    assert len(np.unique(seeds)) > 0.99 * len(seeds)
    assert (things["height"] > 0.3).all() and (np.minimum(things["half_x"], things["half_y"]) > 0.04).all()


def test_two_calls_place_the_same(surroundings: Callable) -> None:
    around = surroundings("Town01")
    first, second = (place_things(around.town, around.terrain) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_placement_does_not_depend_on_the_cache(
    surroundings: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    around = surroundings("Town01")
    town, index, level = around.town, around.index, around.level
    monkeypatch.setenv("LEAD_CACHE_DIR", str(tmp_path))
    fresh = build_level(town, index)
    (stored,) = (tmp_path / "scenery").glob("*things*.npz")
    made = stored.stat().st_mtime_ns
    cached = build_level(town, index)
    assert stored.stat().st_mtime_ns == made, "the second call reads what the first has stored"
    stored.write_bytes(b"damaged")
    again = build_level(town, index)
    for other in (cached, again, level):
        for name in ("boxes", "things", "heads", "lamps", "solid"):
            assert getattr(other, name).tobytes() == getattr(fresh, name).tobytes()
    heights = Terrain(town).heights
    assert Terrain(town).heights.tobytes() == heights.tobytes() == around.terrain.heights.tobytes()


def test_other_towns_get_other_things(surroundings: Callable) -> None:
    first, second = surroundings("Town01").level.things, surroundings("Town03").level.things
    assert len(np.intersect1d(first["seed"], second["seed"])) < 5


def test_nothing_stands_on_driving_lanes(around: Surroundings, things: np.ndarray) -> None:
    share = np.linspace(-1.0, 1.0, 13)
    plan = np.stack(np.meshgrid(share, share), axis=-1).reshape(-1, 2)
    where = spots(things, plan).reshape(-1, 2)
    near = around.terrain.distance(where) < 0.5
    assert near.sum() > 1000
    where, owner = where[near], things[np.flatnonzero(near) // len(plan)]
    for above in (0.0, 8.0):  # roads on dams and bridges, too
        hits = around.index.query(np.column_stack([where, owner["z"] + above]))
        on_lane = around.index.is_on(hits, LaneType.DRIVING)
        assert not on_lane.any(), {Thing(kind).name for kind in owner["kind"][on_lane]}


def test_parked_cars_stand_clear_of_lanes(around: Surroundings, things: np.ndarray) -> None:
    cars = of_kind(things, Thing.CAR)
    assert ((cars["half_x"] > 2.0) & (cars["half_x"] < 2.6) & (cars["half_y"] > 0.85) & (cars["half_y"] < 1.05)).all()
    border = np.concatenate([np.stack([np.full(9, 1.0), np.linspace(-1, 1, 9)], 1) * way for way in (-1.0, 1.0)])
    where = spots(cars, np.concatenate([border, border[:, ::-1]]))
    hits = around.index.query(np.column_stack([where.reshape(-1, 2), np.repeat(cars["z"], where.shape[1])]))
    for kind in (LaneType.DRIVING, LaneType.SHOULDER, LaneType.BIKING, LaneType.PARKING, LaneType.SIDEWALK):
        assert not around.index.is_on(hits, kind).any(), f"on a lane of type {kind.name}"


def test_no_two_things_overlap(things: np.ndarray) -> None:
    solid = of_kind(things, *BUILDINGS, Thing.CAR, *FURNITURE, *EDGES)
    tree = STRtree(outlines(solid))
    pairs = tree.query(tree.geometries, predicate="intersects")
    assert pairs.shape[1] == len(solid), "each meets itself only"
    plants = of_kind(things, *PLANTS)
    stems = points(np.stack([plants["x"], plants["y"]], axis=1))
    assert not len(tree.query(stems, predicate="dwithin", distance=0.2)[0])


def test_nothing_hides_posts_lamps_and_heads(around: Surroundings, things: np.ndarray) -> None:
    tree = STRtree(outlines(of_kind(things, *BUILDINGS, Thing.CAR, *FURNITURE, *EDGES)))
    level = around.level
    for poles in (around.town.signals, around.town.static_boxes, level.heads):
        where = points(np.stack([poles["x"], poles["y"]], axis=1))
        assert not len(tree.query(where, predicate="dwithin", distance=0.2)[0])
    assert not len(tree.query(points(level.lamps[:, :2]), predicate="dwithin", distance=0.2)[0])


def test_everything_stands_on_the_ground(around: Surroundings, things: np.ndarray) -> None:
    things = things[things["kind"] != Thing.RAIL]  # rails stand on bridges
    small = ~np.isin(things["kind"], BUILDINGS)
    ground = around.terrain.height(np.stack([things["x"], things["y"]], axis=1))
    np.testing.assert_allclose(things["z"][small], ground[small], atol=1e-4)
    buildings = things[~small]
    share = np.linspace(-1.0, 1.0, 9)
    where = spots(buildings, np.stack(np.meshgrid(share, share), axis=-1).reshape(-1, 2))
    below = around.terrain.height(where.reshape(-1, 2)).reshape(where.shape[:2]) - buildings["z"][:, None]
    assert below.min() > -0.6, "walls reach 0.6 m into the ground, so none floats"
    corners = below[:, [0, 8, 72, 80]]
    np.testing.assert_allclose(corners.min(axis=1), 0.0, atol=1e-3)
    assert (corners.max(axis=1) <= 0.5 * buildings["height"] + 1e-3).all(), "and none is buried"


def test_buildings_stand_along_roads(around: Surroundings, things: np.ndarray) -> None:
    buildings = of_kind(things, *BUILDINGS)
    middle = np.stack([buildings["x"], buildings["y"], buildings["z"]], axis=1)
    assert around.terrain.distance(middle[:, :2]).max() < 80.0
    # The front looks at the road: it lies towards -y of the building.
    front = spots(buildings, np.array([[0.0, -1.0], [0.0, 1.0]]))
    distance = around.terrain.distance(front.reshape(-1, 2)).reshape(-1, 2)
    # Rows behind may back onto another street.
    assert (distance[:, 0] <= distance[:, 1] + 4.0).mean() > 0.8


def test_trees_hide_no_signal(around: Surroundings, things: np.ndarray) -> None:
    trees = of_kind(things, *TREES)
    near_road = around.terrain.distance(np.stack([trees["x"], trees["y"]], axis=1)) < 4.0
    stems = STRtree(points(np.stack([trees["x"], trees["y"]], axis=1)[near_road]))
    signals = around.town.signals
    posts = points(np.stack([signals["x"], signals["y"]], axis=1))
    hidden = stems.query(posts, predicate="dwithin", distance=6.0)
    assert hidden.shape[1] <= 0.05 * len(posts)


def test_centres_are_built_up_and_the_country_is_not(surroundings: Callable) -> None:
    per_road_m = {}
    for name in ("Town10HD", "Town04"):
        around = surroundings(name)
        fronts = road_fronts(around.town, around.terrain)
        length = sum(float(fronts.along[end - 1]) for _, end in fronts.lines)
        per_road_m[name] = len(of_kind(around.level.things, *BUILDINGS)) / length
    assert per_road_m["Town10HD"] > 0.035, "a building every 30 m of street, all rows together"
    assert per_road_m["Town10HD"] > 1.8 * per_road_m["Town04"]


def test_bridges_have_rails_beside_the_lanes(surroundings: Callable) -> None:
    around = surroundings("Town04")
    rails = of_kind(around.level.things, Thing.RAIL)
    assert len(rails) >= 20
    ends = spots(rails, np.array([[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]))
    points_3d = np.column_stack([ends.reshape(-1, 2), np.repeat(rails["z"], 3)])
    hits = around.index.query(points_3d)
    assert np.abs(hits.z - points_3d[:, 2]).max() < 0.15, "rails follow the road's height"
    assert not around.index.is_on(hits, LaneType.DRIVING).any()
    assert (rails["z"] - around.terrain.height(ends[:, 1])).mean() > 1.0


@pytest.mark.parametrize("name", ["Town03", "Town04"])
def test_ground_beside_roads_has_no_cliffs(surroundings: Callable, name: str) -> None:
    heights = surroundings(name).terrain.heights
    for axis in (0, 1):
        assert np.abs(np.diff(heights, axis=axis)).max() < 4.0, "4 m cells rise like a dam at most"
