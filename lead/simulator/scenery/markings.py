"""Paint on roads: lines along lanes by pattern and colour, stop lines, crosswalks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.maps.compiled import CompiledMap
from lead.maps.ground import GroundIndex
from lead.maps.layout import LaneType, MarkColor, MarkKind, SignalKind
from lead.simulator.scenery.materials import Label, Material
from lead.simulator.scenery.mesh import Look, MeshBuilder
from lead.simulator.scenery.roads import LAYER_M, LAYERS
from lead.simulator.scenery.strips import TILE_M, Pieces, add_quads

Array = NDArray[np.float64]

PAINT_M = LAYER_M * LAYERS + 0.004
"""Height of paint above the lane: above all layers of asphalt."""
_CROSSING_M = 0.004
_DASH_M, _PERIOD_M = 3.0, 8.0
_BETWEEN_LINES_M = 0.12
_FROM_EDGE_M = 0.03
_STOP_LINE_M, _STOP_LINE_SHARE = 0.45, 0.92
_BOX_HALF_LENGTH_M, _BOX_WIDTH_SHARE = 1.5, 0.25
_UPPER_M, _BESIDE_M = 0.6, 0.5
_BAR_M, _BAR_PERIOD_M = 0.5, 1.1

_PAINT = Look((214, 213, 206), Material.MARKING, Label.ROAD_LINES)
_COLORS = np.zeros((max(MarkColor) + 1, 3), np.uint8)
_COLORS[MarkColor.WHITE] = 214, 213, 206
_COLORS[MarkColor.YELLOW] = 214, 168, 52
_COLORS[MarkColor.BLUE] = 64, 96, 170
_COLORS[MarkColor.GREEN] = 70, 140, 80
_COLORS[MarkColor.RED] = 176, 58, 48
_COLORS[MarkColor.ORANGE] = 214, 120, 44
_LINES = {
    MarkKind.SOLID: ((0.0, False),),
    MarkKind.BROKEN: ((0.0, True),),
    MarkKind.SOLID_SOLID: ((-0.5, False), (0.5, False)),
    MarkKind.SOLID_BROKEN: ((-0.5, False), (0.5, True)),
    MarkKind.BROKEN_SOLID: ((-0.5, True), (0.5, False)),
    MarkKind.BROKEN_BROKEN: ((-0.5, True), (0.5, True)),
}
"""Lines of a pattern: place from the inner (-) to the outer side in units of the spacing, and whether it is broken."""


def _key(road: NDArray[np.int32], section: NDArray[np.int32], lane: NDArray[np.int32]) -> NDArray[np.int64]:
    return road.astype(np.int64) << 24 | section.astype(np.int64) << 10 | (lane.astype(np.int64) + 512)


class RoadPaint:
    """Draws the paint of tiles.

    Args:
        town: The map.
        ground: Height of its lanes.
    """

    def __init__(self, town: CompiledMap, ground: GroundIndex) -> None:
        self._lanes, self._ground = town.lanes, ground
        marks = town.road_marks
        lanes = _key(town.lanes["road_id"], town.lanes["section"], town.lanes["lane_id"])
        # A line along the reference line belongs to the inner edge of the first lane beside it.
        target = marks["lane_id"].copy()
        center = target == 0
        right = _key(marks["road_id"], marks["section"], np.full(len(marks), -1, np.int32))
        target[center] = np.where(np.isin(right[center], lanes), -1, 1)
        key = _key(marks["road_id"], marks["section"], target)
        order = np.argsort(key, kind="stable")
        self._marks, self._mark_key = marks[order], key[order]
        self._side = np.where(center, -1.0, 1.0)[order]
        self._most = int(np.unique(key, return_counts=True)[1].max(initial=0))
        self._stops = _stop_lines(town)
        self._crosswalks = town.crosswalks
        middles = np.array([outline.mean(axis=0)[:2] for outline in town.crosswalks]).reshape(-1, 2)
        self._crosswalk_tile = np.floor(middles / TILE_M).astype(np.int64)

    def draw(self, builder: MeshBuilder, pieces: Pieces, tile: tuple[int, int]) -> None:
        """Add the paint of a tile."""
        self._draw_lines(builder, pieces)
        self._draw_stop_lines(builder, tile)
        for index in np.flatnonzero((self._crosswalk_tile == tile).all(axis=1)).tolist():
            self._draw_crosswalk(builder, self._crosswalks[index])

    def _draw_lines(self, builder: MeshBuilder, pieces: Pieces) -> None:
        lanes = self._lanes[pieces.row]
        usable = (lanes["junction_id"] < 0) & (pieces.start_half + pieces.end_half > 0.2)
        pieces, lanes = pieces.take(usable), lanes[usable]
        key = _key(lanes["road_id"], lanes["section"], lanes["lane_id"])
        first = np.searchsorted(self._mark_key, key)
        for turn in range(self._most):
            index = np.minimum(first + turn, max(len(self._mark_key) - 1, 0))
            found = (first + turn < len(self._mark_key)) & (self._mark_key[index] == key)
            self._draw_marked(builder, pieces.take(found), index[found])

    def _draw_marked(self, builder: MeshBuilder, pieces: Pieces, mark: NDArray[np.int64]) -> None:
        """Lines of pieces, each with one mark."""
        marks, side = self._marks[mark], self._side[mark]
        for kind, lines in _LINES.items():
            chosen = marks["kind"] == kind
            if not chosen.any():
                continue
            part, rows, edge = pieces.take(chosen), marks[chosen], side[chosen]
            width = np.clip(rows["width"].astype(np.float64), 0.1, 0.3)
            for place, broken in lines:
                inset = place * (width + _BETWEEN_LINES_M) - np.where(edge > 0.0, 0.5 * width + _FROM_EDGE_M, 0.0)
                self._draw_line(builder, part, rows, edge, (inset, width), broken)

    def _draw_line(
        self,
        builder: MeshBuilder,
        pieces: Pieces,
        marks: NDArray[np.void],
        side: Array,
        across: tuple[Array, Array],
        broken: bool,
    ) -> None:
        """One line along pieces; `across` are its way from the edge and its width."""
        low = np.maximum(pieces.start_s, marks["start_s"])
        high = np.minimum(pieces.end_s, marks["end_s"])
        # Pieces are shorter than a gap, so each meets at most one of two neighbouring dashes.
        for turn in range(2 if broken else 1):
            begin, finish = low, high
            if broken:
                dash = (np.floor(low / _PERIOD_M) + turn) * _PERIOD_M
                begin, finish = np.maximum(low, dash), np.minimum(high, dash + _DASH_M)
            length = np.maximum(pieces.end_s - pieces.start_s, 1e-6)
            kept = finish - begin > 0.01
            part = pieces.take(kept).clipped(
                ((begin - pieces.start_s) / length)[kept], ((finish - pieces.start_s) / length)[kept]
            )
            inset, width = across[0][kept], across[1][kept]
            left = part.edge(side[kept], inset - 0.5 * width, PAINT_M)
            right = part.edge(side[kept], inset + 0.5 * width, PAINT_M)
            add_quads(builder, (left[0], left[1], right[1], right[0]), _PAINT, color=_COLORS[marks["color"][kept]])

    def _draw_stop_lines(self, builder: MeshBuilder, tile: tuple[int, int]) -> None:
        stops = self._stops[(np.floor(self._stops[:, :2] / TILE_M) == tile).all(axis=1)]
        yaw = stops[:, 3]
        along = np.column_stack([np.cos(yaw), np.sin(yaw), np.zeros(len(yaw))]) * _STOP_LINE_M
        aside = np.column_stack([-np.sin(yaw), np.cos(yaw), np.zeros(len(yaw))]) * (0.5 * stops[:, 4:])
        front = stops[:, :3]
        corners = [front - aside, front + aside, front + aside - along, front - aside - along]
        self._on_ground(builder, np.stack(corners, axis=1), PAINT_M + 0.5 * _CROSSING_M, whole=False)

    def _draw_crosswalk(self, builder: MeshBuilder, outline: Array) -> None:
        """Bars along the traffic's direction, side by side along the longer axis of the outline."""
        middle = outline[:, :2].mean(axis=0)
        _, _, axes = np.linalg.svd(outline[:, :2] - middle, full_matrices=False)
        local = (outline[:, :2] - middle) @ axes.T
        low, high = local.min(axis=0), local.max(axis=0)
        start = np.arange(low[0] + 0.3, high[0] - _BAR_M, _BAR_PERIOD_M)
        plan = np.empty((len(start), 4, 2))
        plan[:, (0, 3), 0], plan[:, (1, 2), 0] = start[:, None], start[:, None] + _BAR_M
        plan[:, :2, 1], plan[:, 2:, 1] = low[1], high[1]
        height = np.full((len(start), 4, 1), outline[:, 2].mean())
        self._on_ground(
            builder, np.concatenate([plan @ axes + middle, height], axis=2), PAINT_M + _CROSSING_M, whole=True
        )

    def _on_ground(self, builder: MeshBuilder, corners: Array, lift: float, *, whole: bool) -> None:
        """Painted quadrilaterals (k, 4, 3), cut in two lengthwise so that they follow the road.

        Those that are not on a lane at both ends of their axis (`whole`), or at neither, are left out.
        """
        if not len(corners):
            return
        points = np.concatenate([corners, 0.5 * (corners[:, [0, 1]] + corners[:, [3, 2]])], axis=1)
        flat = points.reshape(-1, 3)
        hits = self._ground.query(flat)
        lanes = self._lanes[np.maximum(hits.lane, 0)]
        on_road = (hits.lane >= 0) & (lanes["lane_type"] == LaneType.DRIVING)
        on_road &= hits.offset < lanes["half_width"] + _BESIDE_M
        # Lanes that overlap in a junction differ in height; paint lies on the uppermost.
        upper = self._ground.query(np.column_stack([flat[:, :2], hits.z + _UPPER_M])).z
        top = np.where(upper - hits.z < _UPPER_M, np.maximum(hits.z, upper), hits.z)
        points[..., 2] = top.reshape(points.shape[:2]) + lift
        ends = on_road.reshape(points.shape[:2])[:, 4:]
        kept = points[ends.all(axis=1) if whole else ends.any(axis=1)]
        first, second, third, fourth, near, far = kept.swapaxes(0, 1)
        add_quads(builder, (first, second, far, near), _PAINT)
        add_quads(builder, (near, far, third, fourth), _PAINT)


def _stop_lines(town: CompiledMap) -> Array:
    """Front edges (n, 5) of stop lines: x, y, z of the middle, yaw of the lane, width; one per lane."""
    boxes = town.signal_boxes
    boxes = boxes[boxes["owner"] >= 0]
    kind = town.signals["kind"][boxes["owner"]]
    boxes = boxes[(kind == SignalKind.TRAFFIC_LIGHT) | (kind == SignalKind.STOP)]
    if not len(boxes):
        return np.zeros((0, 5))
    rows = np.column_stack(
        [
            boxes["x"] + _BOX_HALF_LENGTH_M * np.cos(boxes["yaw"]),
            boxes["y"] + _BOX_HALF_LENGTH_M * np.sin(boxes["yaw"]),
            boxes["z"],
            boxes["yaw"],
            boxes["ext_y"] * (_STOP_LINE_SHARE / _BOX_WIDTH_SHARE),
        ]
    )
    _, first = np.unique(np.round(rows[:, :2]).astype(np.int64), axis=0, return_index=True)
    return np.asarray(rows[np.sort(first)])
