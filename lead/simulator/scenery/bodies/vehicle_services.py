"""What marks vehicles in service: light bars, lettering, ladders, roof signs, cargo boxes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lead.simulator.scenery.bodies.vehicle_plan import (
    GLASS_COLOR,
    LAMP_BLUE,
    LAMP_RED,
    add_lamp,
    dark_of,
    look_of,
    paint_of,
)
from lead.simulator.scenery.bodies.vehicle_shell import SPARE_M, Shell
from lead.simulator.scenery.faces import face_uv
from lead.simulator.scenery.materials import LampChannel, Material
from lead.simulator.scenery.mesh import Color, Look


def _light_bar(shell: Shell) -> None:
    """Two lamps on the roof of the cab."""
    plan, style = shell.plan, shell.style
    x, z = 0.5 * (style.cabin[1] + style.cabin[2]) * shell.half_length, shell.top
    tall = min(0.055, 0.5 * (plan.height - z)) if plan.style == "police" else 0.09
    red = LAMP_RED if plan.style == "police" else LAMP_BLUE
    for side, color, channel in ((-1.0, LAMP_BLUE, LampChannel.SPECIAL_1), (1.0, red, LampChannel.SPECIAL_2)):
        half = (0.13, 0.16 * plan.width, tall)
        add_lamp(shell.builder, plan, (x, side * 0.22 * plan.width, z + tall), half, color, channel)
    shell.builder.box(
        [x, 0, z + 0.9 * tall], [0.12, 0.07 * plan.width, 0.9 * tall], look_of(plan, (190, 190, 190), Material.PLASTIC)
    )


def _lettering(shell: Shell, name: str, x: float, z: float, size: float, lift: float = 0.02) -> None:
    """A printed word on both sides, upright, before the widest of what it covers."""
    left, top, right, bottom = face_uv(name)
    band, middle = 0.22 * (bottom - top), 0.5 * (top + bottom)
    spots = np.meshgrid([x - size, x, x + size], [z - 0.22 * size, z, z + 0.22 * size])
    out = float(shell.breadth(spots[0].ravel(), spots[1].ravel()).max()) + lift
    for side in (-1.0, 1.0):
        corners = [[x + a * size, side * out, z + b * 0.22 * size] for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        ends = (left, right) if side > 0 else (right, left)
        # The right side is read from front to rear: forward is to the reader's right there.
        texture = [
            [ends[0], middle + band],
            [ends[1], middle + band],
            [ends[1], middle - band],
            [ends[0], middle - band],
        ]
        look = look_of(shell.plan, (255, 255, 255), Material.FACE)
        shell.builder.quad(corners, look, uv=texture, normal=[0, side, 0])


def _stripe(shell: Shell, x: tuple[float, float], z: tuple[float, float], look: Look, lift: float = 0.009) -> None:
    """A band along both sides; x in shares of half length, z in metres."""
    columns = max(1, round((x[1] - x[0]) * shell.half_length / 0.6))
    for side in (-1.0, 1.0):
        bounds = (x[0] * shell.half_length, x[1] * shell.half_length)
        shell.patch(shell.side(side), bounds, z, look, columns=columns, rows=2, lift=lift)


def _plastic(shell: Shell, color: Color) -> Look:
    return look_of(shell.plan, color, Material.PLASTIC)


def _police(shell: Shell) -> None:
    front, _, back = shell.door_edges()
    deck, low = float(shell.deck(0.0)), shell.low
    white = _plastic(shell, (236, 236, 236))
    start = max(back, shell.axles[0] + shell.arch_radius + 0.02)
    span = (start / shell.half_length, front / shell.half_length)
    _stripe(shell, span, (low + 0.12 * (deck - low), deck - 0.02), white, 0.003)
    _lettering(shell, "police", 0.5 * (start + front), low + 0.55 * (deck - low), 0.75)


def _ambulance(shell: Shell) -> None:
    height = shell.plan.height
    red, yellow = _plastic(shell, (196, 32, 34)), _plastic(shell, (236, 200, 40))
    _stripe(shell, (-0.96, 0.29), (0.44 * height, 0.52 * height), red)
    for axle, span in ((0, (-0.96, -0.7)), (1, (-0.36, 0.29))):
        edge = (shell.axles[0] + (1 if axle else -1) * (shell.arch_radius + 0.05)) / shell.half_length
        bounds = (edge, span[1]) if axle else (span[0], edge)
        _stripe(shell, bounds, (0.28 * height, 0.34 * height), yellow)
    _lettering(shell, "ambulance", -0.33 * shell.half_length, 0.70 * height, 1.25)
    for side in (-1.0, 1.0):
        _rear_doors(shell, side)


def _rear_doors(shell: Shell, side: float, *, glazed: bool = True) -> None:
    """A leaf of the rear doors, with or without a window."""
    end, top = shell.end(-1.0), shell.top_of(-1.0)
    dark = dark_of(shell.plan)
    low = shell.low + 0.9
    for across in (0.015, 0.66) if glazed else (0.01, 0.93):
        shell.patch(end, (side * across, side * (across + 0.012)), (low, top - 0.1), dark)
    if glazed:
        glass = look_of(shell.plan, GLASS_COLOR, Material.GLASS)
        shell.patch(end, (side * 0.12, side * 0.56), (top - 0.85, top - 0.35), glass, lift=0.01)
    shell.patch(end, (side * 0.05, side * 0.1), (low + 0.25, low + 0.4), dark, lift=0.012)


def _fire(shell: Shell) -> None:
    height, length = shell.plan.height, shell.half_length
    shutter, slat = look_of(shell.plan, (178, 180, 182), Material.METAL), dark_of(shell.plan)
    rear, front = shell.axles
    gap = shell.arch_radius + 0.06
    for start, end, low in (
        (-0.95 * length, rear - gap, 0.30),
        (rear - gap + 0.06, rear + gap - 0.06, 0.36),
        (rear + gap, min(0.38 * length, front - gap), 0.26),
    ):
        bounds, top = (start / length, end / length), 0.70 * height
        _stripe(shell, bounds, (low * height, top), shutter)
        for share in (0.25, 0.5, 0.75):
            z = low * height + share * (top - low * height)
            _stripe(shell, bounds, (z - 0.008, z + 0.008), slat, 0.013)
    tail, top = shell.end(-1.0), shell.top_of(-1.0)
    shell.patch(tail, (-0.5, 0.5), (0.36 * top, 0.82 * top), shutter, lift=0.009)
    for z in np.linspace(0.42, 0.76, 4).tolist():
        shell.patch(tail, (-0.5, 0.5), (z * top, z * top + 0.016), slat, lift=0.013)
    for side in (-1.0, 1.0):
        yellow = _plastic(shell, (236, 200, 40))
        shell.patch(tail, (side * 0.60, side * 0.92), (0.36 * top, 0.82 * top), yellow, lift=0.006)
    white = _plastic(shell, (236, 232, 220))
    _stripe(shell, (0.42, 0.9), (0.34 * height, 0.38 * height), white)
    _lettering(shell, "fire", -0.3 * length, 0.775 * height, 0.95)


def _ladder(shell: Shell) -> None:
    plan = shell.plan
    metal = look_of(plan, (190, 192, 194), Material.METAL)
    z = 0.95 * plan.height
    for y in (-0.35, 0.35):
        shell.builder.box([-0.1 * plan.length, y, z], [0.38 * plan.length, 0.04, 0.07], metal)
    for x in np.linspace(-0.46, 0.26, 12).tolist():
        shell.builder.box([x * plan.length, 0, z], [0.025, 0.35, 0.03], metal)
    shell.builder.box([0.12 * plan.length, 0, 0.93 * plan.height], [0.25, 0.45, 0.07 * plan.height], metal)
    shell.builder.box([-0.4 * plan.length, 0, 0.90 * plan.height], [0.12, 0.4, 0.05 * plan.height], metal)


def _taxi(shell: Shell) -> None:
    plan, style = shell.plan, shell.style
    x, top = 0.5 * (style.cabin[1] + style.cabin[2]) * shell.half_length, shell.top
    tall = 0.5 * (plan.height - top) + 0.01
    sign = look_of(plan, (250, 214, 70), Material.EMISSIVE)
    shell.builder.box([x, 0, plan.height - tall], [0.12, 0.32, tall], sign, top=(0.6, 0.9))
    deck, low = float(shell.deck(0.0)), shell.low
    front, _, back = shell.door_edges()
    back = max(back, shell.axles[0] + shell.arch_radius + 0.03)
    squares = np.linspace(back, front, 15)
    for row in range(2):
        z = deck - 0.10 - 0.055 * row
        for start, end in zip(squares[row::2], squares[row + 1 :: 2], strict=False):
            span = (start / shell.half_length, end / shell.half_length)
            for side in (-1.0, 1.0):
                bounds = (span[0] * shell.half_length, span[1] * shell.half_length)
                shell.patch(shell.side(side), bounds, (z - 0.055, z), _plastic(shell, (24, 24, 24)), lift=0.012)
    _lettering(shell, "taxi", 0.5 * (back + front), low + 0.40 * (deck - low), 0.55)


def _spare(shell: Shell) -> None:
    """A wheel under a cover on the tailgate."""
    x, z, radius = -shell.half_length + 0.08, 0.52 * shell.plan.height, 0.92 * shell.plan.wheel_radius
    for depth, share in ((SPARE_M, 1.0), (SPARE_M + 0.006, 0.6)):
        shell.builder.cylinder([x, 0, z], [x - 0.08 - depth, 0, z], share * radius, dark_of(shell.plan), sides=16)


def _bus(shell: Shell) -> None:
    """Destination displays, and doors on the right."""
    plan = shell.plan
    amber, dark = look_of(plan, (255, 168, 40), Material.EMISSIVE), dark_of(plan)
    glass = look_of(plan, (52, 60, 66), Material.GLASS)
    x = shell.style.cabin[3] * shell.half_length + 0.03
    z = 0.9 * shell.top
    shell.builder.box([x - 0.05, 0, z], [0.08, 0.36 * plan.width, 0.17], dark)
    for start, end in ((-0.62, -0.48), (-0.36, 0.1), (0.2, 0.44), (0.5, 0.62)):
        y = (0.5 * (start + end)) * 0.5 * plan.width
        shell.builder.box([x + 0.032, y, z], [0.004, 0.25 * (end - start) * plan.width, 0.08], amber)
    side = shell.side(1.0)
    deck = float(shell.deck(0.0))
    for front in (0.93, 0.06):
        end = front * shell.half_length
        for leaf in (0, 1):
            bounds = (end - 0.65 * (leaf + 1) + 0.04, end - 0.65 * leaf - 0.04)
            shell.patch(side, bounds, (shell.low + 0.08, deck - 0.03), glass, lift=0.012)
        shell.patch(side, (end - 1.36, end + 0.06), (shell.low + 0.02, deck - 0.01), dark, lift=0.006)
    z = deck - 0.2
    _stripe(shell, (-0.96, 0.9), (z, z + 0.13), _plastic(shell, (38, 92, 160)), 0.004)


def _truck(shell: Shell) -> None:
    """The box on the chassis, with its frame, rear doors and guards between the axles."""
    plan, style = shell.plan, shell.style
    assert style.box is not None
    start, end, share = style.box
    front = end * shell.half_length
    back = start * shell.half_length
    half = shell.half
    low = max(0.24 * plan.height, 2.0 * plan.wheel_radius + 0.10)
    high = share * plan.height
    center = [0.5 * (back + front), 0.0, 0.5 * (low + high)]
    shell.builder.box(center, [0.5 * (front - back), half, 0.5 * (high - low)], paint_of(plan))
    trim, dark = look_of(plan, (150, 152, 154), Material.METAL), dark_of(plan)
    for z in (low + 0.05, high - 0.05):
        shell.builder.box([center[0], 0, z], [0.5 * (front - back) + 0.008, half + 0.008, 0.056], trim)
    deck = float(shell.deck(back))
    shell.builder.box([center[0], 0, 0.5 * (deck + low)], [0.48 * (front - back), 0.5 * half, 0.5 * (low - deck)], dark)
    for y in (-0.5 * half, 0.0, 0.5 * half):
        shell.builder.box([back, y, center[2]], [0.016, 0.012, 0.5 * (high - low) - 0.1], trim)
    guard = look_of(plan, (170, 172, 174), Material.METAL)
    inner = shell.axles[0] + shell.arch_radius + 0.1, min(front, shell.axles[1] - shell.arch_radius - 0.1)
    for way in (-1.0, 1.0):
        for z in (0.30, 0.62):
            middle = [0.5 * sum(inner), way * 0.97 * half, z * deck]
            shell.builder.box(middle, [0.5 * (inner[1] - inner[0]), 0.02, 0.06], guard)


def _cola(shell: Shell) -> None:
    height = shell.plan.height
    white = _plastic(shell, (240, 240, 238))
    _stripe(shell, (-0.95, 0.31), (0.36 * height + 0.16, 0.36 * height + 0.24), white)
    for side in (-1.0, 1.0):
        _rear_doors(shell, side, glazed=False)
    _lettering(shell, "cola", -0.32 * shell.half_length, 0.74 * height, 1.0)


EXTRAS: dict[str, Callable[[Shell], None]] = {
    "bar": _light_bar,
    "police": _police,
    "ambulance": _ambulance,
    "fire": _fire,
    "ladder": _ladder,
    "taxi": _taxi,
    "spare": _spare,
    "bus": _bus,
    "truck": _truck,
    "cola": _cola,
}
