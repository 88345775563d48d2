"""Owning simulator processes: readiness, failure texts, nothing left running."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from lead.simulator import guardian as guardian_module
from lead.simulator.launch import (
    EmbeddedServer,
    LaunchError,
    SimulatorProcess,
    free_port,
    port_is_open,
    require_free_port,
    server_answers,
)

FAKE_SERVER = """
import msgpack, signal, socket, sys, time
if {ignore_interrupt}:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
time.sleep({delay})
server = socket.create_server(("127.0.0.1", {port}))
while True:
    connection, _ = server.accept()
    unpacker = msgpack.Unpacker()
    while data := connection.recv(4096):
        unpacker.feed(data)
        for kind, number, method, arguments in unpacker:
            answers = {{"version": "0.9.16", "get_map_info": ["Town01", []], "get_episode_info": [1, []]}}
            if method not in {silent}:
                connection.sendall(msgpack.packb([1, number, None, [[1, answers[method]]]]))
"""


class FakeServer(SimulatorProcess):
    """A child that answers the version call like CARLA."""

    def __init__(self, code, **values):
        super().__init__(values["port"], startup_timeout_s=10.0)
        self.code = code.format(**values)

    def command(self):
        return [sys.executable, "-c", self.code]


def fake(port, delay=0.3, ignore_interrupt=False, silent=()):
    return FakeServer(FAKE_SERVER, port=port, delay=delay, ignore_interrupt=ignore_interrupt, silent=silent)


def process_exists(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_start_waits_until_the_server_answers_and_stop_ends_it():
    port = free_port()
    with fake(port) as server:
        assert server.version == "0.9.16"
        assert server_answers("127.0.0.1", port) == "0.9.16"
        pid, log = server.pid, server.log_path
    assert not process_exists(pid)
    assert not port_is_open("127.0.0.1", port)
    assert not log.exists()
    server.stop()


def test_a_server_that_ignores_the_interrupt_is_ended_all_the_same():
    with fake(free_port(), ignore_interrupt=True) as server:
        pid = server.pid
        server.stop(deadline_s=1.0)
        assert not process_exists(pid)


def test_early_exit_is_reported_with_the_last_words():
    server = FakeServer("print('no such town: {port}'); raise SystemExit(3)", port=free_port())
    with pytest.raises(LaunchError, match=r"exit code 3\): no such town"):
        server.start()
    assert not server.is_running


def test_silence_is_reported_after_the_deadline():
    server = FakeServer("import time; print('thinking', flush=True); time.sleep({port})", port=free_port())
    server._startup_timeout_s = 0.7
    with pytest.raises(LaunchError, match=r"did not answer on port .* within 1 s: thinking"):
        server.start()
    assert server.pid is None


def test_a_taken_port_is_refused_before_anything_starts():
    port = free_port() + 1  # the one before it is free, too
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(LaunchError, match=f"simulator port {port} is in use"):
            EmbeddedServer(port).start()
        with pytest.raises(LaunchError, match=f"streaming port {port} is in use"):
            EmbeddedServer(port - 1).start()


def test_other_programs_are_not_mistaken_for_carla():
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]

        def greet():
            connection, _ = holder.accept()
            connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
            connection.close()

        thread = threading.Thread(target=greet)
        thread.start()
        assert server_answers("127.0.0.1", port) is None
        thread.join()
    assert server_answers("127.0.0.1", port) is None


def test_silent_programs_do_not_block_the_probe():
    with socket.create_server(("127.0.0.1", 0)) as holder:
        assert server_answers("127.0.0.1", holder.getsockname()[1], timeout_s=0.3) is None


def test_ports_out_of_range_are_refused():
    with pytest.raises(LaunchError, match="between 1 and 65535"):
        require_free_port(70000, "port")


def test_a_world_that_hangs_is_told_from_one_that_answers():
    with fake(free_port(), silent=("get_episode_info",)) as server:
        assert server.is_running
        assert server_answers("127.0.0.1", server.port) == "0.9.16"
        assert not server.is_responsive(timeout_s=0.3)
    with fake(free_port()) as server:
        assert server.is_responsive(timeout_s=5.0)


def test_a_server_without_a_world_is_not_ready():
    server = fake(free_port(), silent=("get_map_info",))
    server._startup_timeout_s = 2.0
    with pytest.raises(LaunchError, match="did not answer"):
        server.start()


def test_death_is_seen_and_reported():
    with fake(free_port()) as server:
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: not server.is_running)
        assert not server.is_responsive(timeout_s=0.2)
        assert server.exit_code == 128 + signal.SIGKILL
        assert "died (killed by SIGKILL)" in server.death_report()
        server.stop()
        assert server.log_path.exists()
        server.log_path.unlink()
        assert server.start().is_responsive(timeout_s=5.0)


def test_a_missing_program_is_named():
    server = FakeServer("", port=free_port())
    server.command = lambda: ["/no/such/program"]
    with pytest.raises(LaunchError, match="could not be started: No such file or directory: /no/such/program"):
        server.start(attempts=3)
    assert server.pid is None


OWNER = """
import sys, time
sys.path[:0] = {path}
from test_launch import fake
server = fake({port}, delay=0, ignore_interrupt={ignore_interrupt}).start()
print(server.pid, flush=True)
{then}
"""


def owner(then, ignore_interrupt=False):
    """A program that starts a server and then does something; the program and the server's process id."""
    path = [os.path.dirname(__file__), *sys.path]
    code = OWNER.format(path=path, port=free_port(), then=then, ignore_interrupt=ignore_interrupt)
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    return program, int(program.stdout.readline())


def test_a_killed_owner_leaves_no_server():
    program, pid = owner("time.sleep(60)")
    program.kill()
    program.wait()
    wait_until(lambda: not process_exists(pid))
    program.stdout.close()


def test_a_forked_copy_of_the_owner_does_not_keep_the_server_alive():
    program, pid = owner("import os\nif os.fork() == 0: print(os.getpid(), flush=True)\ntime.sleep(60)")
    copy = int(program.stdout.readline())
    program.kill()
    program.wait()
    wait_until(lambda: not process_exists(pid))
    os.kill(copy, signal.SIGKILL)
    program.stdout.close()


def test_a_killed_guardian_leaves_no_server():
    with fake(free_port()) as server:
        pid = server.pid
        server._guardian.kill()
        wait_until(lambda: not server.is_running)
        server.stop()
        wait_until(lambda: not process_exists(pid))


def test_an_owner_that_is_gone_before_it_hears_of_its_server_leaves_none(tmp_path):
    hears, speaks = os.pipe()
    os.close(hears)
    code = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    guardian = [sys.executable, "-I", "-S", guardian_module.__file__, str(tmp_path / "log"), sys.executable, "-c", code]
    with subprocess.Popen(guardian, stdin=subprocess.PIPE, stdout=speaks, stderr=subprocess.PIPE) as process:
        os.close(speaks)
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=20) > 0
    assert not process_exists(int((tmp_path / "pid").read_text()))


def wait_until(condition, timeout_s=15.0):
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.05)
