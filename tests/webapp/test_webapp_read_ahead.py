"""Reading ahead: what it reads, that it rests and ends; and long answers, which are compressed."""

import gzip
import json
import os
import threading
import time

import pytest
from public_results import record, result_file, write_json
from result_trees import client_of

from lead.webapp import read_ahead, route_results
from lead.webapp.read_ahead import ReadAhead
from lead.webapp.root_folder import RootFolder

WAIT_S = 30.0


@pytest.fixture
def root(tmp_path):
    for number, name in enumerate(("old", "new")):
        folder = tmp_path / "tree" / name
        for route in ("1", "2", "3"):
            write_json(folder / "eval" / f"{route}.json", result_file([record(route, 0, 60.0, 100.0)]))
            write_json(folder / route / "infractions.json", {"video_fps": 20.0, "infractions": []})
        for path in [*folder.rglob("*"), folder]:
            os.utime(path, (1e9 + number, 1e9 + number))
    return tmp_path / "tree"


@pytest.fixture
def read(monkeypatch):
    """Names of evaluation and file of every result file that is read, in order."""
    names = []
    original = route_results._read_route_file

    def noting(path):
        names.append(f"{path.parents[1].name}/{path.name}")
        return original(path)

    monkeypatch.setattr(route_results, "_read_route_file", noting)
    return names


def test_newest_evaluations_are_read_first_and_not_again_on_request(root, read):
    ahead = ReadAhead(RootFolder(root))
    assert read == []
    ahead.start()
    assert ahead.join(WAIT_S)
    assert read == [f"{name}/{route}.json" for name in ("new", "old") for route in "123"]
    routes = client_of(root).get("/api/routes?dir=new").get_json()["routes"]
    assert [row["scores"]["driving"] for row in routes] == [60.0] * 3
    assert len(read) == 6
    write_json(root / "new" / "eval" / "2.json", result_file([record("2", 0, 10.0, 100.0)]))
    routes = client_of(root).get("/api/routes?dir=new").get_json()["routes"]
    assert [row["scores"]["driving"] for row in routes] == [60.0, 10.0, 60.0]
    assert read[6:] == ["new/2.json"]


def test_no_more_routes_are_read_than_the_caches_hold(root, read, monkeypatch):
    monkeypatch.setattr(read_ahead, "MOST_ROUTES", 5)
    ahead = ReadAhead(RootFolder(root))
    ahead.start()
    assert ahead.join(WAIT_S)
    assert {name.partition("/")[0] for name in read} == {"new"}


def test_it_rests_while_requests_are_answered_and_can_be_stopped(root, read):
    ahead = ReadAhead(RootFolder(root))
    with ahead.resting():
        ahead.start()
        with ahead.resting():
            pass
        assert not ahead.join(0.3)
        assert read == []
    assert ahead.join(WAIT_S)
    assert len(read) == 6
    other = ReadAhead(RootFolder(root))
    with other.resting():
        other.start()
        started_s = time.monotonic()
        other.stop()
        assert time.monotonic() - started_s < WAIT_S
        assert other.join(0.0)
    ReadAhead(RootFolder(root)).stop()  # never started


def test_every_request_makes_it_rest(root, monkeypatch):
    client = client_of(root)
    ahead = client.application.extensions["lead_dashboard"].read_ahead
    resting = []
    monkeypatch.setattr("lead.webapp.pages_api.read_evaluation", lambda *_: resting.append(ahead._requests) or 1 / 0)
    assert client.get("/api/routes?dir=new").status_code == 500
    assert resting == [1]
    assert ahead._requests == 0


def test_damaged_trees_neither_end_it_nor_the_server(root, read, caplog):
    (root / "new" / "eval" / "1.json").write_text('{"_checkpoint": ' + "[" * 60_000)
    (root / "new" / "2" / "infractions.json").write_bytes(b"\xff\xfe")
    (root / "new" / "loop").symlink_to(root / "new")
    ahead = ReadAhead(RootFolder(root))
    ahead.start()
    assert ahead.join(WAIT_S)
    assert len(read) == 6
    assert not caplog.records
    assert threading.active_count() < 10


def test_long_answers_are_compressed_for_browsers_that_take_it(tmp_path):
    write_json(
        tmp_path / "many" / "checkpoint_endpoint.json",
        result_file([record(str(n), n, 60.0, 100.0) for n in range(200)]),
    )
    client = client_of(tmp_path)
    plain = client.get("/api/routes?dir=many")
    packed = client.get("/api/routes?dir=many", headers={"Accept-Encoding": "gzip, br"})
    assert (plain.content_encoding, packed.content_encoding) == (None, "gzip")
    assert len(packed.data) == packed.content_length < len(plain.data) / 8
    assert json.loads(gzip.decompress(packed.data)) == plain.get_json()
    assert packed.headers["ETag"] == plain.headers["ETag"]
    assert packed.headers["ETag"].startswith("W/")
    assert "Accept-Encoding" in packed.headers["Vary"]
    again = {"If-None-Match": packed.headers["ETag"], "Accept-Encoding": "gzip"}
    assert client.get("/api/routes?dir=many", headers=again).status_code == 304
    assert client.get("/api/info", headers={"Accept-Encoding": "gzip"}).content_encoding is None
    refused = client.get("/api/routes?dir=many", headers={"Accept-Encoding": "gzip;q=0"})
    assert refused.content_encoding is None
