"""`lead drive` with a CARLA binary: started, used for several routes, replaced when it dies; a stand-in plays CARLA."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from supervision_support import STRAIGHT, descendants, drive_command, records, result, wait_until

from lead.maps.towns import installed_towns

pytestmark = pytest.mark.skipif(
    "Town01" not in installed_towns(), reason="Town01 is not installed (lead towns install Town01)"
)
STAND_IN = Path(__file__).resolve().parents[1] / "simulator/stand_in"


def drive_with_carla(folder, *arguments, variable="CARLA_ROOT", **environment):
    command = drive_command(folder, *arguments, timeout=30)
    command[command.index("--simulator") + 1] = "carla"
    own = {key: value for key, value in os.environ.items() if key not in ("CARLA_ROOT", "CARLA_F2D")}
    own |= {variable: str(STAND_IN), "STAND_IN_TOWN": "Town02", "STAND_IN_PYTHON": sys.executable, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, env=own)


def test_one_binary_serves_several_routes(tmp_path):
    words = tmp_path / "words.json"
    done = drive_with_carla(tmp_path / "out", "--repetitions", "2", STAND_IN_ARGUMENTS=str(words))
    assert done.returncode == 0, done.stderr
    assert [record["status"] for record in records(tmp_path / "out")] == ["Perfect", "Perfect"]
    facts = result(tmp_path / "out")["lead"]["routes"].values()
    assert all(each["simulator"].startswith("carla 0.9.1") for each in facts)
    assert "-quality-level=Epic" in words.read_text()


@pytest.mark.slow
def test_a_crashing_binary_is_started_again(tmp_path):
    done = drive_with_carla(tmp_path / "out", "--repetitions", "3", "--retries", "3", STAND_IN_CRASH_AFTER_S="9")
    assert done.returncode == 0, done.stderr
    assert len(records(tmp_path / "out")) == 3
    assert result(tmp_path / "out")["entry_status"] == "Finished"


@pytest.mark.slow
def test_starts_that_fail_are_repeated(tmp_path):
    counter = tmp_path / "starts"
    done = drive_with_carla(tmp_path / "out", STAND_IN_FAIL_FIRST="2", STAND_IN_COUNTER=str(counter))
    assert done.returncode == 0, done.stderr
    assert counter.read_text() == "3"


@pytest.mark.slow
def test_fail2drive_uses_its_own_build(tmp_path):
    done = drive_with_carla(tmp_path / "out", "--fail2drive", variable="CARLA_F2D")
    assert done.returncode == 0, done.stderr
    missing = drive_with_carla(tmp_path / "other", "--fail2drive", variable="CARLA_ROOT")
    assert missing.returncode == 1
    assert "CARLA_F2D" in missing.stderr


def test_a_folder_without_carla_is_one_sentence(tmp_path):
    command = drive_command(tmp_path / "out", routes=STRAIGHT)
    command[command.index("--simulator") + 1] = "carla"
    environment = {**os.environ, "CARLA_ROOT": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert done.returncode == 1
    assert "CarlaUE4.sh" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interrupt_ends_a_start_that_takes_long(tmp_path):
    command = drive_command(tmp_path / "out")
    command[command.index("--simulator") + 1] = "carla"
    environment = {
        **os.environ,
        "CARLA_ROOT": str(STAND_IN),
        "STAND_IN_PYTHON": sys.executable,
        "STAND_IN_DELAY_S": "200",
    }
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
        wait_until(lambda: descendants(run.pid, "-quality-level=Epic"))
        started_s = time.monotonic()
        run.send_signal(signal.SIGINT)
        output, _ = run.communicate(timeout=60)
    assert run.returncode == 130, output
    assert time.monotonic() - started_s < 20.0
    assert "Traceback" not in output
    assert not list((tmp_path / "out/eval").glob("*.json"))
