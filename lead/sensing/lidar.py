"""LiDAR clouds: into the ego frame, without the ego itself, cropped, quantised and rasterised.

All clouds of a vehicle live in the ego frame, except that their z is lowered by half of the sensor's mounting height:
published data and weights have it that way. Clouds are (n, 3) arrays whose columns are contiguous in memory, since all
steps work on whole columns; functions take any layout.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lead.config.legacy import PUBLISHED, Legacy
from lead.geometry.frames import rotation_matrices
from lead.sensing.errors import SensorError
from lead.sensing.rigs import BevWindow, Mount

Cloud = NDArray[np.float64]

EGO_HALF_LENGTH_M = 2.4508416652679443
EGO_HALF_WIDTH_M = 1.0641621351242065
"""Half extents of the 2017 Lincoln, which published data were cleaned with."""
MIN_HEIGHT_M, MAX_HEIGHT_M = -4.0, 10.0
QUANTA_PER_M = 10.0
"""Clouds are stored with 0.1 m."""
FULL_COUNT = 5
"""Points in a cell of the raster from which on it is full."""
PNG_MAX = 65535

RASTER_VALUES = np.trunc(np.arange(FULL_COUNT + 1, dtype=np.float32) / np.float32(FULL_COUNT) * np.float32(PNG_MAX))
RASTER_VALUES = (RASTER_VALUES / np.float32(PNG_MAX)).astype(np.float32)
"""Raster value of 0 to 5 points after the trip through a 16-bit image that training data make."""


def checked_cloud(points: ArrayLike, columns: int, name: str) -> Cloud:
    """Raw points of a sensor as float64.

    Args:
        points: (n, ``columns`` or more).
        columns: How many columns to keep.
        name: Sensor id, for the error.

    Returns:
        (n, columns) float64, column by column in memory.

    Raises:
        SensorError: If the shape is another or a number is not finite.
    """
    cloud = np.asarray(points)
    if cloud.ndim != 2 or cloud.shape[1] < columns:
        raise SensorError(f"{name} must deliver an array of (n, {columns}) or wider, but delivered {cloud.shape}")
    cloud = cloud[:, :columns].astype(np.float64, order="F")
    if not np.isfinite(cloud.T).all():
        raise SensorError(f"{name} delivered points that are not finite")
    return cloud


def to_ego(points: Cloud, mount: Mount) -> Cloud:
    """Points of a sensor expressed in the ego frame, z lowered by half of the mounting height.

    Args:
        points: (n, 3) in the sensor's frame, metres.
        mount: Where the sensor sits.

    Returns:
        (n, 3) float64.
    """
    rotation, shift_m = _pose(mount)
    columns = rotation @ points.T
    columns += shift_m
    return np.asarray(columns.T)


@cache
def _pose(mount: Mount) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotation (3, 3) and shift (3, 1) from a sensor's frame into the ego's."""
    shift_m = np.array([[mount.x_m], [mount.y_m], [mount.z_m - 0.5 * mount.z_m]])
    return rotation_matrices(0.0, mount.yaw_deg, 0.0), shift_m


def take(points: Cloud, is_taken: NDArray[np.bool_]) -> Cloud:
    """Copy those points (n, columns) for which ``is_taken`` (n,) holds, column by column in memory."""
    return np.asarray(points.T.take(np.flatnonzero(is_taken), axis=1).T)


def remove_ego(points: Cloud, legacy: Legacy = PUBLISHED) -> Cloud:
    """Drop the points (n, 3) on the ego; as published, everything straight ahead, behind and beside it too."""
    is_beyond_length = np.abs(points[:, 0]) > EGO_HALF_LENGTH_M
    is_beyond_width = np.abs(points[:, 1]) > EGO_HALF_WIDTH_M
    if legacy.ego_removal_strips:
        return take(points, is_beyond_length & is_beyond_width)
    return take(points, is_beyond_length | is_beyond_width)


def inside(points: NDArray[np.floating], window: BevWindow) -> NDArray[np.bool_]:
    """Which points (n, 3 or more) lie in the window (edges included) and between the published heights."""
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    is_inside = (x >= window.min_x_m) & (x <= window.max_x_m) & (y >= window.min_y_m) & (y <= window.max_y_m)
    return np.asarray(is_inside & (z >= MIN_HEIGHT_M) & (z <= MAX_HEIGHT_M))


def quantise(points: Cloud) -> Cloud:
    """Points rounded to 0.1 m, as they are stored."""
    quanta = points * QUANTA_PER_M
    np.rint(quanta, out=quanta)
    quanta /= QUANTA_PER_M
    return quanta


def cells(points: NDArray[np.floating], window: BevWindow) -> NDArray[np.int64]:
    """Cells of the bird's-eye view in which points lie.

    Args:
        points: (n, 3 or more) x, y, z, ego frame, metres. Points outside the window or the heights are left out;
            the far edges belong to the last cells.
        window: Window and resolution.

    Returns:
        (m,) flat indices into the raster, whose rows grow with y and columns with x; m <= n.
    """
    rows, columns = window.shape
    kept = np.flatnonzero(inside(points, window))
    column = ((points[:, 0].take(kept) - window.min_x_m) * window.pixels_per_m).astype(np.int64)
    row = ((points[:, 1].take(kept) - window.min_y_m) * window.pixels_per_m).astype(np.int64)
    return np.asarray(np.minimum(row, rows - 1) * columns + np.minimum(column, columns - 1))


def count_cells(cell: NDArray[np.int64], window: BevWindow) -> NDArray[np.int64]:
    """Count how often each cell of the window occurs: (rows, columns) int64."""
    rows, columns = window.shape
    return np.bincount(cell, minlength=rows * columns).reshape(rows, columns)


def raster(counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Network input from counts: float32 (1, rows, columns) in {0, 0.2, .. 1}, full from 5 points on."""
    values: NDArray[np.float32] = RASTER_VALUES.take(counts, mode="clip")[None]
    return values
