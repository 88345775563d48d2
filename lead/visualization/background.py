"""Writing that must never stop a drive: a thread with a short queue, a deadline, and silence after the first failure.

Encoders and disks can be slow, full or dead. A drive takes hours and its score matters more than its pictures, so the
writer slows the drive down while it keeps up somehow, and is given up with one warning when it does not.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

LOG = logging.getLogger(__name__)

Item = TypeVar("Item")


class BackgroundWorker(Generic[Item]):
    """Hands items to a function on another thread, in order.

    Attributes:
        failed: True after the first failure; everything is then ignored.
    """

    def __init__(
        self,
        name: str,
        handle: Callable[[Item], None],
        *,
        capacity: int,
        stall_s: float,
        abort: Callable[[], None] | None = None,
    ) -> None:
        """Start the thread.

        Args:
            name: What is written, for the warning.
            handle: Called with every item; an exception is a failure.
            capacity: Items that may wait.
            stall_s: How long the queue may stay full before the writer counts as dead.
            abort: Called once at a failure, on the thread that noticed; should free a stuck ``handle``.
        """
        self.failed = False
        self._name = name
        self._handle = handle
        self._abort = abort
        self._stall_s = stall_s
        self._lock = threading.Lock()
        self._queue: queue.Queue[Item | None] = queue.Queue(capacity)
        self._thread = threading.Thread(target=self._run, name=f"writer of {name}", daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Hand over an item; waits while the queue is full, at most ``stall_s``."""
        if self.failed:
            return
        try:
            self._queue.put(item, timeout=self._stall_s)
        except queue.Full:
            self.fail(f"nothing was written for {self._stall_s:g} s")

    def finish(self, timeout_s: float) -> None:
        """Wait until everything is handled; what takes longer is given up."""
        if not self.failed:
            try:
                self._queue.put(None, timeout=timeout_s)
                self._thread.join(timeout_s)
            except queue.Full:
                self.fail(f"it was not finished within {timeout_s:g} s")
            if self._thread.is_alive():
                self.fail(f"it was not finished within {timeout_s:g} s")
        if self.failed:
            self.stop()

    def stop(self) -> None:
        """Ignore everything that waits, without a warning."""
        self.failed = True
        # A full queue needs no mark: the thread drops what is in it as soon as it is free, and ends.
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)
        self._thread.join(1.0)

    def fail(self, reason: str) -> None:
        """Give up; only the first reason is reported."""
        with self._lock:
            if self.failed:
                return
            self.failed = True
        LOG.warning("%s is given up, the drive goes on: %s", self._name, reason)
        if self._abort is not None:
            self._abort()

    def _run(self) -> None:
        while True:
            if self.failed and self._queue.empty():
                return
            item = self._queue.get()
            if item is None:
                return
            if self.failed:
                continue
            try:
                self._handle(item)
            except Exception as error:  # whatever it is, it must not end the drive
                self.fail(str(error) or type(error).__name__)
