"""The vehicle model against the published fits, and outside their domain against common sense."""

import numpy as np
import pytest

from lead.control import vehicle_fits
from lead.simulator.world import dynamics


def step(speed: float, throttle: float = 0.0, brake: float = 0.0, gear: float = 1.0, dt_s: float = 0.05) -> float:
    one = lambda value: np.array([float(value)])  # noqa: E731
    no = np.array([False])
    return float(dynamics.step_speed(one(speed), one(throttle), one(brake), no, one(gear), one(1), one(1), dt_s)[0])


@pytest.mark.parametrize(
    ("speed", "throttle", "brake", "expected"),
    [(10.0, 0.5, 0.0, 10.016564), (3.0, 1.0, 0.0, 3.336956), (8.0, 0.0, 1.0, 7.503089)],
)
def test_one_tick_matches_published_fit(speed: float, throttle: float, brake: float, expected: float) -> None:
    assert step(speed, throttle, brake) == pytest.approx(expected, abs=1e-5)


def test_brake_brings_car_to_exact_standstill_without_reversing() -> None:
    speed = 15.0
    for _ in range(80):
        speed = step(speed, brake=1.0)
        assert speed >= 0.0
    assert speed == 0.0


def test_coasting_loses_speed_and_more_throttle_never_gives_less_acceleration() -> None:
    assert step(10.0) < 10.0
    throttles = np.linspace(0.0, 1.0, 50)
    for speed in (0.0, 2.0, 8.0, 15.0, 25.0, 35.0):
        pushes = dynamics.drive_acceleration(np.full(50, speed), throttles)
        assert (np.diff(pushes) > -0.06).all(), speed


def test_top_speed_is_finite_and_plausible() -> None:
    speed = 0.0
    for _ in range(20 * 240):
        speed = step(speed, throttle=1.0)
    assert 45.0 < speed < 75.0


def test_reverse_gear_mirrors_forward_and_neutral_only_rolls_out() -> None:
    assert step(0.0, throttle=0.8, gear=-1.0) == pytest.approx(-step(0.0, throttle=0.8))
    assert 4.0 < step(5.0, throttle=1.0, gear=0.0) < 5.0


def test_two_half_steps_equal_one_step_closely() -> None:
    halves = step(step(8.0, 0.7, dt_s=0.025), 0.7, dt_s=0.025)
    assert halves == pytest.approx(step(8.0, 0.7), abs=2e-3)


def test_full_steer_turns_on_the_published_circle() -> None:
    slip = float(dynamics.slip_angle(np.array([1.0]), np.array([vehicle_fits.WHEEL_RAD_PER_STEER]))[0])
    assert vehicle_fits.REAR_AXLE_M / np.sin(slip) == pytest.approx(3.72, abs=0.02)


def test_heavy_vehicles_are_slower_off_the_mark() -> None:
    assert dynamics.mass_scales(20000.0, "truck")[0] < dynamics.mass_scales(1500.0, "car")[0]
    assert dynamics.mass_scales(dynamics.MKZ_MASS_KG, "car") == (1.0, 1.0)


def test_bicycle_of_the_mkz_is_the_published_one_and_longer_cars_need_more_room() -> None:
    assert dynamics.bicycle_scaling(dynamics.MKZ_WHEELBASE_M) == pytest.approx(
        (vehicle_fits.REAR_AXLE_M, vehicle_fits.WHEEL_RAD_PER_STEER)
    )

    def turning_radius(wheelbase_m: float) -> float:
        rear_m, gain = dynamics.bicycle_scaling(wheelbase_m)
        return rear_m / float(np.sin(dynamics.slip_angle(np.array([1.0]), np.array([gain]))[0]))

    assert 2.0 < turning_radius(1.1) < turning_radius(2.85) < turning_radius(6.0) < 6.0
