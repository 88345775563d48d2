"""The ``lead`` command itself: dispatch, errors, exit codes, and that it starts without heavy imports."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Annotated

import pytest
import typer

from lead.cli import main as lead_main
from lead.errors import LeadError

HEAVY = ("carla", "numpy", "scipy", "cv2", "torch", "shapely", "lead.maps", "lead.simulator")


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lead", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )


def call(*words: str) -> int | str | None:
    """Run a command in this process and return its exit code."""
    with pytest.raises(SystemExit) as left:
        lead_main.main(words)
    return left.value.code


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Replace ``drive`` by a command that records its routes, or fails as its first one says."""
    seen: list[list[str]] = []

    def drive(routes: Annotated[list[str], typer.Option()]) -> None:
        seen.append(routes)
        if routes == ["sentence"]:
            raise LeadError("no such road; choose another")
        if routes == ["bug"]:
            raise ValueError("a bug of ours")
        if routes == ["interrupt"]:
            raise KeyboardInterrupt
        if routes == ["seven"]:
            raise typer.Exit(7)

    module = types.ModuleType("fake_drive")
    module.command = drive  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fake_drive", module)
    monkeypatch.setitem(lead_main.COMMANDS, "drive", ("fake_drive", "Drive."))
    return seen


def test_bare_options_mean_drive(command: list[list[str]]) -> None:
    assert call("--routes", "a.xml", "--routes", "b.xml") in (0, None)
    assert call("drive", "--routes", "c.xml") in (0, None)
    assert command == [["a.xml", "b.xml"], ["c.xml"]]


def test_wrong_usage_exits_with_two(command: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    assert call("drive", "--rotues", "a.xml") == 2
    assert "--routes" in capsys.readouterr().err
    assert command == []


def test_our_errors_are_one_sentence(
    command: list[list[str]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("--routes", "sentence") == 1
    assert capsys.readouterr().err == "lead drive: no such road; choose another\n"
    monkeypatch.setenv("LEAD_TRACEBACK", "1")
    with pytest.raises(LeadError):
        lead_main.main(["--routes", "sentence"])


def test_bugs_keep_their_traceback(command: list[list[str]]) -> None:
    with pytest.raises(ValueError, match="a bug of ours"):
        lead_main.main(["--routes", "bug"])


def test_exit_codes_of_commands(command: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--routes", "interrupt") == 130
    assert call("--routes", "seven") == 7
    assert capsys.readouterr().err == ""


def test_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("town") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "'towns'" in error


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
def test_help_lists_all_commands(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*words) in (0, None)
    text = capsys.readouterr().out
    for name, (_, summary) in lead_main.COMMANDS.items():
        assert f"  {name} " in text
        assert summary in text


@pytest.mark.parametrize("name", sorted(lead_main.COMMANDS))
def test_every_command_exists_and_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    module = importlib.import_module(lead_main.COMMANDS[name][0])
    assert hasattr(module, "command") != hasattr(module, "app")
    assert call(name, "--help") in (0, None)
    assert f"Usage: lead {name}" in capsys.readouterr().out


def test_version() -> None:
    from lead import __version__

    assert run("--version").stdout == f"lead {__version__}\n"


def test_help_imports_nothing_heavy() -> None:
    probe = (
        "import json, sys\nfrom lead.cli.main import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit:\n    print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(json.loads(result.stderr))
    assert loaded.isdisjoint(HEAVY)


def test_interrupt_is_quiet(empty_cache: Path) -> None:
    """Ctrl-C while a real command waits (here for the installation lock) leaves with 130 and no traceback."""
    waiting = (
        "import fcntl, os, signal, threading\nfrom lead.cli.main import main\n"
        "from lead.maps.towns import cache_dir\n"
        "folder = cache_dir() / 'towns'; folder.mkdir(parents=True)\n"
        "lock = (folder / '.lock').open('w'); fcntl.flock(lock, fcntl.LOCK_EX)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "main(['towns', 'install', 'Town01'])"
    )
    result = subprocess.run(
        [sys.executable, "-c", waiting],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == lead_main.EXIT_INTERRUPTED, result.stderr
    assert "Traceback" not in result.stderr
