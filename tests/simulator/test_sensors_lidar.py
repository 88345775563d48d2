"""Lidar bodies: firing pattern, header, records, drop-off statistics."""

import numpy as np
import pytest
from sensor_support import at, boxes, build

from lead.simulator.rendering.interim import SceneView
from lead.simulator.sensors.lidar import SEMANTIC_POINT

NO_DROPOFF = {"dropoff_general_rate": 0.0, "dropoff_intensity_limit": 1.0, "dropoff_zero_intensity": 0.0}
CLOSED_ROOM = boxes(
    ((20.0, 0.0, 0.0), 0.0, (0.5, 60.0, 60.0)),
    ((-20.0, 0.0, 0.0), 0.0, (0.5, 60.0, 60.0)),
    ((0.0, 20.0, 0.0), 0.0, (60.0, 0.5, 60.0)),
    ((0.0, -20.0, 0.0), 0.0, (60.0, 0.5, 60.0)),
    ground_z=-1000.0,
)


def decode(body: object) -> tuple[float, np.ndarray, np.ndarray]:
    assert isinstance(body, bytes)
    angle = float(np.frombuffer(body, "<f4", 1)[0])
    channels = int(np.frombuffer(body, "<u4", 1, 4)[0])
    counts = np.frombuffer(body, "<u4", channels, 8)
    return angle, counts, np.frombuffer(body, np.uint8, offset=8 + 4 * channels)


def points(body: object) -> tuple[float, np.ndarray, np.ndarray]:
    angle, counts, rest = decode(body)
    records = rest.view("<f4").reshape(-1, 4)
    assert counts.sum() == len(records)
    return angle, counts, records


def test_first_half_turn_sweeps_the_left_side_then_the_right() -> None:
    lidar = build(
        "sensor.lidar.ray_cast",
        channels=4,
        points_per_second=8000,
        upper_fov=10,
        lower_fov=-20,
        **NO_DROPOFF,
        range=90,
    )
    angle, counts, records = points(lidar.measure(at(1, scene=CLOSED_ROOM)))
    assert angle == pytest.approx(np.pi)
    np.testing.assert_array_equal(counts, [100] * 4)
    azimuth = np.degrees(np.arctan2(records[:, 1], records[:, 0])).reshape(4, 100)
    expected = np.arange(100) * 1.8 - 180.0
    for channel in azimuth:
        np.testing.assert_allclose((channel - expected + 180.0) % 360.0 - 180.0, 0.0, atol=1e-3)
    elevation = np.degrees(np.arctan2(records[:, 2], np.hypot(records[:, 0], records[:, 1]))).reshape(4, 100)
    np.testing.assert_allclose(elevation, np.repeat([[10.0], [0.0], [-10.0], [-20.0]], 100, axis=1), atol=1e-3)
    angle, _, records = points(lidar.measure(at(2, scene=CLOSED_ROOM)))
    assert angle == pytest.approx(0.0, abs=1e-6)
    assert records[:, 1].min() >= -1e-3


def test_count_is_rounded_half_up_and_the_rig_of_the_leaderboard_fires_469() -> None:
    lidar = build("sensor.lidar.ray_cast", channels=64, points_per_second=600000, range=85, **NO_DROPOFF, upper_fov=10)
    _, counts, _ = points(lidar.measure(at(scene=CLOSED_ROOM)))
    assert set(counts.tolist()) == {469}


def test_points_are_in_the_sensor_frame_and_fade_with_distance() -> None:
    lidar = build("sensor.lidar.ray_cast", channels=1, upper_fov=0.0, range=90, **NO_DROPOFF)
    context = at(location=(3.0, 2.0, 1.0), rotation_deg=(0.0, 30.0, 0.0), scene=CLOSED_ROOM)
    _, _, records = points(lidar.measure(context))
    world = records[:, :3] @ context.rotation.T + context.location
    on_wall = np.abs(np.abs(world[:, :2]).max(axis=1) - 19.5)
    np.testing.assert_allclose(on_wall, 0.0, atol=1e-3)
    distance = np.linalg.norm(records[:, :3], axis=1)
    np.testing.assert_allclose(records[:, 3], np.exp(-0.004 * distance), rtol=1e-5)


def test_ground_is_a_sloped_plane() -> None:
    lidar = build("sensor.lidar.ray_cast", upper_fov=-5.0, lower_fov=-30.0, range=90, **NO_DROPOFF)
    scene = SceneView(ground_z=1.0, grade_x=0.05, grade_y=-0.02)
    context = at(location=(10.0, -4.0, 3.0), scene=scene)
    _, _, records = points(lidar.measure(context))
    assert len(records) > 1000
    ground = -2.0 + 0.05 * records[:, 0] - 0.02 * records[:, 1]
    np.testing.assert_allclose(records[:, 2], ground, atol=2e-3)


def test_misses_are_left_out() -> None:
    lidar = build("sensor.lidar.ray_cast", upper_fov=10.0, lower_fov=1.0, **NO_DROPOFF)
    angle, counts, records = points(lidar.measure(at(scene=SceneView())))
    assert len(records) == 0
    assert counts.sum() == 0
    assert len(counts) == 32
    assert angle > 0


def test_drop_off_rates() -> None:
    common = {"channels": 16, "points_per_second": 1600000, "upper_fov": 0.5, "lower_fov": -0.5, "range": 90}
    fired = 80000
    general = build("sensor.lidar.ray_cast", **{**NO_DROPOFF, **common, "dropoff_general_rate": 0.45})
    _, _, records = points(general.measure(at(scene=CLOSED_ROOM)))
    assert len(records) / fired == pytest.approx(0.55, abs=0.01)
    attenuation = 0.05
    ramp = build(
        "sensor.lidar.ray_cast",
        **common,
        atmosphere_attenuation_rate=attenuation,
        dropoff_general_rate=0.0,
        dropoff_intensity_limit=0.35,
        dropoff_zero_intensity=0.4,
    )
    whole = build("sensor.lidar.ray_cast", **common, **NO_DROPOFF, atmosphere_attenuation_rate=attenuation)
    intensity = points(whole.measure(at(scene=CLOSED_ROOM)))[2][:, 3]
    kept = points(ramp.measure(at(scene=CLOSED_ROOM)))[2][:, 3]
    assert (kept > 0.35).sum() == (intensity > 0.35).sum(), "bright points are never dropped"
    dim = intensity <= 0.35
    expected = (0.4 / 0.35 * intensity[dim] + 0.6).mean()
    assert 0.7 < expected < 0.98
    assert (kept <= 0.35).sum() / dim.sum() == pytest.approx(expected, abs=0.01)


def test_noise_moves_points_along_their_rays() -> None:
    common = {"channels": 1, "upper_fov": 0.0, "points_per_second": 200000, "range": 90, **NO_DROPOFF}
    exact = points(build("sensor.lidar.ray_cast", **common).measure(at(scene=CLOSED_ROOM)))[2]
    noisy = points(build("sensor.lidar.ray_cast", **common, noise_stddev=0.2).measure(at(scene=CLOSED_ROOM)))[2]
    np.testing.assert_array_equal(exact[:, 3], noisy[:, 3])
    shift = np.linalg.norm(noisy[:, :3], axis=1) - np.linalg.norm(exact[:, :3], axis=1)
    assert shift.std() == pytest.approx(0.2, rel=0.05)
    cross = np.cross(exact[:, :3], noisy[:, :3])
    np.testing.assert_allclose(cross, 0.0, atol=1e-3)


def test_same_seed_same_bytes() -> None:
    def run(actor_id: int) -> list[object]:
        lidar = build("sensor.lidar.ray_cast", actor_id=actor_id, noise_stddev=0.1, range=90)
        return [lidar.measure(at(frame, scene=CLOSED_ROOM)) for frame in range(1, 4)]

    assert run(7) == run(7)
    assert run(7) != run(8)


def test_too_few_points_send_nothing() -> None:
    lidar = build("sensor.lidar.ray_cast", channels=32, points_per_second=300)
    assert lidar.measure(at(scene=CLOSED_ROOM)) is None


def test_semantic_lidar_names_what_it_hits() -> None:
    scene = boxes(((10.0, 0.0, 1.0), 0.0, (1.0, 1.0, 1.0)), label=np.array([14], dtype=np.uint8))
    lidar = build(
        "sensor.lidar.ray_cast_semantic",
        channels=16,
        points_per_second=320000,
        range=40,
        upper_fov=-2,
        lower_fov=-20,
        rotation_frequency=20,
    )
    _, counts, rest = decode(lidar.measure(at(scene=scene)))
    records = rest.view(SEMANTIC_POINT)
    assert counts.sum() == len(records)
    on_box = records["actor_id"] == 100
    assert on_box.any()
    assert set(records["label"][on_box].tolist()) == {14}
    assert set(records["label"][~on_box].tolist()) == {1}
    assert set(records["actor_id"][~on_box].tolist()) == {0}
    front = on_box & (np.abs(records["xyz"][:, 0] - 9.0) < 1e-3)
    unit = records["xyz"] / np.linalg.norm(records["xyz"], axis=1)[:, None]
    np.testing.assert_allclose(records["cos_incidence"][front], unit[front, 0], atol=1e-5)
    np.testing.assert_allclose(records["cos_incidence"][~on_box], -unit[~on_box, 2], atol=1e-5)


@pytest.mark.parametrize(
    "attributes", [{"channels": 0}, {"range": -1}, {"dropoff_general_rate": 2}, {"horizontal_fov": 400}]
)
def test_nonsense_is_refused(attributes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(attributes))):
        build("sensor.lidar.ray_cast", **attributes)
