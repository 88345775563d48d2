"""Rows of the API table: carla.Sensor and carla.ServerSideSensor."""

from __future__ import annotations

import time

import carla
import pytest
from api_table import V16, Bench, as_carla, refused, without_effect

NO_ROS = "nothing is published to ROS"
NO_GBUFFERS = "there are no G-buffers: the stream stays silent"


@as_carla("Sensor.is_listening", note="a property in 0.9.15, a method in 0.9.16")
@as_carla("Sensor.listen", "Sensor.stop")
def listening(bench: Bench) -> None:
    gnss = bench.mounted("sensor.other.gnss")
    received: list[int] = []
    gnss.listen(lambda data: received.append(data.frame))
    deadline = time.monotonic() + 10.0
    while not received and time.monotonic() < deadline:
        frame = bench.tick()
        time.sleep(0.01)
    assert received and received[-1] <= frame
    asked = gnss.is_listening
    assert asked() if callable(asked) else asked
    gnss.stop()
    time.sleep(0.1)
    count = len(received)
    bench.tick(3)
    time.sleep(0.1)
    assert len(received) == count


@without_effect("ServerSideSensor.enable_for_ros", "ServerSideSensor.disable_for_ros", why=NO_ROS)
@without_effect("ServerSideSensor.is_enabled_for_ros", why=f"always False: {NO_ROS}")
def ros(bench: Bench) -> None:
    bench.camera.enable_for_ros()
    assert bench.camera.is_enabled_for_ros() is False
    bench.camera.disable_for_ros()


@without_effect("ServerSideSensor.listen_to_gbuffer", "ServerSideSensor.stop_gbuffer", why=NO_GBUFFERS)
@as_carla("ServerSideSensor.is_listening_gbuffer", note="in the client")
def gbuffers(bench: Bench) -> None:
    camera, received = bench.camera, []
    assert not camera.is_listening_gbuffer(0)
    camera.listen_to_gbuffer(0, received.append)
    assert camera.is_listening_gbuffer(0)
    bench.tick(3)
    time.sleep(0.1)
    assert received == []
    camera.stop_gbuffer(0)
    assert not camera.is_listening_gbuffer(0)


@without_effect("ServerSideSensor.enable_gbuffers", why=NO_GBUFFERS, only=V16)
def gbuffer_switch(bench: Bench) -> None:
    assert bench.camera.enable_gbuffers(True) is None


@without_effect("ServerSideSensor.set_ignored_vehicles", why="every vehicle is seen", only=V16)
@refused(
    "ServerSideSensor.get_ignored_vehicles",
    why="`TypeError` of the client, which cannot hand the list to Python; with CARLA too",
    only=V16,
)
def ignored_vehicles(bench: Bench) -> None:
    assert bench.camera.set_ignored_vehicles([bench.car.id]) is None
    with pytest.raises(TypeError, match="No to_python"):
        bench.camera.get_ignored_vehicles()


@without_effect("ServerSideSensor.send", why="V2X sensors are not in the library, and only they send", only=V16)
def v2x(bench: Bench) -> None:
    assert bench.camera.send("hello") is None
    assert not bench.world.get_blueprint_library().filter("*v2x*")
    assert isinstance(bench.camera, carla.ServerSideSensor)
