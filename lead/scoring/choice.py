"""Which benchmark results belong to: as asked for, as their files tell, or as the names of their folders suggest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from lead.scoring.profiles import PROFILES, BenchmarkProfile, ProfileError, profile
from lead.scoring.results import Results
from lead.scoring.schema import ResultError
from lead.scoring.summary import check_profiles

_FOLDER_NAME = re.compile(r"(?P<name>bench2drive|b2d|longest6|town13|fail2drive|f2d)(?![a-z])", re.IGNORECASE)
"""Start of the folder names in which evaluations are usually kept, such as ``bench2drive_0``."""
_SHORT_NAMES: Mapping[str, str] = MappingProxyType({"b2d": "bench2drive", "f2d": "fail2drive"})


def choose_profile(results: Results, benchmark: str | None, version: str | None = None) -> BenchmarkProfile:
    """Take the benchmark asked for, or the one under which the results were driven.

    Args:
        results: Results of one evaluation.
        benchmark: Benchmark or key asked for; None goes by the results.
        version: Version asked for; None takes that of the key, of the results or the benchmark's default.

    Raises:
        ProfileError: If none was asked for and the results name none or several, or if the benchmark or version does
            not exist.
    """
    if benchmark is not None:
        return profile(benchmark, version)
    if not results.profiles:
        raise ProfileError("these files do not say which benchmark they belong to; name it with --benchmark")
    if len(results.profiles) > 1:
        names = ", ".join(sorted(results.profiles))
        raise ProfileError(f"these results were driven under different rules ({names}); score them separately")
    (key,) = results.profiles
    driven = profile(key)
    return driven if version is None else profile(driven.name, version)


def guess_profile(folder_names: Iterable[str]) -> BenchmarkProfile | None:
    """Guess the benchmark from names of folders, in its default version.

    Args:
        folder_names: Names in the order of their weight, usually from the innermost folder outwards.

    Returns:
        The benchmark of the first name that starts with one; None if none does.
    """
    for name in folder_names:
        match = _FOLDER_NAME.match(name)
        if match is not None:
            found = match["name"].lower()
            return profile(_SHORT_NAMES.get(found, found))
    return None


def fitting_profiles(results: Results) -> list[BenchmarkProfile]:
    """Return the benchmarks whose rules and number of routes do not contradict the results."""
    largest = max(len(results.of_run(run)) for run in results.runs)
    fitting = []
    for candidate in PROFILES.values():
        if candidate.route_count is not None and largest > candidate.route_count:
            continue
        try:
            check_profiles(results, candidate)
        except ResultError:
            continue
        fitting.append(candidate)
    return fitting
