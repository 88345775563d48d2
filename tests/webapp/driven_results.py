"""Results that the real ``lead benchmark`` and ``lead drive`` produced, once per test run.

Two evaluations of the same two routes, a careful one and a careless one, and a single drive. What the careless agent
does wrong, and how it shows what it plans, is said in ``agents/careless_agent.py``.
"""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lead.simulator.launch import free_port

HERE = Path(__file__).resolve().parent
AGENT = HERE / "agents" / "careless_agent.py"
ROUTES = HERE / "routes"
LIMIT_S = 240.0
FRAME_FREQUENCY = {"careful": 2, "careless": 10}
"""Ticks per frame. A frame of the demo costs a second of processor time, so the careless drives have few."""
MISTAKES = {"straight": {"CollisionTest", "OutsideRouteLanesTest"}, "turn": {"RunningRedLightTest"}}
"""Criteria that the careless agent fails, by route."""
UNCOUNTED = {"MinSpeedTest", "RouteCompletionTest"}


@dataclass(frozen=True)
class DrivenResults:
    """A tree of driven results; it is shared, so tests that write into one take a copy.

    Attributes:
        root: Folder to show.
        careful: Evaluation without mistakes; both routes have a debug video, every second tick.
        careless: Evaluation with the mistakes; both routes have debug, demo and grid videos, every tenth tick.
        single: ``lead drive`` of one route, whose artefacts lie in the evaluation's folder itself: a top-down video.
    """

    root: Path
    careful: Path
    careless: Path
    single: Path

    @classmethod
    def below(cls, root: Path) -> DrivenResults:
        """Name the folders of a tree."""
        evaluations = root / "evaluation"
        return cls(
            root,
            evaluations / "careful" / "bench2drive_0",
            evaluations / "careless" / "bench2drive_0",
            root / "local_evaluation" / "straight",
        )

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


def drive_everything(root: Path) -> DrivenResults:
    """Drive; takes some 40 s on two quiet cores."""
    results = DrivenResults.below(root)
    # The careless drives are the long ones; the others fit beside them.
    careless = _benchmark(results.careless, "careless", "debug", "demo", "grid")
    try:
        _finish(_benchmark(results.careful, "careful", "debug"), _output_of(results.careful))
        _finish(_drive(results.single), _output_of(results.single))
        _finish(careless, _output_of(results.careless))
    finally:
        if careless.poll() is None:
            careless.terminate()
            careless.wait()
    for route, expected in MISTAKES.items():
        made = {row["infraction"] for row in results.mistakes(route)}
        assert made == expected, f"the careless agent was to fail {sorted(expected)} on {route}, not {sorted(made)}"
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


def _benchmark(folder: Path, manner: str, *videos: str) -> subprocess.Popen[str]:
    words = ["benchmark", "bench2drive", "--routes", str(ROUTES), "--agent", str(AGENT), "--agent-config", manner]
    words += [f"produce_{kind}_video=true" for kind in videos]
    return _start(folder, [*words, f"produce_frame_frequency={FRAME_FREQUENCY[manner]}"])


def _drive(folder: Path) -> subprocess.Popen[str]:
    ports = ["--port", str(free_port(3)), "--traffic-manager-port", str(free_port(1))]
    return _start(folder, ["drive", "--routes", str(ROUTES / "straight.xml"), "--bench2drive", *ports])


def _start(folder: Path, words: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "lead", *words, "--traffic", "0", "--no-scenarios", "--simulator", "embedded"]
    command += ["--output-dir", str(folder)]
    # Into a file: nobody empties a pipe of a process that runs beside others.
    folder.mkdir(parents=True)
    with _output_of(folder).open("w") as output:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, text=True)


def _output_of(folder: Path) -> Path:
    """File for what the command says; beside its output folder, and gone once all is well."""
    return folder.with_name(f"{folder.name}.txt")


def _finish(process: subprocess.Popen[str], output: Path) -> None:
    try:
        code = process.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait()
        raise
    assert code == 0, f"a drive ended with {code}: {output.read_text()[-2000:]}"
    output.unlink()
