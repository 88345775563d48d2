"""Bones of walkers and vehicles: names, plausible places, the walk, and poses that clients blend in."""

from __future__ import annotations

import numpy as np
import pytest

from lead.simulator.server import load_town
from lead.simulator.world.actors import Actor
from lead.simulator.world.skeleton import WALKER_BONES, BonePoses, split_poses, vehicle_bones, walking_pose
from lead.simulator.world.world import World

WALKER = "walker.pedestrian.0001"


@pytest.fixture(scope="module")
def world() -> World:
    return World(load_town("Town01"))


def spawned(world: World, type_id: str, up_m: float = 0.5) -> Actor:
    """An actor at rest on the first spawn point, which is free again after :func:`World.load`."""
    world.load(world.town)
    row = world.town.spawn_points[0]
    actor = world.spawn(type_id, [], row[:3] + np.array([0.0, 0.0, up_m]), row[3:])
    for _ in range(30):
        world.tick(0.05)
    return actor


def places(bones: BonePoses) -> dict[str, np.ndarray]:
    """Bone locations in the actor's frame."""
    return dict(zip(bones.names, bones.component[:, :3, 3], strict=True))


def test_names_are_unique_and_paired() -> None:
    assert len(set(WALKER_BONES)) == len(WALKER_BONES)
    left = {name.removesuffix("L") for name in WALKER_BONES if name.endswith("__L")}
    right = {name.removesuffix("R") for name in WALKER_BONES if name.endswith("__R")}
    assert left == right
    assert {"crl_root", "crl_hips__C", "crl_handIndexEnd__L", "crl_foot__R"} < set(WALKER_BONES)


def test_a_standing_walker_is_upright_inside_its_box(world: World) -> None:
    walker = spawned(world, WALKER)
    bones = world.poses.bones(walker)
    at = places(bones)
    height = 2.0 * walker.extent[2]
    assert 0.85 * height < at["crl_Head__C"][2] < height
    assert at["crl_toe__L"][2] == pytest.approx(0.02 * height, abs=0.03)
    assert at["crl_hand__L"][1] == pytest.approx(-at["crl_hand__R"][1])
    assert at["crl_hand__R"][1] > 0.1
    feet = walker.table.records["location"][walker.row].astype(float) - [0.0, 0.0, walker.extent[2]]
    assert bones.world[0, :3, 3] == pytest.approx(feet, abs=1e-5)


def test_children_are_smaller(world: World) -> None:
    tall = places(world.poses.bones(spawned(world, WALKER)))["crl_Head__C"][2]
    child = next(b for b in world.library.by_id if b.startswith("walker") and world.library.by_id[b].extent[2] < 0.7)
    small = places(world.poses.bones(spawned(world, child)))["crl_Head__C"][2]
    assert small < 0.8 * tall


def test_legs_stride_with_the_way_and_repeat() -> None:
    hips, thigh = WALKER_BONES.index("crl_hips__C"), WALKER_BONES.index("crl_thigh__L")
    ways = np.linspace(0.0, 1.5, 31)
    poses = [walking_pose(1.8, way, 1.4) for way in ways]
    pitch = [split_poses(pose)[1][thigh, 0] for pose in poses]
    assert max(pitch) == pytest.approx(28.0, abs=1.0)
    assert min(pitch) == pytest.approx(-28.0, abs=1.0)
    assert poses[0] == pytest.approx(poses[-1])
    assert min(pose[hips, 2, 3] for pose in poses) < poses[0][hips, 2, 3] - 0.05
    assert walking_pose(1.8, 0.4, 0.0) == pytest.approx(walking_pose(1.8, 0.0, 0.0))


def test_a_walker_walks(world: World) -> None:
    walker = spawned(world, WALKER)
    record = world.crowd.table.records[walker.row]
    record["direction"], record["speed"] = (1.0, 0.0, 0.0), 1.4
    apart = []
    for _ in range(25):
        world.tick(0.05)
        at = places(world.poses.bones(walker))
        apart.append(at["crl_foot__L"][0] - at["crl_foot__R"][0])
    assert max(apart) > 0.4
    assert min(apart) < -0.4


def test_a_client_pose_is_blended_in(world: World) -> None:
    walker = spawned(world, WALKER)
    rest = places(world.poses.bones(walker))["crl_hand__R"]
    index = WALKER_BONES.index("crl_arm__R")
    place = world.poses.bones(walker).relative[index, :3, 3]
    world.poses.set_bones(walker, {"crl_arm__R": (place, np.array([90.0, 0.0, 0.0])), "tail": (place, place)})
    assert places(world.poses.bones(walker))["crl_hand__R"] == pytest.approx(rest)
    world.poses.blend(walker, 1.0)
    raised = places(world.poses.bones(walker))["crl_hand__R"]
    assert raised[0] > rest[0] + 0.4
    world.poses.blend(walker, 0.5)
    half = world.poses.bones(walker)
    assert split_poses(half.relative)[1][index, 0] == pytest.approx(45.0)
    world.poses.take_animation(walker)
    assert places(world.poses.bones(walker))["crl_hand__R"] == pytest.approx(rest)


def test_poses_go_with_their_walker(world: World) -> None:
    walker = spawned(world, WALKER)
    world.poses.blend(walker, 1.0)
    assert world.destroy(walker.id)
    assert not world.poses._client


@pytest.mark.parametrize(
    ("type_id", "names"),
    [
        ("vehicle.lincoln.mkz_2020", {"Wheel_Front_Left", "Wheel_Rear_Right", "Door_Rear_Left"}),
        ("vehicle.tesla.model3", {"Wheel_Front_Left", "Wheel_Rear_Right"}),
        ("vehicle.diamondback.century", {"Wheel_Front", "Wheel_Rear"}),
    ],
)
def test_vehicles_have_wheels_and_doors(world: World, type_id: str, names: set[str]) -> None:
    car = spawned(world, type_id)
    car.open_doors = 0b0001
    bones = vehicle_bones(car, [20.0, 20.0, 0.0, 0.0])
    at, turn = places(bones), dict(zip(bones.names, split_poses(bones.relative)[1], strict=True))
    assert names < set(bones.names)
    assert len(bones.names) == len(set(bones.names)) == len(bones.world)
    front = next(name for name in bones.names if name.startswith("Wheel_Front"))
    rear = next(name for name in bones.names if name.startswith("Wheel_Rear"))
    assert car.vehicle is not None
    assert at[front][0] - at[rear][0] == pytest.approx(car.vehicle.wheelbase_m)
    assert (turn[front][1], turn[rear][1]) == (pytest.approx(20.0), pytest.approx(0.0))
    if "Door_Front_Left" in turn:
        assert turn["Door_Front_Left"][1] == pytest.approx(70.0)
        assert turn["Door_Front_Right"][1] == 0.0
