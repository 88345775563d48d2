"""Prepare a simulator for episodes and leave it as it was found.

A :class:`SimulationSession` lasts over several routes: it connects, checks versions, switches to synchronous mode
and owns the Traffic Manager. What belongs to one route (ego, traffic, sensors) is spawned and destroyed by
:class:`ActorSet`.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from types import TracebackType

import carla
import numpy as np
from numpy.typing import NDArray

from lead.errors import LeadError
from lead.evaluation.tick_guard import TickGuard
from lead.maps.towns import canonical_name
from lead.routes.planner import DenseRoute
from lead.simulator.launch import (
    LOOPBACK,
    SimulatorProcess,
    map_answers,
    port_is_open,
    require_free_port,
    server_answers,
    world_answers,
)

LOG = logging.getLogger(__name__)

TICK_S = 0.05
TILE_DISTANCE_M = 650.0
WORKER_THREADS = 8
"""Fewer than the number of listening sensors can dead-lock the client."""
EGO_BLUEPRINT = "vehicle.lincoln.mkz_2020"
EGO_SPAWN_HEIGHT_M = 0.5
TRAFFIC_EGO_GAP_M = 12.0
TRAFFIC_ROLE = "background"


class SimulatorError(LeadError):
    """The simulator cannot be used for the evaluation; the text says why and what to do."""


class RoutePlaceError(SimulatorError):
    """One route cannot be driven on this simulator: its town is not there or its start is occupied."""


class SimulationSession:
    """Connection to one simulator in synchronous mode; restores the settings when left.

    Attributes:
        client: The carla client.
        world: The current world.
        step_s: Simulated time of one tick.
        on_death: Called on another thread if the simulator dies. The main thread is probably stuck inside the
            client then, so the callback should save what there is and end the process.
    """

    client: carla.Client
    world: carla.World
    step_s = TICK_S

    def __init__(
        self,
        port: int,
        traffic_manager_port: int,
        seed: int,
        timeout_s: float,
        *,
        server: SimulatorProcess | None = None,
        on_death: Callable[[], None] | None = None,
    ) -> None:
        """Describe the session; nothing is contacted before the ``with`` block.

        Load the first town before the Traffic Manager is asked for: loading a map beside one can crash the client.

        Args:
            port: RPC port of the simulator on this machine.
            traffic_manager_port: Free port for the Traffic Manager.
            seed: Seed of the Traffic Manager and of the choice of traffic.
            timeout_s: Longest wait for any answer of the simulator.
            server: The simulator's process if it is ours.
            on_death: First value of the attribute ``on_death``; by default the death is only logged.
        """
        self.host = LOOPBACK
        self.port = port
        self.seed = seed
        self._traffic_manager_port = traffic_manager_port
        self._timeout_s = timeout_s
        self._server = server
        self._original: carla.WorldSettings | None = None
        self._guard: TickGuard | None = None
        self._traffic_manager: carla.TrafficManager | None = None
        self._map: carla.Map | None = None
        self.on_death: Callable[[], None] = on_death or self._log_death

    @property
    def map(self) -> carla.Map:
        """Map of the current town; use this one: the client's ``get_map`` parses the whole map twice, seconds each."""
        if self._map is None:
            self._map = self.world.get_map()
        return self._map

    @property
    def traffic_manager(self) -> carla.TrafficManager:
        """Traffic Manager of this process; starts when it is first asked for.

        In a large town that takes seconds, and every tick becomes several times slower, so drives without Traffic
        Manager vehicles do without.
        """
        if self._traffic_manager is None:
            manager = self.client.get_trafficmanager(self._traffic_manager_port)
            manager.set_synchronous_mode(True)
            manager.set_hybrid_physics_mode(True)
            manager.set_random_device_seed(self.seed)
            self._traffic_manager = manager
        return self._traffic_manager

    @property
    def is_alive(self) -> bool:
        """True if the simulator still answers."""
        return server_answers(self.host, self.port) is not None

    def __enter__(self) -> SimulationSession:
        """Connect, check versions, switch to synchronous mode.

        Raises:
            SimulatorError: If the server does not answer or speaks another version.
            LaunchError: If the Traffic Manager's port is taken.
        """
        version = server_answers(self.host, self.port, timeout_s=min(self._timeout_s, 10.0))
        if version is None:
            raise SimulatorError(f"no CARLA server answers on {self.host}:{self.port}")
        self.client = carla.Client(self.host, self.port, worker_threads=WORKER_THREADS)
        self.client.set_timeout(self._timeout_s)
        own_version = self.client.get_client_version()
        if version.split("-")[0] != own_version.split("-")[0]:
            raise SimulatorError(
                f"the server on port {self.port} is CARLA {version} but the installed client is {own_version}; "
                f"use a {own_version} server or install carla=={version}"
            )
        require_free_port(self._traffic_manager_port, "Traffic Manager port")
        self._guard = TickGuard(
            self._traffic_manager_port,
            self._is_listening,
            lambda: world_answers(self.host, self.port),
            self._report_death,
            always_probe=self._server is not None,
        ).__enter__()
        try:
            self.world = self.client.get_world()
            self._original = self.world.get_settings()
            _make_synchronous(self.world)
        except RuntimeError as error:
            self.__exit__(None, None, None)
            raise SimulatorError(f"the simulator on port {self.port} stopped answering: {error}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Restore the settings; skipped if the simulator is gone."""
        if self._guard is not None:
            self._guard.__exit__(kind, error, trace)
            self._guard = None
        if self._original is None or not self.is_alive:
            return
        try:
            if self._traffic_manager is not None:
                self._traffic_manager.set_synchronous_mode(False)
                self._traffic_manager.shut_down()
                self._traffic_manager = None
            self.client.get_world().apply_settings(self._original)
        except RuntimeError as failure:
            LOG.warning("the simulator's settings could not be restored: %s", failure)
        self._original = None

    def tick(self) -> int:
        """Advance the simulation by one step and return the frame.

        Raises:
            RuntimeError: If the simulator does not answer.
        """
        if self._guard is None:
            raise RuntimeError("the simulation session was not entered")
        return self._guard.tick(self.world)

    def load_town(self, town: str, *, reload: bool = False) -> carla.World:
        """Make a town the current map.

        Args:
            town: Short town name.
            reload: Load it anew even if it is the current map.

        Returns:
            The world, ticked once.

        Raises:
            SimulatorError: If the server does not know the town.
        """
        self._map = None
        current = map_answers(self.host, self.port, self._timeout_s)
        if reload or current is None or canonical_name(current) != canonical_name(town):
            known = sorted({canonical_name(name) for name in self.client.get_available_maps()})
            if canonical_name(town) not in known:
                raise RoutePlaceError(f"the simulator has no map {town}; it knows {', '.join(known)}")
            self.world = self.client.load_world(town, reset_settings=False)
            _make_synchronous(self.world)
        if self._traffic_manager is not None:
            self._traffic_manager.set_random_device_seed(self.seed)
        self.tick()
        self.world.reset_all_traffic_lights()
        return self.world

    def _is_listening(self) -> bool:
        return self._server.is_running if self._server is not None else port_is_open(self.host, self.port)

    def _report_death(self) -> None:
        self.on_death()

    def _log_death(self) -> None:
        LOG.error("the simulator on port %d died; waiting for the client's time-out", self.port)


class ActorSet:
    """Actors of one episode.

    A synchronous session owns its simulator, so everything that appeared since the episode began is destroyed at its
    end: also what an interrupt or an agent left behind.
    """

    def __init__(self, session: SimulationSession) -> None:
        """Take note of the actors that exist already."""
        self._session = session
        self._client = session.client
        self._world = world = session.world
        self._sensors: list[carla.Sensor] = []
        self._foreign_ids = {actor.id for actor in world.get_actors()}

    def spawn_ego(self, route: DenseRoute) -> carla.Vehicle:
        """Spawn the ego above the first route point.

        Raises:
            SimulatorError: If something stands there.
        """
        library = self._world.get_blueprint_library()
        blueprint = library.find(EGO_BLUEPRINT)
        blueprint.set_attribute("role_name", "hero")
        pose = route.waypoints[0].transform
        pose.location.z += EGO_SPAWN_HEIGHT_M
        ego = self._world.try_spawn_actor(blueprint, pose)
        if ego is None:
            place = f"({pose.location.x:.1f}, {pose.location.y:.1f})"
            raise RoutePlaceError(f"the ego vehicle cannot be spawned at the route's start {place}: it is occupied")
        return ego

    def spawn_collision_sensor(self, ego: carla.Vehicle) -> carla.Sensor:
        """Attach a collision sensor; the caller listens."""
        blueprint = self._world.get_blueprint_library().find("sensor.other.collision")
        sensor = self._world.spawn_actor(blueprint, carla.Transform(), attach_to=ego)
        self._sensors.append(sensor)
        return sensor

    def spawn_traffic(self, count: int, route: DenseRoute) -> int:
        """Spawn Traffic Manager vehicles at the free spawn points nearest to the route.

        Args:
            count: Number wanted.
            route: Dense route.

        Returns:
            Number spawned; fewer if the map has no more room.
        """
        if not count:
            return 0
        generator = random.Random(self._session.seed)
        port = self._session.traffic_manager.get_port()
        blueprints = [
            blueprint
            for blueprint in sorted(self._world.get_blueprint_library().filter("vehicle.*"), key=lambda b: str(b.id))
            if blueprint.id != EGO_BLUEPRINT and _is_car(blueprint)
        ]
        commands = []
        for pose in _spawn_points_near(self._session.map, route)[:count]:
            blueprint = generator.choice(blueprints)
            blueprint.set_attribute("role_name", TRAFFIC_ROLE)
            if blueprint.has_attribute("color"):
                colors = blueprint.get_attribute("color").recommended_values
                if colors:
                    blueprint.set_attribute("color", generator.choice(colors))
            drive = carla.command.SetAutopilot(carla.command.FutureActor, True, port)
            commands.append(carla.command.SpawnActor(blueprint, pose).then(drive))
        # Ticking inside apply_batch_sync can dead-lock the client while sensors listen; the caller ticks.
        responses = self._client.apply_batch_sync(commands, False)
        return sum(not response.error for response in responses)

    def destroy(self) -> None:
        """Stop the sensors, then destroy everything and let the simulator take note."""
        for sensor in self._sensors:
            sensor.stop()
        self._sensors = []
        self._session.tick()
        own = sorted(actor.id for actor in self._world.get_actors() if actor.id not in self._foreign_ids)
        # Sensors were spawned after the vehicles they are attached to and go first.
        self._client.apply_batch_sync([carla.command.DestroyActor(number) for number in reversed(own)], False)
        self._session.tick()


def _make_synchronous(world: carla.World) -> None:
    settings = world.get_settings()
    settings.synchronous_mode = True
    settings.fixed_delta_seconds = TICK_S
    settings.deterministic_ragdolls = True
    settings.tile_stream_distance = TILE_DISTANCE_M
    settings.actor_active_distance = TILE_DISTANCE_M
    world.apply_settings(settings)


def _is_car(blueprint: carla.ActorBlueprint) -> bool:
    """Tell whether a blueprint is an ordinary car."""
    if blueprint.has_attribute("special_type") and blueprint.get_attribute("special_type") == "emergency":
        return False
    if blueprint.has_attribute("base_type"):
        return bool(blueprint.get_attribute("base_type") == "car")
    return int(blueprint.get_attribute("number_of_wheels")) == 4


def _spawn_points_near(carla_map: carla.Map, route: DenseRoute) -> Sequence[carla.Transform]:
    """Return the map's spawn points, nearest to the route first, without those close to the ego."""
    poses = carla_map.get_spawn_points()
    places: NDArray[np.float64] = np.array([[p.location.x, p.location.y] for p in poses], dtype=np.float64).reshape(
        -1, 2
    )
    samples = route.xyz[::10, :2]
    to_route_m = np.array([np.min(np.hypot(*(samples - place).T)) for place in places])
    to_ego_m = np.hypot(*(places - route.xyz[0, :2]).T)
    order = np.argsort(to_route_m, kind="stable")
    return [poses[index] for index in order if to_ego_m[index] > TRAFFIC_EGO_GAP_M]
