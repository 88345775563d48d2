"""Sampling over several towns and classes, and the files that come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lead.maps.towns import installed_towns
from lead.routes.sampler.errors import SamplerError
from lead.routes.sampler.finders import ALL, LEADERBOARD, NO_SCENARIO, check_class, class_names, leaderboard_names
from lead.routes.sampler.sampler import Outcome, Wishes, sample
from lead.routes.sampler.survey import check_town, survey_town
from lead.routes.sampler.weathers import check_weather
from lead.routes.sampler.writer import check_free, routes_xml, write_routes

Progress = Callable[[str, int, int], None]
"""Told the town and class at work, how many of them are done, and how many there are."""


@dataclass(frozen=True)
class Target:
    """Where routes are written.

    Attributes:
        folder: Folder for one file per route.
        single_file: One file for all routes instead; None for the folder.
        force: Existing files may be replaced.
    """

    folder: Path
    single_file: Path | None = None
    force: bool = False


def sample_towns(
    towns: Sequence[str], kinds: Sequence[str], wishes: Wishes, progress: Progress | None = None
) -> Iterator[Outcome]:
    """Make routes of every class on every town, one town after the other.

    Args:
        towns: Names, or "all" for the installed ones.
        kinds: Scenario classes, "noScenario", or "all".
        wishes: How many routes per class and town, and what kind of.
        progress: Called before every class.

    Yields:
        One outcome per town and class; towns in the order of the catalogue, classes sorted.

    Raises:
        SamplerError: If a town or class is unknown, or no town is installed.
        WeatherError: If the weather is unknown.
    """
    chosen_towns, chosen_kinds = _towns(towns), expanded_kinds(kinds)
    check_weather(wishes.weather)
    total = len(chosen_towns) * len(chosen_kinds)
    done = 0
    for town in chosen_towns:
        for kind in chosen_kinds:
            if progress is not None:
                progress(f"{town} {kind}", done, total)
            yield sample(survey_town(town), kind, wishes)
            done += 1


def write_outcomes(outcomes: Sequence[Outcome], target: Target) -> list[Path]:
    """Write routes to files named by class, town, seed and number, or to one file.

    Returns:
        The files.

    Raises:
        SamplerError: If a file is there already, or cannot be written.
    """
    routes = [route for outcome in outcomes for route in outcome.routes]
    if not routes:
        return []
    if target.single_file is not None:
        check_free([target.single_file], target.force)
        write_routes(target.single_file, routes_xml(routes))
        return [target.single_file]
    files = {target.folder / f"{route.id}.xml": route for route in routes}
    check_free(files, target.force)
    for path, route in files.items():
        write_routes(path, routes_xml([route]))
    return list(files)


def _towns(names: Sequence[str]) -> list[str]:
    known = installed_towns()
    if ALL not in names:
        wanted = {check_town(name) for name in names}
        return [town for town in known if town in wanted]
    if not known:
        raise SamplerError("no town is installed; run `lead towns install`")
    return known


def expanded_kinds(names: Sequence[str]) -> list[str]:
    """Return the classes that names stand for, sorted.

    Args:
        names: Classes, "leaderboard" for those that not only Fail2Drive has, "all" for all.

    Raises:
        SamplerError: If no routes can be made for one.
    """
    if ALL in names:
        return class_names()
    common = {*leaderboard_names(), NO_SCENARIO} if LEADERBOARD in names else set()
    return sorted(common | {check_class(name) for name in names if name != LEADERBOARD})
