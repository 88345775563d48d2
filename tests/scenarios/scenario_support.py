"""Scenarios driven for tests: short routes in an embedded simulator, with a driver that behaves or one that does not.

``drive`` runs a whole :class:`Episode` with the :class:`Engine` and writes down what happened, tick by tick.
``make_stage`` gives a :class:`Stage` with a real ego on a server, without an episode, for tests of single nodes.
``map_only`` gives a town's map without a server, for tests that only look for places.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import carla
import numpy as np
import pytest
from py_trees.behaviour import Behaviour
from py_trees.common import Status

from lead.agents.autopilot import AutopilotAgent
from lead.evaluation.episode import Episode, EpisodeSettings
from lead.evaluation.observation import WorldObserver
from lead.evaluation.parked_vehicles import listed_slots
from lead.evaluation.world_setup import EGO_BLUEPRINT, TICK_S, SimulationSession
from lead.maps.compiled import compile_map
from lead.maps.towns import installed_towns, read_opendrive
from lead.routes.model import DEFAULT_WEATHER, Route, ScenarioConfig, TriggerPoint, WeatherKeyframe
from lead.routes.planner import RoutePlanner
from lead.scenarios.context import ScenarioContext, WorldView
from lead.scenarios.engine import Engine
from lead.scenarios.messages import Mailbox, TrafficMessage
from lead.scenarios.scenario import Scenario
from lead.scenarios.stage import Stage
from lead.scenarios.traffic import make_traffic
from lead.scoring.penalties import EventType, RouteEvent
from lead.scoring.profiles import profile
from lead.scoring.records import RouteRun
from lead.simulator.launch import LOOPBACK, EmbeddedServer, free_port

ANSWER_S = 120.0
SETTLE_TICKS = 10


# -- towns -----------------------------------------------------------------------------------------------------------


class Towns:
    """The one embedded server of a test process; towns are loaded when they are asked for."""

    def __init__(self):
        self._stack = contextlib.ExitStack()
        self._session = None

    def __call__(self, name: str) -> SimulationSession:
        """Session with a town loaded; skips the test if the town is not installed."""
        require_town(name)
        if self._session is None:
            server = self._stack.enter_context(EmbeddedServer(free_port(3), name, synchronous=True))
            session = SimulationSession(server.port, free_port(1), seed=0, timeout_s=ANSWER_S)
            self._session = self._stack.enter_context(session)
        self._session.load_town(name)
        return self._session

    def rest(self):
        """End the Traffic Manager: it would take part in the ticks of other tests' worlds, where nobody wakes it."""
        if self._session is not None:
            self._session.stop_traffic_manager()

    def close(self):
        self._stack.close()


def require_town(name: str) -> None:
    if name not in installed_towns():
        pytest.skip(f"{name} is not installed: lead towns install {name}")


@cache
def map_only(name: str) -> carla.Map:
    """Client map of a town, without a server; skips the test if the town is not installed."""
    require_town(name)
    return carla.Map(name, compile_map(name, read_opendrive(name)).opendrive)


# -- routes ----------------------------------------------------------------------------------------------------------


def lane(carla_map: carla.Map, x: float, y: float, z: float = 0.0) -> carla.Waypoint:
    """Driving lane nearest to a place."""
    return carla_map.get_waypoint(carla.Location(x, y, z))


def ahead(waypoint: carla.Waypoint, distance_m: float) -> carla.Waypoint:
    """Way point on the first successors."""
    return waypoint.next(distance_m)[0]


def scenario(kind: str, trigger: carla.Waypoint | carla.Transform, **parameters: object) -> ScenarioConfig:
    """A scenario as a route file would have it.

    Args:
        kind: Class.
        trigger: Place of the trigger.
        parameters: Numbers and words become ``value``, pairs ``from`` and ``to``, locations ``x``, ``y``, ``z``.
    """
    pose = trigger.transform if isinstance(trigger, carla.Waypoint) else trigger
    place = TriggerPoint(pose.location.x, pose.location.y, pose.location.z, pose.rotation.yaw)
    return ScenarioConfig(f"{kind}_1", kind, place, {name: _attributes(value) for name, value in parameters.items()})


def _attributes(value: object) -> Mapping[str, str]:
    if isinstance(value, tuple):
        return {"from": str(value[0]), "to": str(value[1])}
    if isinstance(value, carla.Location):
        return {"x": str(value.x), "y": str(value.y), "z": str(value.z)}
    return {"value": str(value)}


def make_route(town: str, places: Sequence[object], scenarios: Sequence[ScenarioConfig] = ()) -> Route:
    """A route through way points, transforms, locations or triples, under a grey sky."""
    keypoints = np.array([_xyz(place) for place in places], dtype=np.float64)
    return Route("test", town, keypoints, (WeatherKeyframe(0.0, DEFAULT_WEATHER),), tuple(scenarios))


def _xyz(place: object) -> tuple[float, float, float]:
    if isinstance(place, carla.Waypoint):
        place = place.transform
    if isinstance(place, carla.Transform):
        place = place.location
    return (place.x, place.y, place.z) if isinstance(place, carla.Location) else place


@cache
def _planner(carla_map: carla.Map) -> RoutePlanner:
    return RoutePlanner(carla_map)


# -- drivers ---------------------------------------------------------------------------------------------------------


class Blind(AutopilotAgent):
    """Follows the route at a speed (m/s), slower in bends, whoever is in the way."""

    def __init__(self, speed_mps: float) -> None:
        super().__init__(LOOPBACK, 0)
        self._speed_mps = speed_mps

    def _target_speed(self, observation):
        return min(self._speed_mps, float(self._curve_mps[self._index]))


class Standing(AutopilotAgent):
    """Drives like :class:`Blind` until it has gone a distance, and stands from then on."""

    def __init__(self, speed_mps: float, after_m: float) -> None:
        super().__init__(LOOPBACK, 0)
        self._speed_mps, self._left_m = speed_mps, after_m

    def _target_speed(self, observation):
        self._left_m -= observation.ego.speed_mps * TICK_S
        return min(self._speed_mps, float(self._curve_mps[self._index])) if self._left_m > 0.0 else 0.0


def autopilot() -> AutopilotAgent:
    """A driver that behaves: keeps its distance, stops for red lights, gives way."""
    return AutopilotAgent(LOOPBACK, 0)


def blind(speed_mps: float = 10.0) -> Callable[[], AutopilotAgent]:
    """A driver that should be punished."""
    return lambda: Blind(speed_mps)


def standing(speed_mps: float = 10.0, after_m: float = 0.0) -> Callable[[], AutopilotAgent]:
    """A driver that does not get through."""
    return lambda: Standing(speed_mps, after_m)


# -- what happened ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Motion:
    """An actor at one tick: location (m), heading (deg), speed (m/s)."""

    xyz: tuple[float, float, float]
    yaw_deg: float
    speed_mps: float


@dataclass
class Tick:
    """State of the world after a tick and the engine's answer; actors that were spawned in it come at the next."""

    time_s: float
    ego: Motion
    actors: dict[int, Motion]
    lights: dict[int, str] = field(default_factory=dict)


@dataclass
class Phases:
    """Ticks at which a scenario was built, triggered and ended; None if it was not. 0 is the start."""

    built: int | None = None
    triggered: int | None = None
    ended: int | None = None


class RecordingMailbox(Mailbox):
    """Remembers every message."""

    log: list[TrafficMessage]

    def __init__(self):
        super().__init__()
        self.log = []

    def post(self, message):
        self.log.append(message)
        super().post(message)


@dataclass
class Drive:
    """A drive under way or done.

    Attributes:
        ticks: One entry per tick of the drive.
        phases: By label of the scenario (``Class_1``).
        kinds: Type, role, attributes and colour of every actor that was in the pool, by id.
        messages: (tick, message) in order.
        switches: (tick, blocked_paused, check_wrong_direction) whenever one changes.
        run: What was measured; exists when the drive is over.
        engine: The engine.
        scenario_of: Scenarios by label.
    """

    engine: Engine
    ticks: list[Tick] = field(default_factory=list)
    phases: dict[str, Phases] = field(default_factory=dict)
    kinds: dict[int, SimpleNamespace] = field(default_factory=dict)
    messages: list[tuple[int, TrafficMessage]] = field(default_factory=list)
    switches: list[tuple[int, bool, bool]] = field(default_factory=list)
    scenario_of: dict[str, Scenario] = field(default_factory=dict)
    run: RouteRun | None = None

    @property
    def stage(self) -> Stage:
        return self.engine.stage

    @property
    def time_s(self) -> float:
        return self.ticks[-1].time_s if self.ticks else 0.0

    @property
    def events(self) -> list[RouteEvent]:
        """All events but the completion."""
        return [event for event in self.run.events if event.type is not EventType.ROUTE_COMPLETION]

    @property
    def event_types(self) -> set[EventType]:
        return {event.type for event in self.events}

    @property
    def completed_percent(self) -> float:
        (event,) = [event for event in self.run.events if event.type is EventType.ROUTE_COMPLETION]
        return event.values["route_completed"]

    def posted(self, kind: type[TrafficMessage]) -> list[TrafficMessage]:
        """Messages of a kind, in order."""
        return [message for _, message in self.messages if isinstance(message, kind)]

    def actors(self, type_pattern: str = "", role: str | None = None) -> list[int]:
        """Ids of actors whose type contains a text, in the order of their appearance."""
        return [
            number
            for number, kind in self.kinds.items()
            if type_pattern in kind.type_id and role in (None, kind.role_name)
        ]

    def track(self, actor_id: int) -> list[tuple[int, Motion]]:
        """(index of the tick, motion) of an actor."""
        return [(index, tick.actors[actor_id]) for index, tick in enumerate(self.ticks) if actor_id in tick.actors]


class RecordingEngine(Engine):
    """The engine, with somebody who writes down what it does."""

    def __init__(self, traffic: Callable[[Stage], object], until: Callable[[Drive], bool], watch_lights: bool) -> None:
        super().__init__(traffic)
        self.drive = Drive(self)
        self._until = until
        self._watch_lights = watch_lights
        self._read_messages = 0

    def start(self, context: ScenarioContext) -> None:
        with mock.patch("lead.scenarios.stage.Mailbox", RecordingMailbox):
            super().start(context)
        self._lights = list(context.world.get_actors().filter("traffic.traffic_light")) if self._watch_lights else []
        self._note(0)

    def tick(self, view: WorldView, control: carla.VehicleControl) -> None:
        drive, snapshot = self.drive, self.stage.world.get_snapshot()
        super().tick(view, control)
        ego = snapshot.find(self.stage.ego.id)
        found = ((number, snapshot.find(number)) for number in drive.kinds)
        actors = {number: _motion(actor) for number, actor in found if actor is not None}
        lights = {light.id: str(light.state) for light in self._lights}
        drive.ticks.append(Tick(view.time_s, _motion(ego), actors, lights))
        self._note(len(drive.ticks))
        if self._until(drive):
            raise EnoughError

    def close(self) -> None:
        super().close()
        if self._stage is not None:
            self._note(len(self.drive.ticks))

    def _note(self, tick: int) -> None:
        drive, stage = self.drive, self.stage
        for each in self.scenarios:
            drive.scenario_of[each.config.name] = each
            phases = drive.phases.setdefault(each.config.name, Phases(built=tick))
            if each.record.is_triggered and phases.triggered is None:
                phases.triggered = tick
        running = {each.config.name for each in self.scenarios}
        for name, phases in drive.phases.items():
            if name not in running and phases.ended is None:
                phases.ended = tick
                phases.triggered = tick if phases.triggered is None else phases.triggered
        drive.messages += [(tick, message) for message in stage.mailbox.log[self._read_messages :]]
        self._read_messages = len(stage.mailbox.log)
        switches = (stage.criteria.blocked_paused, stage.criteria.check_wrong_direction)
        if not drive.switches or drive.switches[-1][1:] != switches:
            drive.switches.append((tick, *switches))
        for actor in stage.pool.actors:
            if actor.id not in drive.kinds:
                drive.kinds[actor.id] = _describe(actor)


def _describe(actor: carla.Actor) -> SimpleNamespace:
    attributes = dict(actor.attributes)
    role = attributes.get("role_name", "")
    return SimpleNamespace(actor=actor, type_id=actor.type_id, role_name=role, attributes=attributes)


def _motion(actor: carla.ActorSnapshot) -> Motion:
    pose, velocity = actor.get_transform(), actor.get_velocity()
    place = pose.location
    return Motion((place.x, place.y, place.z), pose.rotation.yaw, velocity.length())


class EnoughError(Exception):
    """The test has seen what it wanted."""


def make_engine(traffic: Callable[[Stage], object]) -> Engine:
    """An engine for :class:`Bench`, and all scenario classes registered."""
    return Engine(traffic)


def no_traffic(stage: Stage) -> None:
    return None


def drive(
    session: SimulationSession,
    places: Sequence[object],
    scenarios: Sequence[ScenarioConfig] = (),
    *,
    ego: Callable[[], AutopilotAgent] = autopilot,
    traffic: str | None = None,
    max_s: float = 120.0,
    until: Callable[[Drive], bool] = lambda drive: False,
    watch_lights: bool = False,
    seed: int = 0,
    benchmark: str = "leaderboard",
    scenario_seed: int | None = 2000,
) -> Drive:
    """Drive a route and write down what happens; nothing may be left in the world afterwards.

    Args:
        session: From the fixture ``town``.
        places: Key points: way points, transforms, locations or triples.
        scenarios: From :func:`scenario`.
        ego: Makes the driver: :func:`autopilot`, ``blind(speed)``, ``standing(speed, after_m)`` or your own.
        traffic: None or "bubble".
        max_s: Simulated seconds after which the drive ends.
        until: Ends the drive as soon as it says so.
        watch_lights: Also write down the states of all traffic lights (slow).
        seed: Seed of the episode.
        benchmark: Name of the profile.
        scenario_seed: Seed of scenarios and traffic; None takes ``seed``.
    """
    town = session.map.name.split("/")[-1]
    rules = replace(profile(benchmark), max_ticks=round(max_s / TICK_S), scenario_seed=scenario_seed)
    engine = RecordingEngine(make_traffic if traffic == "bubble" else no_traffic, until, watch_lights)
    settings = EpisodeSettings(profile=rules, seed=seed, engine=lambda: engine)
    before = {actor.id for actor in session.world.get_actors()}
    episode = Episode(session, make_route(town, places, scenarios), ego, settings)
    with _no_parked_cars():
        try:
            engine.drive.run = episode.run()
        except EnoughError:
            engine.drive.run = episode.run_so_far()
    session.tick()
    left = [(actor.id, actor.type_id) for actor in session.world.get_actors() if actor.id not in before]
    assert not left, f"left in the world: {left}"
    return engine.drive


@contextlib.contextmanager
def _no_parked_cars() -> Iterator[None]:
    """Leave the parked cars of large towns away: they cost time and no scenario looks at them."""
    none = listed_slots("Town01")
    with mock.patch("lead.evaluation.episode.listed_slots", lambda town: none):
        yield


# -- a stage without an episode --------------------------------------------------------------------------------------


@dataclass
class Switches:
    """Stands for the criteria and writes down what scenarios do with them."""

    blocked_paused: bool = False
    check_wrong_direction: bool = True
    reports: list[RouteEvent] = field(default_factory=list)

    def report(self, kind: EventType, message: str, values: Mapping[str, float], frame: int) -> None:
        self.reports.append(RouteEvent(kind, message, values, frame))


class Bench:
    """A stage with a real ego that stands where it was put, and the tick loop around it.

    Attributes:
        stage: The stage.
        context: What it was made of; tests of the engine start one with it.
        switches: Criteria that write down what is done with them.
        control: What the agent asks for; not applied to the ego.
    """

    def __init__(
        self, session: SimulationSession, ego_pose: carla.Transform, keypoints: Sequence[object], seed: int
    ) -> None:
        self.session = session
        self._before = {actor.id for actor in session.world.get_actors()}
        carla_map = session.map
        ego = _spawn_ego(session, ego_pose)
        session.tick()
        self.observer = WorldObserver(session.world, ego)
        route = make_route(carla_map.name.split("/")[-1], keypoints)
        self.switches = Switches()
        self.context = ScenarioContext(
            client=session.client,
            world=session.world,
            map=carla_map,
            ego=ego,
            route=route,
            dense=_planner(carla_map).trace(route.keypoints),
            scenarios=(),
            criteria=self.switches,
            profile=replace(profile("leaderboard"), scenario_seed=None),
            traffic_manager=lambda: session.traffic_manager,
            seed=seed,
        )
        with mock.patch("lead.scenarios.stage.Mailbox", RecordingMailbox):
            self.stage = Stage(self.context)
        self.control = carla.VehicleControl()
        self._ego = ego

    @property
    def messages(self) -> list[TrafficMessage]:
        """Messages posted so far."""
        return self.stage.mailbox.log

    def step(self, ticks: int = 1, act: Callable[[], object] = lambda: None) -> None:
        """Tick the world as an episode does; ``act`` is called in every tick, where scenarios are."""
        for _ in range(ticks):
            self.session.tick()
            self.stage.begin_tick(self.observer.read(), self.control)
            act()
            self.stage.active.update()
            self.stage.pool.end_tick()

    def run(self, node: Behaviour, max_s: float = 60.0, act: Callable[[], object] = lambda: None) -> float:
        """Tick a node until it is done; returns the simulated seconds that took (fails after ``max_s``)."""
        start_s = self.stage.time_s

        def tick_node():
            node.tick_once()
            act()

        node.setup()
        while True:
            self.step(1, tick_node)
            if node.status is not Status.RUNNING:
                return self.stage.time_s - start_s
            assert self.stage.time_s - start_s < max_s, f"{node.name} is not done after {max_s} s"

    def move_ego(self, pose: carla.Transform, speed_mps: float | None = None) -> None:
        """Put the ego somewhere (on the ground), moving forward at a constant speed if one is given."""
        self._ego.set_transform(pose)
        if speed_mps is not None:
            self._ego.enable_constant_velocity(carla.Vector3D(speed_mps, 0.0, 0.0))

    def close(self) -> None:
        """Destroy everything and check that nothing is left."""
        self.stage.pool.close()
        self._ego.destroy()
        self.session.tick()
        left = [(each.id, each.type_id) for each in self.session.world.get_actors() if each.id not in self._before]
        assert not left, f"left in the world: {left}"


def _spawn_ego(session: SimulationSession, pose: carla.Transform) -> carla.Vehicle:
    blueprint = session.world.get_blueprint_library().find(EGO_BLUEPRINT)
    blueprint.set_attribute("role_name", "hero")
    place = carla.Location(pose.location.x, pose.location.y, pose.location.z + 0.5)
    return session.world.spawn_actor(blueprint, carla.Transform(place, pose.rotation))


@contextlib.contextmanager
def make_stage(
    session: SimulationSession,
    ego_pose: carla.Transform | carla.Waypoint,
    *,
    route_m: float = 50.0,
    keypoints: Sequence[object] = (),
    seed: int = 0,
    speed_mps: float | None = None,
) -> Iterator[Bench]:
    """Give a stage with a real ego, for tests of nodes; everything is gone afterwards.

    Args:
        session: From the fixture ``town``.
        ego_pose: Where the ego stands, on the road.
        route_m: Length of the dense route from there, straight on.
        keypoints: Key points of another dense route.
        seed: Seed of the stage.
        speed_mps: Constant speed of the ego; None lets it stand.
    """
    pose = ego_pose.transform if isinstance(ego_pose, carla.Waypoint) else ego_pose
    start = session.map.get_waypoint(pose.location)
    bench = Bench(session, pose, keypoints or [start, ahead(start, route_m)], seed)
    try:
        bench.step(SETTLE_TICKS)
        if speed_mps is not None:
            bench.stage.ego.enable_constant_velocity(carla.Vector3D(speed_mps, 0.0, 0.0))
        yield bench
    finally:
        bench.close()


SHARED = Path(__file__).resolve().parents[2] / "../shared"
"""Public route files for tests that skip without them."""
