"""Whether a vehicle or walker fits where a client wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lead.geometry.boxes import box_overlap_depth
from lead.simulator.world.blueprints import Blueprint
from lead.simulator.world.contacts import gather_bodies

if TYPE_CHECKING:
    from lead.simulator.world.world import World

_SHRINK_M = 0.05
_GROUND_TOLERANCE_M = 0.3
_SAME_LEVEL_M = 3.0


def spot_is_free(
    world: World, blueprint: Blueprint, location: NDArray[np.float64], rotation_deg: NDArray[np.float64]
) -> bool:
    """True when the blueprint's box, shrunk by a few centimetres, touches neither a body, nor the level, nor the road.

    Args:
        world: World to spawn in.
        blueprint: Vehicle or walker blueprint.
        location: (3,) world, metres.
        rotation_deg: (3,) pitch, yaw, roll.
    """
    yaw = np.radians(rotation_deg[1])
    cos, sin = np.cos(yaw), np.sin(yaw)
    cx, cy, cz = blueprint.box_center
    center = np.array([[location[0] + cos * cx - sin * cy, location[1] + sin * cx + cos * cy]])
    z = np.array([location[2] + cz])
    half = np.maximum(np.array([blueprint.extent[:2]]) - _SHRINK_M, 0.02)
    half_z = np.array([max(blueprint.extent[2] - _SHRINK_M, 0.02)])
    radius = np.hypot(half[:, 0], half[:, 1])
    bodies = gather_bodies(world.fleet, world.crowd, world.props)
    gap = bodies.center - center
    near = np.hypot(gap[:, 0], gap[:, 1]) < radius + np.hypot(bodies.half[:, 0], bodies.half[:, 1])
    near &= np.abs(bodies.z - z) < half_z + bodies.half_z
    rows = np.flatnonzero(near)
    _, boxes = world.level.candidates(center, z, half_z, radius)
    others = np.concatenate([bodies.center[rows], world.level.center[boxes]])
    yaws = np.concatenate([bodies.yaw[rows], world.level.yaw[boxes]])
    halves = np.concatenate([bodies.half[rows], world.level.half[boxes]])
    count = len(others)
    if count:
        depth = box_overlap_depth(
            np.repeat(center, count, axis=0), np.full(count, yaw), np.repeat(half, count, axis=0), others, yaws, halves
        )
        if (depth > 0.0).any():
            return False
    # A walker's origin is its middle and it steps up to the ground by itself; only its upper half must be clear.
    walker = blueprint.category == "walker"
    bottom = float(z[0]) if walker else float(z[0] - blueprint.extent[2])
    return not _in_the_road(world, center[0], bottom, float(z[0] + blueprint.extent[2]))


def _in_the_road(world: World, center: NDArray[np.float64], bottom: float, top: float) -> bool:
    """True when a lane surface cuts through the body."""
    hits = world.ground.query(np.array([[center[0], center[1], bottom]]))
    lane = int(hits.lane[0])
    if lane < 0 or abs(float(hits.offset[0])) > float(world.town.lanes["half_width"][lane]):
        return False
    return bottom + _GROUND_TOLERANCE_M < float(hits.z[0]) < min(top, bottom + _SAME_LEVEL_M)
