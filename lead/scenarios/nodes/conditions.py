"""Conditions on the ego, on places and on time."""

from __future__ import annotations

import carla
from py_trees.common import Status

from lead.scenarios.nodes.base import Node
from lead.scenarios.stage import Stage
from lead.scoring.penalties import EventType

SCENARIO_TIMEOUT_S = 240.0
_STANDING_MPS = 1e-6


def _done(condition: bool) -> Status:
    return Status.SUCCESS if condition else Status.RUNNING


def is_ahead(place: carla.Transform, location: carla.Location) -> bool:
    """Tell whether a location lies in front of a pose."""
    forward = place.get_forward_vector()
    dx, dy, dz = location.x - place.location.x, location.y - place.location.y, location.z - place.location.z
    return bool(forward.x * dx + forward.y * dy + forward.z * dz > 0.0)


class Idle(Node):
    """Waits for a time."""

    def __init__(self, stage: Stage, seconds: float, name: str = "") -> None:
        """Take simulated seconds."""
        super().__init__(stage, name)
        self._seconds = seconds
        self._start_s = 0.0

    def initialise(self) -> None:
        """Note the time."""
        self._start_s = self.stage.time_s

    def update(self) -> Status:
        """Done when the time is over."""
        return _done(self.stage.time_s - self._start_s > self._seconds)


class EgoNear(Node):
    """Done when the ego is close to a place, or to an actor wherever it is."""

    def __init__(self, stage: Stage, target: carla.Location | carla.Actor, distance_m: float, name: str = "") -> None:
        """Take a place or an actor of the pool."""
        super().__init__(stage, name)
        self._target = target
        self._distance_m = distance_m

    def update(self) -> Status:
        """Compare the straight distance."""
        is_place = isinstance(self._target, carla.Location)
        place = self._target if is_place else self.stage.pool.location(self._target)
        return _done(self.stage.ego_location.distance(place) < self._distance_m)


class EgoAway(Node):
    """Done when the ego is farther from a place than a distance."""

    def __init__(self, stage: Stage, place: carla.Location, distance_m: float, name: str = "") -> None:
        """Take place and distance."""
        super().__init__(stage, name)
        self._place = place
        self._distance_m = distance_m

    def update(self) -> Status:
        """Compare the straight distance."""
        return _done(self.stage.ego_location.distance(self._place) > self._distance_m)


class EgoArrives(Node):
    """Done when the ego would reach a place within a time at its present speed."""

    def __init__(self, stage: Stage, place: carla.Location, time_s: float, name: str = "") -> None:
        """Take place and time."""
        super().__init__(stage, name)
        self._place = place
        self._time_s = time_s

    def update(self) -> Status:
        """Divide the straight distance by the speed."""
        speed = self.stage.ego_speed_mps
        if speed < _STANDING_MPS:
            return Status.RUNNING
        return _done(self.stage.ego_location.distance(self._place) / speed < self._time_s)


class EgoPassed(Node):
    """Done when the ego is in front of a pose and, if asked for, not farther than a distance from it."""

    def __init__(self, stage: Stage, place: carla.Transform, within_m: float | None = None, name: str = "") -> None:
        """Take the pose whose forward direction counts."""
        super().__init__(stage, name)
        self._place = place
        self._within_m = within_m

    def update(self) -> Status:
        """Compare."""
        location = self.stage.ego_location
        if self._within_m is not None and location.distance(self._place.location) >= self._within_m:
            return Status.RUNNING
        return _done(is_ahead(self._place, location))


class EgoInFrontOf(Node):
    """Done when the ego is in front of an actor."""

    def __init__(self, stage: Stage, actor: carla.Actor, name: str = "") -> None:
        """Take the actor."""
        super().__init__(stage, name)
        self._actor = actor

    def update(self) -> Status:
        """Compare with the actor's present pose."""
        return _done(is_ahead(self.stage.pool.transform(self._actor), self.stage.ego_location))


class Overtaken(Node):
    """Done when one vehicle is ahead of another by half of both lengths, measured along the other's lane."""

    def __init__(
        self,
        stage: Stage,
        slower: carla.Actor,
        faster: carla.Actor,
        within_m: float | None = None,
        name: str = "",
    ) -> None:
        """Take both; either may be the ego.

        Args:
            stage: What all scenarios share.
            slower: The one that is overtaken.
            faster: The one that gets ahead.
            within_m: Farthest that it may be from the place half of both lengths ahead of the slower one.
            name: Name of the node.
        """
        super().__init__(stage, name)
        self._slower = slower
        self._faster = faster
        self._within_m = within_m
        self._length_m = slower.bounding_box.extent.x + faster.bounding_box.extent.x

    def update(self) -> Status:
        """Compare with the lane ahead of the slower one."""
        pool = self.stage.pool
        places = self.stage.map.get_waypoint(pool.location(self._slower)).next(self._length_m)
        if not places:
            return Status.RUNNING
        ahead, location = places[0].transform, pool.location(self._faster)
        if self._within_m is not None and location.distance(ahead.location) >= self._within_m:
            return Status.RUNNING
        return _done(is_ahead(ahead, location))


class JunctionLeft(Node):
    """Done when the ego has been in a junction and is out again."""

    def __init__(self, stage: Stage, junction_id: int | None = None, name: str = "") -> None:
        """Take the id of the junction; None for any."""
        super().__init__(stage, name)
        self._junction_id = junction_id
        self._inside = False

    def initialise(self) -> None:
        """Wait for the entry."""
        self._inside = False

    def update(self) -> Status:
        """Compare the lane under the ego."""
        waypoint = self.stage.ego_waypoint
        is_inside = bool(waypoint.is_junction)
        if self._inside:
            return _done(not is_inside)
        self._inside = is_inside and (self._junction_id is None or waypoint.junction_id == self._junction_id)
        return Status.RUNNING


class Drive(Node):
    """Done when the ego, or another actor, has driven a distance."""

    def __init__(self, stage: Stage, distance_m: float, actor: carla.Actor | None = None, name: str = "") -> None:
        """Take the distance; without an actor it is the ego's."""
        super().__init__(stage, name)
        self._distance_m = distance_m
        self._actor = actor
        self._last: carla.Location | None = None
        self._driven_m = 0.0

    def initialise(self) -> None:
        """Start to count."""
        self._last = self._place()
        self._driven_m = 0.0

    def update(self) -> Status:
        """Add the step of this tick."""
        place = self._place()
        assert self._last is not None
        self._driven_m += place.distance(self._last)
        self._last = place
        return _done(self._driven_m > self._distance_m)

    def _place(self) -> carla.Location:
        return self.stage.ego_location if self._actor is None else self.stage.pool.location(self._actor)


class ScenarioTimeout(Node):
    """Ends a scenario that the ego does not get through; while it waits, standing still is not judged."""

    def __init__(
        self,
        stage: Stage,
        scenario_name: str,
        seconds: float = SCENARIO_TIMEOUT_S,
        *,
        is_judged: bool = True,
        name: str = "",
    ) -> None:
        """Take the name that the event will carry; without ``is_judged`` there is none."""
        super().__init__(stage, name)
        self._is_judged = is_judged
        self._scenario_name = scenario_name
        self._seconds = seconds
        self._start_s = 0.0
        self._is_running = False

    def initialise(self) -> None:
        """Start to count, and pause the criterion for standing still."""
        self._start_s = self.stage.time_s
        self._is_running = True
        self.stage.pause_blocked()

    def update(self) -> Status:
        """Report the event when the time is over."""
        if self.stage.time_s - self._start_s <= self._seconds:
            return Status.RUNNING
        message = f"The scenario {self._scenario_name} was not solved within {self._seconds:.0f} seconds"
        if self._is_judged:
            self.stage.criteria.report(EventType.SCENARIO_TIMEOUT, message, {}, self.stage.frame)
        return Status.SUCCESS

    def terminate(self, new_status: Status) -> None:
        """Judge standing still again."""
        if self._is_running:
            self._is_running = False
            self.stage.resume_blocked()
