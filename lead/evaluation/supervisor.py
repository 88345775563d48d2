"""Drives tasks to a result, whatever breaks: owns simulator and episode process, repeats infrastructure failures.

A worker drives one task after the other on its own ports. It holds no state that matters: results are in the store
after every route, so killing a worker, its children or the whole evaluation costs the route under way and nothing else.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from lead.config.model_choice import checkpoint_folder
from lead.errors import LeadError
from lead.evaluation.attempt import Attempt, Blame, Limits, Outcome
from lead.evaluation.episode_child import EpisodeChild, Message
from lead.evaluation.job import EpisodeJob
from lead.evaluation.simulators import SimulatorHost
from lead.evaluation.tasks import RouteTask, TaskResult
from lead.routes.bench2drive import scenario_type
from lead.scoring.penalties import EventType, RouteEvent
from lead.scoring.profiles import BenchmarkProfile
from lead.scoring.records import AGENT_SETUP_FAILED, SIMULATION_CRASHED, RouteRun
from lead.simulator.gpus import VARIABLE, visible_gpu
from lead.simulator.launch import LaunchError, free_port

LOG = logging.getLogger(__name__)

EPISODE_COMMAND = (sys.executable, "-m", "lead.cli.episode_process")
MAX_RETRIES = 2
RETRY_PAUSE_S = 1.0


class InterruptedRunError(LeadError):
    """The user ended the evaluation."""


class RefusedError(LeadError):
    """Nothing can be driven with these settings; the text says why."""


@dataclass(frozen=True)
class DriveSettings:
    """How tasks are driven.

    Attributes:
        agent: Name or file of the agent.
        agent_config: Text handed to its ``setup``.
        profile: Rules of the benchmark.
        folder: Output folder.
        traffic: Number of plain Traffic Manager vehicles; None takes the traffic of the benchmark.
        scenarios: Play the scenarios of the routes.
        timeout_s: Longest wait for an answer of the simulator, and for the agent.
        retries: How often an infrastructure failure is repeated per route.
        memory_bytes: Memory an episode process may use; 0 for no limit.
        topdown_video: Write the video from above and behind.
        closed_loop: Overrides of the closed-loop configuration.
        debug: Debug level; above 0 the agent's output is shown.
        gpu: GPU of the agent; None leaves the choice to the environment.
        single: The evaluation has one route, whose artefacts lie directly in the folder.
        name: Stem of the artefacts of a single route.
        recording: Names the folder into which the agent records a task; None for no recording.
        gives_up: End a drive with the first event for which it must not be learnt from.
    """

    agent: str
    agent_config: str
    profile: BenchmarkProfile
    folder: Path
    traffic: int | None = None
    scenarios: bool = True
    timeout_s: float = 180.0
    retries: int = MAX_RETRIES
    memory_bytes: int = 0
    topdown_video: bool = False
    closed_loop: tuple[str, ...] = ()
    debug: int = 0
    gpu: int | None = None
    single: bool = False
    name: str = "route"
    recording: Callable[[RouteTask], Path] | None = None
    gives_up: bool = False

    def artefact_dir(self, task: RouteTask) -> Path:
        """Folder of the videos and logs of a task."""
        return self.folder if self.single else self.folder / task.stem

    def artefact_name(self, task: RouteTask) -> str:
        """Stem of their file names."""
        return self.name if self.single else task.stem


class DriveListener(Protocol):
    """Learns what a worker does; called on the worker's thread."""

    def on_task(self, worker: int, task: RouteTask, attempt: int) -> None:
        """An attempt begins."""

    def on_progress(self, worker: int, message: Message) -> None:
        """The drive goes on."""

    def on_retry(self, worker: int, task: RouteTask, explanation: str) -> None:
        """An infrastructure failure will be repeated."""


class Worker:
    """Drives tasks one after the other with one simulator."""

    def __init__(
        self,
        host: SimulatorHost,
        settings: DriveSettings,
        listener: DriveListener,
        stop: threading.Event,
        *,
        traffic_manager_port: int | None = None,
        number: int = 0,
    ) -> None:
        """Describe the worker.

        Args:
            host: Simulator; stays the caller's to close.
            settings: How to drive.
            listener: Learns what happens.
            stop: Ends the work when set.
            traffic_manager_port: Port of the Traffic Manager; None takes a free one for every attempt.
            number: Number of the worker.
        """
        self._host = host
        self._settings = settings
        self._listener = listener
        self._stop = stop
        self._traffic_manager_port = traffic_manager_port
        self._number = number

    def drive(self, task: RouteTask) -> TaskResult:
        """Drive a task, repeating infrastructure failures.

        Raises:
            InterruptedRunError: If the user ended the evaluation.
            RefusedError: If nothing can be driven with these settings.
        """
        started, wall_start_s = datetime.now(), time.monotonic()
        failures: list[str] = []
        while True:
            outcome = self._attempt(task, len(failures) + 1)
            if outcome.blame is Blame.USER or (self._stop.is_set() and outcome.blame is Blame.INFRASTRUCTURE):
                raise InterruptedRunError("interrupted")
            if outcome.blame is Blame.SETTINGS:
                raise RefusedError(outcome.explanation)
            is_broken = outcome.blame is Blame.INFRASTRUCTURE and outcome.is_repeatable
            if not is_broken or len(failures) >= self._settings.retries:
                break
            failures.append(outcome.explanation)
            self._listener.on_retry(self._number, task, outcome.explanation)
            if self._stop.wait(RETRY_PAUSE_S):
                raise InterruptedRunError("interrupted")
        is_infrastructure = outcome.blame in (Blame.INFRASTRUCTURE, Blame.ROUTE)
        return TaskResult(
            task=task,
            run=outcome.run or _empty_run(task, SIMULATION_CRASHED if is_infrastructure else AGENT_SETUP_FAILED),
            infrastructure_failure=is_infrastructure,
            attempts=len(failures) + 1,
            explanation=outcome.explanation,
            sensor_types=outcome.sensor_types,
            scenarios=outcome.scenarios,
            simulator=self._host.describe(),
            started=started,
            first_tick_s=outcome.first_tick_s,
            wall_s=time.monotonic() - wall_start_s,
            failures=tuple(failures),
        )

    def _attempt(self, task: RouteTask, number: int) -> Outcome:
        self._listener.on_task(self._number, task, number)
        settings = self._settings
        directory = settings.artefact_dir(task)
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="lead-episode-", ignore_cleanup_errors=True) as scratch:
            job = self._job(task, Path(scratch) / "status")
            child = EpisodeChild(
                EPISODE_COMMAND,
                job,
                self._environment(task),
                directory / f"{settings.artefact_name(task)}.log",
                show_output=settings.debug > 0,
            )
            healthy = False
            try:
                try:
                    self._host.prepare(task.route.town)
                except LaunchError as error:
                    return Outcome(Blame.INFRASTRUCTURE, str(error), is_repeatable=False)
                child.go()
                limits = Limits(
                    settings.timeout_s, settings.profile.sensor_timeout_s, memory_bytes=settings.memory_bytes
                )
                watch = Attempt(child, self._host, limits, self._stop, self._report)
                outcome = watch.watch()
                healthy = outcome.blame in (Blame.NOBODY, Blame.AGENT, Blame.ROUTE)
                return outcome
            finally:
                child.stop(terminate_s=0.0)
                self._host.finish(is_healthy=healthy)

    def _job(self, task: RouteTask, status_file: Path) -> EpisodeJob:
        settings = self._settings
        return EpisodeJob(
            routes_file=str(task.routes_file),
            route_id=task.route.id,
            repetition=task.repetition,
            agent=settings.agent,
            agent_config=settings.agent_config,
            profile=settings.profile.key,
            port=self._host.port,
            traffic_manager_port=self._traffic_manager_port or free_port(1),
            seed=task.seed,
            traffic=settings.traffic,
            ignore_scenarios=not settings.scenarios,
            timeout_s=settings.timeout_s,
            artefact_dir=str(settings.artefact_dir(task)),
            name=settings.artefact_name(task),
            status_file=str(status_file),
            topdown_video=settings.topdown_video,
            closed_loop=settings.closed_loop,
            debug=settings.debug,
            reload_world=self._host.reloads_world,
            record_dir="" if settings.recording is None else str(settings.recording(task)),
            gives_up=settings.gives_up,
        )

    def _environment(self, task: RouteTask) -> dict[str, str]:
        """Environment of the episode process, with the variables that public agents read."""
        settings = self._settings
        is_bench2drive = settings.profile.name == "bench2drive"
        folder = str(settings.artefact_dir(task))
        extra = {
            "PYTHONUNBUFFERED": "1",
            # One thread per process for small matrices: more only spin beside the simulator.
            "OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "1"),
            "ROUTES": str(task.routes_file),
            "SCENARIO_TYPE": scenario_type(task.route),
            "BENCHMARK_ROUTE_ID": settings.artefact_name(task),
            "ROUTE_NUMBER": task.route.id,
            "SAVE_PATH": folder,
            "OUTPUT_DIR": str(settings.folder),
            "EVALUATION_OUTPUT_DIR": str(settings.folder),
            "IS_BENCH2DRIVE": "1" if is_bench2drive else "0",
            "CHECKPOINT_DIR": checkpoint_folder(settings.agent_config),
        }
        if settings.gpu is not None:
            extra[VARIABLE] = visible_gpu(settings.gpu)
        return {**os.environ, **extra}

    def _report(self, message: Message) -> None:
        self._listener.on_progress(self._number, message)


def _empty_run(task: RouteTask, failure: str) -> RouteRun:
    """Return the measurements of a drive that never began."""
    nothing = RouteEvent(EventType.ROUTE_COMPLETION, "Agent has completed 0.0 of the route", {"route_completed": 0.0})
    return RouteRun(task.route_id, [nothing], 0.0, 0.0, 0.0, failure=failure)


def towns_of(tasks: Sequence[RouteTask]) -> list[str]:
    """Towns of the tasks, in their order."""
    return list(dict.fromkeys(task.route.town for task in tasks))
