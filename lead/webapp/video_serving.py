"""Hands out a video in pieces, as players ask for it.

A player that is paused stops reading, for hours if it likes. So an answer to a request for a part is at most 2 MiB,
which the server takes over at once, and a whole file is handed to the server as an open file that it sends on its
own: neither keeps one of the few threads that answer requests.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from flask import Response, jsonify, request
from werkzeug.http import http_date
from werkzeug.wsgi import wrap_file

from lead.webapp.errors import NotFoundError

LARGEST_PART_BYTES = 2 << 20
VIDEO_TYPE = "video/mp4"

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def send_video(path: Path, *, download: bool) -> Response:
    """Answer the current request with a video, or the part of it that the request names.

    Args:
        path: The file, already checked to lie where it may be read.
        download: Let the browser save it instead of playing it.

    Raises:
        NotFoundError: If the file is gone or cannot be read.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise NotFoundError(f"{path.name} cannot be read: {error.strerror or error}") from error
    try:
        response = _respond(file, path.name)
    except OSError as error:
        file.close()
        raise NotFoundError(f"{path.name} cannot be read: {error.strerror or error}") from error
    if download:
        response.headers["Content-Disposition"] = attachment(path.name)
    return response


def attachment(name: str) -> str:
    """Return a Content-Disposition that saves a file under a name, of whatever letters (RFC 6266, RFC 5987)."""
    encoded = quote(name.encode("utf-8", "replace"), safe="")
    return f"attachment; filename=\"{_UNSAFE.sub('_', name)}\"; filename*=UTF-8''{encoded}"


def parse_range(text: str, size: int) -> tuple[int, int] | None:
    """Return the first and the last byte that a Range header asks for.

    Args:
        text: The header's value.
        size: Size of the file in bytes.

    Returns:
        Both inclusive, inside the file and at most ``LARGEST_PART_BYTES`` apart; None if the header asks for several
        ranges, for none, or for one outside of the file.
    """
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        return None
    first_text, last_text = match.groups()
    if first_text:
        first = int(first_text)
        last = min(int(last_text), size - 1) if last_text else size - 1
    elif last_text:
        # The last so many bytes.
        first, last = max(size - int(last_text), 0), size - 1
    else:
        return None
    if first > last:
        return None
    return first, min(last, first + LARGEST_PART_BYTES - 1)


class _WholeFile:
    """An open file up to the size that was announced; the server reads, seeks and closes it."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self.tell = file.tell
        self.close = file.close

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END:
            return self._file.seek(self._size + offset)
        return self._file.seek(offset, whence)

    def read(self, count: int = -1) -> bytes:
        left = max(self._size - self._file.tell(), 0)
        wanted = left if count < 0 else min(count, left)
        data = self._file.read(wanted)
        if len(data) < wanted:
            # Without an error the server would wait for the missing bytes for ever.
            raise OSError("a video became shorter while it was sent")
        return data


def _respond(file: BinaryIO, name: str) -> Response:
    """Answer with an open file; it is closed here, or by the server if it goes out whole."""
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        file.close()
        raise NotFoundError(f"{name} is not a file")
    size = status.st_size
    tag = f'"{status.st_ino:x}-{status.st_mtime_ns:x}-{size:x}"'
    changed = http_date(status.st_mtime)
    response = _part(file, size, tag, changed)
    if response is None:
        response = _whole(file, size, tag)
    else:
        file.close()
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["ETag"] = tag
    response.headers["Last-Modified"] = changed
    response.headers["Cache-Control"] = "no-cache"
    return response


def _part(file: BinaryIO, size: int, tag: str, changed: str) -> Response | None:
    """The answer to a request for a part; None if the request is for the whole file."""
    wanted = request.headers.get("Range")
    if wanted is None or request.method != "GET":
        return None
    if request.headers.get("If-Range", tag) not in (tag, changed):
        # The player has the beginning of another file.
        return None
    limits = parse_range(wanted, size)
    data = b"" if limits is None else os.pread(file.fileno(), limits[1] - limits[0] + 1, limits[0])
    if limits is None or not data:
        response = jsonify(error=f"the video has {size} bytes and not the range {wanted!r}; one range at a time")
        response.status_code = 416
        response.headers["Content-Range"] = f"bytes */{size}"
        return response
    response = Response(data, 206, mimetype=VIDEO_TYPE)
    response.headers["Content-Range"] = f"bytes {limits[0]}-{limits[0] + len(data) - 1}/{size}"
    return response


def _whole(file: BinaryIO, size: int, tag: str) -> Response:
    """The answer without a body if the browser has the file or asks only for the head, else the whole file."""
    known = request.headers.get("If-None-Match", "")
    if tag in known or known.strip() == "*":
        file.close()
        return Response(status=304)
    if request.method == "HEAD":
        file.close()
        response = Response(status=200, mimetype=VIDEO_TYPE)
    else:
        body = wrap_file(request.environ, _WholeFile(file, size))  # type: ignore[arg-type]
        response = Response(body, 200, mimetype=VIDEO_TYPE, direct_passthrough=True)
    response.content_length = size
    return response
