"""Turns a request to stop into a checkpoint: the trainer asks after every step whether one has come."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

LOG = logging.getLogger(__name__)

EXIT_STOPPED = 75
"""Exit code of a training that was told to stop, saved itself and can go on (the system's code for "try again")."""
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Whether the process was told to stop."""

    def __init__(self) -> None:
        """Start without a request."""
        self.is_set = False

    def set(self, number: int, _frame: FrameType | None) -> None:
        """Note a signal; a second one ends the process at once."""
        if self.is_set:
            raise KeyboardInterrupt
        self.is_set = True
        LOG.warning("%s: saving and stopping after this step", signal.Signals(number).name)


@contextmanager
def listening() -> Iterator[StopRequest]:
    """Listen for SIGTERM and SIGINT as long as the context lasts."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request  # only the main thread gets signals
        return
    before = {number: signal.signal(number, request.set) for number in SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
