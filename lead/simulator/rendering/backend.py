"""What every rendering back end can do, whichever hardware and library it stands on."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lead.simulator.rendering.environment import Environment
from lead.simulator.rendering.scene import (
    ColorStyle,
    GroundTruth,
    ImageKind,
    Instances,
    Lights,
    RayBundle,
    RayHits,
    View,
)
from lead.simulator.scenery.mesh import Mesh


class Frame(Protocol):
    """One or more views of equal size traced together; the pixels stay with the back end until asked for.

    Every getter computes once and returns one array (or tuple) per view, in the order of the views.
    """

    def ground_truth(self) -> list[GroundTruth]:
        """Depth, class and object of every pixel."""

    def encoded(self, kind: ImageKind) -> list[NDArray[np.uint8]]:
        """(h, w, 4) BGRA in CARLA's packing, alpha 255.

        `depth`: 24 bits from 0 to `FAR_M`, the lowest byte in red. `semantic`: the class in red. `instance`: the class
        in red and the object in green (low byte) and blue; actors show the lower 16 bits of their id, objects of the
        level have the highest of the 16 bits set, so that they differ from actors as long as ids stay below 32768.
        """

    def normals(self) -> list[NDArray[np.float32]]:
        """(h, w, 3) unit shading normals turned to the camera, world frame; zero for the sky."""

    def flow(self, previous_views: Sequence[View]) -> list[NDArray[np.float32]]:
        """(h, w, 2) motion of every pixel since the previous tick, right and down, in pixels.

        `previous_views` are the same cameras one tick ago.
        """

    def color(self, style: ColorStyle) -> list[NDArray[np.uint8]]:
        """(h, w, 4) BGRA, alpha 255."""


class Backend(Protocol):
    """Draws a scene made of static tiles and instances of prototypes.

    Not thread-safe: one caller at a time. Arrays handed over may be reused by the caller afterwards; arrays handed
    back belong to the caller.
    """

    name: str
    """`cuda`, `embree` or `cpu`."""

    def add_prototype(self, mesh: Mesh) -> int:
        """Take a mesh that instances can show; returns its number, from 0 in order."""

    def set_tile(self, key: Hashable, mesh: Mesh, origin: NDArray[np.float64], state: int = 0) -> None:
        """Put a static mesh at `origin` (3,), replacing a tile of the same key; `state` lights its LAMP triangles."""

    def set_tile_state(self, key: Hashable, state: int) -> None:
        """Switch the lamps of a tile."""

    def drop_tile(self, key: Hashable) -> None:
        """Remove a tile."""

    def set_atlas(self, pixels: NDArray[np.uint8]) -> None:
        """Take the (h, w, 3) RGB picture that FACE triangles show."""

    def set_object_actors(self, actor_id: NDArray[np.uint32]) -> None:
        """Take the actors of level objects, by their number; 0 for objects that are none."""

    def update(self, instances: Instances, environment: Environment, lights: Lights) -> None:
        """Take the state of a tick; everything below sees it until the next update."""

    def render(self, views: Sequence[View], *, colors: bool = True, antialias: bool = False) -> Frame:
        """Trace views of equal width and height.

        Without `colors` there are no color images, and no rays to the sun; `antialias` smooths edges in color images.
        """

    def cast(self, bundles: Sequence[RayBundle]) -> list[RayHits]:
        """First hits of the rays of some bundles, traced together; one answer per bundle."""

    def triangles(self) -> int:
        """Triangles of all tiles and prototypes."""

    def close(self) -> None:
        """Release everything; the back end is unusable afterwards."""
