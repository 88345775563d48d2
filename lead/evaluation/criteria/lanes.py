"""Driving outside the lanes of the route: beside every lane, or in a lane of the opposite direction."""

from __future__ import annotations

import math
from typing import ClassVar

import carla
import numpy as np
from numpy.typing import NDArray

from lead.evaluation.criteria.base import Criterion, EgoLane, RouteLine
from lead.evaluation.observation import Observation
from lead.routes.planner import DenseRoute
from lead.scoring.messages import outside_lanes_event
from lead.scoring.penalties import RouteEvent

LOOK_AHEAD = 3
TOLERATED_M = 0.5
"""Lanes are this much wider on each side: there are small shoulders between lanes and pavements."""
JUNCTION_EXIT_DEG = 120.0
"""An ego that leaves a junction at this or a greater angle to the lane is in the wrong lane."""
LANE_JUMP_DEG = 150.0
"""A greater change of the lane's direction from one tick to the next is a change to or from opposite traffic."""
PARKING_MARGIN_M = 1.0


class OutsideRouteLanes(Criterion):
    """Measures the share of the driven route on which the ego was outside its lanes; one event that is kept current.

    Attributes:
        check_wrong_direction: False while opposite lanes must be used, as scenarios with a blocked lane demand.
    """

    name: ClassVar[str] = "OutsideRouteLanesTest"

    def __init__(self, route: DenseRoute, carla_map: carla.Map, lane: EgoLane) -> None:
        """Start at the first route point."""
        super().__init__()
        self.check_wrong_direction = True
        self._route = route
        self._line = RouteLine(route)
        self._lane = lane
        self._direction = _LaneDirection()
        self._parking = _NearestParking(carla_map)
        self._index = 0
        self._driven_m = 0.0
        self._outside_m = 0.0

    def update(self, observation: Observation) -> None:
        """Judge the step to every route point that was passed."""
        lane = self._lane.at(observation)
        self._direction.update(lane, math.degrees(observation.ego.yaw_rad))
        passed = self._line.passed(observation.ego.location, self._index + 1, LOOK_AHEAD)
        if not len(passed):
            return
        is_wrong_way = self.check_wrong_direction and self._direction.is_wrong
        is_outside = is_wrong_way or self._is_beside_lanes(observation, lane)
        for index in passed:
            step_m = float(np.linalg.norm(self._route.xyz[index] - self._route.xyz[self._index]))
            self._driven_m += step_m
            self._outside_m += step_m if is_outside else 0.0
            self._index = int(index)
        if self._outside_m > 0.0:
            self.events[:] = [self._event(observation.frame)]

    def _event(self, frame: int) -> RouteEvent:
        """Return the event as it is now, with the frame in which the ego first was outside."""
        first_frame = self.events[0].frame if self.events else frame
        return outside_lanes_event(self._outside_m, 100.0 * self._outside_m / self._driven_m, first_frame)

    def _is_beside_lanes(self, observation: Observation, driving: carla.Waypoint) -> bool:
        """Tell whether the ego's centre is off the nearer one of the nearest driving and parking lanes."""
        distance_m = _distance(observation.ego.location, driving)
        if distance_m <= TOLERATED_M:
            # Then the nearer lane is no farther, and every lane is at least this wide.
            return False
        width_m = driving.lane_width
        parking = self._parking.closer_than(observation.ego.location, distance_m)
        if parking is not None:
            distance_m, width_m = parking
        return distance_m > 0.5 * float(width_m) + TOLERATED_M


class _LaneDirection:
    """Follows the ego from lane to lane and notices when it is in one of the opposite direction.

    Attributes:
        is_wrong: True while the ego is in a lane of the opposite direction; never inside junctions.
    """

    def __init__(self) -> None:
        self.is_wrong = False
        self._place: tuple[int, int] | None = None
        self._yaw_deg = 0.0
        self._was_junction = False

    def update(self, lane: carla.Waypoint, ego_yaw_deg: float) -> None:
        """Take note of the lane of this tick."""
        place = (int(lane.road_id), int(lane.lane_id))
        is_junction = bool(lane.is_junction)
        yaw_deg = float(lane.transform.rotation.yaw)
        if is_junction:
            self.is_wrong = False
        elif self._place is not None and place != self._place:
            if self._was_junction:
                self.is_wrong = _angle_deg(yaw_deg, ego_yaw_deg) >= JUNCTION_EXIT_DEG
            elif _angle_deg(self._yaw_deg, yaw_deg) > LANE_JUMP_DEG:
                # Out of its lane or back into it: the opposite of what it was.
                self.is_wrong = not self.is_wrong
        self._place, self._yaw_deg, self._was_junction = place, yaw_deg, is_junction


class _NearestParking:
    """Looks up parking lanes no more often than needed: where they are rare, one look takes milliseconds."""

    def __init__(self, carla_map: carla.Map) -> None:
        self._map = carla_map
        self._asked_at = np.zeros(3)
        self._clear_m = 0.0

    def closer_than(self, location: NDArray[np.float64], limit_m: float) -> tuple[float, float] | None:
        """Return distance and width of the nearest parking lane if it is as near as a limit, else None."""
        # Nothing comes nearer by more than the distance moved since the last look.
        if self._clear_m - float(np.linalg.norm(location - self._asked_at)) > limit_m + PARKING_MARGIN_M:
            return None
        parking = self._map.get_waypoint(carla.Location(*map(float, location)), lane_type=carla.LaneType.Parking)
        self._asked_at = location
        self._clear_m = math.inf if parking is None else _distance(location, parking)
        if parking is None or self._clear_m > limit_m:
            return None
        return self._clear_m, float(parking.lane_width)


def _distance(location: NDArray[np.float64], lane: carla.Waypoint) -> float:
    center = lane.transform.location
    return math.dist(location, (center.x, center.y, center.z))


def _angle_deg(first_deg: float, second_deg: float) -> float:
    """Return the angle between two headings, 0 to 180 degrees."""
    return abs(math.remainder(first_deg - second_deg, 360.0))
