"""Dormant actors of large maps: what is far from the hero sleeps, as in CARLA.

CARLA streams large maps in tiles around the hero. Vehicles and walkers farther than ``actor_active_distance`` keep
their place but lose physics and sensors until the hero comes near again. Without a hero nothing sleeps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.simulator.world.actors import Actor
from lead.simulator.world.layout import ActorState
from lead.simulator.world.vehicles import VehicleFleet
from lead.simulator.world.walkers import WalkerCrowd

LARGE_TOWNS = frozenset({"Town11", "Town12", "Town13"})
"""Towns that CARLA streams in tiles."""

_HERO_ROLES = ("hero", "ego_vehicle")


def find_hero(actors: list[Actor]) -> Actor | None:
    """The vehicle whose role makes it the centre of the streamed world; the first one spawned, if there are several."""
    for role in _HERO_ROLES:
        for actor in actors:
            if actor.attributes.get("role_name") == role:
                return actor
    return None


class Dormancy:
    """Puts far actors to sleep and wakes near ones, once per tick.

    Args:
        town: Name of the map.
        fleet: Vehicles.
        crowd: Walkers.
    """

    def __init__(self, town: str, fleet: VehicleFleet, crowd: WalkerCrowd) -> None:
        self._large = town in LARGE_TOWNS
        self._fleet = fleet
        self._crowd = crowd
        self._hero: Actor | None = None
        self._seen = -1

    def step(self, active_distance_m: float) -> None:
        """Update every vehicle's and walker's state for the coming tick."""
        if not self._large:
            return
        table = self._fleet.table
        if table.generation != self._seen:
            self._seen = table.generation
            self._hero = find_hero(table.actors)
        if self._hero is None:
            for group in (self._fleet, self._crowd):
                _set_awake(group, np.ones(len(group), bool))
            return
        center = self._fleet.column("position")[self._hero.row]
        for group in (self._fleet, self._crowd):
            gap = group.column("position") - center
            _set_awake(group, (gap * gap).sum(axis=1) <= active_distance_m**2)


def _set_awake(group: VehicleFleet | WalkerCrowd, awake: NDArray[np.bool_]) -> None:
    np.copyto(group.column("awake"), awake)
    group.table.records["state"] = np.where(awake, ActorState.ACTIVE, ActorState.DORMANT)
