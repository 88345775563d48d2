"""Measure drivers on routes of towns that no policy of ours was trained on, with several seeds.

    python benchmarks/policies.py --drivers expert,follower,random,data/checkpoints/tfv6_compact --workers 16
    python benchmarks/policies.py --quick      # the follower on two routes

A driver is `expert`, the name of an agent, or the folder of a checkpoint. Every route is driven once per seed by
`lead benchmark bench2drive` in the embedded simulator; a run that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import collections
import json
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from common import report

ROOT = Path(__file__).resolve().parents[1]
SUITES = ROOT / "data/routes/suites"
FORGIVEN = ("min_speed_infractions",)
REACHED = ("Completed", "Perfect")
Record = dict[str, Any]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drivers", default="expert,follower,random", help="with commas")
    parser.add_argument("--routes", type=Path, default=SUITES / "heldout.xml", help="route file")
    parser.add_argument("--seeds", type=int, default=3, help="drives of every route")
    parser.add_argument("--workers", type=int, default=1, help="routes driven at the same time")
    parser.add_argument("--gpus", help="GPUs given to the workers in turn, such as 0,1")
    parser.add_argument("--out", type=Path, default=Path("outputs/policies"), help="folder of the results")
    parser.add_argument("--quick", action="store_true", help="the follower on two routes, once")
    parser.add_argument("--json", type=Path, help="write metric name to number, plus the machine")
    options = parser.parse_args()
    if options.quick:
        options.drivers, options.seeds = "follower", 1
        options.routes = ROOT / "data/routes/smoke.xml"
    return options


def drive(driver: str, options: argparse.Namespace) -> list[Record]:
    """Drive all routes and return their records."""
    folder = options.out / re.sub(r"[^\w.-]+", "_", driver)
    command = [sys.executable, "-m", "lead", "benchmark", "bench2drive", "--simulator", "embedded", "--no-video"]
    command += ["--routes", str(options.routes), "--repetitions", str(options.seeds)]
    command += ["--workers", str(options.workers), "--output-dir", str(folder)]
    command += ["--gpus", options.gpus] if options.gpus else []
    if driver == "expert":
        command.append("--expert")
    else:
        command += ["--checkpoint" if Path(driver).is_dir() else "--agent", driver]
    done = subprocess.run(command, check=False)
    if done.returncode not in (0, 3):  # 3: an agent crashed, which counts in the score
        raise SystemExit(f"{driver}: lead benchmark ended with code {done.returncode}")
    records: list[Record] = json.loads((folder / "checkpoint_endpoint.json").read_text())["_checkpoint"]["records"]
    return records


def is_success(record: Record) -> bool:
    """Whether a route was driven to its end without infractions, as Bench2Drive counts."""
    clean = not any(value for key, value in record["infractions"].items() if key not in FORGIVEN)
    return clean and record["status"] in REACHED


def figures(driver: str, records: list[Record]) -> dict[str, tuple[float, str]]:
    """Means over all drives, and what went wrong per drive."""
    name = Path(driver).name
    repetitions: dict[str, list[float]] = collections.defaultdict(list)
    for record in records:
        repetitions[str(record["route_id"]).rpartition("_rep")[2]].append(record["scores"]["score_composed"])
    means = sorted(statistics.mean(scores) for scores in repetitions.values())
    rows = {
        f"{name}_driving_score": (
            statistics.mean(record["scores"]["score_composed"] for record in records),
            f"{len(records)} drives; by seed {', '.join(f'{mean:.1f}' for mean in means)}",
        ),
        f"{name}_route_completion": (statistics.mean(record["scores"]["score_route"] for record in records), "%"),
        f"{name}_success": (100.0 * statistics.mean(is_success(record) for record in records), "%"),
    }
    kinds = collections.Counter({key: 0 for record in records for key in record["infractions"]})
    for record in records:
        kinds.update({key: len(value) for key, value in record["infractions"].items()})
    for kind, count in sorted(kinds.items()):
        if kind not in FORGIVEN:
            rows[f"{name}_{kind}"] = (count / len(records), "per drive")
    return rows


def main() -> None:
    options = parse()
    rows: dict[str, tuple[float, str]] = {}
    for driver in options.drivers.split(","):
        rows |= figures(driver, drive(driver, options))
    report(f"Drivers on {options.routes.name}", rows, options.json)


if __name__ == "__main__":
    main()
