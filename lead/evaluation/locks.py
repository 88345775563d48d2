"""Locks between runs on one machine: nobody drives on another run's simulator or writes into its results."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from pathlib import Path
from types import TracebackType

from lead.errors import LeadError


class LockedError(LeadError):
    """Another run holds what this one needs."""


class FileLock:
    """An advisory lock that the kernel releases with the process, however it ends."""

    def __init__(self, path: Path, sentence: str) -> None:
        """Describe the lock.

        Args:
            path: Lock file; it is created and never removed, so that nobody locks a file that is gone.
            sentence: What is wrong if another process holds it; "{owner}" becomes "process 123".
        """
        self._path = path
        self._sentence = sentence
        self._descriptor: int | None = None

    def acquire(self) -> FileLock:
        """Take the lock.

        Raises:
            LockedError: If another process holds it.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(descriptor, 32).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise LockedError(self._sentence.format(owner=f"process {owner}" if owner else "another process")) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return self

    def release(self) -> None:
        """Let go; safe to call twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> FileLock:
        """Take the lock."""
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go."""
        self.release()


def port_lock(port: int) -> FileLock:
    """The lock of a simulator port on this machine; runs of one user exclude each other."""
    return FileLock(
        _folder() / f"port-{port}.lock",
        f"port {port} is in use by another evaluation ({{owner}}); choose another --port",
    )


def folder_lock(folder: Path) -> FileLock:
    """The lock of a result folder; it lies elsewhere, so that the folder can be renamed and copied."""
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return FileLock(
        _folder() / f"folder-{digest}.lock",
        f"{folder} is in use by another evaluation ({{owner}}); choose another --output-dir",
    )


def _folder() -> Path:
    return Path(tempfile.gettempdir()) / f"lead-locks-{os.getuid()}"
