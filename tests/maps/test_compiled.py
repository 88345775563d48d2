"""The compiled map as a whole: cache, errors, cost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from xodr_support import junction_town, opendrive, road, straight

from lead.maps import compiled as compiled_module
from lead.maps.compiled import CompiledMap, compile_map
from lead.maps.opendrive import OpenDriveError
from lead.maps.towns import installed_towns

ARRAYS = ("lanes", "spawn_points", "signals", "signal_boxes", "controllers", "static_boxes")


def assert_same(one: CompiledMap, other: CompiledMap) -> None:
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.latitude_deg, one.longitude_deg) == (other.latitude_deg, other.longitude_deg)
    assert len(one.crosswalks) == len(other.crosswalks)
    for mine, yours in zip(one.crosswalks, other.crosswalks, strict=True):
        np.testing.assert_array_equal(mine, yours)
    np.testing.assert_array_equal(one.ground_grid.pages, other.ground_grid.pages)
    np.testing.assert_array_equal(one.ground_grid.candidates, other.ground_grid.candidates)


def test_second_compilation_comes_from_the_cache(
    town: Callable, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = town("Town10HD")
    stored = compile_map("Town10HD", fresh.opendrive)
    assert_same(stored, fresh)
    (entry,) = (empty_cache / "compiled").iterdir()

    def refuse(text: str) -> None:
        raise AssertionError("XML is parsed although the map is cached")

    monkeypatch.setattr(compiled_module, "parse", refuse)
    loaded = compile_map("another name", fresh.opendrive)
    assert_same(loaded, fresh)
    assert loaded.name == "another name"
    assert entry.suffix == ".npz"


def test_damaged_cache_is_made_again(empty_cache: Path) -> None:
    text = junction_town()
    first = compile_map("tiny", text)
    (entry,) = (empty_cache / "compiled").iterdir()
    for damage in (b"", b"no archive", entry.read_bytes()[:-200]):
        entry.write_bytes(damage)
        assert_same(compile_map("tiny", text), first)
    assert [path.name for path in (empty_cache / "compiled").iterdir()] == [entry.name]


def test_different_texts_have_different_entries(empty_cache: Path) -> None:
    compile_map("tiny", junction_town())
    compile_map("tiny", opendrive(road(1, 50.0, straight(50.0))))
    assert len(list((empty_cache / "compiled").iterdir())) == 2


def test_unwritable_cache_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("LEAD_CACHE_DIR", str(blocked))
    assert len(compile_map("tiny", junction_town()).lanes) > 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not well-formed"),
        ("<OpenDRIVE><road></OpenDRIVE>", "not well-formed"),
        ("<osm></osm>", "root element is <osm>"),
        (opendrive(""), "no roads"),
        (opendrive(road(1, 50.0, straight(50.0)).replace('length="50.0" id', 'length="x" id')), "malformed attribute"),
        (opendrive(road(1, 50.0, straight(50.0)).replace("<line/>", "<clothoid/>")), "unknown reference line shape"),
        (opendrive(road(1, 50.0, straight(50.0)).replace("<width ", "<border ")), "wide enough"),
    ],
)
def test_unusable_maps_are_refused_in_one_sentence(text: str, reason: str) -> None:
    with pytest.raises(OpenDriveError, match=reason) as caught:
        compile_map("bad", text, use_cache=False)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("+proj=tmerc +lat_0=41.5 +lon_0=-2.25e0 +k=1", (41.5, -2.25)),
        ("+proj=utm +zone=32", (42.0, 2.0)),
        ("+proj=tmerc +lat_0=nonsense +lon_0=8", (42.0, 8.0)),
        ("", (42.0, 2.0)),
    ],
)
def test_origin(reference: str, expected: tuple[float, float]) -> None:
    compiled = compile_map("geo", opendrive(road(1, 50.0, straight(50.0)), reference), use_cache=False)
    assert (compiled.latitude_deg, compiled.longitude_deg) == expected


_COST = """
import pathlib, re, sys
from lead.maps.compiled import compile_map
from lead.maps.towns import read_opendrive
text = read_opendrive("Town13")
compile_map("Town13", text).ground_index()
# Not ru_maxrss: a child inherits that from the process that forked it.
peak_kib = re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]
print(int(peak_kib) / 1024, "carla" in sys.modules)
"""


@pytest.mark.slow
def test_memory_of_the_largest_town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "Town13" not in installed_towns():
        pytest.skip("Town13 is not installed: lead towns install Town13")
    from lead.maps.towns import cache_dir

    (tmp_path / "towns").symlink_to(cache_dir() / "towns")
    monkeypatch.setenv("LEAD_CACHE_DIR", str(tmp_path))
    for cached in (False, True):
        result = subprocess.run([sys.executable, "-c", _COST], capture_output=True, text=True, check=True, timeout=120)
        peak_mib, has_carla = result.stdout.split()
        assert float(peak_mib) < (1024.0 if cached else 2048.0)
        assert has_carla == "False"
