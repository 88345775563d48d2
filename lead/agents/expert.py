"""The expert as an agent of the evaluation."""

from __future__ import annotations

from typing import Any

import carla

from lead.config.expert import resolve_expert
from lead.errors import LeadError
from lead.evaluation.agent import AutonomousAgent, PrivilegedContext, Track
from lead.expert.decision import Control, Decision
from lead.expert.driver import ExpertDriver


class ExpertError(LeadError):
    """The expert is asked to drive without what it needs."""


class ExpertAgent(AutonomousAgent):
    """Rule-based driver with access to the simulator's state.

    Attributes:
        driver: The driver; None before a route.
        decision: The latest decision; None before the first step.
    """

    def __init__(self, carla_host: str, carla_port: int, debug: bool = False) -> None:
        """Create the agent; it gets its route by :meth:`set_privileged_context`."""
        super().__init__(carla_host, carla_port, debug)
        self.track = Track.MAP
        self.driver: ExpertDriver | None = None
        self.decision: Decision | None = None
        self._context: PrivilegedContext | None = None

    def setup(self, path_to_conf_file: str) -> None:
        """Read the settings from ``LEAD_EXPERT_CONFIG``."""
        self._config = resolve_expert()

    def set_privileged_context(self, context: PrivilegedContext) -> None:
        """Prepare for a route."""
        self._context = context
        active = context.active if self._config.know_scenarios else None
        self.driver = ExpertDriver(context, active, self._config, seed=context.seed)

    def run_step(self, input_data: dict[str, tuple[int, Any]], timestamp: float) -> carla.VehicleControl:
        """Decide on the control of one tick.

        Raises:
            ExpertError: If the expert was not given the simulator's state.
        """
        if self.driver is None or self._context is None:
            raise ExpertError("the expert sees the simulator's state and therefore only drives under LEAD's evaluation")
        decision = self.decision = self.driver.step(self._context.observer.latest, self._ask_novice(input_data))
        control = decision.control
        return carla.VehicleControl(throttle=control.throttle, steer=control.steer, brake=control.brake)

    def _ask_novice(self, input_data: dict[str, tuple[int, Any]]) -> Control | None:
        """Return what a policy would do in this tick; None without one.

        Raises:
            ExpertError: If there should be one: it needs sensors, and there are none.
        """
        if self._config.novice:
            raise ExpertError("the novice needs the sensors of a recording; only `lead collect` has them")
        return None

    def destroy(self) -> None:
        """Forget the route."""
        self.driver = self.decision = self._context = None
