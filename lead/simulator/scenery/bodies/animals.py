"""Bodies of Fail2Drive's animals: four-legged, lofted like people, with legs that swing as they walk.

Plans are shares of the body's height, so that an animal fills the box of its blueprint in length and height. Positions
are x forward, y right, z up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lead.simulator.scenery.bodies.lofts import Array, limb, loft, ring
from lead.simulator.scenery.materials import Label, Material
from lead.simulator.scenery.mesh import Color, Look, Mesh, MeshBuilder

_SWING_RAD = 0.42
_RIGHT = np.array([0.0, 1.0, 0.0])
_DARK: Color = (34, 28, 26)


@dataclass(frozen=True)
class AnimalPlan:
    """How a kind of animal looks; lengths are shares of the height of the box, if not said otherwise.

    Attributes:
        coat: Colour of body, neck and head.
        legs: Colour of the legs.
        muzzle: Colour of the tip of the head.
        leg: Length of the legs.
        girth: Half the height of the trunk.
        withers: How far the back lies below the highest point.
        head: Length of the head.
        tail: Length of the tail.
        bushy: Thickness of the tail.
        ear: Length of the ears.
        horns: Length of horns or antlers; 0 for none.
        spread: How far antlers reach sideways.
        patches: Colour of spots on the flanks; None for none.
    """

    coat: Color
    legs: Color
    muzzle: Color
    leg: float = 0.5
    girth: float = 0.17
    withers: float = 0.2
    head: float = 0.26
    tail: float = 0.3
    bushy: float = 0.02
    ear: float = 0.09
    horns: float = 0.0
    spread: float = 0.06
    patches: Color | None = None


_BROWN, _GREY, _WHITE = (122, 86, 56), (118, 114, 108), (226, 220, 208)
PLANS: dict[str, AnimalPlan] = {
    "cow": AnimalPlan(_WHITE, _WHITE, (206, 158, 146), 0.46, 0.24, 0.08, 0.34, 0.45, horns=0.1, patches=_DARK),
    "deer": AnimalPlan((150, 104, 66), (126, 88, 60), _DARK, 0.45, 0.125, 0.38, 0.2, 0.08, horns=0.22, spread=0.14),
    "horse": AnimalPlan((112, 68, 42), (70, 46, 34), _DARK, 0.46, 0.155, 0.24, 0.3, 0.36, bushy=0.04),
    "dog": AnimalPlan((196, 152, 92), (196, 152, 92), _DARK, 0.46, 0.16, 0.2, 0.3, 0.34, bushy=0.05, ear=0.13),
    "fox": AnimalPlan((196, 96, 40), (52, 38, 32), _WHITE, 0.42, 0.17, 0.2, 0.38, 0.6, bushy=0.1, ear=0.16),
    "sheep": AnimalPlan((222, 214, 196), (62, 54, 48), (62, 54, 48), 0.36, 0.27, 0.08, 0.3, 0.12, bushy=0.05, ear=0.1),
    "goat": AnimalPlan((176, 164, 146), (96, 80, 66), _DARK, 0.42, 0.2, 0.14, 0.28, 0.12, horns=0.16),
    "pig": AnimalPlan((224, 164, 152), (216, 154, 144), (206, 132, 126), 0.3, 0.29, 0.06, 0.4, 0.16, ear=0.13),
    "moose": AnimalPlan((84, 62, 46), (118, 100, 82), _DARK, 0.48, 0.17, 0.26, 0.28, 0.05, horns=0.16, spread=0.26),
    "boar": AnimalPlan((74, 62, 52), (48, 42, 38), _DARK, 0.34, 0.27, 0.06, 0.44, 0.22, ear=0.11),
    "wolf": AnimalPlan(_GREY, (150, 144, 134), _DARK, 0.45, 0.17, 0.2, 0.32, 0.46, bushy=0.06, ear=0.13),
}
"""By the names of the blueprints' table."""


@lru_cache(maxsize=64)
def animal_poses(kind: str, extent: tuple[float, float, float], phases: int) -> tuple[Mesh, ...]:
    """An animal that walks.

    Args:
        kind: A key of :data:`PLANS`.
        extent: Half sizes of its box, metres.
        phases: Number of shapes per stride.

    Returns:
        `phases` + 1 meshes, origin in the middle of the box: number i < `phases` after i / `phases` of a stride, the
        last one standing.
    """
    moments = [2.0 * np.pi * index / phases for index in range(phases)]
    walking = [
        _body(PLANS[kind], extent, [_SWING_RAD * np.sin(moment + turn) for turn in _TURNS]) for moment in moments
    ]
    return (*walking, _body(PLANS[kind], extent, [0.0] * len(_TURNS)))


_TURNS = (0.0, np.pi, np.pi, 0.0)
"""Phases of the legs: front left, front right, rear left, rear right; a trot."""


class _Animal:
    """The parts of one animal in one pose; lengths in metres, z from the ground."""

    def __init__(self, plan: AnimalPlan, extent: tuple[float, float, float]) -> None:
        self.plan = plan
        self.builder = MeshBuilder()
        self.height, self.half_length, self.half_width = 2.0 * extent[2], extent[0], extent[1]
        self.girth = plan.girth * self.height
        self.back = self.height * (1.0 - plan.withers)
        self.middle = self.back - self.girth
        self.chest = self.half_length - 0.75 * plan.head * self.height - 0.02 * self.height
        self.rump = -self.half_length + 0.1 * self.height

    def look(self, color: Color) -> Look:
        return Look(color, Material.PLAIN, Label.PEDESTRIANS)

    def trunk(self) -> None:
        """Barrel from rump to chest."""
        wide = self.half_width * 0.92
        rows = (
            (0.0, 0.35, 0.4),
            (0.08, 0.8, 0.85),
            (0.35, 1.0, 0.98),
            (0.65, 1.0, 1.0),
            (0.92, 0.8, 0.9),
            (1.0, 0.4, 0.5),
        )
        rings = []
        for share, across, tall in rows:
            x = self.rump + share * (self.chest - self.rump)
            center = np.array([x, 0.0, self.middle])
            rings.append(ring(center, wide * across * _RIGHT, self.girth * tall * np.array([0.0, 0.0, 1.0]), 10))
        loft(self.builder, rings, self.look(self.plan.coat))
        if self.plan.patches is not None:
            for side in (-1.0, 1.0):
                for share, drop, size in ((0.3, 0.1, 0.5), (0.66, -0.1, 0.42), (0.9, 0.2, 0.3)):
                    x = self.rump + share * (self.chest - self.rump)
                    spot = [x, side * 0.62 * wide, self.middle + drop * self.girth]
                    radii = [size * self.girth, 0.42 * wide, size * self.girth]
                    self.builder.ellipsoid(spot, radii, self.look(self.plan.patches), sides=8, rings=5)

    def legs(self, swings: list[float]) -> None:
        """Four legs that hang from the trunk, each swung by an angle in radians."""
        top = self.middle - 0.2 * self.girth
        thick = 0.18 * self.half_width + 0.02 * self.height
        ends = [(self.chest - 0.12 * self.height, 0.0), (self.rump + 0.14 * self.height, 0.1)]
        places = [(x, side, bend) for x, bend in ends for side in (-1.0, 1.0)]
        for (x, side, bend), swing in zip(places, swings, strict=True):
            hip = np.array([x, side * 0.55 * self.half_width, top])
            lift = max(0.0, -swing) * 0.12 * top
            foot = hip + [np.sin(swing) * top, 0.0, -top + lift]
            knee = 0.5 * (hip + foot) + [-bend * top * 0.5 + 0.04 * top, 0.0, 0.0]
            limb(
                self.builder,
                [hip, knee, foot],
                (1.7 * thick, 0.85 * thick, 0.8 * thick),
                self.look(self.plan.legs),
                _RIGHT,
            )
            hoof = [foot + [0.25 * thick, 0.0, height] for height in (0.0, 0.03 * self.height)]
            size = 0.95 * thick
            rings = [ring(at, size * _RIGHT, 1.2 * size * np.array([1.0, 0.0, 0.0]), 6) for at in hoof]
            loft(self.builder, rings, self.look(_DARK))

    def head(self) -> None:
        """Neck, head with eyes, ears and horns."""
        plan, tall = self.plan, self.height
        long = plan.head * tall
        crown_z = tall - (plan.horns + plan.ear * 0.5) * tall
        nape = np.array([self.half_length - long, 0.0, max(crown_z - 0.3 * long, self.middle)])
        chest = np.array([self.chest - 0.16 * tall, 0.0, self.middle + 0.15 * self.girth])
        thick = 0.62 * self.girth
        limb(
            self.builder,
            [chest, 0.5 * (chest + nape), nape],
            (1.2 * thick, 0.8 * thick, 0.58 * thick),
            self.look(plan.coat),
            _RIGHT,
        )
        tip = np.array([self.half_length, 0.0, nape[2] - 0.32 * long])
        size = min(0.3 * long, 0.9 * self.half_width)
        shares = ((-0.12, 0.3), (0.02, 0.95), (0.3, 1.0), (0.6, 0.72), (0.86, 0.58), (1.0, 0.3))
        skull = [self._section(nape + share * (tip - nape), size * wide) for share, wide in shares]
        loft(self.builder, skull[:5], self.look(plan.coat))
        loft(self.builder, skull[3:], self.look(plan.muzzle))
        for side in (-1.0, 1.0):
            eye = nape + 0.34 * (tip - nape) + [0.0, side * 0.86 * size, 0.36 * size]
            self.builder.ellipsoid(eye, [0.12 * size] * 3, self.look(_DARK), sides=6, rings=4)
            root = nape + [0.0, side * 0.6 * size, 0.7 * size]
            end = root + [-0.1 * plan.ear * tall, side * 0.4 * plan.ear * tall, plan.ear * tall]
            limb(
                self.builder, [root, end], (0.32 * plan.ear * tall, 0.02 * tall), self.look(plan.coat), _RIGHT, sides=5
            )
            if plan.horns:
                self._horn(nape + [0.12 * long, side * 0.35 * size, 0.8 * size], side)

    def tail(self) -> None:
        """From the rump down or back."""
        long, thick = self.plan.tail * self.height, self.plan.bushy * self.height
        root = np.array([self.rump + 0.02 * self.height, 0.0, self.back - 0.35 * self.girth])
        middle = root + [-0.06 * self.height, 0.0, -0.45 * long]
        end = root + [-0.08 * self.height, 0.0, -0.9 * long]
        limb(
            self.builder,
            [root, middle, end],
            (0.8 * thick + 0.008, thick + 0.008, 0.3 * thick + 0.004),
            self.look(self.plan.coat),
            _RIGHT,
        )

    def _section(self, middle: Array, size: float) -> Array:
        return ring(middle, 0.86 * size * _RIGHT, size * np.array([0.2, 0.0, 1.0]), 8)

    def _horn(self, root: Array, side: float) -> None:
        """A curved horn, with two tines if it spreads wide."""
        long, wide = self.plan.horns * self.height, self.plan.spread * self.height
        bend = root + [-0.1 * long, side * 0.7 * wide, 0.55 * long]
        end = root + [0.05 * long, side * wide, long]
        thick, look = 0.012 * self.height + 0.006, self.look((196, 182, 156))
        limb(self.builder, [root, bend, end], (thick, 0.8 * thick, 0.3 * thick), look, _RIGHT, sides=5)
        if wide > 0.1 * self.height:
            for share in (0.35, 0.7):
                base = root + share * (end - root)
                tine = base + [0.4 * long, side * 0.15 * long, 0.35 * long]
                limb(self.builder, [base, tine], (0.7 * thick, 0.2 * thick), look, _RIGHT, sides=5)


def _body(plan: AnimalPlan, extent: tuple[float, float, float], swings: list[float]) -> Mesh:
    """An animal with its legs swung; origin in the middle of the box."""
    animal = _Animal(plan, extent)
    animal.trunk()
    animal.legs(swings)
    animal.head()
    animal.tail()
    mesh = animal.builder.build()
    lowered = mesh.vertices - np.array([0.0, 0.0, extent[2]], np.float32)
    return Mesh(**{**vars(mesh), "vertices": lowered.astype(np.float32)})
