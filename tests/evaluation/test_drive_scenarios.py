"""Scenarios and background traffic in ``lead drive``: which of them there are, and that drives repeat exactly."""

import json
import subprocess
import sys

import pytest

from lead.cli.drive_options import DEFAULT_TRAFFIC
from lead.cli.episode_process import _choose_engine
from lead.evaluation.job import EpisodeJob
from lead.maps.towns import installed_towns
from lead.routes.reader import read_routes
from lead.scoring.profiles import profile
from lead.simulator.launch import free_port

ROUTE = """<routes>
  <route id="piles" town="Town01">
    <waypoints><position x="88.4" y="208.0" z="0.0"/><position x="88.4" y="300.0" z="0.0"/></waypoints>
    <scenarios>{scenarios}</scenarios>
  </route>
</routes>"""
PILES = """<scenario name="HardBreakRoute_1" type="HardBreakRoute">
  <trigger_point x="88.4" y="222.0" z="0.0" yaw="90.0"/>
</scenario>"""

town01 = pytest.mark.skipif(
    "Town01" not in installed_towns(), reason="Town01 is not installed (lead towns install Town01)"
)


def write_route(folder, scenarios=PILES):
    path = folder / "piles.xml"
    path.write_text(ROUTE.format(scenarios=scenarios))
    return path


def lead_drive(routes, folder, *arguments):
    ports = ("--port", str(free_port(3)), "--traffic-manager-port", str(free_port(1)))
    words = ("--routes", str(routes), "--output-dir", str(folder), "--simulator", "embedded", "--no-video")
    command = [sys.executable, "-m", "lead", "drive", *words, *ports, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((folder / "checkpoint_endpoint.json").read_text())
    (record,) = result["_checkpoint"]["records"]
    return done, result, record


def without_wall_clock(record):
    meta = {name: value for name, value in record["meta"].items() if name != "duration_system"}
    return {**record, "meta": meta}


@town01
def test_scenarios_are_played_amid_moving_traffic(tmp_path):
    _, result, record = lead_drive(write_route(tmp_path), tmp_path / "out")
    assert result["lead"]["routes"][record["route_id"]]["scenarios"] == "driven"
    assert record["meta"]["duration_game"] > 10.0, "the cars ahead brake for ten seconds"
    log = (tmp_path / "out/drive_log.jsonl").read_text().splitlines()
    assert any(json.loads(line).get("actors") for line in log[1:]), "there are cars around the ego"
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())["runs"][0]
    assert (manifest["traffic"], manifest["scenarios"]) == (None, True)


@town01
@pytest.mark.slow
def test_drives_with_scenarios_and_traffic_repeat_exactly(tmp_path):
    routes = write_route(tmp_path)
    drives = [lead_drive(routes, tmp_path / str(number)) for number in range(2)]
    first, second = (without_wall_clock(record) for _, _, record in drives)
    assert first == second
    logs = [(tmp_path / str(number) / "drive_log.jsonl").read_text().splitlines() for number in range(2)]
    assert logs[0] == logs[1]


@town01
def test_scenarios_can_be_left_out_and_results_say_so(tmp_path):
    done, result, record = lead_drive(write_route(tmp_path), tmp_path / "out", "--no-scenarios", "--traffic", "0")
    assert result["lead"]["routes"][record["route_id"]]["scenarios"] == "ignored"
    assert "its 1 scenario was left out" in " ".join(done.stdout.split() + done.stderr.split())
    assert record["meta"]["duration_game"] < 20.0


def job(**changes):
    texts = dict.fromkeys(
        ("routes_file", "route_id", "agent", "agent_config", "artefact_dir", "name", "status_file"), ""
    )
    numbers = dict.fromkeys(("repetition", "port", "traffic_manager_port", "seed"), 0)
    return EpisodeJob(
        **{**texts, **numbers, "timeout_s": 1.0, "profile": "leaderboard-2.0", "traffic": None, **changes}
    )


@pytest.mark.parametrize(
    ("scenarios", "rules", "changes", "plain", "has_engine"),
    [
        (PILES, "leaderboard", {}, 0, True),
        (PILES, "leaderboard", {"traffic": 7}, 0, True),
        (PILES, "leaderboard", {"ignore_scenarios": True}, DEFAULT_TRAFFIC, False),
        (PILES, "bench2drive", {"ignore_scenarios": True, "traffic": 7}, 7, False),
        ("", "leaderboard", {}, DEFAULT_TRAFFIC, False),
        ("", "leaderboard", {"traffic": 7}, 7, False),
        ("", "longest6", {}, 0, True),
        ("", "longest6", {"traffic": 7}, 7, False),
    ],
)
def test_who_populates_the_roads(tmp_path, scenarios, rules, changes, plain, has_engine):
    (route,) = read_routes(write_route(tmp_path, scenarios))
    count, engine = _choose_engine(job(**changes), route, profile(rules))
    assert (count, engine is not None) == (plain, has_engine)
