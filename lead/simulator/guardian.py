"""The guardian of one server: a small process between us and it, which leaves nothing running.

CARLA's start script forks the engine, so ending the script alone leaves the engine on the GPU. The guardian starts the
server in a process group of its own, adopts every process that the server leaves behind, and ends all of them when
its standard input closes. The kernel closes it whenever the owner stops for any reason, SIGKILL included.

It runs as a script in an isolated interpreter (standard library only, so that it starts in a few milliseconds and
needs no package path):

    python -I -S guardian.py LOG_FILE COMMAND...

Its first line on standard output is the process id of the server, or why it could not be started. A number written
to its standard input before it closes is the patience in seconds. It exits with the server's code, 128 + signal if
the server died of one.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

DEFAULT_PATIENCE_S = 5.0
EXIT_NOT_STARTED = 127
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_OWNER_CHECK_S = 1.0
_POLL_S = 0.02
_LAST_PATIENCE_S = 5.0


def main(arguments: list[str]) -> int:
    """Guard one server.

    Args:
        arguments: Path of the log file, then the command.

    Returns:
        Exit code of the server.
    """
    owner = os.getppid()
    log_file, *command = arguments
    _adopt_orphans()
    wake, wake_end = os.pipe()
    os.set_blocking(wake_end, False)
    signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _noted)
    try:
        with open(log_file, "ab") as log:
            server = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_guardian,  # noqa: PLW1509 (one system call, and there are no threads)
            )
    except OSError as error:
        _report(f"{error.strerror}: {error.filename}")
        return EXIT_NOT_STARTED
    _report(str(server.pid))
    patience_s = _guard(server, owner, wake)
    if server.poll() is None:
        _end(server, patience_s)
    _end_orphans()
    code = server.returncode
    return code if code >= 0 else 128 - code


def _noted(number: int, _frame: object) -> None:
    if number != signal.SIGCHLD:
        _stop_asked.append(number)


_stop_asked: list[int] = []


def _report(line: str) -> None:
    # An owner that is gone has closed its end; the server is ended because of that in a moment.
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), f"{line}\n".encode())
    os.close(sys.stdout.fileno())


def _guard(server: subprocess.Popen[bytes], owner: int, wake: int) -> float:
    """Wait until the server ends or somebody wants it to; the patience for that in seconds."""
    said = b""
    while server.poll() is None and not _stop_asked and os.getppid() == owner:
        ready, _, _ = select.select([sys.stdin, wake], [], [], _OWNER_CHECK_S)
        if wake in ready:
            os.read(wake, 4096)
        if sys.stdin in ready:
            heard = os.read(sys.stdin.fileno(), 64)
            if not heard:
                break
            said += heard
    try:
        return float(said)
    except ValueError:
        return DEFAULT_PATIENCE_S


def _end(server: subprocess.Popen[bytes], patience_s: float) -> None:
    """SIGINT, then SIGTERM, then SIGKILL to the server's group; half of the patience after each of the first two."""
    for number in (signal.SIGINT, signal.SIGTERM):
        _signal_group(server.pid, number)
        # A stopped process could not even take note of its end.
        _signal_group(server.pid, signal.SIGCONT)
        deadline_s = time.monotonic() + 0.5 * patience_s
        while time.monotonic() < deadline_s and server.poll() is None:
            time.sleep(_POLL_S)
        if server.poll() is not None:
            return
    _signal_group(server.pid, signal.SIGKILL)
    server.wait()


def _end_orphans() -> None:
    """Kill what the server left behind, in its group or not, and collect it all."""
    deadline_s = time.monotonic() + _LAST_PATIENCE_S
    while time.monotonic() < deadline_s:
        for pid in _descendants():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(_POLL_S)


def _descendants() -> list[int]:
    """Process ids of all that descend from this process; empty where there is no /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    found: list[int] = []
    pending = [os.getpid()]
    while pending:
        below = children.get(pending.pop(), [])
        found += below
        pending += below
    return found


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except OSError:
        return


def _adopt_orphans() -> None:
    """Become the parent of what the server's processes leave behind (Linux only)."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _die_with_guardian() -> None:
    """Let the kernel kill the server if somebody kills the guardian (Linux only)."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
