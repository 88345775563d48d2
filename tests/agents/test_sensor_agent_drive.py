"""Checkpoints with random weights drive in the embedded simulator, end to end, and leave everything that was asked for.

Random weights accelerate with the wheel turned somewhere, which is enough for a route of three metres.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import torch

from lead.agents.sensor_agent import SensorAgent
from lead.config.closed_loop import ClosedLoopConfig
from lead.errors import LeadError
from lead.evaluation.drive_log import read_drive_log
from lead.evaluation.episode import Episode, EpisodeSettings
from lead.evaluation.videos.observers import artefact_observers
from lead.evaluation.world_setup import SimulationSession
from lead.inference.open_loop import OpenLoopInference
from lead.maps.towns import installed_towns
from lead.routes.reader import read_routes
from lead.scoring.profiles import profile
from lead.simulator.launch import LOOPBACK, EmbeddedServer, free_port

pytestmark = pytest.mark.skipif(
    "Town01" not in installed_towns(), reason="Town01 is not installed (lead towns install Town01)"
)
VARIANTS = ("resnet34", "regnety032", "4cameras_resnet34", "noradar_resnet34", "visiononly_resnet34")
THREE_METRES = """<routes><route id="short" town="Town01"><waypoints>
<position x="88.4" y="248.3" z="0.0"/><position x="88.4" y="251.3" z="0.0"/></waypoints></route></routes>"""
ARTEFACTS = ("demo", "input", "grid", "debug")


class Brief(SensorAgent):
    """Gives up after some ticks and remembers what it decided."""

    ticks = 3

    def __init__(self):
        super().__init__(LOOPBACK, 0)
        self.views = []

    def run_step(self, input_data, timestamp):
        if len(self.views) == self.ticks:
            raise LeadError("seen enough")
        control = super().run_step(input_data, timestamp)
        self.views.append(self.get_agent_view())
        return control


@pytest.fixture
def routes(tmp_path):
    path = tmp_path / "short.xml"
    path.write_text(THREE_METRES)
    return path


@pytest.mark.slow
def test_a_few_ticks_and_the_same_predictions_from_the_input_log(make_checkpoint, routes, tmp_path, monkeypatch):
    monkeypatch.setenv("SAVE_PATH", str(tmp_path))
    folder = make_checkpoint("resnet34")
    config = ClosedLoopConfig(produce_input_log=True)
    rules = profile("leaderboard")
    settings = EpisodeSettings(
        profile=rules, agent_config=str(folder), artefact_dir=tmp_path, name="r", closed_loop=config
    )
    agents = []

    def make():
        agents.append(Brief())
        return agents[0]

    (route,) = read_routes(routes)
    with (
        EmbeddedServer(free_port(), "Town01") as server,
        SimulationSession(server.port, free_port(1), seed=0, timeout_s=60.0) as session,
    ):
        episode = Episode(session, route, make, settings, artefact_observers(config, rules, "transfuser"))
        run = episode.run()
    assert (run.failure, episode.explanation) == ("Agent crashed", "seen enough")
    files = sorted((tmp_path / "input_log").glob("*.pth"))
    assert len(files) == Brief.ticks
    inference = OpenLoopInference(folder, device="cpu")
    for file, view in zip(files[1:], agents[0].views[1:], strict=True):
        prediction = inference.predict(torch.load(file, weights_only=True))
        np.testing.assert_allclose(prediction.path_ego, view.route_ego, atol=1e-4)
        np.testing.assert_allclose(prediction.waypoints_ego, view.waypoints_ego, atol=1e-4)
        assert prediction.target_speed_mps == pytest.approx(view.target_speed_mps, abs=1e-4)
    _, rows = read_drive_log(tmp_path / "drive_log.jsonl")
    assert "waypoints" not in rows[0]["view"] and len(rows[1]["view"]["waypoints"]) == 8


def lead_drive(folder, routes, out, *words, **environment):
    """Run `lead drive`; return its result."""
    ports = free_port(10)
    options = ["--routes", str(routes), "--output-dir", str(out), "--traffic", "0", "--no-video"]
    options += ["--port", str(ports), "--traffic-manager-port", str(ports + 8), "--device", "cpu"]
    return subprocess.run(
        [sys.executable, "-m", "lead", "drive", "--checkpoint", str(folder), *options, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        env={**os.environ, **environment},
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("variant", VARIANTS)
def test_lead_drive_writes_everything(make_checkpoint, routes, tmp_path, variant):
    out = tmp_path / "out"
    # The spectators' pictures cost more than all networks and are the same for all.
    artefacts = ARTEFACTS if variant == "resnet34" else ("input", "debug")
    wanted = [f"produce_{artefact}_video=true" for artefact in artefacts]
    heuristics = ["sensor_agent_creeping=true", "slower_for_stop_sign=true", "use_kalman_filter=true"]
    folder = make_checkpoint(variant)
    result = lead_drive(folder, routes, out, *wanted, LEAD_CLOSED_LOOP_CONFIG=" ".join(heuristics))
    assert result.returncode == 0, result.stdout + result.stderr
    (record,) = json.loads((out / "checkpoint_endpoint.json").read_text())["_checkpoint"]["records"]
    assert record["scores"]["score_route"] == 100.0
    _, rows = read_drive_log(out / "drive_log.jsonl")
    frames = {name: imageio_ffmpeg.count_frames_and_secs(out / f"short_{name}.mp4")[0] for name in artefacts}
    assert len(set(frames.values())) == 1
    assert frames["debug"] in (2 * len(rows), 2 * len(rows) - 1)
    assert json.loads((out / "infractions.json").read_text())["video_fps"] == 20.0
    (manifest,) = json.loads((out / "manifest.json").read_text())["runs"]
    assert set(manifest["agent"]["files"]) == {"config.json", "model_0030_0.pth"}
    assert manifest["closed_loop"]["slower_for_stop_sign"] is True


def test_a_broken_checkpoint_is_one_sentence_before_anything_starts(make_checkpoint, routes, tmp_path):
    folder = tmp_path / "broken"
    folder.mkdir()
    source: Path = make_checkpoint("resnet34")
    (folder / "config.json").write_text((source / "config.json").read_text())
    (folder / "model_0030_0.pth").write_bytes((source / "model_0030_0.pth").read_bytes()[:5000])
    result = lead_drive(folder, routes, tmp_path / "out")
    assert result.returncode == 1
    assert "model_0030_0.pth is damaged or no PyTorch file" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert not (tmp_path / "out").exists()
