"""Measure drivers on routes of towns that no policy of ours was trained on, with several seeds.

    python benchmarks/policies.py --drivers expert,follower,random,data/checkpoints/tfv6_compact --workers 16
    python benchmarks/policies.py --quick      # the follower on one route

A driver is `expert`, the name of an agent, or the folder of a checkpoint. Every route is driven once per seed by
`lead benchmark bench2drive` in the embedded simulator; a run that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import re
import statistics
from pathlib import Path

from common import report
from suites import drive_suite

from lead.scoring.bench2drive.merge import is_success
from lead.scoring.records import MIN_SPEED_KEY, RouteRecord
from lead.scoring.results import Results

ROOT = Path(__file__).resolve().parents[1]
SUITES = ROOT / "data/routes/suites"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drivers", default="expert,follower,random", help="with commas")
    parser.add_argument("--routes", type=Path, default=SUITES / "heldout.xml", help="route file")
    parser.add_argument("--seeds", type=int, default=3, help="drives of every route")
    parser.add_argument("--workers", type=int, default=1, help="routes driven at the same time")
    parser.add_argument("--gpus", help="GPUs given to the workers in turn, such as 0,1")
    parser.add_argument("--out", type=Path, default=Path("outputs/policies"), help="folder of the results")
    parser.add_argument("--quick", action="store_true", help="the follower on one route, once")
    parser.add_argument("--json", type=Path, help="write metric name to number, plus the machine")
    options = parser.parse_args()
    if options.quick:
        options.drivers, options.seeds = "follower", 1
        options.routes = ROOT / "data/routes/smoke.xml"
    return options


def drive(driver: str, options: argparse.Namespace) -> Results:
    """Let a driver drive all routes."""
    words = ["--repetitions", str(options.seeds), "--workers", str(options.workers)]
    words += ["--gpus", options.gpus] if options.gpus else []
    if driver == "expert":
        words.append("--expert")
    else:
        words += ["--checkpoint" if Path(driver).is_dir() else "--agent", driver]
    return drive_suite(options.routes, options.out / re.sub(r"[^\w.-]+", "_", driver), *words)


def figures(driver: str, results: Results) -> dict[str, tuple[float, str]]:
    """Means over all drives, and what went wrong per drive."""
    name = Path(driver).name
    records = [result.record for result in results.routes]
    by_seed = [_mean_score([result.record for result in results.of_run(run)]) for run in results.runs]
    remark = f"{len(records)} drives; by seed {', '.join(f'{score:.1f}' for score in by_seed)}"
    rows = {
        f"{name}_driving_score": (_mean_score(records), remark),
        f"{name}_route_completion": (statistics.mean(record.scores["score_route"] for record in records), "%"),
        f"{name}_success": (100.0 * statistics.mean(map(is_success, records)), "%"),
    }
    for kind in records[0].infractions:
        if kind != MIN_SPEED_KEY:
            rows[f"{name}_{kind}"] = statistics.mean(len(record.infractions[kind]) for record in records), "per drive"
    return rows


def _mean_score(records: list[RouteRecord]) -> float:
    return statistics.mean(record.scores["score_composed"] for record in records)


def main() -> None:
    options = parse()
    rows: dict[str, tuple[float, str]] = {}
    for driver in options.drivers.split(","):
        rows |= figures(driver, drive(driver, options))
    report(f"Drivers on {options.routes.name}", rows, options.json)


if __name__ == "__main__":
    main()
