"""Published data sets from a hub of our own, over real sockets."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from recording_support import record_route
from typer.testing import CliRunner

from lead.cli.download import app
from lead.dataset.archive import zip_route
from lead.dataset.download import DATASETS, download_routes, find_dataset, list_routes, select_routes
from lead.dataset.layout import RoutePlace
from lead.dataset.verify import verify_route
from lead.routes.fetch import DownloadError, Fetcher

LISTING = "/api/datasets/ln2697/lead/revision/main?blobs=true"
ROUTES = {
    f"{scenario}/{town}_Rep0_{number}_0_route0_01_10_05_46_05.zip": f"{scenario} {town} {number}".encode() * 3000
    for scenario, town, number in (("Accident", "Town12", 3), ("Accident", "Town13", 4), ("ParkingExit", "Town12", 5))
}


class DatasetHub(ThreadingHTTPServer):
    """Serves one data set, all its zip files as large files."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = dict(ROUTES)
        self.answer: bytes | None = None
        self.requests: Counter[str] = Counter()
        self.cut_after: list[int] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def listing(self) -> bytes:
        siblings: list[dict[str, Any]] = [{"rfilename": "README.md", "size": 9, "blobId": "0" * 40}]
        for name, data in self.files.items():
            large = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
            siblings.append({"rfilename": name, "size": len(data), "blobId": "1" * 40, "lfs": large})
        return json.dumps({"id": "ln2697/lead", "siblings": siblings}).encode()


class _Handler(BaseHTTPRequestHandler):
    server: DatasetHub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        hub = self.server
        hub.requests[self.path] += 1
        base = "/datasets/ln2697/lead/resolve/main/"
        if self.path == LISTING:
            data = hub.answer or hub.listing()
        elif self.path.removeprefix(base) in hub.files:
            data = hub.files[self.path.removeprefix(base)]
        else:
            self.send_error(401)
            return
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        body = data[start:]
        if hub.cut_after and self.path != LISTING:
            body = body[: hub.cut_after.pop(0)]
            self.close_connection = True
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test output clean."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, empty_cache: Path) -> Iterator[DatasetHub]:
    for name in ("HF_ENDPOINT", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    running = DatasetHub()
    threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def fetcher(tmp_path: Path) -> Fetcher:
    return Fetcher(tmp_path / "parts", attempts=2, backoff_s=0.01, timeout_s=5.0)


def test_everything_arrives_once_and_goes_on_where_it_broke(hub: DatasetHub, fetcher: Fetcher, tmp_path: Path) -> None:
    lead = find_dataset("lead")
    files = list_routes(lead, endpoint=hub.address, fetcher=fetcher)
    assert [str(file.path) for file in files] == sorted(ROUTES)
    hub.cut_after = [20_000, 5_000]
    with pytest.raises(DownloadError, match=r"broke after 25000 of \d+ bytes"):
        download_routes(lead, files, tmp_path / "set", fetcher=fetcher)
    steps: list[tuple[str, int, int]] = []
    result = download_routes(lead, files, tmp_path / "set", fetcher=fetcher, progress=lambda *step: steps.append(step))
    assert (result.fetched, result.kept) == (3, 0)
    total = sum(map(len, ROUTES.values()))
    assert steps[-1][1:] == (total, total)
    assert all((tmp_path / "set/zip" / name).read_bytes() == data for name, data in ROUTES.items())
    again = download_routes(lead, files, tmp_path / "set", fetcher=fetcher)
    assert (again.fetched, again.kept) == (0, 3)


def test_routes_are_chosen_by_name_scenario_and_pattern(hub: DatasetHub, fetcher: Fetcher) -> None:
    files = list_routes(find_dataset("lead"), endpoint=hub.address, fetcher=fetcher)

    def chosen(*patterns: str, limit: int | None = None) -> list[str]:
        return [str(file.path) for file in select_routes(files, patterns, limit)]

    first, second, third = sorted(ROUTES)
    assert chosen() == [first, second, third]
    assert chosen("Accident") == [first, second]
    assert chosen("Town12_*") == [first, third]
    assert chosen("Accident/Town13*", "ParkingExit") == [second, third]
    assert chosen(Path(second).name) == chosen(Path(second).stem) == [second]
    assert chosen("Accident", limit=1) == [first]
    with pytest.raises(
        DownloadError, match=r"no published route is called 'Acident'; the nearest scenario is 'Accident'"
    ):
        chosen("Acident")


def test_other_content_is_refused_or_replaced(hub: DatasetHub, fetcher: Fetcher, tmp_path: Path) -> None:
    lead, name = find_dataset("lead"), min(ROUTES)
    files = select_routes(list_routes(lead, endpoint=hub.address, fetcher=fetcher), limit=1)
    (tmp_path / "set/zip" / name).parent.mkdir(parents=True)
    (tmp_path / "set/zip" / name).write_bytes(b"mine")
    with pytest.raises(DownloadError, match="--force replaces them"):
        download_routes(lead, files, tmp_path / "set", fetcher=fetcher)
    assert download_routes(lead, files, tmp_path / "set", fetcher=fetcher, force=True).replaced == 1
    hub.files[name] = b"y" * len(ROUTES[name])
    (tmp_path / "set/zip" / name).unlink()
    with pytest.raises(DownloadError, match="checksum differs"):
        download_routes(lead, files, tmp_path / "set", fetcher=fetcher)
    assert not (tmp_path / "set/zip" / name).exists()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"<html>", "no list of files"),
        (b"[]", "no list of files"),
        (b'{"siblings": []}', "lists no zip files"),
        (b'{"siblings": [{"rfilename": "a/../../evil.zip", "size": 1, "blobId": "x"}]}', "would not land"),
        (b'{"siblings": [{"rfilename": "Accident/a.zip", "size": "1", "blobId": "x"}]}', "without size and checksum"),
    ],
)
def test_lists_are_not_trusted(hub: DatasetHub, fetcher: Fetcher, answer: bytes, words: str) -> None:
    hub.answer = answer
    with pytest.raises(DownloadError, match=words):
        list_routes(find_dataset("lead"), endpoint=hub.address, fetcher=fetcher)


def test_errors_tell_what_to_do(hub: DatasetHub, fetcher: Fetcher) -> None:
    with pytest.raises(DownloadError, match="no published data set 'leed'; the nearest is 'lead'"):
        find_dataset("leed")
    with pytest.raises(DownloadError, match=r"no access to ln2697/lead360 \(HTTP 401\)"):
        list_routes(DATASETS["lead360"], endpoint=hub.address, fetcher=fetcher)
    hub.shutdown()
    hub.server_close()
    with pytest.raises(
        DownloadError, match=r"cannot reach .*clone .*datasets/ln2697/lead to data/carla_leaderboard2/zip"
    ):
        list_routes(DATASETS["lead"], endpoint=hub.address, fetcher=fetcher)


def test_the_command_downloads_and_unpacks(hub: DatasetHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "Town12_Rep0_3_0_route0_01_10_05_46_05"
    route = record_route(tmp_path / "source/data/Accident" / name, 6, scale=8)
    archive = zip_route(RoutePlace("Accident", route), tmp_path / "source/zip").path
    hub.files[f"Accident/{name}.zip"] = archive.read_bytes()
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke
    done = run(app, ["dataset", "lead", "--list"])
    assert done.exit_code == 0 and "3 routes, 0.00 GB" in done.output and f"Accident/{name}" in done.output
    done = run(app, ["dataset", "lead", "--route", "Accident", "--limit", "1", "--unzip"])
    assert done.exit_code == 0, done.output
    assert "1 routes fetched, 0 already there" in done.output
    unpacked = tmp_path / "data/carla_leaderboard2/data/Accident" / name
    assert str(unpacked.relative_to(tmp_path)) in done.output
    assert verify_route(unpacked) == []
