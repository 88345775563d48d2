"""Contacts seen through the collision sensor: with whom, how hard, and none without touching."""

from __future__ import annotations

import carla
import pytest
from client_support import EGO_TYPE, Recorder, Stage, ahead, lifted, planar_distance, speed_of, straight_road

SLOWED_BY_MPS = 0.1  # within one tick: more than rolling costs, less than any contact here


def rammer(stage: Stage, pose: carla.Transform, speed_mps: float) -> tuple[carla.Vehicle, Recorder]:
    """A car that rolls forward, and its collision sensor."""
    car = stage.settle(stage.spawn(EGO_TYPE, lifted(pose)))
    events = stage.listen("sensor.other.collision", attach_to=car)
    stage.tick(2)
    heading = pose.get_forward_vector()
    car.set_target_velocity(carla.Vector3D(heading.x * speed_mps, heading.y * speed_mps, 0.0))
    car.apply_control(carla.VehicleControl(throttle=0.4))
    return car, events


def first_event(stage: Stage, events: Recorder, ticks: int = 120) -> carla.CollisionEvent:
    """Tick until something is hit; the event must name the frame in which the contact slowed its owner.

    An event comes over a stream of its own, so on a busy machine it may arrive ticks after its frame.
    """
    speeds_mps: dict[int, float] = {}
    for _ in range(ticks):
        frame = stage.tick()
        snapshot = stage.world.get_snapshot()
        assert snapshot.frame == frame
        speeds_mps[frame] = speed_of(snapshot.find(events.sensor.parent.id))
        found = events.drain()
        if found:
            slowed = [at for at in speeds_mps if speeds_mps.get(at - 1, 0.0) - speeds_mps[at] > SLOWED_BY_MPS]
            assert found[0].frame == slowed[0]
            return found[0]
    return events.next()


@pytest.fixture
def road(stage: Stage) -> carla.Transform:
    """Start of a long straight lane."""
    return straight_road(stage.map, 100.0).transform


def test_parked_car(stage: Stage, road: carla.Transform) -> None:
    parked = stage.settle(stage.spawn("vehicle.tesla.model3", lifted(ahead(road, 20.0))))
    before = parked.get_location()
    car, events = rammer(stage, road, 8.0)
    event = first_event(stage, events)
    assert event.actor.id == car.id
    assert event.other_actor.id == parked.id
    assert event.other_actor.type_id == "vehicle.tesla.model3"
    assert 2000.0 < event.normal_impulse.length() < 20000.0
    # The impulse points away from the other body, so against the way we drive.
    heading = road.get_forward_vector()
    assert event.normal_impulse.x * heading.x + event.normal_impulse.y * heading.y < 0.0
    gap = planar_distance(car.get_location(), parked.get_location())
    assert gap > car.bounding_box.extent.x + parked.bounding_box.extent.x - 0.1
    stage.tick(10)
    assert planar_distance(parked.get_location(), before) > 0.2


def test_both_sides_are_told(stage: Stage, road: carla.Transform) -> None:
    parked = stage.settle(stage.spawn(EGO_TYPE, lifted(ahead(road, 15.0))))
    witness = stage.listen("sensor.other.collision", attach_to=parked)
    car, events = rammer(stage, road, 6.0)
    ours, theirs = first_event(stage, events), witness.next()
    assert (theirs.actor.id, theirs.other_actor.id) == (parked.id, car.id)
    assert theirs.frame == ours.frame
    assert (theirs.normal_impulse + ours.normal_impulse).length() < 1.0


def test_immovable_prop_stops_the_car(stage: Stage, road: carla.Transform) -> None:
    prop = stage.spawn("static.prop.vendingmachine", ahead(road, 15.0))
    car, events = rammer(stage, road, 8.0)
    event = first_event(stage, events)
    assert event.other_actor.id == prop.id
    assert event.other_actor.type_id == "static.prop.vendingmachine"
    stage.tick(20)
    assert speed_of(car) < 1.0
    assert planar_distance(car.get_location(), road.location) < 15.0
    assert planar_distance(prop.get_location(), ahead(road, 15.0).location) < 0.01


def test_walker_is_knocked_away(stage: Stage, road: carla.Transform) -> None:
    walker = stage.settle(stage.spawn("walker.pedestrian.0001", lifted(ahead(road, 15.0), 1.0)))
    place = walker.get_location()
    car, events = rammer(stage, road, 8.0)
    event = first_event(stage, events)
    assert event.other_actor.id == walker.id
    assert 0.0 < event.normal_impulse.length() < 2000.0
    stage.tick(5)
    assert planar_distance(walker.get_location(), place) > 0.3
    assert speed_of(car) > 4.0


def test_pole_of_the_level(stage: Stage) -> None:
    poles = stage.world.get_level_bbs(carla.CityObjectLabel.Poles)
    pole = poles[0].location
    start = carla.Transform(carla.Location(pole.x - 8.0, pole.y, 0.5), carla.Rotation())
    car = stage.spawn(EGO_TYPE, lifted(stage.map.get_spawn_points()[0], 20.0))
    car.set_transform(start)
    stage.tick(20)
    events = stage.listen("sensor.other.collision", attach_to=car)
    stage.tick(2)
    car.set_target_velocity(carla.Vector3D(8.0, 0.0, 0.0))
    event = first_event(stage, events, 60)
    assert event.other_actor.id == 0
    assert event.other_actor.type_id.startswith("static.")
    assert event.normal_impulse.x < 0.0


def test_no_event_without_contact(stage: Stage, road: carla.Transform) -> None:
    neighbour = ahead(road, 20.0, right_m=2.3)
    stage.settle(stage.spawn(EGO_TYPE, lifted(neighbour)))
    car, events = rammer(stage, road, 8.0)
    stage.tick(70)
    assert planar_distance(car.get_location(), road.location) > 25.0
    assert events.drain() == []


def test_resting_contact_leaves_no_overlap(stage: Stage, road: carla.Transform) -> None:
    wall = stage.spawn("static.prop.container", ahead(road, 12.0))
    car, _ = rammer(stage, road, 5.0)
    car.apply_control(carla.VehicleControl(throttle=1.0))
    stage.tick(100)
    gap = planar_distance(car.get_location(), wall.get_location())
    assert gap > car.bounding_box.extent.x + wall.bounding_box.extent.x - 0.1
    assert speed_of(car) < 0.5


def test_destroyed_and_disabled_bodies_are_passed(stage: Stage, road: carla.Transform) -> None:
    ghost = stage.settle(stage.spawn(EGO_TYPE, lifted(ahead(road, 12.0))))
    gone = stage.settle(stage.spawn(EGO_TYPE, lifted(ahead(road, 22.0))))
    ghost.set_collisions(False)
    gone.destroy()
    car, events = rammer(stage, road, 9.0)
    stage.tick(70)
    assert planar_distance(car.get_location(), road.location) > 27.0
    assert events.drain() == []
