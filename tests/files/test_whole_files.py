"""Files and folders appear whole or not at all, whatever goes wrong meanwhile."""

import json
from pathlib import Path

import pytest

from lead.files import is_leftover, unfinished_path, write_json, write_whole, written_whole


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_content_is_written_as_it_is_into_a_new_folder_with_the_usual_rights(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "text"
    write_whole(path, "ä\r\nb\n")
    assert path.read_bytes() == "ä\r\nb\n".encode()
    write_whole(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    (tmp_path / "usual").touch()
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert names(path.parent) == ["text"]


@pytest.mark.parametrize("contested", [False, True])
def test_an_error_in_the_block_keeps_the_old_file_and_leaves_nothing(tmp_path: Path, contested: bool) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), written_whole(path, contested=contested) as temporary:
        temporary.write_text("half")
        assert is_leftover(temporary.name)
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_json_that_cannot_be_written_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "checkpoint_endpoint.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert names(path.parent) == [path.name]


def test_what_a_killed_process_left_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "route"
    unfinished_path(path).mkdir()
    (unfinished_path(path) / "stale").touch()
    with written_whole(path) as temporary:
        assert not temporary.exists()
        temporary.mkdir()
        (temporary / "fresh").touch()
    assert names(path) == ["fresh"]
    assert names(tmp_path) == ["route"]


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "map.npz"
    with written_whole(path, contested=True) as first, written_whole(path, contested=True) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"  # its block ended last
    assert names(tmp_path) == ["map.npz"]


def test_a_folder_takes_the_place_of_a_full_one_or_leaves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights"
    path.mkdir()
    (path / "old").touch()
    with monkeypatch.context() as broken:
        rename = Path.rename

        def refuse_the_new_one(self: Path, target: Path) -> Path:
            if (self / "new").exists():
                raise OSError("the disk refuses")
            return rename(self, target)

        broken.setattr(Path, "rename", refuse_the_new_one)
        with pytest.raises(OSError, match="refuses"), written_whole(path) as temporary:
            temporary.mkdir()
            (temporary / "new").touch()
    assert names(path) == ["old"]
    with written_whole(path, sync=True) as temporary:
        temporary.mkdir()
        (temporary / "new").write_text("content")
    assert names(path) == ["new"]
    assert names(tmp_path) == ["weights"]


def test_only_hidden_unfinished_names_are_leftovers() -> None:
    assert is_leftover(".0001.jpg.part")
    assert not is_leftover("0001.jpg.part")
    assert not is_leftover(".hidden")
