"""Drives against real simulator processes: results, refusals, and that nothing keeps running."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import carla
import cv2
import numpy as np
import pytest

from lead.evaluation.agent import AutonomousAgent
from lead.evaluation.episode import Episode, EpisodeSettings
from lead.evaluation.tick_guard import switch_synchronous_mode
from lead.evaluation.world_setup import SimulationSession, SimulatorError
from lead.maps.towns import installed_towns
from lead.routes.reader import read_routes
from lead.scoring.profiles import profile
from lead.scoring.records import AGENT_CRASHED, AGENT_SETUP_FAILED
from lead.simulator.launch import LOOPBACK, EmbeddedServer, free_port, port_is_open

ROOT = Path(__file__).resolve().parents[2]
SMOKE = ROOT / "data/routes/smoke.xml"
STRAIGHT = ROOT / "tests/evaluation/agents/straight.xml"
TIMEOUT_S = 30.0

pytestmark = pytest.mark.skipif(
    "Town01" not in installed_towns(), reason="Town01 is not installed (lead towns install Town01)"
)


@pytest.fixture(scope="module")
def server():
    with EmbeddedServer(free_port(), "Town01") as process:
        yield process


@pytest.fixture
def session(server):
    with SimulationSession(server.port, free_port(1), seed=0, timeout_s=TIMEOUT_S) as entered:
        yield entered


def lead_drive(*arguments, **options):
    command = [sys.executable, "-m", "lead", "drive", "--traffic-manager-port", str(free_port(1)), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


def our_simulators(port):
    """List the ids of running ``lead sim`` processes on a port."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode().split("\0")
        except OSError:
            continue
        if "sim" in words and str(port) in words:
            found.append(int(entry.parent.name))
    return found


def edited_smoke(tmp_path, old, new):
    path = tmp_path / "edited.xml"
    path.write_text(SMOKE.read_text().replace(old, new))
    return path


def test_drive_starts_a_simulator_scores_films_and_stops_it(tmp_path):
    port = free_port()
    words = ["--routes", str(STRAIGHT), "--port", str(port), "--traffic", "8", "--output-dir", str(tmp_path)]
    done = lead_drive(*words)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "checkpoint_endpoint.json").read_text())
    (record,) = result["_checkpoint"]["records"]
    assert record["route_id"] == "RouteScenario_straight_rep0"
    assert record["scores"]["score_route"] == 100.0
    assert result["entry_status"] == "Finished"
    film = cv2.VideoCapture(str(tmp_path / "straight_topdown.mp4"))
    assert (film.get(cv2.CAP_PROP_FRAME_WIDTH), film.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (1280, 720)
    assert film.get(cv2.CAP_PROP_FPS) == 10.0
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) > 30
    film.set(cv2.CAP_PROP_POS_FRAMES, film.get(cv2.CAP_PROP_FRAME_COUNT) // 2)
    _, frame = film.read()
    chase = frame[:, 640:].astype(int)
    assert chase[:80].mean() > 110, "sky above"
    assert abs(chase[-80:].mean() - chase[:80].mean()) > 25, "and the road below"
    assert np.ptp(chase[300:500].reshape(-1, 3), axis=0).max() > 100, "with the ego and the street between"
    assert str(tmp_path / "straight_topdown.mp4") in done.stdout
    assert not port_is_open(LOOPBACK, port)
    assert our_simulators(port) == []


def test_a_server_that_was_there_is_used_and_left_as_it_was(server, tmp_path):
    client = carla.Client(LOOPBACK, server.port)
    client.set_timeout(TIMEOUT_S)
    world = client.get_world()
    before = [actor.type_id for actor in world.get_actors()]
    words = ["--routes", str(SMOKE), "--port", str(server.port), "--no-video", "--traffic", "5"]
    done = lead_drive(*words, "--output-dir", str(tmp_path), "--repetitions", "2")
    assert done.returncode == 0, done.stderr
    records = json.loads((tmp_path / "checkpoint_endpoint.json").read_text())["_checkpoint"]["records"]
    assert [record["status"] for record in records] == ["Perfect", "Perfect"]
    assert [record["route_id"][-4:] for record in records] == ["rep0", "rep1"]
    world = client.get_world()
    world.wait_for_tick()
    assert not world.get_settings().synchronous_mode
    assert sorted(actor.type_id for actor in world.get_actors()) == sorted(before)


def test_results_carry_what_they_were_driven_with(tmp_path):
    words = ["--routes", str(SMOKE), "--port", str(free_port()), "--no-video", "--traffic", "0"]
    done = lead_drive(*words, "--output-dir", str(tmp_path), "--profile", "leaderboard-2.1", "custom_weather=WetNight")
    assert done.returncode == 0, done.stderr
    (run,) = json.loads((tmp_path / "manifest.json").read_text())["runs"]
    assert run["profile"]["version"] == "2.1"
    assert run["profile"]["penalties"]["additive"]
    assert run["closed_loop"]["custom_weather"] == "WetNight"
    assert run["seeds"] == {"turn": 0}
    assert len(run["routes"][str(SMOKE)]) == 64
    assert {"lead", "carla", "python", "numpy"} <= set(run["versions"])
    result = json.loads((tmp_path / "checkpoint_endpoint.json").read_text())
    assert result["lead"]["profile"] == "leaderboard-2.1"


class CrashingAgent(AutonomousAgent):
    """Fails where it is told to."""

    def __init__(self, in_setup):
        super().__init__(LOOPBACK, 0)
        self.in_setup = in_setup
        self.steps = 0
        self.destroyed = 0

    def setup(self, path_to_conf_file):
        if self.in_setup:
            raise ValueError("no such model")

    def run_step(self, input_data, timestamp):
        self.steps += 1
        if self.steps == 5:
            raise ValueError("bad input")
        return carla.VehicleControl(throttle=0.3)

    def destroy(self):
        self.destroyed += 1


@pytest.mark.parametrize(("in_setup", "reason"), [(True, AGENT_SETUP_FAILED), (False, AGENT_CRASHED)])
def test_agent_failures_are_results_not_crashes(session, in_setup, reason):
    agent = CrashingAgent(in_setup)
    (route,) = read_routes(SMOKE)
    run = Episode(session, route, lambda: agent, EpisodeSettings(traffic_count=2)).run()
    assert run.failure == reason
    assert agent.destroyed == 1
    session.tick()
    assert not list(session.world.get_actors().filter("vehicle.*"))
    assert not list(session.world.get_actors().filter("sensor.*"))


class InterruptedAgent(CrashingAgent):
    """Behaves like a user who presses Ctrl-C."""

    def run_step(self, input_data, timestamp):
        raise KeyboardInterrupt


def test_interrupt_cleans_up(session):
    agent = InterruptedAgent(False)
    (route,) = read_routes(SMOKE)
    with pytest.raises(KeyboardInterrupt):
        Episode(session, route, lambda: agent, EpisodeSettings(traffic_count=2)).run()
    session.tick()
    assert not list(session.world.get_actors().filter("vehicle.*"))
    assert agent.destroyed == 1


class GasAgent(AutonomousAgent):
    """Full throttle straight on."""

    def run_step(self, input_data, timestamp):
        return carla.VehicleControl(throttle=1.0)


def test_reckless_driving_is_noticed(session):
    (route,) = read_routes(SMOKE)
    settings = EpisodeSettings(profile=profile("bench2drive"))  # ends after a minute of standstill, not three
    run = Episode(session, route, lambda: GasAgent(LOOPBACK, 0), settings).run()
    assert run.failure == ""
    assert {event.type.value for event in run.events} & {"ROUTE_DEVIATION", "COLLISION_STATIC"}
    completion = [event for event in run.events if event.type.value == "ROUTE_COMPLETION"]
    assert 10.0 < completion[0].values["route_completed"] < 99.0


def test_waking_the_traffic_manager_does_not_disturb_it(server):
    port = free_port(1)
    with SimulationSession(server.port, port, seed=0, timeout_s=TIMEOUT_S) as session:
        session.load_town("Town01")
        assert session.traffic_manager.get_port() == port
        first = session.tick()
        switch_synchronous_mode(port)
        assert [session.tick() for _ in range(5)] == [first + step for step in range(1, 6)]


def test_unknown_town_names_the_known_ones(session):
    with pytest.raises(SimulatorError, match=r"no map Town99; it knows .*Town01"):
        session.load_town("Town99")


def test_bad_input_is_one_sentence_and_leaves_nothing_running(tmp_path):
    port = free_port()
    cases = {
        "does not exist": ["--routes", str(tmp_path / "nothing.xml")],
        "unknown town": ["--routes", str(edited_smoke(tmp_path, "Town01", "Town99"))],
        "there is no agent": ["--routes", str(SMOKE), "--agent", "autoplot"],
        "no route with the id 9": ["--routes", str(SMOKE), "--route-id", "9"],
        "does not have the agent 'expert_py123d'": ["--routes", str(SMOKE), "--expert", "--py123d"],
        "exclude each other": ["--routes", str(SMOKE), "--expert", "--agent", "autopilot"],
        "--carl needs --checkpoint": ["--routes", str(SMOKE), "--carl"],
        "nearest is 'bench2drive'": ["--routes", str(SMOKE), "--profile", "benchdrive"],
        "the nearest is 'ClearNoon'": ["--routes", str(SMOKE), "custom_weather=ClearNon"],
        "no key": ["--routes", str(SMOKE), "produce_demo_vidoe=true"],
    }
    for words, arguments in cases.items():
        done = lead_drive(*arguments, "--port", str(port), cwd=tmp_path)
        assert done.returncode == 1, words
        assert words in done.stderr
        assert "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()[-1]) < 300
    assert our_simulators(port) == []


def test_route_off_the_map_is_refused(server, tmp_path):
    path = edited_smoke(tmp_path, 'x="56.0"', 'x="5600.0"')
    done = lead_drive("--routes", str(path), "--port", str(server.port), "--output-dir", str(tmp_path))
    assert done.returncode == 1
    assert "route turn: way point 2 at (5600.0, 326.6, 0.0) is off the map" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_port_of_another_program_is_refused(tmp_path):
    with socket.create_server((LOOPBACK, 0)) as holder:
        port = holder.getsockname()[1]
        done = lead_drive("--routes", str(SMOKE), "--port", str(port), "--output-dir", str(tmp_path))
    assert done.returncode == 1
    assert f"port {port} is held by a program that is not a CARLA server" in done.stderr


@pytest.mark.slow
def test_other_carla_version_is_refused(tmp_path):
    installed = carla.Client(LOOPBACK, 2000).get_client_version()
    other = "0.9.15" if installed.startswith("0.9.16") else "0.9.16"
    with EmbeddedServer(free_port(), "Town01", other) as server:
        done = lead_drive("--routes", str(SMOKE), "--port", str(server.port), "--output-dir", str(tmp_path))
    assert done.returncode == 1
    assert f"is CARLA {other} but the installed client is {installed}" in done.stderr
