"""What agents get: measurements of the carla client in the arrays of CARLA's leaderboard.

The arrays are copies that agents may write into; the client's buffers are read-only and die with the measurement.
"""

from __future__ import annotations

from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray


def as_array(data: carla.SensorData) -> NDArray[Any]:
    """Convert one measurement.

    Args:
        data: Measurement of a camera, lidar, radar, GNSS or IMU.

    Returns:
        * camera: (height, width, 4) uint8, BGRA.
        * lidar: (n, 4) float32: x, y, z (metres, sensor frame), intensity.
        * radar: (n, 4) float32: depth (m), altitude (rad), azimuth (rad), velocity (m/s, negative when approaching).
        * GNSS: (3,) float64: latitude, longitude (degrees), altitude (metres).
        * IMU: (7,) float64: accelerometer (m/s²), gyroscope (rad/s), compass (rad from north).

    Raises:
        TypeError: If the measurement is of another kind.
    """
    match data:
        case carla.Image():
            return _pixels(data)
        case carla.LidarMeasurement():
            return np.array(_rows(data))
        case carla.RadarMeasurement():
            # The client's order is velocity, azimuth, altitude, depth.
            return np.ascontiguousarray(_rows(data)[:, ::-1])
        case carla.GnssMeasurement():
            return np.array([data.latitude, data.longitude, data.altitude], np.float64)
        case carla.IMUMeasurement():
            force, turn = data.accelerometer, data.gyroscope
            return np.array([force.x, force.y, force.z, turn.x, turn.y, turn.z, data.compass], np.float64)
        case _:
            raise TypeError(f"there is no format for measurements of type {type(data).__name__}")


def _pixels(image: carla.Image) -> NDArray[np.uint8]:
    size = (image.height, image.width, 4)
    return np.array(np.frombuffer(image.raw_data, np.uint8).reshape(size), np.uint8)


def _rows(data: carla.SensorData) -> NDArray[np.float32]:
    """View rows of four floats."""
    if len(data) == 0:
        return np.empty((0, 4), np.float32)
    return np.asarray(np.frombuffer(data.raw_data, np.float32).reshape(-1, 4), np.float32)


def forward_speed_mps(ego: carla.Vehicle) -> float:
    """Return the ego's velocity along its heading and pitch, m/s; negative when reversing."""
    velocity, rotation = ego.get_velocity(), ego.get_transform().rotation
    pitch_rad, yaw_rad = np.deg2rad(rotation.pitch), np.deg2rad(rotation.yaw)
    planar = np.cos(pitch_rad)
    heading = np.array([planar * np.cos(yaw_rad), planar * np.sin(yaw_rad), np.sin(pitch_rad)])
    return float(heading @ [velocity.x, velocity.y, velocity.z])
