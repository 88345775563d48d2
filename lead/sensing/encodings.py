"""Small codes that data and networks share: angle classes, boxes in raster pixels, and depth as integers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lead.geometry.frames import wrap_rad
from lead.sensing.rigs import BevWindow

ANGLE_CLASSES = 12
ANGLE_STEP_RAD = 2.0 * np.pi / ANGLE_CLASSES
DEPTH8_MAX_M = 50.0
DEPTH16_MAX_M = 96.0


def encode_angle(angle_rad: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Split angles into one of 12 classes around multiples of 30 degrees and a residual.

    Args:
        angle_rad: Any shape.

    Returns:
        Class int64 in [0, 12) and residual float64 in [-15, 15) degrees in radians, both of the same shape.
    """
    shifted = (np.asarray(angle_rad, dtype=np.float64) + 0.5 * ANGLE_STEP_RAD) % (2.0 * np.pi)
    # The modulus of a tiny negative angle may round up to a full turn.
    classes = np.minimum((shifted / ANGLE_STEP_RAD).astype(np.int64), ANGLE_CLASSES - 1)
    return classes, shifted - (classes + 0.5) * ANGLE_STEP_RAD


def decode_angle(classes: ArrayLike, residual_rad: ArrayLike) -> NDArray[np.float64]:
    """Angles in [-pi, pi) from classes and residuals: the inverse of :func:`encode_angle`."""
    return wrap_rad(np.asarray(classes) * ANGLE_STEP_RAD + np.asarray(residual_rad, dtype=np.float64))


def boxes_to_raster(boxes_ego: ArrayLike, window: BevWindow) -> NDArray[np.float64]:
    """Boxes (..., 4 or more: x, y, half length, half width, ...) from ego metres to pixels of the raster."""
    boxes = np.array(boxes_ego, dtype=np.float64)
    boxes[..., :2] -= (window.min_x_m, window.min_y_m)
    boxes[..., :4] *= window.pixels_per_m
    return boxes


def boxes_to_ego(boxes_raster: ArrayLike, window: BevWindow) -> NDArray[np.float64]:
    """Boxes (..., 4 or more) from pixels of the raster to ego metres: the inverse of :func:`boxes_to_raster`."""
    boxes = np.array(boxes_raster, dtype=np.float64)
    boxes[..., :4] /= window.pixels_per_m
    boxes[..., :2] += (window.min_x_m, window.min_y_m)
    return boxes


def encode_depth8(depth_m: ArrayLike) -> NDArray[np.uint8]:
    """Depth in metres, clipped at 50 m, as 0 to 255, rounded down."""
    depth = np.clip(np.asarray(depth_m, dtype=np.float64), 0.0, DEPTH8_MAX_M)
    return (depth / DEPTH8_MAX_M * 255.0).astype(np.uint8)


def decode_depth8(code: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Depth in metres from 8-bit codes."""
    return np.multiply(code, DEPTH8_MAX_M / 255.0, dtype=np.float32)


def encode_depth16(depth_m: ArrayLike) -> NDArray[np.uint16]:
    """Depth in metres, clipped at 96 m, as 0 to 65535, rounded down."""
    depth = np.clip(np.asarray(depth_m, dtype=np.float64), 0.0, DEPTH16_MAX_M)
    return (depth / DEPTH16_MAX_M * 65535.0).astype(np.uint16)


def decode_depth16(code: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Depth in metres from 16-bit codes."""
    return np.multiply(code, DEPTH16_MAX_M / 65535.0, dtype=np.float32)
