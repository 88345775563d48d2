"""Remote calls that record the world, replay recordings and ask about them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lead.errors import LeadError
from lead.simulator.protocol.calls import value_call, void_call
from lead.simulator.protocol.session import Session
from lead.simulator.protocol.vehicle_calls import apply_physics_control, get_physics_control
from lead.simulator.protocol.wire import array, finite, flag, integer, text, transform
from lead.simulator.recorder import queries
from lead.simulator.recorder.format import RecordingError, RecordingReader
from lead.simulator.recorder.paths import recording_path
from lead.simulator.recorder.recorder import AdditionalData, opendrive_digest
from lead.simulator.recorder.replayer import ReplayOptions, describe
from lead.simulator.world.actors import Actor, WorldError

_MAX_TIME_FACTOR = 1000.0
_MAX_TEXT_CODE = 0x10FFFF


@value_call("start_recorder")
def start_recorder(session: Session, name: object, additional_data: object = False) -> str:
    """Record from now on; answers with the path of the file."""
    additional = None
    if flag(additional_data):
        additional = AdditionalData(
            physics_of=lambda actor: _physics_of(session, actor), physics_changes=session.physics_overrides
        )
    try:
        return session.deck.record(session.world, text(name), additional)
    except RecordingError as error:
        raise WorldError(str(error)) from None


def _physics_of(session: Session, actor: Actor) -> list[object]:
    return array(get_physics_control(session, actor.id))


@void_call("stop_recorder")
def stop_recorder(session: Session) -> None:
    """End the recording."""
    session.deck.stop_recording()


@value_call("replay_file")
def replay_file(
    session: Session,
    name: object,
    start: object,
    duration: object,
    follow_id: object,
    replay_sensors: object = False,
    offset: object = None,
) -> str:
    """Replay a recording, in its map; answers with a summary."""
    options = ReplayOptions(
        start_s=finite(start),
        duration_s=finite(duration, low=0.0),
        follow_id=integer(follow_id),
        follow_pose=_follow_pose(offset),
        sensors=flag(replay_sensors),
        ignore_hero=session.deck.ignore_hero,
        ignore_spectator=session.deck.ignore_spectator,
    )
    try:
        reader = _open(session, name)
        if not reader.places:
            raise RecordingError(f"the recording {reader.path.name} holds no frames")
        _enter_map(session, reader)
        replayer = session.deck.replay(
            session.world,
            reader,
            options,
            lambda actor, control: _apply_physics(session, actor, control),
        )
        return describe(reader, replayer, session.deck.time_factor)
    except LeadError as error:
        return _sentence(error)


def _open(session: Session, name: object) -> RecordingReader:
    """A recording by name, up to this moment if it is still being made.

    Raises:
        RecordingError: If there is no such recording.
    """
    path = recording_path(text(name))
    session.deck.flush(path)
    return RecordingReader(path)


def _follow_pose(offset: object) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The spectator's place behind the followed actor; None, which lets the replay choose, unless one was given."""
    if offset is None:
        return None
    location, rotation_deg = transform(offset)
    return (location, rotation_deg) if location.any() or rotation_deg.any() else None


def _apply_physics(session: Session, actor: Actor, control: list[object]) -> None:
    apply_physics_control(session, actor.id, control)


def _enter_map(session: Session, reader: RecordingReader) -> None:
    """Make sure that the world is in the recording's map; starts a new episode if it was not.

    Raises:
        LeadError: If that map is not to be had, or not in the version that was recorded.
    """
    wanted, digest = reader.header.town, reader.header.digest
    if opendrive_digest(session.world.town.opendrive) == digest:
        return
    if wanted not in session.available_towns():
        raise RecordingError(
            f"{reader.path.name} was recorded in {wanted}, which is not installed; load that map first"
        )
    town = session.load_town(wanted)
    if opendrive_digest(town.opendrive) != digest:
        raise RecordingError(f"{reader.path.name} was recorded in another version of {wanted}")
    session.load(town)


@void_call("stop_replayer")
def stop_replayer(session: Session, keep_actors: object = True) -> None:
    """End the replay; its actors stay if asked."""
    session.deck.stop_replay(flag(keep_actors))


@void_call("set_replayer_time_factor")
def set_replayer_time_factor(session: Session, factor: object) -> None:
    """Speed of this replay and of later ones; 0 pauses."""
    session.deck.time_factor = finite(factor, 1.0, 0.0, _MAX_TIME_FACTOR)


@void_call("set_replayer_ignore_hero")
def set_replayer_ignore_hero(session: Session, ignore: object) -> None:
    """Leave heroes out of later replays."""
    session.deck.ignore_hero = flag(ignore)


@void_call("set_replayer_ignore_spectator")
def set_replayer_ignore_spectator(session: Session, ignore: object) -> None:
    """Leave the spectator alone in later replays."""
    session.deck.ignore_spectator = flag(ignore)


@value_call("show_recorder_file_info")
def show_recorder_file_info(session: Session, name: object, show_all: object = False) -> str:
    """What a recording holds."""
    everything = flag(show_all)
    return _ask(session, name, lambda reader: queries.file_info(reader, everything))


@value_call("show_recorder_collisions")
def show_recorder_collisions(session: Session, name: object, first: object, second: object) -> str:
    """Collisions between two categories of actors."""
    categories = _letter(first), _letter(second)
    return _ask(session, name, lambda reader: queries.collisions(reader, *categories))


@value_call("show_recorder_actors_blocked")
def show_recorder_actors_blocked(
    session: Session, name: object, min_time: object = 60.0, min_distance: object = 100.0
) -> str:
    """Actors that stood still for long."""
    seconds, centimetres = finite(min_time, 60.0, low=0.0), finite(min_distance, 100.0, low=0.0)
    return _ask(session, name, lambda reader: queries.blocked_actors(reader, seconds, centimetres / 100.0))


def _letter(value: object) -> str:
    """A category: a character, which travels as its code point."""
    if isinstance(value, str):
        return value[:1]
    return chr(min(max(integer(value), 0), _MAX_TEXT_CODE))


def _ask(session: Session, name: object, question: Callable[[RecordingReader], str]) -> str:
    """Answer of a question about a recording, or a sentence why there is none."""
    try:
        return question(_open(session, name))
    except RecordingError as error:
        return _sentence(error)


def _sentence(error: LeadError) -> str:
    message = str(error)
    return message[:1].upper() + message[1:] + ("" if message.endswith(".") else ".") + "\n"
