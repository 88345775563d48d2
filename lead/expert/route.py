"""The expert's path: the dense route every 0.1 m with lanes, junctions and commands, and where the ego is on it.

Behaviours move parts of it sideways; what it was at first is kept beside it.
"""

from __future__ import annotations

import math

import carla
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import Akima1DInterpolator

from lead.routes.planner import DenseRoute, RoadOption

Floats = NDArray[np.float64]

POINTS_PER_M = 10
STEP_M = 1.0 / POINTS_PER_M
SEARCH_POINTS = 40
"""The ego's place is looked for so far ahead of the last one; it never goes back."""
BEFORE_M, AFTER_M = 50, 50
"""The path begins so far before the route and ends so far behind it."""
PARKED_AT_M = 2.0
"""An ego that is farther than this from the route's first point has to leave a parking place."""
PULL_OUT_M = 5.0
"""Way along the road on which it does so."""
CHANGE_BEFORE_M, CHANGE_AFTER_M = 2.0, 14.0
"""A lane change is drawn out from so far before its command to so far behind it."""
LANE_CHANGES = (int(RoadOption.CHANGELANELEFT), int(RoadOption.CHANGELANERIGHT))
CURVATURE_REACH_M = 2.0
LANE_CHANGE_BACK_POINTS, LANE_CHANGE_AHEAD_POINTS = 150, 200


class ExpertRoute:
    """Path with n points.

    Attributes:
        xy: (n, 2) path as it is now, world frame, metres.
        original_xy: (n, 2) path as it was planned.
        z: (n,) height, metres.
        option: (n,) int, road options as they are now.
        is_junction: (n,) bool.
        lane_width: (n,) metres.
        index: Point nearest to the ego.
        is_changed: A behaviour has moved a part of the path.
    """

    def __init__(self, dense: DenseRoute, carla_map: carla.Map, ego_place: carla.Location) -> None:
        """Sample the route, with what comes before and behind it."""
        waypoints, options, lead_m = _extended(dense, carla_map, ego_place)
        places = np.array([(at.x, at.y, at.z) for at in (each.transform.location for each in waypoints)], np.float64)
        self.starts_parked = lead_m == 0.0
        if self.starts_parked:
            places[0] = ego_place.x, ego_place.y, ego_place.z
        keep = _kept(places, options, self.starts_parked)
        knots = places[keep]
        length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(knots[:, :2], axis=0).T))])
        grid = np.arange(0.0, length[-1], STEP_M)
        sampled = Akima1DInterpolator(length, knots, axis=0)(grid)
        self.xy: Floats = np.ascontiguousarray(sampled[:, :2])
        self.original_xy = self.xy.copy()
        self.z: Floats = sampled[:, 2]
        all_length = np.interp(np.arange(len(places)), np.flatnonzero(keep), length)
        self._nearest = np.clip(np.searchsorted(0.5 * (all_length[1:] + all_length[:-1]), grid), 0, len(places) - 1)
        self._waypoints = waypoints
        self._knot_m = all_length
        self._dense_m = dense.distance_m
        self._first_dense = len(waypoints) - len(dense) - _appended(waypoints, dense)
        self.option = np.array(options, dtype=np.int64)[self._nearest]
        self.original_option = self.option.copy()
        junction = np.array([each.is_junction for each in waypoints], dtype=np.bool_)
        width = np.array([each.lane_width for each in waypoints], dtype=np.float64)
        self.is_junction = junction[self._nearest]
        self.lane_width: Floats = width[self._nearest]
        self._neighbours: dict[bool, Floats] = {}
        self.yaw_rad: Floats = np.zeros(len(self.xy))
        self.curvature: Floats = np.zeros(len(self.xy))
        self.refresh(0, len(self.xy))
        self.index = 0 if self.starts_parked else round(self.from_dense(0.0) * POINTS_PER_M)
        self.is_changed = False

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.xy)

    def from_dense(self, distance_m: float) -> float:
        """Convert a distance along the dense route to one along this path, metres."""
        knots = self._knot_m[self._first_dense : self._first_dense + len(self._dense_m)]
        return float(np.interp(distance_m, self._dense_m, knots))

    def dense_point(self, number: int) -> int:
        """Return the index of the path's point at a point of the dense route."""
        return round(float(self._knot_m[self._first_dense + number]) * POINTS_PER_M)

    def waypoint(self, index: int) -> carla.Waypoint:
        """Return the lane at a point of the path as it was planned."""
        return self._waypoints[int(self._nearest[min(max(index, 0), len(self) - 1)])]

    def waypoints(self, first: int, last: int, step: int) -> list[carla.Waypoint]:
        """Return the lanes at points of the path as it was planned."""
        return [self._waypoints[int(number)] for number in self._nearest[first : min(last, len(self)) : step]]

    def locate(self, place: Floats) -> None:
        """Move the index forward to the ego's (2,) place."""
        window = self.xy[self.index : self.index + SEARCH_POINTS]
        self.index += int(np.argmin(np.sum((window - place) ** 2, axis=1)))

    def index_of(self, place: Floats, first: int | None = None, reach_points: int = 3000) -> int:
        """Return the point of the planned path nearest to a (2,) place, ahead of a point (usually the ego's)."""
        start = self.index if first is None else first
        window = self.original_xy[start : start + reach_points]
        return start + int(np.argmin(np.sum((window - place) ** 2, axis=1)))

    def refresh(self, first: int, last: int) -> None:
        """Compute headings and curvatures anew around a stretch that was changed."""
        half = int(0.5 * CURVATURE_REACH_M * POINTS_PER_M)
        first, last = max(first - 2 * half, 0), min(last + 2 * half, len(self))
        tangent = np.gradient(self.xy[first:last], axis=0)
        yaw = np.unwrap(np.arctan2(tangent[:, 1], tangent[:, 0]))
        self.yaw_rad[first:last] = yaw
        padded = np.pad(yaw, half, mode="edge")
        self.curvature[first:last] = np.abs(padded[2 * half :] - padded[: -2 * half]) / CURVATURE_REACH_M

    def neighbour_offset(self, left: bool) -> Floats:
        """Return the (n, 2) ways from the planned path's lanes to the centres of the neighbouring ones; 0 if none."""
        if left not in self._neighbours:
            offsets = np.array([_to_neighbour(each, left) for each in self._waypoints], np.float64)
            self._neighbours[left] = np.stack(
                [np.interp(np.arange(len(self)) * STEP_M, self._knot_m, column) for column in offsets.T], axis=1
            )
        return self._neighbours[left]

    def remaining_m(self) -> float:
        """Return the length of the path ahead."""
        return (len(self) - 1 - self.index) * STEP_M

    def near_lane_change(self, speed_mps: float) -> bool:
        """Tell whether a lane change lies ahead within stopping distance, or just behind."""
        braking = int(((3.6 * speed_mps) / 10.0) ** 2 / 2.0 + 10.0) * POINTS_PER_M
        last = self.index + max(LANE_CHANGE_AHEAD_POINTS, min(len(self), braking))
        window = self.option[max(self.index - LANE_CHANGE_BACK_POINTS, 0) : last]
        return bool(np.isin(window, LANE_CHANGES).any())

    def junction_ahead_m(self) -> float:
        """Return the way to the next junction, 0 inside one, infinite if there is none."""
        ahead = self.is_junction[self.index :]
        first = int(np.argmax(ahead))
        return first * STEP_M if ahead[first] else math.inf


def _extended(
    dense: DenseRoute, carla_map: carla.Map, ego_place: carla.Location
) -> tuple[list[carla.Waypoint], list[int], float]:
    """Return way points and options with the lanes before and behind; 0.0 as length before if the ego is parked."""
    waypoints = list(dense.waypoints)
    options = [int(option) for option in dense.option]
    first = waypoints[0].transform.location
    before: list[carla.Waypoint] = []
    if math.hypot(first.x - ego_place.x, first.y - ego_place.y) > PARKED_AT_M:
        before = [carla_map.get_waypoint(ego_place, lane_type=carla.LaneType.Any)]
        lead_m = 0.0
        option = int(RoadOption.CHANGELANELEFT)
    else:
        waypoint = waypoints[0]
        while len(before) < BEFORE_M and (found := waypoint.previous(1.0)):
            waypoint = found[0]
            before.append(waypoint)
        before.reverse()
        lead_m = float(len(before)) or 1.0
        option = int(RoadOption.LANEFOLLOW)
    after: list[carla.Waypoint] = []
    waypoint = waypoints[-1]
    while len(after) < AFTER_M and (found := waypoint.next(1.0)):
        waypoint = found[0]
        after.append(waypoint)
    behind = [int(RoadOption.LANEFOLLOW)] * len(after)
    return [*before, *waypoints, *after], [option] * len(before) + options + behind, lead_m


def _appended(waypoints: list[carla.Waypoint], dense: DenseRoute) -> int:
    """Return how many way points stand behind the dense route's last one."""
    last = dense.waypoints[-1]
    return next(number for number, each in enumerate(reversed(waypoints)) if each is last)


def _kept(places: Floats, options: list[int], starts_parked: bool) -> NDArray[np.bool_]:
    """Drop the points around lane changes: the smooth curve through the others is the lane change."""
    steps_m = np.hypot(*np.diff(places[:, :2], axis=0).T)
    length = np.concatenate([[0.0], np.cumsum(steps_m)])
    keep = np.concatenate([[True], steps_m > 0.05])
    first = 1 if starts_parked else 0
    for number in np.flatnonzero(np.isin(options, LANE_CHANGES)):
        if number >= first:
            keep &= (length < length[number] - CHANGE_BEFORE_M) | (length > length[number] + CHANGE_AFTER_M)
    if starts_parked:
        keep &= np.hypot(*(places[:, :2] - places[0, :2]).T) > PULL_OUT_M
    keep[[0, -1]] = True
    return keep


def _to_neighbour(waypoint: carla.Waypoint, left: bool) -> tuple[float, float]:
    neighbour = waypoint.get_left_lane() if left else waypoint.get_right_lane()
    if neighbour is None:
        return 0.0, 0.0
    here, there = waypoint.transform.location, neighbour.transform.location
    return there.x - here.x, there.y - here.y
