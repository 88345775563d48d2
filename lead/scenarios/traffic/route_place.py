"""The ego's place on the route, to which the whole traffic refers."""

from __future__ import annotations

from collections.abc import Collection

import carla
import numpy as np
from numpy.typing import NDArray

from lead.routes.planner import DenseRoute
from lead.routes.road_options import RoadOption
from lead.scenarios.lane_tools import opposite_lanes, same_direction_lanes
from lead.scenarios.traffic.lanes import LaneKey, in_junction, key_of
from lead.scenarios.traffic.settings import BEHIND_M, LANE_CHANGE_STEP_M

_LOOKAHEAD = 3


class RoutePlace:
    """Follows the ego along the route; it never goes back.

    Attributes:
        dense: The route.
        plain_ids: Junctions of the map that count as plain road.
        index: Route point that the ego passed last.
        previous_index: The same in the tick before.
    """

    def __init__(self, dense: DenseRoute, plain_ids: Collection[int]) -> None:
        """Start at the first point."""
        self.dense = dense
        self.plain_ids = plain_ids
        self.index = 0
        self.previous_index = 0
        self._origin, self._forward = self._frame()
        self._lane_counts: dict[tuple[int, int, int, bool], int] = {}

    @property
    def last_index(self) -> int:
        """Index of the last point."""
        return len(self.dense) - 1

    @property
    def has_moved(self) -> bool:
        """Whether the ego has passed a point in this tick."""
        return self.index != self.previous_index

    @property
    def waypoint(self) -> carla.Waypoint:
        """The route point."""
        return self.dense.waypoints[self.index]

    @property
    def key(self) -> LaneKey:
        """Its lane."""
        return key_of(self.waypoint)

    @property
    def origin(self) -> NDArray[np.float64]:
        """(3,) where the point lies, world frame, metres."""
        return self._origin

    @property
    def forward(self) -> NDArray[np.float64]:
        """(3,) direction of the route there."""
        return self._forward

    def update(self, ego: carla.Location) -> int:
        """Advance past the points that the ego has passed.

        Returns:
            Lane changes of the route on the way: positive to the left, negative to the right.
        """
        self.previous_index = self.index
        for index in range(self.previous_index, min(self.previous_index + _LOOKAHEAD, len(self.dense))):
            pose = self.dense.waypoints[index].transform
            forward = pose.get_forward_vector()
            passed = ego - pose.location
            if passed.x * forward.x + passed.y * forward.y + passed.z * forward.z > 0.0:
                self.index = index
        if not self.has_moved:
            return 0
        self._origin, self._forward = self._frame()
        return sum(self._lane_change(index) for index in range(self.previous_index, self.index))

    def first_index_beyond(self, start: int, distance_m: float, limit: int) -> int:
        """Return the first point from ``start`` on that is farther along the route than a distance; at most a limit."""
        wanted_m = self.dense.distance_m[self.index] + distance_m
        found = int(np.searchsorted(self.dense.distance_m, wanted_m, side="right"))
        return min(max(found, start), limit)

    def is_behind(self, place: tuple[float, float, float]) -> bool:
        """Tell whether a place is behind the route point."""
        offset = (place[0] - self._origin[0], place[1] - self._origin[1], place[2] - self._origin[2])
        forward = self._forward
        return bool(offset[0] * forward[0] + offset[1] * forward[1] + offset[2] * forward[2] < BEHIND_M)

    def is_inside(self, waypoint: carla.Waypoint) -> bool:
        """Tell whether a way point lies in a junction that counts as one."""
        return in_junction(waypoint, self.plain_ids)

    def is_junction_id(self, number: int) -> bool:
        """Tell whether an id, -1 for none, is that of a junction that counts as one."""
        return number >= 0 and number not in self.plain_ids

    def lanes_at(self, index: int) -> list[carla.Waypoint]:
        """Return the lanes in the direction of a route point, inner first."""
        return list(same_direction_lanes(self.dense.waypoints[index]))

    def opposite_at(self, index: int) -> list[carla.Waypoint]:
        """Return the opposite lanes beside a route point, inner first."""
        return list(opposite_lanes(self.dense.waypoints[index]))

    def lane_count(self, index: int, *, opposite: bool = False) -> int:
        """Return how many lanes there are; looked up once per lane section, for it is asked at every route point."""
        dense = self.dense
        key = (int(dense.road_id[index]), int(dense.section_id[index]), int(dense.lane_id[index]), opposite)
        count = self._lane_counts.get(key)
        if count is None:
            lanes = self.opposite_at(index) if opposite else self.lanes_at(index)
            count = self._lane_counts[key] = len(lanes)
        return count

    def _lane_change(self, index: int) -> int:
        """Return 1 if the route changes to the left after a point, -1 to the right, else 0."""
        options = {int(self.dense.option[index]), int(self.dense.option[index + 1])}
        if not options & {int(RoadOption.CHANGELANELEFT), int(RoadOption.CHANGELANERIGHT)}:
            return 0
        step_m = float(np.linalg.norm(self.dense.xyz[index + 1] - self.dense.xyz[index]))
        if step_m <= LANE_CHANGE_STEP_M:
            return 0
        return 1 if int(RoadOption.CHANGELANELEFT) in options else -1

    def _frame(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        pose = self.waypoint.transform
        forward = pose.get_forward_vector()
        origin = np.array([pose.location.x, pose.location.y, pose.location.z])
        return origin, np.array([forward.x, forward.y, forward.z])
