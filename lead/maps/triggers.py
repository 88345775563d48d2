"""Fits the one trigger volume of a light or sign to the lanes that obey it.

Clients turn the trigger volume of a light into lanes in one way: they walk in steps of 1 m along the actor's
local x axis through the box centre, from -0.9 to 0.9 of the half size, ignore the box's own rotation, and
project each point to the nearest driving lane. So the box has to lie square to the actor, and its x axis has
to run across exactly the lanes that obey the actor. Where the actor's nominal direction does not allow that,
the actor is turned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import wrap_rad

_WALKED_SHARE = 0.9
_HALF_LENGTH_M = 1.5
_HALF_HEIGHT_M = 1.0
# Part of a lane's width on either side of its centre that the outermost points of the walk may use.
_LANE_SHARE = 0.3
_MAX_SKEW_RAD = np.radians(5.0)
_SAME_APPROACH_RAD = np.radians(50.0)
_SAME_APPROACH_M = 25.0


@dataclass(frozen=True)
class Trigger:
    """A trigger volume in the frame of its actor, and the yaw that the actor must have for it.

    Attributes:
        actor_yaw_rad: Yaw of the actor in the world.
        yaw_rad: Yaw of the box relative to the actor.
        center: float64 [3], box centre in the actor's frame, m.
        extent: float64 [3], half sizes, m; all 0 if no lane obeys the actor.
    """

    actor_yaw_rad: float
    yaw_rad: float
    center: NDArray[np.float64]
    extent: NDArray[np.float64]


def fit_trigger(
    position: NDArray[np.float64],
    nominal_yaw_rad: float,
    lanes_xyz: NDArray[np.float64],
    lanes_yaw_rad: NDArray[np.float64],
    lanes_width_m: NDArray[np.float64],
    *,
    may_turn: bool,
) -> Trigger:
    """Fits a trigger volume.

    Args:
        position: float64 [3], position of the actor in the world.
        nominal_yaw_rad: Yaw that the actor has by its OpenDRIVE signal.
        lanes_xyz: float64 [n, 3], points on the lanes that obey, just before their stop lines; world frame.
        lanes_yaw_rad: float64 [n], driving directions there.
        lanes_width_m: float64 [n], lane widths there.
        may_turn: Whether the actor may be turned square to its lanes; if not, the box is turned against it.
    """
    if len(lanes_xyz) == 0:
        return Trigger(nominal_yaw_rad, 0.0, np.zeros(3), np.zeros(3))
    approach = _main_approach(lanes_xyz, lanes_yaw_rad, nominal_yaw_rad - 0.5 * np.pi)
    xyz, widths = lanes_xyz[approach], lanes_width_m[approach]
    heading = float(np.arctan2(np.sin(lanes_yaw_rad[approach]).sum(), np.cos(lanes_yaw_rad[approach]).sum()))
    skew = float(wrap_rad(np.array(heading + 0.5 * np.pi - nominal_yaw_rad)))
    box_yaw = nominal_yaw_rad + (skew if abs(skew) > _MAX_SKEW_RAD else 0.0)
    actor_yaw = box_yaw if may_turn else nominal_yaw_rad
    right = np.array([np.cos(box_yaw), np.sin(box_yaw)])
    upstream = np.array([-np.sin(box_yaw), np.cos(box_yaw)])
    offset = xyz[:, :2] - position[:2]
    across = offset @ right
    low = int(np.argmin(across))
    high = int(np.argmax(across))
    first = across[low] - _LANE_SHARE * widths[low]
    last = across[high] + _LANE_SHARE * widths[high]
    # Staggered stop lines: the walk must stay before the first of them.
    back = float((offset @ upstream).max())
    center_world = 0.5 * (first + last) * right + back * upstream
    cos, sin = np.cos(actor_yaw), np.sin(actor_yaw)
    center = np.array(
        [
            center_world[0] * cos + center_world[1] * sin,
            center_world[1] * cos - center_world[0] * sin,
            float(xyz[:, 2].mean()) - position[2],
        ]
    )
    extent = np.array([0.5 * (last - first) / _WALKED_SHARE, _HALF_LENGTH_M, _HALF_HEIGHT_M])
    return Trigger(actor_yaw, box_yaw - actor_yaw, center, extent)


def _main_approach(xyz: NDArray[np.float64], yaw: NDArray[np.float64], facing_rad: float) -> NDArray[np.bool_]:
    """Marks the lanes of the approach that the signal faces: one box cannot cover several arms."""
    skew = np.abs(wrap_rad(yaw - facing_rad))
    leader = int(np.argmin(skew))
    same_way = np.abs(wrap_rad(yaw - yaw[leader])) <= _SAME_APPROACH_RAD
    distance = np.hypot(xyz[:, 0] - xyz[leader, 0], xyz[:, 1] - xyz[leader, 1])
    approach: NDArray[np.bool_] = same_way & (distance <= _SAME_APPROACH_M)
    return approach
