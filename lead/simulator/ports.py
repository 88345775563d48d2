"""Choose ports for simulators so that no two programs of LEAD on this machine choose the same one.

A port is chosen seconds before a simulator binds it. What tells others meanwhile is a lock on its byte of a file that
all processes of a user share; the kernel drops it with the process that chose, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
import threading
from pathlib import Path

from lead.simulator.probe import LOOPBACK, LaunchError, port_is_open

_handed_out: set[int] = set()
_choosing = threading.Lock()
_lock_file: dict[int, int] = {}
"""Descriptor of the shared file, by process: closing any descriptor of it would drop all locks of the process."""


def free_port(span: int = 2, first: int = 20000, last: int = 29999) -> int:
    """Find a port whose successors up to ``span`` ports are free on the loopback interface, and reserve them.

    A process never gets the same port twice, so that several can be chosen before the first one is bound; and no other
    process gets them while this one lives.

    Args:
        span: Ports in a row: 2 for the embedded simulator, 3 for a CARLA server, 1 for a Traffic Manager.
        first: Lowest port that may be chosen.
        last: End of the range.

    Raises:
        LaunchError: If no such range exists.
    """
    # At random, so that processes that look at the same moment rarely choose the same port.
    choice = random.SystemRandom()
    starts = list(range(first, last - span + 1))
    choice.shuffle(starts)
    with _choosing:
        for port in starts:
            wanted = range(port, port + span)
            if _handed_out.isdisjoint(wanted) and all(map(_can_bind, wanted)) and _reserve(port, span):
                _handed_out.update(wanted)
                return port
    raise LaunchError(f"no free TCP port between {first} and {last}; stop some of the programs that hold them")


def _reserve(port: int, span: int) -> bool:
    """Lock the bytes of ports in the shared file until this process ends; False if another process has one of them."""
    process = os.getpid()
    if process not in _lock_file:
        path = Path(tempfile.gettempdir()) / f"lead-ports-{os.getuid()}.lock"
        _lock_file[process] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(_lock_file[process], fcntl.LOCK_EX | fcntl.LOCK_NB, span, port)
    except OSError:
        return False
    return True


def _can_bind(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def require_free_port(port: int, purpose: str) -> None:
    """Fail with one sentence unless a loopback port can be bound.

    Raises:
        LaunchError: If another program holds the port.
    """
    if not 1 <= port <= 65535:
        raise LaunchError(f"{purpose} must be a port between 1 and 65535, not {port}")
    if port_is_open(LOOPBACK, port) or not _can_bind(port):
        raise LaunchError(f"{purpose} {port} is in use by another program; choose another one or stop that program")
