"""What marks vehicles in service: light bars, lettering, ladders, roof signs."""

from __future__ import annotations

import numpy as np

from lead.simulator.scenery.bodies.vehicle_plan import (
    LAMP_BLUE,
    LAMP_RED,
    Style,
    VehiclePlan,
    add_lamp,
    look_of,
)
from lead.simulator.scenery.faces import face_uv
from lead.simulator.scenery.materials import LampChannel, Material
from lead.simulator.scenery.mesh import MeshBuilder


def _light_bar(builder: MeshBuilder, plan: VehiclePlan, style: Style) -> None:
    x = 0.5 * (style.cabin[1] + style.cabin[2]) * plan.length / 2
    z = plan.height - 0.06 if plan.style == "police" else (0.85 if plan.style == "firetruck" else 0.79) * plan.height
    for side, color, channel in (
        (-1.0, LAMP_BLUE, LampChannel.SPECIAL_1),
        (1.0, LAMP_RED if plan.style == "police" else LAMP_BLUE, LampChannel.SPECIAL_2),
    ):
        add_lamp(builder, plan, (x, side * 0.28 * plan.width, z + 0.06), (0.11, 0.2 * plan.width, 0.06), color, channel)
    builder.box([x, 0, z + 0.05], [0.10, 0.08 * plan.width, 0.05], look_of(plan, (190, 190, 190), Material.PLASTIC))


def _lettering(builder: MeshBuilder, plan: VehiclePlan, name: str, x: float, z: float, size: float) -> None:
    """A printed word on both sides."""
    left, top, right, bottom = face_uv(name)
    band = 0.22 * (bottom - top)
    middle = 0.5 * (top + bottom)
    for side in (-1.0, 1.0):
        y = side * (plan.width / 2 + 0.002)
        corners = [
            [x - size, y, z - 0.22 * size],
            [x + size, y, z - 0.22 * size],
            [x + size, y, z + 0.22 * size],
            [x - size, y, z + 0.22 * size],
        ]
        ends = (left, right) if side > 0 else (right, left)
        # The right side is read from front to rear: forward is to the reader's right there.
        texture = [
            [ends[0], middle + band],
            [ends[1], middle + band],
            [ends[1], middle - band],
            [ends[0], middle - band],
        ]
        builder.quad(corners, look_of(plan, (255, 255, 255), Material.FACE), uv=texture, normal=[0, side, 0])


def _police(builder: MeshBuilder, plan: VehiclePlan, style: Style) -> None:
    for side in (-1.0, 1.0):
        builder.box(
            [0.0, side * 0.985 * plan.width / 2, 0.42 * plan.height],
            [0.27 * plan.length, 0.015 * plan.width / 2, 0.16 * plan.height],
            look_of(plan, (236, 236, 236), Material.PLASTIC),
        )
    _lettering(builder, plan, "police", 0.0, 0.44 * plan.height, 0.55)


def _ambulance(builder: MeshBuilder, plan: VehiclePlan, style: Style) -> None:
    stripe = look_of(plan, (196, 32, 34), Material.PLASTIC)
    for side in (-1.0, 1.0):
        builder.box(
            [-0.1 * plan.length, side * plan.width / 2 * 0.998, 0.40 * plan.height],
            [0.36 * plan.length, 0.008, 0.05 * plan.height],
            stripe,
        )
    _lettering(builder, plan, "ambulance", -0.18 * plan.length, 0.66 * plan.height, 0.85)


def _fire(builder: MeshBuilder, plan: VehiclePlan, style: Style) -> None:
    shutter = look_of(plan, (178, 180, 182), Material.METAL)
    for side in (-1.0, 1.0):
        for x in (-0.36, -0.18, 0.0):
            builder.box(
                [x * plan.length, side * plan.width / 2 * 0.998, 0.5 * plan.height],
                [0.075 * plan.length, 0.012, 0.2 * plan.height],
                shutter,
            )
    _lettering(builder, plan, "fire", -0.18 * plan.length, 0.78 * plan.height, 0.6)


def _ladder(builder: MeshBuilder, plan: VehiclePlan, style: Style) -> None:
    metal = look_of(plan, (190, 192, 194), Material.METAL)
    z = 0.92 * plan.height
    for y in (-0.35, 0.35):
        builder.box([-0.1 * plan.length, y, z], [0.38 * plan.length, 0.04, 0.07], metal)
    for x in np.linspace(-0.46, 0.26, 16).tolist():
        builder.box([x * plan.length, 0, z], [0.025, 0.35, 0.03], metal)
    builder.box([0.2 * plan.length, 0, plan.height - 0.05], [0.2, 0.3, 0.05], metal)


def _taxi(builder: MeshBuilder, plan: VehiclePlan, style: Style) -> None:
    x = 0.5 * (style.cabin[1] + style.cabin[2]) * plan.length / 2
    builder.box([x, 0, plan.height + 0.05], [0.12, 0.28, 0.08], look_of(plan, (250, 214, 70), Material.EMISSIVE))
    for side in (-1.0, 1.0):
        builder.box(
            [0, side * 0.985 * plan.width / 2, 0.46 * plan.height],
            [0.3 * plan.length, 0.012, 0.035 * plan.height],
            look_of(plan, (24, 24, 24), Material.PLASTIC),
        )
    _lettering(builder, plan, "taxi", -0.05 * plan.length, 0.36 * plan.height, 0.4)


def _spare(builder: MeshBuilder, plan: VehiclePlan, style: Style) -> None:
    x, z = -plan.length / 2, 0.48 * plan.height
    builder.cylinder(
        [x, 0, z], [x - 0.16, 0, z], plan.wheel_radius, look_of(plan, (24, 24, 25), Material.RUBBER), sides=16
    )


EXTRAS = {
    "bar": _light_bar,
    "police": _police,
    "ambulance": _ambulance,
    "fire": _fire,
    "ladder": _ladder,
    "taxi": _taxi,
    "spare": _spare,
}
