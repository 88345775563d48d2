"""Remote calls about vehicles: controls, lights, doors, wheels, physics parameters, telemetry."""

from __future__ import annotations

import numpy as np

from lead.simulator.protocol.actor_calls import live_actor
from lead.simulator.protocol.calls import value_call, void_call
from lead.simulator.protocol.session import Session
from lead.simulator.protocol.wire import array, finite, flag, floats, integer
from lead.simulator.world.ackermann import AckermannGains, AckermannTarget
from lead.simulator.world.actors import Actor, ActorKind, WorldError

_ALL_DOORS = 6
_FRONT_WHEELS = (0, 1)
_FORWARD_GEARS = [[4.0, 0.5, 0.65], [2.5, 0.5, 0.65], [1.6, 0.5, 0.65], [1.2, 0.5, 0.65], [0.9, 0.5, 0.65]]
_TORQUE_CURVE = [[0.0, 400.0], [1900.0, 500.0], [5750.0, 450.0]]
_STEERING_CURVE = [[0.0, 1.0], [20.0, 0.9], [60.0, 0.8], [120.0, 0.7]]


def live_vehicle(session: Session, actor_id: object) -> Actor:
    """The live vehicle a client names.

    Raises:
        WorldError: If there is no such actor or it is not a vehicle.
    """
    actor = live_actor(session, actor_id)
    if actor.kind != ActorKind.VEHICLE:
        raise WorldError(f"actor {actor.id} is not a vehicle")
    return actor


@void_call("apply_control_to_vehicle")
def apply_control_to_vehicle(session: Session, actor_id: object, control: object) -> None:
    """VehicleControl, kept until the next one; a NaN brake brakes fully, as CARLA's clamping does."""
    actor = live_vehicle(session, actor_id)
    session.world.ackermann.release(actor)
    throttle, steer, brake, hand_brake, reverse, manual, gear = array(control, 7)[:7]
    session.world.fleet.table.records["control"][actor.row] = (
        finite(throttle, 0.0, 0.0, 1.0),
        finite(steer, 0.0, -1.0, 1.0),
        finite(brake, 1.0, 0.0, 1.0),
        flag(hand_brake),
        flag(reverse),
        flag(manual),
        min(max(integer(gear), -1), 20),
    )


@void_call("apply_ackermann_control_to_vehicle")
def apply_ackermann_control_to_vehicle(session: Session, actor_id: object, control: object) -> None:
    """Hold a steering angle and close in on a speed until an ordinary control comes."""
    actor = live_vehicle(session, actor_id)
    session.world.ackermann.command(actor, AckermannTarget(*(finite(value) for value in array(control, 5)[:5])))


@value_call("get_ackermann_controller_settings")
def get_ackermann_controller_settings(session: Session, actor_id: object) -> list[float]:
    """Controller gains in force."""
    return session.world.ackermann.gains(live_vehicle(session, actor_id)).to_wire()


@void_call("apply_ackermann_controller_settings")
def apply_ackermann_controller_settings(session: Session, actor_id: object, settings: object) -> None:
    """Change controller gains."""
    gains = AckermannGains(*(finite(value) for value in array(settings, 6)[:6]))
    session.world.ackermann.set_gains(live_vehicle(session, actor_id), gains)


@value_call("get_physics_control")
def get_physics_control(session: Session, actor_id: object) -> list[object]:
    """VehiclePhysicsControl: what was applied last, or the blueprint's; wheel positions are where the wheels are."""
    actor = live_vehicle(session, actor_id)
    control = list(session.physics_overrides.get(actor.id) or _default_physics(actor))
    wheels = [list(array(wheel)) for wheel in array(control[15])]
    for index, wheel in enumerate(wheels):
        wheel[9] = _wheel_position_cm(session, actor, index)
    control[15] = wheels
    return control


def _default_physics(actor: Actor) -> list[object]:
    parameters = actor.vehicle
    assert parameters is not None
    wheels = [
        [
            3.5,
            0.25,
            parameters.max_steer_deg if index in _FRONT_WHEELS else 0.0,
            parameters.wheel_radius_m * 100.0,
            1500.0,
            0.0 if index in _FRONT_WHEELS else 3000.0,
            3.0,
            20.0,
            3000.0,
            [0.0, 0.0, 0.0],
        ]
        for index in range(4)
    ]
    center = [0.05 * parameters.wheelbase_m, 0.0, -0.3]
    return [
        _TORQUE_CURVE,
        6000.0,
        1.0,
        0.15,
        2.0,
        0.35,
        True,
        0.5,
        10.0,
        4.0,
        _FORWARD_GEARS,
        parameters.mass_kg,
        parameters.drag,
        center,
        _STEERING_CURVE,
        wheels,
        True,
    ]


def _wheel_position_cm(session: Session, actor: Actor, index: int) -> list[float]:
    """World position of a wheel's hub in centimetres (front left, front right, rear left, rear right)."""
    assert actor.vehicle is not None
    ahead = 0.5 * actor.vehicle.wheelbase_m * (1.0 if index in _FRONT_WHEELS else -1.0)
    side = 0.85 * actor.extent[1] * (-1.0 if index % 2 == 0 else 1.0)
    col = session.world.fleet.column
    yaw = float(col("yaw")[actor.row])
    x, y, z = col("position")[actor.row].tolist()
    cos, sin = np.cos(yaw), np.sin(yaw)
    hub = (x + cos * ahead - sin * side, y + sin * ahead + cos * side, z + actor.vehicle.wheel_radius_m)
    return floats([value * 100.0 for value in hub])


@void_call("apply_physics_control")
def apply_physics_control(session: Session, actor_id: object, control: object) -> None:
    """Store physics parameters; mass changes how the vehicle drives and collides."""
    actor = live_vehicle(session, actor_id)
    row = array(control, 17)
    mass = finite(row[11], 1000.0, 1.0, 1e6)
    if not all(len(array(wheel)) >= 10 for wheel in array(row[15])):
        raise WorldError("a wheel of the physics control is incomplete")
    session.physics_overrides[actor.id] = row
    session.world.fleet.set_mass(actor, mass)


@value_call("get_vehicle_light_state")
def get_vehicle_light_state(session: Session, actor_id: object) -> list[int]:
    """Light flags."""
    return [live_vehicle(session, actor_id).light_flags]


@void_call("set_vehicle_light_state")
def set_vehicle_light_state(session: Session, actor_id: object, state: object) -> None:
    """Set light flags; from then on brake lamps follow them, too, and no longer the pedal."""
    flags = integer(array(state, 1)[0] if isinstance(state, list) else state)
    actor = live_vehicle(session, actor_id)
    actor.light_flags, actor.lights_are_clients = flags & 0xFFFFFFFF, True


@value_call("get_vehicle_light_states")
def get_vehicle_light_states(session: Session) -> list[list[int]]:
    """Light flags of all vehicles."""
    return [[actor.id, actor.light_flags] for actor in session.world.fleet.table.actors]


@void_call("open_vehicle_door")
def open_vehicle_door(session: Session, actor_id: object, door: object) -> None:
    """Open a door, or all of them."""
    actor = live_vehicle(session, actor_id)
    actor.open_doors |= _door_bits(integer(door))


@void_call("close_vehicle_door")
def close_vehicle_door(session: Session, actor_id: object, door: object) -> None:
    """Close a door, or all of them."""
    actor = live_vehicle(session, actor_id)
    actor.open_doors &= ~_door_bits(integer(door))


def _door_bits(door: int) -> int:
    if not 0 <= door <= _ALL_DOORS:
        raise WorldError(f"there is no door {door}")
    return (1 << _ALL_DOORS) - 1 if door == _ALL_DOORS else 1 << door


@void_call("set_wheel_steer_direction")
def set_wheel_steer_direction(session: Session, actor_id: object, wheel: object, angle_deg: object) -> None:
    """Turn a wheel for show; the dynamics follow the control."""
    actor = live_vehicle(session, actor_id)
    session.wheel_overrides_deg[actor.id, integer(wheel)] = finite(angle_deg)


@void_call("set_wheel_pitch_angle")
def set_wheel_pitch_angle(session: Session, actor_id: object, wheel: object, angle_deg: object) -> None:
    """Accepted; wheel rotation is not modelled."""
    live_vehicle(session, actor_id)
    finite(angle_deg)


@value_call("get_wheel_steer_angle")
def get_wheel_steer_angle(session: Session, actor_id: object, wheel: object) -> float:
    """Steering angle of a wheel, degrees; rear wheels do not steer."""
    actor, index = live_vehicle(session, actor_id), integer(wheel)
    override = session.wheel_overrides_deg.get((actor.id, index))
    if override is not None:
        return override
    if index not in _FRONT_WHEELS or actor.vehicle is None:
        return 0.0
    steer = float(session.world.fleet.table.records["control"]["steer"][actor.row])
    return steer * actor.vehicle.max_steer_deg


@value_call("get_wheel_pitch_angle")
def get_wheel_pitch_angle(session: Session, actor_id: object, wheel: object) -> float:
    """Wheel rotation is not modelled."""
    live_vehicle(session, actor_id)
    return 0.0


@value_call("get_telemetry_data")
def get_telemetry_data(session: Session, actor_id: object) -> list[object]:
    """VehicleTelemetryData from the state: speed, controls, an engine speed for the gear, wheel speeds and loads."""
    actor = live_vehicle(session, actor_id)
    assert actor.vehicle is not None
    fleet = session.world.fleet
    control = fleet.table.records["control"][actor.row]
    speed = float(fleet.column("speed")[actor.row])
    gear = int(control["gear"])
    ratio = float(_FORWARD_GEARS[min(max(gear, 1), len(_FORWARD_GEARS)) - 1][0])
    omega = speed / actor.vehicle.wheel_radius_m
    rpm = min(800.0 + abs(omega) * ratio * 4.0 * 60.0 / (2.0 * np.pi), 6000.0)
    load = float(fleet.column("mass")[actor.row]) * 9.81 / 4.0
    wheel = [3.5, 0.0, 0.0, omega, load, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    values = [speed, float(control["steer"]), float(control["throttle"]), float(control["brake"]), rpm]
    return [*values, gear, actor.vehicle.drag, [wheel] * 4]


@void_call("show_vehicle_debug_telemetry")
def show_vehicle_debug_telemetry(session: Session, actor_id: object, enabled: object) -> None:
    """Accepted without effect."""
    live_vehicle(session, actor_id)


def _register_other_engines() -> None:
    """Other physics engines: accepted, the embedded dynamics stay."""

    def keep_our_physics(session: Session, actor_id: object, *options: object) -> None:
        live_vehicle(session, actor_id)

    for name in ("enable_carsim", "use_carsim_road", "enable_chrono_physics", "restore_physx_physics"):
        void_call(name)(keep_our_physics)


_register_other_engines()
