"""Props with a mesh of the client's choice: the parked cars are known, everything else has no body."""

import numpy as np
import pytest

from lead.maps.parked_cars import MESH_BLUEPRINT, PARKED_CARS
from lead.simulator.scenery.bodies.catalogue import prop_key, prop_mesh, tint_of
from lead.simulator.scenery.materials import Label

POSE = np.array([100.0, 50.0, 0.0]), np.zeros(3)


def spawned(world, path, scale="0.9"):
    return world.spawn(MESH_BLUEPRINT, [["mesh_path", path], ["scale", scale]], *POSE)


@pytest.mark.parametrize("car", PARKED_CARS, ids=lambda car: car.name)
def test_parked_cars_have_box_class_and_body(town01, car):
    actor = spawned(town01, car.mesh_path)
    assert np.allclose(actor.extent, 0.9 * np.array(car.half_extent))
    assert np.allclose(actor.box_center, (0.0, 0.0, actor.extent[2]))
    assert actor.semantic_tag == Label.CAR
    mesh = prop_mesh(actor)
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    assert np.allclose(high - low, 2.0 * np.array(actor.extent), atol=1e-3)
    assert abs(low[2]) < 1e-3
    assert set(mesh.label.tolist()) == {int(Label.CAR)}


def test_each_mesh_and_scale_has_a_body_of_its_own(town01):
    keys = {prop_key(spawned(town01, car.mesh_path, scale)) for car in PARKED_CARS for scale in ("0.9", "1.0")}
    assert len(keys) == 16
    assert len({tint_of(MESH_BLUEPRINT, {"mesh_path": car.mesh_path}) for car in PARKED_CARS}) == 8


@pytest.mark.parametrize(
    "path, scale",
    [("", "1.0"), ("/Game/Carla/Static/Dynamic/SM_Unknown.SM_Unknown", "1.0"), (PARKED_CARS[0].mesh_path, "0.0")],
)
def test_other_meshes_have_no_body(town01, path, scale):
    actor = spawned(town01, path, scale)
    assert actor.extent == (0.0, 0.0, 0.0)
    assert actor.semantic_tag == Label.STATIC
