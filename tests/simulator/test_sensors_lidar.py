"""Lidar bodies: firing pattern, header, records, drop-off statistics."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sensor_support import FIRST_ACTOR, Mover, Stage, at, build, ground, wall

from lead.geometry.frames import rotation_matrices
from lead.simulator.scenery.materials import Label
from lead.simulator.scenery.mesh import Look, MeshBuilder, merge
from lead.simulator.sensors.lidar import SEMANTIC_POINT

NO_DROPOFF = {"dropoff_general_rate": 0.0, "dropoff_intensity_limit": 1.0, "dropoff_zero_intensity": 0.0}


def _room() -> Stage:
    """Four high walls 19.5 m from the origin, and neither floor nor ceiling."""
    builder = MeshBuilder()
    for x, y in ((20.0, 0.0), (-20.0, 0.0), (0.0, 20.0), (0.0, -20.0)):
        builder.box((x, y, 0.0), (0.5 if x else 60.0, 0.5 if y else 60.0, 60.0), Look(label=Label.BUILDINGS))
    return Stage(builder.build())


CLOSED_ROOM = _room()


def decode(body: object) -> tuple[float, NDArray[np.uint32], NDArray[np.uint8]]:
    assert isinstance(body, bytes)
    angle = float(np.frombuffer(body, "<f4", 1)[0])
    channels = int(np.frombuffer(body, "<u4", 1, 4)[0])
    counts = np.frombuffer(body, "<u4", channels, 8)
    return angle, counts, np.frombuffer(body, np.uint8, offset=8 + 4 * channels)


def points(body: object) -> tuple[float, NDArray[np.uint32], NDArray[np.float32]]:
    angle, counts, rest = decode(body)
    records = rest.view("<f4").reshape(-1, 4)
    assert counts.sum() == len(records)
    return angle, counts, records


def semantic_points(body: object) -> NDArray[np.void]:
    _, counts, rest = decode(body)
    records = rest.view(SEMANTIC_POINT)
    assert counts.sum() == len(records)
    return records


def turned_off(azimuth_deg: NDArray[np.float64], expected_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Differences of directions, degrees."""
    return (azimuth_deg - expected_deg + 180.0) % 360.0 - 180.0


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
    angle, counts, records = points(lidar.measure(at(1, stage=CLOSED_ROOM)))
    assert angle == pytest.approx(np.pi)
    np.testing.assert_array_equal(counts, [100] * 4)
    azimuth = np.degrees(np.arctan2(records[:, 1], records[:, 0])).reshape(4, 100)
    for channel in azimuth:
        np.testing.assert_allclose(turned_off(channel, np.arange(100) * 1.8 - 180.0), 0.0, atol=1e-3)
    elevation = np.degrees(np.arctan2(records[:, 2], np.hypot(records[:, 0], records[:, 1]))).reshape(4, 100)
    np.testing.assert_allclose(elevation, np.repeat([[10.0], [0.0], [-10.0], [-20.0]], 100, axis=1), atol=1e-3)
    angle, _, records = points(lidar.measure(at(2, stage=CLOSED_ROOM)))
    assert angle == pytest.approx(0.0, abs=1e-6)
    assert records[:, 1].min() >= -1e-3


def test_a_narrow_lidar_sweeps_its_field_and_starts_again() -> None:
    lidar = build(
        "sensor.lidar.ray_cast",
        channels=1,
        upper_fov=0.0,
        points_per_second=1000,
        horizontal_fov=90,
        rotation_frequency=5,
        range=90,
        **NO_DROPOFF,
    )
    # Each tick sweeps 5 / s * 90 degrees * 0.05 s = 22.5 degrees with 50 rays.
    for frame in range(1, 6):
        angle, _, records = points(lidar.measure(at(frame, stage=CLOSED_ROOM)))
        azimuth = np.degrees(np.arctan2(records[:, 1], records[:, 0]))
        expected = -45.0 + 22.5 * ((frame - 1) % 4) + 0.45 * np.arange(50)
        np.testing.assert_allclose(turned_off(azimuth, expected), 0.0, atol=1e-3)
        assert angle == pytest.approx(np.radians(22.5 * (frame % 4)), abs=1e-6)


def test_count_is_rounded_half_up_and_the_rig_of_the_leaderboard_fires_469() -> None:
    lidar = build("sensor.lidar.ray_cast", channels=64, points_per_second=600000, range=85, **NO_DROPOFF, upper_fov=10)
    _, counts, _ = points(lidar.measure(at(stage=CLOSED_ROOM)))
    assert set(counts.tolist()) == {469}
    half = build("sensor.lidar.ray_cast", channels=8, points_per_second=1200, range=85, **NO_DROPOFF)
    _, counts, _ = points(half.measure(at(stage=CLOSED_ROOM)))
    assert set(counts.tolist()) == {8}


def test_points_are_in_the_sensor_frame_and_fade_with_distance() -> None:
    lidar = build("sensor.lidar.ray_cast", channels=1, upper_fov=0.0, range=90, **NO_DROPOFF)
    context = at(location=(3.0, 2.0, 1.0), rotation_deg=(0.0, 30.0, 0.0), stage=CLOSED_ROOM)
    _, _, records = points(lidar.measure(context))
    world = records[:, :3] @ context.rotation.T + context.location
    on_wall = np.abs(np.abs(world[:, :2]).max(axis=1) - 19.5)
    np.testing.assert_allclose(on_wall, 0.0, atol=1e-3)
    distance = np.linalg.norm(records[:, :3], axis=1)
    np.testing.assert_allclose(records[:, 3], np.exp(-0.004 * distance), rtol=1e-5)


def test_points_of_a_tilted_lidar_lie_on_slopes() -> None:
    lidar = build("sensor.lidar.ray_cast", upper_fov=-5.0, lower_fov=-30.0, range=90, **NO_DROPOFF)
    stage = Stage(ground(0.42, grade_x=0.05, grade_y=-0.02))
    context = at(location=(10.0, -4.0, 3.0), rotation_deg=(4.0, 130.0, -3.0), stage=stage)
    _, _, records = points(lidar.measure(context))
    assert len(records) > 1000
    world = records[:, :3] @ context.rotation.T + context.location
    np.testing.assert_allclose(world[:, 2], 0.42 + 0.05 * world[:, 0] - 0.02 * world[:, 1], atol=2e-3)


def test_points_on_an_actor_lie_on_its_surface() -> None:
    mover = Mover((8.0, -3.0, 1.0), (2.0, 0.9, 1.0), yaw_deg=35.0)
    lidar = build("sensor.lidar.ray_cast_semantic", channels=64, points_per_second=1200000, range=40)
    context = at(location=(0.0, 1.0, 2.5), rotation_deg=(-5.0, -20.0, 2.0), stage=Stage(ground(), [mover]))
    records = semantic_points(lidar.measure(context))
    world = records["xyz"] @ context.rotation.T + context.location
    on_box = records["actor_id"] == FIRST_ACTOR
    assert on_box.sum() > 300
    local = (world[on_box] - mover.center) @ rotation_matrices(0.0, mover.yaw_deg, 0.0)
    np.testing.assert_allclose((np.abs(local) / mover.half).max(axis=1), 1.0, atol=1e-3)
    np.testing.assert_allclose(world[~on_box, 2], 0.0, atol=1e-3)
    # Two sides and the roof face the lidar; nothing is seen through the box.
    faces = np.argmax(np.abs(local) / mover.half, axis=1)
    assert set(zip(faces.tolist(), np.sign(local[np.arange(len(local)), faces]).tolist(), strict=True)) == {
        (0, -1.0),
        (1, 1.0),
        (2, 1.0),
    }


def test_misses_are_left_out() -> None:
    lidar = build("sensor.lidar.ray_cast", upper_fov=10.0, lower_fov=1.0, **NO_DROPOFF)
    angle, counts, records = points(lidar.measure(at(stage=Stage(ground()))))
    assert len(records) == 0
    assert counts.sum() == 0
    assert len(counts) == 32
    assert angle > 0


def test_nothing_is_seen_beyond_the_range() -> None:
    lidar = build("sensor.lidar.ray_cast", channels=1, upper_fov=0.0, range=22.0, **NO_DROPOFF)
    _, counts, records = points(lidar.measure(at(stage=CLOSED_ROOM)))
    distance = np.linalg.norm(records[:, :3], axis=1)
    assert distance.min() == pytest.approx(19.5, abs=1e-3)
    assert distance.max() == pytest.approx(22.0, abs=0.05)
    assert distance.max() <= 22.0
    # A wall is within 22 m as far as acos(19.5 / 22) to both sides of its middle; half of four walls are swept.
    assert counts[0] / 2800 == pytest.approx(4.0 * np.arccos(19.5 / 22.0) / np.pi, abs=2e-3)


def test_a_lidar_inside_its_carrier_sees_it() -> None:
    lidar = build("sensor.lidar.ray_cast", channels=1, upper_fov=0.0, range=90, **NO_DROPOFF)
    carrier = Mover((0.0, 0.0, 2.5), (1.0, 1.0, 1.0))
    _, _, records = points(lidar.measure(at(stage=Stage(movers=[carrier]), parent_id=FIRST_ACTOR)))
    np.testing.assert_allclose(np.abs(records[:, :2]).max(axis=1), 1.0, atol=1e-5)


def test_drop_off_rates() -> None:
    common = {"channels": 16, "points_per_second": 1600000, "upper_fov": 0.5, "lower_fov": -0.5, "range": 90}
    fired = 80000
    general = build("sensor.lidar.ray_cast", **{**NO_DROPOFF, **common, "dropoff_general_rate": 0.45})
    _, _, records = points(general.measure(at(stage=CLOSED_ROOM)))
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
    intensity = points(whole.measure(at(stage=CLOSED_ROOM)))[2][:, 3]
    kept = points(ramp.measure(at(stage=CLOSED_ROOM)))[2][:, 3]
    assert (kept > 0.35).sum() == (intensity > 0.35).sum(), "bright points are never dropped"
    dim = intensity <= 0.35
    expected = (0.4 / 0.35 * intensity[dim] + 0.6).mean()
    assert 0.7 < expected < 0.98
    assert (kept <= 0.35).sum() / dim.sum() == pytest.approx(expected, abs=0.01)


def test_counts_of_channels_are_those_after_drop_off() -> None:
    common = {"channels": 8, "points_per_second": 160000, "upper_fov": 14, "lower_fov": -14, "range": 90}
    lidar = build("sensor.lidar.ray_cast", **{**NO_DROPOFF, **common, "dropoff_general_rate": 0.45})
    _, counts, records = points(lidar.measure(at(stage=CLOSED_ROOM)))
    assert (counts < 700).all()
    elevation = np.degrees(np.arctan2(records[:, 2], np.hypot(records[:, 0], records[:, 1])))
    np.testing.assert_allclose(elevation, np.repeat(np.linspace(14.0, -14.0, 8), counts), atol=1e-3)


def test_noise_moves_points_along_their_rays() -> None:
    common = {"channels": 1, "upper_fov": 0.0, "points_per_second": 200000, "range": 90, **NO_DROPOFF}
    exact = points(build("sensor.lidar.ray_cast", **common).measure(at(stage=CLOSED_ROOM)))[2]
    noisy = points(build("sensor.lidar.ray_cast", **common, noise_stddev=0.2).measure(at(stage=CLOSED_ROOM)))[2]
    np.testing.assert_array_equal(exact[:, 3], noisy[:, 3])
    shift = np.linalg.norm(noisy[:, :3], axis=1) - np.linalg.norm(exact[:, :3], axis=1)
    assert shift.mean() == pytest.approx(0.0, abs=0.01)
    assert shift.std() == pytest.approx(0.2, rel=0.05)
    cross = np.cross(exact[:, :3], noisy[:, :3])
    np.testing.assert_allclose(cross, 0.0, atol=1e-3)


def test_same_seed_same_bytes() -> None:
    def run(actor_id: int) -> list[object]:
        lidar = build("sensor.lidar.ray_cast", actor_id=actor_id, noise_stddev=0.1, range=90)
        return [lidar.measure(at(frame, stage=CLOSED_ROOM)) for frame in range(1, 4)]

    assert run(7) == run(7)
    assert run(7) != run(8)


def test_too_few_points_send_nothing() -> None:
    lidar = build("sensor.lidar.ray_cast", channels=32, points_per_second=300)
    assert lidar.measure(at(stage=CLOSED_ROOM)) is None


def test_semantic_lidar_names_what_it_hits() -> None:
    stage = Stage(merge([ground(), wall(30.0, Label.FENCES)]), [Mover((10.0, 0.0, 1.0), (1.0, 1.0, 1.0))])
    lidar = build(
        "sensor.lidar.ray_cast_semantic",
        channels=16,
        points_per_second=320000,
        range=40,
        upper_fov=0,
        lower_fov=-20,
        rotation_frequency=20,
    )
    records = semantic_points(lidar.measure(at(stage=stage)))
    xyz, unit = records["xyz"], records["xyz"] / np.linalg.norm(records["xyz"], axis=1)[:, None]
    on_box = records["actor_id"] == FIRST_ACTOR
    on_wall = np.abs(xyz[:, 0] - 30.0) < 1e-3
    on_ground = ~on_box & ~on_wall
    assert set(records["label"][on_box].tolist()) == {Label.CAR}
    assert set(records["label"][on_wall].tolist()) == {Label.FENCES}
    assert set(records["label"][on_ground].tolist()) == {Label.ROADS}
    assert set(records["actor_id"][~on_box].tolist()) == {0}, "objects of the level are no actors"
    front = on_box & (np.abs(xyz[:, 0] - 9.0) < 1e-3)
    assert front.sum() > 50
    np.testing.assert_allclose(records["cos_incidence"][front | on_wall], unit[front | on_wall, 0], atol=1e-5)
    np.testing.assert_allclose(records["cos_incidence"][on_ground], -unit[on_ground, 2], atol=1e-5)


def test_semantic_lidar_loses_no_point() -> None:
    lidar = build("sensor.lidar.ray_cast_semantic", channels=16, points_per_second=320000, range=90, upper_fov=20)
    _, counts, _ = decode(lidar.measure(at(stage=CLOSED_ROOM)))
    np.testing.assert_array_equal(counts, [1000] * 16)


@pytest.mark.parametrize(
    "attributes", [{"channels": 0}, {"range": -1}, {"dropoff_general_rate": 2}, {"horizontal_fov": 400}]
)
def test_nonsense_is_refused(attributes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(attributes))):
        build("sensor.lidar.ray_cast", **attributes)
