"""The linter for route files: everything wrong with them in one pass, and statistics of what they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lead.routes.findings import FileCheck, Finding, Severity
from lead.routes.lint_xml import check_text
from lead.routes.model import RouteError

Progress = Callable[[int, int], None]
"""Told how many routes are done, and how many there are."""


@dataclass
class LintStatistics:
    """What the files hold.

    Attributes:
        files: Number of files.
        routes: Number of routes.
        scenarios: Number of scenarios.
        towns: Number of routes per town.
        lengths_m: Length of every route with key points: traced where a map was at hand, else between key points.
        traced: How many of them were traced.
    """

    files: int = 0
    routes: int = 0
    scenarios: int = 0
    towns: Counter[str] = field(default_factory=Counter)
    lengths_m: list[float] = field(default_factory=list)
    traced: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON data with the spread of the lengths."""
        lengths = np.array(self.lengths_m, dtype=np.float64)
        spread = {
            "total": lengths.sum(),
            "min": lengths.min() if len(lengths) else 0.0,
            "median": np.median(lengths) if len(lengths) else 0.0,
            "max": lengths.max() if len(lengths) else 0.0,
        }
        return {
            "files": self.files,
            "routes": self.routes,
            "scenarios": self.scenarios,
            "towns": dict(sorted(self.towns.items())),
            "traced": self.traced,
            "length_m": {name: round(float(value), 1) for name, value in spread.items()},
        }


@dataclass(frozen=True)
class LintReport:
    """Result of linting.

    Attributes:
        findings: By file in the order given, by line inside a file.
        statistics: What the files hold.
    """

    findings: tuple[Finding, ...]
    statistics: LintStatistics

    def count(self, severity: Severity) -> int:
        """Return the number of findings of a severity."""
        return sum(finding.severity is severity for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {
            "errors": self.count(Severity.ERROR),
            "warnings": self.count(Severity.WARNING),
            "statistics": self.statistics.as_json(),
            "findings": [finding.as_json() for finding in self.findings],
        }


def route_files(paths: Iterable[Path]) -> list[Path]:
    """List the files that paths stand for: themselves, or every XML file below a folder, sorted.

    Raises:
        RouteError: If a path does not exist, or a folder holds no XML file.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = sorted(path.rglob("*.xml"))
            if not found:
                raise RouteError(f"there is no XML file in {path}")
            files += found
        elif path.exists():
            files.append(path)
        else:
            raise RouteError(f"route file {path} does not exist")
    return list(dict.fromkeys(files))


def lint(paths: Iterable[Path], *, maps: bool = True, progress: Progress | None = None) -> LintReport:
    """Check route files.

    Args:
        paths: Files and folders.
        maps: Compare the routes with the maps of their towns.
        progress: Called after every route.

    Returns:
        All findings and the statistics.

    Raises:
        RouteError: If a path does not exist or a folder holds no XML file.
    """
    checks = [check_text(path) for path in route_files(paths)]
    _check_ids_of_folders(checks)
    statistics = LintStatistics(files=len(checks))
    # One town after the other, so that every large map is loaded only once.
    jobs = [(check, route) for check in checks for route in check.routes]
    jobs.sort(key=lambda job: job[1].town or "")
    checker = None
    if maps:
        from lead.routes.lint_maps import MapChecker  # carla is slow to import and not needed without maps

        checker = MapChecker()
    for done, (check, route) in enumerate(jobs):
        length_m = checker.check(check, route) if checker is not None else None
        statistics.traced += length_m is not None
        if length_m is None:
            length_m = route.straight_length_m
        if length_m is not None:
            statistics.lengths_m.append(length_m)
        statistics.towns[route.town or "?"] += 1
        if progress is not None:
            progress(done + 1, len(jobs))
    statistics.routes = len(jobs)
    statistics.scenarios = sum(check.scenario_count for check in checks)
    findings = [finding for check in checks for finding in sorted(check.findings, key=lambda item: item.line)]
    return LintReport(tuple(findings), statistics)


def _check_ids_of_folders(checks: list[FileCheck]) -> None:
    """Warn about ids that several files of one folder share: result files and dashboards mix such routes up."""
    users: dict[tuple[Path, str], list[FileCheck]] = {}
    for check in checks:
        for route_id in dict.fromkeys(route.id for route in check.routes):
            users.setdefault((check.path.parent, route_id), []).append(check)
    for (_, route_id), sharing in users.items():
        if len(sharing) > 1 and route_id != "?":
            names = ", ".join(check.path.name for check in sharing[:4]) + (", ..." if len(sharing) > 4 else "")
            message = f"{len(sharing)} files of this folder have a route with the id {route_id}: {names}"
            sharing[0].warn("shared-id", message, 0, route_id)
