"""Start, probe and stop simulator processes.

Programs that need a simulator (``lead drive``, tests, benchmarks) must not care whether it is the embedded one or
a real CARLA binary. Both are owned by a class of this module: ``start()`` returns when the server answers,
``stop()`` leaves nothing running, and a server that dies while starting is reported with the end of its log.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import msgpack

from lead.errors import LeadError

LOG = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
PROBE_TIMEOUT_S = 1.0
PROBE_INTERVAL_S = 0.05
LOG_TAIL_LINES = 8
STREAMING_PORT_OFFSET = 1
_PR_SET_PDEATHSIG = 1
_handed_out: set[int] = set()


class LaunchError(LeadError):
    """The simulator could not be started, reached or identified."""


def port_is_open(host: str, port: int, timeout_s: float = PROBE_TIMEOUT_S) -> bool:
    """Tell whether some program accepts TCP connections on a port."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def server_answers(host: str, port: int, timeout_s: float = PROBE_TIMEOUT_S) -> str | None:
    """Ask the program behind a port for its CARLA version.

    Args:
        host: Host name or address.
        port: RPC port.
        timeout_s: Longest wait for the connection and for the reply, each.

    Returns:
        The version text ("0.9.16"), or None if nothing listens there or it does not speak CARLA's protocol.
    """
    deadline_s = time.monotonic() + timeout_s
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.sendall(msgpack.packb([0, 1, "version", [[False]]]))
            unpacker = msgpack.Unpacker(raw=False, max_buffer_size=1 << 16)
            while (left_s := deadline_s - time.monotonic()) > 0:
                connection.settimeout(left_s)
                data = connection.recv(4096)
                if not data:
                    return None
                unpacker.feed(data)
                for message in unpacker:
                    return _version_of(message)
    except (OSError, ValueError, msgpack.exceptions.UnpackException):
        # Refused, reset, timed out, or bytes that are not msgpack: no CARLA server in every case.
        return None
    return None


def _version_of(message: Any) -> str | None:
    """Read the text out of a reply ``[1, id, nil, [[1, version]]]``."""
    match message:
        case [1, 1, None, [[1, str(version)]]]:
            return version
        case _:
            return None


def free_port(span: int = 2, first: int = 20000, last: int = 29999) -> int:
    """Find a port whose successors up to ``span`` ports are free on the loopback interface.

    A process never gets the same port twice, so that several can be chosen before the first one is bound.

    Raises:
        LaunchError: If no such range exists.
    """
    # Processes start at different places, so that parallel ones rarely choose the same port.
    start = (os.getpid() * 16) % (last - first)
    for offset in range(last - first - span):
        port = first + (start + offset) % (last - first - span)
        wanted = set(range(port, port + span))
        if not wanted & _handed_out and all(_can_bind(number) for number in sorted(wanted)):
            _handed_out.update(wanted)
            return port
    raise LaunchError(f"no free TCP port between {first} and {last}; stop some of the programs that hold them")


def _can_bind(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def require_free_port(port: int, purpose: str) -> None:
    """Fail with one sentence unless a loopback port can be bound.

    Raises:
        LaunchError: If another program holds the port.
    """
    if not 1 <= port <= 65535:
        raise LaunchError(f"{purpose} must be a port between 1 and 65535, not {port}")
    if port_is_open(LOOPBACK, port) or not _can_bind(port):
        raise LaunchError(f"{purpose} {port} is in use by another program; choose another one or stop that program")


class SimulatorProcess:
    """One simulator server as a child process in its own process group.

    Use as a context manager, or call :meth:`start` and :meth:`stop`. Subclasses give the command line.

    Attributes:
        host: Address the server listens on.
        port: RPC port; the streaming port is the next one.
        version: CARLA version reported by the running server, None before :meth:`start`.
        log_path: File with the server's stdout and stderr, None before :meth:`start`.
    """

    name = "simulator"

    def __init__(self, port: int, startup_timeout_s: float, log_path: Path | None = None) -> None:
        self.host = LOOPBACK
        self.port = port
        self.version: str | None = None
        self.log_path = log_path
        self._startup_timeout_s = startup_timeout_s
        self._owns_log = log_path is None
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """Return the command line of the server."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Return the environment of the server."""
        return dict(os.environ)

    @property
    def is_running(self) -> bool:
        """True while the child process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Process id of the child, None when there is none."""
        return self._process.pid if self._process is not None else None

    def start(self) -> SimulatorProcess:
        """Start the server and wait until it answers.

        Returns:
            This object.

        Raises:
            LaunchError: If a port is taken, the program is missing, exits early or does not answer in time.
        """
        if self._process is not None:
            raise LaunchError(f"the {self.name} on port {self.port} was already started")
        require_free_port(self.port, "simulator port")
        require_free_port(self.port + STREAMING_PORT_OFFSET, "simulator streaming port")
        if self.log_path is None:
            handle, path = tempfile.mkstemp(prefix=f"lead-sim-{self.port}-", suffix=".log")
            os.close(handle)
            self.log_path = Path(path)
        try:
            with self.log_path.open("wb") as log:
                self._process = subprocess.Popen(
                    self.command(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self.environment(),
                    start_new_session=True,
                    preexec_fn=_die_with_parent(),  # noqa: PLW1509 (one system call, nothing that takes locks)
                )
        except OSError as error:
            raise LaunchError(f"the {self.name} could not be started: {error}") from error
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, deadline_s: float = 10.0) -> None:
        """Stop the server: SIGINT, then SIGTERM, then SIGKILL to its process group; safe to call twice.

        Args:
            deadline_s: Time after which the process is killed; half of it is granted to SIGINT.
        """
        process = self._process
        if process is None:
            return
        steps = ((signal.SIGINT, 0.5 * deadline_s), (signal.SIGTERM, 0.5 * deadline_s), (signal.SIGKILL, 5.0))
        for signal_number, patience_s in steps:
            if process.poll() is not None:
                break
            _signal_group(process, signal_number)
            try:
                process.wait(timeout=patience_s)
            except subprocess.TimeoutExpired:
                LOG.warning("%s on port %d ignored %s", self.name, self.port, signal_number.name)
        _signal_group(process, signal.SIGKILL)
        crashed = process.returncode not in (0, -signal.SIGINT, -signal.SIGTERM)
        self._process = None
        if self._owns_log and self.log_path is not None and not crashed:
            self.log_path.unlink(missing_ok=True)

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """Return the last lines the server printed, joined by newlines."""
        if self.log_path is None or not self.log_path.exists():
            return ""
        text = self.log_path.read_bytes()[-16384:].decode("utf-8", "replace")
        return "\n".join(text.strip().splitlines()[-lines:])

    def __enter__(self) -> SimulatorProcess:
        """Start the server."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline_s = time.monotonic() + self._startup_timeout_s
        while time.monotonic() < deadline_s:
            code = self._process.poll()
            if code is not None:
                raise LaunchError(f"the {self.name} stopped while starting (exit code {code}): {self._tail_text()}")
            if port_is_open(self.host, self.port):
                self.version = server_answers(self.host, self.port)
                if self.version is not None:
                    return
            time.sleep(PROBE_INTERVAL_S)
        raise LaunchError(
            f"the {self.name} did not answer on port {self.port} within {self._startup_timeout_s:.0f} s: "
            f"{self._tail_text()}"
        )

    def _tail_text(self) -> str:
        return self.log_tail() or f"it printed nothing (log: {self.log_path})"


class EmbeddedServer(SimulatorProcess):
    """The embedded simulator (``lead sim``) in a child process."""

    name = "embedded simulator"

    def __init__(
        self,
        port: int = 2000,
        town: str = "Town10HD",
        carla_version: str | None = None,
        seed: int = 0,
        *,
        startup_timeout_s: float = 120.0,
        log_path: Path | None = None,
    ) -> None:
        """Describe the server to start.

        Args:
            port: RPC port; the next port is used for streams.
            town: Town name or path of an OpenDRIVE file.
            carla_version: Protocol version to speak; None means the version of the installed carla wheel.
            seed: Seed of the simulation.
            startup_timeout_s: Longest wait until the server answers.
            log_path: File for the server's output; None means a temporary file, removed after a clean stop.
        """
        super().__init__(port, startup_timeout_s, log_path)
        self.town = town
        self.carla_version = carla_version
        self.seed = seed

    def command(self) -> list[str]:
        """Return the command line of the server."""
        words = [sys.executable, "-m", "lead", "sim", "--port", str(self.port), "--town", self.town]
        if self.carla_version is not None:
            words += ["--carla-version", self.carla_version]
        return [*words, "--seed", str(self.seed)]


class CarlaBinary(SimulatorProcess):
    """A real CARLA server started from its shell script."""

    name = "CARLA server"

    def __init__(
        self,
        root: Path,
        port: int = 2000,
        *,
        quality: str = "Epic",
        gpu: int = 0,
        startup_timeout_s: float = 300.0,
        log_path: Path | None = None,
    ) -> None:
        """Describe the server to start.

        Args:
            root: Folder with ``CarlaUE4.sh`` (the usual ``CARLA_ROOT``).
            port: RPC port.
            quality: Rendering quality; official numbers need "Epic".
            gpu: Index of the graphics adapter.
            startup_timeout_s: Longest wait until the server answers.
            log_path: File for the server's output.
        """
        super().__init__(port, startup_timeout_s, log_path)
        self.script = root / "CarlaUE4.sh"
        self.quality = quality
        self.gpu = gpu

    def command(self) -> list[str]:
        """Return the command line of the server.

        Raises:
            LaunchError: If the folder holds no CARLA.
        """
        if not self.script.is_file():
            raise LaunchError(f"{self.script.parent} holds no CarlaUE4.sh; set CARLA_ROOT to the unpacked CARLA folder")
        return [
            "/bin/sh",
            str(self.script),
            "-RenderOffScreen",
            "-nosound",
            f"-quality-level={self.quality}",
            f"-graphicsadapter={self.gpu}",
            f"-carla-rpc-port={self.port}",
            f"-carla-streaming-port={self.port + STREAMING_PORT_OFFSET}",
        ]


def _die_with_parent() -> Callable[[], None] | None:
    """Return a hook that makes the kernel stop the child when this process is killed (Linux only)."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def request_death_signal() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)

    return request_death_signal


def _signal_group(process: subprocess.Popen[bytes], signal_number: signal.Signals) -> None:
    """Signal the child's process group (the child is its leader); a group that is gone is fine."""
    try:
        os.killpg(process.pid, signal_number)
    except ProcessLookupError:
        return
