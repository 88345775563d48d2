"""Remote calls about single actors: spawning, destroying, moving, boxes."""

from __future__ import annotations

import numpy as np

from lead.simulator.protocol.calls import value_call, void_call
from lead.simulator.protocol.session import Session
from lead.simulator.protocol.structs import actor_box
from lead.simulator.protocol.wire import array, finite, flag, floats, integer, text, transform, vector
from lead.simulator.world.actors import Actor, ActorKind, AttachmentType, WorldError


def live_actor(session: Session, actor_id: object) -> Actor:
    """The live actor a client names.

    Raises:
        WorldError: If there is none.
    """
    return session.world.actor(integer(actor_id))


def spawn(session: Session, description: object, pose: object, parent_id: int = 0, attachment: object = 0) -> Actor:
    """Create an actor from a client's ActorDescription and Transform.

    An attachment type out of range means rigid: 0.9.16 sends an uninitialised byte where the user gave none.
    """
    _, type_id, attributes = array(description, 3)[:3]
    location, rotation = transform(pose)
    rows = [array(row, 2) for row in array(attributes)]
    known = attachment in (AttachmentType.SPRING_ARM, AttachmentType.SPRING_ARM_GHOST)
    kind = AttachmentType(integer(attachment)) if known else AttachmentType.RIGID
    return session.world.spawn(text(type_id), rows, location, rotation, parent_id, kind)


@value_call("get_actors_by_id")
def get_actors_by_id(session: Session, ids: object) -> list[object]:
    """Descriptions of the live actors among ``ids``; unknown ones are left out."""
    actors = session.world.actors
    return [session.actor_struct(actors[key]) for key in map(integer, array(ids)) if key in actors]


@value_call("spawn_actor")
def spawn_actor(session: Session, description: object, pose: object) -> list[object]:
    """Create an unattached actor."""
    return session.actor_struct(spawn(session, description, pose))


@value_call("spawn_actor_with_parent")
def spawn_actor_with_parent(
    session: Session,
    description: object,
    pose: object,
    parent_id: object,
    attachment: object = 0,
    socket: object = "",
) -> list[object]:
    """Create an actor attached to another one."""
    return session.actor_struct(spawn(session, description, pose, integer(parent_id), attachment))


@value_call("destroy_actor")
def destroy_actor(session: Session, actor_id: object) -> bool:
    """Remove an actor."""
    key = integer(actor_id)
    if not session.world.destroy(key):
        raise WorldError("unable to destroy actor: not found")
    session.physics_overrides.pop(key, None)
    return True


@void_call("set_actor_location")
def set_actor_location(session: Session, actor_id: object, location: object) -> None:
    """Teleport, keeping the rotation."""
    session.world.set_pose(live_actor(session, actor_id), vector(location), None)


@void_call("set_actor_transform")
def set_actor_transform(session: Session, actor_id: object, pose: object) -> None:
    """Teleport."""
    session.world.set_pose(live_actor(session, actor_id), *transform(pose))


@void_call("set_actor_target_velocity")
def set_actor_target_velocity(session: Session, actor_id: object, velocity: object) -> None:
    """Give a vehicle a world velocity at once."""
    actor = live_actor(session, actor_id)
    if actor.kind == ActorKind.VEHICLE:
        session.world.fleet.set_velocity(actor, vector(velocity))


@void_call("set_actor_target_angular_velocity")
def set_actor_target_angular_velocity(session: Session, actor_id: object, velocity_deg: object) -> None:
    """Give a vehicle a yaw rate at once (deg/s about z)."""
    actor = live_actor(session, actor_id)
    if actor.kind == ActorKind.VEHICLE:
        spin = np.radians(vector(velocity_deg)[2])
        fleet = session.world.fleet
        fleet.add_spin(actor, float(spin - fleet.column("spin")[actor.row]))


@void_call("enable_actor_constant_velocity")
def enable_actor_constant_velocity(session: Session, actor_id: object, velocity: object) -> None:
    """Hold a velocity given in the vehicle's frame."""
    actor = live_actor(session, actor_id)
    if actor.kind == ActorKind.VEHICLE:
        session.world.fleet.column("constant_velocity")[actor.row] = vector(velocity)
        session.world.fleet.column("constant_speed")[actor.row] = True


@void_call("disable_actor_constant_velocity")
def disable_actor_constant_velocity(session: Session, actor_id: object) -> None:
    """Give the vehicle back to its controls."""
    actor = live_actor(session, actor_id)
    if actor.kind == ActorKind.VEHICLE:
        session.world.fleet.column("constant_speed")[actor.row] = False


def _push(session: Session, actor_id: object, impulse: object, seconds: float | None) -> None:
    """Impulse in N s (``seconds`` None) or force in N acting for one tick."""
    actor = live_actor(session, actor_id)
    strength = vector(impulse) * (1.0 if seconds is None else seconds)
    world = session.world
    if actor.kind == ActorKind.VEHICLE:
        world.fleet.add_velocity(actor, strength / float(world.fleet.column("mass")[actor.row]))
    elif actor.kind == ActorKind.WALKER:
        world.crowd.add_velocity(actor, strength / 75.0)


def _twist(session: Session, actor_id: object, impulse: object, seconds: float | None) -> None:
    """Angular impulse (kg m²/s · deg, about z) or torque acting for one tick."""
    actor = live_actor(session, actor_id)
    if actor.kind == ActorKind.VEHICLE:
        fleet = session.world.fleet
        strength = float(np.radians(vector(impulse)[2])) * (1.0 if seconds is None else seconds)
        fleet.add_spin(actor, strength / float(fleet.column("inertia")[actor.row]))


@void_call("add_actor_impulse")
def add_actor_impulse(session: Session, actor_id: object, impulse: object) -> None:
    """Impulse at the centre of mass."""
    _push(session, actor_id, impulse, None)


@void_call("add_actor_force")
def add_actor_force(session: Session, actor_id: object, force: object) -> None:
    """Force at the centre of mass during one tick."""
    _push(session, actor_id, force, session.world.delta_s)


@void_call("add_actor_impulse_at_location")
def add_actor_impulse_at_location(session: Session, actor_id: object, impulse: object, location: object) -> None:
    """Impulse; the lever arm is ignored."""
    _push(session, actor_id, impulse, None)


@void_call("add_actor_force_at_location")
def add_actor_force_at_location(session: Session, actor_id: object, force: object, location: object) -> None:
    """Force during one tick; the lever arm is ignored."""
    _push(session, actor_id, force, session.world.delta_s)


@void_call("add_actor_angular_impulse")
def add_actor_angular_impulse(session: Session, actor_id: object, impulse: object) -> None:
    """Angular impulse about z."""
    _twist(session, actor_id, impulse, None)


@void_call("add_actor_torque")
def add_actor_torque(session: Session, actor_id: object, torque: object) -> None:
    """Torque about z during one tick."""
    _twist(session, actor_id, torque, session.world.delta_s)


@void_call("set_actor_simulate_physics")
def set_actor_simulate_physics(session: Session, actor_id: object, enabled: object) -> None:
    """Freeze or release a body."""
    actor, on = live_actor(session, actor_id), flag(enabled)
    if actor.kind == ActorKind.VEHICLE:
        session.world.fleet.set_physics(actor, on)
    elif actor.kind == ActorKind.WALKER:
        session.world.crowd.column("physics")[actor.row] = on
    elif actor.kind == ActorKind.PROP:
        session.world.props.set_physics(actor, on)


@void_call("set_actor_collisions")
def set_actor_collisions(session: Session, actor_id: object, enabled: object) -> None:
    """Make a body solid or a ghost."""
    actor, on = live_actor(session, actor_id), flag(enabled)
    if actor.kind in (ActorKind.VEHICLE, ActorKind.WALKER, ActorKind.PROP) and actor.table is not None:
        actor.table.column("collides")[actor.row] = on


@void_call("set_actor_enable_gravity")
def set_actor_enable_gravity(session: Session, actor_id: object, enabled: object) -> None:
    """Let a vehicle float or fall."""
    actor, on = live_actor(session, actor_id), flag(enabled)
    if actor.kind == ActorKind.VEHICLE:
        session.world.fleet.column("gravity")[actor.row] = on


@void_call("set_actor_dead")
def set_actor_dead(session: Session, actor_id: object) -> None:
    """A dead walker no longer walks."""
    actor = live_actor(session, actor_id)
    if actor.kind == ActorKind.WALKER:
        session.world.crowd.table.records["speed"][actor.row] = 0.0


@void_call("set_actor_autopilot")
def set_actor_autopilot(session: Session, actor_id: object, enabled: object) -> None:
    """Accepted; autopilots are Traffic Manager clients."""
    live_actor(session, actor_id)


@value_call("get_actor_bounding_box")
def get_actor_bounding_box(session: Session, actor_id: object) -> list[object]:
    """Box in the actor's frame; still answered for actors destroyed a moment ago."""
    return actor_box(session.version, session.world.actor_or_tombstone(integer(actor_id)))


@void_call("apply_control_to_walker")
def apply_control_to_walker(session: Session, actor_id: object, control: object) -> None:
    """WalkerControl: direction, speed, jump."""
    actor = live_actor(session, actor_id)
    if actor.kind != ActorKind.WALKER:
        raise WorldError(f"actor {actor.id} is not a walker")
    direction, speed, jump = array(control, 3)[:3]
    record = session.world.crowd.table.records[actor.row]
    heading = vector(direction)
    length = float(np.linalg.norm(heading))
    record["direction"] = floats(heading / length) if length > 1.0 else floats(heading)
    record["speed"] = finite(speed, low=0.0, high=50.0)
    record["jump"] = flag(jump)
