"""Makers of the props that stand in streets: work sites, signs, stops, bins, stalls and machines.

Every maker draws into the box of its sketch; what differs between kinds of one family is an argument.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from lead.simulator.scenery.bodies.props_sketch import (
    AMBER,
    BLACK,
    BLUE,
    CHROME,
    GLASS,
    GREEN,
    GREY,
    IRON,
    METAL,
    ORANGE,
    RED,
    RUBBER,
    STONE,
    WATER,
    WHITE,
    WOOD,
    YELLOW,
    Sketch,
)
from lead.simulator.scenery.materials import Material
from lead.simulator.scenery.mesh import Look

_SCREEN = Look((96, 150, 190), Material.EMISSIVE)
_AWNING = Look((196, 44, 40), Material.CLOTH)


def cone(sketch: Sketch, *, foot: Look = ORANGE, slim: float = 0.74, bands: int = 2) -> None:
    """A traffic cone: `slim` is the share of the foot's breadth that the cone covers."""
    sketch.box((-1, 1), (-1, 1), (0, 0.045), foot)
    edges = np.linspace(0.045, 1.0, 2 * bands + 2)
    tip = 0.16
    profile = [(slim + (tip - slim) * (z - 0.045) / 0.955, z) for z in edges.tolist()]
    sketch.lathe([*profile, (0.0, 1.0)], [ORANGE, WHITE] * bands + [ORANGE, BLACK], sides=16)


def delineator(sketch: Sketch) -> None:
    """A slender guide post on a heavy foot, with a grip."""
    sketch.box((-1, 1), (-1, 1), (0, 0.05), RUBBER)
    profile = [
        (0.55, 0.05),
        (0.5, 0.10),
        (0.38, 0.12),
        (0.35, 0.35),
        (0.33, 0.5),
        (0.32, 0.6),
        (0.3, 0.75),
        (0.28, 0.9),
    ]
    looks = [ORANGE, ORANGE, ORANGE, WHITE, ORANGE, WHITE, ORANGE]
    sketch.lathe(profile, looks)
    sketch.lathe([(0.28, 0.9), (0.12, 0.91), (0.12, 0.95), (0.24, 0.96), (0.24, 1.0), (0.0, 1.0)], ORANGE)


def warning_stand(sketch: Sketch, *, accident: bool) -> None:
    """A warning triangle on a folding stand, looking towards y, with a striped board and two amber lamps."""
    for x in (-0.8, 0.8):
        for y in (-1.0, 1.0):
            sketch.bar((x, 0.95 * y, 0.01), (0.8 * x, 0.0, 0.44), 0.018, METAL)
        sketch.box((x - 0.06, x + 0.06), (-1, 1), (0, 0.012), IRON)
    for y, scale, look in ((0.03, 1.0, METAL), (0.05, 1.0, RED), (0.065, 0.78, WHITE if accident else YELLOW)):
        foot, tip = 0.61 - 0.19 * scale, 0.61 + 0.39 * scale
        sketch.panel([(-scale, y, foot), (scale, y, foot), (0.0, y, tip)], look)
    if accident:
        sketch.panel([(-0.09, 0.08, 0.86), (0.09, 0.08, 0.86), (0.05, 0.08, 0.62), (-0.05, 0.08, 0.62)], BLACK)
        sketch.box((-0.07, 0.07), (0.06, 0.08), (0.515, 0.565), BLACK)
    else:
        sketch.ball((0.0, 0.075, 0.79), (0.09, 0.015, 0.035), BLACK, sides=8, rings=4)
        sketch.panel([(-0.12, 0.08, 0.75), (0.08, 0.08, 0.74), (0.16, 0.08, 0.62), (-0.04, 0.08, 0.63)], BLACK)
        for knee, heel in ((0.2, 0.28), (0.04, -0.14)):
            sketch.panel([(0, 0.08, 0.63), (0.12, 0.08, 0.63), (knee + 0.06, 0.08, 0.5), (heel, 0.08, 0.5)], BLACK)
        sketch.panel([(-0.62, 0.08, 0.5), (-0.18, 0.08, 0.5), (-0.4, 0.08, 0.58)], BLACK)
    sketch.box((-0.9, 0.9), (-0.02, 0.04), (0.2, 0.36), METAL)
    sketch.plate("construction", (0.0, 0.06, 0.28), (0.88, 0.075), "+y", repeat=4)
    for x in (-0.84, 0.84):
        sketch.bar((x, 0.02, 0.395), (x, 0.12, 0.395), 0.055, BLACK, sides=10)
        sketch.bar((x, 0.12, 0.395), (x, 0.17, 0.395), 0.05, AMBER, sides=10)


def arrow_trailer(sketch: Sketch) -> None:
    """A trailer with a striped board and an arrow of amber lamps, looking towards x."""
    sketch.box((-0.5, 0.75), (-0.45, 0.45), (0.12, 0.18), IRON)
    sketch.bar((-0.5, 0.0, 0.15), (-1.0, 0.0, 0.15), 0.06, IRON)
    sketch.bar((-0.9, 0.0, 0.0), (-0.9, 0.0, 0.2), 0.04, METAL)
    sketch.wheels((0.1,), (-0.62, 0.62), 0.33, 0.2)
    for y in (-0.62, 0.62):
        sketch.box((-0.22, 0.42), (y - 0.1, y + 0.1), (0.19, 0.205), BLACK)
    sketch.box((-0.35, 0.0), (-0.3, 0.3), (0.18, 0.32), YELLOW)
    sketch.posts((0.3,), (-0.4, 0.4), (0.16, 0.9), 0.05, METAL)
    for y in (-0.55, 0.55):
        sketch.bar((-0.4, 0.5 * y, 0.18), (0.3, y, 0.6), 0.03, METAL)
    sketch.box((0.34, 0.4), (-1, 1), (0.3, 0.98), ORANGE)
    sketch.box((0.4, 0.42), (-0.94, 0.94), (0.52, 0.96), BLACK)
    sketch.plate("construction", (0.43, 0.0, 0.41), (0.94, 0.085), "+x", repeat=6)
    shaft = [(y, 0.74) for y in (-0.75, -0.5, -0.25, 0.0, 0.25, 0.5)]
    head = [(0.75, 0.74), (0.53, 0.81), (0.53, 0.67), (0.31, 0.88), (0.31, 0.60)]
    corners = [(y, z) for y in (-0.86, 0.86) for z in (0.57, 0.92)]
    for y, z in shaft + head + corners:
        sketch.bar((0.42, y, z), (0.46, y, z), 0.085, AMBER, sides=8)
    for y in (-0.8, 0.8):
        sketch.bar((0.37, y, 0.98), (0.37, y, 1.0), 0.08, AMBER, sides=8)
    sketch.box((0.95, 1.0), (-0.5, 0.5), (0.12, 0.16), RED)
    for y in (-0.4, 0.4):
        sketch.box((0.7, 0.95), (y - 0.03, y + 0.03), (0.13, 0.15), IRON)


def street_barrier(sketch: Sketch) -> None:
    """Red and white boards between two trestles."""
    for x in (-0.82, 0.82):
        for y in (-1.0, 1.0):
            sketch.bar((x, 0.93 * y, 0.0), (x, 0.1 * y, 0.96), 0.02, METAL)
        sketch.box((x - 0.05, x + 0.05), (-1, 1), (0, 0.02), RUBBER)
    for low, high in ((0.68, 1.0), (0.26, 0.5)):
        sketch.stripes(0, ((-1, 1), (-0.14, 0.14), (low, high)), (RED, WHITE), 7)


def chain_post(sketch: Sketch, *, chain: bool) -> None:
    """A post of a chain barrier, with the chain towards the next one or without."""
    radius = sketch.y
    center = (radius / sketch.x - 1.0, 0.0) if chain else (0.0, 0.0)
    profile = [(1.0, 0.0), (1.0, 0.03), (0.8, 0.06), (0.28, 0.08), (0.28, 0.3), (0.28, 0.5), (0.28, 0.7), (0.28, 0.9)]
    looks = [BLACK, BLACK, BLACK, RED, WHITE, RED, WHITE]
    sketch.lathe(
        [*profile, (0.38, 0.92), (0.38, 0.97), (0.0, 1.0)], [*looks, RED, RED, RED], center=center, radius=radius
    )
    if chain:
        way = np.linspace(center[0] + 0.05, 1.0, 13)
        sag = 0.86 - 0.8 * (way - way[0]) * (way[-1] - way) / (way[-1] - way[0]) ** 2
        for index in range(12):
            start, end = ((float(way[i]), 0.0, float(sag[i])) for i in (index, index + 1))
            sketch.bar(start, end, 0.016, RED if index % 2 else WHITE, sides=5)


def bench(sketch: Sketch, *, back: bool, legs: Look = IRON) -> None:
    """A bench of slats; with a back it looks towards y."""
    seat = 0.46 if back else 1.0
    near = -0.6 if back else -1.0
    edges = np.linspace(near, 1.0, 5).tolist()
    for low, high in pairwise(edges):
        sketch.box((-1, 1), (low, high - 0.06 * (high < 1.0)), (seat - 0.07, seat), WOOD)
    if back:
        for low in (0.54, 0.70, 0.86):
            shift = -0.62 - 0.76 * (low - 0.54)
            sketch.box((-1, 1), (max(shift - 0.14, -1.0), shift), (low, low + 0.14), WOOD)
    for x in (-0.78, 0.78):
        sketch.box((x - 0.03, x + 0.03), (near, 0.95), (seat - 0.14, seat - 0.07), legs)
        for y in (near + 0.12, 0.8):
            sketch.box((x - 0.035, x + 0.035), (y - 0.08, y + 0.08), (0, seat - 0.1), legs)
        if back:
            sketch.bar((x, -0.6, 0.4), (x, -0.92, 0.96), 0.025, legs)
            sketch.bar((x, -0.72, 0.62), (x, 0.75, 0.62), 0.02, legs)
            sketch.bar((x, 0.75, 0.62), (x, 0.75, 0.4), 0.02, legs)


def bus_shelter(sketch: Sketch) -> None:
    """A glass shelter with a bench and a poster case, open towards y and at one end."""
    sketch.box((-1, 1), (-1, 1), (0.92, 0.97), GREY)
    sketch.box((-0.97, 0.97), (-0.94, 0.94), (0.97, 1.0), IRON)
    sketch.posts((-0.95, 0.95), (-0.85, 0.55), (0.0, 0.93), 0.045, IRON)
    sketch.posts((-0.32, 0.32), (-0.85,), (0.0, 0.93), 0.03, IRON)
    for low, high in ((-0.93, -0.34), (-0.30, 0.30), (0.34, 0.93)):
        sketch.box((low, high), (-0.86, -0.84), (0.08, 0.86), GLASS)
    sketch.box((0.92, 0.98), (-0.8, 0.5), (0.06, 0.86), IRON)
    for way, x in (("+x", 0.985), ("-x", 0.915)):
        sketch.plate("poster", (x, -0.15, 0.47), (0.55, 0.35), way)
    sketch.box((-0.7, 0.5), (-0.7, -0.3), (0.17, 0.2), WOOD)
    sketch.posts((-0.6, 0.4), (-0.5,), (0.0, 0.17), 0.03, IRON)
    sketch.plate("bus_stop", (-0.75, 1.005, 0.96), (0.12, 0.04), "+y")
    sketch.box((-1, 1), (-0.9, -0.8), (0.86, 0.92), BLUE)


def wheelie_bin(sketch: Sketch, *, body: Look = GREEN, lid: Look = GREEN) -> None:
    """A household bin with two wheels, its hinge at the back of x."""
    sketch.box((-0.66, 0.72), (-0.78, 0.78), (0.06, 0.86), body, top=(1.2, 1.2))
    sketch.box((-0.86, 1.0), (-1, 1), (0.86, 0.92), lid)
    sketch.box((-0.8, 0.9), (-0.92, 0.92), (0.92, 1.0), lid, top=(0.7, 0.8))
    sketch.bar((-0.92, -0.8, 0.9), (-0.92, 0.8, 0.9), 0.08 * sketch.x, body)
    sketch.wheels((-0.6,), (-0.85, 0.85), 0.12 * sketch.z, 0.05)
    sketch.box((0.3, 0.6), (-0.7, 0.7), (0.0, 0.06), body)


def round_bin(sketch: Sketch, *, body: Look = IRON, ribs: Look | None = None, dome: bool = False) -> None:
    """A round street bin, open or under a dome with a slot."""
    rim = 0.78 if dome else 0.95
    profile = [(0.0, 0.0), (0.82, 0.0), (0.82, 0.05), (0.94, rim), (1.0, rim), (1.0, rim + 0.05)]
    if not dome:
        sketch.lathe([*profile, (0.9, 1.0), (0.86, 1.0), (0.8, 0.6), (0.0, 0.6)], [body] * 6 + [IRON] + [BLACK] * 2)
    else:
        sketch.lathe([*profile, (0.95, 0.88), (0.7, 0.96), (0.3, 1.0), (0.0, 1.0)], body)
        for x in (-1.0, 1.0):
            sketch.box((0.96 * x - 0.035, 0.96 * x + 0.035), (-0.2, 0.2), (0.79, 0.82), BLACK)
    for index in range(14 if ribs else 0):
        angle = 2.0 * math.pi * index / 14
        c, s = math.cos(angle), math.sin(angle)
        sketch.bar((0.84 * c, 0.84 * s, 0.06), (0.96 * c, 0.96 * s, rim), 0.025, ribs or body, sides=5)


def square_bin(sketch: Sketch) -> None:
    """A square street bin with an ashtray roof on posts."""
    sketch.box((-0.94, 0.94), (-0.94, 0.94), (0.03, 0.76), GREY)
    for y in np.linspace(-0.8, 0.8, 6).tolist():
        for x in (-0.97, 0.97):
            sketch.box((x - 0.03, x + 0.03), (y - 0.12, y + 0.12), (0.06, 0.73), WOOD)
    sketch.box((-0.98, 0.98), (-0.98, 0.98), (0, 0.03), IRON)
    sketch.box((-0.8, 0.8), (-0.8, 0.8), (0.76, 0.77), BLACK)
    sketch.posts((-0.85, 0.85), (-0.85, 0.85), (0.76, 0.94), 0.02, IRON)
    sketch.box((-1, 1), (-1, 1), (0.94, 1.0), IRON, top=(0.86, 0.86))


def dumpster(sketch: Sketch) -> None:
    """A waste container on four castors with an arched lid."""
    outline = [(-0.7, 0.12), (0.7, 0.12), (0.94, 0.74), (-0.94, 0.74)]
    sketch.extrude(outline, (-0.95, 0.95), GREEN, along="x")
    arch = [(math.cos(a), 0.76 + 0.24 * math.sin(a)) for a in np.linspace(0.0, math.pi, 9).tolist()]
    sketch.extrude(arch, (-0.97, 0.97), Look((40, 82, 50), Material.PLASTIC), along="x")
    sketch.box((-1, 1), (-0.98, 0.98), (0.72, 0.77), GREY)
    for x in (-0.6, -0.2, 0.2, 0.6):
        rib = [(-0.74, 0.14), (0.74, 0.14), (0.98, 0.72), (-0.98, 0.72)]
        sketch.extrude(rib, (x - 0.03, x + 0.03), GREEN, along="x")
    for x in (-1.0, 1.0):
        sketch.bar((x * 0.97, -0.4, 0.6), (x * 0.97, 0.4, 0.6), 0.025, METAL)
    sketch.wheels((-0.75, 0.75), (-0.55, 0.55), 0.06 * sketch.z, 0.06)
    sketch.posts((-0.75, 0.75), (-0.55, 0.55), (0.06, 0.12), 0.03, METAL)


def bottle_bank(sketch: Sketch) -> None:
    """A round container for glass with holes on two sides."""
    profile = [(0.8, 0.0), (0.92, 0.05), (1.0, 0.35), (0.98, 0.6), (0.85, 0.82), (0.6, 0.94), (0.25, 0.98), (0.0, 0.98)]
    sketch.lathe(profile, GREEN, sides=20)
    sketch.lathe([(1.0, 0.34), (1.01, 0.35), (1.01, 0.4), (1.0, 0.41)], WHITE, sides=20)
    sketch.bar((-0.2, 0.0, 0.97), (0.2, 0.0, 0.97), 0.05, METAL)
    for side in (-1.0, 1.0):
        for y in (-0.3, 0.3):
            sketch.bar((side * 0.7, y, 0.7), (side * 0.96, y, 0.7), 0.14, RUBBER, sides=12)
    sketch.ball((0, 0, 0.98), (0.1, 0.1, 0.02), METAL, rings=4)


def clothes_bank(sketch: Sketch) -> None:
    """A container for clothes with a hatch and a print, looking towards x."""
    sketch.box((-0.95, 0.9), (-1, 1), (0.04, 0.94), Look((206, 196, 176), Material.METAL))
    sketch.extrude([(-1.0, 0.94), (0.95, 0.94), (0.95, 0.96), (-0.2, 1.0), (-1.0, 1.0)], (-1, 1), BLUE)
    sketch.box((-0.9, 0.85), (-0.95, 0.95), (0, 0.04), BLACK)
    sketch.box((0.9, 1.0), (-0.6, 0.6), (0.62, 0.84), METAL)
    sketch.bar((1.0, -0.4, 0.66), (1.0, 0.4, 0.66), 0.015, CHROME)
    sketch.plate("poster", (0.91, 0.0, 0.33), (0.7, 0.22), "+x")
    sketch.stripes(1, ((0.88, 0.92), (-1, 1), (0.05, 0.09)), (RED, WHITE), 9)


def kiosk(sketch: Sketch) -> None:
    """A small newspaper stand with windows, an awning towards x and a hipped roof."""
    wall = Look((58, 88, 72), Material.WOOD)
    sketch.box((-0.8, 0.8), (-0.85, 0.85), (0, 0.32), wall)
    sketch.box((-0.85, 0.85), (-0.9, 0.9), (0.3, 0.33), WOOD)
    sketch.box((-0.76, 0.76), (-0.8, 0.8), (0.33, 0.68), GLASS)
    sketch.posts((-0.77, 0.77), (-0.82, 0.82), (0.3, 0.7), 0.04, wall)
    sketch.box((-0.85, 0.85), (-0.9, 0.9), (0.68, 0.78), wall)
    sketch.box((-0.95, 0.95), (-1, 1), (0.78, 0.81), IRON)
    sketch.box((-0.9, 0.9), (-0.95, 0.95), (0.81, 0.97), Look((96, 64, 52), Material.ROOF), top=(0.25, 0.25))
    sketch.ball((0, 0, 0.97), (0.08, 0.08, 0.03), IRON)
    sketch.plate("shop", (0.86, 0.0, 0.73), (0.6, 0.045), "+x", repeat=2)
    sketch.panel([(0.8, -0.85, 0.69), (0.8, 0.85, 0.69), (1.0, 0.85, 0.62), (1.0, -0.85, 0.62)], _AWNING)
    sketch.box((0.8, 1.0), (-0.8, 0.8), (0.3, 0.32), WOOD)
    sketch.box((0.8, 0.985), (-0.8, 0.8), (0.03, 0.28), wall)
    for y in (-0.5, 0.0, 0.5):
        sketch.plate("poster", (1.0, y, 0.16), (0.2, 0.1), "+x")


def food_cart(sketch: Sketch) -> None:
    """A catering trailer along y that serves towards x under a striped awning."""
    sketch.box((-0.9, 0.55), (-0.78, 0.78), (0.14, 0.92), Look((226, 214, 186), Material.METAL))
    sketch.box((-0.95, 0.6), (-0.8, 0.8), (0.9, 0.95), RED)
    sketch.box((-0.5, 0.1), (-0.15, 0.15), (0.95, 1.0), METAL)
    sketch.box((0.53, 0.56), (-0.6, 0.6), (0.4, 0.74), BLACK)
    sketch.box((0.5, 0.8), (-0.65, 0.65), (0.37, 0.4), CHROME)
    for index, (low, high) in enumerate((y, y + 0.15) for y in np.linspace(-0.675, 0.525, 9).tolist()):
        look = WHITE if index % 2 else _AWNING
        sketch.panel([(0.55, low, 0.82), (0.55, high, 0.82), (1.0, high, 0.7), (1.0, low, 0.7)], look)
    sketch.plate("shop", (0.57, 0.0, 0.27), (0.4, 0.075), "+x", repeat=2)
    sketch.stripes(1, ((-0.92, 0.57), (-0.79, 0.79), (0.14, 0.18)), (RED, WHITE), 11)
    for x in (-0.8, 0.45):
        sketch.bar((x - 0.07, -0.2, 0.085), (x + 0.07, -0.2, 0.085), 0.3, RUBBER, sides=12)
        sketch.bar((x - 0.07, 0.2, 0.085), (x + 0.07, 0.2, 0.085), 0.3, RUBBER, sides=12)
    sketch.bar((-0.17, -0.78, 0.15), (-0.17, -1.0, 0.15), 0.05, IRON)
    sketch.bar((-0.17, -0.95, 0.0), (-0.17, -0.95, 0.17), 0.03, METAL)
    sketch.box((-0.5, 0.1), (0.78, 1.0), (0.14, 0.3), GREY)
    sketch.panel([(-1.0, -0.3, 0.2), (-1.0, 0.3, 0.2), (-0.9, 0.3, 0.2), (-0.9, -0.3, 0.2)], METAL)


def fountain(sketch: Sketch) -> None:
    """A basin with a column that carries two bowls."""
    sketch.lathe([(1.0, 0.0), (1.0, 0.08), (0.97, 0.1), (0.9, 0.1), (0.9, 0.06)], STONE, sides=24)
    sketch.lathe([(0.9, 0.075), (0.0, 0.075)], WATER, sides=24)
    sketch.lathe([(0.24, 0.05), (0.2, 0.16), (0.1, 0.2), (0.08, 0.38), (0.46, 0.46), (0.46, 0.49), (0.4, 0.49)], STONE)
    sketch.lathe([(0.44, 0.485), (0.0, 0.485)], WATER)
    sketch.lathe([(0.08, 0.48), (0.05, 0.7), (0.24, 0.75), (0.24, 0.77), (0.2, 0.77)], STONE)
    sketch.lathe([(0.22, 0.768), (0.0, 0.768)], WATER)
    sketch.lathe([(0.05, 0.76), (0.03, 0.85), (0.07, 0.9), (0.05, 0.96), (0.0, 1.0)], STONE)


def drinking_fountain(sketch: Sketch) -> None:
    """A cast pillar with a tap over a small bowl, towards y."""
    sketch.box((-1, 1), (-1, 1), (0, 0.05), STONE)
    sketch.box((-0.75, 0.75), (-0.95, -0.3), (0.05, 0.9), GREEN, top=(0.85, 0.85))
    sketch.box((-0.95, 0.95), (-1, -0.2), (0.88, 0.93), GREEN)
    sketch.ball((0, -0.6, 0.94), (0.5, 0.22, 0.06), GREEN)
    sketch.bar((0, -0.35, 0.7), (0, 0.25, 0.7), 0.02, CHROME)
    sketch.bar((0, 0.25, 0.7), (0, 0.25, 0.64), 0.02, CHROME)
    bowl = [(0.5, 0.05), (0.4, 0.1), (0.5, 0.28), (0.95, 0.34), (0.95, 0.37), (0.8, 0.37), (0.6, 0.32), (0.0, 0.32)]
    sketch.lathe(bowl, [STONE] * 6 + [WATER], center=(0.0, 0.45), radius=sketch.x)


def billboard(sketch: Sketch, *, face: str, foot: float = 0.28, repeat: int = 1, frame: Look = IRON) -> None:
    """A printed board along x on two posts that can be read from both sides; `foot` is its lower edge."""
    sketch.posts((-0.8, 0.8), (0.0,), (0.0, 0.98), 0.3 * sketch.y, frame)
    for x in (-0.8, 0.8):
        sketch.box((x - 0.08, x + 0.08), (-1, 1), (0, 0.015), frame)
    sketch.box((-1, 1), (-0.5, 0.5), (foot, 1.0), frame)
    half = 0.5 * (1.0 - foot)
    for way, y in (("+y", 0.52), ("-y", -0.52)):
        sketch.plate(face, (0.0, y, foot + half), (0.93, 0.93 * half), way, repeat=repeat)


def cash_machine(sketch: Sketch) -> None:
    """A cash machine, looking towards x."""
    _cabinet(sketch, GREY)
    sketch.box((0.8, 1.0), (-1, 1), (0.82, 1.0), BLUE)
    sketch.box((0.98, 1.01), (-0.7, 0.7), (0.89, 0.93), WHITE)
    sketch.box((0.86, 0.9), (-0.55, 0.55), (0.58, 0.76), _SCREEN)
    sketch.extrude([(0.86, 0.42), (1.0, 0.44), (0.86, 0.52)], (-0.6, 0.6), METAL)
    for y in (-0.3, -0.1, 0.1):
        sketch.box((0.88, 0.95), (y - 0.07, y + 0.07), (0.47, 0.49), BLACK)
    sketch.box((0.86, 0.89), (0.65, 0.9), (0.6, 0.64), GREEN)
    sketch.box((0.86, 0.89), (-0.6, 0.6), (0.28, 0.31), BLACK)


def vending_machine(sketch: Sketch) -> None:
    """A machine that sells cans, looking towards x."""
    _cabinet(sketch, RED)
    sketch.box((0.86, 0.93), (-0.94, 0.5), (0.36, 0.94), BLACK)
    sketch.plate("cola", (0.94, -0.22, 0.83), (0.66, 0.1), "+x")
    for low in (0.4, 0.51, 0.62):
        sketch.stripes(1, ((0.93, 0.96), (-0.85, 0.42), (low, low + 0.08)), (RED, YELLOW, BLUE, GREEN), 8)
    sketch.box((0.86, 0.95), (-0.7, 0.3), (0.1, 0.22), BLACK)
    sketch.box((0.86, 1.0), (0.58, 0.92), (0.4, 0.72), METAL)
    sketch.box((0.9, 1.01), (0.64, 0.86), (0.62, 0.68), _SCREEN)


def _cabinet(sketch: Sketch, body: Look) -> None:
    sketch.box((-1, 0.86), (-1, 1), (0.03, 1.0), body)
    sketch.box((-0.95, 0.8), (-0.95, 0.95), (0, 0.03), BLACK)


def mailbox(sketch: Sketch, *, body: Look = RED) -> None:
    """A letter box with a rounded top on a foot, its slot towards x."""
    sketch.box((-0.6, 0.6), (-0.6, 0.6), (0, 0.04), IRON)
    sketch.posts((0.0,), (0.0,), (0.0, 0.45), 0.25 * sketch.y, IRON)
    sketch.box((-0.95, 0.95), (-1, 1), (0.4, 0.8), body)
    arch = [(math.cos(a), 0.8 + 0.2 * math.sin(a)) for a in np.linspace(0.0, math.pi, 9).tolist()]
    sketch.extrude(arch, (-0.95, 0.95), body, along="x")
    sketch.box((0.95, 1.0), (-0.7, 0.7), (0.76, 0.8), BLACK)
    sketch.box((0.95, 0.98), (-0.5, 0.5), (0.52, 0.66), WHITE)


def notice_table(sketch: Sketch) -> None:
    """A slanted map on two legs under a rail."""
    sketch.posts((-0.8, 0.8), (-0.1,), (0.0, 0.72), 0.05, WOOD)
    outline = [(-1.0, 0.95), (-0.9, 1.0), (1.0, 0.62), (0.95, 0.56)]
    sketch.extrude(outline, (-1, 1), WOOD, along="x")
    paper, ink = Look((220, 214, 190), Material.PLAIN), Look((96, 140, 90), Material.PLAIN)
    for lift, scale, look in ((0.012, 0.9, paper), (0.02, 0.55, ink)):
        high, low = 0.81 + 0.17 * scale + lift, 0.81 - 0.17 * scale + lift
        near, far = 0.05 - 0.85 * scale, 0.05 + 0.85 * scale
        sketch.panel([(-scale, near, high), (scale, near, high), (scale, far, low), (-scale, far, low)], look)
    for x in (-0.8, 0.8):
        sketch.box((x - 0.1, x + 0.1), (-0.5, 0.5), (0, 0.04), STONE)


def calibration_board(sketch: Sketch, *, columns: int = 8, rows: int = 4) -> None:
    """A chequered plate that lies on a low frame."""
    sketch.box((-1, 1), (-1, 1), (0, 0.85), GREY)
    for row in range(rows):
        spans = ((-0.97, 0.97), (-0.95 + 1.9 * row / rows, -0.95 + 1.9 * (row + 1) / rows), (0.85, 1.0))
        sketch.stripes(0, spans, (BLACK, WHITE) if row % 2 else (WHITE, BLACK), columns)
