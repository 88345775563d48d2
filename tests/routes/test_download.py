"""Downloading route sets from a server of our own, with a small catalogue of our own routes."""

import json
import tarfile
from pathlib import Path

import pytest
from route_server_support import serve
from typer.testing import CliRunner

from lead.cli.routes import app
from lead.routes import catalogue, download, make_catalogue
from lead.routes.catalogue import benchmark_route_files
from lead.routes.download import ROUTE_SETS, TRAINING_LIST
from lead.routes.fetch import DownloadError, Fetcher

SHARED = Path(__file__).resolve().parents[2] / "../shared"
STEMS = {
    "bench2drive": ["11", "22", "33"],
    "longest6": ["00", "01"],
    "Town13": ["0"],
    "fail2drive": ["Base_Wall_0095", "Generalization_Wall_1095"],
}


def route(route_id, x):
    return (
        f'<route id="{route_id}" town="Town01"><waypoints><position x="{x}" y="0" z="0"/>'
        f'<position x="{x + 9}" y="0" z="0"/></waypoints></route>'
    )


def write(path, *routes):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<routes>{''.join(routes)}</routes>")


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A mirror's folder with a few routes, and the catalogue that fits it."""
    folder = tmp_path / "published"
    place = 0
    for name, stems in STEMS.items():
        items = []
        for stem in stems:
            place += 100
            items.append(route(stem, place))
            write(folder / "data/benchmark_routes" / name / f"{stem}.xml", items[-1])
        if name in ("longest6", "Town13"):
            write(folder / f"data/benchmark_routes/{name}.xml", *items)
    monkeypatch.setattr(catalogue, "CATALOGUE_PATH", tmp_path / "catalogue.json")
    data = make_catalogue.build_catalogue(folder / "data/benchmark_routes")
    make_catalogue.write_catalogue(data, tmp_path / "catalogue.json")
    catalogue.benchmark.cache_clear()
    catalogue._owners.cache_clear()
    yield folder
    catalogue.benchmark.cache_clear()
    catalogue._owners.cache_clear()


@pytest.fixture
def mirror(published):
    with serve() as server:
        for path in published.rglob("*.xml"):
            server.files[f"/mirror/{path.relative_to(published)}"] = path.read_bytes()
        yield server


@pytest.fixture
def get(mirror, tmp_path, empty_cache):
    fetcher = Fetcher(tmp_path / "parts", attempts=2, backoff_s=0.01, timeout_s=5.0)

    def run(name, **options):
        return download.download(
            name, tmp_path / "project", mirror=f"{mirror.address}/mirror/", fetcher=fetcher, **options
        )

    return run


def test_benchmarks_land_at_the_published_places(get, tmp_path):
    steps = []
    result = get("longest6", progress=lambda *step: steps.append(step))
    assert (result.fetched, result.replaced, result.kept) == (3, 0, 0)
    assert steps[0] == ("longest6", 0, 3)
    assert steps[-1] == ("longest6", 3, 3)
    folder = tmp_path / "project/data/benchmark_routes"
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*")) == [
        "longest6.xml",
        "longest6/00.xml",
        "longest6/01.xml",
    ]
    assert benchmark_route_files("longest6", tmp_path / "project") == [
        folder / "longest6/00.xml",
        folder / "longest6/01.xml",
    ]


@pytest.mark.parametrize("name", ["bench2drive", "town13", "fail2drive"])
def test_the_other_benchmarks_arrive_complete(get, tmp_path, name):
    get(name)
    assert len(benchmark_route_files(name, tmp_path / "project")) == len(STEMS[{"town13": "Town13"}.get(name, name)])


def test_genuine_files_are_kept_and_changed_ones_replaced(get, mirror, tmp_path):
    get("bench2drive")
    mirror.requests.clear()
    folder = tmp_path / "project/data/benchmark_routes/bench2drive"
    genuine = (folder / "11.xml").read_text()
    (folder / "11.xml").write_text(genuine.replace("><", ">\n<"))  # another layout is still the same route
    (folder / "22.xml").write_text("cut off")
    (folder / "33.xml").unlink()
    result = get("bench2drive")
    assert (result.fetched, result.replaced, result.kept) == (1, 1, 1)
    assert set(mirror.requests) == {f"/mirror/data/benchmark_routes/bench2drive/{stem}.xml" for stem in ("22", "33")}
    assert get("bench2drive").kept == 3


def test_one_wrong_file_fails_but_the_others_stay(get, mirror, tmp_path):
    path = "/mirror/data/benchmark_routes/bench2drive/22.xml"
    good = mirror.files[path]
    mirror.files[path] = good.replace(b'y="0"', b'y="1"')
    with pytest.raises(DownloadError, match=r"22.xml: the file is not the published one"):
        get("bench2drive")
    mirror.files[path] = b"<html>log in first</html>"
    with pytest.raises(DownloadError, match=r"22.xml: the server sent something that is not a route file"):
        get("bench2drive")
    mirror.files[path] = good
    result = get("bench2drive")
    assert result.fetched + result.kept == 3
    assert result.kept >= 1


def test_a_missing_file_names_its_address(get, mirror):
    del mirror.files["/mirror/data/benchmark_routes/Town13.xml"]
    with pytest.raises(DownloadError, match=r"/mirror/data/benchmark_routes/Town13.xml answers HTTP 404"):
        get("town13")


@pytest.mark.parametrize(
    ("name", "relative", "tail"),
    [
        ("bench2drive", "bench2drive/11.xml", "/data/benchmark_routes/bench2drive/11.xml"),
        ("longest6", "longest6.xml", "/data/benchmark_routes/longest6.xml"),
        ("fail2drive", "fail2drive/Base_Wall_0095.xml", "04007/fail2drive_split/Base_Wall_0095.xml"),
    ],
)
def test_public_addresses(name, relative, tail):
    address = download._address(name, relative, None)
    assert address.startswith("https://raw.githubusercontent.com/")
    assert address.endswith(tail)


def training_archive(tmp_path, files):
    path = tmp_path / "archive.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            source = tmp_path / "member.xml"
            write(source, text)
            tar.add(source, f"lead-1234/data/data_routes/{name}")
    return path.read_bytes()


def test_training_routes_come_as_an_archive_and_spare_own_files(get, mirror, tmp_path):
    address = "/mirror/data_routes.tar.gz"
    files = {"lead/Accident/1.xml": route("1", 0), "50x36_Town13/Accident/2.xml": route("2", 50)}
    mirror.files[address] = training_archive(tmp_path, files)
    mirror.cut_after[address] = [100]
    folder = tmp_path / "project/data/data_routes"
    write(folder / "mine/own.xml", route("own", 3))
    result = get("training")
    assert mirror.ranges == ["bytes=100-"]
    assert (result.fetched, result.kept) == (2, 0)
    assert sorted(path.name for path in folder.rglob("*.xml")) == ["1.xml", "2.xml", "own.xml"]
    assert [path.name for path in folder.parent.iterdir()] == ["data_routes"]
    assert set(json.loads((folder / TRAINING_LIST).read_text())) == set(files)

    mirror.requests.clear()
    assert get("training").kept == 2
    assert not mirror.requests
    (folder / "lead/Accident/1.xml").write_text("damaged")
    result = get("training")
    assert (result.fetched, result.replaced, result.kept) == (0, 1, 1)


def test_a_malicious_archive_changes_nothing(get, mirror, tmp_path):
    mirror.files["/mirror/data_routes.tar.gz"] = training_archive(tmp_path, {"../../../evil.xml": route("1", 0)})
    with pytest.raises(DownloadError, match="outside its folder"):
        get("training")
    assert not list((tmp_path / "project").rglob("*.xml"))
    assert not list(tmp_path.rglob("evil.xml"))


def test_command_line(mirror, tmp_path, empty_cache):
    run = CliRunner().invoke
    mirror.files["/mirror/data_routes.tar.gz"] = training_archive(tmp_path, {"lead/1.xml": route("1", 0)})
    arguments = ["--root", str(tmp_path / "project"), "--mirror", f"{mirror.address}/mirror"]
    result = run(app, ["download", "all", *arguments])
    assert result.exit_code == 0, result.output
    assert [line.partition(":")[0] for line in result.stdout.splitlines()] == list(ROUTE_SETS)
    assert "bench2drive: 3 fetched, 0 already there" in result.stdout
    result = run(app, ["download", "nothing", *arguments])
    assert isinstance(result.exception, DownloadError)
    assert "there are bench2drive, longest6" in str(result.exception)


@pytest.mark.skipif(not SHARED.exists(), reason="public route files (../shared) are not on this machine")
def test_a_mirror_of_the_real_files_is_accepted(tmp_path, empty_cache):
    with serve() as server:
        for path in (SHARED / "data/benchmark_routes").rglob("*.xml"):
            server.files[f"/{path.relative_to(SHARED)}"] = path.read_bytes()
        result = download.download("fail2drive", tmp_path, mirror=server.address)
    assert result.fetched == 200
    assert len(benchmark_route_files("fail2drive", tmp_path)) == 200
