"""Bodies of two-wheelers: machine and rider fill the blueprint's box, each under its own label."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lead.simulator.scenery.bodies.two_wheelers import LAYOUTS, CyclePlan, two_wheeler_body
from lead.simulator.scenery.materials import Label, LampChannel, Material
from lead.simulator.scenery.mesh import Mesh

PLANS = {
    "crossbike": CyclePlan("bicycle", 1.5093, 0.8659, 1.6124, 0.02, -0.01, 1.03, 0.34, Label.BICYCLE),
    "century": CyclePlan("roadbike", 1.6562, 0.5824, 1.6198, 0.0, 0.0, 1.0, 0.34, Label.BICYCLE),
    "omafiets": CyclePlan("bicycle", 1.8434, 0.659, 1.7758, 0.0, 0.0, 1.1, 0.35, Label.BICYCLE),
    "low_rider": CyclePlan("cruiser", 2.3502, 0.7662, 1.6495, 0.0, 0.0, 1.63, 0.33, Label.MOTORCYCLE),
    "ninja": CyclePlan("motorcycle", 2.0437, 0.7969, 1.5232, -0.03, 0.02, 1.41, 0.3, Label.MOTORCYCLE),
    "zx125": CyclePlan("scooter", 1.8171, 0.8659, 1.5901, 0.0, 0.0, 1.28, 0.24, Label.MOTORCYCLE),
    "yzf": CyclePlan("motorcycle", 2.1908, 0.8659, 1.5304, 0.0, 0.0, 1.38, 0.3, Label.MOTORCYCLE),
}
each_plan = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)


def bounds(mesh: Mesh, triangles: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest coordinates, of chosen triangles."""
    used = mesh.triangles if triangles is None else mesh.triangles[triangles]
    points = mesh.vertices[used].reshape(-1, 3)
    return points.min(axis=0), points.max(axis=0)


@each_plan
def test_the_box_is_filled(plan: CyclePlan) -> None:
    low, high = bounds(two_wheeler_body(plan))
    half = np.array([plan.length / 2, plan.width / 2])
    assert low == pytest.approx([plan.center_x - half[0], -half[1], plan.foot_z], abs=1e-3)
    assert high == pytest.approx([plan.center_x + half[0], half[1], plan.foot_z + plan.height], abs=1e-3)


@each_plan
def test_meshes_are_sound(plan: CyclePlan) -> None:
    mesh = two_wheeler_body(plan)
    assert 400 <= len(mesh) <= 1650
    assert mesh.triangles.min() >= 0
    assert mesh.triangles.max() < len(mesh.vertices)
    assert np.isfinite(mesh.vertices).all()
    assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert set(mesh.label.tolist()) == {plan.label, Label.RIDER}


@each_plan
def test_wheels_are_round_and_on_the_ground(plan: CyclePlan) -> None:
    mesh = two_wheeler_body(plan)
    rubber = mesh.material == Material.RUBBER
    middles = mesh.vertices[mesh.triangles].mean(axis=1)[:, 0]
    for wheel in (middles < plan.center_x, middles > plan.center_x):
        low, high = bounds(mesh, rubber & wheel)
        length, _, height = high - low
        assert low[2] == pytest.approx(plan.foot_z, abs=1e-3)
        assert height == pytest.approx(2.0 * plan.wheel_radius, rel=0.03)
        assert length == pytest.approx(height, rel=0.06)


@each_plan
def test_the_rider_sits_on_the_machine(plan: CyclePlan) -> None:
    mesh = two_wheeler_body(plan)
    rider = mesh.label == Label.RIDER
    low, high = bounds(mesh, rider)
    _, machine_high = bounds(mesh, ~rider)
    assert high[2] == pytest.approx(plan.foot_z + plan.height, abs=1e-3)
    assert machine_high[2] < plan.foot_z + 0.9 * plan.height
    assert plan.foot_z + 0.03 < low[2] < plan.foot_z + 0.4
    jacket = (mesh.color == LAYOUTS[plan.style].clothes[0]).all(axis=1) & rider
    helmet = rider & (mesh.material == Material.PLASTIC)
    assert bounds(mesh, helmet)[0][2] > bounds(mesh, jacket)[1][2] - 0.05
    assert Material.CLOTH not in mesh.material
    assert Material.PAINT not in mesh.material[rider]


@each_plan
def test_hands_reach_the_grips(plan: CyclePlan) -> None:
    mesh = two_wheeler_body(plan)
    rider = mesh.label == Label.RIDER
    points = mesh.vertices[mesh.triangles].reshape(-1, 3)
    skin = np.repeat(rider & (mesh.material == Material.SKIN), 3)
    grip = np.repeat(~rider & (mesh.material == Material.PLASTIC), 3)
    for side in (-1.0, 1.0):
        hand = points[skin & (side * points[:, 1] > 0.12)]
        bar = points[grip & (side * points[:, 1] > 0.12)]
        assert np.linalg.norm(hand[:, None] - bar[None], axis=2).min() < 0.06


@each_plan
def test_motorcycles_have_lamps(plan: CyclePlan) -> None:
    mesh = two_wheeler_body(plan)
    lamps = mesh.material == Material.LAMP
    if plan.label == Label.BICYCLE:
        assert not lamps.any()
        return
    assert (mesh.label[lamps] == plan.label).all()
    for channel, way in ((LampChannel.LOW_BEAM, 1.0), (LampChannel.BRAKE, -1.0)):
        low, high = bounds(mesh, lamps & (mesh.channel == channel))
        assert way * (0.5 * (low + high)[0] - plan.center_x) > 0.2 * plan.length
    for channel, side in ((LampChannel.LEFT_BLINKER, -1.0), (LampChannel.RIGHT_BLINKER, 1.0)):
        low, high = bounds(mesh, lamps & (mesh.channel == channel))
        assert min(side * low[1], side * high[1]) > 0.05
        assert high[0] - low[0] > 0.4 * plan.length
    assert {LampChannel.HIGH_BEAM, LampChannel.POSITION} <= set(mesh.channel[lamps].tolist())


@each_plan
def test_a_machine_alone_keeps_its_shape(plan: CyclePlan) -> None:
    mesh = two_wheeler_body(replace(plan, with_rider=False))
    assert set(mesh.label.tolist()) == {plan.label}
    low, high = bounds(mesh)
    assert high[0] - low[0] == pytest.approx(plan.length, abs=1e-3)
    assert high[1] - low[1] == pytest.approx(plan.width, abs=1e-3)
    assert low[2] == pytest.approx(plan.foot_z, abs=1e-3)
    assert 0.5 * plan.height < high[2] - plan.foot_z < 0.9 * plan.height


def test_every_style_has_a_plan_and_they_differ() -> None:
    assert {plan.style for plan in PLANS.values()} == set(LAYOUTS)
    plan = PLANS["ninja"]
    shapes = [two_wheeler_body(replace(plan, style=style)) for style in LAYOUTS]
    assert len({(len(mesh), float(mesh.vertices.sum())) for mesh in shapes}) == len(LAYOUTS)


@each_plan
def test_bodies_are_built_once_and_the_same_way(plan: CyclePlan) -> None:
    mesh = two_wheeler_body(plan)
    assert two_wheeler_body(plan) is mesh
    again = two_wheeler_body.__wrapped__(plan)
    for name, array in vars(mesh).items():
        assert np.array_equal(array, getattr(again, name))
