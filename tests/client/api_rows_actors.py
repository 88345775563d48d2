"""Rows of the API table: carla.Actor, carla.Walker and carla.WalkerAIController."""

from __future__ import annotations

import math

import carla
import pytest
from api_table import V16, WALKER_TYPE, Bench, as_carla, differs, without_effect
from client_support import EGO_TYPE, ahead, angle_between, lifted, planar_distance, speed_of

ALIVE = carla.ActorState.Active
SKELETON = "one skeleton of 66 joints for all walkers, scaled to the height, with a walk of our own"
BONES = (
    "vehicles have a base, wheels and the doors that open; walkers a skeleton; other actors none;"
    " relative means to the parent bone"
)


@as_carla("Actor.id", "Actor.type_id", "Actor.attributes", "Actor.semantic_tags", "Actor.get_world")
def description(bench: Bench) -> None:
    car = bench.car
    assert bench.world.get_actor(car.id).type_id == car.type_id == EGO_TYPE
    assert car.attributes["base_type"] == "car"
    assert car.semantic_tags == [int(carla.CityObjectLabel.Car)]
    assert car.get_world().id == bench.world.id


@as_carla("Actor.actor_state", "Actor.is_active", "Actor.is_alive", "Actor.is_dormant")
@as_carla("Actor.destroy", note="children of a destroyed actor live on")
def life(bench: Bench) -> None:
    car = bench.car_ahead(40.0)
    assert (car.actor_state, car.is_active, car.is_alive, car.is_dormant) == (ALIVE, True, True, False)
    assert car.destroy() is True
    bench.tick()
    assert not car.is_alive and not car.is_active
    with pytest.raises(RuntimeError, match="destroyed actor"):
        car.destroy()
    assert bench.world.get_spectator().destroy() is False


@as_carla("Actor.parent")
def parent(bench: Bench) -> None:
    camera = bench.camera
    bench.tick()
    assert camera.parent.id == bench.car.id
    assert bench.car.parent is None


@as_carla("Actor.bounding_box")
def bounding_box(bench: Bench) -> None:
    box = bench.car.bounding_box
    assert (box.extent.x, box.extent.y, box.extent.z) == pytest.approx((2.446, 0.918, 0.759), abs=0.05)


@as_carla("Actor.get_transform", "Actor.get_location", "Actor.get_velocity")
@differs("Actor.set_transform", "Actor.set_location", how="traffic lights and signs stay where they are")
def placing(bench: Bench) -> None:
    car, target = bench.car, lifted(ahead(bench.road.transform, 40.0), 0.3)
    car.set_transform(target)
    bench.tick(10)
    assert planar_distance(car.get_transform().location, target.location) < 0.05
    assert abs(angle_between(car.get_transform().rotation.yaw, target.rotation.yaw)) < 0.5
    car.set_location(bench.road.transform.location)
    bench.tick(10)
    assert planar_distance(car.get_location(), bench.road.transform.location) < 0.05
    assert speed_of(car) < 0.01
    before = bench.light.get_location()
    bench.light.set_location(carla.Location())
    bench.light.set_transform(carla.Transform())
    bench.tick()
    assert bench.light.get_location().distance(before) < 0.01
    assert car.get_velocity().length() < 0.01


@as_carla("Actor.get_acceleration")
@differs("Actor.get_angular_velocity", how="the yaw rate; pitch and roll rates are 0")
@differs("Actor.set_target_velocity", how="of vehicles; walkers and props have none")
@differs("Actor.set_target_angular_velocity", how="the yaw rate of vehicles")
def velocities(bench: Bench) -> None:
    car, forward = bench.car, bench.road.transform.get_forward_vector()
    car.set_target_velocity(carla.Vector3D(8.0 * forward.x, 8.0 * forward.y, 0.0))
    bench.tick()
    assert car.get_velocity().length() == pytest.approx(8.0, abs=0.5)
    assert car.get_acceleration().length() > 50.0
    car.set_target_angular_velocity(carla.Vector3D(10.0, 10.0, 90.0))
    bench.tick()
    spin = car.get_angular_velocity()
    assert (spin.x, spin.y) == (0.0, 0.0)
    assert spin.z > 45.0
    bench.walker.set_target_velocity(carla.Vector3D(1.0, 0.0, 0.0))
    bench.tick()
    assert speed_of(bench.walker) == 0.0


@differs(
    "Actor.enable_constant_velocity", how="the forward component, on the wheels' course: it does not slide sideways"
)
@as_carla("Actor.disable_constant_velocity")
def constant_velocity(bench: Bench) -> None:
    car = bench.car
    car.enable_constant_velocity(carla.Vector3D(5.0, 2.0, 0.0))
    bench.tick(10)
    assert speed_of(car) == pytest.approx(5.0, abs=0.1)
    car.disable_constant_velocity()
    car.apply_control(carla.VehicleControl(brake=1.0))
    bench.tick(40)
    assert speed_of(car) < 0.1


@differs(
    "Actor.add_impulse",
    "Actor.add_force",
    how="on vehicles and walkers, at the centre of mass: bodies do not tip over; props are fixed",
)
def pushes(bench: Bench) -> None:
    car, walker = bench.car, bench.walker
    mass, side = car.get_physics_control().mass, bench.road.transform.get_right_vector()
    car.add_impulse(carla.Vector3D(3.0 * mass * side.x, 3.0 * mass * side.y, 0.0))
    walker.add_impulse(carla.Vector3D(75.0 * side.x, 75.0 * side.y, 0.0))
    bench.tick()
    assert speed_of(car) == pytest.approx(3.0, abs=0.5)
    assert speed_of(walker) == pytest.approx(1.0, abs=0.3)
    bench.tick(60)
    assert speed_of(car) < 0.1
    car.add_force(carla.Vector3D(60.0 * mass * side.x, 60.0 * mass * side.y, 0.0))
    bench.tick()
    assert speed_of(car) == pytest.approx(3.0, abs=0.5)


@differs("Actor.add_angular_impulse", how="about the vertical axis of vehicles")
@differs(
    "Actor.add_torque",
    how="about the vertical axis of vehicles; both clients send an angular impulse in its place, to CARLA too",
)
def twists(bench: Bench) -> None:
    car = bench.car
    car.add_angular_impulse(carla.Vector3D(0.0, 0.0, 4.0e5))
    bench.tick()
    first = car.get_angular_velocity().z
    assert first > 20.0
    bench.tick(60)
    car.add_torque(carla.Vector3D(0.0, 0.0, 4.0e5))
    bench.tick()
    assert car.get_angular_velocity().z == pytest.approx(first, rel=0.1)


@differs("Actor.set_simulate_physics", how="of vehicles and walkers; other actors have no physics to switch off")
@differs("Actor.set_enable_gravity", how="of vehicles")
@differs("Actor.set_collisions", how="of vehicles, walkers and props")
def physics_switches(bench: Bench) -> None:
    car, high = bench.car, lifted(bench.road.transform, 5.0)
    car.set_simulate_physics(False)
    car.set_transform(high)
    bench.tick(10)
    assert car.get_location().z == pytest.approx(high.location.z, abs=0.01)
    car.set_enable_gravity(False)
    car.set_simulate_physics(True)
    bench.tick(10)
    assert car.get_location().z == pytest.approx(high.location.z, abs=0.2)
    car.set_enable_gravity(True)
    bench.tick(40)
    assert car.get_location().z == pytest.approx(bench.road.transform.location.z, abs=0.2)
    ghost = bench.car_ahead(8.0)
    ghost.set_collisions(False)
    car.enable_constant_velocity(carla.Vector3D(10.0, 0.0, 0.0))
    bench.tick(20)
    assert speed_of(ghost) < 0.01
    assert planar_distance(car.get_location(), bench.road.transform.location) > 9.0


@differs("Actor.get_component_names", how="one or two components per actor", only=V16)
@differs(
    "Actor.get_component_world_transform",
    "Actor.get_component_relative_transform",
    how="of those components, relative to the actor; unknown names raise `RuntimeError`",
    only=V16,
)
def components(bench: Bench) -> None:
    car = bench.car
    names = car.get_component_names()
    assert names == ["VehicleMesh", "VehicleBounds"]
    assert bench.walker.get_component_names() == ["CollisionCylinder", "CharacterMesh0"]
    assert bench.world.get_spectator().get_component_names() == ["RootComponent"]
    assert car.get_component_world_transform(names[0]).location.distance(car.get_location()) < 0.01
    bounds = car.get_component_relative_transform(names[1]).location
    assert bounds.distance(car.bounding_box.location) < 0.01
    with pytest.raises(RuntimeError, match="has no component 'Nothing'"):
        car.get_component_world_transform("Nothing")
    with pytest.raises(RuntimeError, match="has no component 'Nothing'"):
        car.get_component_relative_transform("Nothing")


@differs(
    "Actor.get_bone_names",
    "Actor.get_bone_world_transforms",
    "Actor.get_bone_relative_transforms",
    how=BONES,
    only=V16,
)
@differs(
    "Actor.get_socket_names",
    "Actor.get_socket_world_transforms",
    "Actor.get_socket_relative_transforms",
    how="the same as the bones",
    only=V16,
)
def bones_and_sockets(bench: Bench) -> None:
    for actor, count in ((bench.car, 9), (bench.walker, 66), (bench.camera, 0)):
        names = actor.get_bone_names()
        assert len(names) == len(set(names)) == count
        assert actor.get_socket_names() == names
        world, relative = actor.get_bone_world_transforms(), actor.get_bone_relative_transforms()
        assert len(world) == len(relative) == count
        assert len(actor.get_socket_world_transforms()) == len(actor.get_socket_relative_transforms()) == count
        assert all(bone.location.distance(actor.get_location()) < 3.5 for bone in world)
    assert {"Vehicle_Base", "Wheel_Front_Left", "Wheel_Rear_Right"} < set(bench.car.get_bone_names())


@as_carla("Walker.apply_control", "Walker.get_control")
def walking(bench: Bench) -> None:
    walker, side = bench.walker, bench.road.transform.get_right_vector()
    walker.apply_control(carla.WalkerControl(side, 1.5, False))
    bench.tick(10)
    assert speed_of(walker) == pytest.approx(1.5, abs=0.05)
    assert walker.get_control().speed == pytest.approx(1.5)


def places(walker: carla.Walker) -> dict[str, carla.Transform]:
    """World poses of the bones that are shown."""
    return {bone.name: bone.world for bone in walker.get_bones().bone_transforms}


@differs("Walker.get_bones", how=f"{SKELETON}; `component` is relative to the point between the feet")
@as_carla("Walker.set_bones", "Walker.blend_pose", "Walker.show_pose", "Walker.hide_pose")
@as_carla("Walker.get_pose_from_animation")
def skeleton(bench: Bench) -> None:
    walker = bench.walker
    rest = places(walker)
    assert rest["crl_Head__C"].location.z - rest["crl_foot__L"].location.z > 1.2
    walker.apply_control(carla.WalkerControl(bench.road.transform.get_forward_vector(), 1.5, False))
    bench.tick(7)
    apart = (places(walker)["crl_foot__L"].location - places(walker)["crl_foot__R"].location).length()
    assert apart > (rest["crl_foot__L"].location - rest["crl_foot__R"].location).length() + 0.05
    walker.apply_control(carla.WalkerControl(carla.Vector3D(1.0, 0.0, 0.0), 0.0, False))
    bench.tick(2)
    rest = places(walker)
    walker.get_pose_from_animation()
    (arm,) = (bone for bone in walker.get_bones().bone_transforms if bone.name == "crl_arm__L")
    raised = carla.Transform(arm.relative.location, carla.Rotation(pitch=arm.relative.rotation.pitch + 90.0))
    wanted = carla.WalkerBoneControlIn()
    wanted.bone_transforms = [("crl_arm__L", raised)]
    walker.set_bones(wanted)
    walker.show_pose()
    shown = places(walker)["crl_hand__L"].location
    walker.blend_pose(0.5)
    half = places(walker)["crl_hand__L"].location
    walker.hide_pose()
    hidden = places(walker)["crl_hand__L"].location
    assert hidden.distance(rest["crl_hand__L"].location) < 0.02
    assert shown.distance(hidden) > 0.3
    assert 0.1 < half.distance(hidden) < shown.distance(hidden)


@differs(
    "WalkerAIController.start",
    "WalkerAIController.stop",
    how="the walker stands still: there is no navigation mesh that the client could plan on",
)
@without_effect(
    "WalkerAIController.go_to_location",
    "WalkerAIController.set_max_speed",
    why="the client warns that it has no navigation mesh",
)
def walker_controller(bench: Bench) -> None:
    walker = bench.stage.spawn(WALKER_TYPE, lifted(ahead(bench.road.transform, 30.0), 1.0))
    controller = bench.stage.spawn("controller.ai.walker", attach_to=walker)
    bench.tick(20)
    before = walker.get_location()
    controller.start()
    controller.set_max_speed(1.4)
    controller.go_to_location(ahead(bench.road.transform, 60.0).location)
    bench.tick(20)
    controller.stop()
    assert math.isclose(planar_distance(walker.get_location(), before), 0.0, abs_tol=0.02)
