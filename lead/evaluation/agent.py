"""The interface between an evaluation and a driving agent.

It is the official leaderboard's ``AutonomousAgent``, so that one agent file runs under both. Agents that may see
the simulator's state (autopilots, experts) additionally accept a :class:`PrivilegedContext`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, runtime_checkable

import carla

from lead.evaluation.observation import WorldObserver
from lead.evaluation.traffic_lights import TrafficLights
from lead.routes.planner import DenseRoute, RoadOption

GpsPlan = Sequence[tuple[dict[str, float], RoadOption]]
WorldPlan = Sequence[tuple[carla.Transform, RoadOption]]


class Track(Enum):
    """Rules about inputs an agent takes part under."""

    SENSORS = "SENSORS"
    MAP = "MAP"


class AutonomousAgent:
    """Base class of driving agents; the constructor and method signatures are the official ones.

    Attributes:
        track: Track the agent takes part in.
    """

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

    def set_global_plan(self, global_plan_gps: GpsPlan, global_plan_world_coord: WorldPlan) -> None:
        """Receive the sparse route before :meth:`setup` returns control to the drive.

        Args:
            global_plan_gps: Dictionaries with lat, lon (degrees) and z (metres), each with its road option.
            global_plan_world_coord: The same points as transforms.
        """
        self._global_plan = global_plan_gps
        self._global_plan_world_coord = global_plan_world_coord


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
    """

    world: carla.World
    map: carla.Map
    ego: carla.Vehicle
    route: DenseRoute
    observer: WorldObserver
    lights: TrafficLights


@runtime_checkable
class PrivilegedAgent(Protocol):
    """An agent that wants the privileged context of every route, right after ``setup``."""

    def set_privileged_context(self, context: PrivilegedContext) -> None:
        """Receive the context of the route about to start."""
