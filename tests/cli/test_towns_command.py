"""``lead towns``: the command around the town catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from lead.cli.main import main


def call(*words: str) -> int | str | None:
    with pytest.raises(SystemExit) as left:
        main(["towns", *words])
    return left.value.code


def test_list_shows_state_size_and_licence(empty_cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("list") in (0, None)
    rows = capsys.readouterr().out.splitlines()
    assert rows[1].split() == ["Town01", "missing", "0.08", "MB", "CC-BY"]
    assert len(rows) == 1 + 12 + 1
    assert rows[-1] == f"folder: {empty_cache / 'towns'}"


@pytest.mark.parametrize("command", ["install", "list"])
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(command, "--help") in (0, None)
    assert f"lead towns {command}" in capsys.readouterr().out.partition("Example")[2]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["Town99"], "unknown town 'Town99'"),
        (["Town01", "--wheel", "/nowhere/fake.whl"], "cannot read the wheel /nowhere/fake.whl"),
        (["Town01", "--wheel", __file__], "is not the genuine py123d==0.7.0"),
    ],
)
def test_install_errors_are_one_sentence(
    empty_cache: Path, capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    assert call("install", *words) == 1
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


def test_offline_install_fails_with_a_way_out(
    empty_cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    assert call("install") == 1
    assert "--wheel FILE" in capsys.readouterr().err
