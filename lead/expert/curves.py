"""How fast bends may be driven."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.expert.route import STEP_M, ExpertRoute

LATERAL_MPS2, HURRIED_MPS2, BRAKING_MPS2 = 5.0, 7.5, 3.0
VIEW_POINTS = 800


def curve_speeds(route: ExpertRoute, *, hurried: bool = False) -> NDArray[np.float64]:
    """Return the speeds that bends permit along the next 80 m of the path, braking before them included.

    Args:
        route: The path.
        hurried: The ego makes use of a short gap and drives as fast as its tyres allow.
    """
    curvature = route.curvature[route.index : route.index + VIEW_POINTS]
    squared = (HURRIED_MPS2 if hurried else LATERAL_MPS2) / np.maximum(curvature, 1e-4)
    # v(s)^2 <= v(s')^2 + 2 a (s' - s) for all s' ahead: a running minimum from the end.
    slope = 2.0 * BRAKING_MPS2 * STEP_M * np.arange(len(squared))
    ahead = np.minimum.accumulate((squared + slope)[::-1])[::-1] - slope
    return np.asarray(np.sqrt(np.minimum(squared, ahead)))
