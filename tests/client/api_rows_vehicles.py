"""Rows of the API table: carla.Vehicle (its autopilot is among the rows of the Traffic Manager)."""

from __future__ import annotations

import carla
import pytest
from api_table import V16, Bench, as_carla, differs, without_effect
from client_support import EGO_TYPE, lifted, speed_of

LEFT_WHEEL = carla.VehicleWheelLocation.FL_Wheel
OUR_DYNAMICS = "the embedded dynamics stay"


@as_carla("Vehicle.apply_control", "Vehicle.get_control", note="how vehicles then move: simulator.md")
def driving(bench: Bench) -> None:
    bench.car.apply_control(carla.VehicleControl(throttle=0.7, steer=0.1))
    bench.tick(20)
    assert bench.car.get_control().throttle == pytest.approx(0.7)
    assert speed_of(bench.car) > 1.0


@differs("Vehicle.apply_ackermann_control", how="same arguments and gains; the pedals come from our vehicle model")
@as_carla("Vehicle.get_ackermann_controller_settings", "Vehicle.apply_ackermann_controller_settings")
def ackermann(bench: Bench) -> None:
    gains = bench.car.get_ackermann_controller_settings()
    gains.speed_kp += 0.01
    bench.car.apply_ackermann_controller_settings(gains)
    assert bench.car.get_ackermann_controller_settings().speed_kp == pytest.approx(gains.speed_kp)
    bench.car.apply_ackermann_control(carla.VehicleAckermannControl(speed=5.0, acceleration=3.0))
    bench.tick(100)
    assert speed_of(bench.car) == pytest.approx(5.0, abs=0.5)


@differs("Vehicle.apply_physics_control", how="everything is kept and answered; the mass is what changes the driving")
@differs(
    "Vehicle.get_physics_control",
    how="mass, drag, steering and wheels are the model's; the rest is nominal",
)
def physics_control(bench: Bench) -> None:
    control = bench.car.get_physics_control()
    assert len(control.wheels) == 4
    assert control.mass == pytest.approx(2404.0, rel=0.3)
    control.mass, control.max_rpm = 3000.0, 5432.0
    bench.car.apply_physics_control(control)
    bench.tick()
    assert bench.car.get_physics_control().mass == 3000.0
    assert bench.car.get_physics_control().max_rpm == 5432.0
    bench.car.add_impulse(bench.road.transform.get_forward_vector() * 6000.0)
    bench.tick()
    assert speed_of(bench.car) == pytest.approx(2.0, abs=0.3)


@differs("Vehicle.open_door", "Vehicle.close_door", how="the door's bone turns by 70 degrees; the bounding box stays")
def doors(bench: Bench) -> None:
    door = carla.VehicleDoor.FL
    bench.car.open_door(door)
    bench.tick()
    if hasattr(bench.car, "get_bone_names"):
        index = bench.car.get_bone_names().index("Door_Front_Left")
        assert abs(bench.car.get_bone_relative_transforms()[index].rotation.yaw) == pytest.approx(70.0)
        bench.car.close_door(door)
        bench.tick()
        assert bench.car.get_bone_relative_transforms()[index].rotation.yaw == 0.0
    bench.car.close_door(carla.VehicleDoor.All)


@without_effect("Vehicle.enable_carsim", "Vehicle.use_carsim_road", "Vehicle.enable_chrono_physics", why=OUR_DYNAMICS)
def other_engines(bench: Bench) -> None:
    assert bench.car.enable_carsim("") is None
    assert bench.car.use_carsim_road(True) is None
    assert bench.car.enable_chrono_physics(10, 0.01) is None
    bench.car.apply_control(carla.VehicleControl(throttle=0.7))
    bench.tick(20)
    assert speed_of(bench.car) > 1.0


@without_effect("Vehicle.restore_physx_physics", why=OUR_DYNAMICS, only=V16)
def engine_restored(bench: Bench) -> None:
    assert bench.car.restore_physx_physics() is None


@differs("Vehicle.get_failure_state", how="always NONE: vehicles do not roll over, break down or lose tyres")
def failures(bench: Bench) -> None:
    assert bench.car.get_failure_state() == carla.VehicleFailureState.NONE


@as_carla("Vehicle.get_light_state", "Vehicle.set_light_state", note="state only; pictures do not show the lamps")
def vehicle_lights(bench: Bench) -> None:
    wanted = carla.VehicleLightState(carla.VehicleLightState.LowBeam | carla.VehicleLightState.Brake)
    bench.car.set_light_state(wanted)
    bench.tick()
    assert bench.car.get_light_state() == wanted


@differs("Vehicle.get_speed_limit", how="30 km/h until the vehicle passes a sign; only signs of the map file count")
def speed_limit(bench: Bench) -> None:
    assert bench.car.get_speed_limit() == 30.0


@differs("Vehicle.get_telemetry_data", how="speed and controls are exact, engine and wheels follow from them", only=V16)
@without_effect("Vehicle.get_wheel_pitch_angle", "Vehicle.set_wheel_pitch_angle", why="wheels do not roll: 0", only=V16)
def telemetry(bench: Bench) -> None:
    bench.car.apply_control(carla.VehicleControl(throttle=0.6))
    bench.tick(30)
    data = bench.car.get_telemetry_data()
    assert data.speed == pytest.approx(speed_of(bench.car), abs=0.2)
    assert data.throttle == pytest.approx(0.6)
    assert len(data.wheels) == 4
    bench.car.set_wheel_pitch_angle(LEFT_WHEEL, 30.0)
    bench.tick()
    assert bench.car.get_wheel_pitch_angle(LEFT_WHEEL) == 0.0


@as_carla("Vehicle.get_traffic_light", "Vehicle.get_traffic_light_state", "Vehicle.is_at_traffic_light")
def at_a_light(bench: Bench) -> None:
    assert not bench.car.is_at_traffic_light()
    assert bench.car.get_traffic_light() is None
    stop = bench.light.get_stop_waypoints()[0]
    bench.light.set_state(carla.TrafficLightState.Red)
    bench.light.freeze(True)
    bench.car.set_transform(lifted(stop.transform, 0.3))
    bench.tick(10)
    assert bench.car.is_at_traffic_light()
    assert bench.car.get_traffic_light().id == bench.light.id
    assert bench.car.get_traffic_light_state() == carla.TrafficLightState.Red


@differs("Vehicle.get_vehicle_bone_world_transforms", how="base, wheels, doors that open", only=V16)
def vehicle_bones(bench: Bench) -> None:
    bones = bench.car.get_vehicle_bone_world_transforms()
    assert len(bones) == len(bench.car.get_bone_names())


@as_carla("Vehicle.get_wheel_steer_angle")
@as_carla("Vehicle.set_wheel_steer_direction", note="for show: the car drives by its control")
def wheels(bench: Bench) -> None:
    car = bench.stage.spawn(EGO_TYPE, lifted(bench.road.transform, 0.3))
    car.apply_control(carla.VehicleControl(steer=0.5))
    bench.tick(3)
    assert car.get_wheel_steer_angle(LEFT_WHEEL) > 10.0
    car.set_wheel_steer_direction(LEFT_WHEEL, -12.0)
    bench.tick()
    assert car.get_wheel_steer_angle(LEFT_WHEEL) == pytest.approx(-12.0)


@without_effect("Vehicle.show_debug_telemetry", why="nothing is drawn")
def telemetry_display(bench: Bench) -> None:
    assert bench.car.show_debug_telemetry(True) is None
