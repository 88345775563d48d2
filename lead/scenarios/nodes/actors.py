"""Nodes that act on one actor: put it somewhere, hold it, light it, destroy it, walk and drive straight.

Nodes with a driver of their own are in ``driving.py``; scenarios find all of them here.
"""

from __future__ import annotations

import math

import carla
from py_trees.common import Status

from lead.scenarios.nodes.base import Node
from lead.scenarios.nodes.driving import ConstantVelocityDrive, CutIn, FollowLane, SyncArrival
from lead.scenarios.stage import Stage

__all__ = [
    "ApplyControl",
    "ConstantVelocityDrive",
    "CutIn",
    "Destroy",
    "FollowLane",
    "HandBrake",
    "KeepVelocity",
    "SetAutopilot",
    "SetLights",
    "SetPose",
    "SyncArrival",
    "WalkerPark",
]

PLACED_M = 1.0
PARK_DEPTH_M = 100.0
PARK_PERIOD_S = 5.0
FULL_THROTTLE = 1.0


class SetPose(Node):
    """Stops an actor and puts it somewhere; done when it is there, which takes a tick."""

    def __init__(
        self, stage: Stage, actor: carla.Actor, pose: carla.Transform, physics: bool | None = True, name: str = ""
    ) -> None:
        """Take the pose.

        Args:
            stage: What all scenarios share.
            actor: Who is moved.
            pose: Where to.
            physics: Whether physics applies to the actor from then on; None leaves it as it is.
            name: Name of the node.
        """
        super().__init__(stage, name)
        self._actor = actor
        self._pose = pose
        self._physics = physics
        self._start_frame = 0

    def initialise(self) -> None:
        """Move it."""
        self._start_frame = self.stage.frame
        if self.stage.pool.is_alive(self._actor):
            self._actor.set_target_velocity(carla.Vector3D())
            self._actor.set_target_angular_velocity(carla.Vector3D())
            self.stage.pool.place(self._actor, self._pose)

    def update(self) -> Status:
        """Wait until the world was stepped; a failure if the actor is gone."""
        if not self.stage.pool.is_alive(self._actor):
            return Status.FAILURE
        is_there = self._actor.get_location().distance(self._pose.location) < PLACED_M
        if self.stage.frame == self._start_frame or not is_there:
            return Status.RUNNING
        if self._physics is not None:
            self._actor.set_simulate_physics(self._physics)
        return Status.SUCCESS


class ApplyControl(Node):
    """Gives a vehicle a control, which stays until it gets another one, and is done."""

    def __init__(self, stage: Stage, actor: carla.Vehicle, control: carla.VehicleControl, name: str = "") -> None:
        """Take the control."""
        super().__init__(stage, name)
        self._actor = actor
        self._control = control

    def update(self) -> Status:
        """Apply it."""
        self._actor.apply_control(self._control)
        return Status.SUCCESS


class HandBrake(ApplyControl):
    """Pulls or releases the hand brake of a vehicle, with all pedals released, and is done."""

    def __init__(self, stage: Stage, actor: carla.Vehicle, on: bool, name: str = "") -> None:
        """Take whether it is pulled."""
        super().__init__(stage, actor, carla.VehicleControl(hand_brake=on), name)


class SetLights(Node):
    """Switches the lights of a vehicle, and is done."""

    def __init__(self, stage: Stage, actor: carla.Vehicle, state: carla.VehicleLightState, name: str = "") -> None:
        """Take all lights that are on from then on."""
        super().__init__(stage, name)
        self._actor = actor
        self._state = state

    def update(self) -> Status:
        """Switch."""
        self._actor.set_light_state(self._state)
        return Status.SUCCESS


class SetAutopilot(Node):
    """Hands a vehicle to the Traffic Manager or takes it back, and is done."""

    def __init__(self, stage: Stage, actor: carla.Vehicle, on: bool, name: str = "") -> None:
        """Take whether the Traffic Manager drives."""
        super().__init__(stage, name)
        self._actor = actor
        self._on = on

    def update(self) -> Status:
        """Hand it over."""
        self._actor.set_autopilot(self._on, self.stage.traffic_manager.get_port())
        return Status.SUCCESS


class Destroy(Node):
    """Destroys an actor, and is done."""

    def __init__(self, stage: Stage, actor: carla.Actor, name: str = "") -> None:
        """Take the actor."""
        super().__init__(stage, name)
        self._actor = actor

    def update(self) -> Status:
        """Destroy it."""
        self.stage.pool.destroy(self._actor)
        return Status.SUCCESS


class WalkerPark(Node):
    """Keeps an actor deep under the ego, so that it is part of the loaded map wherever the ego is; never ends."""

    def __init__(self, stage: Stage, actor: carla.Actor, depth_m: float = PARK_DEPTH_M, name: str = "") -> None:
        """Take the actor."""
        super().__init__(stage, name)
        self._actor = actor
        self._depth_m = depth_m
        self._last_s = -math.inf

    def initialise(self) -> None:
        """Put it there at once."""
        self._last_s = -math.inf

    def update(self) -> Status:
        """Move it every few seconds."""
        if self.stage.time_s - self._last_s > PARK_PERIOD_S:
            self._last_s = self.stage.time_s
            place = self.stage.ego_location
            below = carla.Location(place.x, place.y, place.z - self._depth_m)
            self.stage.pool.place(self._actor, carla.Transform(below, self.stage.pool.transform(self._actor).rotation))
        return Status.RUNNING


class KeepVelocity(Node):
    """A walker walks straight on, or a vehicle goes straight on, with one speed for some time or distance."""

    def __init__(
        self,
        stage: Stage,
        actor: carla.Actor,
        speed_mps: float,
        *,
        forced: bool = False,
        duration_s: float = math.inf,
        distance_m: float = math.inf,
        name: str = "",
    ) -> None:
        """Take the speed.

        Args:
            stage: What all scenarios share.
            actor: A walker or a vehicle.
            speed_mps: Its speed, along its heading.
            forced: The velocity of a vehicle is set in every tick; otherwise it accelerates as fast as it can.
            duration_s: Done after this time, or
            distance_m: after so many metres, whichever comes first.
            name: Name of the node.
        """
        super().__init__(stage, name)
        self._actor = actor
        self._speed_mps = speed_mps
        self._forced = forced
        self._duration_s = duration_s
        self._distance_m = distance_m
        self._start_s = 0.0
        self._moved_m = 0.0
        self._last: carla.Location | None = None

    def initialise(self) -> None:
        """Set off."""
        self._start_s = self.stage.time_s
        self._moved_m = 0.0
        self._last = self.stage.pool.location(self._actor)
        if isinstance(self._actor, carla.Walker):
            ahead = self.stage.pool.transform(self._actor).get_forward_vector()
            self._actor.apply_control(carla.WalkerControl(ahead, self._speed_mps))

    def update(self) -> Status:
        """Keep the speed of a vehicle, and count; a failure if the actor is gone."""
        if not self.stage.pool.is_alive(self._actor):
            return Status.FAILURE
        if isinstance(self._actor, carla.Vehicle):
            self._push(self._actor)
        place = self.stage.pool.location(self._actor)
        assert self._last is not None
        self._moved_m += place.distance(self._last)
        self._last = place
        is_over = self.stage.time_s - self._start_s > self._duration_s
        return Status.SUCCESS if is_over or self._moved_m > self._distance_m else Status.RUNNING

    def terminate(self, new_status: Status) -> None:
        """Let it stop."""
        has_begun, self._last = self._last is not None, None
        if not has_begun or not self.stage.pool.is_alive(self._actor):
            return
        if isinstance(self._actor, carla.Walker):
            self._actor.apply_control(carla.WalkerControl())
        else:
            self._actor.apply_control(carla.VehicleControl())

    def _push(self, vehicle: carla.Vehicle) -> None:
        if self._forced:
            yaw = math.radians(self.stage.pool.transform(vehicle).rotation.yaw)
            speed = self._speed_mps
            vehicle.set_target_velocity(carla.Vector3D(speed * math.cos(yaw), speed * math.sin(yaw), 0.0))
            vehicle.apply_control(carla.VehicleControl(throttle=FULL_THROTTLE))  # riders only pedal with throttle
        else:
            is_slow = self.stage.speed_mps(vehicle) < self._speed_mps
            vehicle.apply_control(carla.VehicleControl(throttle=FULL_THROTTLE if is_slow else 0.0))
