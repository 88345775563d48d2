"""One episode: an agent drives one route in a prepared simulator, watched by the criteria.

The order of a tick is the official one: step the world, read it, give the agent its data, apply the control, step
the scenarios, update the criteria.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import carla
import numpy as np

from lead.config.closed_loop import ClosedLoopConfig
from lead.errors import LeadError, MachineError
from lead.evaluation.agent import (
    AutonomousAgent,
    PrivilegedAgent,
    PrivilegedContext,
    RecordingAgent,
    RecordingTarget,
    ScenarioAwareAgent,
)
from lead.evaluation.criteria import CriteriaSet
from lead.evaluation.observation import Observation, WorldObserver
from lead.evaluation.parked_vehicles import ParkedVehicles, listed_slots
from lead.evaluation.route_weather import RouteWeather
from lead.evaluation.scenario_hooks import RunningScenario, ScenarioEngine
from lead.evaluation.sensors.rig import SensorRig
from lead.evaluation.sensors.validation import SensorsInvalidError, validate_sensors
from lead.evaluation.status_board import Phase
from lead.evaluation.traffic_lights import TrafficLights
from lead.evaluation.world_setup import ActorSet, SimulationSession
from lead.routes.global_plan import gps_plan, world_plan
from lead.routes.model import Route
from lead.routes.planner import DenseRoute, RoutePlanner
from lead.routes.scenarios import matched_scenarios
from lead.scenarios.context import ScenarioContext
from lead.scoring.penalties import EventType, RouteEvent
from lead.scoring.profiles import BenchmarkProfile, profile
from lead.scoring.records import (
    AGENT_CRASHED,
    AGENT_SETUP_FAILED,
    SENSORS_INVALID,
    SIMULATION_CRASHED,
    RouteRun,
    route_record,
)
from lead.visualization.agent_view import AgentView

LOG = logging.getLogger(__name__)

SETTLE_TICKS = 10
"""Ticks after the sensors' creation in which the vehicles come to rest and the sensors begin to send."""


@dataclass(frozen=True)
class EpisodeSettings:
    """Choices for one episode.

    Attributes:
        profile: Rules of the benchmark.
        seed: Seed of sensors and weather.
        traffic_count: Number of Traffic Manager vehicles.
        repetition: Index of the repetition, part of the result's route id.
        agent_config: Text handed to the agent's ``setup``.
        artefact_dir: Folder of videos and logs of this route.
        name: Stem of their file names.
        reload_world: Load the town anew even if the simulator has it already.
        closed_loop: Weather override and recordings.
        engine: Makes the engine of scenarios and background traffic; None drives with the scenarios ignored.
        recording: Where the drive is recorded by its agent; None for no recording.
        weather: Weather of the whole drive in place of the route's; None for none.
        gives_up: End the drive with the first event for which it must not be learnt from.
    """

    profile: BenchmarkProfile = field(default_factory=lambda: profile("leaderboard"))
    seed: int = 0
    traffic_count: int = 0
    repetition: int = 0
    agent_config: str = ""
    artefact_dir: Path = Path("outputs")
    name: str = "route"
    reload_world: bool = False
    closed_loop: ClosedLoopConfig = field(default_factory=ClosedLoopConfig)
    engine: Callable[[], ScenarioEngine] | None = None
    recording: RecordingTarget | None = None
    weather: Mapping[str, float] | None = None
    gives_up: bool = False


@dataclass(frozen=True)
class EpisodeStart:
    """What observers learn before the first tick of the drive.

    Attributes:
        sensors: The agent's sensors as it asked for them.
        artefact_dir: Folder of videos and logs of this route.
        route_name: Stem of their file names.
    """

    world: carla.World
    ego: carla.Vehicle
    route: Route
    dense: DenseRoute
    map: carla.Map
    lights: TrafficLights
    sensors: Sequence[Mapping[str, Any]]
    artefact_dir: Path
    route_name: str


@dataclass(frozen=True)
class EpisodeTick:
    """What observers learn after every tick.

    Attributes:
        step: Number of the agent's step, from 1.
        observation: State of the world that the agent has reacted to.
        control: Control that the agent asks for next.
        inputs: The agent's sensor data: id to frame and data.
        view: What the agent shows of its reasoning, None if it shows nothing.
        percent: Share of the route driven.
        route_index: Dense route point passed last.
        speed_limit_mps: Speed limit at the ego's place.
        events: Infractions so far.
        named_events: Infractions in order of appearance, each with the name of its criterion.
        penalty: Penalty factor so far.
        meters_travelled: Way of the ego so far.
    """

    step: int
    observation: Observation
    control: carla.VehicleControl
    inputs: Mapping[str, tuple[int, Any]]
    view: AgentView | None
    percent: float
    route_index: int
    speed_limit_mps: float
    events: Sequence[RouteEvent]
    named_events: Sequence[tuple[str, RouteEvent]]
    penalty: float
    meters_travelled: float


class EpisodeObserver(Protocol):
    """Receives the course of an episode; used for videos and progress bars."""

    def on_start(self, start: EpisodeStart) -> None:
        """Prepare for a route."""

    def on_tick(self, tick: EpisodeTick) -> None:
        """Take note of one tick."""

    def on_end(self, named_events: Sequence[tuple[str, RouteEvent]]) -> None:
        """Finish; called whenever ``on_start`` was.

        Args:
            named_events: All events, also those known only now, in order of appearance with their criteria's names.
        """


class RecordingError(LeadError):
    """A drive is to be recorded by an agent that cannot."""


class _AbortError(Exception):
    """The agent could not go on."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class _Stage:
    """What exists while a route is driven."""

    world: carla.World
    map: carla.Map
    ego: carla.Vehicle
    dense: DenseRoute
    criteria: CriteriaSet
    lights: TrafficLights
    weather: RouteWeather
    parked: ParkedVehicles | None
    engine: ScenarioEngine | None


class Episode:
    """Drives one route with one agent and measures it.

    Attributes:
        sensor_types: Blueprint ids of the agent's sensors, known after its set-up.
        scenarios: "none", "driven" or "ignored", known once the route was traced.
        explanation: Sentence in which the agent itself said why it could not go on, else empty.
    """

    def __init__(
        self,
        session: SimulationSession,
        route: Route,
        agent: Callable[[], AutonomousAgent],
        settings: EpisodeSettings,
        observers: Sequence[EpisodeObserver] = (),
        enter_phase: Callable[[Phase], None] = lambda phase: None,
        on_measured: Callable[[RouteRun], None] = lambda run: None,
    ) -> None:
        """Describe the episode; nothing is contacted before :meth:`run`.

        Args:
            session: Entered session.
            route: Route to drive.
            agent: Creates the agent.
            settings: Choices.
            observers: Receive the course of the episode.
            enter_phase: Told what the episode is about to do, for a supervisor.
            on_measured: Receives the result before the clean-up, which may fail or hang.
        """
        self.sensor_types: tuple[str, ...] = ()
        self.scenarios = "none"
        self.explanation = ""
        self._session = session
        self._route = route
        self._make_agent = agent
        self._agent: AutonomousAgent | None = None
        self._settings = settings
        self._observers = observers
        self._enter = enter_phase
        self._on_measured = on_measured
        self._actors: ActorSet | None = None
        self._started_observers: list[EpisodeObserver] = []
        self._wall_start_s = time.monotonic()
        self._dense: DenseRoute | None = None
        self._criteria: CriteriaSet | None = None
        self._rig: SensorRig | None = None
        self._parked: ParkedVehicles | None = None
        self._engine: ScenarioEngine | None = None
        self._time_s = 0.0
        self._way_m = 0.0

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
            failure = self._attempt()
            self._close_engine()
            if self._criteria is not None:
                self._criteria.finish()
            run = self._measure(failure, is_final=True)
            self._finish_recording(run)
            self._on_measured(run)
            return run
        finally:
            self._clean_up()

    def _attempt(self) -> str:
        """Drive; returns the reason of a failure that has nothing to do with the driving, or an empty text."""
        try:
            self._enter(Phase.LOADING)
            world = self._session.load_town(self._route.town, reload=self._settings.reload_world)
            self._actors = ActorSet(self._session)
            self._drive(self._prepare(world, self._actors))
        except _AbortError as aborted:
            return aborted.reason
        except RuntimeError as error:
            # The client raises nothing more special; anything else than a dead or silent simulator is our mistake.
            if self._session.is_alive and "time-out" not in str(error):
                raise
            LOG.error("the simulator failed on route %s: %s", self._route.id, error)
            return SIMULATION_CRASHED
        return ""

    def run_so_far(self, failure: str = "") -> RouteRun:
        """Return what was measured until now, as if the drive ended here for the given reason."""
        return self._measure(failure, is_final=False)

    # -- before the drive ------------------------------------------------------------------------------------------

    def _prepare(self, world: carla.World, actors: ActorSet) -> _Stage:
        """Build everything the drive needs: ego, traffic, scenarios, criteria, agent and its sensors."""
        settings, route = self._settings, self._route
        carla_map = self._session.map
        dense = self._dense = RoutePlanner(carla_map).trace(route.keypoints, f"route {route.id}")
        ego = actors.spawn_ego(dense)
        spawned = actors.spawn_traffic(settings.traffic_count, dense)
        LOG.info("spawned %d of %d traffic vehicles", spawned, settings.traffic_count)
        choice = settings.closed_loop
        weather = RouteWeather(
            world, route, choice.custom_weather, choice.random_weather, settings.seed, settings.weather
        )
        self._session.tick()
        weather.light_vehicles(list(world.get_actors().filter("vehicle.*")))
        lights = TrafficLights(world, carla_map)
        criteria = self._criteria = CriteriaSet(
            settings.profile, world, carla_map, ego, dense, lights, gives_up=settings.gives_up
        )
        actors.spawn_collision_sensor(ego).listen(criteria.on_collision)
        stage = _Stage(world, carla_map, ego, dense, criteria, lights, weather, None, None)
        stage.engine = self._start_engine(stage)
        slots = listed_slots(route.town)
        if len(slots):
            stage.parked = self._parked = ParkedVehicles(self._session.client, dense.xyz, slots, _claimed(stage.engine))
            stage.parked.update(dense.xyz[0], _claimed(stage.engine))
        self._set_up_agent(stage)
        for _ in range(SETTLE_TICKS):
            self._tick()
        return stage

    def _start_engine(self, stage: _Stage) -> ScenarioEngine | None:
        kept, dropped = matched_scenarios(self._route, stage.dense)
        for scenario in dropped:
            LOG.warning("scenario %s of route %s is not on the route and is dropped", scenario.name, self._route.id)
        if kept:
            self.scenarios = "ignored" if self._settings.engine is None else "driven"
        if self._settings.engine is None:
            return None
        engine = self._engine = self._settings.engine()
        limits = stage.criteria.speed_limits
        context = ScenarioContext(
            client=self._session.client,
            world=stage.world,
            map=stage.map,
            ego=stage.ego,
            route=self._route,
            dense=stage.dense,
            scenarios=kept,
            criteria=stage.criteria,
            profile=self._settings.profile,
            traffic_manager=lambda: self._session.traffic_manager,
            seed=self._settings.seed,
            limit_at_kmh=None if limits is None else limits.at,
        )
        engine.start(context)
        return engine

    def _set_up_agent(self, stage: _Stage) -> None:
        """Create the agent, hand it its plan, and mount its sensors."""
        profile, dense = self._settings.profile, stage.dense
        opendrive = stage.map.to_opendrive()
        every = list(range(len(dense)))
        with self._blaming(Phase.AGENT_SETUP, AGENT_SETUP_FAILED):
            agent = self._agent = self._make_agent()
            agent.plan_spacing_m = profile.plan_spacing_m
            agent.hero_actor = stage.ego
            agent.closed_loop = self._settings.closed_loop
            agent.set_global_plan(gps_plan(dense, every, opendrive), world_plan(dense, every))
            agent.setup(self._settings.agent_config)
            if self._settings.recording is not None:
                self._recording_agent().prepare_recording(self._settings.recording, dense)
            specs = agent.sensors()
        try:
            specs = validate_sensors(specs, agent.track, profile)
        except SensorsInvalidError as error:
            LOG.error("%s", error)
            raise _AbortError(SENSORS_INVALID) from error
        self._rig = SensorRig(
            stage.world,
            stage.ego,
            specs,
            profile,
            opendrive=opendrive,
            seed=self._settings.seed,
            is_alive=lambda: self._session.is_alive,
        )
        self._rig.start()
        self.sensor_types = tuple(self._rig.sensor_types)
        self._specs = specs

    def _introduce(self, stage: _Stage, observer: WorldObserver) -> None:
        """Tell agent and observers about the drive that begins."""
        agent: object = self._agent
        with self._blaming(Phase.AGENT_SETUP, AGENT_SETUP_FAILED):
            if isinstance(agent, PrivilegedAgent):
                active = stage.engine.active if stage.engine is not None else None
                context = PrivilegedContext(
                    stage.world,
                    stage.map,
                    stage.ego,
                    stage.dense,
                    observer,
                    stage.lights,
                    active,
                    self._settings.seed,
                )
                agent.set_privileged_context(context)
            if isinstance(agent, ScenarioAwareAgent):
                plan = world_plan(stage.dense, list(range(len(stage.dense))))
                agent.set_scenario(RunningScenario(self._route, plan, stage.criteria))
        start = EpisodeStart(
            stage.world,
            stage.ego,
            self._route,
            stage.dense,
            stage.map,
            stage.lights,
            self._specs,
            self._settings.artefact_dir,
            self._settings.name,
        )
        self._enter(Phase.RECORDING)
        for each in self._observers:
            self._started_observers.append(each)
            each.on_start(start)

    # -- the drive -------------------------------------------------------------------------------------------------

    def _drive(self, stage: _Stage) -> None:
        """Run the tick loop until a criterion ends it."""
        assert self._agent is not None and self._rig is not None
        agent, criteria, timeout_s = self._agent, stage.criteria, self._settings.profile.sensor_timeout_s
        observer = WorldObserver(stage.world, stage.ego)
        self._introduce(stage, observer)
        step = 0
        while not criteria.is_over:
            self._tick()
            step += 1
            observation = observer.read()
            self._time_s = observation.time_s
            self._way_m += observation.ego.speed_mps * self._session.step_s
            self._enter(Phase.SENSORS)
            inputs = self._rig.read(observation.frame, timeout_s)
            with self._blaming(Phase.AGENT_STEP, AGENT_CRASHED):
                control = agent.run_step(inputs, observation.time_s)
                control.manual_gear_shift = False
            self._enter(Phase.RECORDING)
            stage.ego.apply_control(control)
            if stage.engine is not None:
                stage.engine.tick(observation, control)
            if stage.parked is not None:
                stage.parked.update(observation.ego.location, _claimed(stage.engine))
            criteria.update(observation)
            stage.weather.update(criteria.completion.percent)
            self._notify(stage, step, observation, control, inputs)

    def _tick(self) -> None:
        self._enter(Phase.TICK)
        self._session.tick()

    def _notify(
        self,
        stage: _Stage,
        step: int,
        observation: Observation,
        control: carla.VehicleControl,
        inputs: Mapping[str, tuple[int, Any]],
    ) -> None:
        if not self._observers:
            return
        events = stage.criteria.events
        view = getattr(self._agent, "get_agent_view", None)
        tick = EpisodeTick(
            step=step,
            observation=observation,
            control=control,
            inputs=inputs,
            view=view() if view is not None else None,
            percent=stage.criteria.completion.percent,
            route_index=stage.criteria.completion.index,
            speed_limit_mps=stage.ego.get_speed_limit() / 3.6,
            events=events,
            named_events=stage.criteria.named_events(),
            penalty=self._settings.profile.penalties.score_penalty(events),
            meters_travelled=self._way_m,
        )
        for observer in self._started_observers:
            observer.on_tick(tick)

    @contextmanager
    def _blaming(self, phase: Phase, reason: str) -> Iterator[None]:
        """Turn any error of agent code into an abort with a reason, unless simulator or machine caused it."""
        self._enter(phase)
        try:
            yield
        except (Exception, SystemExit) as error:
            if not self._session.is_alive:
                raise RuntimeError(f"the simulator stopped answering: {error}") from error
            if isinstance(error, LeadError):
                self.explanation = str(error)
                LOG.error("%s: %s", reason, error)
            else:
                LOG.exception("%s", reason)
            raise _AbortError(SIMULATION_CRASHED if isinstance(error, MachineError) else reason) from error

    # -- after the drive -------------------------------------------------------------------------------------------

    def _recording_agent(self) -> RecordingAgent:
        agent: object = self._agent
        if not isinstance(agent, RecordingAgent):
            raise RecordingError(f"the agent {type(agent).__name__} does not record its drives")
        return agent

    def _finish_recording(self, run: RouteRun) -> None:
        """Complete the recording of a drive that will not be repeated."""
        if self._settings.recording is None or self._agent is None or run.failure == SIMULATION_CRASHED:
            return
        self._enter(Phase.SAVING)
        record = route_record(run, 0, self._settings.profile.penalties)
        self._recording_agent().finish_recording(record.as_json())

    def _close_engine(self) -> None:
        """End the scenarios: those under way may still report to the criteria, so this comes before the result."""
        engine, self._engine = self._engine, None
        if engine is None or not self._session.is_alive:
            return
        try:
            engine.close()
        except RuntimeError as error:
            LOG.error("the scenarios of route %s could not be closed: %s", self._route.id, error)

    def _clean_up(self) -> None:
        """Release agent, observers and actors, whatever happened."""
        self._enter(Phase.RECORDING)
        named = self._criteria.named_events() if self._criteria is not None else []
        for observer in self._started_observers:
            observer.on_end(named)
        self._started_observers = []
        self._enter(Phase.AGENT_DESTROY)
        try:
            if self._agent is not None:
                self._agent.destroy()
        except Exception:
            LOG.exception("the agent's destroy failed")
        self._enter(Phase.CLEAN_UP)
        self._close_engine()
        if not self._session.is_alive:
            return
        try:
            if self._rig is not None:
                self._rig.close()
            if self._parked is not None:
                self._parked.destroy()
            if self._actors is not None:
                self._actors.destroy()
        except RuntimeError as error:
            LOG.error("the actors of route %s could not be destroyed: %s", self._route.id, error)

    def _measure(self, failure: str, *, is_final: bool) -> RouteRun:
        criteria = self._criteria
        events: list[RouteEvent] = list(criteria.events) if criteria is not None else []
        if criteria is not None and not is_final:
            percent = round(criteria.completion.percent, 2)
            text = f"Agent has completed {percent} of the route"
            events.append(RouteEvent(EventType.ROUTE_COMPLETION, text, {"route_completed": percent}))
        return RouteRun(
            route_id=self.route_id,
            events=events,
            length_m=self._dense.length_m if self._dense is not None else 0.0,
            duration_game_s=self._time_s,
            duration_system_s=time.monotonic() - self._wall_start_s,
            timed_out=criteria is not None and criteria.timed_out,
            failure=failure or (criteria.failure if criteria is not None else ""),
        )


def _claimed(engine: ScenarioEngine | None) -> np.ndarray[Any, np.dtype[np.float64]]:
    return engine.claimed_places if engine is not None else np.empty((0, 3), np.float64)
