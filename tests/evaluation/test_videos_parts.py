"""Parts of the recordings that need no simulator: sensor geometry, sinks, and waiting for late pictures."""

import logging
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from lead.evaluation.chase_camera import FollowCamera
from lead.evaluation.videos import spectators
from lead.evaluation.videos.agent_inputs import AgentInputs, side_by_side
from lead.evaluation.videos.sinks import FrameSink

MOUNT = {"x": 0.0, "y": 0.0, "z": 2.5, "roll": 0.0, "pitch": 0.0}


def camera(name, yaw, width=8, height=6):
    mount = {**MOUNT, "type": "sensor.camera.rgb", "id": name, "yaw": yaw}
    return {**mount, "width": width, "height": height, "fov": 60}


def bgra(value, width=8, height=6):
    return np.full((height, width, 4), (value, 0, 9, 255), np.uint8)


def test_pictures_come_in_the_order_of_the_agents_sensors():
    inputs = AgentInputs([camera("b", 54.5), {"type": "sensor.other.gnss", "id": "gps"}, camera("a", -54.5)])
    strip = side_by_side(inputs.pictures({"a": (1, bgra(10)), "gps": (1, None), "b": (1, bgra(20))}))
    assert strip.shape == (6, 16, 3)
    assert strip[0, 0].tolist() == [9, 0, 20], "RGB"
    assert strip[0, 8].tolist() == [9, 0, 10]


def test_pictures_of_different_heights_are_fitted():
    pictures = [np.zeros((6, 8, 3), np.uint8), np.full((12, 8, 3), 50, np.uint8)]
    assert side_by_side(pictures).shape == (6, 12, 3)


def test_lidar_and_radar_are_turned_into_the_ego_frame():
    lidar = {**MOUNT, "type": "sensor.lidar.ray_cast", "id": "lidar", "yaw": -90.0}
    radar = {**MOUNT, "type": "sensor.other.radar", "id": "radar", "x": 2.6, "z": 0.6, "yaw": 45.0}
    inputs = AgentInputs([lidar, radar])
    data = {
        "lidar": (1, np.array([[5.0, 0.0, -2.0, 0.3]], np.float32)),
        "radar": (1, np.array([[10.0, 0.0, np.pi / 4.0, -3.0]], np.float32)),
    }
    assert inputs.lidar_ego(data) == pytest.approx(np.array([[0.0, -5.0, 0.5]]))
    assert inputs.radar_ego(data) == pytest.approx(np.array([[2.6, 10.0, 0.6, -3.0]]), abs=1e-5)
    assert AgentInputs([]).lidar_ego({}) is None
    assert AgentInputs([]).radar_ego({}) is None
    empty = {"lidar": (1, np.empty((0, 4), np.float32)), "radar": (1, np.empty((0, 4), np.float32))}
    assert inputs.lidar_ego(empty).shape == (0, 3)
    assert inputs.radar_ego(empty).shape == (0, 4)


def test_sink_writes_what_was_chosen_and_knows_when_it_failed(tmp_path):
    frame = np.zeros((48, 64, 3), np.uint8)
    only_images = FrameSink(tmp_path, "7", "input", 20.0, crf=18).choose(video=False, images=True)
    nothing = FrameSink(tmp_path, "7", "grid", 20.0, crf=18)
    (tmp_path / "7_demo.mp4").mkdir()
    blocked = FrameSink(tmp_path, "7", "demo", 20.0, crf=18).choose(video=True, images=False)
    assert (only_images.is_wanted, nothing.is_wanted, blocked.is_wanted) == (True, False, True)
    for sink in (only_images, nothing, blocked):
        sink.write(frame)
        sink.write(frame)
    assert not blocked.is_wanted, "a folder is in the way of the file"
    for sink in (only_images, nothing, blocked):
        sink.close(time.monotonic() + 5.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["7_demo.mp4", "input_images"]
    assert len(list((tmp_path / "input_images").iterdir())) == 2


class Actor:
    """A camera actor whose pictures the test sends itself; the value of a picture is its frame."""

    def __init__(self):
        self.is_stopped = False

    def listen(self, callback):
        self.send = lambda frame: callback(
            SimpleNamespace(frame=frame, width=960, height=1080, raw_data=bytes([frame, 0, 0, 255]) * (960 * 1080))
        )

    def stop(self):
        self.is_stopped = True


class World:
    """Just enough of a world to mount cameras in."""

    def __init__(self):
        self.actors = []

    def get_blueprint_library(self):
        return SimpleNamespace(find=lambda name: SimpleNamespace(set_attribute=lambda key, value: None))

    def spawn_actor(self, blueprint, pose, attach_to):
        self.actors.append(Actor())
        return self.actors[-1]


@pytest.fixture
def world():
    return World()


def frame_shown(picture):
    """Frames of the two halves of a demo picture (the stand-in puts them into the blue channel)."""
    return int(picture[0, 0, 2]), int(picture[0, -1, 2])


def test_pictures_are_matched_by_frame_or_nearest(world):
    follow = FollowCamera(world, None, spectators.CHASE)
    (actor,) = world.actors
    assert follow.picture_of(10) is None
    for frame in (8, 10, 12):
        actor.send(frame)
    assert follow.picture_of(10)[0, 0, 2] == 10
    assert follow.picture_of(10)[0, 0, 2] == 10, "asking twice is fine"
    actor.send(15)
    assert follow.picture_of(14)[0, 0, 2] == 15, "the camera skipped this frame"
    assert follow.picture_of(16) is None
    threading.Timer(0.1, actor.send, (16,)).start()
    assert follow.picture_of(16, timeout_s=5.0)[0, 0, 2] == 16
    follow.close()
    assert actor.is_stopped


def test_a_picture_that_does_not_come_is_replaced_by_the_one_before(world, monkeypatch):
    monkeypatch.setattr(spectators, "WAIT_S", 0.05)
    pair = spectators.Spectators(world, None, 0.0)
    chase, above = world.actors
    chase.send(1)
    assert pair.frame_of(1, None, must_come=False) is None, "the second camera is not there yet"
    above.send(1)
    assert frame_shown(pair.frame_of(1, None, must_come=False)) == (1, 1)
    chase.send(2)
    assert frame_shown(pair.frame_of(2, None, must_come=True)) == (2, 1)
    assert not pair.is_blind


def test_cameras_that_send_nothing_are_waited_for_only_a_few_times(world, monkeypatch, caplog):
    monkeypatch.setattr(spectators, "WAIT_S", 0.05)
    pair = spectators.Spectators(world, None, 0.0)
    start_s = time.monotonic()
    with caplog.at_level(logging.INFO):
        assert all(pair.frame_of(frame, None, must_come=True) is None for frame in range(1, 60))
    assert pair.is_blind
    assert time.monotonic() - start_s < 2.0
