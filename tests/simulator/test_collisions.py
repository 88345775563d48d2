"""Contacts: who is found, that momentum is kept, that bodies end up apart."""

import numpy as np
import pytest

from lead.geometry.boxes import box_overlap
from lead.simulator.world.box_grid import BoxGrid
from lead.simulator.world.collisions import Bodies, LevelBoxes, body_pairs, resolve

MASS_KG = 1500.0


def bodies(centers: list[tuple[float, float]], velocities: list[tuple[float, float]] | None = None, **over) -> Bodies:
    n = len(centers)
    base = {
        "center": np.array(centers, float),
        "z": np.full(n, 0.8),
        "yaw": np.zeros(n),
        "half": np.tile([2.4, 1.0], (n, 1)),
        "half_z": np.full(n, 0.8),
        "velocity": np.array(velocities if velocities is not None else [(0.0, 0.0)] * n, float),
        "spin": np.zeros(n),
        "inverse_mass": np.full(n, 1.0 / MASS_KG),
        "inverse_inertia": np.full(n, 1.0 / 3000.0),
    }
    return Bodies(**{**base, **over})


def level(*rows: tuple[float, float, float, float, float]) -> LevelBoxes:
    """Boxes x, y, yaw, half length, half width, two metres tall."""
    table = np.array(rows, float).reshape(-1, 5)
    return LevelBoxes(table[:, :2], np.full(len(rows), 1.0), table[:, 2], table[:, 3:], np.full(len(rows), 1.0))


def test_head_on_crash_keeps_momentum_and_parts_the_cars() -> None:
    pair = bodies([(0.0, 0.0), (4.7, 0.2)], [(10.0, 0.0), (-6.0, 0.0)])
    before = (pair.velocity / pair.inverse_mass[:, None]).sum(axis=0)
    contacts = resolve(pair, level())
    assert len(contacts) == 1 and contacts[0].impulse[0] < 0.0
    after = (pair.velocity / pair.inverse_mass[:, None]).sum(axis=0)
    assert after == pytest.approx(before, abs=1e-6)
    assert pair.velocity[0, 0] < pair.velocity[1, 0], "they no longer drive into each other"
    overlap = box_overlap(pair.center[:1], pair.yaw[:1], pair.half[:1], pair.center[1:], pair.yaw[1:], pair.half[1:])
    assert overlap.depth[0] < 0.02


def test_energy_never_grows() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        pair = bodies(
            [(0.0, 0.0), tuple(rng.uniform(-3.0, 3.0, 2))],
            [tuple(rng.uniform(-15, 15, 2)), tuple(rng.uniform(-15, 15, 2))],
            yaw=rng.uniform(-3, 3, 2),
            spin=rng.uniform(-2, 2, 2),
        )
        energy = lambda b: (b.velocity**2 / b.inverse_mass[:, None]).sum() + (b.spin**2 / b.inverse_inertia).sum()  # noqa: E731
        before = energy(pair)
        resolve(pair, level())
        assert energy(pair) <= before * (1.0 + 1e-9)


def test_wall_stops_car_and_names_the_level_box() -> None:
    car = bodies([(0.0, 0.0)], [(8.0, 0.0)])
    contacts = resolve(car, level((50.0, 0.0, 0.0, 1.0, 1.0), (2.5, 0.0, 0.0, 0.2, 10.0)))
    assert [contact.b for contact in contacts] == [-2]
    assert car.velocity[0, 0] <= 0.0
    assert car.center[0, 0] + 2.4 <= 2.3 + 0.02


def test_bodies_on_different_levels_do_not_touch() -> None:
    pair = bodies([(0.0, 0.0), (1.0, 0.0)], [(5.0, 0.0), (0.0, 0.0)], z=np.array([0.8, 7.0]))
    assert resolve(pair, level()) == []


def test_overlapping_but_separating_bodies_get_no_impulse() -> None:
    pair = bodies([(0.0, 0.0), (4.7, 0.0)], [(-1.0, 0.0), (1.0, 0.0)])
    assert resolve(pair, level()) == []


def test_immovable_bodies_are_not_paired_with_each_other() -> None:
    pair = bodies([(0.0, 0.0), (1.0, 0.0)], inverse_mass=np.zeros(2))
    assert len(body_pairs(pair)[0]) == 0


def test_sweep_finds_exactly_the_circle_overlaps() -> None:
    rng = np.random.default_rng(1)
    many = bodies([tuple(p) for p in rng.uniform(0.0, 120.0, (150, 2))])
    i, j = body_pairs(many)
    radius = np.hypot(2.4, 1.0)
    gap = np.linalg.norm(many.center[:, None] - many.center[None], axis=2)
    a, b = np.nonzero(np.triu(gap < 2.0 * radius, 1))
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == list(zip(a.tolist(), b.tolist(), strict=True))


def test_pile_up_is_cleared_within_a_few_ticks() -> None:
    heap = bodies([(0.6 * k, 0.4 * k) for k in range(8)], yaw=np.linspace(0.0, 1.5, 8))
    for _ in range(12):
        resolve(heap, level())
    i, j = body_pairs(heap)
    overlap = box_overlap(heap.center[i], heap.yaw[i], heap.half[i], heap.center[j], heap.yaw[j], heap.half[j])
    assert overlap.depth.max(initial=0.0) < 0.05


def test_box_grid_lists_every_box_in_reach() -> None:
    rng = np.random.default_rng(5)
    boxes, radius = rng.uniform(-200, 200, (300, 2)), rng.uniform(0.1, 9.0, 300)
    points = rng.uniform(-220, 220, (400, 2))
    query, box = BoxGrid(boxes, radius, reach_m=7.0).query(points)
    found = set(zip(query.tolist(), box.tolist(), strict=True))
    gap = np.linalg.norm(points[:, None] - boxes[None], axis=2) - radius[None]
    needed = set(zip(*(axis.tolist() for axis in np.nonzero(gap < 7.0)), strict=True))
    assert needed <= found
    assert len(found) == len(query), "no pair twice"


def test_empty_box_grid_answers_nothing() -> None:
    query, box = BoxGrid(np.zeros((0, 2)), np.zeros(0), reach_m=7.0).query(np.zeros((3, 2)))
    assert len(query) == 0 and len(box) == 0
