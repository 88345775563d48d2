"""One recorded frame as lines of text, in the words and the order of CARLA's file info."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from lead.simulator.recorder.format import Block, Event, RecordingReader
from lead.simulator.recorder.motion import PLACE, PLAIN, POSE, SPIN, VEHICLE, VELOCITY, WALKER, column

_LAMPS = (
    "Position",
    "LowBeam",
    "HighBeam",
    "Brake",
    "RightBlinker",
    "LeftBlinker",
    "Reverse",
    "Fog",
    "Interior",
    "Special1",
    "Special2",
)
_TYPE_NUMBERS = {"vehicle": 1, "walker": 2}
_Rows = list[tuple[int, list[float]]]

_LIGHT_TYPE, _TRAFFIC_LIGHT_NUMBER = "traffic.traffic_light", 3
_NO_SPIN = (0.0, 0.0, 0.0)
_POSE_LINE = "  Id: %d Location: (%.7g, %.7g, %.7g) Rotation: (%.7g, %.7g, %.7g)"
_CONTROL_LINE = "  Id: %d Steering: %.6g Throttle: %.6g Brake: %.6g Handbrake: %d Gear: %d"
_VELOCITY_LINE = "  Id: %d linear_velocity: (%.7g, %.7g, %.7g) angular_velocity: (%.7g, %.7g, %.7g)"
_CONTROLS = slice(column(VEHICLE, "throttle"), column(VEHICLE, "gear") + 1)
_LIT, _OPENED = column(VEHICLE, "lights"), column(VEHICLE, "doors")
_WALKING_SPEED = column(WALKER, "speed")


def event_lines(events: list[Event], heroes: set[int]) -> Iterator[str]:
    """Actors that come, go and collide in a frame.

    Args:
        events: The frame's events.
        heroes: Ids of hero vehicles.
    """
    spawns = [event[1:] for event in events if event[0] == "spawn"]
    for key, type_id, attributes, place, *_ in spawns:
        yield _create_line(key, type_id, place)
        yield from (f"  {name} = {value}" for name, value in attributes)
    yield from (f" Destroy {event[1]}" for event in events if event[0] == "destroy")
    for number, event in enumerate(event for event in events if event[0] == "collide"):
        hero = " (hero)" if event[1] in heroes else ""
        yield f" Collision id {number} between {event[1]}{hero} with {event[2]}"
    yield from (f" Parenting {spawn[0]} with {spawn[5]} (parent)" for spawn in spawns if spawn[5])


def level_lines(reader: RecordingReader, block: Block) -> Iterator[str]:
    """The level's actors, which every recording begins with: the spectator, lights, signs."""
    plain = block.motion().get(PLAIN)
    spectator = reader.header.spectator_id
    if plain is not None and spectator in plain.ids:
        place = plain.states[0, plain.ids.tolist().index(spectator), PLACE]
        yield _create_line(spectator, "spectator", place.tolist())
    for key, type_id, *where in reader.header.signals:
        yield _create_line(key, type_id, where)


def state_lines(reader: RecordingReader, block: Block, index: int, lights: LightBook) -> Iterator[str]:
    """Everything else that is known of a frame: poses, lights, controls, speeds, boxes, physics, weather.

    Args:
        reader: The recording.
        block: Block that the frame belongs to.
        index: Its place in the block.
        lights: Book that has taken in the frame's events.
    """
    events = block.events[index]
    yield from _poses(block, index)
    yield from lights.lines(float(block.times_s[index]))
    yield from _vehicles_and_walkers(_rows(block, VEHICLE, index), _rows(block, WALKER, index))
    yield from _boxes(events, reader)
    yield from _physics(events)
    yield from _light_times(events, lights)
    yield from _doors(_rows(block, VEHICLE, index))
    yield from (f" Weather: {_triple(event[1:])}" for event in events if event[0] == "weather")


def _rows(block: Block, kind: str, index: int) -> _Rows:
    """Id and state of every actor of a kind in a frame."""
    part = block.motion().get(kind)
    return [] if part is None else list(zip(part.ids.tolist(), part.states[index].tolist(), strict=True))


def _create_line(key: int, type_id: str, place: Sequence[float]) -> str:
    number = (
        _TRAFFIC_LIGHT_NUMBER if type_id == _LIGHT_TYPE else _TYPE_NUMBERS.get(type_id.split(".", maxsplit=1)[0], 0)
    )
    return f" Create {key}: {type_id} ({number}) at {_centimetres(place)}"


def _triple(values: Sequence[float]) -> str:
    return "(" + ", ".join(f"{value:.7g}" for value in values) + ")"


def _centimetres(values: Sequence[float]) -> str:
    return _triple([100.0 * value for value in values])


def _poses(block: Block, index: int) -> Iterator[str]:
    rows = [row for kind in block.motion() for row in _rows(block, kind, index)]
    if rows:
        yield f" Positions: {len(rows)}"
    for key, state in rows:
        x, y, z, pitch, yaw, roll = state[POSE]
        yield _POSE_LINE % (key, 100.0 * x, 100.0 * y, 100.0 * z, roll, pitch, yaw)


class LightBook:
    """What every traffic light of a recording shows, kept from the events that changed it.

    Args:
        reader: The recording.
    """

    def __init__(self, reader: RecordingReader) -> None:
        self.ids: list[int] = [row[0] for row in reader.header.signals if row[1] == _LIGHT_TYPE]
        self._shown: dict[int, tuple[int, float, bool, float]] = {}

    def note(self, time_s: float, event: Event) -> None:
        """Take in a ``lights`` event; others are ignored."""
        if event[0] == "lights":
            for row, colour, seconds, frozen in zip(*event[1:], strict=True):
                self._shown[row] = (colour, seconds, bool(frozen), time_s)

    def lines(self, time_s: float) -> Iterator[str]:
        """All lights at a time that is not before the last event."""
        if self._shown:
            yield f" State traffic lights: {len(self._shown)}"
        for row, (colour, seconds, frozen, since_s) in sorted(self._shown.items()):
            elapsed_s = seconds if frozen else seconds + time_s - since_s
            yield f"  Id: {self.ids[row]} state: {colour} frozen: {int(frozen)} elapsedTime: {elapsed_s:.6g}"


def _vehicles_and_walkers(cars: _Rows, people: _Rows) -> Iterator[str]:
    if cars:
        yield f" Vehicle animations: {len(cars)}"
    for key, state in cars:
        throttle, steer, brake, switches, gear = state[_CONTROLS]
        yield _CONTROL_LINE % (key, steer, throttle, brake, int(switches) & 1, gear)
    if people:
        yield f" Walker animations: {len(people)}"
    for key, state in people:
        yield f"  Id: {key} speed: {state[_WALKING_SPEED]:.6g}"
    if cars:
        yield f" Vehicle light animations: {len(cars)}"
    for key, state in cars:
        yield f"  Id: {key} {_lamps(int(state[_LIT]))}"
    if cars or people:
        yield f" Dynamic actors: {len(cars) + len(people)}"
    for key, state in cars:
        yield _VELOCITY_LINE % (key, *state[VELOCITY], *state[SPIN])
    for key, state in people:
        yield _VELOCITY_LINE % (key, *state[VELOCITY], *_NO_SPIN)


@lru_cache(maxsize=1024)
def _lamps(bits: int) -> str:
    return " ".join(name for bit, name in enumerate(_LAMPS) if bits >> bit & 1) or "None"


def _boxes(events: list[Event], reader: RecordingReader) -> Iterator[str]:
    """Bounding boxes of actors, then trigger volumes of lights and signs."""
    level = {row[0] for row in reader.header.signals}
    boxes = [event[1:] for event in events if event[0] == "box"]
    for title, wanted in (("Actor bounding boxes", False), ("Actor trigger volumes", True)):
        rows = [row for row in boxes if (row[0] in level) == wanted]
        if rows:
            yield f" {title}: {len(rows)}"
        for key, center, extent, _ in rows:
            yield f"  Id: {key} origin: {_centimetres(center)} extension: {_centimetres(extent)}"


def _physics(events: list[Event]) -> Iterator[str]:
    controls = [event[1:] for event in events if event[0] == "physics"]
    if controls:
        yield f" Physics Control events: {len(controls)}"
    for key, control in controls:
        yield f"  Id: {key}"
        yield from _physics_lines(control)


_PHYSICS_NAMES = {
    "max_rpm": 1,
    "MOI": 2,
    "damping_rate_full_throttle": 3,
    "damping_rate_zero_throttle_clutch_engaged": 4,
    "damping_rate_zero_throttle_clutch_disengaged": 5,
    "use_gear_auto_box": 6,
    "gear_switch_time": 7,
    "clutch_strength": 8,
    "final_ratio": 9,
    "mass": 11,
    "drag_coefficient": 12,
}
_WHEEL_NAMES = (
    "tire_friction",
    "damping_rate",
    "max_steer_angle",
    "radius",
    "max_brake_torque",
    "max_handbrake_torque",
)


def _physics_lines(control: list[Any]) -> Iterator[str]:
    for name, place in _PHYSICS_NAMES.items():
        value = control[place]
        yield f"   {name} = {str(value).lower() if isinstance(value, bool) else f'{value:.6g}'}"
    yield f"   center_of_mass = {_triple(control[13])}"
    yield f"   torque_curve = {' '.join(map(_triple, control[0]))}"
    yield f"   steering_curve = {' '.join(map(_triple, control[14]))}"
    yield "   forward_gears:"
    for number, (ratio, down, up) in enumerate(control[10]):
        yield f"    gear {number}: ratio {ratio:.6g} down_ratio {down:.6g} up_ratio {up:.6g}"
    yield "   wheels:"
    for number, wheel in enumerate(control[15]):
        values = " ".join(f"{name} {value:.6g}" for name, value in zip(_WHEEL_NAMES, wheel, strict=False))
        yield f"    wheel {number}: {values} position {_triple(wheel[9])}"


def _light_times(events: list[Event], lights: LightBook) -> Iterator[str]:
    for _, rows, green, yellow, red in (event for event in events if event[0] == "times"):
        yield f" Traffic Light time events: {len(rows)}"
        for row, *seconds in zip(rows, green, yellow, red, strict=True):
            words = zip(("green_time", "yellow_time", "red_time"), seconds, strict=True)
            yield f"  Id: {lights.ids[row]} " + " ".join(f"{name}: {value:.6g}" for name, value in words)


def _doors(cars: _Rows) -> Iterator[str]:
    opened = [(key, int(state[_OPENED])) for key, state in cars if state[_OPENED]]
    if opened:
        yield f" Vehicle door animations: {len(opened)}"
    yield from (f"  Id: {key} Doors opened: {bits:b}" for key, bits in opened)
