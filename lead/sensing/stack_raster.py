"""The raster of stacked clouds without making the stack: what a driving tick needs.

The work itself is compiled (:mod:`lead.sensing.raster_kernel`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lead.sensing.ground import shown_to_warp
from lead.sensing.lidar import FULL_COUNT, MAX_HEIGHT_M, MIN_HEIGHT_M, QUANTA_PER_M, RASTER_VALUES
from lead.sensing.rigs import BevWindow

Floats = NDArray[np.float64]

NEAR_RADAR_M = 32.0


class StackPart(NamedTuple):
    """A cloud of the past and how it comes into the present ego frame.

    Attributes:
        age: In ticks.
        cloud: (n, 3) float64, metres, in the ego frame of its tick.
        turn: (2, 2) rotation of x and y.
        shift: (2,) added after it.
        copies: So many copies more of the points that are then nearer than 32 m.
    """

    age: int
    cloud: Floats
    turn: Floats
    shift: Floats
    copies: int


class StackRaster:
    """Rasterises the parts of stacks into one window."""

    def __init__(self, window: BevWindow) -> None:
        """Load the compiled part, which a machine compiles once.

        Args:
            window: Window and resolution.
        """
        from lead.sensing import raster_kernel

        self._kernel = raster_kernel
        self._shape = window.shape
        rules = self._window = raster_kernel.Window()
        rules.min_x_m, rules.max_x_m = window.min_x_m, window.max_x_m
        rules.min_y_m, rules.max_y_m = window.min_y_m, window.max_y_m
        rules.min_z_m, rules.max_z_m = MIN_HEIGHT_M, MAX_HEIGHT_M
        rules.pixels_per_m, rules.quanta_per_m, rules.near_m = window.pixels_per_m, QUANTA_PER_M, NEAR_RADAR_M
        rules.rows, rules.columns = window.shape
        self.draw([])

    def draw(self, parts: Sequence[StackPart]) -> NDArray[np.float32]:
        """Move points, round them to 0.1 m, count them per cell.

        Args:
            parts: Clouds and their motions.

        Returns:
            (1, rows, columns) float32 in {0, 0.2, .. 1}, see :func:`lead.sensing.lidar.raster`.
        """
        import warp as wp

        points = np.concatenate([np.empty((3, 0)), *(part.cloud.T for part in parts)], axis=1)
        table = np.empty((len(parts), 7))
        first = 0
        for row, (_, cloud, turn, shift, copies) in zip(table, parts, strict=True):
            row[:] = first, first + len(cloud), turn[0, 0], turn[1, 0], shift[0], shift[1], copies
            first += len(cloud)
        raster = np.empty((1, *self._shape), dtype=np.float32)
        shown = [shown_to_warp(array) for array in (points, table, RASTER_VALUES, raster)]
        inputs = [shown[0], first, shown[1], len(parts), self._window, shown[2], FULL_COUNT, shown[3]]
        wp.launch(self._kernel.fill_raster, dim=1, inputs=inputs, device="cpu")
        return raster
