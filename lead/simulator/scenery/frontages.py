"""Rows of buildings along streets: plot after plot, wall to wall in the centre, with gardens between further out.

A street front is walked from end to end. Each plot takes a building that suits the neighbourhood, shallower ones are
tried where the block is narrow, and behind the first row stand more, so that views between houses end at houses.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.simulator.scenery.fronts import Fronts
from lead.simulator.scenery.noise_field import noise_at
from lead.simulator.scenery.occupancy import Occupancy
from lead.simulator.scenery.things import Row, Thing, thing_row, things_of

Array = NDArray[np.float64]

_MAX_BUILDINGS = 24000
_ROWS = ((0.0, 0.0), (25.0, 0.30), (46.0, 0.55))
"""Rows of buildings: way behind the first row's front, metres, and how urban a place must be to have the row."""
_DEPTHS = (1.0, 0.72, 0.52)
_LEAST_HALF_DEPTH_M = 3.6
_COUNTRY, _SUBURB, _TOWN, _CENTRE = 0.06, 0.2, 0.42, 0.72
_MISS_M = 5.0
_BESIDE_HIGHWAY_M = 7.0
_DISTRICT_PER_M = 0.006
_LOT_SHARE = 0.08


def place_buildings(rng: np.random.Generator, fronts: Fronts, occupancy: Occupancy) -> NDArray[np.void]:
    """Buildings along all fronts.

    Args:
        rng: Decides.
        fronts: Where they may stand.
        occupancy: Ground that is taken; what is placed is added to it.
    """
    rows: list[Row] = []
    density = np.minimum(fronts.urban * (0.55 + 0.75 * fronts.grand), 1.0)
    district = noise_at(fronts.xy[:, 0] * _DISTRICT_PER_M, fronts.xy[:, 1] * _DISTRICT_PER_M)
    for behind, least_urban in _ROWS:
        for first, end in fronts.lines[rng.permutation(len(fronts.lines))].tolist():
            if len(rows) >= _MAX_BUILDINGS:
                return things_of(rows)
            if density[first:end].max() >= least_urban:
                _build_line(rng, fronts, occupancy, rows, (density, district), (first, end), (behind, least_urban))
    return things_of(rows)


def _build_line(
    rng: np.random.Generator,
    fronts: Fronts,
    occupancy: Occupancy,
    rows: list[Row],
    fields: tuple[Array, Array],
    line: tuple[int, int],
    row: tuple[float, float],
) -> None:
    """One row along one front; `row` is its way behind the street and how urban it must be.

    `fields` are, for every place on the fronts, how urban it is and which of several characters its district has.
    """
    density, district = fields
    first, end = line
    behind, least_urban = row
    along = fronts.along[first:end]
    way = float(rng.uniform(0.0, 6.0))
    while way < along[-1]:
        place = first + int(np.searchsorted(along, way))
        urban = float(density[place])
        if urban < least_urban or (urban < _COUNTRY and rng.random() < 0.6):
            way += 12.0 if least_urban > 0.0 else float(rng.uniform(20.0, 140.0))
            continue
        kind, (half_x, half_y), height, setback = _building_plan(rng, urban, float(district[place]), behind)
        setback += 2.0 * occupancy.slack_m
        if not fronts.sidewalk[place]:
            setback += _BESIDE_HIGHWAY_M
        middle = min(first + int(np.searchsorted(along, way + half_x)), end - 1)
        yaw, outward = float(fronts.yaw[middle]), fronts.outward[middle]
        gap = 0.15 if kind <= Thing.BLOCK else 2.0
        for depth in (half_y * share for share in _DEPTHS if half_y * share >= _LEAST_HALF_DEPTH_M):
            spot = fronts.xy[middle] + outward * (behind + setback + depth)
            if occupancy.take_box(float(spot[0]), float(spot[1]), yaw, half_x, depth, gap):
                rows.append(thing_row(kind, spot, yaw, (half_x, depth, height), int(rng.integers(2**32))))
                way += 2.0 * half_x + _gap(rng, urban, fronts.sidewalk[place])
                break
        else:
            way += _MISS_M + 0.2 * behind


def _gap(rng: np.random.Generator, urban: float, sidewalk: np.bool_) -> float:
    """Way to the next plot, metres: a passage, a yard, or an open lot."""
    if urban < _COUNTRY:
        return float(rng.uniform(35.0, 220.0))
    if urban < _SUBURB or not sidewalk:
        return float(rng.uniform(7.0, 36.0))
    if rng.random() < _LOT_SHARE:
        return float(rng.uniform(16.0, 26.0))
    if urban < _TOWN:
        return float(rng.uniform(4.0, 11.0))
    return float(rng.uniform(0.6, 1.2) if rng.random() < 0.7 else rng.uniform(3.0, 6.5))


def _building_plan(
    rng: np.random.Generator, urban: float, district: float, behind: float
) -> tuple[Thing, tuple[float, float], float, float]:
    """Kind, half sizes along and away from the road, height and distance from the road's edge; metres."""
    a, b, c, d = rng.random(4).tolist()
    tall = 0.75 * (district - 0.5) + (0.12 if behind else 0.0)
    if urban > _CENTRE and a < 0.38 + tall:
        return Thing.TOWER, (9.0 + 8.0 * b, 8.0 + 5.0 * c), 20.0 + 46.0 * d * urban, 4.0 + 1.2 * c
    if urban > _TOWN and a < 0.93:
        return Thing.BLOCK, (6.5 + 7.0 * b, 5.5 + 3.5 * c), 6.6 + 3.2 * int(4.6 * d * urban + 0.5), 3.9 + 0.9 * b
    if urban > _SUBURB and a < 0.25:
        return Thing.BLOCK, (6.5 + 4.0 * b, 5.0 + 2.5 * c), 6.6 + 3.2 * int(2.0 * d), 4.2 + 3.0 * b
    if urban > _COUNTRY or a < 0.55:
        return Thing.HOUSE, (5.0 + 2.5 * b, 4.0 + 1.5 * c), 3.2 + 2.9 * (d > 0.5), 5.5 + 4.5 * b
    return Thing.BARN, (8.0 + 6.0 * b, 5.0 + 2.0 * c), 4.5 + 2.0 * d, 18.0 + 25.0 * b
