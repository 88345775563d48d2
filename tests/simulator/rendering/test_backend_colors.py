"""What every back end must get right about colours: paint, lamps, prints, shadows, the display curve, smooth edges."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from rendering_support import ORIGIN, air, box, color_of, floor, placed, plain, pose, show, truth_of, view_from, wall

from lead.simulator.rendering.backend import Backend
from lead.simulator.rendering.scene import ColorStyle, Lights
from lead.simulator.scenery.materials import LampChannel, Material
from lead.simulator.scenery.mesh import Look, MeshBuilder, merge

NIGHT = air(sun_altitude_angle=-40.0)
SMALL = view_from(size_px=(16, 16))
BRAKE, STREET = 1 << LampChannel.BRAKE, 1 << LampChannel.STREET


def lamp(channel: LampChannel, color: tuple[int, int, int] = (255, 40, 40)) -> Look:
    return Look(color, Material.LAMP, channel=channel)


def test_colours_are_bgra_and_opaque(backend: Backend) -> None:
    backend.set_tile("wall", wall(5.0, plain(color=(220, 120, 20))), ORIGIN)
    show(backend)
    pixels = backend.render([SMALL]).color(ColorStyle())[0]
    assert pixels.dtype == np.uint8 and pixels.shape == (16, 16, 4)
    assert (pixels[..., 3] == 255).all()
    blue, green, red = (int(pixels[8, 8, channel]) for channel in range(3))
    assert red > green + 30 > blue + 60


def test_paint_and_cloth_take_the_tint_of_their_instance_and_nothing_else_does(backend: Backend) -> None:
    kinds = (Material.PAINT, Material.CLOTH, Material.PLAIN, Material.METAL)
    numbers = [backend.add_prototype(wall(0.0, plain(color=(200, 200, 200), material=kind), 0.9)) for kind in kinds]
    poses = [pose((5.0, 2.0 * column - 3.0, 0.0)) for column in range(4)]

    def colors(tint: tuple[float, float, float]) -> np.ndarray:
        show(backend, placed(numbers, poses, tint=[tint] * 4), air(cloudiness=100.0))
        return color_of(backend, view_from(size_px=(50, 50)))[25, [10, 20, 30, 40]]

    white, green = colors((1.0, 1.0, 1.0)), colors((0.05, 0.9, 0.05))
    for tinted in (0, 1):
        assert green[tinted, 1] > green[tinted, 0] + 50
        assert abs(green[tinted, 1] - white[tinted, 1]) < 15
    np.testing.assert_array_equal(green[2:], white[2:])


def test_a_tiles_state_switches_the_lamps_of_its_channel_alone(backend: Backend) -> None:
    panes = merge([wall(6.0, lamp(LampChannel.STREET)), wall(5.0, lamp(LampChannel.BRAKE), 0.5)])
    backend.set_tile("lamps", panes, ORIGIN, state=0)
    backend.set_tile("other", wall(50.0, lamp(LampChannel.STREET)), ORIGIN, state=0)
    show(backend, environment=NIGHT)

    def red(state: int) -> tuple[int, int]:
        """Red of the brake lamp in the middle, and of the street lamp around it."""
        backend.set_tile_state("lamps", state)
        picture = color_of(backend, SMALL)
        return int(picture[8, 8, 0]), int(picture[2, 2, 0])

    dark = red(0)
    assert max(dark) < 100
    for state in (STREET, BRAKE, STREET | BRAKE, 0):
        middle, around = red(state)
        assert (middle > 200) == bool(state & BRAKE)
        assert (around > 200) == bool(state & STREET)
    assert red(0) == dark
    backend.set_tile_state("no such tile", STREET)
    backend.set_tile("lamps", panes, ORIGIN, state=BRAKE)
    assert color_of(backend, SMALL)[8, 8, 0] > 200, "a tile may be lit from the start"


def test_an_instances_state_switches_its_own_lamps(backend: Backend) -> None:
    number = backend.add_prototype(wall(0.0, lamp(LampChannel.BRAKE), 0.9))
    poses = [pose((5.0, -1.5, 0.0)), pose((5.0, 1.5, 0.0))]
    show(backend, placed([number, number], poses, state=[BRAKE, STREET]), NIGHT)
    picture = color_of(backend, view_from(size_px=(50, 50)))
    assert picture[25, 17, 0] > 200 > 100 > picture[25, 32, 0]


def test_emissive_surfaces_shine_in_their_colour_by_day_and_night(backend: Backend) -> None:
    backend.set_tile("sign", wall(5.0, plain(color=(40, 230, 60), material=Material.EMISSIVE)), ORIGIN)
    for environment in (air(), NIGHT):
        show(backend, environment=environment)
        red, green, _ = color_of(backend, SMALL)[8, 8]
        assert green > 200 and green > red + 60


def test_faces_show_the_atlas_the_right_way_up(backend: Backend) -> None:
    atlas = np.zeros((8, 8, 3), np.uint8)
    quarters = {(0, 0): (255, 0, 0), (0, 1): (0, 255, 0), (1, 0): (0, 0, 255), (1, 1): (255, 255, 0)}
    for (row, column), color in quarters.items():
        atlas[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = color
    backend.set_atlas(atlas)
    builder = MeshBuilder()
    corners = [[5.0, -5.0, 5.0], [5.0, 5.0, 5.0], [5.0, 5.0, -5.0], [5.0, -5.0, -5.0]]
    builder.quad(corners, plain(material=Material.FACE), uv=[[0, 0], [1, 0], [1, 1], [0, 1]])
    backend.set_tile("sign", builder.build(), ORIGIN)
    show(backend)
    picture = color_of(backend, SMALL)
    for (row, column), color in quarters.items():
        seen = picture[4 + 8 * row, 4 + 8 * column]
        lit, dark = seen[np.array(color) > 0], seen[np.array(color) == 0]
        assert lit.min() > 90 and dark.max() < 60, (row, column, seen)


@pytest.mark.parametrize("azimuth_deg", [0.0, 90.0, 200.0])
def test_shadows_fall_away_from_the_sun(backend: Backend, azimuth_deg: float) -> None:
    """A pillar on a plain seen from above: dark where rays to the sun meet it, light on the other side."""
    backend.set_tile("floor", floor(0.0, plain(color=(180, 180, 180))), ORIGIN)
    pillar = backend.add_prototype(box((0.5, 0.5, 2.0), plain(), center=(0.0, 0.0, 2.0)))
    show(backend, placed([pillar], [pose(ORIGIN)]), air(sun_azimuth_angle=azimuth_deg, sun_altitude_angle=45.0))
    view = view_from((0.0, 0.0, 30.0), (-90.0, 0.0, 0.0), (64, 64), 40.0)
    picture, truth = color_of(backend, view).sum(axis=-1), truth_of(backend, view)
    angle = np.radians(azimuth_deg)
    toward = np.array([np.cos(angle), np.sin(angle)])

    def at(point: np.ndarray) -> int:
        """Brightness of a place on the ground; the camera looks down with x up in the picture."""
        column, row = 31.5 + view.focal_px * point[1] / 30.0, 31.5 - view.focal_px * point[0] / 30.0
        where = round(row), round(column)
        assert truth.instance[where] == -1
        return int(picture[where])

    lit = at(2.0 * toward)
    assert at(-2.0 * toward) < 0.8 * lit
    for place in (-6.0 * toward, 2.0 * np.array([-toward[1], toward[0]])):
        assert at(place) == pytest.approx(lit, rel=0.02)


def test_a_lamp_lights_what_lies_in_its_cone_and_within_its_range(backend: Backend) -> None:
    backend.set_tile("floor", floor(0.0, plain(color=(180, 180, 180))), ORIGIN)
    view = view_from((0.0, 0.0, 40.0), (-90.0, 0.0, 0.0), (80, 80), 60.0)

    def brightness(range_m: float, count: int = 1) -> np.ndarray:
        lights = Lights(
            position=np.tile(np.array([[0.0, 0.0, 6.0]], np.float32), (count, 1)),
            direction=np.tile(np.array([[0.0, 0.0, -1.0]], np.float32), (count, 1)),
            color=np.full((count, 3), 30.0, np.float32),
            cos_inner=np.full(count, np.cos(np.radians(40.0)), np.float32),
            cos_outer=np.full(count, np.cos(np.radians(55.0)), np.float32),
            range_m=np.full(count, range_m, np.float32),
        )
        show(backend, environment=NIGHT, lights=lights if count else None)
        return color_of(backend, view).sum(axis=-1)

    dark, lit = brightness(30.0, 0), brightness(30.0)
    row, column = np.indices(dark.shape)
    radius_m = np.hypot(row - 39.5, column - 39.5) * 40.0 / view.focal_px
    angle_deg = np.degrees(np.arctan2(radius_m, 6.0))
    assert (lit[angle_deg < 40.0] > dark[angle_deg < 40.0] + 40).all()
    np.testing.assert_array_equal(lit[angle_deg > 56.0], dark[angle_deg > 56.0])
    np.testing.assert_array_equal(brightness(5.9), dark)
    assert (brightness(30.0, 2)[angle_deg < 40.0] > lit[angle_deg < 40.0]).all()
    np.testing.assert_array_equal(brightness(30.0, 0), dark)


def test_gamma_and_exposure_brighten_step_by_step(backend: Backend) -> None:
    backend.set_tile("floor", floor(-2.0, plain(color=(150, 120, 90))), ORIGIN)
    show(backend, environment=air(cloudiness=60.0))

    def mean(style: ColorStyle) -> float:
        return float(color_of(backend, SMALL, style).mean())

    for ladder in (
        [ColorStyle(gamma=gamma) for gamma in (0.5, 1.0, 1.6, 2.2, 3.0, 6.0)],
        [ColorStyle(exposure=exposure) for exposure in (0.02, 0.1, 0.5, 1.0, 2.0, 5.0)],
    ):
        steps = [mean(style) for style in ladder]
        assert all(later > earlier + 2.0 for earlier, later in pairwise(steps)), steps
    assert mean(ColorStyle(exposure=0.0)) == 0.0
    assert mean(ColorStyle(exposure=1e6)) > 250.0


def test_smooth_edges_change_edges_alone_and_never_the_ground_truth(backend: Backend) -> None:
    backend.set_tile("wall", wall(30.0, plain(color=(220, 220, 220))), ORIGIN)
    crate = backend.add_prototype(box((1.0, 1.0, 1.0), plain(color=(20, 20, 20))))
    show(backend, placed([crate], [pose((7.0, 0.3, 0.2), (0.0, 30.0, 20.0))]), air(cloudiness=100.0))
    view = view_from(size_px=(80, 60))
    rough, smooth = backend.render([view], antialias=False), backend.render([view], antialias=True)
    before, after = (frame.color(ColorStyle())[0].astype(int) for frame in (rough, smooth))
    for one, other in zip(rough.ground_truth()[0], smooth.ground_truth()[0], strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(rough.normals()[0], smooth.normals()[0])
    truth, normals = rough.ground_truth()[0], rough.normals()[0]
    edge = np.zeros(truth.depth.shape, bool)
    for axis in (0, 1):
        step = (np.diff(truth.instance, axis=axis) != 0) | (np.abs(np.diff(normals, axis=axis)).max(axis=-1) > 0.1)
        here = [slice(None)] * 2
        there = [slice(None)] * 2
        here[axis], there[axis] = slice(0, -1), slice(1, None)
        edge[tuple(here)] |= step
        edge[tuple(there)] |= step
    changed = (before != after).any(axis=-1)
    assert not (changed & ~edge).any()
    silhouette = np.zeros_like(edge)
    silhouette[:, 1:] = np.diff(truth.instance, axis=1) != 0
    assert changed[silhouette].mean() > 0.5
    grey = after[changed][:, :3].mean(axis=-1)
    low, high = before[..., :3].mean(axis=-1).min(), before[..., :3].mean(axis=-1).max()
    assert ((grey > low + 20) & (grey < high - 20)).mean() > 0.3, "edges are blends of both sides"


def test_rain_streaks_are_an_effect_before_the_lens(backend: Backend) -> None:
    backend.set_tile("wall", wall(20.0, plain(color=(120, 120, 120))), ORIGIN)
    view = view_from(size_px=(96, 72))

    def streaks(time_s: float, **weather: float) -> np.ndarray:
        show(backend, environment=air(time_s, **weather))
        with_effects = color_of(backend, view)
        return np.abs(with_effects - color_of(backend, view, ColorStyle(effects=False))).sum(axis=-1)

    assert not streaks(1.0).any(), "a dry day has none"
    hard, soft = streaks(1.0, precipitation=100.0), streaks(1.0, precipitation=30.0)
    assert (hard > 0).mean() > 2 * (soft > 0).mean() > 0.0
    assert (streaks(1.05, precipitation=100.0) != hard).mean() > 0.02, "they fall"
