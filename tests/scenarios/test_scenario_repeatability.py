"""The same route with the same seed: every actor of scenarios and background traffic moves alike, to the last bit.

Every drive has processes of its own, as in an evaluation; inside one process a drive could lean on the one before.
"""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest
from scenario_support import require_town

from lead.simulator.launch import free_port

AGENT = Path(__file__).with_name("agents") / "trajectory_agent.py"
# A child runs into the road, then the bubble of traffic passes a junction.
CROSSING_AND_JUNCTION = """<routes>
  <route id="child" town="Town01">
    <waypoints><position x="88.4" y="254.0" z="0.0"/><position x="56.0" y="326.6" z="0.0"/></waypoints>
    <scenarios>
      <scenario name="DynamicObjectCrossing_1" type="DynamicObjectCrossing">
        <trigger_point x="88.4" y="262.0" z="0.0" yaw="90.0"/>
        <distance value="25"/>
      </scenario>
    </scenarios>
  </route>
</routes>"""
# Two lanes each way: a left turn across a stream with gaps drawn by lot, cars that brake, cones on the road.
STREAM_AND_BRAKES = """<routes>
  <route id="stream" town="Town03">
    <waypoints><position x="-6.4" y="66.0" z="0.0"/><position x="169.0" y="101.0" z="0.0"/></waypoints>
    <scenarios>
      <scenario name="SignalizedJunctionLeftTurn_1" type="SignalizedJunctionLeftTurn">
        <trigger_point x="-6.3" y="78.0" z="0.0" yaw="90.0"/>
        <flow_speed value="9"/>
        <source_dist_interval from="20" to="60"/>
      </scenario>
      <scenario name="DynamicObjectCrossing_1" type="DynamicObjectCrossing">
        <trigger_point x="67.2" y="133.6" z="0.0" yaw="-1.0"/>
        <distance value="30"/>
      </scenario>
      <scenario name="HardBreakRoute_1" type="HardBreakRoute">
        <trigger_point x="107.1" y="133.1" z="0.0" yaw="-1.0"/>
      </scenario>
    </scenarios>
  </route>
</routes>"""


def trajectories(folder, content, seed=0):
    """Drive a route in fresh processes and return the lines that the agent wrote."""
    folder.mkdir()
    routes = folder / "route.xml"
    routes.write_text(content)
    command = [sys.executable, "-m", "lead", "drive", "--simulator", "embedded", "--no-video", "--bench2drive"]
    command += ["--routes", str(routes), "--output-dir", str(folder), "--agent", str(AGENT), "--timeout", "60"]
    command += ["--port", str(free_port(3)), "--traffic-manager-port", str(free_port(1))]
    command += ["--traffic-manager-seed", str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = folder.rglob("trajectories.txt")
    return found.read_text().splitlines()


def first_difference(one, two):
    """None, or the tick and the two lines that differ first."""
    tick = ""
    for left, right in itertools.zip_longest(one, two):
        tick = left if left is not None and left.startswith("tick") else tick
        if left != right:
            return tick, left, right
    return None


def seen(lines, pattern):
    """Ids of the actors whose type matches."""
    return {line.split()[0] for line in lines if not line.startswith("tick") and re.match(pattern, line.split()[1])}


@pytest.mark.slow
def test_two_drives_amid_traffic_are_equal_to_the_last_bit(tmp_path):
    require_town("Town01")
    first, second = (trajectories(tmp_path / name, CROSSING_AND_JUNCTION) for name in ("first", "second"))
    assert first_difference(first, second) is None
    assert seen(first, r"walker\."), "the child of the scenario"
    assert len(seen(first, r"vehicle\.")) > 3, "the cars of the bubble"


@pytest.mark.slow
def test_ten_drives_are_equal_to_the_last_bit(tmp_path):
    require_town("Town03")
    first = trajectories(tmp_path / "0", STREAM_AND_BRAKES)
    assert seen(first, r"walker\.") and len(seen(first, r"vehicle\.")) > 15
    for number in range(1, 10):
        assert first_difference(first, trajectories(tmp_path / str(number), STREAM_AND_BRAKES)) is None, number
