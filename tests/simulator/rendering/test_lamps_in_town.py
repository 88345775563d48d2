"""Lamps of vehicles and streets in camera packets: which burn when, and what they light up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from rendering_support import STEP_S, measured, mount, parked, pixels_of

from lead.simulator.scenery.materials import LampChannel
from lead.simulator.world.actors import Actor
from lead.simulator.world.weather import WeatherParameters, presets
from lead.simulator.world.world import World

SIZE = {"image_size_x": 200, "image_size_y": 120}
LOW_BEAM, HIGH_BEAM = 1 << LampChannel.LOW_BEAM, 1 << LampChannel.HIGH_BEAM


@pytest.fixture
def world(world: World) -> Iterator[World]:
    """The town by night."""
    world.weather = presets()["ClearNight"]
    yield world
    world.weather = WeatherParameters()


@pytest.fixture
def car(world: World) -> Actor:
    return parked(world)


def shot(world: World, camera: Actor) -> np.ndarray:
    """(h, w, 3) colours after a tick, as RGB."""
    world.tick(STEP_S)
    return pixels_of(measured(world)[camera.id])[..., 2::-1].astype(np.int64)


def control(world: World, car: Actor, **values: object) -> None:
    """Change some of a vehicle's controls."""
    for name, value in values.items():
        world.fleet.table.records["control"][name][car.row] = value


def redness(picture: np.ndarray) -> int:
    """Number of pixels that burn red."""
    return int(((picture[..., 0] > 200) & (picture[..., 0] > picture[..., 1] + 60)).sum())


@pytest.mark.parametrize("weather", ["ClearNoon", "ClearNight"])
def test_brake_lamps_burn_while_braking(world: World, car: Actor, weather: str) -> None:
    world.weather = presets()[weather]
    camera = mount(world, "camera.rgb", (-7.0, 0.0, 1.5), (-3.0, 0.0, 0.0), car, **SIZE, fov=50)
    control(world, car, brake=0.0)
    before = redness(shot(world, camera))
    control(world, car, brake=1.0)
    braking = redness(shot(world, camera))
    control(world, car, brake=0.0)
    assert braking > before + 20
    assert redness(shot(world, camera)) == before


def test_reverse_lamps_burn_in_reverse_gear(world: World, car: Actor) -> None:
    camera = mount(world, "camera.rgb", (-7.0, 0.0, 1.5), (-3.0, 0.0, 0.0), car, **SIZE, fov=50)

    def white(picture: np.ndarray) -> int:
        return int((picture.min(axis=-1) > 200).sum())

    dark = white(shot(world, camera))
    control(world, car, reverse=True)
    assert white(shot(world, camera)) > dark + 4


def test_blinkers_flash_on_their_side(world: World, car: Actor) -> None:
    camera = mount(world, "camera.rgb", (-7.0, 0.0, 1.5), (-3.0, 0.0, 0.0), car, **SIZE, fov=50)
    for channel, right in ((LampChannel.RIGHT_BLINKER, True), (LampChannel.LEFT_BLINKER, False)):
        car.light_flags = 0
        dark = shot(world, camera)
        car.light_flags = 1 << channel
        states = []
        for _ in range(28):  # two periods at 1.5 Hz
            change = (shot(world, camera)[..., 0] - dark[..., 0]) > 80
            states.append(bool(change.any()))
            if change.any():
                assert (np.nonzero(change)[1].mean() > 100) == right
        assert 10 <= sum(states) <= 18
        assert 3 <= int(np.abs(np.diff(np.array(states, int))).sum()) <= 5
    car.light_flags = 0


def test_head_lights_light_the_road_ahead_and_high_beams_more_of_it(world: World, car: Actor) -> None:
    camera = mount(world, "camera.rgb", (0.5, 0.0, 2.2), (-8.0, 0.0, 0.0), car, **SIZE, fov=70)
    focal = 100.0 / np.tan(np.radians(35.0))

    def lit(flags: int) -> np.ndarray:
        car.light_flags = flags
        return shot(world, camera).mean(axis=-1)

    def road(picture: np.ndarray, distance_m: float) -> float:
        """Brightness of the lane's middle at a distance from the camera."""
        row = round(59.5 + focal * np.tan(np.arctan2(2.2, distance_m) - np.radians(8.0)))
        return float(picture[row - 1 : row + 2, 92:108].mean())

    world.lamps.set_cycle(False)
    try:
        world.lamps.update([replace(lamp, active=False) for lamp in world.lamps.lamps])
        dark, low, high = lit(0), lit(LOW_BEAM), lit(LOW_BEAM | HIGH_BEAM)
    finally:
        world.lamps.set_cycle(True)
    for distance, gain in ((8.0, 40.0), (12.0, 12.0)):
        assert road(low, distance) > road(dark, distance) + gain
        assert road(high, distance) > road(low, distance) + gain
    assert road(high, 20.0) > road(dark, 20.0) + 5.0
    assert np.abs(low[:20] - dark[:20]).max() < 60 and np.median(np.abs(low[:20] - dark[:20])) == 0.0, "not the sky"


def test_street_lamps_light_the_street_at_night_until_they_are_switched_off(world: World) -> None:
    world.tick(STEP_S)
    assert world.lamps.burning().all(), "lamps follow the sun"
    spot = world.scene.lamps[0]
    camera = mount(world, "camera.rgb", spot + [0.0, 0.0, 12.0], (-90.0, 0.0, 0.0), **SIZE, fov=80)
    lit = shot(world, camera)
    world.lamps.set_cycle(False)
    try:
        world.lamps.update([replace(lamp, active=False) for lamp in world.lamps.lamps])
        dark = shot(world, camera)
        world.lamps.update([replace(world.lamps.lamps[0], active=True, color=(40, 80, 255))])
        blue = shot(world, camera)
    finally:
        world.lamps.set_cycle(True)
    assert lit.mean() > dark.mean() + 10.0
    gain = (blue - dark)[..., 2]
    row, column = (grid[gain > 0.5 * gain.max()].mean() for grid in np.indices(gain.shape))
    focal = 100.0 / np.tan(np.radians(40.0))
    away_m = np.hypot(row - 59.5, column - 99.5) * (12.0 + spot[2] - world.ground.query(spot[None]).z[0]) / focal
    assert away_m < 5.0, "the light falls below the lamp and its arm"
    assert gain.max() > 25 and (blue - dark)[..., 2].sum() > 1.5 * (blue - dark)[..., 0].sum()
    world.weather = presets()["ClearNoon"]
    world.tick(STEP_S)
    assert not world.lamps.burning().any()
