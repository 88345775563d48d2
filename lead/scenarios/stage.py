"""What all scenarios of an episode share: the world, the ego, the actors, random numbers and messages.

One object instead of globals, so that episodes do not leak into each other. Nothing here reads a wall clock.
"""

from __future__ import annotations

import math

import carla
import numpy as np

from lead.routes.planner import DenseRoute
from lead.scenarios.active import ActiveScenarios
from lead.scenarios.actor_pool import ActorPool
from lead.scenarios.context import CriteriaSwitches, ScenarioContext, WorldView
from lead.scenarios.held_lights import HeldLights
from lead.scenarios.messages import Mailbox, TrafficMessage
from lead.scenarios.surroundings import Surroundings
from lead.scoring.profiles import BenchmarkProfile

TICK_S = 0.05


class Stage:
    """Shared state of one episode's scenarios.

    Attributes:
        client: The carla client.
        world: The world.
        map: Its map.
        ego: The vehicle driven.
        dense: Dense route.
        profile: Rules of the benchmark.
        criteria: Switches of the episode's criteria.
        rng: The one source of random numbers of scenarios and background traffic.
        pool: Actors of scenarios and background traffic.
        surroundings: Vehicles and lights near an actor.
        lights: Traffic lights that scenarios hold.
        mailbox: Messages to the background traffic.
        active: Records of the scenarios that exist.
        frame: Simulator frame of the last tick.
        time_s: Simulated time since the start of the episode.
        ego_speed_mps: Speed of the ego.
        control: Control that the agent asked for in this tick, as it was applied to the ego. A scenario that disturbs
            the ego applies another one to it in the same tick (the client would return the one before).
    """

    def __init__(self, context: ScenarioContext) -> None:
        """Take the episode."""
        self.client = context.client
        self.world: carla.World = context.world
        self.map: carla.Map = context.map
        self.ego: carla.Vehicle = context.ego
        self.dense: DenseRoute = context.dense
        self.profile: BenchmarkProfile = context.profile
        self.criteria: CriteriaSwitches = context.criteria
        seed = context.profile.scenario_seed
        self.rng = np.random.RandomState(context.seed if seed is None else seed)
        self._find_traffic_manager = context.traffic_manager
        self.pool = ActorPool(context.client, context.world, self.rng, self._traffic_manager_port)
        self.surroundings = Surroundings(context.world, context.map, self.pool, lambda: self.ego)
        self.lights = HeldLights()
        self.mailbox = Mailbox()
        self.active = ActiveScenarios(self.pool, lambda: self.ego_location)
        self.frame = 0
        self.time_s = 0.0
        self.ego_speed_mps = 0.0
        self.control = carla.VehicleControl()
        self._ego_pose: carla.Transform = context.ego.get_transform()
        self._ego_waypoint: carla.Waypoint | None = None
        self._limit_at_kmh = context.limit_at_kmh
        self._pauses = 0

    @property
    def traffic_manager(self) -> carla.TrafficManager:
        """The synchronous Traffic Manager; it starts when it is first asked for, and slows every tick down."""
        return self._find_traffic_manager()

    @property
    def ego_location(self) -> carla.Location:
        """Location of the ego, world frame, metres."""
        return self._ego_pose.location

    @property
    def ego_transform(self) -> carla.Transform:
        """Pose of the ego."""
        return self._ego_pose

    @property
    def ego_waypoint(self) -> carla.Waypoint:
        """Driving lane under the ego; looked up once per tick."""
        if self._ego_waypoint is None:
            self._ego_waypoint = self.map.get_waypoint(self.ego_location)
        return self._ego_waypoint

    @property
    def ego_limit_kmh(self) -> float:
        """Speed limit where the ego is, from the source that the benchmark names."""
        if self._limit_at_kmh is None:
            return float(self.ego.get_speed_limit())
        place = self.ego_location
        return self._limit_at_kmh(np.array([place.x, place.y, place.z], dtype=np.float64))

    def post(self, message: TrafficMessage) -> None:
        """Send a message to the background traffic, which reads it at the next tick."""
        self.mailbox.post(message)

    def begin_tick(self, view: WorldView, control: carla.VehicleControl) -> None:
        """Take over the state of the world after a tick, and what the agent asks for next."""
        self.control = control
        self.frame = view.frame
        self.time_s = view.time_s
        self.ego_speed_mps = view.ego.speed_mps
        self._ego_pose = self.ego.get_transform()
        self._ego_waypoint = None
        self.pool.begin_tick()
        self.surroundings.begin_tick()

    def _traffic_manager_port(self) -> int:
        return int(self.traffic_manager.get_port())

    def move_ego(self, pose: carla.Transform) -> None:
        """Put the ego somewhere else, before the drive begins."""
        self.ego.set_transform(pose)
        self._ego_pose = pose
        self._ego_waypoint = None

    def speed_mps(self, actor: carla.Actor) -> float:
        """Return the speed of an actor in the last snapshot."""
        velocity = actor.get_velocity()
        return math.sqrt(velocity.x**2 + velocity.y**2 + velocity.z**2)

    def pause_blocked(self) -> None:
        """Let the ego stand while a scenario with a time-out of its own runs, until :meth:`resume_blocked`."""
        self._pauses += 1
        self.criteria.blocked_paused = True

    def resume_blocked(self) -> None:
        """End one :meth:`pause_blocked`."""
        self._pauses = max(0, self._pauses - 1)
        self.criteria.blocked_paused = self._pauses > 0
