"""Collisions, counted once per encounter.

Contacts arrive on a thread of the client, sooner or later than the tick's other data. They are counted one tick late
and with the ego's state of their own frame, so that the race decides nothing and drives repeat exactly.
"""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue
from typing import ClassVar

import carla
import numpy as np
from numpy.typing import NDArray

from lead.evaluation.criteria.base import STANDSTILL_MPS, Criterion
from lead.evaluation.observation import Observation
from lead.scoring.penalties import EventType

SAME_ACTOR_S = 5.0
SAME_PLACE_M = 5.0
LAST_EVENTS_S = 0.05
"""How long the end of a drive waits for contacts that are still on their way."""


class Collision(Criterion):
    """Collisions of the moving ego with vehicles, walkers and static things.

    A further contact belongs to the last one while the ego is within 5 m of its place, and, if it is with the same
    actor, for 5 s.
    """

    name: ClassVar[str] = "CollisionTest"

    def __init__(self) -> None:
        """Create the criterion; feed it with :meth:`on_event`."""
        super().__init__()
        self._queue: SimpleQueue[tuple[int, int, str]] = SimpleQueue()
        self._waiting: list[tuple[int, int, str]] = []
        self._last: Observation | None = None
        self._place: NDArray[np.float64] | None = None
        self._actor_id = 0
        self._time_s = 0.0

    def on_event(self, event: carla.CollisionEvent) -> None:
        """Receive a collision from the sensor's thread."""
        self._queue.put((int(event.frame), int(event.other_actor.id), str(event.other_actor.type_id)))

    def update(self, observation: Observation) -> None:
        """Count what the sensor has reported of the tick before."""
        if self._last is not None:
            self._count_until(self._last)
        self._last = observation

    def finish(self) -> None:
        """Count the contacts of the last tick."""
        if self._last is not None:
            time.sleep(LAST_EVENTS_S)
            self._count_until(self._last)

    def _count_until(self, observation: Observation) -> None:
        """Count the contacts up to the frame of an observation."""
        location = observation.ego.location
        if self._place is not None and float(np.linalg.norm(location - self._place)) > SAME_PLACE_M:
            self._place = None
        if self._actor_id and observation.time_s - self._time_s > SAME_ACTOR_S:
            self._actor_id = 0
        while True:
            try:
                self._waiting.append(self._queue.get_nowait())
            except Empty:
                break
        due = [contact for contact in self._waiting if contact[0] <= observation.frame]
        self._waiting = [contact for contact in self._waiting if contact[0] > observation.frame]
        for _, actor_id, type_id in sorted(due):
            self._count(actor_id, type_id, observation)

    def _count(self, actor_id: int, type_id: str, observation: Observation) -> None:
        is_same = self._place is not None or actor_id == self._actor_id != 0
        if is_same or observation.ego.planar_speed_mps < STANDSTILL_MPS:
            return
        self._place, self._time_s = observation.ego.location, observation.time_s
        if actor_id:
            # All parts of the map have the id 0, so it tells nothing.
            self._actor_id = actor_id
        kind = _collision_kind(type_id)
        if kind is not None:
            self._report(kind, observation, f"Agent hit an object of type={type_id} with id={actor_id}")


def _collision_kind(type_id: str) -> EventType | None:
    if ("static" in type_id or "traffic" in type_id) and "sidewalk" not in type_id:
        return EventType.COLLISION_STATIC
    if "vehicle" in type_id:
        return EventType.COLLISION_VEHICLE
    if "walker" in type_id:
        return EventType.COLLISION_PEDESTRIAN
    return None
