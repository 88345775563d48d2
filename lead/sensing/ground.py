"""Telling the ground from what stands on it: planes fitted to the lowest points around a grid of centres.

Around every centre the points fall into eight sectors; each sector gets its own plane, so that hills and kerbs of a
road are followed. A point is ground if any sector says so. The work itself is compiled
(:mod:`lead.sensing.ground_kernel`).
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CENTRES_M: tuple[tuple[float, float], ...] = (
    *itertools.product((-46.0, -18.0, 10.0, 38.0, 66.0), (-54.0, -26.0, 2.0, 30.0, 58.0)),
    (0.0, 0.0),
)
"""Centres (x, y) of the published method."""
NEAR_M = 20.0
LEAST_NEAR_POINTS = 3
"""A centre with fewer points nearer than this (sum of |x| and |y|) is left out."""
INNER_M, OUTER_M = 1.0, 32.0
"""A centre takes the points between these distances (sum of |x| and |y|)."""
LOWEST_POINTS = 64
"""A sector with fewer points has no ground; its height is the median of as many lowest ones."""
SEED_TOLERANCE_M = 0.2
LEAST_SEEDS = 3
PLANE_TOLERANCE_M = 0.15
ITERATIONS = 2
LOW_FRACTION = 0.3
"""The lowest points of a sector are ground whatever the plane says."""
SINGULAR, RIDGE = 1e-13, 1e-10
"""Share of its diagonal below which a pivot of normal equations counts as zero, and what is then added to all three."""

_RULES = {
    "near_m": NEAR_M,
    "inner_m": INNER_M,
    "outer_m": OUTER_M,
    "least_near_points": LEAST_NEAR_POINTS,
    "lowest_points": LOWEST_POINTS,
    "seed_tolerance_m": SEED_TOLERANCE_M,
    "least_seeds": LEAST_SEEDS,
    "plane_tolerance_m": PLANE_TOLERANCE_M,
    "iterations": ITERATIONS,
    "low_fraction": LOW_FRACTION,
    "singular": SINGULAR,
    "ridge": RIDGE,
}


class GroundFinder:
    """Tells ground points; owns the memory that this needs, so that it serves one thread at a time."""

    def __init__(self) -> None:
        """Load the compiled part, which a machine compiles once, so that the first cloud does not wait for it."""
        # Warp takes a second to load, and who only needs images can do without.
        from lead.sensing import ground_kernel

        self._kernel = ground_kernel
        self._rules = ground_kernel.Rules()
        for name, value in _RULES.items():
            setattr(self._rules, name, value)
        self._centres = np.array(CENTRES_M)
        self._scratch = np.empty(0)
        self.mask(np.empty((0, 3)))

    def mask(self, points: Floats) -> NDArray[np.bool_]:
        """Which points are ground.

        Args:
            points: (n, 3) x, y, z, ego frame, metres; finite.

        Returns:
            (n,) bool.
        """
        import warp as wp

        count, centres = len(points), len(self._centres)
        needed = self._kernel.SCRATCH_PER_POINT * count
        if len(self._scratch) < needed:
            self._scratch = np.empty(2 * needed)
        is_marked = np.zeros(count, dtype=np.uint8)
        columns = np.ascontiguousarray(points.T)
        shown = [shown_to_warp(array) for array in (columns, self._centres, self._scratch, is_marked)]
        inputs = [shown[0], count, shown[1], centres, self._rules, *shown[2:]]
        wp.launch(self._kernel.mark_ground, dim=1, inputs=inputs, device="cpu")
        return is_marked.view(np.bool_)


def shown_to_warp(array: NDArray[Any]) -> Any:
    """Describe an array to Warp without copying it."""
    import warp as wp

    kinds = {"float64": wp.float64, "float32": wp.float32, "uint8": wp.uint8}
    return wp.array(ptr=array.ctypes.data, shape=array.shape, dtype=kinds[array.dtype.name], device="cpu")
