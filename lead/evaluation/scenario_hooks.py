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
from lead.routes.model import Route, ScenarioConfig
from lead.routes.planner import DenseRoute
from lead.scoring.profiles import BenchmarkProfile


@dataclass(frozen=True)
class ScenarioContext:
    """What an engine gets before the first tick.

    Attributes:
        client: The carla client, for batches.
        world: The world.
        map: Its map.
        ego: The vehicle driven.
        route: Route as written in the file.
        dense: Dense route.
        scenarios: Scenarios whose trigger lies on the dense route, in file order.
        criteria: Criteria of the episode: scenarios report through it and use its switches.
        profile: Rules of the benchmark.
        traffic_manager_port: Port of the synchronous Traffic Manager.
        seed: Seed of every random choice.
    """

    client: carla.Client
    world: carla.World
    map: carla.Map
    ego: carla.Vehicle
    route: Route
    dense: DenseRoute
    scenarios: Sequence[ScenarioConfig]
    criteria: CriteriaSet
    profile: BenchmarkProfile
    traffic_manager_port: int
    seed: int


class ScenarioEngine(Protocol):
    """Runs the scenarios and the background traffic of one episode."""

    @property
    def claimed_places(self) -> NDArray[np.float64]:
        """(n, 3) places that must be free of parked vehicles, world frame, metres."""

    def start(self, context: ScenarioContext) -> None:
        """Build what is near the start; the world has not ticked since the ego was spawned."""

    def tick(self, observation: Observation) -> None:
        """Step all scenarios; called after the agent's control was applied and before the criteria."""

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
