"""Poses, rotations and angles in CARLA's convention, so that no other module has to spell out the matrix.

CARLA's rotation is (pitch, yaw, roll) in degrees, applied as yaw about z (clockwise seen from above), pitch
(nose up positive) and roll (right side down positive); the names of arguments here keep that order. All
functions are vectorised over leading axes and work in float64.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_GIMBAL_LOCK_SINE = 1.0 - 1e-12


def wrap_rad(angle_rad: ArrayLike) -> NDArray[np.float64]:
    """Angle brought into [-pi, pi), any shape, radians."""
    return (np.asarray(angle_rad, dtype=np.float64) + np.pi) % (2.0 * np.pi) - np.pi


def wrap_deg(angle_deg: ArrayLike) -> NDArray[np.float64]:
    """Angle brought into [-180, 180), any shape, degrees."""
    return (np.asarray(angle_deg, dtype=np.float64) + 180.0) % 360.0 - 180.0


def rotation_matrices(pitch_deg: ArrayLike, yaw_deg: ArrayLike, roll_deg: ArrayLike) -> NDArray[np.float64]:
    """Rotation matrices that turn vectors of the rotated frame into its parent frame.

    Args:
        pitch_deg: Pitch in degrees, any shape that broadcasts with the others.
        yaw_deg: Yaw in degrees.
        roll_deg: Roll in degrees.

    Returns:
        float64 (..., 3, 3); the columns are the forward, right and up axes, exactly the upper left block of
        ``carla.Transform.get_matrix()``.
    """
    pitch, yaw, roll = np.broadcast_arrays(
        np.radians(np.asarray(pitch_deg, dtype=np.float64)),
        np.radians(np.asarray(yaw_deg, dtype=np.float64)),
        np.radians(np.asarray(roll_deg, dtype=np.float64)),
    )
    sin_p, cos_p = np.sin(pitch), np.cos(pitch)
    sin_y, cos_y = np.sin(yaw), np.cos(yaw)
    sin_r, cos_r = np.sin(roll), np.cos(roll)
    matrix = np.empty((*pitch.shape, 3, 3), dtype=np.float64)
    matrix[..., 0, 0] = cos_p * cos_y
    matrix[..., 1, 0] = cos_p * sin_y
    matrix[..., 2, 0] = sin_p
    matrix[..., 0, 1] = cos_y * sin_p * sin_r - sin_y * cos_r
    matrix[..., 1, 1] = sin_y * sin_p * sin_r + cos_y * cos_r
    matrix[..., 2, 1] = -cos_p * sin_r
    matrix[..., 0, 2] = -cos_y * sin_p * cos_r - sin_y * sin_r
    matrix[..., 1, 2] = -sin_y * sin_p * cos_r + cos_y * sin_r
    matrix[..., 2, 2] = cos_p * cos_r
    return matrix


def euler_deg_from_matrix(matrix: ArrayLike) -> NDArray[np.float64]:
    """Pitch, yaw and roll of rotation matrices: the inverse of :func:`rotation_matrices`.

    Args:
        matrix: float (..., 3, 3) rotation, or (..., 4, 4) pose of which the rotation is read.

    Returns:
        float64 (..., 3): pitch in [-90, 90], yaw and roll in [-180, 180], degrees. Straight up or down, where
        only the difference of yaw and roll is defined, roll is 0.
    """
    m = np.asarray(matrix, dtype=np.float64)
    sine = np.clip(m[..., 2, 0], -1.0, 1.0)
    locked = np.abs(sine) > _GIMBAL_LOCK_SINE
    yaw = np.where(locked, np.arctan2(-m[..., 0, 1], m[..., 1, 1]), np.arctan2(m[..., 1, 0], m[..., 0, 0]))
    roll = np.where(locked, 0.0, np.arctan2(-m[..., 2, 1], m[..., 2, 2]))
    return np.asarray(np.degrees(np.stack([np.arcsin(sine), yaw, roll], axis=-1)))


def transform_points(rotation: ArrayLike, location: ArrayLike, points: ArrayLike) -> NDArray[np.float64]:
    """Points given in a frame, expressed in its parent frame.

    Args:
        rotation: float (..., 3, 3) rotation of the frame.
        location: float (..., 3) origin of the frame in the parent frame, metres.
        points: float (..., n, 3) points in the frame, metres.

    Returns:
        float64 (..., n, 3) points in the parent frame.
    """
    matrix = np.asarray(rotation, dtype=np.float64)
    origin = np.asarray(location, dtype=np.float64)
    turned = np.asarray(points, dtype=np.float64) @ np.swapaxes(matrix, -1, -2)
    return np.asarray(turned + origin[..., None, :])


def inverse_transform_points(rotation: ArrayLike, location: ArrayLike, points: ArrayLike) -> NDArray[np.float64]:
    """Points given in the parent frame, expressed in the frame: the inverse of :func:`transform_points`."""
    matrix = np.asarray(rotation, dtype=np.float64)
    origin = np.asarray(location, dtype=np.float64)
    return (np.asarray(points, dtype=np.float64) - origin[..., None, :]) @ matrix


def pose_matrices(location: ArrayLike, rotation_deg: ArrayLike) -> NDArray[np.float64]:
    """Homogeneous poses, as ``carla.Transform.get_matrix()``.

    Args:
        location: float (..., 3), metres.
        rotation_deg: float (..., 3) pitch, yaw, roll in degrees.

    Returns:
        float64 (..., 4, 4).
    """
    origin = np.asarray(location, dtype=np.float64)
    angles = np.asarray(rotation_deg, dtype=np.float64)
    matrix = np.zeros((*np.broadcast_shapes(origin.shape[:-1], angles.shape[:-1]), 4, 4), dtype=np.float64)
    matrix[..., :3, :3] = rotation_matrices(angles[..., 0], angles[..., 1], angles[..., 2])
    matrix[..., :3, 3] = origin
    matrix[..., 3, 3] = 1.0
    return matrix


def compose(
    parent_location: ArrayLike,
    parent_rotation_deg: ArrayLike,
    child_location: ArrayLike,
    child_rotation_deg: ArrayLike,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """World pose of bodies that are rigidly attached to parents.

    Args:
        parent_location: float (..., 3) world location of the parent, metres.
        parent_rotation_deg: float (..., 3) pitch, yaw, roll of the parent, degrees.
        child_location: float (..., 3) location of the child in the parent's frame.
        child_rotation_deg: float (..., 3) rotation of the child in the parent's frame.

    Returns:
        World location float64 (..., 3) and world pitch, yaw, roll in degrees float64 (..., 3).
    """
    parent_angles = np.asarray(parent_rotation_deg, dtype=np.float64)
    child_angles = np.asarray(child_rotation_deg, dtype=np.float64)
    parent = rotation_matrices(parent_angles[..., 0], parent_angles[..., 1], parent_angles[..., 2])
    child = rotation_matrices(child_angles[..., 0], child_angles[..., 1], child_angles[..., 2])
    offset = np.asarray(child_location, dtype=np.float64)
    location = np.asarray(parent_location, dtype=np.float64) + (parent @ offset[..., None])[..., 0]
    return location, euler_deg_from_matrix(parent @ child)
