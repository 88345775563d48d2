"""Where places around the ego appear in a camera's picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import inverse_transform_points, rotation_matrices

NEAREST_M = 0.1
"""Places closer to the image plane than this, or behind it, are not in the picture."""


@dataclass(frozen=True)
class PinholeCamera:
    """A camera as CARLA mounts it: x forward, y right, z up; square pixels, the field of view is the horizontal one.

    Attributes:
        location: (3,) float64 place in the ego frame, metres.
        rotation: (3, 3) float64; the columns are the camera's forward, right and up axes in the ego frame.
        width: Picture width, pixels.
        height: Picture height, pixels.
        fov_deg: Horizontal field of view.
    """

    location: NDArray[np.float64]
    rotation: NDArray[np.float64]
    width: int
    height: int
    fov_deg: float

    @classmethod
    def mounted(
        cls,
        location: tuple[float, float, float],
        pitch_yaw_roll_deg: tuple[float, float, float],
        size: tuple[int, int],
        fov_deg: float,
    ) -> PinholeCamera:
        """Describe a camera by its mounting pose in the ego frame and its picture's (width, height)."""
        rotation = rotation_matrices(*pitch_yaw_roll_deg)
        return cls(np.array(location, np.float64), rotation, size[0], size[1], fov_deg)

    @property
    def focal_px(self) -> float:
        """Focal length in pixels."""
        return 0.5 * self.width / math.tan(math.radians(0.5 * self.fov_deg))

    def project(self, points_ego: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Project places into the picture.

        Args:
            points_ego: (n, 3), ego frame, metres.

        Returns:
            (n, 2) float64 column and row, which may lie outside the picture, and (n,) float64 distance along the
            optical axis; both NaN for places that are not in front of the camera.
        """
        forward, right, up = inverse_transform_points(self.rotation, self.location, points_ego).T
        depth_m = np.where(forward > NEAREST_M, forward, np.nan)
        column = 0.5 * self.width + self.focal_px * right / depth_m
        row = 0.5 * self.height - self.focal_px * up / depth_m
        return np.stack([column, row], axis=1), depth_m
