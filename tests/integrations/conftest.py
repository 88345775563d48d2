"""A stand-in for the official harness: the same files and entry points, an evaluator that does what a test asks for."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgpack
import pytest

EVALUATOR = """
import argparse, json, os, pathlib, signal, subprocess, sys, time
from srunner.scenariomanager.timer import GameTime

class LeaderboardEvaluator:
    frame_rate = 20.0

def tick(seconds):
    for _ in range(int(10 * seconds)):
        GameTime.frame += 1
        time.sleep(0.1)

def write(arguments, done, total):
    records = [{"index": index} for index in range(done)]
    text = json.dumps({"_checkpoint": {"progress": [done, total], "records": records}})
    pathlib.Path(arguments.checkpoint).write_text(text)

def main():
    parser = argparse.ArgumentParser()
    for name in ("host", "port", "traffic-manager-port", "traffic-manager-seed", "routes", "repetitions", "track",
                 "agent", "agent-config", "checkpoint", "debug-checkpoint", "timeout", "debug", "record", "resume"):
        parser.add_argument("--" + name)
    arguments = parser.parse_args()
    folder = pathlib.Path(arguments.checkpoint).parent
    seen = {"arguments": vars(arguments), "environment": dict(os.environ), "path": sys.path, "pid": os.getpid()}
    print("stand-in evaluator:", arguments.agent_config, flush=True)
    if arguments.agent_config == "stubborn":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        seen["child"] = subprocess.Popen(["sleep", "600"]).pid
    (folder / "seen.tmp").write_text(json.dumps(seen))
    (folder / "seen.tmp").rename(folder / "seen.json")
    match arguments.agent_config:
        case "crash":
            write(arguments, 0, 1)
            sys.exit(-1)
        case "abort":
            os.kill(os.getpid(), signal.SIGABRT)
        case "incomplete":
            write(arguments, 1, 2)
        case "frozen" | "stubborn":
            time.sleep(600)
        case "interruptible":
            try:
                tick(600)
            except KeyboardInterrupt:
                (folder / "interrupted").touch()
        case "moving":
            tick(4)
            write(arguments, 1, 1)
        case _:
            write(arguments, 1, 1)
"""
FILES = {
    "leaderboard/leaderboard/__init__.py": "",
    "leaderboard/leaderboard/leaderboard_evaluator.py": EVALUATOR,
    "leaderboard/leaderboard/scenarios/__init__.py": "",
    "leaderboard/leaderboard/scenarios/scenario_manager.py": (
        "class ScenarioManager:\n    def load_scenario(self, scenario, agent, *rest):\n        pass\n"
    ),
    "scenario_runner/srunner/__init__.py": "",
    "scenario_runner/srunner/scenariomanager/__init__.py": "",
    "scenario_runner/srunner/scenariomanager/carla_data_provider.py": "",
    "scenario_runner/srunner/scenariomanager/timer.py": (
        "class GameTime:\n    frame = 0\n\n    @classmethod\n    def get_frame(cls):\n        return cls.frame\n"
    ),
    "carla-python-api/PythonAPI/carla/agents/__init__.py": "",
    "carla-python-api/PythonAPI/carla/agents/navigation/__init__.py": "",
    "carla-python-api/PythonAPI/carla/agents/navigation/basic_agent.py": "",
    "carla-python-api/PythonAPI/carla/agents/navigation/global_route_planner.py": "",
}
FOLDERS = ("leaderboard", "scenario_runner", "carla-python-api")


def write_files(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def stand_in_root(tmp_path: Path) -> Path:
    """A set-up folder whose evaluator is the stand-in, run by this Python."""
    root = tmp_path / "3rd_party"
    write_files(root, FILES)
    python = root / "venv-leaderboard" / "bin" / "python"
    python.parent.mkdir(parents=True)
    # Not a link: a virtual environment's Python finds its packages by its own place.
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    stamp = {"carla": "0.9.15", "commits": dict.fromkeys(FOLDERS, "0" * 40), "requirements": []}
    (root / "leaderboard-setup.json").write_text(json.dumps(stamp))
    return root


class VersionServer(threading.Thread):
    """Answers the one question that is asked before a drive: which CARLA version are you?"""

    def __init__(self, version: str) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._reply = msgpack.packb([1, 1, None, [[1, version]]])
        self.port: int = self._listener.getsockname()[1]

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                if connection.recv(4096):
                    connection.sendall(self._reply)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def serve_version() -> Iterator[Callable[[str], int]]:
    """Starts servers that know no more than their version; gives the port of each."""
    servers: list[VersionServer] = []

    def serve(version: str) -> int:
        server = VersionServer(version)
        server.start()
        servers.append(server)
        return server.port

    yield serve
    for server in servers:
        server.close()
