"""One attempt to drive one route: watches the episode process and says who is to blame when it does not end well.

Only infrastructure failures may be repeated: a crash, hang or death that is not the agent's. What the agent does,
also crashing or hanging, is a result.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from lead.evaluation.episode_child import EpisodeChild, Message
from lead.evaluation.job import run_from_json
from lead.evaluation.simulators import SimulatorHost
from lead.evaluation.status_board import Phase, Status
from lead.scoring.records import AGENT_CRASHED, AGENT_SETUP_FAILED, SIMULATION_CRASHED, RouteRun

POLL_S = 0.1
MEMORY_POLL_S = 0.2
GRACE_S = 3.0
"""How long an episode process may take to report the death of its simulator."""


class Blame(str, Enum):
    """Who ended an attempt."""

    NOBODY = "nobody"
    AGENT = "agent"
    INFRASTRUCTURE = "infrastructure"
    ROUTE = "route"
    SETTINGS = "settings"
    USER = "user"


@dataclass(frozen=True)
class Limits:
    """Deadlines and limits of an attempt.

    Attributes:
        timeout_s: Longest wait for an answer of the simulator, and for the agent.
        sensor_timeout_s: Longest wait for the data of a tick.
        start_s: Longest time for the process to load its libraries.
        recording_s: Longest time for videos and logs of one tick.
        saving_s: Longest time to complete the labels of a recorded drive.
        memory_bytes: Memory the episode process, agent included, may use; 0 for no limit.
    """

    timeout_s: float
    sensor_timeout_s: float
    start_s: float = 180.0
    recording_s: float = 120.0
    saving_s: float = 1800.0
    memory_bytes: int = 0

    def of(self, phase: Phase) -> float:
        """Return how long a phase may last, in seconds.

        The client's own time-out acts first where the client waits; the margins let it.
        """
        margin_s = 10.0
        return {
            Phase.STARTING: self.start_s,
            Phase.WAITING: float("inf"),
            Phase.CONNECTING: self.timeout_s + margin_s,
            Phase.LOADING: 3.0 * self.timeout_s + margin_s,
            Phase.AGENT_SETUP: self.timeout_s,
            Phase.AGENT_STEP: self.timeout_s,
            Phase.TICK: self.timeout_s + margin_s,
            Phase.SENSORS: self.sensor_timeout_s + margin_s,
            Phase.RECORDING: self.recording_s,
            Phase.AGENT_DESTROY: self.timeout_s,
            Phase.CLEAN_UP: self.timeout_s + margin_s,
            Phase.DONE: 30.0,
            Phase.SAVING: self.saving_s,
        }[phase]


@dataclass
class Outcome:
    """How an attempt ended.

    Attributes:
        blame: Who ended it.
        explanation: One sentence for people, empty if all went well.
        run: What was measured, with the reason of the failure; None if the drive never began.
        sensor_types: Blueprint ids of the agent's sensors.
        scenarios: "none", "driven" or "ignored".
        first_tick_s: Wall time from the attempt's start to the first step of the drive; 0 if there was none.
        wall_s: Wall time of the attempt.
        is_repeatable: False if another attempt cannot help, because what failed was tried several times already.
    """

    blame: Blame
    explanation: str = ""
    run: RouteRun | None = None
    sensor_types: tuple[str, ...] = ()
    scenarios: str = "none"
    first_tick_s: float = 0.0
    wall_s: float = 0.0
    is_repeatable: bool = True


@dataclass
class Attempt:
    """Watches one episode process until it ends.

    Attributes:
        child: The process.
        host: Its simulator.
        limits: Deadlines.
        stop: Set by the user's interrupt.
        on_progress: Receives progress messages.
    """

    child: EpisodeChild
    host: SimulatorHost
    limits: Limits
    stop: threading.Event
    on_progress: Callable[[Message], None]
    _started_s: float = field(default_factory=time.monotonic)
    _last: Message = field(default_factory=dict)
    _measured: Message | None = None
    _told: Message | None = None
    _first_tick_s: float = 0.0
    _memory_seen_s: float = 0.0

    def watch(self) -> Outcome:
        """Wait for the end of the process; it is gone when this returns."""
        try:
            outcome = self._watch()
        finally:
            self.child.stop(terminate_s=0.0)
        outcome.wall_s = time.monotonic() - self._started_s
        outcome.first_tick_s = self._first_tick_s
        facts = self._measured or self._last
        outcome.sensor_types = tuple(facts.get("sensor_types", ()))
        outcome.scenarios = facts.get("scenarios", "none")
        return outcome

    def _watch(self) -> Outcome:
        dead_since_s: float | None = None
        while True:
            self._take_messages()
            code = self.child.exit_code()
            if code is not None:
                self._take_messages(wait=False)
                return self._ended(code)
            if self.stop.is_set():
                self.child.stop(interrupt_s=30.0)
                return Outcome(Blame.USER, "interrupted")
            status = self.child.status()
            if status.age_s > self.limits.of(status.phase):
                self.child.stop(terminate_s=0.0)
                self._take_messages(wait=False)
                return self._hung(status)
            memory = self._excess_memory()
            if memory:
                self.child.stop(terminate_s=0.0)
                return self._agent_failed(f"the agent used {memory / 2**30:.1f} GiB of memory, more than permitted")
            # An episode that is over does not need its simulator any more.
            if self._measured is None and not self.host.is_running():
                dead_since_s = dead_since_s or time.monotonic()
                if time.monotonic() - dead_since_s > GRACE_S:
                    self.child.stop(terminate_s=0.0)
                    self._take_messages(wait=False)
                    return self._simulator_failed("the simulator died")

    def _take_messages(self, *, wait: bool = True) -> None:
        message = self.child.next_message(POLL_S if wait else 0.0)
        while message is not None:
            kind = message["kind"]
            if kind == "progress":
                self._last = message
                self._first_tick_s = self._first_tick_s or time.monotonic() - self._started_s
                self.on_progress(message)
            elif kind == "measured":
                self._measured = message
            else:
                self._told = message
            message = self.child.next_message(0.0)

    def _ended(self, code: int) -> Outcome:
        """Judge a process that has ended by itself, or by somebody else's hand."""
        if self._measured is not None:
            return self._finished(self._measured)
        if self._told is not None:
            return self._explained(self._told)
        status = self.child.status()
        if not self.host.is_running():
            return self._simulator_failed("the simulator died")
        how = f"was ended by signal {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        if code == -signal.SIGKILL:
            # Out of memory, or somebody's hand: not what an agent does to itself.
            return self._simulator_failed("the episode process was killed from outside (out of memory?)")
        if status.phase.is_agent:
            return self._agent_failed(f"the process {how} inside the agent{self._tail()}")
        return self._simulator_failed(f"the episode process {how} in phase {status.phase.name}{self._tail()}")

    def _finished(self, message: Message) -> Outcome:
        run = run_from_json(message["run"])
        if run.failure == SIMULATION_CRASHED:
            return Outcome(Blame.INFRASTRUCTURE, message.get("explanation") or "the simulator stopped answering", run)
        if run.failure in (AGENT_CRASHED, AGENT_SETUP_FAILED):
            explanation = message.get("explanation")
            detail = f": {explanation}" if explanation else self._tail()
            return Outcome(Blame.AGENT, f"{run.failure}{detail}", run)
        return Outcome(Blame.NOBODY, "", run)

    def _explained(self, message: Message) -> Outcome:
        """Judge an error that the process reported."""
        text = str(message["text"])
        if message["kind"] == "simulator_died":
            return self._simulator_failed(text)
        if message["kind"] == "refused":
            return Outcome(Blame.ROUTE if message["only_this_route"] else Blame.SETTINGS, text)
        if message["kind"] == "interrupted":
            return Outcome(Blame.USER, text)
        return self._simulator_failed(f"{text}{self._tail()}")

    def _hung(self, status: Status) -> Outcome:
        if self._measured is not None:
            return self._finished(self._measured)
        if status.phase.is_agent:
            return self._agent_failed(f"the agent did not return for {status.age_s:.0f} s ({status.phase.name})")
        silent = not self.host.answers(2.0)
        who = "the simulator does not answer" if silent else "the episode process hangs"
        return self._simulator_failed(f"{who}: phase {status.phase.name} took more than {status.age_s:.0f} s")

    def _agent_failed(self, explanation: str) -> Outcome:
        in_setup = not self._last and self.child.status().phase is Phase.AGENT_SETUP
        run = self._partial(AGENT_SETUP_FAILED if in_setup else AGENT_CRASHED)
        return Outcome(Blame.AGENT, explanation, run)

    def _simulator_failed(self, explanation: str) -> Outcome:
        return Outcome(Blame.INFRASTRUCTURE, explanation, self._partial(SIMULATION_CRASHED))

    def _partial(self, failure: str) -> RouteRun | None:
        """Return the last measurements that arrived, as if the drive had ended there."""
        data: dict[str, Any] | None = self._last.get("run")
        if self._told is not None and self._told.get("run") is not None:
            data = self._told["run"]
        return run_from_json({**data, "failure": failure}) if data is not None else None

    def _excess_memory(self) -> int:
        """Return the memory in use if it exceeds the limit, else 0."""
        now_s = time.monotonic()
        if not self.limits.memory_bytes or now_s - self._memory_seen_s < MEMORY_POLL_S:
            return 0
        self._memory_seen_s = now_s
        used = self.child.memory_bytes()
        return used if used > self.limits.memory_bytes else 0

    def _tail(self) -> str:
        tail = self.child.log_tail(4)
        return f": {tail}" if tail else ""
