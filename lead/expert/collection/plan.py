"""Which routes a collection drives, in which order, with which seeds: drawn once, the same on every start."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lead.dataset.layout import NO_SCENARIO
from lead.errors import LeadError
from lead.evaluation.tasks import RouteTask
from lead.routes.model import Route
from lead.routes.reader import read_routes

SEEDS_PER_REPETITION = 1_000_000
SHUFFLE_SEED = 42
PER_CLASS = 40


class CollectionError(LeadError):
    """A collection cannot be planned or started as asked."""


@dataclass(frozen=True)
class Selection:
    """Which of the routes are driven.

    Attributes:
        per_class: Routes per class of their first scenario; 0 for all.
        excluded: Scenario classes and folder names that are left out.
        repetitions: How often each route is driven, each time with another seed.
        first_repetition: Number of the first repetition; seeds count from a million times it.
        seed: Seed of the order.
    """

    per_class: int = PER_CLASS
    excluded: frozenset[str] = frozenset()
    repetitions: int = 1
    first_repetition: int = 0
    seed: int = SHUFFLE_SEED


def scenario_folder(route: Route) -> str:
    """Return the class of a route's first scenario, or the name for routes without one."""
    return route.scenarios[0].type if route.scenarios else NO_SCENARIO


def plan_collection(source: Path, selection: Selection) -> list[RouteTask]:
    """List what is driven.

    Args:
        source: A route file, or a folder that is searched for route files.
        selection: Which of them.

    Returns:
        Tasks in a shuffled order: an interrupted collection has something of everything.

    Raises:
        CollectionError: If there is nothing to drive or two routes have the same name.
        RouteError: If a file cannot be read.
    """
    files = [source] if source.is_file() else sorted(source.rglob("*.xml"))
    if not files:
        raise CollectionError(f"there are no route files in {source}")
    order = random.Random(selection.seed)
    routes = [(path, route, len(own)) for path in files for own in [read_routes(path)] for route in own]
    order.shuffle(routes)
    kept = _limited([entry for entry in routes if not _is_excluded(source, *entry[:2], selection.excluded)], selection)
    if not kept:
        raise CollectionError(f"no route of {source} is left: {', '.join(sorted(selection.excluded))} are excluded")
    order.shuffle(kept)
    tasks: list[RouteTask] = []
    for repetition in range(selection.first_repetition, selection.first_repetition + selection.repetitions):
        for number, (path, route, count) in enumerate(kept):
            name = path.stem if count == 1 else f"{path.stem}-{route.id}"
            seed = SEEDS_PER_REPETITION * repetition + number
            tasks.append(RouteTask(route, path, repetition, len(tasks), seed, name))
    _refuse_twins(tasks)
    return tasks


def _is_excluded(source: Path, path: Path, route: Route, excluded: frozenset[str]) -> bool:
    """Tell whether a class of the route, or a folder on the way to its file, is left out."""
    way = path.relative_to(source).parts if path != source else ()
    return not excluded.isdisjoint({*way, *(scenario.type for scenario in route.scenarios), scenario_folder(route)})


def _limited(routes: Sequence[tuple[Path, Route, int]], selection: Selection) -> list[tuple[Path, Route, int]]:
    """Keep so many routes of each class, those that come first."""
    if not selection.per_class:
        return list(routes)
    counts: Counter[str] = Counter()
    kept = []
    for entry in routes:
        kind = scenario_folder(entry[1])
        counts[kind] += 1
        if counts[kind] <= selection.per_class:
            kept.append(entry)
    return kept


def _refuse_twins(tasks: Sequence[RouteTask]) -> None:
    for key, count in Counter(task.key for task in tasks).items():
        if count > 1:
            raise CollectionError(
                f"{count} routes would be recorded under the name {key}; give their files different names"
            )
