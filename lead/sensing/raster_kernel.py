"""The compiled part of rasterising stacked clouds: every point is moved, rounded as it is stored, and counted.

The same as moving, quantising and counting one after the other, as :mod:`lead.sensing.stacking` and
:mod:`lead.sensing.lidar` do for data sets, but without making the stack.
"""

from __future__ import annotations

import warp as wp

from lead.geometry.warp_runtime import initialise_warp


@wp.struct
class Window:
    """What counts, and how near radar points count."""

    min_x_m: wp.float64
    max_x_m: wp.float64
    min_y_m: wp.float64
    max_y_m: wp.float64
    min_z_m: wp.float64
    max_z_m: wp.float64
    pixels_per_m: wp.float64
    quanta_per_m: wp.float64
    near_m: wp.float64
    rows: wp.int32
    columns: wp.int32


# A part is: index of its first point, that behind its last, cosine, sine, shift in x and y, and copies of near points.
_SNIPPET = """
    const int cells = window.rows * window.columns;
    for (int cell = 0; cell < cells; ++cell) raster.data[cell] = 0.0f;
    for (int p = 0; p < part_count; ++p) {
        const double* part = parts.data + 7 * p;
        const double cosine = part[2], sine = part[3], shift_x = part[4], shift_y = part[5];
        const int copies = (int)part[6];
        for (int i = (int)part[0]; i < (int)part[1]; ++i) {
            double x = points.data[i], y = points.data[count + i], z = points.data[2 * count + i], turned = x;
            x = cosine * turned - sine * y + shift_x;
            y = sine * turned + cosine * y + shift_y;
            const int weight = copies > 0 && sqrt(x * x + y * y) < window.near_m ? 1 + copies : 1;
            x = rint(x * window.quanta_per_m) / window.quanta_per_m;
            y = rint(y * window.quanta_per_m) / window.quanta_per_m;
            z = rint(z * window.quanta_per_m) / window.quanta_per_m;
            if (!(x >= window.min_x_m && x <= window.max_x_m && y >= window.min_y_m && y <= window.max_y_m)) continue;
            if (!(z >= window.min_z_m && z <= window.max_z_m)) continue;
            int column = (int)((x - window.min_x_m) * window.pixels_per_m);
            int row = (int)((y - window.min_y_m) * window.pixels_per_m);
            if (column == window.columns) --column;
            if (row == window.rows) --row;
            raster.data[row * window.columns + column] += (float)weight;
        }
    }
    for (int cell = 0; cell < cells; ++cell) {
        const int points_in_it = (int)raster.data[cell];
        raster.data[cell] = values.data[points_in_it < full ? points_in_it : full];
    }
"""


@wp.func_native(_SNIPPET)
def _fill_raster(
    points: wp.array(dtype=wp.float64, ndim=2),
    count: int,
    parts: wp.array(dtype=wp.float64, ndim=2),
    part_count: int,
    window: Window,
    values: wp.array(dtype=wp.float32),
    full: int,
    raster: wp.array(dtype=wp.float32, ndim=3),
) -> None: ...


@wp.kernel(enable_backward=False)
def fill_raster(
    points: wp.array(dtype=wp.float64, ndim=2),
    count: int,
    parts: wp.array(dtype=wp.float64, ndim=2),
    part_count: int,
    window: Window,
    values: wp.array(dtype=wp.float32),
    full: int,
    raster: wp.array(dtype=wp.float32, ndim=3),
) -> None:
    """Move points (x, y, z in rows) part by part, count them per cell, write the values of 0, 1, .. ``full`` points."""
    _fill_raster(points, count, parts, part_count, window, values, full, raster)


initialise_warp()
