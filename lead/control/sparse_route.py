"""The sparse route that agents are given: dropping what lies behind, and the target points and commands ahead.

Models were trained with target points of several pop distances; a model takes those that suit the moment. All distances
share one array of points, so that a tick costs one small array expression instead of 29 planners.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lead.errors import LeadError

Array = NDArray[np.float64]

POP_DISTANCES_M: tuple[float, ...] = tuple(3.0 + 0.25 * step for step in range(29))
"""The published distances: 3.00 to 10.00 m."""
COMMANDS = 6
LANE_FOLLOW_INDEX = 3


class SparseRouteError(LeadError):
    """A sparse route or a pop distance cannot be used."""


@dataclass(frozen=True)
class TargetPointRules:
    """How target points are chosen (names as the published closed-loop keys in parentheses).

    Attributes:
        pop_distance_m: Pop distance of the usual planner (``route_planner_min_distance``).
        is_adaptive: Take the nearer planner around close points (``sensor_agent_pop_distance_adaptive``).
        near_pop_distance_m: Pop distance of the nearer planner.
        near_m: Two points, or a point and the ego, closer than this are near.
        skip_distant: Replace a far next point by the current one (``sensor_agent_skip_distant_target_point``).
        distant_m: Distance from the ego that is far.
    """

    pop_distance_m: float = 5.0
    is_adaptive: bool = True
    near_pop_distance_m: float = 4.0
    near_m: float = 10.0
    skip_distant: bool = True
    distant_m: float = 50.0


@dataclass(frozen=True)
class TargetPoints:
    """Where to go next, in the ego frame.

    Attributes:
        previous_ego: (2,) float64, the point last passed, metres.
        current_ego: (2,) float64, the point ahead.
        next_ego: (2,) float64, the point after it, or the current one again.
        command: CARLA road option at the first point.
        next_command: CARLA road option at the second point.
    """

    previous_ego: Array
    current_ego: Array
    next_ego: Array
    command: int
    next_command: int


class SparseRoutePlanner:
    """Keeps, for each pop distance, which points of the route are still ahead."""

    def __init__(
        self,
        points_m: ArrayLike,
        commands: Sequence[int],
        pop_distances_m: Sequence[float] = POP_DISTANCES_M,
        max_distance_m: float = 50.0,
    ) -> None:
        """Start with the whole route ahead.

        Args:
            points_m: (n, 2) sparse route, world frame, metres, n >= 2.
            commands: n CARLA road options.
            pop_distances_m: Points up to the farthest one within this distance are passed.
            max_distance_m: How far along the route points are looked at.

        Raises:
            SparseRouteError: If the route is too short, not finite, or has another number of commands.
        """
        self.points_m = np.array(points_m, dtype=np.float64)
        if self.points_m.ndim != 2 or self.points_m.shape[1] != 2 or len(self.points_m) < 2:
            raise SparseRouteError(
                f"a sparse route needs at least two points of x and y, but has the shape {self.points_m.shape}"
            )
        if not np.isfinite(self.points_m).all():
            raise SparseRouteError("the sparse route has a point that is not finite")
        if len(commands) != len(self.points_m):
            raise SparseRouteError(f"the sparse route has {len(self.points_m)} points but {len(commands)} commands")
        self.commands = tuple(int(command) for command in commands)
        self.pop_distances_m = tuple(pop_distances_m)
        self._pop_m = np.array(self.pop_distances_m)[:, None]
        self._max_distance_m = max_distance_m
        steps = np.linalg.norm(np.diff(self.points_m, axis=0), axis=1)
        self._travelled_m = np.concatenate([[0.0], np.cumsum(steps)])
        self._start = np.zeros(len(self.pop_distances_m), dtype=np.int64)

    def step(self, position_m: ArrayLike) -> None:
        """Drop what lies behind.

        Args:
            position_m: (2,) ego position, world frame.

        Raises:
            SparseRouteError: If the position is not two finite numbers.
        """
        position = np.asarray(position_m, dtype=np.float64)
        if position.shape != (2,) or not np.isfinite(position).all():
            raise SparseRouteError(f"a position on the sparse route must be two finite numbers, not {position}")
        first = int(self._start.min()) + 1
        reach_m = float(self._travelled_m[self._start.max()]) + self._max_distance_m
        # A point is looked at while the way to the point before it is within reach.
        last = int(np.searchsorted(self._travelled_m, reach_m, side="right")) + 1
        index = np.arange(first, min(last, len(self.points_m)))
        if not len(index):
            return
        distance_m = np.linalg.norm(self.points_m[index] - position, axis=1)
        way_m = self._travelled_m[index - 1] - self._travelled_m[self._start][:, None]
        is_passed = (index > self._start[:, None]) & (way_m <= self._max_distance_m) & (distance_m <= self._pop_m)
        farthest = index[np.where(is_passed, distance_m, -np.inf).argmax(axis=1)]
        start = np.where(is_passed.any(axis=1), farthest, self._start)
        self._start = np.minimum(start, len(self.points_m) - 2)

    def start(self, pop_distance_m: float) -> int:
        """Index of the first point that a planner of this pop distance still has.

        Raises:
            SparseRouteError: If the planner does not keep this distance.
        """
        if pop_distance_m not in self.pop_distances_m:
            raise SparseRouteError(
                f"the sparse route is not followed with a pop distance of {pop_distance_m} m, "
                f"only with {', '.join(f'{distance:g}' for distance in self.pop_distances_m)}"
            )
        return int(self._start[self.pop_distances_m.index(pop_distance_m)])

    def is_last(self, pop_distance_m: float) -> bool:
        """Only the last two points are left."""
        return self.start(pop_distance_m) == len(self.points_m) - 2

    def target_points(
        self, position_m: ArrayLike, yaw_rad: float, rules: TargetPointRules | None = None
    ) -> TargetPoints:
        """Choose target points and commands.

        Args:
            position_m: (2,) ego position in which frame the points are expressed, world frame.
            yaw_rad: Ego heading.
            rules: Which planner is used when; the published rules by default.
        """
        rules = rules or TargetPointRules()
        position = np.asarray(position_m, dtype=np.float64)
        points, commands = self._ahead(rules.pop_distance_m)
        if rules.is_adaptive:
            to_ego = np.linalg.norm(points[:2] - position, axis=1)
            gaps = np.linalg.norm(np.diff(points, axis=0), axis=1)
            if gaps.min() < rules.near_m and to_ego.min() < rules.near_m:
                points, commands = self._ahead(rules.near_pop_distance_m)
        ego = world_to_ego(points, position, yaw_rad)
        following = ego[2]
        if rules.skip_distant and math.hypot(*following) > rules.distant_m:
            following = ego[1]
        return TargetPoints(ego[0], ego[1], following, *commands)

    def _ahead(self, pop_distance_m: float) -> tuple[Array, tuple[int, int]]:
        """First three different points (3, 2) and the first two commands."""
        start = self.start(pop_distance_m)
        points = self.points_m[start:]
        if len(points) > 2:
            is_new = np.concatenate([[True], (np.diff(points, axis=0) != 0.0).any(axis=1)])
            points = points[is_new]
        points = points[np.minimum([0, 1, 2], len(points) - 1)]
        return points, (self.commands[start], self.commands[start + 1])


def world_to_ego(points_m: ArrayLike, position_m: ArrayLike, yaw_rad: float) -> Array:
    """Express world points (..., 2) in the frame of an ego at a position (2,) with a heading."""
    cosine, sine = math.cos(yaw_rad), math.sin(yaw_rad)
    offset = np.asarray(points_m, dtype=np.float64) - np.asarray(position_m, dtype=np.float64)
    return np.asarray(offset @ np.array([[cosine, -sine], [sine, cosine]]))


def one_hot_command(command: int) -> NDArray[np.float32]:
    """Encode a CARLA road option for the network.

    Args:
        command: 1 left, 2 right, 3 straight, 4 lane follow, 5 change left, 6 change right; anything else counts as lane
            follow.

    Returns:
        (6,) float32.
    """
    index = command - 1 if 1 <= command <= COMMANDS else LANE_FOLLOW_INDEX
    code = np.zeros(COMMANDS, dtype=np.float32)
    code[index] = 1.0
    return code
