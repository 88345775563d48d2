"""The ground of a town as a few polygons around a drive: small enough for a browser, cut from the compiled map.

A town has up to a million lane samples and a drive touches few of them. Samples are found through a coarse grid of
cells, and the edges of what lies near become polygons without the points that a straight line would do without.
"""

from __future__ import annotations

import math

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from lead.maps.compiled import CompiledMap
from lead.maps.layout import LaneType

Points = NDArray[np.float64]
Polygons = dict[str, list[list[list[float]]]]
"""Outlines [[x, y], ...] in metres, world frame, by kind of ground."""

SURFACES = ("sidewalk", "shoulder", "parking", "road")
"""Kinds of ground made of lanes, in drawing order."""
CROSSWALK = "crosswalk"
LAYERS = (*SURFACES, CROSSWALK)
CELL_M = 25.0
REACH_M = 120.0
MOST_POINTS = 75_000
"""Points of all outlines; some 1.3 MB of JSON."""
MOST_SAMPLES = 300_000
"""Lane samples that are worth cutting; the longest public route has a tenth of them around it."""
_DETAILS = ((REACH_M, 0.05), (REACH_M, 0.2), (75.0, 0.3), (25.0, 0.6), (0.0, 1.0))
"""Reach and tolerance in metres, tried in turn until the outlines are few enough."""

_SURFACE_OF = {
    LaneType.SIDEWALK: 0,
    LaneType.SHOULDER: 1,
    LaneType.BORDER: 1,
    LaneType.PARKING: 2,
    LaneType.BIKING: 2,
    LaneType.DRIVING: 3,
}
_ROAD = SURFACES.index("road")
_OVERLAP_M = 0.15
"""Polygons reach into their neighbours by this, so that no gap opens where both lost points."""
_LARGEST_HOLE_M2 = 250.0
"""Holes between the lanes of a junction up to this size are paved; larger ones are islands."""
_LARGEST_CORNER_M2 = 6.0
"""Holes at its corners, between lanes and the shoulders of the roads beside them."""
_AROUND_JUNCTION_M = 4.0
_SMALLEST_GAP_M2 = 0.05
_PAVING_TOLERANCE_M = 0.05
_CLOSED_M = 0.6
"""Gaps up to twice this width between the lanes of a junction do not keep a hole open."""


class TownGround:
    """Lanes and crosswalks of a town, ready to be cut.

    Only what drawing needs is kept: the text of a large town alone takes 90 MB.
    """

    def __init__(self, town: CompiledMap) -> None:
        """Take the lanes of a compiled map."""
        lanes = town.lanes
        table = np.full(256, -1, dtype=np.int8)
        for lane_type, surface in _SURFACE_OF.items():
            table[lane_type] = surface
        surface = table[lanes["lane_type"]]
        kept = surface >= 0
        lanes, self._surface = lanes[kept], surface[kept]
        self._center = np.stack([lanes["x"], lanes["y"]], axis=1)
        half_width = lanes["half_width"].astype(np.float64)
        # Lanes that taper off must not end in a stub.
        half_width += np.minimum(_OVERLAP_M, 0.5 * half_width)
        self._to_right = np.stack([-np.sin(lanes["yaw"]), np.cos(lanes["yaw"])], axis=1) * half_width[:, None]
        changes = np.zeros(len(lanes), dtype=bool)
        for name in ("road_id", "section", "lane_id"):
            changes[1:] |= lanes[name][1:] != lanes[name][:-1]
        self._piece = np.cumsum(changes)
        self._junction = lanes["junction_id"].copy()
        self._crosswalks = [outline[:, :2] for outline in town.crosswalks if len(outline) > 2]
        self._low = self._center.min(axis=0) - CELL_M
        self._shape = tuple(np.ceil((self._center.max(axis=0) - self._low) / CELL_M).astype(int) + 1)
        self._cell = self._cells(self._center)[0]
        centers = [outline.mean(axis=0) for outline in self._crosswalks]
        self._crosswalk_cell, inside = self._cells(np.array(centers).reshape(-1, 2))
        self._crosswalks = [self._crosswalks[index] for index in inside]
        self._of_junction = np.argsort(self._junction, kind="stable")
        self._junctions = self._junction[self._of_junction]
        self._of_cell = np.argsort(self._cell, kind="stable")
        self._cells_sorted = self._cell[self._of_cell]
        self._pavings: dict[int, list[Points]] = {}

    def touched(self, route: Points, track: Points) -> NDArray[np.bool_]:
        """Return the cells that a drive touches.

        Cells next to the planned route count as touched by it: while the ego follows its route, the result stays the
        same.

        Args:
            route: (n, 2) planned route; may be empty.
            track: (n, 2) driven way; may be empty.

        Returns:
            Cells of the town's grid; what lies outside of the town is left out.
        """
        planned = self._marked(route)
        return planned | (self._marked(track) & ~binary_dilation(planned, np.ones((3, 3), dtype=bool)))

    def layers(self, touched: NDArray[np.bool_]) -> Polygons | None:
        """Return the ground around touched cells, in less detail where it would be too much for a browser.

        Returns:
            Outlines by kind of ground; None if even the least detail is too much.
        """
        for reach_m, tolerance_m in _DETAILS:
            near = _grown(touched, reach_m)
            if np.count_nonzero(near.ravel()[self._cell]) > MOST_SAMPLES:
                continue
            polygons = self._cut(near, tolerance_m)
            if sum(len(outline) for outlines in polygons.values() for outline in outlines) <= MOST_POINTS:
                return polygons
        return None

    def _cells(self, places: Points) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return flat cells of the places inside the grid, and which places these are."""
        cells = np.floor((places - self._low) / CELL_M)
        inside = np.flatnonzero((cells >= 0).all(axis=1) & (cells < self._shape).all(axis=1))
        x, y = cells[inside].astype(np.int64).T
        return x * self._shape[1] + y, inside

    def _marked(self, places: Points) -> NDArray[np.bool_]:
        marked = np.zeros(self._shape, dtype=bool)
        marked.ravel()[self._cells(places)[0]] = True
        return marked

    def _cut(self, near: NDArray[np.bool_], tolerance_m: float) -> Polygons:
        """Return the polygons inside cells."""
        polygons: Polygons = {name: [] for name in LAYERS}
        first, last = self._runs(self._near(near))
        left, right = self._edges(first, last, tolerance_m)
        junction_lanes: dict[int, list[Points]] = {}
        for start, left_edge, right_edge in zip(first.tolist(), left, right, strict=True):
            outline = np.concatenate([left_edge, right_edge[::-1]])
            surface = int(self._surface[start])
            polygons[SURFACES[surface]].append(_rounded(outline))
            junction = int(self._junction[start])
            if surface == _ROAD and junction >= 0:
                junction_lanes.setdefault(junction, []).append(outline)
        for junction in junction_lanes:
            polygons["road"] += [_rounded(hole) for hole in self._paving(junction)]
        chosen = np.flatnonzero(near.ravel()[self._crosswalk_cell])
        polygons[CROSSWALK] = [_rounded(self._crosswalks[index]) for index in chosen]
        return polygons

    def _near(self, cells: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the samples inside cells, and the next one beyond on each lane."""
        near = cells.ravel()[self._cell]
        same = self._piece[1:] == self._piece[:-1]
        wanted = near.copy()
        wanted[1:] |= near[:-1] & same
        wanted[:-1] |= near[1:] & same
        return np.flatnonzero(wanted)

    def _runs(self, samples: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return first and last sample of every stretch of a lane within sorted samples, at least two samples long."""
        goes_on = (np.diff(samples) == 1) & (np.diff(self._piece[samples]) == 0)
        first = samples[~np.concatenate([[False], goes_on])] if len(samples) else samples
        last = samples[~np.concatenate([goes_on, [False]])] if len(samples) else samples
        long = last > first
        return first[long], last[long]

    def _edges(
        self, first: NDArray[np.int64], last: NDArray[np.int64], tolerance_m: float
    ) -> tuple[list[Points], list[Points]]:
        """Return left and right edges of stretches without the points that do not bend them."""
        counts = last - first + 1
        run = np.repeat(np.arange(len(first)), counts)
        samples = np.arange(len(run)) - np.repeat(np.cumsum(counts) - counts - first, counts)
        center = self._center[samples].copy()
        ends = np.cumsum(counts) - 1
        for places, inner in ((ends - counts + 1, 1), (ends, -1)):
            outwards = center[places] - center[places + inner]
            length = np.maximum(np.hypot(outwards[:, 0], outwards[:, 1]), 1e-6)
            center[places] += outwards / length[:, None] * _OVERLAP_M
        sides = []
        for side in (-1.0, 1.0):
            lines = shapely.linestrings(center + side * self._to_right[samples], indices=run)
            points, index = shapely.get_coordinates(
                shapely.simplify(lines, tolerance_m, preserve_topology=False), return_index=True
            )
            sides.append(np.split(points, np.searchsorted(index, np.arange(1, len(first)))) if len(first) else [])
        return sides[0], sides[1]

    def _paving(self, junction: int) -> list[Points]:
        """Return outlines of what lies between the lanes of a junction and is no ground of its own."""
        if junction not in self._pavings:
            own = self._of_junction[slice(*np.searchsorted(self._junctions, (junction, junction + 1)))]
            low = self._center[own].min(axis=0) - _AROUND_JUNCTION_M
            high = self._center[own].max(axis=0) + _AROUND_JUNCTION_M
            self._pavings[junction] = [
                *self._gaps(np.sort(own[self._surface[own] == _ROAD]), _LARGEST_HOLE_M2),
                *self._gaps(self._inside(low, high), _LARGEST_CORNER_M2),
            ]
        return self._pavings[junction]

    def _inside(self, low: Points, high: Points) -> NDArray[np.int64]:
        """Return the samples inside a rectangle."""
        (x0, y0), (x1, y1) = (np.floor((corner - self._low) / CELL_M).astype(int) for corner in (low, high))
        rows = np.arange(x0, x1 + 1) * self._shape[1]
        starts, ends = (np.searchsorted(self._cells_sorted, rows + y) for y in (y0, y1 + 1))
        found = np.concatenate([self._of_cell[start:end] for start, end in zip(starts, ends, strict=True)])
        center = self._center[found]
        return np.sort(found[((center > low) & (center < high)).all(axis=1)])

    def _gaps(self, samples: NDArray[np.int64], largest_m2: float) -> list[Points]:
        """Return outlines of narrow gaps and of small holes between lanes."""
        edges = zip(*self._edges(*self._runs(samples), _PAVING_TOLERANCE_M), strict=True)
        lanes = [shapely.make_valid(shapely.Polygon(np.concatenate([left, right[::-1]]))) for left, right in edges]
        joined = shapely.union_all(lanes).buffer(0.0)
        parts = shapely.get_parts(joined.buffer(_CLOSED_M, join_style="mitre", mitre_limit=1.5))
        filled = []
        for part in parts:
            islands = [ring for ring in part.interiors if shapely.Polygon(ring).area > largest_m2]
            filled.append(shapely.Polygon(part.exterior, islands))
        closed = shapely.union_all(filled).buffer(-_CLOSED_M, join_style="mitre", mitre_limit=1.5)
        gaps = shapely.get_parts(closed.difference(joined))
        grown = [gap.buffer(_OVERLAP_M, join_style="bevel") for gap in gaps if gap.area >= _SMALLEST_GAP_M2]
        return [
            shapely.get_coordinates(gap.exterior) for gap in grown if gap.geom_type == "Polygon" and not gap.interiors
        ]


def _grown(cells: NDArray[np.bool_], reach_m: float) -> NDArray[np.bool_]:
    """Return the cells within a distance of others."""
    reach = math.ceil(reach_m / CELL_M)
    steps = np.arange(-reach, reach + 1)
    disc = steps[:, None] ** 2 + steps[None, :] ** 2 <= (reach + 0.5) ** 2
    return binary_dilation(cells, disc)


def _rounded(outline: Points) -> list[list[float]]:
    """Return places as lists, to 0.1 m; adding 0 turns -0 into 0."""
    rows: list[list[float]] = (np.round(outline, 1) + 0.0).tolist()
    return rows
