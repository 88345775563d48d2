"""Fail2Drive's animals and plates in the simulator: only on request, with published sizes, solid and visible."""

import json
from importlib import resources

import numpy as np
import pytest

from lead.geometry.boxes import leaning_half_sizes
from lead.simulator.rendering.lamps import vehicle_states
from lead.simulator.scenery.bodies.animals import PLANS, animal_poses
from lead.simulator.scenery.bodies.plates import PAINTERS, plate_body
from lead.simulator.scenery.materials import Label, LampChannel
from lead.simulator.world.blueprints import BlueprintLibrary, animal_kind
from lead.simulator.world.world import World

TABLE = json.loads((resources.files("lead.simulator.world") / "data/fail2drive.json").read_text(encoding="utf-8"))
USED = (1003, 1006, 1007, 1008, 1009, 1010, 1011, 1013, 1016, 1017)
"""Animals that the public routes name."""


@pytest.fixture
def world(town01: World) -> World:
    """Town01 with the assets."""
    return World(town01.town, fail2drive_assets=True)


@pytest.mark.parametrize("version", ["0.9.15", "0.9.16"])
def test_stock_library_stays_as_it_is(version):
    stock, more = BlueprintLibrary(version), BlueprintLibrary(version, fail2drive_assets=True)
    added = list(more.by_id)[len(stock.by_id) :]
    assert list(more.by_id)[: len(stock.by_id)] == list(stock.by_id)
    assert [more.by_id[name].uid for name in stock.by_id] == [stock.by_id[name].uid for name in stock.by_id]
    assert set(added) == {
        *(f"walker.animal.{number}" for number in TABLE["animals"]),
        *(f"static.prop.{name}" for name in TABLE["plates"]),
    }
    assert {f"walker.animal.{number}" for number in USED} <= set(added)
    assert len(more.definitions()) == len(more.by_id)


def test_every_asset_has_a_body():
    assert set(TABLE["plates"]) == set(PAINTERS)
    assert {kind for kind, *_ in TABLE["animals"].values()} == set(PLANS)
    assert animal_kind("walker.animal.1003") == "cow"
    assert animal_kind("walker.pedestrian.0003") is None and animal_kind("walker.animal.9999") is None


@pytest.mark.parametrize("name", sorted(PAINTERS))
def test_plates_fill_their_boxes_and_stand_upright_when_rolled(name):
    half = tuple(TABLE["plates"][name])
    mesh = plate_body(name, half, Label.STATIC)
    reach = np.abs(mesh.vertices).max(axis=0)
    assert (reach[:2] <= np.array(half[:2]) + 1e-4).all()
    assert reach[2] <= half[2] + 0.05, "layers of paint"
    assert reach[0] > 0.8 * half[0] and reach[1] > 0.5 * half[1]
    assert mesh.vertices.mean(axis=0)[2] == pytest.approx(0.0, abs=1e-3), "the same on both faces"
    assert (mesh.label == Label.STATIC).all()
    stood = leaning_half_sizes(half, 0.0, 90.0)
    assert stood == pytest.approx((half[0], half[2], half[1]), abs=1e-9)


@pytest.mark.parametrize("number", sorted(TABLE["animals"]))
def test_animals_fill_their_boxes_and_walk(number):
    kind, *size = TABLE["animals"][number]
    extent = tuple(side / 2.0 for side in size)
    poses = animal_poses(kind, extent, 8)
    assert len(poses) == 9
    standing = poses[-1].vertices
    assert standing[:, 2].min() == pytest.approx(-extent[2], abs=0.02), "on the ground"
    assert standing[:, 2].max() == pytest.approx(extent[2], abs=0.16 * size[2])
    assert standing[:, 0].max() == pytest.approx(extent[0], abs=0.1)
    assert standing[:, 0].min() == pytest.approx(-extent[0], abs=0.12 * size[0])
    assert np.abs(standing[:, 1]).max() < extent[1] + 0.12 * size[2]
    for mesh in poses[:-1]:
        assert mesh.vertices[:, 2].min() > -extent[2] - 0.08 * size[2]
    assert np.abs(poses[2].vertices - poses[6].vertices).max() > 0.1 * size[2], "legs move"
    assert (poses[0].label == Label.PEDESTRIANS).all()


def test_a_wall_that_is_stood_up_lands_on_its_edge_and_stops_a_car(world):
    row = world.town.spawn_points[0].copy()
    ahead = np.array([np.cos(np.radians(row[4])), np.sin(np.radians(row[4])), 0.0])
    road = row[2] - 0.5
    turned = np.array([0.0, row[4] + 90.0, 90.0])
    wall = world.spawn("static.prop.brickwall", [], row[:3] + 15.0 * ahead + [0.0, 0.0, 3.0], turned)
    world.props.set_physics(wall, True)
    car = world.spawn("vehicle.lincoln.mkz_2020", [], row[:3], row[3:])
    for _ in range(30):
        world.tick(0.05)
    assert world.props.table.records["location"][wall.row, 2] == pytest.approx(road + 1.5, abs=0.05)
    body = world.props.bodies(np.array([wall.row]))
    assert (*body.half[0], body.half_z[0]) == pytest.approx((2.0, 0.15, 1.5), abs=1e-6)
    for _ in range(160):
        world.fleet.table.records["control"]["throttle"][car.row] = 0.5
        world.tick(0.05)
    driven_m = (world.fleet.column("position")[car.row] - row[:3]) @ ahead
    assert driven_m == pytest.approx(15.0 - 0.15 - car.extent[0] - car.box_center[0], abs=0.3)


def test_brake_lamps_follow_the_pedal_until_a_client_sets_lights(world):
    row = world.town.spawn_points[0]
    car = world.spawn("vehicle.lincoln.mkz_2020", [], row[:3], row[3:])
    world.fleet.table.records["control"]["brake"][car.row] = 1.0
    brake = 1 << LampChannel.BRAKE
    assert vehicle_states(world, [car])[0] & brake
    car.light_flags, car.lights_are_clients = 0, True
    assert not vehicle_states(world, [car])[0] & brake
    car.light_flags = brake
    assert vehicle_states(world, [car])[0] & brake
