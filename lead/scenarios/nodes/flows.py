"""Streams of cars and bicycles: they appear at a source, drive to a sink and vanish there.

A flow never ends by itself; another branch ends it, and then everything it spawned is destroyed.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence

import carla
from py_trees.common import Status

from lead.scenarios.actor_pool import PLAIN_CAR, ActorModel
from lead.scenarios.drivers import LaneFollower
from lead.scenarios.lane_tools import backward, forward, path_between
from lead.scenarios.nodes.base import Node
from lead.scenarios.nodes.contact_watch import ContactWatch
from lead.scenarios.stage import Stage

MPS_TO_KMH = 3.6
FLOW_CAR = ActorModel("vehicle.*", PLAIN_CAR, category="car")
FLOW_BICYCLE = ActorModel("vehicle.*", {"base_type": "bicycle"}, category="bicycle", role="scenario no lights")
INITIAL_STEP = 2
"""Every second way point of the path, which has one per metre, is a place for a car when a flow begins."""
BICYCLE_LOOKAHEAD_M = 10.0
"""Bicycles take up their plan so far ahead of the place at which they appear."""


class Flow(Node):
    """Base of all flows: spawns at a source at random distances, removes at a sink.

    Attributes:
        actors: Cars that drive at present, in the order in which they were spawned. It may be given by a scenario that
            shows it to experts.
    """

    _source: carla.Waypoint
    """Where cars appear; known at the latest when the flow begins."""
    _sink: carla.Waypoint
    """Where they vanish."""

    def __init__(
        self,
        stage: Stage,
        interval_m: tuple[float, float],
        sink_m: float,
        *,
        actors: list[carla.Actor] | None = None,
        name: str = "",
    ) -> None:
        """Take what all flows have.

        Args:
            stage: What all scenarios share.
            interval_m: Least and largest distance between one car and the next; drawn anew for every car.
            sink_m: Cars nearer to the sink than this are removed.
            actors: List to be kept up to date; None makes one.
            name: Name of the node.
        """
        super().__init__(stage, name)
        self.actors: list[carla.Actor] = [] if actors is None else actors
        self._interval_m = interval_m
        self._sink_m = sink_m
        self._gap_m = self._draw_gap()

    def update(self) -> Status:
        """Remove the cars that arrived, drive the others, and spawn the next one."""
        pool, sink = self.stage.pool, self._sink.transform.location
        for actor in list(self.actors):
            if not pool.is_alive(actor):
                self._drop(actor)
            elif pool.location(actor).distance(sink) < self._sink_m:
                self._drop(actor)
                pool.destroy(actor)
            else:
                self._drive(actor)
        source = self._source.transform
        if not self.actors or pool.location(self.actors[-1]).distance(source.location) > self._gap_m:
            self._add(source)
        return Status.RUNNING

    def terminate(self, new_status: Status) -> None:
        """Destroy all cars."""
        for actor in list(self.actors):
            self._drop(actor)
            self.stage.pool.destroy(actor)

    def _draw_gap(self) -> float:
        return float(self.stage.rng.uniform(*self._interval_m))

    def _add(self, pose: carla.Transform) -> None:
        """Spawn a car; if something stands at its place it is tried again in the next tick."""
        actor = self._spawn(pose)
        if actor is not None:
            self.actors.append(actor)
            self._gap_m = self._draw_gap()

    def _fill(self, places: Sequence[carla.Waypoint], with_junctions: bool) -> None:
        """Put cars on the way, as if the flow had been running for long."""
        last = places[0].transform.location
        for waypoint in places:
            location = waypoint.transform.location
            if (waypoint.is_junction and not with_junctions) or location.distance(last) < self._gap_m:
                continue
            self._add(waypoint.transform)
            last = location
            self._gap_m = self._draw_gap()

    def _drop(self, actor: carla.Actor) -> None:
        """Take a car off the list."""
        self.actors.remove(actor)

    @abc.abstractmethod
    def _spawn(self, pose: carla.Transform) -> carla.Actor | None:
        """Spawn a car and set it going; None if something stands there."""

    def _drive(self, actor: carla.Actor) -> None:
        """Control a car in this tick."""


class ActorFlow(Flow):
    """Cars that cross with constant speed, whoever is in their way, until one of them touches something.

    The Traffic Manager steers them to the sink. They ignore lights and signs, and other vehicles as long as their speed
    is imposed; from the first contact of any of them on, all drive as the Traffic Manager does and look out.
    """

    def __init__(  # noqa: PLR0913 (six things make a flow, and the other choices are keywords)
        self,
        stage: Stage,
        source: carla.Waypoint,
        sink: carla.Waypoint,
        interval_m: tuple[float, float],
        sink_m: float,
        speed_mps: float,
        *,
        via: Sequence[carla.Waypoint] = (),
        initial: bool = False,
        initial_in_junction: bool = False,
        actors: list[carla.Actor] | None = None,
    ) -> None:
        """Take the way and the speed.

        Args:
            stage: What all scenarios share.
            source: Where cars appear.
            sink: Where they go.
            interval_m: Least and largest distance between one car and the next.
            sink_m: Cars nearer to the sink than this are removed.
            speed_mps: Speed of the cars.
            via: Places on the way, in its order, that the cars must pass. At every junction the Traffic Manager takes
                the branch that seems to come nearest to the next place it was given. Where that one lies behind a
                second junction it may go in circles within its look-ahead, and never return from the tick.
            initial: Begin with cars all along the way.
            initial_in_junction: Some of these stand inside junctions.
            actors: List to be kept up to date with the cars; None makes one.
        """
        super().__init__(stage, interval_m, sink_m, actors=actors)
        self._source = source
        self._sink = sink
        self._via = tuple(via)
        self._speed_mps = speed_mps
        self._initial = initial
        self._initial_in_junction = initial_in_junction
        self._is_imposed = True
        self._watch = ContactWatch(stage)

    @property
    def is_imposed(self) -> bool:
        """True until a car of the flow touches something: its speed is imposed."""
        return self._is_imposed

    def initialise(self) -> None:
        """Fill the way, if asked for."""
        if self._initial:
            path = path_between(self.stage.map, self._source, self._sink)
            self._fill(path[::INITIAL_STEP], self._initial_in_junction)

    def update(self) -> Status:
        """Look for contacts, then go on."""
        if self._is_imposed and self._watch.touched():
            self._let_go()
        return super().update()

    def terminate(self, new_status: Status) -> None:
        """Destroy all cars and what watches them."""
        self._watch.close()
        super().terminate(new_status)

    def _let_go(self) -> None:
        """Give the cars to the Traffic Manager for good."""
        self._is_imposed = False
        self._watch.close()
        for actor in self.actors:
            if self.stage.pool.is_alive(actor):
                actor.disable_constant_velocity()
                self.stage.traffic_manager.ignore_vehicles_percentage(actor, 0.0)

    def _spawn(self, pose: carla.Transform) -> carla.Actor | None:
        actor = self.stage.pool.spawn(FLOW_CAR, pose, autopilot=True)
        if actor is None:
            return None
        manager = self.stage.traffic_manager
        manager.set_path(actor, [*self._places_ahead(pose), self._sink.transform.location])
        manager.auto_lane_change(actor, False)
        manager.set_desired_speed(actor, MPS_TO_KMH * self._speed_mps)
        manager.update_vehicle_lights(actor, True)
        manager.ignore_lights_percentage(actor, 100.0)
        manager.ignore_signs_percentage(actor, 100.0)
        if self._is_imposed:
            manager.ignore_vehicles_percentage(actor, 100.0)
            actor.enable_constant_velocity(carla.Vector3D(self._speed_mps, 0.0, 0.0))
            self._watch.watch(actor)
        return actor

    def _places_ahead(self, pose: carla.Transform) -> list[carla.Location]:
        """Return what a car that starts at a pose has to pass; those of a filled way may be past some places."""
        places = [waypoint.transform for waypoint in self._via]
        return [
            place.location for place in places if place.get_forward_vector().dot(place.location - pose.location) > 0.0
        ]

    def _drop(self, actor: carla.Actor) -> None:
        self._watch.forget(actor)
        super()._drop(actor)


class _DrivenFlow(Flow):
    """A flow whose cars are driven by lane followers along one path."""

    def __init__(
        self,
        stage: Stage,
        interval_m: tuple[float, float],
        sink_m: float,
        *,
        actors: list[carla.Actor] | None = None,
    ) -> None:
        super().__init__(stage, interval_m, sink_m, actors=actors)
        self._drivers: dict[int, LaneFollower] = {}
        self._path: list[carla.Waypoint] = []

    def _drive(self, actor: carla.Actor) -> None:
        actor.apply_control(self._drivers[int(actor.id)].step())

    def _drop(self, actor: carla.Actor) -> None:
        self._drivers.pop(int(actor.id), None)
        super()._drop(actor)


class OppositeActorFlow(_DrivenFlow):
    """Cars on the lane that the ego needs to pass an obstacle, at the ego's speed limit, coming towards it."""

    BASE_M = 30.0
    TIME_S = 1.5
    """Multiplies the speed limit in km/h, as in CARLA, where the units are mixed."""

    def __init__(
        self,
        stage: Stage,
        reference: carla.Waypoint,
        interval_m: tuple[float, float],
        *,
        actors: list[carla.Actor] | None = None,
    ) -> None:
        """Take the place around which they drive.

        Args:
            stage: What all scenarios share.
            reference: Place on their lane beside the obstacle.
            interval_m: Least and largest distance between one car and the next.
            actors: List to be kept up to date with the cars; None makes one.
        """
        super().__init__(stage, interval_m, 2.0, actors=actors)
        self._reference = reference
        self._speed_kmh = 0.0

    def initialise(self) -> None:
        """Find source and sink, which depend on the speed limit."""
        self._speed_kmh = self.stage.ego_limit_kmh
        reach_m = self.TIME_S * self._speed_kmh + self.BASE_M
        self._source = backward(self._reference, reach_m, step_m=1.0)
        self._sink = forward(self._reference, reach_m)[0]
        self._path = path_between(self.stage.map, self._source, self._sink)

    def _spawn(self, pose: carla.Transform) -> carla.Actor | None:
        actor = self.stage.pool.spawn(FLOW_CAR, pose)
        if actor is not None:
            self._drivers[int(actor.id)] = LaneFollower(
                self.stage, actor, self._speed_kmh, path=self._path, base_distance_m=10.0, distance_per_mps=1.6
            )
        return actor


class InvadingActorFlow(_DrivenFlow):
    """Cars that come towards the ego and use a part of its lane."""

    def __init__(
        self,
        stage: Stage,
        source: carla.Waypoint,
        sink: carla.Waypoint,
        gap_m: float,
        offset_m: float,
        *,
        actors: list[carla.Actor] | None = None,
    ) -> None:
        """Take the way.

        Args:
            stage: What all scenarios share.
            source: Where cars appear.
            sink: Where they vanish.
            gap_m: Distance between one car and the next.
            offset_m: How far to the right of the lane's centre they drive; negative is left.
            actors: List to be kept up to date with the cars; None makes one.
        """
        self._constant_gap_m = gap_m
        super().__init__(stage, (gap_m, gap_m), 2.0, actors=actors)
        self._source = source
        self._sink = sink
        self._offset_m = offset_m
        self._speed_kmh = 0.0

    def initialise(self) -> None:
        """Take over the speed limit of the ego."""
        self._speed_kmh = self.stage.ego_limit_kmh
        self._path = path_between(self.stage.map, self._source, self._sink)

    def _draw_gap(self) -> float:
        return self._constant_gap_m

    def _spawn(self, pose: carla.Transform) -> carla.Actor | None:
        actor = self.stage.pool.spawn(FLOW_CAR, pose)
        if actor is not None:
            self._drivers[int(actor.id)] = LaneFollower(
                self.stage,
                actor,
                self._speed_kmh,
                path=self._path,
                offset_m=self._offset_m,
                base_distance_m=10.0,
                distance_per_mps=2.0,
                lookahead_per_mps=0.2,
            )
        return actor


class BicycleFlow(_DrivenFlow):
    """Bicycles along a plan that yield to nobody; the way is full of them from the beginning, except in junctions."""

    def __init__(
        self,
        stage: Stage,
        plan: Sequence[carla.Waypoint],
        interval_m: tuple[float, float],
        sink_m: float,
        speed_mps: float,
        *,
        actors: list[carla.Actor] | None = None,
    ) -> None:
        """Take the plan.

        Args:
            stage: What all scenarios share.
            plan: Way points from the source to the sink.
            interval_m: Least and largest distance between one bicycle and the next.
            sink_m: Bicycles nearer to the sink than this are removed.
            speed_mps: Their speed.
            actors: List to be kept up to date with the bicycles; None makes one.
        """
        super().__init__(stage, interval_m, sink_m, actors=actors)
        self._path = list(plan)
        self._source = self._path[0]
        self._sink = self._path[-1]
        self._speed_mps = speed_mps

    def initialise(self) -> None:
        """Fill the way."""
        self._fill(self._path, with_junctions=False)

    def _spawn(self, pose: carla.Transform) -> carla.Actor | None:
        rest = self._rest(pose)
        if not rest:
            return None
        actor = self.stage.pool.spawn(FLOW_BICYCLE, pose)
        if actor is None:
            return None
        forward = rest[0].transform.get_forward_vector()
        actor.set_target_velocity(self._speed_mps * forward)
        actor.apply_control(carla.VehicleControl(throttle=1.0, gear=1, manual_gear_shift=True))
        speed_kmh = MPS_TO_KMH * self._speed_mps
        self._drivers[int(actor.id)] = LaneFollower(
            self.stage, actor, speed_kmh, path=rest, ignore_lights=True, ignore_vehicles=True
        )
        return actor

    def _rest(self, pose: carla.Transform) -> list[carla.Waypoint]:
        """Return the plan from 10 m ahead of a pose on, as CARLA's bicycles follow it."""
        forward, here = pose.get_forward_vector(), pose.location
        for number, waypoint in enumerate(self._path):
            there = waypoint.transform.location
            if forward.dot(there - here) >= 0.0 and there.distance(here) >= BICYCLE_LOOKAHEAD_M:
                return self._path[number:]
        return []
