"""One file over HTTP: cut connections, servers without ranges, wrong content, refusals."""

import pytest
from route_server_support import serve

from lead.routes.fetch import DownloadError, Fetcher

DATA = bytes(range(256)) * 2000


def genuine(path):
    if path.read_bytes() != DATA:
        raise DownloadError("the file is not the published one")


@pytest.fixture
def server():
    with serve() as running:
        running.files["/file"] = DATA
        yield running


@pytest.fixture
def fetcher(tmp_path):
    return Fetcher(tmp_path / "parts", attempts=3, backoff_s=0.01, timeout_s=5.0)


def leftovers(fetcher):
    return sorted(path.suffix for path in fetcher.parts.iterdir())


def test_a_file_arrives_whole_and_leaves_no_parts(server, fetcher, tmp_path):
    seen = []
    fetcher.fetch(f"{server.address}/file", tmp_path / "a/b", genuine, lambda done, total: seen.append((done, total)))
    assert (tmp_path / "a/b").read_bytes() == DATA
    assert seen[-1] == (len(DATA), len(DATA))
    assert leftovers(fetcher) == []
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_a_cut_connection_is_resumed_where_it_broke(server, fetcher, tmp_path):
    server.cut_after["/file"] = [100_000, 50_000]
    fetcher.fetch(f"{server.address}/file", tmp_path / "b", genuine)
    assert (tmp_path / "b").read_bytes() == DATA
    assert server.ranges == ["bytes=100000-", "bytes=150000-"]


def test_the_next_run_resumes_what_an_earlier_one_left(server, fetcher, tmp_path):
    url = f"{server.address}/file"
    server.cut_after["/file"] = [100_000]
    with pytest.raises(DownloadError, match=r"broke after 100000 of 512000 bytes\) after 1 attempts; run .* again"):
        Fetcher(fetcher.parts, attempts=1).fetch(url, tmp_path / "b", genuine)
    assert not (tmp_path / "b").exists()
    assert leftovers(fetcher) == [".etag", ".part"]
    fetcher.fetch(url, tmp_path / "b", genuine)
    assert (tmp_path / "b").read_bytes() == DATA
    assert server.ranges == ["bytes=100000-"]


def test_a_server_without_ranges_sends_the_file_again(server, fetcher, tmp_path):
    server.ranges_supported = False
    server.cut_after["/file"] = [100_000]
    fetcher.fetch(f"{server.address}/file", tmp_path / "b", genuine)
    assert (tmp_path / "b").read_bytes() == DATA


def test_a_file_that_changed_meanwhile_is_not_patched_together(server, fetcher, tmp_path):
    server.files["/file"] = b"x" * 300_000
    server.cut_after["/file"] = [100_000]
    url = f"{server.address}/file"
    with pytest.raises(DownloadError):
        Fetcher(fetcher.parts, attempts=1).fetch(url, tmp_path / "b", genuine)
    server.files["/file"] = DATA
    fetcher.fetch(url, tmp_path / "b", genuine)
    assert (tmp_path / "b").read_bytes() == DATA


def test_a_bad_leftover_is_dropped_after_the_check(server, fetcher, tmp_path):
    url = f"{server.address}/file"
    server.cut_after["/file"] = [1000]
    with pytest.raises(DownloadError):
        Fetcher(fetcher.parts, attempts=1).fetch(url, tmp_path / "b", genuine)
    (part,) = fetcher.parts.glob("*.part")
    part.write_bytes(b"?" * 2000)
    fetcher.fetch(url, tmp_path / "b", genuine)
    assert (tmp_path / "b").read_bytes() == DATA


def test_a_leftover_longer_than_the_file_is_dropped(server, fetcher, tmp_path):
    url = f"{server.address}/file"
    server.cut_after["/file"] = [1000]
    with pytest.raises(DownloadError):
        Fetcher(fetcher.parts, attempts=1).fetch(url, tmp_path / "b", genuine)
    (part,) = fetcher.parts.glob("*.part")
    part.write_bytes(b"?" * (len(DATA) + 5))
    fetcher.fetch(url, tmp_path / "b", genuine)
    assert (tmp_path / "b").read_bytes() == DATA


def test_passing_faults_are_tried_again_and_refusals_are_not(server, fetcher, tmp_path):
    server.failures["/file"] = [503, 429]
    fetcher.fetch(f"{server.address}/file", tmp_path / "b", genuine)
    assert server.requests["/file"] == 3
    with pytest.raises(DownloadError, match=r"/nothing answers HTTP 404 .*--mirror"):
        fetcher.fetch(f"{server.address}/nothing", tmp_path / "c", genuine)
    assert server.requests["/nothing"] == 1


def test_wrong_content_never_reaches_the_target(server, fetcher, tmp_path):
    server.files["/file"] = b"<html>log in first</html>"
    (tmp_path / "b").write_bytes(b"old")
    with pytest.raises(DownloadError, match="not the published one"):
        fetcher.fetch(f"{server.address}/file", tmp_path / "b", genuine)
    assert (tmp_path / "b").read_bytes() == b"old"
    assert leftovers(fetcher) == []


def test_a_dead_server_is_named_after_all_attempts(fetcher, tmp_path):
    with serve() as gone:
        address = gone.address
    with pytest.raises(DownloadError, match=r"cannot download .*refused.* after 3 attempts"):
        fetcher.fetch(f"{address}/file", tmp_path / "b", genuine)


def test_other_schemes_are_refused(fetcher, tmp_path):
    with pytest.raises(DownloadError, match="no http or https address"):
        fetcher.fetch(f"file://{tmp_path}/secret", tmp_path / "b", genuine)


def test_a_target_that_cannot_be_written_is_named(server, fetcher, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError, match="cannot write"):
        fetcher.fetch(f"{server.address}/file", tmp_path / "file/b", genuine)
