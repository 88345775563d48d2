"""Fetches published checkpoints from the hub they are published on, without a library for it and without PyTorch."""

from __future__ import annotations

import logging
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lead.config.resolve import nearest
from lead.routes.fetch import DownloadError, DownloadResult, Fetcher, RefusedError, UnreachableError, one_at_a_time
from lead.routes.hub import (
    ENDPOINT_VARIABLE,
    NO_ACCESS,
    NOT_FOUND,
    HubFile,
    Progress,
    compare,
    fetch_files,
    hub_address,
    hub_fetcher,
    hub_file,
    is_folder,
    is_repository,
    no_access,
    path_inside,
    read_list,
)

LOG = logging.getLogger(__name__)

REPOSITORY = "ln2697/tfv6"
NAVSIM_REPOSITORY = "ln2697/tfv6_navsim"
WEIGHTS = (".pth", ".safetensors")
LISTING_LIMIT = 1000
"""The hub's lists end after so many entries."""


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


def find_checkpoint(name: str, repository: str | None = None) -> PublishedCheckpoint:
    """Return where a checkpoint is published.

    Args:
        name: A name of :data:`CHECKPOINTS` or :data:`ALIASES`; with a repository also any folder in it.
        repository: Owner and name on the hub; None for the published ones.

    Raises:
        DownloadError: If there is no such checkpoint, or a name is not one.
    """
    known = {**CHECKPOINTS, **ALIASES}
    if repository is not None and not is_repository(repository):
        raise DownloadError(f"{repository!r} is no repository; write OWNER/NAME, such as {REPOSITORY}")
    if name in known:
        return replace(known[name], repository=repository or known[name].repository)
    if repository is None:
        raise DownloadError(
            f"there is no published checkpoint {name!r}; the nearest is {nearest(name, known)!r} "
            "(see `lead download list`, or name another repository with --repo)"
        )
    if not is_folder(name):
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
    hub = hub_address(endpoint)
    fetcher = hub_fetcher(fetcher, "checkpoints")
    target = directory / checkpoint.name
    with one_at_a_time(fetcher.parts):
        files = _list_files(checkpoint, hub, fetcher, target)
        missing, differing = compare(files, target)
        if differing and not force:
            names = ", ".join(str(target / file.path) for file in differing)
            raise DownloadError(f"{names} has another content than the published one; --force replaces it")
        fetch_files(files, [file for file in files if file in missing or file in differing], target, fetcher, progress)
    return DownloadResult(
        checkpoint.name, target, len(missing), len(differing), len(files) - len(missing) - len(differing)
    )


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
                raise no_access(hub, repository, error) from error
            raise
        if not any(file.path.suffix in WEIGHTS for file in files):
            raise DownloadError(f"{page} holds no weights (no file ends in {' or '.join(WEIGHTS)})")
        return files
    wanted = " or ".join(filter(None, checkpoint.folders)) or "files"
    raise DownloadError(f"{repository} on {hub} has no {wanted}; `lead download list` names the published checkpoints")


def _listing(hub: str, repository: str, folder: str, fetcher: Fetcher) -> Any:
    address = f"{hub}/api/models/{repository}/tree/main/{urllib.parse.quote(folder)}".rstrip("/") + "?recursive=true"
    return read_list(address, fetcher)


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
        listed = str(entry.get("path"))
        path = path_inside(listed, folder)
        if path is None:
            raise DownloadError(
                f"the hub lists {listed!r}, which would not land in the checkpoint's folder; nothing was fetched"
            )
        if folder or (len(path.parts) == 1 and path.suffix in (*WEIGHTS, ".json")):
            lfs = entry["lfs"] if isinstance(entry.get("lfs"), dict) else None
            size = entry.get("size") if lfs is None else lfs.get("size", entry.get("size"))
            sha256 = None if lfs is None else str(lfs.get("oid")).removeprefix("sha256:")
            base = f"{hub}/{repository}/resolve/main/"
            files.append(hub_file(path, listed, base, size, entry.get("oid"), sha256))
    # Hidden files serve the repository, not the checkpoint.
    seen = [file for file in files if not any(part.startswith(".") for part in file.path.parts)]
    return sorted(seen, key=lambda file: file.path)
