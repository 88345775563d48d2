"""What scripts that measure drivers share: a suite driven as users drive it, and its results."""

from __future__ import annotations

import signal
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
    with subprocess.Popen([*command, "--routes", str(routes), "--output-dir", str(folder), *words]) as process:
        # Who ends the script ends the drives, which wind up by themselves.
        before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        code = process.wait()
        signal.signal(signal.SIGTERM, before)
    if code not in (0, AGENT_CRASHED):
        raise SystemExit(f"{folder.name}: lead benchmark ended with code {code}")
    return read_results([folder])
