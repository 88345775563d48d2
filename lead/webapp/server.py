"""The production server around the application: many threads, clear words when it cannot listen, a clean end."""

from __future__ import annotations

import errno
import gc
import logging
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

from lead.errors import LeadError
from lead.webapp.context import EXTENSION
from lead.webapp.guards import is_loopback

if TYPE_CHECKING:
    from flask import Flask

LOG = logging.getLogger(__name__)

THREADS = 16
LARGEST_BODY_BYTES = 1 << 20
PORTS_TO_TRY = 100
_ANY = ("0.0.0.0", "::")
_UNKNOWN_PROBLEM = "the system does not say why"


class ServerError(LeadError):
    """The server cannot listen; the text says why and what to do."""


def serve(app: Flask, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve an application until SIGINT or SIGTERM, then stop its clips; meanwhile results are read ahead.

    Args:
        app: Application of :func:`lead.webapp.app.create_app`.
        host: Address to listen on.
        port: Port; 0 takes a free one.
        ready: Called with the URL once requests are answered.

    Raises:
        ServerError: If the address or port cannot be used.
    """
    from waitress import create_server

    # It warns of requests that wait for a thread, and of downloads that the end interrupts; both are usual here.
    logging.getLogger("waitress").setLevel(logging.ERROR)
    try:
        server = create_server(
            app,
            host=host,
            port=port,
            threads=THREADS,
            ident=None,
            max_request_body_size=LARGEST_BODY_BYTES,
            asyncore_use_poll=True,
        )
    except (OSError, ValueError) as error:
        raise ServerError(_why_not(error, host, port)) from error
    if not is_loopback(host):
        LOG.warning("%s is not a loopback address: everyone who reaches this machine can see the results", host)
    used_port = server.effective_port if hasattr(server, "effective_port") else server.effective_listen[0][1]
    previous = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    gc.freeze()  # what was imported stays; looking through it again and again costs a tenth of the time to read results
    dashboard = app.extensions[EXTENSION]
    try:
        dashboard.read_ahead.start()
        ready(url_of(host, used_port))
        server.run()
    except KeyboardInterrupt:
        pass  # it came before or after run(), which takes it itself
    finally:
        dashboard.read_ahead.stop()
        dashboard.clips.stop()
        server.close()
        for number, handler in previous.items():
            signal.signal(number, handler)


def url_of(host: str, port: int) -> str:
    """Return the URL under which a server that listens on an address is reached."""
    name = socket.gethostname() if host in _ANY else host
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _why_not(error: OSError | ValueError, host: str, port: int) -> str:
    code = error.errno if isinstance(error, OSError) else None
    if code == errno.EADDRINUSE:
        free = _free_port(host, port)
        advice = f"try --port {free}" if free else "name another one with --port"
        return f"port {port} of {host} is taken by another program, perhaps by another dashboard; {advice}"
    if code in (errno.EACCES, errno.EPERM):
        return f"port {port} is reserved for the system; take one above 1023, such as --port 5000"
    if code == errno.EADDRNOTAVAIL or isinstance(error, (socket.gaierror, ValueError)):
        return f"{host!r} is not an address of this machine; leave --host out, or give 0.0.0.0 for all of them"
    return f"the dashboard cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or _UNKNOWN_PROBLEM}"


def _free_port(host: str, taken: int) -> int | None:
    """Return the next port that nobody listens on; None if there is none near."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in range(taken + 1, min(taken + PORTS_TO_TRY, 65536)):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    return None
