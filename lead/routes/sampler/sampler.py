"""The sampler: tries the places of a town in random order until enough of them have become routes.

Everything is drawn from generators that are seeded by the seed, the town and the class, so that the routes of a class
do not depend on what else is asked for, and fewer routes are the first of more.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from lead.routes.model import Route, TriggerPoint
from lead.routes.sampler.assemble import Draft, assemble
from lead.routes.sampler.draws import Range
from lead.routes.sampler.errors import SamplerError, UnfitError
from lead.routes.sampler.finders import finders
from lead.routes.sampler.place import JunctionSite, Place, RoadFinder, RoadSite
from lead.routes.sampler.survey import TownSurvey
from lead.routes.sampler.weathers import RANDOM, draw_weather

LENGTHS_M: Range = (100.0, 400.0)
"""Usual lengths of sampled routes."""
SLICE_M = 40.0
"""Lanes are looked at once per so many metres."""
PASSES = 3
"""Every place is tried so often, with other draws, before there are no more routes."""
APART_M = 5.0
"""Triggers of the same class are at least so far from each other."""
REASONS = 3
"""So many reasons are given why there is no place."""
_WEATHER_STREAM = 1


@dataclass(frozen=True)
class Wishes:
    """What all routes of a run have in common.

    Attributes:
        count: Routes per class and town.
        seed: Seed.
        lengths_m: Shortest and longest route.
        weather: See :func:`lead.routes.sampler.weathers.draw_weather`.
    """

    count: int
    seed: int
    lengths_m: Range = LENGTHS_M
    weather: str = RANDOM

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            SamplerError: If they make no sense.
        """
        if self.count < 1:
            raise SamplerError(f"the number of routes must be at least 1, not {self.count}")
        if self.seed < 0:
            raise SamplerError(f"the seed must not be negative, as {self.seed} is")
        if not 20.0 <= self.lengths_m[0] <= self.lengths_m[1]:
            raise SamplerError(
                f"routes from {self.lengths_m[0]:g} to {self.lengths_m[1]:g} m cannot be made: the shortest must be at "
                "least 20 m and not longer than the longest"
            )


@dataclass(frozen=True)
class Outcome:
    """Routes of one class on one town.

    Attributes:
        town: The town.
        kind: Scenario class, or "noScenario".
        routes: As many as were asked for, or as there are.
        reason: Why there are fewer, one sentence; None if there are enough.
    """

    town: str
    kind: str
    routes: tuple[Route, ...]
    reason: str | None


def sample(survey: TownSurvey, kind: str, wishes: Wishes) -> Outcome:
    """Make the routes of one class on one town.

    Args:
        survey: The town.
        kind: Scenario class, or "noScenario".
        wishes: How many, and what kind of.

    Raises:
        KeyError: If there is no finder for the class.
    """
    rejected: Counter[str] = Counter()
    drafts: list[Draft] = []
    for draft in _drafts(survey, kind, wishes, rejected):
        drafts.append(draft)
        if len(drafts) == wishes.count:
            break
    routes = tuple(_route(survey.town, kind, number, draft, wishes) for number, draft in enumerate(drafts))
    reason = _reason(survey.town, kind, len(drafts), rejected) if len(drafts) < wishes.count else None
    return Outcome(survey.town, kind, routes, reason)


def route_name(kind: str, town: str, seed: int, number: int) -> str:
    """Return id and file stem of a sampled route."""
    return f"{kind}_{town}_{seed}_{number:04d}"


def _drafts(survey: TownSurvey, kind: str, wishes: Wishes, rejected: Counter[str]) -> Iterator[Draft]:
    """Yield routes as long as there are places; counts why the first pass left places out."""
    rng = np.random.default_rng(_entropy(wishes.seed, survey.town, kind))
    used: list[TriggerPoint] = []
    for number in range(PASSES):
        found = 0
        reasons = rejected if number == 0 else Counter()
        for look in _looks(survey, kind, rng):
            try:
                draft = assemble(survey, kind, look(), wishes.lengths_m, rng)
            except UnfitError as error:
                reasons[str(error)] += 1
                continue
            triggers = [scenario.trigger for scenario in draft.scenarios]
            if any(_is_near(trigger, other) for trigger in triggers for other in used):
                continue
            used += triggers
            found += 1
            yield draft
        if not found:
            return


def _looks(survey: TownSurvey, kind: str, rng: np.random.Generator) -> Iterator[Callable[[], Place]]:
    """Yield, in random order, functions that look at one site each."""
    finder = finders()[kind]
    if isinstance(finder, RoadFinder):
        slices = survey.slices(SLICE_M)
        for index in rng.permutation(len(slices)):
            key, low, high = slices[index]
            waypoint = survey.waypoint(key, float(rng.uniform(low, high)))
            if waypoint is not None and not waypoint.is_junction:
                yield partial(finder.find, RoadSite(survey, kind, rng, waypoint))
    else:
        for index in rng.permutation(len(survey.passages)):
            yield partial(finder.find, JunctionSite(survey, kind, rng, survey.passages[index]))


def _route(town: str, kind: str, number: int, draft: Draft, wishes: Wishes) -> Route:
    rng = np.random.default_rng([*_entropy(wishes.seed, town, kind), number, _WEATHER_STREAM])
    return Route(
        id=route_name(kind, town, wishes.seed, number),
        town=town,
        keypoints=draft.keypoints,
        weather=draw_weather(wishes.weather, rng),
        scenarios=draft.scenarios,
    )


def _reason(town: str, kind: str, made: int, rejected: Counter[str]) -> str:
    """Say why there are fewer routes than asked for."""
    needs = finders()[kind].needs
    if made:
        places = "place" if made == 1 else "places"
        return f"{town} has only {made} {places} for {kind}, which needs {needs}"
    if not rejected:
        return f"{town} has no place for {kind}, which needs {needs}"
    most = ", ".join(f"{text} ({count})" for text, count in rejected.most_common(REASONS))
    tried = sum(rejected.values())
    return f"{town} has no place for {kind}, which needs {needs}; of {tried} places tried, mostly: {most}"


def _entropy(seed: int, town: str, kind: str) -> list[int]:
    return [seed, zlib.crc32(town.encode()), zlib.crc32(kind.encode())]


def _is_near(first: TriggerPoint, second: TriggerPoint) -> bool:
    return math.dist((first.x, first.y, first.z), (second.x, second.y, second.z)) < APART_M
