"""Makers of the props that people bring along or leave behind: furniture, toys, luggage, packing and litter.

Every maker draws into the box of its sketch; what differs between kinds of one family is an argument.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from lead.simulator.scenery.bodies.props_sketch import (
    BLACK,
    BLUE,
    CARDBOARD,
    CHROME,
    DARK_WOOD,
    GLASS,
    GREEN,
    GREY,
    IRON,
    METAL,
    RED,
    RUBBER,
    SOIL,
    STONE,
    WHITE,
    WOOD,
    Sketch,
)
from lead.simulator.scenery.materials import LampChannel, Material
from lead.simulator.scenery.mesh import Color, Look

_SKIN = Look((222, 172, 140), Material.SKIN)
_TAPE = Look((206, 178, 128), Material.PLASTIC)


def crate(sketch: Sketch, *, look: Look = CARDBOARD, tape: bool = True) -> None:
    """A closed box with tape over its lid: the look of every prop without a shape of its own."""
    sketch.box((-0.99, 0.99), (-0.99, 0.99), (0, 0.992), look)
    if tape:
        sketch.box((-1, 1), (-0.1, 0.1), (0.6, 1.0), _TAPE)
    sketch.box((-1, 1), (-1, 1), (0.0, 0.03), look)
    sketch.box((-0.3, 0.3), (-1, 1), (0.3, 0.55), WHITE)


def open_crate(sketch: Sketch) -> None:
    """A cardboard box with its flaps open."""
    sketch.box((-0.8, 0.8), (-0.8, 0.8), (0, 0.8), CARDBOARD)
    sketch.box((-0.77, 0.77), (-0.77, 0.77), (0.8, 0.802), Look((112, 84, 54), Material.PLAIN))
    for way in (-1.0, 1.0):
        low, high = 0.8 * way, 1.0 * way
        sketch.panel([(low, -0.8, 0.8), (low, 0.8, 0.8), (high, 0.8, 1.0), (high, -0.8, 1.0)], CARDBOARD)
        sketch.panel([(-0.8, low, 0.8), (0.8, low, 0.8), (0.8, high, 0.93), (-0.8, high, 0.93)], CARDBOARD)


def flattened(sketch: Sketch, *, crease: bool = True) -> None:
    """A flattened cardboard box, creased or lying level."""
    heights = (0.15, 1.0, 0.3, 0.85, 0.0) if crease else (0.9, 1.0, 0.95, 1.0, 0.92)
    xs = np.linspace(-1.0, 1.0, 5).tolist()
    for index in range(4):
        shade = Look((184 - 9 * (index % 2), 144 - 8 * (index % 2), 96 - 6 * (index % 2)), Material.PLAIN)
        (x0, z0), (x1, z1) = ((xs[i], heights[i]) for i in (index, index + 1))
        sketch.panel([(x0, -0.8, z0), (x1, -0.8, z1), (x1, 0.8, z1), (x0, 0.8, z0)], shade)
        for y in (-1.0, 1.0):
            sketch.panel([(x0, 0.8 * y, z0), (x1, 0.8 * y, z1), (x1 - 0.05, y, 0.3), (x0 + 0.05, y, 0.3)], shade)
    sketch.panel([(-0.9, -0.7, 0.0), (0.9, -0.7, 0.0), (0.9, 0.7, 0.0), (-0.9, 0.7, 0.0)], CARDBOARD)


def heap(
    sketch: Sketch, *, seed: int, looks: tuple[Look, ...] = (SOIL, STONE, Look((120, 104, 88), Material.SOIL))
) -> None:
    """A flat heap of rubble with pieces on it."""
    rng = np.random.default_rng(seed)
    sketch.lump((0, 0, 0.0), (1.0, 1.0, 0.6), looks[0], seed, rough=0.2)
    for index in range(22):
        angle, way = 2.4 * index, 0.85 * math.sqrt((index + 0.5) / 22)
        x, y = way * math.cos(angle), way * math.sin(angle)
        top = 1.0 if index == 0 else 0.25 + (1.0 - way) * float(rng.uniform(0.45, 0.75)) + 0.15 * float(rng.random())
        half = 0.04 + 0.07 * float(rng.random())
        center, extent = sketch.at((x, y, 0.5 * top)), [half * sketch.x, half * sketch.x, 0.5 * top * sketch.z]
        sketch.builder.box(center, extent, looks[index % len(looks)], yaw=float(rng.uniform(0, 3)), top=(0.7, 0.6))


def litter_platform(sketch: Sketch) -> None:
    """Planks on the ground with bags and boxes on them."""
    for low in np.linspace(-1.0, 0.72, 7).tolist():
        sketch.box((-1, 1), (low, low + 0.25), (0.12, 0.2), WOOD)
    for x in (-0.8, 0.0, 0.8):
        sketch.box((x - 0.06, x + 0.06), (-0.98, 0.95), (0, 0.12), DARK_WOOD)
    for seed, (x, y) in enumerate(((-0.7, 0.3), (-0.45, -0.4), (0.55, 0.35))):
        sketch.lump((x, y, 0.5), (0.2, 0.36, 0.42), BLACK if seed else WHITE, seed)
    sketch.box((0.05, 0.32), (-0.6, -0.05), (0.2, 1.0), CARDBOARD)
    sketch.box((-0.15, 0.15), (0.2, 0.7), (0.2, 0.7), CARDBOARD)
    sketch.box((0.5, 0.9), (-0.7, -0.3), (0.2, 0.45), GREY)


def shard(sketch: Sketch, *, seed: int) -> None:
    """A broken tile."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0.0, 2.0 * np.pi, 6, endpoint=False) + rng.uniform(-0.4, 0.4, 6)
    outline = np.column_stack([np.cos(angle) * sketch.x, np.sin(angle) * sketch.y])
    sketch.builder.prism(outline, 0.0, sketch.z, Look((178, 96, 70), Material.BRICK))
    sketch.builder.prism(0.9 * outline, 0.0, 0.0, Look((150, 80, 60), Material.BRICK), sides=False)


def plank(sketch: Sketch) -> None:
    """A sheet of iron with raised ribs."""
    sketch.box((-1, 1), (-1, 1), (0, 0.6), Look((122, 98, 82), Material.METAL))
    for x in np.linspace(-0.9, 0.9, 10).tolist():
        sketch.box((x - 0.03, x + 0.03), (-0.95, 0.95), (0.6, 1.0), METAL)


def bag(sketch: Sketch, *, look: Look, seed: int) -> None:
    """A filled bag tied at the neck."""
    sketch.lump((0, 0, 0.4), (1.0, 1.0, 0.4), look, seed)
    sketch.lathe([(0.5, 0.7), (0.16, 0.86), (0.12, 0.9), (0.34, 1.0), (0.0, 0.97)], look, sides=9)


def handbag(sketch: Sketch, *, look: Look, belt: Look, body: float = 0.6) -> None:
    """A bag with two handles; `body` is the share of the height below them."""
    sketch.box((-0.86, 0.86), (-0.86, 0.86), (0, body), look, top=(1.14, 1.14))
    sketch.box((-1, 1), (-1, 1), (body - 0.06, body - 0.01), belt)
    along = (1.0, 0.0) if sketch.x > sketch.y else (0.0, 1.0)
    for side in (-0.7, 0.7):
        angle = np.linspace(0.0, math.pi, 7).tolist()
        path = [(0.5 * math.cos(a), body + (1.0 - body) * math.sin(a) * 0.99) for a in angle]
        points = [(a * along[0] + side * along[1], a * along[1] + side * along[0], z) for a, z in path]
        for start, end in pairwise(points):
            sketch.bar(start, end, 0.012, belt, sides=5)


def case(sketch: Sketch, *, look: Look, wheels: bool = False) -> None:
    """A suitcase; with wheels it has a drawn handle."""
    body = 0.62 if wheels else 0.88
    low = 0.06 if wheels else 0.0
    sketch.box((-1, 1), (-1, 1), (low + 0.05, body - 0.05), look)
    for z in (low + 0.025, body - 0.025):
        sketch.box((-0.95, 0.95), (-0.9, 0.9), (z - 0.025, z + 0.025), look)
    sketch.box((-0.99, 0.99), (-0.06, 0.06), (low, body + 0.005), CHROME)
    for z in np.linspace(low + 0.15, body - 0.15, 4).tolist():
        sketch.box((-0.9, 0.9), (-1.01, 1.01), (z - 0.012, z + 0.012), BLACK)
    if wheels:
        sketch.posts((-0.8, 0.8), (-0.7, 0.7), (0.0, 0.07), 0.03, RUBBER)
        sketch.posts((-0.35, 0.35), (-0.8,), (body, 0.98), 0.012, CHROME)
        sketch.box((-0.42, 0.42), (-0.9, -0.7), (0.97, 1.0), BLACK)
    else:
        sketch.posts((-0.25, 0.25), (0.0,), (body, 0.97), 0.012, IRON)
        sketch.box((-0.3, 0.3), (-0.15, 0.15), (0.95, 1.0), BLACK)


def guitar_case(sketch: Sketch) -> None:
    """A guitar case lying on its edge along x."""
    body = Look((40, 34, 32), Material.PLASTIC)
    for x, radius in ((-0.6, 0.40), (-0.1, 0.34)):
        outline = [
            (x + radius * math.cos(a), 0.5 + 0.5 * radius / 0.4 * math.sin(a))
            for a in np.linspace(0, 2 * math.pi, 17)[:16]
        ]
        sketch.extrude(outline, (-1, 1), body)
    sketch.box((0.1, 0.75), (-0.9, 0.9), (0.36, 0.64), body)
    sketch.box((0.7, 1.0), (-1, 1), (0.3, 0.7), body)
    sketch.bar((-0.35, 0, 0.97), (-0.1, 0, 0.95), 0.012, CHROME)
    for x in (-0.7, -0.3, 0.3, 0.8):
        sketch.box((x - 0.02, x + 0.02), (-1.02, 1.02), (0.47, 0.53), CHROME)


def trolley_bag(sketch: Sketch) -> None:
    """A shopping bag on two wheels."""
    sketch.box((-0.8, 0.8), (-0.5, 0.9), (0.1, 0.68), Look((132, 40, 60), Material.PLAIN), top=(1.1, 1.1))
    sketch.box((-0.92, 0.92), (-0.6, 1.0), (0.66, 0.72), BLACK)
    sketch.bar((-1.0, -0.4, 0.08), (1.0, -0.4, 0.08), 0.012, IRON)
    for x in (-0.95, 0.85):
        sketch.bar((x, -0.4, 0.08), (x + 0.1, -0.4, 0.08), 0.08 * sketch.z, RUBBER, sides=10)
        sketch.bar((0.8 * x, -0.55, 0.1), (0.8 * x, -0.95, 0.97), 0.012, CHROME)
    sketch.bar((-0.85, -0.93, 0.985), (0.85, -0.93, 0.985), 0.016, BLACK)
    sketch.box((-0.5, 0.5), (0.6, 0.85), (0.0, 0.1), IRON)


def shopping_cart(sketch: Sketch) -> None:
    """A wire cart along y, its grip at the back."""
    rim = [(-0.85, -0.7, 0.92), (0.85, -0.7, 0.92), (0.75, 1.0, 0.8), (-0.75, 1.0, 0.8)]
    floor = [(-0.6, -0.6, 0.5), (0.6, -0.6, 0.5), (0.55, 0.85, 0.55), (-0.55, 0.85, 0.55)]
    for share in (0.0, 0.33, 0.67, 1.0):
        ring = (np.array(floor) * (1 - share) + np.array(rim) * share).tolist()
        for start, end in zip(ring, ring[1:] + ring[:1], strict=True):
            sketch.bar(start, end, 0.008, CHROME, sides=4)
    for index in range(4):
        first, second = (np.array([floor[i], rim[i]]) for i in (index, (index + 1) % 4))
        for share in (0.0, 0.25, 0.5, 0.75):
            start, end = (first * (1 - share) + second * share).tolist()
            sketch.bar(start, end, 0.006, CHROME, sides=4)
    for x in np.linspace(-0.5, 0.5, 5).tolist():
        sketch.bar((x, -0.6, 0.5), (x, 0.85, 0.55), 0.006, CHROME, sides=4)
    for x in (-0.7, 0.7):
        sketch.bar((x, -0.75, 0.08), (x, 0.8, 0.16), 0.014, METAL)
        sketch.bar((x, -0.75, 0.08), (0.9 * x, -0.6, 0.5), 0.014, METAL)
        sketch.bar((x, -0.7, 0.9), (x, -0.97, 0.97), 0.012, METAL)
    sketch.wheels((-0.75, 0.75), (-0.75, 0.75), 0.06 * sketch.z, 0.05)
    sketch.bar((-1, -0.97, 0.98), (1, -0.97, 0.98), 0.018, RED)


def helmet(sketch: Sketch, *, shell: Look, visor: bool) -> None:
    """A helmet looking towards x: with a visor for motorcycles, with vents for bicycles."""
    if visor:
        profile = [(0.6, 0.03), (0.72, 0.0), (0.92, 0.1), (1.0, 0.4), (0.97, 0.6), (0.84, 0.8), (0.5, 0.95), (0.0, 1.0)]
        sketch.lathe(profile, [BLACK, shell, shell, shell, shell, shell, shell], sides=16)
        sketch.ball((0.15, 0, 0.55), (0.9, 0.95, 0.26), GLASS, sides=14)
        sketch.box((0.85, 1.0), (-0.2, 0.2), (0.14, 0.2), BLACK)
        return
    sketch.ball((0, 0, 0.55), (1, 1, 0.45), shell, sides=12, rings=8)
    sketch.lathe([(0.6, 0.0), (0.85, 0.05), (0.97, 0.35), (0.9, 0.4)], BLACK)
    for y in (-0.4, 0.0, 0.4):
        sketch.ball((0.1, y, 0.75), (0.75, 0.1, 0.24 - 0.2 * abs(y) ** 2), BLACK, sides=8)


def can(sketch: Sketch, *, look: Look = RED, crushed: float = 0.0) -> None:
    """A drink can; `crushed` is the share of the radius that its waist has lost."""
    waist = 1.0 - crushed
    profile = [
        (0.0, 0.02),
        (0.7, 0.0),
        (1.0, 0.06),
        (waist, 0.4),
        (waist, 0.6),
        (1.0, 0.9),
        (0.8, 1.0),
        (0.75, 0.96),
        (0, 0.96),
    ]
    sketch.lathe(profile, [CHROME, CHROME, look, look, look, CHROME, CHROME, CHROME])


def plate_of_leftovers(sketch: Sketch) -> None:
    """A paper plate with something on it."""
    sketch.lathe([(0.0, 0.0), (0.7, 0.0), (1.0, 0.6), (0.97, 0.65), (0.7, 0.1), (0.0, 0.1)], WHITE, sides=18)
    sketch.lump((0.1, 0.1, 0.45), (0.4, 0.35, 0.5), Look((170, 110, 60), Material.PLAIN), 3)
    sketch.lump((-0.3, -0.2, 0.3), (0.2, 0.2, 0.3), Look((150, 50, 40), Material.PLAIN), 4)


def phone(sketch: Sketch) -> None:
    """A mobile phone standing on its edge."""
    sketch.box((-1, 1), (-1, 0.9), (0, 1), BLACK)
    sketch.box((-0.92, 0.92), (0.9, 1.0), (0.04, 0.96), Look((44, 60, 80), Material.GLASS))


def watering_can(sketch: Sketch) -> None:
    """A watering can with its spout along y."""
    sketch.lathe([(0, 0), (1, 0), (0.9, 0.62), (0.8, 0.64), (0, 0.64)], GREEN, center=(0, -0.4), radius=sketch.x)
    sketch.bar((0, -0.1, 0.25), (0, 0.85, 0.85), 0.1 * sketch.y, GREEN, tip=0.06 * sketch.y)
    sketch.bar((0, 0.8, 0.82), (0, 0.96, 0.92), 0.08 * sketch.y, GREEN, tip=0.14 * sketch.y, sides=8)
    for start, end in (
        ((0, -0.9, 0.3), (0, -0.97, 0.7)),
        ((0, -0.97, 0.7), (0, -0.6, 0.97)),
        ((0, -0.6, 0.97), (0, -0.1, 0.62)),
    ):
        sketch.bar(start, end, 0.05 * sketch.y, GREEN)


def gnome(sketch: Sketch) -> None:
    """A garden gnome with a pointed hat, looking towards x."""
    sketch.lathe([(0, 0), (1.0, 0), (1.0, 0.02), (0.8, 0.05), (0, 0.05)], GREEN, sides=16)
    for y in (-0.3, 0.3):
        sketch.ball((0.25, y, 0.09), (0.5, 0.26, 0.06), BLACK, sides=8)
    sketch.lathe([(0.55, 0.08), (0.8, 0.22), (0.82, 0.3), (0.6, 0.44), (0.4, 0.5)], [BLUE, BLACK, BLUE, BLUE])
    for y in (-1.0, 1.0):
        sketch.bar((0, 0.6 * y, 0.42), (0.45, 0.72 * y, 0.28), 0.22 * sketch.y, BLUE)
        sketch.ball((0.5, 0.8 * y, 0.27), (0.2, 0.2, 0.05), _SKIN, sides=8)
    sketch.ball((0, 0, 0.55), (0.48, 0.48, 0.11), _SKIN)
    sketch.ball((0.3, 0, 0.45), (0.4, 0.5, 0.14), WHITE)
    sketch.ball((0.5, 0, 0.57), (0.13, 0.12, 0.03), _SKIN, sides=8)
    sketch.lathe([(0.62, 0.6), (0.6, 0.64), (0.34, 0.82), (0.0, 1.0)], RED)


def garden_lamp(sketch: Sketch) -> None:
    """A lantern on a post, lit with the street lamps."""
    glow = Look((255, 226, 170), Material.LAMP, channel=int(LampChannel.STREET))
    sketch.lathe([(0, 0), (1.0, 0), (0.9, 0.05), (0.25, 0.08), (0.2, 0.5), (0.6, 0.55)], IRON)
    sketch.lathe([(0.5, 0.55), (0.6, 0.82), (0.0, 0.82)], glow, sides=8)
    sketch.posts((-0.42, 0.42), (-0.42, 0.42), (0.55, 0.84), 0.03 * sketch.z, IRON)
    sketch.lathe([(0.3, 0.83), (1.0, 0.83), (0.5, 0.94), (0.12, 0.97), (0.0, 1.0)], IRON, sides=8)


def doghouse(sketch: Sketch) -> None:
    """A wooden hut with a gable and a dark entry towards y."""
    sketch.box((-0.8, 0.8), (-0.85, 0.85), (0, 0.55), WOOD)
    sketch.extrude([(-0.8, 0.55), (0.8, 0.55), (0, 0.96)], (-0.85, 0.85), WOOD)
    roof = Look((140, 50, 44), Material.ROOF)
    for side in (-1.0, 1.0):
        outline = [(0, 1.0), (side, 0.5), (0.97 * side, 0.45), (0, 0.94)]
        sketch.extrude(outline, (-1, 1), roof)
    arch = [(0.4 * math.cos(a), 0.38 + 0.2 * math.sin(a)) for a in np.linspace(0, math.pi, 7).tolist()]
    sketch.extrude([*arch, (-0.4, 0.04), (0.4, 0.04)], (0.85, 0.87), BLACK)


def barbecue(sketch: Sketch) -> None:
    """A grill with a round lid on legs with two wheels, along x."""
    for x in (-0.7, 0.7):
        for y in (-0.7, 0.7):
            sketch.bar((x, y, 0.02), (0.6 * x, 0.5 * y, 0.6), 0.016, METAL)
    sketch.wheels((-0.7,), (-0.75, 0.75), 0.07 * sketch.z, 0.05)
    sketch.box((-0.6, 0.6), (-0.6, 0.6), (0.25, 0.28), WOOD)
    for sign, look, tip in ((-1.0, BLACK, 0.28), (1.0, RED, 0.25)):
        arch = [(math.cos(a), 0.7 + sign * tip * math.sin(a)) for a in np.linspace(0.0, math.pi, 9).tolist()]
        sketch.extrude([(0.95 * y, z) for y, z in arch], (-0.62, 0.62), look, along="x")
    sketch.box((-1, -0.62), (-0.7, 0.7), (0.66, 0.69), WOOD)
    sketch.box((0.62, 1.0), (-0.7, 0.7), (0.66, 0.69), WOOD)
    sketch.bar((-0.3, 0.97, 0.74), (0.3, 0.97, 0.74), 0.015, WOOD)
    sketch.bar((0.3, 0, 0.9), (0.3, 0, 1.0), 0.04, IRON)
    sketch.box((-0.3, 0.3), (-1, -0.9), (0.68, 0.72), IRON)


def barrel(sketch: Sketch, *, staves: Look = DARK_WOOD) -> None:
    """A barrel with hoops."""
    profile = [
        (0.0, 0.0),
        (0.84, 0.0),
        (0.9, 0.14),
        (0.92, 0.2),
        (1.0, 0.46),
        (1.0, 0.54),
        (0.92, 0.8),
        (0.9, 0.86),
        (0.84, 1.0),
    ]
    looks = [staves, staves, IRON, staves, IRON, staves, IRON, staves]
    sketch.lathe([*profile, (0.78, 1.0), (0.78, 0.96), (0.0, 0.96)], [*looks, staves, staves, staves], sides=18)


def hay_bale(sketch: Sketch) -> None:
    """A round bale lying along y, its ends wound in rings."""
    straw: tuple[Color, ...] = ((206, 172, 92), (184, 150, 78))
    outline = [(math.cos(a), 0.5 + 0.5 * math.sin(a)) for a in np.linspace(0, 2 * math.pi, 21)[:20].tolist()]
    sketch.extrude(outline, (-0.97, 0.97), Look(straw[0], Material.PLAIN))
    for index, share in enumerate((0.96, 0.75, 0.55, 0.35, 0.16)):
        ring = [(share * x, 0.5 + share * (z - 0.5)) for x, z in outline]
        sketch.extrude(
            ring, (-0.98 - 0.005 * index, 0.98 + 0.005 * index), Look(straw[(index + 1) % 2], Material.PLAIN)
        )
    for y in (-0.6, -0.2, 0.2, 0.6):
        band = [(1.004 * x, 0.5 + 1.004 * (z - 0.5)) for x, z in outline]
        sketch.extrude(band, (y - 0.02, y + 0.02), Look((160, 128, 66), Material.PLAIN))


def chair(sketch: Sketch, *, look: Look = WHITE) -> None:
    """A garden chair with arms, looking towards x."""
    sketch.box((-0.7, 0.9), (-0.8, 0.8), (0.36, 0.4), look)
    for x, lean in ((-0.75, -0.2), (0.85, 0.1)):
        for y in (-0.82, 0.82):
            sketch.bar((x + lean, 1.12 * y, 0.0), (x, y, 0.4), 0.025, look)
    for y in np.linspace(-0.66, 0.66, 5).tolist():
        sketch.panel(
            [(-0.7, y - 0.12, 0.42), (-0.7, y + 0.12, 0.42), (-0.96, y + 0.12, 0.95), (-0.96, y - 0.12, 0.95)], look
        )
    sketch.box((-1, -0.9), (-0.85, 0.85), (0.92, 1.0), look)
    for y in (-0.9, 0.9):
        sketch.box((-0.85, 0.85), (y - 0.1, y + 0.1), (0.57, 0.6), look)
        sketch.bar((0.8, y, 0.38), (0.8, y, 0.58), 0.022, look)
        sketch.bar((-0.7, 0.88 * y, 0.38), (-0.97, 0.88 * y, 0.98), 0.022, look)


def parasol_table(sketch: Sketch) -> None:
    """A round table under a parasol."""
    sketch.lathe([(0.0, 0.28), (0.5, 0.28), (0.52, 0.29), (0.5, 0.3), (0.0, 0.3)], WHITE, sides=16)
    sketch.posts((-0.28, 0.28), (-0.28, 0.28), (0.0, 0.28), 0.025, WHITE)
    sketch.bar((0, 0, 0), (0, 0, 0.98), 0.025, METAL)
    sketch.lathe([(0.22, 0.0), (0.22, 0.03), (0.04, 0.05)], STONE)
    angle = np.linspace(0, 2 * math.pi, 17).tolist()
    for index, (a, b) in enumerate(pairwise(angle)):
        look = WHITE if index // 2 % 2 else GREEN
        rim = [(math.cos(t), math.sin(t), 0.76) for t in (a, b)]
        sketch.panel([*rim, (0.0, 0.0, 0.97)], look)
        sketch.panel([*rim, (rim[1][0], rim[1][1], 0.71), (rim[0][0], rim[0][1], 0.71)], look)
    sketch.ball((0, 0, 0.985), (0.02, 0.02, 0.015), WOOD)


def picnic_table(sketch: Sketch) -> None:
    """A wooden table along x with a bench on either side."""
    for y in np.linspace(-0.34, 0.34, 5).tolist():
        sketch.box((-1, 1), (y - 0.08, y + 0.08), (0.95, 1.0), WOOD)
    for side in (-1.0, 1.0):
        for y in (0.76, 0.92):
            sketch.box((-1, 1), (side * y - 0.08, side * y + 0.08), (0.54, 0.6), WOOD)
    for x in (-0.65, 0.65):
        sketch.box((x - 0.04, x + 0.04), (-1, 1), (0.47, 0.54), DARK_WOOD)
        sketch.box((x - 0.04, x + 0.04), (-0.42, 0.42), (0.89, 0.95), DARK_WOOD)
        for side in (-1.0, 1.0):
            sketch.bar((x, 0.62 * side, 0.0), (x, 0.3 * side, 0.92), 0.045, DARK_WOOD, sides=4)
