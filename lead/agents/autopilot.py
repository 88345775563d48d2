"""The simplest agent worth watching: follows its route, stops for red lights, keeps its distance.

It reads the simulator's state instead of sensors. Its purpose is to exercise the whole loop (simulator, routes,
criteria, results) without a trained model.
"""

from __future__ import annotations

import carla
import numpy as np

from lead.agents.driving_path import STEP_M, DrivingPath
from lead.agents.traffic_rules import (
    NO_LIMIT_MPS,
    crossing_speed,
    leading_speed,
    light_speed,
    path_ahead,
)
from lead.control.lateral import LateralController
from lead.control.longitudinal import LongitudinalController
from lead.evaluation.agent import AutonomousAgent, PrivilegedContext, Track
from lead.evaluation.observation import Observation
from lead.evaluation.traffic_lights import RouteStop

LATERAL_MPS2 = 2.2
CURVE_BRAKING_MPS2 = 2.0
STEERING_WINDOW = 150
DEFAULT_LIMIT_MPS = 30.0 / 3.6
MAX_SPEED_MPS = 25.0
STANDSTILL_MPS = 0.5
SOFT_BRAKE, BRAKE_PER_MPS = 0.2, 0.35
PATIENCE_S = 6.0
"""After waiting this long for crossing traffic the agent goes on for a moment."""
COURAGE_S = 3.0


class AutopilotAgent(AutonomousAgent):
    """Rule-based route follower with access to the simulator's state."""

    def __init__(self, carla_host: str, carla_port: int, debug: bool = False) -> None:
        """Create the agent; it gets its route by :meth:`set_privileged_context`."""
        super().__init__(carla_host, carla_port, debug)
        self.track = Track.MAP
        self._context: PrivilegedContext | None = None

    def set_privileged_context(self, context: PrivilegedContext) -> None:
        """Prepare path, speed profile and stop lines of a route."""
        self._context = context
        self._path = DrivingPath(context.route)
        self._curve_mps = self._path.speed_profile(LATERAL_MPS2, CURVE_BRAKING_MPS2)
        self._stops = [
            RouteStop(self._path.from_route(stop.distance_m), stop.light)
            for stop in context.lights.along(context.route)
        ]
        self._index = 0
        self._lateral = LateralController()
        self._longitudinal = LongitudinalController()
        self._waiting_since_s: float | None = None
        self._bold_until_s = 0.0

    def run_step(self, input_data: dict[str, tuple[int, object]], timestamp: float) -> carla.VehicleControl:
        """Steer along the path at the least of all speed limits."""
        if self._context is None:
            raise RuntimeError("the autopilot needs the privileged context before its first step")
        observation = self._context.observer.latest
        self._index = self._path.locate(observation.ego.location[:2], self._index)
        return self._control(observation, self._target_speed(observation))

    def destroy(self) -> None:
        """Forget the route."""
        self._context = None

    def _target_speed(self, observation: Observation) -> float:
        ahead = path_ahead(self._path, self._index, observation)
        certain = min(
            self._free_speed(),
            self._light_speed(observation),
            leading_speed(ahead, observation),
        )
        return min(certain, self._patient(crossing_speed(ahead, observation), observation))

    def _free_speed(self) -> float:
        """Return what the speed limit and the curves ahead allow."""
        assert self._context is not None
        limit_mps = self._context.ego.get_speed_limit() / 3.6 or DEFAULT_LIMIT_MPS
        return min(limit_mps, MAX_SPEED_MPS, float(self._curve_mps[self._index]))

    def _patient(self, crossing_mps: float, observation: Observation) -> float:
        """Give way to crossing traffic, but not forever."""
        now_s = observation.time_s
        if now_s < self._bold_until_s:
            return NO_LIMIT_MPS
        if crossing_mps == NO_LIMIT_MPS or observation.ego.speed_mps > STANDSTILL_MPS:
            self._waiting_since_s = None
            return crossing_mps
        if self._waiting_since_s is None:
            self._waiting_since_s = now_s
        elif now_s - self._waiting_since_s > PATIENCE_S:
            self._waiting_since_s = None
            self._bold_until_s = now_s + COURAGE_S
        return crossing_mps

    def _light_speed(self, observation: Observation) -> float:
        assert self._context is not None
        front_m = self._index * STEP_M + float(observation.ego.extent[0])
        limit = NO_LIMIT_MPS
        for stop in self._stops:
            state = self._context.lights.state(stop.light)
            if state in (carla.TrafficLightState.Red, carla.TrafficLightState.Yellow):
                is_yellow = state == carla.TrafficLightState.Yellow
                speed = light_speed(stop.distance_m - front_m, observation.ego.speed_mps, is_yellow)
                limit = min(limit, speed)
        return limit

    def _control(self, observation: Observation, target_mps: float) -> carla.VehicleControl:
        ego = observation.ego
        window = self._path.xy[self._index : self._index + STEERING_WINDOW]
        steer = self._lateral.step(window, ego.location[:2], ego.yaw_rad, ego.speed_mps)
        pedals = self._longitudinal.step(target_mps, ego.speed_mps)
        brake = 0.0
        if pedals.brake:
            brake = float(np.clip(SOFT_BRAKE + BRAKE_PER_MPS * (ego.speed_mps - target_mps), 0.0, 1.0))
        if pedals.throttle == 0.0 and ego.speed_mps < STANDSTILL_MPS:
            brake = 1.0
        return carla.VehicleControl(throttle=pedals.throttle, steer=round(steer, 3), brake=brake)
