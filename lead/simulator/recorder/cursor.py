"""Walks forward through a recording: the events that have become due, and the motion between two frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lead.simulator.recorder.format import Block, Event, RecordingReader
from lead.simulator.recorder.motion import blend, match

TIME_SLACK_S = 1e-6
"""Times that differ by less are the same; keeps replays at the recorded step free of interpolation."""


@dataclass(frozen=True)
class _Frame:
    block: Block
    index: int

    @property
    def time_s(self) -> float:
        return float(self.block.times_s[self.index])

    def states(self, kind: str) -> tuple[NDArray[np.uint32], NDArray[np.float64]]:
        """Ids and states (actors, channels) of one kind of actor."""
        part = self.block.motion().get(kind)
        return _NOBODY if part is None else (part.ids, part.states[self.index])


_NOBODY = (np.zeros(0, np.uint32), np.zeros((0, 0)))


class Cursor:
    """A place between two frames of a recording that only moves forward.

    Args:
        reader: The recording; must hold at least one frame.
    """

    def __init__(self, reader: RecordingReader) -> None:
        self._frames = _frames(reader)
        self._before: _Frame | None = None
        self._after: _Frame | None = next(self._frames, None)
        self.time_s = 0.0

    def advance(self, time_s: float) -> list[tuple[float, Event]]:
        """Move to a time and return, in order, the events that happened up to it, with their times.

        Raises:
            RecordingError: If the recording turns out to be damaged.
        """
        due: list[tuple[float, Event]] = []
        self.time_s = time_s
        while self._after is not None and self._after.time_s <= time_s + TIME_SLACK_S:
            self._before = self._after
            due += [(self._before.time_s, event) for event in self._before.block.events[self._before.index]]
            self._after = next(self._frames, None)
        return due

    def states(self, kind: str) -> tuple[NDArray[np.uint32], NDArray[np.float64]]:
        """Ids (actors,) and states (actors, channels) of one kind of actor at the present time.

        Actors that are gone by the next frame stay where they were.

        Raises:
            RecordingError: If the recording turns out to be damaged.
        """
        before, after = self._before, self._after
        if before is None:
            return _NOBODY
        ids, states = before.states(kind)
        if after is None or not len(ids) or self.time_s - before.time_s < TIME_SLACK_S:
            return ids, states.copy()
        share = (self.time_s - before.time_s) / (after.time_s - before.time_s)
        later_ids, later = after.states(kind)
        if later_ids is ids or np.array_equal(later_ids, ids):
            return ids, blend(kind, states, later, share)
        rows = match(ids, later_ids)
        mixed, common = states.copy(), rows >= 0
        mixed[common] = blend(kind, states[common], later[rows[common]], share)
        return ids, mixed


def _frames(reader: RecordingReader) -> Iterator[_Frame]:
    for block in reader.blocks():
        for index in range(len(block.times_s)):
            yield _Frame(block, index)


def all_events(reader: RecordingReader) -> Iterator[tuple[float, Event]]:
    """Every event of a recording with its time, s.

    Raises:
        RecordingError: If the recording turns out to be damaged.
    """
    for block in reader.blocks():
        for time_s, events in zip(block.times_s.tolist(), block.events, strict=True):
            for event in events:
                yield time_s, event
