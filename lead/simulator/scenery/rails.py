"""Guard rails along bridges and high dams of towns whose map has none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.maps.compiled import CompiledMap
from lead.maps.ground import GroundIndex
from lead.maps.layout import LaneType, StaticLabel
from lead.simulator.scenery.roads import is_outermost
from lead.simulator.scenery.terrain import Terrain
from lead.simulator.scenery.things import THING_DTYPE, Thing

Array = NDArray[np.float64]

_FROM_HEIGHT_M, _LOOK_ASIDE_M = 2.0, 4.0
_CHECKS_M, _SAME_LEVEL_M = (0.4, 1.5, 3.0), 2.0
_HALF_WIDTH_M, RAIL_HEIGHT_M = 0.12, 0.85
_GRADE_OFFSET, _GRADE_UNITS = 2.0, 1e5
_INSIDE_M, _BESIDE_LANE_M = 0.16, 0.17
_LONGEST_M, _STRIDE = 9.0, 2


def place_rails(town: CompiledMap, ground: GroundIndex, terrain: Terrain) -> NDArray[np.void]:
    """Rails, THING_DTYPE (n,): short straight pieces on the edges from which the ground falls away.

    Args:
        town: The map; one that has rails of its own gets none.
        ground: Height of its lanes.
        terrain: Height of the ground off the roads.
    """
    if (town.static_boxes["label"] == StaticLabel.GUARD_RAIL).any():
        return np.zeros(0, THING_DTYPE)
    lanes = town.lanes
    outermost, starts_road = is_outermost(lanes)
    parts = [_along(lanes, chosen, side, ground, terrain) for chosen, side in ((outermost, 1.0), (starts_road, -1.0))]
    return np.concatenate(parts)


def rail_grade(rail: NDArray[np.void]) -> float:
    """Rise of a rail (a row of THING_DTYPE) per metre along it; kept in its seed, as nothing else about it varies."""
    return float(rail["seed"]) / _GRADE_UNITS - _GRADE_OFFSET


def _along(
    lanes: NDArray[np.void], chosen: NDArray[np.bool_], side: float, ground: GroundIndex, terrain: Terrain
) -> NDArray[np.void]:
    """Rails along one side of some lane samples."""
    index = np.flatnonzero(chosen & (lanes["half_width"] > 0.05))
    rows = lanes[index]
    right = side * np.stack([-np.sin(rows["yaw"]), np.cos(rows["yaw"])], axis=1)
    center = np.stack([rows["x"], rows["y"]], axis=1)
    half = rows["half_width"].astype(np.float64)
    beyond = center + right * (half + _LOOK_ASIDE_M)[:, None]
    open_edge = rows["z"] - terrain.height(beyond) > _FROM_HEIGHT_M
    for way in _CHECKS_M:
        spot = np.column_stack([center + right * (half + way)[:, None], rows["z"]])
        hits = ground.query(spot)
        taken = np.any([ground.is_on(hits, kind) for kind in LaneType], axis=0)
        open_edge &= ~(taken & (np.abs(hits.z - rows["z"]) < _SAME_LEVEL_M))
    # A rail stands on the edge, but never on a lane that is driven on.
    aside = half + np.where(rows["lane_type"] == LaneType.DRIVING, _BESIDE_LANE_M, -_INSIDE_M)
    foot = np.column_stack([center + right * aside[:, None], rows["z"]])
    place = np.full(len(lanes), -1, np.int64)
    place[index[open_edge]] = np.flatnonzero(open_edge)
    first = place[: len(lanes) - _STRIDE]
    last = place[_STRIDE:]
    begin = np.flatnonzero((first >= 0) & (last >= 0))
    begin = begin[begin % _STRIDE == 0]
    for name in ("road_id", "section", "lane_id"):
        begin = begin[lanes[name][begin] == lanes[name][begin + _STRIDE]]
    start, end = foot[first[begin]], foot[last[begin]]
    span = end - start
    length = np.hypot(span[:, 0], span[:, 1])
    fit = (length > 0.5) & (length < _LONGEST_M)
    start, end, span, length = start[fit], end[fit], span[fit], length[fit]
    things = np.zeros(len(start), THING_DTYPE)
    things["kind"] = Thing.RAIL
    things["x"], things["y"] = (0.5 * (start + end))[:, :2].T
    grade = span[:, 2] / length
    things["z"] = np.minimum(start, end)[:, 2]
    things["yaw"] = np.arctan2(span[:, 1], span[:, 0])
    things["half_x"], things["half_y"], things["height"] = 0.5 * length + 0.03, _HALF_WIDTH_M, RAIL_HEIGHT_M
    # The box holds the whole of the inclined rail.
    things["height"] += np.abs(span[:, 2])
    things["seed"] = np.rint((grade + _GRADE_OFFSET) * _GRADE_UNITS)
    clear = np.ones(len(things), bool)
    for share in (-1.0, 0.0, 1.0):
        spot = np.stack([things["x"], things["y"]], axis=1) + 0.5 * share * span[:, :2]
        clear &= ~ground.is_on(ground.query(np.column_stack([spot, things["z"]])), LaneType.DRIVING)
    return things[clear]
