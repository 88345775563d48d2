"""Meshes of what stands along streets: lamps, rails, walls, fences, hedges, posts, benches, bins, bus shelters."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from lead.simulator.scenery.faces import face_uv
from lead.simulator.scenery.lamps import LAMP_HEIGHT_M
from lead.simulator.scenery.materials import Label, LampChannel, Material
from lead.simulator.scenery.mesh import Look, Mesh, MeshBuilder
from lead.simulator.scenery.things import EDGE_SIZES, Thing

Array = NDArray[np.float64]

_STEEL = Look((96, 100, 102), Material.METAL, Label.POLES)
_RAIL = Look((156, 160, 162), Material.METAL, Label.GUARD_RAIL)
_WALL = Look((150, 147, 140), Material.CONCRETE, Label.WALLS)
_FENCE = Look((112, 118, 116), Material.METAL, Label.FENCES)
LAMP_ARM_M = 1.9
_ROOT_M = 0.9
"""How far what the map puts on dams and bridges reaches below its box, because the ground falls away there."""


@cache
def street_lamp() -> Mesh:
    """A street lamp at the origin; its arm reaches over the road, to the left of +x."""
    builder = MeshBuilder()
    builder.cylinder([0, 0, -0.3], [0, 0, LAMP_HEIGHT_M], 0.085, _STEEL, end_radius=0.055, sides=8)
    builder.cylinder([0, 0, -0.05], [0, 0, 0.5], 0.14, _STEEL, sides=10)
    builder.cylinder([0, 0, LAMP_HEIGHT_M - 0.05], [0, -LAMP_ARM_M, LAMP_HEIGHT_M + 0.22], 0.045, _STEEL, sides=6)
    head = [0.0, -LAMP_ARM_M, LAMP_HEIGHT_M + 0.2]
    builder.box(head, [0.14, 0.36, 0.07], _STEEL)
    lamp = Look((255, 232, 186), Material.LAMP, Label.POLES, int(LampChannel.STREET))
    builder.box([head[0], head[1], head[2] - 0.085], [0.11, 0.3, 0.02], lamp)
    return builder.build()


@cache
def bench() -> Mesh:
    """A bench along x, its front towards -y, standing at the origin."""
    wood, iron = Look((124, 88, 58), Material.WOOD), Look((44, 46, 48), Material.METAL)
    builder = MeshBuilder()
    for y in (-0.18, -0.05, 0.08):
        builder.box([0, y, 0.45], [0.88, 0.05, 0.02], wood)
    for z in (0.6, 0.74):
        builder.box([0, 0.2, z], [0.88, 0.02, 0.05], wood)
    for x in (-0.7, 0.7):
        builder.box([x, -0.05, 0.22], [0.03, 0.2, 0.22], iron)
        builder.box([x, 0.2, 0.62], [0.03, 0.03, 0.2], iron)
    return builder.build()


@cache
def bin_() -> Mesh:
    """A litter bin standing at the origin."""
    builder = MeshBuilder()
    builder.cylinder([0, 0, 0.05], [0, 0, 0.85], 0.23, Look((58, 76, 66), Material.METAL), end_radius=0.27, sides=12)
    builder.cylinder([0, 0, 0.85], [0, 0, 0.93], 0.28, Look((40, 44, 44), Material.METAL), end_radius=0.2, sides=12)
    return builder.build()


@cache
def planter() -> Mesh:
    """A box with plants standing at the origin."""
    builder = MeshBuilder()
    builder.box([0, 0, 0.22], [0.88, 0.38, 0.22], Look((142, 138, 130), Material.CONCRETE), bottom=False)
    leaves = Look((84, 104, 54), Material.FOLIAGE, Label.VEGETATION)
    for x in (-0.5, 0.0, 0.5):
        builder.ellipsoid([x, 0, 0.5], [0.36, 0.32, 0.28], leaves, sides=8, rings=5)
    return builder.build()


@cache
def shelter() -> Mesh:
    """A bus shelter along x, open towards -y, standing at the origin."""
    frame = Look((62, 66, 70), Material.METAL)
    pane = Look((120, 136, 140), Material.GLASS)
    builder = MeshBuilder()
    for x in (-1.82, 1.82):
        builder.cylinder([x, 0.6, 0.0], [x, 0.6, 2.36], 0.04, frame, sides=6, caps=False)
        builder.cylinder([x, -0.1, 0.0], [x, -0.1, 2.36], 0.04, frame, sides=6, caps=False)
    builder.box([0, 0, 2.42], [1.9, 0.7, 0.06], frame)
    builder.box([0, 0.6, 1.3], [1.78, 0.012, 0.95], pane)
    builder.box([1.82, 0.25, 1.3], [0.012, 0.3, 0.95], pane)
    builder.box([-0.2, 0.36, 0.46], [1.2, 0.17, 0.025], Look((124, 88, 58), Material.WOOD))
    for x in (-1.2, 0.8):
        builder.box([x, 0.36, 0.22], [0.03, 0.14, 0.22], frame)
    u0, v0, u1, v1 = face_uv("poster")
    builder.box([-1.82, 0.25, 1.25], [0.05, 0.33, 0.85], frame)
    for side in (-1.0, 1.0):
        x = -1.82 + side * 0.056
        builder.quad(
            [[x, 0.55, 2.0], [x, -0.05, 2.0], [x, -0.05, 0.5], [x, 0.55, 0.5]],
            Look((255, 255, 255), Material.FACE),
            uv=[[u0, v0], [u1, v0], [u1, v1], [u0, v1]],
            normal=[side, 0.0, 0.0],
        )
    return builder.build()


SMALL_THINGS = {Thing.BENCH: bench, Thing.BIN: bin_, Thing.PLANTER: planter, Thing.SHELTER: shelter}


@cache
def garden_edge(kind: Thing, shape: int) -> Mesh:
    """A piece of hedge or fence along x, standing at the origin; `shape` is below `EDGE_SHAPES`."""
    half_x, half_y, height = EDGE_SIZES[kind]
    builder = MeshBuilder()
    if kind == Thing.HEDGE:
        rng = np.random.default_rng(shape)
        red, green, blue = (np.array((74, 98, 48)) + rng.integers(-10, 11, 3)).tolist()
        look = Look((red, green, blue), Material.FOLIAGE, Label.VEGETATION)
        count = max(round(half_x), 1)
        for x in (np.arange(count) + 0.5).tolist():
            middle, top = 2.0 * half_x * x / count - half_x, height * float(rng.uniform(0.93, 1.0))
            half = [half_x / count, half_y, 0.5 * top + 0.1]
            builder.box([middle, 0.0, half[2] - 0.2], half, look, top=(1.0, 0.8), bottom=False)
        return builder.build()
    wood = bool(shape % 2)
    look = Look((128, 104, 78), Material.WOOD, Label.FENCES) if wood else _FENCE
    posts = max(round(half_x), 1)
    for x in np.linspace(-half_x + 0.04, half_x - 0.04, posts + 1).tolist():
        builder.box([x, 0, 0.5 * height - 0.15], [0.04, 0.04, 0.5 * height + 0.15], look, bottom=False)
    if wood:
        for z in (0.30, 0.60, 0.90):
            builder.box([0, -0.02, z * height], [half_x, 0.012, 0.07], look)
    else:
        for z in (0.2, 0.9):
            builder.box([0, 0, z * height], [half_x, 0.02, 0.02], look)
        for x in np.linspace(-half_x, half_x, 6 * posts + 1)[1:-1].tolist():
            builder.box([x, 0, 0.55 * height], [0.008, 0.008, 0.36 * height], look, bottom=False)
    return builder.build()


def add_static_box(builder: MeshBuilder, box: NDArray[np.void], grade: float = 0.0) -> None:
    """A rail, wall, fence or post of the map, filling its box (a row of BOX_DTYPE), rising by `grade` along it."""
    half_x, half_y, half_z = (float(box[name]) for name in ("ext_x", "ext_y", "ext_z"))
    label = int(box["label"])
    local = MeshBuilder()
    if label == Label.GUARD_RAIL:
        _guard_rail(local, half_x, half_y, half_z)
    elif label == Label.WALLS:
        local.box([0, 0, -0.5 * _ROOT_M], [half_x, half_y, half_z + 0.5 * _ROOT_M], _WALL, top=(1.0, 0.55))
    elif label == Label.FENCES:
        _fence(local, half_x, half_z)
    else:
        local.cylinder([0, 0, -half_z - _ROOT_M], [0, 0, half_z], 0.7 * min(half_x, half_y), _STEEL, sides=8)
    pose = np.eye(4)
    cos, sin = np.cos(box["yaw"]), np.sin(box["yaw"])
    pose[:2, :2] = [[cos, -sin], [sin, cos]]
    pose[2, 0] = grade
    pose[:3, 3] = box["x"], box["y"], box["z"]
    builder.mesh(local.build(), pose)


def _guard_rail(builder: MeshBuilder, half_x: float, half_y: float, half_z: float) -> None:
    """Posts every two metres and a folded beam on both sides."""
    count = max(int(half_x), 1)
    for x in np.linspace(-half_x + 0.1, half_x - 0.1, count + 1).tolist():
        top = half_z - 0.2
        builder.box([x, 0, 0.5 * (top - half_z - _ROOT_M)], [0.05, 0.05, 0.5 * (top + half_z + _ROOT_M)], _RAIL)
    for side in (-1.0, 1.0):
        face = side * max(half_y - 0.03, 0.05)
        for z, out in ((half_z - 0.10, 0.0), (half_z - 0.24, 0.0), (half_z - 0.17, -0.03)):
            builder.box([0, face + side * out, z], [half_x, 0.025, 0.05], _RAIL)


def _fence(builder: MeshBuilder, half_x: float, half_z: float) -> None:
    count = max(int(half_x), 1)
    for x in np.linspace(-half_x, half_x, count + 1).tolist():
        builder.box([x, 0, 0], [0.03, 0.03, half_z], _FENCE, bottom=False)
    for z in np.linspace(-half_z + 0.08, half_z - 0.05, 4).tolist():
        builder.box([0, 0, z], [half_x, 0.015, 0.02], _FENCE)
