"""Progress as lines of a log: what takes the place of a live display where the output is no terminal.

A batch job's output goes to a file that is read while it runs. Live displays write nothing there until they end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rich.console import Console


class LogLines:
    """Prints lines with the time of day; those that tell how far something is, only every so often."""

    def __init__(self, console: Console, every_s: float) -> None:
        """Describe where lines go.

        Args:
            console: Where to.
            every_s: Least time between two lines of :meth:`say_how_far`.
        """
        self._console = console
        self._every_s = every_s
        self._lock = threading.Lock()
        self._next_s = time.monotonic() + every_s

    def say(self, text: str) -> None:
        """Print something that happened."""
        clock = time.strftime("%H:%M:%S")
        self._console.print(f"{clock} {text}", soft_wrap=True, highlight=False, markup=False)

    def say_how_far(self, text: Callable[[], str]) -> None:
        """Print how far something is, if the last such line is long enough ago.

        Args:
            text: Makes the line; only called when it is due.
        """
        with self._lock:
            now_s = time.monotonic()
            if now_s < self._next_s:
                return
            self._next_s = now_s + self._every_s
        self.say(text())
