"""Fetches published data sets: one zip file per route, by scenario, from the hub they are published on."""

from __future__ import annotations

import fnmatch
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    no_access,
    path_inside,
    read_list,
)

ZIP_FOLDER = "zip"


@dataclass(frozen=True)
class PublishedDataset:
    """Where a data set is published.

    Attributes:
        name: As on the command line.
        title: Name for people.
        repository: Owner and name on the hub.
        root: Where published instructions keep it, relative to the project.
    """

    name: str
    title: str
    repository: str
    root: str


DATASETS: Mapping[str, PublishedDataset] = MappingProxyType(
    {
        item.name: item
        for item in (
            PublishedDataset("lead", "LEAD, three cameras", "ln2697/lead", "data/carla_leaderboard2"),
            PublishedDataset("lead360", "LEAD360, six cameras", "ln2697/lead360", "data/carla_leaderboard2_360"),
        )
    }
)
"""The published data sets by name."""


def find_dataset(name: str) -> PublishedDataset:
    """Return where a data set is published.

    Raises:
        DownloadError: If there is no such data set.
    """
    if name not in DATASETS:
        raise DownloadError(
            f"there is no published data set {name!r}; the nearest is {nearest(name, DATASETS)!r} "
            f"(there are {', '.join(DATASETS)})"
        )
    return DATASETS[name]


def list_routes(
    dataset: PublishedDataset, *, endpoint: str | None = None, fetcher: Fetcher | None = None
) -> list[HubFile]:
    """List the zip files of a data set, ``<scenario>/<route>.zip``, sorted.

    Args:
        dataset: Where it is published.
        endpoint: Address of the hub; None for ``$HF_ENDPOINT``, else the public one.
        fetcher: How to fetch; None for the defaults.

    Raises:
        DownloadError: If the hub cannot be reached, gives no access, or answers with something else.
    """
    hub, fetcher = hub_address(endpoint), hub_fetcher(fetcher, "dataset")
    address = f"{hub}/api/datasets/{dataset.repository}/revision/main?blobs=true"
    try:
        answer = read_list(address, fetcher)
    except UnreachableError as error:
        raise DownloadError(
            f"cannot reach {hub} ({error.reason}): check the network, name a mirror with --endpoint URL or "
            f"{ENDPOINT_VARIABLE}, or clone {hub}/datasets/{dataset.repository} to {dataset.root}/{ZIP_FOLDER}"
        ) from error
    except RefusedError as error:
        if error.status in (*NO_ACCESS, NOT_FOUND):
            raise no_access(hub, dataset.repository, error) from error
        raise
    return _parse(answer, address, f"{hub}/datasets/{dataset.repository}/resolve/main/")


def select_routes(files: Sequence[HubFile], patterns: Sequence[str] = (), limit: int | None = None) -> list[HubFile]:
    """Pick routes from a list.

    Args:
        files: Zip files.
        patterns: Names of routes or scenarios, in full or with ``*`` and ``?``, with or without ``.zip``; none for all.
        limit: The first so many; None for all.

    Raises:
        DownloadError: If a pattern fits nothing; names the nearest scenario.
    """
    chosen = set() if patterns else set(files)
    for pattern in patterns:
        found = {file for file in files if _fits(file, pattern.removesuffix(".zip"))}
        if not found:
            scenarios = sorted({file.path.parts[0] for file in files})
            raise DownloadError(
                f"no published route is called {pattern!r}; the nearest scenario is {nearest(pattern, scenarios)!r}"
            )
        chosen |= found
    return sorted(chosen, key=lambda file: file.path)[:limit]


def download_routes(
    dataset: PublishedDataset,
    files: Sequence[HubFile],
    root: Path,
    *,
    force: bool = False,
    progress: Progress | None = None,
    fetcher: Fetcher | None = None,
) -> DownloadResult:
    """Download zip files to ``<root>/zip``; those that are there and right stay.

    Args:
        dataset: Where they are published.
        files: Files of :func:`list_routes`.
        root: Root of the data set on this machine.
        force: Replace files of other content.
        progress: Called after every chunk.
        fetcher: How to fetch; None for the defaults, with unfinished files in the cache folder.

    Raises:
        DownloadError: If a file cannot be fetched or written, is not the listed one, or would replace another one; or
            if the disk is too small.
    """
    target = root / ZIP_FOLDER
    fetcher = hub_fetcher(fetcher, "dataset")
    with one_at_a_time(fetcher.parts):
        missing, differing = compare(files, target)
        if differing and not force:
            raise DownloadError(
                f"{target / differing[0].path} and {len(differing) - 1} more have another content than the published "
                "ones; --force replaces them"
            )
        wanted = [*missing, *differing]
        _check_room(target, sum(file.size for file in wanted))
        fetch_files(files, wanted, target, fetcher, progress)
    kept = len(files) - len(wanted)
    return DownloadResult(dataset.name, target, len(missing), len(differing), kept)


def _check_room(target: Path, size: int) -> None:
    place = next(folder for folder in (target, *target.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    if size > free:
        raise DownloadError(
            f"{size / 1e9:.1f} GB are to be fetched to {target}, but {free / 1e9:.1f} GB are free; choose with --route"
        )


def _parse(answer: Any, address: str, base: str) -> list[HubFile]:
    siblings = answer.get("siblings") if isinstance(answer, dict) else None
    if not isinstance(siblings, list) or not all(isinstance(entry, dict) for entry in siblings):
        raise DownloadError(f"{address} answers with something that is no list of files; check --endpoint")
    files = []
    for entry in siblings:
        listed = str(entry.get("rfilename"))
        path = path_inside(listed)
        if path is None:
            raise DownloadError(f"the hub lists {listed!r}, which would not land in its folder; nothing was fetched")
        if len(path.parts) == 2 and path.suffix == ".zip":
            large = entry["lfs"] if isinstance(entry.get("lfs"), dict) else {}
            files.append(hub_file(path, listed, base, entry.get("size"), entry.get("blobId"), large.get("sha256")))
    if not files:
        raise DownloadError(f"{address} lists no zip files of routes")
    return sorted(files, key=lambda file: file.path)


def _fits(file: HubFile, pattern: str) -> bool:
    """Tell whether a pattern means a file: its route, its scenario, or both."""
    scenario, route = file.path.parts[0], file.path.stem
    return any(fnmatch.fnmatchcase(name, pattern) for name in (route, scenario, f"{scenario}/{route}"))
