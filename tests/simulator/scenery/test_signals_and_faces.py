"""Traffic lights and signs face those who obey them; everything printed can be read from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from scenery_support import Surroundings, light_up

from lead.maps.layout import SignalKind
from lead.simulator.rendering.backend import Backend
from lead.simulator.rendering.scene import ColorStyle, RayBundle, View
from lead.simulator.scenery.bodies.props import prop_body
from lead.simulator.scenery.bodies.vehicle_plan import VehiclePlan
from lead.simulator.scenery.bodies.vehicles import parked_car, vehicle_body
from lead.simulator.scenery.buildings import add_building
from lead.simulator.scenery.faces import NAMES, build_atlas, face_uv, speed_face
from lead.simulator.scenery.materials import Label, LampChannel, Material
from lead.simulator.scenery.mesh import Mesh, MeshBuilder, transformed
from lead.simulator.scenery.placements import THING_DTYPE, Thing
from lead.simulator.scenery.signals import (
    ARM_HEAD_M,
    HOUSING_HALF_M,
    POST_HEAD_M,
    add_light_post,
    add_sign,
    approach_yaws,
    housing_mesh,
)
from lead.simulator.scenery.strips import TILE_M

SIGNAL_CHANNELS = (LampChannel.SIGNAL_RED, LampChannel.SIGNAL_YELLOW, LampChannel.SIGNAL_GREEN)


@pytest.fixture(scope="module", params=["Town01", "Town04", pytest.param("Town10HD", marks=pytest.mark.slow)])
def around(request: pytest.FixtureRequest, surroundings: Callable) -> Surroundings:
    return surroundings(request.param)


def lanes_of(around: Surroundings, signal: int) -> np.ndarray:
    """Boxes of the lanes that obey a signal; their yaw is the driving direction."""
    boxes = around.town.signal_boxes
    return boxes[boxes["owner"] == signal]


def lights_of(around: Surroundings) -> list[int]:
    return np.flatnonzero(around.town.signals["kind"] == SignalKind.TRAFFIC_LIGHT).tolist()


def pose_of(head: np.void) -> np.ndarray:
    pose = np.eye(4)
    pose[:2, :2] = [[np.cos(head["yaw"]), -np.sin(head["yaw"])], [np.sin(head["yaw"]), np.cos(head["yaw"])]]
    pose[:3, 3] = head["x"], head["y"], head["z"]
    return pose


def test_every_light_has_a_head_on_its_post(around: Surroundings) -> None:
    heads, signals = around.level.heads, around.town.signals
    np.testing.assert_array_equal(np.unique(heads["signal"]), lights_of(around))
    on_post = heads[heads["on_arm"] == 0]
    assert on_post["signal"].tolist() == lights_of(around), "one each, in order"
    own = signals[on_post["signal"]]
    assert np.hypot(on_post["x"] - own["x"], on_post["y"] - own["y"]).max() < 0.4
    foot = around.index.query(np.stack([own["x"], own["y"], own["z"]], axis=1)).z
    np.testing.assert_allclose(on_post["z"] - foot, POST_HEAD_M, atol=1e-6)


def test_heads_on_arms_hang_above_the_lanes_that_obey_them(around: Surroundings) -> None:
    arms = around.level.heads[around.level.heads["on_arm"] == 1]
    assert len(arms) > 10
    for head in arms:
        own = lanes_of(around, int(head["signal"]))
        aside = np.array([-np.sin(head["yaw"]), np.cos(head["yaw"])])
        offset = np.stack([own["x"] - head["x"], own["y"] - head["y"]], axis=1) @ aside
        assert offset.min() < 1.0 and offset.max() > -1.0
        ground = around.index.query(np.array([[head["x"], head["y"], head["z"] - ARM_HEAD_M]])).z[0]
        assert head["z"] - HOUSING_HALF_M[2] - ground > 4.2, "lorries fit below"


def test_lights_and_signs_face_the_traffic_that_obeys_them(around: Surroundings) -> None:
    yaws, checked = approach_yaws(around.town), 0
    for head in around.level.heads:
        for box in lanes_of(around, int(head["signal"])):
            assert np.cos(head["yaw"] - box["yaw"]) < -0.9
            checked += 1
    for signal in np.flatnonzero(around.town.signals["kind"] != SignalKind.TRAFFIC_LIGHT):
        plate = around.level.boxes[around.level.first_signal + signal]
        assert plate["ext_x"] < 0.1 < plate["ext_y"]
        for box in lanes_of(around, int(signal)):
            assert np.cos(yaws[signal] - box["yaw"]) > 0.9
            assert abs(np.cos(plate["yaw"] - box["yaw"])) > 0.9, "the thin side of the box lies along the road"
            checked += 1
    assert checked > 40


def test_a_head_has_a_lens_of_every_channel_red_on_top_in_front() -> None:
    mesh = housing_mesh()
    lens = mesh.material == Material.LAMP
    assert set(mesh.channel[lens].tolist()) == set(SIGNAL_CHANNELS)
    assert not mesh.channel[~lens].any() and set(mesh.label.tolist()) == {Label.TRAFFIC_LIGHT}
    points = mesh.vertices[mesh.triangles]
    height = [points[mesh.channel == channel][..., 2].mean() for channel in SIGNAL_CHANNELS]
    assert height[0] > height[1] + 0.25 > height[2] + 0.5
    assert points[lens][..., 0].min() > 0.09, "they look towards +x"
    hue = [np.argmax(mesh.color[mesh.channel == channel][0]) for channel in SIGNAL_CHANNELS]
    assert hue == [0, 0, 1]
    assert mesh.color[mesh.channel == LampChannel.SIGNAL_YELLOW][0, 1] > 150
    assert np.abs(points[~lens]).max(axis=(0, 1))[2] <= HOUSING_HALF_M[2] + 0.11


def test_the_arm_reaches_from_the_post_to_the_head(around: Surroundings) -> None:
    level, signals = around.level, around.town.signals
    for signal in lights_of(around):
        heads = level.heads[level.heads["signal"] == signal]
        foot = np.array([*signals[["x", "y"]][signal].tolist(), heads["z"][0] - POST_HEAD_M])
        builder = MeshBuilder()
        add_light_post(builder, foot, heads)
        mesh = builder.build()
        assert set(mesh.label.tolist()) == {Label.POLES}
        assert mesh.vertices[:, 2].min() < foot[2] and mesh.vertices[:, 2].max() > heads["z"].max() + 0.2
        for head in heads:
            back = np.array([head["x"], head["y"], head["z"]]) - 0.13 * pose_of(head)[:3, 0]
            assert np.linalg.norm(mesh.vertices[:, :2] - back[:2], axis=1).min() < 0.25, "it is held from behind"


def test_drivers_see_a_head_of_their_light(around: Surroundings, embree: Backend) -> None:
    level = around.level
    keys = sorted({tuple(key) for key in around.structures.tile_of[level.first_signal : level.first_thing].tolist()})
    hidden = np.zeros(len(level.boxes), bool)
    hidden[level.first_thing :] = np.isin(level.things["kind"], (Thing.BROADLEAF, Thing.CONIFER))
    heads = MeshBuilder()
    for head in level.heads:
        heads.mesh(transformed(housing_mesh(), pose_of(head)))
    embree.set_tile("heads", heads.build(), np.zeros(3))
    for key in keys:
        embree.set_tile(key, around.structures.tile(key, hidden), TILE_M * np.array([*key, 0.0]))
    light_up(embree)
    seen = []
    for signal in lights_of(around):
        own = level.heads[level.heads["signal"] == signal]
        for box in lanes_of(around, signal):
            eye = np.array([box["x"] - 15.0 * np.cos(box["yaw"]), box["y"] - 15.0 * np.sin(box["yaw"]), box["z"] + 1.3])
            lens = np.array([(pose_of(head) @ [0.125, 0.0, height, 1.0])[:3] for head in own for height in (-0.3, 0.3)])
            way = lens - eye
            distance = np.linalg.norm(way, axis=1)
            hits = embree.cast([RayBundle(eye, (way / distance[:, None]).astype(np.float32), 200.0)])[0]
            near = np.abs(hits.distance - distance) < 0.1
            seen.append((near & (hits.label == Label.TRAFFIC_LIGHT)).reshape(len(own), 2).all(axis=1))
    for key in ("heads", *keys):
        embree.drop_tile(key)
    assert np.mean([views.any() for views in seen]) > 0.97
    assert np.mean(np.concatenate(seen)) > 0.9


# -- printed faces -------------------------------------------------------------------------------------------------


@dataclass
class Patch:
    """A printed surface of a mesh.

    Attributes:
        name: The face in the atlas.
        corners: (n, 3).
        normal: (3,), to the side from which it is read.
        uv: (4,), left, top, right and bottom of what it shows of the atlas.
    """

    name: str
    corners: np.ndarray
    normal: np.ndarray
    uv: np.ndarray


def patches_of(mesh: Mesh) -> Iterator[Patch]:
    """All printed surfaces; triangles that share corners and a normal make up one."""
    rows = np.flatnonzero(mesh.material == Material.FACE)
    groups: list[set[int]] = []
    for row in rows.tolist():
        mine = set(mesh.triangles[row].tolist())
        touching = [group for group in groups if group & mine]
        groups = [group for group in groups if not group & mine] + [mine.union(*touching)]
    for group in groups:
        index = np.array(sorted(group))
        uv = mesh.uv[index].astype(np.float64)
        middle = uv.mean(axis=0)
        name = next(n for n in NAMES if (middle > face_uv(n)[:2]).all() and (middle < face_uv(n)[2:]).all())
        yield Patch(
            name,
            mesh.vertices[index].astype(np.float64),
            mesh.normals[index[0]].astype(np.float64),
            np.concatenate([uv.min(axis=0), uv.max(axis=0)]),
        )


def in_pixels(uv: np.ndarray | tuple[float, ...]) -> tuple[slice, slice]:
    """Rows and columns of the atlas between left, top, right and bottom."""
    height, width = build_atlas().shape[:2]
    left, top, right, bottom = np.rint(np.asarray(uv) * [width, height, width, height]).astype(int).tolist()
    return slice(top, bottom), slice(left, right)


def picture_of(backend: Backend, patch: Patch, away_m: float) -> tuple[np.ndarray, np.ndarray]:
    """What somebody sees in front of a patch: grey (128, 128) picture of its bounds, and where the patch shows."""
    forward = -patch.normal
    right = np.array([-forward[1], forward[0], 0.0])
    right /= np.linalg.norm(right)
    up = np.cross(forward, right)
    plan = np.stack([patch.corners @ right, patch.corners @ up], axis=1)
    low, high = plan.min(axis=0), plan.max(axis=0)
    middle = right * 0.5 * (low + high)[0] + up * 0.5 * (low + high)[1] + forward * (patch.corners[0] @ forward)
    size = float((high - low).max())
    view = View(
        middle - away_m * forward,
        np.stack([forward, right, up], axis=1),
        256,
        256,
        float(np.degrees(2.0 * np.arctan(0.5 * size / away_m))),
    )
    frame = backend.render([view])
    grey = cv2.cvtColor(frame.color(ColorStyle(effects=False))[0][..., :3], cv2.COLOR_BGR2GRAY).astype(np.float32)
    shows = (np.abs(frame.ground_truth()[0].depth - away_m) < 0.02).astype(np.float32)
    half_w, half_h = (128 * (high - low) / size).astype(int)
    part = slice(128 - half_h, 128 + half_h), slice(128 - half_w, 128 + half_w)
    return cv2.resize(grey[part], (128, 128)), cv2.resize(shows[part], (128, 128)) > 0.5


def assert_readable(backend: Backend, mesh: Mesh, *, away_m: float = 6.0) -> list[Patch]:
    """Every patch looks like its part of the atlas, more so than like that part mirrored or upside down."""
    backend.set_tile("printed", mesh, np.zeros(3))
    light_up(backend)
    atlas = cv2.cvtColor(build_atlas(), cv2.COLOR_RGB2GRAY).astype(np.float32)
    patches = list(patches_of(mesh))
    try:
        for patch in patches:
            picture, shows = picture_of(backend, patch, away_m)
            cell = cv2.resize(atlas[in_pixels(patch.uv)], (128, 128))
            assert shows.mean() > 0.4, f"{patch.name} is hidden"

            def likeness(other: np.ndarray, picture: np.ndarray = picture, shows: np.ndarray = shows) -> float:
                return float(np.corrcoef(picture[shows], other[shows])[0, 1])

            right_way = likeness(cell)
            assert right_way > 0.6, f"{patch.name} does not look like its face: {right_way:.2f}"
            for turned in (cell[:, ::-1], cell[::-1], cell[::-1, ::-1]):
                if np.abs(turned - cell)[shows].mean() > 4.0:
                    assert right_way > likeness(turned) + 0.05, f"{patch.name} is mirrored"
    finally:
        backend.drop_tile("printed")
    return patches


def sign_mesh(kind: SignalKind, value: float, yaw: float) -> Mesh:
    builder = MeshBuilder()
    add_sign(builder, np.array([3.0, -2.0, 1.0]), yaw, kind, value)
    return builder.build()


@pytest.mark.parametrize("yaw", [0.0, 2.0, -1.3])
@pytest.mark.parametrize(
    ("kind", "value", "name"),
    [
        (SignalKind.SPEED_LIMIT, 20.0, "speed_20"),
        (SignalKind.SPEED_LIMIT, 30.0, "speed_30"),
        (SignalKind.SPEED_LIMIT, 90.0, "speed_90"),
        (SignalKind.SPEED_LIMIT, 120.0, "speed_120"),
        (SignalKind.STOP, 0.0, "stop"),
        (SignalKind.YIELD, 0.0, "yield"),
    ],
)
def test_drivers_can_read_signs(embree: Backend, kind: SignalKind, value: float, name: str, yaw: float) -> None:
    (patch,) = assert_readable(embree, sign_mesh(kind, value, yaw))
    assert patch.name == name
    np.testing.assert_allclose(patch.uv, face_uv(name), atol=0.01)
    np.testing.assert_allclose(patch.normal, [-np.cos(yaw), -np.sin(yaw), 0.0], atol=1e-6)
    assert patch.corners[:, 2].mean() == pytest.approx(1.0 + 2.45, abs=0.2)


def test_signs_of_a_town_can_be_read_from_the_lanes_that_obey_them(around: Surroundings, embree: Backend) -> None:
    town, level = around.town, around.level
    hidden, read = np.ones(len(level.boxes), bool), set()
    hidden[level.first_signal : level.first_thing] = False
    signs = np.flatnonzero(town.signals["kind"] != SignalKind.TRAFFIC_LIGHT)
    for signal in signs[:: max(1, len(signs) // 8)].tolist():
        row = level.first_signal + signal
        key = tuple(around.structures.tile_of[row].tolist())
        alone = np.ones(len(level.boxes), bool)
        alone[row] = False
        mesh = around.structures.tile(key, alone)
        (patch,) = assert_readable(embree, mesh)
        wanted = {SignalKind.STOP: "stop", SignalKind.YIELD: "yield"}.get(town.signals["kind"][signal])
        assert patch.name == (wanted or f"speed_{town.signals['value'][signal]:.0f}")
        for box in lanes_of(around, signal):
            assert patch.normal[:2] @ [np.cos(box["yaw"]), np.sin(box["yaw"])] < -0.9
        read.add(patch.name)
    assert len(read) >= 2


def test_the_nearest_speed_is_printed() -> None:
    for value, name in (
        (30.0, "speed_30"),
        (33.0, "speed_30"),
        (47.0, "speed_50"),
        (200.0, "speed_130"),
        (5, "speed_20"),
    ):
        assert speed_face(value) == name


def test_a_stop_sign_is_a_red_octagon_and_a_yield_sign_stands_on_its_tip() -> None:
    stop = next(patches_of(sign_mesh(SignalKind.STOP, 0.0, 0.0)))
    assert len(stop.corners) == 8
    radius = np.linalg.norm(stop.corners - stop.corners.mean(axis=0), axis=1)
    np.testing.assert_allclose(radius, radius[0], rtol=1e-4)
    top = np.sort(stop.corners[:, 2])
    assert top[-1] == pytest.approx(top[-2], abs=1e-5), "it stands on a side, not on a corner"
    side = np.diff(stop.corners[:, 1][np.argsort(stop.corners[:, 2])][-2:])
    assert abs(side[0]) == pytest.approx(2 * radius[0] * np.sin(np.pi / 8), rel=1e-4)
    atlas = build_atlas().astype(int)
    for name, least in (("stop", 0.6), ("yield", 0.4)):
        cell = atlas[in_pixels(face_uv(name))]
        assert np.mean((cell[..., 0] > 140) & (cell[..., 1:].max(axis=-1) < 90)) > least, "mostly red"
    warning = next(patches_of(sign_mesh(SignalKind.YIELD, 0.0, 0.0)))
    assert len(warning.corners) == 3
    height = np.sort(warning.corners[:, 2])
    assert height[1] == pytest.approx(height[2], abs=1e-5) and height[0] < height[1] - 0.6


def test_cells_of_the_atlas_are_apart_and_not_blank() -> None:
    atlas = build_atlas()
    boxes = np.array([face_uv(name) for name in NAMES])
    assert ((boxes >= 0.0) & (boxes <= 1.0)).all()
    cells = [atlas[in_pixels(box)] for box in boxes]
    assert all(cell.std() > 10.0 for cell in cells)
    assert len({cell.tobytes() for cell in cells}) == len(NAMES)
    for one in range(len(boxes)):
        others = np.delete(boxes, one, axis=0)
        apart = (others[:, 0] >= boxes[one, 2]) | (others[:, 2] <= boxes[one, 0])
        apart |= (others[:, 1] >= boxes[one, 3]) | (others[:, 3] <= boxes[one, 1])
        assert apart.all()


@pytest.mark.parametrize(
    ("style", "word", "size"),
    [
        ("police", "police", (5.0, 2.0, 1.5)),
        ("taxi", "taxi", (5.3, 1.8, 1.55)),
        ("ambulance", "ambulance", (6.4, 2.35, 2.4)),
        ("firetruck", "fire", (8.5, 2.9, 3.8)),
    ],
)
def test_lettering_and_plates_of_vehicles_can_be_read_on_all_sides(
    embree: Backend, style: str, word: str, size: tuple[float, float, float]
) -> None:
    plan = VehiclePlan(style, *size, 0.1, -0.02, 0.58 * size[0], 0.35, Label.CAR)
    patches = assert_readable(embree, vehicle_body(plan))
    sides = {(patch.name, tuple(np.rint(patch.normal).astype(int).tolist())) for patch in patches}
    assert sides == {(word, (0, 1, 0)), (word, (0, -1, 0)), ("plate", (1, 0, 0)), ("plate", (-1, 0, 0))}


def test_parked_cars_have_plates_at_both_ends(embree: Backend) -> None:
    for seed in range(5):
        patches = assert_readable(embree, parked_car(seed, 2.3, 0.95))
        assert sorted(round(patch.normal[0]) for patch in patches) == [-1, 1]


@pytest.mark.parametrize("kind", ["busstop", "kiosk_01", "streetsign01", "streetsign04", "vendingmachine"])
def test_printed_props_can_be_read(embree: Backend, kind: str) -> None:
    assert assert_readable(embree, prop_body(kind, (2.0, 1.2, 2.4), Label.STATIC), away_m=4.0)


def test_shop_signs_can_be_read_from_the_street(embree: Backend) -> None:
    read = 0
    for seed in range(20):
        thing = np.zeros(1, THING_DTYPE)[0]
        thing["kind"], thing["half_x"], thing["half_y"], thing["height"], thing["seed"] = Thing.BLOCK, 10, 7, 9.8, seed
        builder = MeshBuilder()
        add_building(builder, thing, np.eye(4))
        for patch in assert_readable(embree, builder.build()):
            assert patch.name == "shop" and patch.normal[1] < -0.99
            read += 1
    assert read > 3
