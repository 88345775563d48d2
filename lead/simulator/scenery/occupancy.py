"""A raster of what is taken: roads first, then every thing that is placed, so that nothing stands in anything."""

from __future__ import annotations

import math
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from lead.maps.compiled import CompiledMap
from lead.maps.layout import LaneType

Array = NDArray[np.float64]

_MAX_PIXELS = 110_000_000
_FINEST_M = 0.5
_MARGIN_M = 140.0
_CLEARANCE_M = {LaneType.SIDEWALK: 0.15, LaneType.NONE: 0.0, LaneType.MEDIAN: 0.0}
_USUAL_CLEARANCE_M = 0.9
_POST_CLEARANCE_M = 1.2
_BEYOND_M = 1.2


class Occupancy:
    """Which ground is taken.

    Args:
        town: Its lanes, with some clearance, crosswalks and posts of signals are taken from the start.
    """

    def __init__(self, town: CompiledMap) -> None:
        lanes = town.lanes
        xy = np.stack([lanes["x"], lanes["y"]], axis=1)
        self._low: Array = xy.min(axis=0) - _MARGIN_M
        size = xy.max(axis=0) + _MARGIN_M - self._low
        self.cell_m = max(_FINEST_M, float(np.sqrt(size.prod() / _MAX_PIXELS)))
        columns, rows = np.ceil(size / self.cell_m).astype(int)
        self._taken = np.zeros((rows, columns), np.uint8)
        self._draw_lanes(town)
        for outline in town.crosswalks:
            cv2.fillPoly(self._taken, [self._pixels(outline[:, :2])], 1)
        for posts in (town.signals, town.static_boxes):
            self.take_points(np.stack([posts["x"], posts["y"]], axis=1), _POST_CLEARANCE_M)

    @property
    def slack_m(self) -> float:
        """How much farther from roads things must keep than on the finest raster, because large towns' is coarser."""
        return self.cell_m - _FINEST_M

    def _pixels(self, xy: Array) -> NDArray[np.int32]:
        return np.rint((xy - self._low) / self.cell_m - 0.5).astype(np.int32)

    def _draw_lanes(self, town: CompiledMap) -> None:
        lanes = town.lanes
        same = np.ones(max(len(lanes) - 1, 0), bool)
        for name in ("road_id", "section", "lane_id"):
            same &= lanes[name][1:] == lanes[name][:-1]
        clearance = np.full(max(LaneType) + 1, _USUAL_CLEARANCE_M)
        for kind, value in _CLEARANCE_M.items():
            clearance[kind] = value
        xy = np.stack([lanes["x"], lanes["y"]], axis=1)
        # A lane reaches a little beyond its first and last sample.
        along = _BEYOND_M * np.stack([np.cos(lanes["yaw"]), np.sin(lanes["yaw"])], axis=1)
        before, after = self._pixels(xy - along), self._pixels(xy + along)
        pixels = self._pixels(xy)
        width = 2.0 * (lanes["half_width"] + clearance[lanes["lane_type"]]) / self.cell_m
        thick = np.maximum(np.ceil(width), 1).astype(int)
        breaks = np.flatnonzero(~same) + 1
        for first, end in pairwise([0, *breaks.tolist(), len(lanes)]):
            thickness = int(thick[first:end].max(initial=1))
            cv2.polylines(self._taken, [pixels[first:end]], False, 1, thickness)
            for tip in {first, end - 1}:
                cv2.polylines(self._taken, [np.stack([before[tip], after[tip]])], False, 1, thickness)

    def take_box(self, x: float, y: float, yaw: float, half_x: float, half_y: float, gap: float) -> bool:
        """Take a rectangle if it and a gap around it (metres) are free; False if not."""
        cos, sin = math.cos(yaw), math.sin(yaw)
        wide_x, wide_y = half_x + gap, half_y + gap
        plan = []
        for i, j in ((1, 1), (1, -1), (-1, -1), (-1, 1)):
            column = (x + i * wide_x * cos - j * wide_y * sin - self._low[0]) / self.cell_m - 0.5
            row = (y + i * wide_x * sin + j * wide_y * cos - self._low[1]) / self.cell_m - 0.5
            plan.append((round(column), round(row)))
            # Most boxes that do not fit are found by their corners, long before the rectangle is drawn.
            if not (0 <= plan[-1][0] < self._taken.shape[1] and 0 <= plan[-1][1] < self._taken.shape[0]):
                return False
            if self._taken[plan[-1][1], plan[-1][0]]:
                return False
        corners = np.array(plan, np.int32)
        low, high = corners.min(axis=0), corners.max(axis=0) + 1
        window = self._taken[low[1] : high[1], low[0] : high[0]]
        shape = np.zeros(window.shape, np.uint8)
        cv2.fillConvexPoly(shape, corners - low, 1)
        if (window & shape).any():
            return False
        window |= shape
        return True

    def free(self, xy: Array, radius_m: float) -> NDArray[np.bool_]:
        """Whether discs around points (n, 2) are free, looked up in the raster grown by the radius."""
        size = 2 * int(np.ceil(radius_m / self.cell_m)) + 1
        grown = cv2.dilate(self._taken, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
        pixels = self._pixels(xy)
        inside = (pixels >= 0).all(axis=1) & (pixels[:, 0] < grown.shape[1]) & (pixels[:, 1] < grown.shape[0])
        free = np.zeros(len(xy), bool)
        free[inside] = grown[pixels[inside, 1], pixels[inside, 0]] == 0
        return free

    def take_points(self, xy: Array, radius_m: float) -> None:
        """Take discs around points."""
        for x, y in self._pixels(xy).tolist():
            cv2.circle(self._taken, (x, y), max(round(radius_m / self.cell_m), 0), 1, -1)
