"""The scenario engine of an episode: builds scenarios as the ego comes near, starts them at triggers, steps them.

Everything happens inside the tick, in a fixed order and from one source of random numbers: the same route, seed and
driving give the same scenarios. There is no thread and no wall clock.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

import carla
import numpy as np
from numpy.typing import NDArray
from py_trees.behaviour import Behaviour
from py_trees.common import Status

from lead.errors import LeadError
from lead.routes.model import ScenarioConfig
from lead.scenarios import families
from lead.scenarios.active import ActiveScenarios
from lead.scenarios.context import ScenarioContext, WorldView
from lead.scenarios.scenario import Scenario, class_of
from lead.scenarios.stage import Stage
from lead.scenarios.traffic import BackgroundTraffic, make_traffic

LOG = logging.getLogger(__name__)

BUILD_DISTANCE_M = 500.0
BUILD_PERIOD_TICKS = 20
"""The official code looks once per second which scenarios have come near."""
TRIGGER_DISTANCE_M = 2.0
TRIGGER_LOOKAHEAD = 5


@dataclass
class _Running:
    """A scenario that was built."""

    scenario: Scenario
    tree: Behaviour
    waiting: Behaviour | None
    is_triggered: bool = False

    def trigger(self) -> None:
        """Begin."""
        self.is_triggered = self.scenario.record.is_triggered = True
        self.stop_waiting()

    def stop_waiting(self) -> None:
        """Cut off what runs until the trigger."""
        if self.waiting is not None:
            self.waiting.stop(Status.INVALID)
            self.waiting = None


class Engine:
    """Runs the scenarios and the background traffic of one episode."""

    def __init__(self, traffic: Callable[[Stage], BackgroundTraffic | None] = make_traffic) -> None:
        """Choose the background traffic.

        Args:
            traffic: Makes it; the default is the moving bubble of the leaderboard.
        """
        _import_families()
        self._make_traffic = traffic
        self._stage: Stage | None = None
        self._traffic: BackgroundTraffic | None = None
        self._waiting: list[tuple[int, ScenarioConfig]] = []
        self._running: list[_Running] = []
        self._route_index = 0
        self._ticks = 0

    @property
    def stage(self) -> Stage:
        """What the scenarios share; exists from :meth:`start` on."""
        assert self._stage is not None
        return self._stage

    @property
    def active(self) -> ActiveScenarios:
        """The privileged view of what is going on."""
        return self.stage.active

    @property
    def scenarios(self) -> list[Scenario]:
        """Scenarios that were built and have not ended, in that order."""
        return [running.scenario for running in self._running]

    @property
    def claimed_places(self) -> NDArray[np.float64]:
        """(n, 3) places that must be free of parked vehicles, world frame, metres."""
        places = [place for running in self._running for place in running.scenario.claimed]
        return np.array([(place.x, place.y, place.z) for place in places], dtype=np.float64).reshape(-1, 3)

    def start(self, context: ScenarioContext) -> None:
        """Build what is near the start; the world has not ticked since the ego was spawned."""
        self._stage = Stage(context)
        self._waiting = list(enumerate(context.scenarios))
        self._build_near()
        self._traffic = self._make_traffic(self._stage)
        self._stage.pool.end_tick()

    def tick(self, view: WorldView, control: carla.VehicleControl) -> None:
        """Step everything: triggers, background traffic, scenarios in the order in which they were built.

        Args:
            view: The world after the tick.
            control: What the agent asked for in this tick; already applied to the ego.
        """
        stage = self.stage
        stage.begin_tick(view, control)
        self._ticks += 1
        if self._ticks % BUILD_PERIOD_TICKS == 0:
            self._build_near()
        self._check_triggers()
        if self._traffic is not None:
            self._traffic.tick()
        for running in list(self._running):
            if running.is_triggered:
                self._step(running)
            elif running.waiting is not None:
                running.waiting.tick_once()
        stage.active.update()
        stage.pool.end_tick()

    def close(self) -> None:
        """Destroy everything that was spawned."""
        if self._stage is None:
            return
        for running in self._running:
            running.stop_waiting()
            running.tree.stop(Status.INVALID)
            running.scenario.close()
        self._running.clear()
        if self._traffic is not None:
            self._traffic.close()
        self._stage.pool.close()

    def _build_near(self) -> None:
        """Build the scenarios whose triggers have come near."""
        place = self.stage.ego_location
        for entry in list(self._waiting):
            number, config = entry
            point = config.trigger
            offset = np.array([point.x - place.x, point.y - place.y, point.z - place.z])
            if np.linalg.norm(offset) < BUILD_DISTANCE_M:
                self._waiting.remove(entry)
                self._build(number, config)

    def _build(self, number: int, config: ScenarioConfig) -> None:
        """Build one; a scenario whose place does not fit is left out, and the drive goes on."""
        scenario: Scenario | None = None
        try:
            scenario = class_of(config.type)(self.stage, config, number)
            scenario.build()
            running = _Running(scenario, scenario.behaviour(), scenario.waiting())
        except LeadError as error:
            LOG.warning("scenario %s is left out: %s", config.name, error)
            if scenario is not None:
                scenario.close()
            return
        if scenario.is_shown:
            self.stage.active.add(scenario.record)
        self._running.append(running)

    def _check_triggers(self) -> None:
        """Start the scenarios whose trigger the ego passes."""
        stage = self.stage
        place = stage.ego_location
        points = stage.dense.xyz[self._route_index : self._route_index + TRIGGER_LOOKAHEAD + 1]
        offsets = points - (place.x, place.y, place.z)
        self._route_index += int(np.argmin(np.einsum("ij,ij->i", offsets, offsets)))
        here = stage.dense.xyz[self._route_index]
        for running in self._running:
            trigger = running.scenario.trigger.location
            distance = np.linalg.norm(here - (trigger.x, trigger.y, trigger.z))
            if not running.is_triggered and distance < TRIGGER_DISTANCE_M:
                running.trigger()

    def _step(self, running: _Running) -> None:
        """Step one scenario, and close it when its tree is done."""
        running.tree.tick_once()
        if running.tree.status != Status.RUNNING:
            self._running.remove(running)
            running.scenario.close()


def _import_families() -> None:
    """Import every module of scenario classes, which registers them."""
    for module in pkgutil.iter_modules(families.__path__):
        importlib.import_module(f"{families.__name__}.{module.name}")
