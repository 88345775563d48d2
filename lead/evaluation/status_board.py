"""What an episode process is doing right now, readable by its supervisor at any moment.

The board is a small memory-mapped file. Writing to it costs a microsecond and needs no cooperation later, so the
supervisor learns in which phase a process hangs even if that process can run no Python any more. A sequence number
before and behind the entry tells a reader whether it met the writer half way: half an entry would look like a hang.
"""

from __future__ import annotations

import mmap
import struct
import time
from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

_ENTRY, _SEQUENCE = struct.Struct("<BxxxxxxxdQ"), struct.Struct("<Q")
_BEFORE = slice(0, _SEQUENCE.size)
_BODY = slice(_BEFORE.stop, _BEFORE.stop + _ENTRY.size)
_BEHIND = slice(_BODY.stop, _BODY.stop + _SEQUENCE.size)
_TRIES = 1000
"""Readings after which a writer is taken for one that died in the middle."""


class Phase(IntEnum):
    """What an episode process does; phases tell who is to blame when it hangs or dies."""

    STARTING = 0
    WAITING = 1
    CONNECTING = 2
    LOADING = 3
    AGENT_SETUP = 4
    AGENT_STEP = 5
    TICK = 6
    SENSORS = 7
    RECORDING = 8
    AGENT_DESTROY = 9
    CLEAN_UP = 10
    DONE = 11
    SAVING = 12

    @property
    def is_agent(self) -> bool:
        """True while code of the agent runs."""
        return self in (Phase.AGENT_SETUP, Phase.AGENT_STEP, Phase.AGENT_DESTROY)


class Status(NamedTuple):
    """One reading of the board.

    Attributes:
        phase: Current phase.
        since_s: Monotonic time of its beginning.
        ticks: World steps so far.
    """

    phase: Phase
    since_s: float
    ticks: int

    @property
    def age_s(self) -> float:
        """Seconds spent in the phase until now."""
        return time.monotonic() - self.since_s


class StatusBoard:
    """The memory-mapped board; create it in the supervisor, open it in the episode process."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        """Map the board's file.

        Args:
            path: File; its folder exists.
            create: Make a new board in phase STARTING.
        """
        self.path = path
        if create:
            path.write_bytes(bytes(_BEHIND.stop))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _BEHIND.stop)
        self._ticks = 0
        self._last = Status(Phase.STARTING, time.monotonic(), 0)
        if create:
            self.enter(Phase.STARTING)

    def enter(self, phase: Phase) -> None:
        """Begin a phase."""
        (sequence,) = _SEQUENCE.unpack(self._map[_BEFORE])
        following = _SEQUENCE.pack(sequence + 1)
        self._map[_BEFORE] = following
        self._map[_BODY] = _ENTRY.pack(phase, time.monotonic(), self._ticks)
        self._map[_BEHIND] = following

    def count_tick(self) -> None:
        """Count a world step; shown from the next phase on."""
        self._ticks += 1

    def read(self) -> Status:
        """Read the current state; that of the last reading if the writer died while it wrote."""
        for _ in range(_TRIES):
            behind, body, before = self._map[_BEHIND], self._map[_BODY], self._map[_BEFORE]
            if before == behind:
                phase, since_s, ticks = _ENTRY.unpack(body)
                self._last = Status(Phase(phase), since_s, ticks)
                break
        return self._last

    def close(self) -> None:
        """Unmap the file."""
        self._map.close()

    def __enter__(self) -> StatusBoard:
        """Use as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unmap the file."""
        self.close()
