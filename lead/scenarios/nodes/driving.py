"""Nodes that drive a vehicle with :class:`LaneFollower`: along a lane, with imposed speed, cutting in, in time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import carla
from py_trees.common import Status

from lead.scenarios.drivers import MPS_TO_KMH, STEP_M, DriverOptions, LaneFollower
from lead.scenarios.errors import ScenarioError
from lead.scenarios.lane_tools import next_waypoint, path_between, side_lane
from lead.scenarios.nodes.base import Node
from lead.scenarios.nodes.conditions import is_ahead
from lead.scenarios.nodes.contact_watch import ContactWatch
from lead.scenarios.stage import Stage

if TYPE_CHECKING:
    from typing_extensions import Unpack

LOG = logging.getLogger(__name__)

Speed = float | Callable[[], float]
"""A speed in km/h, or a function that says it anew in every tick."""
IMPOSED_LIGHT_PER_MPS = 0.3
MIN_STRETCH_M = 0.1
MAX_SYNC_MPS = 40.0
"""An actor that is late does not drive faster than this."""
_SAME_MPS = 1e-3


class FollowLane(Node):
    """Drives a vehicle along a path, or along its lane for ever; done at the end."""

    def __init__(
        self, stage: Stage, actor: carla.Vehicle, speed_kmh: Speed, name: str = "", **options: Unpack[DriverOptions]
    ) -> None:
        """Take the speed; the driver looks where the vehicle is when the node begins.

        Args:
            stage: What all scenarios share.
            actor: The vehicle.
            speed_kmh: Its speed.
            name: Name of the node.
            **options: How it drives.
        """
        super().__init__(stage, name)
        self._actor = actor
        self._speed_kmh = speed_kmh
        self._options = options
        self._follower: LaneFollower | None = None

    def initialise(self) -> None:
        """Begin where the vehicle is."""
        self._follower = LaneFollower(self.stage, self._actor, self._wanted_kmh(), **self._options)

    def update(self) -> Status:
        """Drive; a failure if the vehicle is gone."""
        if not self.stage.pool.is_alive(self._actor):
            return Status.FAILURE
        assert self._follower is not None
        self._follower.speed_kmh = self._wanted_kmh()
        self._drive(self._follower)
        return Status.SUCCESS if self._follower.is_done else Status.RUNNING

    def terminate(self, new_status: Status) -> None:
        """Release the pedals."""
        if self._follower is not None and self.stage.pool.is_alive(self._actor):
            self._actor.apply_control(carla.VehicleControl())
        self._follower = None

    def _wanted_kmh(self) -> float:
        return self._speed_kmh() if callable(self._speed_kmh) else self._speed_kmh

    def _drive(self, follower: LaneFollower) -> None:
        self._actor.apply_control(follower.step())


class ConstantVelocityDrive(FollowLane):
    """Like :class:`FollowLane`, but the vehicle has its speed at once, until it touches something: then it rolls on.

    What is in the way is driven behind at its speed; at red lights the vehicle stands at once.
    """

    def __init__(
        self, stage: Stage, actor: carla.Vehicle, speed_kmh: Speed, name: str = "", **options: Unpack[DriverOptions]
    ) -> None:
        """Take the speed; see :class:`FollowLane`."""
        options.setdefault("light_per_mps", IMPOSED_LIGHT_PER_MPS)
        super().__init__(stage, actor, speed_kmh, name, **options)
        self._watch: ContactWatch | None = None
        self._imposed_mps: float | None = None
        self._is_free = False

    @property
    def is_imposed(self) -> bool:
        """True while the speed is imposed."""
        return self._imposed_mps is not None

    def initialise(self) -> None:
        """Begin to watch for contacts."""
        super().initialise()
        self._is_free = False
        self._watch = ContactWatch(self.stage)
        self._watch.watch(self._actor)

    def terminate(self, new_status: Status) -> None:
        """Let the vehicle roll."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
            self._release()
        super().terminate(new_status)

    def _drive(self, follower: LaneFollower) -> None:
        assert self._watch is not None
        if not self._is_free and self._watch.touched():
            self._is_free = True
            self._release()
        if self._is_free:
            self._actor.apply_control(carla.VehicleControl())
            return
        super()._drive(follower)
        self._impose(follower.speed_kmh / MPS_TO_KMH if follower.hazard_mps is None else follower.hazard_mps)

    def _impose(self, speed_mps: float) -> None:
        if self._imposed_mps is None or abs(speed_mps - self._imposed_mps) > _SAME_MPS:
            self._imposed_mps = speed_mps
            self._actor.enable_constant_velocity(carla.Vector3D(speed_mps, 0.0, 0.0))

    def _release(self) -> None:
        if self._imposed_mps is not None and self.stage.pool.is_alive(self._actor):
            self._actor.disable_constant_velocity()
        self._imposed_mps = None


class SyncArrival(ConstantVelocityDrive):
    """Drives a vehicle so that it reaches a place when the ego reaches another one.

    Done when the vehicle is there and the ego has not passed its place yet; the vehicle follows its lane until then.
    """

    def __init__(
        self,
        stage: Stage,
        actor: carla.Vehicle,
        place: carla.Transform,
        ego_place: carla.Transform,
        end_m: float,
        name: str = "",
    ) -> None:
        """Take the places.

        Args:
            stage: What all scenarios share.
            actor: The vehicle.
            place: Where it goes.
            ego_place: Where the ego goes.
            end_m: The vehicle counts as being there within this distance.
            name: Name of the node.
        """
        super().__init__(stage, actor, self._synchronous_kmh, name, goes_on=True)
        self._place = place
        self._ego_place = ego_place
        self._end_m = end_m

    def initialise(self) -> None:
        """Find the way.

        Raises:
            ScenarioError: If no way leads from the vehicle to its place.
        """
        stage = self.stage
        start = stage.map.get_waypoint(stage.pool.location(self._actor))
        self._options["path"] = path_between(stage.map, start, stage.map.get_waypoint(self._place.location))
        super().initialise()

    def update(self) -> Status:
        """Drive until the vehicle is there."""
        if not self.stage.pool.is_alive(self._actor):
            return Status.FAILURE
        is_there = self._distance_m() < self._end_m
        if is_there and not is_ahead(self._ego_place, self.stage.ego_location):
            return Status.SUCCESS
        return super().update()

    def _distance_m(self) -> float:
        return float(self.stage.pool.location(self._actor).distance(self._place.location))

    def _synchronous_kmh(self) -> float:
        """Return the speed with which both arrive at once."""
        ego_m = self.stage.ego_location.distance(self._ego_place.location)
        if ego_m <= 0.0:
            return MAX_SYNC_MPS * MPS_TO_KMH
        wanted_mps = self._distance_m() * self.stage.ego_speed_mps / float(ego_m)
        return min(wanted_mps, MAX_SYNC_MPS) * MPS_TO_KMH


class CutIn(FollowLane):
    """Changes to a neighbouring lane in front of the ego; done some way behind the change.

    Times become distances by the vehicle's own speed at the beginning: one that stands changes at once.
    """

    def __init__(
        self,
        stage: Stage,
        actor: carla.Vehicle,
        left: bool,
        percent: float,
        same_s: float,
        other_s: float,
        change_s: float,
    ) -> None:
        """Take the manoeuvre.

        Args:
            stage: What all scenarios share.
            actor: The vehicle.
            left: Change to the left.
            percent: Speed wanted, as percentage of the ego's speed at the beginning.
            same_s: Time to stay on the lane.
            other_s: Time to stay on the other lane.
            change_s: Time for the change itself.
        """
        super().__init__(stage, actor, 0.0)
        self._left = left
        self._percent = percent
        self._times_s = (same_s, change_s, other_s)

    def initialise(self) -> None:
        """Plan the change; without a lane to change to the node is done at once, with a warning."""
        speed_mps = self.stage.speed_mps(self._actor)
        start = self.stage.map.get_waypoint(self.stage.pool.location(self._actor))
        stretches_m = [max(seconds * speed_mps, MIN_STRETCH_M) for seconds in self._times_s]
        self._speed_kmh = self.stage.ego_speed_mps * self._percent / 100.0 * MPS_TO_KMH
        try:
            self._options["path"] = lane_change_path(start, self._left, *stretches_m)
        except ScenarioError as error:
            LOG.warning("%s of %s is left out: %s", self.name, self._actor.type_id, error)
            return
        super().initialise()

    def update(self) -> Status:
        """Drive."""
        return Status.SUCCESS if self._follower is None else super().update()


def lane_change_path(
    start: carla.Waypoint, left: bool, same_m: float, change_m: float, other_m: float
) -> list[carla.Waypoint]:
    """Return way points, 2 m apart, along a lane, then one on the neighbouring lane, then along that.

    Args:
        start: Where the path begins.
        left: Change to the left.
        same_m: Distance before the change, rounded up to whole steps.
        change_m: Distance along the road of the change.
        other_m: Distance after the change, rounded up to whole steps.

    Raises:
        ScenarioError: If a road ends on the way, or there is no driving lane to change to.
    """
    path = _straight_on(start, same_m)
    beside = side_lane(next_waypoint(path[-1], change_m), left)
    if beside is None or beside.lane_type != carla.LaneType.Driving:
        raise ScenarioError("there is no driving lane to change to")
    return path + _straight_on(beside, other_m)


def _straight_on(start: carla.Waypoint, distance_m: float) -> list[carla.Waypoint]:
    """Return a way point and those every 2 m behind it until a distance, measured in straight lines, is reached."""
    path = [start]
    walked_m = 0.0
    while walked_m < distance_m:
        path.append(next_waypoint(path[-1], STEP_M))
        walked_m += path[-1].transform.location.distance(path[-2].transform.location)
    return path
