"""Lanes and painted lines of a compiled map as many small shapes, for rasters of the road."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from lead.maps.layout import LaneType, MarkColor, MarkKind

DASH_M, PERIOD_M = 1.0, 3.0
"""Dashes are drawn as in CARLA's own rasters, not as long as painted ones."""
_BROKEN = (MarkKind.BROKEN, MarkKind.BROKEN_BROKEN)
_DRAWN = (*_BROKEN, MarkKind.SOLID, MarkKind.SOLID_SOLID, MarkKind.SOLID_BROKEN, MarkKind.BROKEN_SOLID)
_SHORTEST_M = 0.01


class MarkClass(IntEnum):
    """What rasters tell apart among lines."""

    OTHER = 0
    BROKEN_WHITE = 1


def lane_quads(lanes: NDArray[np.void]) -> NDArray[np.float64]:
    """Cut driving lanes into pieces between neighbouring samples.

    Args:
        lanes: LANE_DTYPE of a compiled map.

    Returns:
        float64 (n, 4, 2), corners in order, world metres.
    """
    first = np.flatnonzero(_are_neighbours(lanes) & (lanes["lane_type"][:-1] == LaneType.DRIVING))
    left, right = _edge(lanes, -1.0), _edge(lanes, 1.0)
    return np.stack([left[first], right[first], right[first + 1], left[first + 1]], axis=1)


def mark_segments(lanes: NDArray[np.void], marks: NDArray[np.void]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Cut painted lines along lanes into segments; broken ones into dashes. Junctions and kerbs have none.

    Args:
        lanes: LANE_DTYPE of a compiled map.
        marks: ROAD_MARK_DTYPE of the same map.

    Returns:
        float64 (n, 2, 2), start and end of each, world metres, and int64 (n,), values of :class:`MarkClass`.
    """
    marks = marks[np.isin(marks["kind"], _DRAWN)]
    owner, is_inner = _owners(lanes, marks)
    order = np.argsort(owner, kind="stable")
    marks, owner, is_inner = marks[order], owner[order], is_inner[order]
    pieces = np.flatnonzero(_are_neighbours(lanes) & (lanes["junction_id"][:-1] < 0))
    keys = _keys(lanes["road_id"], lanes["section"], lanes["lane_id"])[pieces]
    low, high = np.searchsorted(owner, keys), np.searchsorted(owner, keys, side="right")
    # One row per piece and mark along it.
    count = high - low
    piece = np.repeat(pieces, count)
    mark = np.arange(len(piece)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(low, count)
    return _segments(lanes, marks[mark], is_inner[mark], piece)


def _segments(
    lanes: NDArray[np.void], marks: NDArray[np.void], is_inner: NDArray[np.bool_], piece: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Painted parts of pieces between a sample and the next, one mark each."""
    side = np.where(is_inner, -1.0, 1.0)
    start, end = _edge_at(lanes, piece, side), _edge_at(lanes, piece + 1, side)
    s_start, s_end = lanes["s"][piece].astype(np.float64), lanes["s"][piece + 1].astype(np.float64)
    low, high = np.maximum(s_start, marks["start_s"]), np.minimum(s_end, marks["end_s"])
    is_broken = np.isin(marks["kind"], _BROKEN)
    is_white = marks["color"] == MarkColor.WHITE
    classes = np.where(is_broken & is_white, MarkClass.BROKEN_WHITE, MarkClass.OTHER).astype(np.int64)
    found, kinds = [], []
    # Samples are closer than a gap between dashes, so a piece meets at most two dashes.
    for turn in range(2):
        begin, finish = low, high
        dash = (np.floor(low / PERIOD_M) + turn) * PERIOD_M
        begin = np.where(is_broken, np.maximum(low, dash), low)
        finish = np.where(is_broken, np.minimum(high, dash + DASH_M), high if turn == 0 else low)
        kept = finish - begin > _SHORTEST_M
        length = (s_end - s_start)[kept, None]
        along = (end - start)[kept]
        ends = [start[kept] + along * ((place - s_start)[kept, None] / length) for place in (begin, finish)]
        found.append(np.stack(ends, axis=1))
        kinds.append(classes[kept])
    return np.concatenate(found), np.concatenate(kinds)


def _are_neighbours(lanes: NDArray[np.void]) -> NDArray[np.bool_]:
    """Whether a sample and the next belong to the same lane of the same section, one flag per sample but the last."""
    same = np.ones(max(len(lanes) - 1, 0), dtype=bool)
    for field in ("road_id", "section", "lane_id"):
        same &= lanes[field][:-1] == lanes[field][1:]
    return same


def _edge(lanes: NDArray[np.void], side: float) -> NDArray[np.float64]:
    """Edges of all samples, left (-1) or right (1) of the driving direction: float64 (n, 2)."""
    return _edge_at(lanes, np.arange(len(lanes)), np.full(len(lanes), side))


def _edge_at(lanes: NDArray[np.void], rows: NDArray[np.int64], side: NDArray[np.float64]) -> NDArray[np.float64]:
    yaw, reach = lanes["yaw"][rows], side * lanes["half_width"][rows]
    x, y = lanes["x"][rows] - reach * np.sin(yaw), lanes["y"][rows] + reach * np.cos(yaw)
    return np.stack([x, y], axis=1)


def _owners(lanes: NDArray[np.void], marks: NDArray[np.void]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Key of the lane that each mark runs along, and whether at its inner edge.

    A mark along the reference line belongs to the first lane beside it.
    """
    lane_id = marks["lane_id"].copy()
    is_inner = lane_id == 0
    known = np.unique(_keys(lanes["road_id"], lanes["section"], lanes["lane_id"]))
    right = _keys(marks["road_id"], marks["section"], np.full(len(marks), -1, np.int32))
    lane_id[is_inner] = np.where(np.isin(right, known), -1, 1)[is_inner]
    return _keys(marks["road_id"], marks["section"], lane_id), is_inner


def _keys(road: NDArray[np.int32], section: NDArray[np.int32], lane: NDArray[np.int32]) -> NDArray[np.int64]:
    return road.astype(np.int64) << 24 | section.astype(np.int64) << 10 | (lane.astype(np.int64) + 512)
