"""The town catalogue: names, installation from a wheel, and reading of OpenDRIVE files."""

from __future__ import annotations

import gzip
import hashlib
import multiprocessing
import zipfile
from pathlib import Path

import pytest

from lead.files import is_leftover
from lead.maps import towns
from lead.maps.towns import TownError, TownFile, TownSource, canonical_name, install_towns, read_opendrive

MAP = '<?xml version="1.0"?>\n<!-- made for a test -->\n<OpenDRIVE><header/><road id="{}"/></OpenDRIVE>\n'
FOLDER = "maps"


def fake_wheel(folder: Path) -> tuple[Path, TownSource]:
    """Build a wheel with maps of Town01 to Town03 and the pins that belong to it."""
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / "fake-1.0-py3-none-any.whl"
    files = {}
    with zipfile.ZipFile(wheel, "w") as archive:
        for town in ("Town01", "Town02", "Town03"):
            data = gzip.compress(MAP.format(town).encode(), mtime=0)
            archive.writestr(f"{FOLDER}/{town}.xodr.gz", data)
            files[town] = TownFile(len(data), hashlib.sha256(data).hexdigest())
    return wheel, TownSource("fake==1.0", hashlib.sha256(wheel.read_bytes()).hexdigest(), FOLDER, files)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Town01", "Town01"),
        ("town10hd", "Town10HD"),
        ("/Game/Carla/Maps/Town12/Town12", "Town12"),
        ("Carla/Maps/Town10HD_Opt", "Town10HD"),
        ("Carla/Maps/Town13/", "Town13"),
        ("/Game/Carla/Maps/OpenDriveMap", "OpenDriveMap"),
    ],
)
def test_canonical_name(written: str, expected: str) -> None:
    assert canonical_name(written) == expected


def test_catalogue_is_complete() -> None:
    expected = [f"Town0{n}" for n in range(1, 8)] + ["Town10HD", "Town11", "Town12", "Town13", "Town15"]
    assert list(towns.TOWNS) == expected


def test_cache_dir_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAD_CACHE_DIR", "/a/b")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert towns.cache_dir() == Path("/a/b")
    monkeypatch.delenv("LEAD_CACHE_DIR")
    assert towns.cache_dir() == Path("/x/lead")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert towns.cache_dir() == Path.home() / ".cache" / "lead"


def test_install_and_read(empty_cache: Path, tmp_path: Path) -> None:
    wheel, source = fake_wheel(tmp_path)
    steps: list[tuple[str, int, int]] = []
    install_towns(["town02", "Town01", "Town02"], wheel=wheel, source=source, progress=lambda *s: steps.append(s))
    assert towns.installed_towns() == ["Town01", "Town02"]
    assert steps[-1] == ("installed", 2, 2)
    assert 'road id="Town02"' in read_opendrive("/Game/Carla/Maps/Town02")
    assert "CC-BY" in (empty_cache / "towns" / "ATTRIBUTION.txt").read_text()


def test_second_run_touches_only_what_is_not_intact(empty_cache: Path, tmp_path: Path) -> None:
    wheel, source = fake_wheel(tmp_path)
    install_towns(["Town01", "Town02"], wheel=wheel, source=source)
    kept = towns.town_path("Town01").stat().st_mtime_ns
    towns.town_path("Town02").write_bytes(b"half a m")
    assert towns.town_state("Town02", source) == "damaged"
    install_towns(source.files, wheel=wheel, source=source)
    assert [towns.town_state(town, source) for town in source.files] == ["installed"] * 3
    assert towns.town_path("Town01").stat().st_mtime_ns == kept
    wheel.unlink()
    install_towns(source.files, wheel=wheel, source=source)  # everything is there: the wheel is not even opened


def test_wheel_kept_in_the_cache_needs_no_pip(
    empty_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel, source = fake_wheel(tmp_path)
    downloads = empty_cache / "downloads"
    (downloads / "partial-old").mkdir(parents=True)
    wheel.rename(downloads / wheel.name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    install_towns(["Town03"], source=source)
    assert towns.installed_towns() == ["Town03"]
    assert [path.name for path in downloads.iterdir()] == [wheel.name]


def test_wheel_from_the_environment(empty_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel, source = fake_wheel(tmp_path)
    monkeypatch.setenv("LEAD_TOWNS_WHEEL", str(wheel))
    install_towns(["Town01"], source=source)
    assert towns.installed_towns() == ["Town01"]


def test_a_wheel_with_another_checksum_is_refused(empty_cache: Path, tmp_path: Path) -> None:
    wheel, source = fake_wheel(tmp_path)
    with wheel.open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(TownError, match=r"not the genuine fake==1\.0"):
        install_towns(["Town01"], wheel=wheel, source=source)
    assert towns.installed_towns() == []


def test_a_map_with_another_checksum_is_refused(empty_cache: Path, tmp_path: Path) -> None:
    wheel, source = fake_wheel(tmp_path)
    files = {**source.files, "Town02": TownFile(1, "0" * 64)}
    pinned = TownSource(source.requirement, source.wheel_sha256, source.folder, files)
    with pytest.raises(TownError, match=r"Town02 .* does not match"):
        install_towns(["Town01", "Town02"], wheel=wheel, source=pinned)
    assert towns.installed_towns() == ["Town01"]  # what was finished stays


def test_offline_is_one_sentence(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(
        TownError, match=r"pip cannot download .* \(No matching distribution.*\); check the network"
    ) as error:
        install_towns(["Town01"])
    assert "\n" not in str(error.value)
    assert list((empty_cache / "downloads").iterdir()) == []


def test_concurrent_installations_agree(empty_cache: Path, tmp_path: Path) -> None:
    wheel, source = fake_wheel(tmp_path)
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_install_all, args=(wheel, source)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert towns.installed_towns() == list(source.files)
    leftovers = [path.name for path in (empty_cache / "towns").iterdir() if is_leftover(path.name)]
    assert leftovers == []


def _install_all(wheel: Path, source: TownSource) -> None:
    install_towns(source.files, wheel=wheel, source=source)


def test_unknown_and_missing_towns(empty_cache: Path) -> None:
    with pytest.raises(TownError, match="unknown town 'Town10'; the nearest is Town10HD"):
        install_towns(["Town10"])
    with pytest.raises(TownError, match="unknown town 'Town99'"):
        read_opendrive("Town99")
    with pytest.raises(TownError, match="run `lead towns install Town07`"):
        read_opendrive("Town07")


def test_unwritable_cache_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    monkeypatch.setenv("LEAD_CACHE_DIR", str(blocker))
    with pytest.raises(TownError, match="set LEAD_CACHE_DIR"):
        install_towns(["Town01"])


def test_damaged_installed_map_says_how_to_repair(empty_cache: Path, tmp_path: Path) -> None:
    wheel, source = fake_wheel(tmp_path)
    install_towns(["Town01"], wheel=wheel, source=source)
    path = towns.town_path("Town01")
    data = bytearray(path.read_bytes())
    data[-5] ^= 0xFF  # inside the CRC
    path.write_bytes(data)
    with pytest.raises(TownError, match="run `lead towns install Town01` to replace it"):
        read_opendrive("Town01")
    path.write_bytes(data[:40])
    with pytest.raises(TownError, match="run `lead towns install Town01` to replace it"):
        read_opendrive("Town01")


def test_read_plain_and_compressed_files(tmp_path: Path) -> None:
    plain = tmp_path / "own.xodr"
    plain.write_text("\ufeff" + MAP.format(1), encoding="utf-8")
    packed = tmp_path / "own.xodr.gz"
    packed.write_bytes(gzip.compress(MAP.format(1).encode()))
    assert read_opendrive(plain) == read_opendrive(str(packed)) == MAP.format(1)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not an OpenDRIVE file"),
        (b"hello", "not an OpenDRIVE file"),
        (b"<html><road /></html>", "not an OpenDRIVE file"),
        (b"<OpenDRIVE><road id='1'/>", "cut short"),
        (b"<OpenDRIVE><header/></OpenDRIVE>", "has no roads"),
        (b"<OpenDRIVE>\xff\xfe", "not UTF-8"),
    ],
)
def test_files_that_are_not_opendrive(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "own.xodr"
    path.write_bytes(content)
    with pytest.raises(TownError, match=complaint):
        read_opendrive(path)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(TownError, match="No such file"):
        read_opendrive(tmp_path / "absent.xodr")
    fake_gzip = tmp_path / "own.xodr.gz"
    fake_gzip.write_bytes(MAP.format(1).encode())
    with pytest.raises(TownError, match="gzip"):
        read_opendrive(fake_gzip)
