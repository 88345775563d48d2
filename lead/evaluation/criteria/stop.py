"""Stop signs that are passed without standing still.

The official criterion tests points of the lane ahead against the box of a sign, every 0.5 m, and LEAD's own rules
every centimetre. Hundreds of way points per tick are far too slow, so the lane is followed only when a sign is close,
and dense points are replaced by the straight lines between half-metre points (at most millimetres away from them).
"""

from __future__ import annotations

import math
from typing import ClassVar

import carla
import numpy as np
from numpy.typing import NDArray

from lead.evaluation.criteria.base import STANDSTILL_MPS, Criterion, EgoLane, actor_location
from lead.evaluation.observation import Observation
from lead.evaluation.stop_signs import StopSigns
from lead.scoring.penalties import EventType
from lead.scoring.profiles import BenchmarkProfile

REACH_M = 4.0
"""Signs farther than this from the ego's place on its lane do not take effect; the lane is followed as far."""
BOX_SCALE = 1.2
AGAINST = -0.17
"""Cosine of about 100 degrees: the ego drives backwards or against the lane."""
CHORD_M = 0.5
MIN_STEP_M = 0.01


class RunningStop(Criterion):
    """Stop signs in whose box the lane ahead lay, and that came out of reach before the ego stood still."""

    name: ClassVar[str] = "RunningStopTest"

    def __init__(self, profile: BenchmarkProfile, signs: StopSigns, lane: EgoLane) -> None:
        """Watch the signs of a world."""
        super().__init__()
        self._signs = signs
        self._lane = lane
        self._half_sizes = BOX_SCALE * np.maximum(signs.half_sizes, profile.stop_box_min_half_m)
        self._step_m = profile.stop_step_m
        self._target: int | None = None
        self._has_stopped = False
        self._last_failed: int | None = None

    def update(self, observation: Observation) -> None:
        """Look for a sign ahead, or watch the one that was found until it is passed."""
        if self._target is None:
            self._target = self._find(observation)
            return
        if observation.ego.planar_speed_mps < STANDSTILL_MPS:
            self._has_stopped = True
        if self._target in self._affecting(observation, [self._target]):
            return
        if not self._has_stopped and self._target != self._last_failed:
            self._last_failed = self._target
            sign = self._signs.actors[self._target]
            message = f"Agent passed a stop sign with id={sign.id}"
            self._report(EventType.STOP_INFRACTION, observation, message, actor_location(sign))
        self._target, self._has_stopped = None, False

    def _find(self, observation: Observation) -> int | None:
        """Return the first sign that affects the ego."""
        if not len(self._signs.actors):
            return None
        affecting = self._affecting(observation)
        if not affecting:
            return None
        ego = observation.ego
        lane = self._lane.at(observation).transform.get_forward_vector()
        forward = ego.forward
        if forward @ ego.velocity < AGAINST or forward @ (lane.x, lane.y, lane.z) < AGAINST:
            return None
        return affecting[0]

    def _affecting(self, observation: Observation, wanted: list[int] | None = None) -> list[int]:
        """Return the signs, or those of the wanted ones, in whose box the lane ahead lies."""
        waypoint = self._lane.at(observation)
        place = waypoint.transform.location
        near = self._signs.near(np.array([place.x, place.y, place.z]), REACH_M)
        close = [int(index) for index in near if wanted is None or int(index) in wanted]
        if not close:
            return []
        is_dense = self._step_m < CHORD_M
        ahead = lane_ahead(waypoint, CHORD_M if is_dense else self._step_m)
        test = _line_meets_box if is_dense else _points_in_box
        return [each for each in close if test(ahead, self._signs.centers[each, :2], self._half_sizes[each])]


def lane_ahead(waypoint: carla.Waypoint, step_m: float) -> NDArray[np.float64]:
    """Return (n, 2) points of a lane from a way point to :data:`REACH_M` ahead of it, or to the end of the road."""
    place = waypoint.transform.location
    points = [(place.x, place.y)]
    left_m = REACH_M
    while left_m >= MIN_STEP_M:
        step_m = min(step_m, left_m)
        following = waypoint.next(step_m)
        if not following:
            # The road ends within this step; go up to the end in ever smaller ones.
            step_m *= 0.5
            if step_m < MIN_STEP_M:
                break
            continue
        waypoint = following[0]
        place = waypoint.transform.location
        points.append((place.x, place.y))
        left_m -= step_m
    return np.array(points, dtype=np.float64)


def _points_in_box(points: NDArray[np.float64], center: NDArray[np.float64], half: NDArray[np.float64]) -> bool:
    """Tell whether any of (n, 2) points lies inside an axis-aligned box."""
    return bool((np.abs(points - center) < half).all(axis=1).any())


def _line_meets_box(points: NDArray[np.float64], center: NDArray[np.float64], half: NDArray[np.float64]) -> bool:
    """Tell whether the line through (n, 2) points meets the inside of an axis-aligned box."""
    if _points_in_box(points, center, half):
        return True
    start, step = points[:-1] - center, np.diff(points, axis=0)
    # Every segment is inside the box between the last entry into and the first exit out of its two slabs.
    with np.errstate(divide="ignore", invalid="ignore"):
        bounds = np.stack([(-half - start) / step, (half - start) / step])
    still = step == 0.0
    entry = np.where(still, np.where(np.abs(start) < half, -math.inf, math.inf), bounds.min(axis=0)).max(axis=1)
    leave = np.where(still, math.inf, bounds.max(axis=0)).min(axis=1)
    return bool((np.maximum(entry, 0.0) < np.minimum(leave, 1.0)).any())
