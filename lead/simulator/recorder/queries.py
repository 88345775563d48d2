"""Answers to questions about recordings, as text laid out like CARLA's, which tools parse.

Lengths are centimetres and rotations roll, pitch, yaw in degrees, as in CARLA's texts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lead.simulator.recorder.format import FORMAT_VERSION, Event, RecordingReader
from lead.simulator.recorder.frame_text import LightBook, event_lines, level_lines, state_lines
from lead.simulator.recorder.motion import PLACE, VEHICLE, WALKER

MAX_TEXT_CHARACTERS = 64 * 1024 * 1024
CATEGORIES = "hvwtoa"
_TRAFFIC_LIGHT_LABEL = 7


@dataclass
class ActorBook:
    """What a recording told about its actors so far: type ids, and which are heroes."""

    types: dict[int, str] = field(default_factory=dict)
    heroes: set[int] = field(default_factory=set)

    @classmethod
    def of_level(cls, reader: RecordingReader) -> ActorBook:
        """Book that knows the spectator and the level's lights and signs."""
        types = {reader.header.spectator_id: "spectator"}
        types.update({row[0]: row[1] for row in reader.header.signals})
        return cls(types)

    def note(self, event: Event) -> None:
        """Take in a spawn event; others are ignored."""
        if event[0] == "spawn":
            _, key, type_id, attributes = event[:4]
            self.types[key] = type_id
            if ["role_name", "hero"] in attributes:
                self.heroes.add(key)

    def category(self, key: int, label: int = 0) -> str:
        """One of the letters v, w, t, o; ``label`` tells what kind of level object id 0 is."""
        type_id = self.types.get(key, "")
        if not key:
            return "t" if label == _TRAFFIC_LIGHT_LABEL else "o"
        return {"vehicle": "v", "walker": "w"}.get(type_id.split(".")[0], "t" if "traffic_light" in type_id else "o")

    def name(self, key: int, label: int = 0) -> str:
        """Type id of an actor, or what is known of a level object (id 0)."""
        return self.types.get(key, "") if key else f"level object of class {label}"

    def fits(self, letter: str, key: int, label: int = 0) -> bool:
        """Whether an actor belongs to a category that a client asked for."""
        return letter == "a" or letter == self.category(key, label) or (letter == "h" and key in self.heroes)


def file_info(reader: RecordingReader, everything: bool) -> str:
    """Version, map, date, frames with what happened in them, number of frames, duration.

    Args:
        reader: The recording.
        everything: Also positions, speeds, controls, lights; otherwise only frames in which actors came, went or
            collided.

    Raises:
        RecordingError: If the recording turns out to be damaged.
    """
    text = _Text(_intro(reader))
    book, lights = ActorBook.of_level(reader), LightBook(reader)
    number = 0
    for block in reader.blocks():
        for index, time_s in enumerate(block.times_s.tolist()):
            number += 1
            for event in block.events[index]:
                book.note(event)
                lights.note(time_s, event)
            lines = list(level_lines(reader, block)) if number == 1 else []
            lines += event_lines(block.events[index], book.heroes)
            if everything:
                lines += state_lines(reader, block, index, lights)
            if lines or everything:
                text.add(f"Frame {number} at {time_s:.10g} seconds")
                text.extend(lines)
            if text.full:
                return text.end(["The rest is left out: the text is too long."], reader)
    return text.end([], reader)


def collisions(reader: RecordingReader, first: str, second: str) -> str:
    """Table of the collisions between two categories of actors; each is listed when it begins.

    Args:
        reader: The recording.
        first: Category of one party: h hero, v vehicle, w walker, t traffic light, o other, a any.
        second: Category of the other party.

    Raises:
        RecordingError: If the recording turns out to be damaged.
    """
    for letter in (first, second):
        if letter not in CATEGORIES or not letter:
            return f"There is no category {letter!r} of actors: use one of {', '.join(CATEGORIES)}.\n"
    text = _Text(_intro(reader))
    text.add(f"{'Time':>8} {'Types':>6} {'Id':>6} {'Actor 1':<35} {'Id':>6} {'Actor 2':<35}")
    book = ActorBook.of_level(reader)
    before: set[tuple[int, int, int]] = set()
    for time_s, events in _frames(reader):
        now = set()
        for event in events:
            book.note(event)
            if event[0] != "collide":
                continue
            one, other, label = event[1:4]
            now.add((one, other, label))
            if (one, other, label) in before:
                continue
            pair = _in_order(book, (one, 0), (other, label), first, second)
            if pair is not None:
                text.add(_collision_line(book, time_s, *pair))
        before = now
    return text.end([], reader)


_Party = tuple[int, int]


def _in_order(book: ActorBook, one: _Party, other: _Party, first: str, second: str) -> tuple[_Party, _Party] | None:
    """The two parties so that they fit the two categories, None if they do not."""
    if book.fits(first, *one) and book.fits(second, *other):
        return one, other
    return (other, one) if book.fits(first, *other) and book.fits(second, *one) else None


def _collision_line(book: ActorBook, time_s: float, one: _Party, other: _Party) -> str:
    letters = f"{book.category(*one)} {book.category(*other)}"
    return (
        f"{time_s:>8.0f} {letters:>6} {one[0]:>6} {book.name(*one):<35} {other[0]:>6} {book.name(*other):<35}".rstrip()
    )


def blocked_actors(reader: RecordingReader, min_time_s: float, min_distance_m: float) -> str:
    """Table of vehicles and walkers that stayed within a distance for long, the longest first.

    Args:
        reader: The recording.
        min_time_s: Shortest time to be listed.
        min_distance_m: Distance that an actor must move to count as moving.

    Raises:
        RecordingError: If the recording turns out to be damaged.
    """
    book = ActorBook.of_level(reader)
    rests = _Rests(min_time_s, min_distance_m)
    for block in reader.blocks():
        for time_s, events in zip(block.times_s.tolist(), block.events, strict=True):
            for event in events:
                book.note(event)
                if event[0] == "destroy":
                    rests.leave(event[1], time_s)
        for kind in (VEHICLE, WALKER):
            part = block.motion().get(kind)
            if part is not None:
                rests.follow(part.ids.tolist(), part.states[:, :, PLACE], block.times_s)
    for key in list(rests.since):
        rests.leave(key, reader.duration_s)
    text = _Text(_intro(reader))
    text.add(f"{'Time':>8} {'Id':>6} {'Actor':<35} {'Duration':>10}")
    for duration_s, since_s, key in sorted(rests.long, key=lambda row: (-row[0], row[1], row[2])):
        text.add(f"{since_s:>8.0f} {key:>6} {book.name(key):<35} {duration_s:>10.0f}")
    return text.end([], reader)


class _Rests:
    """Who stands where and since when; ``long`` collects (duration, beginning, id) of finished long rests."""

    def __init__(self, min_time_s: float, min_distance_m: float) -> None:
        self.long: list[tuple[float, float, int]] = []
        self.since: dict[int, float] = {}
        self._places: dict[int, NDArray[np.float64]] = {}
        self._min_time_s = min_time_s
        self._min_distance_m = min_distance_m

    def leave(self, key: int, time_s: float) -> None:
        """An actor moves on, or is gone."""
        since_s = self.since.pop(key, None)
        if since_s is not None and time_s - since_s >= self._min_time_s:
            self.long.append((time_s - since_s, since_s, key))

    def follow(self, ids: list[int], places: NDArray[np.float64], times_s: NDArray[np.float64]) -> None:
        """Look at the places (frames, actors, 3) of some actors."""
        for index, key in enumerate(ids):
            if key not in self.since:
                self.since[key], self._places[key] = float(times_s[0]), places[0, index]
        anchors = np.array([self._places[key] for key in ids])
        for frame, time_s in zip(places, times_s.tolist(), strict=True):
            gone = np.flatnonzero(((frame - anchors) ** 2).sum(axis=1) >= self._min_distance_m**2)
            for index in gone.tolist():
                self.leave(ids[index], time_s)
                self.since[ids[index]] = time_s
            anchors[gone] = frame[gone]
        self._places.update(zip(ids, anchors, strict=True))


def _frames(reader: RecordingReader) -> Iterator[tuple[float, list[Event]]]:
    for block in reader.blocks():
        yield from zip(block.times_s.tolist(), block.events, strict=True)


def _intro(reader: RecordingReader) -> list[str]:
    header = reader.header
    return [f"Version: {FORMAT_VERSION}", f"Map: {header.town}", f"Date: {header.date}", ""]


class _Text:
    """Lines with a limit on their total length."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._size = 0

    @property
    def full(self) -> bool:
        return self._size > MAX_TEXT_CHARACTERS

    def add(self, line: str) -> None:
        self._lines.append(line)
        self._size += len(line) + 1

    def extend(self, lines: list[str]) -> None:
        for line in lines:
            self.add(line)

    def end(self, remarks: list[str], reader: RecordingReader) -> str:
        """The text with its last lines: frames and duration."""
        closing = [*remarks, "", f"Frames: {reader.frames}", f"Duration: {reader.duration_s:.10g} seconds", ""]
        return "\n".join(self._lines + closing)
