"""All fourteen weather parameters show in the picture, where and how they should; ground truth never changes."""

from __future__ import annotations

from dataclasses import astuple, fields, replace
from itertools import pairwise

import numpy as np
import pytest
from rendering_support import ORIGIN, box, color_of, floor, plain, show, truth_of, view_from, wall

from lead.simulator.rendering.backend import Backend
from lead.simulator.rendering.environment import environment_from_weather
from lead.simulator.scenery.materials import Label, Material
from lead.simulator.scenery.mesh import MeshBuilder
from lead.simulator.world.weather import WeatherParameters, presets

NOON = WeatherParameters()
FOG = replace(NOON, fog_density=60.0)
DISTANCES_M = (15.0, 45.0, 120.0)
VIEW = view_from((0.0, 0.0, 1.7), (4.0, 0.0, 0.0), (120, 90))
TO_SUN = view_from((0.0, 0.0, 1.7), (45.0, -1.0, 0.0), (60, 60), 60.0)
SKY, GROUND = Label.SKY, Label.ROADS


@pytest.fixture
def street(one_backend: Backend) -> Backend:
    """Asphalt, and black posts before white ones at three distances, one row above the other's horizon."""
    backend = one_backend
    backend.set_tile("road", floor(0.0, plain(Label.ROADS, (90, 90, 90), Material.ASPHALT), 800.0), ORIGIN)
    builder = MeshBuilder()
    for distance, side in zip(DISTANCES_M, (-0.45, 0.0, 0.45), strict=True):
        width = 0.06 * distance
        for shift, color in ((-1.0, (5, 5, 5)), (1.0, (250, 250, 250))):
            place = (distance, distance * side + shift * width, 0.2 * distance)
            builder.mesh(box((0.05, 0.9 * width, 0.2 * distance), plain(Label.WALLS, color), center=place))
    backend.set_tile("posts", builder.build(), ORIGIN)
    return backend


def picture(backend: Backend, weather: WeatherParameters, time_s: float = 0.0, view: object = VIEW) -> np.ndarray:
    """(h, w, 3) colours."""
    show(backend, environment=environment_from_weather(weather, time_s))
    return color_of(backend, view)  # type: ignore[arg-type]


def contrasts(backend: Backend, weather: WeatherParameters) -> list[float]:
    """Difference between the white and the black post at each distance."""
    shown = picture(backend, weather).mean(axis=-1)
    found = []
    for distance, side in zip(DISTANCES_M, (-0.45, 0.0, 0.45), strict=True):
        column = 60.0 * side / 1.0 + 59.5
        level = 44.5 - 60.0 * (np.tan(np.arctan2(0.2 * distance - 1.7, distance) - np.radians(4.0)))
        black, white = (shown[round(level), round(column + shift * 3.6)] for shift in (-1.0, 1.0))
        found.append(float(white - black))
    return found


# Parameter, weather before, value after, where it must show, and in what share of the pixels there.
CHANGES = [
    ("cloudiness", NOON, 80.0, SKY, 0.9),
    ("cloudiness", NOON, 80.0, GROUND, 0.9),
    ("precipitation", NOON, 80.0, GROUND, 0.9),
    ("precipitation_deposits", NOON, 80.0, GROUND, 0.9),
    ("wind_intensity", replace(NOON, precipitation=80.0), 100.0, GROUND, 0.03),
    ("wind_intensity", replace(NOON, cloudiness=50.0), 100.0, SKY, 0.3),
    ("sun_azimuth_angle", NOON, 120.0, SKY, 0.3),
    ("sun_altitude_angle", NOON, 10.0, SKY, 0.9),
    ("sun_altitude_angle", NOON, 10.0, GROUND, 0.9),
    ("fog_density", NOON, 70.0, GROUND, 0.5),
    ("fog_density", NOON, 70.0, SKY, 0.5),
    ("fog_distance", FOG, 60.0, GROUND, 0.3),
    ("fog_falloff", FOG, 4.0, SKY, 0.5),
    ("wetness", NOON, 80.0, GROUND, 0.9),
    ("scattering_intensity", replace(NOON, sun_altitude_angle=15.0), 3.0, SKY, 0.1),
    ("mie_scattering_scale", NOON, 0.5, SKY, 0.5),
    ("rayleigh_scattering_scale", NOON, 0.3, SKY, 0.5),
    ("dust_storm", NOON, 60.0, SKY, 0.9),
    ("dust_storm", NOON, 60.0, GROUND, 0.9),
]


def test_every_parameter_is_covered() -> None:
    assert {change[0] for change in CHANGES} == {field.name for field in fields(WeatherParameters)}


@pytest.mark.parametrize(("name", "before", "value", "label", "share"), CHANGES)
def test_a_parameter_shows(
    street: Backend, name: str, before: WeatherParameters, value: float, label: Label, share: float
) -> None:
    after = replace(before, **{name: value})
    time_s = 20.0  # wind drives clouds and slants rain with time
    one, other = picture(street, before, time_s), picture(street, after, time_s)
    where = truth_of(street, VIEW).label == label
    changed = (np.abs(one - other).max(axis=-1) > 2)[where]
    assert changed.mean() > share


def test_weather_never_changes_the_ground_truth(street: Backend) -> None:
    show(street, environment=environment_from_weather(NOON, 0.0))
    expected = truth_of(street, VIEW)
    for weather in presets().values():
        show(street, environment=environment_from_weather(weather, 7.0))
        for one, other in zip(truth_of(street, VIEW), expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_fog_takes_contrast_with_distance_and_density(street: Backend) -> None:
    ladder = [contrasts(street, replace(NOON, fog_density=density)) for density in (0.0, 30.0, 60.0, 100.0)]
    assert min(ladder[0]) > 60.0, ladder
    for thin, thick in pairwise(ladder):
        assert all(more < less for less, more in zip(thin, thick, strict=True)), ladder
    near, middle, far = ladder[2]
    assert near > middle + 10.0 > far + 20.0, ladder
    kept = [foggy / clear for foggy, clear in zip(ladder[2], ladder[0], strict=True)]
    assert kept == sorted(kept, reverse=True)


def test_fog_begins_at_its_distance_and_stays_below_its_height(street: Backend) -> None:
    near, _, _ = contrasts(street, FOG)
    clear = contrasts(street, replace(FOG, fog_distance=20.0))
    dry = contrasts(street, replace(NOON, fog_density=0.0, fog_distance=20.0))
    assert clear[0] == pytest.approx(dry[0], abs=1.5) and near < clear[0] - 5.0
    assert clear[2] < dry[2] - 20.0
    everywhere, low = contrasts(street, FOG), contrasts(street, replace(FOG, fog_falloff=5.0))
    assert low[2] > everywhere[2] + 10.0, "the far posts rise above fog that hugs the ground"


def test_rain_haze_dust_and_mie_scattering_veil_the_distance(street: Backend) -> None:
    clear = contrasts(street, NOON)[2]
    for change in ({"precipitation": 100.0}, {"dust_storm": 100.0}, {"mie_scattering_scale": 0.6}):
        assert contrasts(street, replace(NOON, **change))[2] < clear - 3.0, change


def test_night_has_less_light_than_dusk_and_dusk_less_than_noon(street: Backend) -> None:
    """Radiance before exposure; the exposure makes good for some of it, not for all."""
    light, shown = [], []
    for altitude in (60.0, 20.0, 3.0, -5.0, -30.0, -90.0):
        weather = replace(NOON, sun_altitude_angle=altitude)
        environment = environment_from_weather(weather, 0.0)
        light.append(sum(environment.sun_color) * max(environment.sun_direction[2], 0.0) + sum(environment.sky_ambient))
        shown.append(picture(street, weather)[truth_of(street, VIEW).label == GROUND].mean())
    assert light[:5] == sorted(light[:5], reverse=True) and light[5] == pytest.approx(light[4])
    assert light[0] > 30.0 * light[5]
    assert shown[0] > shown[2] > shown[5] > 3.0
    assert not environment_from_weather(replace(NOON, sun_altitude_angle=-5.0), 0.0).casts_shadows


def test_the_sun_stands_where_it_should_and_clouds_hide_it(street: Backend) -> None:
    clear = picture(street, NOON, view=TO_SUN)
    row, column = np.unravel_index(clear.sum(axis=-1).argmax(), clear.shape[:2])
    assert abs(row - 29.5) < 3 and abs(column - 29.5) < 3
    assert clear[30, 30].min() > 250
    hidden = picture(street, replace(NOON, cloudiness=100.0), view=TO_SUN)
    assert hidden[30, 30].mean() < clear[30, 30].mean() - 20


def test_scattering_makes_the_haze_around_the_sun_glow(street: Backend) -> None:
    low = replace(NOON, sun_altitude_angle=15.0)
    toward = view_from((0.0, 0.0, 1.7), (15.0, -1.0, 0.0), (40, 40), 40.0)
    away = view_from((0.0, 0.0, 1.7), (15.0, 179.0, 0.0), (40, 40), 40.0)
    glow = [picture(street, replace(low, scattering_intensity=value), view=toward).mean() for value in (0.0, 1.0, 3.0)]
    assert glow[0] < glow[1] < glow[2], glow
    behind = [picture(street, replace(low, scattering_intensity=value), view=away).mean() for value in (0.0, 3.0)]
    assert behind[1] - behind[0] < 0.3 * (glow[2] - glow[0])


def test_wet_roads_are_darker_and_puddles_mirror_the_sky(street: Backend) -> None:
    down = view_from((0.0, 0.0, 12.0), (-60.0, 90.0, 0.0), (60, 40))
    dry = picture(street, NOON, view=down)
    assert picture(street, replace(NOON, wetness=100.0), view=down).mean() < dry.mean() - 8.0
    flat = view_from((0.0, 0.0, 1.7), (-6.0, 90.0, 0.0), (60, 20), 60.0)
    dry, wet = (picture(street, replace(NOON, precipitation_deposits=value), view=flat) for value in (0.0, 100.0))
    assert (wet[..., 2] - wet[..., 0]).mean() > (dry[..., 2] - dry[..., 0]).mean() + 5.0, "bluer"


def test_dust_is_sandy_and_rayleigh_scattering_blue(street: Backend) -> None:
    def blueness(weather: WeatherParameters) -> float:
        shown = picture(street, weather, view=view_from((0.0, 0.0, 1.7), (60.0, 180.0, 0.0), (24, 24)))
        return float((shown[..., 2] - shown[..., 0]).mean())

    assert blueness(replace(NOON, dust_storm=80.0)) < -10.0 < 10.0 < blueness(NOON)
    assert blueness(replace(NOON, rayleigh_scattering_scale=0.2)) > blueness(NOON) + 5.0


@pytest.mark.parametrize("name", sorted(presets()))
def test_every_preset_gives_a_readable_picture(street: Backend, name: str) -> None:
    shown = picture(street, presets()[name], 2.0)
    assert 8.0 < shown.mean() < 225.0
    assert shown.std() > 4.0


@pytest.mark.parametrize("value", [-1e30, -90.0, -1.0, 0.0, 1.0, 90.0, 100.0, 1e6, 1e30])
def test_no_weather_breaks_the_picture(street: Backend, value: float) -> None:
    """Clients may set any number; each parameter alone, and all at once."""
    names = [field.name for field in fields(WeatherParameters)]
    for weather in [replace(NOON, **{name: value}) for name in names] + [WeatherParameters(*[value] * len(names))]:
        environment = environment_from_weather(weather, 1.0)
        assert np.isfinite(np.hstack(astuple(environment))).all(), weather
        for share in ("clouds", "wetness", "puddles", "rain", "wind", "night"):
            assert 0.0 <= getattr(environment, share) <= 1.0
        for name in ("glow", "fog_per_m", "fog_start_m", "fog_falloff_per_m", "exposure"):
            assert getattr(environment, name) >= 0.0, (name, weather)
        shown = picture(street, weather)
        assert shown.std() > 0.0, weather


def test_lamps_can_be_seen_at_night(street: Backend) -> None:
    street.set_tile(
        "lamp", wall(10.0, plain(color=(255, 220, 160), material=Material.EMISSIVE), 0.4), np.array([0, 0, 2.0])
    )
    shown = picture(street, presets()["HardRainNight"])
    assert shown[45, 60].mean() > shown[truth_of(street, VIEW).label == GROUND].mean() + 80.0
