"""Bodies of walkers: on the ground in every phase, as tall as their box, the same in every process."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from lead.simulator.scenery.bodies.walkers import Outfit, outfit_of, walker_body, walker_poses
from lead.simulator.scenery.materials import Label, Material
from lead.simulator.scenery.mesh import Mesh
from lead.simulator.world import skeleton
from lead.simulator.world.blueprints import VERSIONS, BlueprintLibrary

PHASES = 12
ADULT, CHILD, SMALL_CHILD = (0.1877, 0.1877, 0.93), (0.1877, 0.1877, 0.65), (0.25, 0.25, 0.55)
PEOPLE = (
    ("walker.pedestrian.0001", ADULT),
    pytest.param("walker.pedestrian.0002", ADULT, marks=pytest.mark.slow),
    ("walker.pedestrian.0012", CHILD),
    ("walker.pedestrian.0009", SMALL_CHILD),
)


def outfits(blueprint_id: str) -> list[Outfit]:
    """A blueprint's outfit, and the same with everything that it may lack."""
    own = outfit_of(blueprint_id)
    return [own, replace(own, skirt=True, long_hair=True, bag=True), replace(own, headgear="hat", long_sleeves=False)]


@pytest.mark.parametrize(("blueprint_id", "extent"), PEOPLE)
def test_soles_are_on_the_ground_in_every_phase(blueprint_id: str, extent: tuple[float, float, float]) -> None:
    for outfit in outfits(blueprint_id):
        poses = walker_poses(outfit, extent, PHASES)
        assert len(poses) == PHASES + 1
        for mesh in poses:
            low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
            assert low[2] == pytest.approx(-extent[2], abs=1e-3)
            assert 0.8 * extent[2] < high[2] < extent[2] + 1e-3
        assert poses[-1].vertices[:, 2].max() == pytest.approx(extent[2], abs=1e-3)


@pytest.mark.parametrize(("blueprint_id", "extent"), PEOPLE)
def test_meshes_are_sound(blueprint_id: str, extent: tuple[float, float, float]) -> None:
    for outfit in outfits(blueprint_id):
        for mesh in walker_poses(outfit, extent, PHASES):
            assert 300 <= len(mesh) <= 800
            assert_sound(mesh)
            assert set(mesh.label.tolist()) == {Label.PEDESTRIANS}
            assert {Material.CLOTH, Material.SKIN, Material.PLAIN} <= set(mesh.material.tolist())


def assert_sound(mesh: Mesh) -> None:
    """Indices in range, everything finite, normals of length 1."""
    assert mesh.triangles.min() >= 0
    assert mesh.triangles.max() < len(mesh.vertices)
    assert np.isfinite(mesh.vertices).all()
    assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(1.0, abs=1e-5)


def part(mesh: Mesh, color: tuple[int, int, int]) -> np.ndarray:
    """Vertices (n, 3) of the triangles of one colour."""
    return mesh.vertices[mesh.triangles[(mesh.color == color).all(axis=1)]].reshape(-1, 3)


def test_parts_are_where_they_belong() -> None:
    outfit = Outfit((1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0), (5, 0, 0))
    mesh = walker_poses(outfit, ADULT, PHASES)[-1]
    heights = [part(mesh, color)[:, 2].mean() for color in (outfit.shoes, outfit.bottom, outfit.top, outfit.hair)]
    assert heights == sorted(heights)
    face = part(mesh, outfit.skin)
    face = face[face[:, 2] > part(mesh, outfit.top)[:, 2].max()]
    assert face[:, 0].max() > part(mesh, outfit.hair)[:, 0].max()
    assert part(mesh, outfit.shoes)[:, 0].max() > 0.15
    assert np.abs(mesh.vertices[:, :2]).max() < 0.3


@pytest.mark.parametrize("build", ["male", "female", "child"])
def test_trousers_do_not_show_through_the_shirt(build: str) -> None:
    outfit = Outfit((1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0), (5, 0, 0), build=build)
    mesh = walker_poses(outfit, ADULT, PHASES)[-1]
    shirt, trousers = part(mesh, outfit.top), part(mesh, outfit.bottom)
    waist = trousers[trousers[:, 2] > shirt[:, 2].min() + 0.04]
    assert len(waist)
    # Arms hang beside the shirt, so its depth tells.
    assert waist[:, 0].max() < shirt[shirt[:, 2] < waist[:, 2].max() + 0.2][:, 0].max() - 0.005
    assert waist[:, 0].min() > shirt[shirt[:, 2] < waist[:, 2].max() + 0.2][:, 0].min() + 0.005


def test_faces_have_two_eyes_and_a_nose_that_point_ahead() -> None:
    outfit = Outfit((1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0), (5, 0, 0))
    mesh = walker_poses(outfit, ADULT, PHASES)[-1]
    eyes, face = part(mesh, (238, 236, 230)), part(mesh, outfit.skin)
    assert eyes[:, 1].min() == pytest.approx(-eyes[:, 1].max(), abs=1e-3)
    head = face[face[:, 2] > eyes[:, 2].min() - 0.1]
    nose = head[np.argmax(head[:, 0])]
    assert abs(nose[1]) < 0.01 and nose[2] < eyes[:, 2].min() and eyes[:, 0].max() < nose[0]
    assert eyes[:, 0].max() - head[head[:, 2] > eyes[:, 2].max()][:, 0].max() < 0.015, "they lie on the face"


def test_children_have_no_grey_hair() -> None:
    library = BlueprintLibrary(VERSIONS[-1])
    for blueprint in library.by_id.values():
        if blueprint.category == "walker" and outfit_of(blueprint.id).build == "child":
            assert max(outfit_of(blueprint.id).hair) - min(outfit_of(blueprint.id).hair) > 6


def test_shading_normals_point_outwards() -> None:
    mesh = walker_poses(Outfit((1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0), (5, 0, 0)), ADULT, PHASES)[-1]
    hair = mesh.triangles[(mesh.color == (2, 0, 0)).all(axis=1)]
    corners = mesh.vertices[hair]
    outward = corners.mean(axis=1) - corners.reshape(-1, 3).mean(axis=0)
    assert ((outward * mesh.normals[hair].mean(axis=1)).sum(axis=1) > 0.0).mean() > 0.8


def test_legs_move_between_phases_and_swap_in_half_a_stride() -> None:
    outfit = Outfit((1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0), (5, 0, 0))
    poses = walker_poses(outfit, ADULT, 8)
    for first in range(8):
        for second in range(first):
            assert np.abs(poses[first].vertices - poses[second].vertices).max() > 0.03
    reach = [part(mesh, outfit.shoes) for mesh in (poses[2], poses[6])]
    assert np.ptp(reach[0][:, 0]) > 0.8
    for shoes, front in zip(reach, (-1.0, 1.0), strict=True):
        assert np.sign(shoes[shoes[:, 0] > 0.3][:, 1].mean()) == front


def test_bones_are_those_of_the_skeleton() -> None:
    extent, outfit = ADULT, outfit_of("walker.pedestrian.0002")
    way = skeleton.STRIDE_PER_HEIGHT * 2.0 * extent[2] * 3 / PHASES
    component = skeleton._chain(skeleton.walking_pose(2.0 * extent[2], way, 1.4), skeleton._PARENTS)
    mesh = walker_body(component[:, :3, 3], outfit, extent)
    assert mesh.vertices == pytest.approx(walker_poses(outfit, extent, PHASES)[3].vertices, abs=1e-6)


def test_people_of_the_catalogue_have_their_age_and_gender() -> None:
    library = BlueprintLibrary(VERSIONS[-1])
    walkers = [blueprint for blueprint in library.by_id.values() if blueprint.category == "walker"]
    for blueprint in walkers:
        known = {attribute.id: attribute.default for attribute in blueprint.attributes}
        build = outfit_of(blueprint.id).build
        assert build == ("child" if known["age"] == "child" else known["gender"])
    assert len({outfit_of(blueprint.id) for blueprint in walkers}) > 0.9 * len(walkers)
    assert outfit_of("walker.pedestrian.9999").build in ("male", "female")


def test_outfits_are_the_same_in_every_process() -> None:
    names = [f"walker.pedestrian.{number:04d}" for number in range(1, 20)]
    code = (
        "from lead.simulator.scenery.bodies.walkers import outfit_of;"
        f"print([outfit_of(name) for name in {names!r}])"
    )  # fmt: skip
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert other.strip() == str([outfit_of(name) for name in names])


def test_the_same_person_is_built_once_and_the_same_way() -> None:
    outfit = outfit_of("walker.pedestrian.0005")
    poses = walker_poses(outfit, ADULT, PHASES)
    assert walker_poses(outfit, ADULT, PHASES) is poses
    walker_poses.cache_clear()
    again = walker_poses(outfit, ADULT, PHASES)
    for name, array in vars(poses[2]).items():
        assert np.array_equal(array, getattr(again[2], name))


def test_odd_poses_of_clients_are_sound() -> None:
    rest = skeleton._chain(skeleton.walking_pose(1.86, 0.0, 0.0), skeleton._PARENTS)[:, :3, 3]
    index = {name: number for number, name in enumerate(skeleton.WALKER_BONES)}
    spread = rest.copy()
    for side, sign in (("L", -1.0), ("R", 1.0)):
        shoulder = spread[index[f"crl_arm__{side}"]]
        for name, reach in (("crl_foreArm", 0.3), ("crl_hand", 0.55)):
            spread[index[f"{name}__{side}"]] = shoulder + [0.0, sign * reach, 0.0]
    lying = rest[:, [2, 1, 0]] * [-1.0, 1.0, 1.0] + [0.9, 0.0, 0.3]
    for bones in (spread, lying, rest[:, [1, 0, 2]] * [-1.0, 1.0, 1.0]):
        assert_sound(walker_body(bones, outfit_of("walker.pedestrian.0001"), ADULT))
