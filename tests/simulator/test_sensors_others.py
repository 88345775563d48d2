"""Radar, collision and obstacle bodies, and the sensor registry."""

from dataclasses import replace

import msgpack
import numpy as np
import pytest
from numpy.typing import NDArray
from sensor_support import STEP_S, Mover, Stage, at, build, ground, pack, solid_boxes, wall

from lead.geometry.frames import rotation_matrices
from lead.simulator.scenery.materials import Label
from lead.simulator.sensors import WORLD_OBSERVER, Collision, make_sensor, stream_type_index
from lead.simulator.world.solids import Solids

WALL = Stage(wall(29.5))
MOVING_WALL = Stage(movers=[Mover((30.0, 0.0, 0.0), (0.5, 100.0, 100.0), velocity=(-5.0, 2.0, 0.0))])


def radar_rows(body: object) -> NDArray[np.float32]:
    assert isinstance(body, bytes)
    return np.frombuffer(body, "<f4").reshape(-1, 4)


def directions(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Unit vectors in the radar's frame: azimuth counts to the right, altitude upwards."""
    _, azimuth, altitude, _ = rows.astype(np.float64).T
    flat = np.cos(altitude)
    return np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(altitude)], axis=1)


def test_radar_pattern_and_geometry() -> None:
    radar = build("sensor.other.radar", horizontal_fov=60, vertical_fov=20, points_per_second=100000)
    rows = radar_rows(radar.measure(at(stage=WALL)))
    assert len(rows) == 5000
    _, azimuth, altitude, depth = rows.T
    np.testing.assert_allclose(depth * directions(rows)[:, 0], 29.5, atol=1e-3)
    u = np.tan(azimuth) / np.tan(np.radians(30.0))
    v = np.tan(altitude) / np.cos(azimuth) / np.tan(np.radians(10.0))
    radius = np.hypot(u, v)
    assert radius.max() <= 1.0 + 1e-5
    assert radius.mean() == pytest.approx(0.5, abs=0.02), "the radius, not the area, is uniform"
    assert azimuth.mean() == pytest.approx(0.0, abs=0.01)


def test_radar_angles_count_to_the_right_and_upwards_in_its_own_frame() -> None:
    pose = (3.0, -2.0, 2.0), (-6.0, 50.0, 4.0)
    rotation = rotation_matrices(*pose[1])
    # A small target well off the boresight of the tilted radar, to its right and below.
    target = np.array(pose[0]) + rotation @ (20.0 * np.array([np.cos(0.2), np.sin(0.2), -0.05]))
    stage = Stage(movers=[Mover(tuple(target.tolist()), (0.3, 0.3, 0.3))])
    rows = radar_rows(build("sensor.other.radar", points_per_second=400000).measure(at(1, *pose, stage=stage)))
    assert len(rows) > 10
    hits = pose[0] + (rows[:, 3:] * directions(rows)) @ rotation.T
    np.testing.assert_allclose(np.abs(hits - target).max(axis=1), 0.3, atol=1e-3)
    assert rows[:, 1].mean() == pytest.approx(0.2, abs=0.02)
    assert rows[:, 2].mean() == pytest.approx(-0.05, abs=0.02)


def test_radar_counts_per_tick() -> None:
    assert len(radar_rows(build("sensor.other.radar").measure(at(stage=WALL)))) == 75
    few = build("sensor.other.radar", points_per_second=1530)
    assert len(radar_rows(few.measure(at(stage=WALL)))) == 76
    # 2100 * 0.05 is 104.99999999999999 in double precision, but 105 rays of the original.
    whole = build("sensor.other.radar", points_per_second=2100)
    assert len(radar_rows(whole.measure(at(stage=WALL)))) == 105


def test_radar_pattern_is_random_but_seeded() -> None:
    def rows(**how: int) -> list[bytes]:
        radar = build("sensor.other.radar", **how)
        return [radar.measure(at(frame, stage=WALL)) for frame in (1, 2)]  # type: ignore[misc]

    first, second = rows()
    assert first != second
    assert rows() == [first, second]
    assert rows(actor_id=8)[0] != first
    assert rows(noise_seed=3) == rows(noise_seed=3, actor_id=8)


def test_radar_speed_is_negative_when_approaching() -> None:
    radar = build("sensor.other.radar", horizontal_fov=10, vertical_fov=10)
    radar.measure(at(1, (0.0, 0.0, 1.0), stage=MOVING_WALL))
    rows = radar_rows(radar.measure(at(2, (10.0 * STEP_S, 0.0, 1.0), stage=MOVING_WALL)))
    np.testing.assert_allclose(rows[:, 0], directions(rows) @ [-15.0, 2.0, 0.0], atol=1e-4)
    assert (rows[:, 0] < 0.0).all()


def test_radar_knows_what_stands_still_from_what_moves() -> None:
    stage = Stage(wall(29.5), [Mover((20.0, 3.0, 1.0), (1.0, 3.0, 20.0), velocity=(0.0, 0.0, 7.0))])
    radar = build("sensor.other.radar", horizontal_fov=60, points_per_second=20000)
    rows = radar_rows(radar.measure(at(1, (0.0, 0.0, 1.0), stage=stage)))
    on_wall = np.abs(rows[:, 3] * directions(rows)[:, 0] - 29.5) < 1e-2
    assert 100 < on_wall.sum() < 900
    np.testing.assert_allclose(rows[on_wall, 0], 0.0, atol=1e-6)
    np.testing.assert_allclose(rows[~on_wall, 0], 7.0 * directions(rows)[~on_wall, 2], atol=1e-4)


def test_radar_takes_its_own_speed_from_its_positions() -> None:
    radar = build("sensor.other.radar", sensor_tick=0.1)
    radar.measure(at(1, stage=WALL))
    assert radar.measure(at(2, stage=WALL)) is None
    # A metre in the two ticks since the last output, whatever the velocity it was told.
    context = replace(at(3, (1.0, 0.0, 2.5), stage=WALL), velocity=np.array([99.0, 0.0, 0.0]))
    rows = radar_rows(radar.measure(context))
    np.testing.assert_allclose(rows[:, 0], -10.0 * directions(rows)[:, 0], atol=1e-4)


def test_radar_reaches_a_plane_not_a_sphere_and_reports_misses_as_nothing() -> None:
    radar = build("sensor.other.radar", horizontal_fov=90, vertical_fov=0.1, range=29.6)
    rows = radar_rows(radar.measure(at(stage=WALL)))
    assert len(rows) == 75
    assert rows[:, 3].max() > 29.6
    blind = build("sensor.other.radar", horizontal_fov=90, vertical_fov=0.1, range=29.4)
    assert blind.measure(at(stage=WALL)) == b""
    assert build("sensor.other.radar").measure(at(stage=Stage(ground(-500.0)))) == b""


def sweep(solids: Solids, **attributes: object) -> object:
    sensor = build("sensor.other.obstacle", **attributes)
    body = sensor.measure(at(location=(0.0, 0.0, 2.0), solids=solids, parent_id=100, event_body=pack))
    return None if body is None else msgpack.unpackb(body)


PARENT = (0.0, 0.0, 1.0), (3.0, 1.0, 1.5)


def test_obstacle_meets_faces_and_edges() -> None:
    two = solid_boxes(PARENT, ((10.0, 0.0, 2.0), (1.0, 1.0, 1.0)), ((8.0, 5.0, 2.0), (1.0, 1.0, 1.0)))
    assert sweep(two, distance=20.0) == [101, Label.CAR, pytest.approx(8.5, abs=2e-3)]
    assert sweep(two, distance=8.4) is None
    edge = solid_boxes(PARENT, ((10.0, 1.3, 2.0), (1.0, 1.0, 5.0)))
    way = 9.0 - np.sqrt(0.5**2 - 0.3**2)
    assert sweep(edge, distance=20.0) == [101, Label.CAR, pytest.approx(way, abs=3e-3)]
    beside = solid_boxes(PARENT, ((10.0, 1.51, 2.0), (1.0, 1.0, 5.0)))
    assert sweep(beside, distance=20.0) is None
    assert sweep(beside, distance=20.0, hit_radius=0.6) is not None


def test_obstacle_looks_where_the_sensor_looks_and_names_the_nearest() -> None:
    boxes = solid_boxes(PARENT, ((0.0, 12.0, 2.0), (1.0, 1.0, 1.0)), ((0.0, 7.0, 2.0), (1.0, 1.0, 1.0)))
    sensor = build("sensor.other.obstacle", distance=20.0, hit_radius=0.25)
    there = at(1, (0.0, 0.0, 2.0), (0.0, 90.0, 0.0), solids=boxes, parent_id=100, event_body=pack)
    assert msgpack.unpackb(sensor.measure(there)) == [102, Label.CAR, pytest.approx(5.75, abs=2e-3)]


def test_obstacle_asks_for_everything_within_its_reach() -> None:
    asked: list[float] = []

    def solids(radius_m: float) -> Solids:
        asked.append(radius_m)
        return Solids()

    sensor = build("sensor.other.obstacle", distance=20.0, hit_radius=0.5)
    assert sensor.measure(replace(at(), solids=solids)) is None
    assert asked == [20.5]


def test_obstacle_meets_the_road_unless_only_dynamics_count() -> None:
    uphill = Solids(grade_x=0.2)
    body = sweep(uphill, distance=20.0)
    length = np.hypot(1.0, 0.2)
    assert body == [0, Label.ROADS, pytest.approx((2.0 / length - 0.5) / (0.2 / length), abs=1e-6)]
    assert sweep(uphill, distance=20.0, only_dynamics="true") is None
    box = ((10.0, 0.0, 2.0), (1.0, 1.0, 1.0))
    fence = solid_boxes(PARENT, box, label=np.array([Label.CAR, Label.FENCES], np.uint8))
    assert sweep(fence, distance=20.0) is not None
    assert sweep(fence, distance=20.0, only_dynamics="true") is None
    walker = solid_boxes(PARENT, box, label=np.array([Label.CAR, Label.PEDESTRIANS], np.uint8))
    assert sweep(walker, distance=20.0, only_dynamics="true") is not None


def test_collision_sends_one_event_per_party() -> None:
    sensor = build("sensor.other.collision")
    assert sensor.measure(at(1, event_body=pack)) is None
    contacts = [
        Collision(5, 14, (1.0, 0.0, 0.0)),
        Collision(0, 6, (9.0, 0.0, 0.0)),
        Collision(5, 14, (4.0, 3.0, 0.0)),
        Collision(0, 28, (2.0, 0.0, 0.0)),
    ]
    bodies = sensor.measure(at(2, event_body=pack, collisions=contacts))
    assert isinstance(bodies, list)
    events = sorted(msgpack.unpackb(body) for body in bodies)
    assert events == [[0, 6, [9.0, 0.0, 0.0]], [0, 28, [2.0, 0.0, 0.0]], [5, 14, [4.0, 3.0, 0.0]]]


def test_sensors_that_got_nothing_to_look_with_say_so() -> None:
    with pytest.raises(RuntimeError, match="cast no rays"):
        build("sensor.other.radar").measure(at())
    with pytest.raises(RuntimeError, match=r"nothing was rendered for sensor\.camera\.rgb"):
        build("sensor.camera.rgb").measure(at())


def test_registry() -> None:
    assert make_sensor("sensor.other.lane_invasion", {"role_name": "front"}, seed=0, actor_id=1) is None
    assert make_sensor("sensor.other.rss", {"role_name": "front"}, seed=0, actor_id=1) is None
    with pytest.raises(ValueError, match="no sensor"):
        make_sensor("sensor.camera.xray", {}, seed=0, actor_id=1)
    assert stream_type_index("sensor.other.collision", "0.9.15") == 0
    assert stream_type_index("sensor.camera.instance_segmentation", "0.9.16") == 15
    assert stream_type_index(WORLD_OBSERVER, "0.9.15") == 16
    assert stream_type_index(WORLD_OBSERVER, "0.9.16") == 17
