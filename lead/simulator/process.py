"""One simulator server that we own: start it, watch it, stop it, leave nothing behind.

Programs that need a simulator (``lead drive``, tests, benchmarks) must not care which one it is. ``start()`` returns
when the world answers, ``stop()`` leaves nothing running, and a server that fails is reported with what its log says.
A guardian process stands between us and the server and ends it when we die, see `lead.simulator.guardian`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, TypeVar

from lead.simulator import guardian
from lead.simulator.ports import require_free_port
from lead.simulator.probe import (
    LOOPBACK,
    LaunchError,
    map_answers,
    port_is_open,
    server_answers,
    world_answers,
)

LOG = logging.getLogger(__name__)

LOG_TAIL_LINES = 8
STREAMING_PORT_OFFSET = 1
_LOG_TAIL_BYTES = 1 << 14
_PROBE_INTERVAL_S = 0.05
_MAP_TIMEOUT_S = 10.0
_SWEEP_PATIENCE_S = 8.0
_CLEAN_CODES = (0, 128 + signal.SIGINT, 128 + signal.SIGTERM)
_Process = TypeVar("_Process", bound="SimulatorProcess")


class StartError(LaunchError):
    """The server ran but never became ready; another attempt may succeed."""


class SimulatorProcess:
    """One simulator server in a process group of its own.

    Use as a context manager, or call :meth:`start` and :meth:`stop`. Subclasses give the command line.

    Attributes:
        host: Address the server listens on.
        port: RPC port; the streaming port is the next one.
        version: CARLA version reported by the running server, None before :meth:`start`.
        log_path: File with the server's stdout and stderr, None before :meth:`start`.
        start_attempts: How often :meth:`start` tries by default.
        port_purposes: What the ports from `port` on are for.
    """

    name = "simulator"
    start_attempts = 1
    port_purposes: tuple[str, ...] = ("simulator port", "simulator streaming port")

    def __init__(self, port: int, startup_timeout_s: float, log_path: Path | None = None) -> None:
        self.host = LOOPBACK
        self.port = port
        self.version: str | None = None
        self.log_path = log_path
        self._startup_timeout_s = startup_timeout_s
        self._owns_log = log_path is None
        self._guardian: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None

    def command(self) -> list[str]:
        """Return the command line of the server."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Return the environment of the server."""
        return dict(os.environ)

    def diagnosis(self) -> str:
        """Say what the log tells about a failure; by default its last lines."""
        return self.log_tail() or f"it printed nothing (log: {self.log_path})"

    @property
    def is_running(self) -> bool:
        """True while the server's process lives; it may hang all the same, see :meth:`is_responsive`."""
        return self._guardian is not None and self._guardian.poll() is None

    @property
    def pid(self) -> int | None:
        """Id of the server's process, which leads its process group; None when there is none."""
        return self._pid

    @property
    def exit_code(self) -> int | None:
        """Exit code of a server that ended by itself, 128 + signal if it died of one; None while it runs."""
        return None if self._guardian is None else self._guardian.poll()

    def is_responsive(self, timeout_s: float = 10.0) -> bool:
        """Tell whether the simulation answers a call: False for one that is dead, frozen or hangs.

        Args:
            timeout_s: Longest wait for the answer. Give it the time of the longest pause that is no failure: loading
                a large map keeps a healthy server silent for a minute.
        """
        return self.is_running and world_answers(self.host, self.port, timeout_s)

    def death_report(self) -> str:
        """One sentence on a server that is no longer running: how it ended and what its log says."""
        return f"the {self.name} on port {self.port} died ({_exit_text(self.exit_code)}): {self.diagnosis()}"

    def start(self: _Process, attempts: int | None = None) -> _Process:
        """Start the server and wait until its world answers.

        Args:
            attempts: How often a server that fails while starting is started; None means `start_attempts`.

        Returns:
            This object.

        Raises:
            LaunchError: If a port is taken, the program is missing, or it fails in every attempt.
        """
        if self._guardian is not None:
            raise LaunchError(f"the {self.name} on port {self.port} was already started")
        attempts = self.start_attempts if attempts is None else max(1, attempts)
        command = self.command()
        self._make_log()
        for attempt in range(1, attempts + 1):
            for offset, purpose in enumerate(self.port_purposes):
                require_free_port(self.port + offset, purpose)
            try:
                self._start_once(command)
                return self
            except StartError as error:
                self.stop()
                if attempt == attempts:
                    count = f"after {attempts} attempts: " if attempts > 1 else ""
                    raise LaunchError(f"{count}{error}") from error
                LOG.warning("attempt %d of %d: %s", attempt, attempts, error)
            except BaseException:
                self.stop()
                raise
        raise AssertionError("unreachable: every attempt returns or raises")

    def stop(self, deadline_s: float = 10.0) -> None:
        """Stop the server: SIGINT, then SIGTERM, then SIGKILL to all its processes; safe to call twice.

        Args:
            deadline_s: Time after which everything is killed; half of it is granted to SIGINT.
        """
        process = self._guardian
        if process is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # it may have ended already
            process.stdin.write(f"{deadline_s}\n".encode())
            process.stdin.flush()
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            code = process.wait(timeout=deadline_s + _SWEEP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            LOG.error("the guardian of the %s on port %d does not end; killing both", self.name, self.port)
            code = -signal.SIGKILL
        if code < 0:  # the guardian itself was killed, so nobody has cleaned up
            for group in (self._pid, process.pid):
                with contextlib.suppress(OSError):
                    os.killpg(group or process.pid, signal.SIGKILL)
            process.wait()
        self._guardian = None
        self._pid = None
        if self._owns_log and self.log_path is not None and code in _CLEAN_CODES:
            self.log_path.unlink(missing_ok=True)

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """Return the last lines the server printed, joined by newlines."""
        return "\n".join(self._log_end().strip().splitlines()[-lines:])

    def __enter__(self: _Process) -> _Process:
        """Start the server."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()

    def _log_end(self) -> str:
        if self.log_path is None or not self.log_path.exists():
            return ""
        with self.log_path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
            return log.read().decode("utf-8", "replace")

    def _make_log(self) -> None:
        if self.log_path is None:
            handle, path = tempfile.mkstemp(prefix=f"lead-sim-{self.port}-", suffix=".log")
            os.close(handle)
            self.log_path = Path(path)
        self.log_path.parent.mkdir(parents=True, exist_ok=True)

    def _start_once(self, command: list[str]) -> None:
        """Start the guardian with the server and wait until the world answers."""
        assert self.log_path is not None
        self.log_path.write_bytes(b"")
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", guardian.__file__, str(self.log_path), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self.environment(),
            start_new_session=True,
        )
        assert self._guardian.stdout is not None
        self._pid = self._reported_pid(self._guardian.stdout)
        self._wait_until_ready()

    def _reported_pid(self, report: IO[bytes]) -> int:
        with report:
            line = report.readline().decode("utf-8", "replace").strip()
        if not line.isdecimal():
            raise LaunchError(f"the {self.name} could not be started: {line or 'its guardian died'}")
        return int(line)

    def _wait_until_ready(self) -> None:
        assert self._guardian is not None
        deadline_s = time.monotonic() + self._startup_timeout_s
        while (left_s := deadline_s - time.monotonic()) > 0:
            code = self._guardian.poll()
            if code is not None:
                raise StartError(f"the {self.name} stopped while starting ({_exit_text(code)}): {self.diagnosis()}")
            if port_is_open(self.host, self.port) and self._world_is_up(left_s):
                return
            time.sleep(_PROBE_INTERVAL_S)
        raise StartError(
            f"the {self.name} did not answer on port {self.port} within {self._startup_timeout_s:.0f} s: "
            f"{self.diagnosis()}"
        )

    def _world_is_up(self, left_s: float) -> bool:
        """Whether version and map can be had: CARLA opens its port some time before there is a world."""
        self.version = server_answers(self.host, self.port)
        return self.version is not None and bool(map_answers(self.host, self.port, min(_MAP_TIMEOUT_S, left_s)))


def _exit_text(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None:
        return "still running"
    number = code - 128 if code > 128 else -code
    try:
        return f"killed by {signal.Signals(number).name}" if number > 0 else f"exit code {code}"
    except ValueError:
        return f"exit code {code}"
