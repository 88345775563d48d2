"""How fast an agent may drive because of what lies ahead: lights, road users on its path and crossing ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lead.agents.driving_path import STEP_M, DrivingPath
from lead.evaluation.observation import ActorKind, Observation
from lead.geometry.frames import wrap_rad

COMFORT_MPS2 = 2.5
HARD_MPS2 = 4.0
STOP_MARGIN_M = 1.5
LIGHT_COMMIT_M = -1.0
LIGHT_VIEW_M = 80.0

OBSTACLE_VIEW_M = 70.0
OBSTACLE_STRIDE = 5
STANDSTILL_GAP_M = 4.0
TIME_GAP_S = 1.5
OUTLINE_REACH_M = 3.0
LEVEL_M = 6.0
"""Actors on a bridge above or a tunnel below do not matter."""
_MARGINS_M = np.empty(len(ActorKind), dtype=np.float64)
_MARGINS_M[[ActorKind.VEHICLE, ActorKind.WALKER, ActorKind.PROP]] = 0.35, 0.8, 0.25

CROSSING_POINTS = 90
CROSSING_TIMES_S = np.arange(0.25, 3.01, 0.25)
CROSSING_MIN_SPEED_MPS = 0.8
CROSSING_MIN_ANGLE_RAD = math.radians(25.0)
CROSSING_TIME_MARGIN_S = 1.6
CROSSING_GAP_M = 3.0
NO_LIMIT_MPS = math.inf

_OUTLINE = np.array([(1, 1), (1, -1), (-1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1), (0, 0)], dtype=np.float64)
_FRONT = np.array([(1, 1), (1, -1), (0, 0), (-1, 0)], dtype=np.float64)


@dataclass(frozen=True)
class PathAhead:
    """The stretch of path in front of the ego.

    Attributes:
        xy: (n, 2) float64 points every 0.5 m, world frame, metres.
        yaw_rad: (n,) float64 headings.
        distance_m: (n,) float64 distance from the ego's front bumper; negative beside the ego.
        half_width_m: Half width of the ego.
    """

    xy: NDArray[np.float64]
    yaw_rad: NDArray[np.float64]
    distance_m: NDArray[np.float64]
    half_width_m: float

    def first(self, count: int) -> PathAhead:
        """Return the part of the first points only."""
        return PathAhead(self.xy[:count], self.yaw_rad[:count], self.distance_m[:count], self.half_width_m)


def path_ahead(path: DrivingPath, index: int, observation: Observation) -> PathAhead:
    """Cut out the stretch of path that obstacles matter on."""
    last = index + int(OBSTACLE_VIEW_M / STEP_M)
    window = slice(index, last, OBSTACLE_STRIDE)
    xy = path.xy[window]
    distance_m = STEP_M * OBSTACLE_STRIDE * np.arange(len(xy)) - observation.ego.extent[0]
    return PathAhead(xy, path.yaw_rad[window], distance_m, float(observation.ego.extent[1]))


def stopping_speed(distance_m: float, braking_mps2: float = COMFORT_MPS2) -> float:
    """Return the speed from which one comes to rest within a distance."""
    return math.sqrt(2.0 * braking_mps2 * max(distance_m, 0.0))


def light_speed(distance_m: float, speed_mps: float, is_yellow: bool) -> float:
    """Limit the speed in front of a red or yellow light.

    Args:
        distance_m: From the front bumper to the stop line.
        speed_mps: Current speed.
        is_yellow: A yellow light may be passed if stopping would need hard braking.

    Returns:
        Speed limit, m/s, infinite if the light does not matter.
    """
    if distance_m < LIGHT_COMMIT_M or distance_m > LIGHT_VIEW_M:
        return NO_LIMIT_MPS
    if is_yellow and speed_mps**2 > 2.0 * HARD_MPS2 * max(distance_m, 0.1):
        return NO_LIMIT_MPS
    return stopping_speed(distance_m - STOP_MARGIN_M)


def leading_speed(ahead: PathAhead, observation: Observation) -> float:
    """Limit the speed because of road users and things that stand or move on the path.

    Returns:
        Speed limit, m/s: the follower keeps a time gap and could always stop behind a braking leader.
    """
    actors = _within(ahead, observation, OUTLINE_REACH_M)
    if len(actors) == 0:
        return NO_LIMIT_MPS
    lateral_m, place = _project(ahead, _outlines(actors, _OUTLINE))
    inside = (lateral_m < ahead.half_width_m + _margins(actors)[:, None]) & (ahead.distance_m[place] > -1.0)
    limit = NO_LIMIT_MPS
    for index in np.flatnonzero(inside.any(axis=1)):
        first = int(place[index][inside[index]].min())
        gap_m = float(ahead.distance_m[first]) - STANDSTILL_GAP_M
        yaw = ahead.yaw_rad[first]
        along_mps = max(float(actors["vx"][index] * math.cos(yaw) + actors["vy"][index] * math.sin(yaw)), 0.0)
        following = along_mps + gap_m / TIME_GAP_S
        stopping = math.sqrt(max(along_mps**2 + 2.0 * COMFORT_MPS2 * gap_m, 0.0))
        limit = min(limit, max(min(following, stopping), 0.0))
    return limit


def crossing_speed(ahead: PathAhead, observation: Observation) -> float:
    """Limit the speed because of moving road users that will cross the path at the same time.

    Returns:
        Speed limit, m/s: stop before the place of the encounter.
    """
    near = ahead.first(CROSSING_POINTS)
    speed_mps = np.hypot(observation.actors["vx"], observation.actors["vy"])
    reach_m = np.where(speed_mps > CROSSING_MIN_SPEED_MPS, OUTLINE_REACH_M + CROSSING_TIMES_S[-1] * speed_mps, -np.inf)
    actors = _within(near, observation, reach_m)
    if len(actors) == 0:
        return NO_LIMIT_MPS
    velocity = np.stack([actors["vx"], actors["vy"]], axis=1)
    moves = CROSSING_TIMES_S[:, None] * velocity[:, None]
    points = _outlines(actors, _FRONT)[:, None] + moves[:, :, None]
    lateral_m, place = _project(near, points)
    course = np.arctan2(velocity[:, 1], velocity[:, 0])[:, None, None]
    angle = np.abs(wrap_rad(near.yaw_rad[place] - course))
    own_arrival_s = near.distance_m[place] / max(observation.ego.speed_mps, 3.0)
    meets = (
        (lateral_m < near.half_width_m + _margins(actors)[:, None, None])
        & (np.minimum(angle, np.pi - angle) > CROSSING_MIN_ANGLE_RAD)
        & (near.distance_m[place] > 0.5)
        & (np.abs(CROSSING_TIMES_S[None, :, None] - own_arrival_s) < CROSSING_TIME_MARGIN_S)
    )
    if not meets.any():
        return NO_LIMIT_MPS
    return stopping_speed(float(near.distance_m[place[meets]].min()) - CROSSING_GAP_M, HARD_MPS2)


def _within(ahead: PathAhead, observation: Observation, reach_m: float | NDArray[np.float64]) -> NDArray[np.void]:
    """Return the actors whose centre is within reach of the path, on the ego's level."""
    actors = observation.actors
    offset_x = actors["x"][:, None] - ahead.xy[None, :, 0]
    offset_y = actors["y"][:, None] - ahead.xy[None, :, 1]
    to_path_m = np.sqrt(np.min(offset_x**2 + offset_y**2, axis=1, initial=np.inf))
    same_level = np.abs(actors["z"] - observation.ego.location[2]) < LEVEL_M
    size_m = np.hypot(actors["extent_x"], actors["extent_y"])
    result: NDArray[np.void] = actors[(to_path_m < reach_m + size_m) & same_level]
    return result


def _outlines(actors: NDArray[np.void], shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, k, 2) points of n actors' boxes, given as (k, 2) shares of the half sizes."""
    cos, sin = np.cos(actors["yaw"])[:, None], np.sin(actors["yaw"])[:, None]
    along, across = actors["extent_x"][:, None] * shape[:, 0], actors["extent_y"][:, None] * shape[:, 1]
    x = actors["x"][:, None] + along * cos - across * sin
    y = actors["y"][:, None] + along * sin + across * cos
    return np.stack([x, y], axis=-1)


def _margins(actors: NDArray[np.void]) -> NDArray[np.float64]:
    """Return the clearance wanted beside each of n actors, metres."""
    margins: NDArray[np.float64] = _MARGINS_M[actors["kind"]]
    return margins


def _project(ahead: PathAhead, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the distance of (..., 2) points from the path's line and the index of the nearest path point."""
    squared = (points[..., 0, None] - ahead.xy[:, 0]) ** 2 + (points[..., 1, None] - ahead.xy[:, 1]) ** 2
    place = np.argmin(squared, axis=-1)
    offset, yaw = points - ahead.xy[place], ahead.yaw_rad[place]
    along = np.abs(offset[..., 0] * np.cos(yaw) + offset[..., 1] * np.sin(yaw))
    across = np.abs(offset[..., 1] * np.cos(yaw) - offset[..., 0] * np.sin(yaw))
    # Points beyond an end of the stretch are not beside it.
    return np.where(along > 1.0, np.inf, across), place
