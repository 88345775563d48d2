"""The debug picture: what an agent perceives from above and through its cameras, and the numbers it decides by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from lead.visualization import bird_view, style
from lead.visualization.agent_view import AgentView
from lead.visualization.text import draw_text, text_width

SEPARATOR_PX = 10
CAMERA_COLUMN_WIDTH, TEXT_COLUMN_WIDTH = 1152, 480
PANEL_HEIGHT, PANEL_COLUMNS, PANEL_ROW_PX = 150, 4, 22
PANEL_ROWS = PANEL_HEIGHT // PANEL_ROW_PX
MAX_PICTURE_HEIGHT = 470
MARGIN_PX = 20
LIST_ROW_PX = 24
PILL_HEIGHT_PX = 34
EGO_HALF_SIZE_M = (2.446, 0.918)
"""Half length and half width of the ego of all published data, the Lincoln of 2020."""


@dataclass(frozen=True)
class DebugScene:
    """Content of one debug picture.

    Attributes:
        background: (960, 800, 3) uint8 RGB, map and road users around the ego as
            :class:`lead.visualization.topdown.TopDownRenderer` draws them for :mod:`lead.visualization.bird_view`; None
            where nobody knows the world, as with recorded data.
        view: What the agent shows: its predictions, or labels in the same form.
        ego_half_size_m: Half length and half width of the ego.
        cameras: (h, w, 3) uint8 RGB strip of the agent's cameras, None for an agent without.
        values: Numbers and words for the panel.
        infractions: Short sentences, oldest first.
    """

    background: NDArray[np.uint8] | None
    view: AgentView
    ego_half_size_m: tuple[float, float] = EGO_HALF_SIZE_M
    cameras: NDArray[np.uint8] | None = None
    values: Mapping[str, str | float] = field(default_factory=dict)
    infractions: Sequence[str] = ()


def draw_debug_view(scene: DebugScene) -> NDArray[np.uint8]:
    """Draw a debug picture.

    Args:
        scene: What to show.

    Returns:
        (1120, 1962, 3) uint8 RGB with cameras, (1120, 1290, 3) without.
    """
    left = _blank(bird_view.HEIGHT, bird_view.WIDTH) if scene.background is None else scene.background.copy()
    bird_view.draw_bird_view(left, scene.view, scene.ego_half_size_m)
    width = TEXT_COLUMN_WIDTH if scene.cameras is None else CAMERA_COLUMN_WIDTH
    right = _blank(bird_view.HEIGHT, width)
    _fill_column(right, scene)
    gap = _blank(bird_view.HEIGHT, SEPARATOR_PX, style.SEPARATOR)
    upper = np.concatenate([left, gap, right], axis=1)
    panel = _blank(PANEL_HEIGHT, upper.shape[1])
    _fill_panel(panel, {**scene.values, **scene.view.panel})
    return np.concatenate([upper, _blank(SEPARATOR_PX, upper.shape[1], style.SEPARATOR), panel], axis=0)


def colorize(classes: NDArray[np.integer], palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the (h, w, 3) picture of (h, w) class indices; classes without a colour wrap around."""
    return np.asarray(palette[np.asarray(classes) % len(palette)], np.uint8)


def _fill_column(column: NDArray[np.uint8], scene: DebugScene) -> None:
    """Put cameras, semantics and infractions below each other."""
    top = 0
    view = scene.view
    if scene.cameras is not None:
        top = _place(column, top, scene.cameras, cv2.INTER_AREA)
    if view.target_speed_mps is not None:
        bottom = top if top else PILL_HEIGHT_PX + 2 * MARGIN_PX
        _draw_pill(column, bottom - PILL_HEIGHT_PX - 8, f"Target speed: {view.target_speed_mps:.1f} m/s")
        top = max(top, bottom)
    if view.semantic is not None and view.semantic_palette is not None:
        top = _separate(column, top)
        top = _place(column, top, colorize(view.semantic, view.semantic_palette), cv2.INTER_NEAREST)
    if top and top + SEPARATOR_PX < column.shape[0]:
        top = _separate(column, top)
    _draw_infractions(column, top, scene.infractions)


def _place(column: NDArray[np.uint8], top: int, picture: NDArray[np.uint8], interpolation: int) -> int:
    """Fit a picture into the column below a row; returns the first row below it."""
    height, width = (int(value) for value in picture.shape[:2])
    scale = min(column.shape[1] / width, MAX_PICTURE_HEIGHT / height)
    room = (int(column.shape[1]), int(column.shape[0]) - top)
    size = (min(round(width * scale), room[0]), min(round(height * scale), room[1]))
    left = (room[0] - size[0]) // 2
    if size != (width, height):
        picture = np.asarray(cv2.resize(picture, size, interpolation=interpolation), np.uint8)
    column[top : top + size[1], left : left + size[0]] = picture
    return int(top + size[1])


def _separate(column: NDArray[np.uint8], top: int) -> int:
    column[top : top + SEPARATOR_PX] = style.SEPARATOR
    return top + SEPARATOR_PX


def _draw_pill(image: NDArray[np.uint8], top: int, text: str) -> None:
    """Write white on a black rounded bar in the middle."""
    half = text_width(text, 12, 1.2) // 2 + 6
    middle, radius = image.shape[1] // 2, PILL_HEIGHT_PX // 2
    cv2.line(
        image, (middle - half, top + radius), (middle + half, top + radius), (0, 0, 0), PILL_HEIGHT_PX, cv2.LINE_AA
    )
    draw_text(image, text, middle, top + radius - 6, 12, style.TEXT, weight=1.2, align="center")


def _draw_infractions(column: NDArray[np.uint8], top: int, infractions: Sequence[str]) -> None:
    """List the latest infractions that fit."""
    rows = (column.shape[0] - top - 2 * MARGIN_PX) // LIST_ROW_PX - 1
    if rows < 1:
        return
    draw_text(column, f"infractions: {len(infractions)}", MARGIN_PX, top + MARGIN_PX, 11, style.TEXT_DIM)
    for row, text in enumerate(infractions[-rows:], start=1):
        draw_text(column, text, MARGIN_PX, top + MARGIN_PX + row * LIST_ROW_PX, 10, style.BAD)


def _fill_panel(panel: NDArray[np.uint8], values: Mapping[str, str | float]) -> None:
    """Write names and values in columns, in the order of the alphabet."""
    width = panel.shape[1] // PANEL_COLUMNS
    shown = sorted(values.items())[: PANEL_ROWS * PANEL_COLUMNS]
    for index, (name, value) in enumerate(shown):
        column, row = divmod(index, PANEL_ROWS)
        left, top = column * width + MARGIN_PX, 12 + row * PANEL_ROW_PX
        draw_text(panel, name.replace("_", " "), left, top, 9, style.TEXT_DIM)
        text = f"{value:.3f}" if isinstance(value, float) else str(value)
        draw_text(panel, text, left + round(0.55 * width), top, 9, style.TEXT)


def _blank(height: int, width: int, color: style.Color = style.PANEL) -> NDArray[np.uint8]:
    return np.full((height, width, 3), color, np.uint8)
