"""``lead webapp`` and ``python lead/webapp/app.py`` as processes: start, answers over sockets, and every way to end."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from result_trees import write_suite

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "lead" / "webapp" / "app.py"
START_S = 60.0
COMMANDS = {"command": ["-m", "lead", "webapp"], "script": [str(SCRIPT)]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_suite(tmp_path / "suite", ["1", "2"], done=1)
    return tmp_path


@contextmanager
def running(*words: str, start: str = "command") -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start a dashboard on a free port; yields the process and the port it announced."""
    command = [sys.executable, *COMMANDS[start], *words, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        assert "http://" in line, (line, process.stderr.read() if process.wait(5) else "")
        yield process, int(line.split("http://")[1].split("/")[0].rpartition(":")[2])
    finally:
        process.kill()
        process.communicate()


def get(port: int, address: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", address, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def raw(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def failing(*words: str, cwd: Path | None = None, start: str = "command") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *COMMANDS[start], *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=START_S, check=False, cwd=cwd)


@pytest.mark.parametrize(
    ("start", "number"),
    [
        ("command", signal.SIGINT),
        ("script", signal.SIGTERM),
        pytest.param("command", signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param("script", signal.SIGINT, marks=pytest.mark.slow),
    ],
)
def test_serves_and_ends_cleanly(root: Path, start: str, number: signal.Signals) -> None:
    with running(str(root), start=start) as (process, port):
        status, headers, body = get(port, "/api/info")
        assert status == 200 and json.loads(body)["root"] == str(root)
        assert "server" not in headers
        assert get(port, "/")[0] == 200 and get(port, "/static/js/main.js")[0] == 200
        rows = json.loads(get(port, "/api/routes?dir=suite")[2])["routes"]
        assert [row["status"] for row in rows] == ["Completed", None]
        begin = time.monotonic()
        process.send_signal(number)
        assert process.wait(timeout=15) == 0
        assert time.monotonic() - begin < 8.0
        assert process.stderr is not None and process.stderr.read() == ""


def test_idle_connections_neither_block_nor_delay_the_end(root: Path) -> None:
    with running(str(root)) as (process, port):
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        idle[0].sendall(b"GET /api/info HTTP/1.1\r\nHost: localhost\r\n")
        assert get(port, "/api/info")[0] == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=15) == 0
        for connection in idle:
            connection.close()


def test_a_stalled_download_does_not_keep_the_server(root: Path) -> None:
    with (root / "suite" / "1" / "1_debug.mp4").open("ab") as file:
        file.truncate(256 << 20)
    with running(str(root)) as (process, port):
        with socket.create_connection(("127.0.0.1", port)) as stalled:
            stalled.sendall(b"GET /video/debug?dir=suite&route=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert stalled.recv(12) == b"HTTP/1.1 200"
            assert get(port, "/api/info")[0] == 200
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=15) == 0
        assert process.stderr is not None and process.stderr.read() == ""


@pytest.mark.parametrize("host", [pytest.param("localhost", marks=pytest.mark.slow), "::1"])
def test_other_loopback_addresses(root: Path, host: str) -> None:
    try:
        address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(address[0], socket.SOCK_STREAM) as probe:
            probe.bind((host, 0))
    except OSError:
        pytest.skip(f"this machine has no {host}")
    with running(str(root), "--host", host) as (process, port):
        connection = http.client.HTTPConnection(host, port, timeout=30)
        connection.request("GET", "/api/info")
        assert connection.getresponse().status == 200
        connection.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=15) == 0


def test_many_requests_at_once(root: Path) -> None:
    with running(str(root)) as (_, port), ThreadPoolExecutor(12) as pool:
        addresses = ["/api/routes?dir=suite", "/api/output_directories", "/api/route?dir=suite&route=1", "/"] * 15
        assert {status for status, _, _ in pool.map(lambda address: get(port, address), addresses)} == {200}


def test_hostile_requests_over_the_wire(root: Path) -> None:
    with running(str(root)) as (process, port):
        host = b"Host: localhost\r\nConnection: close\r\n"
        targets = [b"/../../etc/passwd", b"/static/../../../app.py", b"/static/%2e%2e/%2e%2e/app.py", b"//etc/passwd"]
        for target in targets:
            assert b" 404 " in raw(port, b"GET " + target + b" HTTP/1.1\r\n" + host + b"\r\n").split(b"\r\n")[0]
        assert get(port, "/api/info", {"Host": "evil.example"})[0] == 403
        assert b" 403 " in raw(port, b"GET /api/info HTTP/1.0\r\n\r\n").split(b"\r\n")[0]
        assert get(port, f"/api/routes?dir={'a' * 100_000}")[0] in (403, 414)
        large = b"POST /api/clips HTTP/1.1\r\n" + host + b"Content-Length: 99999999\r\n\r\n"
        assert raw(port, large).split(b" ")[1] in (b"400", b"403", b"413")
        assert b" 400 " in raw(port, b"nonsense\r\n\r\n").split(b"\r\n")[0]
        assert get(port, "/api/info")[0] == 200 and process.poll() is None


def test_taken_port_is_explained(root: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = failing(str(root), "--port", str(port))
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert f"port {port} of 127.0.0.1 is taken" in done.stderr and "try --port" in done.stderr
    advised = int(done.stderr.split("try --port ")[1])
    assert advised != port


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "no.such.host.invalid", pytest.param("not an address", marks=pytest.mark.slow)]
)
def test_foreign_address_is_explained(root: Path, host: str) -> None:
    done = failing(str(root), "--port", "0", "--host", host)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "not an address of this machine" in done.stderr


@pytest.mark.parametrize("start", COMMANDS)
def test_missing_folder_is_explained(tmp_path: Path, start: str) -> None:
    done = failing("nowhere", cwd=tmp_path, start=start)
    assert done.returncode == 1
    assert done.stderr == "lead webapp: there is no folder nowhere; name the folder with results: lead webapp DIR\n"
    (tmp_path / "file").write_text("")
    assert failing("file", cwd=tmp_path, start=start).returncode == 1


def test_default_folder_is_outputs(tmp_path: Path) -> None:
    assert "there is no folder outputs;" in failing(cwd=tmp_path).stderr


@pytest.mark.parametrize("start", COMMANDS)
def test_help(start: str) -> None:
    done = failing("--help", start=start)
    assert done.returncode == 0 and "lead webapp outputs/evaluation/my_model --port 5001" in done.stdout
    for option in ("--port", "--host", "--read-only", "DIR"):
        assert option in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["--port", "99999"],
        *(pytest.param(words, marks=pytest.mark.slow) for words in (["--port", "x"], ["--debug"], ["a", "b"])),
    ],
)
def test_wrong_usage(words: list[str]) -> None:
    assert failing(*words).returncode == 2


def test_open_address_is_warned_about(root: Path) -> None:
    with running(str(root), "--host", "0.0.0.0", "--read-only") as (process, port):
        assert json.loads(get(port, "/api/info", {"Host": "some.name"})[2])["read_only"] is True
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=15) == 0
        assert process.stderr is not None
        assert process.stderr.read().startswith("WARNING: 0.0.0.0 is not a loopback address")


def test_script_says_when_lead_is_not_installed(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": ""}
    # Without site-packages neither LEAD nor its libraries can be found.
    command = [sys.executable, "-S", str(SCRIPT), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=START_S, check=False, env=environment)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "LEAD is not installed in this Python" in done.stderr and "pip install" in done.stderr


def test_nothing_is_written(root: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*"))
    with running(str(root)) as (process, port):
        for address in ("/api/routes?dir=suite", "/api/output_directories", "/api/route?dir=suite&route=1"):
            assert get(port, address)[0] == 200
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=15)
    assert sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*")) == before
