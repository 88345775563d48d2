"""Prepare a simulator for episodes and leave it as it was found.

A :class:`SimulationSession` lasts over several routes: it connects, checks versions, switches to synchronous mode
and owns the Traffic Manager. What belongs to one route (ego, traffic, sensors) is spawned and destroyed by
:class:`ActorSet`.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from types import TracebackType

import carla

from lead.errors import LeadError
from lead.evaluation.tick_guard import TickGuard
from lead.maps.towns import canonical_name
from lead.routes.planner import DenseRoute
from lead.scenarios.traffic.plain_cars import places_near, spawn_cars
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
            self.stop_traffic_manager()
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
        if self._map is not None and canonical_name(str(self._map.name)) != canonical_name(town):
            self._map = None
        current = map_answers(self.host, self.port, self._timeout_s)
        if reload or current is None or canonical_name(current) != canonical_name(town):
            known = sorted({canonical_name(name) for name in self.client.get_available_maps()})
            if canonical_name(town) not in known:
                raise RoutePlaceError(f"the simulator has no map {town}; it knows {', '.join(known)}")
            self.stop_traffic_manager()  # it would drive on the lanes of the old town
            self.world = self.client.load_world(town, reset_settings=False)
            _make_synchronous(self.world)
        if self._traffic_manager is not None:
            self._traffic_manager.set_random_device_seed(self.seed)
        self.tick()
        self.world.reset_all_traffic_lights()
        return self.world

    def stop_traffic_manager(self) -> None:
        """End the Traffic Manager, if there is one; it takes part in every tick of every world of its process."""
        if self._traffic_manager is not None:
            self._traffic_manager.set_synchronous_mode(False)
            self._traffic_manager.shut_down()
            self._traffic_manager = None

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
        places = places_near(self._session.map, route)[:count]
        port = self._session.traffic_manager.get_port()
        choose = random.Random(self._session.seed).choice
        return len(spawn_cars(self._client, self._world, places, port, EGO_BLUEPRINT, choose))

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
