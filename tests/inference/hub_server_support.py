"""A hub of our own for tests of downloads: lists folders, redirects to large files, and misbehaves on request."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

REPOSITORY = "ln2697/tfv6"


def git_sha1(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def pointer(data: bytes) -> bytes:
    """What a repository holds in place of a large file."""
    digest = hashlib.sha256(data).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(data)}\n".encode()


class Hub(ThreadingHTTPServer):
    """Serves repositories; large files (``.pth``) lie on a second server, as those of the public hub do.

    Attributes:
        files: Content by repository and path.
        listings: Answers instead of the true list, by repository and folder.
        requests: Number of requests by path.
        tokens: Authorization headers that came, by path.
        ranges: Range headers in the order they came.
        cut_after: Bytes after which the next answers for a path break off.
        failures: Status codes of the next answers for a path.
        storage: The second server; None for the second server itself.
    """

    daemon_threads = True

    def __init__(self, storage: Hub | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.storage = storage
        self.files: dict[tuple[str, str], bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.listings: dict[tuple[str, str], Any] = {}
        self.requests: Counter[str] = Counter()
        self.tokens: dict[str, str | None] = {}
        self.ranges: list[str] = []
        self.cut_after: dict[str, list[int]] = {}
        self.failures: dict[str, list[int]] = {}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, path: str, data: bytes, repository: str = REPOSITORY) -> None:
        self.files[repository, path] = data
        assert self.storage is not None
        self.storage.blobs[f"/blobs/{hashlib.sha256(data).hexdigest()}"] = data

    def listing(self, repository: str, folder: str) -> list[dict[str, Any]] | None:
        prefix = f"{folder}/" if folder else ""
        entries: list[dict[str, Any]] = [{"type": "directory", "oid": "0" * 40, "size": 0, "path": folder or "docs"}]
        for (owner, path), data in self.files.items():
            if owner == repository and path.startswith(prefix):
                stored = pointer(data) if path.endswith(".pth") else data
                entry = {"type": "file", "oid": git_sha1(stored), "size": len(data), "path": path}
                if stored is not data:
                    digest = hashlib.sha256(data).hexdigest()
                    entry["lfs"] = {"oid": digest, "size": len(data), "pointerSize": len(stored)}
                entries.append(entry)
        return entries if len(entries) > 1 else None


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        hub, path = self.server, unquote(urlsplit(self.path).path)
        hub.requests[path] += 1
        hub.tokens[path] = self.headers.get("Authorization")
        if failures := hub.failures.get(path):
            self.send_error(failures.pop(0))
        elif path in hub.blobs:
            self._send(path, hub.blobs[path])
        elif path.startswith("/api/models/"):
            owner, name, _, _, *folder = path.removeprefix("/api/models/").split("/")
            key = (f"{owner}/{name}", "/".join(folder))
            found = hub.listings.get(key, hub.listing(*key))
            if found is None:
                self.send_error(404)
            else:
                self._send(path, found if isinstance(found, bytes) else json.dumps(found).encode())
        else:
            self._resolve(path)

    def _resolve(self, path: str) -> None:
        owner, name, _, _, *rest = path[1:].split("/")
        data = self.server.files.get((f"{owner}/{name}", "/".join(rest)))
        if data is None:
            self.send_error(404)
        elif path.endswith(".pth"):
            assert self.server.storage is not None
            self.send_response(302)
            self.send_header("Location", f"{self.server.storage.address}/blobs/{hashlib.sha256(data).hexdigest()}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._send(path, data)

    def _send(self, path: str, data: bytes) -> None:
        wanted, start, tag = self.headers.get("Range"), 0, f'"{hashlib.md5(data).hexdigest()}"'
        if wanted:
            self.server.ranges.append(wanted)
        if wanted and self.headers.get("If-Range") in (None, tag):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        body = data[start:]
        if cuts := self.server.cut_after.get(path):
            body = body[: cuts.pop(0)]
            self.close_connection = True
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test output clean."""


@contextmanager
def serve_hub() -> Iterator[Hub]:
    """Run both servers in threads until the block ends."""
    storage = Hub(None)
    hub = Hub(storage)
    servers = (hub, storage)
    for server in servers:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield hub
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
