"""The scripts about a CARLA server: installation against a local server, start, clean-up, ports, reset."""

import http.server
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import carla
import pytest

from lead.maps.towns import installed_towns
from lead.simulator.launch import LOOPBACK, EmbeddedServer, free_port, port_is_open

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
STAND_IN = ROOT / "tests/simulator/stand_in"


def run(script, *arguments, **variables):
    """Run a script from a folder that is not the repository."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("CARLA_", "STAND_IN_"))}
    environment |= {"LEAD_PYTHON": sys.executable} | variables
    command = [sys.executable] if script.endswith(".py") else ["bash"]
    return subprocess.run(
        [*command, str(SCRIPTS / script), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd="/",
    )


def archive(files):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            tar.addfile(info, io.BytesIO(content))
    return data.getvalue()


FILES = {
    "/CARLA_0.9.15.tar.gz": archive({"CarlaUE4.sh": b"#!/bin/sh\n", "CarlaUE4/Content/a": os.urandom(200_000)}),
    "/AdditionalMaps_0.9.15.tar.gz": archive({"CarlaUE4/Content/Town13": b"map"}),
}


@pytest.fixture
def mirror():
    """A web server with the archives; it notes where each download began."""
    begun = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer()

        def do_GET(self):
            self.answer(with_body=True)

        def answer(self, with_body=False):
            data = server.files.get(self.path)
            if data is None:
                self.send_error(404)
                return
            first = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
            self.send_response(206 if first else 200)
            if first:
                self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data) - first))
            self.end_headers()
            if with_body:
                begun.append((self.path, first))
                self.wfile.write(data[first:])

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler)
    server.files, server.begun = dict(FILES), begun
    server.url = f"http://{LOOPBACK}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_setup_installs_archives_and_maps(mirror, tmp_path):
    target = tmp_path / "carla"
    done = run("setup_carla.sh", str(target), CARLA_MIRROR=mirror.url)
    assert done.returncode == 0, done.stderr
    assert f"export CARLA_ROOT={target}" in done.stdout
    assert os.access(target / "CarlaUE4.sh", os.X_OK)
    assert (target / "CarlaUE4/Content/Town13").read_bytes() == b"map"
    assert [path.name for path in tmp_path.iterdir()] == ["carla"]
    again = run("setup_carla.sh", str(target), CARLA_MIRROR=mirror.url)
    assert again.returncode == 0 and "is installed in" in again.stdout and len(mirror.begun) == 2


def test_setup_goes_on_where_it_stopped(mirror, tmp_path):
    name = "CARLA_0.9.15.tar.gz"
    (tmp_path / "carla.download").mkdir()
    (tmp_path / "carla.download" / f"{name}.part").write_bytes(FILES[f"/{name}"][:5000])
    done = run("setup_carla.sh", CARLA_MIRROR=mirror.url, CARLA_ROOT=str(tmp_path / "carla"))
    assert done.returncode == 0, done.stderr
    assert (f"/{name}", 5000) in mirror.begun


def test_setup_refuses_damaged_archives(mirror, tmp_path):
    name = "/CARLA_0.9.15.tar.gz"
    damaged = bytearray(FILES[name])
    damaged[len(damaged) // 2] ^= 0xFF
    mirror.files[name] = bytes(damaged)
    done = run("setup_carla.sh", str(tmp_path / "carla"), CARLA_MIRROR=mirror.url)
    assert done.returncode == 1 and "arrived damaged" in done.stderr
    assert not (tmp_path / "carla").exists()
    mirror.files[name] = FILES[name]
    assert run("setup_carla.sh", str(tmp_path / "carla"), CARLA_MIRROR=mirror.url).returncode == 0


def test_setup_names_its_failures(mirror, tmp_path):
    mirror.files.clear()
    done = run("setup_carla.sh", str(tmp_path / "carla"), CARLA_MIRROR=mirror.url)
    assert done.returncode == 1 and "cannot be reached; check the network or set CARLA_MIRROR" in done.stderr
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.tex").touch()
    done = run("setup_carla.sh", str(full), CARLA_MIRROR=mirror.url)
    assert done.returncode == 1 and "name another folder" in done.stderr
    assert run("setup_carla.sh", "--frobnicate").returncode == 2


def test_setup_dry_run_fetches_nothing(mirror, tmp_path):
    done = run("setup_carla.sh", "--dry-run", str(tmp_path / "carla"), CARLA_MIRROR=mirror.url)
    assert done.returncode == 0 and f"would download {mirror.url}/AdditionalMaps" in done.stdout
    assert not mirror.begun and not list(tmp_path.iterdir())


@pytest.fixture
def sleeper(tmp_path):
    """A folder that looks like CARLA, and a way to run its engine."""
    engine = tmp_path / "CARLA/CarlaUE4/Binaries/Linux/CarlaUE4-Linux-Shipping"
    engine.parent.mkdir(parents=True)
    shutil.copy(shutil.which("sleep"), engine)
    script = tmp_path / "CARLA/CarlaUE4.sh"
    script.write_text(f'#!/bin/sh\n"{engine}" "$@"\n')
    started = []

    def start(*command):
        started.append(subprocess.Popen(command or ["/bin/sh", str(script), "300"], start_new_session=True))
        time.sleep(0.3)
        return started[-1]

    yield tmp_path / "CARLA", start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_clean_stops_carla_of_this_folder_alone(sleeper):
    folder, start = sleeper
    carla_server, bystander = start(), start("sleep", "300")
    listed = run("clean_carla.sh", "--dry-run", CARLA_ROOT=str(folder))
    assert str(carla_server.pid) in listed.stdout and carla_server.poll() is None
    done = run("clean_carla.sh", CARLA_ROOT=str(folder))
    assert done.returncode == 0 and "stopped" in done.stdout
    assert carla_server.wait(timeout=5) != 0
    assert bystander.poll() is None
    assert "no CARLA of" in run("clean_carla.sh", CARLA_ROOT=str(folder)).stdout


def test_clean_kills_only_what_does_not_end(sleeper):
    folder, start = sleeper
    stubborn = start(
        "/bin/sh", "-c", f"trap '' TERM; exec '{folder}/CarlaUE4/Binaries/Linux/CarlaUE4-Linux-Shipping' 300"
    )
    done = run("clean_carla.sh", CARLA_ROOT=str(folder))
    assert f"killed: {stubborn.pid}" in done.stdout
    assert stubborn.wait(timeout=5) == -signal.SIGKILL


def test_clean_needs_a_carla(tmp_path):
    done = run("clean_carla.sh", CARLA_ROOT=str(tmp_path))
    assert done.returncode == 1 and "holds no CarlaUE4.sh" in done.stderr


def test_random_free_port_is_free():
    done = run("random_free_port.sh", "2")
    assert done.returncode == 0, done.stderr
    assert not port_is_open(LOOPBACK, int(done.stdout))


needs_town = pytest.mark.skipif("Town01" not in installed_towns(), reason="Town01 is not installed")


@needs_town
def test_start_runs_in_the_foreground_at_full_quality(tmp_path):
    port = free_port(span=3)
    words = tmp_path / "arguments.json"
    variables = {
        "CARLA_ROOT": str(STAND_IN),
        "LEAD_PYTHON": sys.executable,
        "STAND_IN_PYTHON": sys.executable,
        "STAND_IN_TOWN": "Town01",
        "STAND_IN_ARGUMENTS": str(words),
    }
    command = ["bash", str(SCRIPTS / "start_carla.sh"), str(port), "--gpu", "1"]
    with subprocess.Popen(command, env=os.environ | variables, stderr=subprocess.PIPE, text=True, cwd="/") as program:
        assert f"answers on port {port}" in next(line for line in program.stderr if "answers" in line)
        assert "-quality-level=Epic" in words.read_text() and "-graphicsadapter=1" in words.read_text()
        program.send_signal(signal.SIGINT)
        assert program.wait(timeout=30) == 0
    assert not port_is_open(LOOPBACK, port)


def test_start_says_what_is_missing(tmp_path):
    done = run("start_carla.sh", "2000", CARLA_ROOT=str(tmp_path))
    assert done.returncode == 1 and "holds no CarlaUE4.sh; run scripts/setup_carla.sh" in done.stderr


@needs_town
def test_reset_frees_a_world_that_a_client_left():
    with EmbeddedServer(free_port(), "Town01") as server:
        client = carla.Client(LOOPBACK, server.port)
        client.set_timeout(30.0)
        world = client.get_world()
        before = {actor.id for actor in world.get_actors()}
        settings = world.get_settings()
        settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
        world.apply_settings(settings)
        library = world.get_blueprint_library()
        vehicle = world.spawn_actor(library.find("vehicle.lincoln.mkz_2020"), world.get_map().get_spawn_points()[0])
        world.spawn_actor(library.find("sensor.other.collision"), carla.Transform(), attach_to=vehicle)
        world.tick()
        done = run("reset_carla_world.py", "--port", str(server.port), "--reload-map")
        assert done.returncode == 0, done.stderr
        assert done.stdout == "2 actors destroyed, map reloaded\n"
        world = client.get_world()
        assert not world.get_settings().synchronous_mode
        assert len(world.get_actors()) <= len(before)


def test_reset_names_a_silent_server():
    done = run("reset_carla_world.py", "--port", str(free_port()), "--timeout", "2")
    assert done.returncode == 1 and "time-out" in done.stderr
