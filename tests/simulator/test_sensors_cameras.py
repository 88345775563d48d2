"""Cameras of ground truth and of colour: what of a known scene stands in their pixels."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sensor_support import (
    FIRST_ACTOR,
    GROUND_OBJECT,
    STRAIGHT,
    Mover,
    Stage,
    build,
    camera,
    ground,
    image,
    pixel_rays,
    plane_depth,
    view_of,
    wall,
)

from lead.geometry.frames import rotation_matrices
from lead.simulator.scenery.materials import Label
from lead.simulator.scenery.mesh import Look, MeshBuilder, merge
from lead.simulator.world.weather import WeatherParameters

EMPTY = Stage()
CORNER = Stage(merge([wall(30.0), ground()]))
STORM = WeatherParameters(
    cloudiness=100.0, precipitation=90.0, fog_density=60.0, sun_altitude_angle=-30.0, wetness=80.0
)
TURNED = (12.0, -7.0, 2.5), (-8.0, 25.0, 3.0)


def metres(rgb: NDArray[np.int64]) -> NDArray[np.float64]:
    """Depth as CARLA's documentation decodes it."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    return 1000.0 * (red + 256 * green + 65536 * blue) / (2**24 - 1)


def objects(rgb: NDArray[np.int64]) -> NDArray[np.int64]:
    """Object numbers of an instance segmentation."""
    return rgb[..., 1] + 256 * rgb[..., 2]


@pytest.mark.parametrize("kind", ["rgb", "depth", "semantic_segmentation", "instance_segmentation", "normals"])
def test_camera_images_are_bgra_of_the_wanted_size(kind: str) -> None:
    rgb = image(camera(kind, image_size_x=20, image_size_y=10, fov=110), EMPTY)
    assert rgb.shape == (10, 20, 3)


def test_the_sky_is_far_away_and_nothing_but_sky() -> None:
    size = {"image_size_x": 21, "image_size_y": 9}
    assert (metres(image(camera("depth", **size), EMPTY)) == 1000.0).all()
    for kind in ("semantic_segmentation", "instance_segmentation"):
        assert (image(camera(kind, **size), EMPTY) == [Label.SKY, 0, 0]).all()
    assert (image(camera("normals", **size), EMPTY) == 128).all()


@pytest.mark.parametrize("x", [0.5, 3.0, 17.43, 180.0, 987.6])
def test_depth_of_a_wall_is_along_the_optical_axis(x: float) -> None:
    depth = metres(image(camera("depth", image_size_x=64, image_size_y=48, fov=9), Stage(wall(x))))
    np.testing.assert_allclose(depth, x, atol=1e-3)


@pytest.mark.parametrize(
    ("size", "fov"), [((64, 48), 90.0), ((33, 71), 60.0), ((120, 20), 110.0)], ids=["usual", "odd and tall", "wide"]
)
def test_depth_of_slanted_planes_comes_back_from_the_bytes(size: tuple[int, int], fov: float) -> None:
    sensor = camera("depth", image_size_x=size[0], image_size_y=size[1], fov=fov)
    view = view_of(sensor, TURNED)
    planes = ((30.0, 0.0, 0.0), (-1.0, 0.0, 0.0)), ((0.0, 0.0, 0.5), (-0.03, 0.01, 1.0))
    depths = np.stack([plane_depth(view, *plane) for plane in planes])
    expected = np.where(depths > 0.0, depths, np.inf).min(axis=0)
    depth = metres(image(sensor, Stage(merge([wall(30.0), ground(0.5, 0.03, -0.01)])), TURNED))
    # A pixel whose centre lies in the crease between the planes may show either, which have equal depths there.
    np.testing.assert_allclose(depth, expected, atol=1e-3)


def test_depth_and_lidar_geometry_agree_on_an_actor() -> None:
    mover = Mover((9.0, 1.0, 2.0), (1.0, 0.5, 0.7), yaw_deg=40.0)
    sensor = camera("depth", image_size_x=96, image_size_y=64, fov=60)
    depth = metres(image(sensor, Stage(movers=[mover])))
    seen = depth < 999.0
    assert 200 < seen.sum() < 3000
    view = view_of(sensor, STRAIGHT)
    points = view.location + depth[seen, None] * pixel_rays(view)[seen]
    local = (points - mover.center) @ rotation_matrices(0.0, mover.yaw_deg, 0.0)
    np.testing.assert_allclose((np.abs(local) / mover.half).max(axis=1), 1.0, atol=2e-3)


def test_semantic_pixels_hold_the_class_in_red() -> None:
    builder = MeshBuilder()
    labels = [Label.SIDEWALKS, Label.VEGETATION, Label.GUARD_RAIL]
    for column, label in enumerate(labels):
        left, right = -9.0 + 6.0 * column, -3.0 + 6.0 * column
        builder.quad([[9.0, left, -9.0], [9.0, right, -9.0], [9.0, right, 9.0], [9.0, left, 9.0]], Look(label=label))
    sensor = camera("semantic_segmentation", image_size_x=12, image_size_y=6, fov=90)
    rgb = image(sensor, Stage(builder.build()), ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)))
    np.testing.assert_array_equal(rgb[..., 0], np.tile(np.repeat(labels, 4), (6, 1)))
    assert not rgb[..., 1:].any()


def test_every_class_survives_the_camera() -> None:
    for label in Label:
        rgb = image(camera("semantic_segmentation", image_size_x=1, image_size_y=1), Stage(wall(5.0, label)))
        assert rgb.ravel().tolist() == [label, 0, 0]


def test_instance_pixels_name_actors_by_the_low_16_bits_of_their_ids() -> None:
    ids = [FIRST_ACTOR, 0x1234, 0x7ABCD]
    movers = [Mover((10.0, y, 2.5), (0.5, 1.0, 1.0), actor_id=ids[row]) for row, y in enumerate((-4.0, 0.0, 4.0))]
    rgb = image(camera("instance_segmentation", image_size_x=90, image_size_y=30), Stage(ground(), movers))
    cars = rgb[..., 0] == Label.CAR
    assert set(objects(rgb)[cars].tolist()) == {FIRST_ACTOR, 0x1234, 0xABCD}
    columns = [int(np.nonzero(objects(rgb) == number)[1].mean()) for number in (FIRST_ACTOR, 0x1234, 0xABCD)]
    assert columns == sorted(columns)


def test_instance_pixels_keep_objects_of_the_level_apart_from_actors() -> None:
    # An actor whose id is the number of an object of the level must not look like it.
    stage = Stage(merge([ground(), wall(60.0)]), [Mover((10.0, 0.0, 2.5), (0.5, 1.0, 1.0), actor_id=GROUND_OBJECT)])
    rgb = image(camera("instance_segmentation", image_size_x=40, image_size_y=30), stage)
    number = {label: set(objects(rgb)[rgb[..., 0] == label].tolist()) for label in (Label.CAR, Label.ROADS)}
    assert number == {Label.CAR: {GROUND_OBJECT}, Label.ROADS: {0x8000 + GROUND_OBJECT}}
    assert set(objects(rgb)[rgb[..., 0] == Label.WALLS].tolist()) == {0}, "what has no number is nothing of its own"


def test_normals_are_in_the_world_frame_and_face_the_camera() -> None:
    size = {"image_size_x": 31, "image_size_y": 31, "fov": 90}
    rgb = image(camera("normals", **size), CORNER, TURNED)
    labels = image(camera("semantic_segmentation", **size), CORNER, TURNED)[..., 0]
    assert set(labels.ravel().tolist()) == {Label.WALLS, Label.ROADS}
    # Zero is 127.5, which no byte is.
    assert np.abs(rgb[labels == Label.WALLS] - [0, 127.5, 127.5]).max() <= 0.5
    assert np.abs(rgb[labels == Label.ROADS] - [127.5, 127.5, 255]).max() <= 0.5
    behind = image(camera("normals", **size), CORNER, ((60.0, 0.0, 2.5), (30.0, 180.0, 0.0)))
    assert np.abs(behind[0] - [255, 127.5, 127.5]).max() <= 0.5


def test_normals_of_a_slope_decode_to_it() -> None:
    down = (0.0, 0.0, 3.0), (-80.0, 30.0, 0.0)
    rgb = image(camera("normals", image_size_x=8, image_size_y=8), Stage(ground(0.0, 0.2, -0.1)), down)
    normal = np.array([-0.2, 0.1, 1.0]) / np.linalg.norm([-0.2, 0.1, 1.0])
    np.testing.assert_allclose(rgb / 127.5 - 1.0, np.broadcast_to(normal, rgb.shape), atol=0.5 / 127.5 + 1e-6)


GREY = Stage(wall(6.0, color=(110, 110, 110)))


def photo(stage: Stage, **attributes: object) -> NDArray[np.int64]:
    return image(camera("rgb", image_size_x=16, image_size_y=16, **attributes), stage)


def test_colour_pixels_are_blue_green_red() -> None:
    for channel, color in enumerate([(200, 30, 30), (30, 200, 30), (30, 30, 200)]):
        rgb = photo(Stage(wall(6.0, color=color))).mean(axis=(0, 1))
        others = np.delete(rgb, channel)
        assert rgb[channel] > 2.0 * others.max()


def test_gamma_and_exposure_make_pictures_brighter_or_darker() -> None:
    usual = photo(GREY).mean()
    assert 20.0 < usual < 220.0
    assert photo(GREY, gamma=1.5).mean() < usual < photo(GREY, gamma=3.0).mean()
    assert photo(GREY, exposure_compensation=-1).mean() < usual < photo(GREY, exposure_compensation=1).mean()


def test_manual_exposure_counts_in_stops_from_the_defaults() -> None:
    np.testing.assert_array_equal(photo(GREY, exposure_mode="manual"), photo(GREY))
    brighter = photo(GREY, exposure_compensation=1)
    for film in ({"iso": 200}, {"shutter_speed": 100}, {"fstop": 0.7, "exposure_compensation": -1}):
        np.testing.assert_array_equal(photo(GREY, exposure_mode="manual", **film), brighter)
        automatic = {name: value for name, value in film.items() if name != "exposure_compensation"}
        np.testing.assert_array_equal(photo(GREY, **automatic), photo(GREY))


def test_weather_changes_colours_and_nothing_else() -> None:
    level = merge([ground(), wall(30.0)])
    noon, storm = Stage(level), Stage(level, weather=STORM)
    size = {"image_size_x": 32, "image_size_y": 24}
    for kind in ("depth", "semantic_segmentation", "instance_segmentation", "normals"):
        np.testing.assert_array_equal(image(camera(kind, **size), noon), image(camera(kind, **size), storm))
    assert (image(camera("rgb", **size), noon) != image(camera("rgb", **size), storm)).mean() > 0.5


@pytest.mark.parametrize(
    "attributes", [{"image_size_x": 0}, {"image_size_y": 20000}, {"fov": 180}, {"sensor_tick": -1}, {"gamma": 0}]
)
def test_nonsense_cameras_are_refused(attributes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(attributes))):
        build("sensor.camera.rgb", **attributes)
