"""How vehicles obey: controls, imposed velocities, physics switches, lights, doors, wheels, slopes."""

from __future__ import annotations

import math

import carla
import pytest
from client_support import (
    EGO_TYPE,
    Stage,
    angle_between,
    lifted,
    planar_distance,
    speed_of,
    straight_road,
)

LightFlag = carla.VehicleLightState


@pytest.fixture
def car(stage: Stage) -> carla.Vehicle:
    """The ego model at rest on a long straight lane."""
    return stage.settle(stage.spawn(EGO_TYPE, lifted(straight_road(stage.map, 120.0).transform)))


def forward_way(car: carla.Vehicle, origin: carla.Transform) -> float:
    """Way from ``origin`` along its heading, metres."""
    heading, place = origin.get_forward_vector(), car.get_location() - origin.location
    return float(heading.x * place.x + heading.y * place.y)


def test_throttle_drives_forward_and_the_control_is_kept(stage: Stage, car: carla.Vehicle) -> None:
    origin = car.get_transform()
    car.apply_control(carla.VehicleControl(throttle=0.6))
    stage.tick(20)
    early = speed_of(car)
    stage.tick(60)
    assert speed_of(car) > early > 0.5
    assert 10.0 < forward_way(car, origin) < 60.0
    assert abs(angle_between(car.get_transform().rotation.yaw, origin.rotation.yaw)) < 0.1
    control = car.get_control()
    assert (control.throttle, control.brake, control.reverse) == (pytest.approx(0.6), 0.0, False)
    assert control.gear >= 1


def test_brake_stops_and_holds(stage: Stage, car: carla.Vehicle) -> None:
    car.apply_control(carla.VehicleControl(throttle=0.8))
    stage.tick(100)
    speed, origin = speed_of(car), car.get_transform()
    car.apply_control(carla.VehicleControl(brake=1.0))
    stage.tick(80)
    assert speed > 8.0
    assert speed_of(car) < 0.01
    way = forward_way(car, origin)
    assert speed**2 / (2 * 12.0) < way < speed**2 / (2 * 4.0)
    stage.tick(20)
    assert forward_way(car, origin) == pytest.approx(way, abs=0.01)


def test_reverse_goes_back(stage: Stage, car: carla.Vehicle) -> None:
    origin = car.get_transform()
    car.apply_control(carla.VehicleControl(throttle=0.5, reverse=True))
    stage.tick(60)
    assert forward_way(car, origin) < -2.0
    assert car.get_control().reverse
    velocity, heading = car.get_velocity(), car.get_transform().get_forward_vector()
    assert velocity.x * heading.x + velocity.y * heading.y < -0.5


def test_manual_gear_backwards(stage: Stage, car: carla.Vehicle) -> None:
    origin = car.get_transform()
    car.apply_control(carla.VehicleControl(throttle=0.5, manual_gear_shift=True, gear=-1))
    stage.tick(60)
    assert forward_way(car, origin) < -2.0
    assert (car.get_control().manual_gear_shift, car.get_control().gear) == (True, -1)


def test_hand_brake_wins_over_idle(stage: Stage, car: carla.Vehicle) -> None:
    car.apply_control(carla.VehicleControl(throttle=0.7))
    stage.tick(60)
    speed = speed_of(car)
    car.apply_control(carla.VehicleControl(hand_brake=True))
    stage.tick(20)
    assert speed_of(car) < speed - 3.0
    assert car.get_control().hand_brake


@pytest.mark.parametrize("steer", [-0.3, 0.3])
def test_steering_turns_to_its_side(stage: Stage, car: carla.Vehicle, steer: float) -> None:
    origin = car.get_transform()
    car.apply_control(carla.VehicleControl(throttle=0.5, steer=steer))
    stage.tick(60)
    side = origin.get_right_vector()
    place = car.get_location() - origin.location
    turned = angle_between(car.get_transform().rotation.yaw, origin.rotation.yaw)
    assert math.copysign(1.0, turned) == math.copysign(1.0, steer)
    assert abs(turned) > 5.0
    assert math.copysign(1.0, side.x * place.x + side.y * place.y) == math.copysign(1.0, steer)
    wheel = car.get_wheel_steer_angle(carla.VehicleWheelLocation.FL_Wheel)
    assert wheel == pytest.approx(steer * 70.0, rel=0.2)
    assert car.get_wheel_steer_angle(carla.VehicleWheelLocation.BL_Wheel) == pytest.approx(0.0)


def test_out_of_range_and_nan_controls_are_tamed(stage: Stage, car: carla.Vehicle) -> None:
    car.apply_control(carla.VehicleControl(throttle=float("nan"), steer=float("nan"), brake=float("nan")))
    stage.tick(10)
    assert math.isfinite(car.get_location().x)
    assert speed_of(car) < 0.01
    car.apply_control(carla.VehicleControl(throttle=7.0, steer=-9.0))
    stage.tick()
    assert car.get_control().throttle == 1.0
    assert car.get_control().steer == -1.0


def test_physics_off_freezes_and_on_releases(stage: Stage, car: carla.Vehicle) -> None:
    car.apply_control(carla.VehicleControl(throttle=0.7))
    stage.tick(40)
    car.set_simulate_physics(False)
    stage.tick()
    place = car.get_location()
    stage.tick(20)
    assert car.get_location().distance(place) < 1e-3
    assert speed_of(car) == 0.0
    car.set_simulate_physics(True)
    stage.tick(40)
    assert planar_distance(car.get_location(), place) > 1.0


def test_constant_velocity_is_in_the_vehicle_frame(stage: Stage, car: carla.Vehicle) -> None:
    origin = car.get_transform()
    car.enable_constant_velocity(carla.Vector3D(6.0, 0.0, 0.0))
    stage.tick(2)
    stage.tick(40)
    assert speed_of(car) == pytest.approx(6.0, abs=0.1)
    assert forward_way(car, origin) == pytest.approx(6.0 * 42 * 0.05, abs=0.7)
    car.disable_constant_velocity()
    car.apply_control(carla.VehicleControl(brake=1.0))
    stage.tick(40)
    assert speed_of(car) < 0.01


def test_target_velocity_starts_a_roll(stage: Stage, car: carla.Vehicle) -> None:
    heading = car.get_transform().get_forward_vector()
    car.set_target_velocity(carla.Vector3D(heading.x * 10.0, heading.y * 10.0, 0.0))
    stage.tick()
    assert speed_of(car) == pytest.approx(10.0, abs=1.0)
    stage.tick(20)
    assert 5.0 < speed_of(car) < 10.0


def test_target_angular_velocity_spins(stage: Stage, car: carla.Vehicle) -> None:
    yaw = car.get_transform().rotation.yaw
    car.set_target_angular_velocity(carla.Vector3D(0.0, 0.0, 90.0))
    stage.tick()
    assert 1.0 < angle_between(car.get_transform().rotation.yaw, yaw) < 6.0


def test_impulse_pushes(stage: Stage, car: carla.Vehicle) -> None:
    heading, mass = car.get_transform().get_forward_vector(), car.get_physics_control().mass
    car.add_impulse(carla.Vector3D(heading.x * mass * 5.0, heading.y * mass * 5.0, 0.0))
    stage.tick()
    assert speed_of(car) == pytest.approx(5.0, abs=0.7)


def test_light_state_round_trip(stage: Stage, car: carla.Vehicle) -> None:
    flags = LightFlag(int(LightFlag.Position | LightFlag.LowBeam | LightFlag.LeftBlinker | LightFlag.Special1))
    car.set_light_state(flags)
    stage.tick()
    assert car.get_light_state() == flags
    assert int(car.get_light_state()) == 1 | 2 | 32 | 512
    assert dict(stage.world.get_vehicles_light_states())[car.id] == flags
    car.set_light_state(LightFlag.NONE)
    stage.tick()
    assert car.get_light_state() == LightFlag.NONE
    car.set_light_state(LightFlag.All)
    stage.tick()
    assert int(car.get_light_state()) == int(LightFlag.All)


def test_doors_are_accepted(stage: Stage, car: carla.Vehicle) -> None:
    for door in (carla.VehicleDoor.FL, carla.VehicleDoor.RR, carla.VehicleDoor.All):
        car.open_door(door)
        stage.tick()
        car.close_door(door)
    assert stage.tick() > 0


def test_physics_control_round_trip(stage: Stage, car: carla.Vehicle) -> None:
    control = car.get_physics_control()
    assert 1500.0 < control.mass < 2600.0
    assert len(control.wheels) == 4
    assert control.wheels[0].max_steer_angle == pytest.approx(70.0, abs=5.0)
    assert control.wheels[2].max_steer_angle == 0.0
    hub = control.wheels[0].position
    assert math.hypot(hub.x / 100.0 - car.get_location().x, hub.y / 100.0 - car.get_location().y) < 2.5
    control.mass = 3100.0
    control.drag_coefficient = 0.21
    wheels = control.wheels
    wheels[1].tire_friction = 1.25
    control.wheels = wheels
    car.apply_physics_control(control)
    stage.tick()
    stored = car.get_physics_control()
    assert (stored.mass, stored.drag_coefficient) == (pytest.approx(3100.0), pytest.approx(0.21))
    assert stored.wheels[1].tire_friction == pytest.approx(1.25)


def test_heavier_vehicles_accelerate_slower(stage: Stage) -> None:
    start = straight_road(stage.map, 120.0).transform
    speeds = {}
    for type_id in (EGO_TYPE, "vehicle.carlamotors.firetruck", "vehicle.diamondback.century"):
        vehicle = stage.settle(stage.spawn(type_id, lifted(start)))
        vehicle.apply_control(carla.VehicleControl(throttle=0.8))
        stage.tick(60)
        speeds[type_id] = speed_of(vehicle)
        vehicle.destroy()
        stage.tick()
    ego, truck, bicycle = speeds.values()
    assert ego > truck > 1.0
    assert ego > bicycle > 1.0


def test_speed_limit_without_signs_is_30(stage: Stage, car: carla.Vehicle) -> None:
    assert car.get_speed_limit() == pytest.approx(30.0)


def slopes(town: carla.Map, least: float, count: int) -> list[carla.Waypoint]:
    """Waypoints on climbs and descents of at least this grade, well apart from each other and from junctions."""
    found: list[carla.Waypoint] = []
    for waypoint in town.generate_waypoints(8.0):
        following = waypoint.next(4.0)
        if waypoint.is_junction or len(following) != 1 or following[0].is_junction:
            continue
        rise = following[0].transform.location.z - waypoint.transform.location.z
        place = waypoint.transform.location
        apart = all(planar_distance(place, other.transform.location) > 40.0 for other in found)
        if abs(rise) / 4.0 > least and apart:
            found.append(waypoint)
        if len(found) == count:
            break
    return found


def grade_pitch(waypoint: carla.Waypoint) -> float:
    """Pitch of the road in driving direction, degrees."""
    following = waypoint.next(2.0)[0].transform.location
    place = waypoint.transform.location
    return math.degrees(math.atan2(following.z - place.z, planar_distance(following, place)))


@pytest.mark.town("Town04")
def test_vehicles_lie_on_slopes(stage: Stage) -> None:
    places = slopes(stage.map, 0.04, 8)
    assert len(places) == 8
    cars = [stage.spawn(EGO_TYPE, lifted(place.transform)) for place in places]
    for car in cars:
        car.apply_control(carla.VehicleControl(hand_brake=True))
    stage.tick(25)
    for car, place in zip(cars, places, strict=True):
        assert car.get_location().z == pytest.approx(place.transform.location.z, abs=0.1)
        assert car.get_transform().rotation.pitch == pytest.approx(grade_pitch(place), abs=0.8)
        assert abs(car.get_transform().rotation.pitch) > 1.5


@pytest.mark.town("Town04")
def test_vehicle_follows_the_road_up_and_down(stage: Stage) -> None:
    place = slopes(stage.map, 0.04, 1)[0]
    car = stage.settle(stage.spawn(EGO_TYPE, lifted(place.transform)))
    car.enable_constant_velocity(carla.Vector3D(15.0, 0.0, 0.0))
    for _ in range(40):
        stage.tick()
        here = stage.map.get_waypoint(car.get_location())
        assert car.get_location().z == pytest.approx(here.transform.location.z, abs=0.15)
    climb = car.get_velocity().z / 15.0
    assert climb == pytest.approx(math.sin(math.radians(car.get_transform().rotation.pitch)), abs=0.02)


@pytest.mark.town("Town04")
def test_overpass_keeps_the_upper_and_the_lower_road_apart(stage: Stage) -> None:
    points = stage.map.generate_waypoints(6.0)
    cell: dict[tuple[int, int], list[carla.Waypoint]] = {}
    for waypoint in points:
        place = waypoint.transform.location
        cell.setdefault((round(place.x / 4.0), round(place.y / 4.0)), []).append(waypoint)
    pairs = [
        (low, high)
        for group in cell.values()
        for low in group
        for high in group
        if high.transform.location.z - low.transform.location.z > 4.0
    ]
    assert pairs, "Town04 has bridges"
    for low, high in pairs[:4]:
        for waypoint in (low, high):
            car = stage.spawn(EGO_TYPE, lifted(waypoint.transform))
            stage.tick(20)
            assert car.get_location().z == pytest.approx(waypoint.transform.location.z, abs=0.3)
            car.destroy()
            stage.tick()


def test_vehicle_drops_onto_the_road(stage: Stage) -> None:
    pose = straight_road(stage.map, 60.0).transform
    car = stage.spawn(EGO_TYPE, lifted(pose, 5.0))
    heights = []
    for _ in range(40):
        stage.tick()
        heights.append(car.get_location().z - pose.location.z)
    # Free fall from 5 m takes 1.01 s, twenty ticks.
    assert heights[9] == pytest.approx(5.0 - 0.5 * 9.81 * 0.5**2, abs=0.3)
    assert heights[17] > 0.3
    assert heights[-1] == pytest.approx(0.0, abs=0.05)
