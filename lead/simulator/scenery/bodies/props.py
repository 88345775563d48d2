"""Bodies of the stock props, each filling the box that its blueprint reports, so that what is seen is what is hit.

This module has the table of kinds, and the makers of plants and of what stands in gardens; the makers of street
furniture and of household things lie beside it. A kind that the table lacks looks like a plain crate.
"""

from __future__ import annotations

import math
from functools import lru_cache, partial
from itertools import pairwise

import numpy as np

from lead.simulator.scenery.bodies import props_household as household
from lead.simulator.scenery.bodies import props_street as street
from lead.simulator.scenery.bodies.props_sketch import (
    BARK,
    BLACK,
    BLUE,
    CLAY,
    DARK_WOOD,
    GREEN,
    GREY,
    IRON,
    LEAVES,
    METAL,
    RED,
    RUBBER,
    SOIL,
    STONE,
    WHITE,
    WOOD,
    YELLOW,
    Maker,
    Sketch,
    quarter_turned,
)
from lead.simulator.scenery.materials import Label, Material
from lead.simulator.scenery.mesh import Color, Look, Mesh, transformed
from lead.simulator.scenery.placements import Thing
from lead.simulator.scenery.vegetation import plant

_THINNEST = 1e-3
"""Metres that a box without extent is thought to have."""
_CANVAS = Look((206, 188, 148), Material.CLOTH)
_PAPER = Look((196, 160, 112), Material.PLAIN)
_BLOSSOMS: tuple[Color, ...] = ((206, 60, 76), (228, 190, 70), (190, 110, 180))


@lru_cache(maxsize=256)
def prop_body(kind: str, size: tuple[float, float, float], label: Label) -> Mesh:
    """The body of a prop.

    Args:
        kind: Name of the prop without `static.prop.`, a key of `MAKERS`; any other gives a crate.
        size: Length, width and height of its box in metres.
        label: Object class of all its triangles.

    Returns:
        A mesh in the prop's frame (x forward, y right, z up) with its origin in the middle of the box's lower face;
        it touches all faces of the box. Callers share it, do not write into it.
    """
    length, width, height = (max(side, _THINNEST) for side in size)
    sketch = Sketch((length, width, height))
    MAKERS.get(kind, household.crate)(sketch)
    mesh = _fitted(sketch.build(), (length, width, height))
    return Mesh(**{**vars(mesh), "label": np.full(len(mesh), label, np.uint8)})


def _fitted(mesh: Mesh, size: tuple[float, float, float]) -> Mesh:
    """Stretch the last centimetres, so that the body fills its box exactly."""
    used = mesh.vertices[np.unique(mesh.triangles)].astype(np.float64)
    low, high = used.min(axis=0), used.max(axis=0)
    wanted = np.array(size)
    scale = wanted / (high - low)
    matrix = np.diag([*scale, 1.0])
    matrix[:3, 3] = wanted * (-0.5, -0.5, 0.0) - low * scale
    return transformed(mesh, matrix)


def _broadleaf_tree(sketch: Sketch) -> None:
    """A tree with a wide crown, of the shapes that line the streets."""
    tree = plant(Thing.BROADLEAF, 1)
    low, high = tree.vertices.min(axis=0), tree.vertices.max(axis=0)
    matrix = np.diag([*(np.array([2 * sketch.x, 2 * sketch.y, sketch.z]) / (high - low)), 1.0])
    sketch.builder.mesh(tree, matrix)


def _palm(sketch: Sketch) -> None:
    """A bent trunk with a tuft of drooping fronds and coconuts."""
    path = [(0.12 * math.sin(1.6 * z), 0.05 * z, 0.86 * z) for z in np.linspace(0.0, 1.0, 8).tolist()]
    for index, (start, end) in enumerate(pairwise(path)):
        thick = 0.24 - 0.016 * index
        sketch.bar(start, end, thick, BARK, tip=thick - 0.03, sides=8)
    head = path[-1]
    rng = np.random.default_rng(7)
    for index in range(18):
        angle = 2.4 * index
        reach = (0.95 if index % 3 else 0.7) * float(rng.uniform(0.9, 1.05))
        lift = 0.13 if index % 3 == 0 else 0.05
        shade = int(rng.integers(-10, 11))
        look = Look((92 + shade, 118 + shade, 58), Material.FOLIAGE)
        rows = []
        for share, wide in ((0.0, 0.02), (0.35, 0.11), (0.7, 0.09), (1.0, 0.01)):
            rise = lift * math.sin(2.6 * share) - 0.11 * share**2 * (1.0 if index % 3 else 0.3)
            x, y = head[0] * (1 - share) + reach * share * math.cos(angle), head[1] + reach * share * math.sin(angle)
            across = (-wide * math.sin(angle), wide * math.cos(angle))
            middle = (x, y, head[2] + rise)
            rows.append([(x + s * across[0], y + s * across[1], middle[2] - 0.014) for s in (-1, 1)] + [middle])
        for (a, b, m), (c, d, n) in pairwise(rows):
            sketch.panel([a, m, n, c], look)
            sketch.panel([m, b, d, n], look)
    for angle in (0.4, 2.0, 3.6, 5.2):
        center = (head[0] + 0.06 * math.cos(angle), head[1] + 0.06 * math.sin(angle), head[2] - 0.015)
        sketch.ball(center, (0.04, 0.04, 0.01), DARK_WOOD, sides=7, rings=4)


def _cypress(sketch: Sketch) -> None:
    """A narrow dark flame of a tree."""
    sketch.bar((0, 0, 0), (0, 0, 0.2), 0.24, BARK, sides=8)
    for seed, (low, high, wide) in enumerate(
        ((0.05, 0.55, 0.9), (0.15, 0.8, 0.98), (0.35, 0.95, 0.72), (0.6, 1.0, 0.36))
    ):
        look = Look((54 + 4 * seed, 80 + 4 * seed, 50), Material.FOLIAGE)
        sketch.lump((0, 0, 0.5 * (low + high)), (wide, wide, 0.5 * (high - low)), look, seed, rough=0.1)


def _round_pot(sketch: Sketch, *, pot: Look = CLAY, rim: float = 0.5, seed: int = 1, blossoms: int = 0) -> None:
    """A turned pot with a bush; `rim` is the share of the height that the pot takes."""
    wide = 0.78
    profile = [(0, 0), (0.5, 0), (wide - 0.06, rim - 0.08), (wide, rim - 0.08), (wide, rim), (wide - 0.08, rim)]
    sketch.lathe([*profile, (wide - 0.1, rim - 0.05), (0, rim - 0.05)], [pot] * 6 + [SOIL])
    _bush(sketch, (0.0, 0.0), (1.0, 1.0), (rim - 0.1, 1.0), seed, blossoms)


def _bush(
    sketch: Sketch,
    center: tuple[float, float],
    half: tuple[float, float],
    z: tuple[float, float],
    seed: int,
    blossoms: int,
) -> None:
    """Leaves, and blossoms sprinkled over them."""
    middle, tall = 0.5 * (z[0] + z[1]), 0.5 * (z[1] - z[0])
    sketch.lump((*center, middle), (*half, tall), LEAVES, seed, rough=0.2)
    for index in range(blossoms):
        turn, up = 2.4 * index + seed, 0.15 + 0.75 * ((index * 0.618) % 1.0)
        out = 0.9 * math.sqrt(1.0 - up * up)
        place = (
            center[0] + out * half[0] * math.cos(turn),
            center[1] + out * half[1] * math.sin(turn),
            middle + 0.9 * up * tall,
        )
        look = Look(_BLOSSOMS[(index + seed) % 3], Material.FOLIAGE)
        sketch.ball(place, (0.12 * half[0], 0.12 * half[1], 0.12 * tall), look, sides=6, rings=3)


def _planter(sketch: Sketch, *, box: Look = CLAY, rim: float = 0.45, plants: int = 3, blossoms: int = 6) -> None:
    """A long box along x with a row of plants."""
    sketch.box((-0.92, 0.92), (-0.8, 0.8), (0, rim - 0.06), box, top=(1.05, 1.1))
    sketch.box((-1, 1), (-0.96, 0.96), (rim - 0.06, rim), box)
    sketch.box((-0.95, 0.95), (-0.85, 0.85), (rim, rim + 0.005), SOIL)
    for index in range(plants):
        x = (2 * index + 1) / plants - 1.0
        _bush(sketch, (x * 0.95, 0.0), (0.95 / plants, 0.95), (rim - 0.08, 1.0), index + plants, blossoms)


def _swing(sketch: Sketch) -> None:
    """Two seats between A-frames that stand along x."""
    for x in (-0.98, 0.98):
        for y in (-0.98, 0.98):
            sketch.bar((x, y, 0.0), (0.94 * x, 0.0, 0.98), 0.045, RED)
        sketch.bar((x, -0.5, 0.48), (x, 0.5, 0.48), 0.03, RED)
    sketch.bar((-0.98, 0, 0.98), (0.98, 0, 0.98), 0.05, BLUE, sides=8)
    for x in (-0.45, 0.45):
        for rope in (-0.11, 0.11):
            sketch.bar((x + rope, 0, 0.97), (x + rope, 0, 0.2), 0.012, METAL, sides=4)
        sketch.box((x - 0.13, x + 0.13), (-0.12, 0.12), (0.19, 0.21), BLACK)


def _slide(sketch: Sketch) -> None:
    """A chute along y with a ladder at its high end."""
    path = [(-0.5, 0.72), (-0.35, 0.70), (0.7, 0.12), (1.0, 0.08)]
    for (y0, z0), (y1, z1) in pairwise(path):
        sketch.panel([(-0.55, y0, z0), (0.55, y0, z0), (0.55, y1, z1), (-0.55, y1, z1)], YELLOW)
        for x in (-0.6, 0.6):
            sketch.extrude(
                [(y0, z0 - 0.03), (y1, z1 - 0.03), (y1, z1 + 0.1), (y0, z0 + 0.1)], (x - 0.06, x + 0.06), RED, along="x"
            )
    sketch.box((-0.65, 0.65), (-0.75, -0.5), (0.68, 0.72), BLUE)
    for x in (-0.7, 0.7):
        sketch.bar((1.3 * x, -0.98, 0.0), (x, -0.75, 0.7), 0.03, METAL)
        sketch.bar((x, -0.75, 0.7), (x, -0.7, 0.98), 0.03, METAL)
        sketch.bar((x, -0.7, 0.98), (x, -0.42, 0.8), 0.03, METAL)
        sketch.bar((1.3 * x, -0.3, 0.0), (x, -0.5, 0.7), 0.03, METAL)
        sketch.bar((x, 0.85, 0.0), (x, 0.85, 0.1), 0.03, METAL)
    for share in (0.2, 0.4, 0.6, 0.8):
        wide, y = 0.91 - 0.21 * share, -0.98 + 0.23 * share
        sketch.bar((-wide, y, 0.7 * share), (wide, y, 0.7 * share), 0.025, METAL)


def _trampoline(sketch: Sketch) -> None:
    """A round mat on legs inside a net on padded poles."""
    deck = 0.32
    sketch.lathe([(0.84, deck), (0.0, deck)], BLACK, sides=20)
    sketch.lathe([(0.98, deck - 0.02), (0.98, deck + 0.01), (0.84, deck + 0.01), (0.84, deck)], BLUE, sides=20)
    ring = [(math.cos(a), math.sin(a)) for a in np.linspace(0, 2 * math.pi, 25).tolist()]
    for index, ((x0, y0), (x1, y1)) in enumerate(pairwise(ring)):
        for z in (0.98, 0.7, 0.5):
            sketch.bar((0.96 * x0, 0.96 * y0, z), (0.96 * x1, 0.96 * y1, z), 0.03 if z > 0.9 else 0.006, IRON, sides=4)
        sketch.bar((0.96 * x0, 0.96 * y0, deck), (0.96 * x0, 0.96 * y0, 0.98), 0.006, IRON, sides=4)
        if index % 4 == 0:
            sketch.bar((0.97 * x0, 0.97 * y0, 0.0), (0.97 * x0, 0.97 * y0, deck), 0.03, METAL)
            sketch.bar((0.97 * x0, 0.97 * y0, deck), (0.97 * x0, 0.97 * y0, 1.0), 0.045, GREEN)


def _swing_couch(sketch: Sketch) -> None:
    """A couch along y that hangs in a frame under a canopy, looking towards x."""
    for y in (-0.95, 0.95):
        for x in (-0.95, 0.95):
            sketch.bar((x, y, 0.0), (0.15 * x, 0.98 * y, 0.93), 0.03, IRON)
        sketch.bar((0.0, 0.8 * y, 0.3), (0.0, 0.9 * y, 0.93), 0.012, METAL)
        sketch.box((-0.5, 0.55), (y * 0.78 - 0.03, y * 0.78 + 0.03), (0.2, 0.4), IRON)
    sketch.bar((0, -0.95, 0.93), (0, 0.95, 0.93), 0.03, IRON)
    sketch.stripes(1, ((-0.5, 0.55), (-0.7, 0.7), (0.2, 0.27)), (_CANVAS, GREEN), 6)
    for index, low in enumerate(np.linspace(-0.7, 0.4667, 6).tolist()):
        high = low + 0.2333
        sketch.panel(
            [(-0.45, low, 0.26), (-0.45, high, 0.26), (-0.7, high, 0.55), (-0.7, low, 0.55)],
            GREEN if index % 2 else _CANVAS,
        )
    for x in (-1.0, 1.0):
        sketch.panel([(0, -1, 1.0), (0, 1, 1.0), (x, 1, 0.9), (x, -1, 0.9)], GREEN)
        sketch.panel([(x, -1, 0.9), (x, 1, 0.9), (x, 1, 0.86), (x, -1, 0.86)], _CANVAS)


def _clothesline(sketch: Sketch) -> None:
    """Lines between two T-posts along x, with laundry."""
    for x in (-0.97, 0.97):
        sketch.bar((x, 0, 0), (x, 0, 0.97), 0.05, METAL)
        sketch.bar((x, -1, 0.97), (x, 1, 0.97), 0.035, METAL)
    for y in (-0.8, -0.25, 0.25, 0.8):
        sketch.bar((-0.97, y, 0.97), (0.97, y, 0.97), 0.006, WHITE, sides=4)
    laundry = (
        (-0.75, 0.4, -0.8, 0.4),
        (-0.2, 0.22, -0.8, 0.6),
        (0.2, 0.5, 0.25, 0.35),
        (-0.6, 0.25, 0.8, 0.62),
        (0.5, 0.3, 0.8, 0.45),
    )
    colors: tuple[Color, ...] = ((230, 230, 226), (88, 120, 168), (220, 206, 180), (170, 64, 60), (226, 226, 230))
    for (x, wide, y, low), color in zip(laundry, colors, strict=True):
        sketch.panel(
            [(x, y, 0.97), (x + wide, y, 0.97), (x + wide, y + 0.06, low), (x, y - 0.04, low)],
            Look(color, Material.PLAIN),
        )


def _pergola(sketch: Sketch) -> None:
    """Beams and rafters on four posts, with climbing leaves."""
    for x in (-0.82, 0.82):
        for y in (-0.82, 0.82):
            sketch.box((x - 0.03, x + 0.03), (y - 0.03, y + 0.03), (0, 0.92), WOOD)
            sketch.box((x - 0.06, x + 0.06), (y - 0.06, y + 0.06), (0, 0.04), STONE)
        sketch.box((x - 0.02, x + 0.02), (-1, 1), (0.89, 0.95), DARK_WOOD)
    for x in np.linspace(-0.97, 0.97, 11).tolist():
        sketch.box((-1, 1), (x - 0.02, x + 0.02), (0.95, 0.99), WOOD)
    for seed, (x, y) in enumerate(((-0.75, -0.75), (0.75, 0.7))):
        sketch.lump((x, y, 0.93), (0.22, 0.24, 0.07), LEAVES, seed)
        sketch.lump((1.06 * x, 1.06 * y, 0.45), (0.07, 0.07, 0.5), LEAVES, seed + 5)


MAKERS: dict[str, Maker] = {
    "advertisement": partial(street.billboard, face="poster", foot=0.14),
    "aporosatree": _broadleaf_tree,
    "atm": street.cash_machine,
    "barbeque": household.barbecue,
    "barrel": household.barrel,
    "bench01": partial(street.bench, back=True),
    "bench02": partial(street.bench, back=False),
    "bench03": partial(street.bench, back=False, legs=STONE),
    "bike helmet": partial(household.helmet, shell=BLUE, visor=False),
    "bin": quarter_turned(partial(street.wheelie_bin, body=GREY, lid=BLACK)),
    "box01": household.crate,
    "box02": partial(household.crate, look=_PAPER, tape=False),
    "box03": household.open_crate,
    "briefcase": partial(household.case, look=Look((84, 56, 40), Material.PLASTIC)),
    **{f"brokentile0{number}": partial(household.shard, seed=number) for number in (1, 2, 3, 4)},
    "busstop": street.bus_shelter,
    "busstoplb": quarter_turned(street.bus_shelter),
    "calibrator": street.calibration_board,
    "chainbarrier": partial(street.chain_post, chain=True),
    "chainbarrierend": partial(street.chain_post, chain=False),
    "clothcontainer": street.clothes_bank,
    "clothesline": _clothesline,
    "coconutpalm": _palm,
    "colacan": household.can,
    "constructioncone": partial(street.cone, foot=RUBBER, slim=0.66),
    "container": street.dumpster,
    "creasedbox01": household.flattened,
    "creasedbox02": household.flattened,
    "creasedbox03": partial(household.flattened, crease=False),
    "cypresstree": _cypress,
    **{f"dirtdebris0{number}": partial(household.heap, seed=number) for number in (1, 2, 3)},
    "doghouse": household.doghouse,
    "foodcart": street.food_cart,
    "fountain": street.fountain,
    "garbage01": household.can,
    "garbage02": partial(household.can, look=BLUE, crushed=0.05),
    "garbage03": partial(household.can, look=GREEN, crushed=0.12),
    "garbage04": partial(household.can, look=YELLOW, crushed=0.2),
    "garbage05": household.plate_of_leftovers,
    "garbage06": household.flattened,
    "gardenlamp": household.garden_lamp,
    "glasscontainer": street.bottle_bank,
    "gnome": household.gnome,
    "guitarcase": household.guitar_case,
    "haybale": household.hay_bale,
    "haybalelb": household.hay_bale,
    "ironplank": household.plank,
    "kiosk_01": street.kiosk,
    "mailbox": street.mailbox,
    "maptable": street.notice_table,
    "mesh": household.crate,
    "mobile": household.phone,
    "motorhelmet": partial(household.helmet, shell=RED, visor=True),
    "pergola": _pergola,
    "plantpot01": partial(_planter, plants=2),
    "plantpot02": partial(_planter, box=STONE),
    "plantpot03": partial(_planter, box=DARK_WOOD, blossoms=0),
    "plantpot04": partial(_planter, box=STONE, rim=0.5, plants=9, blossoms=0),
    "plantpot05": partial(_round_pot, blossoms=8),
    "plantpot06": partial(_round_pot, pot=STONE, rim=0.55, seed=2, blossoms=12),
    "plantpot07": partial(_planter, plants=1),
    "plantpot08": partial(_round_pot, pot=WOOD, seed=3),
    "plasticbag": partial(household.bag, look=WHITE, seed=1),
    "plasticchair": household.chair,
    "plastictable": household.parasol_table,
    "platformgarbage01": household.litter_platform,
    "purse": partial(household.handbag, look=Look((150, 60, 74), Material.PLASTIC), belt=BLACK, body=0.5),
    "shoppingbag": partial(household.handbag, look=Look((226, 206, 160), Material.PLAIN), belt=RED, body=0.7),
    "shoppingcart": household.shopping_cart,
    "shoppingtrolley": household.trolley_bag,
    "slide": _slide,
    "streetbarrier": street.street_barrier,
    "streetfountain": street.drinking_fountain,
    "streetsign": partial(street.billboard, face="poster", foot=0.55),
    "streetsign01": partial(street.billboard, face="arrow_left", foot=0.66, repeat=2, frame=BLUE),
    "streetsign04": partial(street.billboard, face="arrow_right", foot=0.6, repeat=2),
    "swing": _swing,
    "swingcouch": _swing_couch,
    "table": household.picnic_table,
    "trafficcone01": street.cone,
    "trafficcone02": street.delineator,
    "trafficwarning": street.arrow_trailer,
    "trampoline": _trampoline,
    "trashbag": partial(household.bag, look=BLACK, seed=2),
    "trashcan01": partial(street.round_bin, ribs=WOOD),
    "trashcan02": partial(street.round_bin, body=GREEN, dome=True),
    "trashcan03": street.square_bin,
    "trashcan04": street.wheelie_bin,
    "trashcan05": partial(street.wheelie_bin, body=BLUE, lid=BLUE),
    "travelcase": partial(household.case, look=Look((58, 92, 110), Material.PLASTIC), wheels=True),
    "vendingmachine": street.vending_machine,
    "warningaccident": partial(street.warning_stand, accident=True),
    "warningconstruction": partial(street.warning_stand, accident=False),
    "wateringcan": household.watering_can,
}
"""Who draws which kind of prop."""
