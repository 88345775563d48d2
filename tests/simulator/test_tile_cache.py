"""Tiles from the disk are those that were drawn; whatever is hidden, damaged or unwritable is drawn anew."""

import os
import shutil
import time

import numpy as np
import pytest

from lead.simulator.rendering import tiles
from lead.simulator.rendering.tiles import TileField
from lead.simulator.scenery import tile_cache
from lead.simulator.scenery.tile_cache import TileCache
from lead.simulator.server import load_town
from lead.simulator.world.world import World


class Recorder:
    """A back end that notes the meshes it is given."""

    def __init__(self):
        self.meshes = {}

    def set_tile(self, key, mesh, origin, state=0):
        self.meshes[key] = mesh

    def drop_tile(self, key):
        self.meshes.pop(key)


@pytest.fixture(scope="module")
def world():
    return World(load_town("Town02"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tiles, "VIEW_RADIUS_M", 70.0)
    monkeypatch.setattr(tile_cache, "cache_dir", lambda: tmp_path)
    return tmp_path / "tiles"


def shown(world, present=None):
    """The meshes around one place of the town."""
    backend = Recorder()
    field = TileField(backend, world.town, world.ground, world.scene)
    near = world.town.spawn_points[:1, :2].astype(float)
    field.show(near, world.present if present is None else present, np.zeros(len(world.scene.lamps), bool))
    return {key: mesh for key, mesh in backend.meshes.items() if isinstance(key[0], int)}


def assert_equal(mine, others):
    assert mine.keys() == others.keys()
    for key, mesh in mine.items():
        for name, array in vars(mesh).items():
            other = getattr(others[key], name)
            assert array.dtype == other.dtype
            np.testing.assert_array_equal(array, other, err_msg=f"{name} of {key}")


def test_a_tile_from_the_disk_is_the_one_that_was_drawn(world, folder, monkeypatch):
    drawn = shown(world)
    assert sum(len(mesh) for mesh in drawn.values()) > 1000
    assert len(list(folder.rglob("*.mesh"))) == len(drawn)
    loaded = []
    original = TileCache.load
    monkeypatch.setattr(TileCache, "load", lambda self, tile: loaded.append(original(self, tile)) or loaded[-1])
    assert_equal(shown(world), drawn)
    assert len(loaded) == len(drawn)
    assert all(mesh is not None for mesh in loaded)


def test_hidden_objects_are_neither_stored_nor_loaded(world, folder):
    whole = shown(world)
    nothing = np.zeros_like(world.present)
    bare = shown(world, nothing)
    assert sum(len(mesh) for mesh in bare.values()) < sum(len(mesh) for mesh in whole.values())
    for path in folder.rglob("*.mesh"):
        path.unlink()
    assert_equal(shown(world, nothing), bare)
    assert_equal(shown(world), whole)


def test_damaged_and_foreign_files_are_drawn_anew(world, folder, caplog):
    drawn = shown(world)
    paths = sorted(folder.rglob("*.mesh"))
    paths[0].write_bytes(b"nonsense")
    paths[1].write_bytes(paths[1].read_bytes()[:-20])
    assert_equal(shown(world), drawn)
    assert "damaged" in caplog.text


def test_tiles_of_another_program_are_not_read_and_go_when_they_are_old(world, folder):
    drawn = shown(world)
    (own,) = folder.iterdir()
    former, other_map = (own.with_name(f"{map_name}-{'0' * 16}") for map_name in (own.name[:16], "f" * 16))
    own.rename(former)
    for path in former.iterdir():
        path.write_bytes(b"nonsense")
    other_map.mkdir()
    assert_equal(shown(world), drawn)
    assert sorted(folder.iterdir()) == sorted([own, former, other_map])
    month_ago_s = time.time() - 30 * 86400
    for path in (former, other_map):
        os.utime(path, (month_ago_s, month_ago_s))
    shutil.rmtree(own)
    assert_equal(shown(world), drawn)
    assert sorted(folder.iterdir()) == sorted([own, other_map])


def test_a_folder_that_cannot_be_written_costs_time_only(world, folder, caplog):
    folder.write_text("in the way")
    drawn = shown(world)
    assert drawn
    assert "cannot be kept" in caplog.text
