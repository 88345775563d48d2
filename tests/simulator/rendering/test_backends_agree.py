"""All back ends of this machine see the same town: depth, classes, objects, colours, ray hits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest
from rendering_support import Array, people, rays_of, town_map, view_from

from lead.errors import LeadError
from lead.geometry.frames import rotation_matrices
from lead.simulator.rendering.options import RenderOptions
from lead.simulator.rendering.renderer import Renderer
from lead.simulator.rendering.scene import ColorStyle, RayBundle, View
from lead.simulator.rendering.select import describe_backends
from lead.simulator.scenery.materials import Label
from lead.simulator.world.weather import presets
from lead.simulator.world.world import World

SIZE_PX = (320, 240)
PLACES = (12, 40)


class Town(NamedTuple):
    """A town full of people, and a renderer of it per back end that works here."""

    world: World
    renderers: list[Renderer]


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    working = [name for name, reason in describe_backends().items() if not reason]
    if len(working) < 2:
        pytest.skip("only one back end works on this machine")
    world = World(town_map("Town10HD"))
    for place in PLACES:
        people(world, world.town.spawn_points[place])
    for actor in world.fleet.table.actors:
        actor.light_flags = 3
    made = [Renderer(RenderOptions(name, 2, antialias=False)) for name in working]
    yield Town(world, made)
    for renderer in made:
        renderer.close()


def chase_view(row: Array) -> View:
    """From behind and above a pose."""
    eye = row[:3] + rotation_matrices(0.0, row[4], 0.0) @ np.array([-6.0, 0.0, 3.0])
    return view_from(eye, (-6.0, float(row[4]), 0.0), SIZE_PX, 80.0)


@pytest.mark.parametrize(
    ("place", "weather"),
    [
        (PLACES[0], "ClearNoon"),
        (PLACES[1], "HardRainNight"),
        pytest.param(PLACES[0], "HardRainNight", marks=pytest.mark.slow),
        pytest.param(PLACES[1], "ClearNoon", marks=pytest.mark.slow),
    ],
)
def test_backends_draw_the_same_picture(town: Town, place: int, weather: str) -> None:
    town.world.weather = presets()[weather]
    town.world.tick(0.05)
    view = chase_view(town.world.town.spawn_points[place])
    seen = []
    for renderer in town.renderers:
        renderer.prepare(town.world, view.location[None, :2])
        frame = renderer.render([view])
        seen.append((frame.ground_truth()[0], frame.normals()[0], frame.color(ColorStyle())[0].astype(np.int64)))
    truth, normals, color = seen[0]
    assert len(np.unique(truth.instance)) > 3 and len(np.unique(truth.label)) > 5, "there is something to compare"
    for other, other_normals, other_color in seen[1:]:
        apart = np.abs(truth.depth - other.depth) / np.maximum(truth.depth / 100.0, 1.0)
        assert (apart < 1e-3).mean() > 0.99
        for name in ("label", "object_id", "instance"):
            assert (getattr(truth, name) == getattr(other, name)).mean() > 0.99, name
        assert (np.abs(normals - other_normals).max(axis=-1) < 0.01).mean() > 0.99
        difference = np.abs(color - other_color)
        assert difference.mean() < 0.5 and (difference.max(axis=-1) > 16).mean() < 0.01


def test_backends_cast_the_same_rays(town: Town) -> None:
    row = town.world.town.spawn_points[PLACES[0]]
    azimuth, elevation = np.meshgrid(np.linspace(-np.pi, np.pi, 400), np.radians(np.linspace(10.0, -30.0, 32)))
    flat = np.cos(elevation)
    rays = np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], axis=-1).reshape(-1, 3)
    origin = row[:3] + np.array([0.0, 0.0, 2.5])
    found = []
    for renderer in town.renderers:
        renderer.prepare(town.world, row[None, :2])
        found.append(renderer.cast([RayBundle(origin, rays.astype(np.float32), 85.0)])[0])
    first = found[0]
    hit = np.isfinite(first.distance)
    assert 0.3 < hit.mean() < 1.0
    for other in found[1:]:
        assert (np.isfinite(other.distance) == hit).mean() > 0.999
        both = hit & np.isfinite(other.distance)
        assert (np.abs(first.distance[both] - other.distance[both]) < 2e-3).mean() > 0.99
        assert (np.abs(first.cos_incidence - other.cos_incidence)[both] < 1e-3).mean() > 0.99
        for name in ("label", "object_id", "instance"):
            assert (getattr(first, name) == getattr(other, name)).mean() > 0.99, name


def test_renderers_refuse_what_does_not_work_here() -> None:
    broken = [name for name, reason in describe_backends().items() if reason]
    for name in broken:
        with pytest.raises(LeadError, match=name):
            Renderer(RenderOptions(name))


def test_rays_and_pictures_of_a_town_agree(town: Town) -> None:
    """Within each back end: the rays of a camera's pixels, cast, meet what the picture shows."""
    view = chase_view(town.world.town.spawn_points[PLACES[1]])
    rays = rays_of(view).reshape(-1, 3)
    stretch = np.linalg.norm(rays, axis=1)
    for renderer in town.renderers:
        renderer.prepare(town.world, view.location[None, :2])
        truth = renderer.render([view]).ground_truth()[0]
        hits = renderer.cast([RayBundle(view.location, (rays / stretch[:, None]).astype(np.float32), 500.0)])[0]
        near = (truth.depth.ravel() * stretch < 499.0) & (truth.label.ravel() != Label.SKY)
        apart = np.abs(hits.distance[near] - (truth.depth.ravel() * stretch)[near])
        assert (apart < 2e-3 + 1e-5 * hits.distance[near]).mean() > 0.99
        assert (hits.label == truth.label.ravel())[near].mean() > 0.99
        assert (hits.object_id == truth.object_id.ravel())[near].mean() > 0.99
