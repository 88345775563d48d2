"""Colours of the classes that networks segment into, by class number; labels and predictions share them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Palette = NDArray[np.uint8]


def _palette(*colors: tuple[int, int, int]) -> Palette:
    palette = np.array(colors, dtype=np.uint8)
    palette.setflags(write=False)
    return palette


SEMANTIC_COLORS = _palette(
    (0, 0, 0),  # unlabelled
    (31, 120, 230),  # vehicle
    (128, 100, 140),  # road
    (250, 210, 40),  # traffic light
    (235, 40, 90),  # pedestrian
    (220, 225, 230),  # road line
    (230, 150, 70),  # obstacle
    (190, 90, 255),  # special vehicle
    (200, 30, 30),  # stop sign
    (120, 235, 200),  # biker
)
"""Perspective semantics: 10 classes."""
BEV_COLORS = _palette(
    (0, 0, 0),  # unlabelled
    (210, 214, 222),  # road
    (255, 236, 150),  # lane markers
    (255, 70, 30),  # stop sign
    (31, 120, 230),  # vehicle
    (235, 40, 140),  # walker
    (230, 150, 70),  # obstacle
    (110, 140, 190),  # parking vehicle
    (190, 90, 255),  # special vehicle
    (120, 235, 200),  # biker
    (40, 220, 90),  # green light
    (255, 40, 40),  # red light, stop line before the junction
    (255, 130, 130),  # red light elsewhere
)
"""Bird's-eye-view semantics: 13 classes."""
NAVSIM_BEV_COLORS = _palette(
    (0, 0, 0),  # unlabelled
    (210, 214, 222),  # road
    (120, 170, 130),  # walkways
    (255, 236, 150),  # centre lines
    (230, 150, 70),  # static objects
    (31, 120, 230),  # vehicles
    (235, 40, 140),  # pedestrians
)
"""Bird's-eye-view semantics of NAVSIM: 7 classes."""
