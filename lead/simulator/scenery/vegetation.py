"""Meshes of trees and bushes: a few shapes of each kind, placed many times at different sizes."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from lead.simulator.scenery.materials import Label, Material
from lead.simulator.scenery.mesh import Color, Look, Mesh, MeshBuilder, transformed
from lead.simulator.scenery.placements import Thing

Array = NDArray[np.float64]

SHAPES = 4
"""Shapes of each kind."""
_LEAVES: tuple[Color, ...] = ((92, 112, 58), (80, 104, 52), (104, 118, 60), (86, 98, 50))
_NEEDLES: tuple[Color, ...] = ((58, 84, 52), (64, 90, 58), (52, 76, 50), (70, 92, 54))
_BARK = Look((92, 74, 60), Material.BARK, Label.VEGETATION)


@cache
def plant(kind: Thing, shape: int) -> Mesh:
    """A plant of unit height standing at the origin.

    Args:
        kind: BROADLEAF, CONIFER or BUSH.
        shape: From 0 to `SHAPES` - 1.
    """
    rng = np.random.default_rng((int(kind), shape))
    builder = MeshBuilder()
    {Thing.BROADLEAF: _broadleaf, Thing.CONIFER: _conifer, Thing.BUSH: _bush}[kind](builder, shape, rng)
    mesh = builder.build()
    return transformed(mesh, np.diag([1.0, 1.0, 1.0 / float(mesh.vertices[:, 2].max()), 1.0]))


def _crown(builder: MeshBuilder, center: Array, radii: Array, look: Look, rng: np.random.Generator) -> None:
    """A lumpy ball of leaves."""
    sides, rings = 9, 6
    polar = np.linspace(0.0, np.pi, rings + 1)[:, None]
    angle = np.linspace(0.0, 2.0 * np.pi, sides, endpoint=False)[None] + 0.35 * np.arange(rings + 1)[:, None]
    unit = np.stack([np.sin(polar) * np.cos(angle), np.sin(polar) * np.sin(angle), np.cos(polar) + 0.0 * angle], -1)
    unit = unit.reshape(-1, 3)
    lumps = 1.0 + 0.16 * rng.standard_normal(len(unit))
    lumps[:sides], lumps[-sides:] = lumps[:sides].mean(), lumps[-sides:].mean()
    row, column = (grid.ravel() for grid in np.meshgrid(np.arange(rings), np.arange(sides), indexing="ij"))
    a, b = row * sides + column, row * sides + (column + 1) % sides
    faces = np.concatenate([np.stack([a, b, b + sides], 1), np.stack([a, b + sides, a + sides], 1)])
    normals = unit + 0.35 * rng.standard_normal(unit.shape)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    builder.triangles(unit * lumps[:, None] * radii + center, faces, look, normals=normals)


def _broadleaf(builder: MeshBuilder, shape: int, rng: np.random.Generator) -> None:
    trunk = 0.30 + 0.04 * shape
    builder.cylinder([0, 0, -0.05], [0, 0, trunk + 0.2], 0.030, _BARK, end_radius=0.016, sides=7, caps=False)
    for turn in range(3):
        angle = 2.1 * turn + shape
        tip = [0.17 * np.cos(angle), 0.17 * np.sin(angle), trunk + 0.22]
        builder.cylinder([0, 0, trunk - 0.04], tip, 0.013, _BARK, end_radius=0.006, sides=5, caps=False)
    base = np.array(_LEAVES[shape])
    spread = 0.15 + 0.02 * (shape % 2)
    for turn in range(7):
        angle = 2.4 * turn + 0.7 * shape
        out = spread * (1.0 if turn < 5 else 0.25)
        height = trunk + (0.22 if turn < 5 else 0.44) + 0.06 * rng.standard_normal()
        red, green, blue = np.clip(base + rng.integers(-9, 10), 0, 255).tolist()
        look = Look((red, green, blue), Material.FOLIAGE, Label.VEGETATION)
        size = np.array([0.17, 0.17, 0.15]) * rng.uniform(0.85, 1.2)
        _crown(
            builder, np.array([out * np.cos(angle), out * np.sin(angle), min(height, 0.98 - size[2])]), size, look, rng
        )


def _conifer(builder: MeshBuilder, shape: int, rng: np.random.Generator) -> None:
    builder.cylinder([0, 0, -0.05], [0, 0, 0.9], 0.026, _BARK, end_radius=0.006, sides=6, caps=False)
    base = np.array(_NEEDLES[shape])
    tiers = 6
    for tier in range(tiers):
        low = 0.12 + 0.135 * tier
        radius = (0.21 + 0.02 * (shape % 3)) * (1.0 - tier / (tiers + 0.6))
        sides = 11
        angle = np.linspace(0.0, 2.0 * np.pi, sides, endpoint=False) + 0.5 * tier
        reach = radius * (1.0 + 0.16 * rng.standard_normal(sides))
        rim = np.stack([reach * np.cos(angle), reach * np.sin(angle), low + 0.035 * rng.standard_normal(sides)], 1)
        points = np.concatenate([[[0.0, 0.0, min(low + 0.27, 1.0)], [0.0, 0.0, low + 0.07]], rim])
        index = np.arange(sides)
        after = (index + 1) % sides
        upper = np.stack([np.zeros(sides, np.int64), index + 2, after + 2], 1)
        lower = np.stack([np.ones(sides, np.int64), index + 2, after + 2], 1)
        normals = np.concatenate(
            [[[0, 0, 1], [0, 0, -1]], np.stack([np.cos(angle), np.sin(angle), 0.45 + 0 * angle], 1)]
        )
        normals = normals + 0.25 * rng.standard_normal(normals.shape)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        red, green, blue = np.clip(base + rng.integers(-8, 9), 0, 255).tolist()
        look = Look((red, green, blue), Material.FOLIAGE, Label.VEGETATION)
        builder.triangles(points, np.concatenate([upper, lower]), look, normals=normals)


def _bush(builder: MeshBuilder, shape: int, rng: np.random.Generator) -> None:
    base = np.array(_LEAVES[(shape + 1) % len(_LEAVES)])
    for turn in range(3):
        angle = 2.1 * turn + shape
        red, green, blue = np.clip(base + rng.integers(-10, 11), 0, 255).tolist()
        look = Look((red, green, blue), Material.FOLIAGE, Label.VEGETATION)
        center = np.array([0.3 * np.cos(angle), 0.3 * np.sin(angle), 0.45])
        _crown(builder, center, np.array([0.5, 0.5, 0.5]) * rng.uniform(0.8, 1.05), look, rng)
