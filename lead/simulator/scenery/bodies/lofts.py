"""Round shapes between joints: lofts over rings, tapered limbs, and where a bent limb has its middle joint.

People and two-wheelers are made of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lead.simulator.scenery.mesh import Look, MeshBuilder

Array = NDArray[np.float64]


def unit(vector: Array) -> Array:
    """The vector at length 1."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9))


def ring(middle: Array, across: Array, along: Array, sides: int) -> Array:
    """An ellipse's points, (sides, 3): round `middle` with two half axes (3,), the first point at `across`."""
    angle = np.linspace(0.0, 2.0 * np.pi, sides, endpoint=False)[:, None]
    return np.asarray(middle + np.cos(angle) * across + np.sin(angle) * along)


def loft(builder: MeshBuilder, rings: Sequence[Array], look: Look, caps: bool = True) -> None:
    """A smooth skin over rings (sides, 3) of equally many points; `caps` closes the ends, rings of no size are tips."""
    grid = np.array(rings)
    count, sides = grid.shape[:2]
    a = np.arange((count - 1) * sides)
    b = a - a % sides + (a + 1) % sides
    faces = np.concatenate([np.stack([a, b, b + sides], axis=1), np.stack([a, b + sides, a + sides], axis=1)])
    points = grid.reshape(-1, 3)
    first, second, third = points[faces].transpose(1, 0, 2)
    areas = np.cross(second - first, third - first)
    middles = grid.mean(axis=1, keepdims=True)
    normals = np.zeros_like(grid)
    np.add.at(normals.reshape(-1, 3), faces, areas[:, None, :])
    normals *= np.sign((normals * (grid - middles)).sum()) or 1.0
    fan = np.stack([np.zeros(sides - 2, np.int64), np.arange(1, sides - 1), np.arange(2, sides)], axis=1)
    for end, inside in ((0, 1), (-1, -2)):
        way = unit(middles[end, 0] - middles[inside, 0])
        if np.abs(grid[end] - middles[end]).max() < 1e-6:
            normals[end] = way
        elif caps:
            builder.triangles(grid[end], fan, look, normals=np.broadcast_to(way, (sides, 3)))
    lengths = np.linalg.norm(normals, axis=2, keepdims=True)
    normals = np.where(lengths > 1e-12, normals / np.maximum(lengths, 1e-12), [0.0, 0.0, 1.0])
    builder.triangles(points, faces[np.linalg.norm(areas, axis=1) > 1e-10], look, normals=normals)


def limb(builder: MeshBuilder, path: ArrayLike, radii: ArrayLike, look: Look, right: Array, sides: int = 6) -> None:
    """An open, tapered tube through points (3,) with as many radii, metres; `right` (3,) keeps it from twisting."""
    points, sizes = np.asarray(path, np.float64), np.asarray(radii, np.float64)
    steps = np.array([unit(step) for step in np.diff(points, axis=0)])
    ways = np.concatenate([steps[:1], steps[:-1] + steps[1:], steps[-1:]])
    # A limb that runs along `right` is kept straight by the axis that is furthest from it.
    along = np.abs(steps @ right).max() > 0.8
    helper = min(np.eye(3), key=lambda axis: float(np.abs(steps @ axis).max())) if along else right
    rings = []
    for point, way, size in zip(points, ways, sizes, strict=True):
        tangent = unit(way)
        across = unit(helper - tangent * (helper @ tangent))
        rings.append(ring(point, size * across, size * np.cross(tangent, across), sides))
    loft(builder, rings, look, caps=False)


def bent(start: Array, end: Array, lengths: tuple[float, float], toward: ArrayLike) -> Array:
    """The middle joint (3,) of a limb with two bones, bent to one side; a limb that is too short is stretched."""
    first, second = lengths
    reach = float(np.linalg.norm(end - start))
    way = (end - start) / reach
    if reach >= first + second:
        return np.asarray(start + first / (first + second) * (end - start))
    along = (reach**2 + first**2 - second**2) / (2.0 * reach)
    aside = np.asarray(toward) - way * (way @ np.asarray(toward))
    return np.asarray(start + along * way + np.sqrt(max(first**2 - along**2, 0.0)) * aside / np.linalg.norm(aside))
