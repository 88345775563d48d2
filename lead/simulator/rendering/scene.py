"""What a back end draws and gives back: the data that pass between the world, the back ends and the sensors.

Everything is numpy in the world frame (left-handed, metres), so that neither the world nor the sensors know which
back end is at work.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

FAR_M = 1000.0
"""Nothing is seen beyond; depth images say this of the sky."""
NEAR_M = 0.05

ImageKind = Literal["depth", "semantic", "instance"]
"""Images that CARLA packs into colours."""


def _none(kind: str, *shape: int) -> NDArray[Any]:
    return np.zeros((0, *shape), kind)


@dataclass(frozen=True, eq=False)
class Instances:
    """Everything that moves or changes: actors, and lights whose lamps switch. One row is one placed prototype.

    Attributes:
        prototype: int32 (n,), numbers given by `Backend.add_prototype`.
        transform: float32 (n, 4, 4), prototype frame to world; rigid, or with uneven scale.
        previous: float32 (n, 4, 4), the same one tick ago (for optical flow).
        tint: float32 (n, 3), linear colour that PAINT and CLOTH triangles are multiplied by.
        state: uint32 (n,), bit `LampChannel` lights the LAMP triangles of that channel.
        actor_id: uint32 (n,), 0 for things that are no actors.
        velocity: float32 (n, 3), m/s.
    """

    prototype: NDArray[np.int32] = field(default_factory=lambda: _none("i4"))
    transform: NDArray[np.float32] = field(default_factory=lambda: _none("f4", 4, 4))
    previous: NDArray[np.float32] = field(default_factory=lambda: _none("f4", 4, 4))
    tint: NDArray[np.float32] = field(default_factory=lambda: _none("f4", 3))
    state: NDArray[np.uint32] = field(default_factory=lambda: _none("u4"))
    actor_id: NDArray[np.uint32] = field(default_factory=lambda: _none("u4"))
    velocity: NDArray[np.float32] = field(default_factory=lambda: _none("f4", 3))

    def __len__(self) -> int:
        return len(self.prototype)


@dataclass(frozen=True, eq=False)
class Lights:
    """Lamps that light their surroundings: street lamps, head lights. All are cones; a cone of -1 shines everywhere.

    Attributes:
        position: float32 (k, 3).
        direction: float32 (k, 3), unit.
        color: float32 (k, 3), linear radiant intensity.
        cos_inner: float32 (k,), cosine of the half angle of full brightness.
        cos_outer: float32 (k,), cosine of the half angle beyond which there is none.
        range_m: float32 (k,), distance at which it has faded out.
    """

    position: NDArray[np.float32] = field(default_factory=lambda: _none("f4", 3))
    direction: NDArray[np.float32] = field(default_factory=lambda: _none("f4", 3))
    color: NDArray[np.float32] = field(default_factory=lambda: _none("f4", 3))
    cos_inner: NDArray[np.float32] = field(default_factory=lambda: _none("f4"))
    cos_outer: NDArray[np.float32] = field(default_factory=lambda: _none("f4"))
    range_m: NDArray[np.float32] = field(default_factory=lambda: _none("f4"))

    def __len__(self) -> int:
        return len(self.range_m)


@dataclass(frozen=True, eq=False)
class View:
    """A pinhole camera: looks along +x of its frame, y right, z up.

    The focal length in pixels is `width_px / (2 tan(fov / 2))`, the centre lies at half width and half height.

    Attributes:
        location: float64 (3,), world.
        rotation: float64 (3, 3), camera frame to world.
        width_px: Columns, any number from 1.
        height_px: Rows, any number from 1.
        fov_deg: Horizontal field of view.
    """

    location: NDArray[np.float64]
    rotation: NDArray[np.float64]
    width_px: int
    height_px: int
    fov_deg: float

    @property
    def focal_px(self) -> float:
        """Focal length in pixels."""
        return self.width_px / (2.0 * float(np.tan(np.radians(self.fov_deg) / 2.0)))


@dataclass(frozen=True)
class ColorStyle:
    """How radiance becomes a picture.

    Attributes:
        gamma: Exponent of the display, 2.2 is the usual one; more is brighter.
        exposure: Factor on the radiance.
        effects: Whether weather in front of the lens (rain streaks) and tone mapping with bloom-like glare are
            drawn (`enable_postprocess_effects`).
    """

    gamma: float = 2.2
    exposure: float = 1.0
    effects: bool = True


class GroundTruth(NamedTuple):
    """What is seen in every pixel of one view; all (h, w).

    Attributes:
        depth: float32, along the optical axis, metres; `FAR_M` for the sky.
        label: uint8, `Label`.
        object_id: uint32, the actor's id (posts of lights and signs are actors too), or the level object's number
            with the top bit set, or 0.
        instance: int32, row in the instances, -1 for the level, -2 for the sky.
    """

    depth: NDArray[np.float32]
    label: NDArray[np.uint8]
    object_id: NDArray[np.uint32]
    instance: NDArray[np.int32]


LEVEL_OBJECT_BIT = np.uint32(1 << 31)
"""Set in `GroundTruth.object_id` and `RayHits.object_id` where a level object, not an actor, was hit."""


class RayBundle(NamedTuple):
    """Rays from one point.

    Attributes:
        origin: float64 (3,), world.
        directions: float32 (n, 3), unit vectors in the frame of the bundle.
        max_range_m: Hits farther away count as misses.
        rotation: float64 (3, 3), frame of the bundle to world.
    """

    origin: NDArray[np.float64]
    directions: NDArray[np.float32]
    max_range_m: float
    rotation: NDArray[np.float64] = np.eye(3)


class RayHits(NamedTuple):
    """First hits of rays, all of length n.

    Attributes:
        distance: float32, metres; infinite for a miss.
        cos_incidence: float32, between the reversed ray and the geometric surface normal, 0 for a miss.
        label: uint32, `Label`; NONE for a miss.
        object_id: uint32, as in `GroundTruth`.
        instance: int32, row in the instances, -1 for the level, -2 for a miss.
    """

    distance: NDArray[np.float32]
    cos_incidence: NDArray[np.float32]
    label: NDArray[np.uint32]
    object_id: NDArray[np.uint32]
    instance: NDArray[np.int32]

    def take(self, rows: NDArray[np.intp]) -> RayHits:
        """The hits of some rays."""
        return RayHits(
            self.distance[rows], self.cos_incidence[rows], self.label[rows], self.object_id[rows], self.instance[rows]
        )


NO_HITS = RayHits(_none("f4"), _none("f4"), _none("u4"), _none("u4"), _none("i4"))
"""Of a bundle without rays."""
