"""Background traffic without rules: a number of Traffic Manager cars near the route, which scenarios cannot move."""

from __future__ import annotations

import logging
from collections.abc import Callable

import carla

from lead.scenarios.stage import Stage
from lead.scenarios.traffic.plain_cars import places_near, spawn_cars

LOG = logging.getLogger(__name__)


class PlainTraffic:
    """Cars that are spawned once and then left to the Traffic Manager.

    Attributes:
        ids: Their actor ids.
    """

    def __init__(self, stage: Stage, count: int) -> None:
        """Spawn the cars; fewer if the map has no more room near the route."""
        self._stage = stage
        places = places_near(stage.map, stage.dense)[:count]
        self.ids = spawn_cars(
            stage.client,
            stage.world,
            places,
            int(stage.traffic_manager.get_port()),
            str(stage.ego.type_id),
            lambda choices: choices[stage.rng.randint(len(choices))],
        )
        LOG.info("spawned %d of %d traffic vehicles", len(self.ids), count)

    def tick(self) -> None:
        """Leave the cars alone; messages of scenarios ask in vain."""

    def close(self) -> None:
        """Destroy the cars."""
        commands = [carla.command.DestroyActor(number) for number in self.ids]
        self._stage.client.apply_batch_sync(commands, False)
        self.ids = []


def make_plain_traffic(count: int) -> Callable[[Stage], PlainTraffic | None]:
    """Return what :class:`lead.scenarios.engine.Engine` takes as ``traffic``.

    Args:
        count: Number of cars; 0 leaves the roads empty, and the Traffic Manager is not started.
    """
    return lambda stage: PlainTraffic(stage, count) if count else None
