"""The ground of a town in tiles: roads and their paint, terrain between them, and a coarse horizon around all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.maps.compiled import CompiledMap
from lead.maps.ground import GroundIndex
from lead.simulator.scenery.height_grid import GRASS_COLOR, PLAZA_COLOR, add_grid
from lead.simulator.scenery.horizon import horizon_mesh
from lead.simulator.scenery.junction_gaps import GAP_CELL_M, junction_gaps
from lead.simulator.scenery.markings import RoadPaint
from lead.simulator.scenery.materials import Label, Material
from lead.simulator.scenery.mesh import Look, Mesh, MeshBuilder, transformed
from lead.simulator.scenery.noise_field import noise_at
from lead.simulator.scenery.paving import Paving
from lead.simulator.scenery.roads import RoadSurfaces
from lead.simulator.scenery.strips import TILE_M, LaneStrips, add_quads
from lead.simulator.scenery.terrain import CELL_M, Terrain

Array = NDArray[np.float64]

_DRY, _SOIL = (116, 112, 72), (122, 108, 88)
_BORDER_PARTS = 4
_FILL = Look((92, 92, 95), Material.ASPHALT, Label.ROADS)


class GroundScenery:
    """Makes the ground of tiles.

    Args:
        town: The map.
        ground: Height of its lanes.
        terrain: Height of the ground off the roads.
    """

    def __init__(self, town: CompiledMap, ground: GroundIndex, terrain: Terrain) -> None:
        self._terrain = terrain
        self._strips = LaneStrips(town)
        self._paving = Paving(town.lanes, terrain)
        self._surfaces = RoadSurfaces(town.lanes, ground, terrain, self._paving)
        self._paint = RoadPaint(town, ground)
        self._islands = junction_gaps(town, ground)

    def tile(self, tile: tuple[int, int]) -> Mesh:
        """Mesh of a tile, relative to its low corner at height 0."""
        builder = MeshBuilder()
        pieces = self._strips.pieces(tile)
        if len(pieces):
            self._surfaces.draw(builder, pieces)
            self._paint.draw(builder, pieces, tile)
        inside = (np.floor(self._islands[:, :2] / TILE_M) == tile).all(axis=1)
        self._draw_islands(builder, self._islands[inside])
        self._draw_terrain(builder, tile)
        shift = np.eye(4)
        shift[:2, 3] = -TILE_M * tile[0], -TILE_M * tile[1]
        return transformed(builder.build(), shift)

    def horizon(self) -> Mesh:
        """Coarse ground and woods under and around the whole town, in the world frame, below all tiles."""
        return horizon_mesh(self._terrain)

    def _draw_terrain(self, builder: MeshBuilder, tile: tuple[int, int]) -> None:
        count = int(TILE_M / CELL_M)
        x, y = (TILE_M * index + CELL_M * np.arange(count + 1, dtype=np.float64) for index in tile)
        spots = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
        z = self._terrain.height(spots).reshape(count + 1, count + 1)
        middle = np.stack(np.meshgrid(x[:-1] + 2.0, y[:-1] + 2.0, indexing="ij"), axis=-1).reshape(-1, 2)
        wild = noise_at(middle[:, 0] * 0.012, middle[:, 1] * 0.012)
        dry = noise_at(middle[:, 0] * 0.05, middle[:, 1] * 0.05)
        color = _mixed(np.array(GRASS_COLOR), np.array(_DRY), (wild - 0.42) / 0.36)
        color = _mixed(color, np.array(_SOIL), 0.75 * np.clip((wild - 0.40) / 0.2, 0.0, 1.0) * (dry - 0.60) / 0.34)
        paved = self._paving.at(middle)
        border = self._paving.is_border(middle)
        add_grid(
            builder,
            x,
            y,
            z,
            color.reshape(count, count, 3),
            paved.reshape(count, count),
            border.reshape(count, count),
        )
        self._draw_border(builder, middle[border], color[border])

    def _draw_border(self, builder: MeshBuilder, middle: Array, color: Array) -> None:
        """Cells in which paving ends, in small squares, so that its edge is no staircase; in the planes of the grid."""
        if not len(middle):
            return
        step = CELL_M / _BORDER_PARTS
        share = (np.arange(_BORDER_PARTS) + 0.5) * step - 0.5 * CELL_M
        offsets = np.stack(np.meshgrid(share, share, indexing="ij"), axis=-1).reshape(-1, 2)
        spots = (middle[:, None] + offsets).reshape(-1, 2)
        paved = self._paving.at(spots)
        corners = []
        for way in ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)):
            corner = spots + 0.5 * step * np.array(way)
            corners.append(np.column_stack([corner, self._terrain.height(corner)]))
        normals = np.repeat(self._normals(middle), _BORDER_PARTS**2, axis=0)
        tones = np.repeat(color, _BORDER_PARTS**2, axis=0).astype(np.uint8)
        for chosen, look in (
            (paved, Look(PLAZA_COLOR, Material.PAVING, Label.GROUND)),
            (~paved, Look(GRASS_COLOR, Material.GRASS, Label.TERRAIN)),
        ):
            first, second, third, fourth = (corner[chosen] for corner in corners)
            kept = None if look.label == Label.GROUND else tones[chosen]
            add_quads(builder, (first, second, third, fourth), look, normals=normals[chosen], color=kept)

    def _normals(self, xy: Array) -> Array:
        """Unit normals (n, 3) of the ground, as smooth as those of its grid."""
        steps = np.array([[CELL_M, 0.0], [0.0, CELL_M]])
        rise = [self._terrain.height(xy + step) - self._terrain.height(xy - step) for step in steps]
        normals = np.column_stack([-rise[0], -rise[1], np.full(len(xy), 2.0 * CELL_M)])
        return np.asarray(normals / np.linalg.norm(normals, axis=1, keepdims=True))

    def _draw_islands(self, builder: MeshBuilder, islands: Array) -> None:
        """Small quadrilaterals in the gaps between a junction's lanes."""
        if not len(islands):
            return
        x, y, z, length = islands.T
        half = 0.5 * GAP_CELL_M
        corners = [
            np.stack([x + along * 0.5 * length, y + across * half, z], axis=1)
            for along, across in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
        add_quads(builder, (corners[0], corners[1], corners[2], corners[3]), _FILL)


def _mixed(first: Array, second: Array, share: Array) -> Array:
    """Colours between two, by shares (n,) that are cut to 0 to 1."""
    return first + (second - first) * np.clip(share, 0.0, 1.0)[:, None]
