"""What every request passes on its way in and out: who may ask, what a browser may do with the answer, and errors.

A dashboard on the loopback address has no password, so any page open in the same browser could talk to it. Therefore
requests must name the host that is served (a foreign name that resolves to this machine is refused), and requests
that write must come from the dashboard's own page.
"""

from __future__ import annotations

import errno
import gzip
import ipaddress
import logging
import re

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from lead.errors import LeadError
from lead.webapp.context import dashboard
from lead.webapp.errors import ForbiddenError, RequestError

LOG = logging.getLogger(__name__)

OWN_HEADER = "X-LEAD-Dashboard"
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
        "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
SHORTEST_PACKED_BYTES = 8192
GZIP_LEVEL = 1
"""The fastest; others take several times as long and save little."""
_READING = ("GET", "HEAD", "OPTIONS")
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?", re.IGNORECASE)
_SENTENCES = {
    404: "there is nothing at this address",
    405: "this address does not answer that method",
    413: "the request is too large",
    415: "the request must be JSON",
}
_PROBLEMS = {
    errno.ENAMETOOLONG: (404, "there is no file or folder with so long a name"),
    errno.ENOENT: (404, "the file is gone"),
    errno.EACCES: (403, "the file or folder must not be read by this user"),
    errno.EPERM: (403, "the file or folder must not be read by this user"),
}


def protect(app: Flask, host: str) -> None:
    """Add all checks, headers and error answers to an application.

    Args:
        app: Application to protect.
        host: Address that the server binds to.
    """
    known_hosts = LOOPBACK_NAMES | {f"[{host}]" if ":" in host else host.lower()} if is_loopback(host) else None

    @app.before_request
    def check() -> None:
        if known_hosts is not None:
            check_host(request.headers.get("Host", ""), known_hosts)
        if request.method not in _READING:
            check_write()

    @app.after_request
    def finish(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-cache"
        if request.method in ("GET", "HEAD") and response.status_code == 200 and response.is_json:
            response.add_etag(weak=True)  # the same whether it is packed or not
            response.make_conditional(request)
            if response.status_code == 200:
                pack(response)
        return response

    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(LeadError, _known_error)
    app.register_error_handler(OSError, _file_error)
    app.register_error_handler(Exception, _unexpected_error)


def pack(response: Response) -> None:
    """Compress a long JSON answer for a browser that takes it; lists of routes shrink to a tenth."""
    response.vary.add("Accept-Encoding")
    if not request.accept_encodings["gzip"] or (response.content_length or 0) < SHORTEST_PACKED_BYTES:
        return
    response.set_data(gzip.compress(response.get_data(), GZIP_LEVEL, mtime=0))
    response.content_encoding = "gzip"


def is_loopback(host: str) -> bool:
    """Tell whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def check_host(header: str, known: frozenset[str]) -> None:
    """Refuse requests for other hosts: a foreign page may have pointed its own name at this machine.

    Args:
        header: Value of the header ``Host``.
        known: Names that are served, in lower case, IPv6 addresses in brackets.

    Raises:
        ForbiddenError: If the header names none of them.
    """
    match = _HOST.fullmatch(header)
    if match is None or match["name"].lower() not in known:
        raise ForbiddenError(
            f"this dashboard is not served under the name {header!r}; use http://127.0.0.1 or localhost"
        )


def check_write() -> None:
    """Refuse requests that write unless the dashboard's own page sent them.

    Raises:
        ForbiddenError: If another page sent it, or the dashboard is read-only.
        RequestError: If the body is not a JSON object.
    """
    origin, host = request.headers.get("Origin"), request.headers.get("Host", "")
    if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
        raise ForbiddenError("only the dashboard's own page may change something")
    if request.headers.get(OWN_HEADER) != "1":
        raise ForbiddenError(f"requests that change something need the header {OWN_HEADER}: 1")
    dashboard().check_writable()
    if request.mimetype != "application/json":
        raise RequestError("the request must be JSON (Content-Type: application/json)")
    try:
        body = request.get_json()
    except (RecursionError, UnicodeDecodeError) as error:
        raise RequestError("the request's JSON cannot be read") from error
    if not isinstance(body, dict):
        raise RequestError("the request's JSON must be an object")


def _answer(status: int, sentence: str) -> tuple[Response, int]:
    return jsonify(error=sentence), status


def _known_error(error: LeadError) -> tuple[Response, int]:
    return _answer(error.status if isinstance(error, RequestError) else RequestError.status, str(error))


def _http_error(error: HTTPException) -> Response | tuple[Response, int]:
    status = error.code or 500
    if status < 400:
        return Response(error.get_response().get_data(), status, dict(error.get_headers()))
    answer, _ = _answer(status, _SENTENCES.get(status, error.description or error.name))
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            answer.headers[name] = value
    return answer, status


def _file_error(error: OSError) -> tuple[Response, int]:
    if error.errno in _PROBLEMS:
        return _answer(*_PROBLEMS[error.errno])
    return _unexpected_error(error)


def _unexpected_error(error: Exception) -> tuple[Response, int]:
    LOG.error("%s %s failed", request.method, request.path, exc_info=error)
    return _answer(500, "something went wrong in the dashboard; its log in the terminal says what")
