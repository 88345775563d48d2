"""What stands around the roads and where: buildings, trees, parked cars, street furniture; from the map alone.

Everything is drawn from generators seeded with the map's digest, in a fixed order, and tested against one raster of
taken ground. Sidewalks make a place urban; how densely they lie decides between towers, blocks and houses.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lead.maps.compiled import CompiledMap
from lead.maps.layout import LaneType
from lead.simulator.scenery.noise_field import noise_at
from lead.simulator.scenery.occupancy import Occupancy
from lead.simulator.scenery.roads import is_outermost
from lead.simulator.scenery.terrain import CELL_M, Terrain

Array = NDArray[np.float64]


class Thing(IntEnum):
    """Kind of a placed thing; values are stored in `THING_DTYPE.kind`."""

    TOWER = 0
    BLOCK = 1
    HOUSE = 2
    BARN = 3
    BROADLEAF = 4
    CONIFER = 5
    BUSH = 6
    CAR = 7
    BENCH = 8
    BIN = 9
    PLANTER = 10


THING_DTYPE = np.dtype(
    [
        ("kind", "u1"),
        ("x", "f8"),
        ("y", "f8"),
        ("z", "f8"),  # of its foot
        ("yaw", "f8"),
        ("half_x", "f4"),
        ("half_y", "f4"),
        ("height", "f4"),
        ("seed", "u4"),  # decides about its looks
    ]
)

BUILDINGS = (Thing.TOWER, Thing.BLOCK, Thing.HOUSE, Thing.BARN)
TREES = (Thing.BROADLEAF, Thing.CONIFER)
_MAX_BUILDINGS, _MAX_TREES = 12000, 40000
_URBAN_WINDOW_M, _URBAN_FULL = 220.0, 0.10
_WOODS_REACH_M = 130.0
_MOST_BURIED = 0.5
"""Buildings of which a slope hides a larger share of the height are left out."""


@dataclass(frozen=True, eq=False)
class _Fronts:
    """Places along the outer edges of roads: (n, 2) position, yaw along the road, unit vector away from it."""

    xy: Array
    yaw: Array
    outward: Array
    urban: Array
    sidewalk: NDArray[np.bool_]


def place_things(town: CompiledMap, terrain: Terrain) -> NDArray[np.void]:
    """All things of a town, THING_DTYPE (n,).

    Args:
        town: The map.
        terrain: Height of the ground they stand on.
    """
    rng = np.random.default_rng(int(town.digest[:16], 16))
    occupancy = Occupancy(town)
    fronts = _fronts(town, terrain)
    things = [
        _furniture(rng, fronts, occupancy),
        _cars(rng, fronts, occupancy),
        _buildings(rng, fronts, occupancy),
        _street_trees(rng, fronts, occupancy),
        _woods(rng, town, terrain, occupancy),
    ]
    joined = np.concatenate(things)
    joined["z"] = terrain.height(np.stack([joined["x"], joined["y"]], axis=1))
    large = np.flatnonzero(joined["kind"] <= Thing.BARN)
    lowest, highest = _corner_heights(joined[large], terrain)
    joined["z"][large] = lowest
    buried = highest - lowest > _MOST_BURIED * joined["height"][large]
    return np.delete(joined, large[buried])


def _corner_heights(things: NDArray[np.void], terrain: Terrain) -> tuple[Array, Array]:
    """Heights of the ground at the lowest corner of buildings, so that none floats on a slope, and at the highest."""
    lowest, highest = np.full(len(things), np.inf), np.full(len(things), -np.inf)
    for i, j in ((-1, -1), (-1, 1), (1, 1), (1, -1)):
        dx, dy = i * things["half_x"], j * things["half_y"]
        cos, sin = np.cos(things["yaw"]), np.sin(things["yaw"])
        corner = np.stack([things["x"] + dx * cos - dy * sin, things["y"] + dx * sin + dy * cos], axis=1)
        height = terrain.height(corner)
        lowest, highest = np.minimum(lowest, height), np.maximum(highest, height)
    return lowest, highest


def _fronts(town: CompiledMap, terrain: Terrain) -> _Fronts:
    """The outer edges of the outermost lanes outside junctions."""
    lanes = town.lanes
    outermost, _ = is_outermost(lanes)
    chosen = outermost & (lanes["junction_id"] < 0) & (lanes["half_width"] > 0.05)
    rows = lanes[chosen]
    outward = np.stack([-np.sin(rows["yaw"]), np.cos(rows["yaw"])], axis=1)
    xy = np.stack([rows["x"], rows["y"]], axis=1) + outward * rows["half_width"].astype(np.float64)[:, None]
    walks = lanes[(lanes["lane_type"] == LaneType.SIDEWALK) & (lanes["half_width"] > 0.4)]
    busy = np.zeros(terrain.shape, np.float32)
    cell = np.rint((np.stack([walks["x"], walks["y"]], axis=1) - terrain.low) / CELL_M).astype(np.int64)
    busy[cell[:, 0], cell[:, 1]] = 1.0
    density = ndimage.uniform_filter(busy, size=int(_URBAN_WINDOW_M / CELL_M))
    at = np.clip(np.rint((xy - terrain.low) / CELL_M).astype(np.int64), 0, np.array(terrain.shape) - 1)
    urban = np.clip(density[at[:, 0], at[:, 1]] / _URBAN_FULL, 0.0, 1.0).astype(np.float64)
    return _Fronts(xy, rows["yaw"].astype(np.float64), outward, urban, rows["lane_type"] == LaneType.SIDEWALK)


def _rows(count: int) -> NDArray[np.void]:
    return np.zeros(count, THING_DTYPE)


def _row(kind: Thing, xy: Array, yaw: float, size: tuple[float, float, float], seed: int) -> tuple[float, ...]:
    return (int(kind), float(xy[0]), float(xy[1]), 0.0, yaw, *size, seed)


def _buildings(rng: np.random.Generator, fronts: _Fronts, occupancy: Occupancy) -> NDArray[np.void]:
    rows: list[tuple[float, ...]] = []
    order = rng.permutation(len(fronts.xy))
    draws = rng.random((len(order), 5))
    seeds = rng.integers(0, 2**32, len(order))
    # Most fronts are close to an accepted building soon; a few times the wanted number is enough.
    for index in order[: 30 * _MAX_BUILDINGS].tolist():
        if len(rows) >= _MAX_BUILDINGS:
            break
        urban, (a, b, c, d, e) = float(fronts.urban[index]), draws[index]
        if not fronts.sidewalk[index] and (e > 0.02 + 0.5 * urban):
            continue
        kind, half, height, setback = _building_plan(urban, (a, b, c, d))
        middle = fronts.xy[index] + fronts.outward[index] * (setback + half[1])
        yaw = float(fronts.yaw[index])
        if occupancy.take_box(middle[0], middle[1], yaw, half[0], half[1], 0.8 if kind <= Thing.BLOCK else 2.5):
            rows.append(_row(kind, middle, yaw, (*half, height), int(seeds[index])))
    return np.array(rows, THING_DTYPE)


def _building_plan(
    urban: float, draws: tuple[float, float, float, float]
) -> tuple[Thing, tuple[float, float], float, float]:
    """Kind, half sizes along and away from the road, height and distance from the road's edge; metres."""
    a, b, c, d = draws
    if urban > 0.72 and a < 0.45:
        return Thing.TOWER, (9.0 + 7.0 * b, 8.0 + 5.0 * c), 22.0 + 46.0 * d * urban, 2.0 + 2.0 * c
    if urban > 0.38 and a < 0.8:
        return Thing.BLOCK, (7.0 + 6.0 * b, 5.5 + 3.5 * c), 6.6 + 3.2 * int(5.0 * d * urban + 0.3), 1.5 + 2.5 * b
    if urban > 0.06 or a < 0.55:
        return Thing.HOUSE, (5.0 + 2.5 * b, 4.0 + 1.5 * c), 3.2 + 2.9 * (d > 0.5), 5.0 + 5.0 * b
    return Thing.BARN, (8.0 + 6.0 * b, 5.0 + 2.0 * c), 4.5 + 2.0 * d, 18.0 + 25.0 * b


def _cars(rng: np.random.Generator, fronts: _Fronts, occupancy: Occupancy) -> NDArray[np.void]:
    """Parked cars in the yards beside sidewalks, parallel or at right angles to the road, never on lanes."""
    rows: list[tuple[float, ...]] = []
    chosen = np.flatnonzero(fronts.sidewalk & (rng.random(len(fronts.xy)) < 0.025))[:6000]
    draws, seeds = rng.random((len(chosen), 3)), rng.integers(0, 2**32, len(chosen))
    for index, (a, b, c), seed in zip(chosen.tolist(), draws, seeds.tolist(), strict=True):
        across = a < 0.6
        yaw = float(fronts.yaw[index]) + (np.pi / 2 if across else 0.0) + (np.pi if b < 0.5 else 0.0)
        half = 2.25 + 0.15 * c, 0.93 + 0.05 * c
        middle = fronts.xy[index] + fronts.outward[index] * (1.6 + (half[0] if across else half[1]))
        if occupancy.take_box(middle[0], middle[1], yaw, half[0], half[1], 0.3):
            rows.append(_row(Thing.CAR, middle, yaw, (*half, 1.5), seed))
    return np.array(rows, THING_DTYPE)


def _furniture(rng: np.random.Generator, fronts: _Fronts, occupancy: Occupancy) -> NDArray[np.void]:
    rows: list[tuple[float, ...]] = []
    chosen = np.flatnonzero(fronts.sidewalk & (rng.random(len(fronts.xy)) < 0.03 * fronts.urban))[:8000]
    kinds, seeds = rng.integers(0, 3, len(chosen)), rng.integers(0, 2**32, len(chosen))
    sizes = {Thing.BENCH: (0.9, 0.28, 0.85), Thing.BIN: (0.28, 0.28, 0.95), Thing.PLANTER: (0.9, 0.4, 0.75)}
    for index, pick, seed in zip(chosen.tolist(), kinds.tolist(), seeds.tolist(), strict=True):
        kind = (Thing.BENCH, Thing.BIN, Thing.PLANTER)[pick]
        half_x, half_y, height = sizes[kind]
        middle = fronts.xy[index] + fronts.outward[index] * (0.9 + half_y)
        if occupancy.take_box(middle[0], middle[1], float(fronts.yaw[index]), half_x, half_y, 0.1):
            rows.append(_row(kind, middle, float(fronts.yaw[index]), (half_x, half_y, height), seed))
    return np.array(rows, THING_DTYPE)


def _street_trees(rng: np.random.Generator, fronts: _Fronts, occupancy: Occupancy) -> NDArray[np.void]:
    """Trees and bushes beside roads."""
    count = len(fronts.xy)
    share = np.where(fronts.sidewalk, 0.16, 0.07)
    chosen = np.flatnonzero(rng.random(count) < share * min(1.0, 0.5 * _MAX_TREES / max(share.sum(), 1.0)))
    way = np.where(fronts.sidewalk[chosen], 1.2, 4.5) + rng.random(len(chosen)) * np.where(
        fronts.sidewalk[chosen], 1.5, 9.0
    )
    xy = fronts.xy[chosen] + fronts.outward[chosen] * way[:, None]
    return _planted(rng, xy, occupancy, bush_share=0.25)


def _woods(rng: np.random.Generator, town: CompiledMap, terrain: Terrain, occupancy: Occupancy) -> NDArray[np.void]:
    """Woods and groves away from roads, where the noise says so."""
    spacing = int(12.0 / CELL_M)
    distance = terrain.road_distance[::spacing, ::spacing]
    i, j = np.nonzero((distance > 7.0) & (distance < _WOODS_REACH_M))
    xy = terrain.low + np.stack([i, j], axis=1) * (spacing * CELL_M)
    xy = xy + rng.uniform(-5.0, 5.0, xy.shape)
    wood = noise_at(xy[:, 0] * 0.008, xy[:, 1] * 0.008) + 0.3 * noise_at(xy[:, 0] * 0.04, xy[:, 1] * 0.04)
    chance = np.clip((wood - 0.62) * 3.0, 0.05, 0.9)
    limit = min(1.0, 0.6 * _MAX_TREES / max(float(chance.sum()), 1.0))
    xy = xy[rng.random(len(xy)) < chance * limit]
    return _planted(rng, xy, occupancy, bush_share=0.12)


def _planted(rng: np.random.Generator, xy: Array, occupancy: Occupancy, *, bush_share: float) -> NDArray[np.void]:
    """Trees and bushes at those of some points that are free, not closer than 3 m to each other."""
    xy = xy[occupancy.free(xy, 1.1)]
    cell = np.floor(xy / 3.0).astype(np.int64)
    _, first = np.unique(cell, axis=0, return_index=True)
    xy = xy[np.sort(first)]
    rows = _rows(len(xy))
    rows["x"], rows["y"] = xy.T
    pick = rng.random(len(xy))
    grove = noise_at(xy[:, 0] * 0.006 + 40.0, xy[:, 1] * 0.006)
    rows["kind"] = np.where(pick < bush_share, Thing.BUSH, np.where(grove > 0.58, Thing.CONIFER, Thing.BROADLEAF))
    rows["yaw"] = rng.uniform(-np.pi, np.pi, len(xy))
    tall = np.where(rows["kind"] == Thing.CONIFER, 9.0, 7.0) * rng.uniform(0.65, 1.35, len(xy))
    bush = rows["kind"] == Thing.BUSH
    rows["height"] = np.where(bush, rng.uniform(0.7, 1.5, len(xy)), tall)
    rows["half_x"] = rows["half_y"] = np.where(bush, 0.5, 0.16 + 0.012 * rows["height"])
    rows["seed"] = rng.integers(0, 2**32, len(xy))
    occupancy.take_points(xy, 0.6)
    return rows
