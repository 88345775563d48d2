"""The lanes under all cars at once.

Asking the client's map per car and tick would cost more than the rest of the engine. The lanes near the route are put
into one tree instead; the nearest lane sample is what the map's way point would be, up to a metre along the lane.
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
        self._tree = KDTree(np.stack([lanes["x"], lanes["y"], lanes["z"]], axis=1))
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
        return [self._fact(row) for row in rows.tolist()]

    def _fact(self, row: int) -> LaneFacts:
        if row >= len(self._lanes):
            return OFF_ROAD
        fact = self._facts.get(row)
        if fact is None:
            lane = self._lanes[row]
            key = LaneKey(int(lane["road_id"]), int(lane["lane_id"]))
            fact = self._facts[row] = LaneFacts(key, int(lane["junction_id"]), 2.0 * float(lane["half_width"]))
        return fact


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
