"""The ground of a town in tiles: roads and their paint, terrain between them, and a coarse horizon around all."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lead.maps.compiled import CompiledMap
from lead.maps.ground import GroundIndex
from lead.maps.layout import LaneType
from lead.simulator.scenery.markings import RoadPaint
from lead.simulator.scenery.materials import Label, Material
from lead.simulator.scenery.mesh import Look, Mesh, MeshBuilder, transformed
from lead.simulator.scenery.noise_field import noise_at
from lead.simulator.scenery.roads import RoadSurfaces
from lead.simulator.scenery.strips import TILE_M, LaneStrips, add_quads
from lead.simulator.scenery.terrain import CELL_M, Terrain

Array = NDArray[np.float64]

_GRASS, _DRY, _SOIL = (94, 104, 62), (116, 112, 72), (122, 108, 88)
_PLAZA = (134, 132, 127)
_PLAZA_NEAR_SIDEWALK_M = 16.0
_HORIZON_CELL_M, _HORIZON_REACH_M, _HORIZON_BELOW_M = 64.0, 2600.0, 3.0
_FAR_RIDGE_M = 60.0
_ISLAND_CELL_M, _MAX_ISLAND_M2, _ISLAND_BELOW_M = 0.5, 160.0, 0.012
_MAX_JUNCTION_M = 160.0
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
        self._surfaces = RoadSurfaces(town.lanes, ground, terrain)
        self._paint = RoadPaint(town, ground)
        self._islands = _junction_islands(town.lanes, ground)
        self._urban = self._urban_cells(town.lanes)

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
        """Coarse ground under and around the whole town, in the world frame, below everything in the tiles."""
        terrain = self._terrain
        step = int(_HORIZON_CELL_M / CELL_M)
        lowest = ndimage.minimum_filter(terrain.heights, size=2 * step + 1)
        margin = int(np.ceil(_HORIZON_REACH_M / _HORIZON_CELL_M))
        nodes = [np.arange(-margin, size // step + margin + 2) for size in terrain.shape]
        x, y = (low + _HORIZON_CELL_M * node for low, node in zip(terrain.low, nodes, strict=True))
        rows, columns = (np.clip(node * step, 0, size - 1) for node, size in zip(nodes, terrain.shape, strict=True))
        z = lowest[np.ix_(rows, columns)].astype(np.float64) - _HORIZON_BELOW_M
        outside_x = np.maximum(np.maximum(-nodes[0], nodes[0] - terrain.shape[0] / step), 0) * _HORIZON_CELL_M
        outside_y = np.maximum(np.maximum(-nodes[1], nodes[1] - terrain.shape[1] / step), 0) * _HORIZON_CELL_M
        away = np.hypot(outside_x[:, None], outside_y[None])
        ridge = noise_at(x[:, None] * 0.0011, y[None] * 0.0011) + 0.4 * noise_at(x[:, None] * 0.004, y[None] * 0.004)
        z += _FAR_RIDGE_M * np.clip((away - 300.0) / 1800.0, 0.0, 1.0) * ridge
        builder = MeshBuilder()
        _add_grid(builder, x, y, z, np.array(_GRASS))
        return builder.build()

    def _urban_cells(self, lanes: NDArray[np.void]) -> NDArray[np.bool_]:
        """Grid cells between sidewalks and what stands behind them, which are paved in towns."""
        terrain = self._terrain
        walks = lanes[(lanes["lane_type"] == LaneType.SIDEWALK) & (lanes["half_width"] > 0.4)]
        busy = np.zeros(terrain.shape, np.float32)
        cell = np.rint((np.stack([walks["x"], walks["y"]], axis=1) - terrain.low) / CELL_M).astype(np.int64)
        busy[cell[:, 0], cell[:, 1]] = 1.0
        density = ndimage.uniform_filter(busy, size=int(160.0 / CELL_M))
        reach = ndimage.maximum_filter(busy, size=2 * int(_PLAZA_NEAR_SIDEWALK_M / CELL_M) + 1)
        return np.asarray((reach > 0.0) & (density > 0.052))

    def _draw_terrain(self, builder: MeshBuilder, tile: tuple[int, int]) -> None:
        count = int(TILE_M / CELL_M)
        x, y = (TILE_M * index + CELL_M * np.arange(count + 1, dtype=np.float64) for index in tile)
        spots = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
        z = self._terrain.height(spots).reshape(count + 1, count + 1)
        middle = np.stack(np.meshgrid(x[:-1] + 2.0, y[:-1] + 2.0, indexing="ij"), axis=-1).reshape(-1, 2)
        wild = noise_at(middle[:, 0] * 0.012, middle[:, 1] * 0.012)
        dry = noise_at(middle[:, 0] * 0.05, middle[:, 1] * 0.05)
        color = np.where((wild > 0.62)[:, None], _DRY, _GRASS)
        color = np.where(((wild > 0.45) & (dry > 0.80))[:, None], _SOIL, color)
        position = np.rint((middle - 2.0 - self._terrain.low) / CELL_M).astype(np.int64)
        limit = np.array(self._terrain.shape) - 1
        inside = ((position >= 0) & (position <= limit)).all(axis=1)
        position = np.clip(position, 0, limit)
        urban = inside & self._urban[position[:, 0], position[:, 1]]
        _add_grid(builder, x, y, z, color.reshape(count, count, 3), urban.reshape(count, count))

    def _draw_islands(self, builder: MeshBuilder, islands: Array) -> None:
        """Small quadrilaterals in the gaps between a junction's lanes."""
        if not len(islands):
            return
        x, y, z, length = islands.T
        half = 0.5 * _ISLAND_CELL_M
        corners = [
            np.stack([x + along * 0.5 * length, y + across * half, z], axis=1)
            for along, across in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
        add_quads(builder, (corners[0], corners[1], corners[2], corners[3]), _FILL)


def _add_grid(
    builder: MeshBuilder,
    x: Array,
    y: Array,
    z: Array,
    color: NDArray[np.int64],
    urban: NDArray[np.bool_] | None = None,
) -> None:
    """A height field over the nodes x (n,), y (m,); `color` is one, or one per cell; `urban` cells are paved."""
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
    for chosen, look in (
        (~paved, Look(_GRASS, Material.GRASS, Label.TERRAIN)),
        (paved, Look(_PLAZA, Material.PAVING, Label.GROUND)),
    ):
        if chosen.any():
            tones = np.repeat(colors[chosen], 2, axis=0) if look.material == Material.GRASS else None
            builder.triangles(points, faces[chosen].reshape(-1, 3), look, normals=normals, color=tones)


def _junction_islands(lanes: NDArray[np.void], ground: GroundIndex) -> Array:
    """Runs of cells in gaps between the driving lanes of junctions: x, y, z of the middle and length, (n, 4).

    Lanes of a junction overlap, but leave small holes between them, which in reality are asphalt too.
    """
    inside = lanes[(lanes["junction_id"] >= 0) & (lanes["lane_type"] == LaneType.DRIVING)]
    found = [np.zeros((0, 4))]
    order = np.argsort(inside["junction_id"], kind="stable")
    inside = inside[order]
    bounds = np.flatnonzero(np.diff(inside["junction_id"])) + 1
    for junction in np.split(inside, bounds):
        if len(junction) > 4:
            found.append(_islands_of(junction, ground))
    return np.concatenate(found)


def _islands_of(junction: NDArray[np.void], ground: GroundIndex) -> Array:
    low = np.array([junction["x"].min(), junction["y"].min()]) - 4.0
    size = np.array([junction["x"].max(), junction["y"].max()]) + 4.0 - low
    if size.max() > _MAX_JUNCTION_M:
        return np.zeros((0, 4))
    cells = np.ceil(size / _ISLAND_CELL_M).astype(int)
    covered = np.zeros((cells[1], cells[0]), np.uint8)
    yaw = junction["yaw"]
    along = np.stack([np.cos(yaw), np.sin(yaw)], axis=1) * 1.15
    aside = np.stack([-np.sin(yaw), np.cos(yaw)], axis=1) * junction["half_width"].astype(np.float64)[:, None]
    center = np.stack([junction["x"], junction["y"]], axis=1) - low
    corners = np.stack(
        [center + along + aside, center + along - aside, center - along - aside, center - along + aside], 1
    )
    for quad in np.rint(corners / _ISLAND_CELL_M).astype(np.int32):
        cv2.fillConvexPoly(covered, quad, 1)
    closed = cv2.morphologyEx(covered, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    holes = ndimage.binary_fill_holes(closed) & (covered == 0)
    parts, count = ndimage.label(holes)
    if not count:
        return np.zeros((0, 4))
    areas = np.bincount(parts.ravel()) * _ISLAND_CELL_M**2
    areas[0] = np.inf
    filled = ndimage.binary_dilation(areas[parts] < _MAX_ISLAND_M2)
    padded = np.pad(filled.astype(np.int8), ((0, 0), (1, 1)))
    row, start = np.nonzero(np.diff(padded, axis=1) == 1)
    _, stop = np.nonzero(np.diff(padded, axis=1) == -1)
    spots = np.column_stack([low[0] + 0.5 * (start + stop) * _ISLAND_CELL_M, low[1] + (row + 0.5) * _ISLAND_CELL_M])
    height = float(np.median(junction["z"]))
    z = ground.query(np.column_stack([spots, np.full(len(spots), height)])).z - _ISLAND_BELOW_M
    return np.column_stack([spots, z, (stop - start) * _ISLAND_CELL_M])
