"""Printed faces: traffic signs, number plates, lettering on vehicles, all in one picture that meshes refer to."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

_CELL_PX, _COLUMNS, _ROWS = 128, 8, 4
_FONT = cv2.FONT_HERSHEY_DUPLEX
Color = tuple[int, int, int]
_WHITE, _BLACK, _RED, _BLUE, _YELLOW = (240, 240, 236), (22, 22, 24), (186, 24, 30), (24, 60, 140), (236, 190, 40)

_SPEEDS = tuple(f"speed_{value}" for value in (20, 30, 40, 50, 55, 60, 65, 70, 80, 90, 100, 110, 120, 130))
NAMES = (
    *_SPEEDS,
    "stop",
    "yield",
    "police",
    "ambulance",
    "fire",
    "taxi",
    "plate",
    "arrow_left",
    "arrow_right",
    "construction",
    "bus_stop",
    "shop",
    "poster",
    "cola",
)
"""Faces in order of their cells."""


def face_uv(name: str) -> tuple[float, float, float, float]:
    """Corners of a face in the atlas: left, top, right, bottom, from 0 to 1; v grows downwards.

    Raises:
        ValueError: There is no such face.
    """
    index = NAMES.index(name)
    column, row = index % _COLUMNS, index // _COLUMNS
    margin = 1.0 / _CELL_PX
    return (
        (column + margin) / _COLUMNS,
        (row + margin) / _ROWS,
        (column + 1 - margin) / _COLUMNS,
        (row + 1 - margin) / _ROWS,
    )


def speed_face(limit: float) -> str:
    """The face of the speed limit nearest to a value in km/h or mph."""
    return min(_SPEEDS, key=lambda name: (abs(float(name[6:]) - limit), name))


@cache
def build_atlas() -> NDArray[np.uint8]:
    """The picture with all faces, RGB (h, w, 3); do not write into it."""
    atlas = np.zeros((_ROWS * _CELL_PX, _COLUMNS * _CELL_PX, 3), np.uint8)
    for index, name in enumerate(NAMES):
        row, column = divmod(index, _COLUMNS)
        cell = np.ascontiguousarray(np.full((_CELL_PX, _CELL_PX, 3), _WHITE, np.uint8))
        _draw(cell, name)
        atlas[row * _CELL_PX : (row + 1) * _CELL_PX, column * _CELL_PX : (column + 1) * _CELL_PX] = cell
    return atlas


def _text(cell: NDArray[np.uint8], text: str, scale: float, color: Color, thickness: int = 3, drop: int = 0) -> None:
    (width, height), _ = cv2.getTextSize(text, _FONT, scale, thickness)
    origin = (_CELL_PX - width) // 2, (_CELL_PX + height) // 2 + drop
    cv2.putText(cell, text, origin, _FONT, scale, color, thickness, cv2.LINE_AA)


def _ring(cell: NDArray[np.uint8]) -> None:
    middle = _CELL_PX // 2
    cv2.circle(cell, (middle, middle), middle - 1, _RED, -1, cv2.LINE_AA)
    cv2.circle(cell, (middle, middle), middle - 15, _WHITE, -1, cv2.LINE_AA)


def _draw(cell: NDArray[np.uint8], name: str) -> None:
    if name.startswith("speed_"):
        _ring(cell)
        _text(cell, name[6:], 1.75 if len(name) == 8 else 1.3, _BLACK, 4)
    elif name == "stop":
        cell[:] = _RED
        _text(cell, "STOP", 1.45, _WHITE, 4)
    elif name == "yield":
        cell[:] = _RED
        corners = np.array([[24, 16], [104, 16], [64, 88]], np.int32)
        cv2.fillPoly(cell, [corners], _WHITE, cv2.LINE_AA)
    elif name in ("police", "ambulance", "fire", "taxi", "cola"):
        paper, ink = {
            "police": ((16, 18, 24), _WHITE),
            "ambulance": (_WHITE, _RED),
            "fire": ((170, 20, 20), _YELLOW),
            "taxi": (_YELLOW, _BLACK),
            "cola": ((186, 20, 26), _WHITE),
        }[name]
        cell[:] = paper
        text = {"police": "POLICE", "ambulance": "AMBULANCE", "fire": "FIRE", "taxi": "TAXI", "cola": "Cola"}[name]
        _text(cell, text, min(1.5, 5.6 / len(text)), ink, 3)
    elif name == "plate":
        cv2.rectangle(cell, (0, 0), (16, _CELL_PX), _BLUE, -1)
        _text(cell, "LE 4D", 0.95, _BLACK, 3)
    elif name.startswith("arrow_"):
        cell[:] = _BLUE
        shape = np.array([[18, 64], [60, 24], [60, 50], [110, 50], [110, 78], [60, 78], [60, 104]], np.int32)
        if name == "arrow_right":
            shape[:, 0] = _CELL_PX - shape[:, 0]
        cv2.fillPoly(cell, [shape], _WHITE, cv2.LINE_AA)
    elif name == "construction":
        cell[:] = _YELLOW
        for start in range(-_CELL_PX, _CELL_PX, 48):
            stripe = np.array([[start, 128], [start + 24, 128], [start + 152, 0], [start + 128, 0]], np.int32)
            cv2.fillPoly(cell, [stripe], _BLACK, cv2.LINE_AA)
    elif name == "bus_stop":
        cell[:] = (20, 90, 60)
        _text(cell, "BUS", 1.5, _YELLOW, 4)
    elif name == "shop":
        cell[:] = (60, 40, 30)
        _text(cell, "MARKET", 0.9, _YELLOW, 3)
    else:
        for row in range(_CELL_PX):
            cell[row] = (200 - row // 2, 120 + row // 2, 150)
        cv2.circle(cell, (70, 60), 30, _YELLOW, -1, cv2.LINE_AA)
