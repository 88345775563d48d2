"""A small HTTP server that misbehaves on request, for tests of downloads."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class RouteServer(ThreadingHTTPServer):
    """Serves bytes by path.

    Attributes:
        files: Content by path.
        requests: Number of requests by path.
        ranges: Range headers in the order they came.
        cut_after: Bytes after which the next answers for a path break off, one entry per answer.
        failures: Status codes of the next answers for a path.
        ranges_supported: Answer Range requests with 206.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.requests: Counter[str] = Counter()
        self.ranges: list[str] = []
        self.cut_after: dict[str, list[int]] = {}
        self.failures: dict[str, list[int]] = {}
        self.ranges_supported = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: RouteServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path
        self.server.requests[path] += 1
        if failures := self.server.failures.get(path):
            self.send_error(failures.pop(0))
            return
        if path not in self.server.files:
            self.send_error(404)
            return
        data = self.server.files[path]
        wanted, start = self.headers.get("Range"), 0
        if wanted:
            self.server.ranges.append(wanted)
        if wanted and self.server.ranges_supported and self.headers.get("If-Range") in (None, self._tag(data)):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(data):
                self.send_error(416)
                return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("ETag", self._tag(data))
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        cuts = self.server.cut_after.get(path)
        body = data[start:]
        if cuts:
            self.wfile.write(body[: cuts.pop(0)])
            self.close_connection = True
            return
        self.wfile.write(body)

    @staticmethod
    def _tag(data: bytes) -> str:
        return f'"{hash(data)}"'

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test output clean."""


@contextmanager
def serve() -> Iterator[RouteServer]:
    """Run a server in a thread until the block ends."""
    server = RouteServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
