"""What stands around the roads and where: buildings, trees, parked cars, street furniture; from the map alone.

Everything is drawn from generators seeded with the map's digest, in a fixed order, and tested against one raster of
taken ground. Sidewalks make a place urban; how densely they lie decides between towers, blocks and houses.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.maps.compiled import CompiledMap
from lead.simulator.scenery.frontages import place_buildings
from lead.simulator.scenery.fronts import road_fronts
from lead.simulator.scenery.noise_field import noise_at
from lead.simulator.scenery.occupancy import Occupancy
from lead.simulator.scenery.streets import place_cars, place_furniture, place_garden_edges, street_tree_spots
from lead.simulator.scenery.terrain import CELL_M, Terrain
from lead.simulator.scenery.things import BUILDINGS, THING_DTYPE, TREES, Thing

__all__ = ["BUILDINGS", "THING_DTYPE", "TREES", "Thing", "place_things"]

Array = NDArray[np.float64]

_MAX_TREES = 60000
_WOODS_REACH_M = 130.0
_MOST_BURIED = 0.5
"""Buildings of which a slope hides a larger share of the height are left out."""


def place_things(town: CompiledMap, terrain: Terrain) -> NDArray[np.void]:
    """All things of a town, THING_DTYPE (n,).

    Args:
        town: The map.
        terrain: Height of the ground they stand on.
    """
    rng = np.random.default_rng(int(town.digest[:16], 16))
    occupancy = Occupancy(town)
    fronts = road_fronts(town, terrain)
    things = [
        place_furniture(rng, fronts, occupancy),
        place_buildings(rng, fronts, occupancy),
        place_cars(rng, fronts, occupancy),
        place_garden_edges(rng, fronts, occupancy),
        _planted(
            rng,
            street_tree_spots(rng, fronts, town, _MAX_TREES // 2, occupancy.slack_m),
            occupancy,
            bush_share=0.12,
            street=True,
        ),
        _woods(rng, terrain, occupancy),
    ]
    joined = np.concatenate(things)
    joined["z"] = terrain.height(np.stack([joined["x"], joined["y"]], axis=1))
    large = np.flatnonzero(np.isin(joined["kind"], BUILDINGS))
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


def _woods(rng: np.random.Generator, terrain: Terrain, occupancy: Occupancy) -> NDArray[np.void]:
    """Woods and groves away from roads, where the noise says so."""
    spacing = int(12.0 / CELL_M)
    distance = terrain.road_distance[::spacing, ::spacing]
    i, j = np.nonzero((distance > 7.0) & (distance < _WOODS_REACH_M))
    xy = terrain.low + np.stack([i, j], axis=1) * (spacing * CELL_M)
    xy = xy + rng.uniform(-5.0, 5.0, xy.shape)
    wood = noise_at(xy[:, 0] * 0.008, xy[:, 1] * 0.008) + 0.3 * noise_at(xy[:, 0] * 0.04, xy[:, 1] * 0.04)
    chance = np.clip((wood - 0.60) * 3.2, 0.07, 0.9)
    limit = min(1.0, 0.6 * _MAX_TREES / max(float(chance.sum()), 1.0))
    xy = xy[rng.random(len(xy)) < chance * limit]
    return _planted(rng, xy, occupancy, bush_share=0.12)


def _planted(
    rng: np.random.Generator, xy: Array, occupancy: Occupancy, *, bush_share: float, street: bool = False
) -> NDArray[np.void]:
    """Trees and bushes at those of some points that are free, 3 m apart; streets get no firs."""
    xy = xy[occupancy.free(xy, 0.9)]
    cell = np.floor(xy / 3.0).astype(np.int64)
    _, first = np.unique(cell, axis=0, return_index=True)
    xy = xy[np.sort(first)]
    rows = np.zeros(len(xy), THING_DTYPE)
    rows["x"], rows["y"] = xy.T
    pick = rng.random(len(xy))
    grove = noise_at(xy[:, 0] * 0.006 + 40.0, xy[:, 1] * 0.006)
    rows["kind"] = np.where(
        pick < bush_share, Thing.BUSH, np.where((grove > 0.58) & (not street), Thing.CONIFER, Thing.BROADLEAF)
    )
    rows["yaw"] = rng.uniform(-np.pi, np.pi, len(xy))
    tall = np.where(rows["kind"] == Thing.CONIFER, 9.0, 7.0) * rng.uniform(0.65, 1.35, len(xy))
    bush = rows["kind"] == Thing.BUSH
    rows["height"] = np.where(bush, rng.uniform(0.7, 1.5, len(xy)), tall)
    rows["half_x"] = rows["half_y"] = np.where(bush, 0.5, 0.16 + 0.012 * rows["height"])
    rows["seed"] = rng.integers(0, 2**32, len(xy))
    occupancy.take_points(xy, 0.6)
    return rows
