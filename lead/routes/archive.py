"""Route files out of a tar or zip archive from the network, which is not trusted to stay inside its folder."""

from __future__ import annotations

import contextlib
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from lead.routes.fetch import DownloadError
from lead.routes.model import RouteError
from lead.routes.reader import parse_xml

MAX_FILE_BYTES = 32 << 20
MAX_TOTAL_BYTES = 2 << 30
"""A route file has some kilobytes; far more than that is a decompression bomb."""


def extract_routes(archive: Path, folder: str, target: Path) -> list[PurePosixPath]:
    """Extract the XML files below a folder of an archive.

    Args:
        archive: Tar (also compressed) or zip file.
        folder: Name of the folder whose content is wanted, at any depth, such as "data_routes".
        target: Receives the content of that folder.

    Returns:
        Extracted files, relative to the target, in archive order.

    Raises:
        DownloadError: If the archive is damaged, leaves its folder, is implausibly large, holds something that is
            not route XML, or has no such folder.
    """
    found: list[PurePosixPath] = []
    total_bytes = 0
    try:
        for name, data in _members(archive):
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
                raise DownloadError(f"the archive tries to write outside its folder ({name!r})")
            if folder not in path.parts or path.suffix != ".xml":
                continue
            if data is None:
                raise DownloadError(f"{name!r} in the archive is no plain file of plausible size")
            total_bytes += len(data)
            if total_bytes > MAX_TOTAL_BYTES:
                raise DownloadError("the archive is implausibly large")
            relative = PurePosixPath(*path.parts[path.parts.index(folder) + 1 :])
            place = target / relative
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            _check_route_xml(place, name)
            found.append(relative)
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise DownloadError(f"the archive is damaged ({error})") from error
    if not found:
        raise DownloadError(f"the archive has no route file in a folder {folder}")
    return found


def _members(archive: Path) -> Iterator[tuple[str, bytes | None]]:
    """Yield names and contents; None for links, devices and oversized files. Folders are left out."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as bundle:
            for info in bundle.infolist():
                if not info.is_dir():
                    plain = info.file_size <= MAX_FILE_BYTES and (info.external_attr >> 28) in (0, 8)
                    wanted = plain and info.filename.endswith(".xml")
                    yield info.filename, bundle.read(info) if wanted else None
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            if not member.isdir():
                content = tar.extractfile(member) if member.isreg() and member.size <= MAX_FILE_BYTES else None
                with content or contextlib.nullcontext():
                    wanted = content is not None and member.name.endswith(".xml")
                    yield member.name, content.read() if content is not None and wanted else None


def _check_route_xml(path: Path, name: str) -> None:
    try:
        tag = parse_xml(path).tag
    except RouteError as error:
        raise DownloadError(f"{name!r} in the archive is not XML") from error
    if tag != "routes":
        raise DownloadError(f"{name!r} in the archive is no route file")
