"""Lanes as short, nearly flat pieces, found by tile: the raw material of roads, kerbs and markings."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import wrap_rad
from lead.maps.compiled import CompiledMap
from lead.simulator.scenery.mesh import Look, MeshBuilder

TILE_M = 128.0
"""Scenery is made in squares of this size, aligned to its multiples."""
_MAX_TURN_RAD = 0.08
_MAX_PARTS = 6

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pieces:
    """Pieces of lanes, each a quadrilateral between two cross sections; world frame, metres.

    Attributes:
        row: int64 (k,), lane sample (LANE_DTYPE) at or before the first cross section.
        start: float64 (k, 3), centre of the lane at the first cross section (the one of smaller s).
        end: float64 (k, 3), at the second.
        start_right: float64 (k, 2), unit vectors to the right of the driving direction, that is away from the
            reference line.
        end_right: float64 (k, 2).
        start_half: float64 (k,), half widths.
        end_half: float64 (k,).
        start_s: float64 (k,), stations.
        end_s: float64 (k,).
    """

    row: NDArray[np.int64]
    start: Array
    end: Array
    start_right: Array
    end_right: Array
    start_half: Array
    end_half: Array
    start_s: Array
    end_s: Array

    def __len__(self) -> int:
        return len(self.row)

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Pieces:
        """Some of the pieces."""
        return Pieces(*(values[index] for values in vars(self).values()))

    def clipped(self, low: Array, high: Array) -> Pieces:
        """The pieces cut to shares of their length, both (k,) from 0 to 1."""

        def between(first: Array, second: Array, share: Array) -> Array:
            weight = share if first.ndim == 1 else share[:, None]
            return first + (second - first) * weight

        fields = {}
        for name in ("", "_right", "_half", "_s"):
            first, second = getattr(self, f"start{name}"), getattr(self, f"end{name}")
            fields[f"start{name}"] = between(first, second, low)
            fields[f"end{name}"] = between(first, second, high)
        return Pieces(row=self.row, **fields)

    def edge(self, side: float | Array, inset: float | Array = 0.0, lift: float | Array = 0.0) -> tuple[Array, Array]:
        """Points (k, 3) at both cross sections, beside the centre.

        Args:
            side: Share of the half width, 1 is the outer edge, -1 the inner one; scalar or (k,).
            inset: Further way to the right, metres; scalar or (k,).
            lift: Way up, metres; scalar or (k,).
        """
        points = []
        for center, right, half in (
            (self.start, self.start_right, self.start_half),
            (self.end, self.end_right, self.end_half),
        ):
            aside = side * half + inset
            spot = center.copy()
            spot[:, :2] += right * np.broadcast_to(aside, (len(center),))[:, None]
            spot[:, 2] += lift
            points.append(spot)
        return points[0], points[1]


class LaneStrips:
    """All lanes of a town in pieces, by tile.

    Args:
        town: The map.
    """

    def __init__(self, town: CompiledMap) -> None:
        lanes = town.lanes
        self._lanes = lanes
        same = np.ones(max(len(lanes) - 1, 0), bool)
        for name in ("road_id", "section", "lane_id"):
            same &= lanes[name][1:] == lanes[name][:-1]
        first = np.flatnonzero(same)
        middle = np.stack(
            [lanes["x"][first] + lanes["x"][first + 1], lanes["y"][first] + lanes["y"][first + 1]], axis=1
        )
        tile = np.floor(0.5 * middle / TILE_M).astype(np.int64)
        order, self._range = sorted_by_tile(tile)
        self._first = first[order]

    def pieces(self, tile: tuple[int, int]) -> Pieces:
        """The pieces whose interval between two samples has its middle in a tile; finer where lanes turn."""
        low, high = self._range.get(tile, (0, 0))
        first = self._first[low:high]
        lanes = self._lanes
        a, b = lanes[first], lanes[first + 1]
        turn = np.abs(wrap_rad(b["yaw"] - a["yaw"]))
        parts = np.clip(np.ceil(turn / _MAX_TURN_RAD), 1, _MAX_PARTS).astype(np.int64)
        index = np.repeat(np.arange(len(first)), parts)
        number = np.arange(len(index)) - np.repeat(np.cumsum(parts) - parts, parts)
        begin, finish = number / parts[index], (number + 1) / parts[index]
        start, start_yaw = _between(a, b, index, begin)
        end, end_yaw = _between(a, b, index, finish)
        half_a, half_b = a["half_width"].astype(np.float64)[index], b["half_width"].astype(np.float64)[index]
        s_a, s_b = a["s"].astype(np.float64)[index], b["s"].astype(np.float64)[index]
        return Pieces(
            row=first[index],
            start=start,
            end=end,
            start_right=np.stack([-np.sin(start_yaw), np.cos(start_yaw)], axis=1),
            end_right=np.stack([-np.sin(end_yaw), np.cos(end_yaw)], axis=1),
            start_half=half_a + (half_b - half_a) * begin,
            end_half=half_a + (half_b - half_a) * finish,
            start_s=s_a + (s_b - s_a) * begin,
            end_s=s_a + (s_b - s_a) * finish,
        )


def _between(a: NDArray[np.void], b: NDArray[np.void], index: NDArray[np.int64], share: Array) -> tuple[Array, Array]:
    """Centre (k, 3) and yaw (k,) between neighbouring samples, on the cubic through both with their directions."""
    forward = np.where(a["lane_id"] > 0, -1.0, 1.0)  # lanes with positive ids are driven against s
    chord = np.hypot(b["x"] - a["x"], b["y"] - a["y"])
    t = share
    h00, h10 = 2 * t**3 - 3 * t**2 + 1, t**3 - 2 * t**2 + t
    h01, h11 = -2 * t**3 + 3 * t**2, t**3 - t**2
    points = np.empty((len(index), 3))
    tangents = (
        (np.cos(a["yaw"]) * forward * chord, np.cos(b["yaw"]) * forward * chord),
        (np.sin(a["yaw"]) * forward * chord, np.sin(b["yaw"]) * forward * chord),
        (a["grade"] * forward * chord, b["grade"] * forward * chord),
    )
    for axis, name in enumerate("xyz"):
        first, second = tangents[axis]
        points[:, axis] = h00 * a[name][index] + h10 * first[index] + h01 * b[name][index] + h11 * second[index]
    turn = wrap_rad(b["yaw"] - a["yaw"])
    return points, a["yaw"][index] + turn[index] * share


def sorted_by_tile(tile: NDArray[np.int64]) -> tuple[NDArray[np.intp], dict[tuple[int, int], tuple[int, int]]]:
    """Order (n,) that brings the rows of every tile (n, 2) together, and each tile's range in that order."""
    order = np.lexsort((tile[:, 1], tile[:, 0]))
    grouped = tile[order]
    changes = np.flatnonzero((grouped[1:] != grouped[:-1]).any(axis=1)) + 1
    bounds = [0, *changes.tolist(), len(grouped)]
    ranges = {(int(grouped[low, 0]), int(grouped[low, 1])): (low, high) for low, high in pairwise(bounds) if low < high}
    return order, ranges


def add_quads(
    builder: MeshBuilder,
    corners: tuple[Array, Array, Array, Array],
    look: Look,
    *,
    normals: Array | None = None,
    uv: Array | None = None,
    color: NDArray[np.uint8] | None = None,
) -> None:
    """Many quadrilaterals at once.

    Args:
        builder: Takes them.
        corners: Four arrays (k, 3), in order round each quadrilateral.
        look: Appearance.
        normals: (k, 3); None computes them, turned upwards.
        uv: (k, 4, 2).
        color: (k, 3), one colour per quadrilateral.
    """
    count = len(corners[0])
    if not count:
        return
    points = np.stack(corners, axis=1)
    if normals is None:
        normals = np.cross(points[:, 2] - points[:, 0], points[:, 3] - points[:, 1])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        normals *= np.where(normals[:, 2:] < 0.0, -1.0, 1.0)
    first = 4 * np.arange(count)[:, None]
    faces = np.stack([first + [[0, 1, 2]], first + [[0, 2, 3]]], axis=1).reshape(-1, 3)
    builder.triangles(
        points.reshape(-1, 3),
        faces,
        look,
        normals=np.repeat(normals, 4, axis=0),
        uv=None if uv is None else uv.reshape(-1, 2),
        color=None if color is None else np.repeat(color, 2, axis=0),
    )
