"""The ego of the scenario films: the autopilot, which can also leave its lane to get by."""

from __future__ import annotations

from dataclasses import replace

import carla
import numpy as np
from scenario_places import Dodge, Place

from lead.agents.autopilot import AutopilotAgent
from lead.agents.driving_path import STEP_M
from lead.evaluation.agent import PrivilegedContext
from lead.evaluation.observation import ActorKind, Observation
from lead.simulator.launch import LOOPBACK

BLEND_M = 14.0
SLOW_MPS = 9.0
WAIT_BEFORE_M = 4.0
BESIDE_M = 2.3
COMFORT_MPS2 = 2.0


class FilmDriver(AutopilotAgent):
    """Drives the route; on one stretch its path is pushed aside, and it may wait for oncoming cars before that."""

    def __init__(self, place: Place, trigger: carla.Transform) -> None:
        """Take what the ego does at a place, and where the trigger is."""
        super().__init__(LOOPBACK, 0)
        self._place, self._dodge = place, place.dodge
        self._trigger = np.array([trigger.location.x, trigger.location.y])
        self._is_passing = False

    def set_privileged_context(self, context: PrivilegedContext) -> None:
        """Prepare the path."""
        super().set_privileged_context(context)
        self._route_xy = self._path.xy
        if self._dodge is None:
            return
        path = self._path
        start = int(np.argmin(np.sum((path.xy - self._trigger) ** 2, axis=1)))
        along_m = (np.arange(len(path)) - start) * STEP_M
        self._first, self._last = (start + int(metres / STEP_M) for metres in (self._dodge.first_m, self._dodge.last_m))
        share = np.clip(np.minimum(along_m - self._dodge.first_m, self._dodge.last_m - along_m) / BLEND_M, 0.0, 1.0)
        weight = 0.5 - 0.5 * np.cos(np.pi * share)
        right = np.stack([-np.sin(path.yaw_rad), np.cos(path.yaw_rad)], axis=1)
        path.xy = path.xy + self._dodge.right_m * weight[:, None] * right

    def _target_speed(self, observation: Observation) -> float:
        if observation.time_s < self._place.stands_s:
            return 0.0
        if self._place.over_props:
            actors = observation.actors
            observation = replace(observation, actors=actors[actors["kind"] != ActorKind.PROP])
        speed_mps = super()._target_speed(observation)
        dodge = self._dodge
        if dodge is None or dodge.free_m is None or self._index > self._last:
            return speed_mps
        left_m = (self._first - self._index) * STEP_M - WAIT_BEFORE_M - float(observation.ego.extent[0])
        if not self._is_passing:
            self._is_passing = left_m < 1.0 and not self._is_oncoming(observation, dodge)
        if self._is_passing:
            return min(speed_mps, SLOW_MPS)
        return min(speed_mps, float(np.sqrt(2.0 * COMFORT_MPS2 * max(left_m, 0.0))))

    def _is_oncoming(self, observation: Observation, dodge: Dodge) -> bool:
        """Tell whether somebody comes along the lane into which the ego has to go."""
        actors = observation.actors[observation.actors["kind"] == ActorKind.VEHICLE]
        last = self._last + int((dodge.free_m or 0.0) / STEP_M)
        window, yaw = self._route_xy[self._index : last : 10], self._path.yaw_rad[self._index : last : 10]
        for row in actors:
            offset = np.array([row["x"], row["y"]]) - window
            nearest = int(np.argmin(np.sum(offset**2, axis=1)))
            right_m = -offset[nearest, 0] * np.sin(yaw[nearest]) + offset[nearest, 1] * np.cos(yaw[nearest])
            along_m = offset[nearest, 0] * np.cos(yaw[nearest]) + offset[nearest, 1] * np.sin(yaw[nearest])
            against_mps = -(row["vx"] * np.cos(yaw[nearest]) + row["vy"] * np.sin(yaw[nearest]))
            if abs(along_m) < 2.0 and abs(right_m - dodge.right_m) < BESIDE_M and against_mps > 1.0:
                return True
        return False
