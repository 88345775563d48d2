"""Baselines: one drives at random but the same way each time, one knows its route and nothing else."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from supervision_support import drive_command

from lead.agents.registry import create_agent
from lead.maps.towns import installed_towns

SUITE = Path(__file__).resolve().parents[2] / "data/routes/suites/validation.xml"
RED_LIGHT = "RedLightWithoutLeadVehicle_Town02_200_0000"


def controls(agent, ticks=100):
    agent.setup("")
    return [(control.throttle, control.steer) for control in (agent.run_step({}, 0.05 * tick) for tick in range(ticks))]


def test_random_controls_repeat_and_are_held_for_a_second():
    agent = create_agent("random", "127.0.0.1", 2000)
    drawn = controls(agent)
    assert controls(agent) == drawn == controls(create_agent("random", "127.0.0.1", 2000))
    assert len(set(drawn)) == 5
    assert len(set(drawn[:20])) == 1
    assert agent.sensors() == []


@pytest.mark.skipif("Town02" not in installed_towns(), reason="Town02 is not installed (lead towns install Town02)")
def test_the_follower_ends_its_route_and_runs_the_red_light(tmp_path):
    route = re.search(rf'<route id="{RED_LIGHT}".*?</route>', SUITE.read_text(), re.DOTALL).group(0)
    routes = tmp_path / "red.xml"
    routes.write_text(f"<routes>{route}</routes>")
    command = drive_command(tmp_path / "out", routes=routes)
    command[command.index("--agent") + 1] = "follower"
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    (record,) = json.loads((tmp_path / "out/checkpoint_endpoint.json").read_text())["_checkpoint"]["records"]
    assert record["scores"]["score_route"] == 100.0
    assert record["infractions"]["red_light"]
