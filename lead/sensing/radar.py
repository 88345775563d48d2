"""Radar detections: from range and angles to the ego frame, and the fixed-size input of the radar detector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lead.sensing.errors import SensorError
from lead.sensing.lidar import to_ego
from lead.sensing.rigs import BevWindow, Mount

POINTS_PER_SENSOR = 75
"""What a radar of 1500 points per second delivers per tick."""


def radar_to_ego(detections: NDArray[np.float64], mount: Mount) -> NDArray[np.float64]:
    """Detections of a radar expressed in the ego frame; z is lowered by half of the mounting height, as LiDAR's is.

    Args:
        detections: (n, 4) range (m), altitude (rad), azimuth (rad), relative velocity (m/s), as the leaderboard hands
            them out.
        mount: Where the radar sits.

    Returns:
        (n, 4) float64: x, y, z in metres, velocity.
    """
    distance, altitude, azimuth, velocity = detections.T
    flat = distance * np.cos(altitude)
    local = np.array([flat * np.cos(azimuth), flat * np.sin(azimuth), distance * np.sin(altitude)])
    return np.asarray(np.concatenate([to_ego(local.T, mount).T, velocity[None]]).T)


def radar_tensor(radars_ego: Sequence[NDArray[np.floating]], window: BevWindow) -> NDArray[np.float32]:
    """Build the input of the radar detector.

    Args:
        radars_ego: One (n, 4) array per radar: x, y, z, velocity in the ego frame.
        window: Only detections inside (x and y, edges included) are kept.

    Returns:
        (75 * radars, 5) float32: x, y, z, velocity, index of the sensor; of each sensor the first 75, then rows of
        zeros with its index.

    Raises:
        SensorError: If an array has another shape.
    """
    tensor = np.zeros((len(radars_ego), POINTS_PER_SENSOR, 5), dtype=np.float32)
    for index, points in enumerate(radars_ego):
        if points.ndim != 2 or points.shape[1] != 4:
            raise SensorError(f"radar {index + 1} must have rows of x, y, z and velocity, but has {points.shape}")
        x, y = points[:, 0], points[:, 1]
        is_inside = (x >= window.min_x_m) & (x <= window.max_x_m) & (y >= window.min_y_m) & (y <= window.max_y_m)
        kept = points[is_inside][:POINTS_PER_SENSOR]
        tensor[index, : len(kept), :4] = kept
        tensor[index, :, 4] = index
    return tensor.reshape(-1, 5)
