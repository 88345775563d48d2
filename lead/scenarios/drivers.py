"""A driver for the vehicles of scenarios: follows a path or its lane, and stops for vehicles and red lights.

It behaves as CARLA's BasicAgent does, with the same controllers, distances and tests, since the published scenarios
are made of it. Where that agent draws at random which way to go at a fork, this driver goes straight on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import carla
import numpy as np
from numpy.typing import NDArray

from lead.control.pid import PidController
from lead.scenarios.stage import TICK_S, Stage
from lead.scenarios.surroundings import Neighbour

if TYPE_CHECKING:
    from typing_extensions import Unpack

MPS_TO_KMH = 3.6
STEP_M = 2.0
"""Distance between the points of a lane that is followed without a path."""
HORIZON_M = 80.0
"""How far ahead such a lane is known."""
MAX_THROTTLE = 0.75
MAX_BRAKE = 0.3
HAZARD_BRAKE = 0.5
MAX_STEER = 0.8
MAX_STEER_CHANGE = 0.1
ARRIVAL_M = 1.0
LIGHT_DISTANCE_M = 5.0
BRANCH_M = 3.0
SIDE_LOOK_M = 6.0
"""A vehicle also counts if it is on the lane of the path so far beyond the point steered to."""
_WINDOW = 10


class DriverOptions(TypedDict, total=False):
    """How a driver drives; all have defaults.

    Attributes:
        path: Way points to follow from where the vehicle stands; None follows the lane for ever.
        goes_on: Follow the lane for ever when the path ends.
        offset_m: Distance of the line driven from the path, to the right.
        ignore_lights: Do not stop at red lights.
        ignore_vehicles: Do not stop for vehicles.
        detect_by_box: Stop for everything in the way instead of for what is on the same lane.
        base_distance_m: Vehicles count whose middle is within this distance of the own front at a standstill, and
        distance_per_mps: within so much more per m/s.
        light_per_mps: The same for red lights, beyond 5 m; default ``distance_per_mps``.
        lookahead_base_m: The point steered to is at least this far away at a standstill, and
        lookahead_per_mps: so much farther per m/s.
    """

    path: Sequence[carla.Waypoint] | None
    goes_on: bool
    offset_m: float
    ignore_lights: bool
    ignore_vehicles: bool
    detect_by_box: bool
    base_distance_m: float
    distance_per_mps: float
    light_per_mps: float
    lookahead_base_m: float
    lookahead_per_mps: float


class _Point(NamedTuple):
    """A point of the path: its place, its direction and its lane."""

    x: float
    y: float
    forward_x: float
    forward_y: float
    waypoint: carla.Waypoint


class LaneFollower:
    """Drives one vehicle.

    Attributes:
        speed_kmh: Speed wanted; may be changed at any time.
        hazard_mps: None if the way was free in the last step; else the speed at which what is in the way moves ahead,
            0 for red lights.
    """

    def __init__(self, stage: Stage, actor: carla.Vehicle, speed_kmh: float, **options: Unpack[DriverOptions]) -> None:
        """Begin at the vehicle's present place.

        Args:
            stage: What all scenarios share.
            actor: The vehicle.
            speed_kmh: Speed wanted.
            **options: See :class:`DriverOptions`.
        """
        self.speed_kmh = speed_kmh
        self.hazard_mps: float | None = None
        self._stage = stage
        self._actor = actor
        self._options = options
        self._offset_m = options.get("offset_m", 0.0)
        self._light: carla.TrafficLight | None = None
        # Of an actor that was spawned in this tick the client returns whatever lies in its memory.
        self._steer = 0.0 if stage.pool.is_new(actor) else actor.get_control().steer
        self._steering = PidController(1.95, 0.05 * TICK_S * _WINDOW, 0.2 / TICK_S, _WINDOW)
        self._pedals = PidController(1.0, 0.05 * TICK_S * _WINDOW, 0.0, _WINDOW)
        path = options.get("path")
        self._is_endless = path is None or options.get("goes_on", False)
        lane = path or [stage.map.get_waypoint(stage.pool.location(actor))]
        self._points = [_point(waypoint) for waypoint in lane]
        self._index = 0

    @property
    def is_done(self) -> bool:
        """True when the end of the path is reached, or the end of the road."""
        return self._index >= len(self._points)

    def step(self) -> carla.VehicleControl:
        """Look and steer; to be called once per tick.

        Returns:
            The control to apply; it brakes when the path has ended.
        """
        pose = self._stage.pool.transform(self._actor)
        speed_mps = self._stage.speed_mps(self._actor)
        self._advance(pose, speed_mps)
        if self.is_done:
            return carla.VehicleControl(brake=1.0)
        control = self._control(pose, speed_mps)
        self.hazard_mps = self._hazard_mps(pose, speed_mps)
        if self.hazard_mps is not None:
            control.throttle, control.brake = 0.0, HAZARD_BRAKE
        return control

    def _advance(self, pose: carla.Transform, speed_mps: float) -> None:
        """Leave the points that are near or behind, and add points to an endless path."""
        if self._is_endless:
            self._extend()
        options = self._options
        look_m = options.get("lookahead_base_m", 3.0) + options.get("lookahead_per_mps", 0.5) * speed_mps
        ahead, place = pose.get_forward_vector(), pose.location
        while self._index < len(self._points):
            point = self._points[self._index]
            dx, dy = point.x - place.x, point.y - place.y
            is_last = self._index == len(self._points) - 1
            is_near = math.hypot(dx, dy) < (ARRIVAL_M if is_last else look_m)
            is_behind = dx * ahead.x + dy * ahead.y < 0.0 and dx * point.forward_x + dy * point.forward_y < 0.0
            if not is_near and not is_behind:
                break
            self._index += 1

    def _extend(self) -> None:
        """Know the lane far enough ahead."""
        while len(self._points) - self._index < HORIZON_M / STEP_M:
            last = self._points[-1].waypoint
            choices = last.next(STEP_M)
            if not choices:
                self._is_endless = False
                return
            if self._index > len(self._points) // 2 and self._index > _WINDOW:
                del self._points[: self._index]
                self._index = 0
            self._points.append(_point(choices[0] if len(choices) == 1 else _straightest(last, choices)))

    def _control(self, pose: carla.Transform, speed_mps: float) -> carla.VehicleControl:
        """Steer to the next point and keep the speed."""
        point = self._points[self._index]
        dx = point.x - self._offset_m * point.forward_y - pose.location.x
        dy = point.y + self._offset_m * point.forward_x - pose.location.y
        heading = math.radians(pose.rotation.yaw)
        error = math.remainder(math.atan2(dy, dx) - heading, 2.0 * math.pi)
        wanted = min(max(self._steering.step(error), -1.0), 1.0)
        wanted = min(max(wanted, self._steer - MAX_STEER_CHANGE), self._steer + MAX_STEER_CHANGE)
        self._steer = min(max(wanted, -MAX_STEER), MAX_STEER)
        pedal = self._pedals.step(self.speed_kmh - speed_mps * MPS_TO_KMH)
        return carla.VehicleControl(
            throttle=min(max(pedal, 0.0), MAX_THROTTLE), brake=min(max(-pedal, 0.0), MAX_BRAKE), steer=self._steer
        )

    def _hazard_mps(self, pose: carla.Transform, speed_mps: float) -> float | None:
        """Return how fast what is in the way moves; None if the way is free."""
        if not self._options.get("ignore_lights", False) and self._sees_red(pose, speed_mps):
            return 0.0
        if self._options.get("ignore_vehicles", False):
            return None
        return self._vehicle_ahead_mps(pose, speed_mps)

    def _sees_red(self, pose: carla.Transform, speed_mps: float) -> bool:
        """Tell whether to wait; a light that was seen red holds until it changes."""
        if self._light is None:
            options = self._options
            per_mps = options.get("light_per_mps", options.get("distance_per_mps", 1.0))
            self._light = self._stage.surroundings.red_light(pose, LIGHT_DISTANCE_M + per_mps * speed_mps)
        elif self._light.state != carla.TrafficLightState.Red:
            self._light = None
        return self._light is not None

    def _vehicle_ahead_mps(self, pose: carla.Transform, speed_mps: float) -> float | None:
        """Look for the nearest vehicle in the way and return how fast it moves ahead."""
        options = self._options
        reach_m = options.get("base_distance_m", 5.0) + options.get("distance_per_mps", 1.0) * speed_mps
        half_length_m, half_width_m = self._stage.surroundings.half_size_m(self._actor)
        ahead = pose.get_forward_vector()
        front = pose.location + carla.Location(half_length_m * ahead.x, half_length_m * ahead.y, 0.0)
        near = self._stage.surroundings.vehicles_near(self._actor, front, reach_m)
        if not near:
            return None
        own = self._stage.map.get_waypoint(pose.location)
        is_wide = abs(self._offset_m) + half_width_m > 0.5 * own.lane_width
        by_box = options.get("detect_by_box", False) or is_wide or own.is_junction
        corridor = self._corridor(front, pose.get_right_vector(), reach_m, half_width_m)
        lanes = {(own.road_id, own.lane_id), self._lane_ahead()}
        for other in near:
            lane = self._stage.map.get_waypoint(other.location, lane_type=carla.LaneType.Any)
            if (by_box or lane.is_junction) and len(corridor[0]):
                is_hazard = other.overlaps(*corridor)
            else:
                is_hazard = (lane.road_id, lane.lane_id) in lanes and _is_ahead(front, ahead, other, reach_m)
            if is_hazard:
                return self._closing_mps(other)
        return None

    def _closing_mps(self, other: Neighbour) -> float:
        """Return the speed of another vehicle along the own velocity; 0 at a standstill."""
        mine, theirs = self._actor.get_velocity(), other.actor.get_velocity()
        speed = math.sqrt(mine.x**2 + mine.y**2 + mine.z**2)
        return float((mine.x * theirs.x + mine.y * theirs.y + mine.z * theirs.z) / speed) if speed > 0.0 else 0.0

    def _lane_ahead(self) -> tuple[int, int]:
        """Return road and lane of the path a little beyond the point steered to."""
        first = self._points[self._index]
        for point in self._points[self._index :]:
            if math.hypot(point.x - first.x, point.y - first.y) >= SIDE_LOOK_M:
                break
        return point.waypoint.road_id, point.waypoint.lane_id

    def _corridor(
        self, place: carla.Location, right: carla.Vector3D, reach_m: float, half_width_m: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return centres (n, 2), headings (n,) and half sizes (n, 2) of rectangles along the way that will be swept."""
        line = [(place.x + self._offset_m * right.x, place.y + self._offset_m * right.y)]
        for point in self._points[self._index :]:
            if math.hypot(point.x - place.x, point.y - place.y) > reach_m:
                break
            line.append((point.x - self._offset_m * point.forward_y, point.y + self._offset_m * point.forward_x))
        ends = np.array(line)
        steps = np.diff(ends, axis=0)
        half = np.column_stack([0.5 * np.hypot(steps[:, 0], steps[:, 1]), np.full(len(steps), half_width_m)])
        return ends[:-1] + 0.5 * steps, np.arctan2(steps[:, 1], steps[:, 0]), half


def _point(waypoint: carla.Waypoint) -> _Point:
    pose = waypoint.transform
    ahead = pose.get_forward_vector()
    return _Point(pose.location.x, pose.location.y, ahead.x, ahead.y, waypoint)


def _straightest(waypoint: carla.Waypoint, choices: Sequence[carla.Waypoint]) -> carla.Waypoint:
    """Choose the branch whose heading changes least in the next metres; of two alike, the first."""
    heading = waypoint.transform.rotation.yaw
    later = [(choice.next(BRANCH_M) or [choice])[0] for choice in choices]
    turns = [abs(math.remainder(each.transform.rotation.yaw - heading, 360.0)) for each in later]
    return choices[turns.index(min(turns))]


def _is_ahead(front: carla.Location, ahead: carla.Vector3D, other: Neighbour, reach_m: float) -> bool:
    """Tell whether the rear of another vehicle is within reach in front of the own front."""
    dx = other.location.x - other.half_size[0] * math.cos(other.yaw_rad) - front.x
    dy = other.location.y - other.half_size[0] * math.sin(other.yaw_rad) - front.y
    return math.hypot(dx, dy) <= reach_m and dx * ahead.x + dy * ahead.y > 0.0
