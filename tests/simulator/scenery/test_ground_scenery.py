"""The drawn ground of real towns, probed with rays: roads where the map has them, paint as it says, no holes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from scenery_support import DOWN, Surroundings, lane_points, light_up, look_down, tiles_of
from scipy import ndimage
from scipy.spatial import cKDTree

from lead.maps.layout import LaneType, MarkColor, MarkKind, SignalKind
from lead.simulator.rendering.backend import Backend
from lead.simulator.rendering.scene import ColorStyle, RayBundle, View
from lead.simulator.scenery.materials import Label
from lead.simulator.scenery.roads import SIDEWALK_RISE_M, is_outermost
from lead.simulator.scenery.strips import TILE_M

TOWNS = ("Town01", "Town03", pytest.param("Town04", marks=pytest.mark.slow))
PAVED = (LaneType.DRIVING, LaneType.SHOULDER, LaneType.PARKING, LaneType.BIKING)
ON_ROAD = (Label.ROADS, Label.ROAD_LINES)
PROBE_M = 1.5
"""Rays start this far above a surface: below bridges, above all else."""
LAYERS_M = 0.02
"""Surfaces lie in layers up to this far above the map's height, paint on top."""


@dataclass
class Shown:
    """A town whose ground the back end shows."""

    around: Surroundings
    backend: Backend

    @property
    def lanes(self) -> np.ndarray:
        return self.around.town.lanes

    def drop(self, points: np.ndarray, above_m: float = PROBE_M) -> tuple[np.ndarray, np.ndarray]:
        """Height and label of what lies under points (n, 3)."""
        return look_down(self.backend, points + np.array([0.0, 0.0, above_m]))


@pytest.fixture(scope="module", params=TOWNS)
def shown(request: pytest.FixtureRequest, surroundings: Callable, embree: Backend) -> Iterator[Shown]:
    around = surroundings(request.param)
    tiles = tiles_of(lane_points(around.town.lanes))
    for key in tiles:
        embree.set_tile(key, around.ground_tile(key), TILE_M * np.array([*key, 0.0]))
    light_up(embree)
    yield Shown(around, embree)
    for key in tiles:
        embree.drop_tile(key)


def aside(lanes: np.ndarray, way_m: np.ndarray) -> np.ndarray:
    """Points (n, 3) to the right of lane samples."""
    points = lane_points(lanes)
    points[:, 0] -= np.sin(lanes["yaw"]) * way_m
    points[:, 1] += np.cos(lanes["yaw"]) * way_m
    return points


def between_samples(lanes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lane records at random places between neighbouring samples of straight pieces of wide enough lanes."""
    first, second = lanes[:-1], lanes[1:]
    turn = (second["yaw"] - first["yaw"] + np.pi) % (2.0 * np.pi) - np.pi
    same = np.abs(turn) < 0.02
    for name in ("road_id", "section", "lane_id"):
        same &= first[name] == second[name]
    same &= np.minimum(first["half_width"], second["half_width"]) > 0.2
    first, second, turn = first[same], second[same], turn[same]
    share = rng.random(len(first))
    mixed = first.copy()
    for name in ("x", "y", "z", "s", "half_width"):
        mixed[name] = first[name] + share * (second[name] - first[name])
    mixed["yaw"] = first["yaw"] + share * turn
    return mixed


def test_lane_centres_are_road_at_the_height_of_the_map(shown: Shown) -> None:
    lanes = shown.lanes
    lanes = lanes[(lanes["lane_type"] == LaneType.DRIVING) & (lanes["junction_id"] < 0) & (lanes["half_width"] > 0.3)]
    z, label = shown.drop(lane_points(lanes))
    assert np.isin(label, ON_ROAD).all()
    assert np.abs(z - lanes["z"]).max() < 0.05


def test_lanes_of_junctions_are_hidden_only_by_higher_lanes(shown: Shown) -> None:
    lanes = shown.lanes
    inside = lanes[(lanes["lane_type"] == LaneType.DRIVING) & (lanes["junction_id"] >= 0) & (lanes["half_width"] > 0.3)]
    points = lane_points(inside)
    z, label = shown.drop(points)
    assert np.isin(label, ON_ROAD).all()
    assert (z - points[:, 2]).min() > -1e-3
    # Wide lanes without a type are closed lanes, drawn as asphalt.
    paved = lanes[np.isin(lanes["lane_type"], PAVED) | ((lanes["lane_type"] == 0) & (lanes["half_width"] > 0.85))]
    tree = cKDTree(np.stack([paved["x"], paved["y"]], axis=1))
    distance, near = tree.query(points[:, :2], k=250, distance_upper_bound=3.0)
    assert np.isinf(distance[:, -1]).all(), "more neighbours are needed"
    other = paved[np.where(np.isinf(distance), near[:, :1], near)]
    dx, dy = points[:, :1] - other["x"], points[:, 1:2] - other["y"]
    along = dx * np.cos(other["yaw"]) + dy * np.sin(other["yaw"])
    across = dy * np.cos(other["yaw"]) - dx * np.sin(other["yaw"])
    covers = (np.abs(along) < 1.4) & (np.abs(across) < other["half_width"] + 0.05)
    heights = other["z"] + along * other["grade"]
    covers &= np.abs(heights - points[:, 2:]) < PROBE_M
    assert (z - np.where(covers, heights, -np.inf).max(axis=1)).max() < LAYERS_M


@pytest.mark.parametrize("share", [-0.95, -0.6, 0.6, 0.95])
def test_no_grass_on_lanes(shown: Shown, share: float) -> None:
    lanes = shown.lanes
    lanes = lanes[np.isin(lanes["lane_type"], PAVED) & (lanes["half_width"] > 0.5)]
    _, label = shown.drop(aside(lanes, share * lanes["half_width"]))
    driving = lanes["lane_type"] == LaneType.DRIVING
    assert not np.isin(label[driving], (Label.TERRAIN, Label.GROUND, Label.SKY)).any()
    if abs(share) < 0.9:
        assert np.isin(label[driving], ON_ROAD).all()


@pytest.mark.parametrize("below_m", [-0.006, -0.003, 0.0, 0.003])
def test_flat_rays_do_not_slip_between_neighbouring_lanes(shown: Shown, below_m: float) -> None:
    lanes = between_samples(shown.lanes, np.random.default_rng(3))
    lanes = lanes[(lanes["lane_type"] == LaneType.DRIVING) & (lanes["junction_id"] < 0) & (lanes["half_width"] > 1.0)]
    lanes = lanes[:: max(len(lanes) // 150, 1)]
    index = shown.around.index
    rays, border_z = [], []
    for side in (-1.0, 1.0):
        border = aside(lanes, side * lanes["half_width"])
        beyond = index.query(aside(lanes, side * (lanes["half_width"] + 0.3)))
        paved = np.any([index.is_on(beyond, kind) for kind in PAVED], axis=0) & (np.abs(beyond.z - border[:, 2]) < 0.05)
        for way_m in (-9.0, 9.0):
            eye = aside(lanes, side * lanes["half_width"] + way_m) + np.array([0.0, 0.0, 1.2])
            way = border - np.array([0.0, 0.0, below_m]) - eye
            way /= np.linalg.norm(way, axis=1, keepdims=True)
            rays += [RayBundle(eye[row], way[None, row].astype(np.float32), 40.0) for row in np.flatnonzero(paved)]
            border_z.append(border[paved, 2])
    hits = shown.backend.cast(rays)
    distance = np.array([hit.distance[0] for hit in hits])
    height = np.array([ray.origin[2] + ray.directions[0, 2] * way for ray, way in zip(rays, distance, strict=True)])
    assert len(rays) > 100
    assert (height - np.concatenate(border_z)).min() > -0.04, "a ray went under the road"


def test_sidewalks_rise_above_the_road_by_a_kerb(shown: Shown) -> None:
    lanes = shown.lanes
    walks = lanes[(lanes["lane_type"] == LaneType.SIDEWALK) & (lanes["half_width"] > 0.5)]
    index = shown.around.index
    walks = walks[~index.is_on(index.query(lane_points(walks)), LaneType.DRIVING)]
    assert len(walks) > 500
    z, label = shown.drop(lane_points(walks))
    assert (label == Label.SIDEWALKS).all()
    rise = z - walks["z"]
    assert rise.min() > SIDEWALK_RISE_M - 1e-3 and rise.max() < SIDEWALK_RISE_M + LAYERS_M
    foot, beside = shown.drop(aside(walks, -walks["half_width"] - 0.3))
    roadside = np.isin(beside, ON_ROAD)
    assert roadside.mean() > 0.5
    assert np.median((z - foot)[roadside]) == pytest.approx(SIDEWALK_RISE_M, abs=0.01)


def test_roads_have_no_gap_between_samples_and_at_the_borders_of_tiles(shown: Shown) -> None:
    rng = np.random.default_rng(2)
    lanes = between_samples(shown.lanes, rng)
    lanes = lanes[(lanes["lane_type"] == LaneType.DRIVING) & (lanes["half_width"] > 0.5)]
    points = aside(lanes, rng.uniform(-0.7, 0.7, len(lanes)) * lanes["half_width"])
    to_border = np.abs(points[:, :2] / TILE_M - np.rint(points[:, :2] / TILE_M)).min(axis=1) * TILE_M
    border = to_border < 1.0
    assert border.sum() > 30
    # On the border itself, and within millimetres of it.
    close = points[border]
    axis = np.abs(close[:, :2] / TILE_M - np.rint(close[:, :2] / TILE_M)).argmin(axis=1)
    row = np.arange(len(close))
    nearest = TILE_M * np.rint(close[row, axis] / TILE_M)
    moved = []
    for shift in (-0.003, 0.0, 0.003):
        moved.append(close.copy())
        moved[-1][row, axis] = nearest + shift
    inner = np.abs(moved[1] - close).max(axis=1) < 0.25 * lanes["half_width"][border]
    _, label = shown.drop(np.concatenate([points, *(spots[inner] for spots in moved)]))
    assert np.isin(label, ON_ROAD).all()


def test_ground_has_no_hole(shown: Shown) -> None:
    rng = np.random.default_rng(3)
    known = tiles_of(lane_points(shown.lanes))
    tiles = np.array(sorted(known), np.float64)
    spots = (tiles[rng.integers(0, len(tiles), 4000)] + rng.random((4000, 2))) * TILE_M
    row, axis = np.arange(4000), rng.integers(0, 2, 4000)
    seams = spots.copy()
    seams[row, axis] = TILE_M * np.rint(spots[row, axis] / TILE_M) + rng.choice([-0.01, -0.001, 0.001, 0.01], 4000)
    inside = [all(tile in known for tile in tiles_of(seam + [[-0.02, -0.02], [0.02, 0.02]])) for seam in seams]
    points = np.concatenate([spots, seams[inside]])
    assert len(points) > 5500
    z, _ = look_down(shown.backend, np.column_stack([points, np.full(len(points), shown.lanes["z"].max() + 60.0)]))
    assert np.isfinite(z).all()


def test_one_label_lies_on_top_whatever_the_height_of_the_viewer(shown: Shown) -> None:
    """Coplanar surfaces of different classes would win by rounding, differently from each height."""
    rng = np.random.default_rng(4)
    lanes = shown.lanes[rng.integers(0, len(shown.lanes), 6000)]
    points = lane_points(lanes) + np.column_stack([rng.normal(0.0, 2.5, (6000, 2)), np.zeros(6000)])
    keys = tiles_of(lane_points(shown.lanes))
    points = points[[(int(i), int(j)) in keys for i, j in np.floor(points[:, :2] / TILE_M)]]
    points[:, 2] = shown.lanes["z"].max()
    labels = [look_down(shown.backend, points + np.array([0.0, 0.0, above]))[1] for above in (23.0, 61.7, 140.3)]
    np.testing.assert_array_equal(labels[0], labels[1])
    np.testing.assert_array_equal(labels[0], labels[2])


def test_the_ground_beside_roads_meets_them(shown: Shown) -> None:
    outermost, _ = is_outermost(shown.lanes)
    edges = shown.lanes[outermost & (shown.lanes["half_width"] > 0.05) & (shown.lanes["junction_id"] < 0)]
    terrain = shown.around.terrain
    bridge = lane_points(edges)[:, 2] - terrain.height(lane_points(edges)[:, :2]) > 1.5
    for way in (0.3, 1.0, 2.0):
        z, label = shown.drop(aside(edges[~bridge], edges["half_width"][~bridge] + way), 3.0)
        step = z - edges["z"][~bridge]
        off_road = np.isin(label, (Label.TERRAIN, Label.GROUND))
        assert off_road.mean() > 0.05
        assert (step[off_road] < 0.0).mean() > 0.98, "the ground lies below the road"
        assert np.quantile(step, 0.01) > -1.3 and step.max() < 0.5, "but near it"


def test_bridges_are_seen_from_above_and_the_road_below_from_below(surroundings: Callable, embree: Backend) -> None:
    around = surroundings("Town04")
    lanes = around.town.lanes
    lanes = lanes[(lanes["lane_type"] == LaneType.DRIVING) & (lanes["half_width"] > 1.0)]
    pairs = cKDTree(np.stack([lanes["x"], lanes["y"]], axis=1)).query_pairs(0.8, output_type="ndarray")
    rise = lanes["z"][pairs[:, 1]] - lanes["z"][pairs[:, 0]]
    crossing = np.abs(rise) > 3.0
    upper = np.where(rise > 0.0, pairs[:, 1], pairs[:, 0])[crossing]
    lower = np.where(rise > 0.0, pairs[:, 0], pairs[:, 1])[crossing]
    assert len(upper) > 20
    spots = lane_points(lanes[lower])
    for key in tiles_of(spots):
        embree.set_tile(key, around.ground_tile(key), TILE_M * np.array([*key, 0.0]))
    z, label = look_down(embree, spots + np.array([0.0, 0.0, PROBE_M]))
    assert np.isin(label, ON_ROAD).all() and np.abs(z - spots[:, 2]).max() < 0.05
    high = spots.copy()
    high[:, 2] = lanes["z"].max() + 30.0
    z, label = look_down(embree, high)
    assert np.isin(label, ON_ROAD).all() and np.abs(z - lanes["z"][upper]).max() < 0.15
    for key in tiles_of(spots):
        embree.drop_tile(key)


def test_small_gaps_inside_junctions_are_asphalt(shown: Shown) -> None:
    index, backend, checked = shown.around.index, shown.backend, 0
    driving = shown.lanes[(shown.lanes["junction_id"] >= 0) & (shown.lanes["lane_type"] == LaneType.DRIVING)]
    for junction in np.unique(driving["junction_id"]):
        points = lane_points(driving[driving["junction_id"] == junction])
        low, high = points.min(axis=0), points.max(axis=0)
        size = float((high - low)[:2].max()) + 10.0
        if size > 70.0 or high[2] - low[2] > 1.5 or len(points) < 40:
            continue
        checked += 1
        middle = 0.5 * (low + high)
        pixels, above = int(size / 0.4), 400.0
        view = View(middle + [0.0, 0.0, above], DOWN, pixels, pixels, 2.0 * np.degrees(np.arctan(0.5 * size / above)))
        label = backend.render([view]).ground_truth()[0].label
        gaps, count = ndimage.label(np.isin(label, (Label.TERRAIN, Label.GROUND)))
        for gap in range(1, count + 1):
            inside = gaps == gap
            ring = ndimage.binary_dilation(inside, iterations=2) & ~inside
            if inside.sum() * 0.16 < 2.5 or inside[[0, -1]].any() or inside[:, [0, -1]].any():
                continue
            # The camera looks along -z with x up and y to the right in its picture.
            row, column = np.nonzero(ring)
            step = size / pixels
            spots = np.column_stack(
                [
                    middle[0] + (0.5 * pixels - row - 0.5) * step,
                    middle[1] + (column + 0.5 - 0.5 * pixels) * step,
                    np.full(len(row), middle[2]),
                ]
            )
            on_lanes = index.is_on(index.query(spots), LaneType.DRIVING)
            assert on_lanes.mean() < 0.85, f"gap at {spots[0]} in junction {junction}"
    assert checked > 5


@dataclass
class Borders:
    """Random places on the edges of lanes outside junctions, with the mark that the map has there."""

    edge: np.ndarray
    right: np.ndarray
    kind: np.ndarray
    color: np.ndarray
    width: np.ndarray
    center: np.ndarray

    def look(self, shown: Shown, chosen: np.ndarray, way_m: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """Whether paint is seen `way_m` to the right of chosen places, and the ratio of blue to red there."""
        points = self.edge[chosen].copy()
        points[:, :2] += self.right[chosen] * np.broadcast_to(way_m, len(points))[:, None]
        points[:, 2] += PROBE_M
        frame = shown.backend.render([View(point, DOWN, 1, 1, 1.0) for point in points])
        painted = np.array([truth.label[0, 0] == Label.ROAD_LINES for truth in frame.ground_truth()], bool)
        colors = np.array([pixels[0, 0] for pixels in frame.color(ColorStyle(effects=False))], np.float64)
        colors = colors.reshape(-1, 4)
        return painted, colors[:, 0] / np.maximum(colors[:, 2], 1.0)


def borders_of(around: Surroundings) -> Borders:
    lanes = between_samples(around.town.lanes, np.random.default_rng(5))
    lanes = lanes[lanes["junction_id"] < 0]
    marks: dict[tuple[int, int, int], list[np.void]] = {}
    for mark in around.town.road_marks:
        marks.setdefault((int(mark["road_id"]), int(mark["section"]), int(mark["lane_id"])), []).append(mark)
    found = []
    for row, lane in enumerate(lanes):
        for center in (False, True) if lane["lane_id"] == -1 else (False,):
            key = int(lane["road_id"]), int(lane["section"]), 0 if center else int(lane["lane_id"])
            for mark in marks.get(key, ()):
                if mark["start_s"] + 0.02 < lane["s"] < mark["end_s"] - 0.02:
                    found.append((row, center, mark["kind"], mark["color"], mark["width"]))
    row, center, kind, color, width = (np.array(values) for values in zip(*found, strict=True))
    lanes = lanes[row]
    right = np.stack([-np.sin(lanes["yaw"]), np.cos(lanes["yaw"])], axis=1)
    edge = aside(lanes, np.where(center, -lanes["half_width"], lanes["half_width"]))
    return Borders(edge, right, kind, color, np.clip(width, 0.1, 0.3), center)


@pytest.fixture(scope="module")
def borders(shown: Shown) -> Borders:
    return borders_of(shown.around)


def inset(borders: Borders, chosen: np.ndarray, line: float) -> np.ndarray:
    """Way from the edge to the middle of a line: `line` is 0 for a single one, -0.5 and 0.5 for a pair's two."""
    width = borders.width[chosen]
    within = np.where(borders.center[chosen], 0.0, 0.5 * width + 0.03)
    return line * (width + 0.12) - within


def test_solid_lines_are_painted_throughout_and_bare_beside(shown: Shown, borders: Borders) -> None:
    chosen = np.flatnonzero(borders.kind == MarkKind.SOLID)
    if not len(chosen):
        pytest.skip("this town has no solid lines")
    middle, half = inset(borders, chosen, 0.0), 0.5 * borders.width[chosen]
    assert borders.look(shown, chosen, middle)[0].mean() > 0.95
    for side in (-1.0, 1.0):
        assert borders.look(shown, chosen, middle + side * (half + 0.05))[0].mean() < 0.05


def test_broken_lines_are_painted_for_a_part(shown: Shown, borders: Borders) -> None:
    chosen = np.flatnonzero(borders.kind == MarkKind.BROKEN)
    painted, _ = borders.look(shown, chosen, inset(borders, chosen, 0.0))
    assert len(chosen) > 100
    assert 0.2 < painted.mean() < 0.8


@pytest.mark.parametrize(
    ("kind", "inner_broken", "outer_broken"),
    [
        (MarkKind.SOLID_SOLID, False, False),
        (MarkKind.SOLID_BROKEN, False, True),
        (MarkKind.BROKEN_SOLID, True, False),
    ],
)
def test_pairs_of_lines_have_a_gap_and_their_own_patterns(
    shown: Shown, borders: Borders, kind: MarkKind, inner_broken: bool, outer_broken: bool
) -> None:
    chosen = np.flatnonzero(borders.kind == kind)
    if len(chosen) < 40:
        pytest.skip(f"this town has hardly any {kind.name} lines")
    assert borders.look(shown, chosen, inset(borders, chosen, 0.0))[0].mean() < 0.02, "the gap"
    for line, broken in ((-0.5, inner_broken), (0.5, outer_broken)):
        share = borders.look(shown, chosen, inset(borders, chosen, line))[0].mean()
        assert 0.2 < share < 0.8 if broken else share > 0.95


def test_lines_are_yellow_or_white_as_the_map_says(shown: Shown, borders: Borders) -> None:
    seen = {}
    for color in (MarkColor.WHITE, MarkColor.YELLOW):
        chosen = np.flatnonzero((borders.color == color) & np.isin(borders.kind, (MarkKind.SOLID, MarkKind.BROKEN)))
        if len(chosen):
            painted, blue_to_red = borders.look(shown, chosen, inset(borders, chosen, 0.0))
            seen[color] = blue_to_red[painted]
    assert seen
    for color, ratio in seen.items():
        assert np.mean(ratio < 0.6 if color == MarkColor.YELLOW else ratio > 0.8) > 0.98


def test_kerbs_are_not_painted(shown: Shown, borders: Borders) -> None:
    chosen = np.flatnonzero((borders.kind == MarkKind.CURB) & ~borders.center)
    if not len(chosen):
        pytest.skip("this town has no kerbs among its marks")
    for way in (-0.1, 0.0, 0.1):
        assert borders.look(shown, chosen, way)[0].mean() < 0.01


def test_stop_lines_lie_before_every_light(shown: Shown) -> None:
    town = shown.around.town
    boxes = town.signal_boxes[town.signal_boxes["owner"] >= 0]
    boxes = boxes[town.signals["kind"][boxes["owner"]] == SignalKind.TRAFFIC_LIGHT]
    assert len(boxes) > 20
    ahead = np.stack([np.cos(boxes["yaw"]), np.sin(boxes["yaw"])], axis=1)
    front = np.stack([boxes["x"], boxes["y"], boxes["z"]], axis=1)
    front[:, :2] += 1.25 * ahead
    _, label = shown.drop(front)
    assert (label == Label.ROAD_LINES).mean() > 0.95
    front[:, :2] -= 1.0 * ahead
    _, label = shown.drop(front)
    assert (label == Label.ROADS).mean() > 0.9


def test_crosswalks_are_striped(shown: Shown) -> None:
    shares, rng, index = [], np.random.default_rng(6), shown.around.index
    for outline in shown.around.town.crosswalks:
        middle = outline.mean(axis=0)
        corner = outline[rng.integers(0, len(outline), 120)] - middle
        points = middle + corner * rng.uniform(0.0, 0.8, (120, 1))
        hits = index.query(points)
        on_lane = index.is_on(hits, LaneType.DRIVING)
        if on_lane.mean() > 0.7:
            points[:, 2] = hits.z
            shares.append((shown.drop(points[on_lane])[1] == Label.ROAD_LINES).mean())
    if not shares:
        pytest.skip("this town has no crosswalks")
    assert 0.3 < np.median(shares) < 0.7
    assert np.mean(np.array(shares) > 0.1) > 0.9


def test_a_tile_is_the_same_every_time(surroundings: Callable) -> None:
    around = surroundings("Town01")
    first = around.ground.tile((1, 1))
    second = type(around.ground)(around.town, around.index, around.terrain).tile((1, 1))
    assert len(first) > 100
    for name, values in vars(first).items():
        np.testing.assert_array_equal(values, getattr(second, name))
