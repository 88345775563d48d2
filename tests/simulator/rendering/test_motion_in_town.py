"""Optical flow packets of a town against the poses that cameras and vehicles really had; ids of posts and signs."""

from __future__ import annotations

import numpy as np
import pytest
from rendering_support import (
    STEP_S,
    Array,
    depth_of,
    measured,
    mount,
    numbers_of,
    project,
    rays_of,
    try_spawn,
    view_from,
)

from lead.geometry.frames import rotation_matrices
from lead.simulator.rendering.scene import View
from lead.simulator.world.actors import Actor
from lead.simulator.world.world import World

SIZE_PX = (160, 96)
SIZE = {"image_size_x": SIZE_PX[0], "image_size_y": SIZE_PX[1], "fov": 90}


def sensor_view(sensor: Actor) -> View:
    """Where a camera is."""
    assert sensor.table is not None
    turn = tuple(sensor.table.column("rotation_deg")[sensor.row].tolist())
    return view_from(sensor.table.column("position")[sensor.row].copy(), turn, SIZE_PX, 90.0)


def flow_px(body: bytes) -> Array:
    """(h, w, 2) motion right and down, in pixels, of an optical flow packet."""
    shares = np.frombuffer(body, "<f4", offset=12).reshape(SIZE_PX[1], SIZE_PX[0], 2).astype(np.float64)
    return shares * np.array([SIZE_PX[0] / 2.0, -SIZE_PX[1] / 2.0])


def own_pixels() -> Array:
    """(h, w, 2) column and row of every pixel."""
    row, column = np.indices((SIZE_PX[1], SIZE_PX[0]))
    return np.stack([column, row], axis=-1).astype(np.float64)


@pytest.mark.parametrize("steer", [0.0, 0.5])
def test_flow_of_a_driving_camera_is_that_of_its_real_poses(world: World, steer: float) -> None:
    row = world.town.spawn_points[0]
    car = try_spawn(world, "vehicle.lincoln.mkz_2020", row[:3], row[3:])
    assert car is not None
    where, turn = (2.8, 0.0, 1.2), (0.0, 0.0, 0.0)
    flow, depth, ids = (
        mount(world, f"camera.{kind}", where, turn, car, **SIZE)
        for kind in ("optical_flow", "depth", "instance_segmentation")
    )
    records = world.fleet.table.records
    records["control"]["throttle"][car.row] = 0.9
    for _ in range(40):
        world.tick(STEP_S)
    records["control"]["steer"][car.row] = steer
    for _ in range(4):
        before = sensor_view(flow)
        world.tick(STEP_S)
    now, bodies = sensor_view(flow), measured(world)
    assert np.linalg.norm(now.location - before.location) > 0.15
    far = depth_of(bodies[depth.id])
    still = (far < 60.0) & ((numbers_of(bodies[ids.id]) >= 0x8000) | (numbers_of(bodies[ids.id]) == 0))
    old, old_depth = project(before, now.location + rays_of(now) * far[..., None])
    still &= old_depth > 1.0
    apart = np.linalg.norm(flow_px(bodies[flow.id]) - (own_pixels() - old), axis=-1)[still]
    length = np.linalg.norm(own_pixels() - old, axis=-1)[still]
    assert still.sum() > 3000 and np.quantile(length, 0.9) > 3.0
    assert np.quantile(apart / np.maximum(length, 2.0), 0.95) < 0.1
    records["control"]["steer"][car.row] = 0.0


def test_flow_of_a_driving_vehicle_is_its_motion_and_the_street_stands_still(world: World) -> None:
    row = world.town.spawn_points[0]
    car = try_spawn(world, "vehicle.mitsubishi.fusorosa", row[:3], row[3:])
    assert car is not None
    records = world.fleet.table.records
    records["control"]["throttle"][car.row] = 1.0
    for _ in range(30):
        world.tick(STEP_S)
    middle = records["location"][car.row].astype(np.float64)
    way = rotation_matrices(0.0, float(row[4]), 0.0)
    eye, turn = middle + way @ np.array([4.0, 9.0, 2.5]), (-5.0, float(row[4]) - 90.0, 0.0)
    flow, depth, ids = (
        mount(world, f"camera.{kind}", eye, turn, **SIZE) for kind in ("optical_flow", "depth", "instance_segmentation")
    )
    old_place = records["location"][car.row].astype(np.float64)
    old_turn = rotation_matrices(*records["rotation_deg"][car.row].astype(np.float64))
    world.tick(STEP_S)
    bodies, view = measured(world), sensor_view(flow)
    shown, own = flow_px(bodies[flow.id]), numbers_of(bodies[ids.id]) == car.id
    assert own.sum() > 800 and (~own).sum() > 800
    assert np.abs(shown[~own]).max() < 0.01
    points = view.location + rays_of(view) * depth_of(bodies[depth.id])[..., None]
    turn_now = rotation_matrices(*records["rotation_deg"][car.row].astype(np.float64))
    local = (points - records["location"][car.row]) @ turn_now
    old, _ = project(view, local @ old_turn.T + old_place)
    apart = np.linalg.norm(shown - (own_pixels() - old), axis=-1)[own]
    assert np.abs(shown[own][:, 0]).mean() > 1.0
    assert np.quantile(apart, 0.95) < 0.3


def test_posts_of_lights_and_signs_carry_the_id_of_their_actor(world: World) -> None:
    """The level's numbers stand for actors where there is one; houses and trees keep theirs."""
    boxes, first = world.scene.boxes, world.scene.first_signal
    records = {True: world.lights.table.records, False: world.signs.records}
    seen = 0
    for signal in range(len(world.lights.light_of_signal)):
        box = boxes[first + signal]
        is_light = bool(world.lights.light_of_signal[signal] >= 0)
        rows = np.flatnonzero((world.lights.light_of_signal >= 0) == is_light)
        actor_id = int(records[is_light]["id"][np.searchsorted(rows, signal)])
        place = np.array([box["x"], box["y"], box["z"]])
        eye = place + np.array([6.0, 0.0, 0.5])
        camera = mount(world, "camera.instance_segmentation", eye, (0.0, 180.0, 0.0), **SIZE)
        world.tick(STEP_S)
        numbers = numbers_of(measured(world)[camera.id])
        world.destroy(camera.id)
        seen += bool((numbers == actor_id).sum() > 20)
        assert not (numbers == (0x8000 | (first + signal + 1))).any(), "its number in the level is not shown"
        if signal >= 11:
            break
    assert seen >= 9, "most are in plain view"
