"""The lanes under all cars at once.

Asking the client's map per car and tick would cost more than the rest of the engine. The samples of the lanes near the
route are put into one tree instead, and the nearest sample counts. Where a lane begins or ends, several have a sample;
there the lane counts to whose stretch the car is nearest: a car at a stop line is not in the junction yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import carla
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from lead.maps.compiled import compile_map
from lead.maps.layout import LaneType
from lead.maps.towns import canonical_name
from lead.scenarios.errors import ScenarioError
from lead.scenarios.traffic.lanes import LaneKey

REACH_M = 400.0
"""Lanes farther from the route are left out: no background car gets there."""
_CELL_M = 50.0
_MAX_OFFSET_M = 15.0
_CANDIDATES = 8
"""Samples looked at where a lane ends: several may begin there."""


@dataclass(frozen=True)
class LaneFacts:
    """What is known about the lane under a car.

    Attributes:
        key: Road and lane; None beside all driving lanes.
        junction_id: Junction it lies in; -1 outside.
        width_m: Its width there.
    """

    key: LaneKey | None
    junction_id: int
    width_m: float


OFF_ROAD = LaneFacts(None, -1, np.inf)


class LaneLookup:
    """Finds the driving lanes under points."""

    def __init__(self, carla_map: carla.Map, route_xyz: NDArray[np.float64]) -> None:
        """Collect the lanes near a route.

        Args:
            carla_map: The map.
            route_xyz: (n, 3) points of the route, world frame, metres.

        Raises:
            ScenarioError: If there is no driving lane near the route.
        """
        lanes = compile_map(canonical_name(carla_map.name), carla_map.to_opendrive()).lanes
        lanes = lanes[lanes["lane_type"] == LaneType.DRIVING]
        lanes = lanes[_is_near(np.stack([lanes["x"], lanes["y"]], axis=1), route_xyz)]
        if not len(lanes):
            raise ScenarioError(f"there is no driving lane within {REACH_M:.0f} m of the route")
        self._xyz = np.stack([lanes["x"], lanes["y"], lanes["z"]], axis=1)
        self._tree = KDTree(self._xyz)
        self._along, self._back_m, self._front_m = _stretches(lanes, self._xyz)
        # Beyond the last sample stands for what is beside all lanes.
        self._is_end = np.append((self._back_m == 0.0) | (self._front_m == 0.0), False)
        self._lanes = lanes
        self._facts: dict[int, LaneFacts] = {}

    def find(self, places: NDArray[np.float64]) -> list[LaneFacts]:
        """Return the lanes under points.

        Args:
            places: (n, 3) world frame, metres.
        """
        if not len(places):
            return []
        rows = np.asarray(self._tree.query(places, distance_upper_bound=_MAX_OFFSET_M)[1], dtype=np.int64)
        doubtful = np.flatnonzero(self._is_end[rows])
        if len(doubtful):
            rows[doubtful] = self._nearest_stretches(places[doubtful])
        return [self._fact(row) for row in rows.tolist()]

    def _nearest_stretches(self, places: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the rows of the samples to whose stretches points are nearest; lanes are near all of them."""
        near_m, rows = self._tree.query(places, k=_CANDIDATES, distance_upper_bound=_MAX_OFFSET_M)
        rows = np.where(np.isfinite(near_m), rows, 0)
        along_m = np.einsum("ijk,ijk->ij", places[:, None] - self._xyz[rows], self._along[rows])
        within_m = np.clip(along_m, -self._back_m[rows], self._front_m[rows])
        best = np.argmin(near_m**2 - along_m**2 + (along_m - within_m) ** 2, axis=1)
        chosen: NDArray[np.int64] = rows[np.arange(len(rows)), best]
        return chosen

    def _fact(self, row: int) -> LaneFacts:
        if row >= len(self._lanes):
            return OFF_ROAD
        fact = self._facts.get(row)
        if fact is None:
            lane = self._lanes[row]
            key = LaneKey(int(lane["road_id"]), int(lane["lane_id"]))
            fact = self._facts[row] = LaneFacts(key, int(lane["junction_id"]), 2.0 * float(lane["half_width"]))
        return fact


def _stretches(
    lanes: NDArray[np.void], xyz: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return (n, 3) unit vectors along the lanes, and how far the stretch of every sample reaches back and ahead.

    A stretch reaches half way to the next sample of its lane section, metres.
    """
    along = np.stack([np.cos(lanes["yaw"]), np.sin(lanes["yaw"]), lanes["grade"]], axis=1)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    is_same = np.all([lanes[name][1:] == lanes[name][:-1] for name in ("road_id", "section", "lane_id")], axis=0)
    half_m = 0.5 * is_same * np.linalg.norm(np.diff(xyz, axis=0), axis=1)
    before_m, after_m = np.append(0.0, half_m), np.append(half_m, 0.0)
    # Lanes with positive ids are driven against the order of their samples.
    is_forward = lanes["lane_id"] < 0
    return along, np.where(is_forward, before_m, after_m), np.where(is_forward, after_m, before_m)


def _is_near(places: NDArray[np.float64], route_xyz: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the places whose coarse cell has a route point within reach; bool [n]."""
    low = np.minimum(places.min(axis=0), route_xyz[:, :2].min(axis=0)) - REACH_M - _CELL_M
    high = np.maximum(places.max(axis=0), route_xyz[:, :2].max(axis=0)) + REACH_M + _CELL_M
    shape = np.ceil((high - low) / _CELL_M).astype(np.int64) + 1
    wanted = np.zeros((int(shape[0]), int(shape[1])), dtype=np.bool_)
    reach = int(np.ceil(REACH_M / _CELL_M))
    for column, row in np.unique(((route_xyz[:, :2] - low) / _CELL_M).astype(np.int64), axis=0):
        wanted[max(0, column - reach) : column + reach + 1, max(0, row - reach) : row + reach + 1] = True
    cell = ((places - low) / _CELL_M).astype(np.int64)
    near: NDArray[np.bool_] = wanted[cell[:, 0], cell[:, 1]]
    return near
