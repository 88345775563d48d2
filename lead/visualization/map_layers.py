"""Static ground drawing: polygons and lane marks of a map, rasterised in patches around the viewer.

A town is too large for one image, and drawing every polygon per frame is too slow. The drawing therefore keeps one
square patch around the place last looked at and renews it when the view comes near its edge.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from lead.visualization.style import (
    CROSSWALK,
    GROUND,
    MARK_WHITE,
    MARK_YELLOW,
    PARKING,
    ROAD,
    ROUTE_ON_ROAD,
    ROUTE_ON_ROAD_EDGE,
    SHOULDER,
    SIDEWALK,
    Color,
)

SUBPIXEL_BITS = 4
DASH_M, GAP_M = 3.0, 4.5
MARK_WIDTH_M = 0.18
ROUTE_WIDTH_M, ROUTE_CORE_WIDTH_M = 2.2, 1.2
STRIPE_M = 0.6
STRIPE_INSET_M = 0.35


class Surface(IntEnum):
    """Kinds of ground, in drawing order."""

    SIDEWALK = 0
    SHOULDER = 1
    PARKING = 2
    ROAD = 3
    CROSSWALK = 4


SURFACE_COLORS: dict[Surface, Color] = {
    Surface.SIDEWALK: SIDEWALK,
    Surface.SHOULDER: SHOULDER,
    Surface.PARKING: PARKING,
    Surface.ROAD: ROAD,
    Surface.CROSSWALK: CROSSWALK,
}


@dataclass(frozen=True)
class Mark:
    """One lane mark: (n, 2) float64 points in world metres, dashed or not, yellow or white."""

    points: NDArray[np.float64]
    is_broken: bool
    is_yellow: bool


@dataclass(frozen=True)
class MapLayers:
    """What lies on the ground, in world metres.

    Attributes:
        polygons: (k, 2) float64 outlines by kind of ground.
        marks: Lane marks.
    """

    polygons: dict[Surface, list[NDArray[np.float64]]] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)


@dataclass(frozen=True)
class _Shape:
    """Something to draw with its bounding box (x0, y0, x1, y1)."""

    points: NDArray[np.float64]
    color: Color
    width_m: float
    box: NDArray[np.float64]


class GroundPatch:
    """Raster of the ground around a moving place."""

    def __init__(
        self, layers: MapLayers, route_xy: NDArray[np.float64], pixels_per_m: float, view_radius_m: float
    ) -> None:
        """Prepare the drawing.

        Args:
            layers: Static content.
            route_xy: (n, 2) float64 route, world metres; may be empty.
            pixels_per_m: Scale of the raster.
            view_radius_m: Distance from the viewed place to the farthest corner of a view.
        """
        self.pixels_per_m = pixels_per_m
        self._half_m = 1.35 * view_radius_m
        self._slack_m = self._half_m - view_radius_m
        self._shapes = _fills(layers) + _route(route_xy) + _strokes(layers)
        self._boxes = np.array([shape.box for shape in self._shapes], dtype=np.float64).reshape(-1, 4)
        self._center: NDArray[np.float64] | None = None
        size = int(2.0 * self._half_m * pixels_per_m)
        self._image = np.empty((size, size, 4), dtype=np.uint8)

    def around(self, place: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """Return a raster that covers the view around a place.

        Args:
            place: (2,) world metres.

        Returns:
            (s, s, 4) uint8 image, RGB and an unused channel (OpenCV warps four channels twice as fast as three), rows
            along +y, columns along +x, and the (2,) world place of pixel (0, 0).
        """
        if self._center is None or np.max(np.abs(place - self._center)) > self._slack_m:
            self._center = place.astype(np.float64).copy()
            self._render()
        return self._image, self._center - self._half_m

    def _render(self) -> None:
        assert self._center is not None
        self._image[:] = (*GROUND, 0)
        low, high = self._center - self._half_m, self._center + self._half_m
        inside = (self._boxes[:, :2] < high).all(axis=1) & (self._boxes[:, 2:] > low).all(axis=1)
        for index in np.flatnonzero(inside):
            shape = self._shapes[index]
            pixels = [self._to_pixels(shape.points)]
            if shape.width_m == 0.0:
                cv2.fillPoly(self._image, pixels, (*shape.color, 0), cv2.LINE_AA, SUBPIXEL_BITS)
            else:
                width = max(1, round(shape.width_m * self.pixels_per_m))
                cv2.polylines(self._image, pixels, False, (*shape.color, 0), width, cv2.LINE_AA, SUBPIXEL_BITS)

    def _to_pixels(self, points: NDArray[np.float64]) -> NDArray[np.int32]:
        assert self._center is not None
        scaled = (points - (self._center - self._half_m)) * (self.pixels_per_m * (1 << SUBPIXEL_BITS))
        return np.round(scaled).astype(np.int32)


def _fills(layers: MapLayers) -> list[_Shape]:
    shapes = []
    for surface in Surface:
        for polygon in layers.polygons.get(surface, []):
            pieces = _stripes(polygon) if surface is Surface.CROSSWALK else [polygon]
            shapes += [_shape(piece, SURFACE_COLORS[surface], 0.0) for piece in pieces]
    return shapes


def _route(route_xy: NDArray[np.float64]) -> list[_Shape]:
    """Cut the route into short pieces, so that a patch draws only those inside it."""
    pieces = [route_xy[first : first + 26] for first in range(0, len(route_xy) - 1, 25)]
    looks = ((ROUTE_ON_ROAD_EDGE, ROUTE_WIDTH_M), (ROUTE_ON_ROAD, ROUTE_CORE_WIDTH_M))
    return [_shape(piece, color, width_m) for color, width_m in looks for piece in pieces]


def _stripes(polygon: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Turn a crosswalk's outline into zebra stripes across its longer direction; odd outlines stay whole."""
    if len(polygon) != 4:
        return [polygon]
    sides = np.roll(polygon, -1, axis=0) - polygon
    length = np.hypot(*sides.T)
    first = 0 if length[0] + length[2] >= length[1] + length[3] else 1
    a, b, c, d = np.roll(polygon, -first, axis=0)
    count = int(min(length[first], length[(first + 2) % 4]) / (2.0 * STRIPE_M))
    if count < 2:
        return [polygon]
    inset = min(STRIPE_INSET_M / max(float(np.hypot(*(d - a))), 1e-3), 0.4)
    stripes = []
    for index in range(count):
        low, high = (index + 0.25) / count, (index + 0.75) / count
        corners = []
        for share, towards in ((low, inset), (high, inset), (high, 1.0 - inset), (low, 1.0 - inset)):
            near, far = a + share * (b - a), d + share * (c - d)
            corners.append(near + towards * (far - near))
        stripes.append(np.array(corners))
    return stripes


def _strokes(layers: MapLayers) -> list[_Shape]:
    shapes = []
    for mark in layers.marks:
        color = MARK_YELLOW if mark.is_yellow else MARK_WHITE
        pieces = _dashes(mark.points) if mark.is_broken else [mark.points]
        shapes += [_shape(piece, color, MARK_WIDTH_M) for piece in pieces]
    return shapes


def _shape(points: NDArray[np.float64], color: Color, width_m: float) -> _Shape:
    return _Shape(points, color, width_m, np.concatenate([points.min(axis=0), points.max(axis=0)]))


def _dashes(points: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Cut a line into dashes."""
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    pieces = []
    for start in np.arange(0.0, length[-1] - 0.5 * DASH_M, DASH_M + GAP_M):
        places = np.linspace(start, min(start + DASH_M, length[-1]), 3)
        pieces.append(np.stack([np.interp(places, length, points[:, axis]) for axis in (0, 1)], axis=1))
    return pieces
