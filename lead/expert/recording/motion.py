"""Where the recording vehicle is, was, and is to go: poses, filters and sparse routes of the metas.

The poses are those that a driving agent would have: noisy GNSS, filtered and smoothed; beside them the true ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lead.control.position_filter import HISTORY, AppliedControl, PositionFilter
from lead.control.sparse_route import POP_DISTANCES_M, SparseRoutePlanner, world_to_ego
from lead.evaluation.observation import EgoState
from lead.geometry.frames import wrap_rad
from lead.geometry.gnss_reference import GnssReference
from lead.sensing.ego_motion import yaw_from_compass

Array = NDArray[np.float64]

MAIN_POP_DISTANCE_M = 7.5
ROUTE_REACH_M = 50.0
PLACEHOLDER_COMMAND = 4


@dataclass(frozen=True)
class Measured:
    """What the sensors said about the ego in a tick.

    Attributes:
        acceleration: (3,) of the IMU, m/s².
        turn_rate: (3,) of the IMU, rad/s.
        yaw_rad: Heading by the compass, wrapped.
        speed_mps: Speedometer.
        gnss_m: (2,) world position by GNSS.
        filtered_m: (2,) the same, filtered.
    """

    acceleration: Array
    turn_rate: Array
    yaw_rad: float
    speed_mps: float
    gnss_m: Array
    filtered_m: Array


class Motion:
    """Follows the ego of one route."""

    def __init__(self, reference: GnssReference, plan_m: ArrayLike, commands: Sequence[int]) -> None:
        """Start at the beginning of a route.

        Args:
            reference: Converts fixes.
            plan_m: (n, 2) sparse route, world frame, metres.
            commands: n CARLA road options.
        """
        self._reference = reference
        self._filter = PositionFilter()
        self._places: deque[Array] = deque(maxlen=HISTORY)
        self._filtered: deque[Array] = deque(maxlen=HISTORY)
        self._yaws: deque[float] = deque(maxlen=HISTORY)
        self._speeds: deque[float] = deque(maxlen=HISTORY)
        self._main = _Planner(plan_m, commands, (MAIN_POP_DISTANCE_M,))
        self._true = _Planner(plan_m, commands, POP_DISTANCES_M)
        self._gps = _Planner(plan_m, commands, POP_DISTANCES_M)

    def step(self, imu: Array, fix: Array, speed_mps: float, ego: EgoState, control: AppliedControl) -> Measured:
        """Take the measurements of a tick.

        Args:
            imu: (7,) acceleration, turn rate, compass.
            fix: (3,) latitude, longitude (degrees), altitude.
            speed_mps: Speedometer.
            ego: True state.
            control: Control applied since the last tick.
        """
        yaw_rad = yaw_from_compass(float(imu[-1]))
        place = self._reference.to_world(fix[0], fix[1])
        filtered = self._filter.step(place, yaw_rad, speed_mps, control)[:2]
        self._places.append(ego.location.copy())
        self._filtered.append(filtered)
        self._yaws.append(yaw_rad)
        self._speeds.append(speed_mps)
        self._main.step(ego.location[:2])
        self._true.step(ego.location[:2])
        self._gps.step(filtered)
        return Measured(imu[:3], imu[3:6], yaw_rad, speed_mps, place, filtered)

    def stacking(self, count: int) -> tuple[Array, Array]:
        """Return the last smoothed positions in the ego frame (n, 2) and headings relative to now, oldest first."""
        past = self._filter.smoothed(count)
        yaws = np.array(self._yaws)[-len(past) :]
        return world_to_ego(past[:, :2], past[-1, :2], float(past[-1, 2])), wrap_rad(yaws - yaws[-1])

    def history(self, ego: EgoState) -> dict[str, Any]:
        """Return the past of the metas: float32 arrays, now first."""
        smoothed = self._filter.smoothed(HISTORY)
        yaw_rad = self._yaws[-1]
        true_m = np.array(self._places)[:, :2]
        past = world_to_ego(smoothed[:, :2], smoothed[-1, :2], float(smoothed[-1, 2]))
        filtered_m = np.array(self._filtered)
        return {
            "privileged_past_positions": _newest_first(world_to_ego(true_m, ego.location[:2], yaw_rad)),
            "past_positions": _newest_first(past),
            "past_filtered_state": _newest_first(world_to_ego(filtered_m, filtered_m[-1], yaw_rad)),
            "past_speeds": _newest_first(np.array(self._speeds)),
            "past_yaws": _newest_first(wrap_rad(np.array(self._yaws) - yaw_rad)),
        }

    def targets(self) -> dict[str, Any]:
        """Return target points and commands of all planners under their published names."""
        points = self._main.metas("", "", MAIN_POP_DISTANCE_M)
        for distance_m in POP_DISTANCES_M:
            suffix = f"_{_published(distance_m)}"
            points |= self._true.metas("", suffix, distance_m) | self._gps.metas("gps_", suffix, distance_m)
        return points


class _Planner:
    """A sparse route planner that also remembers what it has passed."""

    def __init__(self, plan_m: ArrayLike, commands: Sequence[int], distances_m: tuple[float, ...]) -> None:
        self._route = SparseRoutePlanner(plan_m, commands, distances_m, ROUTE_REACH_M)
        self._points = self._route.points_m.tolist()
        self._commands = list(self._route.commands)

    def step(self, place_m: Array) -> None:
        self._route.step(place_m)

    def metas(self, family: str, suffix: str, distance_m: float) -> dict[str, Any]:
        """Return what is passed (a placeholder first) and what is ahead."""
        start = self._route.start(distance_m)
        return {
            f"previous_{family}target_points{suffix}": [self._points[0], *self._points[:start]],
            f"previous_{family}commands{suffix}": [PLACEHOLDER_COMMAND, *self._commands[:start]],
            f"next_{family}target_points{suffix}": self._points[start:],
            f"next_{family}commands{suffix}": self._commands[start:],
        }


def _published(distance_m: float) -> str:
    """Spell a pop distance as keys do: 3.0, 3.25, 3.5 ..."""
    return str(float(distance_m))


def _newest_first(values: Array) -> NDArray[np.float32]:
    return np.ascontiguousarray(values[::-1], dtype=np.float32)
