"""Fetches the public route files to the places where the published commands expect them.

Benchmarks are fetched file by file, and each file's content must be the one of the catalogue, so neither a moved
branch nor a bad mirror can change a benchmark. The training routes are too many for that and come as one archive.
"""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lead.files import write_whole
from lead.maps.towns import cache_dir
from lead.routes.archive import extract_routes
from lead.routes.catalogue import PUBLISHED_ROOT, benchmark, benchmarks, content_digest
from lead.routes.fetch import DownloadError, DownloadResult, Fetcher, one_at_a_time
from lead.routes.model import RouteError
from lead.routes.reader import read_routes

LOG = logging.getLogger(__name__)
WORKERS = 8
TRAINING = "training"
TRAINING_FOLDER = PurePosixPath("data/data_routes")
TRAINING_ARCHIVE = "data_routes.tar.gz"
"""Name of the training archive on a mirror."""
TRAINING_FILES = 9845
TRAINING_LIST = ".downloaded.json"
"""SHA-256 of every downloaded training file, beside them; users' own files in the folder are not in it."""

_LEAD = "kesai-labs/lead"
_LEAD_REF = "cvpr2026"
_FAIL2DRIVE = "autonomousvision/fail2drive/a7937410291f39c5ca4d185aa38ef43a0b904007"
_RAW = "https://raw.githubusercontent.com"


@dataclass(frozen=True)
class RouteSet:
    """Where a set of routes is published.

    Attributes:
        name: As on the command line.
        title: Name for people.
        address: Folder of the files (benchmarks) or the archive (training).
        licence: Licence stated by the publisher.
    """

    name: str
    title: str
    address: str
    licence: str


ROUTE_SETS: dict[str, RouteSet] = {
    item.name: item
    for item in (
        RouteSet("bench2drive", "Bench2Drive, 220 routes", f"{_RAW}/{_LEAD}/{_LEAD_REF}/{PUBLISHED_ROOT}", "MIT"),
        RouteSet("longest6", "Longest6 v2, 36 routes", f"{_RAW}/{_LEAD}/{_LEAD_REF}/{PUBLISHED_ROOT}", "MIT"),
        RouteSet("town13", "Town13 validation, 20 routes", f"{_RAW}/{_LEAD}/{_LEAD_REF}/{PUBLISHED_ROOT}", "MIT"),
        RouteSet("fail2drive", "Fail2Drive, 200 routes", f"{_RAW}/{_FAIL2DRIVE}", "MIT"),
        RouteSet(
            TRAINING,
            "LEAD training routes, 9,845 files",
            f"https://codeload.github.com/{_LEAD}/tar.gz/{_LEAD_REF}",
            "MIT",
        ),
    )
}
"""Every public address in one place. The ref of LEAD is the branch kept for the published checkpoints."""
_PUBLISHED_AS = {"fail2drive": "fail2drive_split"}
"""Folder on the publisher's side where it differs from ours."""

Progress = Callable[[str, int, int | None], None]
"""Told what happens, how much is done, and how much there is (files, or bytes of an archive)."""


def download(
    name: str,
    root: Path,
    *,
    mirror: str | None = None,
    progress: Progress | None = None,
    fetcher: Fetcher | None = None,
) -> DownloadResult:
    """Download a route set; files that are there and genuine stay.

    Args:
        name: A name of :data:`ROUTE_SETS`.
        root: The project's folder; files land in its ``data/``.
        mirror: Address that serves ``data/benchmark_routes/...`` and ``data_routes.tar.gz``; None for the publishers.
        progress: Called after every file (benchmarks) or chunk (training).
        fetcher: How to fetch; None for the defaults, with unfinished files in the cache folder.

    Returns:
        What was done.

    Raises:
        DownloadError: If the name is unknown, a file cannot be fetched or written, or is not the genuine one.
    """
    if name not in ROUTE_SETS:
        raise DownloadError(f"there is no route set {name!r}; there are {', '.join(ROUTE_SETS)}")
    tell = progress or (lambda _label, _done, _total: None)
    fetcher = fetcher or Fetcher(cache_dir() / "downloads" / "routes")
    base = mirror.rstrip("/") if mirror is not None else None
    with one_at_a_time(fetcher.parts):
        if name in benchmarks():
            return _download_benchmark(name, root, base, tell, fetcher)
        return _download_training(root, base, tell, fetcher)


def _download_benchmark(name: str, root: Path, mirror: str | None, tell: Progress, fetcher: Fetcher) -> DownloadResult:
    known = benchmark(name)
    wanted: list[tuple[str, str, Path]] = []
    kept = replaced = 0
    for relative, digest in known.contents.items():
        target = root / PUBLISHED_ROOT / relative
        if _is_genuine(target, digest):
            kept += 1
            continue
        replaced += target.exists()
        wanted.append((_address(name, relative, mirror), digest, target))
    total = len(known.contents)
    tell(name, kept, total)
    done = kept
    with ThreadPoolExecutor(WORKERS) as pool:
        jobs = [pool.submit(fetcher.fetch, url, path, _content_check(digest)) for url, digest, path in wanted]
        try:
            for job in as_completed(jobs):
                job.result()
                done += 1
                tell(name, done, total)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return DownloadResult(name, root / known.folder, len(wanted) - replaced, replaced, kept)


def _address(name: str, relative: str, mirror: str | None) -> str:
    if mirror is not None:
        return f"{mirror}/{PUBLISHED_ROOT}/{relative}"
    folder, _, file = relative.rpartition("/")
    return "/".join(filter(None, (ROUTE_SETS[name].address, _PUBLISHED_AS.get(folder, folder), file)))


def _download_training(root: Path, mirror: str | None, tell: Progress, fetcher: Fetcher) -> DownloadResult:
    folder = root / TRAINING_FOLDER
    recorded = _recorded(folder)
    intact = [name for name, digest in recorded.items() if _sha256(folder / name) == digest]
    if recorded and len(intact) == len(recorded):
        tell(TRAINING, len(intact), len(intact))
        return DownloadResult(TRAINING, folder, 0, 0, len(intact))
    url = ROUTE_SETS[TRAINING].address if mirror is None else f"{mirror}/{TRAINING_ARCHIVE}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".data_routes.") as temporary:
            archive, unpacked = Path(temporary, "archive"), Path(temporary, "routes")
            files: list[PurePosixPath] = []

            def unpack(part: Path) -> None:
                files[:] = extract_routes(part, TRAINING_FOLDER.name, unpacked)

            fetcher.fetch(url, archive, unpack, lambda done, total: tell(TRAINING, done, total))
            return _merge(files, unpacked, folder)
    except OSError as error:
        raise DownloadError(f"cannot write to {folder} ({error.strerror})") from error


def _merge(files: list[PurePosixPath], unpacked: Path, folder: Path) -> DownloadResult:
    """Move files into the folder one by one: it may hold the user's own routes."""
    if len(files) < TRAINING_FILES:
        LOG.warning("the archive holds %d training routes; %d were published", len(files), TRAINING_FILES)
    digests: dict[str, str] = {}
    kept = replaced = 0
    for relative in files:
        source, target = unpacked / relative, folder / relative
        digests[str(relative)] = _sha256(source)
        if target.exists():
            same = _sha256(target) == digests[str(relative)]
            kept += same
            replaced += not same
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
    write_whole(folder / TRAINING_LIST, json.dumps(digests, indent=0))
    return DownloadResult(TRAINING, folder, len(files) - kept - replaced, replaced, kept)


def _recorded(folder: Path) -> dict[str, str]:
    try:
        data = json.loads((folder / TRAINING_LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # never downloaded, or cut off: the archive is fetched
    return {str(name): str(digest) for name, digest in data.items()} if isinstance(data, dict) else {}


def _content_check(digest: str) -> Callable[[Path], None]:
    def check(path: Path) -> None:
        try:
            actual = content_digest(read_routes(path))
        except RouteError as error:
            raise DownloadError("the server sent something that is not a route file; check --mirror") from error
        if actual != digest:
            raise DownloadError("the file is not the published one (its content has another checksum)")

    return check


def _is_genuine(path: Path, digest: str) -> bool:
    if not path.is_file():
        return False
    try:
        return content_digest(read_routes(path)) == digest
    except RouteError:
        return False


def _sha256(path: Path) -> str:
    """Return the SHA-256 of a file, empty if it is missing."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""
