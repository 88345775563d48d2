"""What camera packets say of a town against the world's own geometry: boxes, lanes, traffic lights, hidden objects."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from rendering_support import (
    STEP_S,
    Array,
    depth_of,
    measured,
    mount,
    numbers_of,
    pixels_of,
    project,
    rays_of,
    town_map,
    try_spawn,
    view_from,
)

from lead.geometry.frames import rotation_matrices
from lead.maps.layout import LaneType
from lead.simulator.scenery.materials import Label
from lead.simulator.world.actors import Actor
from lead.simulator.world.layout import LightState
from lead.simulator.world.world import World

CARS = (
    "vehicle.audi.etron",
    "vehicle.carlamotors.firetruck",
    "vehicle.ford.ambulance",
    "vehicle.lincoln.mkz_2020",
    "vehicle.micro.microlino",
    "vehicle.mitsubishi.fusorosa",
    "vehicle.tesla.cybertruck",
    "vehicle.volkswagen.t2_2021",
)
TWO_WHEELERS = ("vehicle.bh.crossbike", "vehicle.harley-davidson.low_rider", "vehicle.vespa.zx125")
FAST = ("vehicle.audi.etron", "vehicle.carlamotors.firetruck", "vehicle.micro.microlino", "vehicle.vespa.zx125")
MOSTLY_SLOW = [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in CARS + TWO_WHEELERS]
SIZE_PX = (640, 480)
_STRAIGHT_M = 60.0


@pytest.fixture(scope="module")
def town01() -> Iterator[World]:
    world = World(town_map("Town01"))
    yield world
    world.renderer.close()


def straight_pose(world: World) -> Array:
    """A spawn point with a straight driving lane before and behind it."""
    for row in world.town.spawn_points:
        way = rotation_matrices(0.0, row[4], 0.0)[:, 0]
        points = row[:3] + way * np.arange(-_STRAIGHT_M, _STRAIGHT_M, 5.0)[:, None]
        if world.ground.is_on(world.ground.query(points), LaneType.DRIVING).all():
            return row
    raise AssertionError("no straight lane")


def box_corners(actor: Actor) -> Array:
    """(8, 3) world corners of an actor's bounding box."""
    assert actor.table is not None
    record = actor.table.records[actor.row]
    turn = rotation_matrices(*record["rotation_deg"].astype(np.float64))
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    return np.asarray(record["location"] + (np.array(actor.box_center) + signs * np.array(actor.extent)) @ turn.T)


def compare_with_box(
    world: World, actor: Actor, distance_m: float, azimuth_deg: float, height_m: float, fov_deg: float
) -> tuple[float, float, set[int]]:
    """Look at an actor: overlap of the mask's and the box's outlines, pixels that stick out, classes seen."""
    assert actor.table is not None
    record = actor.table.records[actor.row]
    middle = record["location"] + np.array([0.0, 0.0, actor.extent[2]])
    yaw = float(record["rotation_deg"][1]) + azimuth_deg
    eye = middle - rotation_matrices(0.0, yaw, 0.0)[:, 0] * distance_m + np.array([0.0, 0.0, height_m])
    turn = -float(np.degrees(np.arctan2(height_m, distance_m))), yaw, 0.0
    size = {"image_size_x": SIZE_PX[0], "image_size_y": SIZE_PX[1], "fov": fov_deg}
    camera = mount(world, "camera.instance_segmentation", eye, turn, **size)
    world.tick(STEP_S)
    body = measured(world)[camera.id]
    world.destroy(camera.id)
    mask = numbers_of(body) == actor.id
    assert mask.any(), f"{actor.type_id} is not in the picture"
    corners, depth = project(view_from(eye, turn, SIZE_PX, fov_deg), box_corners(actor))
    assert depth.min() > 0.0
    low, high = corners.min(axis=0), corners.max(axis=0)
    assert (low > 0.0).all() and (high < np.array(SIZE_PX) - 1).all(), "the box is in the picture as a whole"
    row, column = np.nonzero(mask)
    seen_low, seen_high = np.array([column.min(), row.min()]), np.array([column.max(), row.max()])
    outside = float(max((low - seen_low).max(), (seen_high - high).max()))
    shared = np.prod(np.minimum(high, seen_high) - np.maximum(low, seen_low) + 1.0)
    union = np.prod(high - low + 1.0) + np.prod(seen_high - seen_low + 1.0) - shared
    return float(shared / union), outside, set(pixels_of(body)[..., 2][mask].tolist())


@pytest.mark.parametrize("type_id", MOSTLY_SLOW)
def test_vehicles_fill_their_boxes_and_do_not_stick_out(town01: World, type_id: str) -> None:
    """Instance masks from 8 to 40 m; seen from the side, a box fits tightly, from a corner it is wider than any car."""
    row = straight_pose(town01)
    actor = try_spawn(town01, type_id, row[:3] + np.array([0.0, 0.0, 0.3]), row[3:])
    assert actor is not None
    # Houses and trees by the road would cover what is to be measured.
    level = np.flatnonzero(town01.present)
    town01.show_level_objects(level, False)
    try:
        for _ in range(20):
            town01.tick(STEP_S)
        tight = 0.84 if type_id in CARS else 0.8
        loose = 0.55 if type_id in CARS else 0.4
        for distance, azimuth, height, fov, least in (
            (20.0, 90.0, 0.0, 50.0, tight),
            (20.0, -90.0, 0.5, 50.0, tight),
            (8.0, 25.0, 1.5, 110.0, loose),
            (15.0, 160.0, 3.0, 60.0, loose),
            (25.0, 0.0, 4.0, 40.0, loose),
            (40.0, 205.0, 6.0, 30.0, loose),
        ):
            overlap, outside, labels = compare_with_box(town01, actor, distance, azimuth, height, fov)
            assert overlap > least, (distance, azimuth, overlap)
            assert outside < 1.0, (distance, azimuth, outside)
            assert actor.semantic_tag in labels and labels <= {actor.semantic_tag, int(Label.RIDER)}
    finally:
        town01.show_level_objects(level, True)
        town01.destroy(actor.id)


def test_objects_that_are_hidden_vanish_and_come_back(town01: World) -> None:
    row = straight_pose(town01)
    eye, turn = row[:3] + np.array([0.0, 0.0, 3.0]), (0.0, float(row[4]) + 20.0, 0.0)
    camera = mount(town01, "camera.instance_segmentation", eye, turn, image_size_x=200, image_size_y=150, fov=100)

    def level_numbers() -> np.ndarray:
        """Numbers of level objects in the picture; those of actors have the highest of 16 bits clear."""
        town01.tick(STEP_S)
        numbers, count = np.unique(numbers_of(measured(town01)[camera.id]), return_counts=True)
        return numbers[(numbers >= 0x8000) & (count > 30)] & 0x7FFF

    before = level_numbers()
    assert len(before) >= 3
    gone = before[:2] - 1
    town01.show_level_objects(gone, False)
    after = level_numbers()
    assert not set(after) & set(before[:2]) and set(before[2:]) <= set(after)
    town01.show_level_objects(gone, True)
    np.testing.assert_array_equal(level_numbers(), before)
    town01.destroy(camera.id)


@pytest.mark.parametrize(
    "name", ["Town02", *(pytest.param(name, marks=pytest.mark.slow) for name in ("Town04", "Town10HD"))]
)
def test_ground_pixels_have_the_class_and_height_of_their_lane(name: str) -> None:
    """Points of the depth image, looked up in the map: driving lanes are roads or lines, sidewalks are sidewalks."""
    world = World(town_map(name))
    size = {"image_size_x": 240, "image_size_y": 180, "fov": 90}
    counts = {LaneType.DRIVING: 0, LaneType.SIDEWALK: 0}
    for place in (3, 20):
        row = world.town.spawn_points[place]
        eye = row[:3] + rotation_matrices(0.0, row[4], 0.0) @ np.array([-3.0, 0.0, 2.5])
        turn = (-10.0, float(row[4]), 0.0)
        cameras = [mount(world, f"camera.{kind}", eye, turn, **size) for kind in ("depth", "semantic_segmentation")]
        world.tick(STEP_S)
        bodies = measured(world)
        depth, label = depth_of(bodies[cameras[0].id]), pixels_of(bodies[cameras[1].id])[..., 2]
        for camera in cameras:
            world.destroy(camera.id)
        view = view_from(eye, turn, (240, 180), 90.0)
        truth = world.renderer.render([view]).ground_truth()[0]
        np.testing.assert_allclose(depth, truth.depth, rtol=0.0, atol=1e-4)
        np.testing.assert_array_equal(label, truth.label)
        near = depth < 60.0
        points, label = (view.location + rays_of(view) * depth[..., None])[near], label[near]
        ground = world.ground.query(points)
        rise = points[:, 2] - ground.z
        # Lane borders and what stands on the ground are left out; both are other tests' matter.
        inner = ground.offset < world.town.lanes["half_width"][np.maximum(ground.lane, 0)] - 0.4
        low = inner & (np.abs(rise) < 0.1)
        for lane_type, labels in (
            (LaneType.DRIVING, (Label.ROADS, Label.ROAD_LINES)),
            (LaneType.SIDEWALK, (Label.SIDEWALKS,)),
        ):
            chosen = low & world.ground.is_on(ground, lane_type)
            counts[lane_type] += int(chosen.sum())
            if chosen.sum() > 100:
                assert np.isin(label[chosen], labels).mean() > 0.99, (place, lane_type)
        road = np.isin(label, (Label.ROADS, Label.ROAD_LINES))
        assert np.quantile(np.abs(rise[road]), 0.999) < 0.03
        on_road = np.zeros(len(points), bool)
        for lane_type in (LaneType.DRIVING, LaneType.SHOULDER, LaneType.PARKING, LaneType.BIKING):
            on_road |= world.ground.is_on(ground, lane_type)
        assert on_road[road].mean() > 0.95, "nothing beside the road is called road"
    assert counts[LaneType.DRIVING] > 15_000 and counts[LaneType.SIDEWALK] > 1500, counts
    world.renderer.close()


def test_traffic_lights_carry_their_actor_and_show_their_colour() -> None:
    world = World(town_map("Town10HD"))
    heads = world.scene.heads
    lights = set(world.lights.table.records["id"].tolist())
    for head in heads[:: max(len(heads) // 6, 1)][:6]:
        light = int(world.lights.light_of_signal[head["signal"]])
        actor_id = int(world.lights.table.records["id"][light])
        place = np.array([head["x"], head["y"], head["z"]])
        # The head looks along its yaw; so the camera hangs before it and looks back.
        front = rotation_matrices(0.0, float(np.degrees(head["yaw"])), 0.0)[:, 0]
        turn = (0.0, float(np.degrees(head["yaw"])) + 180.0, 0.0)
        size = {"image_size_x": 120, "image_size_y": 120, "fov": 40}
        eye = place + 4.0 * front
        cameras = [mount(world, f"camera.{kind}", eye, turn, **size) for kind in ("rgb", "instance_segmentation")]
        for state, channel in ((LightState.RED, 2), (LightState.GREEN, 1)):
            world.tick(STEP_S)
            world.lights.table.records["light"][light] = state
            bodies = measured(world)
            numbers, label = numbers_of(bodies[cameras[1].id]), pixels_of(bodies[cameras[1].id])[..., 2]
            own = (numbers == actor_id) & (label == Label.TRAFFIC_LIGHT)
            assert own.sum() > 100, "the head is in the picture"
            assert set(numbers[label == Label.TRAFFIC_LIGHT].tolist()) <= lights
            color = pixels_of(bodies[cameras[0].id])[own].astype(np.int64)
            hue = color[:, channel] - color[:, 3 - channel]
            burning, resting = hue > 80, hue < -40
            assert color[burning, channel].max() > 240
            assert resting.any(), "the other lens is in the picture"
            assert color[resting, 3 - channel].max() < 175, "even in the sun, it does not look as if it burnt"
        for camera in cameras:
            world.destroy(camera.id)
    world.renderer.close()
