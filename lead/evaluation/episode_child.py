"""An episode process seen from its supervisor: started, listened to, watched and stopped by its own handle."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lead.evaluation.job import EpisodeJob
from lead.evaluation.status_board import Status, StatusBoard

Message = dict[str, Any]
GO = b"go\n"
LOG_TAIL_LINES = 12


class EpisodeChild:
    """One child process that drives one route.

    The child gets its job at once, so that its imports overlap with the simulator's start, and a word when the
    simulator is ready. Its standard input stays open for as long as this process lives: its end tells the child that
    nobody listens any more.
    """

    def __init__(
        self,
        command: Sequence[str],
        job: EpisodeJob,
        environment: Mapping[str, str],
        log_path: Path,
        *,
        show_output: bool = False,
    ) -> None:
        """Start the process.

        Args:
            command: Command line; the number of the message descriptor is appended.
            job: What to drive.
            environment: Environment of the process.
            log_path: Gets what the process prints; appended to.
            show_output: Print it on this process's standard error instead.
        """
        self._log_path = log_path
        self._board = StatusBoard(Path(job.status_file), create=True)
        self._final: Status | None = None
        read_end, write_end = os.pipe()
        os.set_inheritable(write_end, True)
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                [*command, str(write_end)],
                stdin=subprocess.PIPE,
                stdout=2 if show_output else log,
                stderr=None if show_output else subprocess.STDOUT,
                env=dict(environment),
                pass_fds=(write_end,),
                start_new_session=True,
            )
        os.close(write_end)
        self._messages: queue.Queue[Message] = queue.Queue()
        self._reader = threading.Thread(target=self._read, args=(read_end,), name="episode-messages", daemon=True)
        self._reader.start()
        self._say(job.to_json().encode() + b"\n")

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def go(self) -> None:
        """Tell the process that the simulator is ready."""
        self._say(GO)

    def next_message(self, timeout_s: float) -> Message | None:
        """Return the oldest message not taken yet, None if there is none in time."""
        try:
            return self._messages.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def exit_code(self) -> int | None:
        """Return the exit code once the process has ended and all its messages can be taken, else None."""
        code = self._process.poll()
        if code is None:
            return None
        self._reader.join(timeout=1.0)
        return code

    def status(self) -> Status:
        """Read what the process is doing, or was doing when it was stopped."""
        if self._final is None:
            return self._board.read()
        return self._final

    def memory_bytes(self) -> int:
        """Memory in use by the process, 0 if that is unknown."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        except (OSError, ValueError, IndexError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")

    def stop(self, *, interrupt_s: float = 0.0, terminate_s: float = 5.0) -> None:
        """End the process and everything it started; safe to call twice.

        Args:
            interrupt_s: Time granted to SIGINT; 0 skips it.
            terminate_s: Time granted to SIGTERM; 0 skips it.
        """
        for number, patience_s in ((signal.SIGINT, interrupt_s), (signal.SIGTERM, terminate_s), (signal.SIGKILL, 5.0)):
            if self._process.poll() is not None:
                break
            if patience_s > 0.0:
                # A stopped process would not see the signal.
                self._signal(number)
                self._signal(signal.SIGCONT)
                try:
                    self._process.wait(patience_s)
                except subprocess.TimeoutExpired:
                    continue
        self._signal(signal.SIGKILL)
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._reader.join(timeout=1.0)
        if self._final is None:
            self._final = self._board.read()
            self._board.close()
        self._board.path.unlink(missing_ok=True)

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """Return the last lines that this process printed."""
        try:
            with self._log_path.open("rb") as file:
                file.seek(self._log_start)
                text = file.read()[-16384:].decode("utf-8", "replace")
        except OSError:
            return ""
        return "\n".join(text.strip().splitlines()[-lines:])

    def _say(self, line: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # It has died already; the exit code tells.

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return

    def _read(self, descriptor: int) -> None:
        with os.fdopen(descriptor, "rb") as pipe:
            for line in pipe:
                try:
                    message = json.loads(line)
                except ValueError:
                    continue  # Torn by the death of the writer.
                if isinstance(message, dict):
                    self._messages.put(message)
