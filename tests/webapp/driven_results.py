"""Results that the real ``lead benchmark`` produced, once per test run.

Evaluations of the same two routes, a careless one and, for tests that compare, a careful one. What the careless agent
does wrong, and how it shows what it plans, is said in ``agents/careless_agent.py``.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
AGENT = HERE / "agents" / "careless_agent.py"
ROUTES = HERE / "routes"
LIMIT_S = 240.0
FRAME_FREQUENCY = {"careful": 2, "careless": 20}
"""Ticks per frame. A frame of the demo costs a second of processor time, so the careless drives have few."""
MISTAKES = {"straight": {"CollisionTest", "OutsideRouteLanesTest"}, "turn": {"RunningRedLightTest"}}
"""Criteria that the careless agent fails, by route."""
UNCOUNTED = {"MinSpeedTest", "RouteCompletionTest"}


@dataclass(frozen=True)
class DrivenResults:
    """A tree of driven results; it is shared, so tests that write into one take a copy.

    Attributes:
        root: Folder to show.
        careful: Evaluation without mistakes; both routes have a debug video, every second tick. Not in every tree.
        careless: Evaluation with the mistakes; both routes have debug, demo and grid videos, every twentieth tick.
    """

    root: Path
    careful: Path
    careless: Path

    @classmethod
    def below(cls, root: Path) -> DrivenResults:
        """Name the folders of a tree."""
        evaluations = root / "evaluation"
        return cls(root, evaluations / "careful" / "bench2drive_0", evaluations / "careless" / "bench2drive_0")

    def relative(self, folder: Path) -> str:
        """Return what requests call a folder."""
        return folder.relative_to(self.root).as_posix()

    def mistakes(self, route: str) -> list[dict[str, Any]]:
        """Return the infractions of a careless drive that count, in order of appearance.

        Args:
            route: "straight" or "turn".
        """
        content = json.loads((self.careless / route / "infractions.json").read_text())
        return [row for row in content["infractions"] if row["infraction"] not in UNCOUNTED]


def drive_careless(root: Path) -> DrivenResults:
    """Drive the careless evaluation; takes some 20 s on two quiet cores."""
    results = DrivenResults.below(root)
    _benchmark(results.careless, "careless", "debug", "demo", "grid")
    for route, expected in MISTAKES.items():
        made = {row["infraction"] for row in results.mistakes(route)}
        assert made == expected, f"the careless agent was to fail {sorted(expected)} on {route}, not {sorted(made)}"
    return results


def drive_careful(root: Path, beside: DrivenResults) -> DrivenResults:
    """Copy the careless evaluation and drive the careful one beside it."""
    results = DrivenResults.below(root)
    shutil.copytree(beside.careless, results.careless)
    _benchmark(results.careful, "careful", "debug")
    return results


def shared(folder: Path, make: Callable[[Path], object]) -> Path:
    """Make something in a folder once, however many processes want it.

    Args:
        folder: Folder that all processes name alike; its parent exists.
        make: Fills the folder. If it fails, every process tries again and fails for the same reason.
    """
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder.with_suffix(".done")
        if not done.exists():
            attempt = folder.with_name(f"{folder.name}-{time.time_ns()}")
            attempt.mkdir()
            make(attempt)
            # A folder that was made only in part keeps its own name.
            attempt.rename(folder)
            done.touch()
    return folder


def _benchmark(folder: Path, manner: str, *videos: str) -> None:
    words = ["benchmark", "bench2drive", "--routes", str(ROUTES), "--agent", str(AGENT), "--agent-config", manner]
    words += [f"produce_{kind}_video=true" for kind in videos]
    words += [f"produce_frame_frequency={FRAME_FREQUENCY[manner]}"]
    words += ["--traffic", "0", "--no-scenarios", "--simulator", "embedded", "--output-dir", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "lead", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, f"the {manner} drives ended with {done.returncode}: {done.stdout[-2000:]}"
