"""Our rotation convention is CARLA's, checked against the carla client's own maths."""

import numpy as np
import pytest

from lead.geometry.frames import (
    compose,
    euler_deg_from_matrix,
    inverse_transform_points,
    pose_matrices,
    rotation_matrices,
    transform_points,
    wrap_deg,
    wrap_rad,
)

carla = pytest.importorskip("carla")


def random_angles(n: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.uniform(-89, 89, n), rng.uniform(-360, 360, n), rng.uniform(-180, 180, n)], axis=1)


def carla_matrix(location: np.ndarray, angles: np.ndarray) -> np.ndarray:
    pitch, yaw, roll = map(float, angles)
    x, y, z = map(float, location)
    return np.array(carla.Transform(carla.Location(x, y, z), carla.Rotation(pitch, yaw, roll)).get_matrix())


def test_pose_matrices_equal_carla() -> None:
    angles = random_angles(50)
    locations = np.random.default_rng(2).uniform(-100, 100, (50, 3))
    expected = np.stack([carla_matrix(loc, rot) for loc, rot in zip(locations, angles, strict=True)])
    np.testing.assert_allclose(pose_matrices(locations, angles), expected, atol=2e-5)
    np.testing.assert_allclose(
        rotation_matrices(angles[:, 0], angles[:, 1], angles[:, 2]), expected[:, :3, :3], atol=2e-6
    )


def test_transform_points_equal_carla_and_invert() -> None:
    angles, location = random_angles(1, seed=5)[0], np.array([12.0, -7.0, 3.0])
    points = np.random.default_rng(3).uniform(-20, 20, (10, 3))
    transform = carla.Transform(carla.Location(12.0, -7.0, 3.0), carla.Rotation(*map(float, angles)))
    moved = [transform.transform(carla.Location(*map(float, p))) for p in points]
    expected = np.array([[p.x, p.y, p.z] for p in moved])
    rotation = rotation_matrices(*angles)
    world = transform_points(rotation, location, points)
    np.testing.assert_allclose(world, expected, atol=1e-4)
    np.testing.assert_allclose(inverse_transform_points(rotation, location, world), points, atol=1e-12)


def test_euler_angles_round_trip_and_gimbal_lock() -> None:
    angles = random_angles(200, seed=7)
    matrices = rotation_matrices(angles[:, 0], angles[:, 1], angles[:, 2])
    again = euler_deg_from_matrix(matrices)
    np.testing.assert_allclose(wrap_deg(again - angles), 0.0, atol=1e-8)
    locked = rotation_matrices([90.0, -90.0], [30.0, 30.0], [10.0, 10.0])
    pitch, yaw, roll = euler_deg_from_matrix(locked).T
    np.testing.assert_allclose(np.abs(pitch), 90.0, atol=1e-4)
    np.testing.assert_array_equal(roll, 0.0)
    np.testing.assert_allclose(rotation_matrices(pitch, yaw, roll), locked, atol=1e-6)


def test_compose_is_the_product_of_poses() -> None:
    parents, children = random_angles(30, seed=11), random_angles(30, seed=12)
    rng = np.random.default_rng(13)
    parent_at, child_at = rng.uniform(-50, 50, (30, 3)), rng.uniform(-3, 3, (30, 3))
    location, rotation = compose(parent_at, parents, child_at, children)
    expected = pose_matrices(parent_at, parents) @ pose_matrices(child_at, children)
    np.testing.assert_allclose(pose_matrices(location, rotation), expected, atol=1e-9)


def test_one_parent_carries_many_children() -> None:
    location, rotation = compose([1.0, 2.0, 0.0], [0.0, 90.0, 0.0], [[1.0, 0, 0], [0, 1.0, 0]], np.zeros((2, 3)))
    np.testing.assert_allclose(location, [[1.0, 3.0, 0.0], [0.0, 2.0, 0.0]], atol=1e-12)
    np.testing.assert_allclose(rotation, [[0.0, 90.0, 0.0]] * 2, atol=1e-12)


@pytest.mark.parametrize(("angle", "wrapped"), [(180.0, -180.0), (-180.0, -180.0), (540.5, -179.5), (10.0, 10.0)])
def test_wrap(angle: float, wrapped: float) -> None:
    assert wrap_deg(angle) == pytest.approx(wrapped)
    assert wrap_rad(np.radians(angle)) == pytest.approx(np.radians(wrapped))
