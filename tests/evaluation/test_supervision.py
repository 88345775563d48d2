"""Everything that can break while routes are driven: survived, with nothing lost and the right record."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest
from supervision_support import (
    STRAIGHT,
    Running,
    descendants,
    drive,
    drive_command,
    is_gone,
    records,
    result,
    wait_until,
)

from lead.maps.towns import installed_towns

pytestmark = pytest.mark.skipif(
    "Town01" not in installed_towns(), reason="Town01 is not installed (lead towns install Town01)"
)
EPISODE = "lead.cli.episode_process"


def block(folder):
    (facts,) = result(folder)["lead"]["routes"].values()
    return facts


def two_routes(tmp_path):
    """The straight route twice, under two ids."""
    text = STRAIGHT.read_text()
    body = text[text.index("<route id") : text.index("</routes>")]
    path = tmp_path / "two.xml"
    path.write_text(f"<routes>{body}{body.replace('straight', 'again')}</routes>")
    return path


@pytest.mark.parametrize(
    ("fault", "status", "explanation"),
    [
        ("raise", "Failed - Agent crashed", "a bad input"),
        pytest.param("exit", "Failed - Agent crashed", "exit code 7 inside the agent", marks=pytest.mark.slow),
        pytest.param("sys_exit", "Failed - Agent crashed", "SystemExit", marks=pytest.mark.slow),
        ("abort", "Failed - Agent crashed", "SIGABRT inside the agent"),
        pytest.param("raise_in_setup", "Failed - Agent couldn't be set up", "a bad input", marks=pytest.mark.slow),
    ],
)
def test_an_agent_that_fails_is_a_result_and_not_repeated(tmp_path, fault, status, explanation):
    done = drive(tmp_path / "out", fault=fault)
    assert done.returncode == 3, done.stderr
    (record,) = records(tmp_path / "out")
    assert record["status"] == status
    assert explanation in " ".join(done.stderr.split())
    assert block(tmp_path / "out")["attempts"] == 1
    assert not block(tmp_path / "out")["infrastructure_failure"]


def test_a_machine_that_fails_an_agent_is_tried_again(tmp_path):
    done = drive(tmp_path / "out", fault=f"busy_in_setup@1:{tmp_path / 'once'}")
    assert done.returncode == 0, done.stderr
    assert "the GPU does not work at the moment" in " ".join(done.stderr.split())
    (record,) = records(tmp_path / "out")
    assert record["status"] in ("Completed", "Perfect")
    assert block(tmp_path / "out")["attempts"] == 2


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("hang", "Failed - Agent crashed"),
        pytest.param("spin", "Failed - Agent crashed", marks=pytest.mark.slow),
        pytest.param("hang_in_setup", "Failed - Agent couldn't be set up", marks=pytest.mark.slow),
    ],
)
def test_an_agent_that_hangs_is_stopped_after_the_timeout(tmp_path, fault, status):
    started = time.monotonic()
    done = drive(tmp_path / "out", fault=fault, timeout=6)
    assert done.returncode == 3, done.stderr
    (record,) = records(tmp_path / "out")
    assert record["status"] == status
    assert "did not return for 6 s" in " ".join(done.stderr.split())
    assert time.monotonic() - started < 60.0


def test_what_was_driven_before_the_agent_died_is_kept(tmp_path):
    drive(tmp_path / "out", fault="exit@100")
    (record,) = records(tmp_path / "out")
    assert record["scores"]["score_route"] > 5.0
    assert record["meta"]["route_length"] >= 50.0
    assert 3.5 < record["meta"]["duration_game"] <= 5.0


@pytest.mark.slow
def test_an_agent_that_eats_memory_is_stopped_at_its_limit(tmp_path):
    done = drive(tmp_path / "out", "--memory-limit", "1.5", fault="eat")
    assert done.returncode == 3, done.stderr
    assert records(tmp_path / "out")[0]["status"] == "Failed - Agent crashed"
    assert "GiB of memory, more than permitted" in " ".join(done.stderr.split())


def test_sensors_beyond_the_track_end_the_evaluation(tmp_path):
    done = drive(tmp_path / "out", fault="too_many")
    assert done.returncode != 0
    assert records(tmp_path / "out")[0]["status"] == "Failed - Agent's sensors were invalid"
    assert result(tmp_path / "out")["entry_status"] == "Rejected"


def test_a_killed_simulator_is_replaced_and_the_route_repeated(tmp_path):
    with Running(drive_command(tmp_path / "out")) as run:
        wait_until((tmp_path / "out/infractions.json").exists, 60.0)
        os.kill(run.wait_for("sim"), signal.SIGKILL)
        code, output = run.finish()
    assert code == 0, output
    (record,) = records(tmp_path / "out")
    assert record["status"] in ("Perfect", "Completed")
    assert block(tmp_path / "out")["attempts"] == 2
    assert "trying again" in output


@pytest.mark.slow
def test_a_frozen_simulator_is_replaced_after_the_timeout(tmp_path):
    with Running(drive_command(tmp_path / "out", timeout=5)) as run:
        wait_until((tmp_path / "out/infractions.json").exists, 60.0)
        frozen = run.wait_for("sim")
        os.kill(frozen, signal.SIGSTOP)
        code, output = run.finish()
    assert code == 0, output
    assert block(tmp_path / "out")["attempts"] == 2
    wait_until(lambda: is_gone(frozen))


@pytest.mark.slow
def test_a_slow_simulator_is_waited_for(tmp_path):
    with Running(drive_command(tmp_path / "out", timeout=15)) as run:
        wait_until((tmp_path / "out/infractions.json").exists, 60.0)
        simulator = run.wait_for("sim")
        os.kill(simulator, signal.SIGSTOP)
        time.sleep(8.0)
        os.kill(simulator, signal.SIGCONT)
        code, output = run.finish()
    assert code == 0, output
    assert block(tmp_path / "out")["attempts"] == 1


@pytest.mark.slow
def test_a_killed_episode_process_is_repeated(tmp_path):
    done = drive(tmp_path / "out", fault=f"kill@30:{tmp_path / 'once'}")
    assert done.returncode == 0, done.stderr
    assert block(tmp_path / "out")["attempts"] == 2, done.stderr


@pytest.mark.slow
def test_a_process_that_is_always_killed_uses_up_its_budget(tmp_path):
    done = drive(tmp_path / "out", "--retries", "1", fault="kill@30")
    assert done.returncode == 1
    facts = block(tmp_path / "out")
    assert facts["attempts"] == 2
    assert facts["infrastructure_failure"]
    assert records(tmp_path / "out")[0]["status"] == "Failed - Simulation crashed"
    assert result(tmp_path / "out")["entry_status"] == "Crashed"


@pytest.mark.slow
def test_a_copied_folder_of_a_killed_run_is_resumed(tmp_path):
    routes = two_routes(tmp_path)
    out, copy = tmp_path / "out", tmp_path / "copy"
    with Running(drive_command(out, routes=routes)) as run:
        wait_until((out / "eval/straight.json").exists, 60.0)
        shutil.copytree(out, copy)
        children = descendants(run.process.pid, EPISODE) + descendants(run.process.pid, "sim")
        run.process.kill()
        run.process.wait()
        wait_until(lambda: all(map(is_gone, children)))
    first = (copy / "eval/straight.json").read_bytes()
    done = drive(copy, "--resume", routes=routes)
    assert done.returncode == 0, done.stderr
    assert (copy / "eval/straight.json").read_bytes() == first
    assert [record["route_id"] for record in records(copy)] == [
        "RouteScenario_straight_rep0",
        "RouteScenario_again_rep0",
    ]
    assert result(copy)["entry_status"] == "Finished"
    assert len(json.loads((copy / "manifest.json").read_text())["runs"]) == 2


def test_a_torn_result_is_driven_again_and_other_results_are_put_aside(tmp_path):
    out = tmp_path / "out"
    (out / "eval").mkdir(parents=True)
    (out / "eval/straight.json").write_text('{"_checkpoint": {"rec')
    assert drive(out, "--resume", fault="raise").returncode == 3  # an agent that fails soon drives as well as any
    assert records(out)[0]["status"] == "Failed - Agent crashed"
    assert drive(out, fault="raise").returncode == 3
    aside = [path for path in tmp_path.iterdir() if path.name.startswith("out.")]
    assert len(aside) == 1
    assert (aside[0] / "eval/straight.json").exists()


def test_two_runs_exclude_each_other(tmp_path):
    command = drive_command(tmp_path / "first", fault="hang", timeout=100)
    port = command[command.index("--port") + 1]
    with Running(command):
        wait_until((tmp_path / "first/infractions.json").exists, 60.0)
        second = drive(tmp_path / "second", "--port", port)
        same_folder = drive(tmp_path / "first")
    assert second.returncode == 1
    assert f"port {port} is in use by another evaluation" in second.stderr
    assert same_folder.returncode == 1
    assert "choose another --output-dir" in same_folder.stderr


def test_a_port_held_by_something_else_is_named(tmp_path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        done = drive(tmp_path / "out", "--port", port)
    assert done.returncode == 1
    assert f"port {port} is held by a program that is not a CARLA server" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_an_interrupted_run_leaves_nothing_behind(tmp_path, number, code):
    with Running(drive_command(tmp_path / "out")) as run:
        wait_until((tmp_path / "out/infractions.json").exists, 60.0)
        children = [run.wait_for(EPISODE), run.wait_for("sim")]
        run.process.send_signal(number)
        ended, output = run.finish(60)
    assert ended == code, output
    assert "Traceback" not in output
    assert all(map(is_gone, children))


def test_a_killed_supervisor_leaves_nothing_behind(tmp_path):
    with Running(drive_command(tmp_path / "out")) as run:
        wait_until((tmp_path / "out/infractions.json").exists, 60.0)
        children = [run.wait_for(EPISODE), run.wait_for("sim")]
        run.process.kill()
        wait_until(lambda: all(map(is_gone, children)))


@pytest.mark.slow
def test_a_full_disk_is_waited_for_and_costs_no_result(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    inside = f"mount -t tmpfs -o size=300k tmpfs {folder}"
    if subprocess.run(["unshare", "-rm", "sh", "-c", inside], capture_output=True, check=False).returncode:
        pytest.skip("this machine permits no mounts in a user namespace")
    routes = two_routes(tmp_path)
    command = " ".join(drive_command(folder / "out", routes=routes))
    again = " ".join(drive_command(folder / "out", "--resume", routes=routes))
    script = f"""
        {inside}
        {command} &
        while [ ! -e {folder}/out/eval/straight.json ]; do sleep 0.1; done
        dd if=/dev/zero of={folder}/ballast bs=1k 2>/dev/null
        wait $!
        echo "first run: $?"
        rm {folder}/ballast
        {again}
        echo "second run: $?"
        cp -r {folder}/out {tmp_path}/saved
    """
    environment = {**os.environ, "LEAD_SPACE_WAIT_S": "3"}
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env=environment,
    )
    assert "first run: 1" in done.stdout, done.stdout + done.stderr
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "second run: 0" in done.stdout, done.stdout + done.stderr
    assert result(tmp_path / "saved")["entry_status"] == "Finished"
