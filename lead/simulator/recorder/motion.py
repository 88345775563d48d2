"""How the motion of many actors over some frames becomes few bytes, and motion again.

Every channel (a coordinate, a speed, a pedal) is rounded to a fixed quantum, predicted from the frame before, and only
the error of the prediction is kept: a car's place follows from its speed, so those errors are nearly always -1, 0 or 1.
The errors are stored as planes of bytes, which the compressor of :mod:`lead.simulator.recorder.format` likes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ANGLE_QUANTUM_DEG = 0.01
_FULL_TURN = round(360.0 / ANGLE_QUANTUM_DEG)
_WORD_BYTES = 8


class Predictor(Enum):
    """What a channel's next value is expected to be."""

    SAME = "same"
    STEADY = "steady"
    RATE = "rate"


@dataclass(frozen=True)
class Channel:
    """One number per actor and frame.

    Attributes:
        name: Its name.
        quantum: Size of one step of the stored integers.
        predictor: SAME: as before; STEADY: changes as much as before; RATE: grows by the channel ``rate``.
        angle: Whether values are degrees that repeat after a full turn.
        rate: Name of the channel that holds this one's change per second.
    """

    name: str
    quantum: float
    predictor: Predictor = Predictor.SAME
    angle: bool = False
    rate: str = ""


def _place() -> tuple[Channel, ...]:
    return tuple(Channel(axis, 0.001, Predictor.RATE, rate=f"v{axis}") for axis in "xyz")


def _still_place() -> tuple[Channel, ...]:
    return tuple(Channel(axis, 0.001) for axis in "xyz")


def _turn(yaw_rate: str = "") -> tuple[Channel, ...]:
    yaw = Predictor.RATE if yaw_rate else Predictor.SAME
    return (
        Channel("pitch", ANGLE_QUANTUM_DEG, angle=True),
        Channel("yaw", ANGLE_QUANTUM_DEG, yaw, angle=True, rate=yaw_rate),
        Channel("roll", ANGLE_QUANTUM_DEG, angle=True),
    )


def _velocity() -> tuple[Channel, ...]:
    return tuple(Channel(f"v{axis}", 0.001, Predictor.STEADY) for axis in "xyz")


VEHICLE, WALKER, PLAIN = "vehicle", "walker", "plain"

CHANNELS: dict[str, tuple[Channel, ...]] = {
    VEHICLE: (
        *_place(),
        *_turn("wz"),
        *_velocity(),
        *(Channel(f"w{axis}", ANGLE_QUANTUM_DEG) for axis in "xyz"),
        *(Channel(pedal, 0.001) for pedal in ("throttle", "steer", "brake")),
        *(Channel(count, 1.0) for count in ("switches", "gear", "lights", "doors")),
    ),
    WALKER: (
        *_place(),
        *_turn(),
        *_velocity(),
        *(Channel(f"direction_{axis}", 0.0001) for axis in "xyz"),
        Channel("speed", 0.001),
    ),
    PLAIN: (*_still_place(), *_turn()),
}
"""Channels of vehicles, walkers and unattached plain actors (props, sensors, the spectator), in stored order.

``switches`` is hand brake + 2 x reverse + 4 x manual gear shift; ``lights`` and ``doors`` are CARLA's bits.
"""

POSE = slice(0, 6)
PLACE = slice(0, 3)
TURN = slice(3, 6)
VELOCITY = slice(6, 9)
SPIN = slice(9, 12)


def column(kind: str, name: str) -> int:
    """Index of a channel of a kind of actor."""
    return next(index for index, channel in enumerate(CHANNELS[kind]) if channel.name == name)


def encode(kind: str, states: Array, times_s: Array) -> bytes:
    """Pack the states of one kind of actor.

    Args:
        kind: Key of :data:`CHANNELS`.
        states: (frames, actors, channels).
        times_s: (frames,) rising.
    """
    channels = CHANNELS[kind]
    quanta = np.array([channel.quantum for channel in channels])
    by_channel = np.ascontiguousarray(states.transpose(2, 0, 1))
    steps = np.rint(by_channel / quanta[:, None, None]).astype(np.int64)
    seconds = np.diff(times_s)[:, None]
    parts: list[bytes] = []
    for index, channel in enumerate(channels):
        values = steps[index]
        change = np.diff(values, axis=0)
        if channel.predictor is Predictor.STEADY:
            change[1:] -= change[:-1].copy()
        elif channel.predictor is Predictor.RATE:
            rate = column(kind, channel.rate)
            change -= _predicted(steps[rate, 1:], seconds, quanta[rate] / channel.quantum)
        if channel.angle:
            values, change = _wrap(values), _wrap(change)
        parts += [_pack(values[0]), _pack(change.T)]
    return b"".join(parts)


def decode(kind: str, data: bytes, count: int, times_s: Array) -> Array:
    """The states packed by :func:`encode`, rounded to the channels' quanta.

    Args:
        kind: Key of :data:`CHANNELS`.
        data: Packed states.
        count: Number of actors.
        times_s: (frames,) rising.

    Raises:
        ValueError: If the data do not have the expected length.
    """
    channels = CHANNELS[kind]
    frames = len(times_s)
    firsts, changes, at = [], [], 0
    for _ in channels:
        first, at = _unpack(data, at, count)
        change, at = _unpack(data, at, count * (frames - 1))
        firsts.append(first)
        changes.append(change.reshape(count, frames - 1).T)
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes too many in the motion of {kind} actors")
    steps = np.zeros((len(channels), frames, count), np.int64)
    seconds = np.diff(times_s)[:, None]
    # Rates come before what they predict.
    for index in sorted(range(len(channels)), key=lambda k: channels[k].predictor is Predictor.RATE):
        channel, change = channels[index], changes[index]
        if channel.predictor is Predictor.STEADY:
            change = np.cumsum(change, axis=0)
        elif channel.predictor is Predictor.RATE:
            rate = column(kind, channel.rate)
            change = change + _predicted(steps[rate, 1:], seconds, channels[rate].quantum / channel.quantum)
        values = np.concatenate([firsts[index][None], change]).cumsum(axis=0)
        steps[index] = _wrap(values) if channel.angle else values
    states: Array = steps.transpose(1, 2, 0) * np.array([channel.quantum for channel in channels])
    return states


def blend(kind: str, before: Array, after: Array, share: float) -> Array:
    """States between two frames.

    Args:
        kind: Key of :data:`CHANNELS`.
        before: (actors, channels) of the earlier frame.
        after: The same actors in the later frame.
        share: 0 gives ``before``, 1 gives ``after``; places, angles and speeds in between, controls as ``before``.
    """
    change = after - before
    change[:, TURN] = (change[:, TURN] + 180.0) % 360.0 - 180.0
    steady = len(CHANNELS[PLAIN]) if kind == PLAIN else (SPIN if kind == VEHICLE else VELOCITY).stop
    change[:, steady:] = 0.0
    mixed: Array = before + share * change
    return mixed


def _predicted(rate_steps: NDArray[np.int64], seconds: Array, scale: float) -> NDArray[np.int64]:
    return np.rint(rate_steps * (seconds * scale)).astype(np.int64)


def _wrap(steps: NDArray[np.int64]) -> NDArray[np.int64]:
    return (steps + _FULL_TURN // 2) % _FULL_TURN - _FULL_TURN // 2


def _pack(values: NDArray[np.int64]) -> bytes:
    """Count of byte planes, then the planes of the zigzag-coded values, lowest first."""
    flat = np.ascontiguousarray(values).ravel()
    words = ((flat << 1) ^ (flat >> 63)).view(np.uint64)
    highest = int(words.max()) if len(words) else 0
    planes = (highest.bit_length() + 7) // 8
    grid = words.astype("<u8").view(np.uint8).reshape(-1, _WORD_BYTES)
    return bytes([planes]) + np.ascontiguousarray(grid[:, :planes].T).tobytes()


def _unpack(data: bytes, at: int, count: int) -> tuple[NDArray[np.int64], int]:
    """Values packed at an offset, and the offset behind them."""
    if at >= len(data) or data[at] > _WORD_BYTES or at + 1 + data[at] * count > len(data):
        raise ValueError("the motion data are too short")
    planes, start = data[at], at + 1
    grid = np.zeros((count, _WORD_BYTES), np.uint8)
    stop = start + planes * count
    grid[:, :planes] = np.frombuffer(data, np.uint8, planes * count, start).reshape(planes, count).T
    words = grid.view("<u8").ravel().astype(np.uint64)
    magnitude = (words >> np.uint64(1)).astype(np.int64)
    return magnitude ^ -(words & np.uint64(1)).astype(np.int64), stop


def match(wanted: NDArray[np.uint32], ids: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Index in ``ids`` of every wanted id, -1 where it is missing."""
    rows = {key: row for row, key in enumerate(ids.tolist())}
    return np.array([rows.get(key, -1) for key in wanted.tolist()], np.int64)
