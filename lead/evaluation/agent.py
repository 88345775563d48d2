"""The interface between an evaluation and a driving agent.

It is the official leaderboard's ``AutonomousAgent``, so that one agent file runs under both. Agents that may see
the simulator's state (autopilots, experts) additionally accept a :class:`PrivilegedContext`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import carla
import numpy as np
from numpy.typing import NDArray

from lead.config.closed_loop import ClosedLoopConfig
from lead.evaluation.ego_motion import motion_row
from lead.evaluation.observation import WorldObserver
from lead.evaluation.traffic_lights import TrafficLights
from lead.routes.global_plan import sparse_indices
from lead.routes.planner import DenseRoute, RoadOption
from lead.scenarios.active import ActiveScenarios

GpsPlan = Sequence[tuple[dict[str, float], RoadOption]]
WorldPlan = Sequence[tuple[carla.Transform, RoadOption]]


class Track(Enum):
    """Rules about inputs an agent takes part under.

    ``PRIVILEGED`` is ours: agents that see the simulator's state and record with any sensors, such as the expert.
    """

    SENSORS = "SENSORS"
    MAP = "MAP"
    SENSORS_QUALIFIER = "SENSORS_QUALIFIER"
    MAP_QUALIFIER = "MAP_QUALIFIER"
    PRIVILEGED = "PRIVILEGED"


class AutonomousAgent:
    """Base class of driving agents; the constructor and method signatures are the official ones.

    Attributes:
        track: Track the agent takes part in.
        plan_spacing_m: Largest distance between points of the thinned plan; the benchmark's profile sets it.
        hero_actor: The vehicle driven, as in Bench2Drive's base class; set before ``setup``.
        closed_loop: Settings of the evaluation; set before ``setup``. None under CARLA's own leaderboard, where agents
            read the environment.
    """

    plan_spacing_m: float = 200.0
    hero_actor: carla.Vehicle | None = None
    closed_loop: ClosedLoopConfig | None = None

    def __init__(self, carla_host: str, carla_port: int, debug: bool = False) -> None:
        """Create an agent; heavy work belongs into :meth:`setup`."""
        self.track = Track.SENSORS
        self.carla_host = carla_host
        self.carla_port = carla_port
        self.debug = debug
        self._global_plan: GpsPlan = ()
        self._global_plan_world_coord: WorldPlan = ()

    def setup(self, path_to_conf_file: str) -> None:
        """Prepare for one route.

        Args:
            path_to_conf_file: Whatever the agent is configured with; may be empty.
        """

    def sensors(self) -> list[dict[str, Any]]:
        """Return the sensors wanted, as dictionaries with type, id and mounting pose."""
        return []

    def run_step(self, input_data: dict[str, tuple[int, Any]], timestamp: float) -> carla.VehicleControl:
        """Decide on the control of one tick.

        Args:
            input_data: Sensor id to (frame, data).
            timestamp: Simulated seconds since the start of the route.

        Returns:
            Control applied during the next tick.
        """
        raise NotImplementedError

    def destroy(self) -> None:
        """Release what :meth:`setup` acquired; called exactly once after every route."""

    def get_hero(self) -> None:
        """Do nothing: the vehicle is known already. Agents written for Bench2Drive call it before the next method."""

    def get_metric_info(self) -> dict[str, list[float]]:
        """Return the ego's motion as Bench2Drive's metrics want it; the evaluation logs it itself, too.

        Raises:
            RuntimeError: If no drive has begun.
        """
        if self.hero_actor is None:
            raise RuntimeError("there is no vehicle before the drive")
        return motion_row(self.hero_actor)

    def set_global_plan(self, global_plan_gps: GpsPlan, global_plan_world_coord: WorldPlan) -> None:
        """Receive the dense route, before :meth:`setup`, and keep it thinned as the official base class does.

        Args:
            global_plan_gps: Dictionaries with lat, lon (degrees) and z (metres), each with its road option; one
                point per metre.
            global_plan_world_coord: The same points as transforms.
        """
        line = _Line.of(global_plan_world_coord)
        kept = sparse_indices(line, self.plan_spacing_m)
        self._global_plan = [global_plan_gps[index] for index in kept]
        self._global_plan_world_coord = [global_plan_world_coord[index] for index in kept]


@dataclass(frozen=True)
class _Line:
    """What thinning needs of a plan.

    Attributes:
        option: (n,) values of :class:`RoadOption`.
        distance_m: (n,) distance along the plan from its first point.
    """

    option: NDArray[np.int8]
    distance_m: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.option)

    @classmethod
    def of(cls, plan: WorldPlan) -> _Line:
        """Measure a plan."""
        places = np.array([[pose.location.x, pose.location.y, pose.location.z] for pose, _ in plan], np.float64)
        steps_m = np.linalg.norm(np.diff(places.reshape(-1, 3), axis=0), axis=1)
        option = np.array([option.value for _, option in plan], np.int8)
        return cls(option, np.concatenate([[0.0], np.cumsum(steps_m)]))


@dataclass(frozen=True)
class PrivilegedContext:
    """Simulator state offered to agents that are allowed to see it.

    Attributes:
        world: The world.
        map: Its map.
        ego: The vehicle driven.
        route: Dense route.
        observer: Actors around the ego, read once per tick for everyone.
        lights: Traffic lights with their stop lines.
        active: What scenarios tell experts; None if none are driven.
        seed: Seed of the route's random choices.
    """

    world: carla.World
    map: carla.Map
    ego: carla.Vehicle
    route: DenseRoute
    observer: WorldObserver
    lights: TrafficLights
    active: ActiveScenarios | None = None
    seed: int = 0


@dataclass(frozen=True)
class RecordingTarget:
    """Where a drive is recorded.

    Attributes:
        route_dir: Folder of the route.
        scenario: Type of its scenario.
        town: Its town.
        seed: Seed of what a recording draws.
    """

    route_dir: Path
    scenario: str
    town: str
    seed: int


@runtime_checkable
class RecordingAgent(Protocol):
    """An agent that records its drive."""

    def prepare_recording(self, target: RecordingTarget, route: DenseRoute) -> None:
        """Learn what is recorded, after ``setup`` and before ``sensors`` is asked."""

    def finish_recording(self, results: Mapping[str, Any]) -> None:
        """Complete the recording of a drive that has its result; without this call it stays incomplete."""


@runtime_checkable
class ScenarioAwareAgent(Protocol):
    """An agent that wants to know the scenario it drives in, right before the run starts."""

    def set_scenario(self, scenario: Any) -> None:
        """Receive the running scenario."""


@runtime_checkable
class PrivilegedAgent(Protocol):
    """An agent that wants the privileged context of every route, right after ``setup``."""

    def set_privileged_context(self, context: PrivilegedContext) -> None:
        """Receive the context of the route about to start."""
