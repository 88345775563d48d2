"""Owning a CARLA server: started, retried, probed, stopped whole. A stand-in plays the binary."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lead.maps.towns import installed_towns
from lead.simulator.carla_failures import explain_failure
from lead.simulator.launch import CarlaBinary, LaunchError, free_port, port_is_open

STAND_IN = Path(__file__).with_name("stand_in")

pytestmark = pytest.mark.skipif("Town01" not in installed_towns(), reason="Town01 is not installed")


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    for name in [name for name in os.environ if name.startswith("STAND_IN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STAND_IN_PYTHON", sys.executable)
    monkeypatch.setenv("STAND_IN_TOWN", "Town01")
    monkeypatch.setenv("CARLA_ROOT", str(STAND_IN))
    monkeypatch.delenv("CARLA_F2D", raising=False)


def carla(**settings):
    return CarlaBinary.from_environment(free_port(span=3), startup_timeout_s=90.0, **settings)


def members(group):
    """Ids of the processes of a group and of whoever they started."""
    rows = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] not in "ZX":
            rows.append((int(entry.parent.name), int(fields[1]), int(fields[2])))
    found = {pid for pid, _, own in rows if own == group}
    while more := {pid for pid, parent, _ in rows if parent in found} - found:
        found |= more
    return found


def alive(pids):
    return {pid for pid in pids if Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text()}


def wait_until(condition, timeout_s=30.0):
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.05)


def test_command_line_is_the_one_that_official_numbers_need(tmp_path, monkeypatch):
    monkeypatch.setenv("STAND_IN_ARGUMENTS", str(tmp_path / "arguments.json"))
    with carla(gpu=1, log_path=tmp_path / "logs" / "carla.log") as server:
        assert server.is_responsive(timeout_s=20.0)
        engine = members(server.pid)
        assert len(engine) >= 2, "the script forks the engine"
    assert not alive(engine)
    assert not port_is_open("127.0.0.1", server.port)
    words = json.loads((tmp_path / "arguments.json").read_text())
    assert {"-quality-level=Epic", "-RenderOffScreen", "-nosound", "-graphicsadapter=1"} <= set(words)
    assert f"-carla-rpc-port={server.port}" in words and f"-carla-streaming-port={server.port + 1}" in words
    assert server.log_path.exists(), "a log that was asked for is kept"


def test_restart_after_the_engine_was_killed():
    with carla() as server:
        (engine,) = members(server.pid) - {server.pid}
        os.kill(engine, signal.SIGKILL)
        wait_until(lambda: not server.is_running)
        assert "died (killed by SIGKILL): something killed it, most likely" in server.death_report()
        server.stop()
        server.log_path.unlink()
        assert server.start().is_responsive(timeout_s=20.0)


def test_a_frozen_server_is_detected_and_stopped(monkeypatch):
    monkeypatch.setenv("STAND_IN_STUBBORN", "1")
    monkeypatch.setenv("STAND_IN_FREEZE_AFTER_S", "2")
    with carla() as server:
        processes = members(server.pid)
        wait_until(lambda: not server.is_responsive(timeout_s=1.0))
        assert server.is_running
        server.stop(deadline_s=10.0)
        assert not alive(processes), "also the child in a session of its own that ignores signals"


def test_failing_starts_are_repeated(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("STAND_IN_COUNTER", str(tmp_path / "starts"))
    monkeypatch.setenv("STAND_IN_FAIL_FIRST", "2")
    with carla() as server:
        assert server.version is not None
    assert (tmp_path / "starts").read_text() == "3"
    assert [record.getMessage()[:14] for record in caplog.records if "attempt" in record.getMessage()] == [
        "attempt 1 of 3",
        "attempt 2 of 3",
    ]


def test_repetition_ends_with_a_diagnosis(tmp_path, monkeypatch):
    monkeypatch.setenv("STAND_IN_COUNTER", str(tmp_path / "starts"))
    monkeypatch.setenv("STAND_IN_FAIL_FIRST", "9")
    monkeypatch.setenv("STAND_IN_FAILURE", "Cannot find a compatible Vulkan driver (ICD).")
    server = carla(log_path=tmp_path / "carla.log")
    with pytest.raises(LaunchError, match=r"after 2 attempts: .*no usable Vulkan driver; install .*carla\.log\)"):
        server.start(attempts=2)
    assert (tmp_path / "starts").read_text() == "2"
    assert server.pid is None


def test_a_crash_while_running_is_seen(monkeypatch):
    monkeypatch.setenv("STAND_IN_CRASH_AFTER_S", "1")
    with carla() as server:
        wait_until(lambda: not server.is_running)
        assert "the engine crashed" in server.death_report()
        server.stop()
        server.log_path.unlink()


def test_sigkill_of_the_owner_leaves_nothing(monkeypatch):
    monkeypatch.setenv("STAND_IN_STUBBORN", "1")
    code = f"""
import sys, time
sys.path[:0] = {sys.path}
from lead.simulator.launch import CarlaBinary
server = CarlaBinary.from_environment({free_port(span=3)}).start()
print(server.pid, server.log_path, flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        pid, log = owner.stdout.readline().split()
        processes = members(int(pid))
        assert len(processes) >= 3
        owner.kill()
    wait_until(lambda: not alive(processes))
    Path(log).unlink()


def test_foreground_command(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    port = free_port(span=3)
    command = [sys.executable, "-m", "lead.simulator.carla_binary", "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        assert f"answers on port {port}" in next(line for line in program.stderr if "answers" in line)
        program.terminate()
        assert program.wait(timeout=30) == 0
    assert not port_is_open("127.0.0.1", port)


@pytest.mark.parametrize("fail2drive, variable", [(False, "CARLA_ROOT"), (True, "CARLA_F2D")])
def test_missing_and_wrong_installations_are_named(monkeypatch, tmp_path, fail2drive, variable):
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(LaunchError, match=f"{variable} is not set; .*{variable}"):
        CarlaBinary.from_environment(fail2drive=fail2drive)
    monkeypatch.setenv(variable, str(tmp_path))
    with pytest.raises(LaunchError, match=f"{variable}={tmp_path} holds no CarlaUE4.sh"):
        CarlaBinary.from_environment(fail2drive=fail2drive)
    with pytest.raises(LaunchError, match=r"holds no CarlaUE4\.sh"):
        CarlaBinary(tmp_path, free_port(span=3)).start()


def test_fail2drive_has_a_build_of_its_own(monkeypatch, tmp_path):
    (tmp_path / "CarlaUE4.sh").write_text("#!/bin/sh\n")
    monkeypatch.setenv("CARLA_F2D", str(tmp_path))
    assert CarlaBinary.from_environment(fail2drive=True).script == tmp_path / "CarlaUE4.sh"
    assert CarlaBinary.from_environment().script == STAND_IN / "CarlaUE4.sh"


def test_poor_quality_is_warned_of(caplog):
    CarlaBinary.from_environment()
    assert not caplog.records
    assert "-quality-level=Poor" in CarlaBinary.from_environment(quality="Poor").command()
    assert "no official numbers" in caplog.text


@pytest.mark.parametrize(
    "log, code, words",
    [
        ("LogVulkanRHI: Error: VK_ERROR_OUT_OF_DEVICE_MEMORY", 1, "memory of the GPU is full"),
        ("Cannot find a compatible Vulkan device or driver. Try updating", 1, "no usable Vulkan driver"),
        ("terminate called: bind: Address already in use\nSignal 6 caught.", 134, "ports"),
        (
            "CarlaUE4: error while loading shared libraries: libomp.so.5: cannot open",
            127,
            "library libomp.so.5 is missing",
        ),
        ("Refusing to run with the root privileges.", 1, "does not run as root"),
        ("Ran out of memory allocating 1024 bytes", 1, "memory of this machine is full"),
        ("4.26.2-0+++UE4+Release-4.26\nSignal 11 caught.", 139, "the engine crashed"),
        ("", 137, "memory ran out"),
        ("", 139, "the engine crashed"),
    ],
)
def test_causes_of_failures_are_told(log, code, words):
    assert words in explain_failure(log, code)


def test_unknown_causes_stay_unknown():
    assert explain_failure("4.26.2-0+++UE4+Release-4.26 522 0\nDisabling core dumps.", 1) is None
