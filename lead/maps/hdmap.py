"""The road around a vehicle as a small picture of classes: the input and label that data sets call ``hdmap``.

A raster of a whole town would have gigabytes in the largest ones, so lanes and marks stay shapes. Around the place
last looked at a patch is rasterised, and renewed when a view leaves it. Patches lie on a fixed grid of the world: the
same pose gives the same picture, whatever was looked at before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from lead.maps.compiled import CompiledMap, compile_map
from lead.maps.hdmap_shapes import MarkClass, lane_quads, mark_segments
from lead.maps.towns import read_opendrive

SIZE_PX = 256
PIXELS_PER_M = 2
HALF_SIZE_M = SIZE_PX / PIXELS_PER_M / 2
PATCH_M = 512
_PATCH_PX = PATCH_M * PIXELS_PER_M
_GRID_M = 128
_REACH_M = math.ceil(HALF_SIZE_M * math.sqrt(2.0)) + 1
"""From the middle of a picture to its corners."""
_REACH_PX = _REACH_M * PIXELS_PER_M
_MARGIN_M = _REACH_M + 4
"""Near the edge of a patch shapes are cut off, and a line that is cut off is drawn a little differently."""
_SUBPIXEL_BITS = 4
_MARK_PX = 1


class MapValue(IntEnum):
    """Pixels of a picture; the numbers between belong to things that are never drawn."""

    NONE = 0
    ROAD = 1
    LINE = 3
    BROKEN_WHITE = 4


_LAYERS = ((MarkClass.OTHER, MapValue.LINE), (MarkClass.BROKEN_WHITE, MapValue.BROKEN_WHITE))


@dataclass(frozen=True, eq=False)
class _Shapes:
    """Quads or segments with the boxes around them.

    Attributes:
        points: float32 (n, k, 2), world metres.
        low: float32 (n, 2), smallest coordinates of each.
        high: float32 (n, 2), largest ones.
    """

    points: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]

    @classmethod
    def of(cls, points: NDArray[np.float64]) -> _Shapes:
        small = points.astype(np.float32)
        return cls(small, small.min(axis=1), small.max(axis=1))

    def within(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float32]:
        """Shapes that reach into a rectangle."""
        inside = (self.low < high.astype(np.float32)).all(axis=1) & (self.high > low.astype(np.float32)).all(axis=1)
        return self.points[inside]


class HdMap:
    """Draws the map of a town around poses.

    Attributes:
        name: Short name of the town.
    """

    def __init__(self, town: CompiledMap) -> None:
        """Take lanes and marks from a compiled map."""
        self.name = town.name
        self._lanes = _Shapes.of(lane_quads(town.lanes))
        segments, classes = mark_segments(town.lanes, town.road_marks)
        self._marks = {kind: _Shapes.of(segments[classes == kind]) for kind, _ in _LAYERS}
        self._patch = np.zeros((_PATCH_PX, _PATCH_PX), np.uint8)
        self._corner: tuple[int, int] | None = None

    @classmethod
    def load(cls, town: str) -> HdMap:
        """Load an installed town, or an OpenDRIVE file.

        Raises:
            TownError: If the town is unknown or not installed.
            OpenDriveError: If the file is no usable road network.
        """
        return cls(compile_map(town, read_opendrive(town)))

    def crop(self, x_m: float, y_m: float, yaw_rad: float) -> NDArray[np.uint8]:
        """Draw the surroundings of a pose.

        Args:
            x_m: Place in the world.
            y_m: Place in the world.
            yaw_rad: Heading in the world.

        Returns:
            uint8 (256, 256), values of :class:`MapValue`, 2 pixels per metre, heading to the right: columns from 64 m
            behind to 64 m ahead, rows from 64 m on the left to 64 m on the right.
        """
        corner_x, corner_y = self._look_at(x_m, y_m)
        cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
        middle = 0.5 * (SIZE_PX - 1)
        # The middle in pixels of the world; the part of the patch around it is cut out at whole pixels, so that
        # rounding does not depend on where the patch lies. A pixel's middle is at half a pixel.
        world_x, world_y = x_m * PIXELS_PER_M - 0.5, y_m * PIXELS_PER_M - 0.5
        first_column = math.floor(world_x) - _REACH_PX
        first_row = math.floor(world_y) - _REACH_PX
        left, top = first_column - corner_x * PIXELS_PER_M, first_row - corner_y * PIXELS_PER_M
        around = self._patch[top : top + 2 * _REACH_PX + 2, left : left + 2 * _REACH_PX + 2]
        into_part = np.array(
            [
                [cos, -sin, world_x - first_column - cos * middle + sin * middle],
                [sin, cos, world_y - first_row - sin * middle - cos * middle],
            ]
        )
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(around, into_part, (SIZE_PX, SIZE_PX), flags=flags), np.uint8)

    def _look_at(self, x_m: float, y_m: float) -> tuple[int, int]:
        """Make sure that the patch covers a picture; returns the patch's corner with the smallest coordinates."""
        corner = self._corner
        if corner is not None and all(
            low + _MARGIN_M <= place <= low + PATCH_M - _MARGIN_M for low, place in zip(corner, (x_m, y_m), strict=True)
        ):
            return corner
        corner = _corner_of(x_m), _corner_of(y_m)
        self._corner = corner
        self._render(np.array(corner, np.float64))
        return corner

    def _render(self, corner: NDArray[np.float64]) -> None:
        self._patch[:] = MapValue.NONE
        for quad in self._pixels(self._lanes, corner):
            cv2.fillConvexPoly(self._patch, quad, int(MapValue.ROAD), cv2.LINE_8, _SUBPIXEL_BITS)
        for kind, value in _LAYERS:
            lines = list(self._pixels(self._marks[kind], corner))
            cv2.polylines(self._patch, lines, False, int(value), _MARK_PX, cv2.LINE_8, _SUBPIXEL_BITS)

    def _pixels(self, shapes: _Shapes, corner: NDArray[np.float64]) -> Iterator[NDArray[np.int32]]:
        """Shapes of the patch in fixed-point pixels; integers are the middles of pixels."""
        near = shapes.within(corner, corner + PATCH_M)
        scaled = ((near - corner) * PIXELS_PER_M - 0.5) * (1 << _SUBPIXEL_BITS)
        return iter(np.round(scaled).astype(np.int32))


def _corner_of(place_m: float) -> int:
    """Corner of the patch, on the grid, in whose middle a coordinate lies."""
    return round((place_m - 0.5 * PATCH_M) / _GRID_M) * _GRID_M
