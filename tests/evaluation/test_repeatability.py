"""The same route with the same seed gives the same files, but for wall-clock times."""

import json
import subprocess
from pathlib import Path

import pytest
from supervision_support import STRAIGHT, drive_command

from lead.maps.towns import installed_towns

pytestmark = pytest.mark.skipif(
    "Town01" not in installed_towns(), reason="Town01 is not installed (lead towns install Town01)"
)
SMOKE = Path(__file__).resolve().parents[2] / "data/routes/smoke.xml"
DIGEST_AGENT = Path(__file__).with_name("agents") / "digest_agent.py"
WALL_CLOCK = ("duration_system", "save_name")


def without_clock(value):
    """JSON data without the fields that hold wall-clock time."""
    if isinstance(value, dict):
        return {key: without_clock(item) for key, item in value.items() if key not in WALL_CLOCK}
    return [without_clock(item) for item in value] if isinstance(value, list) else value


def results_of_a_drive(folder, agent, routes, seed=0):
    """Drive among traffic under Bench2Drive's rules; content of every result file without wall-clock times."""
    command = drive_command(folder, "--profile", "bench2drive", "--traffic-manager-seed", str(seed), routes=routes)
    command[command.index("--agent") + 1] = str(agent)
    command[command.index("--traffic") + 1] = "25"
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    files = {path.name: path for path in folder.rglob("*.json") if path.name != "manifest.json"}
    assert {"checkpoint_endpoint.json", "infractions.json", "metric_info.json"} < set(files)
    return {name: without_clock(json.loads(path.read_text())) for name, path in files.items()}


@pytest.mark.slow
def test_two_drives_with_one_seed_are_equal_and_another_seed_is_not(tmp_path):
    first = results_of_a_drive(tmp_path / "first", "autopilot", STRAIGHT)
    assert len(first["metric_info.json"]) > 60
    assert results_of_a_drive(tmp_path / "second", "autopilot", STRAIGHT) == first
    other = results_of_a_drive(tmp_path / "other", "autopilot", STRAIGHT, seed=1)
    assert other["checkpoint_endpoint.json"]["lead"] != first["checkpoint_endpoint.json"]["lead"]


@pytest.mark.slow
def test_ten_drives_are_equal(tmp_path):
    first, *others = [results_of_a_drive(tmp_path / str(number), "autopilot", SMOKE) for number in range(10)]
    assert all(other == first for other in others)


@pytest.mark.slow
def test_sensors_send_the_same_bytes(tmp_path):
    results = [results_of_a_drive(tmp_path / name, DIGEST_AGENT, STRAIGHT) for name in ("first", "second")]
    assert results[0] == results[1]
    digests = [(tmp_path / name / "digest.txt").read_text() for name in ("first", "second")]
    assert digests[0] == digests[1]
