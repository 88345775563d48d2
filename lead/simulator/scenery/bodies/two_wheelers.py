"""Bodies of bicycles, motorcycles and scooters with their riders, sized to the blueprint's box.

The machine is laid out round its axles in metres, the rider is posed by its contact points: saddle, grips and pedals.
The frame is the vehicle's: x forward, y right, z up from the ground.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from lead.simulator.scenery.bodies.lofts import Array, bent, limb, loft, ring
from lead.simulator.scenery.bodies.walkers import Headgear, Outfit, add_person
from lead.simulator.scenery.materials import Label, LampChannel, Material
from lead.simulator.scenery.mesh import Color, Look, Mesh, MeshBuilder

Point = tuple[float, float, float]
Section = tuple[float, float, float, float]

_RIGHT = np.array([0.0, 1.0, 0.0])
_LAMP_WHITE: Color = (255, 246, 224)
_LAMP_RED: Color = (255, 34, 26)
_LAMP_ORANGE: Color = (255, 150, 30)


@dataclass(frozen=True)
class Layout:
    """Where things are on a machine: x in wheelbases from the middle between the axles, z in heights of the box.

    Attributes:
        saddle: x and z of the saddle under the rider's hips.
        grips: x and z of the grips.
        pedals: x in wheelbases and z in metres of the crank's axle or the foot rests.
        lean: How far the rider's back leans forward, degrees.
        tyre: Radius of the tyre's cross-section, share of the wheel's radius.
        clothes: Colours of the rider's jacket, trousers, and of helmet and shoes.
    """

    saddle: tuple[float, float]
    grips: tuple[float, float]
    pedals: tuple[float, float]
    lean: float
    tyre: float
    clothes: tuple[Color, Color, Color]


LAYOUTS: dict[str, Layout] = {
    "bicycle": Layout(
        (-0.26, 0.5), (0.3, 0.645), (-0.06, 0.28), 14, 0.07, ((74, 98, 120), (60, 58, 60), (206, 206, 204))
    ),
    "roadbike": Layout(
        (-0.28, 0.56), (0.38, 0.57), (-0.06, 0.28), 44, 0.04, ((196, 70, 48), (34, 34, 38), (44, 46, 52))
    ),
    "motorcycle": Layout(
        (-0.2, 0.5), (0.27, 0.595), (-0.2, 0.38), 38, 0.24, ((44, 46, 52), (30, 31, 34), (32, 34, 40))
    ),
    "scooter": Layout(
        (-0.24, 0.47), (0.26, 0.62), (0.1, 0.3), 6, 0.22, ((112, 106, 96), (52, 60, 82), (214, 212, 204))
    ),
    "cruiser": Layout((-0.16, 0.41), (0.19, 0.63), (0.24, 0.34), 2, 0.22, ((40, 36, 34), (50, 58, 82), (28, 28, 30))),
}
"""Layouts by style."""


@dataclass(frozen=True)
class CyclePlan:
    """All that a body depends on; lengths in metres.

    Attributes:
        style: Key of `LAYOUTS`: ``bicycle``, ``roadbike``, ``motorcycle``, ``scooter`` or ``cruiser``.
        length: Of the box.
        width: Of the box.
        height: Of the box, which holds machine and rider.
        center_x: Of the box in the vehicle's frame.
        foot_z: Lower face of the box in the vehicle's frame.
        wheelbase: Distance of the axles, about: it gives way where round wheels would not fill the box.
        wheel_radius: Of the wheels.
        label: Object class of the machine; the rider's is RIDER.
        with_rider: Whether somebody sits on it. A machine alone keeps its height and does not reach the box's top.
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
    with_rider: bool = True


@lru_cache(maxsize=64)
def two_wheeler_body(plan: CyclePlan) -> Mesh:
    """The body of a two-wheeler in the vehicle's frame, metres; its box is filled to the millimetre."""
    builder = MeshBuilder()
    machine = _Machine(builder, plan)
    _wheels(machine)
    (_motor if machine.motor else _diamond)(machine)
    _handlebar(machine)
    if plan.with_rider:
        _rider(machine)
    return _fitted(builder.build(), plan)


def _fitted(mesh: Mesh, plan: CyclePlan) -> Mesh:
    """Stretch the last millimetres, so that the body fills its box exactly."""
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    top = plan.height if plan.with_rider else min(float(high[2]), plan.height)
    wanted_low = np.array([-plan.length / 2, -plan.width / 2, 0.0])
    wanted_high = np.array([plan.length / 2, plan.width / 2, top])
    stretch = (wanted_high - wanted_low) / (high - low)
    vertices = wanted_low + (mesh.vertices - low) * stretch + [plan.center_x, 0.0, plan.foot_z]
    normals = mesh.normals / stretch
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Mesh(**{**vars(mesh), "vertices": vertices.astype(np.float32), "normals": normals.astype(np.float32)})


class _Machine:
    """A machine under construction: its measures in metres, and shapes in its label."""

    def __init__(self, builder: MeshBuilder, plan: CyclePlan) -> None:
        layout = LAYOUTS[plan.style]
        self.builder, self.plan, self.layout = builder, plan, layout
        self.radius = plan.wheel_radius
        self.base = min(1.1 * plan.wheelbase, plan.length - 2.0 * plan.wheel_radius)
        self.front, self.rear = self.base / 2, -self.base / 2
        self.saddle = np.array([layout.saddle[0] * self.base, 0.0, layout.saddle[1] * plan.height])
        self.grips = np.array([layout.grips[0] * self.base, 0.0, layout.grips[1] * plan.height])
        self.pedals = np.array([layout.pedals[0] * self.base, 0.0, layout.pedals[1]])
        self.motor = plan.style not in ("bicycle", "roadbike")
        self.half_bar = plan.width / 2 - (0.05 if self.motor else 0.0)
        self.tyre = layout.tyre * plan.wheel_radius
        self.paint = self.look((255, 255, 255), Material.PAINT)
        self.dark = self.look((26, 27, 29), Material.PLASTIC)
        self.steel = self.look((150, 152, 156), Material.METAL)
        self.chrome = self.look((196, 198, 202), Material.CHROME)

    def look(self, color: Color, material: Material, channel: int = 0) -> Look:
        return Look(color, material, self.plan.label, channel)

    def bar(self, path: ArrayLike, radius: float, look: Look, sides: int = 4) -> None:
        """A tube through points (n, 3)."""
        limb(self.builder, path, np.full(len(np.asarray(path)), radius), look, _RIGHT, sides)

    def hull(self, sections: ArrayLike, look: Look) -> None:
        """A smooth body along x: x, z of the middle, half width, half height of its sections."""
        tall = np.array([0.0, 0.0, 1.0])
        rows = np.asarray(sections, np.float64).tolist()
        rings = [ring(np.array([x, 0.0, z]), wide * _RIGHT, high * tall, 6) for x, z, wide, high in rows]
        loft(self.builder, rings, look)

    def lamp(self, center: Point, half: Point, color: Color, channel: LampChannel) -> None:
        self.builder.box(center, half, self.look(color, Material.LAMP, int(channel)))


def _torus(machine: _Machine, x: float, radius: float, look: Look) -> None:
    """A tyre standing on the ground."""
    sides, tube = 16 if machine.motor else 20, 4
    turn = np.linspace(0.0, 2.0 * np.pi, sides, endpoint=False)
    around = np.linspace(0.0, 2.0 * np.pi, tube, endpoint=False)
    outward = np.column_stack([np.cos(turn), np.zeros(sides), np.sin(turn)])
    normals = np.cos(around)[None, :, None] * outward[:, None] + np.sin(around)[None, :, None] * _RIGHT
    points = [x, 0.0, machine.radius] + radius * outward[:, None] + machine.tyre * normals
    a = np.arange(sides * tube)
    b = a - a % tube + (a + 1) % tube
    c, d = (a + tube) % (sides * tube), (b + tube) % (sides * tube)
    faces = np.concatenate([np.stack([a, b, d], axis=1), np.stack([a, d, c], axis=1)])
    machine.builder.triangles(points.reshape(-1, 3), faces, look, normals=normals.reshape(-1, 3))


def _wheels(machine: _Machine) -> None:
    """Tyres, hubs and spokes."""
    rubber = machine.look((24, 24, 25), Material.RUBBER)
    radius, tyre = machine.radius, machine.tyre
    for x in (machine.rear, machine.front):
        middle = np.array([x, 0.0, radius])
        _torus(machine, x, radius - tyre, rubber)
        hub = 0.05 if machine.motor else 0.022
        machine.bar([[x, -0.06, radius], [x, 0.06, radius]], hub, machine.steel, sides=6)
        spokes, thick = (5, 0.018) if machine.motor else (8, 0.004)
        for angle in np.arange(spokes) * (2.0 * np.pi / spokes) + 0.3:
            reach = (radius - 1.7 * tyre) * np.array([np.cos(angle), 0.0, np.sin(angle)])
            machine.bar([middle, middle + reach], thick, machine.steel, sides=3)


def _handlebar(machine: _Machine) -> None:
    """From grip to grip, with what hangs on it."""
    (x, _, z), half = machine.grips, machine.half_bar
    if machine.plan.style == "roadbike":
        for side in (-1.0, 1.0):
            y = side * (half - 0.014)
            path = [[x - 0.08, y * 0.2, z], [x - 0.06, y, z], [x + 0.02, y, z - 0.02], [x + 0.01, y, z - 0.12]]
            machine.bar(path, 0.014, machine.dark)
        machine.bar([[x - 0.08, -0.2 * half, z], [x - 0.08, 0.2 * half, z]], 0.014, machine.dark)
        return
    inner = np.array([x + 0.10, 0.0, z - (0.02 if machine.motor else 0.0)])
    for side in (-1.0, 1.0):
        begin, end = inner + [0.0, side * 0.06, 0.0], np.array([x, side * half, z])
        machine.bar([inner, begin, begin + 0.6 * (end - begin)], 0.013, machine.steel)
        machine.bar([begin + 0.6 * (end - begin), end], 0.018, machine.dark)
        if machine.motor:
            stalk = np.array([x + 0.10, side * 0.8 * half, z])
            mirror = np.array([x + 0.08, side * (machine.plan.width / 2 - 0.06), z + 0.17])
            machine.bar([stalk, mirror], 0.007, machine.dark, sides=3)
            machine.builder.box(mirror, [0.012, 0.06, 0.035], machine.dark)


def _diamond(machine: _Machine) -> None:
    """A bicycle: frame of tubes, fork, saddle, crank, chain, pedals; in towns mudguards and a carrier."""
    road = machine.plan.style == "roadbike"
    crank, saddle, grips = machine.pedals, machine.saddle, machine.grips
    rear, front = np.array([machine.rear, 0.0, machine.radius]), np.array([machine.front, 0.0, machine.radius])
    ahead = np.array([0.10 if not road else -0.02, 0.0, 0.0])
    stem = grips + ahead - [0.04, 0.0, 0.05]
    rake = front - stem
    head = stem + rake * (2.0 * machine.radius + 0.09 - stem[2]) / rake[2]
    cluster = crank + 0.80 * (saddle - crank)
    top = stem + 0.4 * (head - stem)
    for path in ([crank, cluster], [crank, head], [cluster, top if road else head], [stem, head]):
        machine.bar(path, 0.018, machine.paint)
    machine.bar([cluster, saddle - [0.0, 0.0, 0.05]], 0.014, machine.steel)
    machine.bar([stem, grips + ahead], 0.016, machine.steel)
    for side in (-1.0, 1.0):
        y = np.array([0.0, side * (machine.tyre + 0.022), 0.0])
        machine.bar([rear + y, crank + 0.6 * y], 0.010, machine.paint)
        machine.bar([rear + y, cluster + 0.3 * y], 0.009, machine.paint)
        machine.bar([head, head + y + [0.0, 0.0, -0.05], front + y], 0.011, machine.paint)
        pedal = _foot_rest(machine, side)
        machine.bar([crank + [0.0, side * 0.06, 0.0], pedal * [1.0, 0.55, 1.0]], 0.011, machine.steel)
        machine.builder.box(pedal, [0.04, 0.05, 0.01], machine.dark)
    machine.builder.cylinder(crank + [0, 0.045, 0], crank + [0, 0.052, 0], 0.09, machine.steel, sides=10)
    for z in (-0.075, 0.075):
        machine.bar([crank + [0.0, 0.048, z], rear + [0.0, 0.048, 0.45 * z]], 0.006, machine.dark, sides=3)
    x, _, z = saddle
    seat = ((x - 0.13, z - 0.03, 0.05, 0.02), (x - 0.09, z - 0.025, 0.08, 0.028), (x + 0.13, z - 0.025, 0.018, 0.018))
    machine.hull(seat, machine.dark)
    red, white = machine.look((188, 26, 24), Material.PLASTIC), machine.look((228, 228, 224), Material.PLASTIC)
    machine.builder.box(cluster - [0.04, 0.0, 0.02], [0.01, 0.022, 0.022], red)
    machine.builder.box(stem + [0.03, 0.0, 0.01], [0.012, 0.024, 0.024], white)
    if road:
        return
    for x, first, last in ((machine.rear, 20.0, 190.0), (machine.front, 10.0, 150.0)):
        _mudguard(machine, x, first, last, machine.dark)
    carrier = np.array([machine.rear, 0.0, 2.0 * machine.radius + 0.06])
    machine.builder.box(carrier, [0.17, 0.06, 0.008], machine.steel)
    for side in (-1.0, 1.0):
        machine.bar(
            [rear + [0.0, side * 0.06, 0.0], carrier + [-0.05, side * 0.055, 0.0]], 0.005, machine.steel, sides=3
        )


def _mudguard(machine: _Machine, x: float, first: float, last: float, look: Look) -> None:
    """A band over a wheel from one angle to another, degrees from the front over the top."""
    gap = 0.025 if machine.motor else 0.012
    angle = np.radians(np.linspace(first, last, 7))
    outward = np.column_stack([np.cos(angle), np.zeros(7), np.sin(angle)])
    middle = np.array([x, 0.0, machine.radius])
    crest = middle + (machine.radius + gap) * outward
    for side in (-1.0, 1.0):
        edge = middle + (machine.radius - 0.5 * machine.tyre) * outward + [0.0, side * (machine.tyre + gap), 0.0]
        normals = outward + [0.0, 0.6 * side, 0.0]
        machine.builder.strip(edge, crest, look, normals=normals / np.linalg.norm(normals, axis=1, keepdims=True))


def _fork(machine: _Machine, crown: Array) -> None:
    """Two tubes from the front axle to the crown, which carries the bar."""
    axle = np.array([machine.front, 0.0, machine.radius])
    across = machine.tyre + 0.035
    for side in (-1.0, 1.0):
        y = np.array([0.0, side * across, 0.0])
        machine.bar([axle + y, axle + y + 0.5 * (crown - axle)], 0.028, machine.dark)
        machine.bar([axle + y + 0.4 * (crown - axle), crown + y], 0.020, machine.chrome)
    machine.bar([crown - [0.0, across + 0.02, 0.0], crown + [0.0, across + 0.02, 0.0]], 0.026, machine.dark)
    machine.bar([crown, machine.grips + [0.10, 0.0, -0.02]], 0.024, machine.dark)


def _motor(machine: _Machine) -> None:
    """A motorcycle or scooter: fork, hulls of the style, chain side, exhaust, mudguards and lamps."""
    plan, scale = machine.plan, np.array([machine.base, machine.saddle[2], 1.0, 1.0])
    looks = {"paint": machine.paint, "dark": machine.dark, "metal": machine.look((112, 114, 118), Material.METAL)}
    for name, sections in _HULLS[plan.style]:
        machine.hull(np.array(sections) * scale, looks[name])
    _fork(machine, machine.grips + [0.08, 0.0, -0.06])
    rear, front, pivot = machine.rear, machine.front, -0.12 * machine.base
    for side in (-1.0, 1.0):
        y = side * (machine.tyre + 0.025)
        machine.bar([[rear, y, machine.radius], [pivot, y, machine.radius + 0.06]], 0.024, machine.dark)
        spring = [[rear + 0.06, y, machine.radius + 0.03], [rear + 0.16, y, machine.saddle[2]]]
        machine.bar(spring, 0.022, machine.chrome)
        rest = _foot_rest(machine, side)
        machine.bar([rest * [1.0, 0.4, 1.0], rest + [0.0, 0.05 * side, 0.0]], 0.014, machine.dark)
    end = rear + (0.10 if plan.style == "motorcycle" else -0.05)
    pipe = np.array([[0.16 * machine.base, 0.10, 0.34], [0.0, 0.16, 0.20], [rear + 0.5, 0.18, 0.22]])
    muffler = np.array([pipe[-1], [end, 0.20, 0.48 if plan.style == "motorcycle" else 0.28]])
    machine.bar(pipe, 0.022, machine.chrome)
    machine.bar(muffler, 0.05, machine.chrome, sides=8)
    _mudguard(machine, front, 20.0, 150.0, machine.paint)
    _mudguard(machine, rear, 30.0, 190.0 if plan.style == "cruiser" else 150.0, machine.paint)
    _lamps(machine)


def _lamps(machine: _Machine) -> None:
    """Head lamp, tail lamp and four blinkers on stalks."""
    (x, z), (back, low) = (np.array(spot) * [machine.base, machine.saddle[2]] for spot in _LAMPS[machine.plan.style])
    if machine.plan.style == "motorcycle":
        machine.lamp((x, 0.0, z + 0.02), (0.025, 0.085, 0.030), _LAMP_WHITE, LampChannel.LOW_BEAM)
        machine.lamp((x, 0.0, z - 0.025), (0.022, 0.060, 0.014), _LAMP_WHITE, LampChannel.HIGH_BEAM)
    else:
        spot, ahead = np.array([x, 0.0, z]), np.array([1.0, 0.0, 0.0])
        for channel, size, depth in ((LampChannel.LOW_BEAM, 0.075, 0.030), (LampChannel.HIGH_BEAM, 0.030, 0.036)):
            lens = machine.look(_LAMP_WHITE, Material.LAMP, int(channel))
            machine.builder.cylinder(spot + 0.02 * ahead, spot + depth * ahead, size, lens, sides=8)
        machine.builder.cylinder(spot - 0.05 * ahead, spot + 0.024 * ahead, 0.088, machine.chrome, sides=8)
    machine.lamp((x, 0.0, z + 0.095), (0.020, 0.040, 0.008), _LAMP_WHITE, LampChannel.POSITION)
    machine.lamp((back, 0.0, low), (0.022, 0.060, 0.022), _LAMP_RED, LampChannel.BRAKE)
    machine.lamp((back, 0.0, low - 0.034), (0.020, 0.050, 0.010), _LAMP_RED, LampChannel.POSITION)
    for side, channel in ((-1.0, LampChannel.LEFT_BLINKER), (1.0, LampChannel.RIGHT_BLINKER)):
        for place, height, out in ((x - 0.06, z - 0.02, 0.19), (back + 0.06, low - 0.01, 0.15)):
            machine.bar([[place, 0.0, height], [place, side * out, height]], 0.007, machine.dark, sides=3)
            machine.lamp((place, side * out, height), (0.028, 0.026, 0.022), _LAMP_ORANGE, channel)


def _foot_rest(machine: _Machine, side: float) -> Array:
    """Where a foot stands, (3,): a foot rest, or a pedal in the course of its turn."""
    if machine.motor:
        return machine.pedals + [0.0, side * 0.17, 0.0]
    return machine.pedals + [side * 0.085, side * 0.11, side * -0.147]


def _rider(machine: _Machine) -> None:
    """Somebody on the saddle whose helmet touches the top of the box."""
    layout, height = machine.layout, machine.plan.height
    lean = np.radians(layout.lean)
    up, tall = np.array([np.sin(lean), 0.0, np.cos(lean)]), np.array([0.0, 0.0, 1.0])
    size = float((height - machine.saddle[2]) / (0.09 + 0.54 * np.cos(lean) + 0.28))
    hips = machine.saddle + 0.09 * size * tall
    joints: dict[str, Array] = {"crl_hips__C": hips}
    for name, way in (("spine", 0.12), ("spine01", 0.30), ("neck", 0.54)):
        joints[f"crl_{name}__C"] = hips + way * size * up
    head = joints["crl_neck__C"] + size * np.array([0.03, 0.0, 0.10])
    joints["crl_Head__C"] = head
    for letter, side in (("L", -1.0), ("R", 1.0)):
        joints[f"crl_eye__{letter}"] = head + size * np.array([0.09, 0.03 * side, 0.06])
        shoulder = hips + size * (0.48 * up + 0.18 * side * _RIGHT)
        grip = machine.grips + [0.0, side * (machine.half_bar - 0.06), 0.02]
        wrist = grip + 0.08 * size * (shoulder - grip) / np.linalg.norm(shoulder - grip)
        hip = hips + size * np.array([0.0, 0.09 * side, -0.04])
        ankle = _foot_rest(machine, side) + size * np.array([-0.11, 0.0, 0.09])
        joints[f"crl_arm__{letter}"], joints[f"crl_hand__{letter}"] = shoulder, wrist
        joints[f"crl_foreArm__{letter}"] = bent(shoulder, wrist, (0.28 * size, 0.25 * size), (-0.3, 0.5 * side, -0.8))
        joints[f"crl_thigh__{letter}"], joints[f"crl_foot__{letter}"] = hip, ankle
        joints[f"crl_leg__{letter}"] = bent(hip, ankle, (0.43 * size, 0.43 * size), (0.8, 0.2 * side, 0.5))
        joints[f"crl_toe__{letter}"] = ankle + size * np.array([0.14, 0.0, -0.06])
    headgear: Headgear = "full_face" if machine.plan.style == "motorcycle" else "helmet"
    # The instance's tint is the machine's paint: it must not colour the jacket.
    outfit = Outfit((222, 176, 144), (62, 44, 34), *layout.clothes, headgear=headgear, top_material=Material.PLAIN)
    add_person(machine.builder, joints, size, outfit, Label.RIDER)


# fmt: off
_HULLS: dict[str, tuple[tuple[str, tuple[Section, ...]], ...]] = {
    "motorcycle": (
        ("metal", ((-0.2, 0.5, 0.11, 0.12), (0.0, 0.52, 0.15, 0.19), (0.2, 0.55, 0.12, 0.15))),
        ("paint", ((-0.14, 1, 0.07, 0.05), (0, 1.07, 0.13, 0.1), (0.12, 1.12, 0.14, 0.11), (0.22, 1.1, 0.09, 0.07))),
        ("paint", ((0.02, 0.52, 0.16, 0.16), (0.2, 0.72, 0.19, 0.26), (0.38, 1, 0.16, 0.17), (0.53, 1.03, 0.06, 0.06))),
        ("dark", ((-0.34, 1.05, 0.09, 0.04), (-0.2, 0.96, 0.13, 0.045), (-0.1, 0.98, 0.08, 0.04))),
        ("paint", ((-0.14, 0.86, 0.1, 0.09), (-0.36, 1.02, 0.1, 0.08), (-0.62, 1.16, 0.06, 0.04))),
    ),
    "scooter": (
        ("paint", ((-0.62, 0.78, 0.1, 0.1), (-0.45, 0.7, 0.19, 0.2), (-0.2, 0.7, 0.2, 0.2), (-0.08, 0.55, 0.14, 0.16))),
        ("dark", ((-0.12, 0.36, 0.16, 0.05), (0.28, 0.36, 0.16, 0.04))),
        ("paint", ((0.23, 0.82, 0.21, 0.34), (0.3, 0.86, 0.17, 0.33), (0.34, 0.92, 0.05, 0.2))),
        ("paint", ((0.2, 1.3, 0.06, 0.05), (0.3, 1.3, 0.1, 0.08), (0.38, 1.29, 0.06, 0.06))),
        ("dark", ((-0.52, 1.0, 0.08, 0.03), (-0.3, 0.98, 0.13, 0.05), (-0.1, 0.96, 0.09, 0.04))),
    ),
    "cruiser": (
        ("metal", ((-0.14, 0.62, 0.14, 0.16), (0.02, 0.66, 0.19, 0.22), (0.16, 0.66, 0.13, 0.16))),
        ("paint", ((-0.07, 1.1, 0.05, 0.05), (0.04, 1.2, 0.15, 0.1), (0.15, 1.2, 0.15, 0.1), (0.24, 1.26, 0.06, 0.06))),
        ("dark", ((-0.36, 1.12, 0.1, 0.05), (-0.24, 0.97, 0.14, 0.05), (-0.1, 0.95, 0.12, 0.04))),
        ("dark", ((0.2, 1.3, 0.05, 0.05), (0.25, 1.3, 0.09, 0.09), (0.29, 1.3, 0.09, 0.09))),
    ),
}
# fmt: on
"""Bodywork of motorcycles, sections in wheelbases, saddle heights and metres (see `_Machine.hull`)."""
_LAMPS = {
    "motorcycle": ((0.53, 1.03), (-0.62, 1.16)),
    "scooter": ((0.38, 1.29), (-0.62, 0.86)),
    "cruiser": ((0.29, 1.30), (-0.62, 0.92)),
}
"""Head and tail lamp: x in wheelbases, z in saddle heights."""
