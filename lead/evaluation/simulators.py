"""The simulator of an evaluation: embedded, a CARLA binary, or a server that was there before, behind one interface.

A supervisor asks for a simulator before every attempt and says afterwards whether it may be used again. The embedded
one starts anew for every route, in about a second: no route can then depend on what was driven before it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from lead.evaluation.locks import port_lock
from lead.maps.towns import installed_towns, read_opendrive
from lead.simulator.launch import (
    LOOPBACK,
    CarlaBinary,
    EmbeddedServer,
    LaunchError,
    SimulatorProcess,
    port_is_open,
    server_answers,
    world_answers,
)

LOG = logging.getLogger(__name__)

ATTACHED_PROBE_S = 1.0
START_ATTEMPTS = 3
"""About every tenth start of a CARLA binary fails."""


class SimulatorKind(str, Enum):
    """What ``--simulator`` takes."""

    AUTO = "auto"
    EMBEDDED = "embedded"
    CARLA = "carla"


def simulator_kind(name: str) -> SimulatorKind:
    """Read what ``--simulator`` was given.

    Raises:
        LaunchError: If there is no such kind.
    """
    try:
        return SimulatorKind(name)
    except ValueError:
        known = ", ".join(kind.value for kind in SimulatorKind)
        raise LaunchError(f"--simulator takes {known}, not {name!r}") from None


@dataclass(frozen=True)
class SimulatorChoice:
    """What the user asked for.

    Attributes:
        kind: Which simulator.
        port: RPC port; the next one is used for streams.
        seed: Seed of an embedded simulator.
        gpu: Graphics adapter, or the GPU that draws for an embedded simulator.
        root_variable: Environment variable with the folder of the CARLA binary.
        restart_every: A CARLA binary is started anew after this many routes; 0 never.
        timeout_s: Longest wait for an answer.
        carla_version: Version an embedded simulator speaks; None takes the installed client's.
        fail2drive_assets: Whether an embedded simulator offers Fail2Drive's animals and plates.
    """

    kind: SimulatorKind
    port: int
    seed: int = 0
    gpu: int = 0
    root_variable: str = "CARLA_ROOT"
    restart_every: int = 25
    timeout_s: float = 180.0
    carla_version: str | None = None
    fail2drive_assets: bool = False


class SimulatorHost(ABC):
    """Provides a simulator for one route after the other.

    Attributes:
        port: RPC port.
        version: CARLA version, once one has answered.
    """

    name: str
    reloads_world = False
    """Whether an episode has to load its town anew to find a clean world."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.version: str | None = None

    @abstractmethod
    def prepare(self, town: str) -> None:
        """Return once a simulator answers.

        Args:
            town: Town of the route.

        Raises:
            LaunchError: If it cannot be started or reached.
        """

    @abstractmethod
    def is_running(self) -> bool:
        """Tell, quickly, whether the simulator's process lives."""

    def answers(self, timeout_s: float) -> bool:
        """Tell whether the simulation, not only its network thread, answers in time."""
        return world_answers(LOOPBACK, self.port, timeout_s)

    def give_up(self) -> None:  # noqa: B027 (most hosts have nothing to give up)
        """End a start that is under way in another thread; called when the user interrupts."""

    @abstractmethod
    def finish(self, *, is_healthy: bool) -> None:
        """End of an attempt; a simulator that is not healthy must not be used again."""

    @abstractmethod
    def close(self) -> None:
        """Stop what was started here."""

    def describe(self) -> str:
        """Name and version for results."""
        return f"{self.name} {self.version or ''}".strip()


class _OwnHost(SimulatorHost):
    """A simulator that this process starts and stops."""

    def __init__(self, choice: SimulatorChoice) -> None:
        super().__init__(choice.port)
        self._choice = choice
        self._process: SimulatorProcess | None = None
        self._starting: SimulatorProcess | None = None
        self._is_given_up = False
        self._lock = port_lock(choice.port).acquire()

    def prepare(self, town: str) -> None:
        """Start the simulator unless it runs."""
        if self._process is not None and self._process.is_running:
            return
        self._stop()
        for attempt in range(1, START_ATTEMPTS + 1):
            process = self._starting = self._make(town)
            try:
                process.start(1)
                break
            except LaunchError as error:
                if attempt == START_ATTEMPTS or self._is_given_up:
                    raise
                LOG.warning("start %d of %d failed: %s", attempt, START_ATTEMPTS, error)
            finally:
                self._starting = None
        self._process, self.version = process, process.version

    def give_up(self) -> None:
        """Kill a server that is just starting: its start fails at once."""
        self._is_given_up = True
        starting = self._starting
        if starting is not None and starting.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(starting.pid, signal.SIGKILL)

    @abstractmethod
    def _make(self, town: str) -> SimulatorProcess:
        """Describe the process to start."""

    def is_running(self) -> bool:
        """Ask the process."""
        return self._process is not None and self._process.is_running

    def close(self) -> None:
        """Stop the simulator and give its port back."""
        self._stop()
        self._lock.release()

    def _stop(self, deadline_s: float = 10.0) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.stop(deadline_s)


class EmbeddedHost(_OwnHost):
    """The embedded simulator, a fresh one per route."""

    name = "embedded"

    def _make(self, town: str) -> SimulatorProcess:
        choice = self._choice
        return EmbeddedServer(
            self.port,
            town,
            choice.carla_version,
            choice.seed,
            synchronous=True,
            fail2drive_assets=choice.fail2drive_assets,
            gpu=choice.gpu,
        )

    def finish(self, *, is_healthy: bool) -> None:
        """Stop the simulator: the next route gets a fresh one."""
        self._stop(4.0 if is_healthy else 1.0)


class CarlaHost(_OwnHost):
    """A CARLA binary that serves many routes."""

    name = "carla"
    reloads_world = True

    def __init__(self, choice: SimulatorChoice, root: Path) -> None:
        super().__init__(choice)
        self._root = root
        self._routes = 0

    def _make(self, town: str) -> SimulatorProcess:
        self._routes = 0
        return CarlaBinary(self._root, self.port, gpu=self._choice.gpu)

    def finish(self, *, is_healthy: bool) -> None:
        """Stop the simulator if it is broken or worn."""
        self._routes += 1
        worn = 0 < self._choice.restart_every <= self._routes
        if worn or not is_healthy:
            self._stop(10.0 if is_healthy else 1.0)


class AttachedHost(SimulatorHost):
    """A server that was running before; it can be used, but not restarted."""

    name = "server"
    reloads_world = True

    def __init__(self, choice: SimulatorChoice) -> None:
        super().__init__(choice.port)
        self._choice = choice
        self._lock = port_lock(choice.port).acquire()
        self._seen_at_s = 0.0

    def prepare(self, town: str) -> None:
        """Ask the server for its version."""
        self.version = server_answers(LOOPBACK, self.port, min(self._choice.timeout_s, 20.0))
        if self.version is None:
            raise LaunchError(
                f"the CARLA server on port {self.port} does not answer any more; it was not started here, so it cannot "
                "be restarted here: start it again and use --resume"
            )

    def is_running(self) -> bool:
        """Ask the port."""
        # Every probe is a connection to the server; one per second is enough.
        if time.monotonic() - self._seen_at_s > ATTACHED_PROBE_S:
            if not port_is_open(LOOPBACK, self.port):
                return False
            self._seen_at_s = time.monotonic()
        return True

    def finish(self, *, is_healthy: bool) -> None:
        """Leave the server alone; the next attempt finds out whether it still answers."""

    def close(self) -> None:
        """Give the port back."""
        self._lock.release()


def open_simulator(choice: SimulatorChoice, towns: Sequence[str]) -> SimulatorHost:
    """Choose the simulator for a run and take its port.

    ``auto`` takes a CARLA server that answers on the port, else the CARLA binary if its folder is set, else the
    embedded simulator.

    Args:
        choice: What the user asked for.
        towns: Towns needed.

    Raises:
        LockedError: If another evaluation uses the port.
        LaunchError: If the port is held by something else, or the wanted simulator is not there.
        TownError: If a town is unknown or not installed (embedded simulator only).
    """
    root = os.environ.get(choice.root_variable)
    port_lock(choice.port).acquire().release()
    answers = server_answers(LOOPBACK, choice.port) is not None
    if answers and choice.kind is SimulatorKind.EMBEDDED:
        raise LaunchError(
            f"a CARLA server already answers on port {choice.port}; stop it, choose another --port, or use it with "
            "--simulator auto"
        )
    if answers:
        return AttachedHost(choice)
    if port_is_open(LOOPBACK, choice.port):
        raise LaunchError(f"port {choice.port} is held by a program that is not a CARLA server; choose another --port")
    if choice.kind is SimulatorKind.CARLA or (choice.kind is SimulatorKind.AUTO and root):
        if not root:
            raise LaunchError(
                f"--simulator carla needs a server on port {choice.port} or {choice.root_variable} set to the folder "
                "with CarlaUE4.sh (scripts/setup_carla.sh installs CARLA)"
            )
        return CarlaHost(choice, Path(root))
    for town in towns:
        if town not in installed_towns():
            # Raises the error that says which command installs the town, or which name was meant.
            read_opendrive(town)
    return EmbeddedHost(choice)
