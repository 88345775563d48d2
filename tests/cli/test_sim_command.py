"""``lead sim`` as a user meets it: it starts, says so, stops cleanly, and refuses bad input with one sentence."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lead.maps.towns import installed_towns
from lead.simulator.launch import free_port, server_answers

DEADLINE_S = 30.0

pytestmark = pytest.mark.skipif("Town01" not in installed_towns(), reason="Town01 is not installed")


def lead_sim(*words: str) -> list[str]:
    return [sys.executable, "-m", "lead", "sim", *words]


def refused(*words: str) -> str:
    """Run a command that must fail at once; returns its stderr."""
    done = subprocess.run(lead_sim(*words), capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode in (1, 2), done
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_starts_announces_itself_and_stops_on_signal(number: signal.Signals) -> None:
    port = free_port()
    process = subprocess.Popen(
        lead_sim("--town", "Town01", "--port", str(port)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(f"listening on 127.0.0.1:{port} ") and "Town01" in line
        assert server_answers("127.0.0.1", port) is not None
        start = time.monotonic()
        process.send_signal(number)
        assert process.wait(timeout=5.0) == 0
        assert time.monotonic() - start < 3.0
        assert process.stderr is not None and process.stderr.read() == ""
    finally:
        process.kill()
        process.wait()
    with socket.create_server(("127.0.0.1", port)):
        pass  # the port is free again


def test_unknown_town_says_where_the_known_ones_are_listed() -> None:
    message = refused("--town", "Atlantis")
    assert "Atlantis" in message and "lead towns list" in message


def test_missing_and_non_opendrive_files_are_refused(tmp_path: Path) -> None:
    assert "missing.xodr" in refused("--town", str(tmp_path / "missing.xodr"))
    wrong = tmp_path / "wrong.xodr"
    wrong.write_text("<html><body>404</body></html>")
    assert "OpenDRIVE" in refused("--town", str(wrong))
    broken = tmp_path / "broken.xodr"
    broken.write_text('<OpenDRIVE><header/><road id="1" length="10">')
    message = refused("--town", str(broken))
    assert "broken.xodr" in message or "OpenDRIVE" in message


def test_port_in_use_is_named() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        assert str(port) in refused("--town", "Town01", "--port", str(port))


def test_stream_port_in_use_is_named_too() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port + 1)):
        assert str(port + 1) in refused("--town", "Town01", "--port", str(port))


def test_unsupported_version_names_the_supported_ones() -> None:
    message = refused("--town", "Town01", "--carla-version", "0.9.13")
    assert "0.9.15" in message and "0.9.16" in message


def test_nonsense_port_is_a_usage_error() -> None:
    assert "port" in refused("--port", "99999")


def test_any_opendrive_file_can_be_served(tmp_path: Path) -> None:
    """The town's own file from disk, plain XML, is as good as an installed town."""
    from lead.maps.towns import read_opendrive

    path = tmp_path / "mine.xodr"
    path.write_text(read_opendrive("Town01"))
    port = free_port()
    process = subprocess.Popen(lead_sim("--town", str(path), "--port", str(port)), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "mine" in process.stdout.readline()
    finally:
        process.terminate()
        assert process.wait(timeout=10.0) == 0
