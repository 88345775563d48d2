"""The privileged view of scenarios for experts: what is going on, with which actors, and where.

Every scenario leaves a record here while it exists. Experts keep their own notes in a record's ``memory``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import carla

from lead.scenarios.actor_pool import ActorPool


@dataclass(eq=False)
class ActiveScenario:
    """One scenario.

    Attributes:
        name: Class of the scenario.
        scenario_id: Number of the scenario, unique in an episode.
        trigger: Pose at which it starts.
        first_actor: Actor that the ego meets first; None if it has none.
        last_actor: Actor that it meets last.
        is_triggered: The ego has reached the trigger.
        memory: What the scenario tells (keys of the class: lanes, offsets, lists of actors) and what an expert notes.
    """

    name: str
    scenario_id: int
    trigger: carla.Transform
    first_actor: carla.Actor | None = None
    last_actor: carla.Actor | None = None
    is_triggered: bool = False
    memory: dict[str, Any] = field(default_factory=dict)


class ActiveScenarios:
    """All records, nearest first.

    Attributes:
        previous: The record that an expert put aside last; None if there is none.
    """

    def __init__(self, pool: ActorPool, ego_location: Callable[[], carla.Location]) -> None:
        """Start empty."""
        self._pool = pool
        self._ego_location = ego_location
        self._records: list[ActiveScenario] = []
        self.previous: ActiveScenario | None = None

    @property
    def records(self) -> list[ActiveScenario]:
        """All records, sorted by distance of the ego from the nearer of first and last actor; those without last."""
        return list(self._records)

    @property
    def current(self) -> ActiveScenario | None:
        """The nearest record; None if there is none."""
        return self._records[0] if self._records else None

    def add(self, record: ActiveScenario) -> None:
        """Take up a record."""
        self._records.append(record)

    def remove(self, record: ActiveScenario) -> None:
        """Drop a record; nothing happens if it is not there."""
        if record in self._records:
            self._records.remove(record)

    def finish(self, record: ActiveScenario) -> None:
        """Put a record aside because its scenario is solved; for experts."""
        self.remove(record)
        self.previous = record

    def update(self) -> None:
        """Drop records whose actors are gone, and sort the others."""
        for record in list(self._records):
            actors = [actor for actor in (record.first_actor, record.last_actor) if actor is not None]
            if any(not self._pool.is_alive(actor) for actor in actors):
                self.remove(record)
        place = self._ego_location()
        self._records.sort(key=lambda record: self._distance_m(record, place))

    def _distance_m(self, record: ActiveScenario, place: carla.Location) -> float:
        actors = [actor for actor in (record.first_actor, record.last_actor) if actor is not None]
        return min((self._pool.location(actor).distance(place) for actor in actors), default=math.inf)
