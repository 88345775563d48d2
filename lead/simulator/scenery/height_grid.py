"""Height fields as meshes: the one way in which tiles and the horizon draw open ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.simulator.scenery.materials import Label, Material
from lead.simulator.scenery.mesh import Look, MeshBuilder

Array = NDArray[np.float64]

GRASS_COLOR = (94, 104, 62)
PLAZA_COLOR = (124, 121, 115)


def add_grid(
    builder: MeshBuilder,
    x: Array,
    y: Array,
    z: Array,
    color: Array,
    urban: NDArray[np.bool_] | None = None,
    left_out: NDArray[np.bool_] | None = None,
) -> None:
    """A height field over the nodes x (n,), y (m,).

    Args:
        builder: Takes it.
        x: (n,) metres.
        y: (m,).
        z: (n, m).
        color: One (3,), or one per cell (n - 1, m - 1, 3).
        urban: bool (n - 1, m - 1), paved cells.
        left_out: bool (n - 1, m - 1), cells that are not drawn.
    """
    rows, columns = len(x), len(y)
    points = np.column_stack([np.repeat(x, columns), np.tile(y, rows), z.ravel()])
    slope_x, slope_y = np.gradient(z, x, y)
    normals = np.stack([-slope_x, -slope_y, np.ones_like(z)], axis=-1).reshape(-1, 3)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    i, j = (grid.ravel() for grid in np.meshgrid(np.arange(rows - 1), np.arange(columns - 1), indexing="ij"))
    a = i * columns + j
    faces = np.stack([np.stack([a, a + columns, a + columns + 1], 1), np.stack([a, a + columns + 1, a + 1], 1)], 1)
    colors = np.broadcast_to(color, (rows - 1, columns - 1, 3)).reshape(-1, 3)
    paved = np.zeros(len(a), bool) if urban is None else urban.ravel()
    drawn = np.ones(len(a), bool) if left_out is None else ~left_out.ravel()
    for chosen, look in (
        (drawn & ~paved, Look(GRASS_COLOR, Material.GRASS, Label.TERRAIN)),
        (drawn & paved, Look(PLAZA_COLOR, Material.PAVING, Label.GROUND)),
    ):
        if chosen.any():
            tones = np.repeat(colors[chosen], 2, axis=0) if look.material == Material.GRASS else None
            builder.triangles(points, faces[chosen].reshape(-1, 3), look, normals=normals, color=tones)
