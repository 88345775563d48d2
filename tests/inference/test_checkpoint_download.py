"""Checkpoints from a hub of our own, over real sockets: whole, resumed, refused, offline, hostile."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hub_server_support import REPOSITORY, git_sha1, pointer, serve_hub
from typer.testing import CliRunner

from lead.cli.download import app
from lead.inference.download import ALIASES, CHECKPOINTS, download_checkpoint, find_checkpoint
from lead.routes.fetch import DownloadError, Fetcher

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = {seed: bytes([seed]) * 150_000 for seed in range(3)}
CONFIG = b'{"transfuser_token_dim": 256}'
FOLDER = "tfv6_resnet34"
API = f"/api/models/{REPOSITORY}/tree/main/{FOLDER}"
CONFIG_PATH = f"/{REPOSITORY}/resolve/main/{FOLDER}/config.json"


@pytest.fixture
def hub():
    with serve_hub() as running:
        for folder in (FOLDER, "tfv6_regnety032"):
            running.add(f"{folder}/config.json", CONFIG)
            for seed, data in WEIGHTS.items():
                running.add(f"{folder}/model_0030_{seed}.pth", data)
        yield running


@pytest.fixture(autouse=True)
def own_environment(monkeypatch, empty_cache):
    for name in ("HF_ENDPOINT", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def get(hub, tmp_path):
    fetcher = Fetcher(tmp_path / "parts", attempts=2, backoff_s=0.01, timeout_s=5.0)

    def run(name=FOLDER, repository=None, **options):
        options = {"endpoint": hub.address, "fetcher": fetcher, **options}
        return download_checkpoint(find_checkpoint(name, repository), tmp_path / "checkpoints", **options)

    return run


def blob(data):
    return f"/blobs/{hashlib.sha256(data).hexdigest()}"


def names(folder):
    return sorted(path.name for path in folder.rglob("*"))


def counts(result):
    return result.fetched, result.replaced, result.kept


def test_a_checkpoint_arrives_whole_and_only_once(get, hub, tmp_path):
    steps = []
    result = get(progress=lambda *step: steps.append(step))
    assert result.folder == tmp_path / "checkpoints" / FOLDER
    assert counts(result) == (4, 0, 0)
    assert (result.folder / "config.json").read_bytes() == CONFIG
    assert all((result.folder / f"model_0030_{seed}.pth").read_bytes() == data for seed, data in WEIGHTS.items())
    total = len(CONFIG) + sum(map(len, WEIGHTS.values()))
    assert steps[-1] == ("model_0030_2.pth", total, total)
    assert [done for _, done, _ in steps] == sorted(done for _, done, _ in steps)
    assert names(tmp_path / "checkpoints") == sorted([FOLDER, *names(result.folder)])
    hub.requests.clear(), hub.storage.requests.clear()
    assert counts(get()) == (0, 0, 4)
    assert (dict(hub.requests), dict(hub.storage.requests)) == ({API: 1}, {})


def test_a_cut_file_goes_on_where_it_broke_even_in_a_later_run(get, hub):
    hub.storage.cut_after[blob(WEIGHTS[1])] = [40_000, 70_000]
    with pytest.raises(DownloadError, match=r"broke after 110000 of 150000 bytes\).*again to go on.*--endpoint URL"):
        get()
    result = get()
    assert counts(result) == (2, 0, 2)
    assert (result.folder / "model_0030_1.pth").read_bytes() == WEIGHTS[1]
    assert hub.storage.ranges == ["bytes=40000-", "bytes=110000-"]


def test_passing_faults_of_list_and_files_are_tried_again(get, hub):
    hub.failures[API] = [503]
    hub.failures[CONFIG_PATH] = [429]
    hub.storage.failures[blob(WEIGHTS[0])] = [503]
    assert counts(get()) == (4, 0, 0)


@pytest.mark.parametrize("path", ["config.json", "model_0030_1.pth"])
def test_wrong_content_never_reaches_its_place(get, hub, tmp_path, path):
    true = hub.listing(REPOSITORY, FOLDER)
    hub.add(f"{FOLDER}/{path}", b"<html>log in first</html>")
    hub.listings[REPOSITORY, FOLDER] = true
    with pytest.raises(DownloadError, match=rf"{path}: the server sent 25 bytes that are not the published file"):
        get()
    assert path not in names(tmp_path)


def test_same_size_other_bytes_are_noticed(get, hub):
    true = hub.listing(REPOSITORY, FOLDER)
    hub.add(f"{FOLDER}/model_0030_0.pth", WEIGHTS[0][:-1] + b"x")
    hub.add(f"{FOLDER}/config.json", CONFIG.replace(b"256", b"255"))
    hub.listings[REPOSITORY, FOLDER] = true
    with pytest.raises(DownloadError, match=r"config.json: .*checksum differs"):
        get()
    hub.add(f"{FOLDER}/config.json", CONFIG)
    with pytest.raises(DownloadError, match=r"model_0030_0.pth: .*checksum differs"):
        get()


def test_other_files_are_only_replaced_when_told_to(get, hub, tmp_path):
    folder = tmp_path / "checkpoints" / FOLDER
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model_0030_0.pth").write_bytes(WEIGHTS[0])
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(DownloadError, match=r"resnet34/config.json has another content .*--force"):
        get()
    assert (folder / "config.json").read_text() == "{}"
    assert set(hub.requests) == {API}
    assert counts(get(force=True)) == (2, 1, 1)
    assert (folder / "config.json").read_bytes() == CONFIG
    assert (folder / "notes.txt").read_text() == "mine"


def test_pointers_of_a_clone_without_large_files_are_filled_in(get, tmp_path):
    folder = tmp_path / "checkpoints" / FOLDER
    folder.mkdir(parents=True)
    (folder / "model_0030_2.pth").write_bytes(pointer(WEIGHTS[2]))
    assert counts(get()) == (4, 0, 0)
    assert (folder / "model_0030_2.pth").read_bytes() == WEIGHTS[2]


def test_both_names_of_the_full_model_land_where_instructions_look(get, hub, tmp_path):
    for name in ("tfv6_regnety032", "tfv6_regnety"):
        assert get(name).folder == tmp_path / "checkpoints" / name
    hub.files = {(owner, path.replace("regnety032", "regnety")): data for (owner, path), data in hub.files.items()}
    assert counts(get("tfv6_regnety032")) == (0, 0, 4)


def test_a_checkpoint_that_is_a_repository_leaves_other_files_out(get, hub):
    repository = "ln2697/tfv6_navsim"
    for path in ("README.md", ".gitattributes", "docs/model_0001.pth", "agent.py"):
        hub.add(path, b"not for us", repository)
    hub.add("config.json", CONFIG, repository)
    hub.add("model_0060.pth", WEIGHTS[1], repository)
    assert names(get("tfv6_navsim").folder) == ["config.json", "model_0060.pth"]
    hub.add("own/model_0001.pth", b"tensors", "me/my.models")
    hub.add("own/.git/hooks/post-checkout", b"harm", "me/my.models")
    assert names(get("own", "me/my.models").folder) == ["model_0001.pth"]


def test_what_is_not_there_is_named(get, hub):
    with pytest.raises(DownloadError, match=r"no published checkpoint 'tfv6_resnet43'; the nearest is 'tfv6_resnet34'"):
        get("tfv6_resnet43")
    with pytest.raises(DownloadError, match=r"ln2697/tfv6 on http://.* has no CaRL; `lead download list`"):
        get("CaRL")
    hub.failures[f"/api/models/{REPOSITORY}/tree/main/CaRL"] = [401]
    with pytest.raises(DownloadError, match=r"no access to ln2697/tfv6 \(HTTP 401\).*token in HF_TOKEN"):
        get("CaRL")
    hub.add("CaRL/README.md", b"soon")
    with pytest.raises(DownloadError, match="CaRL holds no weights"):
        get("CaRL")
    hub.failures[f"/{REPOSITORY}/resolve/main/{FOLDER}/model_0030_0.pth"] = [404]
    with pytest.raises(DownloadError, match=r"model_0030_0.pth answers HTTP 404 .*check --endpoint"):
        get()


def test_without_a_network_one_sentence_says_what_to_do(get, tmp_path):
    with serve_hub() as gone:
        address = gone.address
    with pytest.raises(DownloadError) as caught:
        get(endpoint=address)
    text = str(caught.value)
    assert text.startswith(f"cannot reach {address} (") and "refused" in text
    assert f"copy the files of {address}/{REPOSITORY}/tree/main/{FOLDER} to {tmp_path}/checkpoints/{FOLDER}" in text
    assert "--endpoint URL or HF_ENDPOINT" in text and "\n" not in text
    with pytest.raises(DownloadError, match="'ftp://hub' is no address of a hub"):
        get(endpoint="ftp://hub")


@pytest.mark.parametrize(
    "path",
    [
        f"{FOLDER}/../../evil.pth",
        "../evil.pth",
        "/etc/evil.pth",
        f"{FOLDER}//evil.pth",
        f"{FOLDER}/a\\..\\evil.pth",
        f"{FOLDER}/./evil.pth",
        f"{FOLDER}/evil\n.pth",
        "other/evil.pth",
        FOLDER,
        f"{FOLDER}/",
    ],
)
def test_names_that_lead_out_of_the_folder_are_refused(get, hub, tmp_path, path):
    entry = {"type": "file", "path": path, "size": 4, "oid": git_sha1(b"evil")}
    hub.listings[REPOSITORY, FOLDER] = [*hub.listing(REPOSITORY, FOLDER), entry]
    with pytest.raises(DownloadError, match=r"would not land in the checkpoint's folder; nothing was fetched"):
        get()
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize(
    ("listing", "words"),
    [
        (b"<html>", "no list of files"),
        ({"error": "no"}, "no list of files"),
        (["config.json"], "no list of files"),
        ([{"type": "file", "path": f"{FOLDER}/a.pth", "oid": "0" * 40}], "without size and checksum"),
        ([{"type": "file", "path": f"{FOLDER}/a.pth", "size": 3, "oid": "x"}], "without size and checksum"),
        ([{"type": "file", "path": f"{FOLDER}/a{index}"} for index in range(1000)], "that is no checkpoint"),
    ],
)
def test_lists_that_are_none_are_refused(get, hub, listing, words):
    hub.listings[REPOSITORY, FOLDER] = listing
    with pytest.raises(DownloadError, match=words):
        get()


@pytest.mark.parametrize(
    ("name", "repository"), [("../x", "a/b"), ("/x", "a/b"), ("x", "../b"), ("x", "a"), ("", "a/b")]
)
def test_names_of_the_user_are_checked_too(name, repository):
    with pytest.raises(DownloadError, match="is no "):
        find_checkpoint(name, repository)


def test_the_token_goes_to_the_hub_and_nowhere_else(get, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", " secret\n")
    get()
    assert set(hub.tokens.values()) == {"Bearer secret"}
    assert len(hub.storage.tokens) == 3 and set(hub.storage.tokens.values()) == {None}
    monkeypatch.setenv("HF_TOKEN", "two\nlines")
    with pytest.raises(DownloadError, match="HF_TOKEN holds characters that no token has"):
        get()


def test_command_line(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", f"{hub.address}/")
    folder = ["--dir", str(tmp_path / "all")]
    run = CliRunner().invoke
    result = run(app, ["checkpoint", FOLDER, *folder])
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{FOLDER}: 4 files fetched, 0 already there, in {tmp_path / 'all' / FOLDER}\n"
    lines = run(app, ["list", *folder]).stdout.splitlines()
    assert [line.split()[0] for line in lines] == [*CHECKPOINTS, *ALIASES]
    assert [line.split()[0] for line in lines if not line.endswith("not here")] == [FOLDER]


def test_the_published_script_calls_the_command(tmp_path):
    recorder = tmp_path / "lead"
    recorder.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    recorder.chmod(0o755)

    def call(*words):
        command = ["bash", str(ROOT / "scripts/download_one_checkpoint.sh"), *words]
        environment = {**os.environ, "LEAD": str(recorder)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    folder = ["--dir", str(ROOT / "outputs/checkpoints")]
    assert call() == ["download", "checkpoint", FOLDER, *folder]
    assert call("CaRL", "--force") == ["download", "checkpoint", "CaRL", *folder, "--force"]


def test_the_command_starts_without_heavy_libraries():
    program = (
        "import sys, lead.cli.download, lead.inference.download\n"
        "sys.exit(bool({'torch', 'numpy', 'carla', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
