"""What is fixed to a vehicle's shell: wheels, lamps, grilles, plates, mirrors, seams, doors."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from lead.simulator.scenery.bodies.vehicle_plan import (
    GLASS_COLOR,
    LAMP_ORANGE,
    LAMP_RED,
    LAMP_WHITE,
    VehiclePlan,
    dark_of,
    look_of,
    paint_of,
)
from lead.simulator.scenery.bodies.vehicle_shell import Array, Shell, skin
from lead.simulator.scenery.faces import face_uv
from lead.simulator.scenery.materials import LampChannel, Material
from lead.simulator.scenery.mesh import Color, Look, MeshBuilder

DOOR_OPEN_DEG = 65.0
_SIDES = 16
_SPOKES = 5


def add_wheels(shell: Shell) -> None:
    """Tyres with a bevelled wall, rims with spokes."""
    builder, plan, radius = shell.builder, shell.plan, shell.plan.wheel_radius
    width = 0.24 * radius / 0.34
    rubber, rim = look_of(plan, (24, 24, 25), Material.RUBBER), look_of(plan, (164, 166, 170), Material.METAL)
    hollow = look_of(plan, (20, 20, 21), Material.PLAIN)
    for x in shell.axles:
        for way in (-1.0, 1.0):
            outer = way * (shell.half - 0.015)
            centre = np.array([x, 0.0, radius])
            profile = ((1.0, outer - way * width), (1.0, outer - way * 0.035), (0.93, outer), (0.66, outer))
            _turned(builder, centre, profile, rubber)
            _turned(builder, centre, ((0.66, outer), (0.60, outer - way * 0.03)), rim)
            _turned(builder, centre, ((0.61, outer - way * 0.03), (0.0, outer - way * 0.03)), hollow, way)
            _turned(builder, centre, ((0.2, outer - way * 0.004), (0.0, outer)), rim, way)
            for turn in np.arange(_SPOKES) * (2.0 * np.pi / _SPOKES) + 0.3:
                reach = radius * np.array([np.cos(turn), 0.0, np.sin(turn)])
                aside = radius * np.array([-np.sin(turn), 0.0, np.cos(turn)])
                hub, tip = centre + [0.0, outer - way * 0.008, 0.0], centre + [0.0, outer - way * 0.02, 0.0]
                spoke = [hub - 0.12 * aside, tip + 0.62 * reach - 0.09 * aside]
                spoke += [tip + 0.62 * reach + 0.09 * aside, hub + 0.12 * aside]
                builder.quad(spoke, rim, normal=[0.0, way, 0.0])


def _turned(
    builder: MeshBuilder, centre: Array, profile: tuple[tuple[float, float], ...], look: Look, way: float = 0.0
) -> None:
    """A surface turned round an axle: (share of the wheel's radius, y); `way` gives discs their normals."""
    angle = np.linspace(0.0, 2.0 * np.pi, _SIDES, endpoint=False)
    ring = np.column_stack([np.cos(angle), np.zeros(_SIDES), np.sin(angle)])
    here = np.arange(_SIDES)
    after = (here + 1) % _SIDES
    for (r0, y0), (r1, y1) in pairwise(profile):
        points = [centre * [1, 0, 1] + r * centre[2] * ring + [0.0, y, 0.0] for r, y in ((r0, y0), (r1, y1))]
        faces = np.stack([here, after, after + _SIDES], axis=1)
        if r1 > 0.0:
            faces = np.concatenate([faces, np.stack([here, after + _SIDES, here + _SIDES], axis=1)])
        side = np.sign(y0 + y1)
        slope = np.array([0.0, abs(r0 - r1) * centre[2] * side, 0.0])
        normals = ring * abs(y1 - y0) + slope if not way else np.broadcast_to([0.0, way, 0.0], ring.shape)
        normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        builder.triangles(np.concatenate(points), faces, look, normals=np.concatenate([normals, normals]))


def _lamp_look(plan: VehiclePlan, color: Color, channel: LampChannel) -> Look:
    return look_of(plan, color, Material.LAMP, int(channel))


def _round_lamp(shell: Shell, way: float, across: float, z: float, radius: float, look: Look) -> None:
    """A round lens in a chrome ring."""
    x, y, _ = shell.end(way)(np.array([across]), np.array([z]))[0]
    ring = look_of(shell.plan, (190, 192, 196), Material.CHROME)
    for size, start, end, what in ((1.18 * radius, -0.05, 0.012, ring), (radius, 0.012, 0.018, look)):
        spot = np.array([x, y, z])
        shell.builder.cylinder(spot + [way * end, 0, 0], spot + [way * start, 0, 0], size, what, sides=12, caps=False)
        shell.builder.cylinder(
            spot + [way * end, 0, 0],
            spot + [way * (end + 0.004), 0, 0],
            size,
            what,
            end_radius=0.0,
            sides=12,
            caps=False,
        )


def add_front(shell: Shell) -> None:
    """Grille, lamps, bumper and plate."""
    plan, style, end = shell.plan, shell.style, shell.end(1.0)
    top, low = shell.top_of(1.0), shell.low
    tall, dark = shell.top_of(1.0) - shell.low, dark_of(shell.plan)
    z = top - (0.16 if style.head == "round" else 0.05) - 0.05 * tall
    deep = {"slim": 0.045, "wide": 0.075, "round": 0.0}[style.head] * (1.6 if shell.boxy else 1.0)
    if shell.boxy:
        z = low + 0.52 * tall
    _add_grille(shell, z)
    if not shell.boxy:
        shell.patch(end, (-0.7, 0.7), (low + 0.05 * tall, low + 0.16 * tall), dark, columns=4)
    for way, turn in ((-1.0, LampChannel.LEFT_BLINKER), (1.0, LampChannel.RIGHT_BLINKER)):
        beam, far = (_lamp_look(plan, LAMP_WHITE, channel) for channel in (LampChannel.LOW_BEAM, LampChannel.HIGH_BEAM))
        orange = _lamp_look(plan, LAMP_ORANGE, turn)
        if style.head == "round":
            size = 0.10 if plan.style != "micro" else 0.075
            _round_lamp(shell, 1.0, way * 0.70, z, size, beam)
            _round_lamp(shell, 1.0, way * 0.70, z, 0.45 * size, far)
            shell.patch(end, (way * 0.62, way * 0.78), (z - size - 0.09, z - size - 0.05), orange)
            _turn_lamp(shell, way, z - size - 0.07, 0.025, orange)
        else:
            rim = 0.012
            shell.patch(end, (way * 0.52, way * 1.0), (z - deep - rim, z + rim), dark, columns=3, lift=0.004)
            shell.patch(end, (way * 0.68, way * 0.97), (z - deep, z), beam, columns=3, lift=0.012)
            shell.patch(end, (way * 0.55, way * 0.665), (z - deep, z), far, columns=2, lift=0.012)
            _turn_lamp(shell, way, z - 0.5 * deep, 0.5 * deep, orange)
        fog = _lamp_look(plan, LAMP_WHITE, LampChannel.FOG)
        height = low + 0.20 * tall
        shell.patch(end, (way * 0.66, way * 0.84), (height, height + 0.055), dark, lift=0.005)
        shell.patch(end, (way * 0.69, way * 0.81), (height + 0.01, height + 0.045), fog, lift=0.012)
    _add_plate(shell, 1.0, low + 0.26 * tall)


def _turn_lamp(shell: Shell, way: float, z: float, half: float, look: Look, front: float = 1.0) -> None:
    """A blinker that wraps round the corner onto the side."""
    end = front * shell.half_length
    start = front * (shell.half_length - 0.16)
    shell.patch(shell.side(way), (min(start, end), max(start, end)), (z - half, z + half), look, columns=2, lift=0.012)


def _add_grille(shell: Shell, z: float) -> None:
    plan, end, dark = shell.plan, shell.end(1.0), dark_of(shell.plan)
    tall = shell.top_of(1.0) - shell.low
    chrome = look_of(plan, (190, 192, 196), Material.CHROME)
    kind = shell.style.grille
    if kind == "wide":
        low = shell.low + (0.42 if not shell.boxy else 0.32) * tall
        shell.patch(end, (-0.48, 0.48), (low, z), dark, columns=4)
        for share in (0.0, 0.5, 1.0):
            height = low + share * (z - low)
            shell.patch(end, (-0.48, 0.48), (height - 0.008, height + 0.008), chrome, columns=4, lift=0.011)
    elif kind == "slots":
        for across in np.linspace(-0.42, 0.42, 7).tolist():
            shell.patch(end, (across - 0.045, across + 0.045), (shell.low + 0.50 * tall, z + 0.08), dark)
    elif kind == "low":
        shell.patch(end, (-0.5, 0.5), (shell.low + 0.20 * tall, shell.low + 0.40 * tall), dark, columns=4)


def _add_plate(shell: Shell, way: float, z: float) -> None:
    """A number plate, upright, before the foremost of what it covers."""
    left, top, right, bottom = face_uv("plate")
    spots = shell.end(way)(np.zeros(3), np.array([z - 0.055, z, z + 0.055]))
    x = way * (float(np.abs(spots[:, 0]).max()) + 0.014)
    corners = [[x, a * way, z + b] for a, b in ((-0.26, -0.06), (0.26, -0.06), (0.26, 0.06), (-0.26, 0.06))]
    band, middle = 0.3 * (bottom - top), 0.5 * (top + bottom)
    texture = [[right, middle + band], [left, middle + band], [left, middle - band], [right, middle - band]]
    shell.builder.quad(corners, look_of(shell.plan, (255, 255, 255), Material.FACE), uv=texture, normal=[way, 0.0, 0.0])


def add_rear(shell: Shell) -> None:
    """Tail lamps, bumper and plate."""
    plan, style, end = shell.plan, shell.style, shell.end(-1.0)
    top, low = shell.top_of(-1.0), shell.low
    tall, dark = min(top - low, 0.85), dark_of(plan)
    if not style.chassis > -1.0:
        shell.patch(end, (-0.8, 0.8), (low + 0.06 * tall, low + 0.2 * tall), dark, columns=4)
    shape = style.tail
    z = low + tall - 0.05 if style.chassis <= -1.0 else top - 0.08
    if shape == "tall":
        spans = ((0.84, 0.99, 0.0, 0.15), (0.84, 0.99, 0.15, 0.23), (0.84, 0.99, 0.30, 0.35), (0.84, 0.99, 0.23, 0.30))
    elif shape == "slim":
        spans = ((0.66, 0.98, 0.0, 0.06), (0.36, 0.66, 0.0, 0.06), (0.66, 0.78, 0.065, 0.10), (0.78, 0.98, 0.065, 0.10))
    else:
        spans = ((0.72, 0.98, 0.0, 0.09), (0.72, 0.84, 0.09, 0.14), (0.57, 0.70, 0.02, 0.09), (0.84, 0.98, 0.09, 0.14))
    size = 1.5 if plan.height > 2.2 and shape == "tall" else 1.0
    for way, turn in ((-1.0, LampChannel.LEFT_BLINKER), (1.0, LampChannel.RIGHT_BLINKER)):
        looks = (
            _lamp_look(plan, LAMP_RED, LampChannel.BRAKE),
            _lamp_look(plan, (216, 26, 22), LampChannel.POSITION),
            _lamp_look(plan, LAMP_WHITE, LampChannel.REVERSE),
            _lamp_look(plan, LAMP_ORANGE, turn),
        )
        holder = (z - size * max(span[3] for span in spans) - 0.012, z + 0.012)
        shell.patch(end, (way * min(span[0] for span in spans) - way * 0.02, way), holder, dark, columns=2)
        for (inner, outer, down, deeper), look in zip(spans, looks, strict=True):
            bounds = (z - size * deeper + 0.004, z - size * down - 0.004)
            shell.patch(end, (way * inner, way * outer), bounds, look, columns=2, lift=0.014)
        _turn_lamp(shell, way, z - 0.05 * size, 0.045 * size, looks[1], front=-1.0)
    if style.rear_glass and style.tail == "tall" and not shell.boxy:
        chrome = look_of(plan, (190, 192, 196), Material.CHROME)
        shell.patch(end, (-0.3, 0.3), (top - 0.14, top - 0.115), chrome, columns=2)
    _add_plate(shell, -1.0, z - 0.16 if style.chassis <= -1.0 else z - 0.02)


def add_sides(shell: Shell) -> None:
    """Mirrors, seams and handles of the doors."""
    plan, builder = shell.plan, shell.builder
    paint, dark = paint_of(plan), dark_of(plan)
    front_foot = shell.style.cabin[3] * shell.half_length
    x = min(front_foot - 0.25, shell.half_length - 0.3)
    belt = float(shell.deck(x))
    tall = 0.16 if shell.boxy else 0.065
    edges = shell.door_edges()
    for way in (-1.0, 1.0):
        z = belt + tall + 0.02
        y = 0.5 * (shell.half - 0.05 + plan.width / 2)
        builder.box([x, way * y, z], [0.06, plan.width / 2 - y, tall], paint)
        builder.quad(
            [
                [x - 0.061, way * (y + a * 0.8 * (plan.width / 2 - y)), z + b * 0.8 * tall]
                for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
            ],
            look_of(plan, (120, 128, 136), Material.CHROME),
            normal=[-1.0, 0.0, 0.0],
        )
        side = shell.side(way)
        chassis = shell.style.chassis * shell.half_length
        for seam in (edge for edge in edges if edge > chassis):
            foot, high = float(shell.sill(seam)) + 0.05, min(float(shell.deck(seam)), belt + 0.1) - 0.01
            shell.patch(side, (seam - 0.006, seam + 0.006), (foot, high), dark, rows=3, lift=0.009)
        for edge in (edge for edge in edges[1:] if edge > chassis):
            shell.patch(side, (edge + 0.06, edge + 0.22), (belt - 0.15, belt - 0.12), dark, lift=0.014)


def add_open_doors(shell: Shell) -> None:
    """Doors that have swung out at their front edges, and the openings that they leave."""
    front, middle, back = shell.door_edges()
    for bit in range(4):
        if shell.plan.doors >> bit & 1:
            _add_open_door(shell, (front, middle) if bit < 2 else (middle, back), -1.0 if bit % 2 == 0 else 1.0)


def _add_open_door(shell: Shell, edges: tuple[float, float], way: float) -> None:
    plan = shell.plan
    hinge, end = edges
    belt = float(min(shell.deck(hinge), shell.deck(end)))
    x = np.array([hinge, end])
    heights = shell.low + np.array([0.12, 0.6, 1.0]) * (belt - shell.low)
    outer = shell.side(way)(np.repeat(x, 3), np.tile(heights, 2)).reshape(2, 3, 3)
    window = np.stack([shell.window(x, np.full(2, share), way) for share in (-0.04, 0.94)], axis=1)
    hole = look_of(plan, (12, 12, 13), Material.PLAIN)
    skin(shell.builder, outer, hole, outward=[0.0, way, 0.0], lift=0.016)
    skin(shell.builder, window, hole, outward=[0.0, way, 0.0], lift=0.02)
    angle = -way * np.radians(DOOR_OPEN_DEG)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]])
    pivot = np.array([hinge, way * shell.half, 0.0])

    def swung(points: Array) -> Array:
        return np.asarray((points - pivot) @ turn.T + pivot)

    outward = turn @ [0.0, way, 0.0]
    inner = outer - [0.0, 0.07 * way, 0.0]
    skin(shell.builder, swung(outer), paint_of(plan), outward=outward)
    skin(shell.builder, swung(inner), dark_of(plan), outward=-outward)
    rim = [outer[0], np.stack([outer[1, 2], outer[0, 2]]), outer[1], np.stack([outer[0, 0], outer[1, 0]])]
    for edge in rim:
        skin(shell.builder, swung(np.stack([edge, edge - [0.0, 0.07 * way, 0.0]])), paint_of(plan))
    skin(shell.builder, swung(window - [0.0, 0.03 * way, 0.0]), dark_of(plan), outward=outward)
    pane = window + 0.08 * (window.mean(axis=(0, 1)) - window)
    glass = look_of(plan, GLASS_COLOR, Material.GLASS)
    for lift in (0.006, -0.066):
        skin(shell.builder, swung(pane + [0.0, lift * way, 0.0]), glass, outward=np.sign(lift) * outward)
