"""Fetches published checkpoints from the hub they are published on, without a library for it and without PyTorch.

The hub lists the files of a folder with their checksums, so every file is checked, what is there already stays, and an
interrupted download goes on where it was cut off.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import tempfile
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from lead.config.resolve import nearest
from lead.maps.towns import cache_dir
from lead.routes.fetch import DownloadError, DownloadResult, Fetcher, RefusedError, UnreachableError, one_at_a_time

LOG = logging.getLogger(__name__)

REPOSITORY = "ln2697/tfv6"
NAVSIM_REPOSITORY = "ln2697/tfv6_navsim"
ENDPOINT = "https://huggingface.co"
ENDPOINT_VARIABLE, TOKEN_VARIABLE = "HF_ENDPOINT", "HF_TOKEN"
LISTING_ATTEMPTS = 3
LISTING_LIMIT = 1000
"""The hub's lists end after so many entries."""
CHUNK_BYTES = 1 << 20
NO_ACCESS, NOT_FOUND = (401, 403), 404

_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
_PART = re.compile(r"[\w-][\w .+=@-]*", re.ASCII)
"""Names of files and folders that are taken from a server: nothing hidden, no way out of the folder."""
_HIDDEN = re.compile(r"\.[\w][\w.-]*", re.ASCII)
_SHA256, _SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")

Progress = Callable[[str, int, int], None]
"""Told which file is fetched, how many bytes of the checkpoint are there, and how many there will be."""


@dataclass(frozen=True)
class PublishedCheckpoint:
    """Where a checkpoint is published.

    Attributes:
        name: As on the command line; also the folder it lands in.
        title: Name for people.
        folders: Folders of the repository that may hold it; the first one that exists does. An empty one is the
            repository itself, of which only weights and configuration are taken.
        repository: Owner and name on the hub.
    """

    name: str
    title: str
    folders: tuple[str, ...]
    repository: str = REPOSITORY


_REGNETY = ("tfv6_regnety032", "tfv6_regnety")
CHECKPOINTS: Mapping[str, PublishedCheckpoint] = MappingProxyType(
    {
        item.name: item
        for item in (
            PublishedCheckpoint("tfv6_regnety032", "full TransFuser V6 (RegNetY-032)", _REGNETY),
            PublishedCheckpoint("tfv6_resnet34", "TransFuser V6 with ResNet34", ("tfv6_resnet34",)),
            PublishedCheckpoint("4cameras_resnet34", "ResNet34 with a rear camera", ("4cameras_resnet34",)),
            PublishedCheckpoint("noradar_resnet34", "ResNet34 without radar", ("noradar_resnet34",)),
            PublishedCheckpoint("visiononly_resnet34", "ResNet34 with cameras only", ("visiononly_resnet34",)),
            PublishedCheckpoint(
                "town13heldout_resnet34", "ResNet34 not trained on Town13", ("town13heldout_resnet34",)
            ),
            PublishedCheckpoint("tfv6_navsim", "latent TransFuser V6 for NAVSIM", ("",), NAVSIM_REPOSITORY),
            PublishedCheckpoint("CaRL", "CaRL, planner from privileged inputs", ("CaRL",)),
        )
    }
)
"""The published checkpoints by name."""
ALIASES: Mapping[str, PublishedCheckpoint] = MappingProxyType(
    {"tfv6_regnety": replace(CHECKPOINTS["tfv6_regnety032"], name="tfv6_regnety")}
)
"""Second names that published instructions use; the folder on this machine is called as the user calls it."""


@dataclass(frozen=True)
class HubFile:
    """A file as the hub lists it.

    Attributes:
        path: Below the checkpoint's folder.
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


def find_checkpoint(name: str, repository: str | None = None) -> PublishedCheckpoint:
    """Return where a checkpoint is published.

    Args:
        name: A name of :data:`CHECKPOINTS` or :data:`ALIASES`; with a repository also any folder in it.
        repository: Owner and name on the hub; None for the published ones.

    Raises:
        DownloadError: If there is no such checkpoint, or a name is not one.
    """
    known = {**CHECKPOINTS, **ALIASES}
    if repository is not None and not _REPOSITORY.fullmatch(repository):
        raise DownloadError(f"{repository!r} is no repository; write OWNER/NAME, such as {REPOSITORY}")
    if name in known:
        return replace(known[name], repository=repository or known[name].repository)
    if repository is None:
        raise DownloadError(
            f"there is no published checkpoint {name!r}; the nearest is {nearest(name, known)!r} "
            "(see `lead download list`, or name another repository with --repo)"
        )
    if not all(_PART.fullmatch(part) for part in name.split("/")):
        raise DownloadError(f"{name!r} is no folder of a repository")
    return PublishedCheckpoint(name, name, (name,), repository)


def download_checkpoint(
    checkpoint: PublishedCheckpoint,
    directory: Path,
    *,
    endpoint: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
    fetcher: Fetcher | None = None,
) -> DownloadResult:
    """Download a checkpoint to a folder of its name; files that are there and right stay.

    Args:
        checkpoint: Where it is published.
        directory: Folder of all checkpoints.
        endpoint: Address of the hub; None for ``$HF_ENDPOINT``, else the public one.
        force: Replace files of other content.
        progress: Called after every chunk.
        fetcher: How to fetch; None for the defaults, with unfinished files in the cache folder.

    Raises:
        DownloadError: If the hub cannot be reached, does not have the checkpoint or lists unsafe names, a file is not
            the listed one, cannot be written, or would replace another one.
    """
    hub = _endpoint(endpoint)
    fetcher = fetcher or Fetcher(cache_dir() / "downloads" / "checkpoints")
    fetcher = replace(fetcher, headers={**fetcher.headers, **_credentials()}, address_option="--endpoint")
    target = directory / checkpoint.name
    with one_at_a_time(fetcher.parts):
        files = _list_files(checkpoint, hub, fetcher, target)
        missing, differing = _compare(files, target)
        if differing and not force:
            names = ", ".join(str(target / file.path) for file in differing)
            raise DownloadError(f"{names} has another content than the published one; --force replaces it")
        _fetch(files, [file for file in files if file in missing or file in differing], target, fetcher, progress)
    return DownloadResult(
        checkpoint.name, target, len(missing), len(differing), len(files) - len(missing) - len(differing)
    )


def _fetch(
    files: list[HubFile], wanted: list[HubFile], target: Path, fetcher: Fetcher, progress: Progress | None
) -> None:
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


def _compare(files: list[HubFile], target: Path) -> tuple[list[HubFile], list[HubFile]]:
    """Return the files that are missing, and those that are there with another content."""
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


def _list_files(checkpoint: PublishedCheckpoint, hub: str, fetcher: Fetcher, target: Path) -> list[HubFile]:
    repository = checkpoint.repository
    for folder in checkpoint.folders:
        page = f"{hub}/{repository}/tree/main/{folder}".rstrip("/")
        try:
            files = _parse(_listing(hub, repository, folder, fetcher), hub, repository, folder)
        except UnreachableError as error:
            raise DownloadError(
                f"cannot reach {hub} ({error.reason}): check the network, name a mirror with --endpoint URL or "
                f"{ENDPOINT_VARIABLE}, or copy the files of {page} to {target} by hand"
            ) from error
        except RefusedError as error:
            if error.status == NOT_FOUND:
                LOG.info("%s has no folder %s", repository, folder)
                continue
            if error.status in NO_ACCESS:
                raise DownloadError(
                    f"{hub} gives no access to {repository} (HTTP {error.status}): either there is no such repository, "
                    f"or it needs a token in {TOKEN_VARIABLE}"
                ) from error
            raise
        if not any(file.path.suffix == ".pth" for file in files):
            raise DownloadError(f"{page} holds no weights (no file ends in .pth)")
        return files
    wanted = " or ".join(filter(None, checkpoint.folders)) or "files"
    raise DownloadError(f"{repository} on {hub} has no {wanted}; `lead download list` names the published checkpoints")


def _listing(hub: str, repository: str, folder: str, fetcher: Fetcher) -> Any:
    address = f"{hub}/api/models/{repository}/tree/main/{urllib.parse.quote(folder)}".rstrip("/") + "?recursive=true"
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


def _parse(listing: Any, hub: str, repository: str, folder: str) -> list[HubFile]:
    """Read a list of files; nothing that a server says is believed to be a safe path.

    Raises:
        DownloadError: If the list is none, too long, or an entry is incomplete or would land outside the folder.
    """
    if not isinstance(listing, list) or not all(isinstance(entry, dict) for entry in listing):
        raise DownloadError(f"{hub} answers with something that is no list of files; check --endpoint")
    if len(listing) >= LISTING_LIMIT:
        raise DownloadError(f"{repository} lists {len(listing)} files in {folder or 'its root'}: that is no checkpoint")
    files = []
    for entry in listing:
        if entry.get("type") != "file":
            continue
        path = _inside(str(entry.get("path")), folder)
        if folder or (len(path.parts) == 1 and path.suffix in (".pth", ".json")):
            files.append(_hub_file(entry, path, f"{hub}/{repository}/resolve/main/"))
    # Hidden files serve the repository, not the checkpoint.
    seen = [file for file in files if not any(part.startswith(".") for part in file.path.parts)]
    return sorted(seen, key=lambda file: file.path)


def _hub_file(entry: Mapping[str, Any], path: PurePosixPath, base: str) -> HubFile:
    lfs = entry.get("lfs")
    size, git_sha1 = entry.get("size"), str(entry.get("oid"))
    sha256 = str(lfs.get("oid")).removeprefix("sha256:") if isinstance(lfs, dict) else None
    if isinstance(lfs, dict):
        size = lfs.get("size", size)
    if type(size) is not int or not _SHA1.fullmatch(git_sha1) or not (sha256 is None or _SHA256.fullmatch(sha256)):
        raise DownloadError(f"the hub lists {entry['path']!r} without size and checksum; nothing was fetched")
    return HubFile(path, base + urllib.parse.quote(str(entry["path"])), size, git_sha1, sha256)


def _inside(path: str, folder: str) -> PurePosixPath:
    prefix = f"{folder}/" if folder else ""
    parts = path.removeprefix(prefix).split("/")
    is_named = all(_PART.fullmatch(part) or _HIDDEN.fullmatch(part) for part in parts)
    if not path.startswith(prefix) or not is_named:
        raise DownloadError(
            f"the hub lists {path!r}, which would not land in the checkpoint's folder; nothing was fetched"
        )
    return PurePosixPath(*parts)


def _endpoint(given: str | None) -> str:
    address = (given or os.environ.get(ENDPOINT_VARIABLE) or ENDPOINT).rstrip("/")
    parts = urllib.parse.urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise DownloadError(f"{address!r} is no address of a hub; write --endpoint {ENDPOINT}")
    return address


def _credentials() -> dict[str, str]:
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
