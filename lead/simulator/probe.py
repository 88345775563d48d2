"""Look at a simulator from outside: ports, the version behind one, whether its world answers.

Everything here speaks the few bytes of the protocol itself. The CARLA client would hold a thread and a timeout of its
own, and it cannot be used from a process that is about to load the client's library somewhere else.
"""

from __future__ import annotations

import socket
import time
from typing import Any

import msgpack

from lead.errors import LeadError

LOOPBACK = "127.0.0.1"
PROBE_TIMEOUT_S = 1.0
_MAX_REPLY_BYTES = 1 << 24
"""A map's reply carries its spawn points, a few hundred bytes each."""


class LaunchError(LeadError):
    """The simulator could not be started, reached or identified."""


def port_is_open(host: str, port: int, timeout_s: float = PROBE_TIMEOUT_S) -> bool:
    """Tell whether some program accepts TCP connections on a port."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def server_answers(host: str, port: int, timeout_s: float = PROBE_TIMEOUT_S) -> str | None:
    """Ask the program behind a port for its CARLA version.

    A CARLA whose world hangs still answers this; see :func:`world_answers`.

    Args:
        host: Host name or address.
        port: RPC port.
        timeout_s: Longest wait for the connection and for the reply, each.

    Returns:
        The version text ("0.9.16"), or None if nothing listens there or it does not speak CARLA's protocol.
    """
    match _call(host, port, "version", timeout_s):
        case str(version):
            return version
        case _:
            return None


def world_answers(host: str, port: int, timeout_s: float = PROBE_TIMEOUT_S) -> bool:
    """Tell whether the simulation itself answers, not only the server's network thread.

    Args:
        host: Host name or address.
        port: RPC port.
        timeout_s: Longest wait for the connection and for the reply, each. A world that loads a map or takes a long
            step answers only afterwards.
    """
    return isinstance(_call(host, port, "get_episode_info", timeout_s), list)


def map_answers(host: str, port: int, timeout_s: float = PROBE_TIMEOUT_S) -> str | None:
    """Ask the program behind a port for the name of its map; None while it has none to give."""
    match _call(host, port, "get_map_info", timeout_s):
        case [str(name), *_] if name:
            return name
        case _:
            return None


def _call(host: str, port: int, method: str, timeout_s: float) -> Any:
    """Value that a remote call without arguments returns, None if it fails in any way or takes too long."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.sendall(msgpack.packb([0, 1, method, [[False]]]))
            unpacker = msgpack.Unpacker(raw=False, max_buffer_size=_MAX_REPLY_BYTES)
            deadline_s = time.monotonic() + timeout_s
            while (left_s := deadline_s - time.monotonic()) > 0:
                connection.settimeout(left_s)
                data = connection.recv(1 << 16)
                if not data:
                    return None
                unpacker.feed(data)
                for message in unpacker:
                    match message:
                        case [1, 1, None, [[1, value]]]:
                            return value
                        case _:
                            return None
    except (OSError, ValueError, msgpack.exceptions.UnpackException):
        # Refused, reset, timed out, or bytes that are not msgpack: no CARLA server in every case.
        return None
    return None
