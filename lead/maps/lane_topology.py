"""Where lanes come from: sections, links and the way upstream."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.maps.layout import LaneType
from lead.maps.opendrive import RoadNetwork, Validity


class LaneTopology:
    """Lane look-ups on a road network; lanes and roads are given by index.

    Args:
        network: Roads as read by `lead.maps.opendrive.parse`.
    """

    def __init__(self, network: RoadNetwork) -> None:
        self._network = network
        self._road_index = {int(road_id): i for i, road_id in enumerate(network.road_id)}
        self._first_section = np.searchsorted(network.section_road, np.arange(len(network.road_id) + 1))

    def section_at(self, road: int, s: float) -> int:
        """Index of the lane section at a station; the road must have one."""
        first, end = int(self._first_section[road]), int(self._first_section[road + 1])
        starts = self._network.section_start[first:end]
        return first + max(int(np.searchsorted(starts, s, side="right")) - 1, 0)

    def driving_lanes(self, road: int, s: float, ranges: tuple[Validity, ...]) -> list[int]:
        """Driving lanes of a road at a station whose ids lie in one of the ranges, in order of id."""
        if self._first_section[road] == self._first_section[road + 1]:
            return []
        section = self.section_at(road, s)
        first, end = self._network.section_first_lane[section : section + 2]
        lanes = [
            lane
            for lane in range(int(first), int(end))
            if self._network.lane_type[lane] == LaneType.DRIVING
            and any(r.first <= self._network.lane_id[lane] <= r.last for r in ranges)
        ]
        return sorted(lanes, key=lambda lane: int(self._network.lane_id[lane]))

    def junction(self, lane: int) -> int:
        """Id of the junction that a lane lies in, -1: none."""
        return self.road_junction(int(self._network.section_road[self._network.lane_section[lane]]))

    def road_junction(self, road: int) -> int:
        """Id of the junction that a road lies in, -1: none."""
        return int(self._network.road_junction[road])

    def end_station(self, lane: int) -> float:
        """Station at which traffic leaves a lane."""
        section = self._network.lane_section[lane]
        ends = self._network.section_start, self._network.section_end
        return float(ends[int(self._network.lane_id[lane] < 0)][section])

    def shift_upstream(
        self, lane: NDArray[np.int64], s: NDArray[np.float64], distance: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Stations [n] moved by distances [n] against the driving direction, clamped into the sections."""
        network = self._network
        section = network.lane_section[lane]
        moved = np.where(network.lane_id[lane] < 0, s - distance, s + distance)
        return np.clip(moved, network.section_start[section], network.section_end[section])

    def predecessor(self, lane: int) -> int | None:
        """The lane that leads into a lane, if its own section names exactly one; a junction is no lane."""
        network = self._network
        section = int(network.lane_section[lane])
        road = int(network.section_road[section])
        forward = bool(network.lane_id[lane] < 0)
        linked_id = int((network.lane_predecessor if forward else network.lane_successor)[lane])
        neighbour = section - 1 if forward else section + 1
        if not self._first_section[road] <= neighbour < self._first_section[road + 1]:
            link = (network.predecessors if forward else network.successors)[road]
            if link is None or link.is_junction or link.element_id not in self._road_index:
                return None
            other = self._road_index[link.element_id]
            neighbour = int(self._first_section[other] if link.at_start else self._first_section[other + 1] - 1)
        first, end = network.section_first_lane[neighbour : neighbour + 2]
        match = np.flatnonzero(network.lane_id[first:end] == linked_id)
        return int(first + match[0]) if linked_id != 0 and len(match) else None
