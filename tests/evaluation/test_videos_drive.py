"""Recordings of a real drive: every artefact shows the same tick in the same frame, and failures cost only pictures."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from lead.agents.autopilot import AutopilotAgent
from lead.config.closed_loop import ClosedLoopConfig
from lead.evaluation.drive_log import read_drive_log
from lead.evaluation.episode import Episode, EpisodeSettings
from lead.evaluation.infraction_log import read_infractions
from lead.evaluation.videos import spectators
from lead.evaluation.videos.observers import artefact_observers
from lead.evaluation.world_setup import SimulationSession
from lead.maps.towns import installed_towns
from lead.routes.model import Route
from lead.routes.reader import read_routes
from lead.scoring.profiles import profile
from lead.simulator.launch import LOOPBACK, EmbeddedServer, free_port
from lead.visualization.agent_view import AgentView

pytestmark = pytest.mark.skipif(
    "Town01" not in installed_towns(), reason="Town01 is not installed (lead towns install Town01)"
)
PROFILE = profile("bench2drive")


@pytest.fixture(scope="module")
def server():
    with EmbeddedServer(free_port(), "Town01") as process:
        yield process


@pytest.fixture
def session(server):
    with SimulationSession(server.port, free_port(1), seed=0, timeout_s=60.0) as entered:
        yield entered


@pytest.fixture
def route() -> Route:
    (only,) = read_routes(Path(__file__).resolve().parents[2] / "data/routes/smoke.xml")
    return only


@pytest.fixture
def small_spectators(monkeypatch):
    """A quarter of the width and height: rendering them is what takes the time."""
    for name in ("CHASE", "ABOVE"):
        mount = getattr(spectators, name)
        monkeypatch.setattr(spectators, name, replace(mount, width=240, height=270))


class Filmed(AutopilotAgent):
    """Drives some ticks with a small copy of the spectator above, then gives up."""

    steps = 12
    has_camera = True

    def __init__(self):
        super().__init__(LOOPBACK, 0)
        self.step = 0

    def sensors(self):
        mount = {"x": 0.0, "y": 0.0, "z": 22.0, "roll": 0.0, "pitch": -90.0, "yaw": 0.0}
        camera = {"type": "sensor.camera.rgb", "id": "above", **mount, "width": 95, "height": 107, "fov": 100}
        return [camera] if self.has_camera else []

    def run_step(self, input_data, timestamp):
        self.step += 1
        if self.step > self.steps:
            raise RuntimeError("seen enough")
        control = super().run_step(input_data, timestamp)
        control.throttle, control.brake = 1.0, 0.0
        return control


class Telling(Filmed):
    """Shows a plan straight ahead."""

    def get_agent_view(self):
        return AgentView(waypoints_ego=np.array([[4.0, 0.0], [8.0, 0.0]]), target_speed_mps=5.0)


class Rambling(Filmed):
    """Shows things of impossible shapes."""

    def get_agent_view(self):
        return AgentView(waypoints_ego=np.zeros((3, 5, 7)), boxes=np.zeros(4))


def drive(session, route, folder, agent, **keys):
    """Drive some ticks; return the number of frames per video."""
    config = ClosedLoopConfig(**keys)
    settings = EpisodeSettings(profile=PROFILE, artefact_dir=folder, name="r1", closed_loop=config)
    observers = artefact_observers(config, PROFILE, "autopilot")
    run = Episode(session, route, agent, settings, observers).run()
    assert run.failure == "Agent crashed", "the agent ends the drive, nothing else does"
    return {path.stem: len(decoded(path)) for path in sorted(folder.glob("*.mp4"))}


def decoded(path):
    reader = imageio_ffmpeg.read_frames(str(path))
    width, height = next(reader)["size"]
    return [np.frombuffer(data, np.uint8).reshape(height, width, 3) for data in reader]


def gray(picture):
    return cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (95, 107), interpolation=cv2.INTER_AREA).astype(float)


@pytest.mark.slow
@pytest.mark.usefixtures("small_spectators")
def test_frames_of_all_artefacts_show_the_same_ticks(session, route, tmp_path):
    keys = ["demo_video", "demo_image", "input_image", "input_video", "grid_video", "debug_video", "debug_image"]
    Telling.steps = 12
    counts = drive(session, route, tmp_path, Telling, **{f"produce_{key}": True for key in keys})
    assert counts == {"r1_debug": 12, "r1_demo": 12, "r1_grid": 12, "r1_input": 12}
    for name in ("demo", "input", "debug"):
        names = [path.name for path in sorted((tmp_path / f"{name}_images").iterdir())]
        assert names == [f"{number:05d}.png" for number in range(12)], name
    # The agent's camera hangs at the same place as the spectator's, so their pictures of one tick are nearly equal.
    seen = [gray(cv2.imread(str(path))) for path in sorted((tmp_path / "input_images").iterdir())]
    demo = [cv2.imread(str(path)) for path in sorted((tmp_path / "demo_images").iterdir())]
    above = [gray(picture[:, 240:]) for picture in demo]
    difference = np.array([[np.abs(mine - its).mean() for its in above] for mine in seen])
    moving = slice(4, None)
    assert (difference[moving].argmin(axis=1) == np.arange(12)[moving]).all()
    assert (demo[0][:, 240:] == (255, 255, 0)).all(axis=-1).sum() > 20, "the plan is drawn from above"
    infractions = read_infractions(tmp_path / "infractions.json")
    assert (infractions.video_fps, infractions.ticks_per_frame, infractions.problems) == (20.0, 1, ())
    assert infractions.infractions[-1].infraction == "RouteCompletionTest"
    metrics = json.loads((tmp_path / "metric_info.json").read_text())
    assert list(metrics) == [str(step) for step in range(1, 13)]
    header, rows = read_drive_log(tmp_path / "drive_log.jsonl")
    assert (header["town"], header["route_id"], header["tick_s"]) == (route.town, route.id, 0.05)
    assert [row["step"] for row in rows] == [1, 3, 5, 7, 9, 11]
    places = [metrics[str(row["step"])]["location"][:2] for row in rows]
    np.testing.assert_allclose([row["ego"][:2] for row in rows], places, atol=0.006)
    assert rows[-1]["view"] == {"waypoints": [[4.0, 0.0], [8.0, 0.0]], "target_speed": 5.0}


@pytest.mark.usefixtures("small_spectators")
def test_grid_needs_no_demo_and_every_third_tick_is_three_times_fewer(session, route, tmp_path):
    Filmed.steps = 8
    keys = {"produce_grid_video": True, "produce_input_video": True, "produce_frame_frequency": 3}
    counts = drive(session, route, tmp_path, Filmed, **keys)
    assert counts == {"r1_grid": 3, "r1_input": 3}
    assert read_infractions(tmp_path / "infractions.json").ticks_per_frame == 3
    # An input of 95 x 107 pixels loses 8 rows at either end, half of the demo remains; sizes are padded to even ones.
    assert decoded(tmp_path / "r1_grid.mp4")[0].shape == (27 + 91, 96, 3)
    assert decoded(tmp_path / "r1_input.mp4")[0].shape == (108, 96, 3)


def test_agents_without_cameras_have_demo_and_debug_only(session, route, tmp_path, caplog):
    class Blind(Filmed):
        steps = 2
        has_camera = False

    keys = ("produce_demo_video", "produce_debug_video", "produce_input_video", "produce_grid_video")
    assert drive(session, route, tmp_path, Blind, **dict.fromkeys(keys, True)) == {"r1_debug": 2, "r1_demo": 2}
    assert decoded(tmp_path / "r1_demo.mp4")[0].shape == (1080, 1920, 3)
    assert "the agent has no cameras" in caplog.text


def test_what_an_agent_shows_cannot_end_the_drive(session, route, tmp_path, caplog):
    Rambling.steps = 3
    keys = {"produce_debug_video": True, "produce_input_video": True}
    drive(session, route, tmp_path, Rambling, **keys)
    assert caplog.text.count("drawing failed") == 1
    assert caplog.text.count("view cannot be recorded") == 1
    assert [row["step"] for row in read_drive_log(tmp_path / "drive_log.jsonl")[1]] == [1, 3]


def test_a_server_that_renders_nothing_costs_a_few_seconds(session, route, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(spectators, "WAIT_S", 0.2)

    class Blind(Filmed):
        steps = 14
        has_camera = False

    settings = session.world.get_settings()
    settings.no_rendering_mode = True
    session.world.apply_settings(settings)
    try:
        counts = drive(session, route, tmp_path, Blind, produce_demo_video=True, produce_debug_video=True)
    finally:
        settings.no_rendering_mode = False
        session.world.apply_settings(settings)
    assert counts == {"r1_debug": 14}
    assert caplog.text.count("the spectator cameras send no pictures") == 1
