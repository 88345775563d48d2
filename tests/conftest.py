"""Fixtures shared by all rooms.

Only the standard library and pytest are imported here: the client tests also run in an environment that has
the CARLA 0.9.15 client and little else.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

# Workers of pytest share the cores already: threads of PyTorch or OpenBLAS that wait for each other only cost time.
# Set before anything loads these libraries, and for child processes.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Bytecode is kept even where the environment says no: hundreds of child processes would compile all of LEAD anew, and
# pytest would rewrite the assertions of every file in every worker.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_configure() -> None:
    """Take SIGINT also if a shell started the tests in the background with it ignored: children would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own, empty, also seen by child processes."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("LEAD_CACHE_DIR", str(folder))
    monkeypatch.delenv("LEAD_TOWNS_WHEEL", raising=False)
    return folder
