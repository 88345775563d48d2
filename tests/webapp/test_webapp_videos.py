"""What the dashboard knows of videos, and how it hands them to players."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from video_support import HEIGHT, WIDTH, growing_video, media_app, numbered_frame, wait_until, write_mp4v, write_video
from waitress import create_server

from lead.webapp.app import create_app
from lead.webapp.video_files import clips_of, probe, video_url, videos_of
from lead.webapp.video_serving import LARGEST_PART_BYTES, attachment, parse_range

SIZE = 5 * 1024 * 1024 + 123
ADDRESS = "/video/debug?dir=agent&route=r1"


@pytest.fixture(scope="module")
def content() -> bytes:
    return random.Random(1).randbytes(SIZE)


@pytest.fixture
def root(tmp_path: Path, content: bytes) -> Path:
    folder = tmp_path / "root" / "agent" / "r1"
    folder.mkdir(parents=True)
    (folder / "r1_debug.mp4").write_bytes(content)
    return tmp_path / "root"


@pytest.fixture
def client(root: Path) -> FlaskClient:
    return media_app(root).test_client()


def test_facts_of_a_finished_video(tmp_path: Path) -> None:
    facts = probe(write_video(tmp_path / "a_debug.mp4", 47, 20 / 3))
    assert facts.problem is None
    assert (facts.width, facts.height, facts.codec) == (WIDTH, HEIGHT, "h264")
    # The log rounds to 6.67, which would be two frames off after ten minutes.
    assert facts.fps == pytest.approx(20 / 3, abs=1e-9)
    assert facts.duration_s == pytest.approx(47 * 3 / 20, abs=0.011)
    assert facts.start_s == 0.0


def test_facts_follow_a_growing_video(tmp_path: Path) -> None:
    path = tmp_path / "a_debug.mp4"
    with growing_video(path, 60, 10) as writer:
        first = probe(path)
        assert first.problem is None and first.fps == 10.0 and first.codec == "h264"
        assert first.duration_s is not None and first.duration_s >= 0.9
        size = path.stat().st_size
        for _ in range(60):
            writer.write(numbered_frame(7))
        wait_until(lambda: path.stat().st_size > size, "the video to grow")
        time.sleep(0.3)
        later = probe(path)
        assert later.duration_s is not None and later.duration_s > first.duration_s
        data = path.read_bytes()
    (tmp_path / "torn.mp4").write_bytes(data[: len(data) * 2 // 3])
    torn = probe(tmp_path / "torn.mp4")
    assert torn.problem is None and torn.duration_s is not None and 0 < torn.duration_s < 12.0
    (tmp_path / "begun.mp4").write_bytes(data[: data.index(b"moof") - 4])
    assert probe(tmp_path / "begun.mp4").problem == "this video has no frames yet"


def test_facts_of_videos_of_killed_public_runs(tmp_path: Path) -> None:
    path = write_mp4v(tmp_path / "a_demo.mp4", 30, 7.5)
    facts = probe(path)
    assert (facts.codec, facts.fps, facts.duration_s) == ("mpeg4", 7.5, 4.0)
    assert "browsers cannot play" in str(facts.problem) and "cut a clip" in str(facts.problem)
    (tmp_path / "killed.mp4").write_bytes(path.read_bytes().partition(b"moov")[0][:-4])
    assert "no index" in str(probe(tmp_path / "killed.mp4").problem)


def test_facts_of_what_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "garbage.mp4").write_bytes(random.Random(2).randbytes(50000))
    # Names another file, which ffmpeg would open if it could choose the format.
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile secret.txt\n")
    (tmp_path / "playlist.mp4").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n")
    (tmp_path / "empty.mp4").touch()
    os.mkfifo(tmp_path / "pipe.mp4")
    for name in ("garbage", "list", "playlist", "empty", "pipe", "missing"):
        facts = probe(tmp_path / f"{name}.mp4")
        assert facts.problem and facts.fps is None and facts.codec is None, name
        assert "\n" not in facts.problem
    # What was wrong with a file is forgotten when it changes.
    write_video(tmp_path / "empty.mp4", 5, 10)
    assert probe(tmp_path / "empty.mp4").problem is None


def test_one_video_per_kind_the_newest(tmp_path: Path) -> None:
    names = ["a_debug.mp4", "b_debug.mp4", "r_1_demo.mp4", "r_other.mp4", "demo.mp4", ".r_grid.mp4", "r_grid.MP4"]
    for name in [*names, "r_debug_temp.mp4", "r_topdown.mp4"]:
        (tmp_path / name).write_bytes(b"x")
    os.utime(tmp_path / "a_debug.mp4", (2e9, 2e9))
    (tmp_path / "r_input.mp4").mkdir()
    (tmp_path / "r_grid.mp4").symlink_to("/etc/passwd")
    assert [(kind, path.name) for kind, path in videos_of(tmp_path)] == [
        ("debug", "a_debug.mp4"),
        ("demo", "r_1_demo.mp4"),
        ("topdown", "r_topdown.mp4"),
    ]
    assert videos_of(tmp_path / "gone") == [] and clips_of(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bytes=0-0", (0, 0)),
        ("bytes=10-", (10, 99)),
        ("bytes=10-500", (10, 99)),
        ("bytes=99-99", (99, 99)),
        ("bytes=-5", (95, 99)),
        ("bytes=-500", (0, 99)),
        ("bytes=100-", None),
        ("bytes=-0", None),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes=0-1,5-6", None),
        ("bytes=a-b", None),
        ("bytes=--5", None),
        ("bytes=٣-٤", None),
        ("items=0-1", None),
        ("bytes=" + "9" * 400 + "-", None),
        ("", None),
    ],
)
def test_ranges(text: str, expected: tuple[int, int] | None) -> None:
    assert parse_range(text, 100) == expected
    assert parse_range(text, 0) is None


def test_parts_put_together_are_the_file(client: FlaskClient, content: bytes) -> None:
    got = b""
    while len(got) < SIZE:
        answer = client.get(ADDRESS, headers={"Range": f"bytes={len(got)}-"})
        assert answer.status_code == 206 and answer.mimetype == "video/mp4"
        last = len(got) + len(answer.data) - 1
        assert answer.headers["Content-Range"] == f"bytes {len(got)}-{last}/{SIZE}"
        assert answer.content_length == len(answer.data) <= LARGEST_PART_BYTES
        got += answer.data
    assert got == content


def test_whole_file_and_head(client: FlaskClient, content: bytes) -> None:
    whole = client.get(ADDRESS)
    assert whole.status_code == 200 and whole.data == content and whole.content_length == SIZE
    assert whole.headers["Accept-Ranges"] == "bytes" and "Content-Disposition" not in whole.headers
    head = client.head(ADDRESS)
    assert head.status_code == 200 and head.data == b""
    for name in ("Content-Length", "Content-Type", "ETag", "Last-Modified", "Accept-Ranges"):
        assert head.headers[name] == whole.headers[name]
    assert client.get(ADDRESS, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304


def test_wrong_ranges_are_refused_with_the_size(client: FlaskClient) -> None:
    for text in ("bytes=9999999999-", "bytes=0-1,3-4", "nonsense"):
        answer = client.get(ADDRESS, headers={"Range": text})
        assert answer.status_code == 416 and answer.headers["Content-Range"] == f"bytes */{SIZE}"
        assert str(SIZE) in answer.get_json()["error"]


def test_part_of_a_file_that_changed_is_the_whole_new_one(client: FlaskClient, root: Path, content: bytes) -> None:
    first = client.get(ADDRESS, headers={"Range": "bytes=0-9"})
    for name in ("ETag", "Last-Modified"):
        again = client.get(ADDRESS, headers={"Range": "bytes=10-19", "If-Range": first.headers[name]})
        assert again.status_code == 206 and again.data == content[10:20]
    path = root / "agent" / "r1" / "r1_debug.mp4"
    path.write_bytes(content[:1000])
    os.utime(path, (1e9, 1e9))
    for name in ("ETag", "Last-Modified"):
        again = client.get(ADDRESS, headers={"Range": "bytes=10-19", "If-Range": first.headers[name]})
        assert again.status_code == 200 and again.data == content[:1000]
    assert client.get(ADDRESS, headers={"Range": "bytes=2000-"}).status_code == 416
    path.unlink()
    assert client.get(ADDRESS).status_code == 404


def test_saving_under_any_name(client: FlaskClient, root: Path) -> None:
    (root / "agent" / "r1" / 'zü "1"_demo.mp4').write_bytes(b"abc")
    answer = client.get(video_url("demo", "agent", "r1") + "&download=1")
    assert answer.data == b"abc"
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename=\"z___1__demo.mp4\"; filename*=UTF-8''z%C3%BC%20%221%22_demo.mp4"
    )
    assert "\n" not in attachment("a\r\nX: y.mp4") and "\udcff" not in attachment("\udcff.mp4")


def test_only_videos_below_the_root_are_given(client: FlaskClient, root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside_debug.mp4").write_bytes(b"secret")
    folder = root / "agent" / "r1"
    (folder / "x_demo.mp4").symlink_to(tmp_path / "outside_debug.mp4")
    (folder / "clips").mkdir()
    (folder / "clips" / "link.mp4").symlink_to(tmp_path / "outside_debug.mp4")
    (folder / "clips" / "notes.txt").write_text("private")
    for address in (
        "/video/demo?dir=agent&route=r1",
        "/video/other?dir=agent&route=r1",
        "/video/debug?dir=agent&route=../..",
        f"/video/debug?dir={tmp_path}",
        "/clip/link.mp4?dir=agent&route=r1",
        "/clip/notes.txt?dir=agent&route=r1",
        "/clip/..%2fr1_debug.mp4?dir=agent&route=r1",
        "/clip/.hidden.mp4?dir=agent&route=r1",
        "/clip/a%0ab.mp4?dir=agent&route=r1",
    ):
        assert client.get(address).status_code in (403, 404), address


def test_through_the_whole_application(root: Path, content: bytes) -> None:
    pytest.importorskip("lead.webapp.pages_api")
    pytest.importorskip("lead.webapp.analysis_api")
    client = create_app(root).test_client()
    whole = client.get(ADDRESS)
    assert whole.status_code == 200 and whole.data == content
    part = client.get(ADDRESS, headers={"Range": "bytes=1-3"})
    assert part.status_code == 206 and part.data == content[1:4]
    wrong = client.get(ADDRESS, headers={"Range": "bytes=9-3"})
    assert wrong.status_code == 416 and wrong.headers["Content-Range"] == f"bytes */{SIZE}"
    assert client.head(ADDRESS).content_length == SIZE


@contextlib.contextmanager
def served(root: Path) -> Iterator[int]:
    """The port of a real server with four threads."""
    server = create_server(media_app(root), host="127.0.0.1", port=0, threads=4)
    stopped = threading.Event()

    def run() -> None:
        # server.run() ends only with the process.
        while not stopped.is_set():
            server.asyncore.loop(timeout=0.1, map=server._map, use_poll=True, count=1)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield int(server.effective_port)
    finally:
        stopped.set()
        thread.join()
        server.task_dispatcher.shutdown()
        server.asyncore.close_all(server._map)


def ask(port: int, header: str = "") -> socket.socket:
    """A player that asks and then reads nothing."""
    player = socket.socket()
    player.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    player.connect(("127.0.0.1", port))
    player.sendall(f"GET {ADDRESS} HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}\r\n".encode())
    return player


def read_part(port: int, header: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", ADDRESS, headers={"Range": header})
    return connection.getresponse().read()


@pytest.mark.parametrize("header", ["Range: bytes=0-\r\n", ""])
def test_paused_players_keep_no_thread(root: Path, content: bytes, header: str) -> None:
    with (root / "agent" / "r1" / "r1_debug.mp4").open("ab") as file:
        file.truncate(60 << 20)  # more than the server would buffer
    with served(root) as port, contextlib.ExitStack() as players:
        for _ in range(24):
            players.enter_context(contextlib.closing(ask(port, header)))
        time.sleep(0.5)
        for start in range(0, 50, 10):
            begin = time.monotonic()
            assert read_part(port, f"bytes={start}-{start + 9}") == content[start : start + 10]
            assert time.monotonic() - begin < 3.0


def test_real_server_sends_a_whole_file_and_survives_one_that_shrinks(root: Path, content: bytes) -> None:
    path = root / "agent" / "r1" / "r1_debug.mp4"
    with served(root) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", ADDRESS)
        answer = connection.getresponse()
        assert int(answer.headers["Content-Length"]) == SIZE and answer.read() == content
        os.truncate(path, 0)
        os.truncate(path, 60 << 20)
        with contextlib.closing(ask(port)) as player:
            player.settimeout(30)
            assert player.recv(100).startswith(b"HTTP/1.1 200")
            os.truncate(path, 10 << 20)
            got = 0
            while data := player.recv(1 << 20):
                got += len(data)
            assert 0 < got < 60 << 20  # the connection ends, it does not hang
        assert len(read_part(port, "bytes=0-9")) == 10
