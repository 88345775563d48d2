"""All finders: importing this module fills the table of :mod:`lead.routes.sampler.place`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from lead.routes.sampler import crossings, merges, obstacles, roadsides, turns
from lead.routes.sampler.errors import SamplerError
from lead.routes.sampler.place import FINDERS, JunctionFinder, RoadFinder
from lead.routes.scenario_classes import FAIL2DRIVE_CLASSES

__all__ = ["ALL", "LEADERBOARD", "NO_SCENARIO", "check_class", "class_names", "finders", "leaderboard_names"]

ALL, LEADERBOARD, NO_SCENARIO = "all", "leaderboard", "noScenario"
_MODULES = (crossings, merges, obstacles, roadsides, turns)


def finders() -> Mapping[str, RoadFinder | JunctionFinder]:
    """Return the finders by scenario class."""
    return FINDERS


def class_names() -> list[str]:
    """Return the classes for which routes can be made, sorted, and "noScenario" for routes without one."""
    return sorted(name for name in FINDERS if name != NO_SCENARIO) + [NO_SCENARIO]


def check_class(name: str) -> str:
    """Return the name of a class.

    Raises:
        SamplerError: If no routes can be made for it.
    """
    if name not in FINDERS:
        close = difflib.get_close_matches(name, FINDERS, n=1, cutoff=0.0)[0]
        raise SamplerError(f"no routes can be made for the scenario class {name!r}; the nearest is {close}")
    return name


def leaderboard_names() -> list[str]:
    """Return the classes of Leaderboard 2.0 and its relatives but not those that only Fail2Drive has, sorted."""
    return [name for name in class_names() if name not in FAIL2DRIVE_CLASSES and name != NO_SCENARIO]
