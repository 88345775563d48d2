"""Bodies of cars, vans, trucks and buses: one generator, a silhouette per style, sized to the blueprint's box.

A style gives the outline seen from the side in shares of length and height; the generator adds greenhouse, glass,
wheels, lamps, plates and what marks the service. The frame is the vehicle's: x forward, y right, z up from the ground.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lead.simulator.scenery.bodies.vehicle_plan import (
    CLEARANCE_M,
    DARK,
    GLASS_COLOR,
    LAMP_ORANGE,
    LAMP_RED,
    LAMP_WHITE,
    STYLES,
    Style,
    VehiclePlan,
    add_lamp,
    look_of,
    paint_of,
)
from lead.simulator.scenery.bodies.vehicle_services import EXTRAS
from lead.simulator.scenery.faces import face_uv
from lead.simulator.scenery.materials import Label, LampChannel, Material
from lead.simulator.scenery.mesh import Color, Look, Mesh, MeshBuilder, transformed

Array = NDArray[np.float64]


@lru_cache(maxsize=256)
def vehicle_body(plan: VehiclePlan) -> Mesh:
    """The body of a four-wheeled vehicle."""
    style = STYLES[plan.style]
    builder = MeshBuilder()
    _lower_body(builder, plan, style)
    _cabin(builder, plan, style)
    if style.box is not None:
        _cargo(builder, plan, style.box)
    _wheels(builder, plan)
    _front(builder, plan, style)
    _rear(builder, plan, style)
    _sides(builder, plan, style)
    for name in style.extras:
        EXTRAS[name](builder, plan, style)
    closed = builder.build().vertices
    _open_doors(builder, plan, style)
    return _fitted(builder.build(), closed, plan)


def _fitted(mesh: Mesh, closed: NDArray[np.float32], plan: VehiclePlan) -> Mesh:
    """Stretch the last millimetres, so that the body fills its box exactly, apart from doors that stand open."""
    low, high = closed.min(axis=0), closed.max(axis=0)
    wanted_low = np.array([-plan.length / 2, -plan.width / 2, 0.0])
    wanted_high = np.array([plan.length / 2, plan.width / 2, plan.height])
    vertices = wanted_low + (mesh.vertices - low) * ((wanted_high - wanted_low) / (high - low))
    vertices += [plan.center_x, 0.0, plan.foot_z]
    return replace(mesh, vertices=vertices.astype(np.float32))


def _deck(plan: VehiclePlan, style: Style) -> Array:
    """Outline of the lower body from the side, (n, 2) metres."""
    shares = np.array(style.deck)
    return shares * [plan.length / 2, plan.height]


def _lower_body(builder: MeshBuilder, plan: VehiclePlan, style: Style) -> None:
    """Bumper to bumper, up to the belt: a loft with a crease at two thirds of its height."""
    outline = _deck(plan, style)
    half, low = plan.width / 2, max(CLEARANCE_M, 0.45 * plan.wheel_radius)
    paint = paint_of(plan)
    rounded = np.ones(len(outline))
    rounded[[0, -1]] = 0.90
    rounded[[1, -2]] = 0.97 if len(outline) > 4 else 0.94
    rings = []
    for (x, top), wide in zip(outline, rounded, strict=True):
        crease = low + 0.66 * (top - low)
        rings.append([[x, 0.93 * wide * half, low], [x, wide * half, crease], [x, 0.95 * wide * half, top]])
    right = np.array(rings)
    for side in (-1.0, 1.0):
        shape = right * [1.0, side, 1.0]
        for band in range(2):
            for index in range(len(shape) - 1):
                corners = [
                    shape[index, band],
                    shape[index + 1, band],
                    shape[index + 1, band + 1],
                    shape[index, band + 1],
                ]
                tilt = np.array([0.0, side, -0.25 if band == 0 else 0.35])
                builder.quad(corners, paint, normal=tilt / np.linalg.norm(tilt))
    mirror = np.array([1.0, -1.0, 1.0])
    for index in range(len(right) - 1):
        a, b = right[index, 2], right[index + 1, 2]
        builder.quad([a, b, b * mirror, a * mirror], paint)
    for index in (0, -1):
        ring = right[index]
        for band in range(2):
            builder.quad(
                [ring[band], ring[band + 1], ring[band + 1] * mirror, ring[band] * mirror],
                paint,
                normal=[-1.0 if index == 0 else 1.0, 0, 0.1],
            )
    floor = look_of(plan, DARK, Material.PLAIN)
    builder.box([0, 0, low], [0.97 * plan.length / 2, 0.9 * half, 0.02], floor)


def _belt(plan: VehiclePlan, style: Style, x: float) -> float:
    """Height of the lower body at a place."""
    outline = _deck(plan, style)
    return float(np.interp(x, outline[:, 0], outline[:, 1]))


def _cabin(builder: MeshBuilder, plan: VehiclePlan, style: Style) -> None:
    """Roof, pillars and glass."""
    half_length, half = plan.length / 2, plan.width / 2
    rear_foot, rear_roof, front_roof, front_foot = (share * half_length for share in style.cabin)
    top = plan.height if style.box is None or style.box[2] < 1.0 or plan.style == "truck" else 0.9 * plan.height
    if plan.style in ("truck", "firetruck", "ambulance"):
        top = {"truck": 0.78, "firetruck": 0.84, "ambulance": 0.76}[plan.style] * plan.height
    wide, narrow = 0.94 * half, (1.0 - style.tumblehome) * 0.96 * half
    paint, glass = paint_of(plan), look_of(plan, GLASS_COLOR, Material.GLASS)
    low_rear, low_front = _belt(plan, style, rear_foot) - 0.01, _belt(plan, style, front_foot) - 0.01
    roof_drop = 0.025 * plan.height
    profile = np.array(
        [
            [rear_foot, wide, low_rear],
            [rear_roof, narrow, top - roof_drop],
            [front_roof, narrow, top - roof_drop],
            [front_foot, wide, low_front],
        ]
    )
    mirror = np.array([1.0, -1.0, 1.0])
    middle = profile[1:3] * [1.0, 0.55, 1.0] + [0.0, 0.0, roof_drop]
    for inner, outer in ((middle, profile[1:3]), (middle * mirror, profile[1:3] * mirror)):
        builder.quad([inner[0], inner[1], outer[1], outer[0]], paint, normal=[0, 0.15 * np.sign(outer[0, 1]), 0.98])
    builder.quad([middle[0], middle[1], middle[1] * mirror, middle[0] * mirror], paint, normal=[0, 0, 1])
    for foot, roof, way in ((profile[0], profile[1], -1.0), (profile[3], profile[2], 1.0)):
        frame = [foot, roof, roof * mirror, foot * mirror]
        slope = np.array([way * (roof[2] - foot[2]), 0.0, abs(roof[0] - foot[0])])
        normal = slope / np.linalg.norm(slope)
        builder.quad(frame, paint, normal=normal)
        pane = _inset(np.array(frame), 0.06, 0.07) + 0.012 * normal
        if not (way < 0 and (style.box is not None or plan.style == "van")):
            builder.quad(pane, glass, normal=normal)
    for side in (-1.0, 1.0):
        shape = profile * [1.0, side, 1.0]
        slope = np.array([0.0, side * (top - low_rear), wide - narrow])
        normal = slope / np.linalg.norm(slope)
        builder.quad(shape, paint, normal=normal)
        _side_windows(builder, shape, normal, style, glass)


def _inset(quad: Array, along: float, up: float) -> Array:
    """A smaller quadrilateral inside one whose corners run foot, top, top, foot."""

    def at(u: float, v: float) -> Array:
        foot, top = quad[0] + u * (quad[3] - quad[0]), quad[1] + u * (quad[2] - quad[1])
        return np.asarray(foot + v * (top - foot))

    return np.array([at(along, up), at(along, 1 - up), at(1 - along, 1 - up), at(1 - along, up)])


def _side_windows(builder: MeshBuilder, shape: Array, normal: Array, style: Style, glass: Look) -> None:
    """Panes between pillars; long greenhouses get more of them."""
    first, last = style.side_glass
    length = abs(shape[2, 0] - shape[1, 0])
    panes = max(1, round((last - first) * max(length, 0.6) / 1.15))
    edges = np.linspace(first, last, panes + 1)
    for begin, end in pairwise(edges.tolist()):
        gap = 0.06 * (end - begin) if panes > 1 else 0.0
        corners = []
        for u, v in ((begin + gap, 0.07), (begin + gap, 0.90), (end - gap, 0.90), (end - gap, 0.07)):
            foot, top = shape[0] + u * (shape[3] - shape[0]), shape[1] + u * (shape[2] - shape[1])
            corners.append(foot + v * (top - foot) + 0.012 * normal)
        builder.quad(corners, glass, normal=normal)


def _cargo(builder: MeshBuilder, plan: VehiclePlan, box: tuple[float, float, float]) -> None:
    """The box of a truck."""
    start, end, share = box
    half_length, half = plan.length / 2, plan.width / 2
    low, high = 0.22 * plan.height, share * plan.height
    center = [0.5 * (start + end) * half_length, 0.0, 0.5 * (low + high)]
    size = [0.5 * (end - start) * half_length, 0.995 * half, 0.5 * (high - low)]
    builder.box(center, size, paint_of(plan))
    trim = look_of(plan, (150, 152, 154), Material.METAL)
    for z in (low + 0.04, high - 0.04):
        builder.box([center[0], 0, z], [size[0], half, 0.03], trim)
    back = start * half_length
    for side in (-1.0, 1.0):
        builder.box([back + 0.005, side * 0.03, center[2]], [0.012, 0.012, size[2] - 0.1], trim)


def _wheels(builder: MeshBuilder, plan: VehiclePlan) -> None:
    radius, half = plan.wheel_radius, plan.width / 2
    width = 0.22 * radius / 0.34
    rubber, rim = look_of(plan, (24, 24, 25), Material.RUBBER), look_of(plan, (150, 152, 156), Material.CHROME)
    arch = look_of(plan, (14, 14, 15), Material.PLAIN)
    for x in (-plan.wheelbase / 2, plan.wheelbase / 2):
        for side in (-1.0, 1.0):
            outer = side * (half - 0.012)
            builder.cylinder(
                [x, side * 0.7 * half, 1.1 * radius],
                [x, outer - side * 0.03, 1.1 * radius],
                1.07 * radius,
                arch,
                sides=18,
            )
            builder.cylinder([x, outer - side * width, radius], [x, outer, radius], radius, rubber, sides=18)
            builder.cylinder([x, outer, radius], [x, outer + side * 0.008, radius], 0.64 * radius, rim, sides=12)
            builder.cylinder([x, outer, radius], [x, outer + side * 0.012, radius], 0.2 * radius, arch, sides=8)


def _front(builder: MeshBuilder, plan: VehiclePlan, style: Style) -> None:
    x, half = plan.length / 2, plan.width / 2
    top = style.deck[-1][1] * plan.height
    low = max(CLEARANCE_M, 0.45 * plan.wheel_radius)
    dark = look_of(plan, DARK, Material.PLASTIC)
    builder.box([x - 0.012, 0, low + 0.45 * (top - low)], [0.02, 0.5 * half, 0.22 * (top - low)], dark)
    builder.box([x - 0.015, 0, low + 0.05], [0.02, 0.78 * half, 0.05], dark)
    z = top - 0.09
    for side, turn in ((-1.0, LampChannel.LEFT_BLINKER), (1.0, LampChannel.RIGHT_BLINKER)):
        add_lamp(
            builder,
            plan,
            (x - 0.02, side * 0.68 * half, z),
            (0.03, 0.14 * half, 0.055),
            LAMP_WHITE,
            LampChannel.LOW_BEAM,
        )
        add_lamp(
            builder,
            plan,
            (x - 0.02, side * 0.48 * half, z),
            (0.025, 0.05 * half, 0.04),
            LAMP_WHITE,
            LampChannel.HIGH_BEAM,
        )
        add_lamp(builder, plan, (x - 0.06, side * 0.84 * half, z), (0.05, 0.035 * half, 0.05), LAMP_ORANGE, turn)
        add_lamp(
            builder,
            plan,
            (x - 0.02, side * 0.68 * half, low + 0.10),
            (0.02, 0.07 * half, 0.03),
            LAMP_WHITE,
            LampChannel.FOG,
        )
    _plate(builder, plan, x + 0.01, low + 0.14, 1.0)


def _plate(builder: MeshBuilder, plan: VehiclePlan, x: float, z: float, way: float) -> None:
    left, top, right, bottom = face_uv("plate")
    corners = [
        [x, -0.25 * way, z - 0.055],
        [x, 0.25 * way, z - 0.055],
        [x, 0.25 * way, z + 0.055],
        [x, -0.25 * way, z + 0.055],
    ]
    band = 0.3 * (bottom - top)
    middle = 0.5 * (top + bottom)
    texture = [[right, middle + band], [left, middle + band], [left, middle - band], [right, middle - band]]
    builder.quad(corners, look_of(plan, (255, 255, 255), Material.FACE), uv=texture, normal=[way, 0, 0])


def _rear(builder: MeshBuilder, plan: VehiclePlan, style: Style) -> None:
    x, half = -plan.length / 2, plan.width / 2
    top = style.deck[0][1] * plan.height
    low = max(CLEARANCE_M, 0.45 * plan.wheel_radius)
    z = top - 0.10 if style.box is None else low + 0.18
    for side, turn in ((-1.0, LampChannel.LEFT_BLINKER), (1.0, LampChannel.RIGHT_BLINKER)):
        add_lamp(
            builder, plan, (x + 0.02, side * 0.74 * half, z), (0.03, 0.12 * half, 0.05), LAMP_RED, LampChannel.BRAKE
        )
        add_lamp(
            builder,
            plan,
            (x + 0.02, side * 0.74 * half, z - 0.085),
            (0.03, 0.12 * half, 0.03),
            LAMP_RED,
            LampChannel.POSITION,
        )
        add_lamp(builder, plan, (x + 0.05, side * 0.885 * half, z - 0.02), (0.05, 0.02 * half, 0.06), LAMP_ORANGE, turn)
        add_lamp(
            builder,
            plan,
            (x + 0.02, side * 0.56 * half, z - 0.02),
            (0.02, 0.045 * half, 0.035),
            LAMP_WHITE,
            LampChannel.REVERSE,
        )
    builder.box([x + 0.012, 0, low + 0.06], [0.02, 0.8 * half, 0.07], look_of(plan, DARK, Material.PLASTIC))
    _plate(builder, plan, x - 0.01, z - 0.02 if style.box is None else low + 0.05, -1.0)


def _sides(builder: MeshBuilder, plan: VehiclePlan, style: Style) -> None:
    """Mirrors, sills and the outlines of doors."""
    half = plan.width / 2
    front_foot = style.cabin[3] * plan.length / 2
    belt = _belt(plan, style, front_foot)
    paint, dark = paint_of(plan), look_of(plan, DARK, Material.PLASTIC)
    low = max(CLEARANCE_M, 0.45 * plan.wheel_radius)
    for side in (-1.0, 1.0):
        builder.box([front_foot - 0.32, side * (0.94 * half), belt + 0.06], [0.07, 0.05 * half, 0.06], paint)
        builder.box([0, side * 0.955 * half, low + 0.03], [0.34 * plan.wheelbase, 0.02, 0.04], dark)
    hinges, length = _doors(plan, style)
    for hinge, side in hinges:
        builder.box([hinge - 0.85 * length, side * 0.985 * half, belt - 0.16], [0.08, 0.012, 0.015], dark)
        seam = [hinge, side * 0.985 * half, 0.5 * (low + belt)]
        builder.box(seam, [0.006, 0.006, 0.42 * (belt - low)], dark)


def _doors(plan: VehiclePlan, style: Style) -> tuple[tuple[tuple[float, float], ...], float]:
    """Places of the hinges along the body with their sides, in order of the bits of `VehiclePlan.doors`, and length."""
    front_foot, rear = style.cabin[3] * plan.length / 2, style.cabin[0] * plan.length / 2
    length = min(0.5 * (front_foot - rear), 1.15)
    return tuple((front_foot - 0.25 - row * length, side) for row in (0, 1) for side in (-1.0, 1.0)), length


def _open_doors(builder: MeshBuilder, plan: VehiclePlan, style: Style) -> None:
    """Doors that have swung out at their front edges."""
    half, low = plan.width / 2, max(CLEARANCE_M, 0.45 * plan.wheel_radius)
    belt = _belt(plan, style, style.cabin[3] * plan.length / 2)
    hinges, length = _doors(plan, style)
    angle = np.radians(65.0)
    for bit, (hinge, side) in enumerate(hinges):
        if plan.doors >> bit & 1:
            way = np.array([-np.cos(angle), side * np.sin(angle), 0.0])
            foot = np.array([hinge, side * 0.9 * half, low + 0.08])
            top = np.array([0.0, 0.0, belt - low - 0.08])
            panel = [foot, foot + length * way, foot + length * way + top, foot + top]
            builder.quad(panel, paint_of(plan))
            opening = np.array([foot, foot - [length, 0, 0], foot - [length, 0, 0] + top, foot + top])
            builder.quad(opening + [0, side * 0.105 * half, 0], look_of(plan, (12, 12, 13), Material.PLAIN))


_PARKED_COLORS: tuple[Color, ...] = (
    (228, 228, 226),
    (196, 198, 200),
    (120, 122, 126),
    (44, 46, 50),
    (66, 84, 120),
    (138, 40, 38),
    (84, 96, 78),
    (176, 160, 132),
)


_PARKED_STYLES = ("sedan", "hatch", "suv", "coupe", "hatch")
_PARKED_HALF_M = (2.3, 0.94)


def parked_car(seed: int, half_x: float, half_y: float) -> Mesh:
    """A parked car of the level: an ordinary car in an ordinary colour, which needs no instance to be tinted.

    Args:
        seed: Decides about style and colour.
        half_x: Half its length, metres.
        half_y: Half its width, metres.
    """
    style = _PARKED_STYLES[seed % len(_PARKED_STYLES)]
    mesh = _parked_body(style, (seed // len(_PARKED_STYLES)) % len(_PARKED_COLORS))
    return transformed(mesh, np.diag([half_x / _PARKED_HALF_M[0], half_y / _PARKED_HALF_M[1], 1.0, 1.0]))


@cache
def _parked_body(style: str, color: int) -> Mesh:
    length, width = 2.0 * np.array(_PARKED_HALF_M)
    height = 1.72 if style == "suv" else 1.48
    mesh = vehicle_body(VehiclePlan(style, length, width, height, 0.0, 0.0, 0.61 * length, 0.33, Label.CAR))
    colors = mesh.color.copy()
    painted = mesh.material == Material.PAINT
    colors[painted] = np.rint(colors[painted] * (np.array(_PARKED_COLORS[color]) / 255.0)).astype(np.uint8)
    return replace(mesh, color=colors)
