"""Same seed and inputs, two processes: byte-identical snapshots, sensor packets and stream packets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lead.simulator.launch import EmbeddedServer, free_port

SCRIPT = Path(__file__).with_name("determinism_run.py")
LIMIT_S = 240.0


def outcomes(arguments: list[list[str]]) -> list[dict[str, object]]:
    """Run the script once per argument list, side by side."""
    runs = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for words in arguments
    ]
    found = []
    try:
        for run in runs:
            output, errors = run.communicate(timeout=LIMIT_S)
            assert run.returncode == 0, errors
            found.append(json.loads(output))
    finally:
        for run in runs:
            if run.poll() is None:
                run.kill()
                run.wait(timeout=5.0)
    return found


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_worlds_are_bit_identical() -> None:
    one, two = outcomes([["world"], ["world"]])
    assert one == two
    assert one["frame"] == 2000
    assert int(str(one["events"])) > 100, "the script is meant to cause collisions"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_snapshot_streams_are_bit_identical() -> None:
    with (
        EmbeddedServer(free_port(), town="Town01", seed=5) as first,
        EmbeddedServer(free_port(), town="Town01", seed=5) as second,
    ):
        one, two = outcomes([["stream", str(first.port)], ["stream", str(second.port)]])
    assert one == two
    assert int(str(one["size"])) > 50 * 119
