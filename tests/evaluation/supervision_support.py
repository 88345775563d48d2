"""What the tests of the supervision share: ``lead drive`` as a process, and its children found and hurt."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from lead.simulator.launch import free_port

STRAIGHT = Path(__file__).with_name("agents") / "straight.xml"
FAULT_AGENT = Path(__file__).with_name("agents") / "fault_agent.py"


def drive_command(folder, *arguments, fault="none", routes=STRAIGHT, timeout=20):
    port, traffic_port = free_port(3), free_port(1)
    return [
        *(sys.executable, "-m", "lead", "drive", "--simulator", "embedded"),
        *("--port", str(port), "--traffic-manager-port", str(traffic_port), "--traffic", "0", "--no-video"),
        *("--agent", str(FAULT_AGENT), "--agent-config", fault, "--routes", str(routes)),
        *("--timeout", str(timeout), "--output-dir", str(folder), *arguments),
    ]


def drive(folder, *arguments, limit_s=200, **options):
    return subprocess.run(
        drive_command(folder, *arguments, **options), capture_output=True, text=True, timeout=limit_s, check=False
    )


class Running:
    """A ``lead drive`` under way; what is left of it is killed at the end."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        output, _ = self.process.communicate(timeout=10)
        print(output)  # shown with a failure

    def finish(self, limit_s=200):
        output, _ = self.process.communicate(timeout=limit_s)
        return self.process.returncode, output

    def wait_for(self, word, limit_s=60.0):
        """Process id of a descendant whose command line holds a word."""
        deadline_s = time.monotonic() + limit_s
        while time.monotonic() < deadline_s:
            found = descendants(self.process.pid, word)
            if found:
                return found[0]
            time.sleep(0.02)
        raise AssertionError(f"no child with {word}")


def descendants(root, word):
    """Processes below a process whose command line holds a word, youngest first."""
    parents, words = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            parents[int(entry.name)] = int(stat[1])
            words[int(entry.name)] = (entry / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
    found = []
    for number in parents:
        ancestor = number
        while ancestor in parents and ancestor != root:
            ancestor = parents[ancestor]
        if ancestor == root and number != root and word in words[number]:
            found.append(number)
    return sorted(found, reverse=True)


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"


def wait_until(condition, limit_s=30.0):
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited too long"
        time.sleep(0.05)


def result(folder):
    return json.loads((folder / "checkpoint_endpoint.json").read_text())


def records(folder):
    return result(folder)["_checkpoint"]["records"]
