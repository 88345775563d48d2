"""Extracting route files from archives that are not trusted."""

import io
import tarfile
import zipfile

import pytest

from lead.routes.archive import MAX_FILE_BYTES, extract_routes
from lead.routes.fetch import DownloadError

ROUTE = b'<routes><route id="1" town="Town01"/></routes>'
FILES = {
    "lead-abc/data/data_routes/lead/Accident/1.xml": ROUTE,
    "lead-abc/data/data_routes/lead/noScenarios/short_route.xml": ROUTE,
    "lead-abc/data/data_routes/README.md": b"no route",
    "lead-abc/data/other/2.xml": ROUTE,
    "lead-abc/setup.py": b"",
}


def make_tar(path, files, extra=()):
    with tarfile.open(path, "w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for info in extra:
            tar.addfile(info)
    return path


def make_zip(path, files):
    with zipfile.ZipFile(path, "w") as bundle:
        for name, data in files.items():
            bundle.writestr(name, data)
    return path


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_only_routes_of_the_folder_are_extracted(tmp_path, make):
    found = extract_routes(make(tmp_path / "archive", FILES), "data_routes", tmp_path / "out")
    assert [str(path) for path in found] == ["lead/Accident/1.xml", "lead/noScenarios/short_route.xml"]
    written = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*"))
    assert written == ["lead/Accident/1.xml", "lead/noScenarios/short_route.xml"]


@pytest.mark.parametrize("make", [make_tar, make_zip])
@pytest.mark.parametrize(
    "name", ["a/data_routes/../../../evil.xml", "/tmp/data_routes/evil.xml", "data_routes\\..\\evil.xml"]
)
def test_paths_that_leave_the_folder_are_refused(tmp_path, make, name):
    archive = make(tmp_path / "archive", {name: ROUTE})
    with pytest.raises(DownloadError, match="outside its folder"):
        extract_routes(archive, "data_routes", tmp_path / "out")
    assert not list(tmp_path.rglob("evil.xml"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    archive = make_tar(tmp_path / "archive", FILES, [link("x/data_routes/evil.xml", "/etc/passwd", kind)])
    with pytest.raises(DownloadError, match="no plain file"):
        extract_routes(archive, "data_routes", tmp_path / "out")


def test_links_as_folders_are_never_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    archive = tmp_path / "archive"
    with tarfile.open(archive, "w:gz") as tar:
        tar.addfile(link("x/data_routes/lead", str(outside)))
        info = tarfile.TarInfo("x/data_routes/lead/evil.xml")
        info.size = len(ROUTE)
        tar.addfile(info, io.BytesIO(ROUTE))
    extract_routes(archive, "data_routes", tmp_path / "out")
    assert not list(outside.iterdir())


def test_bombs_are_refused(tmp_path):
    archive = make_zip(tmp_path / "archive", {"data_routes/1.xml": b" " * (MAX_FILE_BYTES + 1)})
    with pytest.raises(DownloadError, match="plausible size"):
        extract_routes(archive, "data_routes", tmp_path / "out")


def test_damaged_archives_are_refused(tmp_path):
    noise = make_tar(tmp_path / "a", {"data_routes/1.xml": ROUTE})
    data = noise.read_bytes()
    noise.write_bytes(data[: len(data) // 2])
    with pytest.raises(DownloadError, match="damaged"):
        extract_routes(noise, "data_routes", tmp_path / "out")
    noise.write_bytes(b"<html>log in first</html>")
    with pytest.raises(DownloadError, match="damaged"):
        extract_routes(noise, "data_routes", tmp_path / "out")


@pytest.mark.parametrize(("data", "words"), [(b"<html", "is not XML"), (b"<html/>", "is no route file")])
def test_files_that_are_no_routes_are_refused(tmp_path, data, words):
    archive = make_tar(tmp_path / "archive", {"data_routes/1.xml": data})
    with pytest.raises(DownloadError, match=words):
        extract_routes(archive, "data_routes", tmp_path / "out")


def test_archives_without_the_folder_are_refused(tmp_path):
    with pytest.raises(DownloadError, match="no route file in a folder data_routes"):
        extract_routes(make_tar(tmp_path / "archive", {"other/1.xml": ROUTE}), "data_routes", tmp_path / "out")
