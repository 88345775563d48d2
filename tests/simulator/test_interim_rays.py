"""The interim ray caster against the exact all-pairs ray-box test."""

import numpy as np
from sensor_support import boxes

from lead.geometry.boxes import ray_box_distances
from lead.simulator.rendering.interim import GROUND, MISS, SceneView, cast_rays


def unit_rays(n: int, seed: int) -> np.ndarray:
    rays = np.random.default_rng(seed).normal(size=(n, 3))
    return (rays / np.linalg.norm(rays, axis=1)[:, None]).astype(np.float32)


def test_hits_are_those_of_the_exact_test() -> None:
    rng = np.random.default_rng(5)
    n = 40
    scene = SceneView(
        ground_z=-1.0,
        center=rng.uniform(-30, 30, (n, 3)) + np.array([5000.0, -3000.0, 0.0]),
        yaw=rng.uniform(-np.pi, np.pi, n),
        half=rng.uniform(0.3, 3.0, (n, 3)),
    )
    origin = np.array([5000.0, -3000.0, 1.0])
    rays = unit_rays(4000, seed=6)
    hits = cast_rays(scene, origin, rays, 60.0)
    entry, _ = ray_box_distances(np.tile(origin, (len(rays), 1)), rays, scene.center, scene.yaw, scene.half)
    entry[entry <= 0.0] = np.inf
    with np.errstate(divide="ignore"):
        ground = np.where(rays[:, 2] < 0.0, 2.0 / -rays[:, 2], np.inf)
    expected = np.minimum(entry.min(axis=1), ground)
    expected[expected > 60.0] = np.inf
    # Rays that graze an edge may go either way in single precision.
    agree = np.isclose(hits.distance, expected, atol=2e-3) | (np.isinf(hits.distance) & np.isinf(expected))
    assert agree.mean() > 0.999
    target = np.where(entry.min(axis=1) < ground, entry.argmin(axis=1), GROUND)
    target[np.isinf(expected)] = MISS
    assert (hits.target == target)[agree].all()
    assert (np.isfinite(hits.distance) == (hits.cos_incidence > 0)).all()


def test_from_inside_a_box_one_looks_out() -> None:
    scene = boxes(((0.0, 0.0, 0.0), 0.3, (2.0, 2.0, 2.0)), ((10.0, 0.0, 0.0), 0.0, (1.0, 1.0, 1.0)), ground_z=-9.0)
    hits = cast_rays(scene, np.zeros(3), np.array([[1.0, 0.0, 0.0]], dtype=np.float32), 50.0)
    assert hits.target[0] == 1
    assert hits.distance[0] == np.float32(9.0)
    assert hits.cos_incidence[0] == np.float32(1.0)


def test_below_the_ground_nothing_of_it_is_seen() -> None:
    hits = cast_rays(SceneView(ground_z=5.0), np.zeros(3), unit_rays(100, seed=1), 50.0)
    assert (hits.target == MISS).all()
    assert np.isinf(hits.distance).all()


def test_no_rays() -> None:
    assert cast_rays(SceneView(), np.zeros(3), np.zeros((0, 3), dtype=np.float32), 50.0).distance.shape == (0,)
