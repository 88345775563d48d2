"""Road height, slope and nearest lane under many points at once.

The simulator asks for these on every tick for every vehicle, so a query must be a few numpy calls whatever
the size of the town. A grid of 4 m cells lists, for every cell that touches a lane, the few lane samples
that matter there. Cells are found through a table of pages (8 x 8 cells): towns are 20 km wide but mostly
empty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from lead.maps.layout import LaneType

REACH_M = 12.0
_CELL_M = 4.0
_PAGE_BITS = 3
_PAGE_MASK = (1 << _PAGE_BITS) - 1
_PAGE_M = _CELL_M * (1 << _PAGE_BITS)
_CANDIDATES = 8
_HALF_SPACING_M = 1.05  # samples are at most 2 m apart
_CELL_RADIUS_M = _CELL_M / 2.0**0.5
_MIN_HALF_WIDTH_M = 0.1
# Searches of ever more cells around a point: rings of cells, and the distance from a lane up to which no
# other lane can be missing in them.
_SEARCHES = ((0, 0.3), (1, 4.0), (3, REACH_M))
_REACH_CELLS = _SEARCHES[-1][0]
_MAX_STEP_UP_M = 1.0
_LEVEL_GAP_M = 3.0
# Costs of a candidate besides its horizontal distance (m): other levels, and tie-breaks among overlapping
# lanes.
_RISE_COST = 1.0
_ABOVE_COST = 1000.0
_FROM_SAMPLE_COST = 0.02
_NOT_DRIVING_COST = 0.1
_FAR_SAMPLES = 50_000


@dataclass(frozen=True)
class GroundHits:
    """Surface under each of n query points.

    Attributes:
        z: float64 [n], height of the surface at x, y, m.
        grade_x: float64 [n], dz/dx of the surface.
        grade_y: float64 [n], dz/dy of the surface.
        lane: int64 [n], index of the nearest sample in the lanes, -1: none within `REACH_M`.
        offset: float64 [n], lateral distance to the centre of that lane, m; infinite where lane is -1.
    """

    z: NDArray[np.float64]
    grade_x: NDArray[np.float64]
    grade_y: NDArray[np.float64]
    lane: NDArray[np.int64]
    offset: NDArray[np.float64]


@dataclass(frozen=True)
class GroundGrid:
    """The grid of a `GroundIndex` as plain arrays, so that it can be cached with the map.

    Attributes:
        low: float64 [2], x and y of the grid's corner, m.
        pages: int32 [a, b], for each page the number of its first cell; pages without lanes share cell block
            0.
        candidates: int32 [cells, 8], lane samples of a cell, best first, filled up with the number of
            samples.
    """

    low: NDArray[np.float64]
    pages: NDArray[np.int32]
    candidates: NDArray[np.int32]


class GroundIndex:
    """Spatial index of lane samples.

    Args:
        lanes: LANE_DTYPE [m] of a compiled map, at least one sample wider than 0.2 m.
        grid: Result of `build_grid(lanes)` if it is at hand.
    """

    def __init__(self, lanes: NDArray[np.void], grid: GroundGrid | None = None) -> None:
        self.grid = build_grid(lanes) if grid is None else grid
        self._rows = _pack(lanes)
        self._lane_type = np.append(lanes["lane_type"], np.uint8(LaneType.NONE))
        self._page_table = np.ascontiguousarray(self.grid.pages).ravel()
        self._page_stride = np.array([self.grid.pages.shape[1], 1])
        self._cell_stride = np.array([1 << _PAGE_BITS, 1])
        # The outermost pages are empty; points beyond the grid are moved there.
        self._last_cell = np.array(self.grid.pages.shape) * (1 << _PAGE_BITS) - 1 - _REACH_CELLS
        self._around = [_square(rings) for rings, _ in _SEARCHES]
        self._wide = np.flatnonzero(lanes["half_width"] >= _MIN_HALF_WIDTH_M)
        self._far_tree: KDTree | None = None

    def query(self, xyz: NDArray[np.float64]) -> GroundHits:
        """Finds the surface under points.

        Among the lanes around a point the surface nearest in height wins, and one more than 1 m above the
        point only if there is no other; so a vehicle below a bridge stays below it. Heights run along a
        lane's grade.

        Args:
            xyz: float64 [n, 3], points in the world frame, m, finite.

        Returns:
            One hit per point. Points farther than 12 m from every lane get the height of a lane sample near
            by.
        """
        cell = ((xyz[:, :2] - self.grid.low) * (1.0 / _CELL_M)).astype(np.int64)
        cell = np.minimum(np.maximum(cell, _REACH_CELLS), self._last_cell)
        hits, outside = self._nearest(xyz, self._candidates(cell))
        left = (outside > _SEARCHES[0][1]).nonzero()[0]
        for (_, sure_m), around in zip(_SEARCHES[1:], self._around[1:], strict=True):
            if not len(left):
                return hits
            candidates = self._candidates((cell[left, None, :] + around).reshape(-1, 2))
            found, outside = self._nearest(xyz[left], candidates.reshape(len(left), -1))
            for name in ("z", "grade_x", "grade_y", "lane", "offset"):
                getattr(hits, name)[left] = getattr(found, name)
            left = left[outside > sure_m]
        self._settle_far(xyz, left, hits)
        return hits

    def is_on(self, hits: GroundHits, lane_type: LaneType) -> NDArray[np.bool_]:
        """Tells for each hit whether its point lies within the width of a lane of a type; bool [n]."""
        inside = hits.offset <= self._rows[hits.lane, 7]
        on_lane: NDArray[np.bool_] = inside & (hits.lane >= 0) & (self._lane_type[hits.lane] == lane_type)
        return on_lane

    def _candidates(self, cell: NDArray[np.int64]) -> NDArray[np.int32]:
        """Candidates [n, 8] of cells [n, 2]."""
        first = self._page_table.take((cell >> _PAGE_BITS).dot(self._page_stride))
        number = first + (cell & _PAGE_MASK).dot(self._cell_stride)
        found: NDArray[np.int32] = self.grid.candidates.take(number, axis=0)
        return found

    def _nearest(
        self, xyz: NDArray[np.float64], candidates: NDArray[np.int32]
    ) -> tuple[GroundHits, NDArray[np.float64]]:
        """Picks the best candidate of each point.

        Returns:
            The hits, and the distances [n] by which the points lie outside those pieces of lane.
        """
        # One copy to columns is cheaper than strided access in all that follows.
        columns = np.ascontiguousarray(self._rows.take(candidates, axis=0).transpose(2, 0, 1))
        x, y, z, cos, sin, sample_grade, bend, half_width, type_cost = columns
        dx = xyz[:, 0, None] - x
        dy = xyz[:, 1, None] - y
        along = dx * cos + dy * sin
        across = np.abs(dy * cos - dx * sin)
        grade = sample_grade + along * bend
        # The mean of the grades here and at the sample carries the vertical curvature.
        rise = z - xyz[:, 2, None]
        rise += 0.5 * along * (grade + sample_grade)
        distance = np.abs(along)
        outside = np.maximum(across - half_width, 0.0)
        outside += np.maximum(distance - _HALF_SPACING_M, 0.0)
        distance += across
        cost = outside + type_cost
        cost += _RISE_COST * np.abs(rise)
        cost += _FROM_SAMPLE_COST * distance
        cost += _ABOVE_COST * (rise > _MAX_STEP_UP_M)
        best = cost.argmin(axis=1)
        best += np.arange(0, cost.size, cost.shape[1])
        slope = grade.take(best)
        hits = GroundHits(
            z=rise.take(best) + xyz[:, 2],
            grade_x=slope * cos.take(best),
            grade_y=slope * sin.take(best),
            lane=candidates.take(best).astype(np.int64),
            offset=across.take(best),
        )
        return hits, outside.take(best)

    def _settle_far(self, xyz: NDArray[np.float64], far: NDArray[np.int64], hits: GroundHits) -> None:
        """Fills in the hits of points beyond the reach: level ground as high as a lane sample near by."""
        if not len(far):
            return
        if self._far_tree is None:
            # Built on first use only: hardly any vehicle ever leaves the roads that far.
            self._wide = self._wide[:: max(1, len(self._wide) // _FAR_SAMPLES)]
            self._far_tree = KDTree(self._rows[self._wide, :2])
        _, nearest = self._far_tree.query(xyz[far, :2])
        hits.z[far] = self._rows[self._wide[nearest], 2]
        hits.grade_x[far] = hits.grade_y[far] = 0.0
        hits.lane[far] = -1
        hits.offset[far] = np.inf


def _square(rings: int) -> NDArray[np.int64]:
    """Offsets [n, 2] of the cells around a cell, itself included."""
    steps = np.arange(-rings, rings + 1)
    return np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)


def build_grid(lanes: NDArray[np.void]) -> GroundGrid:
    """Sorts lane samples into the cells that they matter to.

    Args:
        lanes: LANE_DTYPE [m].

    Raises:
        ValueError: No sample is wide enough to stand on.
    """
    usable = np.flatnonzero(lanes["half_width"] >= _MIN_HALF_WIDTH_M)
    if len(usable) == 0:
        raise ValueError("The map has no lane wide enough to stand on.")
    xy = np.stack([lanes["x"][usable], lanes["y"][usable]], axis=1)
    low = np.floor((xy.min(axis=0) - REACH_M) / _PAGE_M) * _PAGE_M - _PAGE_M
    shape = np.ceil((xy.max(axis=0) - low + REACH_M) / _PAGE_M).astype(np.int64) + 1
    cells_y = int(shape[1]) << _PAGE_BITS
    cell, cost, index = _cell_members(lanes, usable, xy - low, cells_y)
    order = np.argsort((cell << 20) | np.minimum(cost * 1e4, 2**20 - 1).astype(np.int64))
    cell, index = cell[order], index[order]
    rank = _rank_in_cell(cell, lanes["z"][index])
    kept = rank < _CANDIDATES
    cell, index, rank = cell[kept], index[kept], rank[kept]
    cell_x, cell_y = cell // cells_y, cell % cells_y
    page = (cell_x >> _PAGE_BITS) * shape[1] + (cell_y >> _PAGE_BITS)
    used = np.zeros(int(shape[0] * shape[1]), dtype=bool)
    used[page] = True
    pages = (np.where(used, np.cumsum(used), 0) << (2 * _PAGE_BITS)).astype(np.int32)
    slot = pages[page] + ((cell_x & _PAGE_MASK) << _PAGE_BITS) + (cell_y & _PAGE_MASK)
    candidates = np.full(((int(used.sum()) + 1) << (2 * _PAGE_BITS), _CANDIDATES), len(lanes), dtype=np.int32)
    candidates[slot, rank] = index
    return GroundGrid(low, pages.reshape(int(shape[0]), int(shape[1])), candidates)


def _cell_members(
    lanes: NDArray[np.void], usable: NDArray[np.int64], local: NDArray[np.float64], cells_y: int
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """All (cell, cost at its centre, sample) whose piece of lane may reach into the cell."""
    base = (local / _CELL_M).astype(np.int64)
    to_centre = ((base + 0.5) * _CELL_M - local).astype(np.float32)
    cos = np.cos(lanes["yaw"][usable]).astype(np.float32)
    sin = np.sin(lanes["yaw"][usable]).astype(np.float32)
    half_width = lanes["half_width"][usable]
    driving = lanes["lane_type"][usable] == LaneType.DRIVING
    type_cost = np.where(driving, np.float32(0.0), np.float32(_NOT_DRIVING_COST))
    cells, costs, members = [], [], []
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            dx = to_centre[:, 0] + np.float32(i * _CELL_M)
            dy = to_centre[:, 1] + np.float32(j * _CELL_M)
            beside = np.maximum(np.abs(dy * cos - dx * sin) - half_width, 0.0)
            beyond = np.maximum(np.abs(dx * cos + dy * sin) - np.float32(_HALF_SPACING_M), 0.0)
            near = np.flatnonzero(beside * beside + beyond * beyond <= _CELL_RADIUS_M**2)
            cells.append((base[near, 0] + i) * cells_y + base[near, 1] + j)
            distance = np.hypot(dx[near], dy[near])
            costs.append(beside[near] + beyond[near] + np.float32(_FROM_SAMPLE_COST) * distance + type_cost[near])
            members.append(usable[near])
    return np.concatenate(cells), np.concatenate(costs), np.concatenate(members)


def _rank_in_cell(cell: NDArray[np.int64], z: NDArray[np.float64]) -> NDArray[np.int64]:
    """Ranks sorted members within their cells; where roads cross above each other the levels take turns."""
    first = np.flatnonzero(np.concatenate([[True], cell[1:] != cell[:-1]]))
    sizes = np.diff(np.append(first, len(cell)))
    rank = np.arange(len(cell)) - np.repeat(first, sizes)
    lowest = np.minimum.reduceat(z, first)
    stacked = (np.maximum.reduceat(z, first) - lowest > _LEVEL_GAP_M) & (sizes > _CANDIDATES)
    for start, size, bottom in zip(first[stacked], sizes[stacked], lowest[stacked], strict=True):
        level = ((z[start : start + size] - bottom) / _LEVEL_GAP_M).astype(np.int64)
        turn = np.zeros(size, dtype=np.int64)
        for value in np.unique(level):
            turn[level == value] = np.arange(int((level == value).sum()))
        rank[start + np.lexsort((level, turn))] = np.arange(size)
    return rank


def _pack(lanes: NDArray[np.void]) -> NDArray[np.float64]:
    """Rows of x, y, z, cos, sin, grade, change of grade per metre, half width, cost of the lane type.

    The last row, which fills up the candidates of a cell, is out of every reach.
    """
    rows = np.empty((len(lanes) + 1, 9), dtype=np.float64)
    rows[-1] = (1e9, 1e9, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    body = rows[:-1]
    body[:, 0], body[:, 1], body[:, 2] = lanes["x"], lanes["y"], lanes["z"]
    np.cos(lanes["yaw"], out=body[:, 3])
    np.sin(lanes["yaw"], out=body[:, 4])
    body[:, 5] = lanes["grade"]
    body[:, 6] = 0.0
    same = (np.diff(lanes["lane_id"]) == 0) & (np.diff(lanes["road_id"]) == 0) & (np.diff(lanes["section"]) == 0)
    inner = np.flatnonzero(same[1:] & same[:-1]) + 1
    ahead = body[inner + 1, :2] - body[inner - 1, :2]
    run = ahead[:, 0] * body[inner, 3] + ahead[:, 1] * body[inner, 4]
    safe = np.abs(run) > 0.1
    body[inner[safe], 6] = (body[inner + 1, 5] - body[inner - 1, 5])[safe] / run[safe]
    body[:, 7] = lanes["half_width"]
    body[:, 8] = np.where(lanes["lane_type"] == LaneType.DRIVING, 0.0, _NOT_DRIVING_COST)
    return rows
