"""Small gaps between the lanes of junctions, which OpenDRIVE leaves open and which in reality are asphalt too."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lead.maps.compiled import CompiledMap
from lead.maps.ground import GroundIndex
from lead.maps.layout import LaneType
from lead.simulator.scenery.scenery_cache import cached_arrays

Array = NDArray[np.float64]

GAP_CELL_M = 0.5
_MAX_GAP_M2 = 160.0
_BELOW_M = 0.012
_MAX_JUNCTION_M, _AROUND_M = 160.0, 4.0
_SAMPLE_HALF_M = 1.15


def junction_gaps(town: CompiledMap, ground: GroundIndex) -> Array:
    """Runs of cells in gaps between the lanes of junctions: x, y, z of the middle and length along x, (n, 4)."""
    stored = cached_arrays(town.digest, "gaps", lambda: {"gaps": _all_gaps(town.lanes, ground)})
    return stored["gaps"].astype(np.float64)


def _all_gaps(lanes: NDArray[np.void], ground: GroundIndex) -> Array:
    inside = lanes[(lanes["junction_id"] >= 0) & (lanes["lane_type"] == LaneType.DRIVING)]
    inside = inside[np.argsort(inside["junction_id"], kind="stable")]
    bounds = np.flatnonzero(np.diff(inside["junction_id"])) + 1
    found = [np.zeros((0, 4))]
    for junction in np.split(inside, bounds):
        if len(junction) > 4:
            found.append(_gaps_of(junction, ground))
    return np.concatenate(found)


def _gaps_of(junction: NDArray[np.void], ground: GroundIndex) -> Array:
    low = np.array([junction["x"].min(), junction["y"].min()]) - _AROUND_M
    high = np.array([junction["x"].max(), junction["y"].max()]) + _AROUND_M
    if (high - low).max() > _MAX_JUNCTION_M:
        return np.zeros((0, 4))
    columns, rows = np.ceil((high - low) / GAP_CELL_M).astype(int)
    filled = _holes(_covered(junction, low, (rows, columns)))
    if not filled.any():
        return np.zeros((0, 4))
    padded = np.pad(ndimage.binary_dilation(filled).astype(np.int8), ((0, 0), (1, 1)))
    row, start = np.nonzero(np.diff(padded, axis=1) == 1)
    _, stop = np.nonzero(np.diff(padded, axis=1) == -1)
    spots = np.column_stack([low[0] + 0.5 * (start + stop) * GAP_CELL_M, low[1] + (row + 0.5) * GAP_CELL_M])
    height = float(np.median(junction["z"]))
    z = ground.query(np.column_stack([spots, np.full(len(spots), height)])).z - _BELOW_M
    return np.column_stack([spots, z, (stop - start) * GAP_CELL_M])


def _covered(lanes: NDArray[np.void], low: Array, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Raster of the ground that lanes cover."""
    covered = np.zeros(shape, np.uint8)
    yaw = lanes["yaw"]
    along = np.stack([np.cos(yaw), np.sin(yaw)], axis=1) * _SAMPLE_HALF_M
    aside = np.stack([-np.sin(yaw), np.cos(yaw)], axis=1) * lanes["half_width"].astype(np.float64)[:, None]
    center = np.stack([lanes["x"], lanes["y"]], axis=1) - low
    corners = np.stack(
        [center + along + aside, center + along - aside, center - along - aside, center - along + aside], 1
    )
    for quad in np.rint(corners / GAP_CELL_M).astype(np.int32):
        cv2.fillConvexPoly(covered, quad, 1)
    return covered


def _holes(covered: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Small holes in covered ground; narrow cracks are closed first, but corners that open outwards are no holes."""
    closed = cv2.morphologyEx(covered, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    whole = ndimage.binary_fill_holes(closed)
    parts, count = ndimage.label(whole & (covered == 0))
    if not count:
        return np.zeros(covered.shape, bool)
    areas = np.bincount(parts.ravel()) * GAP_CELL_M**2
    outside = np.unique(parts[ndimage.binary_dilation(~whole) | _border(covered.shape)])
    areas[outside] = np.inf
    areas[0] = np.inf
    return np.asarray(areas[parts] < _MAX_GAP_M2)


def _border(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    border = np.ones(shape, bool)
    border[1:-1, 1:-1] = False
    return border
