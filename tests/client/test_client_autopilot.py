"""Runs autopilot_cases.py in a process of its own, where its Traffic Manager can do no harm to other tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from client_support import run_isolated

CASES = Path(__file__).with_name("autopilot_cases.py")


@pytest.mark.timeout(230)
def test_traffic_manager_cases() -> None:
    done = run_isolated(
        [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", str(CASES)], 100.0
    )
    assert done.returncode == 0, done.stdout + done.stderr
