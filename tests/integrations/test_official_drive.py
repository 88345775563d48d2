"""Real drives under CARLA's own evaluator, where `lead setup leaderboard` has been run."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from lead.errors import LeadError
from lead.integrations.leaderboard.harness import OfficialRun, run_official
from lead.integrations.leaderboard.installation import Installation
from lead.maps.towns import installed_towns
from lead.simulator.launch import EmbeddedServer, free_port

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
HARNESS = Path(os.environ.get("LEAD_TEST_LEADERBOARD_ROOT", ROOT / "3rd_party"))
SMOKE = ROOT / "data" / "routes" / "smoke.xml"
PUBLIC_ROUTES = ROOT.parent / "shared" / "data" / "benchmark_routes"


def installation(benchmark: str) -> Installation:
    try:
        found = Installation.find(HARNESS, benchmark)
    except LeadError as error:
        pytest.skip(str(error))
    if "Town01" not in installed_towns():
        pytest.skip("Town01 is not installed (lead towns install)")
    return found


def drive(out_dir: Path, agent: str, benchmark: str = "leaderboard", routes: Path = SMOKE, **more: Any) -> Any:
    """Drive in Town01 and return the evaluator's result file."""
    found = installation(benchmark)
    with EmbeddedServer(free_port(), "Town01", carla_version=found.carla_version) as server:
        run = OfficialRun(
            routes,
            agent,
            out_dir,
            port=server.port,
            traffic_manager_port=free_port(1),
            timeout_s=60.0,
            deadline_s=280.0,
            benchmark=benchmark,
            **more,
        )
        assert run_official(run, HARNESS) == 0, (out_dir / "official_harness.log").read_text()[-3000:]
    return json.loads(run.checkpoint.read_text())


def test_autopilot_completes_a_route(tmp_path: Path) -> None:
    result = drive(tmp_path, "autopilot")
    assert (result["entry_status"], result["eligible"]) == ("Finished", True)
    (record,) = result["_checkpoint"]["records"]
    assert record["status"] in ("Completed", "Perfect")
    assert record["scores"]["score_route"] == 100
    assert record["infractions"]["outside_route_lanes"] == []


def test_leaderboards_own_agent_with_a_camera_drives(tmp_path: Path) -> None:
    agent = HARNESS / "leaderboard" / "leaderboard" / "autoagents" / "npc_agent.py"
    result = drive(tmp_path, str(agent), resume=True)
    assert result["sensors"] == ["carla_camera"]
    (record,) = result["_checkpoint"]["records"]
    # That agent stops two or three metres before the end of its plan.
    assert record["scores"]["score_route"] > 90


def test_resumed_run_drives_only_what_is_missing(tmp_path: Path) -> None:
    first = drive(tmp_path, "autopilot")
    again = drive(tmp_path, "autopilot", resume=True)
    assert again["_checkpoint"]["records"] == first["_checkpoint"]["records"]
    log = (tmp_path / "official_harness.log").read_text()
    assert log.count("Running the route") == 1


def test_bench2drives_evaluator_uses_the_running_server(tmp_path: Path) -> None:
    if not PUBLIC_ROUTES.is_dir():
        pytest.skip("the public routes are not there")
    candidates = sorted((PUBLIC_ROUTES / "bench2drive").glob("*.xml"))
    routes = next(path for path in candidates if re.search('town="Town01".*DynamicObject', path.read_text(), re.DOTALL))
    result = drive(tmp_path, "autopilot", "bench2drive", routes)
    (record,) = result["_checkpoint"]["records"]
    assert record["scenario_name"].startswith("DynamicObjectCrossing")
    assert record["scores"]["score_route"] > 0
