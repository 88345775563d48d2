"""``lead doctor``: what it finds on a healthy and on a broken machine, and its exit code."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lead.cli import doctor
from lead.maps import towns


def run_doctor(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lead", "doctor", *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
        env={**os.environ, **environment},
    )


def finding(name: str, **environment: str) -> dict[str, str]:
    report = json.loads(run_doctor("--json", **environment).stdout)
    return next(item for item in report["findings"] if item["name"] == name)


def test_without_towns_it_fails_with_advice(empty_cache: Path) -> None:
    result = run_doctor()
    assert result.returncode == 1
    assert "fail  towns         0 of 12 installed" in result.stdout
    assert "-> lead towns install" in result.stdout
    assert result.stderr == ""


@pytest.mark.skipif(len(towns.installed_towns()) < len(towns.TOWNS), reason="needs `lead towns install`")
def test_a_complete_machine_is_healthy() -> None:
    result = run_doctor("--json")
    report = json.loads(result.stdout)
    assert report["healthy"], report
    assert result.returncode == 0
    names = [item["name"] for item in report["findings"]]
    assert {"python", "carla", "libraries", "ffmpeg", "towns", "machine", "torch", "port 2000"} <= set(names)


def test_damaged_town_is_found(empty_cache: Path) -> None:
    path = towns.town_path("Town05")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half")
    found = doctor.check_towns()
    assert found.status == "fail"
    assert "damaged: Town05" in found.detail


@pytest.mark.parametrize(
    ("torch_source", "status", "part"),
    [
        pytest.param("raise ImportError('libcudart.so.12 is missing')", "warn", "libcudart", marks=pytest.mark.slow),
        ("import os; os.abort()", "warn", "broken"),
        pytest.param("raise SystemExit('no')", "warn", "broken", marks=pytest.mark.slow),
        (
            "__version__ = '2.4.0'\nclass cuda:\n    is_available = staticmethod(lambda: False)",
            "warn",
            "2.4.0",
        ),
    ],
)
def test_torch_cannot_take_doctor_down(tmp_path: Path, torch_source: str, status: str, part: str) -> None:
    (tmp_path / "torch.py").write_text(torch_source)
    found = finding("torch", PYTHONPATH=str(tmp_path))
    assert found["status"] == status
    assert part in found["detail"]


def test_broken_library_is_named(tmp_path: Path) -> None:
    (tmp_path / "shapely.py").write_text("raise ImportError('libgeos is missing')")
    found = finding("libraries", PYTHONPATH=str(tmp_path))
    assert found["status"] == "fail"
    assert "shapely (libgeos is missing)" in found["detail"]


@pytest.mark.parametrize(("version", "status"), [((3, 9, 18), "fail"), ((3, 12, 1), "ok"), ((3, 13, 0), "fail")])
def test_python_versions(version: tuple[int, int, int], status: str) -> None:
    assert doctor.check_python(version).status == status


def test_a_port_in_use_by_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(doctor, "RPC_PORT", server.getsockname()[1])
        found = next(doctor.check_ports())
    assert found.status == "warn"
    assert "no CARLA server" in found.detail


def test_disk_of_a_folder_that_does_not_exist_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.check_disk("disk", tmp_path / "a" / "b").status in ("ok", "warn")
    monkeypatch.setattr(doctor, "DISK_FAIL_GB", 1e9)
    assert doctor.check_disk("disk", tmp_path).status == "fail"
