"""What a vehicle's body is made from: silhouettes by style, sizes of the blueprint, and a few looks.

The frame is the vehicle's: x forward, y right, z up from the ground.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from lead.simulator.scenery.materials import Label, LampChannel, Material
from lead.simulator.scenery.mesh import Color, Look, MeshBuilder

Outline = tuple[tuple[float, float], ...]
HeadLamps = Literal["wide", "round", "slim"]
TailLamps = Literal["wide", "tall", "slim"]
Grille = Literal["wide", "slots", "low", "none"]

GLASS_COLOR: Color = (38, 44, 50)
DARK: Color = (26, 27, 29)
LAMP_WHITE: Color = (255, 246, 224)
LAMP_RED: Color = (255, 34, 26)
LAMP_ORANGE: Color = (255, 150, 30)
LAMP_BLUE: Color = (50, 90, 255)
CLEARANCE_M = 0.13


@dataclass(frozen=True)
class Style:
    """Shape of a body.

    Attributes:
        deck: Top of the lower body from rear to front: (share of length from -1 to 1, share of height).
        cabin: Greenhouse: x of its foot and roof at the rear, of its roof and foot at the front, shares of half length.
        tumblehome: How far the roof lies inside the body, share of half width.
        shoulder: Width of the lower body at its top, share of its greatest width: 1 for boxes.
        roof: Height of the roof, share of height; the rest is for what stands on it.
        box: Cargo box: x from, x to, height share; None for none.
        chassis: Share of half length up to which the lower body is a bare chassis; -1 for none.
        side_glass: Shares of the greenhouse's length that are glazed at the sides.
        panes: Panes per side; 0 divides the glass where the doors part.
        rear_glass: Whether one can look in from behind.
        roof_color: Colour of the roof where it is not the paint's.
        head: Shape of the head lamps.
        tail: Shape of the tail lamps.
        grille: What is between the head lamps.
        trim: Whether wheel arches are edged in plastic.
        extras: Names of what is added, see `EXTRAS`.
    """

    deck: Outline
    cabin: tuple[float, float, float, float]
    tumblehome: float = 0.20
    shoulder: float = 0.91
    roof: float = 1.0
    box: tuple[float, float, float] | None = None
    chassis: float = -1.0
    side_glass: tuple[float, float] = (0.04, 0.97)
    panes: int = 0
    rear_glass: bool = True
    roof_color: Color | None = None
    head: HeadLamps = "wide"
    tail: TailLamps = "wide"
    grille: Grille = "wide"
    trim: bool = False
    extras: tuple[str, ...] = field(default=())


_SEDAN = Style(
    ((-1, 0.60), (-0.97, 0.68), (-0.55, 0.70), (0.40, 0.66), (0.86, 0.57), (0.97, 0.50), (1, 0.46)),
    (-0.74, -0.38, 0.08, 0.46),
)
_FASTBACK = Style(
    ((-1, 0.60), (-0.97, 0.70), (-0.60, 0.69), (0.42, 0.64), (0.86, 0.54), (0.97, 0.47), (1, 0.43)),
    (-0.88, -0.28, 0.04, 0.46),
    0.23,
    head="slim",
    tail="slim",
)
_HATCH = Style(
    ((-1, 0.56), (-0.98, 0.66), (0.48, 0.64), (0.88, 0.55), (0.97, 0.48), (1, 0.43)),
    (-0.945, -0.74, 0.10, 0.56),
    tail="tall",
)
_SUV = Style(
    ((-1, 0.52), (-0.985, 0.63), (0.42, 0.63), (0.90, 0.58), (0.98, 0.53), (1, 0.48)),
    (-0.95, -0.84, 0.10, 0.44),
    0.15,
    tail="tall",
    trim=True,
)
STYLES: dict[str, Style] = {
    "sedan": _SEDAN,
    "coupe": Style(
        ((-1, 0.60), (-0.96, 0.70), (-0.60, 0.71), (0.32, 0.66), (0.86, 0.58), (0.97, 0.52), (1, 0.48)),
        (-0.82, -0.32, -0.02, 0.32),
        0.22,
        tail="slim",
    ),
    "fastback": _FASTBACK,
    "electric": replace(_FASTBACK, grille="low"),
    "hatch": _HATCH,
    "mpv": replace(_HATCH, cabin=(-0.945, -0.85, 0.14, 0.66), tumblehome=0.17),
    "mini": replace(
        _HATCH,
        deck=((-1, 0.52), (-0.98, 0.62), (0.44, 0.63), (0.90, 0.57), (0.98, 0.52), (1, 0.46)),
        cabin=(-0.945, -0.84, 0.14, 0.42),
        tumblehome=0.16,
        roof_color=(232, 232, 228),
        head="round",
    ),
    "micro": Style(
        ((-1, 0.52), (-0.96, 0.55), (0.60, 0.55), (0.95, 0.53), (1, 0.49)),
        (-0.88, -0.52, 0.34, 0.86),
        0.18,
        head="round",
        grille="none",
    ),
    "suv": _SUV,
    "jeep": Style(
        ((-1, 0.56), (-0.985, 0.58), (0.30, 0.58), (0.95, 0.56), (1, 0.53)),
        (-0.955, -0.91, 0.12, 0.28),
        0.07,
        0.96,
        head="round",
        tail="tall",
        grille="slots",
        trim=True,
        extras=("spare",),
    ),
    "van": Style(
        ((-1, 0.44), (-0.99, 0.46), (0.68, 0.46), (0.92, 0.42), (0.98, 0.37), (1, 0.32)),
        (-0.985, -0.97, 0.46, 0.76),
        0.09,
        0.97,
        side_glass=(0.72, 0.965),
        panes=1,
        tail="tall",
    ),
    "camper": Style(
        ((-1, 0.46), (-0.98, 0.50), (0.92, 0.49), (0.98, 0.46), (1, 0.40)),
        (-0.965, -0.93, 0.80, 0.95),
        0.10,
        0.97,
        panes=4,
        roof_color=(236, 232, 222),
        head="round",
        tail="tall",
        grille="none",
    ),
    "bus": Style(
        ((-1, 0.36), (-0.99, 0.37), (0.98, 0.35), (1, 0.30)),
        (-0.985, -0.98, 0.95, 0.985),
        0.04,
        0.99,
        side_glass=(0.02, 0.985),
        panes=7,
        tail="tall",
        grille="low",
        extras=("bus",),
    ),
    "truck": Style(
        ((-1, 0.26), (0.40, 0.28), (0.42, 0.44), (0.96, 0.43), (1, 0.38)),
        (0.43, 0.44, 0.86, 0.96),
        0.07,
        0.97,
        roof=0.80,
        box=(-1.0, 0.38, 1.0),
        chassis=0.41,
        side_glass=(0.30, 0.96),
        panes=1,
        rear_glass=False,
        extras=("truck",),
    ),
    "boxtruck": Style(
        ((-1, 1.0), (0.34, 1.0), (0.345, 0.48), (0.93, 0.47), (1, 0.40)),
        (0.345, 0.35, 0.70, 0.92),
        0.09,
        0.985,
        roof=0.88,
        side_glass=(0.1, 0.96),
        panes=1,
        rear_glass=False,
        extras=("cola",),
    ),
    "firetruck": Style(
        ((-1, 0.86), (0.40, 0.86), (0.405, 0.44), (0.97, 0.43), (1, 0.36)),
        (0.41, 0.42, 0.88, 0.965),
        0.05,
        0.985,
        roof=0.80,
        side_glass=(0.04, 0.96),
        panes=2,
        rear_glass=False,
        extras=("ladder", "fire", "bar"),
    ),
    "ambulance": Style(
        ((-1, 0.96), (0.30, 0.96), (0.305, 0.50), (0.60, 0.49), (0.92, 0.43), (0.98, 0.39), (1, 0.34)),
        (0.305, 0.31, 0.42, 0.64),
        0.10,
        0.985,
        roof=0.84,
        side_glass=(0.06, 0.95),
        panes=1,
        rear_glass=False,
        tail="tall",
        extras=("ambulance", "bar"),
    ),
    "wedge": Style(
        ((-1, 0.60), (-0.98, 0.64), (0.36, 0.60), (0.97, 0.50), (1, 0.46)),
        (-0.95, 0.06, 0.10, 0.80),
        0.20,
        side_glass=(0.42, 0.97),
        panes=2,
        rear_glass=False,
        head="slim",
        tail="slim",
        grille="none",
        trim=True,
    ),
    "police": replace(_SEDAN, roof=0.92, extras=("police", "bar")),
    "taxi": replace(_SEDAN, roof=0.91, extras=("taxi",)),
}
"""Styles by name."""


@dataclass(frozen=True)
class VehiclePlan:
    """All that a body depends on; lengths in metres.

    Attributes:
        style: Key of `STYLES`.
        length: Of the box.
        width: Of the box.
        height: Of the box.
        center_x: Of the box in the vehicle's frame.
        foot_z: Lower face of the box in the vehicle's frame.
        wheelbase: Distance of the axles.
        wheel_radius: Of the wheels.
        label: Object class.
        doors: Bits of opened doors: front left, front right, rear left, rear right.
    """

    style: str
    length: float
    width: float
    height: float
    center_x: float
    foot_z: float
    wheelbase: float
    wheel_radius: float
    label: Label
    doors: int = 0


def look_of(plan: VehiclePlan, color: Color, material: Material, channel: int = 0) -> Look:
    """Appearance of a part of a vehicle."""
    return Look(color, material, plan.label, channel)


def paint_of(plan: VehiclePlan, color: Color = (255, 255, 255)) -> Look:
    """Appearance of painted parts, tinted in the vehicle's colour."""
    return look_of(plan, color, Material.PAINT)


def dark_of(plan: VehiclePlan) -> Look:
    """Appearance of black plastic."""
    return look_of(plan, DARK, Material.PLASTIC)


def add_lamp(
    builder: MeshBuilder,
    plan: VehiclePlan,
    center: tuple[float, float, float],
    half: tuple[float, float, float],
    color: Color,
    channel: LampChannel,
) -> None:
    """A lamp: a box that shines while its channel is on."""
    builder.box(center, half, look_of(plan, color, Material.LAMP, int(channel)))
