"""Batches of commands: one reply element per command, follow-up commands of spawns applied to the new actor."""

from __future__ import annotations

from collections.abc import Callable

from lead.simulator.protocol import actor_calls, light_calls, vehicle_calls
from lead.simulator.protocol.calls import bare_call
from lead.simulator.protocol.session import Session
from lead.simulator.protocol.wire import array, error_reply, finite, flag, integer, optional, text, transform
from lead.simulator.world.actors import ActorKind, WorldError

_SPAWN_ACTOR, _WALKER_STATE, _SET_AUTOPILOT, _CONSOLE = 0, 7, 16, 20
_MAX_FOLLOW_UPS = 64

_COMMANDS: dict[int, Callable[..., object]] = {
    1: actor_calls.destroy_actor,
    2: vehicle_calls.apply_control_to_vehicle,
    3: vehicle_calls.apply_ackermann_control_to_vehicle,
    4: actor_calls.apply_control_to_walker,
    5: vehicle_calls.apply_physics_control,
    6: actor_calls.set_actor_transform,
    8: actor_calls.set_actor_target_velocity,
    9: actor_calls.set_actor_target_angular_velocity,
    10: actor_calls.add_actor_impulse,
    11: actor_calls.add_actor_force,
    12: actor_calls.add_actor_angular_impulse,
    13: actor_calls.add_actor_torque,
    14: actor_calls.set_actor_simulate_physics,
    15: actor_calls.set_actor_enable_gravity,
    _SET_AUTOPILOT: actor_calls.set_actor_autopilot,
    17: vehicle_calls.show_vehicle_debug_telemetry,
    18: vehicle_calls.set_vehicle_light_state,
    19: actor_calls.set_actor_location,
    21: light_calls.set_traffic_light_state,
}


@bare_call("apply_batch")
def apply_batch(session: Session, commands: object, do_tick: object = False) -> list[object]:
    """Run commands in order; each gets an actor id or an error text. Ticks at the end if asked and synchronous."""
    replies: list[object] = [_reply(session, command) for command in array(commands)]
    if flag(do_tick) and session.world.settings.synchronous:
        session.tick()
    return replies


def _reply(session: Session, command: object) -> list[object]:
    try:
        return [[1, _execute(session, command)]]
    except WorldError as error:
        return error_reply(str(error))
    except (TypeError, ValueError, IndexError, KeyError, OverflowError) as error:
        return error_reply(f"bad command: {error}")


def _execute(session: Session, command: object) -> int:
    """Run one command and return the id it concerned (0 for none)."""
    index, fields = array(array(command, 1)[0], 2)[:2]
    arguments = array(fields)
    if index == _SPAWN_ACTOR:
        return _spawn(session, arguments)
    if index == _CONSOLE:
        text(arguments[0])
        return 0
    if index == _WALKER_STATE:
        return _walker_state(session, arguments)
    handler = _COMMANDS.get(integer(index))
    if handler is None:
        raise WorldError(f"unknown command {index}")
    handler(session, *arguments)
    return integer(arguments[0])


def _spawn(session: Session, arguments: list[object]) -> int:
    """SpawnActor: description, pose, optional parent, then version-dependent fields, follow-ups last."""
    description, pose, parent = arguments[:3]
    parent_id = optional(parent)
    attachment = arguments[3] if session.version != "0.9.15" else 0
    actor = actor_calls.spawn(
        session, description, pose, integer(parent_id) if parent_id is not None else 0, attachment
    )
    for follow_up in array(arguments[-1])[:_MAX_FOLLOW_UPS]:
        index, fields = array(array(follow_up, 1)[0], 2)[:2]
        inner = list(array(fields))
        if inner and index != _SPAWN_ACTOR and inner[0] == 0:
            inner[0] = actor.id
        _reply(session, [[index, inner]])
    return actor.id


def _walker_state(session: Session, arguments: list[object]) -> int:
    """ApplyWalkerState: client-side navigation puts a walker somewhere and says how fast it walks."""
    actor = actor_calls.live_actor(session, arguments[0])
    if actor.kind != ActorKind.WALKER:
        raise WorldError(f"actor {actor.id} is not a walker")
    session.world.set_pose(actor, *transform(arguments[1]))
    session.world.crowd.table.records["speed"][actor.row] = finite(arguments[2], low=0.0, high=50.0)
    return actor.id
