"""Rows of the API table: carla.command (SetAutopilot is among the rows of the Traffic Manager)."""

from __future__ import annotations

import carla
import pytest
from api_table import V15, V16, Bench, as_carla, differs, refused
from client_support import EGO_TYPE, ahead, lifted, planar_distance, speed_of

PUSHES = "as `Actor.add_impulse`"
TWISTS = "about the vertical axis of vehicles"


def accepted(reply: carla.command.Response, actor: carla.Actor) -> bool:
    """Whether a command was carried out on this actor."""
    return not reply.has_error() and reply.actor_id == actor.id


@differs("command.ApplyImpulse", "command.ApplyForce", how=PUSHES)
@differs("command.ApplyAngularImpulse", "command.ApplyTorque", how=TWISTS)
def push_commands(bench: Bench) -> None:
    car, mass = bench.car, bench.car.get_physics_control().mass
    forward = bench.road.transform.get_forward_vector()
    assert accepted(bench.run(carla.command.ApplyImpulse(car, forward * (3.0 * mass))), car)
    assert speed_of(car) == pytest.approx(3.0, abs=0.3)
    assert accepted(bench.run(carla.command.ApplyForce(car, forward * (20.0 * mass))), car)
    assert speed_of(car) == pytest.approx(4.0, abs=0.4)
    assert accepted(bench.run(carla.command.ApplyAngularImpulse(car, carla.Vector3D(0.0, 0.0, 4e5))), car)
    first = car.get_angular_velocity().z
    assert first > 20.0
    bench.tick(40)
    assert accepted(bench.run(carla.command.ApplyTorque(car, carla.Vector3D(0.0, 0.0, 8e6))), car)
    assert car.get_angular_velocity().z == pytest.approx(first, rel=0.2)


@differs("command.ApplyTargetVelocity", how="of vehicles; walkers and props have none")
@differs("command.ApplyTargetAngularVelocity", how="the yaw rate of vehicles")
def velocity_commands(bench: Bench) -> None:
    car, forward = bench.car, bench.road.transform.get_forward_vector()
    assert accepted(bench.run(carla.command.ApplyTargetVelocity(car, forward * 6.0)), car)
    assert speed_of(car) == pytest.approx(6.0, abs=0.4)
    spin = carla.Vector3D(0.0, 0.0, 60.0)
    assert accepted(bench.run(carla.command.ApplyTargetAngularVelocity(car, spin)), car)
    assert car.get_angular_velocity().z > 30.0


@as_carla("command.ApplyTransform")
def transform_command(bench: Bench) -> None:
    target = lifted(ahead(bench.road.transform, 30.0), 0.3)
    assert accepted(bench.run(carla.command.ApplyTransform(bench.car, target)), bench.car)
    assert planar_distance(bench.car.get_location(), target.location) < 0.05


@as_carla("command.ApplyVehicleControl")
def control_command(bench: Bench) -> None:
    control = carla.VehicleControl(throttle=0.25)
    assert accepted(bench.run(carla.command.ApplyVehicleControl(bench.car, control)), bench.car)
    assert bench.car.get_control().throttle == 0.25


@differs("command.ApplyVehicleAckermannControl", how="as `Vehicle.apply_ackermann_control`")
def ackermann_command(bench: Bench) -> None:
    control = carla.VehicleAckermannControl(speed=4.0, acceleration=3.0)
    assert accepted(bench.run(carla.command.ApplyVehicleAckermannControl(bench.car, control)), bench.car)
    bench.tick(80)
    assert speed_of(bench.car) == pytest.approx(4.0, abs=0.5)


@differs("command.ApplyVehiclePhysicsControl", how="the mass is what changes the driving")
def physics_command(bench: Bench) -> None:
    control = bench.car.get_physics_control()
    control.mass = 2222.0
    assert accepted(bench.run(carla.command.ApplyVehiclePhysicsControl(bench.car, control)), bench.car)
    assert bench.car.get_physics_control().mass == 2222.0


@as_carla("command.ApplyWalkerControl", "command.ApplyWalkerState")
def walker_commands(bench: Bench) -> None:
    walker, side = bench.walker, bench.road.transform.get_right_vector()
    assert accepted(bench.run(carla.command.ApplyWalkerControl(walker, carla.WalkerControl(side, 1.2))), walker)
    bench.tick(3)
    assert speed_of(walker) == pytest.approx(1.2, abs=0.05)
    target = lifted(ahead(bench.road.transform, 40.0), 1.0)
    assert accepted(bench.run(carla.command.ApplyWalkerState(walker, target, 0.0)), walker)
    assert planar_distance(walker.get_location(), target.location) < 0.1


@as_carla("command.DestroyActor", "command.Response")
def destroy_command(bench: Bench) -> None:
    car = bench.car_ahead(40.0)
    reply = bench.run(carla.command.DestroyActor(car))
    assert isinstance(reply, carla.command.Response)
    assert accepted(reply, car)
    assert car.id not in [actor.id for actor in bench.world.get_actors()]


@differs("command.SetSimulatePhysics", how="of vehicles and walkers")
@differs("command.SetEnableGravity", how="of vehicles")
def physics_commands(bench: Bench) -> None:
    high = lifted(bench.road.transform, 4.0)
    assert accepted(bench.run(carla.command.SetSimulatePhysics(bench.car, False)), bench.car)
    bench.car.set_transform(high)
    bench.tick(5)
    assert bench.car.get_location().z == pytest.approx(high.location.z, abs=0.01)
    assert accepted(bench.run(carla.command.SetEnableGravity(bench.car, False)), bench.car)
    assert accepted(bench.run(carla.command.SetSimulatePhysics(bench.car, True)), bench.car)
    bench.tick(5)
    assert bench.car.get_location().z == pytest.approx(high.location.z, abs=0.1)


@as_carla("command.SetVehicleLightState")
def light_command(bench: Bench) -> None:
    fog = carla.VehicleLightState.Fog
    assert accepted(bench.run(carla.command.SetVehicleLightState(bench.car.id, fog)), bench.car)
    assert bench.car.get_light_state() == fog


@refused(
    "command.ShowDebugTelemetry",
    why="`TypeError` of the client, which cannot put this command into a batch; with CARLA too",
)
def telemetry_command(bench: Bench) -> None:
    with pytest.raises(TypeError, match="No registered converter"):
        bench.client.apply_batch([carla.command.ShowDebugTelemetry(bench.car.id, True)])


@as_carla("command.SpawnActor", only=V15)
@differs("command.SpawnActor", how="`socket_name` has no effect", only=V16)
@as_carla("command.FutureActor")
def spawn_command(bench: Bench) -> None:
    blueprint = bench.world.get_blueprint_library().find(EGO_TYPE)
    spawn = carla.command.SpawnActor(blueprint, lifted(bench.road.transform, 0.3))
    control = carla.VehicleControl(hand_brake=True)
    reply = bench.run(spawn.then(carla.command.ApplyVehicleControl(carla.command.FutureActor, control)))
    (car,) = bench.stage.adopt([reply.actor_id])
    assert car.get_control().hand_brake
    again = bench.run(carla.command.SpawnActor(blueprint, lifted(bench.road.transform, 0.3)))
    assert "collision at spawn position" in again.error
