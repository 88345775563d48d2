"""A whole route from above on one picture: lanes, line with direction, marked places with labels, and a scale bar."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from lead.visualization import style
from lead.visualization.map_layers import GroundPatch, MapLayers
from lead.visualization.style import Color
from lead.visualization.text import draw_text, text_width

LONG_SIDE_PX = 1400
MIN_SIDE_PX = 480
MAX_PIXELS_PER_M = 6.0
MARGIN_M = 25.0
"""Ground that is shown around the route; a fifteenth of the route's extent if that is more."""
HEADER_PX, HEADER_LEFT_PX = 46, 12
TITLE_PX, TITLE_WEIGHT, SUBTITLE_PX = 12.0, 1.4, 9.0
ARROW_EVERY_PX = 90.0
LABEL_PX = 11.0
_GAP_PX = 10
_BAR_SHARE = 0.3


class MarkKind(Enum):
    """Kinds of marked places."""

    START = "start"
    GOAL = "goal"
    TRIGGER = "trigger"
    FLOW_START = "flow start"
    FLOW_END = "flow end"


MARK_COLORS: dict[MarkKind, Color] = {
    MarkKind.START: style.GOOD,
    MarkKind.GOAL: style.BAD,
    MarkKind.TRIGGER: style.WARN,
    MarkKind.FLOW_START: style.WALKER,
    MarkKind.FLOW_END: (190, 140, 255),
}
_RADII_PX = {MarkKind.START: 8, MarkKind.GOAL: 8, MarkKind.TRIGGER: 8, MarkKind.FLOW_START: 6, MarkKind.FLOW_END: 6}


@dataclass(frozen=True)
class Mark:
    """A marked place.

    Attributes:
        kind: What it is.
        x: World metres.
        y: World metres.
        label: ASCII text beside it; empty for none.
    """

    kind: MarkKind
    x: float
    y: float
    label: str


@dataclass(frozen=True)
class RouteView:
    """What a picture shows.

    Attributes:
        layers: Ground near the route.
        route_xy: (n, 2) float64 line, world metres, n >= 2.
        marks: Marked places; those far outside the route's surroundings stretch the picture.
        title: ASCII line at the top.
        subtitle: ASCII line below it.
    """

    layers: MapLayers
    route_xy: NDArray[np.float64]
    marks: Sequence[Mark]
    title: str
    subtitle: str


def draw_route(view: RouteView) -> NDArray[np.uint8]:
    """Draw a picture, x to the right and y downwards, as CARLA's axes lie seen from above.

    Returns:
        (h, w, 3) uint8 RGB; the longer side of the map has at most 1400 pixels.
    """
    frame = _Frame(view)
    image = frame.ground(view.layers)
    line = frame.pixels(view.route_xy)
    cv2.polylines(image, [line], False, style.ROUTE_EDGE, frame.line_px + 3, cv2.LINE_AA)
    cv2.polylines(image, [line], False, style.ROUTE, frame.line_px, cv2.LINE_AA)
    _draw_arrows(image, line.astype(np.float64), frame.line_px)
    places = frame.pixels(np.array([(mark.x, mark.y) for mark in view.marks]).reshape(-1, 2))
    for mark, place in zip(view.marks, places, strict=True):
        _draw_mark(image, mark.kind, place)
    _draw_labels(image, view.marks, places, line)
    _draw_scale_bar(image, frame.pixels_per_m)
    return _with_header(image, view)


class _Frame:
    """Which part of the world is shown, and how large."""

    def __init__(self, view: RouteView) -> None:
        places = np.concatenate([view.route_xy, *(np.array([[mark.x, mark.y]]) for mark in view.marks)])
        low, high = places.min(axis=0), places.max(axis=0)
        margin_m = max(MARGIN_M, float((high - low).max()) / 15.0)
        size_m = high - low + 2.0 * margin_m
        self.pixels_per_m = min(MAX_PIXELS_PER_M, LONG_SIDE_PX / float(size_m.max()))
        texts = (text_width(view.title, TITLE_PX, TITLE_WEIGHT), text_width(view.subtitle, SUBTITLE_PX))
        least_px = np.array([max(MIN_SIDE_PX, *(width + 2 * HEADER_LEFT_PX for width in texts)), MIN_SIDE_PX])
        size_m = np.maximum(size_m, least_px / self.pixels_per_m)
        self._center = (low + high) / 2.0
        self._half_m = size_m / 2.0
        self.line_px = max(3, round(0.8 * self.pixels_per_m))

    def ground(self, layers: MapLayers) -> NDArray[np.uint8]:
        """Return the picture of the ground."""
        patch = GroundPatch(layers, np.empty((0, 2)), self.pixels_per_m, float(self._half_m.max()))
        square, origin = patch.around(self._center)
        first = np.round((self._center - self._half_m - origin) * self.pixels_per_m).astype(int)
        width, height = np.round(2.0 * self._half_m * self.pixels_per_m).astype(int)
        return np.ascontiguousarray(square[first[1] : first[1] + height, first[0] : first[0] + width, :3])

    def pixels(self, xy: NDArray[np.float64]) -> NDArray[np.int32]:
        """Turn (n, 2) world metres into pixels."""
        scaled = (xy - (self._center - self._half_m)) * self.pixels_per_m
        return np.asarray(np.round(scaled), dtype=np.int32)


def _draw_arrows(image: NDArray[np.uint8], line: NDArray[np.float64], line_px: int) -> None:
    """Draw heads of arrows along the line."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    size = 2.0 * line_px + 4.0
    for place in np.arange(0.5 * ARROW_EVERY_PX, along[-1], ARROW_EVERY_PX):
        here, there = (np.array([np.interp(at, along, line[:, axis]) for axis in (0, 1)]) for at in (place, place + 6))
        way = there - here
        length = float(np.hypot(*way))
        if length < 1.0:
            continue
        ahead = way / length
        right = np.array([-ahead[1], ahead[0]])
        head = [here + size * ahead, here - 0.4 * size * ahead + 0.7 * size * right, here]
        head.append(here - 0.4 * size * ahead - 0.7 * size * right)
        cv2.fillPoly(image, [np.round(head).astype(np.int32)], style.TEXT, cv2.LINE_AA)


def _draw_mark(image: NDArray[np.uint8], kind: MarkKind, place: NDArray[np.int32]) -> None:
    x, y = int(place[0]), int(place[1])
    radius, color = _RADII_PX[kind], MARK_COLORS[kind]
    if kind is MarkKind.TRIGGER:
        for size, paint in ((radius + 2, style.PANEL), (radius, color)):
            corners = np.array([(x, y - size), (x + size, y), (x, y + size), (x - size, y)], dtype=np.int32)
            cv2.fillPoly(image, [corners], paint, cv2.LINE_AA)
        return
    cv2.circle(image, (x, y), radius + 2, style.PANEL, -1, cv2.LINE_AA)
    cv2.circle(image, (x, y), radius, color, -1, cv2.LINE_AA)


def _draw_labels(
    image: NDArray[np.uint8], marks: Sequence[Mark], places: NDArray[np.int32], line: NDArray[np.int32]
) -> None:
    """Write labels where they cover neither each other nor a mark nor the route, as near as there is room."""
    taken = [(int(x) - 9, int(y) - 9, int(x) + 9, int(y) + 9) for x, y in [*places, *line[:: max(1, len(line) // 400)]]]
    for mark, (x, y) in zip(marks, places.tolist(), strict=True):
        if not mark.label:
            continue
        size = text_width(mark.label, LABEL_PX) + _GAP_PX, round(LABEL_PX) + _GAP_PX
        box = _free_box((x, y), size, taken, (image.shape[1], image.shape[0]))
        taken.append(box)
        near = (min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3]))
        cv2.line(image, (x, y), near, MARK_COLORS[mark.kind], 1, cv2.LINE_AA)
        cv2.rectangle(image, box[:2], box[2:], style.PANEL, -1)
        cv2.rectangle(image, box[:2], box[2:], MARK_COLORS[mark.kind], 1)
        half = _GAP_PX // 2
        draw_text(image, mark.label, box[0] + half, box[1] + half, LABEL_PX, style.TEXT)


_Rectangle = tuple[int, int, int, int]


def _free_box(
    place: tuple[int, int], size: tuple[int, int], taken: Sequence[_Rectangle], frame: tuple[int, int]
) -> _Rectangle:
    """Return the nearest rectangle inside the frame that covers nothing; the first tried if there is none."""
    first: _Rectangle | None = None
    for reach in range(22, 300, 18):
        for angle in np.linspace(0.0, 2.0 * math.pi, 16, endpoint=False):
            middle_x = place[0] + math.cos(angle) * (reach + size[0] / 2.0)
            middle_y = place[1] + math.sin(angle) * (reach + size[1] / 2.0)
            left, top = round(middle_x - size[0] / 2.0), round(middle_y - size[1] / 2.0)
            left = min(max(left, 2), max(2, frame[0] - size[0] - 3))
            top = min(max(top, 2), max(2, frame[1] - size[1] - 3))
            box = (left, top, left + size[0], top + size[1])
            first = first or box
            if not any(_overlap(box, other) for other in taken):
                return box
    assert first is not None
    return first


def _overlap(first: _Rectangle, second: _Rectangle) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]


def _draw_scale_bar(image: NDArray[np.uint8], pixels_per_m: float) -> None:
    """Draw a bar of a round length at the bottom left."""
    most_m = _BAR_SHARE * image.shape[1] / pixels_per_m
    power = 10.0 ** math.floor(math.log10(most_m))
    length_m = max(step * power for step in (1.0, 2.0, 5.0) if step * power <= most_m)
    length_px = round(length_m * pixels_per_m)
    left, bottom = 16, image.shape[0] - 16
    label = f"{length_m / 1000.0:g} km" if length_m >= 1000.0 else f"{length_m:g} m"
    corner = (left + length_px + text_width(label, LABEL_PX) + 20, bottom + 10)
    cv2.rectangle(image, (left - 8, bottom - 16), corner, style.PANEL, -1)
    cv2.rectangle(image, (left, bottom - 4), (left + length_px, bottom), style.TEXT, -1)
    for column in (left, left + length_px):
        cv2.line(image, (column, bottom - 9), (column, bottom), style.TEXT, 2)
    draw_text(image, label, left + length_px + 8, bottom - 10, LABEL_PX, style.TEXT)


def _with_header(image: NDArray[np.uint8], view: RouteView) -> NDArray[np.uint8]:
    header = np.full((HEADER_PX, image.shape[1], 3), style.PANEL, dtype=np.uint8)
    draw_text(header, view.title, HEADER_LEFT_PX, 7, TITLE_PX, style.TEXT, weight=TITLE_WEIGHT)
    draw_text(header, view.subtitle, HEADER_LEFT_PX, 28, SUBTITLE_PX, style.TEXT_DIM)
    return np.concatenate([header, image])
