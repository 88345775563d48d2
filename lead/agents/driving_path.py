"""The line an agent follows: the dense route with smooth lane changes, every 0.1 m, with a speed profile."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import Akima1DInterpolator

from lead.routes.planner import DenseRoute, RoadOption

STEP_M = 0.1
LANE_CHANGE_BEFORE_M = 2.0
LANE_CHANGE_AFTER_M = 14.0
CURVATURE_REACH_M = 2.0
SEARCH_BACK_M = 3.0
SEARCH_AHEAD_M = 12.0
OVERRUN_M = 12.0
"""The path goes on straight behind the last route point, so that steering has a target there."""


class DrivingPath:
    """Densely sampled line with arc lengths.

    Attributes:
        xy: (n, 2) float64, world frame, metres, every 0.1 m.
        yaw_rad: (n,) float64 heading of the line.
        curvature: (n,) float64, 1/m, unsigned.
    """

    def __init__(self, route: DenseRoute) -> None:
        """Smooth a dense route."""
        keep = _kept_points(route)
        knots = route.xyz[keep, :2]
        heading = np.array([np.cos(route.yaw_rad[-1]), np.sin(route.yaw_rad[-1])])
        knots = np.concatenate([knots, knots[-1] + OVERRUN_M * heading[None]])
        length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(knots, axis=0).T))])
        self._knot_path_m = length[:-1]
        self._knot_route_m = route.distance_m[keep]
        places = np.arange(0.0, length[-1], STEP_M)
        self.xy: NDArray[np.float64] = Akima1DInterpolator(length, knots, axis=0)(places)
        tangent = np.gradient(self.xy, axis=0)
        self.yaw_rad: NDArray[np.float64] = np.unwrap(np.arctan2(tangent[:, 1], tangent[:, 0]))
        self.curvature = _curvature(self.yaw_rad)

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.xy)

    def from_route(self, distance_m: float) -> float:
        """Convert a distance along the dense route to one along this path, metres."""
        return float(np.interp(distance_m, self._knot_route_m, self._knot_path_m))

    def locate(self, position: NDArray[np.float64], previous: int) -> int:
        """Find the path point nearest to a (2,) position, close to the previous one."""
        first = max(previous - int(SEARCH_BACK_M / STEP_M), 0)
        window = self.xy[first : previous + int(SEARCH_AHEAD_M / STEP_M) + 1]
        return first + int(np.argmin(np.sum((window - position) ** 2, axis=1)))

    def speed_profile(self, lateral_mps2: float, braking_mps2: float) -> NDArray[np.float64]:
        """Compute the speed that curves permit.

        Args:
            lateral_mps2: Lateral acceleration permitted.
            braking_mps2: Deceleration used ahead of curves.

        Returns:
            (n,) float64, m/s.
        """
        squared = lateral_mps2 / np.maximum(self.curvature, 1e-4)
        # v(s)^2 <= v(s')^2 + 2 a (s' - s) for all s' ahead: a running minimum from the end.
        slope = 2.0 * braking_mps2 * STEP_M * np.arange(len(squared))
        ahead = np.minimum.accumulate((squared + slope)[::-1])[::-1] - slope
        return np.asarray(np.sqrt(np.minimum(squared, ahead)))


def _kept_points(route: DenseRoute) -> NDArray[np.bool_]:
    """Drop the points around lane changes: the curve through the others is the lane change."""
    keep = np.ones(len(route), dtype=np.bool_)
    changes = np.isin(route.option, [RoadOption.CHANGELANELEFT, RoadOption.CHANGELANERIGHT])
    for index in np.flatnonzero(changes):
        place = route.distance_m[index]
        keep &= (route.distance_m < place - LANE_CHANGE_BEFORE_M) | (route.distance_m > place + LANE_CHANGE_AFTER_M)
    keep[[0, -1]] = True
    return keep


def _curvature(yaw_rad: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the heading change per metre over a short stretch around every point."""
    half = int(0.5 * CURVATURE_REACH_M / STEP_M)
    padded = np.pad(yaw_rad, half, mode="edge")
    return np.abs(padded[2 * half :] - padded[: -2 * half]) / CURVATURE_REACH_M
