"""Box overlaps and ray hits against shapely and brute force."""

import numpy as np
import pytest
from shapely.affinity import translate
from shapely.geometry import LineString, Point, Polygon

from lead.geometry.boxes import box_corners, box_overlap, ray_box_distances


def random_pairs(n: int, seed: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    return (
        rng.uniform(-3, 3, (n, 2)),
        rng.uniform(-np.pi, np.pi, n),
        rng.uniform(0.2, 3, (n, 2)),
        rng.uniform(-3, 3, (n, 2)),
        rng.uniform(-np.pi, np.pi, n),
        rng.uniform(0.2, 3, (n, 2)),
    )


def test_corners_follow_the_yaw() -> None:
    corners = box_corners([1.0, 2.0], np.pi / 2, [2.0, 1.0])
    np.testing.assert_allclose(corners, [[0, 4], [0, 0], [2, 0], [2, 4]], atol=1e-12)


def test_overlap_agrees_with_shapely() -> None:
    pairs = random_pairs(400, seed=4)
    result = box_overlap(*pairs)
    corners_a, corners_b = box_corners(*pairs[:3]), box_corners(*pairs[3:])
    for i in range(400):
        a, b = Polygon(corners_a[i]), Polygon(corners_b[i])
        depth, normal = result.depth[i], result.normal[i]
        assert np.hypot(*normal) == pytest.approx(1.0)
        assert (a.intersection(b).area > 1e-9) == (depth > 0)
        if depth <= 0:
            assert a.distance(b) >= -depth - 1e-9
            continue
        freed = translate(a, *(normal * (depth + 1e-6)))
        assert freed.intersection(b).area < 1e-6, "moving by the translation vector separates the pair"
        stuck = translate(a, *(normal * depth * 0.98))
        assert stuck.intersection(b).area > 0.0, "no shorter move along the normal does"
        if depth > min(pairs[2][i].min(), pairs[5][i].min()):
            continue  # boxes that have run through each other have no contact patch to speak of
        patch = a.intersection(b)
        assert patch.distance(Point(result.point[i])) < 1e-6, "the contact point lies in the overlap"


def test_known_contacts() -> None:
    head_on = box_overlap([[0.0, 0.0]], [0.0], [[2.0, 1.0]], [[3.9, 0.5]], [0.0], [[2.0, 1.0]])
    assert head_on.depth[0] == pytest.approx(0.1)
    np.testing.assert_allclose(head_on.normal[0], [-1.0, 0.0])
    assert head_on.point[0, 1] == pytest.approx(0.25), "middle of the shared width"
    corner = box_overlap([[0.0, 0.0]], [0.0], [[2.0, 1.0]], [[0.5, 2.3]], [np.pi / 4], [[1.0, 1.0]])
    np.testing.assert_allclose(corner.normal[0], [0.0, -1.0], atol=1e-12)
    assert corner.point[0, 0] == pytest.approx(0.5, abs=0.1)


def test_no_pairs() -> None:
    empty = np.zeros((0, 2))
    assert box_overlap(empty, np.zeros(0), empty, empty, np.zeros(0), empty).depth.shape == (0,)


def test_rays_agree_with_shapely_in_the_plane() -> None:
    rng = np.random.default_rng(8)
    center, yaw = rng.uniform(-10, 10, (20, 3)) * [1, 1, 0], rng.uniform(-np.pi, np.pi, 20)
    half = rng.uniform(0.3, 2.0, (20, 3))
    heading = rng.uniform(-np.pi, np.pi, 15)
    direction = np.stack([np.cos(heading), np.sin(heading), np.zeros(15)], axis=1)
    origin = rng.uniform(-10, 10, (15, 3)) * [1, 1, 0]
    entry, leave = ray_box_distances(origin, direction, center, yaw, half)
    for i in range(15):
        line = LineString([origin[i, :2], origin[i, :2] + 100 * direction[i, :2]])
        for j in range(20):
            shape = Polygon(box_corners(center[j, :2], yaw[j], half[j, :2]))
            cut = line.intersection(shape)
            assert np.isfinite(entry[i, j]) == (not cut.is_empty)
            if not cut.is_empty:
                along = (np.array(cut.coords) - origin[i, :2]) @ direction[i, :2]
                assert max(entry[i, j], 0.0) == pytest.approx(along.min(), abs=1e-9)
                assert leave[i, j] == pytest.approx(along.max(), abs=1e-9)


def test_rays_respect_height() -> None:
    entry, _ = ray_box_distances(
        [[0.0, 0.0, 5.0], [0.0, 0.0, 5.0]],
        [[0, 0, -1.0], [1.0, 0, 0]],
        [[0.0, 0.0, 1.0]],
        [0.3],
        [[1.0, 1.0, 1.0]],
    )
    assert entry[0, 0] == pytest.approx(3.0)
    assert np.isinf(entry[1, 0])
