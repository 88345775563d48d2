"""The project's own route suites: which towns, seeds and classes each consists of.

The towns of the train, validation and held-out suites differ, so that a score on the last says something about new
places.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lead.routes.model import Route
from lead.routes.sampler.draws import Range
from lead.routes.sampler.errors import SamplerError
from lead.routes.sampler.finders import LEADERBOARD, NO_SCENARIO
from lead.routes.sampler.run import Progress, expanded_kinds, sample_towns
from lead.routes.sampler.sampler import Wishes


@dataclass(frozen=True)
class Suite:
    """A suite.

    Attributes:
        name: Its name, and the stem of its file.
        purpose: What it is for, one phrase.
        towns: Towns, in the order in which classes take turns.
        per_class: Routes per class, each on another town.
        seed: Seed.
        lengths_m: Shortest and longest route.
        last_resort: Towns for classes that have no place on the others.
        kinds: Classes, in the order in which they take turns; empty for all.
    """

    name: str
    purpose: str
    towns: tuple[str, ...]
    per_class: int
    seed: int
    lengths_m: Range
    last_resort: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


_EVERYDAY = (
    "Accident",
    "ConstructionObstacle",
    "DynamicObjectCrossing",
    "HardBreakRoute",
    "InvadingTurn",
    "NonSignalizedJunctionLeftTurn",
    "NonSignalizedJunctionRightTurn",
    "OppositeVehicleTakingPriority",
    "ParkedObstacle",
    "ParkingCutIn",
    "PedestrianCrossing",
    "SignalizedJunctionLeftTurn",
    "SignalizedJunctionRightTurn",
    "VanillaSignalizedTurnEncounterRedLight",
    "VehicleTurningRoutePedestrian",
    NO_SCENARIO,
)
"""Classes of what happens in every town: obstacles, walkers, turns, lights."""
_SMALL = ("Town01", "Town02", "Town03", "Town04", "Town05", "Town06", "Town07", "Town10HD")
SUITES: Mapping[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite("smoke", "every class once, on small towns where there is a place", _SMALL, 1, 1, (60, 250), ("Town12",)),
        Suite(
            "train",
            "collecting data and trying things out",
            ("Town01", "Town03", "Town04", "Town05", "Town06", "Town12"),
            4,
            100,
            (100, 400),
        ),
        Suite("validation", "choosing between models", ("Town02", "Town07", "Town10HD"), 1, 200, (100, 400)),
        Suite("heldout", "the final figure", ("Town13", "Town15"), 1, 300, (100, 400)),
        Suite(
            "heldout_short",
            "the same in minutes, to compare many policies",
            ("Town13", "Town15"),
            1,
            400,
            (60, 120),
            kinds=_EVERYDAY,
        ),
    )
}


def find_suite(name: str) -> Suite:
    """Return a suite.

    Raises:
        SamplerError: If there is none of that name.
    """
    if name not in SUITES:
        close = difflib.get_close_matches(name, SUITES, n=1, cutoff=0.0)[0]
        raise SamplerError(f"there is no suite {name!r}; the nearest is {close}")
    return SUITES[name]


def suite_routes(suite: Suite, progress: Progress | None = None) -> list[Route]:
    """Make the routes of a suite.

    Every class starts its turn at another town and goes on to the next ones until it has its routes, so that all towns
    are used about equally.

    Args:
        suite: The suite.
        progress: See :func:`lead.routes.sampler.run.sample_towns`.

    Returns:
        Routes sorted by id.
    """
    kinds = suite.kinds or expanded_kinds([LEADERBOARD])
    wishes = Wishes(1, suite.seed, suite.lengths_m)
    made = _made(suite.towns, kinds, wishes, progress)
    missing = [kind for kind in kinds if not any((kind, town) in made for town in suite.towns)]
    if missing and suite.last_resort:
        made.update(_made(suite.last_resort, missing, wishes, progress))
    chosen = []
    for turn, kind in enumerate(kinds):
        first = turn % len(suite.towns)
        order = [*suite.towns[first:], *suite.towns[:first], *suite.last_resort]
        chosen += [made[kind, town] for town in order if (kind, town) in made][: suite.per_class]
    return sorted(chosen, key=lambda route: route.id)


def _made(
    towns: Sequence[str], kinds: Sequence[str], wishes: Wishes, progress: Progress | None
) -> dict[tuple[str, str], Route]:
    """Return routes by class and town."""
    outcomes = sample_towns(towns, kinds, wishes, progress)
    return {(outcome.kind, outcome.town): route for outcome in outcomes for route in outcome.routes}
