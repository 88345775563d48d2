"""Ackermann control: speeds are reached and held, limits respected, geometry obeyed."""

import numpy as np
import pytest

from lead.simulator.world.ackermann import AckermannGains, AckermannTarget
from lead.simulator.world.actors import Actor
from lead.simulator.world.world import World


@pytest.fixture
def car(town04: World) -> Actor:
    """A car far from everything on a long straight of the motorway."""
    lanes = town04.town.lanes
    level = (np.abs(lanes["grade"]) < 0.005) & (lanes["lane_type"] == 1) & (lanes["junction_id"] < 0)
    lane = lanes[np.flatnonzero(level)[500]]
    spot = np.array([lane["x"], lane["y"], lane["z"] + 0.2])
    actor = town04.spawn("vehicle.lincoln.mkz_2020", [], spot, np.array([0.0, np.degrees(lane["yaw"]), 0.0]))
    for _ in range(20):
        town04.tick(0.05)
    return actor


def drive(world: World, car: Actor, target: AckermannTarget, seconds: float) -> np.ndarray:
    """Speeds of every tick under one target."""
    speeds = []
    for _ in range(round(seconds / 0.05)):
        world.ackermann.command(car, target)
        world.tick(0.05)
        speeds.append(float(world.fleet.column("speed")[car.row]))
    return np.array(speeds)


def test_speed_is_reached_and_held(town04: World, car: Actor) -> None:
    speeds = drive(town04, car, AckermannTarget(0.0, 0.0, 8.0, 0.0, 0.0), 12.0)
    assert np.abs(speeds[-60:] - 8.0).max() < 0.4
    assert speeds.max() < 9.0


def test_acceleration_limit_is_respected_on_average(town04: World, car: Actor) -> None:
    speeds = drive(town04, car, AckermannTarget(0.0, 0.0, 10.0, 1.0, 0.0), 4.0)
    assert 2.5 < speeds[-1] < 4.6


def test_stops_and_stays_and_drives_backwards(town04: World, car: Actor) -> None:
    drive(town04, car, AckermannTarget(0.0, 0.0, 6.0, 0.0, 0.0), 4.0)
    assert drive(town04, car, AckermannTarget(0.0, 0.0, 0.0, 0.0, 0.0), 5.0)[-1] == pytest.approx(0.0, abs=0.05)
    speeds = drive(town04, car, AckermannTarget(0.0, 0.0, -3.0, 0.0, 0.0), 6.0)
    assert speeds[-1] == pytest.approx(-3.0, abs=0.4)


def test_steering_angle_gives_the_bicycles_circle(town04: World, car: Actor) -> None:
    angle = np.radians(20.0)
    drive(town04, car, AckermannTarget(angle, 0.0, 4.0, 0.0, 0.0), 6.0)
    spin = float(town04.fleet.column("spin")[car.row])
    speed = float(town04.fleet.column("speed")[car.row])
    assert car.vehicle is not None
    assert spin / speed == pytest.approx(np.tan(angle) / car.vehicle.wheelbase_m, rel=0.02)


def test_steer_speed_turns_the_wheel_gradually(town04: World, car: Actor) -> None:
    drive(town04, car, AckermannTarget(0.4, 0.2, 3.0, 0.0, 0.0), 0.5)
    half_way = float(town04.fleet.table.records["control"]["steer"][car.row])
    drive(town04, car, AckermannTarget(0.4, 0.2, 3.0, 0.0, 0.0), 3.0)
    assert 0.0 < half_way < 0.5 * float(town04.fleet.table.records["control"]["steer"][car.row])


def test_gains_round_trip_and_die_with_the_vehicle(town04: World, car: Actor) -> None:
    gains = AckermannGains(0.2, 0.01, 0.1, 0.02, 0.001, 0.03)
    town04.ackermann.set_gains(car, gains)
    assert town04.ackermann.gains(car).to_wire() == [0.2, 0.01, 0.1, 0.02, 0.001, 0.03]
    town04.ackermann.command(car, AckermannTarget(0.0, 0.0, 5.0, 0.0, 0.0))
    town04.destroy(car.id)
    town04.tick(0.05)
    assert town04.ackermann.gains(car) == AckermannGains()
