"""A rig whose simulator dies says so and can be closed, in a process of its own: the client may take it along."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lead.maps.towns import installed_towns

HERE = Path(__file__).resolve().parent
CLIENT_TIMEOUT_S = 4.0

SCRIPT = """
import json, os, signal, sys, time
from pathlib import Path
from lead.evaluation.sensors.rig import SensorDataMissingError, SensorRig
from lead.scoring.profiles import profile
from lead.simulator.launch import LOOPBACK, EmbeddedServer, free_port, server_answers
from test_sensor_rig import CAMERA, GNSS, IMU, LIDAR, SPEED, TOWN, connect, make_synchronous, spawn_ego

probed, client_timeout_s = sys.argv[1] == "probed", float(sys.argv[2])
with EmbeddedServer(free_port(), TOWN, log_path=Path(sys.argv[3])) as server:
    client = connect(server.port)
    world = make_synchronous(client)
    ego = spawn_ego(world)
    is_alive = (lambda: server_answers(LOOPBACK, server.port) is not None) if probed else None
    sensors = [CAMERA, LIDAR, GNSS, IMU, SPEED]
    rig = SensorRig(world, ego, sensors, profile("bench2drive"), opendrive="", seed=0, is_alive=is_alive)
    rig.start()
    frame = world.tick()
    rig.read(frame)
    client.set_timeout(client_timeout_s)
    os.kill(server.pid, signal.SIGKILL)
    started_s = time.monotonic()
    try:
        rig.read(frame + 1, None if probed else 1.0)
    except SensorDataMissingError as error:
        message = str(error)
    read_s = time.monotonic() - started_s
    rig.close()
    print(json.dumps([message, read_s, time.monotonic() - started_s - read_s]), flush=True)
# A client that outlives its simulator aborts the process now and then while the interpreter is torn down.
os._exit(0)
"""


@pytest.mark.skipif("Town01" not in installed_towns(), reason="Town01 is not installed (lead towns install)")
@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("probed", "the simulator stopped answering"),
        pytest.param("blind", "came from the sensors front, lidar, gps, imu within 1 s", marks=pytest.mark.slow),
    ],
)
def test_the_death_of_the_simulator_costs_one_timeout_at_most(tmp_path, mode, text):
    command = [sys.executable, "-c", SCRIPT, mode, str(CLIENT_TIMEOUT_S), str(tmp_path / "server.log")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=HERE)
    assert done.returncode == 0, done.stderr
    message, read_s, close_s = json.loads(report_line(done.stdout))
    assert text in message
    # The benchmark's own wait is 300 s.
    assert read_s < 15.0
    assert close_s < CLIENT_TIMEOUT_S + (8.0 if mode == "blind" else 0.0)


def report_line(output):
    """Find the report among the client's own messages."""
    return next(line for line in output.splitlines() if line.startswith("["))
