"""Head-up display of top-down frames: speed, pedals, progress, score, infractions and an overview map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lead.visualization import style
from lead.visualization.style import Color
from lead.visualization.text import draw_text, text_width

MARGIN = 20
PANEL_WIDTH = 292
PANEL_HEIGHT = 298
PADDING = 18
PANEL_OPACITY, PANEL_GREY = 0.78, 16.0
MAP_SIZE = 168
MAP_SHIFT_BITS = 4
MPS_TO_KMH = 3.6
TOAST_ROWS = 4
TITLE_PX, LEAST_TITLE_PX, TITLE_WEIGHT = 14, 9, 1.6


@dataclass(frozen=True)
class HudState:
    """Numbers of one frame.

    Attributes:
        title: Route and town.
        subtitle: Agent and weather.
        time_s: Simulated time.
        speed_mps: Ego speed.
        limit_mps: Speed limit, 0 if unknown.
        throttle: In [0, 1].
        brake: In [0, 1].
        steer: In [-1, 1].
        percent: Share of the route driven.
        penalty: Penalty factor so far.
        infractions: Short sentences, oldest first.
    """

    title: str
    subtitle: str
    time_s: float
    speed_mps: float
    limit_mps: float
    throttle: float
    brake: float
    steer: float
    percent: float
    penalty: float
    infractions: Sequence[str]


class Hud:
    """Draws the display over a frame."""

    def __init__(self, route_xy: NDArray[np.float64], width: int, height: int) -> None:
        """Prepare the overview map of a route ((n, 2) float64, world metres)."""
        self._width = width
        self._height = height
        self._overview = _Overview(route_xy)

    def draw(self, frame: NDArray[np.uint8], state: HudState, ego_xy: NDArray[np.float64]) -> None:
        """Draw the display into a (h, w, 3) uint8 RGB frame."""
        self._draw_panel(frame, state)
        self._draw_toasts(frame, state.infractions)
        self._overview.draw(frame, MARGIN, self._height - MARGIN - MAP_SIZE, ego_xy)

    def _draw_panel(self, frame: NDArray[np.uint8], state: HudState) -> None:
        _shade(frame, MARGIN, MARGIN, PANEL_WIDTH, PANEL_HEIGHT)
        left, right = MARGIN + PADDING, MARGIN + PANEL_WIDTH - PADDING
        top = MARGIN + PADDING
        minutes, seconds = divmod(int(state.time_s), 60)
        title, height_px = _fitted_title(state.title, right - left)
        title_top = top + round(0.5 * (TITLE_PX - height_px))
        draw_text(frame, title, left, title_top, height_px, style.TEXT, weight=TITLE_WEIGHT)
        draw_text(frame, state.subtitle, left, top + 25, 9, style.TEXT_DIM)
        draw_text(frame, f"{minutes}:{seconds:02d}", right, top + 25, 9, style.TEXT_DIM, align="right")
        _rule(frame, left, right, top + 46)

        speed = f"{state.speed_mps * MPS_TO_KMH:.0f}"
        draw_text(frame, speed, left, top + 64, 34, style.TEXT, weight=1.8)
        unit_left = left + text_width(speed, 34, 1.8) + 8
        draw_text(frame, "km/h", unit_left, top + 87, 11, style.TEXT_DIM)
        if state.limit_mps > 0.0:
            _draw_limit(frame, right - 20, top + 81, state.limit_mps * MPS_TO_KMH)

        _bar(frame, left, top + 120, right - left, state.throttle, style.GOOD, "throttle")
        _bar(frame, left, top + 142, right - left, state.brake, style.BAD, "brake")
        _steer_bar(frame, left, top + 164, right - left, state.steer)
        _rule(frame, left, right, top + 188)

        draw_text(frame, "route", left, top + 204, 9, style.TEXT_DIM)
        draw_text(frame, f"{state.percent:.0f} %", right, top + 203, 11, style.TEXT, align="right")
        _track(frame, left, top + 224, right - left, state.percent / 100.0, style.ACCENT)
        score_color = style.GOOD if state.penalty > 0.999 else style.WARN if state.penalty > 0.5 else style.BAD
        draw_text(frame, "driving score", left, top + 247, 9, style.TEXT_DIM)
        score = f"{state.percent * state.penalty:.1f}"
        draw_text(frame, score, right, top + 243, 17, score_color, weight=1.6, align="right")

    def _draw_toasts(self, frame: NDArray[np.uint8], infractions: Sequence[str]) -> None:
        """List the latest infractions at the upper right."""
        for row, text in enumerate(infractions[-TOAST_ROWS:]):
            width = text_width(text, 11, 1.2) + 42
            left, top = self._width - MARGIN - width, MARGIN + 42 * row
            _shade(frame, left, top, width, 34)
            cv2.circle(frame, (left + 16, top + 17), 5, style.BAD, -1, cv2.LINE_AA)
            draw_text(frame, text, left + 30, top + 12, 11, style.TEXT, weight=1.2)


class _Overview:
    """Small north-up picture of the route with the ego's place."""

    def __init__(self, route_xy: NDArray[np.float64]) -> None:
        inner = MAP_SIZE - 2 * PADDING
        low, high = route_xy.min(axis=0), route_xy.max(axis=0)
        self._scale = inner / max(float(np.max(high - low)), 1.0)
        self._offset = 0.5 * MAP_SIZE - 0.5 * (low + high) * self._scale
        self._picture = self._draw_route(route_xy)

    def draw(self, frame: NDArray[np.uint8], left: int, top: int, ego_xy: NDArray[np.float64]) -> None:
        """Draw the picture with its upper left corner at a pixel of the frame."""
        frame[top : top + MAP_SIZE, left : left + MAP_SIZE] = self._picture
        place = self._offset + self._scale * ego_xy + (left, top)
        _disc(frame, place, 7, style.PANEL)
        _disc(frame, place, 5, style.EGO)

    def _draw_route(self, route_xy: NDArray[np.float64]) -> NDArray[np.uint8]:
        picture = np.empty((MAP_SIZE, MAP_SIZE, 3), dtype=np.uint8)
        picture[:] = style.PANEL
        pixels = route_xy * self._scale + self._offset
        line = np.round(pixels * (1 << MAP_SHIFT_BITS)).astype(np.int32)
        cv2.polylines(picture, [line], False, style.ROUTE_EDGE, 5, cv2.LINE_AA, MAP_SHIFT_BITS)
        cv2.polylines(picture, [line], False, style.ROUTE, 2, cv2.LINE_AA, MAP_SHIFT_BITS)
        _disc(picture, pixels[-1], 5, style.TEXT)
        _disc(picture, pixels[-1], 2, style.PANEL)
        cv2.rectangle(picture, (0, 0), (MAP_SIZE - 1, MAP_SIZE - 1), style.PANEL_LINE, 1)
        return picture


def _disc(image: NDArray[np.uint8], place: NDArray[np.float64], radius: int, color: Color) -> None:
    """Draw a filled circle with its centre between pixels if need be."""
    x, y = (round(float(value) * (1 << MAP_SHIFT_BITS)) for value in place)
    cv2.circle(image, (x, y), radius << MAP_SHIFT_BITS, color, -1, cv2.LINE_AA, MAP_SHIFT_BITS)


def _shade(frame: NDArray[np.uint8], left: int, top: int, width: int, height: int) -> None:
    """Darken a rectangle so that text on it is readable."""
    part = frame[top : top + height, left : left + width]
    part[:] = cv2.convertScaleAbs(part, alpha=1.0 - PANEL_OPACITY, beta=PANEL_OPACITY * PANEL_GREY)
    cv2.rectangle(frame, (left, top), (left + width - 1, top + height - 1), style.PANEL_LINE, 1)


def _fitted_title(title: str, width_px: int) -> tuple[str, float]:
    """Return a title and the height of its letters: ids of routes may be long, so they are drawn smaller, then cut."""
    height_px = TITLE_PX * min(1.0, width_px / max(text_width(title, TITLE_PX, TITLE_WEIGHT), 1))
    if height_px >= LEAST_TITLE_PX:
        return title, height_px
    length = len(title)
    while text_width(f"{title[:length]}...", LEAST_TITLE_PX, TITLE_WEIGHT) > width_px and length > 1:
        length -= 1
    return f"{title[:length]}...", LEAST_TITLE_PX


def _rule(frame: NDArray[np.uint8], left: int, right: int, top: int) -> None:
    cv2.line(frame, (left, top), (right, top), style.PANEL_LINE, 1)


def _track(frame: NDArray[np.uint8], left: int, top: int, width: int, share: float, color: Color) -> None:
    """Draw a horizontal gauge, 6 pixels high."""
    cv2.rectangle(frame, (left, top), (left + width, top + 5), style.PANEL_LINE, -1)
    filled = round(width * min(max(share, 0.0), 1.0))
    if filled:
        cv2.rectangle(frame, (left, top), (left + filled, top + 5), color, -1)


def _bar(frame: NDArray[np.uint8], left: int, top: int, width: int, share: float, color: Color, label: str) -> None:
    draw_text(frame, label, left, top, 9, style.TEXT_DIM)
    _track(frame, left + 78, top + 2, width - 78, share, color)


def _steer_bar(frame: NDArray[np.uint8], left: int, top: int, width: int, steer: float) -> None:
    draw_text(frame, "steering", left, top, 9, style.TEXT_DIM)
    first, last = left + 78, left + width
    middle = (first + last) // 2
    _track(frame, first, top + 2, last - first, 0.0, style.ACCENT)
    end = round(middle + 0.5 * (last - first) * min(max(steer, -1.0), 1.0))
    if end != middle:
        cv2.rectangle(frame, (min(middle, end), top + 2), (max(middle, end), top + 7), style.ACCENT, -1)
    cv2.line(frame, (middle, top), (middle, top + 9), style.TEXT_DIM, 1)


def _draw_limit(frame: NDArray[np.uint8], x: int, y: int, limit_kmh: float) -> None:
    """Draw a round speed-limit sign."""
    cv2.circle(frame, (x, y), 20, style.TEXT, -1, cv2.LINE_AA)
    cv2.circle(frame, (x, y), 18, style.LIGHT_RED, 4, cv2.LINE_AA)
    text = f"{limit_kmh:.0f}"
    draw_text(frame, text, x, y - 6, 12 if len(text) < 3 else 9, style.PANEL, weight=1.6, align="center")
