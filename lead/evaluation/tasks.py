"""What a supervisor works through: routes to drive, and what came of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from lead.routes.model import Route
from lead.scoring.endpoint import route_stem
from lead.scoring.records import RouteRun


@dataclass(frozen=True)
class RouteTask:
    """One route to drive once.

    Attributes:
        route: The route.
        routes_file: File it comes from.
        repetition: Index of the repetition.
        index: Position in the evaluation.
        seed: Seed of traffic and sensors.
        name: Id of the route in file names; unlike the route's own id it is unique in a folder of route files.
    """

    route: Route
    routes_file: Path
    repetition: int
    index: int
    seed: int
    name: str

    @property
    def stem(self) -> str:
        """Stem of the route's own files."""
        return route_stem(self.name, self.repetition)

    @property
    def route_id(self) -> str:
        """Id in result records."""
        return f"RouteScenario_{self.route.id}_rep{self.repetition}"

    @property
    def key(self) -> str:
        """Identity within an evaluation."""
        return self.stem


@dataclass(frozen=True)
class TaskResult:
    """What came of a task.

    Attributes:
        task: The task.
        run: Measurements, with the reason of a failure.
        infrastructure_failure: True if simulator or machine failed in every attempt.
        attempts: Number of attempts.
        explanation: One sentence about a failure, empty otherwise.
        sensor_types: Blueprint ids of the agent's sensors.
        scenarios: "none", "driven" or "ignored".
        simulator: Name and version.
        started: Wall-clock time of the first attempt.
        first_tick_s: Wall time from the start to the first step, last attempt.
        wall_s: Wall time of all attempts.
        failures: Explanation of every attempt that was repeated.
    """

    task: RouteTask
    run: RouteRun
    infrastructure_failure: bool
    attempts: int
    explanation: str
    sensor_types: tuple[str, ...]
    scenarios: str
    simulator: str
    started: datetime
    first_tick_s: float
    wall_s: float
    failures: tuple[str, ...] = field(default=())


def make_tasks(
    files: Sequence[tuple[Path, Sequence[Route]]], repetitions: int, seed: int, seeds: Sequence[int] | None = None
) -> list[RouteTask]:
    """List the tasks of an evaluation.

    Args:
        files: Route files with the routes wanted from each.
        repetitions: How often to drive every route.
        seed: Seed of the first repetition; every further one takes the next number.
        seeds: Seed of the first repetition by route, in the order of the routes; None takes ``seed`` for all.

    Returns:
        Tasks in the official order: all repetitions of a route, then those of the next.
    """
    routes = [
        (path, route, path.stem if len(found) == 1 and len(files) > 1 else route.id)
        for path, found in files
        for route in found
    ]
    own = list(seeds) if seeds is not None else [seed] * len(routes)
    tasks: list[RouteTask] = []
    for (path, route, name), first in zip(routes, own, strict=True):
        for repetition in range(repetitions):
            tasks.append(RouteTask(route, path, repetition, len(tasks), first + repetition, name))
    return tasks
