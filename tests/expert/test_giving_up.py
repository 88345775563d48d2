"""``lead collect --give-up``: a drive that must not be learnt from does not go on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lead.dataset.acceptance import rejection
from lead.maps.towns import installed_towns
from lead.scoring.records import GIVEN_UP

AGENT = Path(__file__).with_name("driving_into_something_agent.py")
ROUTE = """<routes><route id="turn" town="Town01"><waypoints><position x="88.4" y="285.0" z="0.0"/>
<position x="88.4" y="310.0" z="0.0"/><position x="65.0" y="326.6" z="0.0"/></waypoints></route></routes>"""
COLLECT = """
import sys
import lead.cli.collect
lead.cli.collect.AGENT = {agent!r}
from lead.cli.main import main
sys.argv = ["lead", "collect", {routes!r}, "--out", {out!r}, "--traffic", "0", *{words!r}]
main()
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("Town01" not in installed_towns(), reason="Town01 is not installed"),
]


def collect(folder, *words):
    """Let the mad expert drive; returns the record and the number of ticks."""
    (folder / "turn.xml").write_text(ROUTE)
    script = COLLECT.format(agent=str(AGENT), routes=str(folder / "turn.xml"), out=str(folder / "out"), words=words)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    (results,) = (folder / "out" / "data").glob("*/*/results.json")
    (log,) = (folder / "out" / "results").glob("*/drive_log.jsonl")
    return json.loads(results.read_text()), log.read_text().count('"step"')


def test_the_first_fault_ends_the_drive_and_the_route_is_left_out(tmp_path):
    record, rows = collect(tmp_path, "--give-up")
    assert record["status"] == f"Failed - {GIVEN_UP}"
    assert rejection(record) is not None
    assert record["num_infractions"] - len(record["infractions"]["outside_route_lanes"]) == 1
    assert record["meta"]["duration_game"] < 30.0 and rows > 20
