"""Ports for simulators: several programs of LEAD that start at the same moment get different ones."""

import subprocess
import sys

import pytest

from lead.simulator.launch import LaunchError, free_port

FIRST, LAST, SPAN = 19400, 19412, 3
HOLD = f"""
from lead.simulator.launch import free_port
print(free_port({SPAN}, {FIRST}, {LAST}), free_port({SPAN}, {FIRST}, {LAST}), flush=True)
input()
"""


def test_no_two_processes_get_the_same_ports():
    """The range has room for three or four choices of three ports; nothing is bound, as before a simulator starts."""
    with subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        theirs = {port + i for port in map(int, other.stdout.readline().split()) for i in range(SPAN)}
        assert len(theirs) == 2 * SPAN
        ours: set[int] = set()
        with pytest.raises(LaunchError, match="no free TCP port between"):
            while True:
                port = free_port(SPAN, FIRST, LAST)
                ours |= set(range(port, port + SPAN))
        assert ours.isdisjoint(theirs)
        other.communicate(b"\n", timeout=20)
    # The kernel has dropped the other's reservations with it.
    assert [free_port(1, port, port + 1) for port in sorted(theirs)] == sorted(theirs)
