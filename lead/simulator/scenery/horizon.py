"""What is seen at the end of every view: a coarse ground around the town, with ridges and woods.

It lies below the tiles, is made once and stays; the woods keep far from roads, where no tile is looked at closely.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lead.simulator.scenery.height_grid import GRASS_COLOR, add_grid
from lead.simulator.scenery.materials import Label, Material
from lead.simulator.scenery.mesh import Look, Mesh, MeshBuilder
from lead.simulator.scenery.noise_field import noise_at
from lead.simulator.scenery.strips import add_quads
from lead.simulator.scenery.terrain import CELL_M, Terrain

Array = NDArray[np.float64]

_CELL_M, _REACH_M, _BELOW_M = 64.0, 2600.0, 3.0
_RIDGE_M = 60.0
_WOOD_CELL_M, _WOOD_CELLS = 20.0, 240
_WOOD_REACH_M, _WOOD_FROM_ROAD_M = 700.0, 165.0
_WOOD_DENSE = 0.50
_TREE_M = 11.0
_CANOPY = Look((74, 94, 52), Material.FOLIAGE, Label.VEGETATION)


def horizon_mesh(terrain: Terrain) -> Mesh:
    """Ground and woods around a town, in the world frame."""
    step = int(_CELL_M / CELL_M)
    lowest = ndimage.minimum_filter(terrain.heights, size=2 * step + 1)
    margin = int(np.ceil(_REACH_M / _CELL_M))
    nodes = [np.arange(-margin, size // step + margin + 2) for size in terrain.shape]
    x, y = (low + _CELL_M * node for low, node in zip(terrain.low, nodes, strict=True))
    rows, columns = (np.clip(node * step, 0, size - 1) for node, size in zip(nodes, terrain.shape, strict=True))
    z = lowest[np.ix_(rows, columns)].astype(np.float64) - _BELOW_M + _ridges(terrain, x[:, None], y[None])
    builder = MeshBuilder()
    add_grid(builder, x, y, z, np.array(GRASS_COLOR, np.float64))
    _add_woods(builder, terrain)
    return builder.build()


def _ridges(terrain: Terrain, x: Array, y: Array) -> Array:
    """How much the ground rises beyond the terrain's grid, metres."""
    high = terrain.low + CELL_M * np.array(terrain.shape)
    outside_x = np.maximum(np.maximum(terrain.low[0] - x, x - high[0]), 0.0)
    outside_y = np.maximum(np.maximum(terrain.low[1] - y, y - high[1]), 0.0)
    away = np.hypot(outside_x, outside_y)
    ridge = noise_at(x * 0.0011, y * 0.0011) + 0.4 * noise_at(x * 0.004, y * 0.004)
    return np.asarray(_RIDGE_M * np.clip((away - 300.0) / 1800.0, 0.0, 1.0) * ridge)


def _add_woods(builder: MeshBuilder, terrain: Terrain) -> None:
    """Canopies of distant woods: bumpy roofs of leaves with an edge all round."""
    size = CELL_M * (np.array(terrain.shape) - 1)
    cell = max(_WOOD_CELL_M, float(size.max() + 2.0 * _WOOD_REACH_M) / _WOOD_CELLS)
    ends = zip(terrain.low - _WOOD_REACH_M, terrain.low + size + _WOOD_REACH_M, strict=True)
    x, y = (np.arange(low, high, cell) for low, high in ends)
    grid_x, grid_y = np.meshgrid(x, y, indexing="ij")
    spots = np.column_stack([grid_x.ravel(), grid_y.ravel()])
    ground = terrain.height(spots).reshape(grid_x.shape) + _ridges(terrain, grid_x, grid_y)
    outside = np.maximum(terrain.low - spots, spots - terrain.low - size).max(axis=1).clip(0.0)
    distance = (terrain.distance(spots) + outside).reshape(grid_x.shape)
    wood = noise_at(grid_x * 0.0042, grid_y * 0.0042) + 0.3 * (noise_at(grid_x * 0.02, grid_y * 0.02) - 0.5)
    wooded = (wood > _WOOD_DENSE) & (distance > _WOOD_FROM_ROAD_M)
    wooded &= ndimage.minimum_filter(distance, size=3) > _WOOD_FROM_ROAD_M - cell
    crowns = noise_at(grid_x * 0.31, grid_y * 0.31)
    top = ground + _TREE_M * (0.55 + 0.7 * crowns)
    # A cell is drawn if all its nodes are wooded; the walls stand on the border of the drawn cells.
    drawn = wooded[:-1, :-1] & wooded[1:, :-1] & wooded[1:, 1:] & wooded[:-1, 1:]
    i, j = np.nonzero(drawn)
    corners = [np.column_stack([x[i + a], y[j + b], top[i + a, j + b]]) for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))]
    shade = (noise_at(x[i] * 0.7, y[j] * 0.7)[:, None] * 26.0 - 13.0 + np.array(_CANOPY.color)).clip(0, 255)
    add_quads(builder, (corners[0], corners[1], corners[2], corners[3]), _CANOPY, color=shade.astype(np.uint8))
    padded = np.pad(drawn, 1)
    sides = (((0, 0), (1, 0), (0, -1)), ((1, 0), (1, 1), (1, 0)), ((1, 1), (0, 1), (0, 1)), ((0, 1), (0, 0), (-1, 0)))
    for (a, b), (c, d), (di, dj) in sides:
        edge = ~padded[i + 1 + di, j + 1 + dj]
        m, n = i[edge], j[edge]
        first, second = (np.column_stack([x[m + p], y[n + q], top[m + p, n + q]]) for p, q in ((a, b), (c, d)))
        foot = np.array([0.0, 0.0, _TREE_M + 12.0])
        normals = np.broadcast_to([float(di), float(dj), 0.35], first.shape) / np.hypot(1.0, 0.35)
        add_quads(builder, (first, second, second - foot, first - foot), _CANOPY, normals=normals)
