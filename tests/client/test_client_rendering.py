"""Cameras through the unmodified client: crowds of them, readers that stop, huge and impossible images, settings."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time

import carla
import numpy as np
import pytest
from client_support import EGO_TYPE, Recorder, Server, Stage, lifted
from numpy.typing import NDArray

MOUNT = carla.Transform(carla.Location(0.3, 0.0, 2.2))
MIB = 2**20
BACKLOG_MIB = 64.0
"""What the server keeps for a reader that is behind."""


@pytest.fixture
def car(stage: Stage) -> carla.Vehicle:
    """The ego model at rest."""
    return stage.settle(stage.spawn(EGO_TYPE, lifted(stage.map.get_spawn_points()[0])))


def bgra(image: carla.Image) -> NDArray[np.uint8]:
    """(h, w, 4) pixels."""
    return np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)


def metres(image: carla.Image) -> NDArray[np.float64]:
    """(h, w) of a depth image."""
    blue, green, red = (bgra(image)[..., channel].astype(np.float64) for channel in range(3))
    return np.asarray(1000.0 * (red + 256.0 * green + 65536.0 * blue) / (2**24 - 1))


def resident_mib(server: Server) -> float:
    """Memory of the server process."""
    assert server._process is not None
    with open(f"/proc/{server._process.pid}/statm") as statistics:
        return int(statistics.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MIB


def test_forty_cameras_and_lidars_on_one_vehicle_deliver_every_tick(stage: Stage, car: carla.Vehicle) -> None:
    size: dict[str, object] = {"image_size_x": 80, "image_size_y": 60}
    kinds = ("rgb", "depth", "semantic_segmentation", "instance_segmentation")
    recorders = []
    for index in range(36):
        pose = carla.Transform(MOUNT.location, carla.Rotation(yaw=40.0 * (index // 4)))
        recorders.append(Recorder(stage.spawn(f"sensor.camera.{kinds[index % 4]}", pose, car, **size)))
    for index in range(4):
        kind = "sensor.lidar.ray_cast" if index % 2 else "sensor.other.radar"
        recorders.append(Recorder(stage.spawn(kind, carla.Transform(carla.Location(z=2.5)), car)))
    deadline = time.monotonic() + 20.0
    silent = list(recorders)
    while silent:
        assert time.monotonic() < deadline, [recorder.sensor.type_id for recorder in silent]
        stage.tick()
        time.sleep(0.01)
        silent = [recorder for recorder in silent if not recorder.drain()]
    for _ in range(5):
        frame = stage.tick()
        images = [recorder.at(frame) for recorder in recorders]
        for image in images[:36]:
            assert len(image.raw_data) == 80 * 60 * 4
    pictures = [bgra(image).tobytes() for image in images[:36:4]]
    assert len(set(pictures)) == 9, "nine directions, nine pictures"


LISTENER = """
import carla, queue, sys, time
client = carla.Client("127.0.0.1", int(sys.argv[1]))
client.set_timeout(20.0)
camera = client.get_world().get_actor(int(sys.argv[2]))
images = queue.Queue()
camera.listen(lambda image: images.put((image.frame, len(image.raw_data))))
while True:
    print(*images.get(timeout=60.0), flush=True)
"""
"""A client of its own that prints frame and size of every image of a camera."""


@pytest.mark.slow
def test_a_client_that_stops_reading_its_camera_stalls_nobody_and_costs_bounded_memory(
    stage: Stage, car: carla.Vehicle, server: Server
) -> None:
    """Another client is halted in the middle of a stream of 3.7 MB images, and wakes up later."""
    size: dict[str, object] = {"image_size_x": 1280, "image_size_y": 720}
    camera = stage.spawn("sensor.camera.depth", MOUNT, car, **size)
    healthy = stage.listen("sensor.camera.semantic_segmentation", MOUNT, car, image_size_x=64, image_size_y=48)
    words = [sys.executable, "-c", LISTENER, str(server.port), str(camera.id)]
    other = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    try:
        while not select.select([other.stdout], [], [], 0.02)[0]:
            stage.tick()
        assert int(other.stdout.readline().split()[1]) == 1280 * 720 * 4
        stage.tick(5)
        os.kill(other.pid, signal.SIGSTOP)
        before, slowest = resident_mib(server), 0.0
        for _ in range(60):  # 220 MB
            started = time.monotonic()
            healthy.at(stage.tick())
            slowest = max(slowest, time.monotonic() - started)
        assert slowest < 5.0
        assert resident_mib(server) - before < BACKLOG_MIB + 36.0
        os.kill(other.pid, signal.SIGCONT)
        # Some frames are lost; what comes after it woke up is whole and new.
        deadline = time.monotonic() + 20.0
        newest = 0
        target = stage.tick()
        while newest < target:
            assert time.monotonic() < deadline
            stage.tick()
            while select.select([other.stdout], [], [], 0.05)[0]:
                frame, length = map(int, other.stdout.readline().split())
                assert length == 1280 * 720 * 4
                newest = max(newest, frame)
    finally:
        other.kill()
        other.communicate()
    stage.tick(3)
    assert server.is_running


@pytest.mark.parametrize(
    ("name", "value"), [("image_size_x", "0"), ("image_size_y", "-3"), ("image_size_x", "100000"), ("fov", "180")]
)
def test_impossible_cameras_are_refused_and_the_server_lives(
    stage: Stage, car: carla.Vehicle, name: str, value: str
) -> None:
    blueprint = stage.world.get_blueprint_library().find("sensor.camera.rgb")
    blueprint.set_attribute(name, value)
    with pytest.raises(RuntimeError, match="invalid actor description"):
        stage.world.spawn_actor(blueprint, MOUNT, attach_to=car)
    camera = stage.listen("sensor.camera.rgb", MOUNT, car, image_size_x=32, image_size_y=24)
    assert camera.at(stage.tick()).width == 32


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", ["depth", "semantic_segmentation"])
def test_the_largest_image_works(stage: Stage, car: carla.Vehicle, kind: str) -> None:
    stage.client.set_timeout(120.0)
    try:
        camera = Recorder(
            stage.spawn(f"sensor.camera.{kind}", MOUNT, car, image_size_x=8192, image_size_y=8192, sensor_tick=1000.0)
        )
        time.sleep(0.3)
        stage.tick()
        image = camera._queue.get(timeout=120.0)
        assert (image.width, image.height) == (8192, 8192)
        pixels = bgra(image)
        assert (pixels[::64, ::64, 3] == 255).all()
        if kind == "depth":
            assert metres(image)[::64, ::64].max() == pytest.approx(1000.0)
        else:
            assert {1, 11} <= set(np.unique(pixels[::16, ::16, 2]).tolist())
        stage.tick(3)
    finally:
        stage.client.set_timeout(20.0)


def test_gamma_and_exposure_are_honoured(stage: Stage, car: carla.Vehicle) -> None:
    size: dict[str, object] = {"image_size_x": 160, "image_size_y": 90}
    settings: list[dict[str, object]] = [{"gamma": gamma} for gamma in (1.0, 2.2, 4.0)]
    settings += [{"exposure_compensation": stops} for stops in (-3.0, -1.0, 2.0)]
    cameras = [stage.listen("sensor.camera.rgb", MOUNT, car, **size, **one) for one in settings]
    frame = stage.tick()
    means = [float(bgra(camera.at(frame))[..., :3].mean()) for camera in cameras]
    assert means[0] + 10.0 < means[1] < means[2] - 10.0
    assert means[3] + 10.0 < means[4] < means[1] - 5.0 < means[5]


def test_field_of_view_is_honoured(stage: Stage, car: carla.Vehicle) -> None:
    """A narrow image is the middle of a wide one; depth shows it, because it does not depend on the optics."""
    wide = stage.listen("sensor.camera.depth", MOUNT, car, image_size_x=200, image_size_y=150, fov=90)
    half = float(np.degrees(2.0 * np.arctan(0.5)))
    narrow = stage.listen("sensor.camera.depth", MOUNT, car, image_size_x=200, image_size_y=150, fov=half)
    frame = stage.tick()
    one, other = wide.at(frame), narrow.at(frame)
    assert other.fov == pytest.approx(half, abs=1e-3)
    # Half the field at the same size: two pixels of it lie in each pixel of the wide image's middle.
    middle = metres(one)[37:112, 50:150][:75, :100]
    finer = metres(other).reshape(75, 2, 100, 2).mean(axis=(1, 3))
    near = (middle < 30.0) & (np.abs(np.gradient(middle, axis=0)) < 0.5) & (np.abs(np.gradient(middle, axis=1)) < 0.5)
    assert near.sum() > 500
    assert np.median(np.abs(finer - middle)[near] / middle[near]) < 0.02


def test_weather_reaches_the_picture_and_not_the_depth(stage: Stage, car: carla.Vehicle) -> None:
    size: dict[str, object] = {"image_size_x": 120, "image_size_y": 80}
    rgb = stage.listen("sensor.camera.rgb", MOUNT, car, **size)
    depth = stage.listen("sensor.camera.depth", MOUNT, car, **size)
    before = stage.world.get_weather()
    try:
        stage.world.set_weather(carla.WeatherParameters.ClearNoon)
        stage.tick()
        frame = stage.tick()
        noon, far = bgra(rgb.at(frame)).astype(int), metres(depth.at(frame))
        stage.world.set_weather(carla.WeatherParameters.HardRainNight)
        stage.tick()
        frame = stage.tick()
        night, again = bgra(rgb.at(frame)).astype(int), metres(depth.at(frame))
    finally:
        stage.world.set_weather(before)
    assert noon[..., :3].mean() > night[..., :3].mean() + 20.0
    assert np.quantile(np.abs(far - again), 0.99) < 0.01
