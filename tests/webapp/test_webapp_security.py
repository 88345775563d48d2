"""Requests that must be refused: other folders, other hosts, other pages, and names made to confuse."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from result_trees import (
    COLLISION,
    client_of,
    record,
    write_drive_log,
    write_infractions,
    write_json,
    write_route_result,
)
from test_webapp_listing import detail_of, routes_of, tree_of

GET_ADDRESSES = ("/api/routes?dir={}", "/api/route?dir={}&route=.", "/api/drive_log?dir={}", "/api/map?dir={}")
ROUTE_ADDRESSES = (
    "/api/route?dir=suite&route={}",
    "/api/drive_log?dir=suite&route={}",
    "/api/map?dir=suite&route={}",
    "/video/debug?dir=suite&route={}",
    "/clip/a.mp4?dir=suite&route={}",
)
HOSTILE = (
    "..",
    "../..",
    "suite/../../outside",
    "suite/./../..",
    "/",
    "/etc",
    "//etc",
    "../root2",
    "%2e%2e",
    "..%2f..",
    "..\\..",
    "suite\x00",
    "suite\n",
    "\x00/../..",
    ".hidden",
    "link",
    "link/inner",
    "a" * 300,
    "a/" * 2000,
    "~",
    "file:///etc",
    "suite/1/infractions.json",
    "\udcff",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    outside = tmp_path / "outside"
    write_infractions(outside / "inner", [{**COLLISION, "message": "secret"}])
    write_infractions(tmp_path / "root2", [COLLISION])
    folder = tmp_path / "root"
    write_infractions(folder / "suite" / "1", [COLLISION])
    write_drive_log(folder / "suite" / "1")
    write_infractions(folder / ".hidden", [COLLISION])
    os.symlink(outside, folder / "link")
    os.symlink(outside, folder / "suite" / "link")
    return folder


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("address", [*GET_ADDRESSES, *ROUTE_ADDRESSES])
def test_no_argument_leaves_the_root(root: Path, address: str, text: str) -> None:
    client = client_of(root)
    for encoded in (quote(text, safe="", errors="surrogateescape"), quote(text, safe="/.", errors="surrogateescape")):
        answer = client.get(address.format(encoded))
        assert answer.status_code in (400, 403, 404), (address, text, answer.data)
        assert list(answer.json) == ["error"] and "secret" not in answer.json["error"]


@pytest.mark.parametrize(
    "name", ["..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd", "../../app.py", "..%5c..%5capp.py", ".%00"]
)
def test_static_files_stay_in_their_folder(root: Path, name: str) -> None:
    assert client_of(root).get(f"/static/{name}").status_code == 404


def test_links_out_of_the_root_are_not_followed(root: Path, tmp_path: Path) -> None:
    suite = root / "suite"
    (suite / "2").mkdir()
    secret = write_json(tmp_path / "outside" / "secret.json", [{**COLLISION, "message": "secret"}])
    os.symlink(secret, suite / "2" / "infractions.json")
    os.symlink(secret, suite / "1" / "drive_log.jsonl.json")
    (suite / "eval").mkdir()
    os.symlink(write_route_result(tmp_path / "outside", "9", record("9")), suite / "eval" / "9.json")
    os.symlink(tmp_path / "outside", suite / "3")
    routes = routes_of(root, "suite")
    assert list(routes["by_name"]) == ["1"]
    assert any("9.json is a link that leaves" in problem for problem in routes["problems"])
    assert set(tree_of(root)) == {"suite"}


def test_links_inside_the_root_to_files_are_followed(root: Path) -> None:
    (root / "suite" / "2").mkdir()
    os.symlink(root / "suite" / "1" / "infractions.json", root / "suite" / "2" / "infractions.json")
    assert routes_of(root, "suite")["by_name"]["2"]["infraction_count"] == 1
    os.symlink("loop.json", root / "suite" / "loop.json")
    assert any("loop.json" in problem for problem in routes_of(root, "suite")["problems"])


def test_pipes_and_devices_are_not_opened(root: Path) -> None:
    os.mkfifo(root / "suite" / "1" / "metric_info.json")
    os.mkfifo(root / "suite" / "manifest.json")
    os.mkfifo(root / "suite" / "checkpoint_endpoint.json")
    (root / "suite" / "2").mkdir()
    os.mkfifo(root / "suite" / "2" / "drive_log.jsonl")
    os.mkfifo(root / "suite" / "2" / "2_debug.mp4")
    assert list(routes_of(root, "suite")["by_name"]) == ["1"]


@pytest.mark.parametrize(
    "name",
    [
        "with space",
        "quo\"te's",
        "<script>alert(1)</script>".replace("/", "_"),
        "ünïcødé-路線-🚗",
        "100%",
        "%2e%2e",
        "a&b=c#d?e",
        "back\\slash",
        "${PATH}`id`;",
        "-rf",
        "null",
        "1711.json",
        "²",
        "٣",
    ],
)
def test_odd_names_work_everywhere(tmp_path: Path, name: str) -> None:
    write_infractions(tmp_path / name / name, [COLLISION])
    (tmp_path / name / name / f"{name}_debug.mp4").write_bytes(b"x")
    write_route_result(tmp_path / name, name, record("1"))
    assert list(tree_of(tmp_path)) == [name]
    (row,) = routes_of(tmp_path, name)["routes"]
    assert (row["name"], row["title"], row["status"], row["videos"]) == (name, name, "Completed", ["debug"])
    detail = detail_of(tmp_path, name, name)
    assert detail["infractions"][0]["kind"] == "collision_vehicle"
    assert client_of(tmp_path).get(detail["videos"][0]["url"]).status_code == 200


@pytest.mark.parametrize(
    "name", ["new\nline", "tab\there", "bell\x07", b"latin-\xfc".decode("utf-8", "surrogateescape")]
)
def test_names_that_no_address_can_hold_are_named(tmp_path: Path, name: str) -> None:
    write_infractions(tmp_path / "suite" / name, [COLLISION])
    write_infractions(tmp_path / name, [COLLISION])
    write_infractions(tmp_path / "suite" / "1", [COLLISION])
    rows = routes_of(tmp_path, "suite")["routes"]
    assert len(rows) == 2
    (odd,) = (row for row in rows if row["name"] != "1")
    assert not odd["has_folder"] and "cannot be opened" in odd["problems"][0]
    assert detail_of(tmp_path, "suite", odd["name"])["infractions"] == []
    answer = client_of(tmp_path).get("/api/output_directories")
    assert any("cannot be opened" in problem for problem in answer.json["problems"])
    assert "suite" in [entry["path"] for entry in answer.json["evaluations"]]


class TestHosts:
    @pytest.mark.parametrize("host", ["localhost", "LOCALHOST:5000", "127.0.0.1:5000", "[::1]:5000", "127.0.0.1"])
    def test_own_names_are_answered(self, root: Path, host: str) -> None:
        assert client_of(root).get("/api/info", headers={"Host": host}).status_code == 200

    @pytest.mark.parametrize(
        "host",
        ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:5000", "evil@localhost", "localhost:1:2", "",
         "[::1].evil.example", "localhost/x", "0.0.0.0:5000", "192.168.0.7"],
    )  # fmt: skip
    @pytest.mark.parametrize("address", ["/", "/api/info", "/static/js/main.js", "/nothing"])
    def test_other_names_are_refused(self, root: Path, host: str, address: str) -> None:
        answer = client_of(root).get(address, headers={"Host": host})
        assert answer.status_code == 403 and "not served" in answer.json["error"]

    def test_any_name_is_answered_on_an_open_address(self, root: Path) -> None:
        client = client_of(root, host="0.0.0.0")
        assert client.get("/api/info", headers={"Host": "cluster.example:5000"}).status_code == 200

    def test_bound_loopback_address_is_a_name(self, root: Path) -> None:
        assert client_of(root, host="127.0.0.2").get("/api/info", headers={"Host": "127.0.0.2:1"}).status_code == 200


OWN = {"X-LEAD-Dashboard": "1"}
BODY = {"dir": "suite", "route": "1", "video": "debug", "start_s": 0, "end_s": 1}


class TestWriting:
    def test_own_page_passes_the_guards(self, root: Path) -> None:
        headers = {**OWN, "Origin": "http://localhost", "Host": "localhost"}
        answer = client_of(root).post("/api/clips", json=BODY, headers=headers)
        assert answer.status_code == 404 and "video" in answer.json["error"]

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"X-LEAD-Dashboard": "2"},
            {**OWN, "Origin": "http://evil.example"},
            {**OWN, "Origin": "null"},
            {**OWN, "Origin": "http://localhost:8080", "Host": "localhost:5000"},
            {**OWN, "Origin": "http://localhost.evil.example"},
            {**OWN, "Origin": "http://[", "Host": "localhost"},
        ],
    )
    def test_other_pages_are_refused(self, root: Path, headers: dict[str, str]) -> None:
        for address in ("/api/clips", "/api/clips/1/cancel", "/api/info", "/nothing"):
            assert client_of(root).post(address, json=BODY, headers=headers).status_code == 403

    @pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
    def test_forms_are_refused(self, root: Path, kind: str) -> None:
        answer = client_of(root).post("/api/clips", data='{"dir": "."}', content_type=kind, headers=OWN)
        assert answer.status_code == 400

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"7", b"{", b"\xff\xfe", b"[" * 60_000, b'{"dir": ' + b"9" * 5000 + b"}"]
    )
    def test_odd_bodies_are_refused(self, root: Path, body: bytes) -> None:
        headers = {**OWN, "Content-Type": "application/json"}
        answer = client_of(root).post("/api/clips", data=body, headers=headers)
        assert answer.status_code == 400 and list(answer.json) == ["error"]

    def test_large_bodies_are_refused(self, root: Path) -> None:
        answer = client_of(root).post("/api/clips", json={"dir": "x" * 70_000}, headers=OWN)
        assert answer.status_code == 413 and answer.json == {"error": "the request is too large"}

    def test_read_only_refuses_to_write(self, root: Path) -> None:
        client = client_of(root, read_only=True)
        assert client.get("/api/info").json["read_only"] is True
        for address in ("/api/clips", "/api/clips/1/cancel"):
            answer = client.post(address, json=BODY, headers=OWN)
            assert answer.status_code == 403 and "read-only" in answer.json["error"]

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
    def test_other_methods_are_refused(self, root: Path, method: str) -> None:
        assert client_of(root).open("/api/info", method=method).status_code == 403
        answer = client_of(root).open("/api/info", method=method, json={}, headers=OWN)
        assert answer.status_code == 405 and "GET" in answer.headers["Allow"]


class TestAnswers:
    @pytest.fixture
    def client(self, root: Path) -> FlaskClient:
        return client_of(root)

    @pytest.mark.parametrize("address", ["/", "/api/info", "/api/nothing", "/static/js/main.js", "/api/routes?dir=.."])
    def test_every_answer_has_the_headers(self, client: FlaskClient, address: str) -> None:
        headers = client.get(address).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-cache"
        assert "Access-Control-Allow-Origin" not in headers

    def test_page_loads_nothing_from_elsewhere(self, client: FlaskClient) -> None:
        text = client.get("/").get_data(as_text=True)
        assert "<html" in text and "://" not in text and "<style" not in text and " style=" not in text

    def test_unknown_addresses(self, client: FlaskClient) -> None:
        for address in ("/outputs", "/api", "/api/routes/x", "/index.html"):
            answer = client.get(address)
            assert answer.status_code == 404 and answer.json == {"error": "there is nothing at this address"}

    def test_unexpected_error_tells_nothing(self, client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
        def broken() -> str:
            raise ValueError("the inside of it")

        client.application.add_url_rule("/broken", view_func=broken)
        answer = client.get("/broken")
        assert answer.status_code == 500 and "inside" not in answer.get_data(as_text=True)
        assert "the inside of it" in caplog.text
        assert client.application.debug is False

    def test_info(self, client: FlaskClient, root: Path) -> None:
        info = client.get("/api/info").json
        assert (info["title"], info["root"], info["read_only"]) == ("root", str(root), False)
        assert {"key": "bench2drive-0.0.4", "title": "Bench2Drive 0.0.4"} in info["benchmarks"]
        assert [kind["kind"] for kind in info["kinds"] if not kind["counted"]] == ["min_speed", "completion"]
