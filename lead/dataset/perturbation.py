"""The twin rig: an ego copy that stands a little beside the lane's middle and looks a little aside.

What it sees teaches a network to come back. Its pose is drawn once per route.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import euler_deg_from_matrix, rotation_matrices

EGO_HALF_WIDTH_M = 1.0641621351242065
MIN_LANE_WIDTH_M = 2.75
GAP_M, GAP_SLOW_M = 0.25, 0.4
SLOW_LIMIT_MPS = 15.0
MIN_SHIFT_M, MAX_SHIFT_M = 0.1, 1.0
MIN_TURN_DEG = 0.5
NEAR_TURN_DEG, FAR_TURN_DEG = 5.0, 12.5
"""Largest turn away from the lane's middle and back to it, where the shift is largest."""


@dataclass(frozen=True)
class Perturbation:
    """Pose of the twin in the ego frame.

    Attributes:
        translation_m: Shift to the right.
        rotation_deg: Turn to the right.
    """

    translation_m: float
    rotation_deg: float

    def move(
        self, place_m: tuple[float, float, float], pitch_yaw_roll_deg: tuple[float, float, float]
    ) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """Return place and rotation, in the ego frame, of a sensor of the twin.

        Args:
            place_m: Place on the rig, x, y, z.
            pitch_yaw_roll_deg: Rotation on the rig.
        """
        turn: NDArray[np.float64] = rotation_matrices(0.0, self.rotation_deg, 0.0)
        x, y, z = (turn @ np.array(place_m)).tolist()
        pitch, yaw, roll = euler_deg_from_matrix(turn @ rotation_matrices(*pitch_yaw_roll_deg)).tolist()
        return (x, y + self.translation_m, z), (pitch, yaw, roll)


def draw_perturbation(rng: np.random.Generator, min_lane_width_m: float, speed_limit_mps: float) -> Perturbation:
    """Draw the twin's pose for a route.

    The shift keeps the ego's body inside the narrowest lane; the turn is drawn so that a rig far from the middle
    rather looks back to it than further away. Turns below half a degree are drawn again.

    Args:
        rng: Source of the draw.
        min_lane_width_m: Width of the narrowest lane of the route outside junctions.
        speed_limit_mps: Highest speed limit along the route.
    """
    gap_m = GAP_SLOW_M if speed_limit_mps < SLOW_LIMIT_MPS else GAP_M
    width_m = max(min_lane_width_m, MIN_LANE_WIDTH_M)
    largest_m = min(MAX_SHIFT_M, max(0.5 * width_m - EGO_HALF_WIDTH_M - gap_m, MIN_SHIFT_M))
    side = 1.0 if rng.random() < 0.5 else -1.0
    shift_m = side * float(rng.uniform(MIN_SHIFT_M, largest_m))
    share = 0.5 * (shift_m + 1.0)
    low_deg = -(NEAR_TURN_DEG * (1.0 - share) + FAR_TURN_DEG * share) * largest_m
    high_deg = (FAR_TURN_DEG * (1.0 - share) + NEAR_TURN_DEG * share) * largest_m
    while True:
        turn_deg = float(rng.uniform(low_deg, high_deg))
        if abs(turn_deg) >= MIN_TURN_DEG:
            return Perturbation(shift_m, turn_deg)
