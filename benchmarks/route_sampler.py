"""Sampled routes: how many per second, how many pass the linter, and how classes and towns are spread.

Run from the project root: ``.venv/bin/python benchmarks/route_sampler.py [--quick] [--json FILE]``. Asks for every
class on every installed town until there are 1,000 routes (quick: on three small towns, one route each). Rates count
the processor time of this process, so that other programs on the machine hardly matter; loading and surveying a town
is counted apart. The exit code is 1 if the linter finds anything.
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from common import parse_options, report
from rich.console import Console
from rich.table import Table

from lead.maps.towns import installed_towns
from lead.routes.lint import LintReport, lint
from lead.routes.model import Route
from lead.routes.sampler.finders import class_names
from lead.routes.sampler.sampler import Wishes, sample
from lead.routes.sampler.survey import survey_town
from lead.routes.sampler.writer import routes_xml, write_routes

ROUTES = 1000
QUICK_TOWNS = ("Town01", "Town03", "Town05")
SEED = 8


def main() -> None:
    """Sample, check, count."""
    options = parse_options(__doc__ or "")
    towns = [town for town in installed_towns() if not options.quick or town in QUICK_TOWNS]
    kinds = class_names()
    count = 1 if options.quick else math.ceil(1.6 * ROUTES / (len(towns) * len(kinds)))
    routes: list[Route] = []
    rows: dict[str, tuple[float, str]] = {}
    sampling_s = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for town in towns:
            start_s = time.process_time()
            survey = survey_town(town)
            found = len(survey.passages)
            rows[f"{town}_load_s"] = (time.process_time() - start_s, f"map, planner, {found} ways through junctions")
            start_s = time.process_time()
            made = [route for kind in kinds for route in sample(survey, kind, Wishes(count, SEED)).routes]
            took_s = time.process_time() - start_s
            sampling_s += took_s
            rows[f"{town}_routes_per_s"] = (len(made) / took_s, f"{len(made)} routes; reasons for impossible ones, too")
            routes += made
            write_routes(Path(folder) / f"{town}.xml", routes_xml(made))
        checked = lint([Path(folder)])
    rows["routes"] = (len(routes), "")
    rows["routes_per_s"] = (len(routes) / sampling_s, "on all towns, without loading")
    rows["lint_findings"] = (len(checked.findings), "errors and warnings; must be 0")
    rows["pairs_without_place"] = (_empty(routes, towns, kinds), f"of {len(towns) * len(kinds)} classes and towns")
    rows["length_m_median"] = (checked.statistics.as_json()["length_m"]["median"], "")
    _print_spread(routes, towns, kinds)
    report("Sampled routes", rows, options.json)
    sys.exit(_judge(checked, len(routes), ROUTES if not options.quick else 1))


def _empty(routes: list[Route], towns: list[str], kinds: list[str]) -> int:
    return len(towns) * len(kinds) - len({(_kind(route), route.town) for route in routes})


def _kind(route: Route) -> str:
    return route.scenarios[0].type if route.scenarios else "noScenario"


def _print_spread(routes: list[Route], towns: list[str], kinds: list[str]) -> None:
    counts = Counter((_kind(route), route.town) for route in routes)
    table = Table("class", *(town.removeprefix("Town") for town in towns), "all", title="Routes per class and town")
    for kind in kinds:
        row = [counts[kind, town] for town in towns]
        table.add_row(kind, *(str(number or "-") for number in row), str(sum(row)))
    table.add_row("all", *(str(sum(counts[kind, town] for kind in kinds)) for town in towns), str(len(routes)))
    Console(width=max(120, 60 + 6 * len(towns))).print(table)


def _judge(checked: LintReport, made: int, wanted: int) -> int:
    for finding in checked.findings[:10]:
        Console().print(f"{finding.place}: {finding.message}")
    return int(bool(checked.findings) or made < wanted)


if __name__ == "__main__":
    main()
