"""The spatial path: points at equal distances along the route ahead."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lead.dataset.errors import DatasetError

STORED_POINTS = 20
"""The path is made of so many points of the stored route."""
FIRST_M, STEP_M = 2.5, 1.0
PATH_POINTS = 10


def without_duplicates(points: ArrayLike) -> NDArray[np.float64]:
    """Points (n, 2) without those that occurred before, in order."""
    array = np.asarray(points, np.float64)
    _, first = np.unique(array, axis=0, return_index=True)
    return array[np.sort(first)]


def smooth_path(points_ego: ArrayLike, count: int = PATH_POINTS) -> NDArray[np.float64]:
    """Resample a path to points 2.5 m from the ego and then 1 m from each other.

    Args:
        points_ego: (n, 2) metres without duplicates, n at least 2.
        count: How many points to make.

    Returns:
        float64 (count, 2). Every point uses one stored point up and lies on the line towards it; behind the last
        stored point the path follows the line through the last two.

    Raises:
        DatasetError: If there are fewer than two points or some are no numbers.
    """
    points: Sequence[Sequence[float]] = np.asarray(points_ego, np.float64).tolist()
    if len(points) < 2 or not all(math.isfinite(value) for point in points for value in point):
        raise DatasetError("the route ahead has fewer than two points, or some that are no numbers")
    points = [(0.0, 0.0), *points]
    x, y = points[0]
    smooth = []
    for index in range(1, count + 1):
        reach_m = FIRST_M if index == 1 else STEP_M
        last, target = points[min(index, len(points) - 1) - 1], points[min(index, len(points) - 1)]
        along_x, along_y = _unit(target[0] - last[0], target[1] - last[1])
        if index < len(points):
            dx, dy = _unit(target[0] - x, target[1] - y)
            # A new point may have overtaken the stored one, and then lies ahead on the line through it.
            reach_m = math.copysign(reach_m, dx * along_x + dy * along_y)
            x, y = x + reach_m * dx, y + reach_m * dy
        else:
            # Where the circle around the newest point cuts the line through the last two stored ones.
            along = (x - target[0]) * along_x + (y - target[1]) * along_y
            across = (y - target[1]) * along_x - (x - target[0]) * along_y
            along += math.sqrt(max(reach_m**2 - across**2, 0.0))
            x, y = target[0] + along * along_x, target[1] + along * along_y
        smooth.append((x, y))
    return np.array(smooth)


def _unit(x: float, y: float) -> tuple[float, float]:
    length = math.hypot(x, y)
    return (x / length, y / length) if length > 0.0 else (1.0, 0.0)
