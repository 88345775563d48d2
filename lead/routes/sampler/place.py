"""Places for scenarios, and the table of finders: what a place for a class must be, and how one is recognised."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import carla
import numpy as np

from lead.routes.sampler.survey import Passage, Side, TownSurvey, Turn

Attributes = Mapping[str, str]


@dataclass(frozen=True)
class Place:
    """Where a scenario can take place.

    Attributes:
        trigger: Way point at which it begins.
        anchors: Key points of the route behind the trigger, in order; the route goes on from the last one.
        parameters: Parameters of the scenario as they are written.
        way: Way points that the route must pass, from the trigger on; empty where it may choose its lane.
        turn: Where the route must lead in its first junction behind the trigger; None for anywhere.
        lane_changes: How many changes of the lane the route must have, at least.
        begins_route: The route begins at the trigger.
    """

    trigger: carla.Waypoint
    anchors: Sequence[carla.Waypoint]
    parameters: Mapping[str, Attributes] = field(default_factory=dict)
    way: Sequence[carla.Waypoint] = ()
    turn: Turn | None = None
    lane_changes: int = 0
    begins_route: bool = False


@dataclass(frozen=True)
class RoadSite:
    """A place on a road that a finder looks at.

    Attributes:
        survey: The town.
        kind: Scenario class.
        rng: Source of everything that is drawn.
        waypoint: Place on a driving lane outside junctions.
    """

    survey: TownSurvey
    kind: str
    rng: np.random.Generator
    waypoint: carla.Waypoint


@dataclass(frozen=True)
class JunctionSite:
    """A way through a junction that a finder looks at; see :class:`RoadSite`."""

    survey: TownSurvey
    kind: str
    rng: np.random.Generator
    passage: Passage

    @property
    def has_lights(self) -> bool:
        """The junction has traffic lights."""
        return self.survey.has_lights(self.passage.junction_id)

    def entries(self, side: Side) -> list[list[Passage]]:
        """Return the ways of the traffic from one side, grouped by lane of entry."""
        return self.survey.entries(self.passage, side)

    @property
    def others(self) -> list[Passage]:
        """All ways through the junction."""
        return self.survey.at_junction[self.passage.junction_id]


@dataclass(frozen=True)
class RoadFinder:
    """Recognises places on roads.

    Attributes:
        needs: What the class needs, for the sentence that says why there is no place: "a road ...".
        find: Returns a place; raises :class:`~lead.routes.sampler.errors.UnfitError` where it does not suit.
    """

    needs: str
    find: Callable[[RoadSite], Place]


@dataclass(frozen=True)
class JunctionFinder:
    """Recognises ways through junctions; see :class:`RoadFinder`."""

    needs: str
    find: Callable[[JunctionSite], Place]


FINDERS: dict[str, RoadFinder | JunctionFinder] = {}
"""Finders by scenario class; filled when :mod:`lead.routes.sampler.finders` is imported."""


def on_roads(*kinds: str, needs: str) -> Callable[[Callable[[RoadSite], Place]], Callable[[RoadSite], Place]]:
    """Register a finder for classes that take place on a road."""

    def register(find: Callable[[RoadSite], Place]) -> Callable[[RoadSite], Place]:
        FINDERS.update(dict.fromkeys(kinds, RoadFinder(needs, find)))
        return find

    return register


def at_junctions(
    *kinds: str, needs: str
) -> Callable[[Callable[[JunctionSite], Place]], Callable[[JunctionSite], Place]]:
    """Register a finder for classes that take place at a junction."""

    def register(find: Callable[[JunctionSite], Place]) -> Callable[[JunctionSite], Place]:
        FINDERS.update(dict.fromkeys(kinds, JunctionFinder(needs, find)))
        return find

    return register
