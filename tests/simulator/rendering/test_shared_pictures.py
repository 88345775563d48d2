"""What rendering costs: sensors of one pose share one trace, and nothing is rendered that nobody asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rendering_support import STEP_S, measured, mount, parked, pixels_of, town_map, view_from

from lead.simulator.rendering.backend import Backend, Frame
from lead.simulator.rendering.pictures import Request, share
from lead.simulator.rendering.scene import ColorStyle, View
from lead.simulator.sensors.base import joined
from lead.simulator.world.actors import Actor
from lead.simulator.world.world import World

SIZE = {"image_size_x": 48, "image_size_y": 32}
KINDS = ("rgb", "depth", "semantic_segmentation", "instance_segmentation", "normals", "optical_flow", "dvs")


class CountingFrame:
    """A real frame; every question is noted."""

    def __init__(self, frame: Frame, asked: list[str]) -> None:
        self._frame, self._asked = frame, asked

    def __getattr__(self, name: str) -> Any:
        self._asked.append(name)
        return getattr(self._frame, name)


class CountingBackend:
    """A real back end; frames, their views and the questions about them are noted, and so are casts."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.frames: list[int] = []
        self.asked: list[str] = []
        self.updates, self.casts = 0, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def update(self, *state: Any) -> None:
        """Count, and pass on."""
        self.updates += 1
        self._backend.update(*state)

    def cast(self, *rays: Any) -> Any:
        """Count, and pass on."""
        self.casts += 1
        return self._backend.cast(*rays)

    def render(self, views: Sequence[View], *, colors: bool = True, antialias: bool = False) -> CountingFrame:
        """Count, and pass on."""
        self.frames.append(len(views))
        return CountingFrame(self._backend.render(views, colors=colors, antialias=antialias), self.asked)

    def forget(self) -> None:
        """Start anew."""
        self.frames, self.updates, self.casts = [], 0, 0
        self.asked.clear()


@pytest.fixture
def fresh() -> World:
    """A world that has not rendered anything yet."""
    return World(town_map("Town02"))


@pytest.fixture
def car(world: World) -> Actor:
    return parked(world)


@pytest.fixture
def counting(world: World) -> Iterator[CountingBackend]:
    real = world.renderer.backend
    world.renderer.backend = wrapper = CountingBackend(real)
    yield wrapper
    world.renderer.backend = real


def test_all_camera_kinds_of_one_pose_share_one_view(world: World, car: Actor, counting: CountingBackend) -> None:
    for kind in KINDS:
        mount(world, f"camera.{kind}", (1.0, 0.0, 2.0), (0.0, 0.0, 0.0), car, **SIZE)
    world.tick(STEP_S)
    assert len(measured(world)) == len(KINDS)
    assert counting.frames == [1] and counting.updates == 1 and counting.casts == 0
    assert sorted(counting.asked) == ["color", *3 * ["encoded"], "flow", "normals"], "each is worked out once"


def test_cameras_of_one_size_are_drawn_together_whatever_their_pose(
    world: World, car: Actor, counting: CountingBackend
) -> None:
    """The rig of an expert: four kinds at six poses are six views in one launch."""
    for yaw in (-55.0, 0.0, 55.0, 110.0, 180.0, -110.0):
        for kind in ("rgb", "depth", "semantic_segmentation", "instance_segmentation"):
            mount(world, f"camera.{kind}", (1.0, 0.0, 2.0), (0.0, yaw, 0.0), car, **SIZE)
    world.tick(STEP_S)
    assert len(measured(world)) == 24
    assert counting.frames == [6]
    assert sorted(counting.asked) == ["color", *3 * ["encoded"]]


@pytest.mark.parametrize("change", [{"fov": 91}, {"image_size_x": 49}, {"image_size_y": 33}])
def test_cameras_of_other_optics_do_not_share(
    world: World, car: Actor, counting: CountingBackend, change: dict[str, int]
) -> None:
    first = mount(world, "camera.depth", (1.0, 0.0, 2.0), (0.0, 0.0, 0.0), car, **SIZE)
    second = mount(world, "camera.depth", (1.0, 0.0, 2.0), (0.0, 0.0, 0.0), car, **{**SIZE, **change})
    world.tick(STEP_S)
    bodies = measured(world)
    assert sum(counting.frames) == 2
    assert bodies[first.id] != bodies[second.id]


def test_sharing_changes_no_packet(world: World, car: Actor, counting: CountingBackend) -> None:
    """Every sensor of a crowd gets what it gets alone."""
    cameras = [mount(world, f"camera.{kind}", (1.0, 0.0, 2.0), (0.0, 0.0, 0.0), car, **SIZE) for kind in KINDS[:5]]
    cameras.append(mount(world, "camera.rgb", (1.0, 0.0, 2.0), (0.0, 0.0, 0.0), car, **SIZE, gamma=1.1))
    cameras.append(mount(world, "camera.rgb", (1.0, 0.3, 2.0), (0.0, 9.0, 0.0), car, **SIZE))
    world.tick(STEP_S)
    together = measured(world)
    assert counting.frames and sum(counting.frames) == 2
    for camera in cameras:
        counting.forget()
        world.tick(2e-6)  # time must pass for a sensor to speak again, as little as it takes
        alone = dict(
            (actor.id, joined(body))
            for actor, body in world.measurements(lambda stream, own=camera.stream_id: stream == own, lambda *_: b"")
        )
        assert alone == {camera.id: together[camera.id]}
        assert counting.frames == [1]


def test_different_gammas_share_the_trace_and_differ_in_colour(
    world: World, car: Actor, counting: CountingBackend
) -> None:
    dark, bright = (mount(world, "camera.rgb", (1.0, 0.0, 2.0), (0.0, 0.0, 0.0), car, **SIZE, gamma=g) for g in (1, 3))
    world.tick(STEP_S)
    bodies = measured(world)
    assert counting.frames == [1] and counting.asked.count("color") == 2
    assert pixels_of(bodies[bright.id]).mean() > pixels_of(bodies[dark.id]).mean() + 20


def test_only_what_is_needed_is_worked_out(world: World, car: Actor, counting: CountingBackend) -> None:
    mount(world, "camera.depth", (1.0, 0.0, 2.0), (0.0, 0.0, 0.0), car, **SIZE)
    mount(world, "lidar.ray_cast", (1.0, 0.0, 2.0), (0.0, 0.0, 0.0), car)
    world.tick(STEP_S)
    measured(world)
    assert counting.asked == ["encoded"], "no colours for a depth camera"
    assert counting.casts == 1


def test_cameras_that_met_by_chance_keep_their_own_flow(world: World, counting: CountingBackend) -> None:
    """Two cameras at one place now that came from different places see different motion."""
    view = view_from(world.town.spawn_points[0, :3] + [0.0, 0.0, 2.0], size_px=(32, 24))
    world.tick(STEP_S)
    world.renderer.prepare(world, view.location[None, :2])
    needs = frozenset({"flow"})
    moved = replace(view, location=view.location - np.array([0.5, 0.2, 0.0]))
    still, moving = share(world.renderer, [Request(view, view, needs), Request(view, moved, needs)])
    assert np.abs(still.flow()).max() < 0.01
    assert np.abs(moving.flow()).max() > 0.5


def test_sensors_nobody_listens_to_cost_nothing(fresh: World) -> None:
    car = parked(fresh)
    for kind in ("camera.rgb", "lidar.ray_cast", "lidar.ray_cast_semantic", "other.radar"):
        mount(fresh, kind, (1.0, 0.0, 2.0), (0.0, 0.0, 0.0), car)
    for _ in range(3):
        fresh.tick(STEP_S)
        assert list(fresh.measurements(lambda stream: False, lambda *_: b"")) == []
    assert "renderer" not in vars(fresh), "no renderer was made"


def test_sensors_that_do_not_look_need_no_renderer(fresh: World) -> None:
    car = parked(fresh)
    for kind in ("imu", "gnss", "collision"):
        mount(fresh, f"other.{kind}", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), car)
    fresh.tick(STEP_S)
    assert len(measured(fresh)) == 2
    assert "renderer" not in vars(fresh)


def test_sensors_that_are_not_due_cost_nothing(world: World, car: Actor, counting: CountingBackend) -> None:
    camera = mount(world, "camera.rgb", (1.0, 0.0, 2.0), (0.0, 0.0, 0.0), car, **SIZE, sensor_tick=0.2)
    lidar = mount(world, "lidar.ray_cast", (1.0, 0.0, 2.0), (0.0, 0.0, 0.0), car, sensor_tick=0.1)
    spoken: dict[int, list[int]] = {camera.id: [], lidar.id: []}
    for tick in range(8):
        world.tick(STEP_S)
        counting.forget()
        for actor_id in measured(world):
            spoken[actor_id].append(tick)
        due = int(tick % 4 == 0), int(tick % 2 == 0)
        assert (len(counting.frames), counting.casts) == due
        assert counting.updates == max(due), "the scene is not even composed"
    assert spoken == {camera.id: [0, 4], lidar.id: [0, 2, 4, 6]}
    renderer = vars(world).pop("renderer")
    try:
        assert measured(world) == {}, "both have spoken already"
        assert "renderer" not in vars(world), "no renderer is made for sensors that are not due"
    finally:
        vars(world)["renderer"] = renderer


def test_without_rendering_cameras_are_silent_and_rays_are_not(
    world: World, car: Actor, counting: CountingBackend
) -> None:
    mount(world, "camera.rgb", (1.0, 0.0, 2.0), (0.0, 0.0, 0.0), car, **SIZE)
    lidar = mount(world, "lidar.ray_cast", (1.0, 0.0, 2.0), (0.0, 0.0, 0.0), car)
    world.settings.no_rendering = True
    world.tick(STEP_S)
    assert set(measured(world)) == {lidar.id}
    assert counting.frames == []
    world.settings.no_rendering = False
    world.tick(STEP_S)
    assert len(measured(world)) == 2


@pytest.mark.slow
def test_a_new_episode_is_drawn_as_if_there_had_been_no_other(fresh: World) -> None:
    def look(shown: World) -> list[bytes]:
        row = shown.town.spawn_points[3]
        place, turn = row[:3] + [0.0, 0.0, 2.0], (0.0, row[4], 0.0)
        cameras = [mount(shown, f"camera.{kind}", place, turn, **SIZE) for kind in ("rgb", "depth")]
        cameras.append(mount(shown, "camera.semantic_segmentation", place, turn, **SIZE))
        shown.tick(STEP_S)
        bodies = measured(shown)
        return [bodies[camera.id] for camera in cameras]

    first = look(fresh)
    fresh.load(town_map("Town01"))
    second = look(fresh)
    assert first != second
    other = World(town_map("Town01"))
    assert look(other) == second
    fresh.load(town_map("Town02"))
    assert look(fresh) == first
    fresh.renderer.close()
    other.renderer.close()


def test_cameras_of_equal_settings_have_equal_styles() -> None:
    """Styles are what colours are kept under."""
    assert ColorStyle() == ColorStyle(2.2, 1.0, True) and hash(ColorStyle()) == hash(ColorStyle(2.2, 1.0, True))
    assert len({ColorStyle(), ColorStyle(gamma=1.0), ColorStyle(exposure=2.0), ColorStyle(effects=False)}) == 4
