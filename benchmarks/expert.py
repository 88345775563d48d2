"""Measure the expert: driving score and success by scenario class on Bench2Drive routes, and the time of one tick.

Run from the project root: ``python benchmarks/expert.py ROUTES [--per-class N] [--workers N] [--json FILE]``, where
ROUTES is a folder of Bench2Drive's route files. Routes are driven as users drive, by ``lead benchmark --expert``
in the embedded simulator; a run that was interrupted goes on where it stopped. ``--quick`` only measures the tick.
"""

from __future__ import annotations

import argparse
import collections
import statistics
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
from common import report
from suites import drive_suite

from lead.scoring.bench2drive.merge import is_success
from lead.scoring.records import RouteRecord

ROAD_USERS, TICKS = 30, 200
START_TIMEOUT_S = 400.0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("routes", type=Path, nargs="?", help="folder of Bench2Drive's route files")
    parser.add_argument("--per-class", type=int, default=1, help="routes of each class")
    parser.add_argument("--skip", type=int, default=0, help="leave out the first routes of each class")
    parser.add_argument("--workers", type=int, default=1, help="routes driven at the same time")
    parser.add_argument("--classes", nargs="*", help="only these classes")
    parser.add_argument("--out", type=Path, default=Path("outputs/expert_benchmark"), help="folder of the results")
    parser.add_argument("--quick", action="store_true", help="only the time of one tick")
    parser.add_argument("--json", type=Path, help="write metric name to number, plus the machine")
    options = parser.parse_args()
    if options.routes is None and not options.quick:
        parser.error("give the folder of the routes, or --quick")
    return options


def choose(options: argparse.Namespace) -> Path:
    """Write one file with the chosen routes, sorted by town, and return it."""
    classes: dict[str, list[ET.Element]] = collections.defaultdict(list)
    for path in sorted(options.routes.glob("*.xml")):
        for route in ET.parse(path).getroot().iter("route"):
            classes[next(each.get("type", "") for each in route.iter("scenario"))].append(route)
    root = ET.Element("routes")
    chosen = []
    for name, routes in sorted(classes.items()):
        if not options.classes or name in options.classes:
            # Small towns first: they load faster.
            routes.sort(key=lambda route: (route.get("town") in ("Town12", "Town13"), route.get("id")))
            chosen.extend(routes[options.skip : options.skip + options.per_class])
    root.extend(sorted(chosen, key=lambda route: str(route.get("town"))))
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "routes.xml"
    ET.ElementTree(root).write(path)
    return path


def drive(options: argparse.Namespace) -> list[RouteRecord]:
    """Drive the routes and return their records."""
    words = ("--expert", "--workers", str(options.workers), "--retries", "1", "--timeout", str(START_TIMEOUT_S))
    return [result.record for result in drive_suite(choose(options), options.out / "drive", *words).routes]


def by_class(records: list[RouteRecord]) -> dict[str, list[tuple[float, bool]]]:
    """Return driving score and success of every route, by class."""
    found: dict[str, list[tuple[float, bool]]] = collections.defaultdict(list)
    for record in records:
        assert record.labels is not None
        name = record.labels.scenario_name.rpartition("_")[0]
        found[name].append((record.scores["score_composed"], is_success(record)))
    return dict(sorted(found.items()))


def tick_times_ms() -> list[float]:
    """Processor time of one tick's judgement with 30 road users around the ego, all but the reading of the world."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "expert"))
    from expert_support import BACK, OPPOSITE_Y_M, OUTER_Y_M, Car, expert_route, scene, view, walker

    from lead.expert.behaviours.crossing import CrossingUsers, CutIns, PriorityTakers
    from lead.expert.behaviours.following import Forecast, LeadingVehicle
    from lead.expert.behaviours.limits import Curves, FreeSpeed
    from lead.expert.visibility import visible_boxes

    cars = [Car(n, 65.0 + 6.0 * n, OUTER_Y_M, 7.0) for n in range(10)]
    cars += [Car(10 + n, 40.0 + 8.0 * n, OPPOSITE_Y_M, 8.0, yaw_rad=BACK) for n in range(10)]
    cars += [walker(20 + n, 60.0 + 5.0 * n, 9.0, 1.0, 0.0) for n in range(ROAD_USERS - 20)]
    made, route, free = scene(*cars), expert_route(), FreeSpeed()
    behaviours = (LeadingVehicle(), CrossingUsers(), PriorityTakers(), CutIns(), Curves(), Forecast())
    every = np.ones(len(made), np.bool_)
    times = []
    for _ in range(TICKS):
        start = time.process_time()
        visible_boxes(made.ego, made.center, made.yaw_rad, made.half, every, every)
        free.of(made, route, None, 0)
        tick = view(made, route)
        for behaviour in behaviours:
            behaviour.propose(tick)
        times.append(1e3 * (time.process_time() - start))
    return times


def main() -> None:
    options = parse()
    times = tick_times_ms()
    rows = {
        "tick_ms": (
            statistics.median(times),
            f"median processor time with {ROAD_USERS} road users, without reading the world",
        ),
        "tick_ms_p95": (float(np.quantile(times, 0.95)), "95 % of the ticks are faster"),
    }
    if not options.quick:
        classes = by_class(drive(options))
        every = [row for found in classes.values() for row in found]
        for name, found in classes.items():
            score, success = (statistics.mean(column) for column in zip(*found, strict=True))
            rows[name] = (score, f"driving score; success {100.0 * success:.0f} % of {len(found)}")
        rows["driving_score"] = (statistics.mean(score for score, _ in every), f"mean of {len(every)} routes")
        rows["success_percent"] = (100.0 * statistics.mean(success for _, success in every), "")
    report("expert", rows, options.json)


if __name__ == "__main__":
    main()
