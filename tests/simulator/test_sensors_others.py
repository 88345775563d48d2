"""Radar, cameras, collision and obstacle bodies, and the sensor registry."""

import msgpack
import numpy as np
import pytest
from sensor_support import STEP_S, at, boxes, build

from lead.simulator.rendering.interim import SceneView
from lead.simulator.sensors import WORLD_OBSERVER, Collision, make_sensor, stream_type_index

WALL = ((30.0, 0.0, 0.0), 0.0, (0.5, 100.0, 100.0))


def radar_rows(body: object) -> np.ndarray:
    assert isinstance(body, bytes)
    return np.frombuffer(body, "<f4").reshape(-1, 4)


def test_radar_pattern_and_geometry() -> None:
    radar = build("sensor.other.radar", horizontal_fov=60, vertical_fov=20, points_per_second=100000)
    rows = radar_rows(radar.measure(at(scene=boxes(WALL, ground_z=-1000.0))))
    assert len(rows) == 5000
    _, azimuth, altitude, depth = rows.T
    x = depth * np.cos(altitude) * np.cos(azimuth)
    np.testing.assert_allclose(x, 29.5, atol=1e-3)
    u = np.tan(azimuth) / np.tan(np.radians(30.0))
    v = np.tan(altitude) / np.cos(azimuth) / np.tan(np.radians(10.0))
    radius = np.hypot(u, v)
    assert radius.max() <= 1.0 + 1e-5
    assert radius.mean() == pytest.approx(0.5, abs=0.02), "the radius, not the area, is uniform"
    assert azimuth.mean() == pytest.approx(0.0, abs=0.01)


def test_radar_counts_per_tick() -> None:
    scene = boxes(WALL, ground_z=-1000.0)
    assert len(radar_rows(build("sensor.other.radar").measure(at(scene=scene)))) == 75
    few = build("sensor.other.radar", points_per_second=1530)
    assert len(radar_rows(few.measure(at(scene=scene)))) == 76


def test_radar_speed_is_negative_when_approaching() -> None:
    scene = boxes(WALL, ground_z=-1000.0, velocity=np.array([[-5.0, 0.0, 0.0]]))
    radar = build("sensor.other.radar", horizontal_fov=10, vertical_fov=10)
    radar.measure(at(1, (0.0, 0.0, 1.0), scene=scene))
    rows = radar_rows(radar.measure(at(2, (10.0 * STEP_S, 0.0, 1.0), scene=scene)))
    expected = -15.0 * np.cos(rows[:, 1]) * np.cos(rows[:, 2])
    np.testing.assert_allclose(rows[:, 0], expected, atol=1e-4)


def test_radar_reaches_a_plane_not_a_sphere_and_reports_misses_as_nothing() -> None:
    radar = build("sensor.other.radar", horizontal_fov=90, vertical_fov=0.1, range=29.6)
    rows = radar_rows(radar.measure(at(scene=boxes(WALL, ground_z=-1000.0))))
    assert len(rows) == 75
    assert rows[:, 3].max() > 29.6
    blind = build("sensor.other.radar", horizontal_fov=90, vertical_fov=0.1, range=29.4)
    assert blind.measure(at(scene=boxes(WALL, ground_z=-1000.0))) == b""


@pytest.mark.parametrize("kind", ["rgb", "depth", "semantic_segmentation", "instance_segmentation", "normals"])
def test_camera_images_are_bgra(kind: str) -> None:
    body = build(f"sensor.camera.{kind}", image_size_x=20, image_size_y=10, fov=110).measure(at())
    assert isinstance(body, bytes)
    assert np.frombuffer(body, "<u4", 2).tolist() == [20, 10]
    assert np.frombuffer(body, "<f4", 1, 8)[0] == 110.0
    image = np.frombuffer(body, np.uint8, offset=12).reshape(10, 20, 4)
    assert (image[..., 3] == 255).all()
    blue, green, red = (image[..., i].astype(np.int64) for i in range(3))
    if kind == "depth":
        assert (1000.0 * (red + 256 * green + 65536 * blue) / (2**24 - 1) == 1000.0).all()
    if kind.endswith("segmentation"):
        assert (red == 11).all()
        assert (green == 0).all()
        assert (blue == 0).all()


def test_flow_and_events() -> None:
    flow = build("sensor.camera.optical_flow", image_size_x=8, image_size_y=4).measure(at())
    assert isinstance(flow, bytes)
    assert not np.frombuffer(flow, "<f4", offset=12).reshape(4, 8, 2).any()
    events = build("sensor.camera.dvs", image_size_x=8, image_size_y=4).measure(at())
    assert isinstance(events, bytes)
    assert len(events) == 12


@pytest.mark.parametrize(
    "attributes", [{"image_size_x": 0}, {"image_size_y": 20000}, {"fov": 180}, {"sensor_tick": -1}]
)
def test_nonsense_cameras_are_refused(attributes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(attributes))):
        build("sensor.camera.rgb", **attributes)


def pack(other_id: int, label: int, payload: object) -> bytes:
    return bytes(msgpack.packb([other_id, label, payload]))


def sweep(scene: SceneView, **attributes: object) -> object:
    sensor = build("sensor.other.obstacle", **attributes)
    body = sensor.measure(at(location=(0.0, 0.0, 2.0), scene=scene, parent_id=100, event_body=pack))
    return None if body is None else msgpack.unpackb(body)


def test_obstacle_meets_faces_and_edges() -> None:
    parent = ((0.0, 0.0, 1.0), 0.0, (3.0, 1.0, 1.5))
    scene = boxes(parent, ((10.0, 0.0, 2.0), 0.0, (1.0, 1.0, 1.0)), ((8.0, 5.0, 2.0), 0.0, (1.0, 1.0, 1.0)))
    assert sweep(scene, distance=20.0) == [101, 14, pytest.approx(8.5, abs=2e-3)]
    assert sweep(scene, distance=8.4) is None
    edge = boxes(parent, ((10.0, 1.3, 2.0), 0.0, (1.0, 1.0, 5.0)))
    way = 9.0 - np.sqrt(0.5**2 - 0.3**2)
    assert sweep(edge, distance=20.0) == [101, 14, pytest.approx(way, abs=3e-3)]
    beside = boxes(parent, ((10.0, 1.51, 2.0), 0.0, (1.0, 1.0, 5.0)))
    assert sweep(beside, distance=20.0) is None


def test_obstacle_meets_the_road_unless_only_dynamics_count() -> None:
    uphill = SceneView(grade_x=0.2)
    body = sweep(uphill, distance=20.0)
    length = np.hypot(1.0, 0.2)
    assert body == [0, 1, pytest.approx((2.0 / length - 0.5) / (0.2 / length), abs=1e-6)]
    assert sweep(uphill, distance=20.0, only_dynamics="true") is None
    fence = boxes(((0.0, 0.0, 0.0), 0.0, (1.0, 1.0, 1.0)), ((10.0, 0.0, 2.0), 0.0, (1.0, 1.0, 1.0)))
    static = SceneView(**{**vars(fence), "label": np.array([14, 5], dtype=np.uint8)})
    assert sweep(static, distance=20.0) is not None
    assert sweep(static, distance=20.0, only_dynamics="true") is None


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


def test_registry() -> None:
    assert make_sensor("sensor.other.lane_invasion", {"role_name": "front"}, seed=0, actor_id=1) is None
    assert make_sensor("sensor.other.rss", {"role_name": "front"}, seed=0, actor_id=1) is None
    with pytest.raises(ValueError, match="no sensor"):
        make_sensor("sensor.camera.xray", {}, seed=0, actor_id=1)
    assert stream_type_index("sensor.other.collision", "0.9.15") == 0
    assert stream_type_index("sensor.camera.instance_segmentation", "0.9.16") == 15
    assert stream_type_index(WORLD_OBSERVER, "0.9.15") == 16
    assert stream_type_index(WORLD_OBSERVER, "0.9.16") == 17
