"""Where a scenario engine plugs into an episode.

An episode without an engine drives its route with the scenarios ignored and says so in its result; with one, the
engine builds, steps and removes the scenarios inside the tick loop, never on a thread of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import carla
import numpy as np
from numpy.typing import NDArray

from lead.evaluation.criteria import CriteriaSet
from lead.evaluation.observation import Observation
from lead.routes.model import Route
from lead.scenarios.active import ActiveScenarios
from lead.scenarios.context import ScenarioContext


class ScenarioEngine(Protocol):
    """Runs the scenarios and the background traffic of one episode."""

    @property
    def active(self) -> ActiveScenarios:
        """What scenarios tell experts; exists from :meth:`start` on."""

    @property
    def claimed_places(self) -> NDArray[np.float64]:
        """(n, 3) places that must be free of parked vehicles, world frame, metres."""

    def start(self, context: ScenarioContext) -> None:
        """Build what is near the start; the world has not ticked since the ego was spawned."""

    def tick(self, observation: Observation, control: carla.VehicleControl) -> None:
        """Step all scenarios; called after the agent's control was applied and before the criteria.

        Args:
            observation: State of the world after the tick.
            control: What the agent asked for, which a scenario may disturb.
        """

    def close(self) -> None:
        """Destroy everything the engine spawned."""


@dataclass(frozen=True)
class RunningScenario:
    """What agents with a ``set_scenario`` method receive.

    Attributes:
        config: Route as written in the file.
        route: Dense route as transforms with options.
        criteria: Criteria of the episode.
    """

    config: Route
    route: Sequence[tuple[carla.Transform, object]]
    criteria: CriteriaSet

    def get_criteria(self) -> list[object]:
        """Return the criteria, each with ``name`` and ``events``."""
        return list(self.criteria.criteria)
