"""What scripts that measure drivers share: a suite driven as users drive it, and its results."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lead.scoring.results import Results, read_results

AGENT_CRASHED = 3
"""Exit code of ``lead benchmark`` when an agent's program failed, which counts in the score."""


def drive_suite(routes: Path, folder: Path, *words: str) -> Results:
    """Drive routes by ``lead benchmark bench2drive`` in the embedded simulator; finished ones are not driven again.

    Args:
        routes: Route file.
        folder: Folder of the results.
        words: Further words of the command, such as the driver.

    Raises:
        SystemExit: If something could not be driven.
    """
    command = [sys.executable, "-m", "lead", "benchmark", "bench2drive", "--simulator", "embedded", "--no-video"]
    done = subprocess.run([*command, "--routes", str(routes), "--output-dir", str(folder), *words], check=False)
    if done.returncode not in (0, AGENT_CRASHED):
        raise SystemExit(f"{folder.name}: lead benchmark ended with code {done.returncode}")
    return read_results([folder])
