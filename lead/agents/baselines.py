"""Drivers that know nothing or obey nothing: what a score is worth is seen beside theirs."""

from __future__ import annotations

from typing import Any

import carla
import numpy as np

from lead.agents.autopilot import AutopilotAgent
from lead.evaluation.agent import AutonomousAgent
from lead.evaluation.observation import Observation

HOLD_TICKS = 20
"""A random control is held for a second: anew every tick, the car would stand and tremble."""


class RandomAgent(AutonomousAgent):
    """Steers and accelerates at random, the same way in every drive."""

    def __init__(self, carla_host: str, carla_port: int, debug: bool = False) -> None:
        """Create the agent; it needs no configuration."""
        super().__init__(carla_host, carla_port, debug)
        self._control = carla.VehicleControl()
        self.setup("")

    def setup(self, path_to_conf_file: str) -> None:
        """Begin the sequence of controls anew."""
        self._rng = np.random.default_rng(0)
        self._ticks = 0

    def sensors(self) -> list[dict[str, Any]]:
        """Return no sensor."""
        return []

    def run_step(self, input_data: dict[str, tuple[int, Any]], timestamp: float) -> carla.VehicleControl:
        """Draw a steering angle in [-1, 1] and a throttle in [0, 1] every second."""
        if self._ticks % HOLD_TICKS == 0:
            self._control = carla.VehicleControl(
                throttle=float(self._rng.uniform(0.0, 1.0)), steer=float(self._rng.uniform(-1.0, 1.0))
            )
        self._ticks += 1
        return self._control


class RouteFollowerAgent(AutopilotAgent):
    """Follows its route at the speed limit and brakes for curves; lights, signs and other road users do not exist."""

    def _target_speed(self, observation: Observation) -> float:
        return self._free_speed()
