"""One file over HTTP: resumed where it was cut off, tried again when the fault may pass, placed whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.client
import logging
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from lead.errors import LeadError
from lead.files import written_whole

LOG = logging.getLogger(__name__)
CHUNK_BYTES = 1 << 16
AGENT = "lead-drive (download)"
PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
RANGE_REFUSED = 416
Bytes = Callable[[int, int | None], None]
"""Told how many bytes are there, and how many there will be if the server says."""


class DownloadError(LeadError):
    """A file cannot be downloaded, or is not the genuine one."""


class UnreachableError(DownloadError):
    """All attempts failed for reasons that may pass.

    Attributes:
        reason: What went wrong the last time.
    """

    def __init__(self, message: str, reason: str) -> None:
        """Keep the reason beside the text."""
        super().__init__(message)
        self.reason = reason


class RefusedError(DownloadError):
    """A server answers that it will not give a file.

    Attributes:
        status: HTTP status code.
    """

    def __init__(self, message: str, status: int) -> None:
        """Keep the status beside the text."""
        super().__init__(message)
        self.status = status


class _PassingError(Exception):
    """Something that may work a moment later."""


@dataclass(frozen=True)
class DownloadResult:
    """What a download did.

    Attributes:
        name: What was asked for.
        folder: Where its files are.
        fetched: Files that were new.
        replaced: Files that were there with another content.
        kept: Files that were there and right.
    """

    name: str
    folder: Path
    fetched: int
    replaced: int
    kept: int


@dataclass(frozen=True)
class Fetcher:
    """How files are fetched.

    Attributes:
        parts: Folder of unfinished files; they are found again by the next run.
        attempts: How often a file is tried.
        backoff_s: Wait after the first failure; doubles with each further one.
        timeout_s: Longest silence of the server.
        headers: Headers of every request; credentials among them are kept from servers that the first one refers to.
        address_option: Option of the command with which users name another server, for error messages.
    """

    parts: Path
    attempts: int = 5
    backoff_s: float = 1.0
    timeout_s: float = 30.0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    address_option: str = "--mirror"

    def fetch(self, url: str, target: Path, verify: Callable[[Path], None], progress: Bytes | None = None) -> None:
        """Download a file, check it and put it in place.

        Args:
            url: Address, http or https.
            target: Where the file lands; replaced only by a verified one.
            verify: Raises DownloadError if the file given to it is not the wanted one.
            progress: Called after every chunk.

        Raises:
            DownloadError: If the server refuses, all attempts fail, or the file is not the wanted one.
        """
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise DownloadError(f"{url} is no http or https address")
        part = self.parts / f"{hashlib.sha256(url.encode()).hexdigest()[:24]}.part"
        self.parts.mkdir(parents=True, exist_ok=True)
        resumed = self._complete(url, part, progress)
        try:
            verify(part)
        except DownloadError as error:
            _discard(part)
            if not resumed:
                raise DownloadError(f"{url}: {error}") from error
            # The file may have changed on the server between the two pieces: once more from the start.
            self._complete(url, part, progress)
            try:
                verify(part)
            except DownloadError as again:
                _discard(part)
                raise DownloadError(f"{url}: {again}") from again
        _place(part, target)
        _discard(part)

    def _complete(self, url: str, part: Path, progress: Bytes | None) -> bool:
        """Fetch until the file is complete; tell whether it was put together from several pieces."""
        resumed = False
        for attempt in range(self.attempts):
            resumed = resumed or part.exists()
            try:
                self._receive(url, part, progress)
            except (_PassingError, OSError, http.client.HTTPException) as error:
                reason = getattr(error, "reason", None) or error
                if attempt + 1 == self.attempts:
                    message = f"cannot download {url} ({reason}) after {self.attempts} attempts"
                    raise UnreachableError(
                        f"{message}; run the command again to go on, or use {self.address_option} URL", str(reason)
                    ) from error
                LOG.info("attempt %d for %s failed: %s", attempt + 1, url, reason)
                time.sleep(self.backoff_s * 2.0**attempt)
            else:
                break
        return resumed

    def _receive(self, url: str, part: Path, progress: Bytes | None) -> None:
        have = part.stat().st_size if part.exists() else 0
        request = urllib.request.Request(url, headers={"User-Agent": AGENT, **self.headers})
        if have:
            request.add_header("Range", f"bytes={have}-")
            if (tag := _tag_path(part)).exists():
                request.add_header("If-Range", tag.read_text(encoding="utf-8"))
        try:
            response = urllib.request.build_opener(_Redirects).open(request, timeout=self.timeout_s)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == RANGE_REFUSED and have:
                _discard(part)
                raise _PassingError("the server refused to continue the file") from error
            if error.code in PASSING_STATUS:
                raise _PassingError(f"HTTP {error.code}") from error
            raise RefusedError(
                f"{url} answers HTTP {error.code} ({error.reason}); check {self.address_option}", error.code
            ) from error
        with response:
            if response.status != http.client.PARTIAL_CONTENT:
                _discard(part)  # the server sends the whole file again
                have = 0
            elif not (response.headers.get("Content-Range") or "").startswith(f"bytes {have}-"):
                _discard(part)
                raise _PassingError("the server continued the file at another place")
            self._store(response, part, have, progress)

    def _store(self, response: http.client.HTTPResponse, part: Path, have: int, progress: Bytes | None) -> None:
        length = response.headers.get("Content-Length")
        total = have + int(length) if length is not None and length.isdecimal() else None
        try:
            if not have and (tag := response.headers.get("ETag")) and not tag.startswith("W/"):
                _tag_path(part).write_text(tag, encoding="utf-8")
            file = part.open("ab", buffering=0)
        except OSError as error:
            raise _unwritable(part, error) from error
        with file:
            while chunk := response.read(CHUNK_BYTES):
                try:
                    file.write(chunk)
                except OSError as error:
                    raise _unwritable(part, error) from error
                have += len(chunk)
                if progress is not None:
                    progress(have, total)
        if total is not None and have < total:
            raise _PassingError(f"the connection broke after {have} of {total} bytes")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but keeps credentials from other servers: hubs hand large files over to those."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Make the next request."""
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and _origin(newurl) != _origin(req.full_url):
            request.remove_header("Authorization")
        return request


def _origin(url: str) -> tuple[str, str]:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.netloc


@contextlib.contextmanager
def one_at_a_time(parts: Path) -> Iterator[None]:
    """Let one download at a time use the folder of unfinished files; others wait and then find its result.

    Raises:
        DownloadError: If the folder cannot be written.
    """
    with contextlib.ExitStack() as stack:
        try:
            parts.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context((parts / ".lock").open("w"))
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            raise DownloadError(
                f"cannot write to {parts} ({error.strerror}); set LEAD_CACHE_DIR to another folder"
            ) from error
        yield


def _unwritable(path: Path, error: OSError) -> DownloadError:
    return DownloadError(f"cannot write {path} ({error.strerror})")


def _tag_path(part: Path) -> Path:
    return part.with_suffix(".etag")


def _discard(part: Path) -> None:
    for path in (part, _tag_path(part)):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def _place(part: Path, target: Path) -> None:
    """Copy next to the target, then rename: the cache may be on another disk."""
    try:
        with written_whole(target, contested=True) as temporary:
            shutil.copyfile(part, temporary)
    except OSError as error:
        raise _unwritable(target, error) from error
