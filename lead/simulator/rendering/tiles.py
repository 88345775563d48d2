"""The static surroundings in square tiles: only those near a sensor are generated and kept.

A large town has a hundred square kilometres; what a sensor sees in detail lies within a few hundred metres. Which
tiles are shown depends on the sensors' places alone, not on where they were before, so that a picture is a function
of the world's state. Generated meshes are kept for a while, because routes return to the same places.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from lead.maps.compiled import CompiledMap
from lead.maps.ground import GroundIndex
from lead.simulator.rendering.backend import Backend
from lead.simulator.scenery.ground_mesh import GroundScenery
from lead.simulator.scenery.level import Level
from lead.simulator.scenery.materials import LampChannel
from lead.simulator.scenery.mesh import Mesh, merge, split_by_place
from lead.simulator.scenery.strips import TILE_M
from lead.simulator.scenery.structures import Structures
from lead.simulator.scenery.terrain import Terrain
from lead.simulator.scenery.tile_cache import TileCache

logger = logging.getLogger(__name__)

VIEW_RADIUS_M = 400.0
_KEPT_BYTES = 256 * 2**20
_SLOW_S = 2.0
_HORIZON = "horizon"
_HORIZON_PARTS = 8
"""The ground that reaches to the horizon comes in so many parts a side: in one piece every ray would search it."""

TileKey = tuple[int, int]


class TileField:
    """Keeps a back end's tiles in step with where the sensors are.

    Args:
        backend: Gets the meshes.
        town: The map.
        ground: Height of its lanes.
        level: What stands on it.
    """

    def __init__(self, backend: Backend, town: CompiledMap, ground: GroundIndex, level: Level) -> None:
        self._backend = backend
        self._surfaces = GroundScenery(town, ground, Terrain(town))
        self._structures = Structures(level, town, ground)
        self._stored = TileCache(town.digest)
        self._shown: dict[TileKey, int] = {}
        self._kept: OrderedDict[TileKey, Mesh] = OrderedDict()
        self._kept_bytes = 0
        self._lamp_tile = np.floor(level.lamps[:, :2] / TILE_M).astype(np.int64)
        self._hidden = np.zeros(len(level.boxes), bool)
        self._lamps_on = np.zeros(len(level.lamps), bool)
        self._burning: set[TileKey] = set()
        self._near_xy = np.zeros((0, 2))
        self._wanted: list[TileKey] = []
        parts = split_by_place(self._surfaces.horizon(), _HORIZON_PARTS)
        self._horizon = [(_HORIZON, index) for index in range(len(parts))]
        for key, part in zip(self._horizon, parts, strict=True):
            backend.set_tile(key, part, np.zeros(3))

    def show(self, near_xy: NDArray[np.float64], present: NDArray[np.bool_], lamps_on: NDArray[np.bool_]) -> None:
        """Show the tiles around some points.

        Args:
            near_xy: float64 (k, 2), world, metres.
            present: bool (n,), level objects that are not hidden.
            lamps_on: bool (m,), street lamps that burn, in the level's order.
        """
        self._take_hidden(~present)
        if not np.array_equal(lamps_on, self._lamps_on):
            self._lamps_on = lamps_on.copy()
            self._burning = {(int(i), int(j)) for i, j in np.unique(self._lamp_tile[lamps_on], axis=0)}
        burning = self._burning
        if not np.array_equal(near_xy, self._near_xy):
            self._near_xy, self._wanted = near_xy.copy(), sorted(self._around(near_xy))
        wanted = self._wanted
        for key in self._shown.keys() - set(wanted):
            self._backend.drop_tile(key)
            del self._shown[key]
        started_s = time.monotonic()
        for key in wanted:
            state = 1 << LampChannel.STREET if key in burning else 0
            if key not in self._shown:
                self._backend.set_tile(key, self._mesh(key), np.array([*key, 0.0]) * TILE_M, state)
                self._shown[key] = state
            elif self._shown[key] != state:
                self._backend.set_tile_state(key, state)
                self._shown[key] = state
        if (spent_s := time.monotonic() - started_s) > _SLOW_S:
            logger.info("made the scenery of %d tiles in %.1f s", len(wanted), spent_s)

    def close(self) -> None:
        """Take all tiles from the back end."""
        for key in (*self._horizon, *self._shown):
            self._backend.drop_tile(key)
        self._shown.clear()

    def _take_hidden(self, hidden: NDArray[np.bool_]) -> None:
        """Forget the meshes of tiles in which level objects were hidden or shown since the last call."""
        changed = np.flatnonzero(hidden != self._hidden)
        if not len(changed):
            return
        self._hidden = hidden
        for key in {(int(i), int(j)) for i, j in self._structures.tile_of[changed]}:
            if key in self._shown:
                self._backend.drop_tile(key)
                del self._shown[key]
            if key in self._kept:
                self._kept_bytes -= self._kept.pop(key).nbytes

    def _around(self, near_xy: NDArray[np.float64]) -> set[TileKey]:
        """Tiles that reach into the view radius of some point."""
        wanted: set[TileKey] = set()
        for x, y in near_xy.tolist():
            low_i, high_i = (int(np.floor((x + way) / TILE_M)) for way in (-VIEW_RADIUS_M, VIEW_RADIUS_M))
            low_j, high_j = (int(np.floor((y + way) / TILE_M)) for way in (-VIEW_RADIUS_M, VIEW_RADIUS_M))
            for i in range(low_i, high_i + 1):
                for j in range(low_j, high_j + 1):
                    gap_x = max(i * TILE_M - x, x - (i + 1) * TILE_M, 0.0)
                    gap_y = max(j * TILE_M - y, y - (j + 1) * TILE_M, 0.0)
                    if gap_x * gap_x + gap_y * gap_y < VIEW_RADIUS_M**2:
                        wanted.add((i, j))
        return wanted

    def _mesh(self, key: TileKey) -> Mesh:
        """Mesh of a tile, relative to its low corner."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        is_whole = not self._hidden[(self._structures.tile_of == key).all(axis=1)].any()
        mesh = self._stored.load(key) if is_whole else None
        if mesh is None:
            mesh = merge([self._surfaces.tile(key), self._structures.tile(key, self._hidden)])
            if is_whole:
                self._stored.save(key, mesh)
        self._kept[key] = mesh
        self._kept_bytes += mesh.nbytes
        while self._kept_bytes > _KEPT_BYTES and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= dropped.nbytes
        return mesh
