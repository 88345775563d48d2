"""What a vehicle's body is made from: silhouettes by style, sizes of the blueprint, and a few looks.

The frame is the vehicle's: x forward, y right, z up from the ground.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lead.simulator.scenery.materials import Label, LampChannel, Material
from lead.simulator.scenery.mesh import Color, Look, MeshBuilder

Outline = tuple[tuple[float, float], ...]

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
        cabin_foot: Share of height at which the glass begins.
        tumblehome: How far the roof lies inside the body, share of half width.
        box: Cargo box: x from, x to, height share; None for none.
        side_glass: Shares of the greenhouse's length that are glazed at the sides.
        extras: Names of what is added, see `EXTRAS`.
    """

    deck: Outline
    cabin: tuple[float, float, float, float]
    cabin_foot: float = 0.62
    tumblehome: float = 0.20
    box: tuple[float, float, float] | None = None
    side_glass: tuple[float, float] = (0.04, 0.96)
    extras: tuple[str, ...] = field(default=())


_SEDAN = Style(
    ((-1, 0.58), (-0.96, 0.68), (-0.58, 0.70), (0.36, 0.66), (0.90, 0.56), (1, 0.44)), (-0.72, -0.40, 0.10, 0.44)
)
STYLES: dict[str, Style] = {
    "sedan": _SEDAN,
    "coupe": Style(
        ((-1, 0.60), (-0.95, 0.70), (-0.55, 0.69), (0.30, 0.64), (0.88, 0.54), (1, 0.42)), (-0.80, -0.28, 0.02, 0.38)
    ),
    "hatch": Style(((-1, 0.60), (-0.98, 0.64), (0.40, 0.62), (0.88, 0.54), (1, 0.42)), (-0.96, -0.72, 0.10, 0.54)),
    "micro": Style(((-1, 0.52), (0.55, 0.54), (0.95, 0.50), (1, 0.36)), (-0.92, -0.55, 0.30, 0.86), 0.50),
    "suv": Style(
        ((-1, 0.58), (-0.98, 0.63), (0.40, 0.61), (0.93, 0.55), (1, 0.42)), (-0.97, -0.82, 0.12, 0.44), 0.60, 0.16
    ),
    "jeep": Style(
        ((-1, 0.56), (-0.98, 0.58), (0.32, 0.58), (0.92, 0.55), (1, 0.44)),
        (-0.97, -0.93, 0.14, 0.30),
        0.57,
        0.08,
        extras=("spare",),
    ),
    "van": Style(
        ((-1, 0.50), (0.72, 0.46), (0.96, 0.40), (1, 0.30)),
        (-0.99, -0.96, 0.48, 0.80),
        0.46,
        0.10,
        side_glass=(0.72, 0.97),
    ),
    "camper": Style(
        ((-1, 0.50), (0.90, 0.48), (0.97, 0.44), (1, 0.28)),
        (-0.97, -0.92, 0.74, 0.93),
        0.50,
        0.12,
        side_glass=(0.05, 0.97),
    ),
    "bus": Style(
        ((-1, 0.40), (0.98, 0.38), (1, 0.20)), (-0.995, -0.985, 0.93, 0.985), 0.40, 0.05, side_glass=(0.03, 0.99)
    ),
    "truck": Style(
        ((-1, 0.26), (0.42, 0.28), (0.45, 0.44), (0.96, 0.42), (1, 0.30)),
        (0.46, 0.48, 0.80, 0.95),
        0.44,
        0.08,
        box=(-1.0, 0.42, 1.0),
        side_glass=(0.25, 0.95),
    ),
    "firetruck": Style(
        ((-1, 0.26), (0.42, 0.28), (0.45, 0.44), (0.97, 0.42), (1, 0.28)),
        (0.46, 0.47, 0.84, 0.96),
        0.42,
        0.05,
        box=(-1.0, 0.42, 0.86),
        side_glass=(0.1, 0.95),
        extras=("ladder", "fire", "bar"),
    ),
    "ambulance": Style(
        ((-1, 0.30), (0.30, 0.32), (0.40, 0.52), (0.90, 0.46), (1, 0.34)),
        (0.30, 0.31, 0.46, 0.66),
        0.50,
        0.10,
        box=(-1.0, 0.31, 0.95),
        side_glass=(0.1, 0.95),
        extras=("ambulance", "bar"),
    ),
    "wedge": Style(
        ((-1, 0.58), (-0.98, 0.62), (0.30, 0.62), (0.97, 0.46), (1, 0.36)), (-0.95, -0.02, 0.0, 0.80), 0.56, 0.22
    ),
    "police": Style(_SEDAN.deck, _SEDAN.cabin, extras=("police", "bar")),
    "taxi": Style(_SEDAN.deck, _SEDAN.cabin, extras=("taxi",)),
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
