"""Routes as zip files, one each: the form in which data sets are published.

The files in an archive start with ``data/carla_leaderboard2/data/<scenario>/<route>/``, so that any unzip program puts
them in place from the project's folder. Archives from elsewhere are not trusted to stay in their folder, and whatever
precedes the route's own folder in them does not matter here.
"""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from lead.dataset.errors import DatasetError
from lead.dataset.layout import FOLDERS, JOURNAL_NAME, RESULTS_NAME, RoutePlace, is_complete
from lead.files import is_leftover, written_whole

PUBLISHED_PREFIX = "data/carla_leaderboard2/data"
MAX_ROUTE_BYTES = 64 << 30
"""A route has some hundred megabytes; far more than that is a decompression bomb."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644 << 16

Outcome = Literal["done", "kept"]


@dataclass(frozen=True)
class ArchiveResult:
    """What became of one route.

    Attributes:
        path: The zip file, or the folder that was unpacked.
        outcome: "done", or "kept" if it was there already.
    """

    path: Path
    outcome: Outcome


def zip_route(place: RoutePlace, target: Path, prefix: str = PUBLISHED_PREFIX) -> ArchiveResult:
    """Pack a complete route into ``<target>/<scenario>/<route>.zip``; one that is there stays.

    The files are compressed already and are stored as they are; the same route gives the same bytes.

    Args:
        place: The route.
        target: Folder of all zip files.
        prefix: What precedes the scenario in the names of the files in the archive.

    Raises:
        DatasetError: If the route is not complete, or the archive cannot be written.
    """
    route = place.folder.resolve()
    path = target / place.scenario / f"{route.name}.zip"
    if path.exists():
        return ArchiveResult(path, "kept")
    if not is_complete(route):
        raise DatasetError(f"{place.folder} is not complete; it is not packed")
    try:
        with written_whole(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for file in sorted(file for file in route.rglob("*") if file.is_file()):
                relative = file.relative_to(route)
                if relative.parts[0] != JOURNAL_NAME and not is_leftover(file.name):
                    name = PurePosixPath(prefix, place.scenario, route.name, relative.as_posix())
                    info = zipfile.ZipInfo(str(name), _EPOCH)
                    info.external_attr = _MODE
                    archive.writestr(info, file.read_bytes())
    except OSError as error:
        raise DatasetError(f"{path} cannot be written ({error.strerror})") from error
    return ArchiveResult(path, "done")


def unzip_route(archive: Path, target: Path) -> ArchiveResult:
    """Unpack a route to ``<target>/<scenario>/<route>``, whole or not at all; a complete one that is there stays.

    Args:
        archive: ``<scenario>/<route>.zip``.
        target: The folder ``data`` of a data set.

    Raises:
        DatasetError: If the archive is damaged, implausibly large, leaves its folder, holds no route of its name, or
            the disk refuses.
    """
    route = archive.stem
    folder = target / archive.resolve().parent.name / route
    if is_complete(folder):
        return ArchiveResult(folder, "kept")
    try:
        with zipfile.ZipFile(archive) as bundle, written_whole(folder) as temporary:
            for info, relative in list(_members(bundle, archive, route)):
                place = temporary / relative
                place.parent.mkdir(parents=True, exist_ok=True)
                with bundle.open(info) as source, place.open("wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
            if not is_complete(temporary):
                raise DatasetError(f"{archive} holds no complete route {route} (it has no {RESULTS_NAME} of it)")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DatasetError(f"{archive} is damaged ({error})") from error
    except OSError as error:
        raise DatasetError(f"{archive} cannot be unpacked to {folder} ({error.strerror or error})") from error
    return ArchiveResult(folder, "done")


def in_parallel(jobs: Sequence[Callable[[], ArchiveResult]], workers: int) -> Iterator[ArchiveResult | DatasetError]:
    """Run jobs on several threads; yields results and failures in the order of the jobs."""
    with ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(job) for job in jobs]
        try:
            for job in running:
                try:
                    yield job.result()
                except DatasetError as error:
                    yield error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _members(bundle: zipfile.ZipFile, archive: Path, route: str) -> Iterator[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """Yield the files of a route with their places in its folder."""
    total = 0
    for info in bundle.infolist():
        path = PurePosixPath(info.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in info.filename or "\0" in info.filename:
            raise DatasetError(f"{archive} tries to write outside its folder ({info.filename!r})")
        if info.is_dir() or route not in path.parts:
            continue
        relative = PurePosixPath(*path.parts[path.parts.index(route) + 1 :])
        if relative.parts and relative.parts[0] not in (*FOLDERS, RESULTS_NAME):
            continue
        if not relative.parts or stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            raise DatasetError(f"{archive} holds {info.filename!r}, which is no plain file")
        total += info.file_size
        if total > MAX_ROUTE_BYTES:
            raise DatasetError(f"{archive} is implausibly large")
        yield info, relative
