"""The routes an evaluation should have driven, read from route files; free of any map or simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lead.routes.model import Route, RouteError
from lead.routes.reader import read_routes


@dataclass(frozen=True)
class ExpectedRoute:
    """A route of the benchmark.

    Attributes:
        route: The route as in its file.
        stem: Stem of the file, which tells more than the file in Fail2Drive.
    """

    route: Route
    stem: str

    @property
    def scenario(self) -> str:
        """Class of the first scenario, the one Bench2Drive goes by; empty without scenarios."""
        return self.route.scenarios[0].type if self.route.scenarios else ""


def read_expected(path: Path) -> Mapping[str, ExpectedRoute]:
    """Read route files.

    Args:
        path: One route file, or a folder with route files.

    Returns:
        Routes by id, files in the order of their names.

    Raises:
        RouteError: If there is no route file, one is not usable, or an id occurs in two files.
    """
    files = sorted(path.glob("*.xml")) if path.is_dir() else [path]
    if not files:
        raise RouteError(f"{path} contains no route file (*.xml)")
    expected: dict[str, ExpectedRoute] = {}
    for file in files:
        for route in read_routes(file):
            if route.id in expected:
                raise RouteError(f"route {route.id} occurs in {expected[route.id].stem}.xml and in {file.name}")
            expected[route.id] = ExpectedRoute(route, file.stem)
    return expected
