"""Surroundings of real towns, and rays through them, for the tests of scenery."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest

from lead.maps.compiled import CompiledMap, compile_map
from lead.maps.ground import GroundIndex
from lead.maps.towns import installed_towns, read_opendrive
from lead.simulator.rendering.backend import Backend
from lead.simulator.rendering.environment import environment_from_weather
from lead.simulator.rendering.scene import Instances, Lights, View
from lead.simulator.scenery.ground_mesh import GroundScenery
from lead.simulator.scenery.level import Level, build_level
from lead.simulator.scenery.mesh import Mesh
from lead.simulator.scenery.strips import TILE_M
from lead.simulator.scenery.structures import Structures
from lead.simulator.scenery.terrain import Terrain
from lead.simulator.world.weather import WeatherParameters

DOWN = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
"""Rotation of a camera that looks down."""


@dataclass
class Surroundings:
    """What is generated for a town; made when asked for, with a cache of the tests' own.

    Attributes:
        name: Short name of the town.
        cache: Folder for what the generators keep; the towns themselves are in the user's cache.
    """

    name: str
    cache: Path
    meshes: dict[tuple[int, int], Mesh] = field(default_factory=dict)

    @cached_property
    def town(self) -> CompiledMap:
        return compile_map(self.name, read_opendrive(self.name))

    @cached_property
    def index(self) -> GroundIndex:
        return self.town.ground_index()

    @cached_property
    def terrain(self) -> Terrain:
        town = self.town
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LEAD_CACHE_DIR", str(self.cache))
            return Terrain(town)

    @cached_property
    def level(self) -> Level:
        town, index = self.town, self.index
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LEAD_CACHE_DIR", str(self.cache))
            return build_level(town, index)

    @cached_property
    def ground(self) -> GroundScenery:
        return GroundScenery(self.town, self.index, self.terrain)

    @cached_property
    def structures(self) -> Structures:
        return Structures(self.level, self.town, self.index)

    def ground_tile(self, key: tuple[int, int]) -> Mesh:
        """Ground of a tile, made once."""
        if key not in self.meshes:
            self.meshes[key] = self.ground.tile(key)
        return self.meshes[key]


def surroundings_of(name: str, cache: Path) -> Surroundings:
    """Surroundings of an installed town; skips the test where it is not installed."""
    if name not in installed_towns():
        pytest.skip(f"{name} is not installed: lead towns install {name}")
    return Surroundings(name, cache)


def light_up(backend: Backend) -> None:
    """Noon, and nothing but the tiles."""
    backend.update(Instances(), environment_from_weather(WeatherParameters(), 0.0), Lights())


def look_down(backend: Backend, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drop a ray from each point (n, 3): height of what it hits, label; NaN and SKY for a hole."""
    views = [View(point, DOWN, 1, 1, 1.0) for point in points]
    truths = backend.render(views).ground_truth()
    depth = np.array([truth.depth[0, 0] for truth in truths], np.float64)
    label = np.array([truth.label[0, 0] for truth in truths])
    return np.where(depth < 900.0, points[:, 2] - depth, np.nan), label


def tiles_of(points: np.ndarray) -> set[tuple[int, int]]:
    """Tiles in which points (n, 2 or 3) lie."""
    return {(int(i), int(j)) for i, j in np.unique(np.floor(points[:, :2] / TILE_M), axis=0)}


def lane_points(lanes: np.ndarray) -> np.ndarray:
    """Centres (n, 3) of lane samples."""
    return np.stack([lanes["x"], lanes["y"], lanes["z"]], axis=1)
