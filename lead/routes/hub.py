"""Files of a repository on a hub, fetched without a library for it.

The hub lists files with their checksums, so every file is checked, what is there already stays, and an interrupted
download goes on where it was cut off. Nothing that a server says is believed to be a safe path.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from lead.maps.towns import cache_dir
from lead.routes.fetch import DownloadError, Fetcher, RefusedError

ENDPOINT = "https://huggingface.co"
ENDPOINT_VARIABLE, TOKEN_VARIABLE = "HF_ENDPOINT", "HF_TOKEN"
LISTING_ATTEMPTS = 3
CHUNK_BYTES = 1 << 20
NO_ACCESS, NOT_FOUND = (401, 403), 404

_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
_PART = re.compile(r"[\w-][\w .+=@-]*", re.ASCII)
"""Names of files and folders that are taken from a server: nothing hidden, no way out of the folder."""
_HIDDEN = re.compile(r"\.[\w][\w.-]*", re.ASCII)
_SHA256, _SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")

Progress = Callable[[str, int, int], None]
"""Told which file is fetched, how many bytes of all files are there, and how many there will be."""


@dataclass(frozen=True)
class HubFile:
    """A file as the hub lists it.

    Attributes:
        path: Below the folder that is downloaded.
        url: Address of its content.
        size: Bytes.
        git_sha1: Name of its blob in the repository; for large files that of the small pointer in its place.
        sha256: Checksum of a large file's content; None for small files, whose content is the blob.
    """

    path: PurePosixPath
    url: str
    size: int
    git_sha1: str
    sha256: str | None

    def is_content(self, path: Path) -> bool:
        """Tell whether a file has this content."""
        if path.stat().st_size != self.size:
            return False
        if self.sha256 is None:
            return _digest(path, "sha1") == self.git_sha1
        return _digest(path, "sha256") == self.sha256

    def is_pointer(self, path: Path) -> bool:
        """Tell whether a file is the pointer that ``git clone`` leaves where large files were not pulled."""
        return self.sha256 is not None and _digest(path, "sha1") == self.git_sha1

    def check(self, path: Path) -> None:
        """Refuse another content.

        Raises:
            DownloadError: If the file has another checksum.
        """
        if not self.is_content(path):
            raise DownloadError(
                f"the server sent {path.stat().st_size} bytes that are not the published file of {self.size} bytes "
                "(its checksum differs); run the command again, or check --endpoint"
            )


def hub_address(given: str | None) -> str:
    """Return the address of the hub: the given one, else ``$HF_ENDPOINT``, else the public one.

    Raises:
        DownloadError: If it is no address.
    """
    address = (given or os.environ.get(ENDPOINT_VARIABLE) or ENDPOINT).rstrip("/")
    parts = urllib.parse.urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise DownloadError(f"{address!r} is no address of a hub; write --endpoint {ENDPOINT}")
    return address


def hub_fetcher(fetcher: Fetcher | None, folder: str) -> Fetcher:
    """Return a fetcher that shows the user's token to the hub.

    Args:
        fetcher: How to fetch; None for the defaults, with unfinished files in the cache folder.
        folder: Name of that folder.

    Raises:
        DownloadError: If the token is none.
    """
    fetcher = fetcher or Fetcher(cache_dir() / "downloads" / folder)
    return replace(fetcher, headers={**fetcher.headers, **_credentials()}, address_option="--endpoint")


def is_repository(name: str) -> bool:
    """Tell whether a text is OWNER/NAME of a repository."""
    return _REPOSITORY.fullmatch(name) is not None


def is_folder(name: str) -> bool:
    """Tell whether a text is the path of a folder, or of a file, that nothing hidden is part of."""
    return all(_PART.fullmatch(part) for part in name.split("/"))


def path_inside(path: str, folder: str = "") -> PurePosixPath | None:
    """Return a listed path relative to a folder; None if it is not inside it or leads out of it again."""
    prefix = f"{folder}/" if folder else ""
    parts = path.removeprefix(prefix).split("/")
    is_named = all(_PART.fullmatch(part) or _HIDDEN.fullmatch(part) for part in parts)
    return PurePosixPath(*parts) if path.startswith(prefix) and is_named else None


def read_list(address: str, fetcher: Fetcher) -> Any:
    """Fetch a list of files, JSON.

    Raises:
        DownloadError: If it cannot be fetched or is no JSON.
    """
    with tempfile.TemporaryDirectory(prefix="lead-listing-") as temporary:
        path = Path(temporary, "listing.json")
        once = replace(fetcher, parts=Path(temporary), attempts=min(fetcher.attempts, LISTING_ATTEMPTS))
        once.fetch(address, path, lambda _part: None)
        try:
            return json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise DownloadError(
                f"{address} answers with something that is no list of files; check --endpoint"
            ) from error


def hub_file(path: PurePosixPath, listed: str, base: str, size: Any, git_sha1: Any, sha256: Any) -> HubFile:
    """Take a file from a list.

    Args:
        path: Where it lands below the folder.
        listed: Its path in the repository.
        base: Address that paths of the repository are appended to.
        size: Its size as listed.
        git_sha1: Name of its blob as listed.
        sha256: Checksum of a large file as listed; None for others.

    Raises:
        DownloadError: If size or checksums are not listed.
    """
    is_known = type(size) is int and _SHA1.fullmatch(str(git_sha1))
    if not is_known or not (sha256 is None or _SHA256.fullmatch(str(sha256))):
        raise DownloadError(f"the hub lists {listed!r} without size and checksum; nothing was fetched")
    return HubFile(path, base + urllib.parse.quote(listed), size, str(git_sha1), sha256)


def compare(files: Sequence[HubFile], target: Path) -> tuple[list[HubFile], list[HubFile]]:
    """Return the files that are missing in a folder, and those that are there with another content.

    Raises:
        DownloadError: If a file cannot be read.
    """
    missing, differing = [], []
    for file in files:
        path = target / file.path
        try:
            if not os.path.lexists(path) or (path.is_file() and file.is_pointer(path)):
                missing.append(file)
            elif not path.is_file() or not file.is_content(path):
                differing.append(file)
        except OSError as error:
            raise DownloadError(f"cannot read {path} ({error.strerror})") from error
    return missing, differing


def fetch_files(
    files: Sequence[HubFile], wanted: Sequence[HubFile], target: Path, fetcher: Fetcher, progress: Progress | None
) -> None:
    """Fetch some of the files of a folder one after the other.

    Args:
        files: All files of the folder, for the progress.
        wanted: Those that are fetched.
        target: The folder.
        fetcher: How to fetch.
        progress: Called after every chunk.

    Raises:
        DownloadError: If a file cannot be fetched or written, or is not the listed one.
    """
    tell = progress or (lambda _label, _done, _total: None)
    total = sum(file.size for file in files)
    done = total - sum(file.size for file in wanted)
    for file in wanted:
        name, before = str(file.path), done

        def advance(received: int, _total: int | None, name: str = name, before: int = before) -> None:
            tell(name, before + received, total)

        fetcher.fetch(file.url, target / file.path, file.check, advance)
        done += file.size
        tell(name, done, total)


def no_access(hub: str, repository: str, error: RefusedError) -> DownloadError:
    """Explain that a repository is not shown."""
    return DownloadError(
        f"{hub} gives no access to {repository} (HTTP {error.status}): either there is no such repository, "
        f"or it needs a token in {TOKEN_VARIABLE}"
    )


def _credentials() -> Mapping[str, str]:
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        return {}
    if not token.isascii() or not token.isprintable():
        raise DownloadError(f"{TOKEN_VARIABLE} holds characters that no token has")
    return {"Authorization": f"Bearer {token}"}


def _digest(path: Path, kind: str) -> str:
    """Return the checksum of a file; SHA-1 as git counts it, with a header of kind and size."""
    digest = hashlib.new(kind, usedforsecurity=False)
    if kind == "sha1":
        digest.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
