"""The client's Traffic Manager with a hundred vehicles: nobody leaves the lane, overlaps or runs a red light.

The measurement is that of traffic_check.py, in a process of its own, because a Traffic Manager lives as long as its
process.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import carla
import numpy as np
import pytest
from client_support import EGO_TYPE, Server, Stage, ahead, lifted, run_isolated, straight_road
from traffic_check import Bodies, Observer, Report, Violation, penetration, text

SCRIPT = Path(__file__).with_name("traffic_check.py")


@pytest.mark.slow
@pytest.mark.timeout(500)
@pytest.mark.parametrize(("town", "vehicles"), [("Town01", 100), ("Town04", 100), ("Town10HD", 100), ("Town13", 40)])
def test_traffic_keeps_the_rules(server: Server, town: str, vehicles: int) -> None:
    command = [sys.executable, str(SCRIPT), str(server.port), town, str(vehicles), "60", "--json"]
    done = run_isolated(command, 240.0)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    found["violations"] = [Violation(**violation) for violation in found["violations"]]
    report = Report(**found)
    assert report.vehicles == vehicles
    assert not report.violations, text(report)
    assert report.stuck == 0, text(report)
    assert report.way_m > vehicles * 100.0


def test_overlap_of_boxes() -> None:
    bodies = Bodies(
        origin=np.array([[0, 0, 0], [4.6, 0, 0], [0, 1.9, 0], [0, 0, 8.0]]),
        yaw=np.array([0.0, 0.0, math.pi, 0.0]),
        center=np.array([[0, 0], [4.6, 0], [0, 1.9], [0, 0]]),
        half=np.array([[2.4, 0.9]] * 4),
        speed=np.zeros(4),
    )
    ((first, second, depth),) = penetration(bodies)
    assert (first, second) == (0, 1)
    assert depth == pytest.approx(0.2)


def test_overlap_of_turned_boxes() -> None:
    # A square of half side 1 turned by 45 degrees reaches 1.414 m ahead.
    bodies = Bodies(
        origin=np.zeros((2, 3)),
        yaw=np.array([math.pi / 4, 0.0]),
        center=np.array([[0.0, 0.0], [2.3, 0.0]]),
        half=np.ones((2, 2)),
        speed=np.zeros(2),
    )
    ((_, _, depth),) = penetration(bodies)
    assert depth == pytest.approx(math.sqrt(2) + 1 - 2.3, abs=1e-9)


def watch(stage: Stage, cars: list[carla.Vehicle], ticks: int) -> list[Violation]:
    """Violations of these cars in the next ticks."""
    report = Report("Town01", len(cars), ticks * 0.05)
    observer = Observer(stage.world, cars, report)
    for tick in range(ticks):
        stage.tick()
        observer.step(tick)
    observer.finish()
    return report.violations


def test_observer_sees_a_car_run_a_red_light(stage: Stage) -> None:
    stage.world.reset_all_traffic_lights()
    stage.tick()
    lights = stage.world.get_actors().filter("traffic.traffic_light")
    light = next(light for light in lights if light.get_state() == carla.TrafficLightState.Red)
    start = light.get_stop_waypoints()[0].previous(15.0)[0].transform
    car = stage.settle(stage.spawn(EGO_TYPE, lifted(start)))
    car.enable_constant_velocity(carla.Vector3D(8.0, 0.0, 0.0))
    (violation,) = watch(stage, [car], 60)
    assert violation.kind == "red"
    assert violation.vehicles == (car.id,)
    # The front needs at least 11 m to the line, and the light was red before.
    assert 1.3 < violation.amount < 4.0


def test_observer_is_content_with_green(stage: Stage) -> None:
    stage.world.reset_all_traffic_lights()
    stage.tick()
    lights = stage.world.get_actors().filter("traffic.traffic_light")
    light = next(light for light in lights if light.get_state() == carla.TrafficLightState.Green)
    start = light.get_stop_waypoints()[0].previous(15.0)[0].transform
    car = stage.settle(stage.spawn(EGO_TYPE, lifted(start)))
    car.enable_constant_velocity(carla.Vector3D(8.0, 0.0, 0.0))
    assert watch(stage, [car], 50) == []


def test_observer_sees_lane_departure_and_overlap(stage: Stage) -> None:
    road = straight_road(stage.map, 80.0)
    away = road.transform.get_right_vector()
    first = stage.settle(stage.spawn(EGO_TYPE, lifted(road.transform)))
    second = stage.settle(stage.spawn(EGO_TYPE, lifted(ahead(road.transform, 20.0))))
    for car in (first, second):
        car.set_simulate_physics(False)
        car.set_collisions(False)
    place = first.get_location()
    offset = 0.5 * road.lane_width + 0.7
    first.set_location(carla.Location(place.x + away.x * offset, place.y + away.y * offset, place.z))
    (violation,) = watch(stage, [first, second], 10)
    assert violation.kind == "lane"
    assert violation.amount == pytest.approx(0.7, abs=0.05)
    first.set_transform(ahead(second.get_transform(), 4.0))
    (violation,) = watch(stage, [first, second], 10)
    assert violation.kind == "overlap"
    assert violation.amount == pytest.approx(2 * first.bounding_box.extent.x - 4.0, abs=0.02)
