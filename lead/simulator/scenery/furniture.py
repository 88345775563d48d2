"""Meshes of what stands along streets: lamps, rails, walls, fences, posts, benches, bins, planters."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from lead.simulator.scenery.lamps import LAMP_HEIGHT_M
from lead.simulator.scenery.materials import Label, LampChannel, Material
from lead.simulator.scenery.mesh import Look, Mesh, MeshBuilder
from lead.simulator.scenery.placements import Thing

Array = NDArray[np.float64]

_STEEL = Look((96, 100, 102), Material.METAL, Label.POLES)
_RAIL = Look((156, 160, 162), Material.METAL, Label.GUARD_RAIL)
_WALL = Look((150, 147, 140), Material.CONCRETE, Label.WALLS)
_FENCE = Look((112, 118, 116), Material.METAL, Label.FENCES)
LAMP_ARM_M = 1.9


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


SMALL_THINGS = {Thing.BENCH: bench, Thing.BIN: bin_, Thing.PLANTER: planter}


def add_static_box(builder: MeshBuilder, box: NDArray[np.void]) -> None:
    """A rail, wall, fence or post of the map, filling its box (a row of BOX_DTYPE) in the world frame."""
    half_x, half_y, half_z = (float(box[name]) for name in ("ext_x", "ext_y", "ext_z"))
    label = int(box["label"])
    local = MeshBuilder()
    if label == Label.GUARD_RAIL:
        _guard_rail(local, half_x, half_y, half_z)
    elif label == Label.WALLS:
        local.box([0, 0, 0], [half_x, half_y, half_z], _WALL, top=(1.0, 0.55))
    elif label == Label.FENCES:
        _fence(local, half_x, half_z)
    else:
        local.cylinder([0, 0, -half_z], [0, 0, half_z], 0.7 * min(half_x, half_y), _STEEL, sides=8)
    pose = np.eye(4)
    cos, sin = np.cos(box["yaw"]), np.sin(box["yaw"])
    pose[:2, :2] = [[cos, -sin], [sin, cos]]
    pose[:3, 3] = box["x"], box["y"], box["z"]
    builder.mesh(local.build(), pose)


def _guard_rail(builder: MeshBuilder, half_x: float, half_y: float, half_z: float) -> None:
    """Posts every two metres and a folded beam on both sides."""
    count = max(int(half_x), 1)
    for x in np.linspace(-half_x + 0.1, half_x - 0.1, count + 1).tolist():
        builder.box([x, 0, -0.1], [0.05, 0.05, max(half_z - 0.1, 0.05)], _RAIL, bottom=False)
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
