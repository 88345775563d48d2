"""Meshes of buildings: towers, blocks with shops, houses with gables, barns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.simulator.scenery.faces import face_uv
from lead.simulator.scenery.materials import Label, Material
from lead.simulator.scenery.mesh import Color, Look, MeshBuilder
from lead.simulator.scenery.placements import Thing

Array = NDArray[np.float64]

_WALLS: tuple[Color, ...] = (
    (172, 160, 144),
    (150, 118, 98),
    (186, 180, 168),
    (142, 146, 150),
    (178, 166, 130),
    (128, 104, 92),
    (164, 172, 174),
    (196, 188, 176),
    (152, 138, 120),
    (118, 128, 138),
)
_TOWERS: tuple[Color, ...] = ((128, 142, 152), (152, 156, 160), (110, 118, 126), (170, 166, 158), (98, 112, 124))
_ROOFS: tuple[Color, ...] = ((132, 78, 62), (96, 90, 88), (112, 84, 70), (78, 82, 88))
_EAVES_M = {Thing.HOUSE: 0.5, Thing.BARN: 0.4}
_ROOF = {Thing.HOUSE: (0.55, 0.9), Thing.BARN: (0.5, 0.0)}
"""Rise of a gable: metres per metre of half the width, and metres besides."""
_SINK_M = 0.6
"""How deep walls reach into the ground, so that slopes leave no gap."""


def roof_rise(things: NDArray[np.void]) -> Array:
    """How far the ridges of things (THING_DTYPE) lie above their walls, (n,) metres; 0 for those without a gable."""
    rise = np.zeros(len(things))
    for kind, (slope, more) in _ROOF.items():
        rise += np.where(things["kind"] == kind, slope * (things["half_y"] - _EAVES_M[kind]) + more, 0.0)
    return rise


def _label(look_color: Color, material: Material) -> Look:
    return Look(look_color, material, Label.BUILDINGS)


def add_building(builder: MeshBuilder, thing: NDArray[np.void], frame: Array) -> None:
    """Add one building.

    Args:
        builder: Takes the triangles.
        thing: A row of THING_DTYPE.
        frame: float64 (4, 4), pose of its foot: x along the road, y away from it.
    """
    rng = np.random.default_rng(int(thing["seed"]))
    local = MeshBuilder()
    half = float(thing["half_x"]), float(thing["half_y"])
    height = float(thing["height"])
    {Thing.TOWER: _tower, Thing.BLOCK: _block, Thing.HOUSE: _house, Thing.BARN: _barn}[Thing(int(thing["kind"]))](
        local, half, height, rng
    )
    builder.mesh(local.build(), frame)


def _pick(rng: np.random.Generator, colors: tuple[Color, ...]) -> Color:
    """One of the colours, slightly varied, so that the procedural facade differs too."""
    base = np.array(colors[int(rng.integers(len(colors)))]) + rng.integers(-7, 8, 3)
    red, green, blue = np.clip(base, 0, 255).tolist()
    return red, green, blue


def _shell(builder: MeshBuilder, half: tuple[float, float], low: float, high: float, look: Look) -> None:
    """Four walls and a flat top; uv of the walls in metres from the ground up."""
    x, y = half
    builder.prism([[-x, -y], [x, -y], [x, y], [-x, y]], low, high, look)


def _flat_roof(builder: MeshBuilder, half: tuple[float, float], height: float, rng: np.random.Generator) -> None:
    """Covering, parapet and machines."""
    x, y = half
    roof = _label((112, 110, 106), Material.ROOF)
    rim = _label((150, 147, 142), Material.CONCRETE)
    builder.quad([[-x, -y, height + 0.02], [x, -y, height + 0.02], [x, y, height + 0.02], [-x, y, height + 0.02]], roof)
    for center, size in (
        ((0.0, -y + 0.12, height + 0.3), (x, 0.14, 0.32)),
        ((0.0, y - 0.12, height + 0.3), (x, 0.14, 0.32)),
        ((-x + 0.12, 0.0, height + 0.3), (0.14, y, 0.32)),
        ((x - 0.12, 0.0, height + 0.3), (0.14, y, 0.32)),
    ):
        builder.box(center, size, rim, bottom=False)
    for _ in range(int(rng.integers(1, 4))):
        spot = rng.uniform(-0.6, 0.6, 2) * [x, y]
        reach = rng.uniform(0.7, 1.8, 2)
        builder.box([*spot, height + 0.8], [*reach, 0.8], _label((140, 142, 144), Material.METAL), bottom=False)


def _tower(builder: MeshBuilder, half: tuple[float, float], height: float, rng: np.random.Generator) -> None:
    wall = _label(_pick(rng, _TOWERS), Material.FACADE)
    body = height
    if height > 34.0 and rng.random() < 0.6:
        body = height / float(rng.uniform(1.12, 1.3))
        x, y = upper = half[0] * 0.72, half[1] * 0.72
        builder.prism([[-x, -y], [x, -y], [x, y], [-x, y]], body, height, wall)
        _flat_roof(builder, upper, height, rng)
    _shell(builder, half, -_SINK_M, body, wall)
    _flat_roof(builder, half, body, rng)
    x, y = half
    canopy = _label((90, 92, 95), Material.METAL)
    builder.box([0.0, -y - 0.8, 3.6], [0.45 * x, 0.8, 0.14], canopy)


def _block(builder: MeshBuilder, half: tuple[float, float], height: float, rng: np.random.Generator) -> None:
    brick = rng.random() < 0.25
    wall = _label(_pick(rng, _WALLS), Material.FACADE)
    _shell(builder, half, -_SINK_M, height, wall)
    _flat_roof(builder, half, height, rng)
    x, y = half
    cornice = _label((188, 184, 176), Material.CONCRETE)
    builder.box([0.0, 0.0, height - 0.15], [x + 0.12, y + 0.12, 0.12], cornice)
    if brick:
        plinth = _label((128, 84, 66), Material.BRICK)
        _shell(builder, (x + 0.04, y + 0.04), -_SINK_M, 0.9, plinth)
    door = _label((70, 54, 44), Material.WOOD)
    builder.box([float(rng.uniform(-0.6, 0.6)) * x, -y - 0.03, 1.1], [0.6, 0.05, 1.1], door)
    if rng.random() < 0.6:
        _sign_board(builder, half, rng)
    if rng.random() < 0.4:
        for storey in range(1, int(height / 3.2)):
            spot = float(rng.uniform(-0.6, 0.6)) * x
            builder.box([spot, -y - 0.5, 3.2 * storey + 0.1], [1.2, 0.5, 0.08], cornice)
            builder.box([spot, -y - 0.98, 3.2 * storey + 0.6], [1.2, 0.03, 0.45], _label((92, 94, 96), Material.METAL))


def _sign_board(builder: MeshBuilder, half: tuple[float, float], rng: np.random.Generator) -> None:
    """A shop sign and an awning at the front."""
    x, y = half
    spot = float(rng.uniform(-0.4, 0.4)) * x
    left, top, right, bottom = face_uv("shop")
    board = [
        [spot - 2.0, -y - 0.12, 2.9],
        [spot + 2.0, -y - 0.12, 2.9],
        [spot + 2.0, -y - 0.12, 3.6],
        [spot - 2.0, -y - 0.12, 3.6],
    ]
    # Seen from the street, which lies towards -y, +x is on the left.
    face = [[right, bottom], [left, bottom], [left, top], [right, top]]
    builder.quad(board, _label((255, 255, 255), Material.FACE), uv=face, normal=[0.0, -1.0, 0.0])
    red, green, blue = rng.integers(70, 170, 3).tolist()
    cloth = _label((red, green, blue), Material.PLASTIC)
    builder.quad(
        [[spot - 2.2, -y, 2.75], [spot + 2.2, -y, 2.75], [spot + 2.2, -y - 1.1, 2.3], [spot - 2.2, -y - 1.1, 2.3]],
        cloth,
    )


def _house(builder: MeshBuilder, half: tuple[float, float], height: float, rng: np.random.Generator) -> None:
    x, y = half
    x, y = x - _EAVES_M[Thing.HOUSE], y - _EAVES_M[Thing.HOUSE]
    wall = _label(_pick(rng, _WALLS), Material.FACADE)
    _shell(builder, (x, y), -_SINK_M, height, wall)
    roof = _label(_pick(rng, _ROOFS), Material.ROOF)
    slope, more = _ROOF[Thing.HOUSE]
    _gable(builder, (x, y), height, slope * y + more, wall, roof)
    builder.box(
        [0.5 * x, 0.3 * y, height + 0.4 * y + 0.9], [0.3, 0.3, 0.9], _label((126, 84, 70), Material.BRICK), bottom=False
    )
    builder.box([-0.2 * x, -y - 0.03, 1.05], [0.5, 0.05, 1.05], _label((86, 60, 44), Material.WOOD))
    if rng.random() < 0.5:
        builder.box(
            [-0.2 * x, -y - 0.7, 0.05], [0.9, 0.7, 0.1], _label((150, 147, 142), Material.CONCRETE), bottom=False
        )
        builder.box([-0.2 * x, -y - 0.6, 2.35], [1.0, 0.7, 0.07], roof)


def _barn(builder: MeshBuilder, half: tuple[float, float], height: float, rng: np.random.Generator) -> None:
    x, y = half
    x, y = x - _EAVES_M[Thing.BARN], y - _EAVES_M[Thing.BARN]
    colors: tuple[Color, ...] = ((136, 62, 50), (128, 116, 100), (150, 150, 148))
    wall = _label(_pick(rng, colors), Material.WOOD)
    _shell(builder, (x, y), -_SINK_M, height, wall)
    _gable(builder, (x, y), height, _ROOF[Thing.BARN][0] * y, wall, _label((116, 116, 118), Material.METAL))
    builder.box([0.0, -y - 0.04, 1.9], [1.9, 0.05, 1.9], _label((92, 76, 62), Material.WOOD))


def _gable(builder: MeshBuilder, half: tuple[float, float], height: float, rise: float, wall: Look, roof: Look) -> None:
    """A ridged roof along x with eaves, and the triangles of wall below it."""
    x, y = half
    over, eave = 0.45, rise * 0.45 / y
    for side in (-1.0, 1.0):
        low, ridge = height - eave, height + rise
        builder.quad(
            [
                [-x - over, side * (y + over), low],
                [x + over, side * (y + over), low],
                [x + over, 0.0, ridge],
                [-x - over, 0.0, ridge],
            ],
            roof,
            normal=np.array([0.0, side * rise, y]) / np.hypot(rise, y),
        )
        builder.triangles(
            [[side * x, -y, height], [side * x, y, height], [side * x, 0.0, height + rise]],
            [[0, 1, 2]],
            wall,
            normals=np.broadcast_to([side, 0.0, 0.0], (3, 3)),
            uv=[[0.0, height], [2 * y, height], [y, height + rise]],
        )
