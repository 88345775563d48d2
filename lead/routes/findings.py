"""What a linter says: findings with severity and place, and the parts of a route that could be read despite them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, cast

import numpy as np
from lxml import etree
from numpy.typing import NDArray

from lead.routes.model import TriggerPoint


class Severity(Enum):
    """Errors keep a route from being driven as written; warnings are drivable but hardly meant."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One problem of a route file.

    Attributes:
        severity: How bad it is.
        code: Kind of problem in one word with dashes, stable between versions.
        message: One sentence.
        path: The file.
        line: Line of the element, from 1; 0 if the whole file is meant.
        route_id: Route the problem belongs to, if any.
    """

    severity: Severity
    code: str
    message: str
    path: Path
    line: int = 0
    route_id: str | None = None

    @property
    def place(self) -> str:
        """File and line as editors understand them."""
        return f"{self.path}:{self.line}" if self.line else str(self.path)

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        data = {**self.__dict__, "severity": self.severity.value, "path": str(self.path)}
        return {name: value for name, value in data.items() if value not in (None, 0)}


@dataclass(frozen=True)
class LooseTrigger:
    """Trigger of a scenario, read without judging the rest of the scenario."""

    scenario: str
    point: TriggerPoint
    line: int


@dataclass(frozen=True)
class LooseRoute:
    """The parts of a route that the map checks need.

    Attributes:
        id: Text id, "?" if missing.
        town: Short town name, None if missing.
        line: Line of the route element.
        keypoints: (n, 3) float64, n >= 2, world frame, metres; None if a number is bad or there are fewer than two.
        triggers: Triggers of the scenarios that have a readable one.
    """

    id: str
    town: str | None
    line: int
    keypoints: NDArray[np.float64] | None
    triggers: tuple[LooseTrigger, ...]

    @property
    def straight_length_m(self) -> float | None:
        """Summed straight distance between key points in metres, None without key points."""
        if self.keypoints is None:
            return None
        return float(np.linalg.norm(np.diff(self.keypoints, axis=0), axis=1).sum())


@dataclass
class FileCheck:
    """Findings and routes of one file; checks append to it.

    Attributes:
        path: The file.
        findings: Problems in the order found.
        routes: Routes in file order.
        scenario_count: Number of scenario elements.
    """

    path: Path
    findings: list[Finding] = field(default_factory=list)
    routes: list[LooseRoute] = field(default_factory=list)
    scenario_count: int = 0

    def error(self, code: str, message: str, line: int = 0, route_id: str | None = None) -> None:
        """Note an error."""
        self.findings.append(Finding(Severity.ERROR, code, message, self.path, line, route_id))

    def warn(self, code: str, message: str, line: int = 0, route_id: str | None = None) -> None:
        """Note a warning."""
        self.findings.append(Finding(Severity.WARNING, code, message, self.path, line, route_id))


def line_of(element: etree._Element) -> int:
    """Return the line on which an element starts, 0 if unknown."""
    return cast("int | None", element.sourceline) or 0


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint such as "; the nearest is 'weather'", empty if nothing comes close."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; the nearest is {close[0]!r}" if close else ""
