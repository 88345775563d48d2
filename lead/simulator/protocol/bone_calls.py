"""Remote calls about the parts of actors: bones, sockets, components, and poses that clients give to walkers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import compose
from lead.simulator.protocol.actor_calls import live_actor
from lead.simulator.protocol.calls import value_call, void_call
from lead.simulator.protocol.session import Session
from lead.simulator.protocol.vehicle_calls import get_wheel_steer_angle, live_vehicle
from lead.simulator.protocol.wire import array, finite, text, transform, transform_row
from lead.simulator.world.actors import Actor, ActorKind, Vector, WorldError
from lead.simulator.world.skeleton import BonePoses, split_poses, vehicle_bones

Row = list[list[float]]

_NO_BONES = BonePoses((), *(np.zeros((0, 4, 4)) for _ in range(3)))


def _bones(session: Session, actor: Actor) -> BonePoses:
    if actor.kind == ActorKind.WALKER:
        return session.world.poses.bones(actor)
    if actor.kind == ActorKind.VEHICLE:
        return vehicle_bones(actor, [finite(get_wheel_steer_angle(session, actor.id, wheel)) for wheel in range(4)])
    return _NO_BONES


def _transforms(matrices: NDArray[np.float64]) -> list[Row]:
    locations, rotations_deg = split_poses(matrices)
    return [transform_row(place, turn) for place, turn in zip(locations, rotations_deg, strict=True)]


@value_call("get_actor_bone_names")
@value_call("get_actor_socket_names")
def bone_names(session: Session, actor_id: object) -> list[str]:
    """Names of an actor's bones; its sockets are the same."""
    return list(_bones(session, live_actor(session, actor_id)).names)


@value_call("get_actor_bone_world_transforms")
@value_call("get_actor_socket_world_transforms")
def bone_world_transforms(session: Session, actor_id: object) -> list[Row]:
    """World poses of the bones, in the order of their names."""
    return _transforms(_bones(session, live_actor(session, actor_id)).world)


@value_call("get_actor_bone_relative_transforms")
@value_call("get_actor_socket_relative_transforms")
def bone_relative_transforms(session: Session, actor_id: object) -> list[Row]:
    """Poses of the bones in their parents' frames, in the order of their names."""
    return _transforms(_bones(session, live_actor(session, actor_id)).relative)


@value_call("get_vehicle_bone_world_transforms")
def vehicle_bone_world_transforms(session: Session, actor_id: object) -> list[Row]:
    """World poses of a vehicle's bones."""
    return _transforms(_bones(session, live_vehicle(session, actor_id)).world)


def _walker(session: Session, actor_id: object) -> Actor:
    actor = live_actor(session, actor_id)
    if actor.kind != ActorKind.WALKER:
        raise WorldError(f"actor {actor.id} is not a walker")
    return actor


@value_call("get_bones_transform")
def get_bones_transform(session: Session, actor_id: object) -> list[object]:
    """A walker's bones as they are shown: name, world, component and relative pose of each."""
    bones = session.world.poses.bones(_walker(session, actor_id))
    columns = (_transforms(matrices) for matrices in (bones.world, bones.component, bones.relative))
    return [[list(row) for row in zip(bones.names, *columns, strict=True)]]


@void_call("set_bones_transform")
def set_bones_transform(session: Session, actor_id: object, bones: object) -> None:
    """Change bones of the pose that the client blends in."""
    actor = _walker(session, actor_id)
    pairs = [array(pair, 2) for pair in array(array(bones, 1)[0])]
    session.world.poses.set_bones(actor, {text(pair[0]): transform(pair[1]) for pair in pairs})


@void_call("blend_pose")
def blend_pose(session: Session, actor_id: object, blend: object) -> None:
    """Weight of the client's pose: 0 shows the animation, 1 the pose."""
    session.world.poses.blend(_walker(session, actor_id), finite(blend, 0.0, 0.0, 1.0))


@void_call("get_pose_from_animation")
def get_pose_from_animation(session: Session, actor_id: object) -> None:
    """Make the animation of this moment the client's pose."""
    session.world.poses.take_animation(_walker(session, actor_id))


def _components(actor: Actor) -> dict[str, Vector]:
    """Component names and their places in the actor's frame; the first is the root."""
    if actor.kind == ActorKind.VEHICLE:
        return {"VehicleMesh": (0.0, 0.0, 0.0), "VehicleBounds": actor.box_center}
    if actor.kind == ActorKind.WALKER:
        return {"CollisionCylinder": (0.0, 0.0, 0.0), "CharacterMesh0": (0.0, 0.0, -actor.extent[2])}
    return {"RootComponent": (0.0, 0.0, 0.0)}


def _component(actor: Actor, name: object) -> Vector:
    components = _components(actor)
    if text(name) not in components:
        raise WorldError(f"actor {actor.id} ({actor.type_id}) has no component {name!r}")
    return components[text(name)]


@value_call("get_actor_component_names")
def get_actor_component_names(session: Session, actor_id: object) -> list[str]:
    """Names of an actor's components."""
    return list(_components(live_actor(session, actor_id)))


@value_call("get_actor_component_relative_transform")
def get_actor_component_relative_transform(session: Session, actor_id: object, name: object) -> Row:
    """Pose of a component in the actor's frame."""
    return transform_row(_component(live_actor(session, actor_id), name), (0.0,) * 3)


@value_call("get_actor_component_world_transform")
def get_actor_component_world_transform(session: Session, actor_id: object, name: object) -> Row:
    """World pose of a component."""
    actor = live_actor(session, actor_id)
    offset = _component(actor, name)
    if actor.table is None:
        raise WorldError(f"actor {actor.id} has no pose")
    record = actor.table.records[actor.row]
    return transform_row(*compose(record["location"], record["rotation_deg"], np.array(offset), np.zeros(3)))
