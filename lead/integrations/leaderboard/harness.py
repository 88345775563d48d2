"""Drive routes under CARLA's own evaluator, with the agents and the results of our runner.

The evaluator runs as a child in its own environment and process group. It is watched from outside, because it is known
to hang when its simulator dies; how it ended is told truthfully.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lead.config import closed_loop
from lead.config.model_choice import checkpoint_folder
from lead.errors import LeadError
from lead.integrations.leaderboard.bridge import __file__ as bridge_file
from lead.integrations.leaderboard.environment import require_packages
from lead.integrations.leaderboard.installation import DEFAULT_ROOT, Installation, known_benchmark
from lead.routes.reader import read_routes
from lead.scoring.endpoint import FILE_NAME
from lead.simulator.gpus import VARIABLE, visible_gpu
from lead.simulator.launch import LOOPBACK, require_free_port, server_answers

LOG = logging.getLogger(__name__)

LOG_NAME = "official_harness.log"
HEARTBEAT_NAME = ".official_harness.heartbeat"
BRIDGE = Path(bridge_file).parent
EXIT_INCOMPLETE = 1
EXIT_DEADLINE = 124
EXIT_INTERRUPTED = 130
STOP_STEPS = ((signal.SIGINT, 30.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
"""Signals for the evaluator with the patience after each, seconds; on SIGINT it writes the route's record."""
STALL_MARGIN_S = 60.0
AGENT_PACKAGES: Mapping[str, Mapping[str, str]] = {
    "transfuser": {"torch": "torch", "timm": "timm", "omegaconf": "omegaconf", "warp": "warp-lang"}
}
"""What agents import beyond the harness' own packages: package by module."""
_POLL_S = 0.1
_TRACKS = ("SENSORS", "MAP", "SENSORS_QUALIFIER", "MAP_QUALIFIER")


class HarnessError(LeadError):
    """The official evaluator cannot be started as asked."""


@dataclass(frozen=True)
class OfficialRun:
    """One start of the official evaluator.

    Attributes:
        routes: Route XML; all its routes are driven.
        agent: Name of an agent of LEAD, ``package.module:Class``, or an official agent file (``.py``).
        agent_config: Text handed to the agent's ``setup``; for models the checkpoint folder.
        track: Track the agent takes part in; None means what an agent of LEAD says itself, else SENSORS.
        out_dir: Folder for results.
        port: RPC port of a running simulator on this machine.
        traffic_manager_port: Free port for the Traffic Manager.
        traffic_manager_seed: Its seed.
        repetitions: How often to drive every route.
        timeout_s: Client time-out and watchdogs of the evaluator.
        debug: Its debug level.
        resume: Go on after the last finished route of an earlier run in the same folder.
        benchmark: "leaderboard", "bench2drive" or "fail2drive".
        deadline_s: Longest wall time of the whole run; None sets no limit.
        closed_loop: Overrides of the closed-loop configuration, ``key=value``.
        gpu: GPU of the agent; None leaves the choice to the environment.
    """

    routes: Path
    agent: str
    out_dir: Path
    agent_config: str = ""
    track: str | None = None
    port: int = 2000
    traffic_manager_port: int = 8000
    traffic_manager_seed: int = 0
    repetitions: int = 1
    timeout_s: float = 180.0
    debug: int = 0
    resume: bool = False
    benchmark: str = "leaderboard"
    deadline_s: float | None = None
    closed_loop: tuple[str, ...] = ()
    gpu: int | None = None

    @property
    def checkpoint(self) -> Path:
        """The result file."""
        return self.out_dir.absolute() / FILE_NAME

    @property
    def agent_file(self) -> Path:
        """File that the evaluator loads: the agent's own, or our bridge."""
        return Path(self.agent).absolute() if self.is_official_agent else BRIDGE / "lead_agent.py"

    @property
    def is_official_agent(self) -> bool:
        """True if the agent is a file of its own, which needs no bridge."""
        return self.agent.endswith(".py")

    @property
    def stall_s(self) -> float:
        """Longest time without a simulated frame: the evaluator's watchdogs must have had their chance."""
        return 2.0 * self.timeout_s + STALL_MARGIN_S


def run_official(run: OfficialRun, root: Path = DEFAULT_ROOT) -> int:
    """Drive the routes of a file under the official evaluator.

    Args:
        run: What to drive and how.
        root: Folder given to ``lead setup leaderboard``.

    Returns:
        The evaluator's exit code (128 + signal number if a signal ended it): 0 only if every route has a record.
        124 after a stall or the deadline, 130 after Ctrl-C.

    Raises:
        HarnessNotSetUpError: If the harness is not set up; the sentence names the command that does it.
        LeadError: If the run cannot start: wrong agent, port, version or route file.
    """
    installation = Installation.find(root, run.benchmark)
    _check(run, installation)
    run = replace(run, track=_track(run))
    run.out_dir.mkdir(parents=True, exist_ok=True)
    (run.out_dir / "debug_checkpoint").mkdir(exist_ok=True)
    if not run.resume:
        # A result of an earlier run must not be taken for this one's.
        run.checkpoint.unlink(missing_ok=True)
    heartbeat = run.out_dir.absolute() / HEARTBEAT_NAME
    heartbeat.touch()
    log = run.out_dir / LOG_NAME
    with log.open("ab" if run.resume else "wb") as stream:
        process = subprocess.Popen(
            command_line(run, installation),
            env=environment(run, installation),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        code = _wait(process, run, heartbeat)
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    finally:
        _stop(process)
        heartbeat.unlink(missing_ok=True)
    if code == 0 and not _is_complete(run.checkpoint):
        LOG.error("the official evaluator ended without a record of every route; see %s", log)
        return EXIT_INCOMPLETE
    if code not in (0, EXIT_INTERRUPTED):
        LOG.error("the official evaluator ended with code %d; see %s", code, log)
    return code


def command_line(run: OfficialRun, installation: Installation) -> list[str]:
    """Build the evaluator's command line.

    Options without a value are left out: the evaluators take ``--record None`` for a folder called None, and any text
    after ``--resume`` for yes.
    """
    words = {
        "--host": LOOPBACK,
        "--port": run.port,
        "--traffic-manager-port": run.traffic_manager_port,
        "--traffic-manager-seed": run.traffic_manager_seed,
        "--routes": run.routes.absolute(),
        "--repetitions": run.repetitions,
        "--track": run.track or "SENSORS",
        "--agent": run.agent_file,
        "--checkpoint": run.checkpoint,
        "--debug-checkpoint": run.checkpoint.parent / "debug_checkpoint" / "debug_checkpoint_endpoint.txt",
        "--timeout": run.timeout_s,
        "--debug": run.debug,
    }
    command = [str(installation.python), "-u", str(BRIDGE / "lead_evaluator.py")]
    command += [text for option, value in words.items() for text in (option, str(value))]
    if run.agent_config:
        command += ["--agent-config", run.agent_config]
    if run.resume and run.checkpoint.is_file():
        command += ["--resume", "1"]
    return command


def environment(run: OfficialRun, installation: Installation) -> dict[str, str]:
    """Build the evaluator's environment: the variables that public agents read, and the module path."""
    benchmark = known_benchmark(run.benchmark)
    first = read_routes(run.routes)[0]
    out_dir = str(run.out_dir.absolute())
    paths = [str(path) for path in installation.paths(run.benchmark)]
    values = dict(os.environ)
    # Both would make the harness' Python look into another environment.
    values.pop("PYTHONHOME", None)
    values.pop("VIRTUAL_ENV", None)
    if previous := values.get("PYTHONPATH"):
        paths.append(previous)
    values |= {
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "LEADERBOARD_ROOT": str(installation.root / benchmark.leaderboard),
        "SCENARIO_RUNNER_ROOT": str(installation.root / benchmark.scenario_runner),
        "ROUTES": str(run.routes.absolute()),
        "SCENARIO_TYPE": first.scenarios[0].type if first.scenarios else "noScenarios",
        "BENCHMARK_ROUTE_ID": run.routes.stem,
        "ROUTE_NUMBER": first.id,
        "OUTPUT_DIR": out_dir,
        "EVALUATION_OUTPUT_DIR": out_dir,
        "SAVE_PATH": out_dir,
        "CHECKPOINT_DIR": checkpoint_folder(run.agent_config),
        "TEAM_AGENT": str(run.agent_file),
        "TEAM_CONFIG": run.agent_config,
        "IS_BENCH2DRIVE": "1" if run.benchmark == "bench2drive" else "0",
        "LEAD_AGENT": run.agent,
        "LEAD_ATTACH": "1" if benchmark.attach else "0",
        "LEAD_HEARTBEAT_FILE": str(run.out_dir.absolute() / HEARTBEAT_NAME),
        closed_loop.VARIABLE: " ".join([values.get(closed_loop.VARIABLE, ""), *run.closed_loop]).strip(),
    }
    if run.gpu is not None:
        values[VARIABLE] = visible_gpu(run.gpu)
    return values


def _check(run: OfficialRun, installation: Installation) -> None:
    """Find mistakes before anything is started or deleted."""
    if run.is_official_agent and not run.agent_file.is_file():
        raise HarnessError(f"there is no agent file {run.agent}")
    require_packages(installation.python, AGENT_PACKAGES.get(run.agent, {}))
    if run.track not in (None, *_TRACKS):
        raise HarnessError(f"there is no track {run.track!r}; use one of {', '.join(_TRACKS)}")
    routes = read_routes(run.routes)
    if not routes:
        raise HarnessError(f"{run.routes} holds no route")
    bare = [route.id for route in routes if not route.scenarios]
    if run.benchmark == "bench2drive" and bare:
        raise HarnessError(
            f"Bench2Drive's evaluator fails on routes without a scenario, such as route {bare[0]} of {run.routes}; "
            f"drive them with the benchmark 'leaderboard'"
        )
    version = server_answers(LOOPBACK, run.port, timeout_s=10.0)
    if version is None:
        raise HarnessError(f"no CARLA server answers on {LOOPBACK}:{run.port}; start one before the official evaluator")
    if version.split("-")[0] != installation.carla_version:
        raise HarnessError(
            f"the server on port {run.port} is CARLA {version}, but the official harness has the client "
            f"{installation.carla_version}; start a server of that version (lead sim --carla-version "
            f"{installation.carla_version}), or set the harness up with another --python"
        )
    require_free_port(run.traffic_manager_port, "Traffic Manager port")


def _track(run: OfficialRun) -> str:
    """Return the track to announce; an unknown agent of LEAD is refused here."""
    own = "SENSORS"
    if not run.is_official_agent:
        from lead.agents.registry import create_agent

        own = create_agent(run.agent, LOOPBACK, run.port, run.agent_config).track.value
    return run.track or own


def _wait(process: subprocess.Popen[bytes], run: OfficialRun, heartbeat: Path) -> int:
    """Wait for the evaluator's end, a stall or the deadline."""
    start_s = time.monotonic()
    beat, beat_s = heartbeat.stat().st_mtime_ns, start_s
    while (code := process.poll()) is None:
        now_s = time.monotonic()
        if (latest := heartbeat.stat().st_mtime_ns) != beat:
            beat, beat_s = latest, now_s
        if now_s - beat_s > run.stall_s:
            LOG.error("no simulated frame for %.0f s; stopping the official evaluator", run.stall_s)
            return EXIT_DEADLINE
        if run.deadline_s is not None and now_s - start_s > run.deadline_s:
            LOG.error("the deadline of %.0f s is over; stopping the official evaluator", run.deadline_s)
            return EXIT_DEADLINE
        time.sleep(_POLL_S)
    return code if code >= 0 else 128 - code


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the evaluator, gently first, and whatever it started."""
    for number, patience_s in STOP_STEPS:
        if process.poll() is not None:
            break
        _signal_group(process, number)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            LOG.warning("the official evaluator ignored %s", number.name)
    _signal_group(process, signal.SIGKILL)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _is_complete(checkpoint: Path) -> bool:
    """Tell whether a result file has a record of every route."""
    try:
        content: Mapping[str, Mapping[str, object]] = json.loads(checkpoint.read_text(encoding="utf-8"))
        match content["_checkpoint"]:
            case {"progress": [int(done), int(total)], "records": list(records)}:
                return done == total == len(records) > 0
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return False
