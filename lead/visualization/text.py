"""Smooth text on images: OpenCV's stroke fonts, drawn large and scaled down, cached per string."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Color = tuple[int, int, int]

SUPERSAMPLING = 4
FONT = cv2.FONT_HERSHEY_DUPLEX
PADDING_PX = 3


@lru_cache(maxsize=1)
def _cap_height_px() -> float:
    """Measure the height of capitals at scale 1: it differs between OpenCV 4 and 5."""
    scale = 8.0
    probe = np.zeros((600, 600), dtype=np.uint8)
    cv2.putText(probe, "H", (100, 400), FONT, scale, 255, 1)
    return float(np.count_nonzero(probe.any(axis=1))) / scale


@lru_cache(maxsize=2048)
def _mask(text: str, cap_height_px: float, weight: float) -> NDArray[np.float32]:
    """Render a string to an opacity image (h, w, 1) in [0, 1]; capitals start PADDING_PX below the top."""
    height = SUPERSAMPLING * cap_height_px
    scale = height / _cap_height_px()
    thickness = max(1, round(weight * scale))
    (width, _), _ = cv2.getTextSize(text, FONT, scale, thickness)
    pad = PADDING_PX * SUPERSAMPLING
    rows = math.ceil((1.4 * height + 2 * pad) / SUPERSAMPLING)
    columns = math.ceil((width + 2 * pad) / SUPERSAMPLING)
    large = np.zeros((rows * SUPERSAMPLING, columns * SUPERSAMPLING), dtype=np.uint8)
    cv2.putText(large, text, (pad, pad + round(height)), FONT, scale, 255, thickness, cv2.LINE_AA)
    small = cv2.resize(large, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
    return (small / 255.0)[:, :, None]


def text_width(text: str, cap_height_px: float, weight: float = 1.0) -> int:
    """Return the width of a string in pixels."""
    return int(_mask(text, cap_height_px, weight).shape[1]) - 2 * PADDING_PX


def draw_text(
    image: NDArray[np.uint8],
    text: str,
    left: int,
    top: int,
    cap_height_px: float,
    color: Color,
    *,
    weight: float = 1.0,
    align: str = "left",
) -> None:
    """Draw a string; parts outside the image are cut off.

    Args:
        image: (h, w, 3) uint8, changed in place.
        text: ASCII text.
        left: Column of the anchor.
        top: Row of the top of the capitals.
        cap_height_px: Height of capitals.
        color: Colour in the image's channel order.
        weight: Stroke weight, 1 regular, 2 bold.
        align: "left", "center" or "right" of the anchor.
    """
    if not text:
        return
    mask = _mask(text, cap_height_px, weight)
    height, width = mask.shape[:2]
    shift = {"left": 0, "center": (width - 2 * PADDING_PX) // 2, "right": width - 2 * PADDING_PX}[align]
    x, y = left - PADDING_PX - shift, top - PADDING_PX
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + width, image.shape[1]), min(y + height, image.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    part = image[y0:y1, x0:x1]
    opacity = mask[y0 - y : y1 - y, x0 - x : x1 - x]
    part[:] = part + opacity * (np.array(color, dtype=np.float32) - part)
