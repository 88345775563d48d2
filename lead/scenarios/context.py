"""What the engine needs from the episode it runs in, so that scenarios know nothing about evaluations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import carla
import numpy as np
from numpy.typing import NDArray

from lead.routes.model import Route, ScenarioConfig
from lead.routes.planner import DenseRoute
from lead.scoring.penalties import EventType
from lead.scoring.profiles import BenchmarkProfile


class CriteriaSwitches(Protocol):
    """The part of an episode's criteria that scenarios work with."""

    @property
    def blocked_paused(self) -> bool:
        """True while the ego may stand for as long as it likes."""

    @blocked_paused.setter
    def blocked_paused(self, value: bool) -> None: ...

    @property
    def check_wrong_direction(self) -> bool:
        """False while the ego must use the opposite lane."""

    @check_wrong_direction.setter
    def check_wrong_direction(self, value: bool) -> None: ...

    def report(self, kind: EventType, message: str, values: Mapping[str, float], frame: int) -> None:
        """Take an event from a scenario."""


class EgoView(Protocol):
    """The ego's motion after a tick."""

    @property
    def location(self) -> NDArray[np.float64]:
        """(3,) world frame, metres."""

    @property
    def yaw_rad(self) -> float:
        """Heading."""

    @property
    def speed_mps(self) -> float:
        """Speed."""


class WorldView(Protocol):
    """State of the world after a tick."""

    @property
    def frame(self) -> int:
        """Simulator frame."""

    @property
    def time_s(self) -> float:
        """Simulated seconds since the start of the episode."""

    @property
    def ego(self) -> EgoView:
        """The ego vehicle."""


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
        traffic_manager: Gives the synchronous Traffic Manager; starts it when it is first asked for, which slows every
            tick down.
        seed: Seed of every random choice that the benchmark does not fix.
        limit_at_kmh: Gives the speed limit of a (3,) place where the benchmark has a table of them (Fail2Drive); None
            asks the ego vehicle.
    """

    client: carla.Client
    world: carla.World
    map: carla.Map
    ego: carla.Vehicle
    route: Route
    dense: DenseRoute
    scenarios: Sequence[ScenarioConfig]
    criteria: CriteriaSwitches
    profile: BenchmarkProfile
    traffic_manager: Callable[[], carla.TrafficManager]
    seed: int
    limit_at_kmh: Callable[[NDArray[np.float64]], float] | None = None
