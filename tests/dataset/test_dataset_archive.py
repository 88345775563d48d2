"""Zip files of routes: there and back, the published layout, and archives that are not trusted."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest
from recording_support import record_route
from typer.testing import CliRunner

from lead.cli.dataset import app
from lead.dataset.archive import unzip_route, zip_route
from lead.dataset.errors import DatasetError
from lead.dataset.layout import RoutePlace
from lead.dataset.verify import verify_route

NAME = "Town03_Rep0_1_0_route0_01_02_03_04_05"
PREFIX = f"data/carla_leaderboard2/data/Accident/{NAME}"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_route(tmp_path_factory.mktemp("packed") / "data/Accident" / NAME, 11, scale=8)


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_route_goes_there_and_back_in_the_published_layout(recorded: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    done = run(app, ["zip", str(recorded.parents[1]), "--out", str(tmp_path / "zip"), "--usable"])
    assert done.exit_code == 0 and "1 routes packed, 0 already there" in done.output
    archive = tmp_path / "zip/Accident" / f"{NAME}.zip"
    with zipfile.ZipFile(archive) as bundle:
        assert all(name.startswith(f"{PREFIX}/") for name in bundle.namelist())
        assert f"{PREFIX}/results.json" in bundle.namelist()
    first = archive.read_bytes()
    archive.unlink()
    zip_route(RoutePlace("Accident", recorded), tmp_path / "zip")
    assert archive.read_bytes() == first, "the same route gives the same bytes"

    done = run(app, ["unzip", str(tmp_path / "zip")])
    assert done.exit_code == 0 and "1 routes unpacked" in done.output
    unpacked = tmp_path / "data/Accident" / NAME
    assert _files(unpacked) == _files(recorded) and verify_route(unpacked) == []
    assert "0 routes unpacked, 1 already there" in run(app, ["unzip", str(tmp_path / "zip")]).output
    assert run(app, ["unzip", str(archive), "--out", str(tmp_path / "other"), "--delete"]).exit_code == 0
    assert _files(tmp_path / "other/Accident" / NAME) == _files(recorded) and not archive.exists()


def test_any_unzip_program_puts_the_files_in_place(recorded: Path, tmp_path: Path) -> None:
    archive = zip_route(RoutePlace("Accident", recorded), tmp_path / "zip").path
    shutil.unpack_archive(archive, tmp_path)
    assert _files(tmp_path / PREFIX) == _files(recorded)


def test_an_incomplete_route_is_not_packed(recorded: Path, tmp_path: Path) -> None:
    shutil.copytree(recorded, tmp_path / "Accident" / NAME)
    (tmp_path / "Accident" / NAME / "results.json").unlink()
    with pytest.raises(DatasetError, match="is not complete"):
        zip_route(RoutePlace("Accident", tmp_path / "Accident" / NAME), tmp_path / "zip")


def _archive(tmp_path: Path, files: dict[str, bytes], mode: int = 0) -> Path:
    path = tmp_path / "zip/Accident" / f"{NAME}.zip"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as bundle:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            bundle.writestr(info, data)
    return path


@pytest.mark.parametrize(
    ("files", "mode", "words"),
    [
        ({f"{PREFIX}/../../../../evil": b"x"}, 0, "outside its folder"),
        ({f"/{PREFIX}/results.json": b"{}"}, 0, "outside its folder"),
        ({f"{PREFIX}/rgb\\..\\evil": b"x"}, 0, "outside its folder"),
        ({f"{PREFIX}/results.json": b"/etc/passwd"}, stat.S_IFLNK | 0o777, "no plain file"),
        ({f"{PREFIX}/metas/0000.pkl": b"x"}, 0, "no complete route"),
        ({"data/Accident/another_route/results.json": b"{}"}, 0, "no complete route"),
    ],
    ids=["dots", "absolute", "backslash", "link", "no results", "another route"],
)
def test_hostile_and_wrong_archives_leave_nothing(
    tmp_path: Path, files: dict[str, bytes], mode: int, words: str
) -> None:
    archive = _archive(tmp_path, files, mode)
    with pytest.raises(DatasetError, match=words):
        unzip_route(archive, tmp_path / "data")
    assert [path for path in (tmp_path / "data").rglob("*") if path.is_file()] == []
    assert not (tmp_path / "evil").exists()


def test_files_that_no_route_has_are_left_out(tmp_path: Path) -> None:
    archive = _archive(
        tmp_path, {f"{PREFIX}/results.json": b"{}", f"{PREFIX}/.bashrc": b"x", f"{PREFIX}/run/a.sh": b"x"}
    )
    unzip_route(archive, tmp_path / "data")
    assert list(_files(tmp_path / "data/Accident" / NAME)) == ["results.json"]


def test_a_cut_archive_fails_alone(recorded: Path, tmp_path: Path) -> None:
    good = zip_route(RoutePlace("Accident", recorded), tmp_path / "zip").path
    bad = good.with_name(good.name.replace("Rep0", "Rep1"))
    bad.write_bytes(good.read_bytes()[:-100])
    flipped = bytearray(good.read_bytes())
    flipped[len(flipped) // 2] ^= 255
    good.with_name(good.name.replace("Rep0", "Rep2")).write_bytes(bytes(flipped))
    done = CliRunner().invoke(app, ["unzip", str(tmp_path / "zip"), "--workers", "3"])
    assert done.exit_code == 1 and "1 routes unpacked, 0 already there, 2 failed" in done.output
    assert [path.name for path in (tmp_path / "data/Accident").iterdir()] == [NAME]


def test_an_interrupted_unpacking_is_done_again(recorded: Path, tmp_path: Path) -> None:
    archive = zip_route(RoutePlace("Accident", recorded), tmp_path / "zip").path
    for name in (NAME, f".{NAME}.part"):
        (tmp_path / "data/Accident" / name / "rgb").mkdir(parents=True)
        (tmp_path / "data/Accident" / name / "rgb/0000.jpg").write_bytes(b"half")
    unzip_route(archive, tmp_path / "data")
    assert _files(tmp_path / "data/Accident" / NAME) == _files(recorded)
    assert [path.name for path in (tmp_path / "data/Accident").iterdir()] == [NAME]


def _script(tmp_path: Path, name: str, *words: str) -> list[str]:
    recorder = tmp_path / "lead"
    recorder.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    recorder.chmod(0o755)
    command = ["bash", str(ROOT / "scripts" / name), *words]
    environment = {**os.environ, "LEAD": str(recorder)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_scripts_call_the_commands(tmp_path: Path) -> None:
    root = str(ROOT / "data/carla_leaderboard2")
    tail = ["--limit", "1", "--dir", root]
    assert _script(tmp_path, "download_one_route.sh") == ["download", "dataset", "lead", *tail]
    assert _script(tmp_path, "download_one_route.sh", "Accident", "--unzip") == [
        "download", "dataset", "lead", "--route", "Accident", *tail, "--unzip",
    ]  # fmt: skip
    workers = ["--workers", str(os.cpu_count())]
    found = _script(tmp_path, "unzip_routes.sh")
    assert found[:3] == ["dataset", "unzip", f"{root}/zip"] and found[3] == workers[0]
    assert _script(tmp_path, "unzip_routes.sh", "my zips", "--delete")[2:] == ["my zips", *found[3:], "--delete"]
