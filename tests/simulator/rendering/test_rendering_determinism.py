"""Equal seeds give byte-identical packets of every sensor, in every process and with any number of threads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rendering_support import town_map

from lead.simulator.rendering.select import describe_backends

SCRIPT = Path(__file__).with_name("rendering_run.py")
LIMIT_S = 240.0
KINDS = {
    *(f"sensor.camera.{kind}" for kind in ("rgb", "depth", "normals", "optical_flow", "dvs")),
    *(f"sensor.camera.{kind}_segmentation" for kind in ("semantic", "instance")),
    "sensor.lidar.ray_cast",
    "sensor.lidar.ray_cast_semantic",
    "sensor.other.radar",
}


def outcomes(runs: list[list[str]]) -> list[dict[str, str]]:
    """Run the script once per list of arguments, side by side."""
    processes = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for words in runs
    ]
    found = []
    try:
        for process in processes:
            output, errors = process.communicate(timeout=LIMIT_S)
            assert process.returncode == 0, errors
            found.append(json.loads(output))
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait(timeout=5.0)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["embree", pytest.param("cpu", marks=pytest.mark.slow)])
def test_packets_are_byte_identical_across_processes_and_thread_counts(kind: str) -> None:
    if reason := describe_backends()[kind]:
        pytest.skip(reason)
    town_map("Town02")  # skips where the town is not installed
    # Processes are new, and so are numbers of threads: only a packet that depends on neither is the same.
    one, other = outcomes([[kind, "2"], [kind, "1"]])
    assert set(one) == KINDS
    assert len(set(one.values())) == len(KINDS), "every kind says something of its own"
    assert one == other


@pytest.mark.slow
def test_packets_are_byte_identical_with_more_threads_than_cores() -> None:
    town_map("Town02")
    one, two, three = outcomes([["auto", "7"], ["auto", "7"], ["auto", "1"]])
    assert one == two == three
