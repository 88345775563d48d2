"""Pedestrians under WalkerControl."""

from __future__ import annotations

import math

import carla
import pytest
from client_support import (
    EGO_TYPE,
    Stage,
    ahead,
    angle_between,
    lifted,
    planar_distance,
    speed_of,
    straight_road,
)

WALKER = "walker.pedestrian.0001"


def walker_at(stage: Stage, pose: carla.Transform) -> carla.Walker:
    """A walker standing on the ground."""
    return stage.settle(stage.spawn(WALKER, lifted(pose, 1.2)))


def test_walker_walks_with_the_given_speed_and_keeps_it(stage: Stage) -> None:
    pose = straight_road(stage.map, 60.0).transform
    walker = walker_at(stage, pose)
    place = walker.get_location()
    side = pose.get_right_vector()
    walker.apply_control(carla.WalkerControl(carla.Vector3D(side.x, side.y, 0.0), 1.5, False))
    stage.tick(40)
    assert speed_of(walker) == pytest.approx(1.5, abs=0.05)
    assert planar_distance(walker.get_location(), place) == pytest.approx(3.0, abs=0.2)
    heading = math.degrees(math.atan2(side.y, side.x))
    assert abs(angle_between(walker.get_transform().rotation.yaw, heading)) < 1.0
    control = walker.get_control()
    assert control.speed == pytest.approx(1.5)
    assert (control.direction.x, control.direction.y) == (pytest.approx(side.x), pytest.approx(side.y))
    walker.apply_control(carla.WalkerControl(carla.Vector3D(side.x, side.y, 0.0), 0.0, False))
    stage.tick(2)
    place = walker.get_location()
    stage.tick(20)
    assert planar_distance(walker.get_location(), place) < 0.02


def test_walker_stands_half_its_height_above_ground(stage: Stage) -> None:
    pose = straight_road(stage.map, 60.0).transform
    walker = walker_at(stage, pose)
    assert walker.bounding_box.extent.z == pytest.approx(0.93, abs=0.01)
    height = walker.get_location().z - pose.location.z
    assert height == pytest.approx(walker.bounding_box.extent.z, abs=0.06)


@pytest.mark.town("Town04")
def test_walker_follows_the_ground(stage: Stage) -> None:
    for waypoint in stage.map.generate_waypoints(10.0):
        following = waypoint.next(10.0)
        if not waypoint.is_junction and following:
            rise = following[0].transform.location.z - waypoint.transform.location.z
            if abs(rise) > 0.4:
                break
    pose = waypoint.transform
    walker = walker_at(stage, pose)
    start = walker.get_location()
    forward = pose.get_forward_vector()
    walker.apply_control(carla.WalkerControl(carla.Vector3D(forward.x, forward.y, 0.0), 4.0, False))
    stage.tick(45)
    climbed = walker.get_location().z - start.z
    here = stage.map.get_waypoint(walker.get_location()).transform.location
    assert climbed == pytest.approx(here.z - pose.location.z, abs=0.15)
    assert abs(climbed) > 0.2


def test_walker_can_jump(stage: Stage) -> None:
    walker = walker_at(stage, straight_road(stage.map, 60.0).transform)
    height = walker.get_location().z
    walker.apply_control(carla.WalkerControl(carla.Vector3D(1.0, 0.0, 0.0), 0.0, True))
    highest = max(walker.get_location().z for _ in range(15) if stage.tick())
    walker.apply_control(carla.WalkerControl(carla.Vector3D(1.0, 0.0, 0.0), 0.0, False))
    stage.tick(40)
    assert 0.3 < highest - height < 1.5
    assert walker.get_location().z == pytest.approx(height, abs=0.05)


def test_walker_teleports_and_is_refused_inside_a_car(stage: Stage) -> None:
    pose = straight_road(stage.map, 60.0).transform
    walker = walker_at(stage, pose)
    target = lifted(ahead(pose, 10.0), 1.0)
    walker.set_transform(target)
    stage.tick(10)
    assert planar_distance(walker.get_location(), target.location) < 0.05
    stage.spawn(EGO_TYPE, lifted(ahead(pose, 30.0)))
    blueprint = stage.world.get_blueprint_library().find(WALKER)
    assert stage.world.try_spawn_actor(blueprint, lifted(ahead(pose, 30.0), 1.0)) is None


def test_ai_controller_starts_and_stops(stage: Stage) -> None:
    walker = walker_at(stage, straight_road(stage.map, 60.0).transform)
    controller = stage.spawn("controller.ai.walker", attach_to=walker)
    stage.tick()
    controller.start()
    controller.go_to_location(walker.get_location())
    controller.set_max_speed(1.4)
    stage.tick(3)
    controller.stop()
    stage.tick()
    assert walker.is_alive
