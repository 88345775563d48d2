"""Bodies of Fail2Drive's plates: flat pictures of our own drawing that stand for its art, the same on both faces.

A plate lies in its x-y plane with the origin in the middle and is stood up by a roll of 90 degrees; then x points to
the right of who looks at its lower face, and y down. Pictures are layers of flat shapes, each a few millimetres nearer
to the eye than the one before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from lead.simulator.scenery.materials import Label, Material
from lead.simulator.scenery.mesh import Color, Look, Mesh, MeshBuilder

Outline = Sequence[tuple[float, float]]

_LAYER_M = 0.004
_CARD_M = 0.004
"""Half the thickness of a plate that has none."""
_WHITE, _BLACK = (240, 240, 238), (24, 24, 26)


class Picture:
    """A picture under construction; places are shares of the half sizes, x to the right and y down."""

    def __init__(self, half: tuple[float, float, float], label: Label) -> None:
        self.half = half
        self._label = label
        self._builder = MeshBuilder()
        self._layer = 0

    def build(self) -> Mesh:
        """The mesh of everything drawn so far."""
        return self._builder.build()

    def board(self, color: Color, material: Material = Material.PLAIN) -> None:
        """The plate itself, as thick as its box; the first layer."""
        thick = max(self.half[2], _CARD_M)
        look = Look(color, material, self._label)
        self._builder.box(np.zeros(3), np.array([self.half[0], self.half[1], thick]), look)

    def shape(self, outline: Outline, color: Color) -> None:
        """A convex outline on top of what was drawn before."""
        self._layer += 1
        height = max(self.half[2], _CARD_M) + _LAYER_M * self._layer
        look, count = Look(color, Material.PLAIN, self._label), len(outline)
        fan = [(0, index, index + 1) for index in range(1, count - 1)]
        for side in (1.0, -1.0):
            points = [(x * self.half[0], y * self.half[1], side * height) for x, y in outline]
            normals = np.broadcast_to([0.0, 0.0, side], (count, 3))
            self._builder.triangles(points, fan, look, normals=normals)

    def level(self, layer: int) -> None:
        """Draw what follows in one layer, because it does not overlap."""
        self._layer = layer

    def rectangle(self, x: tuple[float, float], y: tuple[float, float], color: Color) -> None:
        """A rectangle from its spans."""
        self.shape([(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1])], color)

    def disc(self, center: tuple[float, float], radius_m: float, color: Color, corners: int = 14) -> None:
        """A disc, round whatever the shape of the plate is."""
        angles = [2.0 * math.pi * index / corners for index in range(corners)]
        wide, high = radius_m / self.half[0], radius_m / self.half[1]
        self.shape([(center[0] + wide * math.cos(a), center[1] + high * math.sin(a)) for a in angles], color)

    def stroke(self, start: tuple[float, float], end: tuple[float, float], wide_m: float, color: Color) -> None:
        """A straight stroke of a brush."""
        size = np.array(self.half[:2])
        first, last = np.array(start) * size, np.array(end) * size
        way = (last - first) / max(float(np.linalg.norm(last - first)), 1e-9)
        aside = 0.5 * wide_m * np.array([-way[1], way[0]])
        corners = [first + aside, last + aside, last - aside, first - aside]
        self.shape([(float(x), float(y)) for x, y in np.array(corners) / size], color)


@lru_cache(maxsize=32)
def plate_body(kind: str, half: tuple[float, float, float], label: Label) -> Mesh:
    """The body of a plate.

    Args:
        kind: A key of :data:`PAINTERS`.
        half: Half sizes of its box, metres; the last may be 0.
        label: Object class of all its triangles.

    Returns:
        A mesh in the plate's frame; callers share it, do not write into it.
    """
    picture = Picture(half, label)
    PAINTERS[kind](picture)
    return picture.build()


def _traffic_light(picture: Picture) -> None:
    picture.board(_WHITE)
    picture.rectangle((-0.62, 0.62), (-0.92, 0.92), _BLACK)
    for number, color in enumerate(((232, 36, 32), (92, 78, 26), (24, 74, 44))):
        picture.level(1)
        picture.disc((0.0, 0.58 * (number - 1)), 0.24 * picture.half[1], color)


def _child(picture: Picture) -> None:
    """A child that walks to the left, with a satchel."""
    coat, trousers, skin = (206, 46, 44), (38, 58, 112), (222, 176, 144)
    picture.board((214, 224, 228))
    picture.rectangle((-1.0, 1.0), (0.82, 1.0), (150, 150, 150))
    picture.stroke((0.06, 0.2), (-0.38, 0.84), 0.22 * picture.half[0], trousers)
    picture.stroke((0.06, 0.2), (0.42, 0.84), 0.22 * picture.half[0], trousers)
    picture.shape([(-0.22, -0.42), (0.26, -0.42), (0.34, 0.28), (-0.28, 0.28)], coat)
    picture.shape([(0.26, -0.38), (0.52, -0.32), (0.5, 0.1), (0.3, 0.12)], (44, 120, 70))
    picture.stroke((-0.1, -0.3), (-0.46, 0.06), 0.14 * picture.half[0], coat)
    picture.disc((0.02, -0.62), 0.15 * picture.half[1], skin)
    picture.shape([(-0.24, -0.68), (-0.12, -0.84), (0.12, -0.86), (0.3, -0.7), (0.3, -0.62)], (74, 50, 34))


def _snow(picture: Picture) -> None:
    for number, (x, y, size) in enumerate(((0.0, -0.1, 0.8), (-0.4, 0.42, 0.5), (0.42, 0.34, 0.52), (0.1, -0.6, 0.4))):
        _blob(picture, (x, y), size, (246 - 3 * number, 248 - 2 * number, 252), number)


def _dirt(picture: Picture) -> None:
    spots = ((0.0, 0.0, 0.72), (-0.46, -0.4, 0.42), (0.5, 0.36, 0.44), (0.34, -0.56, 0.34), (-0.3, 0.6, 0.36))
    for number, (x, y, size) in enumerate(spots):
        _blob(picture, (x, y), size, (84 + 9 * number, 64 + 7 * number, 42 + 4 * number), 10 + number)


def _blob(picture: Picture, center: tuple[float, float], size: float, color: Color, seed: int) -> None:
    """A round spot with an uneven rim, inside the plate."""
    radii = size * np.random.default_rng(seed).uniform(0.86, 1.0, 16)
    angles = np.linspace(0.0, 2.0 * np.pi, 16, endpoint=False)
    x, y = center[0] + radii * np.cos(angles), center[1] + radii * np.sin(angles)
    outline = zip(np.clip(x, -1.0, 1.0).tolist(), np.clip(y, -1.0, 1.0).tolist(), strict=True)
    picture.shape(list(outline), color)


def _stickers(picture: Picture) -> None:
    picture.rectangle((-0.9, -0.2), (-0.7, -0.2), (236, 196, 40))
    picture.disc((0.45, -0.4), 0.2, (44, 108, 190))
    picture.rectangle((-0.5, 0.35), (0.25, 0.75), (230, 230, 228))
    picture.disc((0.6, 0.5), 0.14, (54, 150, 74))
    picture.rectangle((-0.42, 0.27), (0.33, 0.45), (208, 38, 44))
    picture.disc((-0.7, 0.2), 0.11, (214, 92, 160))


def _graffiti(picture: Picture) -> None:
    points = [(-0.9, 0.6), (-0.6, -0.6), (-0.35, 0.5), (-0.1, -0.7), (0.1, 0.6), (0.35, -0.5), (0.55, 0.6), (0.9, -0.6)]
    for number, (color, drop) in enumerate((((36, 30, 44), 0.1), ((196, 44, 160), 0.0))):
        for (x0, y0), (x1, y1) in pairwise(points):
            picture.level(number)
            picture.stroke((x0, y0 + drop), (x1, y1 + drop), 0.07, color)


def _smiley(picture: Picture) -> None:
    radius_m = min(picture.half[:2])
    picture.disc((0.0, 0.0), radius_m, (246, 212, 48), corners=20)
    picture.disc((-0.34, -0.28), 0.13 * radius_m, _BLACK, corners=8)
    picture.disc((0.34, -0.28), 0.13 * radius_m, _BLACK, corners=8)
    places = [(0.56 * math.cos(a), 0.56 * math.sin(a)) for a in np.linspace(0.35, math.pi - 0.35, 7).tolist()]
    for start, end in pairwise(places):
        picture.level(1)
        picture.stroke(start, end, 0.1 * radius_m, _BLACK)


def _brick_wall(picture: Picture) -> None:
    wide_m, high_m, joint_m = 0.5, 0.2, 0.03
    half_x, half_y, _ = picture.half
    picture.board((176, 168, 156), Material.CONCRETE)
    rows = max(1, round(2.0 * half_y / high_m))
    dice = np.random.default_rng(3)
    for row in range(rows):
        y = (-half_y + row * high_m + joint_m / 2.0, -half_y + (row + 1) * high_m - joint_m / 2.0)
        left = -half_x - (wide_m / 2.0 if row % 2 else 0.0)
        while left < half_x - joint_m:
            x = (max(left + joint_m / 2.0, -half_x), min(left + wide_m - joint_m / 2.0, half_x))
            shade = int(dice.integers(-14, 15))
            picture.level(0)
            picture.rectangle((x[0] / half_x, x[1] / half_x), (y[0] / half_y, y[1] / half_y), (156 + shade, 70, 54))
            left += wide_m


def _scene(picture: Picture, sky: Color, ground: Color, road: Color, wide: float) -> None:
    """Sky, ground, and a road with a broken line that runs to the horizon."""
    picture.board(sky)
    picture.rectangle((-1.0, 1.0), (0.0, 1.0), ground)
    picture.shape([(-0.05, 0.0), (0.05, 0.0), (wide, 1.0), (-wide, 1.0)], road)
    for near, far in ((1.0, 0.78), (0.6, 0.46), (0.34, 0.26), (0.18, 0.14), (0.09, 0.07)):
        picture.level(2)
        picture.shape([(-0.02 * far, far), (0.02 * far, far), (0.02 * near, near), (-0.02 * near, near)], _WHITE)


def _country_road(picture: Picture) -> None:
    _scene(picture, (150, 190, 226), (108, 136, 74), (84, 86, 88), 0.7)
    for side in (-1.0, 1.0):
        for x, size in ((0.9, 0.75), (0.5, 0.42), (0.3, 0.24)):
            picture.level(3)
            picture.rectangle((side * x - 0.012, side * x + 0.012), (0.0, 0.45 * size), (84, 66, 50))
            picture.level(4)
            picture.disc((side * x, -0.35 * size), 0.4 * size, (60, 96, 50))


def _street(picture: Picture) -> None:
    _scene(picture, (196, 206, 214), (160, 156, 150), (76, 78, 82), 0.62)
    for side in (-1.0, 1.0):
        for (outer, inner), top, color in (((1.0, 0.56), -0.9, (172, 120, 96)), ((0.54, 0.28), -0.5, (198, 188, 168))):
            picture.level(3)
            span = (min(side * outer, side * inner), max(side * outer, side * inner))
            picture.rectangle(span, (top, 0.25), color)
            for row in range(3):
                for column in range(3):
                    left = span[0] + (0.12 + 0.29 * column) * (span[1] - span[0])
                    low = top + (0.12 + 0.29 * row) * (0.2 - top)
                    picture.level(4)
                    size = (0.16 * (span[1] - span[0]), 0.14 * (0.2 - top))
                    picture.rectangle((left, left + size[0]), (low, low + size[1]), (72, 88, 104))


def _motorway(picture: Picture) -> None:
    _scene(picture, (168, 200, 230), (116, 132, 80), (96, 98, 100), 0.94)
    picture.level(3)
    picture.shape([(-0.05, 0.0), (-0.04, 0.0), (-0.74, 1.0), (-0.86, 1.0)], (190, 192, 194))
    picture.level(3)
    picture.shape([(0.04, 0.0), (0.05, 0.0), (0.86, 1.0), (0.74, 1.0)], (190, 192, 194))
    picture.level(3)
    picture.rectangle((-0.6, 0.6), (-0.7, -0.3), (24, 78, 168))
    picture.rectangle((-0.5, -0.1), (-0.6, -0.52), _WHITE)
    picture.rectangle((0.08, 0.5), (-0.6, -0.52), _WHITE)


def _sign(picture: Picture) -> None:
    picture.board((24, 78, 168))
    picture.stroke((0.0, 0.7), (0.0, -0.4), 0.1, _WHITE)
    picture.shape([(-0.3, -0.3), (0.0, -0.8), (0.3, -0.3)], _WHITE)


PAINTERS: dict[str, Callable[[Picture], None]] = {
    "ampel": _traffic_light,
    "walkingkid": _child,
    "walkingkidlarge": _child,
    "snow": _snow,
    "dirt": _dirt,
    "stickers": _stickers,
    "graffiti": _graffiti,
    "smiley": _smiley,
    "brickwall": _brick_wall,
    "screenshot1": _country_road,
    "screenshot2": _street,
    "autobahn": _motorway,
    "schild": _sign,
}
"""How the picture of each plate is made, by name without ``static.prop.``."""
