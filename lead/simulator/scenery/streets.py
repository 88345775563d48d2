"""What lines streets between the road and the buildings: trees in rows, hedges, fences, parked cars, furniture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from lead.maps.compiled import CompiledMap
from lead.simulator.scenery.fronts import Fronts
from lead.simulator.scenery.noise_field import noise_at
from lead.simulator.scenery.occupancy import Occupancy
from lead.simulator.scenery.things import EDGE_SIZES, Row, Thing, thing_row, things_of

Array = NDArray[np.float64]

_FURNITURE_EVERY_M, _TREES_EVERY_M, _CARS_EVERY_M = 9.0, 10.0, 7.0
_FURNITURE: tuple[tuple[Thing, tuple[float, float, float], float], ...] = (
    (Thing.BENCH, (0.9, 0.28, 0.85), 0.30),
    (Thing.BIN, (0.28, 0.28, 0.95), 0.58),
    (Thing.PLANTER, (0.9, 0.4, 0.75), 0.94),
    (Thing.SHELTER, (1.9, 0.7, 2.5), 1.0),
)
"""Kind, half sizes and height, and the upper end of its share of a draw from 0 to 1."""
_PIECE_EVERY_M = 5.5
_TREE_FROM_EDGE_M = 2.0
_CLEAR_OF_SIGNALS_M = 13.0


def place_furniture(rng: np.random.Generator, fronts: Fronts, occupancy: Occupancy) -> NDArray[np.void]:
    """Benches, bins, planters and bus shelters behind sidewalks, the more the more urban."""
    rows: list[Row] = []
    places = fronts.every(_FURNITURE_EVERY_M)
    places = places[fronts.sidewalk[places] & (rng.random(len(places)) < 0.62 * fronts.urban[places])]
    picks, seeds = rng.random(len(places)), rng.integers(0, 2**32, len(places))
    for place, pick, seed in zip(places.tolist(), picks.tolist(), seeds.tolist(), strict=True):
        kind, size, _ = next(entry for entry in _FURNITURE if pick <= entry[2])
        middle = fronts.xy[place] + fronts.outward[place] * (1.05 + occupancy.slack_m + size[1])
        yaw = float(fronts.yaw[place])
        if occupancy.take_box(float(middle[0]), float(middle[1]), yaw, size[0], size[1], 0.1):
            rows.append(thing_row(kind, middle, yaw, size, seed))
    return things_of(rows)


def place_cars(rng: np.random.Generator, fronts: Fronts, occupancy: Occupancy) -> NDArray[np.void]:
    """Parked cars in the yards and lots beside sidewalks, parallel or at right angles to the road, never on lanes."""
    rows: list[Row] = []
    places = fronts.every(_CARS_EVERY_M)
    places = places[fronts.sidewalk[places] & (rng.random(len(places)) < 0.35)]
    draws, seeds = rng.random((len(places), 3)), rng.integers(0, 2**32, len(places))
    for place, (a, b, c), seed in zip(places.tolist(), draws.tolist(), seeds.tolist(), strict=True):
        across = a < 0.75
        yaw = float(fronts.yaw[place]) + (np.pi / 2 if across else 0.0) + (np.pi if b < 0.5 else 0.0)
        half = 2.25 + 0.15 * c, 0.93 + 0.05 * c
        middle = fronts.xy[place] + fronts.outward[place] * (2.0 + occupancy.slack_m + (half[0] if across else half[1]))
        if occupancy.take_box(float(middle[0]), float(middle[1]), yaw, half[0], half[1], 0.9):
            rows.append(thing_row(Thing.CAR, middle, yaw, (*half, 1.5), seed))
    return things_of(rows)


def place_garden_edges(rng: np.random.Generator, fronts: Fronts, occupancy: Occupancy) -> NDArray[np.void]:
    """Hedges and fences between sidewalks and gardens, with gaps for entrances."""
    rows: list[Row] = []
    places = fronts.every(_PIECE_EVERY_M)
    urban = fronts.urban[places]
    style = noise_at(fronts.xy[places, 0] * 0.03, fronts.xy[places, 1] * 0.03)
    style = style + np.where(urban > 0.72, 0.22, 0.0)
    wanted = fronts.sidewalk[places] & (urban > 0.05) & (style < 0.52) & (rng.random(len(places)) < 0.8)
    places, style = places[wanted], style[wanted]
    seeds = rng.integers(0, 2**32, len(places))
    for place, kind_of, seed in zip(places.tolist(), style.tolist(), seeds.tolist(), strict=True):
        kind = Thing.HEDGE if kind_of < 0.40 else Thing.FENCE
        size = EDGE_SIZES[kind]
        middle = fronts.xy[place] + fronts.outward[place] * (1.2 + occupancy.slack_m + size[1])
        yaw = float(fronts.yaw[place])
        if occupancy.take_box(float(middle[0]), float(middle[1]), yaw, size[0], size[1], 0.15):
            rows.append(thing_row(kind, middle, yaw, size, seed))
    return things_of(rows)


def street_tree_spots(rng: np.random.Generator, fronts: Fronts, town: CompiledMap, limit: int, slack_m: float) -> Array:
    """Where trees may be planted beside roads (n, 2): in rows along sidewalks, scattered elsewhere.

    None stands where its crown would hide a traffic light or a sign.
    """
    rows = fronts.every(_TREES_EVERY_M)
    rows = rows[fronts.sidewalk[rows] & (rng.random(len(rows)) < 0.8)]
    loose = np.flatnonzero(rng.random(len(fronts.xy)) < np.where(fronts.sidewalk, 0.03, 0.07))
    chosen = np.concatenate([rows, loose])
    walk = fronts.sidewalk[chosen]
    way = np.where(walk, _TREE_FROM_EDGE_M + 1.2 * slack_m, 4.5) + rng.random(len(chosen)) * np.where(walk, 0.3, 9.0)
    way[len(rows) :] += np.where(walk[len(rows) :], 3.0 * rng.random(len(loose)), 0.0)
    kept = rng.random(len(chosen)) < limit / max(len(chosen), 1)
    xy: Array = (fronts.xy[chosen] + fronts.outward[chosen] * way[:, None])[kept]
    if not len(town.signals) or not len(xy):
        return xy
    tree = cKDTree(np.stack([town.signals["x"], town.signals["y"]], axis=1))
    gap = np.asarray(tree.query(xy)[0], np.float64)
    return xy[gap > _CLEAR_OF_SIGNALS_M]
