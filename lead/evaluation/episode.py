"""One episode: an agent drives one route in a prepared simulator, watched by the criteria."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import carla

from lead.evaluation.agent import AutonomousAgent, PrivilegedAgent, PrivilegedContext
from lead.evaluation.criteria import (
    Blocked,
    Collision,
    Criterion,
    RouteCompletion,
    RouteDeviation,
    RouteTimeout,
    RunningRedLight,
)
from lead.evaluation.observation import Observation, WorldObserver
from lead.evaluation.traffic_lights import TrafficLights
from lead.evaluation.world_setup import ActorSet, SimulationSession, set_weather
from lead.routes.global_plan import gps_plan, sparse_indices, world_plan
from lead.routes.model import Route
from lead.routes.planner import DenseRoute, RoutePlanner
from lead.scoring.penalties import LEADERBOARD_2_0, PenaltyTable, RouteEvent
from lead.scoring.records import (
    AGENT_CRASHED,
    AGENT_SETUP_FAILED,
    SENSORS_INVALID,
    SIMULATION_CRASHED,
    RouteRun,
)

LOG = logging.getLogger(__name__)

SETTLE_TICKS = 10
"""Ticks after spawning during which the vehicles come to rest."""
WEATHER_STEP_PERCENT = 1.0


@dataclass(frozen=True)
class EpisodeSettings:
    """Choices for one episode.

    Attributes:
        traffic_count: Number of Traffic Manager vehicles.
        repetition: Index of the repetition, part of the result's route id.
        agent_config: Text handed to the agent's ``setup``.
        penalties: Penalty rules for running scores.
    """

    traffic_count: int = 0
    repetition: int = 0
    agent_config: str = ""
    penalties: PenaltyTable = LEADERBOARD_2_0


@dataclass(frozen=True)
class EpisodeStart:
    """What observers learn before the first tick of the drive."""

    world: carla.World
    ego: carla.Vehicle
    route: Route
    dense: DenseRoute
    map: carla.Map
    lights: TrafficLights


@dataclass(frozen=True)
class EpisodeTick:
    """What observers learn after every tick.

    Attributes:
        observation: State of the world.
        control: Control that the agent asks for next.
        percent: Share of the route driven.
        route_index: Dense route point passed last.
        speed_limit_mps: Speed limit at the ego's place.
        events: Infractions so far.
        penalty: Penalty factor so far.
    """

    observation: Observation
    control: carla.VehicleControl
    percent: float
    route_index: int
    speed_limit_mps: float
    events: Sequence[RouteEvent]
    penalty: float


class _AbortError(Exception):
    """The agent could not go on."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class EpisodeObserver(Protocol):
    """Receives the course of an episode; used for videos and progress bars."""

    def on_start(self, start: EpisodeStart) -> None:
        """Prepare for a route."""

    def on_tick(self, tick: EpisodeTick) -> None:
        """Take note of one tick."""

    def on_end(self) -> None:
        """Finish; called whenever ``on_start`` was."""


@dataclass
class _Watch:
    """Criteria of an episode."""

    completion: RouteCompletion
    timeout: RouteTimeout
    criteria: list[Criterion] = field(default_factory=list)

    def update(self, observation: Observation) -> None:
        """Feed all criteria."""
        for criterion in self.criteria:
            criterion.update(observation)

    @property
    def is_over(self) -> bool:
        """True when a criterion ended the episode."""
        return any(criterion.ends_episode for criterion in self.criteria)

    @property
    def events(self) -> list[RouteEvent]:
        """All events, criterion by criterion."""
        return [event for criterion in self.criteria for event in criterion.events]


class Episode:
    """Drives one route with one agent and measures it."""

    def __init__(
        self,
        session: SimulationSession,
        route: Route,
        agent: AutonomousAgent,
        settings: EpisodeSettings,
        observers: Sequence[EpisodeObserver] = (),
    ) -> None:
        """Describe the episode; nothing is contacted before :meth:`run`."""
        self._session = session
        self._route = route
        self._agent = agent
        self._settings = settings
        self._observers = observers
        self._started_observers: list[EpisodeObserver] = []
        self._wall_start_s = time.monotonic()
        self._dense: DenseRoute | None = None
        self._watch: _Watch | None = None
        self._observer: WorldObserver | None = None

    @property
    def route_id(self) -> str:
        """Id of the route in result files."""
        return f"RouteScenario_{self._route.id}_rep{self._settings.repetition}"

    def run(self) -> RouteRun:
        """Drive the route.

        Returns:
            What was measured; crashes of agent or simulator are part of it.

        Raises:
            RouteError: If the route cannot be traced on its town's map.
            SimulatorError: If the town or the ego's place is not available.
            KeyboardInterrupt: After the actors were destroyed.
        """
        self._wall_start_s = time.monotonic()
        try:
            world = self._session.load_town(self._route.town)
            carla_map = world.get_map()
            dense = RoutePlanner(carla_map).trace(self._route.keypoints, f"route {self._route.id}")
            self._dense = dense
            actors = ActorSet(self._session)
        except RuntimeError as error:
            if self._session.is_alive and "time-out" not in str(error):
                raise
            LOG.error("the simulator failed while loading route %s: %s", self._route.id, error)
            return self.crashed_run()
        failure = ""
        try:
            ego = actors.spawn_ego(dense)
            spawned = actors.spawn_traffic(self._settings.traffic_count, dense)
            LOG.info("spawned %d of %d traffic vehicles", spawned, self._settings.traffic_count)
            set_weather(world, self._route.weather_at(0.0))
            self._session.tick()
            observer = self._observer = WorldObserver(world, ego)
            lights = TrafficLights(world)
            watch = self._watch = _make_watch(carla_map, ego, dense, lights)
            _listen(actors.spawn_collision_sensor(ego), watch)
            for _ in range(SETTLE_TICKS):
                self._session.tick()
            context = PrivilegedContext(world, carla_map, ego, dense, observer, lights)
            self._set_up_agent(context)
            self._drive(context, watch)
        except _AbortError as aborted:
            failure = aborted.reason
        except RuntimeError as error:
            if self._session.is_alive and "time-out" not in str(error):
                raise
            LOG.error("the simulator failed on route %s: %s", self._route.id, error)
            failure = SIMULATION_CRASHED
        finally:
            self._clean_up(actors)
        return self._measure(failure)

    def crashed_run(self) -> RouteRun:
        """Return what was measured until now, with the simulator's crash as the reason of the end."""
        return self._measure(SIMULATION_CRASHED)

    def _set_up_agent(self, context: PrivilegedContext) -> None:
        """Prepare the agent for the route."""
        indices = sparse_indices(context.route)
        plan = gps_plan(context.route, indices, context.map.to_opendrive())
        agent = self._agent
        with self._blaming(AGENT_SETUP_FAILED):
            agent.setup(self._settings.agent_config)
            sensors = agent.sensors()
        if sensors:
            LOG.error(
                "the agent asks for %d sensors; only agents without sensors can be driven so far",
                len(sensors),
            )
            raise _AbortError(SENSORS_INVALID)
        with self._blaming(AGENT_SETUP_FAILED):
            agent.set_global_plan(plan, world_plan(context.route, indices))
            if isinstance(agent, PrivilegedAgent):
                agent.set_privileged_context(context)

    def _drive(self, context: PrivilegedContext, watch: _Watch) -> None:
        """Run the tick loop until a criterion ends it."""
        start = EpisodeStart(context.world, context.ego, self._route, context.route, context.map, context.lights)
        for observer in self._observers:
            self._started_observers.append(observer)
            observer.on_start(start)
        observation = context.observer.read()
        start_s = observation.time_s
        weather_percent = 0.0
        while not watch.is_over:
            with self._blaming(AGENT_CRASHED):
                control = self._agent.run_step({}, observation.time_s - start_s)
            context.ego.apply_control(control)
            self._session.tick()
            observation = context.observer.read()
            watch.update(observation)
            self._notify(context, watch, observation, control)
            if watch.completion.percent - weather_percent >= WEATHER_STEP_PERCENT and len(self._route.weather) > 1:
                weather_percent = watch.completion.percent
                set_weather(context.world, self._route.weather_at(weather_percent))

    @contextmanager
    def _blaming(self, reason: str) -> Iterator[None]:
        """Turn any error of agent code into an abort with a reason, unless the simulator's death caused it."""
        try:
            yield
        except Exception as error:
            if not self._session.is_alive:
                raise RuntimeError(f"the simulator stopped answering: {error}") from error
            LOG.exception("%s", reason)
            raise _AbortError(reason) from error

    def _notify(
        self,
        context: PrivilegedContext,
        watch: _Watch,
        observation: Observation,
        control: carla.VehicleControl,
    ) -> None:
        if not self._observers:
            return
        events = watch.events
        tick = EpisodeTick(
            observation=observation,
            control=control,
            percent=watch.completion.percent,
            route_index=watch.completion.index,
            speed_limit_mps=context.ego.get_speed_limit() / 3.6,
            events=events,
            penalty=self._settings.penalties.score_penalty(events),
        )
        for observer in self._observers:
            observer.on_tick(tick)

    def _clean_up(self, actors: ActorSet) -> None:
        """Release agent, observers and actors, whatever happened."""
        for observer in self._started_observers:
            observer.on_end()
        self._started_observers = []
        try:
            self._agent.destroy()
        except Exception:
            LOG.exception("the agent's destroy failed")
        if self._session.is_alive:
            try:
                actors.destroy()
            except RuntimeError as error:
                LOG.error("the actors of route %s could not be destroyed: %s", self._route.id, error)

    def _measure(self, failure: str) -> RouteRun:
        if self._watch is not None:
            for criterion in self._watch.criteria:
                criterion.finish()
        return RouteRun(
            route_id=self.route_id,
            events=self._watch.events if self._watch is not None else [],
            length_m=self._dense.length_m if self._dense is not None else 0.0,
            duration_game_s=self._observer.latest.time_s if self._observer is not None else 0.0,
            duration_system_s=time.monotonic() - self._wall_start_s,
            timed_out=self._watch is not None and self._watch.timeout.ends_episode,
            failure=failure,
        )


def _make_watch(carla_map: carla.Map, ego: carla.Vehicle, dense: DenseRoute, lights: TrafficLights) -> _Watch:
    completion = RouteCompletion(dense)
    timeout = RouteTimeout(ego, dense, completion)
    criteria = [
        completion,
        Collision(),
        RunningRedLight(carla_map, lights),
        RouteDeviation(dense),
        Blocked(),
        timeout,
    ]
    return _Watch(completion, timeout, criteria)


def _listen(sensor: carla.Sensor, watch: _Watch) -> None:
    for criterion in watch.criteria:
        if isinstance(criterion, Collision):
            sensor.listen(criterion.on_event)
